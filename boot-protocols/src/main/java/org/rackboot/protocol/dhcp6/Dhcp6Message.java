package org.rackboot.protocol.dhcp6;

import org.rackboot.protocol.address.Ipv6Address;

/** One DHCPv6 message (RFC 8415, 8 and 9). Holds values, not wire bytes. */
public sealed interface Dhcp6Message {
    Dhcp6Options options();

    /**
     * Between a client and a server.
     *
     * @param type from 0 to 255, one of {@link Dhcp6Type} or not; never a relay's
     * @param transactionId from 0 to 0xFFFFFF
     */
    record Exchange(int type, int transactionId, Dhcp6Options options) implements Dhcp6Message {
        public Exchange {
            if (type < 0 || type > 255 || Dhcp6Type.isRelay(type) || transactionId >>> 24 != 0) {
                throw new IllegalArgumentException(
                        "DHCPv6 message of type %d in transaction %x".formatted(type, transactionId));
            }
        }
    }

    /**
     * What a relay agent passes on, or is to pass on; the message itself is the option {@link Dhcp6Option.RelayMessage}.
     *
     * @param isForward Relay-forward, else Relay-reply
     * @param hopCount how many relays had it before, from 0 to 8
     * @param link tells on which link the client is; unspecified if the interface id does
     * @param peer whom it came from
     */
    record Relay(boolean isForward, int hopCount, Ipv6Address link, Ipv6Address peer, Dhcp6Options options)
            implements Dhcp6Message {
        public Relay {
            if (hopCount < 0 || hopCount > Dhcp6Codec.MOST_RELAYS) {
                throw new IllegalArgumentException("DHCPv6 relay message after %d hops".formatted(hopCount));
            }
            if (options.first(Dhcp6Option.RelayMessage.class).isEmpty()) {
                throw new IllegalArgumentException("DHCPv6 relay message without a message");
            }
        }

        public Dhcp6Message message() {
            return options.first(Dhcp6Option.RelayMessage.class).orElseThrow().message();
        }
    }
}
