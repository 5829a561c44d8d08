package org.rackboot.protocol.loader;

import java.util.List;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp.VendorClass;

/** A configuration while it is written: lines, and comments that stay comments whatever their words are. */
final class ConfigText {
    private static final int WIDTH = 110;

    private final StringBuilder text = new StringBuilder();
    private final String mark;

    /** @param mark begins a comment, up to the end of the line */
    ConfigText(String mark) {
        this.mark = mark;
    }

    ConfigText line(String line) {
        text.append(line).append('\n');
        return this;
    }

    ConfigText line(String line, Object... values) {
        return line(line.formatted(values));
    }

    ConfigText empty() {
        return line("");
    }

    ConfigText comment(String words) {
        return comment("", words);
    }

    /** Breaks lines between words; what is not printable ASCII becomes a question mark. */
    ConfigText comment(String indent, String words) {
        StringBuilder line = new StringBuilder(indent + mark);
        for (String word : words.replaceAll("[^\\x20-\\x7e]", "?").split(" ")) {
            if (line.length() + 1 + word.length() > WIDTH && line.length() > indent.length() + mark.length()) {
                line(line.toString());
                line = new StringBuilder(indent + mark);
            }
            line.append(' ').append(word);
        }
        return line(line.toString());
    }

    /** An example, as it would stand in the file: lines of a comment, each kept whole. */
    ConfigText example(String where, List<String> lines) {
        comment("--- example: " + where + " ---");
        lines.forEach(each -> line((mark + " " + each).stripTrailing()));
        return comment("--- end of the example ---");
    }

    /** What each format begins with. */
    ConfigText head(String server, DhcpServerConfig config, String option) {
        DhcpServerConfig.Rack rack = config.rack();
        comment("rackboot: what %s must say so that machines boot from %s".formatted(server, rack.address()));
        comment(
                "Made by 'rackboot dhcp-config %s'. Make it anew when loaders or images of another architecture were imported, or"
                                .formatted(option)
                        + " ports or addresses changed.");
        config.warnings().forEach(warning -> comment("NOTE: " + warning + "."));
        return this;
    }

    /** What gets nothing, and why. */
    ConfigText missing(DhcpServerConfig config) {
        if (!config.missing().isEmpty()) {
            empty().comment("Not here:");
            for (DhcpServerConfig.Missing each : config.missing()) {
                comment("- %s: %s".formatted(DhcpServerConfig.names(each.types()), each.reason()));
            }
        }
        return this;
    }

    @Override
    public String toString() {
        return text.toString();
    }

    /** What firmware without option 93 begins option 60 with (quirk D11). */
    static String vendorClass(ArchitectureType type) {
        return "%s:Arch:%05d".formatted(type.isHttp() ? "HTTPClient" : "PXEClient", type.code());
    }

    /** {@code HTTPClient} as DHCPv6's option 16 has it; firmware compares the word alone (number 0 is nobody's). */
    static Octets httpClientV6() {
        return Octets.of(new byte[] {0, 0, 0, 0, 0, 10}).plus(VendorClass.HTTP_CLIENT.value());
    }

    /** The first 24 bits, for an example. */
    static String network(String ipv4) {
        return ipv4.substring(0, ipv4.lastIndexOf('.'));
    }

    /** The number as bytes with something between them: {@code 00:07}. */
    static String hex(ArchitectureType type, String between) {
        return "%02x%s%02x".formatted(type.code() >> 8, between, type.code() & 0xFF);
    }

    /** {@code 06:01:03}. */
    static String hex(Octets value, String between) {
        StringBuilder hex = new StringBuilder();
        for (int i = 0; i < value.length(); i++) {
            hex.append(i == 0 ? "" : between).append("%02x".formatted(value.at(i)));
        }
        return hex.toString();
    }
}
