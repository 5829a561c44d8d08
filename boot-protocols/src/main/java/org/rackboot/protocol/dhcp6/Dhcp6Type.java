package org.rackboot.protocol.dhcp6;

/** Numbers of messages (RFC 8415, 7.3). */
public final class Dhcp6Type {
    public static final int SOLICIT = 1;
    public static final int ADVERTISE = 2;
    public static final int REQUEST = 3;
    public static final int CONFIRM = 4;
    public static final int RENEW = 5;
    public static final int REBIND = 6;
    public static final int REPLY = 7;
    public static final int RELEASE = 8;
    public static final int DECLINE = 9;
    public static final int RECONFIGURE = 10;
    public static final int INFORMATION_REQUEST = 11;
    public static final int RELAY_FORWARD = 12;
    public static final int RELAY_REPLY = 13;

    private Dhcp6Type() {}

    static boolean isRelay(int type) {
        return type == RELAY_FORWARD || type == RELAY_REPLY;
    }

    /** What only a server sends. */
    static boolean isAnswer(int type) {
        return type == ADVERTISE || type == REPLY || type == RECONFIGURE;
    }
}
