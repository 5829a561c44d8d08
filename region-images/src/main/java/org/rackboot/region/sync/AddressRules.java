package org.rackboot.region.sync;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.rackboot.region.sync.Mirror.MirrorException;
import org.rackboot.region.sync.Mirror.RefusedAddressException;

/**
 * Where a boot source may lead (S-37). Pure.
 *
 * <p>An operator may type what they like, a loopback or private address included, but for addresses that are never a
 * mirror: link-local ones, the metadata services of clouds, unspecified, multicast and reserved ones. A redirect may lead
 * to the public internet, or stay on the host that was typed as long as that keeps answering from the same kind of address;
 * so nobody outside has the region fetch from inside. Every address of a name is judged, and the caller connects to one of
 * the judged ones, so a name that changes its mind in between changes nothing.
 */
final class AddressRules {

    /** What an address is to us. */
    enum Kind {
        PUBLIC,
        PRIVATE,
        LOOPBACK,
        /** Never fetched from, whoever asks. */
        NEVER
    }

    private static final Pattern NUMBER = Pattern.compile("(?i)[0-9]+|0x[0-9a-f]*");
    private static final Pattern DOTTED_QUAD = Pattern.compile("(?:(?:0|[1-9][0-9]{0,2})\\.){3}(?:0|[1-9][0-9]{0,2})");

    /** As CIDR; the first that fits decides. */
    private static final List<Range> RANGES = List.of(
            new Range("00000000", 8, Kind.NEVER), // Unspecified, "this network".
            new Range("7f000000", 8, Kind.LOOPBACK),
            new Range("a9fe0000", 16, Kind.NEVER), // Link-local; the metadata services of most clouds.
            new Range("646464c8", 32, Kind.NEVER), // 100.100.100.200: Alibaba's metadata service.
            new Range("a83f8110", 32, Kind.NEVER), // 168.63.129.16: Azure's host.
            new Range("c00000c0", 32, Kind.NEVER), // 192.0.0.192: Oracle's metadata service.
            new Range("e0000000", 3, Kind.NEVER), // Multicast, reserved, broadcast.
            new Range("0a000000", 8, Kind.PRIVATE),
            new Range("64400000", 10, Kind.PRIVATE), // Carriers' (RFC 6598).
            new Range("ac100000", 12, Kind.PRIVATE),
            new Range("c0000000", 24, Kind.PRIVATE),
            new Range("c0a80000", 16, Kind.PRIVATE),
            new Range("c6120000", 15, Kind.PRIVATE), // Benchmarks (RFC 2544).
            new Range("00000000000000000000000000000001", 128, Kind.LOOPBACK),
            new Range("00000000000000000000000000000000", 128, Kind.NEVER),
            new Range("fd000ec2000000000000000000000254", 128, Kind.NEVER), // Amazon's metadata service.
            new Range("fd2000ce000000000000000000000254", 128, Kind.NEVER), // Google's.
            new Range("fe800000000000000000000000000000", 10, Kind.NEVER), // Link-local.
            new Range("fec00000000000000000000000000000", 10, Kind.PRIVATE), // Site-local, once.
            new Range("fc000000000000000000000000000000", 7, Kind.PRIVATE),
            new Range("ff000000000000000000000000000000", 8, Kind.NEVER)); // Multicast.

    private record Range(byte[] start, int bits, Kind kind) {
        Range(String hex, int bits, Kind kind) {
            this(HexFormat.of().parseHex(hex), bits, kind);
        }

        boolean holds(byte[] address) {
            if (address.length != start.length) {
                return false;
            }
            for (int bit = 0; bit < bits; bit++) {
                int mask = 0x80 >> bit % 8;
                if ((address[bit / 8] & mask) != (start[bit / 8] & mask)) {
                    return false;
                }
            }
            return true;
        }
    }

    /**
     * A host that was typed, and where it is.
     *
     * @param kinds of its addresses; empty where a proxy looks names up
     */
    record Origin(String host, Set<Kind> kinds) {
        Origin {
            kinds = Set.copyOf(kinds);
        }
    }

    private final Predicate<InetAddress> isOurs;

    /** Rules that know this machine's addresses. */
    AddressRules() {
        this(AddressRules::isOfThisMachine);
    }

    /** @param isOurs tells the addresses that this program listens on */
    AddressRules(Predicate<InetAddress> isOurs) {
        this.isOurs = isOurs;
    }

    /** Judges what an operator typed. */
    Origin typed(String host, List<InetAddress> addresses) throws MirrorException {
        requireOrdinary(host);
        for (InetAddress address : addresses) {
            if (kind(address) == Kind.NEVER) {
                throw refused(host, address, "images are never fetched from such an address");
            }
        }
        return new Origin(normal(host), kinds(addresses));
    }

    /** Judges where a redirect leads. */
    void redirected(Origin from, String host, List<InetAddress> addresses) throws MirrorException {
        requireOrdinary(host);
        boolean sameHost = normal(host).equals(from.host());
        for (InetAddress address : addresses) {
            Kind kind = kind(address);
            if (kind == Kind.NEVER) {
                throw refused(host, address, "images are never fetched from such an address");
            }
            boolean asBefore = sameHost && from.kinds().contains(kind);
            if (!asBefore && (kind != Kind.PUBLIC || isOurs.test(address))) {
                throw refused(
                        host,
                        address,
                        "a redirect must not lead inside; if it is meant, give that address as the source's");
            }
        }
    }

    /** Which address a redirect names, and whether its scheme may follow the one before (S-39). */
    static URI location(URI from, String location) throws MirrorException {
        URI to;
        try {
            to = from.resolve(URI.create(location));
        } catch (IllegalArgumentException e) {
            throw new RefusedAddressException("the server redirects to something that is no address");
        }
        String scheme = String.valueOf(to.getScheme()).toLowerCase(Locale.ROOT);
        if (!scheme.equals("http") && !scheme.equals("https")) {
            throw new RefusedAddressException("the server redirects to an address that is neither http nor https");
        }
        if (scheme.equals("http") && "https".equalsIgnoreCase(from.getScheme())) {
            throw new RefusedAddressException(
                    "the server redirects from https to http, which anybody on the way can arrange");
        }
        if (to.getHost() == null || to.getRawUserInfo() != null) {
            throw new RefusedAddressException("the server redirects to an address without a plain host");
        }
        return to;
    }

    static Kind kind(InetAddress address) {
        byte[] bytes = plain(address.getAddress());
        return RANGES.stream()
                .filter(range -> range.holds(bytes))
                .map(Range::kind)
                .findFirst()
                .orElse(Kind.PUBLIC);
    }

    /** An IPv4 address that travels within an IPv6 one counts as what it is. */
    private static byte[] plain(byte[] address) {
        if (address.length != 16) {
            return address;
        }
        String hex = HexFormat.of().formatHex(address);
        if (hex.startsWith("2002")) { // 6to4
            return Arrays.copyOfRange(address, 2, 6);
        }
        boolean mapped = hex.startsWith("00000000000000000000ffff");
        boolean translated = hex.startsWith("0064ff9b0000000000000000"); // NAT64
        boolean compatible = hex.startsWith("000000000000000000000000") && !hex.startsWith("0000000", 24);
        return mapped || translated || compatible ? Arrays.copyOfRange(address, 12, 16) : address;
    }

    /** Programs read 0177.0.0.1 and 2130706433 differently, so neither is read at all. */
    static void requireOrdinary(String host) throws MirrorException {
        if (host.contains(":")) {
            return; // IPv6 has one reading.
        }
        String last =
                host.substring(host.lastIndexOf('.', host.length() - 2) + 1).replace(".", "");
        if (NUMBER.matcher(last).matches() && !DOTTED_QUAD.matcher(host).matches()) {
            throw new RefusedAddressException(
                    "the host '%s' is a number in an unusual spelling; write it as four decimal numbers"
                            .formatted(host));
        }
    }

    private static Set<Kind> kinds(List<InetAddress> addresses) {
        return addresses.stream().map(AddressRules::kind).collect(Collectors.toUnmodifiableSet());
    }

    private static String normal(String host) {
        String lower = host.toLowerCase(Locale.ROOT);
        return lower.endsWith(".") ? lower.substring(0, lower.length() - 1) : lower;
    }

    private static RefusedAddressException refused(String host, InetAddress address, String why) {
        String shown = address.getHostAddress();
        String where = host.equals(shown) ? shown : "%s (%s)".formatted(host, shown);
        return new RefusedAddressException("%s is refused: %s".formatted(where, why));
    }

    private static boolean isOfThisMachine(InetAddress address) {
        try {
            return NetworkInterface.getByInetAddress(address) != null;
        } catch (SocketException e) {
            return true; // Who cannot tell is careful.
        }
    }

    /** Looks names up; replaced where a test has names of its own. */
    @FunctionalInterface
    interface Resolver {
        /** Every address of a name or literal; at least one. */
        List<InetAddress> resolve(String host) throws UnknownHostException;

        static Resolver ofTheSystem() {
            return host -> List.of(InetAddress.getAllByName(host));
        }
    }

    /** Whether a host is an address and no name. */
    static boolean isLiteral(String host) {
        return host.startsWith("[") || DOTTED_QUAD.matcher(host).matches();
    }
}
