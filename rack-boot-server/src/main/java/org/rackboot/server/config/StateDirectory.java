package org.rackboot.server.config;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** What a server keeps, and where client commands find it: {@code api-url} and {@code api-token}. */
public final class StateDirectory {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");
    private static final String PINS = "pins";
    private static final String PART = ".part";

    private final Path path;

    public StateDirectory(Path path) {
        this.path = path;
    }

    /** {@code /var/lib/rackboot} for root, else below the user's home. */
    public static Path standard() {
        if ("root".equals(System.getProperty("user.name"))) {
            return Path.of("/var/lib/rackboot");
        }
        String configured = System.getenv("XDG_STATE_HOME");
        Path base = configured != null && !configured.isEmpty()
                ? Path.of(configured)
                : Path.of(System.getProperty("user.home"), ".local", "state");
        return base.resolve("rackboot");
    }

    public Path path() {
        return path;
    }

    /** Makes the directory for its owner alone, if it is not there. */
    public void create() throws IOException {
        if (!Files.isDirectory(path)) {
            Files.createDirectories(
                    path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
    }

    /** Deletes what a killed process had begun to write. Only who owns the state directory may ask. */
    public void sweep() throws IOException {
        try (DirectoryStream<Path> left = Files.newDirectoryStream(path, "*" + PART)) {
            for (Path part : left) {
                if (Files.isRegularFile(part, LinkOption.NOFOLLOW_LINKS)) {
                    Files.delete(part);
                }
            }
        }
    }

    /**
     * A directory for files that one process needs while it runs, without those that a killed one left. Only who owns the
     * state directory may ask.
     */
    public Path scratch(String name) throws IOException {
        Path directory = Files.createDirectories(path.resolve(name));
        try (Stream<Path> left = Files.list(directory)) {
            for (Path file : left.toList()) {
                Files.delete(file);
            }
        }
        return directory;
    }

    public Optional<String> apiUrl() throws IOException {
        return read("api-url");
    }

    public Optional<String> apiToken() throws IOException {
        return read("api-token");
    }

    public void writeApiUrl(String url) throws IOException {
        write("api-url", url);
    }

    public void writeApiToken(String token) throws IOException {
        write("api-token", token);
    }

    /** What the region knows a rack by. */
    public Optional<String> rackCredential() throws IOException {
        return read("rack-credential");
    }

    public boolean hasRackCredential() {
        return Files.exists(path.resolve("rack-credential"));
    }

    public void writeRackCredential(String credential) throws IOException {
        write("rack-credential", credential);
    }

    /** What tells a rack from all others; no secret by itself. */
    public Optional<String> rackKey() throws IOException {
        return read("rack-key");
    }

    public void writeRackKey(String key) throws IOException {
        write("rack-key", key);
    }

    /** What DHCPv6 clients know this server by, in hexadecimal. */
    public Optional<String> dhcp6ServerId() throws IOException {
        return read("dhcp6-server-id");
    }

    public void writeDhcp6ServerId(String hex) throws IOException {
        write("dhcp6-server-id", hex);
    }

    /** The sha256 of the credentials of racks that follow this one. */
    public List<String> racksBelow() throws IOException {
        return read("racks-below").stream().flatMap(String::lines).toList();
    }

    public void writeRacksBelow(Collection<String> sha256s) throws IOException {
        write("racks-below", String.join("\n", new TreeSet<>(sha256s)));
    }

    /** Assignments for one boot that were delivered: {@code id machine told|new}, oldest first. */
    public List<String> usedAssignments() throws IOException {
        return read("used-assignments").stream().flatMap(String::lines).toList();
    }

    public void writeUsedAssignments(List<String> lines) throws IOException {
        write("used-assignments", String.join("\n", lines));
    }

    /** What operators pinned in the rack's cache, as {@link #writePins} was given it. */
    public Optional<String> pins() throws IOException {
        return read(PINS);
    }

    public void writePins(String text) throws IOException {
        write(PINS, text);
    }

    /** Kept as {@code pins.broken}, for whoever wants to know what became of it; the next broken one takes its place. */
    public void setPinsAside() throws IOException {
        Files.move(path.resolve(PINS), path.resolve(PINS + ".broken"), StandardCopyOption.REPLACE_EXISTING);
    }

    /** What the names of machines' metadata are made with, in hexadecimal. */
    public Optional<String> metadataSecret() throws IOException {
        return read("metadata-secret");
    }

    public void writeMetadataSecret(String hex) throws IOException {
        write("metadata-secret", hex);
    }

    /** Removes the address of a server that stops, so that clients say at once that none runs. */
    public void removeApiUrl() throws IOException {
        Files.deleteIfExists(path.resolve("api-url"));
    }

    private Optional<String> read(String name) throws IOException {
        Path file = path.resolve(name);
        return Files.exists(file) ? Optional.of(Files.readString(file).strip()) : Optional.empty();
    }

    /** Never readable by others, not even for a moment, never half written, and durable: a credential is given once. */
    private void write(String name, String text) throws IOException {
        Path part = Files.createTempFile(path, name, PART, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        try {
            Files.writeString(part, text + "\n");
            sync(part, StandardOpenOption.WRITE);
            Files.move(part, path.resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
        sync(path, StandardOpenOption.READ);
    }

    private static void sync(Path file, StandardOpenOption how) throws IOException {
        try (FileChannel channel = FileChannel.open(file, how)) {
            channel.force(true);
        }
    }
}
