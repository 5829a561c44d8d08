package org.rackboot.protocol.bootconfig;

/** The script that every GRUB begins with; what it goes on to is a template. */
public final class GrubConfig {
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
}
