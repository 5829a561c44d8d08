package org.rackboot.protocol.bootconfig;

import java.util.ArrayList;
import java.util.List;

/**
 * The kernel command line of a machine that runs from a squashfs in memory, in the order that
 * MAAS's images expect. {@code BOOTIF} is not among them: the loader knows it and adds it.
 */
public final class KernelArguments {
    /** The port that an ephemeral system's remote syslog goes to. */
    private static final int LOG_PORT = 5247;

    private KernelArguments() {}

    /**
     * What of an image decides about arguments.
     *
     * @param releaseVersion {@code 24.04}
     */
    public record Image(String os, String releaseVersion, String arch) {
        /** Older than jammy, 22.04. */
        private boolean isOldUbuntu() {
            return os.equals("ubuntu")
                    && releaseVersion.matches("\\d\\d\\.\\d\\d")
                    && releaseVersion.compareTo("22.04") < 0;
        }
    }

    /**
     * @param host the rack's address as the machine reached it; IPv6 in brackets
     * @param httpPort of the rack's boot listener
     * @param rootPath boot name of the squashfs
     * @param image whose kernel is told
     * @param hostname the machine's, until it is told another
     * @param cloudConfigPath boot name of the configuration that cloud-init starts from
     * @param ipv6 whether the machine boots over IPv6
     * @param operatorOptions words that the operator wants on every machine, also in the installed system
     */
    public static List<String> ephemeral(
            String host,
            int httpPort,
            String rootPath,
            Image image,
            String hostname,
            String cloudConfigPath,
            boolean ipv6,
            List<String> operatorOptions) {
        String base = "http://" + host + ":" + httpPort + "/";
        List<String> words = new ArrayList<>();
        words.add("nomodeset");
        words.add("root=squash:" + base + rootPath);
        words.add(ipv6 ? "ip=off" : "ip=::::" + hostname + ":BOOTIF:dhcp");
        words.add(ipv6 ? "ip6=dhcp" : "ip6=off");
        words.add("cc:{'datasource_list': ['MAAS']}end_cc");
        words.add("cloud-config-url=" + base + cloudConfigPath);
        words.add("ro");
        words.add("overlayroot=tmpfs");
        words.add("overlayroot_cfgdisk=disabled");
        if (image.isOldUbuntu()) {
            words.add("apparmor=0"); // Its profiles do not work below an overlay (LP 1677336).
        }
        words.add("log_host=" + host);
        words.add("log_port=" + LOG_PORT);
        if (image.arch().equals("ppc64el")) {
            words.add("rootdelay=60");
        }
        if (!operatorOptions.isEmpty()) {
            words.add("---"); // What follows is copied to an installed system.
            words.addAll(operatorOptions);
        }
        return words;
    }
}
