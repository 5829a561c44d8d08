package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.region.machine.SeenMachine;

/** Machines that nobody made known, and what racks tell of those that are. */
public final class SeenMachineRepository {
    /** Those that were heard of last stay. */
    static final int MOST = 10_000;

    private static final int MOST_AT_ONCE = 1_000;

    private final RegionDatabase database;

    public SeenMachineRepository(RegionDatabase database) {
        this.database = database;
    }

    /**
     * Keeps what a rack tells, in one transaction; what was told before, or is of an unknown machine, changes nothing.
     *
     * @param seen one for each MAC address; those of known machines are passed over
     * @param used one-shots that were, their ids by the machines' names
     * @param netbootOff names of machines that are not to boot from the network any more
     * @return whether the catalog changed
     */
    public boolean report(List<SeenMachine> seen, List<Map.Entry<String, Long>> used, List<String> netbootOff)
            throws DatabaseException {
        return database.write(c -> {
            for (SeenMachine machine : seen) {
                keep(c, machine);
            }
            Sql.update(
                    c,
                    "delete from seen_machine where mac in"
                            + " (select mac from seen_machine order by last_at desc, mac limit ? offset ?)",
                    MOST_AT_ONCE,
                    MOST);
            boolean changed = false;
            for (Map.Entry<String, Long> each : used) {
                changed |= AssignmentRepository.used(c, each.getKey(), each.getValue());
            }
            for (String name : netbootOff) {
                changed |= Sql.update(c, "update machine set netboot = 0 where name = ? and netboot = 1", name) == 1;
            }
            if (changed) {
                AssignmentRepository.dropUnusedDocuments(c);
                ImageRepository.raiseCatalogVersion(c);
            }
            return changed;
        });
    }

    private static void keep(Connection c, SeenMachine machine) throws SQLException {
        boolean known = Sql.first(c, "select 1 from machine_mac where mac = ?", row -> row.getInt(1), machine.mac())
                .isPresent();
        if (known) {
            return;
        }
        Sql.update(
                c,
                "insert into seen_machine (mac, uuid, arch, address, rack, asked, first_at, last_at, times)"
                        + " values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                        + " on conflict (mac) do update set uuid = coalesce(excluded.uuid, seen_machine.uuid),"
                        + " arch = coalesce(excluded.arch, seen_machine.arch), address = excluded.address,"
                        + " rack = excluded.rack, asked = excluded.asked,"
                        + " last_at = case when excluded.last_at > seen_machine.last_at then excluded.last_at"
                        + " else seen_machine.last_at end, times = seen_machine.times + excluded.times",
                machine.mac(),
                machine.uuid(),
                machine.arch(),
                machine.address(),
                machine.rack(),
                machine.asked(),
                machine.first(),
                machine.last(),
                machine.times());
    }

    /** All of them, the last that was heard of first. */
    public List<SeenMachine> all() throws DatabaseException {
        return database.read(
                c -> Sql.list(c, "select * from seen_machine order by last_at desc, mac", SeenMachineRepository::seen));
    }

    public Optional<SeenMachine> find(String mac) throws DatabaseException {
        return database.read(
                c -> Sql.first(c, "select * from seen_machine where mac = ?", SeenMachineRepository::seen, mac));
    }

    /** Forgets one; returns whether it was there. */
    public boolean forget(String mac) throws DatabaseException {
        return database.write(c -> Sql.update(c, "delete from seen_machine where mac = ?", mac) == 1);
    }

    /** Forgets all; returns how many there were. */
    public int forgetAll() throws DatabaseException {
        return database.write(c -> Sql.update(c, "delete from seen_machine"));
    }

    private static SeenMachine seen(ResultSet row) throws SQLException {
        return new SeenMachine(
                row.getString("mac"),
                Optional.ofNullable(row.getString("uuid")),
                Optional.ofNullable(row.getString("arch")),
                row.getString("address"),
                row.getString("rack"),
                row.getString("asked"),
                Sql.instant(row, "first_at"),
                Sql.instant(row, "last_at"),
                row.getLong("times"));
    }
}
