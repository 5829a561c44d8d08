package org.rackboot.protocol.bootname;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BootNameTest {
    private static final int RANDOM_NAMES = 200_000;

    @ParameterizedTest
    @CsvSource({
        "bootx64.efi,bootx64.efi",
        "/grub/grub.cfg,grub/grub.cfg", // GRUB
        "http//grubx64.efi,http/grubx64.efi", // Quirk T35: shim
        "//a///b,a/b",
        "\\Boot\\BCD,Boot/BCD", // Quirk T33: Windows
        "boot\\/x,boot/x",
        "./a/./b,a/b",
        "dtb/,dtb",
        "...,...",
        "a b,a b",
        "%2e%2e/x,%2e%2e/x", // A name like any other: nothing decodes it again.
        "C:/x,C:/x",
    })
    void namesAreBroughtIntoOneForm(String wire, String name) throws InvalidBootNameException {
        assertThat(BootName.parse(wire).text()).isEqualTo(name);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bootx64.efi\u00ff",
                "bootx64.efi\u00ff\u00ff\u00ff",
                "bootx64.efi\u0000",
                "bootx64.efi\r\n",
                "bootx64.efi\u00ef\u00bf\u00bd", // U+FFFD in UTF-8
            })
    void trailingRubbishGoes(String wire) throws InvalidBootNameException { // Quirk T34
        assertThat(BootName.parse(wire).text()).isEqualTo("bootx64.efi");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "..",
                "../etc/passwd",
                "/../etc/passwd",
                "a/../b",
                "a/..",
                "..\\windows\\win.ini",
                "a\\..\\..\\b",
                "....//../x",
                "a/..\u00ff", // Only rubbish behind it.
                "",
                "/",
                "\\\\",
                ".",
                "./.",
                "\u00ff",
                "\u0000",
                "a\u0000.efi",
                "a\nb",
                "a\u001b[31mb",
                "grub2/\u00ef\u00bf\u00bdOnboard", // shim 15.8
                "a/\u00c0\u00ae\u00c0\u00ae/b", // Overlong UTF-8 for ".."
            })
    void namesThatNoFileHasAreRefusedWithoutBeingRepeated(String wire) { // S-01
        assertThatThrownBy(() -> BootName.parse(wire))
                .isInstanceOfSatisfying(
                        InvalidBootNameException.class,
                        e -> assertThat(e.reason())
                                .matches("[ -~]+")
                                .hasSizeLessThan(100)
                                .doesNotContain("passwd", "win.ini", "Onboard"));
    }

    @Test
    void anEndlessNameIsRefused() throws InvalidBootNameException { // S-04
        assertThat(BootName.parse("a".repeat(1_024)).text()).hasSize(1_024);
        assertThatThrownBy(() -> BootName.parse("a".repeat(1_025))).isInstanceOf(InvalidBootNameException.class);
        assertThatThrownBy(() -> BootName.parse("/".repeat(60_000))).isInstanceOf(InvalidBootNameException.class);
    }

    @Test
    void theFileNameIsTheLastSegment() throws InvalidBootNameException {
        assertThat(BootName.parse("/a/b.efi").fileName()).isEqualTo("b.efi");
        assertThat(BootName.parse("b.efi").fileName()).isEqualTo("b.efi");
    }

    @Test
    void whateverComesTheResultIsCleanAndParsesToItself() { // S-01
        String[] pieces = {"..", ".", "/", "\\", "a", "Z9", " ", "\u0000", "\u00ff", "\n", "%2e", "~", "-"};
        SplittableRandom random = new SplittableRandom(33);
        int accepted = 0;
        for (int i = 0; i < RANDOM_NAMES; i++) {
            StringBuilder wire = new StringBuilder();
            for (int left = random.nextInt(8); left >= 0; left--) {
                wire.append(pieces[random.nextInt(pieces.length)]);
            }
            try {
                String name = BootName.parse(wire.toString()).text();
                accepted++;
                boolean clean = name.matches("[ -~]+") && !name.contains("\\");
                for (String segment : name.split("/", -1)) {
                    clean &= !segment.isEmpty() && !segment.equals("..") && !segment.equals(".");
                }
                assertThat(clean && BootName.parse(name).text().equals(name))
                        .as("from '%s'", wire)
                        .isTrue();
            } catch (InvalidBootNameException e) {
                assertThat(e.reason()).isNotEmpty();
            }
        }
        assertThat(accepted).isGreaterThan(RANDOM_NAMES / 10);
    }
}
