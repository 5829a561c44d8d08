package org.rackboot.server.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.publish.BundleFile;
import org.rackboot.region.publish.BundleWriter;
import org.rackboot.region.publish.BundleWriter.Written;
import org.rackboot.region.publish.ItemFilter;
import org.rackboot.region.publish.LocalMirror;
import org.rackboot.region.publish.LocalMirror.Outcome;
import org.rackboot.region.publish.LocalMirror.Report;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.signature.Keyring.KeyInfo;
import org.rackboot.region.signature.KeyringException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** {@code rackboot bundle}: images in one file, for a site without a network. */
@Command(
        name = "bundle",
        description = "Images in one file, for a site without a network.",
        subcommands = {BundleCommand.ExportCommand.class, BundleCommand.ImportCommand.class})
final class BundleCommand {
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /** Copies a stream into a directory beside the bundle, and packs that. */
    @Command(
            name = "export",
            description = {
                "Writes the region's images, or those of another source, into one tar file with their signatures.",
                "Said again after an interruption, it goes on where it stopped."
            })
    static final class ExportCommand implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "FILE", description = "the bundle to write, images.tar")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private Path file;

        @Parameters(
                index = "1..*",
                paramLabel = "FILTER",
                description = "as for 'mirror': 'arch=amd64' 'release~^noble'")
        private String @Nullable [] filters;

        @Option(
                names = "--from",
                paramLabel = "SOURCE",
                description = "address of a stream; needs no server (default: the images of the region)")
        private @Nullable String source;

        @Option(
                names = "--keyring",
                paramLabel = "FILE",
                description = "with --from: OpenPGP keys that sign it, binary or armoured")
        private @Nullable Path keyring;

        @Option(names = "--unsigned", description = "with --from: take what comes without a signature")
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

        @Mixin
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private ServerOptions server;

        @Option(names = "--json", description = "print one JSON object at the end")
        private boolean json;

        @Spec
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private CommandSpec spec;

        private record Origin(URI root, Optional<byte[]> keyring) {}

        @Override
        public Integer call() throws InterruptedException {
            PrintWriter err = spec.commandLine().getErr();
            ScheduledExecutorService watchdog = Executors.newSingleThreadScheduledExecutor(work -> {
                Thread thread = new Thread(work, "watchdog");
                thread.setDaemon(true);
                return thread;
            });
            try {
                return export(watchdog);
            } catch (Client.UnreachableException e) {
                err.println("rackboot: " + e.getMessage());
                return ClientCommand.UNREACHABLE;
            } catch (Client.UsageException | IllegalArgumentException e) {
                err.println("rackboot: " + e.getMessage());
                return ClientCommand.USAGE;
            } catch (Client.RefusedException | IOException | KeyringException e) {
                err.println("rackboot: " + e.getMessage());
                return ClientCommand.FAILED;
            } finally {
                watchdog.shutdownNow();
            }
        }

        private int export(ScheduledExecutorService watchdog)
                throws Client.UnreachableException, Client.UsageException, Client.RefusedException, IOException,
                        KeyringException, InterruptedException {
            List<ItemFilter> conditions = new ArrayList<>();
            for (String filter : filters == null ? new String[0] : filters) {
                conditions.add(ItemFilter.parse(filter));
            }
            if (max < 1) {
                throw new Client.UsageException("--max is %d; use 1 or more".formatted(max));
            }
            Origin origin = origin();
            Optional<Keyring> trusted = origin.keyring().isEmpty()
                    ? Optional.empty()
                    : Optional.of(Keyring.parse(origin.keyring().get()));
            Path work = Path.of(file + ".work");
            PrintWriter out = spec.commandLine().getOut();
            MirrorProgress progress =
                    new MirrorProgress(out, json, !json && Boolean.getBoolean("rackboot.terminal"), System::nanoTime);
            Report report = new LocalMirror(
                            new LocalMirror.Settings(
                                    origin.root(),
                                    trusted,
                                    work,
                                    conditions,
                                    max,
                                    false,
                                    false,
                                    false,
                                    Optional.empty()),
                            upstream.mirror(origin.root(), watchdog),
                            progress,
                            Clock.systemUTC(),
                            pause -> TimeUnit.NANOSECONDS.sleep(pause.toNanos()))
                    .run();
            progress.end();
            Optional<Written> written = Optional.empty();
            if (report.outcome() == Outcome.DONE) {
                written = Optional.of(BundleWriter.write(work, origin.keyring(), file));
                deleteAll(work);
            }
            print(report, written, fingerprints(trusted));
            return switch (report.outcome()) {
                case DONE -> ClientCommand.DONE;
                case FAILED -> ClientCommand.FAILED;
                case UNREACHABLE -> ClientCommand.UNREACHABLE;
            };
        }

        private Origin origin()
                throws Client.UnreachableException, Client.UsageException, Client.RefusedException, IOException,
                        KeyringException, InterruptedException {
            if (source == null) {
                if (keyring != null || unsigned || upstream.isGiven()) {
                    throw new Client.UsageException(
                            "--keyring, --unsigned, --proxy and --ca-file go with --from; the region is known");
                }
                try (Client client = Client.find(server)) {
                    return new Origin(client.imageStream(), Optional.of(client.published("keyring.gpg")));
                }
            }
            if (unsigned == (keyring != null)) {
                throw new Client.UsageException(
                        "Give --keyring FILE with the keys that sign it, or --unsigned; not both");
            }
            URI root = LocalMirror.root(source);
            if (keyring == null) {
                return new Origin(root, Optional.empty());
            }
            MirrorCommand.read(keyring); // Says what is wrong with it.
            return new Origin(root, Optional.of(Files.readAllBytes(keyring)));
        }

        private void print(Report report, Optional<Written> written, List<String> fingerprints) {
            PrintWriter out = spec.commandLine().getOut();
            if (json) {
                Map<String, Object> object = new LinkedHashMap<>();
                object.put("file", file.toString());
                object.put("outcome", report.outcome().name().toLowerCase(Locale.ROOT));
                object.put("fingerprints", fingerprints);
                object.put("downloadedBytes", report.downloadedBytes());
                object.put("problems", report.problems());
                written.ifPresent(bundle -> {
                    object.put("files", bundle.files());
                    object.put("bytes", bundle.bytes());
                    object.put("sha256", bundle.sha256());
                });
                out.println(JSON.writeValueAsString(object));
            } else {
                report.problems().forEach(problem -> spec.commandLine().getErr().println("rackboot: " + problem));
                written.ifPresent(bundle -> out.println("%s: %d files, %s, sha256 %s"
                        .formatted(file, bundle.files(), Table.bytes(bundle.bytes()), bundle.sha256())));
                if (written.isPresent()) {
                    fingerprints.forEach(key -> out.println("its keyring: " + key));
                }
            }
            out.flush();
        }

        private static void deleteAll(Path directory) throws IOException {
            try (Stream<Path> all = Files.walk(directory)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    private static List<String> fingerprints(Optional<Keyring> keyring) {
        return keyring.stream()
                .flatMap(keys -> keys.keys().stream())
                .map(KeyInfo::fingerprint)
                .toList();
    }

    /** Sends a bundle to the region, which verifies it and imports what it holds. */
    @Command(
            name = "import",
            description = {
                "Brings a bundle into the region: verifies it, selects what is in it, imports it, and waits for the end.",
                "The first bundle needs the keyring that signs it; a later one of the same name does not."
            })
    static final class ImportCommand extends ClientCommand {
        private static final int PIECE_BYTES = 4 << 20;
        private static final int MAX_KEYRING_BYTES = 1 << 20;
        private static final long LOOK_MILLIS = 200;
        private static final URI ANYWHERE = URI.create("bundle:/");

        @Parameters(paramLabel = "FILE", description = "the bundle")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private Path file;

        @Option(
                names = "--keyring",
                paramLabel = "FILE",
                description = "OpenPGP keys that sign it, binary or armoured: yours, not the one inside")
        private @Nullable Path keyring;

        @Option(names = "--unsigned", description = "take it without a signature")
        private boolean unsigned;

        @Option(
                names = "--name",
                paramLabel = "N",
                defaultValue = "bundle",
                description = "the source its images will have; one for each origin (default: ${DEFAULT-VALUE})")
        @SuppressWarnings("NullAway.Init") // Set by picocli.
        private String name;

        @Option(names = "--no-select", description = "import only what is selected already, and bootloaders")
        private boolean noSelect;

        @Option(names = "--accept-older", description = "take a bundle older than the last one")
        private boolean acceptOlder;

        private int lastPercent = -10;
        private int linesShown;

        @Override
        int run(Client client) throws Exception {
            if (unsigned && keyring != null) {
                throw new Client.UsageException("Give --keyring FILE or --unsigned; not both");
            }
            Map<String, Object> terms = new LinkedHashMap<>();
            terms.put("name", name);
            terms.put("unsigned", unsigned);
            terms.put("acceptOlder", acceptOlder);
            terms.put("select", !noSelect);
            try {
                if (keyring != null) {
                    terms.put("keyring", Base64.getEncoder().encodeToString(bytes(keyring)));
                }
                Optional<String> inside = inside();
                if (!json()) {
                    inside.ifPresent(key -> out().println("the keyring inside is " + key));
                }
                boolean known = client.get("sources")
                        .valueStream()
                        .anyMatch(source -> source.path("url").asString().equals("bundle:/" + name + "/"));
                if (!known && keyring == null && !unsigned) {
                    throw new Client.RefusedException(
                            "No bundle called '%s' was imported before, so give --keyring FILE with the keys that sign it.%s"
                                    .formatted(
                                            name,
                                            inside.map(key ->
                                                            (" One with the fingerprint %s travels in the bundle: compare"
                                                                            + " that over another channel, then take it out with"
                                                                            + " 'tar xOf %s %s > keyring.gpg'")
                                                                    .formatted(key, file, BundleFile.KEYRING))
                                                    .orElse("")));
                }
                String id = send(client);
                awaitOthers(client);
                return await(client, client.post("bundles/" + id + "/import", terms));
            } catch (IOException e) {
                throw new Client.RefusedException(String.valueOf(e.getMessage()));
            }
        }

        /** Looks at the bundle's structure before gigabytes travel; returns whose keyring is in it. */
        private Optional<String> inside() throws IOException {
            try (BundleFile bundle = BundleFile.open(file, ANYWHERE)) {
                Optional<byte[]> keys = bundle.keyring();
                if (keys.isEmpty()) {
                    return Optional.empty();
                }
                return Optional.of(String.join(" and ", fingerprints(Optional.of(Keyring.parse(keys.get())))));
            } catch (KeyringException e) {
                return Optional.empty(); // It counts for nothing anyway.
            }
        }

        private static byte[] bytes(Path keyring) throws IOException {
            try {
                if (Files.size(keyring) > MAX_KEYRING_BYTES) {
                    throw new IOException("it is larger than 1 MiB");
                }
                return Files.readAllBytes(keyring);
            } catch (IOException e) {
                throw new IOException("The keyring %s cannot be read: %s".formatted(keyring, FileWords.reason(e)), e);
            }
        }

        private String send(Client client) throws Exception {
            long size = Files.size(file);
            String id = sha256(file);
            JsonNode begun = client.post("bundles", Map.of("sha256", id, "size", size));
            long offset = begun.path("offset").asLong();
            if (offset > 0 && !json()) {
                out().println("going on at %s of %s".formatted(Table.bytes(offset), Table.bytes(size)));
            }
            byte[] piece = new byte[PIECE_BYTES];
            try (RandomAccessFile bundle = new RandomAccessFile(file.toFile(), "r")) {
                while (offset < size) {
                    bundle.seek(offset);
                    int length = (int) Math.min(piece.length, size - offset);
                    bundle.readFully(piece, 0, length);
                    offset = client.put("bundles/%s?offset=%d".formatted(id, offset), Arrays.copyOf(piece, length))
                            .path("offset")
                            .asLong();
                    show("sent", offset, size);
                }
            }
            return id;
        }

        /** The hourly import may be under way. */
        private static void awaitOthers(Client client) throws Exception {
            while (client.get("images/import").path("state").asString().equals("running")) {
                TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
            }
        }

        private int await(Client client, JsonNode started) throws Exception {
            JsonNode status = started;
            lastPercent = -10;
            while (true) {
                JsonNode log = status.path("log");
                for (; linesShown < log.size() && !json(); linesShown++) {
                    out().println(log.path(linesShown).asString());
                }
                if (!status.path("state").asString().equals("running")) {
                    break;
                }
                show(
                        "imported",
                        status.path("bytesDone").asLong(),
                        status.path("bytesTotal").asLong());
                TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
                status = client.get("images/import");
            }
            boolean done = status.path("state").asString().equals("done");
            if (json()) {
                printJson(status);
            } else {
                status.path("published").forEach(version -> out().println("published " + version.asString()));
                status.path("deleted").forEach(version -> out().println("deleted " + version.asString()));
                if (done) {
                    out().println("bundle imported: %d new versions"
                            .formatted(status.path("published").size()));
                }
            }
            status.path("problems").forEach(problem -> err().println("rackboot: " + problem.asString()));
            if (!done) {
                err().println("rackboot: not all of the bundle was imported; what was here before still is");
            }
            return done ? DONE : FAILED;
        }

        private void show(String what, long done, long total) {
            int percent = (int) (done * 100 / Math.max(1, total));
            if (json() || total == 0 || percent < lastPercent + 10) {
                return;
            }
            lastPercent = percent - percent % 10;
            out().println("%s %3d %%  %s of %s".formatted(what, percent, Table.bytes(done), Table.bytes(total)));
            out().flush();
        }

        private static String sha256(Path path) throws IOException {
            try (InputStream in = Files.newInputStream(path)) {
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                byte[] buffer = new byte[1 << 16];
                for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                    digest.update(buffer, 0, count);
                }
                return HexFormat.of().formatHex(digest.digest());
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e); // Every Java platform has it.
            }
        }
    }
}
