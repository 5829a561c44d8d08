package org.rackboot.server.rack;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
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
import org.rackboot.protocol.resolve.AssignedImages;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.server.config.Sizes;
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

    /** Pins are not taken; the message says why, and what to do. */
    static final class PinRefusedException extends Exception {
        PinRefusedException(String message) {
            super(message);
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(CacheKeeper.class);

    /** Racks that hear of a new image in the same moment do not ask for it in the same moment. */
    static final Duration SPREAD = Duration.ofSeconds(3);

    /** What could not be fetched is tried again. */
    static final Duration AGAIN = Duration.ofMinutes(1);

    private static final double PREFETCHED_SHARE = 0.8; // Of the disk; the rest is for what machines ask for.
    private static final double PINNED_SHARE = 0.5; // Operators' pins first.
    private static final int NAMES_IN_LOG = 5;
    private static final Comparator<BootFile> NEEDED_FIRST =
            Comparator.comparing(BootFile::phase).thenComparing(BootFile::size);

    private final Supplier<BootCatalog> catalog;
    private final ImageCache cache;
    private final CachePins pins;
    private final Policy policy;
    private final long diskBytes;
    private final long bytesPerSecond;
    private final RandomGenerator random;
    private final LongSupplier nanoClock;
    private final Object pinning = new Object(); // Held by whoever changes the pins.

    // Guarded by this.
    private BootCatalog seen = BootCatalog.empty();
    private PinPlan plan = PinPlan.EMPTY;
    private long lookAtPinsNanos;
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

    /**
     * @param pins what operators want to stay, whatever the policy
     * @param bytesPerSecond of what nobody waits for; 0 = no limit
     */
    public CacheKeeper(
            Supplier<BootCatalog> catalog,
            ImageCache cache,
            CachePins pins,
            Policy policy,
            long diskBytes,
            long bytesPerSecond,
            RandomGenerator random,
            LongSupplier nanoClock) {
        this.catalog = catalog;
        this.cache = cache;
        this.pins = pins;
        this.policy = policy;
        this.diskBytes = diskBytes;
        this.bytesPerSecond = bytesPerSecond;
        this.random = random;
        this.nanoClock = nanoClock;
        this.notBeforeNanos = nanoClock.getAsLong();
        this.lookAtPinsNanos = notBeforeNanos;
    }

    /** Does what is due; called about once a second. */
    public void tick() {
        synchronized (this) {
            BootCatalog now = catalog.get();
            if (now != seen) {
                seen = now;
                follow(now);
            } else if (nanoClock.getAsLong() - lookAtPinsNanos >= 0) {
                queueWhatPinsLack();
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

    /**
     * Keeps what names mean, now and in later catalogs, and fetches it as {@link #warm} does. Blocks until the names are on
     * disk. Whatever it throws, nothing is pinned that was not.
     *
     * @param names that mean something
     * @throws PinRefusedException if that is too much
     * @throws IOException if the names cannot be written
     */
    Warming pin(Set<String> names) throws PinRefusedException, IOException {
        List<BootFile> files;
        synchronized (pinning) {
            Set<String> next = new LinkedHashSet<>(pins.names());
            next.addAll(names);
            if (next.size() > CachePins.MOST) {
                throw new PinRefusedException(
                        ("Nothing was pinned: there would be %d pins, and a rack takes %d. Pin images"
                                        + " instead of their files, or let some go with 'rackboot cache unpin'")
                                .formatted(next.size(), CachePins.MOST));
            }
            BootCatalog now = catalog.get();
            files = PinPlan.of(List.copyOf(names), now, onDisk(), Long.MAX_VALUE).pins().stream()
                    .flatMap(pin -> pin.files().stream())
                    .toList();
            PinPlan before = PinPlan.of(pins.names(), now, onDisk(), pinnedBytes());
            long more = before.bytesBeside(files);
            if (more > before.limit() - before.bytes()) {
                throw new PinRefusedException(
                        ("Nothing was pinned: it needs %s more, pins have %s already, and all together"
                                        + " may have %s, half of cache.disk. Raise cache.disk, or let some go with"
                                        + " 'rackboot cache unpin'")
                                .formatted(
                                        Sizes.words(more), Sizes.words(before.bytes()), Sizes.words(before.limit())));
            }
            replacePins(List.copyOf(next));
        }
        return warm(files);
    }

    /**
     * Lets go of what names mean; it leaves the disk when others need the room. Blocks until that is on disk.
     *
     * @throws IOException if it cannot be written; then all stay pinned
     */
    void unpin(Set<String> names) throws IOException {
        synchronized (pinning) {
            replacePins(
                    pins.names().stream().filter(name -> !names.contains(name)).toList());
        }
    }

    /** Guarded by pinning. */
    private void replacePins(List<String> names) throws IOException {
        if (names.equals(pins.names())) {
            return;
        }
        pins.replace(names);
        synchronized (this) {
            seen = catalog.get();
            follow(seen);
        }
    }

    /** What operators pinned, the oldest first, and what it means in the catalog last seen. */
    synchronized PinPlan pinned() {
        return plan;
    }

    /** What {@link #warm} was last asked for, and how far it is. */
    public synchronized Warming warming() {
        return new Warming(total, done, totalBytes, !asked.isEmpty(), failures, notKept);
    }

    /** Guarded by this. */
    private void follow(BootCatalog now) {
        PinPlan before = plan;
        plan = PinPlan.of(pins.names(), now, onDisk(), pinnedBytes());
        warnOfPinsWithoutRoom(before);
        Map<ContentId, BootFile> wanted = wanted(now);
        wanted.keySet().removeAll(plan.kept().keySet());
        Set<ContentId> pinned = pinned(wanted, pinnedBytes() - plan.bytes());
        pinned.addAll(plan.kept().keySet());
        cache.pin(pinned);
        queue.keySet().removeIf(id -> !asked.contains(id));
        plan.kept().forEach(queue::putIfAbsent);
        long room = (long) (diskBytes * PREFETCHED_SHARE) - plan.bytes();
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

    private void warnOfPinsWithoutRoom(PinPlan before) {
        List<String> without = plan.withoutRoom();
        if (without.isEmpty() || without.equals(before.withoutRoom())) {
            return;
        }
        LOG.warn(
                "{} of {} pins have no room, and what they mean may leave the disk: {}{}. All together may have {}, half of"
                        + " cache.disk, and the oldest come first. Raise cache.disk, or let some go with 'rackboot cache"
                        + " unpin'",
                without.size(),
                plan.pins().size(),
                String.join(", ", without.subList(0, Math.min(NAMES_IN_LOG, without.size()))),
                without.size() > NAMES_IN_LOG ? ", …" : "",
                Sizes.words(plan.limit()));
    }

    private Map<String, BootFile> onDisk() {
        Map<String, BootFile> files = new HashMap<>();
        cache.stored().forEach(each -> files.put(each.content().id().sha256(), CacheNames.file(each.content())));
        return files;
    }

    /** Guarded by this. What could not be fetched when it was asked for, proved wrong, or was deleted. */
    private void queueWhatPinsLack() {
        lookAtPinsNanos = nanoClock.getAsLong() + againNanos();
        Map<ContentId, BootFile> lacking = new LinkedHashMap<>(plan.kept());
        cache.stored().forEach(each -> lacking.remove(each.content().id()));
        lacking.values().removeIf(file -> !seen.contents().containsKey(file.sha256())); // No region has it any more.
        if (lacking.isEmpty()) {
            return;
        }
        Map<ContentId, BootFile> others = new LinkedHashMap<>(queue);
        queue.keySet().removeIf(id -> !asked.contains(id));
        lacking.forEach(queue::putIfAbsent);
        others.forEach(queue::putIfAbsent);
    }

    private long pinnedBytes() {
        return (long) (diskBytes * PINNED_SHARE);
    }

    private long againNanos() {
        return AGAIN.toNanos() / 2 + random.nextLong(AGAIN.toNanos());
    }

    private Map<ContentId, BootFile> wanted(BootCatalog now) {
        List<BootFile> files = new ArrayList<>();
        if (policy != Policy.NONE) {
            now.bootloaders().forEach(loader -> files.addAll(loader.files()));
            AssignedImages assigned = AssignedImages.of(now);
            for (BootImage image : now.images()) {
                boolean early = assigned.booted().contains(image);
                boolean all = policy == Policy.ALL
                        && (!image.held() || early || assigned.wanted().contains(image));
                image.files().values().stream()
                        .filter(file -> all
                                || (early && (file.phase() == BootPhase.KERNEL || file.phase() == BootPhase.INITRD)))
                        .forEach(files::add);
            }
        }
        files.sort(NEEDED_FIRST);
        Map<ContentId, BootFile> wanted = new LinkedHashMap<>();
        files.forEach(file -> wanted.putIfAbsent(new ContentId(file.sha256()), file));
        return wanted;
    }

    /** Of what the policy wants, so many bytes at most. */
    private static Set<ContentId> pinned(Map<ContentId, BootFile> wanted, long bytes) {
        Set<ContentId> pinned = new HashSet<>();
        long room = bytes;
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
                notBeforeNanos = now + againNanos();
            }
            if (why.isEmpty() && bytesPerSecond > 0 && asked.isEmpty()) {
                notBeforeNanos = now + (long) (file.size() * 1e9 / bytesPerSecond);
            }
        }
        why.ifPresent(text -> LOG.warn("{} could not be fetched in advance: {}", file.name(), text));
    }
}
