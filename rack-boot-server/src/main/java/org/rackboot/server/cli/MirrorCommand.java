package org.rackboot.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.publish.ItemFilter;
import org.rackboot.region.publish.KeyFile;
import org.rackboot.region.publish.LocalMirror;
import org.rackboot.region.publish.LocalMirror.Change;
import org.rackboot.region.publish.LocalMirror.Outcome;
import org.rackboot.region.publish.LocalMirror.Report;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.KeyringException;
import org.rackboot.region.signature.SigningKey;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** {@code rackboot mirror}: copies a stream into a directory that any web server can publish. Needs no server of ours. */
@Command(
        name = "mirror",
        description = {
            "Copies a simplestreams mirror, or a part of it, into a directory that any web server can publish.",
            "Every file is verified. What is there already is not fetched again; what broke off goes on."
        })
final class MirrorCommand implements Callable<Integer> {
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    @Parameters(index = "0", paramLabel = "SOURCE", description = "address of the stream, http:// or https://")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private String source;

    @Parameters(index = "1", paramLabel = "DIR", description = "where the mirror is, or will be")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private Path directory;

    @Parameters(
            index = "2..*",
            paramLabel = "FILTER",
            description =
                    "only items for which all of these hold: 'key=value', 'key!=value', 'key~regex', 'key!~regex',"
                            + " as in 'arch=amd64' 'release~(noble|jammy)'")
    private String @Nullable [] filters;

    @Option(names = "--keyring", paramLabel = "FILE", description = "OpenPGP keys that sign it, binary or armoured")
    private @Nullable Path keyring;

    @Option(names = "--unsigned", description = "take what comes without a signature")
    private boolean unsigned;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private UpstreamOptions upstream;

    @Option(
            names = "--max",
            paramLabel = "N",
            defaultValue = "1",
            description = "versions of a product, the newest (default: ${DEFAULT-VALUE})")
    private int max;

    @Option(
            names = "--keep",
            description = "keep versions that the source dropped, as long as there are not more than --max")
    private boolean keep;

    @Option(names = "--dry-run", description = "change nothing; list what would come (+) and go (-)")
    private boolean dryRun;

    @Option(
            names = "--resign",
            description = "publish metadata that lists only what is here, signed with a key of your own (--sign-key)")
    private boolean resign;

    @Option(
            names = "--sign-key",
            paramLabel = "FILE",
            description = "the secret key for --resign, outside DIR; made when it is not there")
    private @Nullable Path signKey;

    @Option(names = "--accept-older", description = "take metadata older than what was taken last")
    private boolean acceptOlder;

    @Option(names = "--json", description = "print one JSON object at the end")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    @Override
    public Integer call() throws InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        MirrorProgress progress =
                new MirrorProgress(out, json, !json && Boolean.getBoolean("rackboot.terminal"), System::nanoTime);
        ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "watchdog");
            thread.setDaemon(true);
            return thread;
        });
        try {
            LocalMirror.Settings settings = settings();
            Report report = new LocalMirror(
                            settings,
                            upstream.mirror(settings.root(), watchdog),
                            progress,
                            Clock.systemUTC(),
                            pause -> TimeUnit.NANOSECONDS.sleep(pause.toNanos()))
                    .run();
            progress.end();
            print(report, settings, out, err);
            return exitCode(report.outcome());
        } catch (Client.UsageException | IllegalArgumentException e) {
            err.println("rackboot: " + e.getMessage());
            return ClientCommand.USAGE;
        } catch (IOException | KeyringException e) {
            err.println("rackboot: " + e.getMessage());
            return ClientCommand.FAILED;
        } finally {
            watchdog.shutdownNow();
        }
    }

    private LocalMirror.Settings settings() throws Client.UsageException, IOException, KeyringException {
        require(
                unsigned == (keyring == null),
                "Give --keyring FILE with the keys that sign it, or --unsigned; not both");
        require(max >= 1, "--max is %d; use 1 or more".formatted(max));
        require(resign == (signKey != null), "--resign and --sign-key FILE go together");
        require(
                signKey == null
                        || !signKey.toAbsolutePath()
                                .normalize()
                                .startsWith(directory.toAbsolutePath().normalize()),
                "--sign-key is inside the mirror, where everyone could fetch it; keep it elsewhere");
        List<ItemFilter> conditions = new ArrayList<>();
        for (String filter : filters == null ? new String[0] : filters) {
            conditions.add(ItemFilter.parse(filter));
        }
        URI root = LocalMirror.root(source);
        Optional<Keyring> trusted = keyring == null ? Optional.empty() : Optional.of(read(keyring));
        Optional<SigningKey> signer = Optional.empty();
        if (signKey != null && !dryRun) {
            signer = Optional.of(KeyFile.readOrMake(signKey, "rackboot mirror", Clock.systemUTC()));
        }
        return new LocalMirror.Settings(root, trusted, directory, conditions, max, keep, dryRun, acceptOlder, signer);
    }

    static Keyring read(Path file) throws IOException, KeyringException {
        try {
            if (Files.size(file) > Keyring.MAX_BYTES) {
                throw new IOException("it is larger than %d bytes".formatted(Keyring.MAX_BYTES));
            }
            return Keyring.parse(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new IOException("The keyring %s cannot be read: %s".formatted(file, FileWords.reason(e)), e);
        }
    }

    private static void require(boolean condition, String message) throws Client.UsageException {
        if (!condition) {
            throw new Client.UsageException(message);
        }
    }

    private static int exitCode(Outcome outcome) {
        return switch (outcome) {
            case DONE -> ClientCommand.DONE;
            case FAILED -> ClientCommand.FAILED;
            case UNREACHABLE -> ClientCommand.UNREACHABLE;
        };
    }

    private void print(Report report, LocalMirror.Settings settings, PrintWriter out, PrintWriter err) {
        if (json) {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("source", settings.root().toString());
            object.put("directory", directory.toString());
            object.put("outcome", report.outcome().name().toLowerCase(Locale.ROOT));
            object.put("dryRun", dryRun);
            object.put("added", changes(report.added()));
            object.put("removed", changes(report.removed()));
            object.put("files", report.files());
            object.put("bytes", report.bytes());
            object.put("downloadedBytes", report.downloadedBytes());
            object.put("problems", report.problems());
            settings.signingKey().ifPresent(key -> object.put("signedBy", key.fingerprint()));
            out.println(JSON.writeValueAsString(object));
            out.flush();
            return;
        }
        if (dryRun) {
            report.added().forEach(file -> out.println("+ %s %d".formatted(file.path(), file.size())));
            report.removed().forEach(file -> out.println("- %s %d".formatted(file.path(), file.size())));
        }
        report.problems().forEach(problem -> err.println("rackboot: " + problem));
        if (report.outcome() == Outcome.DONE) {
            out.println("%s: %d files, %s; %s %s, %s %s"
                    .formatted(
                            directory,
                            report.files(),
                            Table.bytes(report.bytes()),
                            dryRun ? "would fetch" : "fetched",
                            total(report.added()),
                            dryRun ? "would delete" : "deleted",
                            total(report.removed())));
            settings.signingKey().ifPresent(key -> out.println("signed by " + key.fingerprint()));
        }
        out.flush();
    }

    private static String total(List<Change> changes) {
        return "%d files (%d bytes)"
                .formatted(
                        changes.size(), changes.stream().mapToLong(Change::size).sum());
    }

    private static List<Map<String, Object>> changes(List<Change> changes) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (Change change : changes) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("path", change.path());
            entry.put("size", change.size());
            all.add(entry);
        }
        return all;
    }
}
