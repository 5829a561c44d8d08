package org.rackboot.server.get;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What to fetch: {@code tftp://host[:port]/name} (RFC 3617) or {@code http[s]://host[:port]/path}. The path goes over the
 * wire as it was typed: nothing is tidied up that firmware would not tidy up.
 *
 * @param host a name, an IPv4 literal, or an IPv6 literal in its brackets, perhaps with a zone
 * @param target from the first slash on, not decoded
 */
public record BootUrl(Scheme scheme, String host, int port, String target) {
    /** How to ask. */
    public enum Scheme {
        TFTP(69),
        HTTP(80),
        HTTPS(443);

        final int port;

        Scheme(int port) {
            this.port = port;
        }
    }

    private static final Pattern FORM = Pattern.compile(
            "(?<scheme>[A-Za-z]+)://(?<host>\\[[^\\]/]+\\]|[^/:\\[\\]@?#]+)(:(?<port>\\d{1,5}))?(?<target>.*)");

    /** Reads what was typed. */
    public static BootUrl parse(String text) throws InvalidUrlException {
        Matcher matcher = FORM.matcher(text);
        if (!matcher.matches()) {
            throw new InvalidUrlException(
                    "'%s' is no address; use tftp://host/name or http://host:5248/path; an IPv6 address".formatted(text)
                            + " goes in brackets");
        }
        Scheme scheme = scheme(matcher.group("scheme"));
        String portText = matcher.group("port");
        int port = portText == null ? scheme.port : Integer.parseInt(portText);
        if (port < 1 || port > 65_535) {
            throw new InvalidUrlException("port %d is not within 1 to 65535".formatted(port));
        }
        String host = matcher.group("host").replace("%25", "%"); // RFC 6874 escapes the zone's percent sign.
        BootUrl url = new BootUrl(scheme, host, port, target(scheme, matcher.group("target")));
        if (scheme == Scheme.TFTP) {
            url.fileName(); // Finds what is wrong with it.
        }
        return url;
    }

    /** The name that a TFTP request carries: one character per byte, without the slash that parts it from the host. */
    public String fileName() throws InvalidUrlException {
        String name = target.isEmpty() ? "" : target.substring(1);
        if (name.endsWith(";mode=octet")) {
            name = name.substring(0, name.length() - ";mode=octet".length());
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c == '%' && name.substring(i).matches("(?s)%[0-9A-Fa-f]{2}.*")) {
                bytes.write(Integer.parseInt(name.substring(i + 1, i + 3), 16));
                i += 2;
            } else {
                bytes.writeBytes(String.valueOf(c).getBytes(ISO_8859_1));
            }
        }
        String decoded = bytes.toString(ISO_8859_1);
        if (decoded.isEmpty()) {
            throw new InvalidUrlException("the address names no file; use tftp://host/name");
        }
        if (decoded.indexOf(0) >= 0 || decoded.length() > 400) {
            throw new InvalidUrlException(
                    "a TFTP name has no NUL, and at most 400 bytes: a request fits in 512 (RFC 2347)");
        }
        return decoded;
    }

    /** The first of the host's addresses. May ask a name server, and wait for it. */
    public InetSocketAddress resolve() throws UnknownHostException {
        return new InetSocketAddress(InetAddress.getByName(host), port);
    }

    /** As the {@code Host} header has it: without zone, and without the scheme's own port. */
    public String hostHeader() {
        String plain = host.replaceFirst("%.*]", "]");
        return port == scheme.port ? plain : plain + ":" + port;
    }

    private static Scheme scheme(String text) throws InvalidUrlException {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "tftp" -> Scheme.TFTP;
            case "http" -> Scheme.HTTP;
            case "https" -> Scheme.HTTPS;
            default ->
                throw new InvalidUrlException("'%s' is not spoken here; use tftp, http or https".formatted(text));
        };
    }

    private static String target(Scheme scheme, String typed) throws InvalidUrlException {
        if (scheme == Scheme.TFTP && (typed.isEmpty() || typed.startsWith("/"))) {
            if (typed.chars().anyMatch(c -> c > 0xFF)) {
                throw new InvalidUrlException(
                        "write letters beyond ASCII percent-encoded, byte for byte as the server has them");
            }
            return typed;
        }
        String target = typed.startsWith("/") ? typed : "/" + typed;
        if (!typed.isEmpty() && "/?".indexOf(typed.charAt(0)) < 0) {
            throw new InvalidUrlException(
                    "'%s' follows host and port; a path begins with a slash, and an IPv6 address goes in brackets"
                            .formatted(typed));
        }
        int fragment = target.indexOf('#');
        String sent = fragment < 0 ? target : target.substring(0, fragment);
        if (!sent.chars().allMatch(c -> c > ' ' && c <= '~')) {
            throw new InvalidUrlException("write blanks and letters beyond ASCII percent-encoded, as URLs have them");
        }
        return sent;
    }
}
