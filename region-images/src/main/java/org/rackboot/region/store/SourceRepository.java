package org.rackboot.region.store;

import java.net.URI;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.source.BootSource.Access;
import org.rackboot.region.source.BootSource.Trust;
import org.rackboot.region.source.Selection;

/** Boot sources, selections, and how new each source's files were. */
public final class SourceRepository {
    private static final String SOURCE = "select * from boot_source";

    /** The name of the source that uploaded images have; a URL of its kind is no mirror's. */
    public static final String UPLOADS = "uploads";

    private final RegionDatabase database;

    public SourceRepository(RegionDatabase database) {
        this.database = database;
    }

    /** All sources, the one that wins first. */
    public List<BootSource> sources() throws DatabaseException {
        return database.read(c ->
                Sql.list(c, SOURCE + " where kind = 'stream' order by priority desc, id", SourceRepository::source));
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
            Sql.update(
                    c,
                    "insert into boot_source (name, url, priority, enabled, unsigned, keyring_file, keyring, mirrors,"
                            + " proxy, ca_certificates, start_path, created_at)"
                            + " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    source.name(),
                    source.url().toString(),
                    source.priority(),
                    source.enabled(),
                    source.unsigned(),
                    file(source.trust()),
                    keyring(source.trust()),
                    mirrors(source.access()),
                    source.access().proxy().map(URI::toString),
                    source.access().caCertificates(),
                    source.access().start(),
                    now);
            return byName(c, source.name());
        });
    }

    /** The id of the source that uploaded images have; it wins over every mirror. */
    public long uploads(Instant now) throws DatabaseException {
        return database.write(c -> {
            Sql.update(
                    c,
                    "insert into boot_source (name, url, priority, enabled, unsigned, kind, created_at)"
                            + " values (?, 'upload:', 1000000, 1, 1, 'uploads', ?) on conflict do nothing",
                    UPLOADS,
                    now);
            return Sql.first(c, "select id from boot_source where kind = 'uploads'", row -> row.getLong(1))
                    .orElseThrow(() -> new SQLException("a source is called 'uploads'; rename it"));
        });
    }

    /**
     * Replaces everything but the id.
     *
     * @param forgetMarks whether the next import may take an older stream than those that were accepted before
     * @return it as it is now; empty if there is no such source, or another has its name or URL
     */
    public Optional<BootSource> update(BootSource source, boolean forgetMarks) throws DatabaseException {
        return database.write(c -> {
            boolean taken = Sql.first(
                            c,
                            SOURCE + " where id <> ? and (name = ? or url = ?)",
                            SourceRepository::source,
                            source.id(),
                            source.name(),
                            source.url().toString())
                    .isPresent();
            if (taken) {
                return Optional.empty();
            }
            Sql.update(
                    c,
                    "update boot_source set name = ?, url = ?, priority = ?, enabled = ?, unsigned = ?, keyring_file = ?,"
                            + " keyring = ?, mirrors = ?, proxy = ?, ca_certificates = ?, start_path = ? where id = ?",
                    source.name(),
                    source.url().toString(),
                    source.priority(),
                    source.enabled(),
                    source.unsigned(),
                    file(source.trust()),
                    keyring(source.trust()),
                    mirrors(source.access()),
                    source.access().proxy().map(URI::toString),
                    source.access().caCertificates(),
                    source.access().start(),
                    source.id());
            if (forgetMarks) {
                Sql.update(c, "delete from stream_mark where source_id = ?", source.id());
            }
            ImageRepository.raiseCatalogVersion(c); // Which source wins may have changed.
            return byName(c, source.name());
        });
    }

    /** Removes a source with everything that was published from it; the bytes go with the next collection. */
    public void remove(long sourceId) throws DatabaseException {
        database.write(c -> {
            int images = Sql.update(c, "delete from image where source_id = ?", sourceId);
            if (images > 0) {
                ImageRepository.raiseCatalogVersion(c);
            }
            return Sql.update(c, "delete from boot_source where id = ?", sourceId);
        });
    }

    private static @Nullable String file(Optional<Trust> trust) {
        return trust.orElse(null) instanceof Trust.File file ? file.path() : null;
    }

    private static byte @Nullable [] keyring(Optional<Trust> trust) {
        return trust.orElse(null) instanceof Trust.Data data ? data.keyring() : null;
    }

    private static String mirrors(Access access) {
        return access.mirrors().stream().map(URI::toString).collect(Collectors.joining("\n"));
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

    /**
     * Forgets a selection; what was imported for it goes with the next import.
     *
     * @return whether there was one
     */
    public boolean remove(Selection selection) throws DatabaseException {
        return database.write(c -> Sql.update(
                        c,
                        "delete from selection where os = ? and release = ? and arch = ? and subarch = ? and label = ?",
                        selection.os(),
                        selection.release(),
                        selection.arch(),
                        selection.subarch(),
                        selection.label())
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

    /** Remembers how new the files of a source are that were just accepted, by path; all of them or none. */
    public void setMarks(long sourceId, Map<String, Instant> updated) throws DatabaseException {
        database.write(c -> {
            int changed = 0;
            for (Map.Entry<String, Instant> mark : updated.entrySet()) {
                changed += Sql.update(
                        c,
                        "insert into stream_mark (source_id, path, updated_at) values (?, ?, ?)"
                                + " on conflict (source_id, path) do update set updated_at = excluded.updated_at",
                        sourceId,
                        mark.getKey(),
                        mark.getValue());
            }
            return changed;
        });
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
                trust,
                new Access(
                        row.getString("mirrors").lines().map(URI::create).toList(),
                        Optional.ofNullable(row.getString("proxy")).map(URI::create),
                        Optional.ofNullable(row.getString("ca_certificates")),
                        Optional.ofNullable(row.getString("start_path"))));
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
