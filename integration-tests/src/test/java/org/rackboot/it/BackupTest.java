package org.rackboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What docs/images.md says of backups, made in the middle of an import. */
@Timeout(180)
class BackupTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final int NEW_BYTES = 9 * (1 << 20) + 12_345;

    @TempDir
    Path directory;

    private final HttpClient http = HttpClient.newHttpClient();
    private final SignedStream old = SignedStream.of(1, "20260115", 3 << 20);
    private final SignedStream newer = SignedStream.of(1, "20260116", NEW_BYTES);

    @FunctionalInterface
    private interface Step {
        void run() throws Exception;
    }

    @Test
    void sqliteIsSavedWhileItRuns() throws Exception {
        Path state = directory.resolve("state");
        Path backup = directory.resolve("backup");
        try (StreamServer source = new StreamServer(old.files());
                Program region = Program.serve(state)) {
            byte[] catalog = savedMidway(region, source, () -> {
                Program.Result saved = Program.command("backup", backup.toString(), "--state", state.toString());
                assertThat(saved.exitCode()).as(saved.err()).isZero();
            });
            Program.Result again = Program.command("backup", backup.toString(), "--state", state.toString());
            assertThat(again.exitCode()).isOne();
            assertThat(again.err()).contains("is there already");

            try (Program restored = Program.serve(backup)) {
                isWhatWasSaved(restored, catalog);
            }
            assertThat(Files.readString(backup.resolve("stream-signing-key.asc")))
                    .isEqualTo(Files.readString(state.resolve("stream-signing-key.asc")));
        }
    }

    @Test
    void withoutADatabaseTheCommandSaysWhatToDo() {
        Program.Result result =
                Program.command("backup", directory.resolve("backup").toString(), "--state", directory.toString());

        assertThat(result.exitCode()).isOne();
        assertThat(result.err()).contains("--state DIR").contains("pg_dump");
        assertThat(directory.resolve("backup")).doesNotExist();
    }

    @Test
    void postgresqlIsSavedWhileItRuns() throws Exception {
        Optional<InstalledPostgres> installed = InstalledPostgres.start();
        assumeTrue(installed.isPresent(), "no PostgreSQL with pg_dump in /usr/lib/postgresql");
        Path state = directory.resolve("state");
        Path fresh = Files.createDirectory(directory.resolve("fresh"));
        Path dump = directory.resolve("region.dump");
        InstalledPostgres postgres = installed.get();
        try (StreamServer source = new StreamServer(old.files())) {
            postgres.run("createdb", "region");
            byte[] catalog;
            try (Program region = Program.serve(state, "--database", postgres.url("region"))) {
                catalog = savedMidway(region, source, () -> {
                    postgres.run("pg_dump", "-Fc", "-f", dump.toString(), "region");
                    for (String file : List.of(
                            "api-token",
                            "api-tls.pem",
                            "api-tls.key",
                            "stream-signing-key.asc",
                            "stream-last-change")) {
                        Files.copy(state.resolve(file), fresh.resolve(file));
                    }
                });
            }

            postgres.run("createdb", "restored");
            postgres.run("pg_restore", "--no-owner", "-d", "restored", dump.toString());
            try (Program restored = Program.serve(fresh, "--database", postgres.url("restored"))) {
                isWhatWasSaved(restored, catalog);
            }
        } finally {
            postgres.stop();
        }
    }

    /** Imports one version, takes the backup while the next one arrives, and lets that arrive; returns the first's catalog. */
    private byte[] savedMidway(Program region, StreamServer source, Step backup) throws Exception {
        Path keyring = Files.write(directory.resolve("keyring.gpg"), old.keyring());
        done(region, "sources", "add", source.url().toString(), "--keyring", keyring.toString(), "--name", "test");
        done(region, "selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64");
        done(region, "images", "import", "--wait");
        assertThat(http.send(
                                HttpRequest.newBuilder(URI.create(url(region) + "images-stream/streams/v1/index.sjson"))
                                        .build(),
                                BodyHandlers.discarding())
                        .statusCode())
                .isEqualTo(200);

        old.files().putAll(Map.copyOf(newer.files()));
        source.hold();
        source.let(16 * 5 + 7); // Five chunks of the squashfs, and a part of the sixth.
        done(region, "images", "import");
        await().atMost(Duration.ofSeconds(60)).until(() -> {
            JsonNode status = JSON.readTree(get(region, "images/import"));
            long left = status.path("bytesTotal").asLong()
                    - status.path("bytesDone").asLong();
            int filesLeft =
                    status.path("filesTotal").asInt() - status.path("filesDone").asInt();
            return status.path("phase").asString().equals("downloading")
                    && filesLeft == 1
                    && left <= NEW_BYTES - 5L * (1 << 20);
        });
        byte[] catalog = get(region, "catalog");
        backup.run();
        assertThat(get(region, "catalog")).as("nothing was published meanwhile").isEqualTo(catalog);

        source.letAll();
        done(region, "images", "import", "--wait");
        return catalog;
    }

    private void isWhatWasSaved(Program restored, byte[] catalog) throws Exception {
        assertThat(get(restored, "catalog")).isEqualTo(catalog);
        JsonNode objects = JSON.readTree(catalog).path("objects");
        assertThat(objects.propertyNames()).hasSizeGreaterThan(5);
        for (String sha256 : objects.propertyNames()) {
            assertThat(SignedStream.sha256(get(restored, "content/" + sha256))).isEqualTo(sha256);
        }

        Program.Result imported = restored.run("images", "import", "--wait");

        assertThat(imported.exitCode()).as(imported.out() + imported.err()).isZero();
        assertThat(imported.out()).contains("squashfs: going on at byte " + 5 * (1 << 20));
        byte[] squashfs = newer.file("noble/amd64/20260116/squashfs");
        assertThat(get(restored, "content/" + SignedStream.sha256(squashfs))).isEqualTo(squashfs);
    }

    private byte[] get(Program region, String path) throws Exception {
        String token = Files.readString(region.state().resolve("api-token")).strip();
        return http.send(
                        HttpRequest.newBuilder(URI.create(url(region) + "api/v1/" + path))
                                .header("Authorization", "Bearer " + token)
                                .build(),
                        BodyHandlers.ofByteArray())
                .body();
    }

    private static String url(Program region) throws IOException {
        return Files.readString(region.state().resolve("api-url")).strip();
    }

    private static void done(Program region, String... arguments) {
        Program.Result result = region.run(arguments);
        assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
    }
}
