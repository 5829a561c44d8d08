package org.rackboot.server.cli;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which server a client command speaks to. */
final class ServerOptions {
    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = "state directory of a server on this machine (default: the one 'serve' uses)")
    private @Nullable Path state;

    @Option(names = "--url", paramLabel = "URL", description = "API address of a server elsewhere")
    private @Nullable String url;

    @Option(names = "--token-file", paramLabel = "FILE", description = "file with that server's API token")
    private @Nullable Path tokenFile;

    Optional<Path> state() {
        Path given = state;
        String variable = System.getenv("RACKBOOT_STATE");
        if (given == null && variable != null && !variable.isEmpty()) {
            return Optional.of(Path.of(variable));
        }
        return Optional.ofNullable(given);
    }

    Optional<String> url() {
        return Optional.ofNullable(url);
    }

    Optional<Path> tokenFile() {
        return Optional.ofNullable(tokenFile);
    }
}
