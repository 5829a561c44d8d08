package org.rackboot.region.machine;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A machine that an operator made known.
 *
 * @param name a DNS label in lower case that does not read as a MAC address
 * @param macs 1 to {@value #MOST_MACS}, in lower case with colons
 * @param uuid SMBIOS's, lower case, {@code 8-4-4-4-12}; never one that many machines have
 * @param arch one of {@link #ARCHITECTURES}
 * @param loader empty = what others get
 * @param boot what is to be different when it boots
 */
public record Machine(
        String name,
        List<String> macs,
        Optional<String> uuid,
        Optional<String> arch,
        Optional<Loader> loader,
        Boot boot) {
    public static final int MOST_MACS = 16;
    public static final int MOST_TAGS = 32;
    public static final Set<String> ARCHITECTURES =
            Set.of("amd64", "arm64", "armhf", "i386", "ppc64el", "riscv64", "s390x");

    private static final int KEYS = 180; // With UUID, architecture and loader.
    private static final int MAC_AND_QUOTES = 20;
    private static final int QUOTES = 3;
    private static final Pattern NAME = Pattern.compile("(?!(import|default)$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
    private static final Pattern MAC = Pattern.compile("(?:01[-:])?([0-9a-fA-F]{2}(?:[-:][0-9a-fA-F]{2}){5})");
    private static final Pattern UUID = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    private static final Pattern NO_UUID = Pattern.compile("[0-]+|[f-]+");

    /**
     * What is to be different when a machine boots.
     *
     * @param tags {@value Machine#MOST_TAGS} at most, in their order
     * @param kernelOptions words that its kernel is given
     * @param network its network configuration, as canonical JSON
     * @param netboot whether it boots from the network; else from its own disk, whatever is assigned
     * @param assignment what it boots
     * @param once what it boots the next time alone
     */
    public record Boot(
            List<String> tags,
            List<String> kernelOptions,
            Optional<String> network,
            boolean netboot,
            Optional<Assignment> assignment,
            Optional<Assignment> once) {
        public static final Boot USUAL =
                new Boot(List.of(), List.of(), Optional.empty(), true, Optional.empty(), Optional.empty());

        public Boot {
            tags = List.copyOf(new TreeSet<>(tags));
            kernelOptions = List.copyOf(kernelOptions);
            require(tags.size() <= MOST_TAGS && tags.stream().allMatch(Tag::isName), "tags", tags);
            require(KernelWords.problem(kernelOptions).isEmpty(), "kernel options", kernelOptions);
        }
    }

    /** Which loader a machine is to begin with. */
    public enum Loader {
        /** The chain that Secure Boot accepts: shim and GRUB; PXELINUX where there is no UEFI. */
        SIGNED,
        IPXE;

        /** {@code signed}, {@code ipxe}. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        public static Optional<Loader> of(String word) {
            for (Loader loader : values()) {
                if (loader.word().equals(word)) {
                    return Optional.of(loader);
                }
            }
            return Optional.empty();
        }
    }

    public Machine {
        macs = List.copyOf(macs);
        require(isName(name), "name", name);
        require(!macs.isEmpty() && macs.size() <= MOST_MACS, "number of MAC addresses", macs);
        for (String mac : macs) {
            require(mac(mac).equals(Optional.of(mac)), "MAC address", mac);
        }
        require(uuid.isEmpty() || (uuid(uuid.get()).equals(uuid) && !isNoUuid(uuid.get())), "UUID", uuid);
        require(arch.isEmpty() || ARCHITECTURES.contains(arch.get()), "architecture", arch);
    }

    /** A machine that boots as others do. */
    public Machine(
            String name, List<String> macs, Optional<String> uuid, Optional<String> arch, Optional<Loader> loader) {
        this(name, macs, uuid, arch, loader, Boot.USUAL);
    }

    /** About how many bytes it has in the catalog without its assignments; not fewer. */
    public int bytes() {
        int bytes = KEYS + name.length() + MAC_AND_QUOTES * macs.size();
        for (String tag : boot.tags()) {
            bytes += tag.length() + QUOTES;
        }
        for (String word : boot.kernelOptions()) {
            bytes += 2 * word.length() + QUOTES; // Each may be a quotation mark.
        }
        return bytes + boot.network().map(text -> text.getBytes(UTF_8).length).orElse(0);
    }

    private static void require(boolean condition, String what, Object value) {
        if (!condition) {
            throw new IllegalArgumentException("no machine has this %s: %s".formatted(what, value));
        }
    }

    /** Whether a machine may be called so. {@code import} and {@code default} are words of the API. */
    public static boolean isName(String text) {
        return NAME.matcher(text).matches() && !MAC.matcher(text).matches();
    }

    /** Reads {@code aa:bb:…} or {@code AA-BB-…}, with or without the hardware type {@code 01-} of PXELINUX. */
    public static Optional<String> mac(String text) {
        Matcher matcher = MAC.matcher(text);
        return matcher.matches()
                ? Optional.of(matcher.group(1).replace('-', ':').toLowerCase(Locale.ROOT))
                : Optional.empty();
    }

    /** Whether it is all zeros or a group's: no network card has it. */
    public static boolean isNoCards(String mac) {
        return mac.equals("00:00:00:00:00:00") || (Character.digit(mac.charAt(1), 16) & 1) == 1;
    }

    /** Reads a UUID in either case. */
    public static Optional<String> uuid(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        return UUID.matcher(lower).matches() ? Optional.of(lower) : Optional.empty();
    }

    /** Whether it is all zeros or all ones, which firmware says that has none (quirk D10). */
    public static boolean isNoUuid(String uuid) {
        return NO_UUID.matcher(uuid).matches();
    }

    /** What a machine is called if nobody says: {@code m-} and the digits of its first address. */
    public static String nameOf(String mac) {
        return "m-" + mac.replace(":", "");
    }
}
