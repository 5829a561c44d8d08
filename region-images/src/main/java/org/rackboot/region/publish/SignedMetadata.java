package org.rackboot.region.publish;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.rackboot.region.signature.SigningKey;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.simplestreams.StreamRenderer;
import org.rackboot.region.simplestreams.StreamRenderer.Entry;

/**
 * The metadata files of a mirror in the three forms that readers ask for: plain, plain with a detached signature, and
 * clear-signed; and the public key, binary and in armour. The index comes last, since it names the others.
 */
final class SignedMetadata {
    private final Map<String, byte[]> files = new LinkedHashMap<>();
    private final SigningKey key;
    private final Instant now;

    private SignedMetadata(SigningKey key, Instant now) {
        this.key = key;
        this.now = now;
    }

    /** Of product files that are values. */
    static Map<String, byte[]> of(List<Products> products, Instant updated, SigningKey key, Instant now) {
        Map<Entry, String> texts = new LinkedHashMap<>();
        products.forEach(file -> texts.put(Entry.of(file), StreamRenderer.products(file)));
        return of(texts, updated, key, now);
    }

    /** Of product files that are written already, by what the index says of them. */
    static Map<String, byte[]> of(Map<Entry, String> texts, Instant updated, SigningKey key, Instant now) {
        SignedMetadata metadata = new SignedMetadata(key, now);
        metadata.files.put("keyring.gpg", key.publicKey());
        metadata.files.put("keyring.asc", key.armoredPublicKey());
        texts.forEach((entry, text) -> metadata.add(StreamRenderer.path(entry.contentId(), ""), text, text));
        List<Entry> entries = new ArrayList<>(texts.keySet());
        metadata.add(
                StreamRenderer.INDEX + ".",
                StreamRenderer.index(updated, entries, "json"),
                StreamRenderer.index(updated, entries, "sjson"));
        return metadata.files;
    }

    private void add(String path, String plain, String clearSigned) {
        byte[] bytes = (plain + "\n").getBytes(UTF_8);
        files.put(path + "json", bytes);
        files.put(path + "json.gpg", key.detachedSignature(bytes, now));
        files.put(path + "sjson", key.clearSigned(clearSigned, now));
    }
}
