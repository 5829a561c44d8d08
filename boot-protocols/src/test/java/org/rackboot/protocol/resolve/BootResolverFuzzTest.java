package org.rackboot.protocol.resolve;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.List;
import org.rackboot.protocol.bootname.BootName;
import org.rackboot.protocol.bootname.InvalidBootNameException;
import org.rackboot.protocol.resolve.BootAnswer.Content;
import org.rackboot.protocol.resolve.BootAnswer.NotFound;
import org.rackboot.protocol.resolve.BootAnswer.Refused;
import org.rackboot.protocol.resolve.BootAnswer.Rendered;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;

/** Any name at all, with much, little and nothing in the catalog (docs/testing.md). */
class BootResolverFuzzTest {
    private static final List<BootCatalog> CATALOGS = List.of(
            BootCatalog.empty(),
            Catalogs.of(Catalogs.noble("20251001"), Catalogs.noble("20260101")),
            Catalogs.of(Catalogs.image("jammy", "22.04", "22.04 LTS", "arm64", "ga-22.04", "generic", "stable", "1")));

    private static final List<ServerAddress> SERVERS =
            List.of(new ServerAddress("10.9.0.1", 5_248, true), new ServerAddress("[2001:db8::1]", 80, false));

    private final BootResolver resolver = Catalogs.resolver();

    @FuzzTest(maxDuration = "2m")
    void aNameIsAnsweredAndNeverRepeated(byte[] bytes) { // F3, S-01
        String wire = new String(bytes, ISO_8859_1);
        boolean goesUp = List.of(wire.split("[/\\\\]", -1)).contains("..");
        checkCanonical(wire, goesUp);
        for (BootCatalog catalog : CATALOGS) {
            for (Transport transport : Transport.values()) {
                for (ServerAddress server : SERVERS) {
                    BootAnswer answer = resolver.resolve(new BootRequest(wire, transport, server), catalog);
                    assertThat(goesUp && !(answer instanceof Refused)).isFalse();
                    check(answer, wire, catalog);
                }
            }
        }
    }

    private static void checkCanonical(String wire, boolean goesUp) {
        try {
            BootName name = BootName.parse(wire);
            assertThat(goesUp).isFalse();
            assertPrintable(name.text(), BootName.MAX_LENGTH);
            assertThat(name.text().split("/", -1)).doesNotContain("", ".", "..");
            assertThat(BootName.parse(name.text())).isEqualTo(name);
        } catch (InvalidBootNameException e) {
            assertReason(e.reason());
        }
    }

    private static void check(BootAnswer answer, String wire, BootCatalog catalog) {
        if (answer instanceof Content content) {
            assertThat(catalog.contents()).containsEntry(content.file().sha256(), content.file());
            assertThat(wire).containsIgnoringCase(content.file().name());
        } else if (answer instanceof Rendered rendered) {
            assertPrintable(rendered.text().replace("\n", "").replace("\t", ""), 20_000);
        } else if (answer instanceof NotFound missing) {
            assertReason(missing.reason());
        } else if (answer instanceof Refused refused) {
            assertReason(refused.reason());
        }
    }

    /** Fits into a TFTP ERROR as it is. */
    private static void assertReason(String reason) {
        assertPrintable(reason, 200);
    }

    private static void assertPrintable(String text, int most) {
        boolean printable = !text.isEmpty() && text.length() <= most;
        for (int i = 0; i < text.length(); i++) {
            printable &= text.charAt(i) >= ' ' && text.charAt(i) <= '~';
        }
        if (!printable) {
            throw new AssertionError("empty, longer than " + most + ", or not printable: " + text);
        }
    }
}
