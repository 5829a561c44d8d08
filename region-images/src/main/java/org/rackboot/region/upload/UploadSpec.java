package org.rackboot.region.upload;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What is to be uploaded.
 *
 * @param os and release: {@code custom/myimage}; for a bootloader, empty
 * @param subarch {@code generic} unless it is for one kernel; empty for a bootloader
 * @param method of a bootloader: {@code uefi}, {@code pxe}, …; else empty
 * @param title for people; may be empty
 * @param baseImage {@code ubuntu/noble}: whose kernel installs an image without one; may be empty
 * @param files at least one, with different names
 */
public record UploadSpec(
        boolean isBootloader,
        String os,
        String release,
        String arch,
        String subarch,
        String method,
        String title,
        String baseImage,
        List<UploadFile> files) {
    public static final long MAX_FILE_BYTES = 1L << 40;
    public static final int MAX_FILES = 100;
    /** A bootloader has to fit through the firmware. */
    public static final long MAX_LOADER_BYTES = 64 << 20;

    private static final Pattern WORD = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,63}");
    private static final Pattern FILE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,99}");
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern TITLE = Pattern.compile("[^\\p{Cntrl}]{0,200}");
    private static final Pattern CENTOS = Pattern.compile("centos\\d{1,2}");
    private static final Set<String> KNOWN_OS =
            Set.of("custom", "ubuntu-core", "centos", "rhel", "ol", "suse", "windows", "esxi", "onie");

    public UploadSpec {
        files = List.copyOf(files);
    }

    /**
     * One file.
     *
     * @param ftype {@code root-tgz}, …; {@code bootloader} for a bootloader's
     */
    public record UploadFile(String name, String ftype, String sha256, long size) {}

    public UploadSpec withFiles(List<UploadFile> others) {
        return new UploadSpec(isBootloader, os, release, arch, subarch, method, title, baseImage, others);
    }

    /** {@code custom/myimage}, {@code uefi/amd64}. */
    public String describe() {
        return isBootloader ? method + "/" + arch : os + "/" + release;
    }

    /**
     * Why it cannot be uploaded; empty if it can.
     *
     * @param reserved {@code os/release} that boot sources have
     */
    public Optional<String> problem(Set<String> reserved) {
        Optional<String> names = isBootloader ? loaderProblem() : imageProblem(reserved);
        return names.isPresent() ? names : filesProblem();
    }

    private Optional<String> loaderProblem() {
        return WORD.matcher(method).matches() && WORD.matcher(arch).matches()
                ? Optional.empty()
                : Optional.of("A bootloader is named METHOD/ARCH, as in uefi/amd64");
    }

    private Optional<String> imageProblem(Set<String> reserved) {
        for (String word : List.of(os, release, arch, subarch)) {
            if (!WORD.matcher(word).matches()) {
                return Optional.of("An image is named OS/NAME, as in custom/rescue, with an architecture, as in amd64:"
                        + " letters, digits and ._+-, 64 at most");
            }
        }
        if (os.equals("ubuntu")) {
            return Optional.of("ubuntu/… is what boot sources bring; upload it as custom/%s".formatted(release));
        }
        if (!KNOWN_OS.contains(os)) {
            return Optional.of("'%s' is no operating system known here; use custom/%s, or one of %s"
                    .formatted(
                            os,
                            release,
                            String.join(", ", KNOWN_OS.stream().sorted().toList())));
        }
        if (reserved.contains(os + "/" + release) || CENTOS.matcher(release).matches()) {
            return Optional.of(
                    "%s/%s is reserved for what boot sources bring; choose another name".formatted(os, release));
        }
        if (!TITLE.matcher(title).matches()) {
            return Optional.of("A title has 200 characters at most, and no control characters");
        }
        if (!baseImage.isEmpty() && !baseImage.matches(WORD.pattern() + "/" + WORD.pattern())) {
            return Optional.of("A base image is named OS/RELEASE, as in ubuntu/noble");
        }
        return Optional.empty();
    }

    private Optional<String> filesProblem() {
        if (files.isEmpty() || files.size() > MAX_FILES) {
            return Optional.of("An upload has 1 to %d files".formatted(MAX_FILES));
        }
        Set<String> names = new HashSet<>();
        for (UploadFile file : files) {
            if (!FILE.matcher(file.name()).matches()) {
                return Optional.of("A file's name has letters, digits and ._+-, 100 at most");
            }
            if (!names.add(file.name())) {
                return Optional.of("Two files are called %s".formatted(file.name()));
            }
            if (!SHA256.matcher(file.sha256()).matches()) {
                return Optional.of("The sha256 of %s is not 64 lower-case hexadecimal digits".formatted(file.name()));
            }
            long most = isBootloader ? MAX_LOADER_BYTES : MAX_FILE_BYTES;
            if (file.size() < 1 || file.size() > most) {
                return Optional.of("%s has %d bytes; 1 to %d are taken".formatted(file.name(), file.size(), most));
            }
        }
        return Optional.empty();
    }
}
