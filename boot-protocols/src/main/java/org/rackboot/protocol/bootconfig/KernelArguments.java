package org.rackboot.protocol.bootconfig;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * The kernel command line of a machine that runs an image from memory, in the order that MAAS's images expect.
 * {@code BOOTIF} is not among them unless {@link #bootInterface} says it: most loaders know it and add it.
 */
public final class KernelArguments {
    /** The port that an ephemeral system's remote syslog goes to. */
    private static final int LOG_PORT = 5247;

    private static final List<String> TARS = List.of(".tgz", ".txz", ".tar.gz", ".tar.xz", "root-tgz", "root-txz");
    private static final Pattern UBUNTU_VERSION = Pattern.compile("\\d\\d\\.\\d\\d");
    private static final Pattern NOT_IN_HOSTNAMES = Pattern.compile("[^A-Za-z0-9.-]");

    private final Location location;
    private final ConfigPurpose purpose;
    private final Image image;
    private final String rootPath;
    private String hostname = "localhost";
    private Optional<String> cloudConfigUrl = Optional.empty();
    private Optional<String> noCloudUrl = Optional.empty();
    private Optional<MacAddress> bootInterface = Optional.empty();
    private KernelOptions options = KernelOptions.NONE;

    private KernelArguments(Location location, ConfigPurpose purpose, Image image, String rootPath) {
        this.location = location;
        this.purpose = purpose;
        this.image = image;
        this.rootPath = rootPath;
    }

    /**
     * What of an image decides about arguments.
     *
     * @param releaseVersion {@code 24.04}
     */
    public record Image(String os, String releaseVersion, String arch) {
        /** Older than jammy, 22.04. */
        private boolean isOldUbuntu() {
            return os.equals("ubuntu")
                    && UBUNTU_VERSION.matcher(releaseVersion).matches()
                    && releaseVersion.compareTo("22.04") < 0;
        }
    }

    /**
     * @param image whose kernel is told
     * @param rootPath boot name of the root file system: a squashfs, or a tar by its ending
     * @throws IllegalArgumentException if the purpose boots no kernel
     */
    public static KernelArguments of(Location location, ConfigPurpose purpose, Image image, String rootPath) {
        if (!purpose.boots()) {
            throw new IllegalArgumentException("nothing is told to a kernel for " + purpose.word());
        }
        return new KernelArguments(location, purpose, image, rootPath);
    }

    /** The machine's, until it is told another. */
    public KernelArguments hostname(String name) {
        hostname = NOT_IN_HOSTNAMES.matcher(name).replaceAll("-"); // A colon would end the field of ip=.
        return this;
    }

    /** Where cloud-init's MAAS data source gets its configuration, on this rack or elsewhere. */
    public KernelArguments cloudConfig(String url) {
        cloudConfigUrl = Optional.of(inOneWord(url));
        return this;
    }

    /** Where cloud-init's NoCloud data source finds meta-data and the others; in the place of MAAS's. */
    public KernelArguments noCloud(String url) {
        String word = inOneWord(url).replace(";", "%3B"); // It would end the value.
        noCloudUrl = Optional.of(word.endsWith("/") ? word : word + '/'); // cloud-init puts names right behind it.
        return this;
    }

    /** For loaders that do not add it: the card that the machine boots from. */
    public KernelArguments bootInterface(MacAddress mac) {
        bootInterface = Optional.of(mac);
        return this;
    }

    public KernelArguments options(KernelOptions wanted) {
        options = wanted;
        return this;
    }

    /** The command line, word by word. */
    public List<String> words() {
        List<String> words = new ArrayList<>();
        words.add("nomodeset");
        String name = rootPath.substring(rootPath.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
        boolean tar = TARS.stream().anyMatch(name::endsWith);
        words.add((tar ? "root=tar:" : "root=squash:") + location.baseUrl() + rootPath);
        words.add(location.isIpv6() ? "ip=off" : "ip=::::" + hostname + ":BOOTIF:dhcp");
        words.add(location.isIpv6() ? "ip6=dhcp" : "ip6=off");
        addDataSource(words);
        if (!tar) {
            words.add("ro");
            words.add("overlayroot=tmpfs");
            words.add("overlayroot_cfgdisk=disabled");
        }
        if (image.isOldUbuntu()) {
            words.add("apparmor=0"); // Its profiles do not work below an overlay (LP 1677336).
        }
        words.add("log_host=" + location.host());
        words.add("log_port=" + LOG_PORT);
        if (image.arch().equals("ppc64el")) {
            words.add("rootdelay=60");
        }
        bootInterface.ifPresent(mac -> words.add("BOOTIF=01-" + mac.toString().replace(':', '-')));
        addOptions(words);
        return words;
    }

    private void addDataSource(List<String> words) {
        if (noCloudUrl.isPresent()) {
            // The list is for images that are made to look for MAAS alone; 'None' lets a machine start without it.
            words.add("cc:{'datasource_list': ['NoCloud', 'None']}end_cc");
            words.add("ds=nocloud;s=" + noCloudUrl.get());
        } else if (cloudConfigUrl.isPresent()) {
            words.add("cc:{'datasource_list': ['MAAS']}end_cc");
            words.add("cloud-config-url=" + cloudConfigUrl.get());
        }
    }

    private void addOptions(List<String> words) {
        List<String> wanted = options.words();
        boolean installs = purpose != ConfigPurpose.RESCUE;
        if (installs && !wanted.isEmpty()) {
            words.add("---"); // An installer copies what follows to the installed system.
        }
        words.addAll(wanted);
    }

    private static String inOneWord(String url) {
        return url.replace(" ", "%20").replace("\"", "%22");
    }
}
