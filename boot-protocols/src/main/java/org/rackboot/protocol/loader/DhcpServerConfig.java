package org.rackboot.protocol.loader;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.address.Subnet;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.BootClient.Kind;
import org.rackboot.protocol.dhcp.BootClient.Program;
import org.rackboot.protocol.dhcp.DhcpOption;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.loader.LoaderChoice.Load;
import org.rackboot.protocol.loader.LoaderChoice.Nothing;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.LoaderPreference;

/**
 * What somebody else's DHCP server must say so that every machine boots from a rack: the table of all that {@link
 * LoaderPolicy} answers, and its text for four kinds of server. Pure.
 *
 * <p>A text is either DHCPv4's or DHCPv6's, as the rack's address is. Only file names of a few harmless characters get into
 * it; the words of remarks stand in comments alone.
 */
public final class DhcpServerConfig {
    private static final int TFTP_PORT = 69;
    private static final int MOST_OF_A_NAME = 127; // What BOOTP's field holds (quirk D8).
    private static final Pattern HARMLESS = Pattern.compile("[A-Za-z0-9._~:/\\[\\]@%+-]*");

    /** Kinds of DHCP server. */
    public enum Format {
        /** ISC's dhcpd. */
        ISC("isc"),
        KEA("kea"),
        DNSMASQ("dnsmasq"),
        /** For people, who type it into a router. */
        PLAIN("plain");

        private final String word;

        Format(String word) {
            this.word = word;
        }

        public String word() {
            return word;
        }

        /** Empty if there is no such word. */
        public static Optional<Format> parse(String word) {
            return Arrays.stream(values())
                    .filter(each -> each.word.equals(word))
                    .findFirst();
        }
    }

    /**
     * Where machines find the rack.
     *
     * @param address IPv4 or IPv6, a literal without brackets (quirk D20: firmware does without names)
     * @param remarks for the operator, about the choice of the address
     */
    public record Rack(String address, int httpPort, int tftpPort, List<String> remarks) {
        /** @throws IllegalArgumentException if the address is none, or no machine can reach it */
        public Rack {
            boolean good = address.indexOf('/') < 0 && Subnet.parse(address).isPresent();
            if (!good
                    || Ipv4Address.parse(address)
                            .filter(Ipv4Address::isUnspecified)
                            .isPresent()
                    || address.equals("::")) {
                throw new IllegalArgumentException(
                        "'%s' is no address that machines can reach; use one like 198.18.0.1 or 2001:db8::1"
                                .formatted(address));
            }
            remarks = List.copyOf(remarks);
        }

        public boolean isIpv6() {
            return address.indexOf(':') >= 0;
        }

        String host() {
            return isIpv6() ? "[" + address + "]" : address;
        }

        String httpRoot() {
            return "http://" + host() + (httpPort == 80 ? "" : ":" + httpPort) + "/";
        }
    }

    /**
     * One answer.
     *
     * @param tag names it within the text; letters, digits and dashes
     * @param program {@code U_BOOT} where it gets another answer than the firmware of these types
     * @param types that get it; of iPXE all
     * @param isHttp whether the client wants to hear that this server is for HTTP
     * @param file for option 67 and BOOTP's field, or DHCPv6's option 59; empty = the server is all they need
     */
    record Row(
            String tag,
            Program program,
            List<ArchitectureType> types,
            boolean isHttp,
            String file,
            List<DhcpOption> options,
            Optional<String> remark) {
        boolean has(int type) {
            return types.stream().anyMatch(each -> each.code() == type);
        }

        /** Whether its machines are known by their Ethernet addresses, too: they say that they are PCs (quirk D11). */
        boolean isRaspberryPi() {
            return program == Program.FIRMWARE && has(ArchitectureType.RASPBERRY_PI);
        }

        /** Whether whoever says that it boots by PXE, and not what it is, gets this. */
        boolean isUsual() {
            return program == Program.FIRMWARE && has(ArchitectureType.X86_BIOS);
        }

        /** {@code x64 UEFI (7), EBC (9)}. */
        String clients() {
            return program == Program.IPXE
                    ? "iPXE, which must never be given iPXE again"
                    : DhcpServerConfig.names(types) + (program == Program.U_BOOT ? " of U-Boot" : "");
        }
    }

    /** Rows before this one that a client of this one's types may be of instead. */
    List<Row> before(Row row) {
        return rows.subList(0, rows.indexOf(row)).stream()
                .filter(other -> other.program() == Program.IPXE
                        || (row.isUsual() && other.isRaspberryPi())
                        || (row.program() == Program.FIRMWARE
                                && other.program() == Program.U_BOOT
                                && row.types().stream().anyMatch(type -> other.has(type.code()))))
                .toList();
    }

    /** Types that get nothing, and why. */
    record Missing(List<ArchitectureType> types, String reason) {
        Missing {
            types = List.copyOf(types);
        }
    }

    private final Rack rack;
    private final List<Row> rows;
    private final List<Missing> missing;

    private DhcpServerConfig(Rack rack, List<Row> rows, List<Missing> missing) {
        this.rack = rack;
        this.rows = List.copyOf(rows);
        this.missing = List.copyOf(missing);
    }

    /** Asks the policy for every architecture that has a number. */
    public static DhcpServerConfig of(Rack rack, LoaderPreference preference, BootCatalog catalog) {
        LoaderPolicy policy = new LoaderPolicy();
        return of(rack, client -> policy.choose(client, preference, catalog));
    }

    static DhcpServerConfig of(Rack rack, Function<BootClient, LoaderChoice> policy) {
        Map<LoaderChoice, List<ArchitectureType>> firmware = new LinkedHashMap<>();
        Map<LoaderChoice, List<ArchitectureType>> uBoot = new LinkedHashMap<>();
        Set<LoaderChoice> ipxe = new HashSet<>();
        for (ArchitectureType type : ArchitectureType.all()) {
            LoaderChoice usual = policy.apply(client(type, Program.FIRMWARE));
            firmware.computeIfAbsent(usual, key -> new ArrayList<>()).add(type);
            LoaderChoice there = policy.apply(client(type, Program.U_BOOT));
            if (there instanceof Load && !there.equals(usual) && !type.isHttp() && !rack.isIpv6()) { // As it was seen.
                uBoot.computeIfAbsent(there, key -> new ArrayList<>()).add(type);
            }
            ipxe.add(policy.apply(client(type, Program.IPXE)));
        }
        if (ipxe.size() != 1) { // It would need a row for each, and the servers one class.
            throw new IllegalStateException("iPXE gets different answers: " + ipxe);
        }
        Table table = new Table(rack);
        table.add(ipxe.iterator().next(), Program.IPXE, ArchitectureType.all());
        uBoot.forEach((choice, types) -> table.add(choice, Program.U_BOOT, types));
        firmware.forEach((choice, types) -> table.add(choice, Program.FIRMWARE, types));
        table.rows.sort(Comparator.comparing(
                row -> row.program() == Program.FIRMWARE ? (row.isRaspberryPi() ? 0 : 1) : -1)); // The special first.
        List<Missing> missing = new ArrayList<>();
        table.missing.forEach((reason, types) -> missing.add(new Missing(types, reason)));
        return new DhcpServerConfig(rack, table.rows, missing);
    }

    /** The text, with a line end at its end. */
    public String render(Format format) {
        return switch (format) {
            case ISC -> IscDhcpConfig.render(this);
            case KEA -> KeaConfig.render(this);
            case DNSMASQ -> DnsmasqConfig.render(this);
            case PLAIN -> PlainDhcpOptions.render(this);
        };
    }

    /** What an operator should know, whatever the format; in no certain order of importance. */
    public List<String> warnings() {
        List<String> all = new ArrayList<>(rack.remarks());
        if (rack.tftpPort() != TFTP_PORT) {
            all.add(("TFTP is at port %d here, and firmware knows only %d: what is loaded by TFTP will not be found"
                            + " until tftp.port is %d")
                    .formatted(rack.tftpPort(), TFTP_PORT, TFTP_PORT));
        }
        if (rows.stream()
                .noneMatch(
                        row -> row.program() == Program.FIRMWARE && !row.file().isEmpty())) {
            all.add("no loader was imported yet: run 'rackboot images import', and then this again");
        }
        return all;
    }

    Rack rack() {
        return rack;
    }

    /** In the order in which a client looks for its own: iPXE, U-Boot, Raspberry Pi, other firmware. */
    List<Row> rows() {
        return rows;
    }

    List<Missing> missing() {
        return missing;
    }

    static String names(List<ArchitectureType> types) {
        return String.join(
                ", ",
                types.stream()
                        .map(type -> "%s (%d)".formatted(type.name(), type.code()))
                        .toList());
    }

    private static BootClient client(ArchitectureType type, Program program) {
        return new BootClient(
                type.isHttp() ? Kind.HTTP : Kind.PXE,
                List.of(type.code()),
                program,
                Optional.empty(),
                Optional.empty());
    }

    /** The rows while they are collected. */
    private static final class Table {
        private final Rack rack;
        private final List<Row> rows = new ArrayList<>();
        private final Map<String, List<ArchitectureType>> missing = new LinkedHashMap<>();

        Table(Rack rack) {
            this.rack = rack;
        }

        void add(LoaderChoice choice, Program program, List<ArchitectureType> types) {
            if (choice instanceof Nothing nothing) {
                types.forEach(type -> isMissing(type, nothing.reason()));
                return;
            }
            Load load = (Load) choice;
            if (rack.isIpv6() && load.name().isEmpty()) {
                types.forEach(type -> isMissing(type, "DHCPv6 has no words for what these need: they boot by IPv4"));
                return;
            }
            boolean v6Path = rack.isIpv6() && !load.isByHttp(); // Quirk D15.
            String file = v6Path
                    ? "tftp://" + rack.host() + "/" + load.name()
                    : load.offer(rack.httpRoot()).file();
            boolean harmless = isHarmless(file) && load.options().stream().allMatch(Table::isHarmless);
            if (!harmless || file.length() > MOST_OF_A_NAME) {
                String reason = "too long, or with characters that DHCP servers may misread: " + file;
                types.forEach(type -> isMissing(type, reason));
                return;
            }
            boolean http = program == Program.FIRMWARE && types.get(0).isHttp();
            rows.add(new Row(tag(program, types), program, types, http, file, load.options(), load.remark()));
        }

        /** Those with the same reason together. */
        private void isMissing(ArchitectureType type, String reason) {
            String general = type.architecture().isEmpty()
                    ? "no image is made for these"
                    : reason.replace("no loader for " + type.name() + ": ", "")
                            .replace("no image for " + type.name() + ": ", "no image; ");
            missing.computeIfAbsent(general, key -> new ArrayList<>()).add(type);
        }

        private static boolean isHarmless(String text) {
            return HARMLESS.matcher(text).matches();
        }

        /** Other options are written as numbers. */
        private static boolean isHarmless(DhcpOption option) {
            return option.code() != OptionCode.PXELINUX_PATH_PREFIX
                    || isHarmless(option.value().text());
        }

        private static String tag(Program program, List<ArchitectureType> types) {
            if (program == Program.IPXE) {
                return "ipxe";
            }
            String name = types.get(0).name().toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
            return program == Program.U_BOOT ? name + "-of-u-boot" : name;
        }
    }
}
