package org.rackboot.image;

import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * The name of content: the sha256 of its bytes.
 *
 * @param sha256 64 lower-case hexadecimal digits, and so safe as a file name
 */
public record ContentId(String sha256) {
    private static final Pattern FORM = Pattern.compile("[0-9a-f]{64}");

    public ContentId {
        if (!FORM.matcher(sha256).matches()) {
            throw new IllegalArgumentException("a content id has 64 lower-case hexadecimal digits");
        }
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
