package org.rackboot.protocol.bootconfig;

import java.util.regex.Pattern;

/** Renders iPXE scripts. */
public final class IpxeScript {
    private static final Pattern COMMAND_SEPARATOR = Pattern.compile("(?<!\\S)(?:\\|\\||&&|;)(?!\\S)");

    private IpxeScript() {}

    /** Goes on to the machine's own script when there is one, else to the one of its processor. */
    public static String entryPoint(String baseUrl) {
        return """
                #!ipxe
                chain --replace %1$sipxe.cfg-${mac:hexhyp} || chain --replace %1$sipxe.cfg-default-${buildarch}
                """.formatted(baseUrl);
    }

    /** Loads kernel and initrd over HTTP and boots. */
    public static String boot(BootPlan plan, String baseUrl) {
        String kernel = baseUrl + plan.kernelPath();
        return "#!ipxe\necho Booting " + escaped(plan.title()) + "\nkernel --name boot-kernel " + kernel
                + " initrd=boot-initrd " + escaped(String.join(" ", plan.arguments()))
                + " BOOTIF=01-${mac:hexhyp}\ninitrd --name boot-initrd " + baseUrl + plan.initrdPath() + "\nboot\n";
    }

    /** A dollar begins an expansion only before a brace; a word of its own, {@code ||} and such part commands. */
    private static String escaped(String arguments) {
        return COMMAND_SEPARATOR.matcher(arguments.replace("${", "$ {")).replaceAll("_");
    }
}
