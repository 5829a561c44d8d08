package org.rackboot.region.simplestreams;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.assertj.core.data.Index;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

class ArchiveTest {
    private static final byte[] SHIM = {1, 2, 3};
    private static final byte[] GRUB = {4};

    @Test
    void theSameMembersMakeTheSameArchiveAndComeOutAgain() throws Exception {
        byte[] large = new byte[300_000];
        new Random(1).nextBytes(large);
        Map<String, byte[]> members = new LinkedHashMap<>();
        members.put("grubx64.efi", large);
        members.put("bootx64.efi", new byte[] {1, 2, 3});

        byte[] packed = Archive.pack(members);

        assertThat(Archive.pack(new TreeMap<>(members))).isEqualTo(packed);
        Map<String, byte[]> unpacked = Archive.unpack(packed);
        assertThat(unpacked.keySet()).containsExactly("bootx64.efi", "grubx64.efi");
        assertThat(unpacked.get("grubx64.efi")).isEqualTo(large);
    }

    @Test
    void membersAreValuesInTheArchivesOrder() throws Exception {
        byte[] archive = archive(tar -> {
            add(tar, "bootx64.efi", SHIM);
            add(tar, "grubx64.efi", GRUB);
            add(tar, "empty.cfg", new byte[0]);
        });

        Map<String, byte[]> members = Archive.unpack(archive);

        assertThat(members).containsOnlyKeys("bootx64.efi", "grubx64.efi", "empty.cfg");
        assertThat(members.keySet()).containsExactly("bootx64.efi", "grubx64.efi", "empty.cfg");
        assertThat(members.get("bootx64.efi")).isEqualTo(SHIM);
        assertThat(members.get("grubx64.efi")).isEqualTo(GRUB);
    }

    @Test
    void aDotSlashBeforeTheNameIsHowTarWritesADirectory() throws Exception {
        byte[] archive = archive(tar -> {
            tar.putArchiveEntry(new TarArchiveEntry("./"));
            tar.closeArchiveEntry();
            add(tar, "./bootx64.efi", SHIM);
        });

        assertThat(Archive.unpack(archive)).containsOnlyKeys("bootx64.efi");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/etc/passwd",
                "../x",
                "a/../../x",
                "..",
                "dir/x",
                "././x",
                ".hidden",
                "a\\b",
                "a b",
                "a\nb",
                "\u00e4",
                "-rf",
                "a:b"
            })
    void aNameThatIsNotPlainIsRefused(String name) throws Exception {
        refused(archive(tar -> add(tar, name, SHIM)), "not a plain name");
    }

    @Test
    void aNameInAnExtendedHeaderIsCheckedLikeAnyOther() throws Exception {
        refused(
                archive(tar -> {
                    TarArchiveEntry entry = new TarArchiveEntry("innocent", true);
                    entry.setSize(SHIM.length);
                    entry.addPaxHeader("path", "../../etc/cron.d/x");
                    tar.putArchiveEntry(entry);
                    tar.write(SHIM);
                    tar.closeArchiveEntry();
                }),
                "not a plain name");
        refused(archive(tar -> add(tar, "x".repeat(101), SHIM)), "not a plain name");
    }

    @ParameterizedTest
    @ValueSource(
            bytes = {
                TarConstants.LF_LINK,
                TarConstants.LF_SYMLINK,
                TarConstants.LF_CHR,
                TarConstants.LF_BLK,
                TarConstants.LF_DIR,
                TarConstants.LF_FIFO,
                TarConstants.LF_CONTIG,
                TarConstants.LF_MULTIVOLUME,
                'V',
                'Z'
            })
    void onlyRegularFilesCount(byte type) throws Exception {
        refused(
                archive(tar -> {
                    TarArchiveEntry entry = new TarArchiveEntry("member", type, true);
                    entry.setLinkName("/etc/shadow");
                    tar.putArchiveEntry(entry);
                    tar.closeArchiveEntry();
                    add(tar, "bootx64.efi", SHIM);
                }),
                "not a regular file");
    }

    @Test
    void twoMembersOfOneNameAreRefused() throws Exception {
        refused(
                archive(tar -> {
                    add(tar, "bootx64.efi", SHIM);
                    add(tar, "./bootx64.efi", GRUB);
                }),
                "two members of one name");
    }

    @Test
    void anArchiveHasAtMostAThousandMembers() throws Exception {
        refused(
                archive(tar -> {
                    for (int i = 0; i < 1_001; i++) {
                        add(tar, "m" + i, new byte[0]);
                    }
                }),
                "more than 1000 members");
    }

    @Test
    void anArchiveWithoutMembersIsRefused() throws Exception {
        refused(archive(tar -> {}), "no members");
    }

    @Test
    void aBombIsDefusedBeforeItFillsTheMemory() throws Exception {
        byte[] zeros = new byte[1 << 20];
        byte[] bomb = archive(tar -> {
            TarArchiveEntry entry = new TarArchiveEntry("bomb");
            entry.setSize(60L << 20);
            tar.putArchiveEntry(entry);
            for (int i = 0; i < 60; i++) {
                tar.write(zeros);
            }
            tar.closeArchiveEntry();
        });

        assertThat(bomb.length).isLessThan(40_000);
        refused(bomb, "unpacks to more than 16777216 bytes");
    }

    @Test
    void aNameOfAHundredMegabytesIsABombToo() throws Exception {
        byte[] zeros = new byte[1 << 20];
        Arrays.fill(zeros, (byte) 'x');
        refused(
                archive(tar -> {
                    TarArchiveEntry entry =
                            new TarArchiveEntry(TarConstants.GNU_LONGLINK, TarConstants.LF_GNUTYPE_LONGNAME);
                    entry.setSize(100L << 20);
                    tar.putArchiveEntry(entry);
                    for (int i = 0; i < 100; i++) {
                        tar.write(zeros);
                    }
                    tar.closeArchiveEntry();
                    add(tar, "x", SHIM);
                }),
                "unpacks to more than");
    }

    @Test
    void aMemberThatClaimsMoreThanTheLimitIsRefusedUnread() throws Exception {
        byte[] header = new byte[512];
        TarArchiveEntry entry = new TarArchiveEntry("huge");
        entry.setSize(8L << 30);
        entry.writeEntryHeader(
                header, org.apache.commons.compress.archivers.zip.ZipEncodingHelper.getZipEncoding("UTF-8"), true);

        refused(xz(header, 1 << 20), "unpacks to more than 67108864 bytes");
    }

    @Test
    void aDictionaryThatNeedsMoreThan64MebibytesIsRefused() throws Exception {
        byte[] archive = archive(tar -> add(tar, "bootx64.efi", SHIM));
        int block = 12; // After the stream header: size, flags, filter, length of its properties, dictionary size, …
        int length = (archive[block] + 1) * 4;
        assertThat(archive).startsWith(0xFD, '7', 'z', 'X', 'Z').contains(0x21, Index.atIndex(block + 2));
        archive[block + 4] = 36; // 1 GiB.
        var crc = new CRC32();
        crc.update(archive, block, length - 4);
        for (int i = 0; i < 4; i++) {
            archive[block + length - 4 + i] = (byte) (crc.getValue() >> (8 * i));
        }

        refused(archive, "KiB of memory would be needed");
    }

    @Test
    void aTruncatedOrDamagedArchiveIsRefusedOrWhole() throws Exception {
        byte[] noise = new byte[3_000];
        new Random(1).nextBytes(noise);
        byte[] whole = archive(tar -> add(tar, "bootx64.efi", noise));
        for (int length = 0; length < whole.length; length += 7) {
            unpacksRightOrNotAtAll(Arrays.copyOf(whole, length), noise);
        }
        var random = new Random(2);
        for (int i = 0; i < 2_000; i++) {
            byte[] damaged = whole.clone();
            damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
            unpacksRightOrNotAtAll(damaged, noise);
        }
        refused(Arrays.copyOf(whole, whole.length / 2), "cannot be unpacked");
    }

    @Test
    void aDamagedTarInsideAGoodXzIsRefusedAndNothingElseIsThrown() throws Exception {
        var plain = new ByteArrayOutputStream();
        try (var tar = new TarArchiveOutputStream(plain)) {
            add(tar, "bootx64.efi", SHIM);
            add(tar, "grubx64.efi", GRUB);
        }
        var random = new Random(3);
        for (int i = 0; i < 1_000; i++) {
            byte[] damaged = Arrays.copyOf(plain.toByteArray(), random.nextInt(plain.size()));
            for (int j = 0; j < 3 && damaged.length > 0; j++) {
                damaged[random.nextInt(Math.min(damaged.length, 600))] = (byte) random.nextInt(256);
            }
            try {
                Archive.unpack(xz(damaged, 1 << 16));
            } catch (StreamFormatException e) {
                assertThat(e.getMessage()).startsWith("the archive");
            }
        }
    }

    private static void unpacksRightOrNotAtAll(byte[] archive, byte[] content) {
        try {
            assertThat(Archive.unpack(archive).get("bootx64.efi")).isEqualTo(content);
        } catch (StreamFormatException e) {
            assertThat(e.getMessage()).startsWith("the archive");
        }
    }

    private interface Filling {
        void fill(TarArchiveOutputStream tar) throws IOException;
    }

    private static byte[] archive(Filling filling) throws IOException {
        var out = new ByteArrayOutputStream();
        try (var tar = new TarArchiveOutputStream(new XZOutputStream(out, new LZMA2Options(1)))) {
            tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
            filling.fill(tar);
        }
        return out.toByteArray();
    }

    private static byte[] xz(byte[] plain, int dictionary) throws IOException {
        var options = new LZMA2Options(1);
        options.setDictSize(dictionary);
        var out = new ByteArrayOutputStream();
        try (var xz = new XZOutputStream(out, options)) {
            xz.write(plain);
        }
        return out.toByteArray();
    }

    private static void add(TarArchiveOutputStream tar, String name, byte[] content) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name, true);
        entry.setSize(content.length);
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
    }

    private static void refused(byte[] archive, String why) {
        assertThatExceptionOfType(StreamFormatException.class)
                .isThrownBy(() -> Archive.unpack(archive))
                .withMessageContaining(why);
    }
}
