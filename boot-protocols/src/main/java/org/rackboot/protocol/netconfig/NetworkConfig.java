package org.rackboot.protocol.netconfig;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * The network configuration of one machine. One that exists is valid: it comes from {@link #read} alone, and {@link #tree} gives
 * its canonical form back.
 *
 * <p>The form is netplan's, which cloud-init calls network-config version 2: {@code version}, {@code ethernets}, {@code bonds},
 * {@code vlans}, {@code bridges}, bare or below {@code network}. What is kept in another way than it was written:
 *
 * <ul>
 *   <li>{@code gateway4} and {@code gateway6} become routes to 0.0.0.0/0 and ::/0, as does {@code to: default}.
 *   <li>{@code auto} among the addresses becomes {@code dhcp4: true}. rackboot hands out no addresses: an address that the
 *       operator's system assigned is written as a static one, and without one the machine asks DHCP.
 *   <li>{@code dhcp4: false} and whatever is null or empty is left out.
 *   <li>An interface with {@code match.macaddress} is given its name, so that VLANs and bonds find it by it. Where
 *       {@code set-name} is another, that is its name here, also where others mention it: cloud-init's writers for systems
 *       without netplan mix the two up.
 *   <li>Interfaces are sorted by name; addresses, routes, members and name servers keep their order.
 * </ul>
 */
public final class NetworkConfig {
    public static final int MAX_INTERFACES = 256;
    public static final int MAX_ADDRESSES = 64;
    public static final int MAX_ROUTES = 256;

    private final List<Link> links;

    /** @param links checked, and sorted by section and name */
    NetworkConfig(List<Link> links) {
        this.links = List.copyOf(links);
    }

    /**
     * @param config empty if there is any problem
     * @param problems all that was found, 65 at most
     */
    public record Reading(Optional<NetworkConfig> config, List<Problem> problems) {
        public Reading {
            problems = List.copyOf(problems);
        }
    }

    /**
     * @param path where: {@code bonds.bond0.parameters.mode}; empty for the whole
     * @param message what is wrong, and what to write instead; one line
     */
    public record Problem(String path, String message) {
        @Override
        public String toString() {
            return path.isEmpty() ? message : path + ": " + message;
        }
    }

    /** An interface: a card, or what is made of others. */
    public sealed interface Link permits Ethernet, Bond, Vlan, Bridge {
        String name();

        Common common();

        /** The key that it stands below. */
        String section();

        /** The interfaces that it is made of, by name. */
        List<String> below();

        /** {@code vlans.vlan10}. */
        default String path() {
            return section() + "." + name();
        }
    }

    /**
     * A network card.
     *
     * @param name in the running system
     * @param mac how it is found; without one, by its name
     */
    public record Ethernet(String name, Optional<MacAddress> mac, Common common) implements Link {
        @Override
        public String section() {
            return "ethernets";
        }

        @Override
        public List<String> below() {
            return List.of();
        }
    }

    /**
     * Cards that act as one.
     *
     * @param members names of Ethernet interfaces, at least one
     * @param parameters see {@code docs/network-config.md}; without the mode
     */
    public record Bond(String name, List<String> members, BondMode mode, Map<String, Object> parameters, Common common)
            implements Link {
        @Override
        public String section() {
            return "bonds";
        }

        @Override
        public List<String> below() {
            return members;
        }
    }

    /** @param id 1 to 4094 */
    public record Vlan(String name, int id, String link, Common common) implements Link {
        @Override
        public String section() {
            return "vlans";
        }

        @Override
        public List<String> below() {
            return List.of(link);
        }
    }

    public record Bridge(String name, List<String> members, Map<String, Object> parameters, Common common)
            implements Link {
        @Override
        public String section() {
            return "bridges";
        }

        @Override
        public List<String> below() {
            return members;
        }
    }

    /**
     * What any interface may have.
     *
     * @param addresses static ones; the first is the interface's own, the others are aliases
     * @param mtu bytes
     * @param others flags and the like that are passed on, by name
     */
    public record Common(
            Dhcp dhcp4,
            Dhcp dhcp6,
            List<Cidr> addresses,
            List<Route> routes,
            Nameservers nameservers,
            OptionalInt mtu,
            Map<String, Object> others) {

        /** Whether anything gives it an address. */
        boolean hasAddress() {
            return dhcp4.on() || dhcp6.on() || !addresses.isEmpty() || Boolean.TRUE.equals(others.get("accept-ra"));
        }

        Dhcp dhcp(boolean v6) {
            return v6 ? dhcp6 : dhcp4;
        }

        List<Cidr> addresses(boolean v6) {
            return addresses.stream()
                    .filter(each -> each.address().isV6() == v6)
                    .toList();
        }
    }

    /** @param overrides what of the server's answer is used; empty unless it is asked */
    public record Dhcp(boolean on, Map<String, Object> overrides) {}

    /**
     * @param to a network; 0.0.0.0/0 or ::/0 is the default route
     * @param via of the same family
     * @param onLink whether the gateway is reached directly although it is in no network of the interface
     */
    public record Route(Cidr to, Ip via, OptionalLong metric, OptionalLong table, boolean onLink) {
        boolean isDefault() {
            return to.prefix() == 0;
        }
    }

    public record Nameservers(List<Ip> addresses, List<String> search) {
        boolean areNone() {
            return addresses.isEmpty() && search.isEmpty();
        }
    }

    /**
     * Reads what a JSON or YAML parser gives: maps, lists, texts, numbers, booleans. Reports everything that is wrong at once.
     *
     * @param tree never changed, and not kept
     */
    public static Reading read(@Nullable Object tree) {
        return new NetworkConfigReader().read(tree);
    }

    /** Ethernet interfaces, bonds, VLANs, bridges; each sorted by name. */
    public List<Link> links() {
        return links;
    }

    <T extends Link> List<T> links(Class<T> kind) {
        return links.stream().filter(kind::isInstance).map(kind::cast).toList();
    }

    /** The canonical form, ready for a JSON or YAML writer; reading it gives an equal configuration. */
    public Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("version", 2L);
        for (Link link : links) {
            section(tree, link.section()).put(link.name(), tree(link));
        }
        return tree;
    }

    @SuppressWarnings("unchecked") // It was put there a line above.
    private static Map<String, Object> section(Map<String, Object> tree, String name) {
        return (Map<String, Object>) tree.computeIfAbsent(name, each -> new LinkedHashMap<String, Object>());
    }

    private static Map<String, Object> tree(Link link) {
        Map<String, Object> tree = new LinkedHashMap<>();
        if (link instanceof Ethernet ethernet && ethernet.mac().isPresent()) {
            tree.put("match", Map.of("macaddress", ethernet.mac().get().text()));
            tree.put("set-name", ethernet.name());
        } else if (link instanceof Bond bond) {
            Map<String, Object> parameters = new TreeMap<>(bond.parameters());
            parameters.put("mode", bond.mode().word());
            tree.put("interfaces", bond.members());
            tree.put("parameters", parameters);
        } else if (link instanceof Vlan vlan) {
            tree.put("id", (long) vlan.id());
            tree.put("link", vlan.link());
        } else if (link instanceof Bridge bridge) {
            putUnlessEmpty(tree, "interfaces", bridge.members());
            putUnlessEmpty(tree, "parameters", bridge.parameters());
        }
        Common common = link.common();
        for (boolean v6 : new boolean[] {false, true}) {
            if (common.dhcp(v6).on()) {
                tree.put(v6 ? "dhcp6" : "dhcp4", true);
                putUnlessEmpty(
                        tree,
                        v6 ? "dhcp6-overrides" : "dhcp4-overrides",
                        common.dhcp(v6).overrides());
            }
        }
        putUnlessEmpty(tree, "addresses", texts(common.addresses()));
        putUnlessEmpty(
                tree,
                "routes",
                common.routes().stream().map(NetworkConfig::tree).toList());
        Map<String, Object> nameservers = new LinkedHashMap<>();
        putUnlessEmpty(nameservers, "addresses", texts(common.nameservers().addresses()));
        putUnlessEmpty(nameservers, "search", common.nameservers().search());
        putUnlessEmpty(tree, "nameservers", nameservers);
        common.mtu().ifPresent(mtu -> tree.put("mtu", (long) mtu));
        tree.putAll(common.others());
        return tree;
    }

    private static Map<String, Object> tree(Route route) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("to", route.to().toString());
        tree.put("via", route.via().toString());
        route.metric().ifPresent(metric -> tree.put("metric", metric));
        route.table().ifPresent(table -> tree.put("table", table));
        if (route.onLink()) {
            tree.put("on-link", true);
        }
        return tree;
    }

    private static List<String> texts(List<?> values) {
        List<String> texts = new ArrayList<>();
        values.forEach(each -> texts.add(each.toString()));
        return texts;
    }

    private static void putUnlessEmpty(Map<String, Object> tree, String key, Object value) {
        boolean empty = value instanceof Map<?, ?> map ? map.isEmpty() : ((Collection<?>) value).isEmpty();
        if (!empty) {
            tree.put(key, value);
        }
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof NetworkConfig config && config.links.equals(links);
    }

    @Override
    public int hashCode() {
        return links.hashCode();
    }

    @Override
    public String toString() {
        return tree().toString();
    }
}
