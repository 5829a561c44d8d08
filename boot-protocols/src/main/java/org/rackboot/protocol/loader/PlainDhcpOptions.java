package org.rackboot.protocol.loader;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient.Program;
import org.rackboot.protocol.dhcp.DhcpOption;
import org.rackboot.protocol.dhcp.OptionCode;
import org.rackboot.protocol.loader.DhcpServerConfig.Row;

/** For people, who type it into a router: a table, and what to choose where only one file name can be said. */
final class PlainDhcpOptions {
    /** What most machines are comes first. */
    private static final List<Integer> BEST = List.of(7, 11, ArchitectureType.X86_BIOS);

    private PlainDhcpOptions() {}

    static String render(DhcpServerConfig config) {
        boolean v6 = config.rack().isIpv6();
        ConfigText out = new ConfigText("#")
                .head(v6 ? "a DHCPv6 server" : "a DHCP server", config, v6 ? "--format plain --v6" : "--format plain");
        if (!v6) {
            server(out, config);
        }
        List<String[]> lines = new ArrayList<>();
        lines.add(
                v6
                        ? new String[] {"CLIENT", "WHO: OPTION 61", "OPTION 59", "ALSO"}
                        : new String[] {"CLIENT", "WHO: OPTION 93", "FILE: OPTION 67 AND BOOTP'S FIELD", "ALSO"});
        for (Row row : config.rows()) {
            lines.add(new String[] {client(row), who(row, v6), row.file().isEmpty() ? "-" : row.file(), also(row, v6)});
        }
        out.empty();
        table(out, lines);
        return out.missing(config).toString();
    }

    private static void server(ConfigText out, DhcpServerConfig config) {
        String address = config.rack().address();
        out.empty().line("Every client");
        out.line(
                "  next-server          %s   also called siaddr, boot server, TFTP server, network boot server",
                address);
        out.line("  option 66            %s   only where next-server cannot be said", address);
        out.empty().line("If the router knows only one file name");
        Optional<Row> single = single(config);
        if (single.isEmpty()) {
            out.line("  there is none to recommend: nothing that is loaded by TFTP was imported");
            return;
        }
        out.line(
                "  option 67            %s   for %s alone: others find nothing",
                single.get().file(), single.get().clients());
    }

    /** Never iPXE: who is iPXE already would load it again and again. */
    private static Optional<Row> single(DhcpServerConfig config) {
        return BEST.stream()
                .flatMap(type ->
                        config.rows().stream().filter(row -> row.program() == Program.FIRMWARE && row.has(type)))
                .filter(row -> !row.file().contains("/ipxe/"))
                .findFirst();
    }

    private static String client(Row row) {
        return row.program() == Program.IPXE
                ? "iPXE"
                : row.types().get(0).name() + (row.program() == Program.U_BOOT ? " of U-Boot" : "");
    }

    private static String who(Row row, boolean v6) {
        if (row.program() == Program.IPXE) {
            return "option %d has iPXE".formatted(v6 ? 15 : OptionCode.USER_CLASS);
        }
        String codes = String.join(
                ", ",
                row.types().stream().map(type -> String.valueOf(type.code())).toList());
        if (row.isRaspberryPi()) {
            return codes + ", or its MAC";
        }
        return row.program() == Program.U_BOOT ? codes + ", and 94 = 1.0.0" : codes;
    }

    private static String also(Row row, boolean v6) {
        List<String> also = new ArrayList<>();
        if (row.isHttp()) {
            also.add(v6 ? "option 16 = " + ConfigText.hex(ConfigText.httpClientV6(), "") : "option 60 = HTTPClient");
        }
        if (row.program() == Program.IPXE && !v6) {
            also.add("option 175 = b00101");
        }
        if (row.isRaspberryPi()) {
            also.add("option 60 = PXEClient");
        }
        for (DhcpOption option : row.options()) {
            also.add("option %d = %s"
                    .formatted(
                            option.code(),
                            option.code() == OptionCode.PXELINUX_PATH_PREFIX
                                    ? option.value().text()
                                    : ConfigText.hex(option.value(), "")));
        }
        row.remark().ifPresent(remark -> also.add(remark.replaceAll("[^\\x20-\\x7e]", "?")));
        return String.join("; ", also);
    }

    private static void table(ConfigText out, List<String[]> lines) {
        int[] widths = new int[3];
        for (String[] line : lines) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], line[i].length());
            }
        }
        for (String[] line : lines) {
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                text.append(line[i]).append(" ".repeat(widths[i] - line[i].length() + 2));
            }
            out.line((text + line[3]).stripTrailing());
        }
    }
}
