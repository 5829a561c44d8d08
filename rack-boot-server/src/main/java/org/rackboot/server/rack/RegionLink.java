package org.rackboot.server.rack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Enrols the rack, then tells the region once a minute, and half a minute after a change, what this rack is and holds. On a
 * thread of its own: no boot waits for it, and no boot fails with it.
 */
public final class RegionLink implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RegionLink.class);
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private static final long FIRST_PAUSE_MILLIS = 250;
    private static final long MOST_PAUSE_MILLIS = 15_000;
    private static final long LOOK_MILLIS = 30_000;
    private static final int LOOKS_PER_REPORT = 2;

    private final RegionClient region;
    private final Enrolment enrolment;
    private final RandomGenerator random;
    private final Supplier<Optional<Rackful>> rackful;
    private final String version;
    private final String host = host();
    public static final int MOST_WARNINGS = 32;

    private final Thread thread = new Thread(this::run, "region-link");
    private final CountDownLatch firstAnswer = new CountDownLatch(1);

    // Of the thread alone.
    private Map<String, Long> told = Map.of();
    private boolean regionKnows;
    private long toldVersion = -1;
    private List<String> toldWarnings = List.of();
    private int quietLooks;
    private boolean saidRefused;

    /**
     * What this rack is at a moment.
     *
     * @param contents bytes of each content on disk, by sha256
     * @param warnings for the operator, at most {@value #MOST_WARNINGS}
     */
    public record Rackful(
            long catalogVersion, List<String> listeners, Map<String, Long> contents, List<String> warnings) {}

    /**
     * @param rackful may be slow; empty while the rack starts
     * @param random spreads the racks that start at the same time
     */
    public RegionLink(
            RegionClient region,
            Enrolment enrolment,
            String version,
            Supplier<Optional<Rackful>> rackful,
            RandomGenerator random) {
        this.region = region;
        this.enrolment = enrolment;
        this.version = version;
        this.rackful = rackful;
        this.random = random;
        thread.setDaemon(true);
    }

    public void start() {
        thread.start();
    }

    /**
     * Waits for the region's first word on this rack's token, good or bad, or until it proves to be away.
     *
     * @throws IOException if the region does not take the token; the message says what to do
     */
    public void awaitFirstAnswer(Duration patience) throws IOException, InterruptedException {
        if (firstAnswer.await(patience.toMillis(), TimeUnit.MILLISECONDS)
                && enrolment.state() == Enrolment.State.REFUSED) {
            throw new IOException(refusal());
        }
    }

    private String refusal() {
        return "The region at %s takes neither this rack's token nor a credential it has: revoked, used up, expired, or of"
                        .formatted(region)
                + " another region. Let the region make a new one-time token ('rackboot racks enrol'), and start the rack"
                + " with --token T";
    }

    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join(2_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        long pause = FIRST_PAUSE_MILLIS;
        while (!Thread.currentThread().isInterrupted()) {
            try {
                enrolment.settle(region.door(host, version));
                firstAnswer.countDown();
                Optional<Rackful> current = rackful.get();
                if (current.isPresent()) {
                    look(current.get());
                }
                pause = current.isPresent() ? jittered(LOOK_MILLIS) : FIRST_PAUSE_MILLIS;
            } catch (InterruptedException e) {
                return;
            } catch (IOException | RuntimeException e) {
                LOG.debug("The region was not told how this rack is", e); // The catalog's follower says it is away.
                regionKnows = false;
                pause = Math.min(MOST_PAUSE_MILLIS, jittered(pause * 2));
                firstAnswer.countDown();
            }
            try {
                TimeUnit.MILLISECONDS.sleep(pause);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private long jittered(long millis) {
        return millis * 9 / 10 + random.nextLong(millis / 5 + 1);
    }

    private void look(Rackful current) throws IOException, InterruptedException {
        boolean sameContents = regionKnows && current.contents().equals(told);
        quietLooks++;
        if (sameContents
                && current.catalogVersion() == toldVersion
                && current.warnings().equals(toldWarnings)
                && quietLooks < LOOKS_PER_REPORT) {
            return;
        }
        Map<String, Object> report = new LinkedHashMap<>();
        report.put(
                "name",
                host.replaceAll("[^A-Za-z0-9.-]", "-").replaceFirst("^[^A-Za-z0-9]+", "") + "-"
                        + enrolment.key().substring(0, 4));
        report.put("host", host);
        report.put("version", version);
        report.put("catalogVersion", current.catalogVersion());
        report.put("listeners", current.listeners());
        report.put("warnings", current.warnings());
        if (!sameContents) {
            report.put("contents", current.contents());
        }
        RegionClient.Answer answer =
                region.ask("PUT", "api/v1/racks/self", enrolment.bearer(), JSON.writeValueAsBytes(report));
        if (answer.status() == 401) {
            regionKnows = false;
            enrolment.refused(region.door(host, version));
            sayRefused();
            if (enrolment.state() != Enrolment.State.REFUSED) {
                look(current);
            }
            return;
        }
        enrolment.accepted();
        saidRefused = false;
        if (answer.status() != 200) {
            throw new IOException("the region answered " + answer.status());
        }
        told = current.contents();
        toldVersion = current.catalogVersion();
        toldWarnings = current.warnings();
        quietLooks = 0;
        regionKnows = knows(answer.body());
    }

    private void sayRefused() {
        if (enrolment.state() == Enrolment.State.REFUSED && !saidRefused) {
            saidRefused = true;
            LOG.error("{}. Until then, machines get what is in this rack's cache", refusal());
        }
    }

    private static boolean knows(byte[] body) {
        try {
            JsonNode json = JSON.readTree(body);
            return json.path("contentsKnown").asBoolean(false);
        } catch (JacksonException e) {
            return false;
        }
    }

    /** Without asking the network for it. */
    private static String host() {
        try {
            String name = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
            return Optional.of(name).filter(text -> text.matches("[!-~]{1,50}")).orElse("rack");
        } catch (IOException e) {
            return "rack";
        }
    }
}
