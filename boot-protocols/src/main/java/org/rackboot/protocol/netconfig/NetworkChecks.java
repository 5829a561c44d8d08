package org.rackboot.protocol.netconfig;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.rackboot.protocol.netconfig.NetworkConfig.Bond;
import org.rackboot.protocol.netconfig.NetworkConfig.Bridge;
import org.rackboot.protocol.netconfig.NetworkConfig.Common;
import org.rackboot.protocol.netconfig.NetworkConfig.Ethernet;
import org.rackboot.protocol.netconfig.NetworkConfig.Link;
import org.rackboot.protocol.netconfig.NetworkConfig.Route;
import org.rackboot.protocol.netconfig.NetworkConfig.Vlan;

/** What interfaces, each right in itself, get wrong together. */
final class NetworkChecks {
    private static final int MIN_MTU_OF_IPV6 = 1_280; // RFC 8200, 5
    private static final int DEFAULT_MTU = 1_500;

    private final List<Link> links;
    private final Map<String, String> setNames;
    private final Problems problems;
    private final Map<String, Link> byName = new LinkedHashMap<>();

    private NetworkChecks(List<Link> links, Map<String, String> setNames, Problems problems) {
        this.links = links;
        this.setNames = setNames;
        this.problems = problems;
    }

    /** @param setNames what a card is called in the running system, by the name that it has here */
    static void check(List<Link> links, Map<String, String> setNames, Problems problems) {
        NetworkChecks checks = new NetworkChecks(links, setNames, problems);
        checks.checkNames();
        checks.checkMembers();
        if (problems.areNone()) {
            checks.checkCycles();
        }
        checks.checkAddresses();
        checks.checkRoutes();
        checks.checkMtus();
        links.forEach(checks::checkOverrides);
        links.forEach(each -> {
            if (each instanceof Bond bond) {
                checks.checkBond(bond);
            }
        });
    }

    private void checkNames() {
        if (links.isEmpty()) {
            problems.add("", "names no interface; write ethernets: {eth0: {dhcp4: true}}, for instance");
        }
        Map<String, String> macs = new HashMap<>();
        Map<String, Link> inSystem = new HashMap<>();
        for (Link link : links) {
            Link same = byName.putIfAbsent(link.name(), link);
            if (same != null) {
                problems.add(link.path(), "has the name of %s; use another", same.path());
            }
            String name = setNames.getOrDefault(link.name(), link.name());
            Link other = inSystem.putIfAbsent(name, link);
            if (other != null && same == null) {
                problems.add(link.path(), "would be called '%s', as would %s; use another name", name, other.path());
            }
            if (link instanceof Ethernet card && card.mac().isPresent()) {
                String before = macs.putIfAbsent(card.mac().get().text(), card.path());
                if (before != null) {
                    problems.add(
                            card.path() + ".match.macaddress",
                            "%s is %s's, too; write each card's own",
                            card.mac().get(),
                            before);
                }
            }
        }
    }

    private void checkMembers() {
        Map<String, String> masters = new HashMap<>();
        Map<String, String> tags = new HashMap<>();
        for (Link link : links) {
            for (int i = 0; i < link.below().size(); i++) {
                String member = link.below().get(i);
                String path = link.path() + (link instanceof Vlan ? ".link" : ".interfaces[" + i + "]");
                Link found = byName.get(member);
                if (found == null) {
                    problems.add(
                            path,
                            "there is no interface %s%s",
                            Problems.shown(member),
                            Problems.didYouMean(member, byName.keySet()));
                } else if (link instanceof Vlan vlan) {
                    String before = tags.putIfAbsent(vlan.id() + " on " + member, vlan.path());
                    if (before != null) {
                        problems.add(vlan.path() + ".id", "VLAN %d of %s is %s already", vlan.id(), member, before);
                    }
                } else {
                    checkMember(link, found, path, masters);
                }
            }
            Map<String, Object> parameters = link instanceof Bridge bridge ? bridge.parameters() : Map.of();
            for (String costs : List.of("path-cost", "port-priority")) {
                if (parameters.get(costs) instanceof Map<?, ?> map) {
                    map.keySet().forEach(each -> {
                        if (!link.below().contains(each)) {
                            problems.add(
                                    link.path() + ".parameters." + costs,
                                    "%s is no member of the bridge",
                                    Problems.shown(each));
                        }
                    });
                }
            }
        }
        for (Link link : links) {
            if (link instanceof Vlan vlan && byName.get(masters.getOrDefault(vlan.link(), "")) instanceof Bond bond) {
                problems.add(
                        vlan.path() + ".link",
                        "%s belongs to %s; write link: %s",
                        vlan.link(),
                        bond.path(),
                        bond.name());
            }
        }
    }

    private void checkMember(Link master, Link member, String path, Map<String, String> masters) {
        String before = masters.putIfAbsent(member.name(), master.name());
        if (before != null) {
            problems.add(path, "%s is a member of %s already; an interface belongs to one", member.name(), before);
        }
        if (master instanceof Bond && !(member instanceof Ethernet)) {
            problems.add(path, "%s is no network card; a bond takes ethernets", member.path());
        }
        if (master instanceof Bridge && member instanceof Bridge) {
            problems.add(path, "%s is a bridge; Linux puts no bridge into a bridge", member.path());
        }
        Common common = member.common();
        if (common.hasAddress() || !common.routes().isEmpty()) {
            problems.add(
                    member.path(),
                    "belongs to %s; write addresses, DHCP and routes there, and leave them out here",
                    master.path());
        }
    }

    /** Bridges and VLANs alone can make one: a bond holds cards. */
    private void checkCycles() {
        Set<String> done = new HashSet<>();
        for (Link link : links) {
            List<String> way = new ArrayList<>();
            if (leadsBack(link.name(), way, done)) {
                problems.add(link.path(), "is made of itself: %s; break the circle", String.join(" -> ", way));
                return;
            }
        }
    }

    private boolean leadsBack(String name, List<String> way, Set<String> done) {
        boolean seen = way.contains(name);
        way.add(name);
        if (seen) {
            return true;
        }
        if (!done.contains(name)) {
            for (String below :
                    Optional.ofNullable(byName.get(name)).map(Link::below).orElse(List.of())) {
                if (leadsBack(below, way, done)) {
                    return true;
                }
            }
            done.add(name);
        }
        way.remove(way.size() - 1);
        return false;
    }

    private void checkAddresses() {
        Map<Ip, String> owners = new HashMap<>();
        for (Link link : links) {
            Set<Ip> own = new HashSet<>();
            for (int i = 0; i < link.common().addresses().size(); i++) {
                Ip address = link.common().addresses().get(i).address();
                String path = link.path() + ".addresses[" + i + "]";
                if (!own.add(address)) {
                    problems.add(path, "%s is there twice; leave one out", address);
                } else if (!address.isLinkLocal()) {
                    String before = owners.putIfAbsent(address, link.path());
                    if (before != null) {
                        problems.add(path, "%s is %s's, too; an address belongs to one interface", address, before);
                    }
                }
            }
        }
    }

    private void checkRoutes() {
        Map<String, String> same = new HashMap<>();
        for (Link link : links) {
            Common common = link.common();
            for (Route route : common.routes()) {
                Ip via = route.via();
                boolean v6 = via.isV6();
                List<Cidr> networks = common.addresses(v6);
                String path = link.path() + ".routes";
                boolean reachable = route.onLink()
                        || (v6 && via.isLinkLocal())
                        || common.dhcp(v6).on()
                        || (v6 && Boolean.TRUE.equals(common.others().get("accept-ra")))
                        || networks.stream().anyMatch(each -> each.contains(via));
                if (networks.stream().anyMatch(each -> each.address().equals(via))) {
                    problems.add(path, "the gateway %s is the interface's own address; write the router's", via);
                } else if (!reachable) {
                    problems.add(
                            path,
                            networks.isEmpty()
                                    ? "the gateway %s is in no network of the interface, which has no %s address; give it one"
                                    : "the gateway %s is in no %s network of the interface; correct one of them, or write a"
                                            + " route with on-link: true",
                            via,
                            via.family());
                }
                String what = "%s, table %s, metric %s"
                        .formatted(route.to(), text(route.table(), "main"), text(route.metric(), "none"));
                String before = same.putIfAbsent(what, link.path());
                if (before != null) {
                    problems.add(path, "a second route to %s, beside %s's; give one another metric", what, before);
                }
            }
        }
    }

    private static String text(OptionalLong value, String otherwise) {
        return value.isPresent() ? Long.toString(value.getAsLong()) : otherwise;
    }

    private void checkMtus() {
        for (Link link : links) {
            Common common = link.common();
            int mtu = common.mtu().orElse(DEFAULT_MTU);
            if (mtu < MIN_MTU_OF_IPV6
                    && (common.dhcp6().on() || !common.addresses(true).isEmpty())) {
                problems.add(link.path() + ".mtu", "is %d; IPv6 needs %d or more", mtu, MIN_MTU_OF_IPV6);
            }
            if (link instanceof Vlan vlan && common.mtu().isPresent() && byName.containsKey(vlan.link())) {
                int carrier = byName.get(vlan.link()).common().mtu().orElse(DEFAULT_MTU);
                if (mtu > carrier) {
                    problems.add(
                            link.path() + ".mtu",
                            "is %d, and %s, which carries it, has %d; give that one as much",
                            mtu,
                            vlan.link(),
                            carrier);
                }
            }
        }
    }

    /** networkd has one section for both families where netplan has two, so netplan refuses two that differ. */
    private void checkOverrides(Link link) {
        Common common = link.common();
        if (!common.dhcp4().on() || !common.dhcp6().on()) {
            return;
        }
        for (Setting setting : Setting.DHCP_OVERRIDES) {
            String key = setting.name();
            String four = override(common.dhcp4().overrides(), key);
            String six = override(common.dhcp6().overrides(), key);
            if (!four.equals(six)) {
                problems.add(
                        link.path() + ".dhcp6-overrides." + key,
                        "is %s, and dhcp4-overrides.%s is %s; netplan takes one value for both, so write the same in both",
                        six,
                        key,
                        four);
            }
        }
    }

    /** A flag that is left out is true, in netplan as in networkd. */
    private static String override(Map<String, Object> overrides, String key) {
        Object value = overrides.get(key);
        return value != null ? value.toString() : key.equals("route-metric") ? "left out" : "true";
    }

    private void checkBond(Bond bond) {
        String path = bond.path() + ".parameters.";
        Map<String, Object> parameters = bond.parameters();
        if (bond.members().isEmpty()) {
            problems.add(bond.path() + ".interfaces", "is missing; name the cards that the bond is made of");
        }
        if (parameters.get("primary") instanceof String primary
                && !bond.members().contains(primary)) {
            problems.add(
                    path + "primary",
                    "%s is no member of the bond%s",
                    Problems.shown(primary),
                    Problems.didYouMean(primary, bond.members()));
        }
        boolean mii = number(parameters, "mii-monitor-interval") > 0;
        boolean arp = number(parameters, "arp-interval") > 0;
        if (mii && arp) {
            problems.add(path + "arp-interval", "and mii-monitor-interval exclude each other; leave one out");
        }
        if (arp && !parameters.containsKey("arp-ip-targets")) {
            problems.add(path + "arp-ip-targets", "is missing; with arp-interval, name whom to ask");
        }
        for (String delay : List.of("up-delay", "down-delay")) {
            if (number(parameters, delay) > 0 && !mii) {
                problems.add(path + delay, "needs mii-monitor-interval; write that, too, as 100");
            }
        }
    }

    private static long number(Map<String, Object> parameters, String name) {
        return Setting.asNumber(parameters.getOrDefault(name, 0L)).orElse(0L);
    }
}
