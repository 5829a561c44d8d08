package org.rackboot.server.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.source.BootSource;
import org.rackboot.region.sync.HttpMirror;
import org.rackboot.region.sync.Mirror;
import picocli.CommandLine.Option;

/** How a command that fetches a stream by itself reaches it. */
final class UpstreamOptions {
    private static final int MAX_FILE_BYTES = 1 << 20;

    @Option(names = "--proxy", paramLabel = "URL", description = "an HTTP proxy to reach it by, http://host:port")
    private @Nullable String proxy;

    @Option(
            names = "--ca-file",
            paramLabel = "FILE",
            description = "certificates (PEM) that its https server may have, beside the system's")
    private @Nullable Path caFile;

    boolean isGiven() {
        return proxy != null || caFile != null;
    }

    /**
     * The stream's web server.
     *
     * @param root with a final slash
     * @param watchdog ends what takes too long
     * @throws IllegalArgumentException if an option is not what it should be; the message is for people
     * @throws IOException if the file cannot be read
     */
    Mirror mirror(URI root, ScheduledExecutorService watchdog) throws IOException {
        var access = new BootSource.Access(
                List.of(),
                BootSource.Access.parseProxy(proxy == null ? "" : proxy),
                caFile == null ? Optional.empty() : BootSource.Access.parseCertificates(read(caFile)));
        return new HttpMirror(watchdog)
                .via(new BootSource(0, root.toString(), root, 0, true, true, Optional.empty(), access));
    }

    private static String read(Path file) throws IOException {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw new IllegalArgumentException("The CA file %s is larger than 1 MiB".formatted(file));
            }
            String text = new String(Files.readAllBytes(file), US_ASCII);
            if (text.isBlank()) {
                throw new IllegalArgumentException("The CA file %s is empty".formatted(file));
            }
            return text;
        } catch (IOException e) {
            throw new IOException("The CA file %s cannot be read: %s".formatted(file, FileWords.reason(e)), e);
        }
    }
}
