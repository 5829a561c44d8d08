package org.rackboot.protocol.dhcp6;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.rackboot.protocol.address.Ipv6Address;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.dhcp.MachineId;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Exchange;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Relay;
import org.rackboot.protocol.dhcp6.Dhcp6Option.BootFileUrl;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ClientArchitectures;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ClientId;
import org.rackboot.protocol.dhcp6.Dhcp6Option.InterfaceId;
import org.rackboot.protocol.dhcp6.Dhcp6Option.RelayMessage;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ServerId;
import org.rackboot.protocol.dhcp6.Dhcp6Option.UserClass;
import org.rackboot.protocol.dhcp6.Dhcp6Option.VendorClass;

/**
 * A DHCPv6 server that only tells machines what to boot, beside one that gives out the addresses (ADR 19). Decides without
 * state: each request is answered from itself.
 *
 * <p>UEFI's PXE takes an Advertise that has {@code PXEClient} and no address for a proxy's, and asks its sender again, with a
 * Request on port 4011; UEFI's HTTP boot takes the URL out of the Advertise itself. Who asks for information without an
 * address gets the same in a Reply.
 */
public final class ProxyDhcp6 {
    public static final int SERVER_PORT = 547;
    public static final int CLIENT_PORT = 546;
    public static final int BOOT_SERVER_PORT = 4011;

    /** An answer fits one Ethernet frame: firmware puts no fragments together, and EDK2 takes no longer one. */
    public static final int MOST_BYTES = 1_452;

    private final Duid server;
    private final Function<BootClient, Optional<String>> bootUrls;

    /** Which port a message came to. */
    public enum Service {
        /** {@link #SERVER_PORT} */
        DHCP,
        /** {@link #BOOT_SERVER_PORT} */
        BOOT_SERVER
    }

    /**
     * Who asked.
     *
     * @param duid what it calls itself
     * @param behindRelay its address where a relay spoke for it
     */
    public record Asker(BootClient client, Optional<Duid> duid, Optional<Ipv6Address> behindRelay) {}

    /** What to do about a message. */
    public sealed interface Decision {
        /** Send this, to where the message came from, but to that port. */
        record Reply(Dhcp6Message message, int port, Asker asker) implements Decision {
            /** What the client gets of it: without what is for relays. */
            public Exchange forClient() {
                Dhcp6Message inner = message;
                while (inner instanceof Relay relay) {
                    inner = relay.message();
                }
                return (Exchange) inner;
            }
        }

        /**
         * Say nothing.
         *
         * @param asker if it is somebody who would be answered if there were something to boot
         */
        record Silence(Reason reason, Optional<Asker> asker) implements Decision {
            Silence(Reason reason) {
                this(reason, Optional.empty());
            }
        }
    }

    /** Why nothing is said. */
    public enum Reason {
        /** A server's message. */
        NOT_A_REQUEST,
        /** Of a kind that only the server of the addresses answers, or without what its kind must have. */
        NOT_OURS,
        /** From somebody who does not boot from the network. */
        NOT_NETBOOTING,
        /** Firmware that would take an Advertise without an address for one with. */
        TAKES_NO_PROXY,
        /** For a server elsewhere. */
        OTHER_SERVER,
        /** There is nothing for its architecture. */
        NOTHING_TO_BOOT,
        /** The answer would be longer than {@link #MOST_BYTES}. */
        TOO_LONG
    }

    /**
     * @param server what this one is called
     * @param bootUrls what a client is to load, {@code tftp://[2001:db8::1]/bootx64.efi}; empty = nothing is there for it
     */
    public ProxyDhcp6(Duid server, Function<BootClient, Optional<String>> bootUrls) {
        this.server = server;
        this.bootUrls = bootUrls;
    }

    /** Decides about one message. */
    public Decision receive(Dhcp6Message message, Service service) {
        List<Relay> relays = new ArrayList<>(); // The one that is next to us first.
        Dhcp6Message inner = message;
        while (inner instanceof Relay relay) {
            if (!relay.isForward()) {
                return new Decision.Silence(Reason.NOT_A_REQUEST);
            }
            relays.add(relay);
            inner = relay.message();
        }
        Exchange request = (Exchange) inner;
        Optional<Reason> silence = reasonForSilence(request, service);
        if (silence.isPresent()) {
            return new Decision.Silence(silence.get());
        }
        BootClient client = bootClient(request.options()).orElseThrow();
        Optional<String> url = bootUrls.apply(client);
        Asker asker = new Asker(
                client,
                request.options().first(ClientId.class).map(ClientId::duid),
                relays.isEmpty()
                        ? Optional.empty()
                        : Optional.of(relays.get(relays.size() - 1).peer()));
        if (url.isEmpty()) {
            return new Decision.Silence(Reason.NOTHING_TO_BOOT, Optional.of(asker));
        }
        Dhcp6Message answer = answer(request, client, url.get());
        for (int i = relays.size() - 1; i >= 0; i--) {
            answer = back(relays.get(i), answer);
        }
        if (Dhcp6Codec.octets(answer).length() > MOST_BYTES) {
            return new Decision.Silence(Reason.TOO_LONG);
        }
        if (!relays.isEmpty()) {
            return new Decision.Reply(answer, SERVER_PORT, asker);
        }
        return new Decision.Reply(answer, service == Service.DHCP ? CLIENT_PORT : BOOT_SERVER_PORT, asker);
    }

    private Optional<Reason> reasonForSilence(Exchange request, Service service) {
        Dhcp6Options options = request.options();
        if (Dhcp6Type.isAnswer(request.type())) {
            return Optional.of(Reason.NOT_A_REQUEST);
        }
        Optional<BootClient> client = bootClient(options);
        if (client.isEmpty()) {
            return Optional.of(Reason.NOT_NETBOOTING);
        }
        boolean isForAServer = options.has(Dhcp6Option.SERVER_ID);
        boolean isForUs = options.first(ServerId.class)
                .map(id -> id.duid().equals(server))
                .orElse(false);
        if (isForAServer && !isForUs) {
            return Optional.of(Reason.OTHER_SERVER);
        }
        boolean ours = switch (request.type()) { // RFC 8415, 16.2, 16.4, 16.12: what each must and must not have.
            case Dhcp6Type.SOLICIT -> service == Service.DHCP && isNamed(options) && !isForAServer;
            case Dhcp6Type.REQUEST -> service == Service.BOOT_SERVER && isNamed(options) && isForUs;
            case Dhcp6Type.INFORMATION_REQUEST -> !wantsAddresses(options);
            default -> false;
        };
        if (!ours) {
            return Optional.of(Reason.NOT_OURS);
        }
        return request.type() == Dhcp6Type.SOLICIT && !takesProxy(options)
                ? Optional.of(Reason.TAKES_NO_PROXY)
                : Optional.empty();
    }

    private static boolean isNamed(Dhcp6Options options) {
        return options.first(ClientId.class).isPresent();
    }

    private static boolean wantsAddresses(Dhcp6Options options) {
        return options.has(Dhcp6Option.IA_NA) || options.has(Dhcp6Option.IA_TA) || options.has(Dhcp6Option.IA_PD);
    }

    /** UEFI knows a proxy's Advertise by its words; iPXE drops one without an address; others may choose its sender. */
    private static boolean takesProxy(Dhcp6Options options) {
        return (isPxe(options) || isHttp(options)) && !isIpxe(options);
    }

    /** Empty if whoever sent it does not want to boot from the network. */
    private static Optional<BootClient> bootClient(Dhcp6Options options) {
        Optional<ClientArchitectures> said = options.first(ClientArchitectures.class);
        boolean asks = options.asksFor(Dhcp6Option.BOOT_FILE_URL)
                && (isPxe(options) || isHttp(options) || options.has(Dhcp6Option.NETWORK_INTERFACE));
        boolean boots = said.isPresent() || asks;
        if (!boots) {
            return Optional.empty();
        }
        List<Integer> architectures = said.map(ClientArchitectures::codes)
                .or(() -> options.first(VendorClass.class)
                        .map(vendor -> new org.rackboot.protocol.dhcp.VendorClass(vendor.words()).architectures()))
                .orElse(List.of());
        boolean http = isHttp(options) || (!isPxe(options) && loadsByHttp(architectures));
        Optional<Duid> duid = options.first(ClientId.class).map(ClientId::duid);
        return Optional.of(new BootClient(
                http ? BootClient.Kind.HTTP : BootClient.Kind.PXE,
                architectures,
                isIpxe(options) ? BootClient.Program.IPXE : BootClient.Program.FIRMWARE,
                duid.flatMap(Duid::mac),
                duid.flatMap(each -> uuid(each, !isIpxe(options) && (isPxe(options) || isHttp(options))))));
    }

    /** UEFI copies its own form, whose first three fields are little-endian, as in option 97; RFC 6355 wants none such. */
    private static Optional<String> uuid(Duid duid, boolean isFromUefi) {
        return isFromUefi && duid instanceof Duid.Uuid uuid
                ? new MachineId(Octets.of((byte) 0).plus(uuid.value())).uuid()
                : duid.uuid();
    }

    private static boolean loadsByHttp(List<Integer> architectures) {
        return architectures.stream()
                .map(ArchitectureType::of)
                .flatMap(Optional::stream)
                .findFirst()
                .map(ArchitectureType::isHttp)
                .orElse(false);
    }

    private static boolean isPxe(Dhcp6Options options) {
        return says(options, "PXEClient");
    }

    private static boolean isHttp(Dhcp6Options options) {
        return says(options, "HTTPClient");
    }

    private static boolean says(Dhcp6Options options, String words) {
        return options.first(VendorClass.class)
                .map(vendor -> vendor.words().startsWith(words))
                .orElse(false);
    }

    private static boolean isIpxe(Dhcp6Options options) {
        return options.first(UserClass.class).map(UserClass::isIpxe).orElse(false);
    }

    /**
     * No address, and no word about there being none: EDK2 takes an IA_NA with NoAddrsAvail for an offer with an address, and
     * drops an Advertise with that status beside it. No option 60: it would be the size of the file.
     */
    private Exchange answer(Exchange request, BootClient client, String url) {
        Dhcp6Options asked = request.options();
        long enterprise =
                asked.first(VendorClass.class).map(VendorClass::enterprise).orElse(VendorClass.INTEL);
        List<Dhcp6Option> options = new ArrayList<>();
        asked.first(ClientId.class).ifPresent(options::add);
        options.add(new ServerId(server));
        // Before another option, whose first byte is zero: EDK2's HTTP boot reads the URL up to a NUL, wherever that
        // is.
        options.add(new BootFileUrl(url));
        options.add(VendorClass.of(enterprise, client.kind() == BootClient.Kind.HTTP ? "HTTPClient" : "PXEClient"));
        int type = request.type() == Dhcp6Type.SOLICIT ? Dhcp6Type.ADVERTISE : Dhcp6Type.REPLY;
        return new Exchange(type, request.transactionId(), new Dhcp6Options(options));
    }

    /** RFC 8415, 19.3. */
    private static Relay back(Relay from, Dhcp6Message answer) {
        List<Dhcp6Option> options = new ArrayList<>();
        from.options().first(InterfaceId.class).ifPresent(options::add);
        options.add(new RelayMessage(answer));
        return new Relay(false, from.hopCount(), from.link(), from.peer(), new Dhcp6Options(options));
    }
}
