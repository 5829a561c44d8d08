package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.rackboot.region.machine.AssignedVersion;
import org.rackboot.region.machine.ImageReference;

/** Published images and bootloaders, and the catalog's version. */
public final class ImageRepository {
    private static final String IMAGE_OF_SOURCE =
            " (select i.id from image i join boot_source s on s.id = i.source_id where i.product = ? and s.name = ?)";

    private final RegionDatabase database;

    public ImageRepository(RegionDatabase database) {
        this.database = database;
    }

    /** What a product is; the database's words for {@code kind}. */
    public enum Kind {
        IMAGE,
        BOOTLOADER;

        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * An image or bootloader, whatever its version.
     *
     * @param product the stream's name for it
     * @param releaseVersion {@code 24.04}; empty for bootloaders, as are release, title and subarch
     * @param subarch kernel level with flavour
     * @param method {@code uefi}, {@code pxe}, …; empty for images
     * @param subarches what the kernel also serves, comma-separated as the stream writes it
     * @param kparams what the stream adds to the kernel's command line; mostly empty
     */
    public record Image(
            String product,
            Kind kind,
            String os,
            String release,
            String releaseVersion,
            String title,
            String arch,
            String subarch,
            String flavour,
            String label,
            String method,
            String subarches,
            String kparams) {
        /** An image whose stream says nothing about the kernel's command line. */
        public Image(
                String product,
                Kind kind,
                String os,
                String release,
                String releaseVersion,
                String title,
                String arch,
                String subarch,
                String flavour,
                String label,
                String method,
                String subarches) {
            this(
                    product,
                    kind,
                    os,
                    release,
                    releaseVersion,
                    title,
                    arch,
                    subarch,
                    flavour,
                    label,
                    method,
                    subarches,
                    "");
        }

        private static final Set<String> PLAIN_LABELS = Set.of("stable", "uploaded");

        /**
         * What it is, whatever source and version it comes from: {@code ubuntu/noble/amd64/ga-24.04} for images labelled
         * {@code stable} and uploaded ones, with {@code /candidate} and the like for others; {@code bootloader/uefi/amd64}.
         */
        public String name() {
            if (kind == Kind.BOOTLOADER) {
                return String.join("/", "bootloader", method, arch);
            }
            return String.join("/", os, release, arch, subarch) + (PLAIN_LABELS.contains(label) ? "" : "/" + label);
        }
    }

    /** One file of a version. {@code size} and {@code chunkList} are the content's. */
    public record Artifact(String name, String ftype, String sha256, long size, String chunkList) {}

    /**
     * One complete version of an image.
     *
     * @param source the name of the source it came from
     * @param pinnedSerial the version that its image is held at; empty = at the newest
     */
    public record Version(
            String source,
            Image image,
            String serial,
            Instant publishedAt,
            Optional<String> pinnedSerial,
            List<Artifact> artifacts) {
        public Version {
            artifacts = List.copyOf(artifacts);
        }

        /** Whether machines are held at it, one by one or many. */
        public boolean isAssigned(List<AssignedVersion> assigned) {
            return assigned.stream()
                    .anyMatch(each -> each.serial().equals(serial)
                            && each.image()
                                    .means(
                                            image.os(),
                                            image.release(),
                                            image.arch(),
                                            image.subarch(),
                                            image.subarches()));
        }

        /** Whether it is the one that its image is held at. */
        public boolean isPinned() {
            return pinnedSerial.equals(Optional.of(serial));
        }
    }

    /** A version to publish; its artifacts' contents must be stored. */
    public record Publication(long sourceId, Image image, String serial, Map<String, FileReference> artifacts) {
        public Publication {
            artifacts = Map.copyOf(artifacts);
        }
    }

    /** Names content as one file of a version. */
    public record FileReference(String ftype, String sha256) {}

    /**
     * Makes a version visible, in one transaction, and raises the catalog's version if it is new.
     *
     * @return whether it is
     */
    public boolean publish(Publication publication, Instant now) throws DatabaseException {
        return database.write(c -> {
            boolean added = publish(c, publication, now);
            if (added) {
                raiseCatalogVersion(c);
            }
            return added;
        });
    }

    /**
     * Keeps what the stream says today for the kernel of an image that is published already, and raises the catalog's
     * version if it is something else.
     *
     * @return whether it is
     */
    public boolean refresh(Publication publication) throws DatabaseException {
        String stale = " where source_id = ? and product = ? and kparams <> ?";
        Image image = publication.image();
        boolean isStale = database.read(c -> Sql.first(
                        c,
                        "select 1 from image" + stale,
                        row -> row.getInt(1),
                        publication.sourceId(),
                        image.product(),
                        image.kparams()))
                .isPresent();
        return isStale
                && database.write(c -> {
                    boolean changed = Sql.update(
                                    c,
                                    "update image set kparams = ?" + stale,
                                    image.kparams(),
                                    publication.sourceId(),
                                    image.product(),
                                    image.kparams())
                            == 1;
                    if (changed) {
                        raiseCatalogVersion(c);
                    }
                    return changed;
                });
    }

    /** What a version was published with, sha256 by file name; empty if it was not. */
    public Optional<Map<String, String>> artifacts(Publication publication) throws DatabaseException {
        Map<String, String> artifacts = new HashMap<>();
        database.read(c -> Sql.list(
                c,
                "select a.name, a.sha256 from artifact a join image_version v on v.id = a.version_id"
                        + " join image i on i.id = v.image_id where i.source_id = ? and i.product = ? and v.serial = ?",
                row -> artifacts.put(row.getString(1), row.getString(2)),
                publication.sourceId(),
                publication.image().product(),
                publication.serial()));
        return artifacts.isEmpty() ? Optional.empty() : Optional.of(artifacts);
    }

    /**
     * Takes versions out of the catalog, in one transaction. Their bytes stay until {@link ContentRepository#collect}.
     *
     * @return how many there were
     */
    public int delete(List<Version> versions) throws DatabaseException {
        return database.write(c -> delete(c, versions));
    }

    static int delete(Connection c, List<Version> versions) throws SQLException {
        int deleted = 0;
        for (Version version : versions) {
            deleted += Sql.update(
                    c,
                    "delete from image_version where serial = ? and image_id in" + IMAGE_OF_SOURCE,
                    version.serial(),
                    version.image().product(),
                    version.source());
            Sql.update(
                    c,
                    "update image set pinned_serial = null where pinned_serial = ? and id in" + IMAGE_OF_SOURCE,
                    version.serial(),
                    version.image().product(),
                    version.source());
        }
        Sql.update(c, "delete from image where id not in (select image_id from image_version)");
        if (deleted > 0) {
            raiseCatalogVersion(c);
        }
        return deleted;
    }

    /** Says whose kernel installs an image that has none of its own; empty = none is said. */
    static int setBaseImage(Connection c, long sourceId, String product, String baseImage) throws SQLException {
        return Sql.update(
                c,
                "update image set base_image = ? where source_id = ? and product = ?",
                baseImage.isEmpty() ? null : baseImage,
                sourceId,
                product);
    }

    /** The versions that assignments hold machines at. */
    public List<AssignedVersion> assignedVersions() throws DatabaseException {
        return database.read(c -> Sql.list(
                c,
                "select distinct image, version from assignment where image is not null and version is not null",
                row -> new AssignedVersion(
                        ImageReference.parse(row.getString(1)).orElseThrow(), row.getString(2))));
    }

    /** The base images that were said, by the images' products. */
    public Map<String, String> baseImages() throws DatabaseException {
        return database.read(ImageRepository::baseImages);
    }

    static Map<String, String> baseImages(Connection c) throws SQLException {
        Map<String, String> all = new HashMap<>();
        Sql.list(
                c,
                "select product, base_image from image where base_image is not null",
                row -> all.put(row.getString(1), row.getString(2)));
        return all;
    }

    /** Holds an image at a version, or with empty lets it follow the newest again. */
    public void pin(Version ofImage, Optional<String> serial) throws DatabaseException {
        database.write(c -> {
            Sql.update(
                    c,
                    "update image set pinned_serial = ? where id in" + IMAGE_OF_SOURCE,
                    serial,
                    ofImage.image().product(),
                    ofImage.source());
            return raiseCatalogVersion(c);
        });
    }

    static int raiseCatalogVersion(Connection c) throws SQLException {
        Postgres.announceCatalog(c);
        return Sql.update(c, "update counter set value = value + 1 where name = 'catalog'");
    }

    /** Grows with every change of what is published. */
    public long catalogVersion() throws DatabaseException {
        return database.read(c -> catalogVersion(c).orElse(0L));
    }

    static Optional<Long> catalogVersion(Connection c) throws SQLException {
        return Sql.first(c, "select value from counter where name = 'catalog'", row -> row.getLong(1));
    }

    /**
     * Every published version: images by name, then bootloaders by method and architecture; of each those of the source
     * that wins first (enabled, of the highest priority), newest serial first.
     */
    public List<Version> versions() throws DatabaseException {
        String sql = "select s.name as source, i.*, v.id as version_id, v.serial, v.published_at,"
                + " a.name as file, a.ftype, a.sha256, c.size, c.chunk_list"
                + " from image_version v join image i on i.id = v.image_id join boot_source s on s.id = i.source_id"
                + " join artifact a on a.version_id = v.id join content c on c.sha256 = a.sha256"
                + " order by i.kind desc, case i.kind when 'image' then i.os else i.method end, i.release, i.arch,"
                + " i.subarch, s.enabled desc, s.priority desc, s.id, v.serial desc, v.id, a.name";
        return database.read(c -> {
            Map<Long, Version> byId = new LinkedHashMap<>();
            Map<Long, List<Artifact>> artifacts = new LinkedHashMap<>();
            Sql.list(c, sql, row -> {
                long id = row.getLong("version_id");
                if (!byId.containsKey(id)) {
                    byId.put(id, version(row));
                }
                artifacts.computeIfAbsent(id, i -> new ArrayList<>()).add(artifact(row));
                return id;
            });
            List<Version> versions = new ArrayList<>();
            byId.forEach((id, v) -> versions.add(new Version(
                    v.source(),
                    v.image(),
                    v.serial(),
                    v.publishedAt(),
                    v.pinnedSerial(),
                    artifacts.getOrDefault(id, List.of()))));
            return versions;
        });
    }

    static boolean publish(Connection c, Publication publication, Instant now) throws SQLException {
        Image image = publication.image();
        Sql.update(
                c,
                "insert into image (source_id, product, kind, os, release, release_version, title, arch, subarch,"
                        + " flavour, label, method, subarches, kparams) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                        + " on conflict (source_id, product) do update set release_version = excluded.release_version,"
                        + " title = excluded.title, subarches = excluded.subarches, kparams = excluded.kparams",
                publication.sourceId(),
                image.product(),
                image.kind().word(),
                image.os(),
                image.release(),
                image.releaseVersion(),
                image.title(),
                image.arch(),
                image.subarch(),
                image.flavour(),
                image.label(),
                image.method(),
                image.subarches(),
                image.kparams());
        long imageId = Sql.first(
                        c,
                        "select id from image where source_id = ? and product = ?",
                        row -> row.getLong(1),
                        publication.sourceId(),
                        image.product())
                .orElseThrow(() -> new SQLException("an image vanished while it was published"));
        boolean added = Sql.update(
                        c,
                        "insert into image_version (image_id, serial, published_at) values (?, ?, ?)"
                                + " on conflict do nothing",
                        imageId,
                        publication.serial(),
                        now)
                == 1;
        if (!added) {
            return false; // Published before, and versions never change.
        }
        long versionId = Sql.first(
                        c,
                        "select id from image_version where image_id = ? and serial = ?",
                        row -> row.getLong(1),
                        imageId,
                        publication.serial())
                .orElseThrow(() -> new SQLException("a version vanished while it was published"));
        for (Map.Entry<String, FileReference> artifact : publication.artifacts().entrySet()) {
            int complete = Sql.update(
                    c,
                    "insert into artifact (version_id, name, ftype, sha256)"
                            + " select ?, ?, ?, sha256 from content where sha256 = ? and chunk_list is not null",
                    versionId,
                    artifact.getKey(),
                    artifact.getValue().ftype(),
                    artifact.getValue().sha256());
            if (complete != 1) {
                throw new SQLException("content " + artifact.getValue().sha256() + " is not complete");
            }
        }
        return true;
    }

    private static Version version(ResultSet row) throws SQLException {
        Kind kind = row.getString("kind").equals(Kind.IMAGE.word()) ? Kind.IMAGE : Kind.BOOTLOADER;
        Image image = new Image(
                row.getString("product"),
                kind,
                row.getString("os"),
                row.getString("release"),
                row.getString("release_version"),
                row.getString("title"),
                row.getString("arch"),
                row.getString("subarch"),
                row.getString("flavour"),
                row.getString("label"),
                row.getString("method"),
                row.getString("subarches"),
                row.getString("kparams"));
        return new Version(
                row.getString("source"),
                image,
                row.getString("serial"),
                Sql.instant(row, "published_at"),
                Optional.ofNullable(row.getString("pinned_serial")),
                List.of());
    }

    private static Artifact artifact(ResultSet row) throws SQLException {
        return new Artifact(
                row.getString("file"),
                row.getString("ftype"),
                row.getString("sha256"),
                row.getLong("size"),
                row.getString("chunk_list"));
    }
}
