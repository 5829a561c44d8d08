package org.rackboot.protocol.http;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The status line and the header of a response, letter by letter as the server wrote them: some firmware compares them
 * byte by byte (quirk H1), which a client that normalises names cannot show.
 *
 * @param statusLine without its line end
 * @param status 100 to 599
 * @param headers in the server's order
 * @param bareLineFeeds whether a line ended with LF alone (quirk H2)
 */
public record ResponseHead(String statusLine, int status, List<Header> headers, boolean bareLineFeeds) {
    /**
     * One header line.
     *
     * @param name in the server's letters
     * @param written everything behind the colon, blanks too
     */
    public record Header(String name, String written) {
        public String value() {
            return written.strip();
        }
    }

    public ResponseHead {
        headers = List.copyOf(headers);
    }

    /** Reads a whole head, up to and with its empty line. One character per byte. */
    static ResponseHead parse(String text) throws MalformedResponseException {
        boolean bareLineFeeds = text.replace("\r\n", "").contains("\n");
        String[] lines = text.split("\r?\n");
        String statusLine = lines.length == 0 ? "" : lines[0];
        if (!statusLine.matches("HTTP/1\\.[0-9] [1-5][0-9][0-9]( .*)?")) {
            throw new MalformedResponseException("it begins with '%s', which is no HTTP status line"
                    .formatted(statusLine.substring(0, Math.min(60, statusLine.length()))));
        }
        List<Header> headers = new ArrayList<>();
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            if (colon <= 0) {
                throw new MalformedResponseException("'%s' is no header line"
                        .formatted(lines[i].substring(0, Math.min(60, lines[i].length()))));
            }
            headers.add(new Header(lines[i].substring(0, colon), lines[i].substring(colon + 1)));
        }
        return new ResponseHead(statusLine, Integer.parseInt(statusLine.substring(9, 12)), headers, bareLineFeeds);
    }

    /** The first header of that name, in whatever letters. */
    public Optional<Header> header(String name) {
        return headers.stream()
                .filter(each -> each.name().equalsIgnoreCase(name))
                .findFirst();
    }

    /** Its value; empty if there is no such header. */
    public String value(String name) {
        return header(name).map(Header::value).orElse("");
    }

    /** What {@code Content-Length} says, if it is a number. */
    public OptionalLong contentLength() {
        String value = value("Content-Length");
        return value.matches("[0-9]{1,18}") ? OptionalLong.of(Long.parseLong(value)) : OptionalLong.empty();
    }

    public boolean isChunked() {
        return value("Transfer-Encoding").toLowerCase(Locale.ROOT).endsWith("chunked");
    }

    /** Whether the connection serves no further request (RFC 9112, 9.3). */
    public boolean closes() {
        String connection = value("Connection").toLowerCase(Locale.ROOT);
        return connection.contains("close")
                || (statusLine.startsWith("HTTP/1.0") && !connection.contains("keep-alive"));
    }
}
