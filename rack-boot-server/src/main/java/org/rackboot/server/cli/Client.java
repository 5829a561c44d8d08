package org.rackboot.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.net.UntrustedCertificate;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Speaks to a running server's API. */
final class Client implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final HttpClient http;
    private final Set<Thread> selectors;
    private final URI root;
    private final String token;

    private Client(URI root, String token) {
        this.root = root;
        this.token = token;
        Set<Thread> others = selectors();
        HttpClient.Builder builder =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5));
        this.http = (root.getScheme().equals("http") ? builder.sslContext(trustingNobody()) : builder).build();
        this.selectors = selectors();
        this.selectors.removeAll(others);
    }

    /** Java's own exit waits 300 ms for a thread that waits for a socket; the one of this has nothing more to wait for. */
    @Override
    public void close() {
        selectors.forEach(Thread::interrupt); // Which ends it. Since Java 21 there would be a method for that.
    }

    /** The threads by which HTTP clients wait for sockets. */
    private static Set<Thread> selectors() {
        Thread[] threads = new Thread[Thread.activeCount() + 8];
        int count = Thread.enumerate(threads);
        Set<Thread> found = new HashSet<>();
        for (Thread thread : Arrays.copyOf(threads, count)) {
            if (thread.getName().startsWith("HttpClient-") && thread.getName().endsWith("-SelectorManager")) {
                found.add(thread);
            }
        }
        return found;
    }

    /** For what goes without TLS: the usual one reads all of the system's authorities first, which takes a quarter of a second. */
    private static SSLContext trustingNobody() {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[0], null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has TLS", e);
        }
    }

    /** The server cannot be reached: exit code 3. */
    static final class UnreachableException extends Exception {
        UnreachableException(String message) {
            super(message);
        }
    }

    /** The command line itself is wrong: exit code 2. */
    static final class UsageException extends Exception {
        UsageException(String message) {
            super(message);
        }
    }

    /** The server said no: exit code 1. */
    static final class RefusedException extends Exception {
        private final transient JsonNode answer;

        RefusedException(String message) {
            this(message, JSON.missingNode());
        }

        private RefusedException(String message, JsonNode answer) {
            super(message);
            this.answer = answer;
        }

        /** What it said, beside its words; of no kind if they were all. */
        JsonNode answer() {
            return answer;
        }
    }

    /** Finds the server by {@code --url} and {@code --token-file}, else by what it keeps in the state directory. */
    static Client find(ServerOptions options) throws UnreachableException, UsageException {
        StateDirectory state = new StateDirectory(options.state().orElseGet(StateDirectory::standard));
        try {
            Optional<String> url = options.url().isPresent() ? options.url() : state.apiUrl();
            if (url.isEmpty()) {
                throw new UnreachableException(
                        "No rackboot is running with the state directory " + state.path()
                                + ". Start one with 'rackboot serve', or name it with --state DIR, or --url URL --token-file FILE");
            }
            Optional<String> token = options.tokenFile().isPresent()
                    ? Optional.of(token(options.tokenFile().get()))
                    : state.apiToken();
            if (token.isEmpty()) {
                throw new UnreachableException("There is no API token in " + state.path()
                        + "; give --token-file FILE, a copy of the file api-token in the server's state directory");
            }
            String root = url.get().endsWith("/") ? url.get() : url.get() + "/";
            return new Client(address(root), token.get());
        } catch (IOException e) {
            throw new UnreachableException("The server's address and token in %s cannot be read: %s"
                            .formatted(state.path(), FileWords.reason(e))
                    + ". The user who runs the server can, and root");
        }
    }

    private static String token(Path file) throws UnreachableException {
        try {
            return FileWords.text(Files.readAllBytes(file)).strip();
        } catch (IOException e) {
            throw new UnreachableException("The token file %s cannot be read: %s".formatted(file, FileWords.reason(e)));
        }
    }

    private static URI address(String text) throws UsageException {
        try {
            URI uri = new URI(text);
            if (uri.getHost() != null && List.of("http", "https").contains(String.valueOf(uri.getScheme()))) {
                return uri;
            }
        } catch (URISyntaxException e) {
            throw new UsageException("--url is '%s'; use http://host:5240/".formatted(text));
        }
        throw new UsageException("--url is '%s'; use http://host:5240/".formatted(text));
    }

    /** Where the server's API is. */
    URI root() {
        return root;
    }

    /** Any text as one part of a path. */
    static String segment(String text) {
        return URLEncoder.encode(text, UTF_8).replace("+", "%20");
    }

    /** Where the region publishes its images; needs no token. */
    URI imageStream() {
        return root.resolve("images-stream/");
    }

    /** A file of the region's image stream. */
    byte[] published(String path) throws UnreachableException, RefusedException, InterruptedException {
        HttpResponse<byte[]> response =
                answer(HttpRequest.newBuilder(imageStream().resolve(path)).timeout(Duration.ofMinutes(5)));
        if (response.statusCode() != 200) {
            throw new RefusedException("The region publishes no %s (the server answered %d); does it have images? See"
                            .formatted(path, response.statusCode())
                    + " 'rackboot images list'");
        }
        return response.body();
    }

    JsonNode get(String path) throws UnreachableException, RefusedException, InterruptedException {
        return send(request(path).GET());
    }

    /** Content by its sha256. */
    byte[] content(String sha256) throws UnreachableException, RefusedException, InterruptedException {
        HttpResponse<byte[]> response = answer(request("content/" + sha256).GET());
        if (response.statusCode() != 200) {
            throw new RefusedException("the server answered " + response.statusCode());
        }
        return response.body();
    }

    JsonNode post(String path, Object body) throws UnreachableException, RefusedException, InterruptedException {
        return send(request(path)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body))));
    }

    JsonNode patch(String path, Object body) throws UnreachableException, RefusedException, InterruptedException {
        return send(request(path)
                .header("Content-Type", "application/json")
                .method("PATCH", BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body))));
    }

    JsonNode put(String path, byte[] bytes) throws UnreachableException, RefusedException, InterruptedException {
        return send(request(path)
                .header("Content-Type", "application/octet-stream")
                .PUT(BodyPublishers.ofByteArray(bytes)));
    }

    JsonNode delete(String path) throws UnreachableException, RefusedException, InterruptedException {
        return send(request(path).DELETE());
    }

    JsonNode delete(String path, Object body) throws UnreachableException, RefusedException, InterruptedException {
        return send(request(path)
                .header("Content-Type", "application/json")
                .method("DELETE", BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body))));
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(root.resolve("api/v1/" + path))
                .timeout(Duration.ofMinutes(5)) // A plan waits for the sources.
                .header("Authorization", "Bearer " + token);
    }

    private HttpResponse<byte[]> answer(HttpRequest.Builder builder) throws UnreachableException, InterruptedException {
        try {
            return http.send(builder.build(), BodyHandlers.ofByteArray());
        } catch (IOException e) {
            Optional<String> untrusted = UntrustedCertificate.reason(e);
            throw new UnreachableException(
                    untrusted.isPresent()
                            ? ("This machine does not trust the certificate of the server at %s (%s). On the server itself"
                                            + " say http:// instead, on the same port; elsewhere let the server have a"
                                            + " certificate that this machine trusts")
                                    .formatted(root, untrusted.get())
                            : "The server at %s does not answer%s. Is it running? See its log"
                                    .formatted(root, e.getMessage() == null ? "" : " (" + e.getMessage() + ")"));
        }
    }

    private JsonNode send(HttpRequest.Builder builder)
            throws UnreachableException, RefusedException, InterruptedException {
        HttpResponse<byte[]> response = answer(builder);
        try {
            JsonNode body = JSON.readTree(response.body());
            if (response.statusCode() >= 300) {
                throw new RefusedException(
                        body.path("error").asString("the server answered " + response.statusCode()), body);
            }
            return body;
        } catch (JacksonException e) {
            throw new UnreachableException("What answers at %s is not rackboot's API".formatted(root));
        }
    }
}
