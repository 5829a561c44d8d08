package org.rackboot.protocol.dhcp;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ArchitectureType.Firmware;

/**
 * A proxyDHCP server: tells machines what to boot, beside a DHCP server that gives out the addresses and knows nothing of
 * booting (PXE 2.1, 2.2). Decides without state: each request is answered from itself.
 *
 * <p>The shape of the first answer is the firmware's (quirks D1 to D3): BIOS ROMs and iPXE get the file at once, with
 * discovery control; UEFI gets neither, and asks on 4011; HTTP boot gets its URL.
 */
public final class ProxyDhcp {
    public static final int SERVER_PORT = 67;
    public static final int CLIENT_PORT = 68;
    public static final int BOOT_SERVER_PORT = 4011;

    private static final BootOffer ASK_AGAIN = BootOffer.of("");

    private final Function<BootClient, Optional<BootOffer>> offers;

    /**
     * How a message came.
     *
     * @param source as the IP header has it
     * @param localAddress ours on that link, which machines are to ask
     * @param localPort {@link #SERVER_PORT} or {@link #BOOT_SERVER_PORT}
     */
    public record Reception(Ipv4Address source, int sourcePort, Ipv4Address localAddress, int localPort) {}

    /** What to do about a message. */
    public sealed interface Decision {
        /** Send this. */
        record Reply(DhcpMessage message, Ipv4Address address, int port) implements Decision {}

        /** Say nothing. */
        record Silence(Reason reason) implements Decision {}
    }

    /** Why nothing is said. */
    public enum Reason {
        /** A server's message. */
        NOT_A_REQUEST,
        /** Of a kind that only the DHCP server itself answers. */
        NOT_OURS,
        /** From somebody who does not boot from the network. */
        NOT_NETBOOTING,
        /** For a boot server elsewhere. */
        OTHER_SERVER,
        /** U-Boot takes the first offer for its address's, also one without an address: ours would keep it from booting. */
        TAKES_THE_FIRST_OFFER,
        /** There is nothing for its architecture. */
        NOTHING_TO_BOOT
    }

    /**
     * @param offers what a client is to load: a path or, for {@link BootClient.Kind#HTTP} and iPXE, a URL; empty = nothing is
     *     there for it
     */
    public ProxyDhcp(Function<BootClient, Optional<BootOffer>> offers) {
        this.offers = offers;
    }

    /** Decides about one message. */
    public Decision receive(DhcpMessage message, Reception reception) {
        if (!message.isRequest()) {
            return new Decision.Silence(Reason.NOT_A_REQUEST);
        }
        Optional<BootClient> client = BootClient.of(message);
        if (client.isEmpty()) {
            return new Decision.Silence(Reason.NOT_NETBOOTING);
        }
        boolean bootServer = reception.localPort() == BOOT_SERVER_PORT;
        Optional<MessageType> type = message.options().messageType();
        boolean answered = bootServer
                ? type.equals(Optional.of(MessageType.REQUEST)) || type.equals(Optional.of(MessageType.INFORM))
                : type.equals(Optional.of(MessageType.DISCOVER)) || type.equals(Optional.of(MessageType.INFORM));
        if (!answered) {
            return new Decision.Silence(Reason.NOT_OURS);
        }
        if (client.get().program() == BootClient.Program.U_BOOT) {
            return new Decision.Silence(Reason.TAKES_THE_FIRST_OFFER);
        }
        Optional<ServerIdentifier> meant = message.options().serverIdentifier();
        if (bootServer && meant.isPresent() && !meant.get().address().equals(reception.localAddress())) {
            return new Decision.Silence(Reason.OTHER_SERVER);
        }
        Optional<BootOffer> offer = offers.apply(client.get());
        if (offer.isEmpty()) {
            return new Decision.Silence(Reason.NOTHING_TO_BOOT);
        }
        MessageType reply = type.equals(Optional.of(MessageType.DISCOVER)) ? MessageType.OFFER : MessageType.ACK;
        boolean askAgain = reply == MessageType.OFFER && asksAgain(client.get());
        return to(
                message,
                reception,
                answer(message, reception, client.get(), reply, askAgain ? ASK_AGAIN : offer.get()));
    }

    /** UEFI's PXE: many ignore a file in a proxy's offer, and all ask on 4011 without one (D3). */
    public static boolean asksAgain(BootClient client) {
        return client.kind() == BootClient.Kind.PXE
                && client.program() == BootClient.Program.FIRMWARE
                && client.architecture()
                        .map(architecture -> architecture.firmware() == Firmware.UEFI)
                        .orElse(false);
    }

    private static DhcpMessage answer(
            DhcpMessage request, Reception reception, BootClient client, MessageType type, BootOffer offer) {
        String file = offer.file();
        List<DhcpOption> options = new ArrayList<>();
        options.add(type);
        options.add(new ServerIdentifier(reception.localAddress()));
        options.add(client.kind() == BootClient.Kind.HTTP ? VendorClass.HTTP_CLIENT : VendorClass.PXE_CLIENT);
        request.options().machineId().ifPresent(options::add);
        if (!file.isEmpty()) {
            options.add(new BootFileName(file));
        }
        if (!offer.equals(ASK_AGAIN) && client.kind() == BootClient.Kind.PXE) {
            options.add(pxe(request));
        }
        options.addAll(offer.options()); // The last one of a number is sent.
        request.options()
                .find(OptionCode.RELAY_AGENT_INFORMATION)
                .ifPresent(value ->
                        options.add(new RawOption(OptionCode.RELAY_AGENT_INFORMATION, value))); // The last one.
        String serverName = file.isEmpty() ? "" : reception.localAddress().toString();
        boolean isRelayed = !request.relay().isUnspecified();
        return new DhcpMessage(
                false,
                request.hardware(),
                0,
                request.transactionId(),
                0,
                // Else a relay sends it to the address that is offered (RFC 1542, 4.1.2), and there is none.
                request.isBroadcast() || isRelayed || request.clientAddress().isUnspecified(),
                request.clientAddress(),
                Ipv4Address.UNSPECIFIED,
                reception.localAddress(),
                request.relay(),
                client.kind() == BootClient.Kind.HTTP ? "" : serverName,
                file.length() < DhcpMessage.FILE_BYTES ? file : "",
                DhcpOptions.of(options));
    }

    /** "Use the file", and the item of a menu that the client says it chose. */
    private static PxeVendorOptions pxe(DhcpMessage request) {
        Optional<PxeVendorOptions.BootItem> chosen = request.options().pxe().flatMap(PxeVendorOptions::item);
        return new PxeVendorOptions(
                OptionalInt.of(PxeVendorOptions.USE_THE_FILE), List.of(), List.of(), Optional.empty(), chosen);
    }

    /** RFC 2131, 4.1; whoever asks on 4011 hears where he asks from, 68 or 4011. */
    private static Decision to(DhcpMessage request, Reception reception, DhcpMessage answer) {
        if (!request.relay().isUnspecified()) {
            return new Decision.Reply(answer, request.relay(), SERVER_PORT);
        }
        if (reception.localPort() == BOOT_SERVER_PORT && !reception.source().isUnspecified()) {
            return new Decision.Reply(answer, reception.source(), reception.sourcePort());
        }
        return request.clientAddress().isUnspecified()
                ? new Decision.Reply(answer, Ipv4Address.BROADCAST, CLIENT_PORT)
                : new Decision.Reply(answer, request.clientAddress(), CLIENT_PORT);
    }
}
