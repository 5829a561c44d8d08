package org.rackboot.server.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rackboot.server.config.ConfigException;
import org.rackboot.server.config.ServerConfig;
import org.rackboot.server.config.Settings;
import picocli.CommandLine.Option;

/** The flags of {@code serve}, {@code region} and {@code rack}; each overrides a key of the configuration. */
final class ServeOptions {
    @Option(names = "--config", paramLabel = "FILE", description = "configuration file (YAML)")
    private @Nullable Path config;

    @Option(names = "--state", paramLabel = "DIR", description = "where everything is kept")
    private @Nullable String state;

    @Option(
            names = "--bind",
            paramLabel = "ADDR",
            description = "address of every listener; may be repeated (default: all addresses of this machine)")
    private @Nullable List<String> bind;

    @Option(names = "--tftp-port", paramLabel = "N", description = "default: 69")
    private @Nullable String tftpPort;

    @Option(names = "--http-port", paramLabel = "N", description = "default: 5248; may be repeated")
    private @Nullable List<String> httpPorts;

    @Option(names = "--https-port", paramLabel = "N", description = "default: 5249; needs a certificate")
    private @Nullable String httpsPort;

    @Option(
            names = "--https-certificate",
            paramLabel = "FILE",
            description = "PEM file with the certificate and its chain; may be repeated (RSA and ECDSA)")
    private @Nullable List<String> httpsCertificates;

    @Option(names = "--https-key", paramLabel = "FILE", description = "PEM file with its key; may be repeated")
    private @Nullable List<String> httpsKeys;

    @Option(names = "--api-port", paramLabel = "N", description = "default: 5240")
    private @Nullable String apiPort;

    @Option(names = "--admin-port", paramLabel = "N", description = "metrics and health (default: 5250)")
    private @Nullable String adminPort;

    @Option(
            names = "--database",
            paramLabel = "JDBC-URL",
            description = "region database (default: SQLite in the state directory)")
    private @Nullable String database;

    @Option(
            names = "--region",
            paramLabel = "URL",
            description = "the region's API, for a rack on its own; may be repeated for a region of several processes")
    private @Nullable List<String> regions;

    @Option(
            names = "--token",
            paramLabel = "T",
            description = "one-time token of 'rackboot racks enrol'; not needed once this rack is enrolled")
    private @Nullable String token;

    @Option(
            names = "--dhcp",
            paramLabel = "off|proxy",
            description = "proxy: tell machines what to load, beside your DHCP server (default: off)")
    private @Nullable String dhcp;

    @Option(
            names = "--interface",
            paramLabel = "NAME",
            description = "for --dhcp; may be repeated (default: those of the addresses of --bind, else all)")
    private @Nullable List<String> interfaces;

    ServerConfig read() throws ConfigException {
        Map<String, List<String>> flags = new LinkedHashMap<>();
        put(flags, "state", state);
        put(flags, "tftp.port", tftpPort);
        put(flags, "https.port", httpsPort);
        put(flags, "api.port", apiPort);
        put(flags, "admin.port", adminPort);
        put(flags, "database", database);
        put(flags, "region.token", token);
        put(flags, "dhcp.mode", dhcp);
        putAll(flags, "bind", bind);
        putAll(flags, "region.url", regions);
        putAll(flags, "http.ports", httpPorts);
        putAll(flags, "https.certificate", httpsCertificates);
        putAll(flags, "https.key", httpsKeys);
        putAll(flags, "dhcp.interfaces", interfaces);
        return ServerConfig.read(new Settings(Optional.ofNullable(config), System.getenv(), flags));
    }

    private static void put(Map<String, List<String>> flags, String key, @Nullable String value) {
        if (value != null) {
            flags.put(key, List.of(value));
        }
    }

    private static void putAll(Map<String, List<String>> flags, String key, @Nullable List<String> values) {
        if (values != null) {
            flags.put(key, new ArrayList<>(values));
        }
    }
}
