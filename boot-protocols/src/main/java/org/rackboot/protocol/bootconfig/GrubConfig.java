package org.rackboot.protocol.bootconfig;

import java.util.List;

/** Renders GRUB 2 scripts. */
public final class GrubConfig {
    /** Where the loader read its configuration from, and so can go on reading. */
    public enum Source {
        TFTP,
        /** The firmware's or GRUB's own HTTP, with this server as root. */
        HTTP
    }

    private GrubConfig() {}

    /**
     * The first file every GRUB asks for. It goes on to a name that carries the machine and its processor, which is
     * always answered: GRUB's own HTTP waits 35 s after each 404. It names no device, so that GRUB reads on from where
     * it was loaded, TFTP or HTTP.
     */
    public static String entryPoint() {
        return """
                # rackboot: the configuration of this machine, or the default of its processor.
                set timeout=0
                if [ -n "${net_default_mac}" ]; then
                  configfile "/grub/grub.cfg-${net_default_mac}-${grub_cpu}"
                else
                  configfile "/grub/grub.cfg-default-${grub_cpu}"
                fi
                """;
    }

    /**
     * One menu entry that boots at once.
     *
     * <p>Over TFTP the script looks for something faster first: an HTTP that can name a port, then HTTP on port 80
     * if this rack listens there, then stays with TFTP. Debian's signed GRUB has no HTTP, upstream's up to 2.06
     * cannot name a port, Ubuntu's can.
     *
     * @param host the rack's address; IPv6 in brackets
     * @param httpPort the rack's boot listener
     * @param alsoPort80 whether the rack listens on port 80, too
     */
    public static String boot(BootPlan plan, Source source, String host, int httpPort, boolean alsoPort80) {
        StringBuilder script = new StringBuilder(1_024);
        script.append("set default=0\nset timeout=0\nset rackboot=\n");
        if (source == Source.TFTP) {
            appendHttpSearch(script, host, httpPort, alsoPort80);
        }
        script.append("menuentry ").append(quoted(plan.title())).append(" {\n");
        script.append("  echo ").append(quoted("Booting " + plan.title())).append(" \"${rackboot}\"\n");
        script.append("  linux \"${rackboot}/").append(plan.kernelPath()).append('"');
        for (String argument : plan.arguments()) {
            script.append(' ').append(escaped(argument));
        }
        script.append(" BOOTIF=01-${net_default_mac}\n");
        script.append("  initrd \"${rackboot}/").append(plan.initrdPath()).append("\"\n}\n");
        return script.toString();
    }

    private static void appendHttpSearch(StringBuilder script, String host, int httpPort, boolean alsoPort80) {
        String named = "(http," + host + ":" + httpPort + ")";
        String plain = "(http," + host + ")";
        List<String> devices = httpPort == 80 ? List.of(plain) : alsoPort80 ? List.of(named, plain) : List.of(named);
        script.append("if insmod http; then\n");
        String word = "  if";
        for (String device : devices) {
            script.append(word).append(" [ -s \"").append(device).append("/grub/grub.cfg\" ]; then\n");
            script.append("    set rackboot=\"").append(device).append("\"\n");
            word = "  elif";
        }
        script.append("  fi\nfi\n");
    }

    /** A word in single quotes, in which GRUB expands nothing. */
    private static String quoted(String text) {
        return "'" + text.replace("'", "'\\''") + "'";
    }

    /**
     * A kernel argument. Braces end GRUB's command unless escaped; quotes are left, as GRUB's own quoting drops
     * them where YAML does not need them, and an escaped one would reach the kernel with a backslash.
     */
    private static String escaped(String argument) {
        StringBuilder word = new StringBuilder(argument.length() + 8);
        for (int i = 0; i < argument.length(); i++) {
            char c = argument.charAt(i);
            if ("{}$;|&<>\\\"".indexOf(c) >= 0) {
                word.append('\\');
            }
            word.append(c);
        }
        return word.toString();
    }
}
