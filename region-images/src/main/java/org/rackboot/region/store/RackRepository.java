package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Racks: who may come, who came, and what each has. Of tokens and credentials it knows the sha256 alone. */
public final class RackRepository {
    private final RegionDatabase database;

    public RackRepository(RegionDatabase database) {
        this.database = database;
    }

    /**
     * What a rack says of itself.
     *
     * @param host the name of its machine
     * @param version of its program
     * @param catalogVersion that it answers from
     * @param listeners addresses, {@code http://192.0.2.1:5248}
     * @param warnings for the operator, in words
     * @param contents bytes it holds, by sha256; empty = as it said before
     */
    public record Report(
            String host,
            String version,
            long catalogVersion,
            List<String> listeners,
            List<String> warnings,
            Optional<Map<String, Long>> contents) {
        public static final Report NONE = new Report("", "", 0, List.of(), List.of(), Optional.empty());

        public Report {
            listeners = List.copyOf(listeners);
            warnings = List.copyOf(warnings);
            contents = contents.map(Map::copyOf);
        }
    }

    /**
     * A rack, or the place of one that is expected.
     *
     * @param guest bears the API's token instead of a credential of its own
     * @param expires when its one-time token does, if it did not come yet
     */
    public record Rack(
            String name,
            boolean guest,
            Instant created,
            Instant expires,
            Optional<Instant> enrolled,
            Optional<Instant> revoked,
            Optional<Instant> contact,
            Report report) {}

    /**
     * Makes a place for a rack that is to come. One of the same name that was revoked, or did not come in time, makes way.
     *
     * @param name empty = the first free one of {@code rack-1}, {@code rack-2}, …
     * @return its name; empty if that is taken
     */
    public Optional<String> expect(Optional<String> name, String tokenHash, Instant now, Instant expires)
            throws DatabaseException {
        return database.write(c -> {
            String chosen = name.isPresent() ? name.get() : freeName(c);
            Sql.update(
                    c,
                    "delete from rack where name = ? and (revoked_at is not null"
                            + " or (guest = 0 and enrolled_at is null and expires_at < ?))",
                    chosen,
                    now);
            int added = Sql.update(
                    c,
                    "insert into rack (name, guest, token_hash, expires_at, created_at) values (?, 0, ?, ?, ?)"
                            + " on conflict do nothing",
                    chosen,
                    tokenHash,
                    expires,
                    now);
            return added == 1 ? Optional.of(chosen) : Optional.empty();
        });
    }

    private static String freeName(Connection c) throws SQLException {
        List<String> taken =
                Sql.list(c, "select name from rack where name like 'rack-%'", row -> row.getString("name"));
        int number = 1;
        while (taken.contains("rack-" + number)) {
            number++;
        }
        return "rack-" + number;
    }

    /**
     * Gives a rack its credential for its one-time token. A rack that lost the answer may ask again: the credential it did
     * not get is of no use then.
     *
     * @param redeemer the rack's own key: nobody else may ask again
     * @param againSince a token that was redeemed before this moment is used up
     * @return the rack's name; empty if the token is unknown, expired or used up
     */
    public Optional<String> redeem(
            String tokenHash,
            String redeemer,
            String host,
            String version,
            String credentialHash,
            Instant now,
            Instant againSince)
            throws DatabaseException {
        return database.write(c -> {
            int redeemed = Sql.update(
                    c,
                    "update rack set redeemer = ?, credential_hash = ?, enrolled_at = coalesce(enrolled_at, ?),"
                            + " contact_at = ?, host = ?, version = ?"
                            + " where token_hash = ? and ((enrolled_at is null and expires_at >= ?)"
                            + " or (redeemer = ? and enrolled_at >= ?))",
                    redeemer,
                    credentialHash,
                    now,
                    now,
                    host,
                    version,
                    tokenHash,
                    now,
                    redeemer,
                    againSince);
            return redeemed == 0
                    ? Optional.empty()
                    : Sql.first(c, "select name from rack where token_hash = ?", row -> row.getString(1), tokenHash);
        });
    }

    /** Whose credential it is. */
    public Optional<String> bearer(String credentialHash) throws DatabaseException {
        return database.read(c -> Sql.first(
                c, "select name from rack where credential_hash = ?", row -> row.getString(1), credentialHash));
    }

    /** Takes a rack's credential; it stays in the list. Returns whether there was one to take. */
    public boolean revoke(String name, Instant now) throws DatabaseException {
        return database.write(c -> Sql.update(
                        c,
                        "update rack set revoked_at = ?, token_hash = null, credential_hash = null, redeemer = null,"
                                + " contents = null where name = ? and credential_hash is not null",
                        now,
                        name)
                == 1);
    }

    /** Forgets a rack, or that one is expected. */
    public boolean remove(String name) throws DatabaseException {
        return database.write(c -> Sql.update(c, "delete from rack where name = ?", name) == 1);
    }

    /** Forgets what is of no use since that moment: revoked racks, tokens that nobody redeemed, guests that stay away. */
    public int forget(Instant before) throws DatabaseException {
        return database.write(c -> Sql.update(
                c,
                "delete from rack where revoked_at < ? or (guest = 1 and contact_at < ?)"
                        + " or (guest = 0 and enrolled_at is null and expires_at < ?)",
                before,
                before,
                before));
    }

    /**
     * Keeps what an enrolled rack says of itself.
     *
     * @return whether it is known what the rack holds; if not, it should say
     */
    public boolean report(String name, Report report, Instant now) throws DatabaseException {
        return database.write(c -> {
            keep(c, name, report, now);
            return knowsContents(c, name);
        });
    }

    /** The same of a rack that bears the API's token; empty, and nothing is kept, if the name is an enrolled rack's. */
    public Optional<Boolean> reportGuest(String name, Report report, Instant now) throws DatabaseException {
        return database.write(c -> {
            Sql.update(
                    c,
                    "insert into rack (name, guest, expires_at, created_at) values (?, 1, ?, ?) on conflict do nothing",
                    name,
                    now,
                    now);
            if (Sql.first(c, "select name from rack where guest = 1 and name = ?", row -> "", name)
                    .isEmpty()) {
                return Optional.empty();
            }
            keep(c, name, report, now);
            return Optional.of(knowsContents(c, name));
        });
    }

    private static void keep(Connection c, String name, Report report, Instant now) throws SQLException {
        Sql.update(
                c,
                "update rack set contact_at = ?, host = ?, version = ?, catalog_version = ?, listeners = ?, warnings = ?"
                        + " where name = ? and revoked_at is null",
                now,
                report.host(),
                report.version(),
                report.catalogVersion(),
                String.join("\n", report.listeners()),
                String.join("\n", report.warnings()),
                name);
        if (report.contents().isPresent()) {
            Sql.update(
                    c,
                    "update rack set contents = ? where name = ? and revoked_at is null",
                    text(report.contents().get()),
                    name);
        }
    }

    private static boolean knowsContents(Connection c, String name) throws SQLException {
        return Sql.first(c, "select name from rack where name = ? and contents is not null", row -> "", name)
                .isPresent();
    }

    public int count() throws DatabaseException {
        return database.read(c ->
                Sql.first(c, "select count(*) from rack", row -> row.getInt(1)).orElse(0));
    }

    /** All of them, by name. */
    public List<Rack> all() throws DatabaseException {
        return database.read(c -> Sql.list(c, "select * from rack order by name", RackRepository::rack));
    }

    public Optional<Rack> find(String name) throws DatabaseException {
        return database.read(c -> Sql.first(c, "select * from rack where name = ?", RackRepository::rack, name));
    }

    private static Rack rack(ResultSet row) throws SQLException {
        return new Rack(
                row.getString("name"),
                row.getInt("guest") == 1,
                Sql.instant(row, "created_at"),
                Sql.instant(row, "expires_at"),
                instant(row, "enrolled_at"),
                instant(row, "revoked_at"),
                instant(row, "contact_at"),
                new Report(
                        row.getString("host"),
                        row.getString("version"),
                        row.getLong("catalog_version"),
                        row.getString("listeners").lines().toList(),
                        row.getString("warnings").lines().toList(),
                        Optional.ofNullable(row.getString("contents")).map(RackRepository::contents)));
    }

    private static Optional<Instant> instant(ResultSet row, String column) throws SQLException {
        long millis = row.getLong(column);
        return row.wasNull() ? Optional.empty() : Optional.of(Instant.ofEpochMilli(millis));
    }

    private static String text(Map<String, Long> contents) {
        StringBuilder text = new StringBuilder();
        contents.forEach((sha256, bytes) ->
                text.append(sha256).append(' ').append(bytes.longValue()).append('\n'));
        return text.toString();
    }

    private static Map<String, Long> contents(String text) {
        Map<String, Long> contents = new LinkedHashMap<>();
        text.lines().forEach(line -> {
            int blank = line.indexOf(' ');
            contents.put(line.substring(0, blank), Long.parseLong(line, blank + 1, line.length(), 10));
        });
        return contents;
    }
}
