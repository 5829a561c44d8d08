package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.tftp.ClientRules;
import org.rackboot.protocol.tftp.Negotiation;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.event.Neighbours;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.net.Egress;
import org.rackboot.server.net.EventLoops;
import org.rackboot.server.tftp.TftpListener;

/** A thousand machines switched on at once, on a rack that has nothing yet, over real sockets. */
@Timeout(180)
class ColdBootStormTest {
    private static final int HALF = 500;
    private static final int SOME = 100;
    private static final byte[] KERNEL = noise(1, Content.CHUNK_BYTES + 200_000);
    private static final byte[] INITRD = noise(2, 150_000);

    private static final Pattern REPEATED = Pattern.compile("repeated=(\\d+)");

    @TempDir
    Path directory;

    private final List<byte[]> files = new ArrayList<>(List.of(KERNEL));
    private final ScriptedRegion region = new ScriptedRegion();
    private final EventLoops loops = EventLoops.best("test");
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final BootEvents events = new BootEvents(new Neighbours(Path.of("/proc/net/arp"), new AtomicLong()::get));
    private ImageCache cache;
    private Rack rack;
    private HttpListener http;
    private TftpListener tftp;
    private InetSocketAddress httpAddress;
    private InetSocketAddress tftpAddress;

    @BeforeEach
    void start() throws Exception {
        for (int i = 0; i < HALF; i++) {
            files.add(noise(100 + i, 30_000 + i));
        }
        files.add(INITRD);
        List<BootFile> named = new ArrayList<>();
        for (int i = 0; i < files.size(); i++) {
            byte[] bytes = files.get(i);
            named.add(new BootFile(
                    name(i), hex(sha256(bytes)), bytes.length, hex(sha256(digests(bytes))), BootPhase.KERNEL));
        }
        BootCatalog catalog =
                new BootCatalog(1, List.of(), List.of(new Bootloader("uefi", "amd64", "1", named)), List.of());
        cache = new ImageCache(
                directory,
                new ImageCache.Settings(16 << 20, 1L << 30, 8, Duration.ofSeconds(1)),
                region,
                threads,
                (pause, work) -> timer.schedule(work, pause.toNanos(), TimeUnit.NANOSECONDS),
                new ImageCache.Listener() {});
        rack = Racks.rack(() -> catalog, cache, events, Clock.systemUTC());
        listen(rack, Egress.UNLIMITED);
    }

    private void listen(Rack rack, Egress egress) throws Exception {
        http = new HttpListener(loops, rack, HttpListener.Limits.BOOT, why -> {}, egress);
        httpAddress = http.bind(InetAddress.getLoopbackAddress(), 0, "HTTP", "");
        tftp = new TftpListener(
                loops,
                rack,
                new TftpListener.Settings(
                        Negotiation.Limits.DEFAULT, 10_000, false, ClientRules.NONE, Duration.ofSeconds(1)),
                why -> {},
                egress,
                System::nanoTime);
        tftpAddress = tftp.bind(InetAddress.getLoopbackAddress(), 0);
    }

    @AfterEach
    void stop() {
        region.goOn.countDown();
        tftp.close();
        http.close();
        loops.close();
        threads.shutdownNow();
        timer.shutdownNow();
    }

    @Test
    void aThousandMachinesAreOneFetch() throws Exception {
        assertAllBoot(HALF, machines -> {});

        assertThat(region.fetches).hasSize(1);
    }

    /** However long it takes: nobody goes to the region on his own because his patience ends. */
    @Test
    void aFetchThatTakesLongIsWaitedForByAll() throws Exception {
        region.holdsAfter = Content.CHUNK_BYTES + 10;
        assertAllBoot(SOME, machines -> {
            assertThat(machines.run(all -> false, 5)).isFalse(); // Five of the machines' time-outs.
            assertThat(region.fetches).hasSize(1);
            region.goOn.countDown();
        });

        assertThat(region.fetches).hasSize(1);
    }

    @Test
    void whoBeganItLeavesAndTheOthersBoot() throws Exception {
        region.holdsAfter = 10;
        assertAllBoot(SOME, machines -> {
            machines.firstLeaves();
            region.goOn.countDown();
        });

        assertThat(region.fetches).hasSize(1);
    }

    @Test
    void aFetchThatBreaksOffCostsNobodyHisBoot() throws Exception {
        region.breaksOffAfter = Content.CHUNK_BYTES + 10;
        assertAllBoot(SOME, machines -> {});

        assertThat(region.fetches).containsExactly(0, 1); // From the first chunk, then from the second.
    }

    @Test
    void aFetchThatFailsAtOnceIsTriedOnceMore() throws Exception {
        region.breaksOffAfter = 0;
        assertAllBoot(SOME, machines -> {});

        assertThat(region.fetches).containsExactly(0, 0);
    }

    @Test
    void fiveHundredColdFilesAtOnceAreFetchedAFewAtATimeAndAllArrive() throws Exception {
        try (var machines = new Machines()) {
            for (int i = 1; i <= HALF; i++) {
                machines.addTftp(tftpAddress, name(i));
                machines.addHttp(httpAddress, name(i));
            }
            assertThat(machines.run(Machines::allDone, 120)).as("all are done").isTrue();

            List<String> expected = new ArrayList<>();
            for (int i = 1; i <= HALF; i++) {
                expected.addAll(Collections.nCopies(2, hex(sha256(files.get(i)))));
            }
            assertThat(machines.results()).isEqualTo(expected);
        }
        assertThat(region.fetches).hasSize(HALF);
        assertThat(region.mostAtOnce.get()).isBetween(2, 8);
    }

    /** Sixty megabytes, for four hundred machines: five seconds on a link that carries twelve of them. */
    @Test
    void aRackThatMayNotSendAsItCouldFeedsAllOfThemAtItsRate() throws Exception {
        int rate = 12_000_000;
        tftp.close();
        http.close();
        Egress egress = new Egress(
                rate,
                rate / 10,
                System::nanoTime,
                (nanos, task) -> loops.group().schedule(task, nanos, TimeUnit.NANOSECONDS));
        listen(rack, egress);
        AtomicLong repeatedBlocks = new AtomicLong();
        events.subscribe(event -> {
            Matcher repeated = REPEATED.matcher(event.reason());
            repeatedBlocks.addAndGet(repeated.find() ? Long.parseLong(repeated.group(1)) : 0);
        });
        int machinesOfAKind = 200;
        String initrd = name(files.size() - 1);
        long began = System.nanoTime();
        try (var machines = new Machines()) {
            for (int i = 0; i < machinesOfAKind; i++) {
                machines.addTftp(tftpAddress, initrd, InetAddress.getByName("127.0.1." + (i + 1)));
                machines.addHttp(httpAddress, initrd, InetAddress.getByName("127.0.2." + (i + 1)));
            }
            assertThat(machines.run(Machines::allDone, 60)).as("all are done").isTrue();

            assertThat(machines.results()).allMatch(hex(sha256(INITRD))::equals);
        }
        double seconds = (System.nanoTime() - began) / 1e9;
        double bytes = 2.0 * machinesOfAKind * INITRD.length;
        assertThat(bytes / seconds).isLessThan(1.05 * rate); // The burst at the beginning.
        assertThat(egress.delayedBytes()).isPositive();
        assertThat(egress.refusedFlows()).isZero();
        // A client that was not looked after for a while repeats itself; pacing would repeat every window.
        assertThat(repeatedBlocks.get()).isLessThan(machinesOfAKind * INITRD.length / 1_428 / 4);
        assertThat(region.fetches).hasSize(1);
    }

    private interface Meanwhile {
        void happens(Machines machines) throws Exception;
    }

    private void assertAllBoot(int half, Meanwhile meanwhile) throws Exception {
        try (var machines = new Machines()) {
            for (int i = 0; i < half; i++) {
                machines.addTftp(tftpAddress, name(0));
                machines.addHttp(httpAddress, name(0));
            }
            machines.run(all -> !region.fetches.isEmpty(), 20);
            meanwhile.happens(machines);
            assertThat(machines.run(Machines::allDone, 120)).as("all are done").isTrue();

            assertThat(machines.results()).allMatch(hex(sha256(KERNEL))::equals);
        }
        assertThat(cache.statistics().activeFills()).isZero();
    }

    private static String name(int index) {
        return "file-" + index + ".efi";
    }

    private static byte[] noise(long seed, int size) {
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static byte[] sha256(byte[] bytes) throws IOException {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new IOException(e);
        }
    }

    private static byte[] digests(byte[] bytes) throws IOException {
        var all = ByteBuffer.allocate(32 * ((bytes.length + Content.CHUNK_BYTES - 1) / Content.CHUNK_BYTES));
        for (int at = 0; at < bytes.length; at += Content.CHUNK_BYTES) {
            all.put(sha256(Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + Content.CHUNK_BYTES))));
        }
        return all.array();
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    /** A region that stops, or breaks off once, where the test says. */
    private final class ScriptedRegion implements ContentOrigin {
        final List<Integer> fetches = Collections.synchronizedList(new ArrayList<>());
        final CountDownLatch goOn = new CountDownLatch(1);
        final AtomicInteger mostAtOnce = new AtomicInteger();
        private final AtomicInteger atOnce = new AtomicInteger();
        volatile int holdsAfter = -1;
        volatile int breaksOffAfter = -1;

        private byte[] bytes(Content content) throws IOException {
            for (byte[] file : files) {
                if (ContentId.of(sha256(file)).equals(content.id())) {
                    return file;
                }
            }
            throw new IOException("there is no such content");
        }

        @Override
        public CompletionStage<byte[]> chunkDigests(Content content) {
            return CompletableFuture.supplyAsync(
                    () -> {
                        try {
                            return digests(bytes(content));
                        } catch (IOException e) {
                            throw new IllegalStateException(e);
                        }
                    },
                    threads);
        }

        @Override
        public CompletionStage<Void> fetch(Content content, int first, int chunks, Sink sink) {
            fetches.add(first);
            var end = new CompletableFuture<Void>();
            threads.execute(() -> {
                mostAtOnce.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
                Optional<Throwable> failure = Optional.empty();
                try {
                    deliver(bytes(content), (int) content.chunkOffset(first), sink);
                } catch (IOException | InterruptedException e) {
                    failure = Optional.of(e);
                }
                atOnce.decrementAndGet();
                failure.ifPresentOrElse(end::completeExceptionally, () -> end.complete(null));
            });
            return end;
        }

        private void deliver(byte[] file, int from, Sink sink) throws IOException, InterruptedException {
            int breakAt = breaksOffAfter;
            if (breakAt >= 0) {
                breaksOffAfter = -1;
                sink.accept(ByteBuffer.wrap(file, from, breakAt - from));
                throw new IOException("connection reset");
            }
            int held = Math.max(from, holdsAfter);
            sink.accept(ByteBuffer.wrap(file, from, held - from));
            if (holdsAfter >= 0) {
                goOn.await();
            }
            sink.accept(ByteBuffer.wrap(file, held, file.length - held));
        }
    }
}
