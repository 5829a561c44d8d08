package org.rackboot.protocol.tftp;

/** The error codes that server and client send (RFC 1350 appendix, RFC 2347). */
public final class TftpError {
    /** What has no code of its own; the text says it. */
    public static final int UNDEFINED = 0;

    /**
     * File not found. Also used when content cannot be had: U-Boot stops for 1 and 2 only, and starts
     * again for ever after any other code (quirk T7).
     */
    public static final int NOT_FOUND = 1;

    /** Access violation: the request is understood and refused. */
    public static final int ACCESS_VIOLATION = 2;

    /** The receiver cannot keep the bytes. */
    public static final int DISK_FULL = 3;

    /** Illegal operation: a transfer mode that is not served, a block that breaks what was agreed. */
    public static final int ILLEGAL_OPERATION = 4;

    /** Unknown transfer ID: a packet from an address that has no part in the transfer. */
    public static final int UNKNOWN_TRANSFER = 5;

    /** A client's: the options that were granted are not what was asked (RFC 2347). */
    public static final int OPTION_REFUSED = 8;

    private TftpError() {}
}
