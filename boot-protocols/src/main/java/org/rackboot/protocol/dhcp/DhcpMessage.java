package org.rackboot.protocol.dhcp;

import java.util.Optional;
import org.rackboot.protocol.address.Ipv4Address;

/**
 * A DHCPv4 message (RFC 2131, 2).
 *
 * @param isRequest whether a client sent it ({@code op} 1), else a server (2)
 * @param hops from 0 to 255
 * @param transactionId {@code xid}
 * @param seconds since the client began, as it says; from 0 to 65535
 * @param isBroadcast whether the client can only hear broadcasts
 * @param clientAddress {@code ciaddr}
 * @param yourAddress {@code yiaddr}
 * @param nextServer {@code siaddr}: whom to ask for the file
 * @param relay {@code giaddr}: the relay agent, if one was on the way
 * @param serverName {@code sname}: at most 63 characters
 * @param file at most 127 characters
 */
public record DhcpMessage(
        boolean isRequest,
        HardwareAddress hardware,
        int hops,
        int transactionId,
        int seconds,
        boolean isBroadcast,
        Ipv4Address clientAddress,
        Ipv4Address yourAddress,
        Ipv4Address nextServer,
        Ipv4Address relay,
        String serverName,
        String file,
        DhcpOptions options) {
    static final int SERVER_NAME_BYTES = 64;
    static final int FILE_BYTES = 128;

    public DhcpMessage {
        if (serverName.length() >= SERVER_NAME_BYTES || file.length() >= FILE_BYTES) {
            throw new IllegalArgumentException("a server name of %d or a file name of %d characters"
                    .formatted(serverName.length(), file.length()));
        }
    }

    /** The address that the client has, or is about to have, as far as this message tells; what it is only offered is none. */
    public Optional<Ipv4Address> addressOfClient() {
        Optional<MessageType> type = options.messageType();
        if (!isRequest) {
            return type.equals(Optional.of(MessageType.ACK))
                    ? Optional.of(yourAddress).filter(DhcpMessage::isSome)
                    : Optional.empty();
        }
        return isSome(clientAddress)
                ? Optional.of(clientAddress)
                : options.find(OptionCode.REQUESTED_ADDRESS)
                        .filter(value -> type.equals(Optional.of(MessageType.REQUEST)) && value.length() == 4)
                        .map(value ->
                                new Ipv4Address(value.at(0) << 24 | value.at(1) << 16 | value.at(2) << 8 | value.at(3)))
                        .filter(DhcpMessage::isSome);
    }

    private static boolean isSome(Ipv4Address address) {
        return !address.isUnspecified();
    }
}
