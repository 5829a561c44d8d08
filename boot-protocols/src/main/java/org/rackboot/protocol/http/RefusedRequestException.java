package org.rackboot.protocol.http;

/** What came is no request. Strangers cause it at will, so it carries no stack trace. */
public final class RefusedRequestException extends Exception {
    private final RequestRefusal refusal;
    private final boolean head;

    RefusedRequestException(RequestRefusal refusal, boolean head) {
        super(refusal.sentence(), null, false, false);
        this.refusal = refusal;
        this.head = head;
    }

    public RequestRefusal refusal() {
        return refusal;
    }

    /** Whether it began as HEAD, whose answer has no body whatever it says. */
    public boolean isHead() {
        return head;
    }
}
