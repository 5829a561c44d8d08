package org.rackboot.region.store;

import java.net.URI;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;

/** Boot sources, selections, and how new each source's files were. */
public final class SourceRepository {
    private static final String SOURCE = "select * from boot_source";

    private final RegionDatabase database;

    public SourceRepository(RegionDatabase database) {
        this.database = database;
    }

    /** All sources, the one that wins first. */
    public List<BootSource> sources() throws DatabaseException {
        return database.read(c -> Sql.list(c, SOURCE + " order by priority desc, id", SourceRepository::source));
    }

    /**
     * Stores a new source.
     *
     * @return it with its id; empty if its name or URL is taken
     */
    public Optional<BootSource> add(BootSource source, Instant now) throws DatabaseException {
        return database.write(c -> {
            boolean taken = Sql.first(
                            c,
                            SOURCE + " where name = ? or url = ?",
                            SourceRepository::source,
                            source.name(),
                            source.url().toString())
                    .isPresent();
            if (taken) {
                return Optional.empty();
            }
            Optional<Trust> trust = source.trust();
            Sql.update(
                    c,
                    "insert into boot_source (name, url, priority, enabled, unsigned, keyring_file, keyring, created_at)"
                            + " values (?, ?, ?, ?, ?, ?, ?, ?)",
                    source.name(),
                    source.url().toString(),
                    source.priority(),
                    source.enabled(),
                    source.unsigned(),
                    trust.map(t -> t instanceof Trust.File file ? file.path() : null),
                    trust.map(t -> t instanceof Trust.Data data ? data.keyring() : null),
                    now);
            return byName(c, source.name());
        });
    }

    public List<Selection> selections() throws DatabaseException {
        return database.read(c -> Sql.list(
                c, "select * from selection order by os, release, arch, subarch, label", SourceRepository::selection));
    }

    /**
     * Stores a selection.
     *
     * @return whether it is new
     */
    public boolean add(Selection selection, Instant now) throws DatabaseException {
        return database.write(c -> Sql.update(
                        c,
                        "insert into selection (os, release, arch, subarch, label, created_at)"
                                + " values (?, ?, ?, ?, ?, ?) on conflict do nothing",
                        selection.os(),
                        selection.release(),
                        selection.arch(),
                        selection.subarch(),
                        selection.label(),
                        now)
                == 1);
    }

    /** When the publisher wrote the newest accepted version of a file; a file from before is a rollback (S-30). */
    public Optional<Instant> mark(long sourceId, String path) throws DatabaseException {
        return database.read(c -> Sql.first(
                c,
                "select updated_at from stream_mark where source_id = ? and path = ?",
                row -> Sql.instant(row, "updated_at"),
                sourceId,
                path));
    }

    static void setMark(Connection c, long sourceId, String path, Instant updated) throws SQLException {
        Sql.update(
                c,
                "insert into stream_mark (source_id, path, updated_at) values (?, ?, ?)"
                        + " on conflict (source_id, path) do update set updated_at = excluded.updated_at",
                sourceId,
                path,
                updated);
    }

    private static Optional<BootSource> byName(Connection c, String name) throws SQLException {
        return Sql.first(c, SOURCE + " where name = ?", SourceRepository::source, name);
    }

    private static BootSource source(ResultSet row) throws SQLException {
        String file = row.getString("keyring_file");
        byte[] keyring = row.getBytes("keyring");
        Optional<Trust> trust = keyring != null
                ? Optional.of(new Trust.Data(keyring))
                : Optional.ofNullable(file).map(Trust.File::new);
        return new BootSource(
                row.getLong("id"),
                row.getString("name"),
                URI.create(row.getString("url")),
                row.getInt("priority"),
                row.getInt("enabled") != 0,
                row.getInt("unsigned") != 0,
                trust);
    }

    private static Selection selection(ResultSet row) throws SQLException {
        return new Selection(
                row.getLong("id"),
                row.getString("os"),
                row.getString("release"),
                row.getString("arch"),
                row.getString("subarch"),
                row.getString("label"));
    }
}
