package org.rackboot.protocol.netconfig;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.netconfig.EsxiNetwork.Finding;
import org.rackboot.protocol.netconfig.EsxiNetwork.Verdict;
import org.rackboot.protocol.netconfig.NetworkConfig.Bond;
import org.rackboot.protocol.netconfig.NetworkConfig.Bridge;
import org.rackboot.protocol.netconfig.NetworkConfig.Common;
import org.rackboot.protocol.netconfig.NetworkConfig.Ethernet;
import org.rackboot.protocol.netconfig.NetworkConfig.Link;
import org.rackboot.protocol.netconfig.NetworkConfig.Route;
import org.rackboot.protocol.netconfig.NetworkConfig.Vlan;

/** Looks for what ESXi cannot do; {@link EsxiNetwork} has the table. */
final class EsxiFindings {
    private static final int MIN_MTU = 1_280;
    private static final int MAX_MTU = 9_000;

    private final NetworkConfig config;
    private final Map<String, Link> byName = new HashMap<>();
    private final List<Finding> findings = new ArrayList<>();

    EsxiFindings(NetworkConfig config) {
        this.config = config;
        config.links().forEach(each -> byName.put(each.name(), each));
    }

    List<Finding> all() {
        if (config.links().stream().noneMatch(each -> each.common().hasAddress())) {
            refused("", "addresses", "no interface has an address or DHCP, so nobody would reach this ESXi");
        }
        for (Link link : config.links()) {
            if (link instanceof Ethernet card && card.mac().isEmpty()) {
                refused(
                        card.path() + ".match",
                        "no macaddress",
                        "ESXi calls its cards vmnicN and finds this one by its address alone; write match: {macaddress: …}");
            } else if (link instanceof Bond bond) {
                bond(bond);
            } else if (link instanceof Vlan vlan && byName.get(vlan.link()) instanceof Vlan) {
                refused(
                        vlan.path() + ".link",
                        "link: " + vlan.link(),
                        "a port group has one VLAN number; ESXi does not put a VLAN into a VLAN");
            } else if (link instanceof Bridge) {
                refused(
                        link.path(),
                        "bridge",
                        "ESXi has no bridges: virtual machines are attached to port groups; give the address to the"
                                + " interface below");
            }
            common(link);
        }
        routes();
        return findings;
    }

    private void bond(Bond bond) {
        String path = bond.path() + ".parameters.";
        switch (bond.mode()) {
            case BALANCE_RR, ACTIVE_BACKUP -> {}
            case LACP ->
                dropped(
                        path + "mode",
                        "mode: 802.3ad",
                        "a standard switch speaks no LACP; traffic is shared by address (iphash), which needs a static channel"
                                + " at the other end");
            case BALANCE_XOR, BROADCAST, BALANCE_TLB, BALANCE_ALB ->
                refused(
                        path + "mode",
                        "mode: " + bond.mode().word(),
                        "no policy of a standard switch is like it; use balance-rr (portid), active-backup (explicit) or 802.3ad"
                                + " (iphash)");
        }
        bond.parameters().forEach((name, value) -> {
            boolean taken =
                    name.equals("primary") || (name.equals("primary-reselect-policy") && !value.equals("better"));
            if (!taken) {
                dropped(path + name, name + ": " + value, whyNot(name));
            }
        });
    }

    private static String whyNot(String parameter) {
        return switch (parameter) {
            case "lacp-rate" -> "a standard switch speaks no LACP";
            case "transmit-hash-policy" -> "iphash always goes by the IP addresses of both ends";
            case "arp-interval", "arp-ip-targets", "arp-validate", "arp-all-targets" ->
                "ESXi sends no ARP to watch links; it" + " goes by the link's state";
            case "mii-monitor-interval", "up-delay", "down-delay" -> "ESXi watches the link's state by itself";
            case "primary-reselect-policy" ->
                "ESXi returns to the first uplink always (as for 'always') or never ('failure')";
            default -> "a standard switch has no such setting";
        };
    }

    private void common(Link link) {
        Common common = link.common();
        common.mtu().ifPresent(mtu -> {
            if (mtu < MIN_MTU || mtu > MAX_MTU) {
                refused(
                        link.path() + ".mtu",
                        "mtu: " + mtu,
                        "a standard switch takes %d to %d".formatted(MIN_MTU, MAX_MTU));
            }
        });
        for (boolean v6 : new boolean[] {false, true}) {
            common.dhcp(v6).overrides().forEach((name, value) -> {
                if (v6 || !name.equals("use-dns")) {
                    dropped(
                            link.path() + (v6 ? ".dhcp6-overrides." : ".dhcp4-overrides.") + name,
                            name + ": " + value,
                            "ESXi's DHCP client has no such setting");
                }
            });
        }
        common.others().forEach((name, value) -> {
            boolean taken = name.equals("accept-ra")
                    || (name.equals("macaddress") && link instanceof Bond bond && firstUplinkHas(bond, value));
            if (!taken) {
                dropped(
                        link.path() + "." + name,
                        name + ": " + value,
                        name.equals("macaddress")
                                ? "a VMkernel interface has the address of its first uplink, or one that ESXi chooses"
                                : "ESXi has no such setting");
            }
        });
    }

    private boolean firstUplinkHas(Bond bond, Object mac) {
        return EsxiScript.uplinks(config, bond).stream()
                .findFirst()
                .map(MacAddress::text)
                .equals(Optional.of(mac));
    }

    private void routes() {
        for (Link link : config.links()) {
            for (Route route : link.common().routes()) {
                String path = link.path() + ".routes";
                String setting = "to: %s, via: %s".formatted(route.to(), route.via());
                if (route.table().isPresent()) {
                    refused(
                            path,
                            setting + ", table: " + route.table().getAsLong(),
                            "ESXi's stack has one routing table");
                } else if (route.onLink()) {
                    refused(
                            path,
                            setting + ", on-link",
                            "ESXi takes gateways in a network of one of its addresses only");
                } else if (route.via().isV6() && route.via().isLinkLocal()) {
                    refused(
                            path,
                            setting,
                            "ESXi learns link-local gateways from router advertisements; leave the route out and write"
                                    + " accept-ra: true");
                } else if (route.isDefault()
                        && !EsxiScript.defaultRoute(config, route.via().isV6()).equals(Optional.of(route))) {
                    dropped(
                            path,
                            setting,
                            "ESXi has one default gateway for " + route.via().family()
                                    + "; the one with the least metric is taken");
                } else if (route.metric().isPresent()) {
                    dropped(path, setting + ", metric: " + route.metric().getAsLong(), "routes have no metric in ESXi");
                }
            }
        }
    }

    private void dropped(String path, String setting, String why) {
        findings.add(new Finding(path, setting, Verdict.DROPPED, why));
    }

    private void refused(String path, String setting, String why) {
        findings.add(new Finding(path, setting, Verdict.REFUSED, why));
    }
}
