package org.rackboot.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.rackboot.server.RackBoot;
import org.rackboot.server.config.ConfigException;
import org.rackboot.server.config.ServerConfig;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.net.Addresses;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code rackboot serve}, {@code region} and {@code rack}: runs until it is told to stop. */
abstract class ServeCommand implements Callable<Integer> {
    private static final int FAILED = 1;
    private static final int USAGE = 2;

    private final RackBoot.Role role;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private ServeOptions options;

    @Spec
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    private ServeCommand(RackBoot.Role role) {
        this.role = role;
    }

    @Command(name = "serve", description = "Region and rack in one process: the way to begin.")
    static final class Serve extends ServeCommand {
        Serve() {
            super(RackBoot.Role.SERVE);
        }
    }

    @Command(name = "region", description = "The region alone: imports images, tells racks what there is.")
    static final class RegionRole extends ServeCommand {
        RegionRole() {
            super(RackBoot.Role.REGION);
        }
    }

    @Command(name = "rack", description = "A rack alone: serves machines from its region's catalog.")
    static final class RackRole extends ServeCommand {
        RackRole() {
            super(RackBoot.Role.RACK);
        }
    }

    @Override
    public Integer call() throws InterruptedException {
        long startedNanos = System.nanoTime();
        PrintWriter err = spec.commandLine().getErr();
        ServerConfig config;
        try {
            config = options.read();
        } catch (ConfigException e) {
            e.problems().forEach(problem -> err.println("rackboot: " + problem));
            return USAGE;
        }
        if (role == RackBoot.Role.RACK
                && (config.region().urls().isEmpty()
                        || (config.region().token().isEmpty()
                                && !new StateDirectory(config.state()).hasRackCredential()))) {
            err.println("rackboot: a rack needs --region URL and, until it is enrolled, --token T (or region.url and"
                    + " region.token); T is what 'rackboot racks enrol' prints on the region");
            return USAGE;
        }
        CountDownLatch stop = new CountDownLatch(1);
        CountDownLatch stopped = new CountDownLatch(1);
        try (RackBoot process = RackBoot.start(config, role)) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> stopWith(stop, stopped), "stop"));
            announce(config, process.listeners(), startedNanos);
            stop.await();
        } catch (IOException e) {
            err.println("rackboot: " + e.getMessage());
            return FAILED;
        } finally {
            stopped.countDown();
        }
        return 0;
    }

    /** The JVM ends when this returns: first everything is closed. */
    private static void stopWith(CountDownLatch stop, CountDownLatch stopped) {
        stop.countDown();
        try {
            stopped.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void announce(ServerConfig config, RackBoot.Listeners listeners, long startedNanos) {
        PrintWriter out = spec.commandLine().getOut();
        out.println("rackboot " + Version.text() + " " + role.name().toLowerCase(Locale.ROOT));
        line(out, "TFTP", "", listeners.tftp());
        line(out, "HTTP", "http://", listeners.http());
        line(out, "HTTPS", "https://", listeners.https());
        line(out, "proxyDHCP", "", listeners.dhcp());
        line(out, "PXE", "", listeners.pxe());
        line(out, "DHCPv6", "", listeners.dhcp6());
        line(out, "region API", "http://", listeners.api());
        line(out, "admin", "http://", listeners.admin());
        out.println("  state       " + config.state());
        if (role != RackBoot.Role.RACK && Files.exists(config.state().resolve("api-token"))) {
            out.println("  API token   " + config.state().resolve("api-token"));
        }
        out.printf(Locale.ROOT, "ready in %.1f s%n", (System.nanoTime() - startedNanos) / 1e9);
        out.flush();
    }

    private static void line(PrintWriter out, String what, String scheme, List<InetSocketAddress> addresses) {
        if (!addresses.isEmpty()) {
            out.println("  " + what + " ".repeat(12 - what.length())
                    + addresses.stream()
                            .map(address -> scheme + Addresses.hostAndPort(address))
                            .collect(Collectors.joining(" ")));
        }
    }
}
