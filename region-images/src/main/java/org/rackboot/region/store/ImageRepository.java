package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Published images and bootloaders, and the catalog's version. */
public final class ImageRepository {
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
            String subarches) {}

    /** One file of a version. {@code size} and {@code chunkList} are the content's. */
    public record Artifact(String name, String ftype, String sha256, long size, String chunkList) {}

    /** One complete version of an image. */
    public record Version(String source, Image image, String serial, Instant publishedAt, List<Artifact> artifacts) {
        public Version {
            artifacts = List.copyOf(artifacts);
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

    /** How new a metadata file was that a publication rests on. */
    public record Mark(long sourceId, String path, Instant updated) {}

    /**
     * Makes versions visible, all in one transaction, and raises the catalog's version if that changed anything.
     *
     * @return the versions that are new
     */
    public List<Publication> publish(List<Publication> publications, List<Mark> marks, Instant now)
            throws DatabaseException {
        return database.write(c -> {
            List<Publication> added = new ArrayList<>();
            for (Publication publication : publications) {
                if (publish(c, publication, now)) {
                    added.add(publication);
                }
            }
            for (Mark mark : marks) {
                SourceRepository.setMark(c, mark.sourceId(), mark.path(), mark.updated());
            }
            if (!added.isEmpty()) {
                Sql.update(c, "update counter set value = value + 1 where name = 'catalog'");
            }
            return added;
        });
    }

    /** Grows with every change of what is published. */
    public long catalogVersion() throws DatabaseException {
        return database.read(
                c -> Sql.first(c, "select value from counter where name = 'catalog'", row -> row.getLong(1))
                        .orElse(0L));
    }

    /**
     * Every published version: images by name, then bootloaders by method and architecture; of each those of the source
     * that wins first, newest serial first.
     */
    public List<Version> versions() throws DatabaseException {
        String sql = "select s.name as source, i.*, v.id as version_id, v.serial, v.published_at,"
                + " a.name as file, a.ftype, a.sha256, c.size, c.chunk_list"
                + " from image_version v join image i on i.id = v.image_id join boot_source s on s.id = i.source_id"
                + " join artifact a on a.version_id = v.id join content c on c.sha256 = a.sha256"
                + " order by i.kind desc, case i.kind when 'image' then i.os else i.method end, i.release, i.arch,"
                + " i.subarch, s.priority desc, s.id, v.serial desc, v.id, a.name";
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
                    v.source(), v.image(), v.serial(), v.publishedAt(), artifacts.getOrDefault(id, List.of()))));
            return versions;
        });
    }

    private static boolean publish(Connection c, Publication publication, Instant now) throws SQLException {
        Image image = publication.image();
        Sql.update(
                c,
                "insert into image (source_id, product, kind, os, release, release_version, title, arch, subarch,"
                        + " flavour, label, method, subarches) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                        + " on conflict (source_id, product) do update set release_version = excluded.release_version,"
                        + " title = excluded.title, subarches = excluded.subarches",
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
                image.subarches());
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
                row.getString("subarches"));
        return new Version(
                row.getString("source"), image, row.getString("serial"), Sql.instant(row, "published_at"), List.of());
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
