package org.rackboot.region.sync;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.sync.AddressRules.Origin;
import org.rackboot.region.sync.AddressRules.Resolver;
import org.rackboot.region.sync.HttpExchange.Route;

/**
 * A boot source over HTTP(S), directly or through a proxy. Follows at most {@value #MAX_REDIRECTS} redirects, and none that
 * leads inside ({@link AddressRules}); sends no credentials, so there are none to lose on the way (S-38). Asks for plain
 * bytes and refuses encoded ones (S-20). A transfer that brings less than {@value #LEAST_BYTES} bytes in the time given is
 * broken off (S-33). What the first root of a source does not deliver is asked of its further ones. Any thread may use it.
 */
public final class HttpMirror implements Mirror {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(2);
    private static final int LEAST_BYTES = 30 << 10;
    private static final int MAX_REDIRECTS = 3;
    private static final int PIECE_BYTES = 64 << 10;

    private final ScheduledExecutorService watchdog;
    private final Duration patience;
    private final RateLimit rate;
    private final Net net;
    private final BootSource.Access access;
    private final List<URI> roots; // The first is what addresses are given below; empty where there is but one.

    /** What the network is to us; all sources share it. */
    record Net(Resolver resolver, AddressRules rules, TlsContexts tls, Clock clock) {
        static Net ofTheSystem() {
            return new Net(Resolver.ofTheSystem(), new AddressRules(), new TlsContexts(), Clock.systemUTC());
        }
    }

    /** @param watchdog ends transfers that stall */
    public HttpMirror(ScheduledExecutorService watchdog) {
        this(watchdog, RateLimit.NONE);
    }

    /** @param rate shared by all downloads */
    public HttpMirror(ScheduledExecutorService watchdog, RateLimit rate) {
        this(watchdog, PATIENCE, rate, Net.ofTheSystem(), BootSource.Access.DIRECT, List.of());
    }

    /** @param patience how long an answer, and then each {@value #LEAST_BYTES} bytes of it, may take */
    HttpMirror(ScheduledExecutorService watchdog, Duration patience, RateLimit rate, Net net) {
        this(watchdog, patience, rate, net, BootSource.Access.DIRECT, List.of());
    }

    private HttpMirror(
            ScheduledExecutorService watchdog,
            Duration patience,
            RateLimit rate,
            Net net,
            BootSource.Access access,
            List<URI> roots) {
        this.watchdog = watchdog;
        this.patience = patience;
        this.rate = rate;
        this.net = net;
        this.access = access;
        this.roots = roots;
    }

    @Override
    public Mirror via(BootSource source) {
        List<URI> all = new ArrayList<>(List.of(source.url()));
        all.addAll(source.access().mirrors());
        return new HttpMirror(watchdog, patience, rate, net, source.access(), all);
    }

    @Override
    public byte[] metadata(URI file, int maxBytes) throws IOException, InterruptedException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        fromAnyRoot(file, address -> {
            all.reset();
            try (HttpExchange answer = answer(address, Map.of())) {
                requireStatus(answer, 200);
                drain(answer, piece -> {
                    if (all.size() + piece.remaining() > maxBytes) {
                        throw new WrongSizeException("the file is longer than %d bytes".formatted(maxBytes));
                    }
                    byte[] copy = new byte[piece.remaining()];
                    piece.get(copy);
                    all.writeBytes(copy);
                });
            }
        });
        return all.toByteArray();
    }

    @Override
    public void download(URI file, long from, Optional<String> ifRange, long size, Receiver receiver)
            throws IOException, InterruptedException {
        Position position = new Position(receiver, from);
        fromAnyRoot(file, address -> {
            boolean sameServer = address.equals(file);
            download(address, sameServer ? ifRange : Optional.empty(), size, position);
        });
    }

    private void download(URI address, Optional<String> ifRange, long size, Position position)
            throws IOException, InterruptedException {
        long from = position.at;
        Map<String, String> headers = new LinkedHashMap<>();
        boolean resume = from > 0;
        if (resume) { // Without a validator, too: the sha256 of the whole decides in the end.
            headers.put("Range", "bytes=" + from + "-");
            ifRange.ifPresent(etag -> headers.put("If-Range", etag));
        }
        try (HttpExchange answer = answer(address, headers)) {
            boolean partial = resume && answer.status() == 206;
            if (!partial) {
                requireStatus(answer, 200);
            }
            long first = partial ? requireContentRange(answer, from, size) : 0;
            long announced = answer.announcedLength().orElse(size - first);
            if (announced != size - first) {
                throw new WrongSizeException(
                        "the server has %d bytes; the stream says %d".formatted(announced + first, size));
            }
            position.begin(first, strongEtag(answer));
            drain(answer, piece -> {
                if (piece.remaining() > size - position.at) {
                    throw new WrongSizeException("more than the announced %d bytes came".formatted(size));
                }
                position.accept(piece);
            });
            if (position.at < size) {
                throw new IOException("the transfer ended after %d of %d bytes".formatted(position.at, size));
            }
        }
    }

    /** Where a download is, whoever brings it; and whether it was the receiver that failed. */
    private static final class Position {
        private final Receiver receiver;
        private long at;

        Position(Receiver receiver, long from) {
            this.receiver = receiver;
            this.at = from;
        }

        void begin(long from, Optional<String> etag) throws IOException {
            at = from;
            try {
                receiver.begin(from, etag);
            } catch (IOException e) {
                throw new ReceiverException(e);
            }
        }

        void accept(ByteBuffer piece) throws IOException {
            int count = piece.remaining();
            try {
                receiver.accept(piece);
            } catch (IOException e) {
                throw new ReceiverException(e);
            }
            at += count;
        }
    }

    /** The receiver's word on the matter, which no other server changes. */
    private static final class ReceiverException extends IOException {
        private final IOException said;

        ReceiverException(IOException said) {
            super(said);
            this.said = said;
        }
    }

    private interface Attempt {
        void from(URI address) throws IOException, InterruptedException;
    }

    /** Asks root after root. If none delivers, a failure that may pass is worth more than one that stays. */
    private void fromAnyRoot(URI file, Attempt attempt) throws IOException, InterruptedException {
        Optional<IOException> failure = Optional.empty();
        for (URI address : addresses(file)) {
            try {
                attempt.from(address);
                return;
            } catch (ReceiverException e) {
                throw e.said;
            } catch (IOException e) {
                if (Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                boolean better = failure.map(before -> before instanceof NotFoundException
                                || (before instanceof MirrorException && !(e instanceof MirrorException)))
                        .orElse(true);
                failure = better ? Optional.of(e) : failure;
            }
        }
        throw failure.orElseThrow();
    }

    private List<URI> addresses(URI file) {
        if (roots.size() < 2 || !file.toString().startsWith(roots.get(0).toString())) {
            return List.of(file);
        }
        String path = file.toString().substring(roots.get(0).toString().length());
        return roots.stream().map(root -> URI.create(root + path)).toList();
    }

    private interface Sink {
        void take(ByteBuffer piece) throws IOException;
    }

    private void drain(HttpExchange answer, Sink sink) throws IOException, InterruptedException {
        byte[] buffer = new byte[PIECE_BYTES];
        try (Watch watch = new Watch(answer)) {
            for (int count = watch.read(buffer); count >= 0; count = watch.read(buffer)) {
                rate.take(count);
                sink.take(ByteBuffer.wrap(buffer, 0, count));
            }
        }
    }

    /** The answer at the end of all redirects, its body not yet read. */
    private HttpExchange answer(URI file, Map<String, String> headers) throws IOException {
        Optional<URI> proxy = access.proxy();
        List<InetAddress> typed = addressesOf(file, proxy);
        Origin origin = net.rules().typed(hostOf(file), typed);
        URI address = file;
        HttpExchange answer = exchange(route(address, typed, proxy), headers);
        for (int redirects = 1; isRedirect(answer); redirects++) {
            Optional<String> location = answer.header("Location");
            answer.close();
            if (redirects > MAX_REDIRECTS || location.isEmpty()) {
                throw new MirrorException("the server redirects %s; give the source's final address"
                        .formatted(location.isEmpty() ? "to nowhere" : "more than %d times".formatted(MAX_REDIRECTS)));
            }
            address = AddressRules.location(address, location.get());
            List<InetAddress> next = addressesOf(address, proxy);
            net.rules().redirected(origin, hostOf(address), next);
            answer = exchange(route(address, next, proxy), headers);
        }
        if (!answer.header("Content-Encoding").orElse("identity").equalsIgnoreCase("identity")) {
            answer.close();
            throw new MirrorException("the file came encoded, although plain bytes were asked for");
        }
        return answer;
    }

    private HttpExchange exchange(Route route, Map<String, String> headers) throws IOException {
        Map<String, String> all = new LinkedHashMap<>(headers);
        all.put("Accept-Encoding", "identity");
        all.put("User-Agent", "rackboot");
        var exchange = new HttpExchange();
        var late = new Deadline(exchange);
        boolean answered = false;
        ScheduledFuture<?> deadline = watchdog.schedule(late, patience.toNanos(), TimeUnit.NANOSECONDS);
        try {
            exchange.send(route, () -> net.tls().trusting(access.caCertificates()), all);
            answered = true;
            return exchange;
        } catch (MirrorException e) {
            throw e;
        } catch (SSLException e) {
            throw late.passed
                    ? new IOException("no answer came within " + seconds(patience), e)
                    : new IOException(
                            "no safe connection to %s came about: %s".formatted(route.hostAndPort(), unsafe(e)), e);
        } catch (IOException e) {
            if (late.passed) {
                throw new IOException("no answer came within " + seconds(patience), e);
            }
            String message = String.valueOf(e.getMessage());
            throw new IOException(
                    message.startsWith("cannot connect") ? message : "no answer came (%s)".formatted(message), e);
        } finally {
            deadline.cancel(false);
            if (!answered) {
                exchange.close();
            }
        }
    }

    private static String unsafe(SSLException failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof CertificateExpiredException || cause instanceof CertificateNotYetValidException) {
                return "its certificate does not hold today (%s); it has to be renewed, unless it is this machine's clock that is wrong"
                        .formatted(cause.getMessage());
            }
            if (cause instanceof CertPathBuilderException) {
                return "its certificate is of an authority that is not trusted here; if that is one of your own, give it to"
                        + " the source: --ca-file FILE";
            }
            if (cause instanceof CertificateException && cause.getCause() == null) {
                return "its certificate is another host's (%s)".formatted(cause.getMessage());
            }
        }
        return String.valueOf(failure.getMessage());
    }

    private static final class Deadline implements Runnable {
        private final HttpExchange exchange;
        private volatile boolean passed;

        Deadline(HttpExchange exchange) {
            this.exchange = exchange;
        }

        @Override
        public void run() {
            passed = true;
            exchange.close();
        }
    }

    /** Every address of the host; behind a proxy only what is one itself, as names are the proxy's to look up. */
    private List<InetAddress> addressesOf(URI address, Optional<URI> proxy) throws IOException {
        String host = hostOf(address);
        boolean proxied = proxy.isPresent() || systemProxy(address).isPresent();
        return proxied && !AddressRules.isLiteral(host) ? List.of() : resolve(host);
    }

    private Route route(URI address, List<InetAddress> judged, Optional<URI> proxy) throws IOException {
        Optional<InetSocketAddress> system = proxy.isPresent() ? Optional.empty() : systemProxy(address);
        if (proxy.isPresent()) {
            String host = hostOf(proxy.get());
            List<InetAddress> addresses = resolve(host);
            net.rules().typed(host, addresses);
            int port = proxy.get().getPort() < 0 ? 80 : proxy.get().getPort();
            return new Route(address, sockets(addresses, port), true);
        }
        if (system.isPresent()) {
            List<InetAddress> addresses = resolve(system.get().getHostString());
            return new Route(address, sockets(addresses, system.get().getPort()), true);
        }
        int port = new Route(address, List.of(), false).port();
        return new Route(address, sockets(judged, port), false);
    }

    /** What {@code -Dhttp.proxyHost} and its like say. */
    private static Optional<InetSocketAddress> systemProxy(URI address) {
        return Optional.ofNullable(ProxySelector.getDefault()).stream()
                .flatMap(selector -> selector.select(address).stream())
                .filter(proxy -> proxy.type() == Proxy.Type.HTTP)
                .map(proxy -> (InetSocketAddress) proxy.address())
                .findFirst();
    }

    private List<InetAddress> resolve(String host) throws IOException {
        try {
            return net.resolver().resolve(host);
        } catch (UnknownHostException e) {
            throw new IOException("the name '%s' is not known".formatted(host), e);
        }
    }

    private static List<InetSocketAddress> sockets(List<InetAddress> addresses, int port) {
        return addresses.stream()
                .map(address -> new InetSocketAddress(address, port))
                .toList();
    }

    private static String hostOf(URI address) throws MirrorException {
        String scheme = String.valueOf(address.getScheme()).toLowerCase(Locale.ROOT);
        if (address.getHost() == null || !(scheme.equals("http") || scheme.equals("https"))) {
            throw new MirrorException("the address '%s' is not of the form http://host/ or https://host/"
                    .formatted(address.toString().replaceAll("//[^/@]*@", "//")));
        }
        AddressRules.requireOrdinary(address.getHost()); // Before anybody is asked for it.
        return address.getHost();
    }

    private static boolean isRedirect(HttpExchange answer) {
        return switch (answer.status()) {
            case 301, 302, 303, 307, 308 -> true;
            default -> false;
        };
    }

    private void requireStatus(HttpExchange answer, int wanted) throws IOException {
        int status = answer.status();
        if (status == wanted) {
            return;
        }
        String message = "the server answered " + status;
        if (status == 404 || status == 410) {
            throw new NotFoundException(message + (status == 404 ? " (not found)" : " (gone)"));
        }
        if (status >= 500 || status == 429 || status == 408 || status == 416) {
            Optional<Duration> pause = answer.header("Retry-After").flatMap(this::pause);
            if (pause.isPresent()) {
                throw new BusyException(message, pause.get());
            }
            throw new IOException(message);
        }
        throw new MirrorException(message);
    }

    /** In seconds, or as the date when to come again (RFC 9110, 10.2.3). */
    private Optional<Duration> pause(String retryAfter) {
        try {
            Duration asked = retryAfter.matches("[0-9]{1,9}")
                    ? Duration.ofSeconds(Long.parseLong(retryAfter))
                    : Duration.between(
                            net.clock().instant(),
                            ZonedDateTime.parse(retryAfter, DateTimeFormatter.RFC_1123_DATE_TIME)
                                    .toInstant());
            Duration least = asked.isNegative() ? Duration.ZERO : asked;
            return Optional.of(least.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : least);
        } catch (DateTimeException e) {
            return Optional.empty();
        }
    }

    private static long requireContentRange(HttpExchange answer, long from, long size) throws MirrorException {
        String range = answer.header("Content-Range").orElse("");
        if (!range.equals("bytes %d-%d/%d".formatted(from, size - 1, size))) {
            throw new MirrorException("the server sent another part than was asked for");
        }
        return from;
    }

    private static Optional<String> strongEtag(HttpExchange answer) {
        return answer.header("ETag").filter(tag -> tag.matches("\"[!-~]{0,198}\""));
    }

    private static String seconds(Duration time) {
        return time.toMillis() / 1_000.0 + " s";
    }

    /** Reads a body, and closes its connection when it brings too little for too long, which ends the wait. */
    private final class Watch implements AutoCloseable {
        private final HttpExchange answer;
        private final ScheduledFuture<?> look;
        private boolean waiting; // From here on guarded by this.
        private boolean stalled;
        private long waitingSinceNanos;
        private long waitedNanos;
        private long bytes;

        Watch(HttpExchange answer) {
            this.answer = answer;
            long periodNanos = Math.max(1, patience.toNanos() / 30);
            look = watchdog.scheduleWithFixedDelay(this::look, periodNanos, periodNanos, TimeUnit.NANOSECONDS);
        }

        int read(byte[] into) throws IOException {
            begin();
            try {
                int count = answer.read(into);
                end(Math.max(0, count));
                return count;
            } catch (IOException e) {
                throw new IOException(why(e), e);
            }
        }

        private synchronized void begin() {
            waiting = true;
            waitingSinceNanos = System.nanoTime();
        }

        /** Only waiting for the server counts, not what the receiver does in between. */
        private synchronized void end(long came) {
            waiting = false;
            waitedNanos += System.nanoTime() - waitingSinceNanos;
            bytes += came;
            if (bytes >= LEAST_BYTES) {
                bytes = 0;
                waitedNanos = 0;
            }
        }

        private synchronized String why(IOException e) {
            return stalled
                    ? "the server brought less than %d bytes in %s".formatted(LEAST_BYTES, seconds(patience))
                    : "the transfer broke off (%s)".formatted(e.getMessage());
        }

        private void look() {
            synchronized (this) {
                long waited = waitedNanos + (waiting ? System.nanoTime() - waitingSinceNanos : 0);
                if (waited < patience.toNanos()) {
                    return;
                }
                stalled = true;
            }
            answer.close();
        }

        @Override
        public void close() {
            look.cancel(false);
        }
    }
}
