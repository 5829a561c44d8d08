package org.rackboot.region.sync;

import static java.util.Objects.requireNonNull;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.rackboot.region.signature.TestSigner;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** A publisher: what it is told to publish, as the signed files of a mirror. */
final class TestStream {
    static final Instant PUBLISHED = Instant.parse("2026-01-15T06:00:00Z");
    static final TestSigner SIGNER = new TestSigner(1, Instant.parse("2025-01-01T00:00:00Z"));

    static final String INDEX = "streams/v1/index.sjson";
    static final String IMAGES = "com.ubuntu.maas:stable:v3:download";
    static final String LOADERS = "com.ubuntu.maas:stable:1:bootloader-download";

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    private static final DateTimeFormatter RFC_2822 =
            DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss Z", Locale.ROOT);

    private final TestSigner signer;
    private final Map<String, Instant> updated = new TreeMap<>();
    private final Map<String, Map<String, Map<String, Object>>> products = new TreeMap<>();
    private final Map<String, Map<String, Object>> items = new LinkedHashMap<>();
    private final Map<String, byte[]> files = new TreeMap<>();

    TestStream() {
        this(SIGNER, PUBLISHED);
    }

    TestStream(TestSigner signer, Instant published) {
        this.signer = signer;
        updated.put(INDEX, published);
        for (String id : new String[] {IMAGES, LOADERS}) {
            updated.put(id, published);
            products.put(id, new TreeMap<>());
        }
    }

    /** An Ubuntu image for amd64; its files are called by their types. */
    TestStream image(String release, String serial, Map<String, byte[]> content) {
        Map<String, Object> product = requireNonNull(products.get(IMAGES)).computeIfAbsent("image:" + release, name -> {
            Map<String, Object> made = new LinkedHashMap<>();
            made.put("os", "ubuntu");
            made.put("release", release);
            made.put("arch", "amd64");
            made.put("subarch", "ga-24.04");
            made.put("label", "stable");
            made.put("versions", new TreeMap<String, Object>());
            return made;
        });
        Map<String, Object> version = new TreeMap<>();
        content.forEach((ftype, bytes) ->
                version.put(ftype, item(ftype, "%s/amd64/%s/%s".formatted(release, serial, ftype), bytes)));
        addVersion(product, serial, version);
        return this;
    }

    TestStream loader(String os, String method, String serial, Map<String, byte[]> members) {
        return packedLoader(os, method, serial, archive(members));
    }

    /** The same, of a {@code tar.xz} as it is. */
    TestStream packedLoader(String os, String method, String serial, byte[] archive) {
        Map<String, Object> product = requireNonNull(products.get(LOADERS)).computeIfAbsent("loader:" + os, name -> {
            Map<String, Object> made = new LinkedHashMap<>();
            made.put("os", os);
            made.put("bootloader-type", method);
            made.put("arch", "amd64");
            made.put("label", "stable");
            made.put("versions", new TreeMap<String, Object>());
            return made;
        });
        String path = "bootloaders/%s/amd64/%s/%s.tar.xz".formatted(method, serial, os);
        addVersion(product, serial, Map.of(os, item("archive.tar.xz", path, archive)));
        return this;
    }

    /** Says something else about a file than is true. */
    TestStream announce(String path, String key, Object value) {
        requireNonNull(items.get(path)).put(key, value);
        return this;
    }

    /** Dates one metadata file, the index or that of a content id. */
    TestStream updated(String file, Instant when) {
        updated.put(file, when);
        return this;
    }

    /** Every file of the mirror by its path. */
    Map<String, byte[]> files() {
        Map<String, byte[]> all = new TreeMap<>(files);
        for (String kind : new String[] {"json", "sjson"}) {
            Map<String, Object> entries = new LinkedHashMap<>();
            products.forEach((id, named) -> {
                Map<String, Object> file = new LinkedHashMap<>();
                file.put("format", "products:1.0");
                file.put("content_id", id);
                file.put("updated", date(id));
                file.put("products", named);
                String path = "streams/v1/%s.%s".formatted(id, kind);
                all.put(path, metadata(kind, file));
                entries.put(id, Map.of("format", "products:1.0", "datatype", "image-ids", "path", path));
            });
            Map<String, Object> index = new LinkedHashMap<>();
            index.put("format", "index:1.0");
            index.put("updated", date(INDEX));
            index.put("index", entries);
            all.put("streams/v1/index." + kind, metadata(kind, index));
        }
        return all;
    }

    static String products(String contentId) {
        return "streams/v1/" + contentId + ".sjson";
    }

    static byte[] noise(int seed, int size) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    static byte[] archive(Map<String, byte[]> members) {
        var out = new ByteArrayOutputStream();
        try (var tar = new TarArchiveOutputStream(new XZOutputStream(out, new LZMA2Options(0)))) {
            for (Map.Entry<String, byte[]> member : new TreeMap<>(members).entrySet()) {
                var entry = new TarArchiveEntry(member.getKey());
                entry.setSize(member.getValue().length);
                entry.setModTime(0);
                tar.putArchiveEntry(entry);
                tar.write(member.getValue());
                tar.closeArchiveEntry();
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return out.toByteArray();
    }

    private Map<String, Object> item(String ftype, String path, byte[] bytes) {
        Map<String, Object> item = new LinkedHashMap<>();
        item.put("ftype", ftype);
        item.put("path", path);
        item.put("size", bytes.length);
        item.put("sha256", sha256(bytes));
        items.put(path, item);
        files.put(path, bytes);
        return item;
    }

    @SuppressWarnings("unchecked") // Made above.
    private static void addVersion(Map<String, Object> product, String serial, Map<String, Object> version) {
        var versions = (Map<String, Object>) requireNonNull(product.get("versions"));
        versions.put(serial, Map.of("items", version));
    }

    private byte[] metadata(String kind, Map<String, Object> document) {
        String text = JSON.writeValueAsString(document);
        return kind.equals("json")
                ? text.getBytes(StandardCharsets.UTF_8)
                : signer.clearSigned(text, PUBLISHED.minusSeconds(3_600));
    }

    private String date(String file) {
        return RFC_2822.format(updated.getOrDefault(file, PUBLISHED).atOffset(ZoneOffset.UTC));
    }
}
