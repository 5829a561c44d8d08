package org.rackboot.server.cli;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.server.config.StateDirectory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code rackboot backup}: a state directory to start from, as of one moment; the server may run. */
@Command(name = "backup", description = "Copies what a region keeps on SQLite; the server may run.")
final class BackupCommand implements Callable<Integer> {
    private static final String DATABASE = "region.db";
    private static final List<String> FILES =
            List.of("api-token", "api-tls.pem", "api-tls.key", "stream-signing-key.asc", "stream-last-change", "pins");

    @Parameters(paramLabel = "DIR", description = "made for the backup; to restore, start with --state on a copy of it")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private Path directory;

    @Option(names = "--state", paramLabel = "DIR", description = "the server's state directory")
    private @Nullable Path state;

    @Spec
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    @Override
    public Integer call() {
        Path from = state == null ? StateDirectory.standard() : state;
        if (!Files.isRegularFile(from.resolve(DATABASE))) {
            return failed(
                    ("There is no %s in %s: say --state DIR. A region on PostgreSQL is saved with pg_dump, and with a"
                                    + " copy of %s")
                            .formatted(DATABASE, from, String.join(", ", FILES)));
        }
        try {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            for (String name : FILES) {
                if (Files.exists(from.resolve(name))) {
                    Files.copy(from.resolve(name), directory.resolve(name), StandardCopyOption.COPY_ATTRIBUTES);
                }
            }
            Path part = directory.resolve(DATABASE + ".part"); // Under its own name only once it is whole.
            RegionDatabase.copy(from.resolve(DATABASE), part);
            Files.move(part, directory.resolve(DATABASE), StandardCopyOption.ATOMIC_MOVE);
            try (FileChannel itself = FileChannel.open(directory, StandardOpenOption.READ)) {
                itself.force(true);
            }
        } catch (FileAlreadyExistsException e) {
            return failed("%s is there already; name a directory that is not".formatted(directory));
        } catch (FileSystemException e) { // Its message is but the path.
            return failed("The backup failed (%s); remove %s and try again".formatted(e, directory));
        } catch (DatabaseException e) {
            return failed("%s; remove %s and try again".formatted(e.getMessage(), directory));
        } catch (IOException e) {
            return failed("The backup failed (%s); remove %s and try again".formatted(e.getMessage(), directory));
        }
        spec.commandLine().getOut().println("saved in " + directory);
        return ClientCommand.DONE;
    }

    private int failed(String message) {
        spec.commandLine().getErr().println("rackboot: " + message);
        return ClientCommand.FAILED;
    }
}
