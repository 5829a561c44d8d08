package org.rackboot.protocol.dhcp6;

/** A datagram that is not DHCPv6. Ordinary on an open port, so checked: the caller chooses what to do. */
public final class MalformedDhcp6Exception extends Exception {
    public MalformedDhcp6Exception(String message) {
        super(message, null, false, false); // Strangers cause them by the thousand: no stack trace.
    }
}
