package org.rackboot.server.cli;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.rackboot.server.RackBoot;
import org.rackboot.server.config.ServerConfig;
import org.rackboot.server.config.Settings;
import org.rackboot.server.net.Addresses;
import picocli.CommandLine.Command;

/**
 * {@code rackboot warm-up}: the launcher's trial run, from which it archives class data. Starts a server on loopback in
 * a directory of its own, asks it a few things, and stops it.
 */
@Command(name = "warm-up", hidden = true, description = "A trial run for the launcher's class-data archive.")
final class WarmUpCommand implements Callable<Integer> {
    @Override
    public Integer call() throws Exception {
        Path state = Files.createTempDirectory("rackboot-warm-up");
        try {
            Settings settings = new Settings(
                    Optional.empty(),
                    Map.of(),
                    Map.of(
                            "state", List.of(state.toString()),
                            "bind", List.of("127.0.0.1"),
                            "tftp.port", List.of("0"),
                            "http.ports", List.of("0"),
                            "api.port", List.of("0"),
                            "admin.port", List.of("0")));
            try (RackBoot process = RackBoot.start(ServerConfig.read(settings), RackBoot.Role.SERVE)) {
                get(process.listeners().http().get(0), "grub/grub.cfg");
                Main.run("get", "http://" + first(process.listeners().http()) + "/ipxe.cfg");
                Main.run("get", "tftp://" + first(process.listeners().tftp()) + "/ipxe.cfg");
                get(process.listeners().admin().get(0), "metrics");
                for (String command : List.of("sources", "selections", "images")) {
                    Main.run(command, "list", "--state", state.toString());
                }
            }
        } finally {
            delete(state);
        }
        return 0;
    }

    private static String first(List<InetSocketAddress> addresses) {
        return Addresses.hostAndPort(addresses.get(0));
    }

    private static void get(InetSocketAddress address, String path) throws IOException, InterruptedException {
        URI uri = URI.create("http://" + Addresses.hostAndPort(address) + "/" + path);
        HttpClient.newHttpClient().send(HttpRequest.newBuilder(uri).build(), BodyHandlers.discarding());
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
