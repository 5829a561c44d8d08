package org.rackboot.protocol.dhcp6;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.rackboot.protocol.address.Ipv6Address;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Exchange;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Relay;

/**
 * Translates between {@link Dhcp6Message} and wire bytes (RFC 8415, 8, 9 and 21.1). The caller owns both buffers. What was
 * read is written again byte for byte.
 */
public final class Dhcp6Codec {
    /** Longer datagrams are refused. */
    public static final int MOST_BYTES = 9_000;

    /** How many relays' messages may lie around the client's (RFC 8415, 7.6: HOP_COUNT_LIMIT). */
    public static final int MOST_RELAYS = 8;

    /** In one datagram, those of messages within messages included. */
    public static final int MOST_OPTIONS = 128;

    private static final int EXCHANGE_HEADER = 4;
    private static final int RELAY_HEADER = 34;
    private static final int OPTION_HEADER = 4;

    private int optionsRead;

    private Dhcp6Codec() {}

    /** Reads one datagram, from position to limit. */
    public static Dhcp6Message decode(ByteBuffer in) throws MalformedDhcp6Exception {
        require(in.remaining() <= MOST_BYTES, "DHCPv6 message has %d bytes; at most 9000 are read", in.remaining());
        return new Dhcp6Codec().message(take(in, in.remaining()), 0);
    }

    private Dhcp6Message message(Octets bytes, int relays) throws MalformedDhcp6Exception {
        int length = bytes.length();
        require(length >= EXCHANGE_HEADER, "DHCPv6 message has %d bytes; the shortest has 4", length);
        ByteBuffer in = bytes.buffer();
        int type = bytes.at(0);
        if (!Dhcp6Type.isRelay(type)) {
            int transactionId = in.getInt() & 0xFFFFFF;
            return new Exchange(type, transactionId, options(in, -1));
        }
        require(length >= RELAY_HEADER, "DHCPv6 relay message has %d bytes; the shortest has 34", length);
        require(relays < MOST_RELAYS, "DHCPv6 message came through more than 8 relays");
        int hopCount = bytes.at(1);
        require(hopCount <= MOST_RELAYS, "DHCPv6 hop count is %d; the limit is 8", hopCount);
        in.position(2);
        Ipv6Address link = new Ipv6Address(in.getLong(), in.getLong());
        Ipv6Address peer = new Ipv6Address(in.getLong(), in.getLong());
        Dhcp6Options options = options(in, relays);
        long messages = options.all().stream()
                .filter(Dhcp6Option.RelayMessage.class::isInstance)
                .count();
        require(messages == 1, "DHCPv6 relay message has %d messages in it", messages);
        return new Relay(type == Dhcp6Type.RELAY_FORWARD, hopCount, link, peer, options);
    }

    /** @param relays around the message whose options these are, which is a relay's; -1 = it is none */
    private Dhcp6Options options(ByteBuffer in, int relays) throws MalformedDhcp6Exception {
        List<Dhcp6Option> options = new ArrayList<>();
        while (in.hasRemaining()) {
            require(in.remaining() >= OPTION_HEADER, "DHCPv6 option is cut after %d bytes", in.remaining());
            int code = in.getShort() & 0xFFFF;
            int length = in.getShort() & 0xFFFF;
            require(length <= in.remaining(), "DHCPv6 option %d runs over the end of its message", code);
            optionsRead++;
            require(optionsRead <= MOST_OPTIONS, "DHCPv6 message has more than 128 options");
            Octets value = take(in, length);
            options.add(
                    code == Dhcp6Option.RELAY_MESSAGE && relays >= 0
                            ? new Dhcp6Option.RelayMessage(message(value, relays + 1))
                            : Dhcp6Option.read(code, value));
        }
        return new Dhcp6Options(options);
    }

    /**
     * Writes one message.
     *
     * @throws java.nio.BufferOverflowException if {@code out} is too small
     * @throws IllegalArgumentException if an option has more than 65535 bytes
     */
    public static void encode(Dhcp6Message message, ByteBuffer out) {
        out.put(octets(message).buffer());
    }

    /** As {@link #encode} writes it. */
    static Octets octets(Dhcp6Message message) {
        List<Octets> values =
                message.options().all().stream().map(Dhcp6Option::value).toList();
        int length = RELAY_HEADER
                + values.stream()
                        .mapToInt(value -> OPTION_HEADER + value.length())
                        .sum();
        ByteBuffer out = ByteBuffer.allocate(length);
        if (message instanceof Exchange exchange) {
            out.putInt(exchange.type() << 24 | exchange.transactionId());
        } else if (message instanceof Relay relay) {
            out.put((byte) (relay.isForward() ? Dhcp6Type.RELAY_FORWARD : Dhcp6Type.RELAY_REPLY));
            out.put((byte) relay.hopCount());
            out.put(relay.link().bytes()).put(relay.peer().bytes());
        }
        for (int i = 0; i < values.size(); i++) {
            int code = message.options().all().get(i).code();
            Octets value = values.get(i);
            if (value.length() > 0xFFFF) {
                throw new IllegalArgumentException("DHCPv6 option %d has %d bytes".formatted(code, value.length()));
            }
            out.putShort((short) code).putShort((short) value.length()).put(value.buffer());
        }
        byte[] bytes = new byte[out.flip().remaining()];
        out.get(bytes);
        return Octets.of(bytes);
    }

    private static Octets take(ByteBuffer in, int length) {
        byte[] bytes = new byte[length];
        in.get(bytes);
        return Octets.of(bytes);
    }

    private static void require(boolean condition, String message, Object... values) throws MalformedDhcp6Exception {
        if (!condition) {
            throw new MalformedDhcp6Exception(message.formatted(values));
        }
    }
}
