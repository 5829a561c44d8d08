package org.rackboot.protocol.loader;

import static org.rackboot.protocol.loader.ConfigText.hex;
import static org.rackboot.protocol.loader.ConfigText.vendorClass;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient.Program;
import org.rackboot.protocol.dhcp.DhcpOption;
import org.rackboot.protocol.dhcp.HardwareVendor;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.loader.DhcpServerConfig.Row;

/**
 * For ISC's dhcpd 4.3 and newer. One class that every client is in, since what a class says wins over a subnet; each message
 * is looked at anew, so a client that says its architecture in its REQUEST only is answered by that.
 */
final class IscDhcpConfig {
    private static final String TYPE = "substring(option pxe-system-type, 0, 2) = ";
    private static final String NO_TYPE = "not exists pxe-system-type";
    private static final String VENDOR = "substring(option vendor-class-identifier, %d, %d) = \"%s\"";

    private IscDhcpConfig() {}

    static String render(DhcpServerConfig config) {
        return config.rack().isIpv6() ? v6(config) : v4(config);
    }

    private static String v4(DhcpServerConfig config) {
        String address = config.rack().address();
        ConfigText out = new ConfigText("#")
                .head("ISC dhcpd (DHCPv4)", config, "--format isc")
                .empty()
                .comment("Load it from your dhcpd.conf, outside of every subnet; subnets stay yours:")
                .example(
                        "/etc/dhcp/dhcpd.conf",
                        List.of(
                                "include \"/etc/dhcp/rackboot.conf\";",
                                "subnet %s.0 netmask 255.255.255.0 {".formatted(ConfigText.network(address)),
                                "  range %1$s.100 %1$s.199;".formatted(ConfigText.network(address)),
                                "  option routers %s.254;".formatted(ConfigText.network(address)),
                                "}"))
                .missing(config)
                .empty()
                .line("option rackboot-ipxe code %d = string;", OptionCode.IPXE_ENCAPSULATED)
                .empty()
                .line("class \"rackboot\" {")
                .comment("  ", "Everybody: GRUB needs next-server, and U-Boot and POWER do not say that they boot.")
                .line("  match if exists dhcp-message-type;")
                .line("  next-server %s;", address);
        rows(out, config, IscDhcpConfig::conditions, IscDhcpConfig::answer);
        return out.line("}").toString();
    }

    private static void rows(
            ConfigText out,
            DhcpServerConfig config,
            Function<Row, List<String>> conditions,
            Function<Row, List<String>> answer) {
        String begin = "  if ";
        for (Row row : config.rows()) {
            out.empty().comment("  ", row.clients());
            row.remark().ifPresent(remark -> out.comment("  ", "NOTE: " + remark + "."));
            out.line(begin + "(" + String.join("\n      or ", conditions.apply(row)) + ") {");
            answer.apply(row).forEach(each -> out.line("    " + each));
            out.line("  }");
            begin = "  elsif ";
        }
    }

    private static List<String> conditions(Row row) {
        if (row.program() == Program.IPXE) { // As it writes it, and as RFC 3004 does (quirk D13).
            return List.of(
                    "substring(option user-class, 0, 4) = \"iPXE\"", "substring(option user-class, 1, 4) = \"iPXE\"");
        }
        if (row.program() == Program.U_BOOT) { // At its second try, as UEFI, but without a card's firmware.
            return row.types().stream()
                    .map(type -> "(option pxe-interface-id = 01:00:00 and " + TYPE + hex(type, ":") + ")")
                    .toList();
        }
        List<String> any = new ArrayList<>();
        for (ArchitectureType type : row.types()) {
            String said = vendorClass(type);
            any.add(TYPE + hex(type, ":"));
            any.add("(" + NO_TYPE + " and " + VENDOR.formatted(0, said.length(), said) + ")");
        }
        if (row.isUsual()) {
            any.add("(" + NO_TYPE + " and " + VENDOR.formatted(0, 9, "PXEClient") + " and "
                    + VENDOR.formatted(9, 6, ":Arch:").replace(" = ", " != ") + ")");
        }
        if (row.isRaspberryPi()) { // It says that it is a PC, or nothing.
            String cards = String.join(
                    " or ",
                    HardwareVendor.prefixes(ArchitectureType.RASPBERRY_PI).stream()
                            .map("substring(hardware, 1, 3) = "::concat)
                            .toList());
            any.add("(" + VENDOR.formatted(0, 9, "PXEClient") + " and (" + NO_TYPE + " or " + TYPE
                    + "00:00)\n        and (" + cards + "))");
        }
        return any;
    }

    /** What no list of requests may keep from the client is put on that list. */
    private static List<String> answer(Row row) {
        List<String> lines = new ArrayList<>();
        List<Integer> forced = new ArrayList<>();
        if (!row.file().isEmpty()) { // In both places: shim reads the field only, other firmware the option (D8, D9).
            lines.add("filename \"%s\";".formatted(row.file()));
            lines.add("option bootfile-name \"%s\";".formatted(row.file()));
            forced.add(OptionCode.BOOT_FILE_NAME);
        }
        if (row.isHttp()) {
            lines.add("option vendor-class-identifier \"HTTPClient\";");
            forced.add(OptionCode.VENDOR_CLASS);
        }
        if (row.program() == Program.IPXE) {
            lines.add("option rackboot-ipxe b0:01:01; # 176 = 1: wait for no proxyDHCP");
            forced.add(OptionCode.IPXE_ENCAPSULATED);
        }
        if (row.isRaspberryPi()) {
            lines.add("option vendor-class-identifier \"PXEClient\";");
        }
        for (DhcpOption option : row.options()) {
            lines.add(option(option));
            forced.add(option.code());
        }
        if (!forced.isEmpty()) {
            Stream<String> codes = forced.stream().map("%02x"::formatted);
            lines.add("option dhcp-parameter-request-list = concat(option dhcp-parameter-request-list, %s);"
                    .formatted(String.join(":", codes.toList())));
        } else {
            lines.add("# It finds its files by itself, given next-server.");
        }
        return lines;
    }

    private static String option(DhcpOption option) {
        return switch (option.code()) {
            case OptionCode.VENDOR_SPECIFIC ->
                "option vendor-encapsulated-options %s;".formatted(hex(option.value(), ":"));
            case OptionCode.PXELINUX_PATH_PREFIX ->
                "option loader-pathprefix \"%s\";".formatted(option.value().text());
            default -> throw new IllegalStateException("no name is known here for option " + option.code());
        };
    }

    private static String v6(DhcpServerConfig config) {
        ConfigText out = new ConfigText("#")
                .head("ISC dhcpd (DHCPv6)", config, "--format isc --v6")
                .empty()
                .comment("Load it from your dhcpd6.conf, outside of every subnet; subnets stay yours:")
                .example(
                        "/etc/dhcp/dhcpd6.conf",
                        List.of(
                                "include \"/etc/dhcp/rackboot6.conf\";",
                                "subnet6 2001:db8::/64 {",
                                "  range6 2001:db8::1000 2001:db8::1fff;",
                                "}"))
                .missing(config)
                .empty()
                .line("option dhcp6.rackboot-user-class code 15 = string;")
                .line("option dhcp6.rackboot-vendor-class code 16 = string;")
                .empty()
                .line("class \"rackboot\" {")
                .line("  match if exists dhcp6.client-arch-type or exists dhcp6.rackboot-user-class;");
        rows(out, config, IscDhcpConfig::conditions6, IscDhcpConfig::answer6);
        return out.line("}").toString();
    }

    private static List<String> conditions6(Row row) {
        if (row.program() == Program.IPXE) {
            return List.of("substring(option dhcp6.rackboot-user-class, 2, 4) = \"iPXE\"");
        }
        return row.types().stream()
                .map(type -> "substring(option dhcp6.client-arch-type, 0, 2) = " + hex(type, ":"))
                .toList();
    }

    /** dhcpd tells what was asked for; those who boot ask for both. */
    private static List<String> answer6(Row row) {
        List<String> lines = new ArrayList<>(List.of("option dhcp6.bootfile-url \"%s\";".formatted(row.file())));
        if (row.isHttp()) {
            lines.add("option dhcp6.rackboot-vendor-class = %s; # HTTPClient"
                    .formatted(hex(ConfigText.httpClientV6(), ":")));
        }
        return lines;
    }
}
