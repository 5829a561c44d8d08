package org.rackboot.protocol.netconfig;

import java.util.Optional;

/**
 * An address and the length of its network's prefix: {@code 198.18.0.7/24}. With all later bits zero it is the network itself.
 *
 * @param prefix 0 to 32 or 128
 */
public record Cidr(Ip address, int prefix) {
    public Cidr {
        if (prefix < 0 || prefix > address.bits()) {
            throw new IllegalArgumentException("a prefix of %d bits".formatted(prefix));
        }
    }

    /** Empty without a prefix, too: who leaves it out rarely means one address alone. */
    public static Optional<Cidr> parse(String text) {
        int slash = text.indexOf('/');
        if (slash < 0 || !text.substring(slash + 1).matches("0|[1-9][0-9]{0,2}")) {
            return Optional.empty();
        }
        int prefix = Integer.parseInt(text.substring(slash + 1));
        return Ip.parse(text.substring(0, slash))
                .filter(address -> prefix <= address.bits())
                .map(address -> new Cidr(address, prefix));
    }

    /** {@code 0.0.0.0/0} or {@code ::/0}. */
    static Cidr everything(boolean v6) {
        return new Cidr(new Ip(v6, 0, 0), 0);
    }

    Cidr network() {
        return new Cidr(address.first(prefix), prefix);
    }

    /** Whether an address is in this network, or in that of this address. */
    public boolean contains(Ip other) {
        return other.isV6() == address.isV6() && other.first(prefix).equals(address.first(prefix));
    }

    /** {@code 255.255.255.0}; of IPv4 only. */
    String netmask() {
        return new Ip(false, 0, 0xFFFF_FFFFL).first(prefix).toString();
    }

    @Override
    public String toString() {
        return address + "/" + prefix;
    }
}
