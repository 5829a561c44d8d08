package org.rackboot.image.cache;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.Sample;
import org.rackboot.image.VerifiedFile;

/**
 * One cache, the machines that read it, the region it fetches from and the disk beneath, all driven by one seed. Every
 * fourth world is honest: nothing breaks, and then no reader may fail.
 */
final class SimulatedWorld {
    private static final int STEPS = 150;
    private static final List<Sample> SMALL =
            List.of(Sample.of(1, 1), Sample.of(2, 5_000), Sample.of(3, 70_000), Sample.of(4, 200_000));
    private static final Sample OF_TWO_CHUNKS = Sample.of(5, Content.CHUNK_BYTES + 1);
    private static final Sample OF_THREE_CHUNKS = Sample.of(6, 2 * Content.CHUNK_BYTES + 1_000);

    private final Random random;
    private final Path directory;
    private final boolean honest;
    private final List<Sample> samples = new ArrayList<>(SMALL);
    private final ImageCache.Settings settings;
    private final StringBuilder log = new StringBuilder();

    private final List<Machine> machines = new ArrayList<>();
    private final List<VerifiedFile> sending = new ArrayList<>();
    private final List<String> sentWrong = new ArrayList<>();
    private final Map<FakeOrigin.Delivery, Integer> sent = new HashMap<>();
    private final Map<Content, Long> failedAtNanos = new HashMap<>();
    private FaultyFileSystem files;
    private FakeOrigin origin;
    private ManualExecutor threads;
    private ManualTimer timer;
    private ImageCache cache;
    private long nowNanos;
    private int changes;
    private int born;

    SimulatedWorld(long seed, Path directory) throws IOException {
        this.random = new Random(seed);
        this.directory = directory;
        this.honest = seed % 4 == 0;
        this.nowNanos = random.nextLong();
        if (seed % 7 == 0) { // The large ones take most of the time.
            samples.add(seed % 2 == 0 ? OF_TWO_CHUNKS : OF_THREE_CHUNKS);
        }
        this.settings = new ImageCache.Settings(
                pick(List.of(0L, 4_096L, 300_000L, 2_500_000L, 64L << 20)),
                pick(List.of(0L, 300_000L, 2_500_000L, 1L << 30)),
                1 + random.nextInt(3),
                Duration.ofSeconds(pick(List.of(0, 1, 10))));
        note("%s%s", settings, honest ? ", honest" : "");
        files = new FaultyFileSystem(directory);
        origin = new FakeOrigin();
        threads = new ManualExecutor();
        timer = new ManualTimer();
        cache = newCache();
    }

    void live() throws IOException {
        for (int step = 0; step < STEPS; step++) {
            step();
            checkInvariants();
        }
        files.fail(0, 0);
        calmDown();
        checkThatAllIsWell();
        start();
        calmDown();
        checkThatAllIsWell();
        assertThat(directory.resolve("objects").toFile().list())
                .as("an object and its list for each in the index")
                .hasSize(2 * cache.statistics().diskObjects());
    }

    String log() {
        return log.toString();
    }

    String lastEvents() {
        List<String> events = log.toString().lines().toList();
        return events.get(0) + "\n…\n"
                + String.join("\n", events.subList(Math.max(1, events.size() - 60), events.size()));
    }

    private void step() throws IOException {
        int dice = random.nextInt(100);
        if (dice < 22) {
            machines.add(new Machine(pick(samples)));
        } else if (dice < 47) {
            runOneTask();
        } else if (dice < 80) {
            deliverSomething();
        } else if (dice < 84) {
            if (!machines.isEmpty()) {
                pick(machines).goOnOrLeave();
            }
        } else if (dice < 88) {
            nowNanos += (long) (random.nextDouble() * 2 * settings.retryAfter().toNanos());
        } else if (dice < 92) {
            sendFile(pick(samples));
        } else if (dice < 94) {
            note("verify");
            cache.verifyStored(pick(samples).content());
        } else if (dice < 95) {
            start();
        } else if (dice < 96 && timer.size() > 0) {
            runTimer();
        } else if (dice < 97) {
            operate(pick(samples));
        } else if (!honest) {
            doHarm();
        }
        machines.removeIf(Machine::isDone);
    }

    private void start() throws IOException {
        note("restart");
        machines.forEach(Machine::die);
        for (VerifiedFile file : sending) {
            file.close();
        }
        sending.clear();
        machines.clear();
        sent.clear();
        failedAtNanos.clear();
        files = new FaultyFileSystem(directory);
        origin = new FakeOrigin();
        threads = new ManualExecutor();
        timer = new ManualTimer();
        cache = newCache();
    }

    private ImageCache newCache() throws IOException {
        return new ImageCache(files.root(), settings, origin, threads, timer, new Witness(), () -> nowNanos);
    }

    private void runOneTask() {
        if (threads.size() > 0) {
            int task = random.nextInt(threads.size());
            note("run %d of %d", task, threads.size());
            threads.run(task);
        }
    }

    private void runTimer() {
        int work = random.nextInt(timer.size());
        note("timer %d of %d", work, timer.size());
        timer.run(work);
    }

    private void operate(Sample sample) {
        int kind = random.nextInt(4);
        note("operate %d %s", kind, name(sample));
        switch (kind) {
            case 0 -> cache.prefetch(sample.content()).exceptionally(failure -> null);
            case 1 -> cache.evict(sample.content().id());
            case 2 -> cache.pin(random.nextBoolean() ? Set.of(sample.content().id()) : Set.of());
            default -> scrub();
        }
    }

    private void scrub() {
        try {
            cache.scrub(Duration.ofSeconds(5), bytes -> {});
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts", e);
        }
    }

    private void deliverSomething() {
        List<FakeOrigin.Delivery> able = origin.underWay().stream()
                .filter(each -> each.wantsDigests() || each.wantsBytes())
                .toList();
        if (able.isEmpty()) {
            return;
        }
        FakeOrigin.Delivery delivery = pick(able);
        if (!honest && random.nextInt(25) == 0) {
            misbehave(delivery);
        } else {
            deliver(delivery, 1 + random.nextInt(Content.CHUNK_BYTES));
        }
    }

    private void deliver(FakeOrigin.Delivery delivery, int bytes) {
        Sample sample = sampleOf(delivery.content());
        if (delivery.wantsDigests()) {
            note("announce %s", name(sample));
            delivery.announce(sample.digests());
            return;
        }
        int from = sent.getOrDefault(delivery, delivery.from());
        int to = Math.min(delivery.to(), from + bytes);
        note("send %s %d-%d", name(sample), from, to);
        sent.put(delivery, to);
        delivery.send(Arrays.copyOfRange(sample.bytes(), from, to));
        if (to == delivery.to() && !delivery.isOver()) {
            note("finish %s", name(sample));
            delivery.finish();
        }
    }

    private void misbehave(FakeOrigin.Delivery delivery) {
        Sample sample = sampleOf(delivery.content());
        int kind = random.nextInt(4);
        note("misbehave %d %s", kind, name(sample));
        if (kind == 0) {
            delivery.breakOff(new IOException("the region broke off"));
        } else if (delivery.wantsDigests()) {
            delivery.announce(new byte[sample.digests().length]);
        } else if (kind == 1) {
            delivery.send(Arrays.copyOfRange(
                    sample.flipped(random.nextInt(sample.bytes().length)), delivery.from(), delivery.to()));
        } else if (kind == 2) {
            delivery.finish();
        } else {
            try {
                delivery.sendRegardless(new byte[1 + random.nextInt(100)]);
                sent.merge(delivery, 100, Integer::sum);
            } catch (IOException e) {
                note("refused");
            }
        }
    }

    private void doHarm() throws IOException {
        if (random.nextBoolean()) {
            int from = files.calls().size() + random.nextInt(10);
            note("disk fails at %d", from);
            files.fail(from, from + 1 + random.nextInt(3));
            return;
        }
        Sample sample = pick(samples);
        Path object = directory.resolve("objects").resolve(sample.content().id().sha256());
        int kind = random.nextInt(7);
        if (!Files.isRegularFile(object)) {
            return;
        }
        note("harm %d %s", kind, name(sample));
        int at = random.nextInt(sample.bytes().length);
        switch (kind) {
            case 0 -> change(object, sample.flipped(at));
            case 1 -> change(object, Arrays.copyOf(sample.bytes(), at));
            case 2 -> Files.delete(object);
            case 3 -> Files.move(change(directory.resolve("other"), sample.flipped(at)), object, REPLACE_EXISTING);
            case 4 -> change(object.resolveSibling(object.getFileName() + ".chunks"), new byte[32]);
            case 5 -> Files.deleteIfExists(object.resolveSibling(object.getFileName() + ".chunks"));
            default -> {
                files.rot(sample.content().id().sha256(), at);
                nowNanos += ChunkChecksums.FRESH.toNanos(); // Until then nobody looks.
            }
        }
    }

    /** The file system's clock is too coarse for a test; a hand's is not. */
    private Path change(Path file, byte[] bytes) throws IOException {
        changes++;
        return Files.setLastModifiedTime(Files.write(file, bytes), FileTime.from(Instant.ofEpochSecond(changes)));
    }

    /** One part of a file, checked, and then sent at once. */
    private void sendFile(Sample sample) {
        try {
            Optional<VerifiedFile> file = cache.open(sample.content()).openVerifiedFile();
            note("sendfile %s %s", name(sample), file.isPresent());
            if (file.isPresent()) {
                int from = random.nextInt(sample.bytes().length);
                int length = 1 + random.nextInt(sample.bytes().length - from);
                sending.add(file.get());
                file.get().check(from, length).thenAccept(right -> {
                    note("sendfile %s, checked %s", name(sample), right);
                    sending.remove(file.get());
                    if (!isRight(file.get(), sample, from, right ? length : 0)) {
                        sentWrong.add(name(sample));
                    }
                });
            }
        } catch (IOException e) {
            note("sendfile %s failed", name(sample));
        }
    }

    private static boolean isRight(VerifiedFile file, Sample sample, int from, int length) {
        try (file) {
            ByteBuffer bytes = ByteBuffer.allocate(length);
            file.channel().read(bytes, from);
            return bytes.hasRemaining() // A sendfile that ends early is no clean end.
                    || bytes.flip().equals(ByteBuffer.wrap(sample.bytes(), from, length));
        } catch (IOException e) {
            return true; // The disk fails now, and so does the client's transfer.
        }
    }

    private void checkInvariants() {
        Map<Content, Long> fetches = origin.underWay().stream()
                .collect(Collectors.groupingBy(FakeOrigin.Delivery::content, Collectors.counting()));
        assertThat(sentWrong).as("C2: files sent with a wrong byte").isEmpty();
        assertThat(fetches.values()).as("C1: fetches of one content").allMatch(count -> count == 1);
        assertThat(fetches.size()).as("fetches at once").isLessThanOrEqualTo(settings.maxFills());

        ImageCache.Statistics now = cache.statistics();
        assertThat(now.activeFills()).isBetween(fetches.size(), settings.maxFills());
        assertThat(now.memoryBytes()).as("C6: memory").isBetween(0L, settings.memoryBytes());
        assertThat(now.diskBytes()).as("C6: disk").isBetween(0L, settings.diskBytes());
        long fillBytes = (long) now.activeFills() * (1 + WholeDigest.MOST_KEPT) * Content.CHUNK_BYTES;
        assertThat(now.lentBytes())
                .as("buffers lent: memory tier, readers and fills")
                .isBetween(now.memoryBytes(), now.memoryBytes() + heldBytes() + fillBytes);
        assertThat(now.lentBytes() - heldBytes() - fillBytes)
                .as("C6: direct memory, readers' apart")
                .isLessThanOrEqualTo(settings.memoryBytes());
        if (threads.size() == 0 && now.activeFills() == 0) {
            assertThat(now.waitingFills()).as("fills that nobody starts").isZero();
            assertThat(machines).as("C4: readers that nobody will tell").noneMatch(Machine::isWaiting);
        }
    }

    private long heldBytes() {
        return machines.stream().mapToLong(Machine::heldBytes).sum();
    }

    /** The region and the disk are well now: everything under way comes to its end. */
    private void calmDown() {
        note("calm");
        letThemRest();
        boolean busy = true;
        while (busy) {
            busy = threads.size() > 0 || !origin.underWay().isEmpty() || timer.size() > 0;
            if (timer.size() > 0) {
                timer.run(0);
            }
            threads.runAll();
            origin.underWay().forEach(each -> deliver(each, Integer.MAX_VALUE / 2));
        }
        machines.forEach(machine -> assertThat(machine.isWaiting())
                .as("C3: %s waits for ever", machine)
                .isFalse());
        machines.forEach(Machine::leave);
        machines.clear();
        letThemRest();
    }

    private void letThemRest() {
        nowNanos += ImageCache.LONGEST_REST.plus(ImageCache.DISK_REST).toNanos() + 1;
    }

    private void checkThatAllIsWell() throws IOException {
        for (Sample sample : samples) {
            for (int i = 0; i < sample.content().chunkCount(); i++) {
                CompletableFuture<Chunk> reader =
                        cache.open(sample.content()).chunk(i).toCompletableFuture();
                while (threads.size() > 0 || !origin.underWay().isEmpty()) {
                    threads.runAll();
                    origin.underWay().forEach(each -> deliver(each, Integer.MAX_VALUE / 2));
                }
                assertThat(reader).as("all is well, and so is %s", name(sample)).isCompleted();
                checkBytes(sample, i, reader.join());
                reader.join().release();
            }
            sendFile(sample);
            threads.runAll();
        }
        assertThat(sending).as("checks that nobody ends").isEmpty();
        assertThat(sentWrong).as("C2: files sent with a wrong byte").isEmpty();
        ImageCache.Statistics now = cache.statistics();
        assertThat(now.lentBytes()).as("no buffer leaks").isEqualTo(now.memoryBytes());
        assertThat(files.openChannels()).as("no file leaks").isZero();
        assertThat(now.activeFills() + now.waitingFills()).isZero();
        if (honest) {
            assertThat(directory.resolve("tmp").toFile()).isEmptyDirectory();
        }
    }

    private static void checkBytes(Sample sample, int index, Chunk chunk) {
        assertThat(chunk.bytes().mismatch(sample.chunk(index)))
                .as("C2: byte of chunk %d of %s", index, name(sample))
                .isEqualTo(-1);
    }

    private void note(String event, Object... values) {
        log.append(event.formatted(values)).append('\n');
    }

    private <T> T pick(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    private Sample sampleOf(Content content) {
        return samples.stream()
                .filter(each -> each.content().equals(content))
                .findFirst()
                .orElseThrow();
    }

    private static String name(Sample sample) {
        return "s" + sample.bytes().length;
    }

    /** Reads content from its first chunk to its last, holds each for a while, and may leave at any time. */
    private final class Machine {
        private final int number = born++;
        private final Sample sample;
        private int index = random.nextInt(2);
        private Optional<CompletableFuture<Chunk>> asked = Optional.empty();
        private Optional<Chunk> held = Optional.empty();
        private boolean done;
        private boolean dead;

        Machine(Sample sample) {
            this.sample = sample;
            ask();
        }

        private void ask() {
            if (index >= sample.content().chunkCount()) {
                note("%s has it all", this);
                done = true;
                return;
            }
            note("%s asks for chunk %d", this, index);
            CompletableFuture<Chunk> future =
                    cache.open(sample.content()).chunk(index).toCompletableFuture();
            asked = Optional.of(future);
            future.whenComplete((chunk, failure) -> {
                if (failure != null) {
                    failed(failure);
                } else {
                    received(chunk);
                }
            });
        }

        private void received(Chunk chunk) {
            note("%s has chunk %d", this, index);
            checkBytes(sample, index, chunk);
            if (dead) {
                chunk.release();
                return;
            }
            held = Optional.of(chunk);
            if (random.nextInt(3) > 0) {
                goOn();
            }
        }

        private void failed(Throwable failure) {
            note("%s fails", this);
            if (!dead && !done) {
                assertThat(honest)
                        .as("a reader failed in an honest world: %s", failure)
                        .isFalse();
            }
            done = true;
        }

        private void goOn() {
            Chunk chunk = held.orElseThrow();
            checkBytes(sample, index, chunk); // C5: evicted or not.
            chunk.release();
            held = Optional.empty();
            asked = Optional.empty();
            index++;
            ask();
        }

        void goOnOrLeave() {
            if (held.isPresent() && random.nextInt(3) > 0) {
                goOn();
            } else {
                leave();
            }
        }

        void leave() {
            note("%s leaves", this);
            done = true;
            held.ifPresent(chunk -> {
                checkBytes(sample, index, chunk);
                chunk.release();
            });
            held = Optional.empty();
            asked.ifPresent(future -> future.cancel(true));
        }

        /** Its server is gone, and whatever it held. */
        void die() {
            dead = true;
            done = true;
        }

        boolean isDone() {
            return done;
        }

        boolean isWaiting() {
            return !done && asked.isPresent() && !asked.get().isDone();
        }

        long heldBytes() {
            return held.map(chunk -> (long) Content.CHUNK_BYTES).orElse(0L);
        }

        @Override
        public String toString() {
            return "machine " + number + " (" + name(sample) + ")";
        }
    }

    private final class Witness implements ImageCache.Listener {
        @Override
        public void fillStarted(Content content) {
            note("fill of %s started", name(sampleOf(content)));
            Long failedAt = failedAtNanos.get(content);
            if (failedAt != null) {
                assertThat(nowNanos - failedAt + 1)
                        .as("C4: rest before the retry")
                        .isGreaterThanOrEqualTo(settings.retryAfter().toNanos());
            }
        }

        @Override
        public void fillCompleted(Content content) {
            note("fill of %s completed", name(sampleOf(content)));
        }

        @Override
        public void fillFailed(Content content, Throwable cause) {
            note("fill of %s failed", name(sampleOf(content)));
            assertThat(honest).as("a fill failed in an honest world: %s", cause).isFalse();
            failedAtNanos.put(content, nowNanos);
        }

        @Override
        public void fillResumed(Content content, Throwable cause) {
            note("fill of %s resumed", name(sampleOf(content)));
            assertThat(honest)
                    .as("a fill broke off in an honest world: %s", cause)
                    .isFalse();
        }

        @Override
        public void notKept(Content content, Throwable cause) {
            note("%s passes through", name(sampleOf(content)));
        }

        @Override
        public void corruptionFound(ContentId id, Throwable cause) {
            note("corruption found");
            assertThat(honest).as("corruption in an honest world: %s", cause).isFalse();
        }
    }
}
