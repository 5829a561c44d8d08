package org.rackboot.protocol.loader;

import static org.rackboot.protocol.loader.ConfigText.hex;
import static org.rackboot.protocol.loader.ConfigText.vendorClass;

import java.util.List;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient.Program;
import org.rackboot.protocol.dhcp.DhcpOption;
import org.rackboot.protocol.dhcp.HardwareVendor;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.loader.DhcpServerConfig.Row;

/**
 * For dnsmasq 2.80 and newer. Tags begin with {@code rb-}: {@code rb-93} has whoever says its architecture, {@code rb-N} whoever
 * is of row N. A {@code dhcp-boot} without a tag is for those who fit no other.
 */
final class DnsmasqConfig {
    private DnsmasqConfig() {}

    static String render(DhcpServerConfig config) {
        return config.rack().isIpv6() ? v6(config) : v4(config);
    }

    private static String v4(DhcpServerConfig config) {
        String address = config.rack().address();
        ConfigText out = new ConfigText("#")
                .head("dnsmasq (DHCPv4)", config, "--format dnsmasq")
                .empty()
                .comment("Put it where conf-dir of your dnsmasq.conf points, /etc/dnsmasq.d on Debian, and check with"
                        + " 'dnsmasq --test'; ranges and routers stay yours:")
                .example(
                        "/etc/dnsmasq.d/subnet.conf",
                        List.of(
                                "dhcp-range=%1$s.100,%1$s.199,255.255.255.0,1h".formatted(ConfigText.network(address)),
                                "dhcp-option=option:router,%s.254".formatted(ConfigText.network(address))))
                .missing(config)
                .empty()
                .comment("The name stands in the 'file' field and, below, in option 67: shim reads the field only.")
                .line("dhcp-no-override")
                .comment("Everybody: GRUB needs next-server, and U-Boot and POWER do not say that they boot.")
                .line("dhcp-boot=,,%s", address)
                .empty()
                .comment("Who says its architecture in option 93, and who in option 60 alone.")
                .line("dhcp-match=set:rb-93,option:client-arch")
                .line("dhcp-match=set:rb-93-0,option:client-arch,0")
                .line("dhcp-vendorclass=set:rb-pxe,PXEClient")
                .line("dhcp-vendorclass=set:rb-60,:Arch:")
                .comment("U-Boot at its second try: as UEFI, but without a card's firmware.")
                .line("dhcp-match=set:rb-u-boot,94,01:00:00");
        for (Row row : config.rows()) {
            out.empty().comment(row.clients());
            row.remark().ifPresent(remark -> out.comment("NOTE: " + remark + "."));
            tags(out, row);
            answer(out, row, config);
        }
        return out.toString();
    }

    private static String tag(Row row) {
        return "rb-" + row.tag();
    }

    private static void tags(ConfigText out, Row row) {
        String tag = tag(row);
        if (row.program() == Program.IPXE) {
            out.line("dhcp-userclass=set:%s,iPXE", tag); // Looked for anywhere in the option, so in either form (D13).
            return;
        }
        for (ArchitectureType type : row.types()) {
            out.line("dhcp-match=set:%s,option:client-arch,%d", tag, type.code());
            if (row.program() == Program.FIRMWARE) {
                out.line("dhcp-vendorclass=set:rb-60-%d,%s", type.code(), vendorClass(type));
                out.line("tag-if=set:%s,tag:!rb-93,tag:rb-60-%d", tag, type.code());
            }
        }
        if (row.isUsual()) {
            out.line("tag-if=set:%s,tag:rb-pxe,tag:!rb-93,tag:!rb-60", tag);
        }
        if (row.isRaspberryPi()) {
            out.comment("It says that it is a PC, or nothing.");
            for (String prefix : HardwareVendor.prefixes(ArchitectureType.RASPBERRY_PI)) {
                out.line("dhcp-mac=set:rb-pi,%s:*:*:*", prefix);
            }
            out.line("tag-if=set:%s,tag:rb-pi,tag:rb-pxe,tag:!rb-93", tag);
            out.line("tag-if=set:%s,tag:rb-pi,tag:rb-pxe,tag:rb-93-0", tag);
        }
    }

    private static void answer(ConfigText out, Row row, DhcpServerConfig config) {
        String address = config.rack().address();
        String when = "tag:" + tag(row) + "," + others(row, config);
        if (row.file().isEmpty()) {
            if (row.options().isEmpty()) {
                out.comment("It finds its files by itself, given next-server.");
            }
        } else {
            out.line("dhcp-boot=%s%s,,%s", when, row.file(), address);
            out.line("dhcp-option-force=%s67,%s", when, row.file());
        }
        if (row.isHttp()) {
            out.line("dhcp-option-force=%s60,HTTPClient", when);
        }
        if (row.program() == Program.IPXE) {
            out.comment("176 = 1: it waits for no proxyDHCP.");
            out.line("dhcp-option-force=%sencap:175,176,1b", when);
        }
        if (row.isRaspberryPi()) {
            out.line("dhcp-option=%s60,PXEClient", when);
        }
        for (DhcpOption option : row.options()) {
            String value = option.code() == OptionCode.PXELINUX_PATH_PREFIX
                    ? option.value().text()
                    : hex(option.value(), ":");
            out.line("dhcp-option-force=%s%d,%s", when, option.code(), value);
        }
    }

    /** Tags besides its own, so that one row alone answers. */
    private static String others(Row row, DhcpServerConfig config) {
        StringBuilder tags = new StringBuilder(row.program() == Program.U_BOOT ? "tag:rb-u-boot," : "");
        for (Row other : config.before(row)) {
            tags.append("tag:!")
                    .append(
                            other.program() == Program.U_BOOT
                                    ? "rb-u-boot"
                                    : other.isRaspberryPi() ? "rb-pi" : tag(other))
                    .append(',');
        }
        return tags.toString();
    }

    private static String v6(DhcpServerConfig config) {
        ConfigText out = new ConfigText("#")
                .head("dnsmasq (DHCPv6)", config, "--format dnsmasq --v6")
                .empty()
                .comment(
                        "Put it where conf-dir of your dnsmasq.conf points, beside that for DHCPv4; ranges stay yours:")
                .example(
                        "/etc/dnsmasq.d/subnet6.conf",
                        List.of("enable-ra", "dhcp-range=2001:db8::1000,2001:db8::1fff,64,1h"))
                .missing(config);
        for (Row row : config.rows()) {
            boolean ipxe = row.program() == Program.IPXE;
            String tag = "rb6-" + row.tag();
            out.empty().comment(row.clients());
            row.remark().ifPresent(remark -> out.comment("NOTE: " + remark + "."));
            if (ipxe) {
                out.line("dhcp-userclass=set:%s,iPXE", tag);
            } else {
                row.types().forEach(type -> out.line("dhcp-match=set:%s,option6:61,%s", tag, hex(type, ":")));
            }
            String when = "tag:" + tag + "," + (ipxe ? "" : "tag:!rb6-ipxe,");
            out.line("dhcp-option-force=%soption6:59,%s", when, row.file());
            if (row.isHttp()) {
                // It writes the length before each word: those of the first, and it, are in the vendor number's place.
                out.line("dhcp-option-force=%soption6:16,rb,HTTPClient", when);
            }
        }
        return out.toString();
    }
}
