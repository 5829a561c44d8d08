package org.rackboot.protocol.dhcp;

/** A datagram that is not DHCP. Ordinary on an open port, so checked: the caller chooses what to do. */
public final class MalformedDhcpException extends Exception {
    public MalformedDhcpException(String message) {
        super(message, null, false, false); // Strangers cause them by the thousand: no stack trace.
    }
}
