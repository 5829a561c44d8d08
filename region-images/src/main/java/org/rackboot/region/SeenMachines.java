package org.rackboot.region;

import java.time.Clock;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.rackboot.region.Machines.Description;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.SeenMachine;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.SeenMachineRepository;

/**
 * What racks tell of machines: those that asked and that nobody made known, and what became of those that are known.
 * Thread-safe; methods block on the database.
 */
public final class SeenMachines {
    /** In each list of a rack's report. */
    public static final int MOST_AT_ONCE = 256;

    private static final int MOST_TEXT = 200;
    private static final long MOST_TIMES = 1_000_000_000;
    private static final Pattern TEXT = Pattern.compile("[ -~]{0," + MOST_TEXT + "}");

    private final SeenMachineRepository seen;
    private final Machines machines;
    private final Clock clock;
    private final Runnable afterChange;

    /**
     * A machine as a rack tells of it. An empty text is nothing.
     *
     * @param at when it asked last
     * @param times since the rack told last
     */
    public record Sighting(
            String mac, String uuid, String arch, String address, String asked, Instant at, long times) {}

    /** A machine's one-shot that was delivered. */
    public record Used(String machine, long once) {}

    /** @param afterChange so that whoever waits for the catalog is told */
    SeenMachines(SeenMachineRepository seen, Machines machines, Clock clock, Runnable afterChange) {
        this.seen = seen;
        this.machines = machines;
        this.clock = clock;
        this.afterChange = afterChange;
    }

    /**
     * Keeps what a rack tells: all of it or nothing. What is told twice, or of machines that are not known any more, changes
     * nothing.
     *
     * @param rack its name
     * @param netbootOff names of machines that are not to boot from the network any more
     */
    public void report(String rack, List<Sighting> sightings, List<Used> used, List<String> netbootOff)
            throws RefusedException, DatabaseException {
        requireFew(sightings.size(), "seen");
        requireFew(used.size(), "used");
        requireFew(netbootOff.size(), "netbootOff");
        require(TEXT.matcher(rack).matches(), "'name' is not a rack's name");
        Map<String, SeenMachine> byMac = new HashMap<>();
        for (Sighting sighting : sightings) {
            SeenMachine machine = machine(rack, sighting);
            byMac.put(machine.mac(), machine);
        }
        for (String name : netbootOff) {
            require(Machine.isName(name), "'netbootOff' names machines");
        }
        for (Used each : used) {
            require(Machine.isName(each.machine()) && each.once() > 0, "'used' says a machine's name and a number");
        }
        List<Map.Entry<String, Long>> onces = used.stream()
                .map(each -> Map.entry(each.machine(), each.once()))
                .toList();
        if (seen.report(List.copyOf(byMac.values()), onces, netbootOff)) {
            afterChange.run();
        }
    }

    private SeenMachine machine(String rack, Sighting sighting) throws RefusedException {
        Optional<String> mac = Machine.mac(sighting.mac()).filter(each -> !Machine.isNoCards(each));
        Optional<String> uuid = Machine.uuid(sighting.uuid());
        require(mac.isPresent(), "'mac' is no network card's MAC address");
        require(uuid.isPresent() || sighting.uuid().isEmpty(), "'uuid' is no UUID");
        require(
                sighting.arch().isEmpty() || Machine.ARCHITECTURES.contains(sighting.arch()),
                "'arch' is no architecture");
        require(
                TEXT.matcher(sighting.address()).matches(),
                "'address' is longer than %d characters, or not printable ASCII".formatted(MOST_TEXT));
        require(
                TEXT.matcher(sighting.asked()).matches(),
                "'asked' is longer than %d characters, or not printable ASCII".formatted(MOST_TEXT));
        require(sighting.times() >= 1 && sighting.times() <= MOST_TIMES, "'times' is not 1 to 1000000000");
        require(!sighting.at().isBefore(Instant.EPOCH), "'at' is no time of this age");
        Instant now = clock.instant();
        Instant at = sighting.at().isAfter(now) ? now : sighting.at(); // The rack's clock may be another.
        return new SeenMachine(
                mac.orElse(""),
                uuid.filter(each -> !Machine.isNoUuid(each)),
                Optional.of(sighting.arch()).filter(text -> !text.isEmpty()),
                sighting.address(),
                rack,
                sighting.asked(),
                at,
                at,
                sighting.times());
    }

    /** All of them, the last that was heard of first; 10,000 at most. */
    public List<SeenMachine> list() throws DatabaseException {
        return seen.all();
    }

    /**
     * Makes a seen machine known.
     *
     * @param name empty = as that of any machine of which none is said
     */
    public Machine adopt(String mac, Optional<String> name) throws RefusedException, DatabaseException {
        SeenMachine machine = seen.find(Machine.mac(mac).orElse(mac)).orElseThrow(() -> isUnseen(mac));
        return machines.add(new Description(
                name, Optional.of(List.of(machine.mac())), machine.uuid(), machine.arch(), Optional.empty()));
    }

    /** Forgets a seen machine, until it asks again. */
    public void forget(String mac) throws RefusedException, DatabaseException {
        if (!seen.forget(Machine.mac(mac).orElse(mac))) {
            throw isUnseen(mac);
        }
    }

    /** Forgets all of them; returns how many there were. */
    public int forgetAll() throws DatabaseException {
        return seen.forgetAll();
    }

    private static RefusedException isUnseen(String mac) {
        return new RefusedException(
                RefusedException.Kind.NOT_FOUND,
                "No unknown machine with the MAC address '%s' was seen; see 'rackboot machines seen'"
                        .formatted(Machines.shown(mac)));
    }

    private static void requireFew(int number, String key) throws RefusedException {
        require(number <= MOST_AT_ONCE, "'%s' has more than %d".formatted(key, MOST_AT_ONCE));
    }

    private static void require(boolean condition, String problem) throws RefusedException {
        if (!condition) {
            throw new RefusedException(RefusedException.Kind.INVALID, problem);
        }
    }
}
