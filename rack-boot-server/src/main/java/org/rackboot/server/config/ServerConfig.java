package org.rackboot.server.config;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.rackboot.protocol.address.Subnet;
import org.rackboot.protocol.bootconfig.BootTemplates;
import org.rackboot.protocol.bootconfig.ConfigLoader;
import org.rackboot.protocol.bootconfig.ConfigPurpose;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.tftp.ClientRules;
import org.rackboot.protocol.tftp.Negotiation;

/**
 * The whole configuration, valid by construction.
 *
 * @param state directory of everything this server keeps
 * @param bind addresses of every listener; empty = all of the machine's, and loopback for the admin listener
 * @param serveRacks whether a rack gives catalog and contents to other racks
 */
public record ServerConfig(
        Path state,
        List<InetAddress> bind,
        TftpConfig tftp,
        HttpConfig http,
        HttpsConfig https,
        ApiConfig api,
        AdminConfig admin,
        CacheConfig cache,
        EgressConfig egress,
        BootConfig boot,
        ImportConfig imports,
        UpstreamConfig region,
        RegionCacheConfig regionCache,
        boolean serveRacks,
        DhcpConfig dhcp) {

    /**
     * The {@code tftp} section.
     *
     * @param singlePort whether transfers share the well-known port
     * @param stopTimeout for running transfers to end
     */
    public record TftpConfig(
            int port,
            int maxBlockSize,
            int maxWindowSize,
            int maxTransfers,
            boolean singlePort,
            ClientRules rules,
            Duration stopTimeout) {}

    /**
     * The {@code http} section: the rack's boot listener. The first port is the one that configurations name.
     *
     * @param stopTimeout how long answers that are being sent may hold up a stop
     */
    public record HttpConfig(
            List<Integer> ports, int maxConnections, int maxConnectionsPerAddress, Duration stopTimeout) {
        public HttpConfig {
            ports = List.copyOf(ports);
        }
    }

    /**
     * The {@code https} section. Without a certificate there is no such listener.
     *
     * @param certificates PEM files, each with a chain; as many as keys
     */
    public record HttpsConfig(int port, List<Path> certificates, List<Path> keys) {
        public HttpsConfig {
            certificates = List.copyOf(certificates);
            keys = List.copyOf(keys);
        }
    }

    /** The {@code api} section and the region's {@code database}. */
    public record ApiConfig(int port, String database) {}

    /** The {@code admin} section: metrics and health. */
    public record AdminConfig(int port) {}

    /**
     * The {@code cache} section.
     *
     * @param verifyAlways every byte from disk is verified each time it is read, which rules out {@code sendfile}
     * @param prefetch {@code none}, {@code boot} or {@code all}
     * @param prefetchRate of what nobody waits for, in bytes a second; 0 = no limit
     * @param scrubInterval after which each file is read again; zero = never
     */
    public record CacheConfig(
            long memoryBytes,
            long diskBytes,
            int maxFills,
            boolean verifyAlways,
            String prefetch,
            long prefetchRate,
            Duration scrubInterval) {}

    /**
     * The {@code egress} section: bytes a second of what a rack sends to machines and racks; 0 = no limit.
     *
     * @param maxRate of all of them together
     * @param maxClientRate of each address
     */
    public record EgressConfig(long maxRate, long maxClientRate) {}

    /**
     * The {@code boot} section.
     *
     * @param loader that machines begin with of which nothing else was said
     * @param unknownMachines what those get that nobody made known, and nothing is assigned to: {@code boot}, {@code hold},
     *     {@code silence}
     * @param templates of boot configurations
     */
    public record BootConfig(
            List<String> kernelOptions, LoaderPreference loader, String unknownMachines, BootTemplates templates) {
        public BootConfig {
            kernelOptions = List.copyOf(kernelOptions);
        }
    }

    /**
     * What the {@code region} section says of images.
     *
     * @param interval between imports that start by themselves; zero = none does
     * @param maxRate of all downloads together, in bytes a second; 0 = no limit
     * @param keepVersions of an image
     * @param singleSource whether more than one enabled source forbids changes of selections
     */
    public record ImportConfig(Duration interval, long maxRate, int keepVersions, boolean singleSource) {}

    /**
     * The {@code region} section of a rack on its own.
     *
     * @param urls of the region's API, by which any of its processes is reached; none in {@code serve}, where it is this one
     * @param token that the region knows this rack by
     */
    public record UpstreamConfig(List<URI> urls, Optional<String> token) {
        public UpstreamConfig {
            urls = List.copyOf(urls);
        }
    }

    /**
     * What the {@code region} section says of the cache in front of the region database.
     *
     * @param memory bytes; empty = as much as the role needs
     * @param disk bytes; empty = as much as the role needs
     */
    public record RegionCacheConfig(OptionalLong memory, OptionalLong disk) {
        /** @param besideARack whose own cache keeps what machines want, on the same machine */
        public long memoryBytes(boolean besideARack) {
            return memory.orElse(besideARack ? 32L << 20 : 64L << 20);
        }

        /** @param besideARack whose own cache keeps what machines want, on the same disk */
        public long diskBytes(boolean besideARack) {
            return disk.orElse(besideARack ? 0 : 4L << 30);
        }
    }

    /**
     * The {@code dhcp} section.
     *
     * @param isProxy whether machines are told what to load; else DHCP is not heard at all
     * @param interfaces empty = those of the addresses that are listened on
     * @param port of DHCP servers
     * @param pxePort of PXE boot servers
     * @param port6 of DHCPv6 servers
     * @param subnets whose machines are answered; empty = all
     * @param ignoredSubnets whose machines are not
     */
    public record DhcpConfig(
            boolean isProxy,
            List<String> interfaces,
            int port,
            int pxePort,
            int port6,
            List<Subnet> subnets,
            List<Subnet> ignoredSubnets) {
        public DhcpConfig {
            interfaces = List.copyOf(interfaces);
            subnets = List.copyOf(subnets);
            ignoredSubnets = List.copyOf(ignoredSubnets);
        }

        /** What was said of DHCP and does nothing, for people. */
        public Optional<String> idle() {
            return isProxy || interfaces.isEmpty()
                    ? Optional.empty()
                    : Optional.of(
                            "--interface (dhcp.interfaces: %s) does nothing without --dhcp proxy: no machine is answered by DHCP"
                                    .formatted(String.join(", ", interfaces)));
        }
    }

    private static final long LEAST_EGRESS_RATE = 64 << 10;
    private static final Set<String> TFTP_OPTIONS = Set.of("blksize", "tsize", "timeout", "windowsize");
    private static final String NETWORK_EXAMPLES =
            "a network is named by its first address, as in 198.18.0.0/15, 2001:db8::/32, or one address alone";

    /** S-65: what a kernel option may be made of, whatever loader's configuration it is written into. */
    private static final int MAX_TEMPLATE = 64 << 10;

    private static final List<String> TEMPLATE_ARCHES =
            List.of("", ".amd64", ".arm64", ".armhf", ".i386", ".ppc64el", ".riscv64", ".s390x");

    private static final Pattern KERNEL_OPTION = Pattern.compile("[A-Za-z0-9_.,:=/@+-]{1,200}");

    /** Reads and checks everything; tells all problems at once. */
    public static ServerConfig read(Settings settings) throws ConfigException {
        Path state = settings.text("state")
                .map(Path::of)
                .orElseGet(StateDirectory::standard)
                .toAbsolutePath();
        ServerConfig config = new ServerConfig(
                state,
                addresses(settings),
                new TftpConfig(
                        settings.number("tftp.port", 69, 0, 65_535),
                        settings.number("tftp.max-block-size", 65_464, 8, 65_464),
                        settings.number("tftp.max-window-size", 64, 1, 32_767),
                        settings.number("tftp.max-transfers", 10_000, 1, 1_000_000),
                        settings.flag("tftp.single-port", false),
                        clientRules(settings),
                        settings.duration("tftp.stop-timeout", Duration.ofSeconds(30))),
                new HttpConfig(
                        settings.numbers("http.ports", List.of(5248), 0, 65_535),
                        settings.number("http.max-connections", 20_000, 1, 1_000_000),
                        settings.number("http.max-connections-per-address", 4_096, 1, 1_000_000),
                        settings.duration("http.stop-timeout", Duration.ofSeconds(30))),
                https(settings),
                new ApiConfig(
                        settings.number("api.port", 5240, 0, 65_535),
                        settings.text("database").orElse("jdbc:sqlite:" + state.resolve("region.db"))),
                new AdminConfig(settings.number("admin.port", 5250, 0, 65_535)),
                new CacheConfig(
                        settings.bytes("cache.memory", 128L << 20),
                        settings.bytes("cache.disk", 20L << 30),
                        settings.number("cache.max-fills", 8, 1, 1_000),
                        verifyAlways(settings),
                        word(settings, "cache.prefetch", List.of("boot", "none", "all")),
                        settings.bytes("cache.prefetch-rate", 0),
                        settings.duration("cache.scrub-interval", Duration.ofHours(168))),
                new EgressConfig(
                        egressRate(settings, "egress.max-rate"), egressRate(settings, "egress.max-client-rate")),
                new BootConfig(
                        kernelOptions(settings),
                        LoaderPreference.parse(word(settings, "boot.loader", List.of("signed", "ipxe")))
                                .orElseThrow(),
                        word(settings, "boot.unknown-machines", List.of("boot", "hold", "silence")),
                        templates(settings)),
                new ImportConfig(
                        settings.duration("region.import.interval", Duration.ofHours(1)),
                        settings.bytes("region.import.max-rate", 0),
                        settings.number("region.keep-versions", 2, 1, 1_000),
                        settings.flag("region.single-source", false)),
                new UpstreamConfig(regionUrls(settings), settings.text("region.token")),
                new RegionCacheConfig(bytes(settings, "region.cache.memory"), bytes(settings, "region.cache.disk")),
                settings.flag("rack.serve-racks", true),
                dhcp(settings));
        settings.throwIfAnyProblem();
        return config;
    }

    private static long egressRate(Settings settings, String key) {
        long rate = settings.bytes(key, 0);
        if (rate > 0 && rate < LEAST_EGRESS_RATE) {
            settings.problem(
                    "%s is '%d'; use 0 for no limit, or 64KiB and more: less feeds no machine".formatted(key, rate));
        }
        return rate;
    }

    private static OptionalLong bytes(Settings settings, String key) {
        return settings.text(key).isPresent() ? OptionalLong.of(settings.bytes(key, 0)) : OptionalLong.empty();
    }

    private static List<InetAddress> addresses(Settings settings) {
        List<InetAddress> all = new ArrayList<>();
        for (String text : settings.list("bind")) {
            try {
                all.add(InetAddress.getByName(text));
            } catch (UnknownHostException e) {
                settings.problem("bind is '%s'; use one of this machine's addresses".formatted(text));
            }
        }
        return all;
    }

    private static ClientRules clientRules(Settings settings) {
        return new ClientRules(
                subnets(settings, "tftp.allow"),
                bySubnet(settings, "tftp.block-size-caps", "198.18.4.0/24=1388", text -> {
                    int bytes = Integer.parseInt(text);
                    if (bytes < Negotiation.MIN_BLOCK_SIZE || bytes > Negotiation.MAX_BLOCK_SIZE) {
                        throw new IllegalArgumentException();
                    }
                    return bytes;
                }),
                bySubnet(settings, "tftp.refuse-options", "198.18.4.9=blksize+tsize", text -> {
                    Set<String> names = Set.of(text.toLowerCase(Locale.ROOT).split("\\+"));
                    if (!TFTP_OPTIONS.containsAll(names)) {
                        throw new IllegalArgumentException();
                    }
                    return names;
                }),
                subnets(settings, "tftp.rollover-to-one"));
    }

    private static List<Subnet> subnets(Settings settings, String key) {
        List<Subnet> all = new ArrayList<>();
        for (String text : settings.list(key)) {
            Subnet.parse(text.strip())
                    .ifPresentOrElse(
                            all::add, () -> settings.problem("%s has '%s'; %s".formatted(key, text, NETWORK_EXAMPLES)));
        }
        return all;
    }

    /** A list of {@code NETWORK=VALUE}. */
    private static <T> List<Map.Entry<Subnet, T>> bySubnet(
            Settings settings, String key, String example, Function<String, T> parser) {
        List<Map.Entry<Subnet, T>> all = new ArrayList<>();
        for (String text : settings.list(key)) {
            int equals = text.indexOf('=');
            Optional<Subnet> subnet =
                    Subnet.parse(text.substring(0, Math.max(0, equals)).strip());
            if (subnet.isEmpty()) {
                settings.problem(
                        "%s has '%s'; use NETWORK=VALUE, as in %s; %s".formatted(key, text, example, NETWORK_EXAMPLES));
                continue;
            }
            try {
                all.add(Map.entry(
                        subnet.get(), parser.apply(text.substring(equals + 1).strip())));
            } catch (IllegalArgumentException e) {
                settings.problem("%s has '%s'; use a value as in %s".formatted(key, text, example));
            }
        }
        return all;
    }

    private static HttpsConfig https(Settings settings) {
        HttpsConfig https = new HttpsConfig(
                settings.number("https.port", 5249, 0, 65_535),
                settings.list("https.certificate").stream().map(Path::of).toList(),
                settings.list("https.key").stream().map(Path::of).toList());
        if (https.certificates().size() != https.keys().size()) {
            settings.problem("https.certificate names %d files and https.key %d; give a key for each certificate"
                    .formatted(https.certificates().size(), https.keys().size()));
        }
        return https;
    }

    private static DhcpConfig dhcp(Settings settings) {
        return new DhcpConfig(
                word(settings, "dhcp.mode", List.of("off", "proxy")).equals("proxy"),
                settings.list("dhcp.interfaces"),
                settings.number("dhcp.port", 67, 0, 65_535),
                settings.number("dhcp.pxe-port", 4011, 0, 65_535),
                settings.number("dhcp.port6", 547, 0, 65_535),
                subnets(settings, "dhcp.subnets"),
                subnets(settings, "dhcp.ignore-subnets"));
    }

    private static boolean verifyAlways(Settings settings) {
        return word(settings, "cache.verify-reads", List.of("once", "always")).equals("always");
    }

    /** @param words that may be said; the first is meant when nothing is */
    private static String word(Settings settings, String key, List<String> words) {
        String text = settings.text(key).orElse(words.get(0));
        if (!words.contains(text)) {
            settings.problem("%s is '%s'; use %s".formatted(key, text, String.join(" or ", words)));
        }
        return text;
    }

    private static List<String> kernelOptions(Settings settings) {
        List<String> words = new ArrayList<>();
        for (String text : settings.list("boot.kernel-options")) {
            for (String word : text.strip().split("\\s+")) {
                if (KERNEL_OPTION.matcher(word).matches()) {
                    words.add(word);
                } else if (!word.isEmpty()) {
                    settings.problem("boot.kernel-options: '%s' has characters other than letters, digits and _.,:=/@+-"
                            .formatted(word));
                }
            }
        }
        return words;
    }

    /** The built-in ones, and in the place of some of them what files say. */
    private static BootTemplates templates(Settings settings) {
        Map<String, String> texts = new LinkedHashMap<>();
        for (ConfigLoader loader : ConfigLoader.values()) {
            for (ConfigPurpose purpose : ConfigPurpose.values()) {
                for (String arch : TEMPLATE_ARCHES) {
                    String key = "boot.templates." + loader.word() + "." + purpose.word() + arch;
                    settings.text(key)
                            .flatMap(file -> template(settings, key, file))
                            .ifPresent(text -> texts.put(loader.word() + "/" + purpose.word() + arch, text));
                }
            }
        }
        BootTemplates.Loaded loaded = BootTemplates.builtIn().withOverrides(texts);
        loaded.problems().forEach(problem -> settings.problem("boot.templates: " + problem));
        return loaded.templates();
    }

    private static Optional<String> template(Settings settings, String key, String file) {
        try {
            Path path = Path.of(file);
            if (Files.size(path) > MAX_TEMPLATE) {
                settings.problem("%s: %s has more than %d bytes".formatted(key, file, MAX_TEMPLATE));
                return Optional.empty();
            }
            return Optional.of(Files.readString(path));
        } catch (IOException | InvalidPathException e) {
            settings.problem("%s: the file %s cannot be read: %s".formatted(key, file, e));
            return Optional.empty();
        }
    }

    private static List<URI> regionUrls(Settings settings) {
        List<URI> urls = new ArrayList<>();
        for (String text : settings.list("region.url")) {
            Optional<URI> url = regionUrl(text.strip());
            url.ifPresentOrElse(
                    urls::add, () -> settings.problem("region.url is '%s'; use http://host:5240/".formatted(text)));
        }
        return urls;
    }

    private static Optional<URI> regionUrl(String text) {
        try {
            URI uri = URI.create(text.endsWith("/") ? text : text + "/");
            return Optional.of(uri)
                    .filter(url -> url.getHost() != null
                            && List.of("http", "https").contains(String.valueOf(url.getScheme())));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
