package org.rackboot.protocol.bootname;

/** A name that cannot be any boot file's. Its reason never repeats the name. */
public final class InvalidBootNameException extends Exception {
    private final String reason;

    public InvalidBootNameException(String reason) {
        super(reason);
        this.reason = reason;
    }

    public String reason() {
        return reason;
    }
}
