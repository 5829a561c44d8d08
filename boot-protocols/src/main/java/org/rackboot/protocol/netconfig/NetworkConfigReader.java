package org.rackboot.protocol.netconfig;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.netconfig.NetworkConfig.Bond;
import org.rackboot.protocol.netconfig.NetworkConfig.Bridge;
import org.rackboot.protocol.netconfig.NetworkConfig.Common;
import org.rackboot.protocol.netconfig.NetworkConfig.Dhcp;
import org.rackboot.protocol.netconfig.NetworkConfig.Ethernet;
import org.rackboot.protocol.netconfig.NetworkConfig.Link;
import org.rackboot.protocol.netconfig.NetworkConfig.Nameservers;
import org.rackboot.protocol.netconfig.NetworkConfig.Reading;
import org.rackboot.protocol.netconfig.NetworkConfig.Route;
import org.rackboot.protocol.netconfig.NetworkConfig.Vlan;

/** Reads one tree. Each key is looked at by itself here; what interfaces mean to one another, {@link NetworkChecks} sees. */
final class NetworkConfigReader {
    private static final int MAX_NAME = 15; // IFNAMSIZ without the zero at its end
    private static final int MAX_KEYS = 64;
    private static final int MAX_NAMESERVERS = 16;
    private static final int MAX_SEARCH = 32;
    private static final int MAX_DOMAIN = 253;

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");
    private static final Pattern DOMAIN =
            Pattern.compile("(?i)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\\.?");

    /** Names that Linux has a meaning for. */
    private static final List<String> TAKEN = List.of("lo", "all", "default", "bonding_masters");

    private static final String OTHER_KIND = "; rackboot takes ethernets, bonds, vlans and bridges";

    /** What netplan knows beside, and why it is not here. */
    private static final Map<String, String> UNSUPPORTED = unsupported();

    private final Problems problems = new Problems();
    private final List<Link> links = new ArrayList<>();
    private final Map<String, String> setNames = new TreeMap<>();
    private int routes;

    Reading read(@Nullable Object tree) {
        if (!(tree instanceof Map<?, ?> top)) {
            problems.add("", "a network configuration is an object: version: 2, ethernets: {…}");
            return reading();
        }
        boolean wrapped = top.size() == 1 && top.containsKey("network");
        fields(wrapped ? "network" : "", wrapped ? top.get("network") : top, this::readTop);
        if (problems.areNone()) {
            NetworkChecks.check(links, setNames, problems);
        }
        return reading();
    }

    private Reading reading() {
        return new Reading(
                problems.areNone() ? Optional.of(new NetworkConfig(renamed())) : Optional.empty(), problems.all());
    }

    /** The interfaces under the names that {@code set-name} gives them. */
    private List<Link> renamed() {
        List<Ethernet> cards = new ArrayList<>();
        List<Link> others = new ArrayList<>();
        for (Link link : links) {
            if (link instanceof Ethernet card) {
                cards.add(new Ethernet(renamed(card.name()), card.mac(), card.common()));
            } else if (link instanceof Bond bond) {
                Map<String, Object> parameters = new TreeMap<>(bond.parameters());
                parameters.computeIfPresent("primary", (key, name) -> renamed((String) name));
                others.add(new Bond(bond.name(), renamed(bond.members()), bond.mode(), parameters, bond.common()));
            } else if (link instanceof Vlan vlan) {
                others.add(new Vlan(vlan.name(), vlan.id(), renamed(vlan.link()), vlan.common()));
            } else if (link instanceof Bridge bridge) {
                Map<String, Object> parameters = new TreeMap<>(bridge.parameters());
                parameters.replaceAll((key, value) -> value instanceof Map<?, ?> costs ? renamed(costs) : value);
                others.add(new Bridge(bridge.name(), renamed(bridge.members()), parameters, bridge.common()));
            }
        }
        cards.sort(Comparator.comparing(Ethernet::name));
        List<Link> all = new ArrayList<>(cards);
        all.addAll(others);
        return all;
    }

    private String renamed(String name) {
        return setNames.getOrDefault(name, name);
    }

    private List<String> renamed(List<String> names) {
        return names.stream().map(this::renamed).toList();
    }

    private Map<String, Object> renamed(Map<?, ?> costs) {
        Map<String, Object> renamed = new TreeMap<>();
        costs.forEach((name, cost) -> renamed.put(renamed((String) name), cost));
        return renamed;
    }

    private void readTop(Fields fields) {
        Optional<Object> version = fields.take("version");
        if (version.isEmpty()) {
            fields.problem("version", "is missing; write version: 2");
        } else if (!Setting.asNumber(version.get()).equals(Optional.of(2L))) {
            fields.problem(
                    "version",
                    "is %s; write 2 (version 1 of cloud-init's network-config has another form)",
                    Problems.shown(version.get()));
        }
        links(fields, "ethernets", this::readEthernet);
        links(fields, "bonds", this::readBond);
        links(fields, "vlans", this::readVlan);
        links(fields, "bridges", this::readBridge);
    }

    private interface LinkReader {
        void read(String name, Fields fields);
    }

    private void links(Fields top, String section, LinkReader reader) {
        Optional<Object> value = top.take(section);
        if (value.isEmpty()) {
            return;
        }
        if (!(value.get() instanceof Map<?, ?> map)) {
            top.problem(
                    section, "is %s; write an object with one entry for each interface", Problems.shown(value.get()));
            return;
        }
        if (links.size() + map.size() > NetworkConfig.MAX_INTERFACES) {
            top.problem(section, "has too many interfaces; a machine may have %d in all", NetworkConfig.MAX_INTERFACES);
            return;
        }
        TreeMap<String, @Nullable Object> sorted = new TreeMap<>();
        map.forEach((key, each) -> {
            if (key instanceof String name && checkName(section + "." + Problems.clean(name), name)) {
                sorted.put(name, each);
            } else if (!(key instanceof String)) {
                top.problem(section, "has the name %s, which is no text; put it in quotes", Problems.shown(key));
            }
        });
        sorted.forEach((name, each) ->
                fields(section + "." + name, each == null ? Map.of() : each, fields -> reader.read(name, fields)));
    }

    private boolean checkName(String path, String name) {
        if (name.isEmpty() || name.length() > MAX_NAME) {
            problems.add(path, "the name has %d characters; Linux allows 1 to %d (IFNAMSIZ)", name.length(), MAX_NAME);
        } else if (!NAME.matcher(name).matches()) {
            problems.add(
                    path,
                    "the name %s: use letters, digits, '.', '_' and '-', beginning with a letter or digit",
                    shown(name));
        } else if (TAKEN.contains(name) || name.matches("[0-9]+")) {
            problems.add(path, "the name %s means something else to Linux; use another, as eth0", shown(name));
        } else {
            return true;
        }
        return false;
    }

    private void readEthernet(String name, Fields fields) {
        Optional<MacAddress> mac = fields.take("match").flatMap(match -> readMatch(fields.path("match"), match));
        fields.text("set-name")
                .filter(to -> checkName(fields.path("set-name"), to))
                .ifPresent(to -> setNames.put(name, to));
        if (fields.has("set-name") && !fields.has("match")) {
            fields.problem("set-name", "needs match: {macaddress: …}, which says whose name it is");
        }
        if (fields.take("macaddress").isPresent()) {
            fields.problem(
                    "macaddress",
                    "would give the card another address, which is not supported; to say which card is meant, write match:"
                            + " {macaddress: …}");
        }
        links.add(new Ethernet(name, mac, common(fields, Setting.ETHERNET)));
    }

    private Optional<MacAddress> readMatch(String path, Object match) {
        List<MacAddress> found = new ArrayList<>();
        fields(path, match, fields -> {
            for (String other : List.of("name", "driver")) {
                if (fields.take(other).isPresent()) {
                    fields.problem(other, "is not supported: several cards may match; write macaddress: …");
                }
            }
            Optional<Object> text = fields.take("macaddress");
            if (text.isEmpty()) {
                fields.problem("macaddress", "is missing; write the card's address in quotes");
            }
            text.ifPresent(value -> Setting.asMac(value).ifPresentOrElse(found::add, () -> {
                String why = value instanceof Number ? " (YAML reads digits with colons as a number)" : "";
                fields.problem(
                        "macaddress",
                        "is %s%s; write the address of one card in quotes, as '52:54:00:12:34:56'",
                        Problems.shown(value),
                        why);
            }));
        });
        return found.stream().findFirst();
    }

    private void readBond(String name, Fields fields) {
        List<String> members = members(fields);
        BondMode[] mode = {BondMode.BALANCE_RR};
        Map<String, Object> parameters = new TreeMap<>();
        fields.take("parameters")
                .ifPresent(value -> fields(fields.path("parameters"), value, each -> {
                    each.take("mode").ifPresent(word -> {
                        Optional<BondMode> known = word instanceof String text ? BondMode.of(text) : Optional.empty();
                        known.ifPresentOrElse(
                                found -> mode[0] = found,
                                () -> each.problem(
                                        "mode",
                                        "is %s; use one of %s",
                                        shown(word),
                                        String.join(", ", BondMode.words())));
                    });
                    parameters.putAll(each.settings(Setting.BOND));
                    for (Setting setting : Setting.BOND) {
                        List<BondMode> modes = BondMode.of(setting);
                        if (parameters.containsKey(setting.name()) && !modes.contains(mode[0])) {
                            each.problem(
                                    setting.name(),
                                    "means nothing in mode %s; leave it out, or use mode %s",
                                    mode[0].word(),
                                    String.join(
                                            " or ",
                                            modes.stream().map(BondMode::word).toList()));
                        }
                    }
                }));
        links.add(new Bond(name, members, mode[0], parameters, common(fields, Setting.VIRTUAL)));
    }

    private void readVlan(String name, Fields fields) {
        Optional<Long> id = fields.take("id").flatMap(value -> {
            Optional<Long> number = Setting.asNumber(value).filter(each -> each >= 1 && each <= 4_094);
            if (number.isEmpty()) {
                fields.problem(
                        "id", "is %s; use 1 to 4094 (0 and 4095 are reserved, IEEE 802.1Q)", Problems.shown(value));
            }
            return number;
        });
        if (!fields.has("id")) {
            fields.problem("id", "is missing; write the VLAN's number, 1 to 4094");
        }
        Optional<String> link = fields.text("link");
        if (!fields.has("link")) {
            fields.problem("link", "is missing; write the interface that carries the VLAN");
        }
        Common common = common(fields, Setting.VIRTUAL);
        if (id.isPresent() && link.isPresent()) {
            links.add(new Vlan(name, id.get().intValue(), link.get(), common));
        }
    }

    private void readBridge(String name, Fields fields) {
        List<String> members = members(fields);
        Map<String, Object> parameters = new TreeMap<>();
        fields.take("parameters")
                .ifPresent(value -> fields(
                        fields.path("parameters"), value, each -> parameters.putAll(each.settings(Setting.BRIDGE))));
        links.add(new Bridge(name, members, parameters, common(fields, Setting.VIRTUAL)));
    }

    private List<String> members(Fields fields) {
        List<String> members = new ArrayList<>();
        fields.list("interfaces", NetworkConfig.MAX_INTERFACES, (path, each) -> {
            if (each instanceof String name) {
                members.add(name);
            } else {
                problems.add(path, "is %s; write the name of an interface", Problems.shown(each));
            }
        });
        return members;
    }

    private Common common(Fields fields, List<Setting> settings) {
        boolean[] auto = {false};
        List<Cidr> addresses = new ArrayList<>();
        fields.list("addresses", NetworkConfig.MAX_ADDRESSES, (path, each) -> {
            if (each.equals("auto")) {
                auto[0] = true;
            } else {
                readAddress(path, each).ifPresent(addresses::add);
            }
        });
        Dhcp dhcp4 = dhcp(fields, "dhcp4", auto[0]);
        Dhcp dhcp6 = dhcp(fields, "dhcp6", false);
        List<Route> all = new ArrayList<>();
        gateway(fields, "gateway4", false).ifPresent(all::add);
        gateway(fields, "gateway6", true).ifPresent(all::add);
        fields.list(
                "routes",
                NetworkConfig.MAX_ROUTES,
                (path, each) -> fields(path, each, route -> readRoute(route).ifPresent(all::add)));
        int before = routes;
        routes += all.size();
        if (before <= NetworkConfig.MAX_ROUTES && routes > NetworkConfig.MAX_ROUTES) {
            fields.problem("routes", "are too many; a machine may have %d in all", NetworkConfig.MAX_ROUTES);
        }
        Optional<Long> mtu = fields.setting(Setting.number("mtu", 68, 65_536)).map(Long.class::cast);
        return new Common(
                dhcp4,
                dhcp6,
                List.copyOf(addresses),
                List.copyOf(all),
                nameservers(fields),
                mtu.isPresent() ? OptionalInt.of(mtu.get().intValue()) : OptionalInt.empty(),
                fields.settings(settings));
    }

    private Dhcp dhcp(Fields fields, String key, boolean auto) {
        boolean on = fields.setting(Setting.flag(key)).equals(Optional.of(true)) || auto;
        Map<String, Object> overrides = new TreeMap<>();
        fields.take(key + "-overrides")
                .ifPresent(value -> fields(
                        fields.path(key + "-overrides"),
                        value,
                        each -> overrides.putAll(each.settings(Setting.DHCP_OVERRIDES))));
        return new Dhcp(on, on ? overrides : Map.of());
    }

    private Optional<Cidr> readAddress(String path, Object value) {
        Optional<Cidr> cidr = value instanceof String text ? Cidr.parse(text) : Optional.empty();
        if (cidr.isEmpty()) {
            Optional<Ip> bare = value instanceof String text ? Ip.parse(text) : Optional.empty();
            String instead = bare.isPresent()
                    ? "its network's prefix, too, as " + bare.get()
                            + (bare.get().isV6() ? "/64" : "/24")
                    : value instanceof Map
                            ? "the address alone; labels and lifetimes are not supported"
                            : "an address with its prefix, as 198.18.0.7/24 or 2001:db8::7/64, or auto";
            problems.add(path, "is %s; write %s", Problems.shown(value), instead);
            return Optional.empty();
        }
        Cidr found = cidr.get();
        Ip address = found.address();
        int bits = address.bits();
        String wrong = null;
        if (address.isUnspecified()
                || address.isLoopback()
                || address.isMulticastOrReserved()
                || address.isIpv4Mapped()) {
            wrong = "is no address that an interface can have";
        } else if (found.prefix() == 0) {
            wrong = "has a prefix of 0 bits, which makes every address a neighbour";
        } else if (found.prefix() < bits - 1 && address.equals(address.first(found.prefix()))) {
            wrong = address.isV6()
                    ? "is the network itself (its routers' anycast address, RFC 4291)"
                    : "is the network itself";
        } else if (!address.isV6() && found.prefix() < bits - 1 && address.equals(address.last(found.prefix()))) {
            wrong = "is the network's broadcast address";
        }
        if (wrong != null) {
            problems.add(path, "%s %s; write the machine's address and the prefix of its network", found, wrong);
            return Optional.empty();
        }
        return cidr;
    }

    private Optional<Route> gateway(Fields fields, String key, boolean v6) {
        return address(fields, key, v6)
                .map(via -> new Route(Cidr.everything(v6), via, OptionalLong.empty(), OptionalLong.empty(), false));
    }

    private Optional<Ip> address(Fields fields, String key, @Nullable Boolean v6) {
        Optional<Object> value = fields.take(key);
        Optional<Ip> address = value.filter(String.class::isInstance)
                .flatMap(text -> Ip.parse((String) text))
                .filter(ip ->
                        !ip.isUnspecified() && !ip.isLoopback() && !ip.isMulticastOrReserved() && !ip.isIpv4Mapped())
                .filter(ip -> v6 == null || ip.isV6() == v6);
        if (value.isPresent() && address.isEmpty()) {
            String family = v6 == null ? "" : v6 ? "IPv6 " : "IPv4 ";
            fields.problem(
                    key,
                    "is %s; write one %saddress of a machine, without a prefix",
                    Problems.shown(value.get()),
                    family);
        }
        return address;
    }

    private Optional<Route> readRoute(Fields fields) {
        Optional<Ip> via = address(fields, "via", null);
        if (!fields.has("via")) {
            fields.problem("via", "is missing; write the gateway's address");
        }
        Optional<Object> value = fields.take("to");
        Optional<Cidr> to = Optional.empty();
        if (value.isEmpty()) {
            fields.problem("to", "is missing; write a network, as 198.19.0.0/16, or default");
        } else if (value.get().equals("default")) {
            to = via.map(gateway -> Cidr.everything(gateway.isV6()));
        } else {
            String text = value.get() instanceof String each ? each : "";
            to = Cidr.parse(text).or(() -> Ip.parse(text).map(ip -> new Cidr(ip, ip.bits())));
            if (to.isEmpty()) {
                fields.problem(
                        "to", "is %s; write a network, as 198.19.0.0/16, or default", Problems.shown(value.get()));
            } else if (!to.get().equals(to.get().network())) {
                fields.problem(
                        "to",
                        "%s is an address in a network; write %s, or %s/%s for this one",
                        to.get(),
                        to.get().network(),
                        to.get().address(),
                        to.get().address().bits());
            } else if (via.isPresent() && via.get().isV6() != to.get().address().isV6()) {
                fields.problem(
                        "via",
                        "%s is %s, and the route goes to %s; write a gateway of the same family",
                        via.get(),
                        via.get().family(),
                        to.get());
            }
        }
        Optional<Long> metric =
                fields.setting(Setting.number("metric", 0, 0xFFFF_FFFFL)).map(Long.class::cast);
        Optional<Long> table =
                fields.setting(Setting.number("table", 1, 0xFFFF_FFFFL)).map(Long.class::cast);
        boolean onLink = fields.setting(Setting.flag("on-link")).equals(Optional.of(true));
        return to.isEmpty() || via.isEmpty()
                ? Optional.empty()
                : Optional.of(new Route(to.get(), via.get(), optional(metric), optional(table), onLink));
    }

    private Nameservers nameservers(Fields fields) {
        TreeSet<String> seen = new TreeSet<>();
        List<Ip> addresses = new ArrayList<>();
        List<String> search = new ArrayList<>();
        fields.take("nameservers")
                .ifPresent(value -> fields(fields.path("nameservers"), value, each -> {
                    each.list("addresses", MAX_NAMESERVERS, (path, server) -> {
                        Optional<Ip> address = server instanceof String text ? Ip.parse(text) : Optional.empty();
                        if (address.isEmpty()
                                || address.get().isUnspecified()
                                || address.get().isMulticastOrReserved()) {
                            problems.add(path, "is %s; write the address of a name server", Problems.shown(server));
                        } else if (!seen.add(address.get().toString())) {
                            problems.add(path, "%s is there twice; leave one out", address.get());
                        } else {
                            addresses.add(address.get());
                        }
                    });
                    each.list("search", MAX_SEARCH, (path, domain) -> {
                        if (domain instanceof String text
                                && text.length() <= MAX_DOMAIN
                                && DOMAIN.matcher(text).matches()) {
                            search.add(text.toLowerCase(Locale.ROOT));
                        } else {
                            problems.add(path, "is %s; write a domain, as example.com", Problems.shown(domain));
                        }
                    });
                }));
        return new Nameservers(List.copyOf(addresses), List.copyOf(search));
    }

    private static OptionalLong optional(Optional<Long> value) {
        return value.isPresent() ? OptionalLong.of(value.get()) : OptionalLong.empty();
    }

    private static String shown(Object value) {
        return Problems.shown(value);
    }

    /** Calls the reader with the keys of an object, and reports those that it did not ask for. */
    private void fields(String path, @Nullable Object value, Consumer<Fields> reader) {
        if (!(value instanceof Map<?, ?> map)) {
            problems.add(path, "is %s; write an object: keys with values", value == null ? "null" : shown(value));
            return;
        }
        if (map.size() > MAX_KEYS) {
            problems.add(path, "has %d keys; no more than %d have a meaning", map.size(), MAX_KEYS);
            return;
        }
        Fields fields = new Fields(path, map);
        reader.accept(fields);
        fields.reportOthers();
    }

    private interface ItemReader {
        void read(String path, Object item);
    }

    /** The keys of one object, taken one by one. */
    private final class Fields {
        private final String path;
        private final Map<?, ?> map;
        private final TreeSet<String> known = new TreeSet<>();

        Fields(String path, Map<?, ?> map) {
            this.path = path;
            this.map = map;
        }

        String path(String key) {
            return path.isEmpty() ? key : path + "." + key;
        }

        void problem(String key, String message, Object... values) {
            problems.add(path(key), message, values);
        }

        /** Empty if it is not there, or null. */
        Optional<Object> take(String key) {
            known.add(key);
            return Optional.ofNullable(map.get(key));
        }

        boolean has(String key) {
            return map.get(key) != null;
        }

        Optional<String> text(String key) {
            return take(key).flatMap(value -> {
                if (value instanceof String text) {
                    return Optional.of(text);
                }
                problem(key, "is %s; write a name, in quotes if it looks like something else", shown(value));
                return Optional.empty();
            });
        }

        Optional<Object> setting(Setting setting) {
            return take(setting.name()).flatMap(value -> {
                Optional<Object> read = setting.read().apply(value);
                if (read.isEmpty()) {
                    problem(setting.name(), "is %s; use %s", shown(value), setting.wanted());
                }
                return read;
            });
        }

        Map<String, Object> settings(List<Setting> settings) {
            Map<String, Object> found = new TreeMap<>();
            settings.forEach(each -> setting(each).ifPresent(value -> found.put(each.name(), value)));
            return found;
        }

        void list(String key, int most, ItemReader reader) {
            Optional<Object> value = take(key);
            if (value.isEmpty()) {
                return;
            }
            if (!(value.get() instanceof List<?> list)) {
                problem(key, "is %s; write a list", shown(value.get()));
                return;
            }
            if (list.size() > most) {
                problem(key, "has %d entries; use %d at most", list.size(), most);
                return;
            }
            int index = 0;
            for (Object each : list) {
                String at = path(key) + "[" + index++ + "]";
                if (each == null) {
                    problems.add(at, "is null; leave it out");
                } else {
                    reader.read(at, each);
                }
            }
        }

        private void reportOthers() {
            TreeSet<String> others = new TreeSet<>();
            for (Object key : map.keySet()) {
                if (key instanceof String text) {
                    others.add(text);
                } else {
                    problems.add(path, "has the key %s, which is no text", key == null ? "null" : shown(key));
                }
            }
            others.removeAll(known);
            for (String key : others) {
                String why = UNSUPPORTED.get(key);
                if (why != null) {
                    problem(key, "is not supported%s", why);
                } else {
                    problem(Problems.clean(key), "is unknown%s", Problems.didYouMean(key, known));
                }
            }
        }
    }

    private static Map<String, String> unsupported() {
        Map<String, String> all = new TreeMap<>();
        for (String kind : List.of(
                "wifis",
                "modems",
                "tunnels",
                "vrfs",
                "dummy-devices",
                "virtual-ethernets",
                "nm-devices",
                "openvswitch")) {
            all.put(kind, OTHER_KIND);
        }
        for (String key : List.of(
                "activation-mode",
                "auth",
                "delay-virtual-functions-rebind",
                "embedded-switch-mode",
                "emit-lldp",
                "from",
                "generic-receive-offload",
                "generic-segmentation-offload",
                "hairpin",
                "hostname",
                "ignore-carrier",
                "infiniband-mode",
                "ipv6-address-generation",
                "ipv6-address-token",
                "ipv6-mtu",
                "large-receive-offload",
                "link",
                "mtu",
                "networkmanager",
                "neigh-suppress",
                "optional-addresses",
                "port-mac-learning",
                "receive-checksum-offload",
                "regulatory-domain",
                "routing-policy",
                "scope",
                "tcp-segmentation-offload",
                "tcp6-segmentation-offload",
                "transmit-checksum-offload",
                "type",
                "use-domains",
                "virtual-function-count")) {
            all.put(key, "; leave it out");
        }
        all.put("renderer", "; leave it out: the image decides what applies the configuration");
        return Map.copyOf(all);
    }
}
