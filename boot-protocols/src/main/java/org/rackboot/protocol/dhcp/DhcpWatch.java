package org.rackboot.protocol.dhcp;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.ArchitectureType.Firmware;
import org.rackboot.protocol.dhcp.DhcpFinding.Kind;

/**
 * Listens to what everybody says on the networks of a rack, and explains what will not boot. Hears requests, and those
 * answers that are broadcast: UEFI asks for that, and most ROMs; an answer to one machine alone stays unheard.
 *
 * <p>Bounded: the latest {@value #MOST_EXCHANGES} exchanges, {@value #MOST_SERVERS} servers, {@value #MOST_FINDINGS}
 * findings. Not thread-safe. Times are monotonic nanoseconds.
 */
public final class DhcpWatch {
    static final int MOST_EXCHANGES = 1_024;
    static final int MOST_SERVERS = 64;
    static final int MOST_FINDINGS = 256;
    /** What was not seen again for so long is over. */
    static final long FORGOTTEN_NANOS = 3_600_000_000_000L;

    /** So long after the first of so many DISCOVERs, without an offer or a REQUEST, nobody answers. */
    static final long NO_ADDRESS_NANOS = 20_000_000_000L;

    static final int NO_ADDRESS_DISCOVERS = 3;

    /** A DISCOVER that comes later than this after the last one is another boot's. UEFI's pauses are up to 32 s. */
    static final long SAME_BOOT_NANOS = 60_000_000_000L;

    /** Of a file's name that is repeated to people: what the BOOTP field holds. An option may have ten times that. */
    static final int MOST_FILE_CHARACTERS = 127;

    private static final int MOST_SHOWN = 8; // Of servers, in one text.
    private static final int SUBNET_MASK = 1;
    private static final int MASK_OF_TWO = 0xFFFFFFFE;

    private final Predicate<Ipv4Address> isOurs;
    private final Map<Asker, Asking> exchanges = bounded(MOST_EXCHANGES);
    private final Map<Place, Long> dhcpServers = bounded(MOST_SERVERS); // When each was heard last.
    private final Map<Key, Found> findings = bounded(MOST_FINDINGS);

    private record Asker(String network, HardwareAddress hardware) {}

    private record Place(String network, Ipv4Address server) {}

    private record Key(Kind kind, String network, Ipv4Address server) {}

    private record Found(DhcpFinding finding, long seenNanos) {}

    /**
     * @param client empty for machines that do not boot from the network
     * @param sinceNanos of the first DISCOVER that nobody answered
     * @param lastNanos of the last one
     */
    private record Asking(Optional<BootClient> client, long sinceNanos, long lastNanos, int discovers) {
        boolean asksInVain(long nanoTime) {
            return client.isPresent()
                    && discovers >= NO_ADDRESS_DISCOVERS
                    && nanoTime - sinceNanos >= NO_ADDRESS_NANOS
                    && nanoTime - lastNanos <= FORGOTTEN_NANOS;
        }

        Asking answered() {
            return new Asking(client, lastNanos, lastNanos, 0);
        }
    }

    /** @param isOurs whether an address is one of this rack's */
    public DhcpWatch(Predicate<Ipv4Address> isOurs) {
        this.isOurs = isOurs;
    }

    /**
     * Takes one message.
     *
     * @param network where it was heard
     * @param source as the IP header has it
     * @return what was not known before
     */
    public List<DhcpFinding> hear(DhcpMessage message, String network, Ipv4Address source, long nanoTime) {
        findings.values().removeIf(found -> nanoTime - found.seenNanos() > FORGOTTEN_NANOS);
        List<DhcpFinding> now = new ArrayList<>();
        if (message.isRequest()) {
            asked(message, network, nanoTime);
        } else {
            Ipv4Address server = message.options()
                    .serverIdentifier()
                    .map(ServerIdentifier::address)
                    .orElse(source);
            if (!isOurs.test(server) && !isOurs.test(source)) {
                answered(message, network, server, nanoTime, now);
            }
        }
        List<DhcpFinding> fresh = new ArrayList<>();
        for (DhcpFinding finding : now) {
            Key key = new Key(finding.kind(), finding.network(), finding.server());
            if (findings.put(key, new Found(finding, nanoTime)) == null) {
                fresh.add(finding);
            }
        }
        return fresh;
    }

    /**
     * Looks who asks in vain: silence is found out by nothing that is heard. To be called every few seconds.
     *
     * @return what was not known before
     */
    public List<DhcpFinding> look(long nanoTime) {
        findings.values().removeIf(found -> nanoTime - found.seenNanos() > FORGOTTEN_NANOS);
        List<DhcpFinding> fresh = new ArrayList<>();
        exchanges.forEach((asker, asking) -> {
            Key key = new Key(Kind.NO_ADDRESS, asker.network(), Ipv4Address.UNSPECIFIED);
            Found before = findings.get(key);
            boolean isNews = before == null || asking.lastNanos() - before.seenNanos() > 0;
            if (isNews && asking.asksInVain(nanoTime)) {
                DhcpFinding finding = noAddress(asker, asking);
                findings.put(key, new Found(finding, asking.lastNanos()));
                if (before == null) {
                    fresh.add(finding);
                }
            }
        });
        return fresh;
    }

    private static DhcpFinding noAddress(Asker asker, Asking asking) {
        Optional<MacAddress> mac = asker.hardware().mac();
        return new DhcpFinding(
                Kind.NO_ADDRESS,
                asker.network(),
                Ipv4Address.UNSPECIFIED,
                mac,
                "%s asked %d times on %s and took no address: no DHCP server was heard to offer it one; look for a full pool, a"
                                .formatted(
                                        mac.map(MacAddress::text).orElse("a machine"),
                                        asking.discovers(),
                                        asker.network())
                        + " server that is down, or a switch port that keeps broadcasts back");
    }

    /** What is wrong at the moment; what was seen last comes last. */
    public List<DhcpFinding> findings(long nanoTime) {
        return findings.values().stream()
                .filter(found -> nanoTime - found.seenNanos() <= FORGOTTEN_NANOS)
                .map(Found::finding)
                .toList();
    }

    private void asked(DhcpMessage message, String network, long nanoTime) {
        Asker asker = new Asker(network, message.hardware());
        Optional<BootClient> client = BootClient.of(message);
        Optional<MessageType> type = message.options().messageType();
        if (!type.equals(Optional.of(MessageType.DISCOVER))) {
            exchanges.put(asker, new Asking(client, nanoTime, nanoTime, 0));
            return;
        }
        Asking before = exchanges.get(asker);
        Asking after = before == null || before.discovers() == 0 || nanoTime - before.lastNanos() > SAME_BOOT_NANOS
                ? new Asking(client, nanoTime, nanoTime, 1)
                : new Asking(client, before.sinceNanos(), nanoTime, before.discovers() + 1);
        exchanges.put(asker, after);
    }

    private void answered(
            DhcpMessage message, String network, Ipv4Address server, long nanoTime, List<DhcpFinding> now) {
        Asker asker = new Asker(network, message.hardware());
        Asking asking = exchanges.get(asker);
        Optional<BootClient> client = asking == null ? Optional.empty() : asking.client();
        boolean gives = !message.yourAddress().isUnspecified();
        if (gives && asking != null) {
            exchanges.put(asker, asking.answered());
        }
        if (gives) {
            givesAddresses(message, network, server, nanoTime, now);
        }
        if (client.isEmpty()) { // Nothing that it says of booting is for somebody who boots.
            return;
        }
        String file = shown(message);
        boolean pxe =
                message.options().vendorClass().map(VendorClass::isPxeClient).orElse(false);
        boolean http =
                message.options().vendorClass().map(VendorClass::isHttpClient).orElse(false);
        if (!file.isEmpty() || (!gives && (pxe || http))) {
            add(
                    now,
                    Kind.SECOND_BOOT_SERVER,
                    network,
                    server,
                    message,
                    "%s also tells machines on %s what to boot (%s): which of the two answers a machine takes is the firmware's choice;"
                                    .formatted(server, network, file.isEmpty() ? "without a file" : "'" + file + "'")
                            + " take the boot file and option 60 from that server, or '--dhcp off' here and give it the lines of"
                            + " 'rackboot dhcp-config'");
        }
        if (gives) {
            offerWithAddress(message, network, server, client.get(), file, now);
        }
        boolean control = message.options()
                .pxe()
                .map(options -> options.discoveryControl().isPresent())
                .orElse(false);
        if (pxe && !control && gives) {
            add(
                    now,
                    Kind.VENDOR_CLASS_WITHOUT_CONTROL,
                    network,
                    server,
                    message,
                    "%s on %s says option 60 = PXEClient without option 43: UEFI then asks it again on port 4011, and gives up PXE when"
                                    .formatted(server, network)
                            + " nothing answers there; take option 60 out of that server's answers");
        }
        if (!file.isEmpty()) {
            loaderFits(message, network, server, client.get(), file, http, now);
        }
    }

    /** What it says of a file, made harmless for logs. */
    private static String shown(DhcpMessage message) {
        String file = message.options()
                .bootFileName()
                .map(BootFileName::name)
                .filter(name -> !name.isEmpty())
                .orElse(message.file());
        String cut = file.length() > MOST_FILE_CHARACTERS ? file.substring(0, MOST_FILE_CHARACTERS) : file;
        return cut.replaceAll("[^!-~]", "?");
    }

    private void givesAddresses(
            DhcpMessage message, String network, Ipv4Address server, long nanoTime, List<DhcpFinding> now) {
        dhcpServers.values().removeIf(heard -> nanoTime - heard > FORGOTTEN_NANOS);
        dhcpServers.put(new Place(network, server), nanoTime);
        List<Ipv4Address> here = dhcpServers.keySet().stream()
                .filter(place -> place.network().equals(network))
                .map(Place::server)
                .toList();
        if (here.size() > 1) {
            add(
                    now,
                    Kind.SECOND_DHCP_SERVER,
                    network,
                    Ipv4Address.UNSPECIFIED, // Said of all together, so that it is not said for each.
                    message,
                    "%d DHCP servers give out addresses on %s (%s): unless they know of each other, a machine gets the boot settings"
                                    .formatted(here.size(), network, String.join(", ", texts(here)))
                            + " of whichever is quicker; turn one off");
        }
        boolean two = message.options()
                .find(SUBNET_MASK)
                .filter(mask -> mask.length() == 4 && mask.buffer().getInt(0) == MASK_OF_TWO)
                .isPresent();
        if (two) {
            add(
                    now,
                    Kind.NETWORK_OF_TWO,
                    network,
                    server,
                    message,
                    "%s gives out addresses of a /31 network on %s, which UEFI firmware refuses; use a /30 or larger"
                            .formatted(server, network));
        }
    }

    private void offerWithAddress(
            DhcpMessage message,
            String network,
            Ipv4Address server,
            BootClient client,
            String file,
            List<DhcpFinding> now) {
        boolean uefiByTftp = client.kind() == BootClient.Kind.PXE
                && client.program() == BootClient.Program.FIRMWARE
                && client.architecture()
                        .map(type -> type.firmware() == Firmware.UEFI)
                        .orElse(false);
        if (uefiByTftp && !isOurs.test(message.nextServer())) {
            add(
                    now,
                    Kind.NO_NEXT_SERVER,
                    network,
                    server,
                    message,
                    "%s on %s %s: a GRUB that was loaded by TFTP asks next-server for its configuration, whatever else it was told;"
                                    .formatted(
                                            server,
                                            network,
                                            message.nextServer().isUnspecified()
                                                    ? "sends no next-server"
                                                    : "sends next-server " + message.nextServer())
                            + " set next-server there to this rack's address, or choose iPXE ('boot.loader: ipxe')");
        }
        if (client.kind() == BootClient.Kind.HTTP
                && !file.isEmpty()
                && !message.options()
                        .vendorClass()
                        .map(VendorClass::isHttpClient)
                        .orElse(false)) {
            add(
                    now,
                    Kind.HTTP_OFFER_UNUSABLE,
                    network,
                    server,
                    message,
                    "%s on %s offers an HTTP client '%s' without option 60 = HTTPClient: UEFI drops such an offer; add that option"
                            .formatted(server, network, file));
        }
    }

    private void loaderFits(
            DhcpMessage message,
            String network,
            Ipv4Address server,
            BootClient client,
            String file,
            boolean http,
            List<DhcpFinding> now) {
        String name = file.toLowerCase(Locale.ROOT);
        boolean url = name.startsWith("http://") || name.startsWith("https://");
        if (http && !url) {
            add(
                    now,
                    Kind.HTTP_OFFER_UNUSABLE,
                    network,
                    server,
                    message,
                    "%s on %s offers an HTTP client '%s', which is no URL; it must begin with http://"
                            .formatted(server, network, file));
        }
        Optional<Firmware> firmware = client.architecture().map(ArchitectureType::firmware);
        if (client.isIpxe() || firmware.isEmpty()) { // iPXE loads anything.
            return;
        }
        boolean forBios = name.endsWith(".0") || name.endsWith("pxe"); // lpxelinux.0, undionly.kpxe
        boolean forUefi = name.endsWith(".efi");
        boolean wrong = (firmware.get() == Firmware.UEFI && forBios) || (firmware.get() == Firmware.BIOS && forUefi);
        if (wrong) {
            add(
                    now,
                    Kind.LOADER_OF_OTHER_FIRMWARE,
                    network,
                    server,
                    message,
                    "%s on %s offers '%s' to a machine with %s firmware, which cannot run it; choose the file by option 93 there"
                            .formatted(server, network, file, firmware.get()));
        }
    }

    private static void add(
            List<DhcpFinding> now, Kind kind, String network, Ipv4Address server, DhcpMessage message, String text) {
        now.add(new DhcpFinding(kind, network, server, message.hardware().mac(), text));
    }

    private static List<String> texts(List<Ipv4Address> addresses) {
        return addresses.stream()
                .map(Objects::toString)
                .sorted()
                .limit(MOST_SHOWN)
                .toList();
    }

    private static <K, V> Map<K, V> bounded(int most) {
        return new LinkedHashMap<>(16, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
                return size() > most;
            }
        };
    }
}
