package org.rackboot.protocol.resolve;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Which image an assignment means. Never another one than was asked for: what is missing is said (MAAS boots nothing then, either). */
sealed interface ImageChoice {
    /**
     * @param booted has a kernel, an initrd and a root file system for memory
     * @param wanted the image that was meant; another one if that is installed from what is booted
     */
    record Found(BootImage booted, BootImage wanted) implements ImageChoice {}

    /** @param reason for the console, the log and the timeline: what is missing, and what to do */
    record Missing(String reason) implements ImageChoice {}

    /** @param arch of the machine, if anybody knows */
    static ImageChoice of(
            BootCatalog catalog,
            Purpose purpose,
            Optional<ImageReference> image,
            Optional<String> version,
            Optional<String> arch) {
        Optional<String> wantedArch = image.flatMap(ImageReference::arch);
        if (wantedArch.isPresent() && arch.isPresent() && !wantedArch.equals(arch)) {
            return new Missing("the assigned image " + image.get() + " is for " + wantedArch.get()
                    + ", this machine is " + arch.get());
        }
        String machineArch = arch.or(() -> wantedArch).orElse("");
        if (machineArch.isEmpty()) {
            return new Missing("no image boots this kind of processor");
        }
        if (image.isEmpty()) {
            return catalog.defaultImage(machineArch)
                    .<ImageChoice>map(each -> new Found(each, each))
                    .orElseGet(() -> new Missing(noImage("ubuntu", "noble", machineArch)));
        }
        ImageReference reference = image.get();
        List<BootImage> ofRelease = catalog.images(reference.os(), reference.release(), machineArch);
        if (ofRelease.isEmpty()) {
            return new Missing(noImage(reference.os(), reference.release(), machineArch));
        }
        List<BootImage> ofKernel =
                reference.subarch().map(subarch -> serving(ofRelease, subarch)).orElse(ofRelease);
        if (ofKernel.isEmpty()) {
            return new Missing("no kernel " + reference.subarch().orElse("") + " for " + reference.os() + "/"
                    + reference.release() + "/" + machineArch + "; there is "
                    + ofRelease.stream()
                            .map(BootImage::subarch)
                            .distinct()
                            .sorted()
                            .collect(Collectors.joining(", "))
                    + ": assign one of those, or select that subarch and import");
        }
        Optional<BootImage> wanted = ofKernel.stream()
                .filter(each -> version.isPresent() ? each.serial().equals(version.get()) : !each.held())
                .findFirst();
        if (wanted.isEmpty()) {
            return new Missing("version " + version.orElse("(newest)") + " of " + reference + " for " + machineArch
                    + " is not there; there is "
                    + ofKernel.stream()
                            .map(BootImage::serial)
                            .distinct()
                            .sorted()
                            .collect(Collectors.joining(", "))
                    + ": assign one of those, or import it");
        }
        return bootable(catalog, purpose, wanted.get());
    }

    private static ImageChoice bootable(BootCatalog catalog, Purpose purpose, BootImage wanted) {
        if (purpose == Purpose.INSTALL ? wanted.isEphemeral() : wanted.runsFromMemory()) {
            return new Found(wanted, wanted);
        }
        if (purpose == Purpose.INSTALL) {
            return installer(catalog, wanted);
        }
        return new Missing(
                wanted.file("boot-kernel").isEmpty()
                        ? "the image " + wanted.words() + " has no kernel: it can be installed, not run from memory;"
                                + " assign it with --purpose install"
                        : "the image " + wanted.words() + " has no root file system for memory");
    }

    /** What installs an image that cannot install itself: its base image, or what unknown machines boot. */
    private static ImageChoice installer(BootCatalog catalog, BootImage wanted) {
        Optional<ImageReference> base = wanted.baseImage();
        Optional<BootImage> helper = base.isEmpty()
                ? catalog.defaultImage(wanted.arch())
                : catalog.images(base.get().os(), base.get().release(), wanted.arch()).stream()
                        .filter(each -> each.isEphemeral() && !each.held())
                        .findFirst();
        String missing = base.map(
                        each -> "its base image is needed: " + noImage(each.os(), each.release(), wanted.arch()))
                .orElseGet(() ->
                        "an Ubuntu image is needed that runs in memory: " + noImage("ubuntu", "noble", wanted.arch()));
        return helper.<ImageChoice>map(each -> new Found(each, wanted))
                .orElseGet(() -> new Missing("to install " + wanted.words() + " " + missing));
    }

    /** Those whose kernel it is, before those whose stream says that they serve it. */
    private static List<BootImage> serving(List<BootImage> images, String subarch) {
        return Stream.concat(
                        images.stream().filter(each -> each.subarch().equals(subarch)),
                        images.stream()
                                .filter(each -> !each.subarch().equals(subarch)
                                        && each.alsoServes().contains(subarch)))
                .toList();
    }

    private static String noImage(String os, String release, String arch) {
        return "no image " + os + "/" + release + " for " + arch + ": import one with 'rackboot selections add --os "
                + os + " --release " + release + " --arch " + arch + "' and 'rackboot images import'";
    }
}
