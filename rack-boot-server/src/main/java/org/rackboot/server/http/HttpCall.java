package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.rackboot.protocol.http.RequestHead;

/** One request. Fields and parameters are read when they are asked for: a boot asks for few. */
public final class HttpCall {
    private static final int MAX_PARAMETERS = 64;

    private final RequestHead head;
    private final String path;
    private final byte[] body;
    private final InetSocketAddress remote;
    private final InetSocketAddress local;

    HttpCall(RequestHead head, byte[] body, InetSocketAddress remote, InetSocketAddress local) {
        this.head = head;
        this.path = head.path();
        this.body = body;
        this.remote = remote;
        this.local = local;
    }

    public String method() {
        return head.method();
    }

    public boolean isHead() {
        return head.isHead();
    }

    /** Of the target, percent-decoded, one character per byte. */
    public String path() {
        return path;
    }

    /** Parameters, percent-decoded as UTF-8; the first of each name. */
    public Map<String, String> query() {
        Map<String, String> first = new HashMap<>();
        try {
            for (String parameter : head.query().split("&", MAX_PARAMETERS)) {
                int equals = parameter.indexOf('=');
                String name = equals < 0 ? parameter : parameter.substring(0, equals);
                String value = equals < 0 ? "" : parameter.substring(equals + 1);
                first.putIfAbsent(URLDecoder.decode(name, UTF_8), URLDecoder.decode(value, UTF_8));
            }
        } catch (IllegalArgumentException e) {
            first.clear(); // A malformed query is no query: boot files have none.
        }
        return Map.copyOf(first);
    }

    /**
     * A field's value; several of one name joined by commas.
     *
     * @param name in lower case
     */
    public Optional<String> header(String name) {
        return head.header(name);
    }

    /** Empty unless the listener accepts bodies. */
    public byte[] body() {
        return body;
    }

    public InetSocketAddress remote() {
        return remote;
    }

    /** The address the client reached. */
    public InetSocketAddress local() {
        return local;
    }
}
