package org.rackboot.region;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.catalog.NetworkDocument;
import org.rackboot.region.machine.KernelWords;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.Tag;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.MachineRepository;
import org.rackboot.region.store.MachineRepository.Added;
import org.rackboot.region.store.MachineRepository.Changed;
import org.rackboot.region.store.MachineRepository.Identity;
import org.rackboot.region.store.MachineRepository.Taken;
import org.rackboot.region.store.NoRoomException;

/**
 * The machines that operators made known. A machine is meant by its name or any of its MAC addresses. Thread-safe; methods
 * block on the database.
 */
public final class Machines {
    static final int MOST = 100_000;
    /** In one import. */
    public static final int MOST_AT_ONCE = 50_000;

    private static final int SHOWN = 80;

    /** Of a network configuration. */
    static final int MOST_NETWORK_BYTES = 64 << 10;

    private final MachineRepository machines;
    private final NetworkCheck networks;
    private final Runnable afterChange;

    /**
     * What an operator says of a machine. Empty = as it is, or nothing for a new one; an empty text = nothing from now on.
     *
     * @param macs all of them
     * @param uuid one that is all zeros or ones is none
     */
    public record Description(
            Optional<String> name,
            Optional<List<String>> macs,
            Optional<String> uuid,
            Optional<String> arch,
            Optional<String> loader,
            Boot boot) {
        public Description {
            macs = macs.map(List::copyOf);
        }

        /** One that says nothing of how it boots. */
        public Description(
                Optional<String> name,
                Optional<List<String>> macs,
                Optional<String> uuid,
                Optional<String> arch,
                Optional<String> loader) {
            this(name, macs, uuid, arch, loader, Boot.NOTHING);
        }
    }

    /**
     * What an operator says of how a machine boots, as {@link Description}.
     *
     * @param tags all of them
     * @param addTags to those that it has
     * @param removeTags from those that it has
     * @param kernelOptions all of them, each a word or several parted by blanks
     * @param network JSON
     * @param netboot {@code true} or {@code false}
     */
    public record Boot(
            Optional<List<String>> tags,
            List<String> addTags,
            List<String> removeTags,
            Optional<List<String>> kernelOptions,
            Optional<String> network,
            Optional<String> netboot) {
        public static final Boot NOTHING =
                new Boot(Optional.empty(), List.of(), List.of(), Optional.empty(), Optional.empty(), Optional.empty());

        public Boot {
            tags = tags.map(List::copyOf);
            addTags = List.copyOf(addTags);
            removeTags = List.copyOf(removeTags);
            kernelOptions = kernelOptions.map(List::copyOf);
        }
    }

    /**
     * @param row which of the machines that were to be added, from 1
     * @param sameAs the row before that has the same, which the text names
     */
    public record Problem(int row, String text, OptionalInt sameAs) {
        public Problem(int row, String text) {
            this(row, text, OptionalInt.empty());
        }
    }

    /** @param afterChange so that whoever waits for the catalog is told */
    Machines(MachineRepository machines, NetworkCheck networks, Runnable afterChange) {
        this.machines = machines;
        this.networks = networks;
        this.afterChange = afterChange;
    }

    /** Every machine, by name. */
    public List<Machine> list() throws DatabaseException {
        return machines.all();
    }

    /** Those with a tag, by name. */
    public List<Machine> tagged(String tag) throws DatabaseException {
        return machines.tagged(tag);
    }

    public int count() throws DatabaseException {
        return machines.count();
    }

    public Machine get(String nameOrMac) throws RefusedException, DatabaseException {
        return machines.find(key(nameOrMac)).orElseThrow(() -> isUnknown(nameOrMac));
    }

    public Machine add(Description said) throws RefusedException, DatabaseException {
        List<String> problems = new ArrayList<>();
        Machine machine = described(said, Optional.empty(), problems).orElseThrow(() -> invalid(problems));
        Added added = add(List.of(machine));
        requireFree(added.taken());
        requireRoom(added);
        afterChange.run();
        return machine;
    }

    private Added add(List<Machine> described) throws RefusedException, DatabaseException {
        try {
            return machines.add(described, MOST);
        } catch (NoRoomException e) {
            throw new RefusedException(RefusedException.Kind.NO_ROOM, String.valueOf(e.getMessage()));
        }
    }

    /** As {@link #addAll(List, List)}, with nothing found yet. */
    public List<Problem> addAll(List<Description> said) throws RefusedException, DatabaseException {
        return addAll(said, List.of());
    }

    /**
     * Adds many machines at once: all of them, or none if anything is wrong with one.
     *
     * @param found what is wrong already, by row
     * @return what is wrong, by row; empty = they were added
     */
    public List<Problem> addAll(List<Description> said, List<Problem> found)
            throws RefusedException, DatabaseException {
        if (said.size() > MOST_AT_ONCE) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID,
                    "%d machines are too many at once; import %d at most, in several parts if need be"
                            .formatted(said.size(), MOST_AT_ONCE));
        }
        List<Problem> problems = new ArrayList<>(found);
        List<Machine> described = new ArrayList<>();
        List<Integer> rows = new ArrayList<>();
        Map<Identity, Map<String, Integer>> rowsOf = new HashMap<>();
        for (int row = 1; row <= said.size(); row++) {
            List<String> wrong = new ArrayList<>();
            Optional<Machine> machine = described(said.get(row - 1), Optional.empty(), wrong);
            if (machine.isPresent() && areNew(machine.get(), row, rowsOf, problems)) {
                described.add(machine.get());
                rows.add(row);
            }
            for (String problem : wrong) {
                problems.add(new Problem(row, problem));
            }
        }
        List<Taken> taken;
        if (problems.isEmpty()) {
            Added added = add(described);
            taken = added.taken();
            if (taken.isEmpty()) {
                requireRoom(added);
            }
        } else {
            taken = machines.taken(described); // All that is wrong is said at once.
        }
        for (Taken each : taken) {
            problems.add(new Problem(rows.get(each.index()), words(each)));
        }
        problems.sort(Comparator.comparingInt(Problem::row));
        if (problems.isEmpty() && !said.isEmpty()) {
            afterChange.run();
        }
        return problems;
    }

    private static boolean areNew(
            Machine machine, int row, Map<Identity, Map<String, Integer>> rowsOf, List<Problem> problems) {
        int before = problems.size();
        for (Identity identity : Identity.values()) {
            for (String value : identity.of(machine)) {
                Integer other =
                        rowsOf.computeIfAbsent(identity, any -> new HashMap<>()).putIfAbsent(value, row);
                if (other != null) {
                    problems.add(new Problem(
                            row,
                            "%s %s is that of row %d as well".formatted(words(identity), value, other),
                            OptionalInt.of(other)));
                }
            }
        }
        return problems.size() == before;
    }

    /**
     * Changes a machine; what is not said stays.
     *
     * @return as it is now
     */
    public Machine update(String nameOrMac, Description said) throws RefusedException, DatabaseException {
        Changed changed;
        try {
            changed = machines.change(key(nameOrMac), before -> {
                        List<String> problems = new ArrayList<>();
                        return described(said, Optional.of(before), problems)
                                .orElseThrow(() -> new IllegalArgumentException(String.join(". ", problems)));
                    })
                    .orElseThrow(() -> isUnknown(nameOrMac));
        } catch (IllegalArgumentException e) {
            throw new RefusedException(RefusedException.Kind.INVALID, String.valueOf(e.getMessage()));
        } catch (NoRoomException e) {
            throw new RefusedException(RefusedException.Kind.NO_ROOM, String.valueOf(e.getMessage()));
        }
        requireFree(changed.taken());
        afterChange.run();
        return changed.machine();
    }

    /** Forgets a machine; returns what it was. */
    public Machine remove(String nameOrMac) throws RefusedException, DatabaseException {
        Machine removed = machines.remove(key(nameOrMac)).orElseThrow(() -> isUnknown(nameOrMac));
        afterChange.run();
        return removed;
    }

    private static String key(String nameOrMac) {
        return Machine.mac(nameOrMac).orElse(nameOrMac);
    }

    /** @return empty if there are problems, which are added to those given */
    private Optional<Machine> described(Description said, Optional<Machine> before, List<String> problems) {
        List<String> macs = said.macs().isPresent()
                ? macs(said.macs().get(), problems)
                : before.map(Machine::macs).orElse(List.of());
        if (macs.isEmpty() && problems.isEmpty()) {
            problems.add("A machine needs a MAC address: 52:54:00:12:34:56");
        }
        Optional<String> name = said.name().filter(text -> !text.isEmpty()).or(() -> before.map(Machine::name));
        if (name.isPresent() && !Machine.isName(name.get())) {
            problems.add(
                    ("'%s' is no machine's name: that has 1 to 63 lower-case letters, digits and hyphens, begins and"
                                    + " ends with a letter or digit, and is neither a MAC address nor 'import' or 'default'")
                            .formatted(shown(name.get())));
        }
        Optional<String> uuid =
                said.uuid().isPresent() ? uuid(said.uuid().get(), problems) : before.flatMap(Machine::uuid);
        Optional<String> arch =
                said.arch().isPresent() ? arch(said.arch().get(), problems) : before.flatMap(Machine::arch);
        Optional<Machine.Loader> loader =
                said.loader().isPresent() ? loader(said.loader().get(), problems) : before.flatMap(Machine::loader);
        Machine.Boot now = before.map(Machine::boot).orElse(Machine.Boot.USUAL);
        List<String> tags = tags(said.boot(), now.tags(), problems);
        List<String> options = said.boot().kernelOptions().isPresent()
                ? kernelOptions(said.boot().kernelOptions().get(), problems)
                : now.kernelOptions();
        Optional<String> network = said.boot().network().isPresent()
                ? network(said.boot().network().get(), problems)
                : now.network();
        boolean netboot = said.boot().netboot().isPresent()
                ? netboot(said.boot().netboot().get(), problems)
                : now.netboot();
        return problems.isEmpty()
                ? Optional.of(new Machine(
                        name.orElseGet(() -> Machine.nameOf(macs.get(0))),
                        macs,
                        uuid,
                        arch,
                        loader,
                        new Machine.Boot(tags, options, network, netboot, now.assignment(), now.once())))
                : Optional.empty();
    }

    private static List<String> tags(Boot said, List<String> before, List<String> problems) {
        Set<String> tags = new TreeSet<>(said.tags().orElse(before));
        tags.addAll(said.addTags());
        said.removeTags().forEach(tags::remove);
        for (String tag : tags) {
            if (!Tag.isName(tag)) {
                problems.add(
                        ("'%s' is no tag: that has 1 to 63 lower-case letters, digits and _.-, and begins with a letter"
                                        + " or digit")
                                .formatted(shown(tag)));
                return List.of();
            }
        }
        if (tags.size() > Machine.MOST_TAGS) {
            problems.add(
                    "A machine has %d tags at most; this one would have %d".formatted(Machine.MOST_TAGS, tags.size()));
            return List.of();
        }
        return List.copyOf(tags);
    }

    private static List<String> kernelOptions(List<String> said, List<String> problems) {
        List<String> words = KernelWords.of(String.join(" ", said));
        KernelWords.problem(words).ifPresent(problems::add);
        return words;
    }

    private Optional<String> network(String json, List<String> problems) {
        if (json.isBlank() || json.equals("null")) {
            return Optional.empty();
        }
        if (json.getBytes(UTF_8).length > MOST_NETWORK_BYTES) {
            problems.add("A network configuration has %d KiB at most".formatted(MOST_NETWORK_BYTES >> 10));
            return Optional.empty();
        }
        Optional<String> network = NetworkDocument.canonical(json);
        if (network.isEmpty()) {
            problems.add("The network configuration is no JSON text, says a key twice, or is nested deeper than 16");
        } else {
            networks.problems(network.get()).forEach(problem -> problems.add("The network configuration: " + problem));
        }
        return network;
    }

    private static boolean netboot(String text, List<String> problems) {
        if (!text.equals("true") && !text.equals("false")) {
            problems.add("'netboot' is '%s'; use true or false".formatted(shown(text)));
        }
        return text.equals("true");
    }

    private static List<String> macs(List<String> texts, List<String> problems) {
        if (texts.size() > Machine.MOST_MACS) {
            problems.add("A machine has %d MAC addresses at most; this one has %d"
                    .formatted(Machine.MOST_MACS, texts.size()));
            return List.of();
        }
        Set<String> macs = new LinkedHashSet<>();
        for (String text : texts) {
            Optional<String> mac = Machine.mac(text);
            if (mac.isEmpty()) {
                problems.add(
                        "'%s' is no MAC address; write 52:54:00:12:34:56 or 52-54-00-12-34-56".formatted(shown(text)));
            } else if (Machine.isNoCards(mac.get())) {
                problems.add(
                        "'%s' is no network card's MAC address: it is all zeros, or a group's".formatted(mac.get()));
            } else {
                macs.add(mac.get());
            }
        }
        return List.copyOf(macs);
    }

    private static Optional<String> uuid(String text, List<String> problems) {
        Optional<String> uuid = Machine.uuid(text);
        if (uuid.isEmpty() && !text.isEmpty()) {
            problems.add("'%s' is no UUID; write it as SMBIOS has it: 4c4c4544-0035-3110-8052-b4c04f4d3132"
                    .formatted(shown(text)));
        }
        return uuid.filter(each -> !Machine.isNoUuid(each));
    }

    private static Optional<String> arch(String text, List<String> problems) {
        if (!text.isEmpty() && !Machine.ARCHITECTURES.contains(text)) {
            problems.add("'%s' is no architecture; use amd64, arm64, armhf, i386, ppc64el, riscv64 or s390x"
                    .formatted(shown(text)));
        }
        return Optional.of(text).filter(Machine.ARCHITECTURES::contains);
    }

    private static Optional<Machine.Loader> loader(String text, List<String> problems) {
        Optional<Machine.Loader> loader = Machine.Loader.of(text);
        if (loader.isEmpty() && !text.isEmpty()) {
            problems.add("'%s' is no loader; use signed or ipxe".formatted(shown(text)));
        }
        return loader;
    }

    static String shown(String text) {
        String some = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
        return some.replaceAll(
                "[\\p{Cntrl}\\p{Cs}]", "?"); // Half a character, too: no answer could be written with it.
    }

    private static void requireRoom(Added added) throws RefusedException {
        if (!added.room()) {
            throw new RefusedException(
                    RefusedException.Kind.NO_ROOM,
                    "The region knows %d machines at most; remove some first: rackboot machines remove NAME"
                            .formatted(MOST));
        }
    }

    private static void requireFree(List<Taken> taken) throws RefusedException {
        if (!taken.isEmpty()) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "%s; change that one (rackboot machines update %s), or remove it first"
                            .formatted(words(taken.get(0)), taken.get(0).holder()));
        }
    }

    private static String words(Taken taken) {
        return taken.identity() == Identity.NAME
                ? "There is a machine '%s' already".formatted(taken.value())
                : "%s %s is that of machine '%s'".formatted(words(taken.identity()), taken.value(), taken.holder());
    }

    private static String words(Identity identity) {
        return switch (identity) {
            case NAME -> "The name";
            case MAC -> "The MAC address";
            case UUID -> "The UUID";
        };
    }

    private static RefusedException invalid(List<String> problems) {
        return new RefusedException(RefusedException.Kind.INVALID, String.join(". ", problems));
    }

    static RefusedException isUnknown(String nameOrMac) {
        return new RefusedException(
                RefusedException.Kind.NOT_FOUND,
                "There is no machine '%s'; see 'rackboot machines list'".formatted(shown(nameOrMac)));
    }
}
