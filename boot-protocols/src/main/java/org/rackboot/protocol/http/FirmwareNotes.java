package org.rackboot.protocol.http;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import org.rackboot.protocol.http.ResponseHead.Header;

/** What firmware and bootloaders would not like about an answer that a browser takes without a word. */
public final class FirmwareNotes {
    private FirmwareNotes() {}

    /**
     * Judges the head of a successful answer to GET; the worst comes first.
     *
     * @param path of the request, as it was asked
     */
    public static List<String> of(String path, ResponseHead head) {
        List<String> notes = new ArrayList<>();
        addLengthNotes(head, notes);
        addLineNotes(head, notes);
        addContentNotes(path, head, notes);
        return notes;
    }

    private static void addLengthNotes(ResponseHead head, List<String> notes) {
        for (String name : List.of("Content-Length", "Transfer-Encoding")) {
            head.header(name).ifPresent(header -> {
                if (!header.name().equals(name)) { // H1
                    notes.add("header names are not Title-Case ('%s'): GRUB reads empty files, U-Boot finds no length"
                            .formatted(header.name()));
                } else if (!header.written().equals(" " + header.value())) { // H1
                    notes.add("%s is not followed by exactly one blank: GRUB does not find it".formatted(name));
                }
            });
        }
        OptionalLong length = head.contentLength();
        if (head.isChunked()) { // H5
            notes.add("the body is chunked, without Content-Length: shim and U-Boot refuse that");
        } else if (length.isEmpty()) { // H5
            notes.add("Content-Length is missing: shim refuses that, and nothing shows a body that was cut short");
        } else if (length.getAsLong() == 0) { // H5
            notes.add("the file is empty: shim takes that for an error");
        }
    }

    private static void addLineNotes(ResponseHead head, List<String> notes) {
        if (!head.statusLine().startsWith("HTTP/1.1 ")) { // H2
            notes.add("the status line does not begin with HTTP/1.1: GRUB gives up");
        }
        if (head.bareLineFeeds()) { // H2
            notes.add("a header line ends with LF alone: GRUB gives up");
        }
        if (!head.statusLine().matches("\\S+ [0-9]+ .*")) { // H3
            notes.add("no blank follows the status code: iPXE and U-Boot want one");
        }
        for (Header header : head.headers()) {
            if (header.value().isEmpty()) { // H7
                notes.add("header %s is empty: OVMF has hung on that".formatted(header.name()));
            }
        }
        if (!head.headers().isEmpty()) {
            String last = head.headers().get(head.headers().size() - 1).name();
            if (last.equalsIgnoreCase("Content-Length")) { // H14
                notes.add("Content-Length is the last header: PXELINUX loses the last one");
            }
        }
    }

    private static void addContentNotes(String path, ResponseHead head, List<String> notes) {
        String encoding = head.value("Content-Encoding");
        if (!encoding.isEmpty() && !encoding.equalsIgnoreCase("identity")) { // H11
            notes.add("the body is encoded (%s): firmware takes it as it is".formatted(encoding));
        }
        String type = head.value("Content-Type").toLowerCase(Locale.ROOT);
        boolean isLoaderType = type.matches("application/(efi|vnd\\.efi-iso|vnd\\.efi-img)");
        if (!isLoaderType && type.matches("application/(efi|vnd\\.efi).*")) { // H6
            notes.add("Content-Type '%s' is not one that UEFI knows; it wants it without parameters".formatted(type));
        } else if (!isLoaderType && path.matches("(?i)[^?]*\\.(efi|iso|img)\\?.*")) { // H6
            notes.add("a query follows the file's extension: UEFI boots it only with Content-Type application/efi");
        }
    }
}
