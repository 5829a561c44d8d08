package org.rackboot.server.rack;

import java.io.IOException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.rackboot.protocol.resolve.Assignment;
import org.rackboot.protocol.resolve.BootResolution.Decision;
import org.rackboot.protocol.resolve.BootResolution.Stranger;
import org.rackboot.protocol.resolve.RackMemory;
import org.rackboot.server.config.StateDirectory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/**
 * What this rack learns of machines and the region must know: whose assignment for the next boot was delivered, and who came
 * that nobody knows. Kept until the region has it; what was delivered also on disk, since a region may be away for long and
 * nothing assigned for one boot may be given twice. Thread-safe; calls from event loops never block.
 */
public final class MachineReports implements RackMemory, Rack.Listener, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MachineReports.class);
    private static final JsonMapper JSON = JsonMapper.shared();

    /** In one report. */
    private static final int MOST_AT_ONCE = 256;
    /** Strangers that the region has not heard of; while it is away, the oldest are forgotten. */
    private static final int MOST_STRANGERS = 4_096;
    /** Remembered on disk; ids are never used again, so the oldest can go. */
    private static final int MOST_USED = 4_096;
    /** With all their texts, in memory alone: machines that boot by them at the moment. */
    private static final int MOST_RECENT = 256;
    /** A stranger that asks on and on is told of once in so long. */
    private static final long TELL_AGAIN_MILLIS = 60_000;

    private static final long GATHER_MILLIS = 200;
    private static final long FIRST_PAUSE_MILLIS = 1_000;
    private static final long MOST_PAUSE_MILLIS = 15_000;

    /** Where reports go. */
    public interface Region {
        /** @return the status of {@code POST api/v1/racks/self/machines} */
        int post(byte[] report) throws IOException, InterruptedException;
    }

    private record Used(String machine, boolean told) {}

    private record Seen(Stranger stranger, String address, String asked, Instant at, int times) {}

    private record Told(Stranger stranger, Instant at) {}

    private final Region region;
    private final StateDirectory state;
    private final Clock clock;
    private final Thread thread = new Thread(this::run, "machine-reports");
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition news = lock.newCondition();

    // Guarded by lock.
    private final LinkedHashMap<Long, Used> used = new LinkedHashMap<>();
    private final LinkedHashMap<Long, Assignment> recent = new LinkedHashMap<>();
    private final LinkedHashMap<String, Seen> seen = new LinkedHashMap<>();
    private final Map<String, Told> toldOf = new HashMap<>();
    private boolean unsaved;
    private boolean closed;

    /** @throws IOException if what was remembered cannot be read */
    public MachineReports(Region region, StateDirectory state, Clock clock) throws IOException {
        this.region = region;
        this.state = state;
        this.clock = clock;
        for (String line : state.usedAssignments()) { // id machine told|new
            String[] words = line.split(" ");
            if (words.length == 3 && words[0].matches("\\d{1,18}")) {
                used.put(Long.valueOf(words[0]), new Used(words[1], words[2].equals("told")));
            }
        }
        thread.setDaemon(true);
    }

    public void start() {
        thread.start();
    }

    @Override
    public boolean isUsed(long assignment) {
        lock.lock();
        try {
            return used.containsKey(assignment);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public Optional<Assignment> delivered(long assignment) {
        lock.lock();
        try {
            return Optional.ofNullable(recent.get(assignment));
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void delivered(Decision decision) {
        if (decision.once().isEmpty()
                || decision.machine().isEmpty()
                || decision.plan().purpose().waits()) { // Who is told to wait has not booted yet.
            return;
        }
        Assignment once = decision.once().get();
        lock.lock();
        try {
            if (used.putIfAbsent(once.id(), new Used(decision.machine().get().name(), false)) == null) {
                unsaved = true;
                dropOldest(used, MOST_USED);
                recent.put(once.id(), once);
                dropOldest(recent, MOST_RECENT);
                news.signal();
            }
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void saw(Stranger stranger, String address, String asked) {
        String mac = stranger.mac().text();
        Instant now = clock.instant();
        lock.lock();
        try {
            Told told = toldOf.get(mac);
            if (told != null
                    && told.at().plusMillis(TELL_AGAIN_MILLIS).isAfter(now)
                    && both(told.stranger(), stranger).equals(told.stranger())) {
                return;
            }
            Seen before = seen.get(mac);
            // One name says the processor, another the UUID: a loader asks for both within a second.
            Stranger known = before == null ? stranger : both(before.stranger(), stranger);
            seen.put(mac, new Seen(known, address, asked, now, before == null ? 1 : before.times() + 1));
            dropOldest(seen, MOST_STRANGERS);
            news.signal();
        } finally {
            lock.unlock();
        }
    }

    /** What either says; where they differ, the later one's word. */
    private static Stranger both(Stranger earlier, Stranger later) {
        return new Stranger(
                later.mac(), later.uuid().or(earlier::uuid), later.arch().or(earlier::arch));
    }

    /** How many the region has not heard of. */
    int strangers() {
        lock.lock();
        try {
            return seen.size();
        } finally {
            lock.unlock();
        }
    }

    /** What is remembered goes to disk; what the region was not told yet is told after the next start. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
        } finally {
            lock.unlock();
        }
        thread.interrupt();
        try {
            thread.join(2_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        save();
    }

    private void run() {
        long pause = FIRST_PAUSE_MILLIS;
        while (true) {
            try {
                if (!awaitNews()) {
                    return;
                }
                save(); // At once: nothing given for one boot is given again, whatever happens next.
                TimeUnit.MILLISECONDS.sleep(GATHER_MILLIS);
                save();
                pause = tell() ? FIRST_PAUSE_MILLIS : Math.min(MOST_PAUSE_MILLIS, 2 * pause);
                if (pause > FIRST_PAUSE_MILLIS) {
                    TimeUnit.MILLISECONDS.sleep(pause);
                }
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private boolean awaitNews() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!closed
                    && !unsaved
                    && seen.isEmpty()
                    && used.values().stream().allMatch(Used::told)) {
                news.await();
            }
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    private void save() {
        List<String> lines = new ArrayList<>();
        lock.lock();
        try {
            if (!unsaved) {
                return;
            }
            used.forEach((id, use) -> lines.add(id + " " + use.machine() + (use.told() ? " told" : " new")));
            unsaved = false;
        } finally {
            lock.unlock();
        }
        try {
            state.writeUsedAssignments(lines);
        } catch (IOException e) {
            LOG.warn(
                    "Which assignments for one boot were used could not be written to {}: {}. After a restart they may be"
                            + " given once more",
                    state.path(),
                    e.toString());
        }
    }

    /** @return whether the region has all that was there */
    private boolean tell() throws InterruptedException {
        Map<Long, Used> usedNow = new LinkedHashMap<>();
        Map<String, Seen> seenNow = new LinkedHashMap<>();
        lock.lock();
        try {
            used.entrySet().stream()
                    .filter(entry -> !entry.getValue().told())
                    .limit(MOST_AT_ONCE)
                    .forEach(entry -> usedNow.put(entry.getKey(), entry.getValue()));
            seen.entrySet().stream()
                    .limit(MOST_AT_ONCE)
                    .forEach(entry -> seenNow.put(entry.getKey(), entry.getValue()));
        } finally {
            lock.unlock();
        }
        if (usedNow.isEmpty() && seenNow.isEmpty()) {
            return true;
        }
        int status;
        try {
            status = region.post(JSON.writeValueAsBytes(report(usedNow, seenNow)));
        } catch (IOException e) {
            LOG.debug("The region was not told of machines", e); // The catalog's follower says it is away.
            return false;
        }
        if (status != 200) {
            LOG.debug("The region answered {} to a report of machines", status);
            return false;
        }
        accepted(usedNow, seenNow);
        return true;
    }

    private void accepted(Map<Long, Used> usedNow, Map<String, Seen> seenNow) {
        Instant now = clock.instant();
        lock.lock();
        try {
            usedNow.forEach((id, use) -> used.computeIfPresent(id, (any, each) -> new Used(each.machine(), true)));
            unsaved |= !usedNow.isEmpty();
            toldOf.values()
                    .removeIf(each -> !each.at().plusMillis(TELL_AGAIN_MILLIS).isAfter(now));
            seenNow.forEach((mac, told) -> {
                seen.remove(mac, told);
                if (toldOf.size() < MOST_STRANGERS) {
                    Told before = toldOf.get(mac);
                    toldOf.put(
                            mac,
                            new Told(before == null ? told.stranger() : both(before.stranger(), told.stranger()), now));
                }
            });
        } finally {
            lock.unlock();
        }
    }

    private static Map<String, Object> report(Map<Long, Used> usedNow, Map<String, Seen> seenNow) {
        List<Map<String, Object>> strangers = new ArrayList<>();
        for (Seen each : seenNow.values()) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("mac", each.stranger().mac().text());
            each.stranger().uuid().ifPresent(uuid -> json.put("uuid", uuid));
            each.stranger().arch().ifPresent(arch -> json.put("arch", arch));
            json.put("address", each.address());
            json.put("asked", each.asked());
            json.put("at", each.at().toString());
            json.put("times", each.times());
            strangers.add(json);
        }
        List<Map<String, Object>> uses = new ArrayList<>();
        usedNow.forEach((id, use) -> uses.add(Map.of("machine", use.machine(), "once", id)));
        return Map.of("seen", strangers, "used", uses);
    }

    private static <K, V> void dropOldest(Map<K, V> map, int most) {
        Optional.of(map)
                .filter(each -> each.size() > most)
                .ifPresent(each -> each.remove(each.keySet().iterator().next()));
    }
}
