package org.rackboot.server.rack;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.ContentId;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fetches what machines will ask for before they do, and keeps it on disk. Told of time by {@link #tick}; fetches one
 * object after another, each behind everything that machines wait for. Thread-safe; never blocks.
 */
public final class CacheKeeper {
    /** What is fetched before anyone asks. */
    public enum Policy {
        /** Nothing. */
        NONE,
        /** Loaders, and the kernels and initrds that machines are told to boot. */
        BOOT,
        /** Whatever a machine may begin to boot with. */
        ALL
    }

    /**
     * How {@link #warm} goes.
     *
     * @param failures why something could not be fetched, by sha256
     * @param notKept once it ended: names of what came and had to leave the disk again for the rest, by sha256
     */
    public record Warming(
            int total,
            int done,
            long bytes,
            boolean running,
            Map<String, String> failures,
            Map<String, String> notKept) {
        public Warming {
            failures = Map.copyOf(failures);
            notKept = Map.copyOf(notKept);
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(CacheKeeper.class);

    /** Racks that hear of a new image in the same moment do not ask for it in the same moment. */
    static final Duration SPREAD = Duration.ofSeconds(3);

    /** What could not be fetched is tried again. */
    static final Duration AGAIN = Duration.ofMinutes(1);

    private static final double PREFETCHED_SHARE = 0.8; // Of the disk; the rest is for what machines ask for.
    private static final double PINNED_SHARE = 0.5;
    private static final Comparator<BootFile> NEEDED_FIRST =
            Comparator.comparing(BootFile::phase).thenComparing(BootFile::size);

    private final Supplier<BootCatalog> catalog;
    private final ImageCache cache;
    private final Policy policy;
    private final long diskBytes;
    private final long bytesPerSecond;
    private final RandomGenerator random;
    private final LongSupplier nanoClock;

    // Guarded by this.
    private BootCatalog seen = BootCatalog.empty();
    private final Map<ContentId, BootFile> queue = new LinkedHashMap<>();
    private final Set<ContentId> asked = new HashSet<>(); // By people, and not by the policy.
    private final Map<String, BootFile> warmed = new HashMap<>(); // What came of what people asked for last, by sha256.
    private final Map<String, String> failures = new TreeMap<>();
    private Map<String, String> notKept = Map.of();
    private int total;
    private long totalBytes;
    private int done;
    private boolean fetching;
    private long notBeforeNanos;

    /** @param bytesPerSecond of what nobody waits for; 0 = no limit */
    public CacheKeeper(
            Supplier<BootCatalog> catalog,
            ImageCache cache,
            Policy policy,
            long diskBytes,
            long bytesPerSecond,
            RandomGenerator random,
            LongSupplier nanoClock) {
        this.catalog = catalog;
        this.cache = cache;
        this.policy = policy;
        this.diskBytes = diskBytes;
        this.bytesPerSecond = bytesPerSecond;
        this.random = random;
        this.nanoClock = nanoClock;
        this.notBeforeNanos = nanoClock.getAsLong();
    }

    /** Does what is due; called about once a second. */
    public void tick() {
        synchronized (this) {
            BootCatalog now = catalog.get();
            if (now != seen) {
                seen = now;
                follow(now);
            }
        }
        fetchWhatIsDue();
    }

    /** Fetches content that people ask for, before all else that nobody waits for. */
    public Warming warm(Iterable<BootFile> files) {
        synchronized (this) {
            if (asked.isEmpty()) {
                total = 0;
                totalBytes = 0;
                done = 0;
                warmed.clear();
                failures.clear();
                notKept = Map.of();
            }
            Map<ContentId, BootFile> later = new LinkedHashMap<>(queue);
            queue.clear();
            for (BootFile file : files) {
                ContentId id = new ContentId(file.sha256());
                if (asked.add(id)) {
                    total++;
                    totalBytes += file.size();
                }
                queue.put(id, file);
            }
            later.forEach(queue::putIfAbsent);
            notBeforeNanos = nanoClock.getAsLong();
        }
        tick();
        return warming();
    }

    /** What {@link #warm} was last asked for, and how far it is. */
    public synchronized Warming warming() {
        return new Warming(total, done, totalBytes, !asked.isEmpty(), failures, notKept);
    }

    /** Guarded by this. */
    private void follow(BootCatalog now) {
        Map<ContentId, BootFile> wanted = wanted(now);
        cache.pin(pinned(wanted));
        queue.keySet().removeIf(id -> !asked.contains(id));
        long room = (long) (diskBytes * PREFETCHED_SHARE);
        for (Map.Entry<ContentId, BootFile> each : wanted.entrySet()) {
            room -= each.getValue().size();
            if (room >= 0) {
                queue.putIfAbsent(each.getKey(), each.getValue());
            }
        }
        if (!fetching && asked.isEmpty()) {
            notBeforeNanos = nanoClock.getAsLong() + random.nextLong(SPREAD.toNanos());
        }
    }

    private Map<ContentId, BootFile> wanted(BootCatalog now) {
        List<BootFile> files = new ArrayList<>();
        if (policy != Policy.NONE) {
            now.bootloaders().forEach(loader -> files.addAll(loader.files()));
        }
        for (BootImage image : now.images()) {
            boolean isDefault = now.defaultImage(image.arch()).equals(Optional.of(image));
            for (BootFile file : image.files().values()) {
                boolean early = file.phase() == BootPhase.KERNEL || file.phase() == BootPhase.INITRD;
                if ((policy == Policy.ALL && !image.held()) || (policy == Policy.BOOT && isDefault && early)) {
                    files.add(file);
                }
            }
        }
        files.sort(NEEDED_FIRST);
        Map<ContentId, BootFile> wanted = new LinkedHashMap<>();
        files.forEach(file -> wanted.putIfAbsent(new ContentId(file.sha256()), file));
        return wanted;
    }

    private Set<ContentId> pinned(Map<ContentId, BootFile> wanted) {
        Set<ContentId> pinned = new HashSet<>();
        long room = (long) (diskBytes * PINNED_SHARE);
        for (Map.Entry<ContentId, BootFile> each : wanted.entrySet()) {
            room -= each.getValue().size();
            if (room >= 0 && each.getValue().phase() != BootPhase.ROOT) {
                pinned.add(each.getKey());
            }
        }
        return pinned;
    }

    /** In a loop: what is here already ends at once, and must not pile up on the stack. */
    private void fetchWhatIsDue() {
        for (Optional<BootFile> next = next(); next.isPresent(); next = next()) {
            BootFile file = next.get();
            CompletableFuture<Void> kept =
                    cache.prefetch(CacheNames.content(file)).toCompletableFuture();
            if (!kept.isDone()) {
                kept.whenComplete((nothing, failure) -> {
                    ended(file, Optional.ofNullable(failure));
                    fetchWhatIsDue();
                });
                return;
            }
            ended(file, Optional.ofNullable(failureOf(kept)));
        }
    }

    /** Guarded by this. What does not fit the disk all at once drives out what came before it. */
    private Map<String, String> whatLeftAgain() {
        Map<String, String> left = new HashMap<>();
        warmed.forEach((sha256, file) -> left.put(sha256, file.name()));
        cache.stored().forEach(each -> left.remove(each.content().id().sha256()));
        return left;
    }

    private static @Nullable Throwable failureOf(CompletableFuture<Void> kept) {
        return kept.handle((nothing, failure) -> failure).join();
    }

    private synchronized Optional<BootFile> next() {
        if (fetching || queue.isEmpty() || nanoClock.getAsLong() - notBeforeNanos < 0) {
            return Optional.empty();
        }
        fetching = true;
        return Optional.of(queue.values().iterator().next());
    }

    private void ended(BootFile file, Optional<Throwable> failure) {
        ContentId id = new ContentId(file.sha256());
        Optional<String> why = failure.map(cause -> String.valueOf(
                (cause instanceof CompletionException && cause.getCause() != null ? cause.getCause() : cause)
                        .getMessage()));
        synchronized (this) {
            fetching = false;
            long now = nanoClock.getAsLong();
            BootFile again = queue.remove(id);
            if (asked.remove(id)) {
                done++;
                why.ifPresentOrElse(text -> failures.put(file.sha256(), text), () -> warmed.put(file.sha256(), file));
                if (asked.isEmpty()) {
                    notKept = whatLeftAgain();
                }
            } else if (why.isPresent() && again != null) {
                queue.put(id, again); // Behind the others.
                notBeforeNanos = now + AGAIN.toNanos() / 2 + random.nextLong(AGAIN.toNanos());
            }
            if (why.isEmpty() && bytesPerSecond > 0 && asked.isEmpty()) {
                notBeforeNanos = now + (long) (file.size() * 1e9 / bytesPerSecond);
            }
        }
        why.ifPresent(text -> LOG.warn("{} could not be fetched in advance: {}", file.name(), text));
    }
}
