package org.rackboot.protocol.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;

/**
 * Reads request heads from one connection's bytes, however they are cut (RFC 9112, sections 2 to 6).
 *
 * <p>Strict wherever two parsers could disagree about where a request ends, since that is what smuggling lives on:
 * lines end in CR LF, names have no space behind them, nothing is folded, lengths are plain digits and come once, and
 * no transfer coding is taken. A byte that cannot belong to a request is refused when it comes, not at the end.
 */
public final class RequestParser {
    static final int MAX_LINE_BYTES = 4_096; // S-18
    static final int MAX_HEADER_BYTES = 8_192;
    static final int MAX_FIELDS = 50;

    private static final String TOKEN_MARKS = "!#$%&'*+-.^_`|~";
    private static final String HOST_MARKS = "-._~!$&'()*+,;=:[]%";
    private static final boolean[] TOKEN = lettersDigitsAnd(TOKEN_MARKS);
    private static final boolean[] HOST = lettersDigitsAnd(HOST_MARKS);
    /** Printable characters, tabs, and whatever is above ASCII. */
    private static final boolean[] TEXT = text();

    private static final int MAX_LENGTH_DIGITS = 18;
    private static final int VERSION_LENGTH = "HTTP/1.1".length();

    private byte[] block = new byte[256];
    private int length;
    private int lineStart;
    private boolean afterCarriageReturn;
    private boolean afterEmptyLine;

    private int[] fields = new int[4 * 8];
    private int fieldCount;
    private String method = "";
    private String target = "";
    private boolean oldVersion;
    private int hosts;
    private long contentLength = -1;
    private boolean expecting;
    private boolean close;
    private boolean keepAlive;

    /** Whether a request has begun and not ended. */
    public boolean isAmidRequest() {
        return length > 0 || afterCarriageReturn || afterEmptyLine;
    }

    /**
     * Takes bytes up to the end of a header, or all.
     *
     * @param in over an array
     * @return the head, once its last byte came; what follows it stays in {@code in}
     */
    public Optional<RequestHead> parse(ByteBuffer in) throws RefusedRequestException {
        byte[] bytes = in.array();
        int end = in.arrayOffset() + in.limit();
        int at = in.arrayOffset() + in.position();
        while (at < end) {
            if (afterCarriageReturn) {
                if (bytes[at++] != '\n') {
                    throw refused(RequestRefusal.STRAY_BYTE);
                }
                afterCarriageReturn = false;
                if (endOfLine()) {
                    in.position(at - in.arrayOffset());
                    return Optional.of(takeHead());
                }
                continue;
            }
            int run = at;
            while (run < end && TEXT[bytes[run] & 0xff]) {
                run++;
            }
            append(bytes, at, run);
            at = run;
            if (at < end) {
                if (bytes[at++] != '\r') {
                    throw refused(RequestRefusal.STRAY_BYTE);
                }
                afterCarriageReturn = true;
            }
        }
        in.position(end - in.arrayOffset());
        return Optional.empty();
    }

    /** What fits is kept before the rest is refused: how the bytes were cut must not change what is known of them. */
    private void append(byte[] bytes, int from, int to) throws RefusedRequestException {
        int room = Math.min(MAX_HEADER_BYTES - length, MAX_LINE_BYTES - (length - lineStart));
        int count = Math.min(room, to - from);
        if (length + count > block.length) {
            block = Arrays.copyOf(block, Math.min(MAX_HEADER_BYTES, Math.max(length + count, block.length * 2)));
        }
        System.arraycopy(bytes, from, block, length, count);
        length += count;
        if (count < to - from) {
            throw refused(lineStart == 0 ? RequestRefusal.TARGET_TOO_LONG : RequestRefusal.HEADER_TOO_LONG);
        }
    }

    /** Whether the line was the empty one behind the last field. */
    private boolean endOfLine() throws RefusedRequestException {
        if (length == 0) { // RFC 9112, 2.2: one empty line before a request is ignored.
            if (afterEmptyLine) {
                throw refused(RequestRefusal.MALFORMED_LINE);
            }
            afterEmptyLine = true;
            return false;
        }
        if (lineStart == length) {
            return true;
        }
        if (lineStart == 0) {
            requestLine();
        } else {
            field();
        }
        lineStart = length;
        return false;
    }

    private void requestLine() throws RefusedRequestException {
        int methodEnd = 0;
        while (methodEnd < length && TOKEN[block[methodEnd] & 0xff]) {
            methodEnd++;
        }
        int targetEnd = methodEnd + 1;
        while (targetEnd < length && block[targetEnd] != ' ' && block[targetEnd] != '\t') {
            targetEnd++;
        }
        boolean wellFormed = methodEnd > 0
                && methodEnd < length
                && block[methodEnd] == ' '
                && targetEnd > methodEnd + 1
                && targetEnd + 1 + VERSION_LENGTH == length
                && block[targetEnd] == ' '
                && isVersion(targetEnd + 1);
        if (!wellFormed) {
            throw refused(RequestRefusal.MALFORMED_LINE);
        }
        method = methodOf(methodEnd);
        target = new String(block, methodEnd + 1, targetEnd - methodEnd - 1, ISO_8859_1);
        int major = block[length - 3];
        int minor = block[length - 1];
        if (major != '1' || minor > '1') {
            throw refused(RequestRefusal.VERSION);
        }
        oldVersion = minor == '0';
    }

    private boolean isVersion(int at) {
        return block[at] == 'H'
                && block[at + 1] == 'T'
                && block[at + 2] == 'T'
                && block[at + 3] == 'P'
                && block[at + 4] == '/'
                && isDigit(block[at + 5])
                && block[at + 6] == '.'
                && isDigit(block[at + 7]);
    }

    private String methodOf(int end) {
        if (end == 3 && block[0] == 'G' && block[1] == 'E' && block[2] == 'T') {
            return "GET";
        }
        return new String(block, 0, end, ISO_8859_1);
    }

    private void field() throws RefusedRequestException {
        int colon = lineStart;
        while (colon < length && TOKEN[block[colon] & 0xff]) {
            colon++;
        }
        // Neither a space before the colon nor a folded line, which begins with one, passes here.
        if (colon == lineStart || colon == length || block[colon] != ':') {
            throw refused(RequestRefusal.MALFORMED_FIELD);
        }
        if (fieldCount == MAX_FIELDS) {
            throw refused(RequestRefusal.HEADER_TOO_LONG);
        }
        int valueStart = colon + 1;
        while (valueStart < length && isSpace(block[valueStart])) {
            valueStart++;
        }
        int valueEnd = length;
        while (valueEnd > valueStart && isSpace(block[valueEnd - 1])) {
            valueEnd--;
        }
        int at = fieldCount++ * 4;
        if (at == fields.length) {
            fields = Arrays.copyOf(fields, fields.length * 2);
        }
        fields[at] = lineStart;
        fields[at + 1] = colon;
        fields[at + 2] = valueStart;
        fields[at + 3] = valueEnd;
        judge(colon, valueStart, valueEnd);
    }

    /** The fields that decide where the request ends, and what becomes of the connection. */
    private void judge(int nameEnd, int from, int to) throws RefusedRequestException {
        if (isNamed(nameEnd, "host")) {
            hosts++;
            for (int i = from; i < to; i++) {
                if (!HOST[block[i] & 0xff]) {
                    throw refused(RequestRefusal.HOST);
                }
            }
        } else if (isNamed(nameEnd, "content-length")) {
            if (contentLength >= 0) { // Also when both say the same.
                throw refused(RequestRefusal.CONTENT_LENGTH);
            }
            contentLength = digits(from, to);
        } else if (isNamed(nameEnd, "transfer-encoding")) {
            throw refused(RequestRefusal.TRANSFER_CODING);
        } else if (isNamed(nameEnd, "connection")) {
            connection(from, to);
        } else if (isNamed(nameEnd, "expect")) {
            expecting = true;
        }
    }

    private long digits(int from, int to) throws RefusedRequestException {
        if (from == to || to - from > MAX_LENGTH_DIGITS) {
            throw refused(RequestRefusal.CONTENT_LENGTH);
        }
        long value = 0;
        for (int i = from; i < to; i++) {
            if (!isDigit(block[i])) {
                throw refused(RequestRefusal.CONTENT_LENGTH);
            }
            value = value * 10 + (block[i] - '0');
        }
        return value;
    }

    private void connection(int from, int to) {
        int start = from;
        while (start < to) {
            int end = start;
            while (end < to && block[end] != ',') {
                end++;
            }
            int last = end;
            while (start < last && isSpace(block[start])) {
                start++;
            }
            while (last > start && isSpace(block[last - 1])) {
                last--;
            }
            close |= RequestHead.isNamed(block, start, last, "close");
            keepAlive |= RequestHead.isNamed(block, start, last, "keep-alive");
            start = end + 1;
        }
    }

    private RequestHead takeHead() throws RefusedRequestException {
        if (hosts > 1 || (hosts == 0 && !oldVersion)) { // RFC 9112, 3.2; U-Boot's 1.0 has none.
            throw refused(RequestRefusal.HOST);
        }
        RequestHead head = new RequestHead(
                method,
                target,
                !close && (keepAlive || !oldVersion),
                Math.max(0, contentLength),
                expecting,
                block,
                fields,
                fieldCount);
        startAnew();
        return head;
    }

    private void startAnew() {
        block = new byte[256];
        fields = new int[4 * 8];
        length = 0;
        lineStart = 0;
        fieldCount = 0;
        hosts = 0;
        contentLength = -1;
        afterEmptyLine = false;
        expecting = false;
        close = false;
        keepAlive = false;
    }

    private RefusedRequestException refused(RequestRefusal refusal) {
        boolean head = length >= 5
                && block[0] == 'H'
                && block[1] == 'E'
                && block[2] == 'A'
                && block[3] == 'D'
                && block[4] == ' ';
        return new RefusedRequestException(refusal, head);
    }

    private boolean isNamed(int nameEnd, String name) {
        return RequestHead.isNamed(block, lineStart, nameEnd, name);
    }

    private static boolean isSpace(byte b) {
        return b == ' ' || b == '\t';
    }

    private static boolean isDigit(byte b) {
        return b >= '0' && b <= '9';
    }

    private static boolean[] text() {
        boolean[] set = new boolean[256];
        Arrays.fill(set, ' ', set.length, true);
        set['\t'] = true;
        set[0x7f] = false;
        return set;
    }

    private static boolean[] lettersDigitsAnd(String marks) {
        boolean[] set = new boolean[256];
        for (char c = 0; c < 128; c++) {
            set[c] =
                    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || marks.indexOf(c) >= 0;
        }
        return set;
    }
}
