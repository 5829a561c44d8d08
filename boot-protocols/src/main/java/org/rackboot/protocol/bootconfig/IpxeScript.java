package org.rackboot.protocol.bootconfig;

/** The script that every iPXE begins with; what it goes on to is a template. */
public final class IpxeScript {
    private IpxeScript() {}

    /** Goes on to the machine's own script when there is one, else to the one of its processor. */
    public static String entryPoint(String baseUrl) {
        return """
                #!ipxe
                chain --replace %1$sipxe.cfg-${mac:hexhyp}-${buildarch} || chain --replace %1$sipxe.cfg-default-${buildarch}
                """.formatted(baseUrl);
    }
}
