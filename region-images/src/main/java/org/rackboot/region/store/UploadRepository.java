package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.rackboot.region.store.ImageRepository.Publication;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.upload.UploadSpec;
import org.rackboot.region.upload.UploadSpec.UploadFile;

/** Uploads that were begun and not yet published. */
public final class UploadRepository {
    private final RegionDatabase database;

    public UploadRepository(RegionDatabase database) {
        this.database = database;
    }

    /**
     * An upload that was begun.
     *
     * @param active when its last piece came, an hour more or less
     */
    public record StoredUpload(String id, UploadSpec spec, Instant created, Instant active) {}

    public void add(String id, UploadSpec spec, Instant now) throws DatabaseException {
        database.write(c -> {
            Sql.update(
                    c,
                    "insert into upload (id, kind, os, release, arch, subarch, method, title, base_image, created_at,"
                            + " active_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    id,
                    spec.isBootloader() ? "bootloader" : "image",
                    spec.os(),
                    spec.release(),
                    spec.arch(),
                    spec.subarch(),
                    spec.method(),
                    spec.title(),
                    spec.baseImage(),
                    now,
                    now);
            for (UploadFile file : spec.files()) {
                Sql.update(
                        c,
                        "insert into upload_file (upload_id, name, ftype, sha256, size) values (?, ?, ?, ?, ?)",
                        id,
                        file.name(),
                        file.ftype(),
                        file.sha256(),
                        file.size());
            }
            return 1;
        });
    }

    /** All of them, oldest first. */
    public List<StoredUpload> all() throws DatabaseException {
        return database.read(c -> {
            List<StoredUpload> all = new ArrayList<>();
            for (StoredUpload upload :
                    Sql.list(c, "select * from upload order by created_at, id", row -> upload(row, List.of()))) {
                all.add(withFiles(c, upload));
            }
            return all;
        });
    }

    public Optional<StoredUpload> find(String id) throws DatabaseException {
        return all().stream().filter(upload -> upload.id().equals(id)).findFirst();
    }

    /** Remembers that somebody went on with it. */
    public void touch(String id, Instant now) throws DatabaseException {
        database.write(c -> Sql.update(c, "update upload set active_at = ? where id = ?", now, id));
    }

    /** Forgets an upload with what came of its files, unless something else needs those. */
    public void remove(StoredUpload upload) throws DatabaseException {
        database.write(c -> {
            int removed = Sql.update(c, "delete from upload where id = ?", upload.id());
            for (UploadFile file : upload.spec().files()) {
                Sql.update(
                        c,
                        "delete from content where sha256 = ? and sha256 not in (select sha256 from artifact)"
                                + " and sha256 not in (select sha256 from archive_member)"
                                + " and sha256 not in (select sha256 from upload_file)",
                        file.sha256());
            }
            return removed;
        });
    }

    /**
     * Turns an upload into a published version, in one transaction: all of it is there afterwards, or nothing.
     *
     * @param baseImage whose kernel installs the image; empty = none is said
     * @param old versions that make room for the new one
     * @return false, and nothing happened, if there is such a version already
     */
    public boolean publish(String id, Publication publication, String baseImage, List<Version> old, Instant now)
            throws DatabaseException {
        return database.write(c -> {
            if (!ImageRepository.publish(c, publication, now)) {
                return false;
            }
            if (Sql.update(c, "delete from upload where id = ?", id) != 1) {
                throw new SQLException("upload " + id + " was finished by somebody else");
            }
            ImageRepository.setBaseImage(
                    c, publication.sourceId(), publication.image().product(), baseImage);
            ImageRepository.delete(c, old);
            ImageRepository.raiseCatalogVersion(c);
            return true;
        });
    }

    private static StoredUpload withFiles(Connection c, StoredUpload upload) throws SQLException {
        List<UploadFile> files = Sql.list(
                c,
                "select * from upload_file where upload_id = ? order by name",
                row -> new UploadFile(
                        row.getString("name"), row.getString("ftype"), row.getString("sha256"), row.getLong("size")),
                upload.id());
        return new StoredUpload(upload.id(), upload.spec().withFiles(files), upload.created(), upload.active());
    }

    private static StoredUpload upload(ResultSet row, List<UploadFile> files) throws SQLException {
        return new StoredUpload(
                row.getString("id"),
                new UploadSpec(
                        row.getString("kind").equals("bootloader"),
                        row.getString("os"),
                        row.getString("release"),
                        row.getString("arch"),
                        row.getString("subarch"),
                        row.getString("method"),
                        row.getString("title"),
                        row.getString("base_image"),
                        files),
                Sql.instant(row, "created_at"),
                Sql.instant(row, "active_at"));
    }
}
