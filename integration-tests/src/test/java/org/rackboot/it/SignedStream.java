package org.rackboot.it;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Date;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.bouncycastle.bcpg.ArmoredOutputStream;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.bcpg.PublicKeyAlgorithmTags;
import org.bouncycastle.bcpg.PublicKeyPacket;
import org.bouncycastle.crypto.AsymmetricCipherKeyPair;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.PGPSignature;
import org.bouncycastle.openpgp.PGPSignatureGenerator;
import org.bouncycastle.openpgp.PGPSignatureSubpacketGenerator;
import org.bouncycastle.openpgp.operator.bc.BcPGPContentSignerBuilder;
import org.bouncycastle.openpgp.operator.bc.BcPGPKeyPair;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;
import tools.jackson.databind.json.JsonMapper;

/**
 * A small signed boot source in MAAS's layout, made of noise that depends on a seed: one Ubuntu product for two
 * architectures, and the bootloaders. Files by mirror-relative path.
 */
final class SignedStream {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Instant UPDATED = Instant.parse("2026-01-15T06:00:00Z");
    private static final Instant KEY_CREATED = Instant.parse("2020-01-01T00:00:00Z");

    private final Map<String, byte[]> files = new TreeMap<>();
    private final Map<String, Noise> largeFiles = new TreeMap<>();
    private final BcPGPKeyPair key;
    private final Instant updated;

    /** @param keySeed streams of the same seed are signed by the same key */
    SignedStream(int keySeed, Instant updated) {
        this.updated = updated;
        byte[] secret = new byte[32];
        Arrays.fill(secret, (byte) keySeed);
        Ed25519PrivateKeyParameters ed25519 = new Ed25519PrivateKeyParameters(secret);
        try {
            key = new BcPGPKeyPair(
                    PublicKeyPacket.VERSION_4,
                    PublicKeyAlgorithmTags.EDDSA_LEGACY,
                    new AsymmetricCipherKeyPair(ed25519.generatePublicKey(), ed25519),
                    Date.from(KEY_CREATED));
        } catch (PGPException e) {
            throw new IllegalStateException(e);
        }
    }

    /** @param squashfsBytes of noise; kernel and initrd are small */
    static SignedStream of(int keySeed, String serial, int squashfsBytes) {
        return of(keySeed, serial, squashfsBytes, UPDATED);
    }

    /** @param updated when it was published */
    static SignedStream of(int keySeed, String serial, int squashfsBytes, Instant updated) {
        return of(
                keySeed,
                updated,
                serial,
                List.of("amd64", "arm64"),
                (stream, path) -> stream.item("squashfs", path, noise(squashfsBytes, "squashfs " + path)));
    }

    /** One architecture, amd64, whose squashfs need not fit into memory. */
    static SignedStream of(int keySeed, String serial, Noise squashfs) {
        return of(
                keySeed, UPDATED, serial, List.of("amd64"), (stream, path) -> stream.item("squashfs", path, squashfs));
    }

    private static SignedStream of(
            int keySeed,
            Instant updated,
            String serial,
            List<String> arches,
            BiFunction<SignedStream, String, Map<String, Object>> squashfs) {
        SignedStream stream = new SignedStream(keySeed, updated);
        Map<String, Object> ubuntu = new LinkedHashMap<>();
        for (String arch : arches) {
            ubuntu.put(
                    "com.ubuntu.maas.stable:v3:boot:24.04:" + arch + ":ga-24.04",
                    stream.ubuntu(arch, serial, squashfs));
        }
        Map<String, Object> loaders = new LinkedHashMap<>();
        loaders.put(
                "com.ubuntu.maas.stable:1:grub-efi-signed:uefi:amd64",
                stream.loader("grub-efi-signed", "uefi", "amd64", serial, "bootx64.efi", "grubx64.efi"));
        loaders.put(
                "com.ubuntu.maas.stable:1:pxelinux:pxe:i386",
                stream.loader("pxelinux", "pxe", "i386", serial, "lpxelinux.0", "ldlinux.c32"));
        Map<String, Object> index = new LinkedHashMap<>();
        stream.products("com.ubuntu.maas:stable:v3:download", ubuntu, index);
        stream.products("com.ubuntu.maas:stable:1:bootloader-download", loaders, index);
        stream.put(
                "streams/v1/index.sjson",
                stream.signed(Map.of("format", "index:1.0", "updated", stream.date(), "index", index)));
        return stream;
    }

    /** Files by path; changing a value changes what is served. */
    Map<String, byte[]> files() {
        return files;
    }

    /** The files that are written out as they are made, by path. */
    Map<String, Noise> largeFiles() {
        return largeFiles;
    }

    byte[] file(String path) {
        byte[] bytes = files.get(path);
        if (bytes == null) {
            throw new IllegalArgumentException("the stream has no " + path);
        }
        return bytes;
    }

    /** The signing key in binary form. */
    byte[] keyring() {
        try {
            PGPSignatureSubpacketGenerator hashed = new PGPSignatureSubpacketGenerator();
            hashed.setSignatureCreationTime(true, Date.from(KEY_CREATED));
            hashed.setKeyFlags(true, 0x03); // certify and sign
            hashed.setIssuerFingerprint(false, key.getPublicKey());
            PGPSignatureGenerator generator = generator(PGPSignature.POSITIVE_CERTIFICATION);
            generator.setHashedSubpackets(hashed.generate());
            String user = "Test stream <test@rackboot.test>";
            return PGPPublicKey.addCertification(
                            key.getPublicKey(), user, generator.generateCertification(user, key.getPublicKey()))
                    .getEncoded();
        } catch (PGPException | IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] noise(int size, String seed) {
        byte[] bytes = new byte[size];
        new Random(seed.hashCode()).nextBytes(bytes);
        return bytes;
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private Map<String, Object> ubuntu(
            String arch, String serial, BiFunction<SignedStream, String, Map<String, Object>> squashfs) {
        String base = "noble/" + arch + "/" + serial + "/";
        Map<String, Object> items = new LinkedHashMap<>();
        items.put(
                "boot-kernel",
                item("boot-kernel", base + "ga-24.04/generic/boot-kernel", noise(1_500_000, "kernel " + base)));
        items.put(
                "boot-initrd",
                item("boot-initrd", base + "ga-24.04/generic/boot-initrd", noise(700_000, "initrd " + base)));
        items.put("squashfs", squashfs.apply(this, base + "squashfs"));
        items.put("manifest", item("manifest", base + "squashfs.manifest", "adduser\t3.137\n".getBytes(UTF_8)));
        Map<String, Object> product = new LinkedHashMap<>();
        product.put("os", "ubuntu");
        product.put("release", "noble");
        product.put("version", "24.04");
        product.put("release_title", "24.04 LTS");
        product.put("arch", arch);
        product.put("label", "stable");
        product.put("subarch", "ga-24.04");
        product.put("kflavor", "generic");
        product.put("subarches", "generic,ga-22.04,ga-24.04");
        product.put("versions", Map.of(serial, Map.of("items", items)));
        return product;
    }

    private Map<String, Object> loader(String os, String method, String arch, String serial, String... members) {
        String path = "bootloaders/" + method + "/" + arch + "/" + serial + "/loader.tar.xz";
        Map<String, Object> product = new LinkedHashMap<>();
        product.put("os", os);
        product.put("bootloader-type", method);
        product.put("arch", arch);
        product.put("label", "stable");
        product.put(
                "versions",
                Map.of(serial, Map.of("items", Map.of("loader", item("archive.tar.xz", path, archive(members))))));
        return product;
    }

    private Map<String, Object> item(String ftype, String path, byte[] bytes) {
        put(path, bytes);
        return Map.of("ftype", ftype, "path", path, "size", bytes.length, "sha256", sha256(bytes));
    }

    private Map<String, Object> item(String ftype, String path, Noise noise) {
        largeFiles.put(path, noise);
        return Map.of("ftype", ftype, "path", path, "size", noise.size(), "sha256", noise.sha256());
    }

    private void products(String contentId, Map<String, Object> products, Map<String, Object> index) {
        String path = "streams/v1/" + contentId + ".sjson";
        put(
                path,
                signed(Map.of(
                        "format",
                        "products:1.0",
                        "content_id",
                        contentId,
                        "datatype",
                        "image-ids",
                        "updated",
                        date(),
                        "products",
                        products)));
        index.put(
                contentId,
                Map.of(
                        "format",
                        "products:1.0",
                        "datatype",
                        "image-ids",
                        "path",
                        path,
                        "products",
                        List.copyOf(products.keySet())));
    }

    private static byte[] archive(String... members) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (XZOutputStream xz = new XZOutputStream(bytes, new LZMA2Options(1));
                TarArchiveOutputStream tar = new TarArchiveOutputStream(xz)) {
            for (String member : members) {
                byte[] content = noise(100_000, member);
                TarArchiveEntry entry = new TarArchiveEntry(member);
                entry.setSize(content.length);
                tar.putArchiveEntry(entry);
                tar.write(content);
                tar.closeArchiveEntry();
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return bytes.toByteArray();
    }

    private byte[] signed(Map<String, ?> document) {
        String text = JSON.writeValueAsString(document);
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            PGPSignatureGenerator generator = generator(PGPSignature.CANONICAL_TEXT_DOCUMENT);
            PGPSignatureSubpacketGenerator hashed = new PGPSignatureSubpacketGenerator();
            hashed.setSignatureCreationTime(true, Date.from(updated));
            hashed.setIssuerFingerprint(false, key.getPublicKey());
            generator.setHashedSubpackets(hashed.generate());
            generator.update(text.getBytes(UTF_8)); // One line: nothing to canonicalise.
            try (ArmoredOutputStream armor =
                    ArmoredOutputStream.builder().clearHeaders().enableCRC(true).build(bytes)) {
                armor.beginClearText(HashAlgorithmTags.SHA512);
                armor.write((text + "\n").getBytes(UTF_8));
                armor.endClearText();
                generator.generate().encode((OutputStream) armor);
            }
            return bytes.toByteArray();
        } catch (PGPException | IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private PGPSignatureGenerator generator(int type) throws PGPException {
        PGPSignatureGenerator generator = new PGPSignatureGenerator(
                new BcPGPContentSignerBuilder(key.getPublicKey().getAlgorithm(), HashAlgorithmTags.SHA512),
                key.getPublicKey());
        generator.init(type, key.getPrivateKey());
        return generator;
    }

    private void put(String path, byte[] bytes) {
        files.put(path, bytes);
    }

    private String date() {
        return DateTimeFormatter.RFC_1123_DATE_TIME.format(updated.atOffset(ZoneOffset.UTC));
    }
}
