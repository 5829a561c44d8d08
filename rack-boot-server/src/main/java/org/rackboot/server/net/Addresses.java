package org.rackboot.server.net;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Addresses to listen on, and how to write them. */
public final class Addresses {
    private Addresses() {}

    /**
     * What to open for a configured list: the list itself, or every address of this machine, each with a socket of its
     * own. So an answer always comes from the address that was asked (quirk T26), on any transport.
     */
    public static List<InetAddress> toListenOn(List<InetAddress> configured) throws IOException {
        if (!configured.isEmpty() && configured.stream().noneMatch(InetAddress::isAnyLocalAddress)) {
            return configured;
        }
        List<InetAddress> all = new ArrayList<>();
        for (NetworkInterface each : Collections.list(NetworkInterface.getNetworkInterfaces())) {
            if (each.isUp()) {
                for (InetAddress address : Collections.list(each.getInetAddresses())) {
                    boolean wanted = configured.isEmpty() || configured.stream().anyMatch(any -> covers(any, address));
                    if (wanted && !all.contains(address)) {
                        all.add(address);
                    }
                }
            }
        }
        return all;
    }

    /** As a URL writes it: IPv6 in brackets, without zone. */
    public static String host(InetAddress address) {
        String text = address.getHostAddress();
        int zone = text.indexOf('%');
        String plain = zone < 0 ? text : text.substring(0, zone);
        return address instanceof Inet6Address ? "[" + plain + "]" : plain;
    }

    public static String hostAndPort(InetSocketAddress address) {
        return host(address.getAddress()) + ":" + address.getPort();
    }

    /** Why a socket could not be opened, and what an operator does about it. */
    public static BindException explain(String what, InetAddress address, int port, String flag, Throwable cause) {
        return explain(
                what, address, port, "choose an unprivileged port: " + flag, "choose another port: " + flag, cause);
    }

    /**
     * The same.
     *
     * @param unprivileged what helps whoever may not have the port
     * @param elsewhere what helps beside another program that has it
     */
    public static BindException explain(
            String what, InetAddress address, int port, String unprivileged, String elsewhere, Throwable cause) {
        String reason = String.valueOf(cause.getMessage());
        String where = "%s cannot listen on %s port %d".formatted(what, host(address), port);
        if (reason.contains("Permission denied")) {
            return new BindException(
                    where + ": ports below 1024 need a capability. One of these helps:\n"
                            + "  - run it under systemd with packaging/rackboot.service, which grants CAP_NET_BIND_SERVICE\n"
                            + "  - give it the capability for one run:\n"
                            + "      sudo setpriv --reuid \"$USER\" --init-groups --inh-caps +net_bind_service"
                            + " --ambient-caps +net_bind_service ./rackboot serve\n"
                            + "  - " + unprivileged,
                    cause);
        }
        if (reason.contains("Address already in use")) {
            return new BindException(
                    where + ": another program has it (ss -lnptu 'sport = :" + port
                            + "' shows which). Stop that one, or " + elsewhere,
                    cause);
        }
        if (reason.contains("Cannot assign requested address")) {
            return new BindException(
                    where + ": this machine has no such address ('ip address' lists what it has); see --bind", cause);
        }
        return new BindException(where + ": " + reason, cause);
    }

    private static boolean covers(InetAddress any, InetAddress address) {
        return any instanceof Inet6Address || address instanceof Inet4Address; // :: takes both, 0.0.0.0 IPv4 only.
    }
}
