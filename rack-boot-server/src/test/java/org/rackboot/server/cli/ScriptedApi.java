package org.rackboot.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A server's API that answers each path as a test says, whatever the method. */
final class ScriptedApi implements AutoCloseable {
    private final HttpServer server;
    private final Path token;

    ScriptedApi(Path directory) throws IOException {
        token = Files.writeString(directory.resolve("token"), "a-token");
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.start();
    }

    /** @param path below {@code /api/v1/} */
    ScriptedApi with(String path, String json) {
        server.createContext("/api/v1/" + path, exchange -> {
            byte[] body = json.getBytes(UTF_8);
            exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        return this;
    }

    URI url() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    }

    /** What a command says that asks this server. */
    Told told(String... line) {
        List<String> words = new ArrayList<>(Arrays.asList(line).subList(1, line.length));
        words.addAll(List.of("--url", url().toString(), "--token-file", token.toString()));
        return Told.by(line[0], words.toArray(String[]::new));
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
