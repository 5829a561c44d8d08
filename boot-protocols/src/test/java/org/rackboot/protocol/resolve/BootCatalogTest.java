package org.rackboot.protocol.resolve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.protocol.resolve.Catalogs.image;
import static org.rackboot.protocol.resolve.Catalogs.noble;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BootCatalogTest {
    private static final BootImage NOBLE = noble("20260101");

    @Test
    void theNewestSerialIsTheDefault() {
        assertDefault(noble("20260201"), NOBLE, noble("20251231.1"));
    }

    @Test
    void anLtsIsBetterThanALaterRelease() {
        assertDefault(NOBLE, image("plucky", "25.04", "25.04", "amd64", "ga-25.04", "generic", "stable", "20270101"));
    }

    @Test
    void releasesAreComparedAsNumbers() { // "6.06" is older than "24.04".
        assertDefault(NOBLE, image("dapper", "6.06", "6.06 LTS", "amd64", "ga-6.06", "generic", "stable", "20270101"));
    }

    @Test
    void theGeneralAvailabilityKernelIsBetterThanALaterOne() {
        assertDefault(
                NOBLE, image("noble", "24.04", "24.04 LTS", "amd64", "hwe-24.04", "generic", "stable", "20270101"));
    }

    @Test
    void theGenericKernelIsBetterThanAFlavour() {
        assertDefault(
                NOBLE,
                image(
                        "noble",
                        "24.04",
                        "24.04 LTS",
                        "amd64",
                        "ga-24.04-lowlatency",
                        "lowlatency",
                        "stable",
                        "20270101"));
    }

    @Test
    void stableIsBetterThanCandidate() {
        assertDefault(
                NOBLE,
                image("resolute", "26.04", "26.04 LTS", "amd64", "ga-26.04", "generic", "candidate", "20270101"));
    }

    @Test
    void eachProcessorHasItsOwnDefault() {
        BootImage arm = image("jammy", "22.04", "22.04 LTS", "arm64", "ga-22.04", "generic", "stable", "20260101");

        assertThat(Catalogs.of(NOBLE, arm).defaultImage("arm64")).contains(arm);
        assertThat(Catalogs.of(NOBLE).defaultImage("arm64")).isEmpty();
    }

    @Test
    void whatCannotRunFromMemoryIsNoDefault() {
        BootImage noRoot = new BootImage(
                "ubuntu",
                "noble",
                "24.04",
                "24.04 LTS",
                "amd64",
                "ga-24.04",
                "generic",
                "stable",
                "20270101",
                false,
                Map.of("boot-kernel", Catalogs.file("boot-kernel", "x", BootPhase.KERNEL)));

        assertDefault(NOBLE, noRoot);
    }

    @Test
    void aVersionThatIsHeldBackIsNoDefaultButKeepsItsNames() {
        BootImage newer = image("noble", "24.04", "24.04 LTS", "amd64", "ga-24.04", "generic", "stable", "20270101");
        BootImage held = new BootImage(
                newer.os(),
                newer.release(),
                newer.releaseVersion(),
                newer.title(),
                newer.arch(),
                newer.subarch(),
                newer.flavour(),
                newer.label(),
                newer.serial(),
                true,
                newer.files());

        assertDefault(NOBLE, held);
        BootFile kernel = held.file("boot-kernel").orElseThrow();
        assertThat(Catalogs.of(NOBLE, held).file(held.bootName(kernel))).contains(kernel);
    }

    @Test
    void namesAreExactFirstAndWithoutCaseAfterwards() { // Quirk T33
        BootFile upper = Catalogs.file("BOOTX64.EFI", "upper", BootPhase.LOADER);
        BootFile lower = Catalogs.file("bootx64.efi", "lower", BootPhase.LOADER);
        BootCatalog catalog = new BootCatalog(
                1, List.of(), List.of(new Bootloader("uefi", "amd64", "1", List.of(upper, lower))), List.of());

        assertThat(catalog.file("BOOTX64.EFI")).contains(upper);
        assertThat(catalog.file("bootx64.efi")).contains(lower);
        assertThat(catalog.file("BootX64.efi")).contains(upper);
        assertThat(catalog.file("Bootloaders/UEFI/amd64/bootx64.efi")).contains(upper); // The first of the catalog.
        assertThat(catalog.file("other.efi")).isEmpty();
    }

    /** Whatever the order in which the images come. */
    private static void assertDefault(BootImage best, BootImage... others) {
        for (BootImage other : others) {
            assertThat(Catalogs.of(best, other).defaultImage("amd64")).contains(best);
            assertThat(Catalogs.of(other, best).defaultImage("amd64")).contains(best);
        }
    }
}
