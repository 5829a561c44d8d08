package org.rackboot.region.signature;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * One OpenPGP packet (RFC 9580, 4): its type and its content, not yet understood.
 *
 * <p>Framing is read here and not by the library, so that the library only ever sees single packets of types
 * it is good at, with a length that was checked; a compressed packet or a user attribute of 2 GiB never
 * reaches it (S-53). Lengths that are open-ended are refused: neither keys nor signatures may have them.
 */
@SuppressWarnings("ArrayRecordComponent") // Lives within this package, where nobody changes or compares it.
record Packet(int type, byte[] body) {
    static final int SIGNATURE = 2;
    static final int SECRET_KEY = 5;
    static final int PUBLIC_KEY = 6;
    static final int SECRET_SUBKEY = 7;
    static final int USER_ID = 13;
    static final int PUBLIC_SUBKEY = 14;
    static final int USER_ATTRIBUTE = 17;

    static List<Packet> split(byte[] data) throws MalformedException {
        var packets = new ArrayList<Packet>();
        var in = ByteBuffer.wrap(data);
        while (in.hasRemaining()) {
            int header = octet(in);
            if ((header & 0x80) == 0) {
                throw new MalformedException("byte %d does not begin a packet".formatted(in.position() - 1));
            }
            boolean newFormat = (header & 0x40) != 0;
            int type = newFormat ? header & 0x3F : (header >> 2) & 0x0F;
            long length = newFormat ? newLength(in) : oldLength(in, header & 0x03);
            if (length > in.remaining()) {
                throw new MalformedException("a packet of %d bytes has only %d left".formatted(length, in.remaining()));
            }
            byte[] body = new byte[(int) length];
            in.get(body);
            packets.add(new Packet(type, body));
        }
        return packets;
    }

    /** The packet alone, with the plainest header there is, for the library to read. */
    byte[] encoded() {
        return ByteBuffer.allocate(6 + body.length)
                .put((byte) (0xC0 | type))
                .put((byte) 0xFF)
                .putInt(body.length)
                .put(body)
                .array();
    }

    private static long newLength(ByteBuffer in) throws MalformedException {
        int first = octet(in);
        if (first < 192) {
            return first;
        }
        if (first < 224) {
            return ((first - 192L) << 8) + octet(in) + 192;
        }
        if (first < 255) {
            throw new MalformedException("a packet has a partial length");
        }
        return number(in, 4);
    }

    private static long oldLength(ByteBuffer in, int lengthType) throws MalformedException {
        if (lengthType == 3) {
            throw new MalformedException("a packet has no length");
        }
        return number(in, 1 << lengthType);
    }

    private static long number(ByteBuffer in, int octets) throws MalformedException {
        long value = 0;
        for (int i = 0; i < octets; i++) {
            value = value << 8 | octet(in);
        }
        return value;
    }

    private static int octet(ByteBuffer in) throws MalformedException {
        if (!in.hasRemaining()) {
            throw new MalformedException("the last packet is cut short");
        }
        return in.get() & 0xFF;
    }
}
