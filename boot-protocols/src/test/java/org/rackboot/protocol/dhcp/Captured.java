package org.rackboot.protocol.dhcp;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;

/**
 * A datagram that firmware sent in the lab, and what is answered, as text: {@code captured/NAME.packet} beside {@code
 * captured/NAME.answer}. A packet is a line that says what it is, a line of its addresses, and its bytes.
 *
 * @param source without its port
 * @param answer as it was reviewed; empty if there is none yet
 */
public record Captured(String name, String source, int sourcePort, int port, byte[] bytes, String answer) {
    private static final Pattern ADDRESSES = Pattern.compile("# (.+):(\\d+) > .+:(\\d+)");

    /** What a rack has that serves all architectures of the lab. */
    public static final BootCatalog CATALOG = new BootCatalog(
            1,
            List.of(),
            List.of(
                    loader("pxe", "i386", "lpxelinux.0"),
                    loader("uefi", "amd64", "bootx64.efi", "grubx64.efi"),
                    loader("uefi", "arm64", "bootaa64.efi", "grubaa64.efi"),
                    loader("open-firmware", "ppc64el", "bootppc64.bin")),
            List.of());

    /** All of a test's package, by name. */
    public static List<Captured> of(Class<?> test) {
        try (Stream<Path> files = Files.list(
                Path.of(Objects.requireNonNull(test.getResource("captured")).toURI()))) {
            return files.filter(file -> file.toString().endsWith(".packet"))
                    .sorted()
                    .map(Captured::read)
                    .toList();
        } catch (IOException | URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static Captured read(Path file) {
        try {
            String name = file.getFileName().toString().replace(".packet", "");
            List<String> lines = Files.readAllLines(file);
            Matcher addresses = ADDRESSES.matcher(lines.get(1));
            if (!addresses.matches()) {
                throw new AssertionError(name + " has no addresses in its second line");
            }
            String hex = lines.stream().skip(2).collect(Collectors.joining());
            Path answer = file.resolveSibling(name + ".answer");
            return new Captured(
                    name,
                    addresses.group(1),
                    Integer.parseInt(addresses.group(2)),
                    Integer.parseInt(addresses.group(3)),
                    HexFormat.of().parseHex(hex),
                    Files.exists(answer) ? Files.readString(answer) : "");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Words where they are words, else bytes. */
    public static String value(Octets value) {
        String text = value.length() > 0 && value.at(value.length() - 1) == 0
                ? value.text() + "\\0"
                : value.text(); // A NUL elsewhere ends it, and then it is no text.
        int written = text.length() - (text.endsWith("\\0") ? 1 : 0);
        return text.matches("[ -~]{3,}") && written == value.length() ? '"' + text + '"' : value.toString();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Captured captured && name.equals(captured.name);
    }

    @Override
    public int hashCode() {
        return name.hashCode();
    }

    @Override
    public String toString() {
        return name;
    }

    private static Bootloader loader(String method, String arch, String... files) {
        return new Bootloader(
                method,
                arch,
                "20261123",
                Arrays.stream(files)
                        .map(file -> new BootFile(file, "0".repeat(64), 1, "0".repeat(64), BootPhase.LOADER))
                        .toList());
    }
}
