package org.rackboot.protocol.netconfig;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.netconfig.NetworkConfig.Bond;
import org.rackboot.protocol.netconfig.NetworkConfig.Common;
import org.rackboot.protocol.netconfig.NetworkConfig.Ethernet;
import org.rackboot.protocol.netconfig.NetworkConfig.Link;
import org.rackboot.protocol.netconfig.NetworkConfig.Route;
import org.rackboot.protocol.netconfig.NetworkConfig.Vlan;

/**
 * Writes the installer's commands for a configuration in which {@link EsxiFindings} refused nothing.
 *
 * <p>The installer makes vSwitch0, the port group "Management Network" and vmk0 of its {@code network} command. They stay, and
 * the rest is built around them, so a command that fails leaves a host that can be reached.
 */
final class EsxiScript {
    private static final String MANAGEMENT = "Management Network";
    private static final int DEFAULT_MTU = 1_500;
    private static final int KICKSTART_NAMESERVERS = 2;
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9._:,/=@%+-]+");

    /** Functions of the script. A card's name is looked up by its address when the host runs. */
    private static final String FUNCTIONS = """
            # Made by rackboot: everything of the network that the installer's own command cannot say.
            run() { "$@" || logger -t rackboot "network: failed: $*"; }
            nic() {
              esxcli network nic list | while read -r name rest; do
                case "$rest" in *"$1"*) echo "$name"; break;; esac
              done
            }
            nics() {
              joined=
              for mac in "$@"; do
                name=$(nic "$mac")
                if [ -z "$name" ]; then logger -t rackboot "network: no card has the address $mac"; continue; fi
                joined="$joined${joined:+,}$name"
              done
              echo "$joined"
            }
            """;

    private final NetworkConfig config;
    private final Link management;
    private final StringBuilder commands = new StringBuilder();
    private final Map<String, String> switches = new LinkedHashMap<>();
    private String heading = "";
    private int interfaces;

    EsxiScript(NetworkConfig config) {
        this.config = config;
        this.management = management(config);
    }

    String render() {
        carriers().forEach(this::makeSwitch);
        makeInterfaces(management);
        config.links().stream()
                .filter(each -> !each.equals(management) && isOnSwitch(each))
                .forEach(this::makeInterfaces);
        routes();
        nameservers();
        String installer = "network " + String.join(" ", kickstart()) + "\n";
        return commands.isEmpty()
                ? installer
                : installer + "\n%firstboot --interpreter=busybox\n" + FUNCTIONS + commands;
    }

    /** The interface whose address the host is known by: with IPv4's default route, else DHCP, else any IPv4, else any. */
    private static Link management(NetworkConfig config) {
        Optional<Route> gateway = defaultRoute(config, false);
        return config.links().stream()
                .filter(each -> each.common().hasAddress())
                .min(Comparator.comparingInt(each -> {
                    Common common = each.common();
                    if (gateway.isPresent() && common.routes().contains(gateway.get())) {
                        return 0;
                    }
                    return common.dhcp4().on() ? 1 : !common.addresses(false).isEmpty() ? 2 : 3;
                }))
                .orElseThrow();
    }

    /** The default route with the least metric. */
    static Optional<Route> defaultRoute(NetworkConfig config, boolean v6) {
        return config.links().stream()
                .flatMap(each -> each.common().routes().stream())
                .filter(each -> each.isDefault()
                        && each.via().isV6() == v6
                        && each.table().isEmpty())
                .min(Comparator.comparingLong(each -> each.metric().orElse(0)));
    }

    /** A bond's cards; the one that active-backup uses is the first. */
    static List<MacAddress> uplinks(NetworkConfig config, Bond bond) {
        Object first = bond.parameters().getOrDefault("primary", "");
        Object mac = bond.common().others().getOrDefault("macaddress", "");
        Map<String, Ethernet> cards = new HashMap<>();
        config.links(Ethernet.class).forEach(each -> cards.put(each.name(), each));
        return bond.members().stream()
                .flatMap(each -> Stream.ofNullable(cards.get(each)))
                .sorted(Comparator.comparingInt(each -> each.name().equals(first)
                        ? 0
                        : each.mac().map(MacAddress::text).equals(Optional.of(mac)) ? 1 : 2))
                .flatMap(each -> each.mac().stream())
                .toList();
    }

    private List<MacAddress> uplinks(Link carrier) {
        return carrier instanceof Bond bond
                ? uplinks(config, bond)
                : carrier instanceof Ethernet card ? card.mac().stream().toList() : List.of();
    }

    /** What has a switch: bonds, and cards that have an address or carry a VLAN. Management's is the first. */
    private List<Link> carriers() {
        Set<String> members = new LinkedHashSet<>();
        Set<String> used = new LinkedHashSet<>();
        config.links(Bond.class).forEach(each -> members.addAll(each.members()));
        config.links(Vlan.class).forEach(each -> used.add(each.link()));
        List<Link> carriers = new ArrayList<>(List.of(carrier(management)));
        for (Link link : config.links()) {
            boolean has = link instanceof Bond
                    || (link instanceof Ethernet
                            && !members.contains(link.name())
                            && (used.contains(link.name()) || link.common().hasAddress()));
            if (has && !carriers.contains(link)) {
                carriers.add(link);
            }
        }
        return carriers;
    }

    private Link carrier(Link link) {
        return link instanceof Vlan vlan
                ? config.links().stream()
                        .filter(each -> each.name().equals(vlan.link()))
                        .findFirst()
                        .orElseThrow()
                : link;
    }

    private boolean isOnSwitch(Link link) {
        return link instanceof Vlan || switches.containsKey(link.name());
    }

    private List<String> kickstart() {
        List<Cidr> addresses = management.common().addresses(false);
        List<String> words = new ArrayList<>();
        words.add("--bootproto=" + (isStatic() ? "static" : "dhcp"));
        words.add("--device=" + uplinks(carrier(management)).get(0));
        if (isStatic()) {
            words.add("--ip=" + addresses.get(0).address());
            words.add("--netmask=" + addresses.get(0).netmask());
            defaultRoute(config, false).ifPresent(route -> words.add("--gateway=" + route.via()));
            List<String> servers = kickstartNameservers();
            if (!servers.isEmpty()) {
                words.add("--nameserver=" + String.join(",", servers));
            }
        }
        if (management instanceof Vlan vlan) {
            words.add("--vlanid=" + vlan.id());
        }
        words.add("--addvmportgroup=0");
        return words;
    }

    private boolean isStatic() {
        Common common = management.common();
        return !common.dhcp4().on() && !common.addresses(false).isEmpty();
    }

    private List<String> kickstartNameservers() {
        return isStatic()
                ? allNameservers()
                        .filter(each -> !each.isV6())
                        .map(Ip::toString)
                        .limit(KICKSTART_NAMESERVERS)
                        .toList()
                : List.of();
    }

    private Stream<Ip> allNameservers() {
        return config.links().stream()
                .flatMap(each -> each.common().nameservers().addresses().stream())
                .distinct();
    }

    private void makeSwitch(Link carrier) {
        String name = "vSwitch" + switches.size();
        boolean installed = switches.isEmpty();
        switches.put(carrier.name(), name);
        List<MacAddress> uplinks = uplinks(carrier);
        heading = carrier.path();
        if (!installed) {
            run("esxcli network vswitch standard add --vswitch-name", name);
        }
        int mtu = Stream.concat(
                        Stream.of(carrier),
                        config.links(Vlan.class).stream()
                                .filter(each -> each.link().equals(carrier.name())))
                .mapToInt(this::mtu)
                .max()
                .orElse(DEFAULT_MTU);
        if (mtu != DEFAULT_MTU) {
            run("esxcli network vswitch standard set --vswitch-name", name, "--mtu", Integer.toString(mtu));
        }
        for (MacAddress uplink : uplinks.subList(installed ? 1 : 0, uplinks.size())) {
            line("esxcli network vswitch standard uplink add --vswitch-name %s --uplink-name %s"
                    .formatted(quote(name), nics(List.of(uplink))));
        }
        if (carrier instanceof Bond bond) {
            team(bond, name, uplinks);
            if (installed) {
                // The installer pins this port group to the one card that it was given.
                run(
                        "esxcli network vswitch standard portgroup policy failover set --use-vswitch --portgroup-name",
                        MANAGEMENT);
            }
        }
    }

    private void team(Bond bond, String name, List<MacAddress> uplinks) {
        boolean explicit = bond.mode() == BondMode.ACTIVE_BACKUP;
        String policy = explicit ? "explicit" : bond.mode() == BondMode.LACP ? "iphash" : "portid";
        int active = explicit ? 1 : uplinks.size();
        String standby =
                active < uplinks.size() ? " --standby-uplinks " + nics(uplinks.subList(active, uplinks.size())) : "";
        boolean stays = "failure".equals(bond.parameters().get("primary-reselect-policy"));
        line(
                "esxcli network vswitch standard policy failover set --vswitch-name %s --load-balancing %s --active-uplinks %s"
                                .formatted(quote(name), policy, nics(uplinks.subList(0, active)))
                        + standby
                        + (explicit ? " --failback " + !stays : ""));
    }

    private static String nics(List<MacAddress> macs) {
        return "\"$(nics "
                + String.join(" ", macs.stream().map(each -> quote(each.text())).toList()) + ")\"";
    }

    /** One VMkernel interface holds one IPv4 address, and any number of IPv6 addresses. */
    private void makeInterfaces(Link link) {
        Common common = link.common();
        List<Cidr> fixed = common.addresses(false);
        int vmks =
                common.hasAddress() ? Math.max(1, fixed.size() + (common.dhcp4().on() ? 1 : 0)) : 0;
        heading = link.path() + (vmks == 0 ? ": a port group" : ": its addresses");
        if (vmks == 0 && link instanceof Vlan) {
            portGroup(link, link.name()); // For virtual machines.
        }
        for (int i = 0; i < vmks; i++) {
            String vmk = "vmk" + interfaces++;
            boolean installed = link.equals(management) && i == 0;
            vmk(link, vmk, i, installed);
            boolean dhcp = common.dhcp4().on() && i == 0;
            int index = common.dhcp4().on() ? i - 1 : i;
            Optional<Cidr> address = dhcp || index >= fixed.size() ? Optional.empty() : Optional.of(fixed.get(index));
            ipv4(vmk, common, dhcp, address, installed);
            if (i == 0) {
                ipv6(vmk, common);
            }
        }
    }

    private void vmk(Link link, String vmk, int index, boolean installed) {
        int mtu = mtu(link);
        if (installed) {
            if (mtu != DEFAULT_MTU) {
                run("esxcli network ip interface set --interface-name", vmk, "--mtu", Integer.toString(mtu));
            }
            return;
        }
        String group = index == 0 && !link.equals(management) ? link.name() : link.name() + ":" + index;
        portGroup(link, group);
        List<String> words = new ArrayList<>(List.of(vmk, "--portgroup-name", group, "--mtu", Integer.toString(mtu)));
        if (index == 0 && !(link instanceof Vlan)) {
            // What a DHCP server knows the machine by; a VLAN's would be there twice on one switch.
            words.addAll(List.of("--mac-address", uplinks(link).get(0).text()));
        }
        run("esxcli network ip interface add --interface-name", words.toArray(String[]::new));
    }

    private void portGroup(Link link, String group) {
        String name = switches.getOrDefault(carrier(link).name(), "vSwitch0");
        run("esxcli network vswitch standard portgroup add --portgroup-name", group, "--vswitch-name", name);
        if (link instanceof Vlan vlan) {
            run(
                    "esxcli network vswitch standard portgroup set --portgroup-name",
                    group,
                    "--vlan-id",
                    Integer.toString(vlan.id()));
        }
    }

    private void ipv4(String vmk, Common common, boolean dhcp, Optional<Cidr> address, boolean installed) {
        String set = "esxcli network ip interface ipv4 set --interface-name";
        if (dhcp) {
            Object useDns = common.dhcp4().overrides().getOrDefault("use-dns", true);
            if (!installed || useDns.equals(false)) {
                run(set, vmk, "--type", "dhcp", "--peer-dns", useDns.toString());
            }
        } else if (address.isEmpty()) {
            run(set, vmk, "--type", "none");
        } else if (!installed) {
            run(
                    set,
                    vmk,
                    "--type",
                    "static",
                    "--ipv4",
                    address.get().address().toString(),
                    "--netmask",
                    address.get().netmask());
        }
    }

    private void ipv6(String vmk, Common common) {
        Object acceptRa = common.others().get("accept-ra");
        List<String> words = new ArrayList<>(List.of(vmk));
        if (common.dhcp6().on()) {
            words.addAll(List.of("--enable-dhcpv6", "true"));
        }
        if (acceptRa != null || common.dhcp6().on()) {
            words.addAll(List.of("--enable-router-adv", acceptRa == null ? "true" : acceptRa.toString()));
        }
        if (words.size() > 1) {
            run("esxcli network ip interface ipv6 set --interface-name", words.toArray(String[]::new));
        }
        for (Cidr address : common.addresses(true)) {
            run("esxcli network ip interface ipv6 address add --interface-name", vmk, "--ipv6", address.toString());
        }
    }

    private void routes() {
        heading = "routes and names";
        for (Link link : config.links()) {
            for (Route route : link.common().routes()) {
                boolean v6 = route.via().isV6();
                boolean byInstaller = !v6 && route.isDefault() && isStatic();
                boolean other = route.isDefault() && !defaultRoute(config, v6).equals(Optional.of(route));
                if (!byInstaller && !other) {
                    run(
                            "esxcli network ip route " + (v6 ? "ipv6" : "ipv4") + " add --gateway",
                            route.via().toString(),
                            "--network",
                            route.isDefault() ? "default" : route.to().toString());
                }
            }
        }
    }

    private void nameservers() {
        List<String> known = kickstartNameservers();
        allNameservers()
                .map(Ip::toString)
                .filter(each -> !known.contains(each))
                .forEach(each -> run("esxcli network ip dns server add --server", each));
        config.links().stream()
                .flatMap(each -> each.common().nameservers().search().stream())
                .distinct()
                .forEach(each -> run("esxcli network ip dns search add --domain", each));
    }

    /** In Linux a VLAN begins with the MTU of what carries it. */
    private int mtu(Link link) {
        return link.common().mtu().orElse(carrier(link).common().mtu().orElse(DEFAULT_MTU));
    }

    private void run(String command, String... words) {
        StringBuilder line = new StringBuilder(command);
        for (String word : words) {
            line.append(' ').append(quote(word));
        }
        line(line.toString());
    }

    private void line(String command) {
        if (!heading.isEmpty()) {
            commands.append("\n# ").append(heading).append('\n');
            heading = "";
        }
        commands.append("run ").append(command).append('\n');
    }

    /** One word of a shell, whatever it says. */
    static String quote(String word) {
        return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
