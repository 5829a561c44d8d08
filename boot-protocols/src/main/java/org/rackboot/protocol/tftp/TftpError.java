package org.rackboot.protocol.tftp;

/** The error codes this server sends (RFC 1350 appendix, RFC 2347). */
public final class TftpError {
    /**
     * File not found. Also used when content cannot be had: U-Boot stops for 1 and 2 only, and starts
     * again for ever after any other code (quirk T7).
     */
    public static final int NOT_FOUND = 1;

    /** Access violation: the request is understood and refused. */
    public static final int ACCESS_VIOLATION = 2;

    /** Illegal operation: a transfer mode that is not served. */
    public static final int ILLEGAL_OPERATION = 4;

    /** Unknown transfer ID: a packet from an address that has no part in the transfer. */
    public static final int UNKNOWN_TRANSFER = 5;

    private TftpError() {}
}
