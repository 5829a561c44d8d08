package org.rackboot.protocol.bootconfig;

/** Renders PXELINUX configurations, also read by U-Boot and Petitboot. */
public final class PxelinuxConfig {
    private PxelinuxConfig() {}

    /**
     * One entry that boots at once.
     *
     * @param baseUrl {@code http://host:port/} for lpxelinux, which speaks HTTP; empty for loaders that read on
     *     over TFTP
     */
    public static String boot(BootPlan plan, String baseUrl) {
        return bootByFirmware(plan, baseUrl) + "  IPAPPEND 2\n"; // Adds BOOTIF=01-<mac>.
    }

    /** The same for firmware that reads such files itself, and adds nothing to the command line. */
    public static String bootByFirmware(BootPlan plan, String baseUrl) {
        String arguments = String.join(" ", plan.arguments());
        StringBuilder text = new StringBuilder(1_024);
        text.append("DEFAULT boot\nPROMPT 0\nTIMEOUT 0\nLABEL boot\n");
        if (!baseUrl.isEmpty()) { // U-Boot knows no SAY.
            text.append("  SAY Booting ").append(plan.title()).append('\n');
        }
        text.append("  KERNEL ").append(baseUrl).append(plan.kernelPath()).append('\n');
        text.append("  INITRD ").append(baseUrl).append(plan.initrdPath()).append('\n');
        text.append("  APPEND ").append(arguments).append('\n');
        return text.toString();
    }
}
