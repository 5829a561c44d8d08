package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GetCommandTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "bootx64.efi",
                "ftp://127.0.0.1/a",
                "tftp://127.0.0.1",
                "tftp://127.0.0.1/a --blksize=7",
                "tftp://127.0.0.1/a --blksize=65465",
                "tftp://127.0.0.1/a --blksize=many",
                "tftp://127.0.0.1/a --windowsize=0",
                "tftp://127.0.0.1/a --windowsize=65536",
                "tftp://127.0.0.1/a --timeout-option=256",
                "tftp://127.0.0.1/a --plain --blksize=512",
                "tftp://127.0.0.1/a --range=0-1",
                "tftp://127.0.0.1/a --timeout=0",
                "tftp://127.0.0.1/a --timeout=-1",
                "tftp://127.0.0.1/a --timeout=NaN",
                "tftp://127.0.0.1/a --sha256=abc",
                "http://127.0.0.1/a --blksize=512",
                "http://127.0.0.1/a --plain",
                "http://127.0.0.1/a --range=x",
                "http://127.0.0.1/a b",
                "--json"
            })
    void aWrongCommandLineIsExitCodeTwoAndAsksNobody(String arguments) {
        Told told = Told.by("get", arguments.split(" (?=--)"));

        assertThat(told.exitCode()).isEqualTo(2);
        assertThat(told.out()).isEmpty();
        assertThat(told.err()).isNotEmpty();
    }

    @Test
    void aTerminalSeesABarFiveTimesASecond() {
        StringWriter shown = new StringWriter();
        long[] nowNanos = {0};
        GetText text = new GetText(new PrintWriter(shown), true, () -> nowNanos[0]);

        text.received(500_000, OptionalLong.of(1_000_000));
        assertThat(shown.toString()).isEmpty();
        nowNanos[0] = 200_000_000;
        text.received(500_000, OptionalLong.of(1_000_000));
        text.received(510_000, OptionalLong.of(1_000_000));
        assertThat(shown).hasToString("\r\033[K[###############...............]  50 %  of 1.0 MB, 500.0 kB");
        nowNanos[0] = 400_000_000;
        text.received(510_000, OptionalLong.empty());
        assertThat(shown.toString()).endsWith("\r\033[K510.0 kB");
    }

    @Test
    void anythingElseSeesNoBar() {
        StringWriter shown = new StringWriter();
        long[] nowNanos = {0};
        GetText text = new GetText(new PrintWriter(shown), false, () -> nowNanos[0]);

        nowNanos[0] = 1_000_000_000;
        text.received(500_000, OptionalLong.of(1_000_000));

        assertThat(shown.toString()).isEmpty();
    }
}
