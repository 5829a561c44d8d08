package org.rackboot.protocol.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FirmwareNotesTest {
    @Test
    void whatThisServerSaysPleasesAll() throws MalformedResponseException {
        assertThat(
                        notes(
                                "/bootx64.efi",
                                "HTTP/1.1 200 OK\r\nContent-Type: application/efi\r\nContent-Length: 100\r\nETag: \"x\"\r\n\r\n"))
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "content-length: 1~ETag: x | not Title-Case", // H1
                "content-length: 1~ETag: x | GRUB reads empty files", // H1
                "Content-Length:1~ETag: x | exactly one blank", // H1
                "Content-Length:  1~ETag: x | exactly one blank", // H1
                "transfer-encoding: chunked | not Title-Case", // H1
                "Transfer-Encoding: chunked | shim and U-Boot refuse", // H5
                "ETag: x | Content-Length is missing", // H5
                "Content-Length: 0~ETag: x | the file is empty", // H5
                "Content-Length: 1~X-Y:~ETag: x | header X-Y is empty", // H7
                "ETag: x~Content-Length: 1 | PXELINUX loses the last one", // H14
                "Content-Length: 1~Content-Encoding: gzip~ETag: x | encoded (gzip)", // H11
                "Content-Length: 1~Content-Type: application/efi; charset=utf-8~ETag: x | without parameters", // H6
            })
    void oneFlawIsOneNote(String headers, String note) throws MalformedResponseException {
        List<String> notes = notes("/grubx64.efi", "HTTP/1.1 200 OK\r\n" + headers.replace("~", "\r\n") + "\r\n\r\n");

        assertThat(notes).anySatisfy(each -> assertThat(each).contains(note));
    }

    @Test
    void theStatusLineIsJudged() throws MalformedResponseException {
        String headers = "\r\nContent-Length: 1\r\nETag: x\r\n\r\n";

        assertThat(notes("/", "HTTP/1.0 200 OK" + headers))
                .singleElement()
                .asString()
                .contains("HTTP/1.1"); // H2
        assertThat(notes("/", "HTTP/1.1 200" + headers))
                .singleElement()
                .asString()
                .contains("no blank"); // H3
        assertThat(notes("/", ("HTTP/1.1 200 OK" + headers).replace("\r", ""))) // H2
                .singleElement()
                .asString()
                .contains("LF alone");
    }

    @Test
    void anExtensionBeforeAQueryIsNone() throws MalformedResponseException { // H6
        String head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: %s\r\n\r\n";

        assertThat(notes("/a.efi?x", head.formatted("text/plain")))
                .singleElement()
                .asString()
                .contains("query");
        assertThat(notes("/a.efi?x", head.formatted("application/efi"))).isEmpty();
        assertThat(notes("/a.efi", head.formatted("text/plain"))).isEmpty();
    }

    private static List<String> notes(String path, String head) throws MalformedResponseException {
        return FirmwareNotes.of(path, ResponseHead.parse(head));
    }
}
