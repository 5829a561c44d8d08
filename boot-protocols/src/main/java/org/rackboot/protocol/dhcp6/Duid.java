package org.rackboot.protocol.dhcp6;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.HardwareAddress;
import org.rackboot.protocol.dhcp.Octets;

/** What a client or a server is called (RFC 8415, 11). Firmware may make up another one at each boot: no key for anything. */
public sealed interface Duid {
    int LEAST_BYTES = 3;
    int MOST_BYTES = 130; // RFC 8415, 11.1: 128 behind the type.

    int TYPE_LINK_LAYER_TIME = 1;
    int TYPE_ENTERPRISE = 2;
    int TYPE_LINK_LAYER = 3;
    int TYPE_UUID = 4;

    /**
     * DUID-LLT.
     *
     * @param hardwareType of ARP's list
     * @param seconds since 2000, modulo 2^32
     */
    record LinkLayerTime(int hardwareType, long seconds, Octets address) implements Duid {
        @Override
        public Octets octets() {
            return shortOf(TYPE_LINK_LAYER_TIME)
                    .plus(shortOf(hardwareType))
                    .plus(intOf(seconds))
                    .plus(address);
        }

        @Override
        public Optional<MacAddress> mac() {
            return Duid.mac(hardwareType, address);
        }
    }

    /** DUID-EN. */
    record Enterprise(long number, Octets id) implements Duid {
        @Override
        public Octets octets() {
            return shortOf(TYPE_ENTERPRISE).plus(intOf(number)).plus(id);
        }
    }

    /** DUID-LL. */
    record LinkLayer(int hardwareType, Octets address) implements Duid {
        @Override
        public Octets octets() {
            return shortOf(TYPE_LINK_LAYER).plus(shortOf(hardwareType)).plus(address);
        }

        @Override
        public Optional<MacAddress> mac() {
            return Duid.mac(hardwareType, address);
        }
    }

    /**
     * DUID-UUID (RFC 6355).
     *
     * @param value 16 bytes, in network order
     */
    record Uuid(Octets value) implements Duid {
        static final int BYTES = 16;

        public Uuid {
            if (value.length() != BYTES) {
                throw new IllegalArgumentException("a UUID of %d bytes".formatted(value.length()));
            }
        }

        @Override
        public Octets octets() {
            return shortOf(TYPE_UUID).plus(value);
        }

        @Override
        public Optional<String> uuid() {
            String hex = value.toString();
            return hex.matches("0+|f+")
                    ? Optional.empty()
                    : Optional.of(hex.replaceFirst("(.{8})(.{4})(.{4})(.{4})(.{12})", "$1-$2-$3-$4-$5"));
        }
    }

    /** Of a type that is not known, or too short for its type. */
    record Other(Octets octets) implements Duid {}

    /** As it is written. */
    Octets octets();

    /** Of an Ethernet card. */
    default Optional<MacAddress> mac() {
        return Optional.empty();
    }

    /** In lower case, {@code 8-4-4-4-12}; empty as well if it tells no machines apart: all zeros or all ones. */
    default Optional<String> uuid() {
        return Optional.empty();
    }

    /** Empty if it has fewer than 3 bytes, or more than 130. */
    static Optional<Duid> read(Octets octets) {
        int length = octets.length();
        if (length < LEAST_BYTES || length > MOST_BYTES) {
            return Optional.empty();
        }
        ByteBuffer in = octets.buffer();
        int type = in.getShort() & 0xFFFF;
        if (type == TYPE_LINK_LAYER_TIME && length >= 8) {
            return Optional.of(new LinkLayerTime(
                    in.getShort() & 0xFFFF, Integer.toUnsignedLong(in.getInt()), octets.slice(8, length)));
        }
        if (type == TYPE_ENTERPRISE && length >= 6) {
            return Optional.of(new Enterprise(Integer.toUnsignedLong(in.getInt()), octets.slice(6, length)));
        }
        if (type == TYPE_LINK_LAYER && length >= 4) {
            return Optional.of(new LinkLayer(in.getShort() & 0xFFFF, octets.slice(4, length)));
        }
        if (type == TYPE_UUID && length == 2 + Uuid.BYTES) {
            return Optional.of(new Uuid(octets.slice(2, length)));
        }
        return Optional.of(new Other(octets));
    }

    private static Optional<MacAddress> mac(int hardwareType, Octets address) {
        return hardwareType == HardwareAddress.ETHERNET && address.length() == 6
                ? new HardwareAddress(hardwareType, address).mac()
                : Optional.empty();
    }

    private static Octets shortOf(int value) {
        return Octets.of((byte) (value >> 8), (byte) value);
    }

    private static Octets intOf(long value) {
        return Octets.of((byte) (value >> 24), (byte) (value >> 16), (byte) (value >> 8), (byte) value);
    }
}
