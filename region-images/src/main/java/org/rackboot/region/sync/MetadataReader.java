package org.rackboot.region.sync;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.rackboot.region.signature.BadSignatureException;
import org.rackboot.region.signature.SignatureVerifier;
import org.rackboot.region.signature.SignedDocument;
import org.rackboot.region.simplestreams.MirrorPath;
import org.rackboot.region.simplestreams.Products;
import org.rackboot.region.simplestreams.StreamFormatException;
import org.rackboot.region.simplestreams.StreamIndex;
import org.rackboot.region.simplestreams.StreamReader;

/**
 * Reads all metadata of one source: the file it starts from, the indexes that this leads to, and their product files.
 *
 * <p>What starts signed stays signed: a file of a signed source is clear-signed ({@code .sjson}), or, where that does not
 * exist, has a detached signature beside it ({@code .json} with {@code .json.gpg}); nothing else is taken. At most
 * {@value #MAX_DEPTH} indexes deep and {@value #MAX_FILES} files, none of them twice. One object reads once.
 */
final class MetadataReader {
    static final int MAX_DEPTH = 3;
    static final int MAX_FILES = 200;

    private static final String SIGNED = ".sjson";
    private static final String PLAIN = ".json";
    private static final String DETACHED = ".json.gpg";
    private static final int MAX_DETACHED_BYTES = 2 * SignatureVerifier.MAX_SIGNATURE_BYTES; // As armour.

    /** What the reader needs to be told by the import. */
    interface Import {
        /**
         * Brings a file.
         *
         * @throws Mirror.NotFoundException if there is none
         */
        byte[] fetch(MirrorPath path, int maxBytes) throws IOException, InterruptedException;

        /** Refuses a file that is older than one accepted before, or of the future. */
        void requireFresh(String mark, Instant updated) throws IOException;

        /** Tells who watches; the line begins with a file's path. */
        void say(String line);
    }

    /** A problem with one file. */
    static final class FileException extends Exception {
        private final String path;

        FileException(String path, Exception cause) {
            super(cause.getMessage(), cause);
            this.path = path;
        }

        /** Relative to the mirror's root. */
        String path() {
            return path;
        }
    }

    /**
     * What a source offers.
     *
     * @param files in the order they are named
     * @param marks when each file was written, by the name under which that is to be remembered
     */
    record Metadata(List<Products> files, Map<String, Instant> marks) {
        Metadata {
            files = List.copyOf(files);
            marks = Map.copyOf(marks);
        }
    }

    private final StreamReader reader = new StreamReader();
    private final Optional<SignatureVerifier> verifier;
    private final Instant now;
    private final Import run;
    private final List<Products> files = new ArrayList<>();
    private final Map<String, Instant> marks = new LinkedHashMap<>();
    private final Set<String> seen = new HashSet<>();

    /** @param verifier empty for a source that is taken without signatures */
    MetadataReader(Optional<SignatureVerifier> verifier, Instant now, Import run) {
        this.verifier = verifier;
        this.now = now;
        this.run = run;
    }

    /**
     * Reads from a file on, which may be an index or hold products itself.
     *
     * @throws FileException if a file is away, not genuine, or not what it should be
     */
    Metadata read(MirrorPath start) throws FileException, InterruptedException {
        read(start, Optional.empty(), 1);
        return new Metadata(files, marks);
    }

    /** @param contentId that the index gives the file; empty for what is not known as products */
    private void read(MirrorPath named, Optional<String> contentId, int depth)
            throws FileException, InterruptedException {
        String path = spelled(named.text());
        try {
            String mark = mark(path);
            if (!seen.add(mark)) {
                run.say(path + ": is named more than once, and read once");
                return;
            }
            if (seen.size() > MAX_FILES) {
                throw new StreamFormatException("the stream has more than %d metadata files".formatted(MAX_FILES));
            }
            byte[] bytes = verified(path);
            if (contentId.isPresent()) {
                take(path, reader.readProducts(bytes), contentId.get());
                return;
            }
            var file = reader.read(bytes);
            if (file instanceof Products products) {
                take(path, products, products.contentId());
            } else if (file instanceof StreamIndex index) {
                follow(path, index, depth);
            }
        } catch (BadSignatureException | IOException e) {
            throw new FileException(path, e);
        }
    }

    private void take(String path, Products products, String contentId) throws IOException {
        if (!products.contentId().equals(contentId)) { // Genuine, but of another stream.
            throw new StreamFormatException("its content id is not the one that the index gives it");
        }
        remember(path, products.updated());
        products.warnings().forEach(warning -> run.say(path + ": " + warning));
        files.add(products);
    }

    private void follow(String path, StreamIndex index, int depth)
            throws IOException, FileException, InterruptedException {
        if (depth > MAX_DEPTH) {
            throw new StreamFormatException("an index lies more than %d indexes deep".formatted(MAX_DEPTH));
        }
        remember(path, index.updated());
        index.warnings().forEach(warning -> run.say(path + ": " + warning));
        for (StreamIndex.Entry entry : index.entries()) {
            read(entry.path(), entry.index() ? Optional.empty() : Optional.of(entry.contentId()), depth + 1);
        }
    }

    private void remember(String path, Instant updated) throws IOException {
        run.requireFresh(mark(path), updated);
        marks.put(mark(path), updated);
    }

    private byte[] verified(String path) throws IOException, InterruptedException, BadSignatureException {
        if (verifier.isEmpty()) {
            byte[] file = run.fetch(MirrorPath.parse(path), StreamReader.MAX_FILE_BYTES);
            run.say(path + ": taken without a signature, as this source was added with --unsigned");
            return file;
        }
        SignedDocument document = signed(path, verifier.get());
        run.say("%s: signed by %s at %s".formatted(path, document.keyFingerprint(), document.signedAt()));
        return document.bytes();
    }

    private SignedDocument signed(String path, SignatureVerifier by)
            throws IOException, InterruptedException, BadSignatureException {
        if (!path.endsWith(SIGNED)) {
            return detached(path, by);
        }
        byte[] file;
        try {
            file = run.fetch(MirrorPath.parse(path), StreamReader.MAX_FILE_BYTES);
        } catch (Mirror.NotFoundException clearSigned) {
            try {
                return detached(withoutEnding(path, SIGNED) + PLAIN, by);
            } catch (Mirror.NotFoundException e) {
                clearSigned.addSuppressed(e);
                throw clearSigned; // Most sources are clear-signed: that is the file to look for.
            }
        }
        return by.verifyClearSigned(file, now);
    }

    private SignedDocument detached(String path, SignatureVerifier by)
            throws IOException, InterruptedException, BadSignatureException {
        if (!path.endsWith(PLAIN)) {
            throw new StreamFormatException("the signed index names an unsigned file");
        }
        MirrorPath beside = MirrorPath.parse(withoutEnding(path, PLAIN) + DETACHED);
        byte[] file = run.fetch(MirrorPath.parse(path), StreamReader.MAX_FILE_BYTES);
        byte[] signature;
        try {
            signature = run.fetch(beside, MAX_DETACHED_BYTES);
        } catch (Mirror.NotFoundException e) {
            String what = seen.size() == 1 ? "it is not signed" : "the signed index names an unsigned file";
            throw new Mirror.NotFoundException("%s: there is no %s".formatted(what, beside));
        }
        return by.verifyDetached(file, signature, now);
    }

    /** A source without signatures is not read from clear-signed files. */
    private String spelled(String path) {
        return verifier.isEmpty() && path.endsWith(SIGNED) ? withoutEnding(path, SIGNED) + PLAIN : path;
    }

    /**
     * One name for both spellings of a signed file: who hides the clear-signed one must not have an older one with a
     * detached signature taken for new (S-32).
     */
    private String mark(String path) {
        return verifier.isPresent() && path.endsWith(PLAIN) ? withoutEnding(path, PLAIN) + SIGNED : path;
    }

    private static String withoutEnding(String path, String ending) {
        return path.substring(0, path.length() - ending.length());
    }
}
