package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.rackboot.region.simplestreams.MirrorPath;

/**
 * The header of one regular file in a tar (POSIX ustar; sizes from 8 GiB on in base 256, as every tar reads them). Nothing
 * else is in a bundle: no link, directory, device, sparse file or extended header.
 *
 * @param name clean, as a {@link MirrorPath} is
 * @param size of the file, at most {@value #MAX_SIZE}
 */
record TarHeader(String name, long size) {
    static final int BLOCK = 512;
    static final long MAX_SIZE = 1L << 40;

    private static final int NAME_BYTES = 100;
    private static final int SIZE_AT = 124;
    private static final int SIZE_BYTES = 12;
    private static final int CHECKSUM_AT = 148;
    private static final int TYPE_AT = 156;
    private static final int LINK_AT = 157;
    private static final int MAGIC_AT = 257;
    private static final int PREFIX_AT = 345;
    private static final int PREFIX_BYTES = 155;
    private static final long FIRST_IN_BASE_256 = 1L << 33;
    private static final byte[] MAGIC = {'u', 's', 't', 'a', 'r', 0, '0', '0'};

    /** Bytes from a file's start to the next header. */
    long paddedSize() {
        return (size + BLOCK - 1) / BLOCK * BLOCK;
    }

    /**
     * One block.
     *
     * @param epochSeconds when the file was changed last, 0 or more
     * @throws IOException if the name is too long for a tar
     */
    byte[] encode(long epochSeconds) throws IOException {
        byte[] block = new byte[BLOCK];
        int split = split();
        text(block, 0, split < 0 ? name : name.substring(split + 1));
        text(block, PREFIX_AT, split < 0 ? "" : name.substring(0, split));
        octal(block, 100, 8, 0644);
        octal(block, 108, 8, 0);
        octal(block, 116, 8, 0);
        if (size < FIRST_IN_BASE_256) {
            octal(block, SIZE_AT, SIZE_BYTES, size);
        } else {
            ByteBuffer.wrap(block).putLong(SIZE_AT + SIZE_BYTES - Long.BYTES, size);
            block[SIZE_AT] = (byte) 0x80;
        }
        octal(block, 136, 12, epochSeconds);
        block[TYPE_AT] = '0';
        System.arraycopy(MAGIC, 0, block, MAGIC_AT, MAGIC.length);
        octal(block, CHECKSUM_AT, 7, checksum(block));
        block[CHECKSUM_AT + 7] = ' ';
        return block;
    }

    /** The slash between both halves of a long name; -1 for a short one. */
    private int split() throws IOException {
        if (name.length() <= NAME_BYTES) {
            return -1;
        }
        int slash = name.indexOf('/', name.length() - NAME_BYTES - 1);
        if (slash < 1 || slash > PREFIX_BYTES || slash == name.length() - 1) {
            throw new IOException("the name %s is too long for a bundle".formatted(name));
        }
        return slash;
    }

    /** @throws IOException if it is no header of a regular file, or is damaged; the message says which */
    static TarHeader decode(byte[] block) throws IOException {
        if (!Arrays.equals(block, MAGIC_AT, MAGIC_AT + MAGIC.length, MAGIC, 0, MAGIC.length)) {
            throw new IOException("there is no tar header (ustar)");
        }
        if (number(block, CHECKSUM_AT, 8) != checksum(block)) {
            throw new IOException("a header is damaged: its checksum is wrong");
        }
        String prefix = text(block, PREFIX_AT, PREFIX_BYTES);
        String last = text(block, 0, NAME_BYTES);
        String name =
                MirrorPath.parse(prefix.isEmpty() ? last : prefix + "/" + last).text();
        if (block[TYPE_AT] != '0' || block[LINK_AT] != 0) {
            throw new IOException("'%s' is no plain file (tar type %s); a bundle has nothing else"
                    .formatted(name, block[TYPE_AT] > ' ' && block[TYPE_AT] < 127 ? (char) block[TYPE_AT] : '?'));
        }
        long size = number(block, SIZE_AT, SIZE_BYTES);
        if (size > MAX_SIZE) {
            throw new IOException("'%s' has %d bytes; at most %d are taken".formatted(name, size, MAX_SIZE));
        }
        return new TarHeader(name, size);
    }

    /** The sum of all bytes, those of the sum itself counted as blanks. */
    private static int checksum(byte[] block) {
        int sum = 8 * ' ';
        for (int i = 0; i < BLOCK; i++) {
            sum += i >= CHECKSUM_AT && i < CHECKSUM_AT + 8 ? 0 : block[i] & 0xff;
        }
        return sum;
    }

    private static void text(byte[] block, int at, String text) {
        byte[] bytes = text.getBytes(US_ASCII);
        System.arraycopy(bytes, 0, block, at, bytes.length);
    }

    private static String text(byte[] block, int at, int length) throws IOException {
        int end = at;
        while (end < at + length && block[end] != 0) {
            end++;
        }
        for (int i = end; i < at + length; i++) {
            if (block[i] != 0) {
                throw new IOException("a header is damaged: something follows the name");
            }
        }
        return new String(block, at, end - at, US_ASCII);
    }

    private static void octal(byte[] block, int at, int length, long value) {
        text(block, at, ("%0" + (length - 1) + "o").formatted(value));
    }

    /** Octal digits up to a blank or zero byte; or base 256, if the first bit says so. Never negative. */
    private static long number(byte[] block, int at, int length) throws IOException {
        if ((block[at] & 0x80) != 0) {
            for (int i = at; i < at + length - Long.BYTES; i++) {
                if (block[i] != (i == at ? (byte) 0x80 : 0)) {
                    throw new IOException("a size is out of all bounds");
                }
            }
            long value = ByteBuffer.wrap(block).getLong(at + length - Long.BYTES);
            if (value < 0) {
                throw new IOException("a size is out of all bounds");
            }
            return value;
        }
        long value = 0;
        int digits = 0;
        for (; digits < length && block[at + digits] >= '0' && block[at + digits] <= '7'; digits++) {
            value = value * 8 + block[at + digits] - '0'; // 12 digits of 3 bits at most.
        }
        for (int i = at + digits; i < at + length; i++) {
            if (digits == 0 || (block[i] != 0 && block[i] != ' ')) {
                throw new IOException("a header is damaged: a number has other characters than digits");
            }
        }
        return value;
    }
}
