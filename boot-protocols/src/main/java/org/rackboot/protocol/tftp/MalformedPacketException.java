package org.rackboot.protocol.tftp;

/** A datagram that is not TFTP. Ordinary on an open port, so checked: the caller chooses what to do. */
public final class MalformedPacketException extends Exception {
    public MalformedPacketException(String message) {
        super(message);
    }
}
