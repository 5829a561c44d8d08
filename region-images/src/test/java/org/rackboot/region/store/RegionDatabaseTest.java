package org.rackboot.region.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.store.TestDatabase.Failure;
import org.rackboot.region.store.TestDatabase.Faults;

class RegionDatabaseTest {
    private static final String NEW_SELECTION = "insert into selection (os, release, arch, subarch, label, created_at)"
            + " values ('ubuntu', 'noble', 'amd64', '*', '*', 0)";
    private static final String COUNT = "select count(*) from selection";

    @TempDir
    Path directory;

    @Test
    void aNewDatabaseGetsItsSchemaOnceAndKeepsWhatIsWritten() throws Exception {
        try (var database = open()) {
            database.write(c -> Sql.update(c, NEW_SELECTION));
        }

        try (var database = open()) {
            assertThat(number(database, COUNT)).isEqualTo(1);
            assertThat(number(database, "select count(*) from flyway_schema_history"))
                    .isEqualTo(8);
        }
    }

    @Test
    void aDatabaseOfTheFirstVersionKeepsWhatIsInIt() throws Exception {
        try (var database = open()) { // Back to what the first version made.
            database.write(c -> {
                Sql.update(c, NEW_SELECTION);
                for (String column : List.of("mirrors", "proxy", "ca_certificates", "start_path")) {
                    Sql.update(c, "alter table boot_source drop column " + column);
                }
                Sql.update(c, "alter table boot_source drop column kind");
                Sql.update(c, "alter table image drop column pinned_serial");
                Sql.update(c, "alter table image drop column base_image");
                Sql.update(c, "alter table image drop column kparams");
                for (String table :
                        List.of("assignment", "document", "tag", "machine_tag", "image_options", "seen_machine")) {
                    Sql.update(c, "drop table " + table);
                }
                Sql.update(c, "drop table machine_mac");
                Sql.update(c, "drop table machine");
                Sql.update(c, "drop table rack");
                Sql.update(c, "drop table upload_file");
                Sql.update(c, "drop table upload");
                return Sql.update(c, "delete from flyway_schema_history where version <> '1'");
            });
        }

        try (var database = open()) {
            assertThat(number(database, COUNT)).isEqualTo(1);
            assertThat(new SourceRepository(database).sources()).isEmpty();
            assertThat(new ImageRepository(database).versions()).isEmpty();
            assertThat(new MachineRepository(database).all()).isEmpty();
        }
    }

    @Test
    void aMachineWhoseNameBecameAWordOfTheApiIsCalledOtherwise() throws Exception {
        try (var database = open()) { // Back to before there were assignments.
            database.write(c -> {
                Sql.update(c, "drop index machine_bytes");
                for (String column : List.of("kernel_options", "network", "netboot", "bytes")) {
                    Sql.update(c, "alter table machine drop column " + column);
                }
                Sql.update(c, "alter table image drop column kparams");
                for (String table :
                        List.of("assignment", "document", "tag", "machine_tag", "image_options", "seen_machine")) {
                    Sql.update(c, "drop table " + table);
                }
                Sql.update(c, "insert into machine (id, name) values (7, 'default'), (8, 'web')");
                Sql.update(
                        c,
                        "insert into machine_mac (mac, machine_id, position)"
                                + " values ('52:54:00:00:00:01', 7, 0), ('52:54:00:00:00:02', 8, 0)");
                return Sql.update(c, "delete from flyway_schema_history where version = '8'");
            });
        }

        try (var database = open()) {
            assertThat(new MachineRepository(database).all())
                    .extracting(Machine::name)
                    .containsExactly("default-7", "web");
            assertThat(new MachineRepository(database).all())
                    .allSatisfy(machine -> assertThat(machine.boot()).isEqualTo(Machine.Boot.USUAL));
        }
    }

    /** As PostgreSQL says of the current schema while there is none: who listens for notices has to survive it. */
    @Test
    void aNullIsNothing() throws Exception {
        try (var database = open()) {
            Optional<String> nothing = database.read(c -> Sql.first(c, "select null", row -> row.getString(1)));

            assertThat(nothing).isEmpty();
        }
    }

    @Test
    void aDatabaseWithTheNewestSchemaIsOpenedWithoutFlyway() throws Exception {
        try (var database = open()) { // Flyway, asked again, would refuse this history.
            database.write(c -> Sql.update(c, "update flyway_schema_history set checksum = 1"));
        }

        try (var database = open()) {
            assertThat(number(database, COUNT)).isZero();
        }
    }

    @Test
    void aDatabaseOfANewerProgramIsRefused() throws Exception {
        try (var database = open()) {
            database.write(c -> Sql.update(
                    c,
                    "insert into flyway_schema_history (installed_rank, version, description, type, script,"
                            + " installed_by, execution_time, success)"
                            + " values (99, '999', 'tomorrow', 'SQL', 'V999__tomorrow.sql', 'x', 1, 1)"));
        }

        assertThatExceptionOfType(DatabaseException.class)
                .isThrownBy(this::open)
                .withMessageContaining("cannot be opened")
                .withMessageContaining("999");
    }

    @Test
    void everyConnectionWritesAheadWaitsForTheDiskAndKeepsReferencesWhole() throws Exception {
        try (var database = open()) {
            for (boolean write : List.of(true, false)) {
                assertThat(pragma(database, write, "journal_mode")).isEqualTo("wal");
                assertThat(pragma(database, write, "synchronous")).isEqualTo("2"); // FULL
                assertThat(pragma(database, write, "foreign_keys")).isEqualTo("1");
                assertThat(pragma(database, write, "page_size")).isEqualTo("16384");
            }
        }
    }

    @Test
    void aRowWithoutItsReferenceIsRefused() throws Exception {
        try (var database = open()) {
            assertThatExceptionOfType(DatabaseException.class)
                    .isThrownBy(() -> database.write(c -> Sql.update(
                            c, "insert into content_chunk (sha256, idx, digest, data) values ('x', 0, 'd', 'd')")))
                    .withMessageContaining("FOREIGN KEY");
        }
    }

    @Test
    void aTransactionHappensWholeOrNotAtAll() throws Exception {
        try (var database = open()) {
            assertThatExceptionOfType(DatabaseException.class)
                    .isThrownBy(() -> database.write(c -> {
                        Sql.update(c, NEW_SELECTION);
                        throw new SQLException("something came between");
                    }))
                    .withMessage("The region database failed to write: something came between");
            assertThatExceptionOfType(IllegalStateException.class)
                    .isThrownBy(() -> database.write(c -> {
                        Sql.update(c, NEW_SELECTION);
                        throw new IllegalStateException("a bug");
                    }));

            assertThat(number(database, COUNT)).isZero();
            database.write(c -> Sql.update(c, NEW_SELECTION));
            assertThat(number(database, COUNT)).isEqualTo(1);
        }
    }

    @Test
    void afterALostCommitTheDatabaseGoesOn() throws Exception {
        open().close();
        var faults = new Faults();
        try (var database = RegionDatabase.open(TestDatabase.sqlite(directory), faults::around)) {
            faults.arm(1, Failure.AFTER);
            assertThatExceptionOfType(DatabaseException.class)
                    .isThrownBy(() -> database.write(c -> Sql.update(c, NEW_SELECTION)));

            assertThat(number(database, COUNT)).isEqualTo(1);
            assertThat(database.<Integer>write(c -> Sql.update(c, "delete from selection")))
                    .isEqualTo(1);
        }
    }

    @Test
    void aUrlOfAnotherDatabaseIsRefused() {
        assertThatExceptionOfType(DatabaseException.class)
                .isThrownBy(() -> RegionDatabase.open("jdbc:h2:mem:x"))
                .withMessage("The database URL must begin with jdbc:sqlite: or jdbc:postgresql:");
    }

    @Test
    void aFileThatCannotBeWrittenIsNamed() throws Exception {
        Path taken = Files.createDirectory(directory.resolve("taken"));

        for (Path file : List.of(taken, directory.resolve("missing/region.db"))) {
            assertThatExceptionOfType(DatabaseException.class)
                    .isThrownBy(() -> RegionDatabase.open("jdbc:sqlite:" + file))
                    .withMessageContaining("The region database at jdbc:sqlite:" + file)
                    .withMessageContaining("Check that it is reachable and writable");
        }
    }

    @Test
    void aServerThatCannotBeReachedIsNamedWithoutItsPassword() {
        assertThatExceptionOfType(DatabaseException.class)
                .isThrownBy(() -> RegionDatabase.open("jdbc:postgresql://127.0.0.1:1/x?password=secret&user=u"))
                .withMessageContaining("jdbc:postgresql://127.0.0.1:1/x?password=…&user=u cannot be opened")
                .withMessageNotContaining("secret");
    }

    @Test
    void aFileThatIsNoDatabaseIsRefused() throws Exception {
        Files.writeString(directory.resolve("region.db"), "this is no database, but somebody's notes".repeat(100));

        assertThatExceptionOfType(DatabaseException.class)
                .isThrownBy(this::open)
                .withMessageContaining("not a database");
    }

    private RegionDatabase open() throws DatabaseException {
        return RegionDatabase.open(TestDatabase.sqlite(directory));
    }

    private static long number(RegionDatabase database, String query) throws DatabaseException {
        Optional<Long> number = database.read(c -> Sql.first(c, query, row -> row.getLong(1)));
        return number.orElseThrow();
    }

    private static String pragma(RegionDatabase database, boolean write, String name) throws DatabaseException {
        RegionDatabase.Work<Optional<String>> query = c -> Sql.first(c, "pragma " + name, row -> row.getString(1));
        return (write ? database.write(query) : database.read(query)).orElseThrow();
    }
}
