package org.rackboot.protocol.netconfig;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Networks that are right, drawn from a seed; and the same with something broken. */
final class RandomNetworks {
    private static final List<String> NAMES =
            List.of("eth", "on", "1e", "0x", "y", "NO", "null", "a.b-c_", "true", "e", "0.", "1_0", "N", "eno1np");

    private final Random random;
    private int networks;

    RandomNetworks(long seed) {
        random = new Random(seed);
    }

    Map<String, Object> next() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("version", 2);
        Map<String, Map<String, Object>> cards = new LinkedHashMap<>();
        List<String> free = new ArrayList<>();
        int count = 2 + random.nextInt(6);
        for (int i = 0; i < count; i++) {
            String name = pick(NAMES) + "e" + i;
            Map<String, Object> card = new LinkedHashMap<>();
            card.put("match", map("macaddress", "52:54:00:12:34:%02d".formatted(i)));
            if (random.nextInt(4) == 0) {
                card.put("set-name", pick(NAMES) + "s" + i);
            }
            cards.put(name, card);
            free.add(name);
        }
        tree.put("ethernets", cards);
        List<String> carriers = new ArrayList<>();
        if (random.nextBoolean()) {
            String first = free.remove(0);
            String second = free.remove(0);
            Map<String, Object> parameters = new LinkedHashMap<>();
            String mode = pick(BondMode.words());
            parameters.put("mode", mode);
            if (mode.equals("active-backup")) {
                parameters.put("primary", random.nextBoolean() ? first : second);
            }
            if (mode.equals("802.3ad")) {
                parameters.put("transmit-hash-policy", "layer3+4");
                parameters.put("lacp-rate", pick(List.of("fast", "slow")));
            }
            parameters.put("mii-monitor-interval", random.nextBoolean() ? (Object) 100 : "100");
            Map<String, Object> bond = map("interfaces", List.of(first, second));
            bond.put("parameters", parameters);
            addresses(bond);
            tree.put("bonds", map("bond0", bond));
            carriers.add("bond0");
        }
        Map<String, Object> vlans = new LinkedHashMap<>();
        Map<String, Object> bridges = new LinkedHashMap<>();
        for (String name : free) {
            switch (random.nextInt(4)) {
                case 0 -> bridges.put("br" + bridges.size(), addresses(map("interfaces", List.of(name))));
                case 1 -> carriers.add(name);
                default -> cards.computeIfPresent(name, (key, card) -> addresses(card));
            }
        }
        for (String carrier : carriers) {
            for (int i = 1; i <= random.nextInt(3); i++) {
                Map<String, Object> vlan = map("link", carrier);
                vlan.put("id", random.nextBoolean() ? (Object) (i * 1000) : Integer.toString(i * 1000));
                vlans.put(pick(NAMES) + "v" + vlans.size(), addresses(vlan));
            }
        }
        if (!vlans.isEmpty()) {
            tree.put("vlans", vlans);
        }
        if (!bridges.isEmpty()) {
            tree.put("bridges", bridges);
        }
        return random.nextBoolean() ? tree : map("network", tree);
    }

    /** Whatever a parser may give, wherever. */
    Object broken(Object tree) {
        if (random.nextInt(12) == 0) {
            return pick(List.of(
                    "x",
                    "",
                    "on",
                    7,
                    -1,
                    0.5,
                    true,
                    List.of(),
                    Map.of(),
                    List.of(List.of()),
                    Map.of(1, 2),
                    "198.18.0.0/24",
                    "\u0000\n",
                    "9".repeat(2_000),
                    Long.MIN_VALUE,
                    Map.of("a".repeat(500), "b"),
                    "::ffff:1.2.3.4/128",
                    "::/0"));
        }
        if (tree instanceof Map<?, ?> map) {
            Map<Object, Object> copy = new LinkedHashMap<>();
            map.forEach((key, value) -> copy.put(
                    random.nextInt(20) == 0 ? pick(List.of(key + "x", 5, true, "link", "\u202e")) : key,
                    random.nextInt(30) == 0 ? null : broken(value)));
            return copy;
        }
        if (tree instanceof List<?> list) {
            List<Object> copy = new ArrayList<>();
            list.forEach(each -> copy.add(random.nextInt(20) == 0 ? null : broken(each)));
            return copy;
        }
        return tree;
    }

    private Map<String, Object> addresses(Map<String, Object> link) {
        int net = networks++;
        switch (random.nextInt(5)) {
            case 0 -> link.put("dhcp4", pick(List.of(true, "yes", "on")));
            case 1 -> {
                link.put("addresses", List.of("198.18.%d.7/24".formatted(net), "198.19.%d.7/24".formatted(net)));
                link.put(
                        "routes",
                        List.of(map(
                                "to",
                                "198.51.%d.0/24".formatted(net),
                                "via",
                                "198.18.%d.1".formatted(net),
                                "metric",
                                5)));
            }
            case 2 -> {
                link.put("addresses", List.of("2001:DB8:%x::7/64".formatted(net)));
                link.put("nameservers", map("addresses", List.of("2001:db8::53"), "search", List.of("Example.com")));
                link.put("accept-ra", random.nextBoolean());
            }
            case 3 -> link.put("addresses", List.of("auto", "198.18.%d.9/31".formatted(net)));
            default -> link.put("mtu", 1400);
        }
        return link;
    }

    private static Map<String, Object> map(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put((String) pairs[i], pairs[i + 1]);
        }
        return map;
    }

    private <T> T pick(List<T> some) {
        return some.get(random.nextInt(some.size()));
    }
}
