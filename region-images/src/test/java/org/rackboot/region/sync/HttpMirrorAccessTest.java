package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Access;
import org.rackboot.region.sync.Mirror.MirrorException;
import org.rackboot.region.sync.Mirror.NotFoundException;
import org.rackboot.region.sync.Mirror.Receiver;
import org.rackboot.region.sync.ScriptedServer.Script;

/** How a source is reached: names, redirects, further roots, proxy, authorities (S-37 to S-39). */
@Timeout(60)
class HttpMirrorAccessTest {
    private static final Duration LONG = Duration.ofMinutes(1);
    private static final String HELLO = "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello";

    private final ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "watchdog");
        thread.setDaemon(true);
        return thread;
    });
    private final Names names = new Names();
    private final Received received = new Received();

    @TempDir
    Path directory;

    @AfterEach
    void stop() {
        watchdog.shutdownNow();
    }

    // Names: S-37.

    @Test
    void aNameIsLookedUpOnceAndWhatWasJudgedIsConnectedTo() throws Exception {
        names.answer("mirror.example", "127.0.0.1");
        names.answer("mirror.example", "169.254.169.254"); // What it would say if it were asked again.
        try (var server = serving(HELLO)) {
            assertThat(mirror().metadata(at(server, "mirror.example", "/x"), 5))
                    .asString()
                    .isEqualTo("hello");

            assertThat(server.requests().get(0).headers()).containsEntry("host", "mirror.example:" + server.port());
            assertThat(names.asked).containsExactly("mirror.example");
        }
    }

    @Test
    void oneBadAddressAmongSeveralRefusesTheName() throws Exception {
        names.answer("mirror.example", "127.0.0.1", "169.254.169.254");
        try (var server = serving(HELLO)) {
            refused("169.254.169.254", () -> mirror().metadata(at(server, "mirror.example", "/"), 5));

            assertThat(server.requests()).isEmpty();
        }
    }

    @Test
    void everyAddressOfANameIsTried() throws Exception {
        names.answer("mirror.example", "127.0.0.2", "127.0.0.1"); // Nobody listens on the first.
        try (var server = serving(HELLO)) {
            assertThat(mirror().metadata(at(server, "mirror.example", "/"), 5)).hasSize(5);
        }
    }

    @Test
    void aNameThatNobodyKnowsMayBeKnownLater() {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> mirror().metadata(URI.create("http://nobody.example/"), 5))
                .withMessageContaining("'nobody.example' is not known")
                .isNotInstanceOf(MirrorException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"file:///etc/passwd", "gopher://mirror.example/", "http:///x", "http://2130706433/"})
    void whatIsNoWebAddressIsRefused(String address) {
        refused("", () -> mirror().metadata(URI.create(address), 5));
    }

    // Redirects: S-37 to S-39.

    @ParameterizedTest
    @ValueSource(ints = {301, 302, 303, 307, 308})
    void aRedirectOnTheSameHostIsFollowedWithTheSameQuestion(int status) throws Exception {
        Script script = (request, socket) -> ScriptedServer.write(
                socket,
                request.path().equals("/old")
                        ? "HTTP/1.1 %d Moved\nLocation: /new?v=1\n\n".formatted(status)
                        : "HTTP/1.1 206 Part\nContent-Length: 3\nContent-Range: bytes 2-4/5\n\nllo");
        try (var server = new ScriptedServer(script)) {
            mirror().download(server.address().resolve("/old"), 2, Optional.of("\"v1\""), 5, received);

            assertThat(received).hasToString("2:llo");
            assertThat(server.requests().get(1).path()).isEqualTo("/new?v=1");
            assertThat(server.requests().get(1).headers())
                    .containsEntry("range", "bytes=2-")
                    .containsEntry("if-range", "\"v1\"");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1"})
    void aRedirectToANameThatLeadsInsideIsNotFollowed(String address) throws Exception {
        names.answer("mirror.example", "127.0.0.1");
        names.answer("innocent.example", "8.8.8.8", address);
        try (var inside = serving(HELLO);
                var server = redirecting("http://innocent.example:%d/".formatted(inside.port()))) {
            refused("is refused", () -> mirror().metadata(at(server, "mirror.example", "/"), 5));

            assertThat(inside.requests()).isEmpty();
        }
    }

    @Test
    void aNameThatFlipsBetweenTwoRequestsIsNotFollowed() throws Exception {
        names.answer("mirror.example", "127.0.0.1");
        names.answer("mirror.example", "10.0.0.1");
        try (var server = redirecting("/again")) {
            refused("must not lead inside", () -> mirror().metadata(at(server, "mirror.example", "/"), 5));
        }
    }

    @Test
    void moreThanThreeRedirectsAreTooMany() throws Exception {
        Script script = (request, socket) -> {
            int hop = Integer.parseInt(request.path().substring(1));
            ScriptedServer.write(socket, hop == 0 ? HELLO : "HTTP/1.1 302 Found\nLocation: /%d\n\n".formatted(hop - 1));
        };
        try (var server = new ScriptedServer(script)) {
            assertThat(mirror().metadata(server.address().resolve("/3"), 5)).hasSize(5);
            refused(
                    "more than 3 times",
                    () -> mirror().metadata(server.address().resolve("/4"), 5));
        }
    }

    // Further roots.

    @Test
    void whatTheFirstRootDoesNotHaveIsAskedOfTheNext() throws Exception {
        try (var first = serving("HTTP/1.1 404 No\n\n");
                var second = serving(HELLO)) {
            var mirror = mirror().via(source(first, second));

            assertThat(mirror.metadata(below(first, "a/b?c"), 5)).asString().isEqualTo("hello");
            mirror.download(below(first, "d"), 0, Optional.empty(), 5, received);

            assertThat(received).hasToString("0:hello");
            assertThat(second.requests())
                    .extracting(ScriptedServer.Request::path)
                    .containsExactly("/root/a/b?c", "/root/d");
        }
    }

    @Test
    void whereOneRootBreaksOffTheNextGoesOn() throws Exception {
        try (var first = serving("HTTP/1.1 200 OK\nContent-Length: 5\nETag: \"1\"\n\nhe");
                var second = serving("HTTP/1.1 206 Part\nContent-Range: bytes 2-4/5\n\nllo")) {
            mirror().via(source(first, second)).download(below(first, "d"), 0, Optional.of("\"1\""), 5, received);

            assertThat(received).hasToString("2:hello");
            assertThat(second.requests().get(0).headers())
                    .containsEntry("range", "bytes=2-")
                    .doesNotContainKey("if-range"); // Another server's validator says nothing here.
        }
    }

    @Test
    void whatNoRootHasIsNotThereAndWhatMayPassIsSaidFirst() throws Exception {
        try (var first = serving("HTTP/1.1 404 No\n\n");
                var second = serving("HTTP/1.1 404 No\n\n");
                var third = serving("HTTP/1.1 500 No\n\n")) {
            assertThatExceptionOfType(NotFoundException.class)
                    .isThrownBy(() -> mirror().via(source(first, second)).metadata(below(first, "d"), 5));
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> mirror().via(source(first, third, second)).metadata(below(first, "d"), 5))
                    .withMessageContaining("500")
                    .isNotInstanceOf(MirrorException.class);
        }
    }

    @Test
    void theReceiversRefusalIsTheEnd() throws Exception {
        Receiver refusing = new Receiver() {
            @Override
            public void begin(long from, Optional<String> etag) throws IOException {
                throw new IOException("database away");
            }

            @Override
            public void accept(ByteBuffer bytes) {
                throw new AssertionError("nothing was begun");
            }
        };
        try (var first = serving(HELLO);
                var second = serving(HELLO)) {
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> mirror().via(source(first, second))
                            .download(below(first, "d"), 0, Optional.empty(), 5, refusing))
                    .withMessage("database away");
            assertThat(second.requests()).isEmpty();
        }
    }

    // Proxy.

    @Test
    void aProxyIsGivenTheWholeAddressAndLooksTheNameUp() throws Exception {
        try (var proxy = serving(HELLO)) {
            var mirror = mirror().via(source(
                    URI.create("http://mirror.example/root/"),
                    new Access(List.of(), Optional.of(proxy.address()), Optional.empty())));

            assertThat(mirror.metadata(URI.create("http://mirror.example/root/x"), 5))
                    .hasSize(5);

            assertThat(proxy.requests().get(0).path()).isEqualTo("http://mirror.example/root/x");
            assertThat(proxy.requests().get(0).headers()).containsEntry("host", "mirror.example");
            assertThat(names.asked).doesNotContain("mirror.example");
        }
    }

    @Test
    void aProxyDoesNotLeadToMetadataEither() throws Exception {
        try (var proxy = redirecting("http://169.254.169.254/")) {
            var mirror = mirror().via(source(
                    URI.create("http://mirror.example/"),
                    new Access(List.of(), Optional.of(proxy.address()), Optional.empty())));

            refused("never fetched", () -> mirror.metadata(URI.create("http://mirror.example/x"), 5));
            refused("never fetched", () -> mirror.metadata(URI.create("http://169.254.169.254/x"), 5));
            assertThat(proxy.requests()).hasSize(1);
        }
    }

    @Test
    void aTunnelThroughAProxyIsEncryptedToTheServer() throws Exception {
        var tls = new TestTls(directory, "dns:mirror.example");
        List<String> asked = new ArrayList<>();
        SSLSocketFactory sockets = tls.context().getSocketFactory();
        Script tunnel = (request, socket) -> {
            ScriptedServer.write(socket, "HTTP/1.1 200 Connected\n\n");
            SSLSocket secured = (SSLSocket) sockets.createSocket(socket, null, true);
            secured.setUseClientMode(false);
            byte[] buffer = new byte[8_000];
            int count = secured.getInputStream().read(buffer);
            asked.add(request.path());
            asked.add(new String(buffer, 0, count, US_ASCII).lines().findFirst().orElseThrow());
            ScriptedServer.write(secured, HELLO);
            secured.close();
        };
        try (var proxy = new ScriptedServer(tunnel)) {
            var mirror = mirror().via(source(
                    URI.create("https://mirror.example/"),
                    new Access(List.of(), Optional.of(proxy.address()), Optional.of(tls.pem()))));

            assertThat(mirror.metadata(URI.create("https://mirror.example/x"), 5))
                    .asString()
                    .isEqualTo("hello");
            assertThat(asked).containsExactly("mirror.example:443", "GET /x HTTP/1.1");
        }
    }

    // Authorities.

    @Test
    void anAuthorityThatASourceWasGivenCountsForThatSource() throws Exception {
        var tls = new TestTls(directory, "ip:127.0.0.1");
        try (var server = tls.serving((request, socket) -> ScriptedServer.write(socket, HELLO))) {
            var trusting = mirror().via(
                            source(server.address(), new Access(List.of(), Optional.empty(), Optional.of(tls.pem()))));

            assertThat(trusting.metadata(server.address(), 5)).asString().isEqualTo("hello");
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> mirror().metadata(server.address(), 5))
                    .withMessageContaining("no safe connection");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-10d", "+2d"})
    void aCertificateThatIsTrustedByItselfHoldsOnlyInItsTime(String start) throws Exception {
        var tls = new TestTls(directory, "ip:127.0.0.1", start);
        try (var server = tls.serving((request, socket) -> ScriptedServer.write(socket, HELLO))) {
            var trusting = mirror().via(
                            source(server.address(), new Access(List.of(), Optional.empty(), Optional.of(tls.pem()))));

            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> trusting.metadata(server.address(), 5))
                    .withMessageContaining("does not hold today");
            assertThat(server.requests()).isEmpty();
        }
    }

    @Test
    void theCertificateHasToBeTheHosts() throws Exception {
        var tls = new TestTls(directory, "dns:other.example");
        try (var server = tls.serving((request, socket) -> ScriptedServer.write(socket, HELLO))) {
            var trusting = mirror().via(
                            source(server.address(), new Access(List.of(), Optional.empty(), Optional.of(tls.pem()))));

            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> trusting.metadata(server.address(), 5))
                    .withMessageContaining("no safe connection");
            assertThat(server.requests()).isEmpty();
        }
    }

    @Test
    void aRedirectFromHttpsToHttpIsNotFollowed() throws Exception {
        var tls = new TestTls(directory, "ip:127.0.0.1");
        try (var plain = serving(HELLO);
                var server = tls.serving((request, socket) -> ScriptedServer.write(
                        socket, "HTTP/1.1 302 Found\nLocation: %s\n\n".formatted(plain.address())))) {
            var trusting = mirror().via(
                            source(server.address(), new Access(List.of(), Optional.empty(), Optional.of(tls.pem()))));

            refused("from https to http", () -> trusting.metadata(server.address(), 5));
            assertThat(plain.requests()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"})
    void authoritiesThatAreNoneAreRefused(String pem) {
        var mirror = mirror().via(source(
                URI.create("https://127.0.0.1:1/"), new Access(List.of(), Optional.empty(), Optional.of(pem))));

        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> mirror.metadata(URI.create("https://127.0.0.1:1/"), 5));
        assertThatExceptionOfType(MirrorException.class)
                .isThrownBy(() -> new TlsContexts().trusting(Optional.of(pem)))
                .withMessageContaining("give them as PEM");
    }

    // Rate.

    @Test
    void everyByteIsTakenFromTheCommonRate() throws Exception {
        List<Duration> pauses = new ArrayList<>();
        var rate = new RateLimit(1, () -> 0, pauses::add);
        try (var server = serving(HELLO)) {
            var mirror = new HttpMirror(watchdog, LONG, rate, net());

            mirror.metadata(server.address(), 5);
            mirror.via(source(server)).download(server.address(), 0, Optional.empty(), 5, received);

            assertThat(pauses).last().isEqualTo(Duration.ofMillis(10_000 - 250));
        }
    }

    private interface Call {
        void make() throws Exception;
    }

    private static void refused(String why, Call call) {
        assertThatExceptionOfType(MirrorException.class).isThrownBy(call::make).withMessageContaining(why);
    }

    private HttpMirror mirror() {
        return new HttpMirror(watchdog, LONG, RateLimit.NONE, net());
    }

    private HttpMirror.Net net() {
        return new HttpMirror.Net(names, new AddressRules(), new TlsContexts(), Clock.systemUTC());
    }

    private static URI at(ScriptedServer server, String host, String path) {
        return URI.create("http://%s:%d%s".formatted(host, server.port(), path));
    }

    private static URI below(ScriptedServer server, String path) {
        return URI.create(server.address() + "root/" + path);
    }

    private static BootSource source(ScriptedServer... roots) {
        List<URI> all = Arrays.stream(roots).map(root -> below(root, "")).toList();
        return source(all.get(0), new Access(all.subList(1, all.size()), Optional.empty(), Optional.empty()));
    }

    private static BootSource source(URI root, Access access) {
        return new BootSource(1, "lab", root, 1, true, true, Optional.empty(), access);
    }

    private static ScriptedServer serving(String answer) throws IOException {
        return new ScriptedServer((request, socket) -> ScriptedServer.write(socket, answer));
    }

    private static ScriptedServer redirecting(String location) throws IOException {
        return serving("HTTP/1.1 302 Found\nLocation: %s\n\n".formatted(location));
    }

    /** Answers each question about a name with the next answer, and then with the last. */
    private static final class Names implements AddressRules.Resolver {
        private final Map<String, Deque<List<InetAddress>>> answers = new HashMap<>();
        private final List<String> asked = new ArrayList<>();

        void answer(String name, String... addresses) throws UnknownHostException {
            List<InetAddress> all = new ArrayList<>();
            for (String address : addresses) {
                all.add(InetAddress.getByName(address));
            }
            answers.computeIfAbsent(name, key -> new ArrayDeque<>()).add(all);
        }

        @Override
        public List<InetAddress> resolve(String host) throws UnknownHostException {
            asked.add(host);
            if (AddressRules.isLiteral(host) || host.contains(":")) {
                return List.of(InetAddress.getByName(host));
            }
            Deque<List<InetAddress>> left = answers.getOrDefault(host, new ArrayDeque<>());
            if (left.isEmpty()) {
                throw new UnknownHostException(host);
            }
            return left.size() > 1 ? left.remove() : left.element();
        }
    }

    /** Keeps what came before where somebody goes on. */
    private static final class Received implements Receiver {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private long from;

        @Override
        public void begin(long at, Optional<String> etag) {
            from = at;
            if (at == 0) {
                bytes.reset();
            }
        }

        @Override
        public void accept(ByteBuffer part) {
            byte[] copy = new byte[part.remaining()];
            part.get(copy);
            bytes.writeBytes(copy);
        }

        @Override
        public String toString() {
            return from + ":" + bytes.toString(US_ASCII);
        }
    }
}
