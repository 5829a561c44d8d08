package org.rackboot.region.sync;

import java.io.IOException;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.signature.BadSignatureException;
import org.rackboot.region.signature.KeyringException;
import org.rackboot.region.simplestreams.StreamFormatException;
import org.rackboot.region.store.ContentRepository.ChecksumMismatchException;
import org.rackboot.region.store.ContentRepository.SizeMismatchException;
import org.rackboot.region.sync.ImportReport.Outcome;
import org.rackboot.region.sync.Mirror.RefusedAddressException;
import org.rackboot.region.sync.Mirror.WrongSizeException;

/** What imports, plans and probes did since this process started, in numbers. Thread-safe. */
public final class ImportTally {
    /** Why a source, a version or a file was not taken. */
    public enum Refusal {
        SIGNATURE,
        HASH,
        SIZE,
        /** Older than what was accepted before, or of the future. */
        FRESHNESS,
        ADDRESS,
        /** Not written as a stream or an archive must be. */
        FORMAT,
        /** A version that came again with other content, or that contradicts another. */
        VERSION,
        /** The source does not answer, or lacks the file. */
        AWAY
    }

    /** A stream that is older than what was accepted before, or dated in the future. */
    static final class FreshnessException extends IOException {
        FreshnessException(String message) {
            super(message);
        }
    }

    private final Map<Refusal, LongAdder> refusals = new EnumMap<>(Refusal.class); // Never changed once filled.
    private final Map<Outcome, LongAdder> outcomes = new EnumMap<>(Outcome.class); // Likewise.
    private final LongAdder broken = new LongAdder();
    private final LongAdder downloadedBytes = new LongAdder();

    ImportTally() {
        for (Refusal refusal : Refusal.values()) {
            refusals.put(refusal, new LongAdder());
        }
        for (Outcome outcome : Outcome.values()) {
            outcomes.put(outcome, new LongAdder());
        }
    }

    public long refusals(Refusal why) {
        return of(refusals, why).sum();
    }

    public long imports(Outcome outcome) {
        return of(outcomes, outcome).sum();
    }

    /** Imports that were stopped, or that the database or a fault of this program ended. */
    public long brokenOff() {
        return broken.sum();
    }

    /** Of images and bootloaders; metadata is not counted. */
    public long downloadedBytes() {
        return downloadedBytes.sum();
    }

    void ended(Outcome outcome) {
        of(outcomes, outcome).increment();
    }

    void brokeOff() {
        broken.increment();
    }

    void downloaded(long bytes) {
        downloadedBytes.add(bytes);
    }

    void refused(Refusal why) {
        of(refusals, why).increment();
    }

    void refused(@Nullable Throwable cause) {
        refused(kind(cause));
    }

    private static Refusal kind(@Nullable Throwable cause) {
        if (cause instanceof BadSignatureException || cause instanceof KeyringException) {
            return Refusal.SIGNATURE;
        }
        if (cause instanceof ChecksumMismatchException) {
            return Refusal.HASH;
        }
        if (cause instanceof SizeMismatchException || cause instanceof WrongSizeException) {
            return Refusal.SIZE;
        }
        if (cause instanceof FreshnessException) {
            return Refusal.FRESHNESS;
        }
        if (cause instanceof RefusedAddressException) {
            return Refusal.ADDRESS;
        }
        return cause instanceof StreamFormatException ? Refusal.FORMAT : Refusal.AWAY;
    }

    private static <K> LongAdder of(Map<K, LongAdder> counters, K key) {
        LongAdder counter = counters.get(key);
        if (counter == null) {
            throw new IllegalArgumentException("nothing is counted for " + key);
        }
        return counter;
    }
}
