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
     * Stores a new source. One whose address a removed source had gets the images that came from there.
     *
     * @return it with its id; empty if its name or URL is taken
     */
    public Optional<BootSource> add(BootSource source, Instant now) throws DatabaseException {
        return database.write(c -> {
            Sql.update(c, "delete from boot_source where kind = 'removed' and id not in (select source_id from image)");
            if (isTaken(c, source)) {
                return Optional.empty();
            }
            Optional<Long> removed = Sql.first(
                    c,
                    "select id from boot_source where kind = 'removed' and url = 'removed:' || id || ':' || ?"
                            + " order by id desc",
                    row -> row.getLong(1),
                    source.url().toString());
            return Optional.of(write(c, removed.isPresent() ? removed.get() : insert(c, source, now), source));
        });
    }

    /** A row with an id; {@link #write} fills it. */
    private static long insert(Connection c, BootSource source, Instant now) throws SQLException {
        Sql.update(
                c,
                "insert into boot_source (name, url, priority, enabled, unsigned, created_at) values (?, ?, 0, 0, 0, ?)",
                source.name(),
                source.url().toString(),
                now);
        return Sql.first(c, "select id from boot_source where name = ?", row -> row.getLong(1), source.name())
                .orElseThrow(() -> new SQLException("a source vanished while it was added"));
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
            if (isTaken(c, source)) {
                return Optional.empty();
            }
            if (forgetMarks) {
                forgetMarks(c, source.id());
            }
            ImageRepository.raiseCatalogVersion(c); // Which source wins may have changed.
            return Optional.of(write(c, source.id(), source));
        });
    }

    private static boolean isTaken(Connection c, BootSource source) throws SQLException {
        return Sql.first(
                        c,
                        SOURCE + " where id <> ? and (name = ? or url = ?)",
                        SourceRepository::source,
                        source.id(),
                        source.name(),
                        source.url().toString())
                .isPresent();
    }

    private static BootSource write(Connection c, long id, BootSource source) throws SQLException {
        Sql.update(
                c,
                "update boot_source set kind = 'stream', name = ?, url = ?, priority = ?, enabled = ?, unsigned = ?, keyring_file = ?,"
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
                id);
        return Sql.first(c, SOURCE + " where id = ?", SourceRepository::source, id)
                .orElseThrow(() -> new SQLException("a source vanished while it was written"));
    }

    private static void forgetMarks(Connection c, long sourceId) throws SQLException {
        Sql.update(c, "delete from stream_mark where source_id = ?", sourceId);
    }

    /** What had come from a source that was removed; {@code bytes} counts content once, wherever else it is used. */
    public record Removed(int images, int versions, long bytes) {}

    /**
     * Removes a source.
     *
     * @param withImages whether everything that was published from it goes, too (the bytes with the next collection);
     *     else it stays as the images of a disabled source do
     * @return what had come from it
     */
    public Removed remove(long sourceId, boolean withImages) throws DatabaseException {
        return database.write(c -> {
            Removed brought = brought(c, sourceId);
            forgetMarks(c, sourceId);
            if (brought.images() > 0) {
                ImageRepository.raiseCatalogVersion(c);
            }
            if (withImages || brought.images() == 0) {
                Sql.update(c, "delete from image where source_id = ?", sourceId);
                Sql.update(c, "delete from boot_source where id = ?", sourceId);
            } else { // No name or address that can be given looks like these; the id tells apart what had the same.
                Sql.update(
                        c,
                        "update boot_source set kind = 'removed', enabled = 0, keyring = null,"
                                + " name = name || ' (removed, ' || id || ')', url = 'removed:' || id || ':' || url"
                                + " where id = ?",
                        sourceId);
            }
            return brought;
        });
    }

    private static Removed brought(Connection c, long sourceId) throws SQLException {
        String images = " from image where source_id = ?";
        String versions = " from image_version where image_id in (select id" + images + ")";
        return new Removed(
                (int) count(c, "select count(*)" + images, sourceId),
                (int) count(c, "select count(*)" + versions, sourceId),
                count(
                        c,
                        "select coalesce(sum(size), 0) from content where sha256 in"
                                + " (select sha256 from artifact where version_id in (select id" + versions + "))",
                        sourceId));
    }

    private static long count(Connection c, String sql, long sourceId) throws SQLException {
        return Sql.first(c, sql, row -> row.getLong(1), sourceId).orElse(0L);
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
