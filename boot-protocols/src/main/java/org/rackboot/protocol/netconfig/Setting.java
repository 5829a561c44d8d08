package org.rackboot.protocol.netconfig;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * A setting that is passed on as it is: what it is called, and which values it may have. Values are Boolean, Long, String, a
 * list of Strings, or Long by String.
 *
 * @param wanted completes "use …"
 * @param read gives the canonical value; empty if it is none
 */
record Setting(String name, String wanted, Function<Object, Optional<Object>> read) {
    private static final int MAX_TARGETS = 16;

    /** What any interface may have beside addresses and routes. */
    static final List<Setting> COMMON = List.of(
            flag("accept-ra"),
            flag("critical"),
            choice("dhcp-identifier", "duid", "mac"),
            flag("ipv6-privacy"),
            families("link-local"),
            flag("optional"));

    static final List<Setting> ETHERNET = plus(COMMON, flag("wakeonlan"));

    /** Of a bond, VLAN or bridge: an Ethernet interface has the address that it is found by. */
    static final List<Setting> VIRTUAL = plus(COMMON, mac("macaddress"));

    static final List<Setting> DHCP_OVERRIDES = List.of(
            number("route-metric", 0, 0xFFFF_FFFFL),
            flag("send-hostname"),
            flag("use-dns"),
            flag("use-hostname"),
            flag("use-mtu"),
            flag("use-ntp"),
            flag("use-routes"));

    /** Ranges are those of the kernel (Documentation/networking/bonding) and of netplan. */
    static final List<Setting> BOND = List.of(
            choice("ad-select", "bandwidth", "count", "stable"),
            flag("all-slaves-active"),
            choice("arp-all-targets", "all", "any"),
            number("arp-interval", 0, 3_600_000),
            targets("arp-ip-targets"),
            choice("arp-validate", "active", "all", "backup", "none"),
            number("down-delay", 0, 3_600_000),
            choice("fail-over-mac-policy", "active", "follow", "none"),
            number("gratuitous-arp", 1, 255),
            choice("lacp-rate", "fast", "slow"),
            digits("learn-packet-interval", 1, 0x7FFF_FFFF),
            digits("mii-monitor-interval", 0, 3_600_000),
            number("min-links", 0, 256),
            number("packets-per-slave", 0, 65_535),
            member("primary"),
            choice("primary-reselect-policy", "always", "better", "failure"),
            choice("transmit-hash-policy", "encap2+3", "encap3+4", "layer2", "layer2+3", "layer3+4"),
            number("up-delay", 0, 3_600_000));

    /** Ranges of IEEE 802.1D; a forward delay of 0 is for bridges without spanning tree. */
    static final List<Setting> BRIDGE = List.of(
            number("ageing-time", 0, 1_000_000),
            number("forward-delay", 0, 30),
            number("hello-time", 1, 10),
            number("max-age", 6, 40),
            costs("path-cost", 65_535),
            costs("port-priority", 63),
            number("priority", 0, 65_535),
            flag("stp"));

    static Setting flag(String name) {
        return new Setting(name, "true or false", value -> asFlag(value).map(Object.class::cast));
    }

    static Setting number(String name, long least, long most) {
        return new Setting(
                name,
                "%d to %d".formatted(least, most),
                value -> asNumber(value)
                        .filter(number -> number >= least && number <= most)
                        .map(Object.class::cast));
    }

    /** A number that cloud-init's schema wants as text. */
    private static Setting digits(String name, long least, long most) {
        Setting number = number(name, least, most);
        return new Setting(
                name, number.wanted, value -> number.read.apply(value).map(Object::toString));
    }

    static Setting choice(String name, String... values) {
        List<String> choices = List.of(values);
        return new Setting(
                name,
                "one of " + String.join(", ", choices),
                value -> Optional.of(value).filter(String.class::isInstance).filter(choices::contains));
    }

    private static Setting mac(String name) {
        return new Setting(
                name,
                "an address of one card in quotes, as '52:54:00:12:34:56'",
                value -> asMac(value).map(MacAddress::text));
    }

    /** Which of its members is meant; that it is one is checked with the others. */
    private static Setting member(String name) {
        return new Setting(
                name, "the name of a member", value -> Optional.of(value).filter(String.class::isInstance));
    }

    private static Setting families(String name) {
        return new Setting(name, "a list of ipv4, ipv6, or none of them: []", value -> {
            if (!(value instanceof List<?> list) || list.size() > 2) {
                return Optional.empty();
            }
            TreeSet<String> families = new TreeSet<>();
            for (Object each : list) {
                if (!"ipv4".equals(each) && !"ipv6".equals(each)) {
                    return Optional.empty();
                }
                families.add((String) each);
            }
            return Optional.of(List.copyOf(families));
        });
    }

    private static Setting targets(String name) {
        return new Setting(name, "a list of 1 to %d IPv4 addresses".formatted(MAX_TARGETS), value -> {
            if (!(value instanceof List<?> list) || list.isEmpty() || list.size() > MAX_TARGETS) {
                return Optional.empty();
            }
            List<String> targets = new ArrayList<>();
            for (Object each : list) {
                Optional<Ip> address = Optional.ofNullable(each)
                        .filter(String.class::isInstance)
                        .flatMap(text -> Ip.parse((String) text))
                        .filter(ip -> !ip.isV6() && !ip.isUnspecified() && !ip.isMulticastOrReserved());
                if (address.isEmpty()) {
                    return Optional.empty();
                }
                targets.add(address.get().toString());
            }
            return Optional.of(List.copyOf(targets));
        });
    }

    private static Setting costs(String name, long most) {
        Setting number = number(name, 0, most);
        return new Setting(name, "members with a number each, 0 to %d".formatted(most), value -> {
            if (!(value instanceof Map<?, ?> map) || map.isEmpty() || map.size() > NetworkConfig.MAX_INTERFACES) {
                return Optional.empty();
            }
            TreeMap<String, Object> costs = new TreeMap<>();
            for (Map.Entry<?, ?> each : map.entrySet()) {
                Optional<Object> cost =
                        Optional.<Object>ofNullable(each.getValue()).flatMap(number.read);
                if (!(each.getKey() instanceof String member) || cost.isEmpty()) {
                    return Optional.empty();
                }
                costs.put(member, cost.get());
            }
            return Optional.of(costs);
        });
    }

    /** A YAML 1.1 parser gives Booleans for yes and on, one of YAML 1.2 gives texts. */
    static Optional<Boolean> asFlag(Object value) {
        if (value instanceof Boolean flag) {
            return Optional.of(flag);
        }
        if (!(value instanceof String text)) {
            return Optional.empty();
        }
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true", "yes", "on" -> Optional.of(true);
            case "false", "no", "off" -> Optional.of(false);
            default -> Optional.empty();
        };
    }

    static Optional<Long> asNumber(Object value) {
        if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return Optional.of(((Number) value).longValue());
        }
        if (value instanceof BigInteger big && big.bitLength() < Long.SIZE) {
            return Optional.of(big.longValue());
        }
        return value instanceof String text && text.matches("0|[1-9][0-9]{0,9}")
                ? Optional.of(Long.valueOf(text))
                : Optional.empty();
    }

    /** Empty for group addresses and for 00:00:00:00:00:00, too: no card has them. */
    static Optional<MacAddress> asMac(Object value) {
        return Optional.of(value)
                .filter(String.class::isInstance)
                .map(String.class::cast)
                .filter(text -> text.length() == 17)
                .flatMap(MacAddress::parse)
                .filter(mac -> (Character.digit(mac.text().charAt(1), 16) & 1) == 0)
                .filter(mac -> !mac.text().equals("00:00:00:00:00:00"));
    }

    private static List<Setting> plus(List<Setting> some, Setting one) {
        List<Setting> all = new ArrayList<>(some);
        all.add(one);
        return List.copyOf(all);
    }
}
