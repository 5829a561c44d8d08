package org.rackboot.region.signature;

import java.io.ByteArrayOutputStream;
import java.util.Base64;

/**
 * ASCII armour (RFC 9580, 6.2), the strict subset that programs write.
 *
 * <p>A wrong checksum is always refused, as GnuPG does. Its absence is fine around keys, as the RFC wants it, but
 * not around signatures: GnuPG refuses those, and nothing is accepted here that GnuPG would not accept.
 */
final class Armor {
    static final String SIGNATURE = "SIGNATURE";
    static final String PUBLIC_KEYS = "PUBLIC KEY BLOCK";

    private Armor() {}

    static String begin(String type) {
        return "-----BEGIN PGP " + type + "-----";
    }

    /** What all blocks of this type hold together, with nothing around them but blank lines. */
    static byte[] decodeAll(byte[] data, String type) throws MalformedException {
        var lines = new Lines(data);
        var decoded = new ByteArrayOutputStream();
        while (lines.hasNext()) {
            String line = lines.next();
            if (line.equals(begin(type))) {
                decoded.writeBytes(decodeRest(lines, type));
            } else if (!line.isBlank()) {
                throw new MalformedException("it holds text outside \"%s\"".formatted(begin(type)));
            }
        }
        return decoded.toByteArray();
    }

    /** What a block holds, once its BEGIN line has been read; reads through its END line. */
    static byte[] decodeRest(Lines lines, String type) throws MalformedException {
        for (String line = lines.next(); !line.isEmpty(); line = lines.next()) {
            if (!line.startsWith("Version: ") && !line.startsWith("Comment: ")) {
                throw new MalformedException("the armour of \"%s\" has an unknown header line".formatted(begin(type)));
            }
        }
        var base64 = new StringBuilder();
        String line = lines.next();
        for (; !line.startsWith("=") && !line.startsWith("-"); line = lines.next()) {
            base64.append(line);
        }
        byte[] content = fromBase64(base64.toString());
        if (line.startsWith("=")) {
            requireChecksum(content, line.substring(1));
            line = lines.next();
        } else if (type.equals(SIGNATURE)) {
            throw new MalformedException("the armour has no checksum before its END line");
        }
        if (!line.equals("-----END PGP " + type + "-----")) {
            throw new MalformedException("\"%s\" has no END line of its own".formatted(begin(type)));
        }
        return content;
    }

    static byte[] fromBase64(String base64) throws MalformedException {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new MalformedException("it is not base64", e);
        }
    }

    private static void requireChecksum(byte[] content, String checksum) throws MalformedException {
        int crc = 0xB704CE;
        for (byte b : content) {
            crc ^= (b & 0xFF) << 16;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 0x800000) == 0 ? crc << 1 : (crc << 1) ^ 0x1864CFB;
            }
        }
        byte[] expected = {(byte) (crc >> 16), (byte) (crc >> 8), (byte) crc};
        if (!checksum.equals(Base64.getEncoder().encodeToString(expected))) {
            throw new MalformedException("the armour's checksum is wrong, so it was damaged on the way");
        }
    }
}
