package org.rackboot.region.machine;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Whom an assignment is for.
 *
 * @param kind of what
 * @param value a machine's name or MAC address, a tag's name, a network as {@code 198.18.0.0/15}, an architecture; empty
 *     for {@link Kind#DEFAULT}
 */
public record Target(Kind kind, String value) {
    private static final Pattern IPV4 = Pattern.compile("(0|[1-9][0-9]{0,2})([.](0|[1-9][0-9]{0,2})){3}");
    private static final Pattern IPV6 = Pattern.compile("[0-9a-fA-F:.]*:[0-9a-fA-F:.]*");
    private static final Pattern PREFIX = Pattern.compile("0|[1-9][0-9]{0,2}");
    private static final int IPV4_BITS = 32;

    /** The more a kind says of a machine, the earlier it counts. */
    public enum Kind {
        MACHINE(""),
        TAG("tag:"),
        SUBNET("subnet:"),
        ARCH("arch:"),
        DEFAULT("default");

        private final String prefix;

        Kind(String prefix) {
            this.prefix = prefix;
        }
    }

    /** Reads {@code NAME}, {@code MAC}, {@code tag:T}, {@code subnet:CIDR}, {@code arch:A} or {@code default}. */
    public static Optional<Target> parse(String text) {
        if (text.equals(Kind.DEFAULT.prefix)) {
            return Optional.of(new Target(Kind.DEFAULT, ""));
        }
        if (text.startsWith(Kind.TAG.prefix)) {
            return Optional.of(text.substring(Kind.TAG.prefix.length()))
                    .filter(Tag::isName)
                    .map(name -> new Target(Kind.TAG, name));
        }
        if (text.startsWith(Kind.SUBNET.prefix)) {
            return subnet(text.substring(Kind.SUBNET.prefix.length())).map(subnet -> new Target(Kind.SUBNET, subnet));
        }
        if (text.startsWith(Kind.ARCH.prefix)) {
            return Optional.of(text.substring(Kind.ARCH.prefix.length()))
                    .filter(Machine.ARCHITECTURES::contains)
                    .map(arch -> new Target(Kind.ARCH, arch));
        }
        Optional<String> mac = Machine.mac(text);
        return mac.or(() -> Optional.of(text).filter(Machine::isName)).map(key -> new Target(Kind.MACHINE, key));
    }

    /** As it is parsed, each target in one way alone. */
    public String text() {
        return kind.prefix + value;
    }

    /** One spelling of each network; empty unless its first address is named. */
    private static Optional<String> subnet(String text) {
        int slash = text.indexOf('/');
        String literal = slash < 0 ? text : text.substring(0, slash);
        if (!IPV4.matcher(literal).matches() && !IPV6.matcher(literal).matches()) {
            return Optional.empty(); // Nothing that would be looked up in DNS.
        }
        byte[] address;
        try {
            address = InetAddress.getByName(literal).getAddress();
        } catch (UnknownHostException e) {
            return Optional.empty();
        }
        int bits = 8 * address.length;
        String prefixText = slash < 0 ? Integer.toString(bits) : text.substring(slash + 1);
        boolean mapped = bits == IPV4_BITS && literal.indexOf(':') >= 0; // That is an IPv4 address, said otherwise.
        if (mapped || !PREFIX.matcher(prefixText).matches() || Integer.parseInt(prefixText) > bits) {
            return Optional.empty();
        }
        int prefix = Integer.parseInt(prefixText);
        for (int bit = prefix; bit < bits; bit++) {
            if ((address[bit / 8] & 0x80 >> bit % 8) != 0) {
                return Optional.empty();
            }
        }
        return Optional.of(spelled(address) + "/" + prefix);
    }

    /** IPv6 as RFC 5952 has it: the first of the longest runs of zero groups is left out. */
    private static String spelled(byte[] address) {
        if (8 * address.length == IPV4_BITS) {
            return "%d.%d.%d.%d".formatted(address[0] & 255, address[1] & 255, address[2] & 255, address[3] & 255);
        }
        StringBuilder groups = new StringBuilder();
        for (int i = 0; i < address.length; i += 2) {
            groups.append(':').append(Integer.toHexString(((address[i] & 255) << 8) | (address[i + 1] & 255)));
        }
        String all = groups.toString();
        for (int zeros = address.length / 2; zeros >= 2; zeros--) {
            int at = (all + ":").indexOf(":0".repeat(zeros) + ":");
            if (at >= 0) {
                String tail = all.substring(at + 2 * zeros);
                return (at == 0 ? "" : all.substring(1, at)) + "::" + (tail.isEmpty() ? "" : tail.substring(1));
            }
        }
        return all.substring(1);
    }
}
