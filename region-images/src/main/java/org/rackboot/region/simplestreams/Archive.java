package org.rackboot.region.simplestreams;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZInputStream;
import org.tukaani.xz.XZOutputStream;

/**
 * A bootloader's {@code tar.xz}, packed and unpacked in memory. Nothing is written under a member's name: members are
 * values, and only regular files at the root with a plain name count (S-40, S-41).
 */
public final class Archive {
    private static final int MAX_MEMBERS = 1_000;
    private static final int MAX_TOTAL_BYTES = 64 << 20;
    private static final int HARMLESS_BYTES = 16 << 20;
    private static final int MAX_RATIO = 200;
    private static final int XZ_MEMORY_KIB = 64 << 10;
    private static final int PACKING_PRESET = 4;
    private static final int PACKING_DICTIONARY_BYTES = 1 << 20; // A larger one costs a region memory, and wins little.
    private static final Pattern MEMBER = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,99}");

    private Archive() {}

    /**
     * The members by name, in the archive's order.
     *
     * @throws StreamFormatException if it is damaged, too large, or has a member of another kind or name
     */
    public static Map<String, byte[]> unpack(byte[] tarXz) throws StreamFormatException {
        Map<String, byte[]> members = new LinkedHashMap<>();
        int entries = 0;
        try (InputStream xz = new XZInputStream(new ByteArrayInputStream(tarXz), XZ_MEMORY_KIB);
                InputStream bounded = new Bounded(xz, mostBytes(tarXz.length));
                TarArchiveInputStream tar = new TarArchiveInputStream(bounded)) {
            TarArchiveEntry entry;
            while ((entry = tar.getNextEntry()) != null) {
                if (++entries > MAX_MEMBERS) {
                    throw new StreamFormatException("the archive has more than " + MAX_MEMBERS + " members");
                }
                String name = entry.getName().startsWith("./") ? entry.getName().substring(2) : entry.getName();
                if (entry.isDirectory() && (name.isEmpty() || name.equals("/"))) {
                    continue; // "./", which "tar c ." writes.
                }
                if (!isRegular(entry)) {
                    throw new StreamFormatException("the archive has a member that is not a regular file");
                }
                if (!MEMBER.matcher(name).matches()) {
                    throw new StreamFormatException("the archive has a member that is not a plain name at its root");
                }
                if (entry.getSize() > MAX_TOTAL_BYTES || entry.getSize() < 0) {
                    throw new StreamFormatException("the archive unpacks to more than " + MAX_TOTAL_BYTES + " bytes");
                }
                byte[] bytes = new byte[(int) Math.min(entry.getSize(), mostBytes(tarXz.length))];
                if (tar.readNBytes(bytes, 0, bytes.length) < entry.getSize()) {
                    throw new StreamFormatException("the archive ends in the middle of a member");
                }
                if (members.put(name, bytes) != null) {
                    throw new StreamFormatException("the archive has two members of one name");
                }
            }
        } catch (StreamFormatException e) {
            throw e;
        } catch (IOException | RuntimeException e) { // The tar reader throws both for damaged headers.
            throw new StreamFormatException("the archive cannot be unpacked: " + e.getMessage(), e);
        }
        if (members.isEmpty()) {
            throw new StreamFormatException("the archive has no members");
        }
        return members;
    }

    /** Packs members: sorted, undated and owned by root, so that the same members always make the same archive. */
    public static byte[] pack(Map<String, byte[]> members) {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(new XZOutputStream(packed, packing()))) {
            for (Map.Entry<String, byte[]> member : new TreeMap<>(members).entrySet()) {
                TarArchiveEntry entry = new TarArchiveEntry(member.getKey());
                entry.setSize(member.getValue().length);
                entry.setModTime(0);
                entry.setIds(0, 0);
                entry.setMode(0100644);
                tar.putArchiveEntry(entry);
                tar.write(member.getValue());
                tar.closeArchiveEntry();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e); // Nothing but memory is written.
        }
        return packed.toByteArray();
    }

    private static LZMA2Options packing() throws IOException {
        LZMA2Options options = new LZMA2Options(PACKING_PRESET);
        options.setDictSize(PACKING_DICTIONARY_BYTES);
        return options;
    }

    /** By its type flag: what commons-compress calls a file may be a device. */
    private static boolean isRegular(TarArchiveEntry entry) {
        byte flag = entry.getLinkFlag();
        return (flag == TarConstants.LF_NORMAL || flag == TarConstants.LF_OLDNORM) && !entry.isSparse();
    }

    /** Of the unpacked tar, headers and extended names included: those fill memory as members do. */
    private static long mostBytes(int packedBytes) {
        return Math.min(MAX_TOTAL_BYTES, Math.max(HARMLESS_BYTES, (long) MAX_RATIO * packedBytes));
    }

    /** Fails where a bomb goes off. */
    private static final class Bounded extends FilterInputStream {
        private final long most;
        private long left;

        Bounded(InputStream in, long most) {
            super(in);
            this.most = most;
            this.left = most;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int count = super.read(buffer, offset, length);
            left -= Math.max(count, 0);
            if (left < 0) {
                throw new StreamFormatException("the archive unpacks to more than " + most + " bytes");
            }
            return count;
        }

        @Override
        public long skip(long count) throws IOException {
            return Math.max(0, read(new byte[(int) Math.min(count, 8_192)]));
        }
    }
}
