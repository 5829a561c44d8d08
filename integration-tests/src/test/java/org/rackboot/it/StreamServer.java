package org.rackboot.it;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Publishes a stream on loopback, with Range; remembers what was asked; can let bytes through one piece at a time. */
final class StreamServer implements AutoCloseable {
    private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-");
    private static final int PIECE = 64 << 10;

    /** One request: path, and the first byte asked for. */
    record Request(String path, long from) {}

    private final Map<String, byte[]> files;
    private final Map<String, Noise> largeFiles;
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private volatile boolean held;
    private final Semaphore pieces = new Semaphore(0);

    StreamServer(Map<String, byte[]> files) throws IOException {
        this(files, Map.of());
    }

    StreamServer(Map<String, byte[]> files, Map<String, Noise> largeFiles) throws IOException {
        this.files = files;
        this.largeFiles = largeFiles;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 64);
        server.createContext("/", this::answer);
        server.setExecutor(threads);
        server.start();
    }

    URI url() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    }

    List<Request> requests() {
        return requests;
    }

    /** From now on, squashfs bytes leave only as {@link #let} allows. */
    void hold() {
        pieces.drainPermits();
        held = true;
    }

    /** Lets {@code count} more pieces of 64 KiB through. */
    void let(int count) {
        pieces.release(count);
    }

    void letAll() {
        held = false;
        pieces.release(1_000_000);
    }

    @Override
    public void close() {
        letAll();
        server.stop(0);
        threads.shutdownNow();
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath().substring(1);
        byte[] bytes = files.get(path);
        Matcher range =
                RANGE.matcher(String.valueOf(exchange.getRequestHeaders().getFirst("Range")));
        int from = range.matches() ? Integer.parseInt(range.group(1)) : 0;
        requests.add(new Request(path, from));
        try (exchange) {
            Noise large = largeFiles.get(path);
            if (large != null) {
                answer(exchange, large, from);
                return;
            }
            if (bytes == null) {
                exchange.sendResponseHeaders(404, -1);
                return;
            }
            exchange.getResponseHeaders().set("ETag", '"' + SignedStream.sha256(bytes) + '"');
            if (from > 0) {
                exchange.getResponseHeaders()
                        .set("Content-Range", "bytes %d-%d/%d".formatted(from, bytes.length - 1, bytes.length));
            }
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, bytes.length == 0 ? -1 : bytes.length - from);
            copy(path, bytes, from, exchange.getResponseBody());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void answer(HttpExchange exchange, Noise large, int from) throws IOException {
        if (from > 0) {
            exchange.getResponseHeaders()
                    .set("Content-Range", "bytes %d-%d/%d".formatted(from, large.size() - 1, large.size()));
        }
        exchange.sendResponseHeaders(from > 0 ? 206 : 200, large.size() - from);
        large.writeTo(exchange.getResponseBody(), from);
    }

    private void copy(String path, byte[] bytes, int from, OutputStream out) throws IOException, InterruptedException {
        for (int at = from; at < bytes.length; at += PIECE) {
            if (held && path.endsWith("/squashfs")) {
                pieces.acquire();
            }
            out.write(bytes, at, Math.min(PIECE, bytes.length - at));
            out.flush();
        }
    }
}
