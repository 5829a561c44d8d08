package org.rackboot.region.signature;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/**
 * A clear-signed file taken apart (RFC 9580, 7), strictly: one block, and nothing but it (S-44).
 *
 * @param digests what the {@code Hash} headers announce
 * @param text the signed text, its lines parted by LF, without dash-escaping and trailing blanks
 * @param signatures the packets from the armour at the end
 */
@SuppressWarnings("ArrayRecordComponent") // Lives for one verification.
record ClearSignedFile(Set<String> digests, byte[] text, byte[] signatures) {
    static final String BEGIN = Armor.begin("SIGNED MESSAGE");

    private static final Set<String> DIGEST_NAMES =
            Set.of("MD5", "SHA1", "RIPEMD160", "SHA224", "SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-512");

    static boolean isOne(byte[] file) {
        byte[] begin = BEGIN.getBytes(StandardCharsets.US_ASCII);
        return file.length >= begin.length
                && new String(file, 0, begin.length, StandardCharsets.ISO_8859_1).equals(BEGIN);
    }

    /** Whether a block begins later than it should. */
    static boolean isWithin(byte[] file) {
        return new String(file, StandardCharsets.ISO_8859_1).contains("\n" + BEGIN);
    }

    static ClearSignedFile parse(byte[] file) throws MalformedException {
        var lines = new Lines(file);
        if (!lines.next().equals(BEGIN)) {
            throw new MalformedException("its first line holds more than \"%s\"".formatted(BEGIN));
        }
        Set<String> digests = digests(lines);
        byte[] text = text(lines);
        byte[] signatures = Armor.decodeRest(lines, Armor.SIGNATURE);
        if (lines.hasNext()) {
            String next = lines.next();
            throw new MalformedException(
                    next.startsWith("-----BEGIN ")
                            ? "a second block follows the first"
                            : "something follows the signature");
        }
        return new ClearSignedFile(digests, text, signatures);
    }

    private static Set<String> digests(Lines lines) throws MalformedException {
        var digests = new HashSet<String>();
        for (String line = lines.next(); !line.isEmpty(); line = lines.next()) {
            if (!line.startsWith("Hash: ")) {
                throw new MalformedException("only \"Hash\" headers and an empty line may precede the text");
            }
            for (String name : line.substring("Hash: ".length()).split(",", -1)) {
                if (!DIGEST_NAMES.contains(name.strip())) {
                    throw new MalformedException("a \"Hash\" header names an unknown digest");
                }
                digests.add(name.strip());
            }
        }
        return digests;
    }

    private static byte[] text(Lines lines) throws MalformedException {
        var text = new ByteArrayOutputStream(lines.remainingBytes());
        String end = Armor.begin(Armor.SIGNATURE);
        boolean first = true;
        for (String line = lines.next(); !line.equals(end); line = lines.next()) {
            if (line.startsWith(BEGIN)) {
                throw new MalformedException("another signed block begins within its text");
            }
            if (line.startsWith("-") && !line.startsWith("- ")) {
                throw new MalformedException("a line of its text begins with a dash that is not escaped");
            }
            if (!first) {
                text.write('\n'); // The line ending before the signature is not part of the text.
            }
            first = false;
            String signed = withoutTrailingBlanks(line.startsWith("- ") ? line.substring(2) : line);
            text.writeBytes(signed.getBytes(StandardCharsets.ISO_8859_1));
        }
        return text.toByteArray();
    }

    private static String withoutTrailingBlanks(String line) {
        int end = line.length();
        while (end > 0 && (line.charAt(end - 1) == ' ' || line.charAt(end - 1) == '\t')) {
            end--;
        }
        return line.substring(0, end);
    }
}
