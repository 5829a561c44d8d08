package org.rackboot.server.http;

import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;

/**
 * One request.
 *
 * @param path of the target, percent-decoded, one character per byte
 * @param query parameters, percent-decoded as UTF-8; the first of each name
 * @param headers by lower-case name; several of one name joined by commas
 * @param body empty unless the listener accepts bodies
 * @param local the address the client reached
 */
public record HttpCall(
        String method,
        String path,
        Map<String, String> query,
        Map<String, String> headers,
        byte[] body,
        InetSocketAddress remote,
        InetSocketAddress local) {
    public HttpCall {
        query = Map.copyOf(query);
        headers = Map.copyOf(headers);
    }

    /** @param name in lower case */
    public Optional<String> header(String name) {
        return Optional.ofNullable(headers.get(name));
    }

    public boolean isHead() {
        return method.equals("HEAD");
    }
}
