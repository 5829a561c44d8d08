package org.rackboot.protocol.dhcp;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;

/** Bytes that are a value: they never change, and are equal when they are the same. */
public final class Octets {
    public static final Octets NONE = new Octets(new byte[0]);

    private final byte[] bytes;

    private Octets(byte[] bytes) {
        this.bytes = bytes;
    }

    public static Octets of(byte... bytes) {
        return bytes.length == 0 ? NONE : new Octets(bytes.clone());
    }

    /** Each character is a byte. */
    public static Octets ofText(String text) {
        return of(text.getBytes(ISO_8859_1));
    }

    public int length() {
        return bytes.length;
    }

    /** The byte at {@code index}, from 0 to 255. */
    public int at(int index) {
        return bytes[index] & 0xFF;
    }

    public ByteBuffer buffer() {
        return ByteBuffer.wrap(bytes).asReadOnlyBuffer();
    }

    public Octets slice(int from, int to) {
        return of(Arrays.copyOfRange(bytes, from, to));
    }

    public Octets plus(Octets more) {
        byte[] both = Arrays.copyOf(bytes, bytes.length + more.bytes.length);
        System.arraycopy(more.bytes, 0, both, bytes.length, more.bytes.length);
        return new Octets(both);
    }

    /** One character for each byte, up to the first NUL. */
    public String text() {
        String text = new String(bytes, ISO_8859_1);
        int end = text.indexOf('\0');
        return end < 0 ? text : text.substring(0, end);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Octets octets && Arrays.equals(bytes, octets.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    /** In hexadecimal. */
    @Override
    public String toString() {
        return HexFormat.of().formatHex(bytes);
    }
}
