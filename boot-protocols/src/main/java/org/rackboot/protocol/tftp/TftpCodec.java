package org.rackboot.protocol.tftp;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.rackboot.protocol.tftp.TftpPacket.Ack;
import org.rackboot.protocol.tftp.TftpPacket.Data;
import org.rackboot.protocol.tftp.TftpPacket.ErrorReply;
import org.rackboot.protocol.tftp.TftpPacket.OptionAck;
import org.rackboot.protocol.tftp.TftpPacket.ReadRequest;
import org.rackboot.protocol.tftp.TftpPacket.WriteRequest;

/**
 * Translates between {@link TftpPacket} and wire bytes. The caller owns both buffers.
 *
 * <p>Requests are read as far as they are complete and a broken tail is ignored (quirk T24): firmware
 * forgets the last NUL, sends half an option, or pads. What has no name and mode is malformed.
 */
public final class TftpCodec {
    /** Opcode and block number in front of every payload. */
    public static final int DATA_HEADER_BYTES = 4;

    /** RFC 2347: a request fits in 512 bytes. What lies beyond is not looked at (S-04). */
    public static final int MAX_REQUEST_BYTES = 512;

    /** Options after this many are not looked at (S-04); real clients send at most four. */
    public static final int MAX_OPTIONS = 8;

    private static final int MAX_ERROR_TEXT_BYTES = 256;

    private TftpCodec() {}

    /** Reads one datagram, from position to limit. */
    public static TftpPacket decode(ByteBuffer in) throws MalformedPacketException {
        require(in.remaining() >= 4, "TFTP packet has %d bytes; the shortest has 4", in.remaining());
        int opcode = unsignedShort(in);
        return switch (opcode) {
            case 1 -> decodeReadRequest(in);
            case 2 -> new WriteRequest(text(in, "file name"), text(in, "mode"));
            case 3 -> new Data(unsignedShort(in), in.slice());
            case 4 -> new Ack(unsignedShort(in));
            case 5 -> new ErrorReply(unsignedShort(in), looseText(in));
            case 6 -> new OptionAck(options(in));
            default -> throw new MalformedPacketException("TFTP opcode " + opcode + " is unknown");
        };
    }

    /**
     * Writes one packet.
     *
     * @throws java.nio.BufferOverflowException if {@code out} is too small; 4 bytes + payload, or 512, suffice
     */
    public static void encode(TftpPacket packet, ByteBuffer out) {
        if (packet instanceof Data data) {
            encodeDataHeader(data.block(), out);
            out.put(data.payload());
        } else if (packet instanceof Ack ack) {
            out.putShort((short) 4).putShort((short) ack.block());
        } else if (packet instanceof ErrorReply error) {
            out.putShort((short) 5).putShort((short) error.code());
            putText(printable(error.message()), out);
        } else if (packet instanceof OptionAck optionAck) {
            out.putShort((short) 6);
            for (TftpOption option : optionAck.options()) {
                putText(option.name(), out);
                putText(option.value(), out);
            }
        } else if (packet instanceof ReadRequest request) {
            out.putShort((short) 1);
            out.put(request.filename().getBytes(ISO_8859_1)).put((byte) 0);
            putText(request.mode(), out);
            for (TftpOption option : request.options()) {
                putText(option.name(), out);
                putText(option.value(), out);
            }
        } else {
            throw new IllegalArgumentException("A read-only server never sends " + packet);
        }
    }

    /** Writes the {@value #DATA_HEADER_BYTES} bytes in front of a block; {@code block} is cut to 16 bits. */
    public static void encodeDataHeader(int block, ByteBuffer out) {
        out.putShort((short) 3).putShort((short) block);
    }

    private static ReadRequest decodeReadRequest(ByteBuffer in) throws MalformedPacketException {
        if (in.remaining() > MAX_REQUEST_BYTES - 2) {
            in.limit(in.position() + MAX_REQUEST_BYTES - 2);
        }
        String filename = text(in, "file name");
        require(in.hasRemaining(), "TFTP request has no mode");
        String mode = looseText(in);
        return new ReadRequest(filename, mode, options(in));
    }

    private static List<TftpOption> options(ByteBuffer in) {
        List<TftpOption> options = new ArrayList<>(4);
        while (options.size() < MAX_OPTIONS && in.hasRemaining()) {
            int nameEnd = indexOfNul(in);
            if (nameEnd <= in.position()) {
                break; // An empty name, or a name without end: padding or a cut datagram.
            }
            String name = looseText(in);
            if (!in.hasRemaining()) {
                break; // A name without value.
            }
            options.add(new TftpOption(name, looseText(in)));
        }
        return options;
    }

    /** Text that must be ended by NUL. */
    private static String text(ByteBuffer in, String what) throws MalformedPacketException {
        int end = indexOfNul(in);
        require(end >= 0, "TFTP %s is not ended by NUL within %d bytes", what, in.remaining());
        return take(in, end);
    }

    /** Text up to NUL or the end of the packet. */
    private static String looseText(ByteBuffer in) {
        int end = indexOfNul(in);
        return take(in, end >= 0 ? end : in.limit());
    }

    private static String take(ByteBuffer in, int end) {
        byte[] bytes = new byte[end - in.position()];
        in.get(bytes);
        if (in.hasRemaining()) {
            in.get(); // The NUL.
        }
        return new String(bytes, ISO_8859_1);
    }

    private static int indexOfNul(ByteBuffer in) {
        for (int i = in.position(); i < in.limit(); i++) {
            if (in.get(i) == 0) {
                return i;
            }
        }
        return -1;
    }

    private static void putText(String text, ByteBuffer out) {
        out.put(text.getBytes(US_ASCII)).put((byte) 0);
    }

    private static String printable(String message) {
        StringBuilder text = new StringBuilder(message.length());
        for (int i = 0; i < message.length() && i < MAX_ERROR_TEXT_BYTES; i++) {
            char c = message.charAt(i);
            text.append(c >= ' ' && c <= '~' ? c : '?');
        }
        return text.toString();
    }

    private static int unsignedShort(ByteBuffer in) {
        return in.getShort() & 0xFFFF;
    }

    private static void require(boolean condition, String message, Object... arguments)
            throws MalformedPacketException {
        if (!condition) {
            throw new MalformedPacketException(message.formatted(arguments));
        }
    }
}
