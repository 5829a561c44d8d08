package org.rackboot.protocol.resolve;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.netconfig.NetworkConfig;

/**
 * A machine that the operator made known to the region.
 *
 * @param name a DNS label: 1 to 63 lower-case letters, digits and hyphens
 * @param macs 1 to {@value #MOST_MACS}
 * @param uuid SMBIOS's, lower case, {@code 8-4-4-4-12}; never one that many machines have
 * @param arch one of {@link #ARCHITECTURES}
 * @param loader empty = what machines get that nobody knows
 * @param instructions what it is to boot, and how
 */
public record Machine(
        String name,
        List<MacAddress> macs,
        Optional<String> uuid,
        Optional<String> arch,
        Optional<LoaderPreference> loader,
        Instructions instructions) {
    public static final int MOST_MACS = 16;
    public static final Set<String> ARCHITECTURES =
            Set.of("amd64", "arm64", "armhf", "i386", "ppc64el", "riscv64", "s390x");

    private static final Pattern NAME = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
    private static final Pattern UUID = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    private static final Pattern NO_UUID = Pattern.compile("[0-]+|[f-]+"); // Quirk D10.

    /**
     * What an operator wants of a machine.
     *
     * @param tags in order
     * @param kernelOptions words for its kernel's command line
     * @param network how an installed or running system is to set up its cards
     * @param netboot false = it boots from its disk, whatever is assigned
     * @param assignment its own
     * @param once for its next boot only
     */
    public record Instructions(
            List<String> tags,
            List<String> kernelOptions,
            Optional<NetworkConfig> network,
            boolean netboot,
            Optional<Assignment> assignment,
            Optional<Assignment> once) {
        public static final Instructions NONE =
                new Instructions(List.of(), List.of(), Optional.empty(), true, Optional.empty(), Optional.empty());

        public Instructions {
            tags = tags.stream().sorted().toList();
            kernelOptions = List.copyOf(kernelOptions);
        }
    }

    /** One of which nothing is wanted. */
    public Machine(
            String name,
            List<MacAddress> macs,
            Optional<String> uuid,
            Optional<String> arch,
            Optional<LoaderPreference> loader) {
        this(name, macs, uuid, arch, loader, Instructions.NONE);
    }

    /** @throws IllegalArgumentException that says what no machine has */
    public Machine {
        macs = List.copyOf(macs);
        require(
                NAME.matcher(name).matches(),
                "a machine's name has 1 to 63 lower-case letters, digits and hyphens, and no hyphen at its ends");
        require(!macs.isEmpty() && macs.size() <= MOST_MACS, "a machine has 1 to " + MOST_MACS + " MAC addresses");
        require(
                uuid.isEmpty() || UUID.matcher(uuid.get()).matches(),
                "a machine's UUID is 8-4-4-4-12 hexadecimal digits in lower case");
        require(
                uuid.isEmpty() || !NO_UUID.matcher(uuid.get()).matches(),
                "a UUID of zeros or ones alone tells no machines apart");
        require(arch.isEmpty() || ARCHITECTURES.contains(arch.get()), "no machine has such an architecture");
    }

    private static void require(boolean condition, String problem) {
        if (!condition) {
            throw new IllegalArgumentException(problem);
        }
    }
}
