package org.rackboot.server.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** {@code rackboot images upload}: goes on where an interrupted one stopped, when it is said again. */
@Command(
        name = "upload",
        description = {
            "Brings an image or a bootloader of your own. Said again after an interruption, it goes on where it stopped.",
            "  rackboot images upload --name custom/rescue --arch amd64 rescue.tgz",
            "  rackboot images upload --name esxi/8.0 --arch amd64 --filetype ddgz esxi.dd.gz",
            "  rackboot images upload --bootloader uefi/amd64 bootx64.efi grubx64.efi"
        })
final class UploadCommand extends ClientCommand {
    private static final int PIECE_BYTES = 4 << 20;

    @Parameters(
            arity = "1..*",
            paramLabel = "FILE",
            description = "an image; with it, as KERNEL or INITRD of its own: boot-kernel=FILE, boot-initrd=FILE;"
                    + " or a bootloader's files")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private List<String> files;

    @Option(names = "--name", paramLabel = "OS/NAME", description = "custom/rescue, centos/9-mine, esxi/8.0, …")
    private @Nullable String name;

    @Option(
            names = "--bootloader",
            paramLabel = "METHOD/ARCH",
            description = "upload a bootloader: uefi/amd64, pxe/i386, …")
    private @Nullable String bootloader;

    @Option(names = "--arch", paramLabel = "A", description = "amd64, arm64, …")
    private @Nullable String arch;

    @Option(
            names = "--filetype",
            paramLabel = "T",
            description =
                    "tgz, tbz, txz, ddtgz, ddtbz, ddtxz, ddtar, ddbz2, ddgz, ddxz, ddraw, self-extracting, squashfs"
                            + " (default: by the file's name, tgz otherwise)")
    private @Nullable String filetype;

    @Option(names = "--title", paramLabel = "T", description = "for people")
    private @Nullable String title;

    @Option(
            names = "--base-image",
            paramLabel = "OS/RELEASE",
            description = "whose kernel installs it, ubuntu/noble (default: what unknown machines boot)")
    private @Nullable String baseImage;

    private int lastPercent = -10;

    @Override
    void check() throws Client.UsageException {
        if ((name == null) == (bootloader == null)) {
            throw new Client.UsageException("give --name OS/NAME or --bootloader METHOD/ARCH");
        }
        if (name != null && arch == null) {
            throw new Client.UsageException("give --arch, as in --arch amd64");
        }
    }

    @Override
    int run(Client client) throws Exception {
        Map<String, Path> byName = new LinkedHashMap<>();
        JsonNode upload = client.post("uploads", describe(byName));
        String id = upload.path("id").asString();
        long total = 0;
        long done = 0;
        for (JsonNode file : upload.path("files")) {
            total += file.path("size").asLong();
            done += file.path("offset").asLong();
        }
        if (done > 0 && !json()) {
            out().println("going on at %s of %s".formatted(Table.bytes(done), Table.bytes(total)));
        }
        for (JsonNode file : upload.path("files")) {
            String fileName = file.path("name").asString();
            Path path = byName.get(fileName);
            if (path == null) {
                throw new Client.RefusedException("The server asks for a file that was not given: " + fileName);
            }
            done += send(client, id, fileName, path, file.path("offset").asLong(), done, total);
        }
        JsonNode version = client.post("uploads/" + id + "/finish", Map.of());
        if (json()) {
            printJson(version);
        } else {
            out().println("published %s %s"
                    .formatted(
                            version.path("name").asString(),
                            version.path("version").asString()));
        }
        return DONE;
    }

    private Map<String, Object> describe(Map<String, Path> byName) throws Client.RefusedException {
        List<Map<String, Object>> described = new ArrayList<>();
        for (String argument : files) {
            int equals = argument.indexOf('=');
            boolean typed = equals > 0
                    && List.of("boot-kernel", "boot-initrd", "boot-dtb").contains(argument.substring(0, equals));
            Path path = Path.of(typed ? argument.substring(equals + 1) : argument);
            Map<String, Object> file = new LinkedHashMap<>();
            String type = typed ? argument.substring(0, equals) : filetype == null ? typeOf(path) : filetype;
            String fileName = String.valueOf(path.getFileName());
            try {
                file.put("size", Files.size(path));
                file.put("sha256", sha256(path));
            } catch (IOException e) {
                throw new Client.RefusedException("%s cannot be read: %s".formatted(path, FileWords.reason(e)));
            }
            if (bootloader == null) {
                file.put("filetype", type);
            } else {
                file.put("name", fileName);
            }
            described.add(file);
            byName.put(bootloader == null ? artifact(type) : fileName, path);
        }
        Map<String, Object> body = new LinkedHashMap<>();
        put(body, "name", name);
        put(body, "bootloader", bootloader);
        put(body, "arch", arch);
        put(body, "title", title);
        put(body, "baseImage", baseImage);
        body.put("files", described);
        return body;
    }

    /** What the server calls the file of a type. */
    private static String artifact(String type) {
        return switch (type) {
            case "tgz", "tbz", "txz" -> "root-" + type;
            case "ddtgz" -> "root-dd";
            case "ddtbz" -> "root-dd.tar.bz2";
            case "ddtxz" -> "root-dd.tar.xz";
            case "ddtar", "ddbz2", "ddgz", "ddxz", "ddraw" -> "root-dd." + type.substring(2);
            default -> type;
        };
    }

    private static String typeOf(Path path) {
        String file = String.valueOf(path.getFileName());
        Map<String, String> endings = new LinkedHashMap<>();
        endings.put(".dd.tar.gz", "ddtgz");
        endings.put(".dd.tar.bz2", "ddtbz");
        endings.put(".dd.tar.xz", "ddtxz");
        endings.put(".dd.tar", "ddtar");
        endings.put(".dd.gz", "ddgz");
        endings.put(".dd.bz2", "ddbz2");
        endings.put(".dd.xz", "ddxz");
        endings.put(".dd", "ddraw");
        endings.put(".img", "ddraw");
        endings.put(".raw", "ddraw");
        endings.put(".tar.bz2", "tbz");
        endings.put(".tbz", "tbz");
        endings.put(".tar.xz", "txz");
        endings.put(".txz", "txz");
        endings.put(".squashfs", "squashfs");
        return endings.entrySet().stream()
                .filter(ending -> file.endsWith(ending.getKey()))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse("tgz");
    }

    private long send(Client client, String id, String fileName, Path path, long from, long done, long total)
            throws Exception {
        byte[] piece = new byte[PIECE_BYTES];
        long offset = from;
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "r")) {
            while (offset < file.length()) {
                file.seek(offset);
                int length = (int) Math.min(piece.length, file.length() - offset);
                file.readFully(piece, 0, length);
                JsonNode answer = client.put(
                        "uploads/%s/files/%s?offset=%d".formatted(id, fileName, offset), Arrays.copyOf(piece, length));
                offset = answer.path("offset").asLong();
                show(done + offset - from, total);
            }
        } catch (IOException e) {
            throw new Client.RefusedException("%s cannot be read: %s".formatted(path, FileWords.reason(e)));
        }
        return offset - from;
    }

    private void show(long done, long total) {
        int percent = (int) (done * 100 / Math.max(1, total));
        if (json() || (percent < lastPercent + 10 && !Boolean.getBoolean("rackboot.terminal"))) {
            return;
        }
        lastPercent = percent - percent % 10;
        String line = "%3d %%  %s of %s".formatted(percent, Table.bytes(done), Table.bytes(total));
        if (Boolean.getBoolean("rackboot.terminal")) {
            out().print("\r\033[K" + line + (done == total ? "\n" : ""));
        } else {
            out().println(line);
        }
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

    private static void put(Map<String, Object> body, String key, @Nullable String value) {
        if (value != null) {
            body.put(key, value);
        }
    }
}
