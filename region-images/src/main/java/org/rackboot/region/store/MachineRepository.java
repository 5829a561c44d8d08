package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.rackboot.region.machine.KernelWords;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.store.AssignmentRepository.Assigned;

/** Machines. A name, an address and a UUID are one machine's each; every change is one of the catalog, too. */
public final class MachineRepository {
    private static final String ROWS = "select m.id, m.name, m.uuid, m.arch, m.loader, m.kernel_options, m.network,"
            + " m.netboot, a.mac from machine m join machine_mac a on a.machine_id = m.id";
    private static final String TAGS = "select m.id, t.tag from machine_tag t join machine m on m.id = t.machine_id";
    private static final String IN_ORDER = " order by m.name, a.position";
    private static final String BY_KEY =
            "select id from machine where name = ? union select machine_id from machine_mac where mac = ?";
    /** How many values a statement names at once; both databases take some ten thousands. */
    private static final int VALUES = 1_000;

    private final RegionDatabase database;

    public MachineRepository(RegionDatabase database) {
        this.database = database;
    }

    /** What tells machines apart. */
    public enum Identity {
        NAME("select name, name from machine where id <> ? and name in "),
        MAC("select a.mac, m.name from machine_mac a join machine m on m.id = a.machine_id"
                + " where m.id <> ? and a.mac in "),
        UUID("select uuid, name from machine where id <> ? and uuid in ");

        private final String holders;

        Identity(String holders) {
            this.holders = holders;
        }

        /** What a machine has of it. */
        public List<String> of(Machine machine) {
            return switch (this) {
                case NAME -> List.of(machine.name());
                case MAC -> machine.macs();
                case UUID -> machine.uuid().stream().toList();
            };
        }
    }

    /**
     * Something that another machine has.
     *
     * @param index of the machine that was to have it
     * @param holder the name of the machine that has it
     */
    public record Taken(int index, Identity identity, String value, String holder) {}

    /**
     * How adding machines went.
     *
     * @param room whether there was room for them
     * @param taken what other machines have; unless it is empty, none was added
     */
    public record Added(boolean room, List<Taken> taken) {}

    /**
     * How changing a machine went.
     *
     * @param machine as it was to be
     * @param taken what other machines have; unless it is empty, nothing changed
     */
    public record Changed(Machine machine, List<Taken> taken) {}

    /** A machine in the database. */
    record Key(long id, String name) {}

    private record Row(
            long id,
            String name,
            Optional<String> uuid,
            Optional<String> arch,
            Optional<Machine.Loader> loader,
            List<String> kernelOptions,
            Optional<String> network,
            boolean netboot,
            String mac) {}

    /**
     * Adds machines, in one transaction: all of them or none.
     *
     * @param machines no two of which have a name, address or UUID in common
     * @param most how many there may be in all
     * @throws NoRoomException if racks would be told too much
     */
    public Added add(List<Machine> machines, int most) throws DatabaseException {
        return database.write(c -> {
            List<Taken> taken = taken(c, machines, 0);
            boolean room = count(c) + machines.size() <= most;
            if (room && taken.isEmpty() && !machines.isEmpty()) {
                insert(c, machines);
                AssignmentRepository.requireRoom(c);
                ImageRepository.raiseCatalogVersion(c);
            }
            return new Added(room, taken);
        });
    }

    /** What of these machines' is another's already. */
    public List<Taken> taken(List<Machine> machines) throws DatabaseException {
        return database.read(c -> taken(c, machines, 0));
    }

    /**
     * Changes a machine, in one transaction.
     *
     * @param key its name, or one of its addresses
     * @param change may refuse by throwing; then nothing happens
     * @return empty if there is no such machine
     * @throws NoRoomException if racks would be told too much
     */
    public Optional<Changed> change(String key, UnaryOperator<Machine> change) throws DatabaseException {
        return database.write(c -> {
            Optional<Machine> before = find(c, key);
            if (before.isEmpty()) {
                return Optional.empty();
            }
            long id = key(c, key)
                    .orElseThrow(() -> new SQLException("a machine vanished while it was changed"))
                    .id();
            Machine after = change.apply(before.get());
            List<Taken> taken = taken(c, List.of(after), id);
            if (taken.isEmpty() && !after.equals(before.get())) {
                Sql.update(
                        c,
                        "update machine set name = ?, uuid = ?, arch = ?, loader = ?, kernel_options = ?, network = ?,"
                                + " netboot = ?, bytes = ? where id = ?",
                        after.name(),
                        after.uuid(),
                        after.arch(),
                        after.loader().map(Machine.Loader::word),
                        String.join(" ", after.boot().kernelOptions()),
                        after.boot().network(),
                        after.boot().netboot(),
                        after.bytes(),
                        id);
                Sql.update(c, "delete from machine_mac where machine_id = ?", id);
                Sql.update(c, "delete from machine_tag where machine_id = ?", id);
                insertMacsAndTags(c, List.of(after));
                if (after.bytes() > before.get().bytes()) {
                    AssignmentRepository.requireRoom(c);
                }
                ImageRepository.raiseCatalogVersion(c);
            }
            return Optional.of(new Changed(after, taken));
        });
    }

    /**
     * Forgets a machine.
     *
     * @param key its name, or one of its addresses
     * @return what it was
     */
    public Optional<Machine> remove(String key) throws DatabaseException {
        return database.write(c -> {
            Optional<Machine> machine = find(c, key);
            if (machine.isPresent()) {
                Sql.update(
                        c, "delete from machine where name = ?", machine.get().name());
                AssignmentRepository.dropUnusedDocuments(c);
                ImageRepository.raiseCatalogVersion(c);
            }
            return machine;
        });
    }

    /** All of them, by name. */
    public List<Machine> all() throws DatabaseException {
        return database.snapshot(MachineRepository::all);
    }

    static List<Machine> all(Connection c) throws SQLException {
        return machines(c, "");
    }

    /** Those with a tag, by name. */
    public List<Machine> tagged(String tag) throws DatabaseException {
        return database.snapshot(
                c -> machines(c, " where m.id in (select machine_id from machine_tag where tag = ?)", tag));
    }

    /** @param key its name, or one of its addresses */
    public Optional<Machine> find(String key) throws DatabaseException {
        return database.snapshot(c -> find(c, key));
    }

    public int count() throws DatabaseException {
        return database.read(MachineRepository::count);
    }

    private static int count(Connection c) throws SQLException {
        return Sql.first(c, "select count(*) from machine", row -> row.getInt(1))
                .orElse(0);
    }

    static Optional<Key> key(Connection c, String key) throws SQLException {
        return Sql.first(
                c,
                "select id, name from machine where id in (" + BY_KEY + ")",
                row -> new Key(row.getLong(1), row.getString(2)),
                key,
                key);
    }

    private static Optional<Machine> find(Connection c, String key) throws SQLException {
        return machines(c, " where m.id in (" + BY_KEY + ")", key, key).stream().findFirst();
    }

    /** @param condition on the machines {@code m}; may be empty */
    private static List<Machine> machines(Connection c, String condition, Object... arguments) throws SQLException {
        Map<Long, List<String>> tags = new HashMap<>();
        Sql.list(
                c,
                TAGS + condition,
                row -> tags.computeIfAbsent(row.getLong("id"), id -> new ArrayList<>(2))
                        .add(row.getString("tag")),
                arguments);
        Map<Long, List<Assigned>> assigned = AssignmentRepository.ofMachines(c, condition, arguments);
        Map<Long, List<Row>> byId = new LinkedHashMap<>();
        for (Row row : Sql.list(c, ROWS + condition + IN_ORDER, MachineRepository::row, arguments)) {
            byId.computeIfAbsent(row.id(), id -> new ArrayList<>(2)).add(row);
        }
        List<Machine> machines = new ArrayList<>(byId.size());
        byId.forEach((id, rows) ->
                machines.add(machine(rows, tags.getOrDefault(id, List.of()), assigned.getOrDefault(id, List.of()))));
        return machines;
    }

    private static Row row(ResultSet row) throws SQLException {
        return new Row(
                row.getLong("id"),
                row.getString("name"),
                Optional.ofNullable(row.getString("uuid")),
                Optional.ofNullable(row.getString("arch")),
                Optional.ofNullable(row.getString("loader")).flatMap(Machine.Loader::of),
                KernelWords.of(row.getString("kernel_options")),
                Optional.ofNullable(row.getString("network")),
                row.getInt("netboot") == 1,
                row.getString("mac"));
    }

    private static Machine machine(List<Row> rows, List<String> tags, List<Assigned> assigned) {
        Row first = rows.get(0);
        Machine.Boot boot = new Machine.Boot(
                tags,
                first.kernelOptions(),
                first.network(),
                first.netboot(),
                assigned.stream()
                        .filter(each -> !each.once())
                        .map(Assigned::assignment)
                        .findFirst(),
                assigned.stream()
                        .filter(Assigned::once)
                        .map(Assigned::assignment)
                        .findFirst());
        return new Machine(
                first.name(),
                rows.stream().map(Row::mac).toList(),
                first.uuid(),
                first.arch(),
                first.loader(),
                boot.equals(Machine.Boot.USUAL) ? Machine.Boot.USUAL : boot);
    }

    private static void insert(Connection c, List<Machine> machines) throws SQLException {
        List<List<?>> rows = new ArrayList<>(machines.size());
        for (Machine machine : machines) {
            rows.add(List.of(
                    machine.name(),
                    machine.uuid(),
                    machine.arch(),
                    machine.loader().map(Machine.Loader::word),
                    String.join(" ", machine.boot().kernelOptions()),
                    machine.boot().network(),
                    machine.boot().netboot(),
                    machine.bytes()));
        }
        Sql.batch(
                c,
                "insert into machine (name, uuid, arch, loader, kernel_options, network, netboot, bytes)"
                        + " values (?, ?, ?, ?, ?, ?, ?, ?)",
                rows);
        insertMacsAndTags(c, machines);
    }

    private static void insertMacsAndTags(Connection c, List<Machine> machines) throws SQLException {
        List<List<?>> rows = new ArrayList<>();
        List<List<?>> tags = new ArrayList<>();
        List<List<?>> macs = new ArrayList<>();
        for (Machine machine : machines) {
            for (int i = 0; i < machine.macs().size(); i++) {
                rows.add(List.of(machine.macs().get(i), machine.name(), i));
                macs.add(List.of(machine.macs().get(i)));
            }
            machine.boot().tags().forEach(tag -> tags.add(List.of(machine.name(), tag)));
        }
        Sql.batch(
                c,
                "insert into machine_mac (mac, machine_id, position) values (?, (select id from machine where name = ?), ?)",
                rows);
        Sql.batch(
                c,
                "insert into machine_tag (machine_id, tag) values ((select id from machine where name = ?), ?)",
                tags);
        Sql.batch(c, "delete from seen_machine where mac = ?", macs); // They are known now.
    }

    private static List<Taken> taken(Connection c, List<Machine> machines, long exceptId) throws SQLException {
        List<Taken> taken = new ArrayList<>();
        for (Identity identity : Identity.values()) {
            Map<String, Integer> wanted = new HashMap<>();
            for (int i = 0; i < machines.size(); i++) {
                for (String value : identity.of(machines.get(i))) {
                    wanted.put(value, i);
                }
            }
            List<String> values = List.copyOf(wanted.keySet());
            for (int from = 0; from < values.size(); from += VALUES) {
                List<String> some = values.subList(from, Math.min(values.size(), from + VALUES));
                List<Object> arguments = new ArrayList<>(List.of(exceptId));
                arguments.addAll(some);
                taken.addAll(Sql.list(
                        c,
                        identity.holders + "(" + String.join(", ", Collections.nCopies(some.size(), "?")) + ")",
                        row -> new Taken(
                                wanted.getOrDefault(row.getString(1), 0), identity, row.getString(1), row.getString(2)),
                        arguments.toArray()));
            }
        }
        taken.sort(Comparator.comparingInt(Taken::index)
                .thenComparing(Taken::identity)
                .thenComparing(Taken::value));
        return taken;
    }
}
