package org.rackboot.protocol.bootconfig;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.zip.CRC32;

/**
 * U-Boot's legacy image, in which its {@code source} command wants a script: a header of 64 bytes with two CRC-32, then a
 * table of lengths that ends with zero, then the text. All numbers are big-endian.
 */
public final class UBootScriptImage {
    private static final int HEADER_LENGTH = 64;
    private static final int MAGIC = 0x27051956;
    private static final int HEADER_CRC_OFFSET = 4;
    private static final byte OS_LINUX = 5;
    /** {@code source} takes scripts of any; 2 (ARM) is what mkimage writes unasked on those boards. */
    private static final byte ARCHITECTURE_ARM = 2;

    private static final byte TYPE_SCRIPT = 6;
    private static final byte COMPRESSION_NONE = 0;
    private static final int NAME_LENGTH = 32;
    private static final byte[] NAME = "rackboot".getBytes(US_ASCII);

    private UBootScriptImage() {}

    /** The file {@code boot.scr} of a script's text. Its time is zero: the same text gives the same bytes. */
    public static byte[] wrap(String script) {
        byte[] text = script.getBytes(UTF_8);
        int dataLength = 8 + text.length;
        ByteBuffer image = ByteBuffer.allocate(HEADER_LENGTH + dataLength);
        image.position(HEADER_LENGTH);
        image.putInt(text.length).putInt(0).put(text);

        image.position(0);
        image.putInt(MAGIC);
        image.putInt(0); // The header's CRC is computed with zero in its place.
        image.putInt(0); // Time.
        image.putInt(dataLength);
        image.putInt(0).putInt(0); // Load address and entry point: a script has none.
        image.putInt(crc(image.array(), HEADER_LENGTH, dataLength));
        image.put(OS_LINUX).put(ARCHITECTURE_ARM).put(TYPE_SCRIPT).put(COMPRESSION_NONE);
        image.put(NAME).put(new byte[NAME_LENGTH - NAME.length]);
        image.putInt(HEADER_CRC_OFFSET, crc(image.array(), 0, HEADER_LENGTH));
        return image.array();
    }

    private static int crc(byte[] bytes, int offset, int length) {
        CRC32 crc = new CRC32();
        crc.update(bytes, offset, length);
        return (int) crc.getValue();
    }
}
