package org.rackboot.image;

import java.util.HexFormat;

/**
 * The name of content: the sha256 of its bytes.
 *
 * @param sha256 64 lower-case hexadecimal digits, and so safe as a file name
 */
public record ContentId(String sha256) {
    private static final int DIGITS = 64;

    public ContentId {
        if (!isWellFormed(sha256)) {
            throw new IllegalArgumentException("a content id has 64 lower-case hexadecimal digits");
        }
    }

    private static boolean isWellFormed(String text) { // Asked for every request: no regular expression.
        if (text.length() != DIGITS) {
            return false;
        }
        for (int i = 0; i < DIGITS; i++) {
            char c = text.charAt(i);
            if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
                return false;
            }
        }
        return true;
    }

    /** @param digest 32 bytes */
    public static ContentId of(byte[] digest) {
        return new ContentId(HexFormat.of().formatHex(digest));
    }

    /** The digest's 32 bytes. */
    public byte[] digest() {
        return HexFormat.of().parseHex(sha256);
    }

    @Override
    public String toString() {
        return sha256;
    }
}
