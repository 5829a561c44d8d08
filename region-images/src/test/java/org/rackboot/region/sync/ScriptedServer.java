package org.rackboot.region.sync;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ServerSocketFactory;

/** A web server that does on the wire exactly what a test says, one request for each connection. */
final class ScriptedServer implements AutoCloseable {
    private static final int MAX_CONNECTIONS = 16;

    /** Answers one request; the connection is closed afterwards. */
    interface Script {
        void play(Request request, Socket socket) throws IOException;
    }

    /** @param headers by lower-case name */
    record Request(String path, Map<String, String> headers) {
        /** Where the wanted part begins. */
        long from() {
            String range = headers.getOrDefault("range", "bytes=0-");
            return Long.parseLong(range.substring("bytes=".length(), range.length() - 1));
        }
    }

    private final String scheme;
    private final ServerSocket listener;
    private final ExecutorService threads;
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private final List<Socket> open = new CopyOnWriteArrayList<>();

    ScriptedServer(Script script) throws IOException {
        this(ServerSocketFactory.getDefault(), "http", script);
    }

    /** @param sockets plain, or those of TLS */
    ScriptedServer(ServerSocketFactory sockets, String scheme, Script script) throws IOException {
        this(sockets, scheme, 0, script);
    }

    /** @param port 0 = any */
    ScriptedServer(ServerSocketFactory sockets, String scheme, int port, Script script) throws IOException {
        this.scheme = scheme;
        listener = sockets.createServerSocket(port, MAX_CONNECTIONS, InetAddress.getLoopbackAddress());
        threads = Executors.newFixedThreadPool(MAX_CONNECTIONS, work -> {
            Thread thread = new Thread(work, "scripted-server");
            thread.setDaemon(true);
            return thread;
        });
        threads.execute(() -> accept(script));
    }

    URI address() {
        return URI.create(scheme + "://127.0.0.1:" + port() + "/");
    }

    int port() {
        return listener.getLocalPort();
    }

    List<Request> requests() {
        return requests;
    }

    static void write(Socket socket, String text) throws IOException {
        OutputStream out = socket.getOutputStream();
        out.write(text.replace("\n", "\r\n").getBytes(ISO_8859_1));
        out.flush();
    }

    /** Ends the connection as a crashed machine's network does. */
    static void reset(Socket socket) throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    @Override
    public void close() throws IOException {
        listener.close();
        for (Socket socket : open) {
            socket.close();
        }
        threads.shutdownNow();
    }

    private void accept(Script script) {
        while (!listener.isClosed()) {
            try {
                Socket socket = listener.accept();
                open.add(socket);
                threads.execute(() -> serve(script, socket));
            } catch (IOException e) {
                return; // The test is over.
            }
        }
    }

    private void serve(Script script, Socket socket) {
        try (socket) {
            var in = new BufferedReader(new InputStreamReader(socket.getInputStream(), ISO_8859_1));
            String first = in.readLine();
            if (first == null) {
                return;
            }
            Map<String, String> headers = new TreeMap<>();
            for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
                int colon = line.indexOf(':');
                headers.put(
                        line.substring(0, colon).toLowerCase(Locale.ROOT),
                        line.substring(colon + 1).strip());
            }
            Request request = new Request(first.split(" ")[1], headers);
            requests.add(request);
            script.play(request, socket);
        } catch (IOException e) {
            open.remove(socket); // The client left, as clients do.
        }
    }
}
