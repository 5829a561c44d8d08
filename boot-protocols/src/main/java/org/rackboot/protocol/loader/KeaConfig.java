package org.rackboot.protocol.loader;

import static org.rackboot.protocol.loader.ConfigText.hex;
import static org.rackboot.protocol.loader.ConfigText.vendorClass;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient.Program;
import org.rackboot.protocol.dhcp.DhcpOption;
import org.rackboot.protocol.dhcp.HardwareVendor;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.loader.DhcpServerConfig.Row;

/**
 * For Kea 1.8 and newer: the list of client classes, one JSON value with comments as Kea takes them, that a configuration
 * includes. No client is in two classes that name a file.
 */
final class KeaConfig {
    private static final String NO_TYPE = "not option[93].exists";
    private static final int VENDOR_CLASS_V6 = 16;

    private KeaConfig() {}

    static String render(DhcpServerConfig config) {
        boolean v6 = config.rack().isIpv6();
        ConfigText out = new ConfigText("//")
                .head(v6 ? "Kea (DHCPv6)" : "Kea (DHCPv4)", config, v6 ? "--format kea --v6" : "--format kea")
                .empty()
                .comment("Load it as your client classes (if you have others, put these between them, without the outer"
                        + " brackets); subnets stay yours:")
                .example(v6 ? "/etc/kea/kea-dhcp6.conf" : "/etc/kea/kea-dhcp4.conf", v6 ? example6() : example(config))
                .missing(config)
                .empty()
                .line("[");
        List<Row> rows = config.rows();
        if (!v6) {
            out.comment("  ", "Everybody: GRUB needs next-server, and U-Boot and POWER do not say that they boot.");
            object(
                    out,
                    rows.isEmpty(),
                    List.of(
                            text("name", "rackboot"),
                            text("test", "not (pkt4.msgtype == 0)"),
                            text("next-server", config.rack().address())));
        }
        for (int i = 0; i < rows.size(); i++) {
            Row row = rows.get(i);
            out.comment("  ", row.clients());
            row.remark().ifPresent(remark -> out.comment("  ", "NOTE: " + remark + "."));
            List<String> members = new ArrayList<>(
                    List.of(text("name", name(row)), text("test", v6 ? test6(row) : test(row, config))));
            if (!v6 && !row.file().isEmpty()) { // In both places: shim reads the field only (quirks D8, D9).
                members.add(text("boot-file-name", row.file()));
            }
            List<String> options = v6 ? options6(row) : options(row);
            if (!options.isEmpty()) {
                members.add("\"option-data\": [\n      " + String.join(",\n      ", options) + "\n    ]");
            }
            object(out, i == rows.size() - 1, members);
        }
        return out.line("]").toString();
    }

    private static void object(ConfigText out, boolean isLast, List<String> members) {
        out.line("  {").line("    " + String.join(",\n    ", members)).line(isLast ? "  }" : "  },");
    }

    /** Nothing in it needs an escape: files are harmless, and the rest is from here. */
    private static String text(String key, String value) {
        return "\"" + key + "\": \"" + value + "\"";
    }

    private static String name(Row row) {
        return "rackboot-" + row.tag();
    }

    private static String test(Row row, DhcpServerConfig config) {
        if (row.program() == Program.IPXE) { // As it writes it, and as RFC 3004 does (quirk D13).
            return "substring(option[77].hex,0,4) == 'iPXE' or substring(option[77].hex,1,4) == 'iPXE'";
        }
        List<String> any = new ArrayList<>();
        for (ArchitectureType type : row.types()) {
            any.add("substring(option[93].hex,0,2) == 0x" + hex(type, ""));
            if (row.program() == Program.FIRMWARE) {
                String said = vendorClass(type);
                any.add("(%s and substring(option[60].hex,0,%d) == '%s')".formatted(NO_TYPE, said.length(), said));
            }
        }
        if (row.isUsual()) {
            any.add("(" + NO_TYPE + " and substring(option[60].hex,0,9) == 'PXEClient'"
                    + " and not (substring(option[60].hex,9,6) == ':Arch:'))");
        }
        if (row.isRaspberryPi()) { // It says that it is a PC, or nothing.
            List<String> prefixes = HardwareVendor.prefixes(ArchitectureType.RASPBERRY_PI).stream()
                    .map(prefix -> "substring(pkt4.mac,0,3) == 0x" + prefix.replace(":", ""))
                    .toList();
            any.add(
                    "((%s or substring(option[93].hex,0,2) == 0x0000) and substring(option[60].hex,0,9) == 'PXEClient' and (%s))"
                            .formatted(NO_TYPE, String.join(" or ", prefixes)));
        }
        StringBuilder test = new StringBuilder("(" + String.join(" or ", any) + ")");
        for (Row other : config.before(row)) {
            test.append(" and not member('%s')".formatted(name(other)));
        }
        return row.program() == Program.U_BOOT // At its second try, as UEFI, but without a card's firmware.
                ? "option[94].hex == 0x010000 and " + test
                : test.toString();
    }

    private static String test6(Row row) {
        if (row.program() == Program.IPXE) {
            return "substring(option[15].hex,2,4) == 'iPXE'";
        }
        String types = String.join(
                " or ",
                row.types().stream()
                        .map(type -> "substring(option[61].hex,0,2) == 0x" + hex(type, ""))
                        .toList());
        return "(" + types + ") and not member('rackboot-ipxe')";
    }

    private static List<String> options(Row row) {
        List<String> options = new ArrayList<>();
        if (!row.file().isEmpty()) {
            options.add(option("boot-file-name", row.file(), true));
        }
        if (row.isHttp()) {
            options.add(option("vendor-class-identifier", "HTTPClient", true));
        }
        if (row.program() == Program.IPXE) { // 176 = 1: wait for no proxyDHCP.
            options.add(option(OptionCode.IPXE_ENCAPSULATED, Octets.of((byte) 176, (byte) 1, (byte) 1)));
        }
        if (row.isRaspberryPi()) {
            options.add(option("vendor-class-identifier", "PXEClient", false));
        }
        for (DhcpOption each : row.options()) {
            options.add(option(each.code(), each.value()));
        }
        return options;
    }

    private static List<String> options6(Row row) {
        List<String> options = new ArrayList<>(List.of(option("bootfile-url", row.file(), true)));
        if (row.isHttp()) {
            options.add(option(VENDOR_CLASS_V6, ConfigText.httpClientV6()));
        }
        return options;
    }

    private static String option(String name, String value, boolean isForced) {
        return "{ %s, %s%s }"
                .formatted(text("name", name), text("data", value), isForced ? ", \"always-send\": true" : "");
    }

    /** As bytes, which needs no definition of the option. */
    private static String option(int code, Octets value) {
        return "{ \"code\": %d, \"csv-format\": false, %s, \"always-send\": true }"
                .formatted(code, text("data", hex(value, "").toUpperCase(Locale.ROOT)));
    }

    private static List<String> example(DhcpServerConfig config) {
        String network = ConfigText.network(config.rack().address());
        return List.of(
                "{",
                "  \"Dhcp4\": {",
                "    \"interfaces-config\": { \"interfaces\": [ \"eth0\" ] },",
                "    \"client-classes\": <?include \"/etc/kea/rackboot4.json\"?>,",
                "    \"subnet4\": [ {",
                "      \"id\": 1,",
                "      \"subnet\": \"%s.0/24\",".formatted(network),
                "      \"pools\": [ { \"pool\": \"%1$s.100 - %1$s.199\" } ],".formatted(network),
                "      \"option-data\": [ { \"name\": \"routers\", \"data\": \"%s.254\" } ]".formatted(network),
                "    } ]",
                "  }",
                "}");
    }

    private static List<String> example6() {
        return List.of(
                "{",
                "  \"Dhcp6\": {",
                "    \"interfaces-config\": { \"interfaces\": [ \"eth0\" ] },",
                "    \"client-classes\": <?include \"/etc/kea/rackboot6.json\"?>,",
                "    \"subnet6\": [ {",
                "      \"id\": 1,",
                "      \"subnet\": \"2001:db8::/64\",",
                "      \"interface\": \"eth0\",",
                "      \"pools\": [ { \"pool\": \"2001:db8::1000 - 2001:db8::1fff\" } ]",
                "    } ]",
                "  }",
                "}");
    }
}
