package org.rackboot.protocol.http;

/**
 * Why a header block is no request that this server takes: a closed set of sentences, so nothing a stranger wrote comes
 * back to anyone.
 */
public enum RequestRefusal {
    MALFORMED_LINE(400, "the request line is malformed"),
    MALFORMED_FIELD(400, "a header field is malformed"),
    /** NUL, another control, or a line that does not end in CR LF: what parsers disagree on (S-16). */
    STRAY_BYTE(400, "the header has a byte that no header has"),
    HOST(400, "a request names one host"),
    CONTENT_LENGTH(400, "the length of the body is not clear"),
    TRANSFER_CODING(400, "a request's body comes with its length, and uncoded"),
    TARGET_TOO_LONG(414, "the request line is too long"),
    HEADER_TOO_LONG(431, "the header is too long"),
    VERSION(505, "this server speaks HTTP/1.1 and HTTP/1.0");

    private final int status;
    private final String sentence;

    RequestRefusal(int status, String sentence) {
        this.status = status;
        this.sentence = sentence;
    }

    public int status() {
        return status;
    }

    public String sentence() {
        return sentence;
    }
}
