package org.rackboot.protocol.resolve;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * One version of an image, in MAAS's words.
 *
 * @param os {@code ubuntu}
 * @param release {@code noble}
 * @param releaseVersion {@code 24.04}
 * @param title {@code 24.04 LTS}
 * @param subarch kernel level with flavour: {@code ga-24.04}, {@code hwe-24.04-lowlatency}
 * @param flavour {@code generic}, {@code lowlatency}
 * @param label {@code stable}
 * @param serial the version; larger as text = newer
 * @param held no machine begins a boot with it; it is there for those that did
 * @param alsoServes other kernel levels whose machines it serves, as its stream lists them
 * @param kernelParameters of its stream ({@code kparams}), in words
 * @param kernelOptions that the operator adds for this image, in words
 * @param baseImage whose kernel installs it, if it does not run from memory itself; empty = what unknown machines boot
 * @param files by type: {@code boot-kernel}, {@code boot-initrd}, {@code squashfs}, …
 */
public record BootImage(
        String os,
        String release,
        String releaseVersion,
        String title,
        String arch,
        String subarch,
        String flavour,
        String label,
        String serial,
        boolean held,
        Set<String> alsoServes,
        List<String> kernelParameters,
        List<String> kernelOptions,
        Optional<ImageReference> baseImage,
        Map<String, BootFile> files) {

    private static final List<String> KERNEL = List.of("boot-kernel", "boot-initrd");
    /** What an initrd of MAAS's images unpacks into memory, the best first. */
    private static final List<String> ROOTS = List.of("squashfs", "root-tgz", "root-txz");

    public BootImage {
        alsoServes = Set.copyOf(alsoServes);
        kernelParameters = List.copyOf(kernelParameters);
        kernelOptions = List.copyOf(kernelOptions);
        files = Map.copyOf(files);
    }

    /** One that serves its own kernel level alone, with no words for its command line. */
    public BootImage(
            String os,
            String release,
            String releaseVersion,
            String title,
            String arch,
            String subarch,
            String flavour,
            String label,
            String serial,
            boolean held,
            Map<String, BootFile> files) {
        this(
                os,
                release,
                releaseVersion,
                title,
                arch,
                subarch,
                flavour,
                label,
                serial,
                held,
                Set.of(),
                List.of(),
                List.of(),
                Optional.empty(),
                files);
    }

    /** {@code ubuntu noble amd64 ga-24.04 20260101}, for people. */
    public String words() {
        return String.join(" ", os, release, arch, subarch, serial);
    }

    /** Whether it is made to run from memory: also to install what is not. */
    public boolean isEphemeral() {
        return hasKernel() && files.containsKey("squashfs");
    }

    /** Whether a machine can run it from memory: with its own kernel, from a squashfs or a tar. */
    public boolean runsFromMemory() {
        return hasKernel() && memoryRoot().isPresent();
    }

    private boolean hasKernel() {
        return files.keySet().containsAll(KERNEL);
    }

    /** The root file system for memory. */
    public Optional<BootFile> memoryRoot() {
        return ROOTS.stream().map(files::get).filter(Objects::nonNull).findFirst();
    }

    public Optional<BootFile> file(String type) {
        return Optional.ofNullable(files.get(type));
    }

    /** The name under which machines ask for one of its files; it carries the content, so it never changes. */
    public String bootName(BootFile file) {
        return String.join("/", "images", file.sha256(), os, arch, subarch, release, label, file.name());
    }
}
