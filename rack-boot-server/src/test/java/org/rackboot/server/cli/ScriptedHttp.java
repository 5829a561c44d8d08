package org.rackboot.server.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;

/** An HTTP server that says what the test wants, byte by byte, and keeps what it was asked. One connection at a time. */
final class ScriptedHttp implements AutoCloseable {
    /** At the end of an answer: then the connection is closed. */
    static final String CLOSE = "\0close";

    final List<String> requests = new CopyOnWriteArrayList<>();

    private final ServerSocket listener = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
    private final UnaryOperator<String> script;

    /** @param script from a request's head to the answer; an empty one is silence */
    ScriptedHttp(UnaryOperator<String> script) throws IOException {
        this.script = script;
        new Thread(this::serve, "scripted-http").start();
    }

    /** Answers GET so, and HEAD with the head of that. */
    static ScriptedHttp saying(String response) throws IOException {
        return new ScriptedHttp(request -> {
            int body = response.indexOf("\r\n\r\n") + 4;
            return request.startsWith("HEAD") && body > 3 ? response.substring(0, body) : response;
        });
    }

    String url(String path) {
        return "http://127.0.0.1:%d%s".formatted(listener.getLocalPort(), path);
    }

    private void serve() {
        while (!listener.isClosed()) {
            try (Socket socket = listener.accept()) {
                socket.setTcpNoDelay(true);
                String request = head(socket.getInputStream());
                while (!request.isEmpty()) {
                    requests.add(request);
                    String answer = script.apply(request);
                    boolean closes = answer.endsWith(CLOSE);
                    String sent = closes ? answer.substring(0, answer.length() - CLOSE.length()) : answer;
                    socket.getOutputStream().write(sent.getBytes(ISO_8859_1));
                    request = closes ? "" : head(socket.getInputStream());
                }
            } catch (SocketException e) {
                // The client left, or the test is over.
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static String head(InputStream in) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int b = in.read(); b >= 0; b = in.read()) {
            bytes.write(b);
            if (bytes.toString(ISO_8859_1).endsWith("\r\n\r\n")) {
                return bytes.toString(ISO_8859_1);
            }
        }
        return "";
    }

    @Override
    public void close() throws IOException {
        listener.close(); // And so ends its thread.
    }
}
