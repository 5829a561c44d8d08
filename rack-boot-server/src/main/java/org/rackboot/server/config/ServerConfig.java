package org.rackboot.server.config;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The whole configuration, valid by construction.
 *
 * @param state directory of everything this server keeps
 * @param bind addresses of every listener; empty = all of the machine's, and loopback for the admin listener
 */
public record ServerConfig(
        Path state,
        List<InetAddress> bind,
        TftpConfig tftp,
        HttpConfig http,
        ApiConfig api,
        AdminConfig admin,
        CacheConfig cache,
        BootConfig boot,
        UpstreamConfig region) {

    /** The {@code tftp} section. */
    public record TftpConfig(int port, int maxBlockSize, int maxWindowSize, int maxTransfers) {}

    /** The {@code http} section: the rack's boot listener. The first port is the one that configurations name. */
    public record HttpConfig(List<Integer> ports) {
        public HttpConfig {
            ports = List.copyOf(ports);
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
     */
    public record CacheConfig(long memoryBytes, long diskBytes, int maxFills, boolean verifyAlways) {}

    /** The {@code boot} section. */
    public record BootConfig(List<String> kernelOptions) {
        public BootConfig {
            kernelOptions = List.copyOf(kernelOptions);
        }
    }

    /**
     * The {@code region} section of a rack on its own.
     *
     * @param url of the region's API; absent in {@code serve}, where it is this process
     * @param token that the region knows this rack by
     */
    public record UpstreamConfig(Optional<URI> url, Optional<String> token) {}

    /** S-65: what a kernel option may be made of, whatever loader's configuration it is written into. */
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
                        settings.number("tftp.max-transfers", 10_000, 1, 1_000_000)),
                new HttpConfig(settings.numbers("http.ports", List.of(5248), 0, 65_535)),
                new ApiConfig(
                        settings.number("api.port", 5240, 0, 65_535),
                        settings.text("database").orElse("jdbc:sqlite:" + state.resolve("region.db"))),
                new AdminConfig(settings.number("admin.port", 5250, 0, 65_535)),
                new CacheConfig(
                        settings.bytes("cache.memory", 128L << 20),
                        settings.bytes("cache.disk", 20L << 30),
                        settings.number("cache.max-fills", 8, 1, 1_000),
                        verifyAlways(settings)),
                new BootConfig(kernelOptions(settings)),
                new UpstreamConfig(regionUrl(settings), settings.text("region.token")));
        if (!settings.text("dhcp.mode").orElse("off").equals("off")) {
            settings.problem("dhcp.mode: this version gives no DHCP answers; use off, and let your DHCP server name the"
                    + " loader (docs/dhcp.md)");
        }
        settings.throwIfAnyProblem();
        return config;
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

    private static boolean verifyAlways(Settings settings) {
        String text = settings.text("cache.verify-reads").orElse("once");
        if (!List.of("once", "always").contains(text)) {
            settings.problem("cache.verify-reads is '%s'; use once or always".formatted(text));
        }
        return text.equals("always");
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

    private static Optional<URI> regionUrl(Settings settings) {
        Optional<String> text = settings.text("region.url");
        if (text.isEmpty()) {
            return Optional.empty();
        }
        try {
            URI uri = URI.create(text.get().endsWith("/") ? text.get() : text.get() + "/");
            if (uri.getHost() != null
                    && (uri.getScheme().equals("http") || uri.getScheme().equals("https"))) {
                return Optional.of(uri);
            }
        } catch (IllegalArgumentException e) {
            settings.problem("region.url is '%s'; use http://host:5240/".formatted(text.get()));
            return Optional.empty();
        }
        settings.problem("region.url is '%s'; use http://host:5240/".formatted(text.get()));
        return Optional.empty();
    }
}
