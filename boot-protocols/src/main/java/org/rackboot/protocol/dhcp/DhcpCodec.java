package org.rackboot.protocol.dhcp;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.rackboot.protocol.address.Ipv4Address;

/**
 * Translates between {@link DhcpMessage} and wire bytes (RFC 2131, 2). The caller owns both buffers.
 *
 * <p>Options come from the option field, then, where option 52 says so, from {@code file} and {@code sname} (RFC 2132,
 * 9.3); parts of one are joined in that order (RFC 3396). What runs over the end of its field is malformed; a missing end
 * is not.
 */
public final class DhcpCodec {
    /** The fixed part, and the cookie behind it. */
    static final int HEADER_BYTES = 240;

    /** RFC 2131, 2: what every client takes, IP and UDP headers included. */
    public static final int LEAST_MAX_MESSAGE_SIZE = 576;

    /** BOOTP's length: old ROMs drop what is shorter (RFC 1542, 2.1). */
    private static final int LEAST_BYTES = 300;

    private static final int COOKIE = 0x63825363; // RFC 2131, 3.
    private static final int BROADCAST_FLAG = 0x8000;
    private static final int FILE_HAS_OPTIONS = 1;
    private static final int SERVER_NAME_HAS_OPTIONS = 2;
    private static final int MOST_OF_A_PART = 255;

    private DhcpCodec() {}

    /** Reads one datagram, from position to limit. */
    public static DhcpMessage decode(ByteBuffer in) throws MalformedDhcpException {
        require(in.remaining() >= HEADER_BYTES, "DHCP message has %d bytes; the shortest has 240", in.remaining());
        int op = in.get() & 0xFF;
        require(op == 1 || op == 2, "DHCP op %d is neither request nor reply", op);
        int hardwareType = in.get() & 0xFF;
        int hardwareLength = in.get() & 0xFF;
        require(
                hardwareLength <= HardwareAddress.MOST_OCTETS,
                "DHCP hardware address has %d bytes; at most 16 are possible",
                hardwareLength);
        int hops = in.get() & 0xFF;
        int transactionId = in.getInt();
        int seconds = in.getShort() & 0xFFFF;
        boolean broadcast = (in.getShort() & BROADCAST_FLAG) != 0;
        Ipv4Address client = new Ipv4Address(in.getInt());
        Ipv4Address your = new Ipv4Address(in.getInt());
        Ipv4Address nextServer = new Ipv4Address(in.getInt());
        Ipv4Address relay = new Ipv4Address(in.getInt());
        Octets hardware = take(in, HardwareAddress.MOST_OCTETS).slice(0, hardwareLength);
        Octets serverName = take(in, DhcpMessage.SERVER_NAME_BYTES);
        Octets file = take(in, DhcpMessage.FILE_BYTES);
        require(in.getInt() == COOKIE, "DHCP's magic cookie is missing: BOOTP, or something else");

        Map<Integer, Octets> options = new LinkedHashMap<>();
        read(take(in, in.remaining()), options);
        Octets overload = options.remove(OptionCode.OVERLOAD);
        int overloaded = overload != null && overload.length() == 1 ? overload.at(0) : 0;
        boolean inFile = (overloaded & FILE_HAS_OPTIONS) != 0;
        boolean inServerName = (overloaded & SERVER_NAME_HAS_OPTIONS) != 0;
        if (inFile) {
            read(file, options);
        }
        if (inServerName) {
            read(serverName, options);
        }
        options.remove(OptionCode.OVERLOAD); // Only the option field may say it.
        return new DhcpMessage(
                op == 1,
                new HardwareAddress(hardwareType, hardware),
                hops,
                transactionId,
                seconds,
                broadcast,
                client,
                your,
                nextServer,
                relay,
                inServerName ? "" : text(serverName),
                inFile ? "" : text(file),
                new DhcpOptions(options));
    }

    private static void read(Octets field, Map<Integer, Octets> into) throws MalformedDhcpException {
        int at = 0;
        while (at < field.length()) {
            int code = field.at(at);
            if (code == OptionCode.END) {
                return;
            }
            if (code == OptionCode.PAD) {
                at++;
                continue;
            }
            require(at + 1 < field.length(), "DHCP option %d has no length", code);
            int end = at + 2 + field.at(at + 1);
            require(end <= field.length(), "DHCP option %d runs over the end of its field", code);
            into.merge(code, field.slice(at + 2, end), Octets::plus);
            at = end;
        }
    }

    /** A name that fills its field without a NUL is cut by one character, which no name needs. */
    private static String text(Octets field) {
        return field.slice(0, field.length() - 1).text();
    }

    /**
     * Writes one message, of 300 bytes at least. Nothing is put into {@code file} and {@code sname} but themselves: firmware
     * reads them (quirk D8).
     *
     * @throws java.nio.BufferOverflowException if {@code out} is too small
     */
    public static void encode(DhcpMessage message, ByteBuffer out) {
        int start = out.position();
        HardwareAddress hardware = message.hardware();
        out.put((byte) (message.isRequest() ? 1 : 2));
        out.put((byte) hardware.type());
        out.put((byte) hardware.octets().length());
        out.put((byte) message.hops());
        out.putInt(message.transactionId());
        out.putShort((short) message.seconds());
        out.putShort((short) (message.isBroadcast() ? BROADCAST_FLAG : 0));
        out.putInt(message.clientAddress().bits());
        out.putInt(message.yourAddress().bits());
        out.putInt(message.nextServer().bits());
        out.putInt(message.relay().bits());
        putPadded(hardware.octets().buffer(), HardwareAddress.MOST_OCTETS, out);
        putPadded(ByteBuffer.wrap(message.serverName().getBytes(ISO_8859_1)), DhcpMessage.SERVER_NAME_BYTES, out);
        putPadded(ByteBuffer.wrap(message.file().getBytes(ISO_8859_1)), DhcpMessage.FILE_BYTES, out);
        out.putInt(COOKIE);
        message.options().values().forEach((code, value) -> putOption(code, value, out));
        out.put((byte) OptionCode.END);
        while (out.position() - start < LEAST_BYTES) {
            out.put((byte) OptionCode.PAD);
        }
    }

    private static void putOption(int code, Octets value, ByteBuffer out) {
        int from = 0;
        do {
            int to = Math.min(value.length(), from + MOST_OF_A_PART);
            out.put((byte) code).put((byte) (to - from));
            out.put(value.slice(from, to).buffer());
            from = to;
        } while (from < value.length());
    }

    private static void putPadded(ByteBuffer bytes, int length, ByteBuffer out) {
        int padding = length - bytes.remaining();
        out.put(bytes).put(new byte[padding]);
    }

    private static Octets take(ByteBuffer in, int length) {
        byte[] bytes = new byte[length];
        in.get(bytes);
        return Octets.of(bytes);
    }

    private static void require(boolean condition, String message, Object... values) throws MalformedDhcpException {
        if (!condition) {
            throw new MalformedDhcpException(message.formatted(values));
        }
    }
}
