package org.rackboot.server.get;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.rackboot.server.get.GetReport.Result;

/** What is said alike about both protocols. */
final class Words {
    /** How it went, in a word and in a sentence. */
    record Ending(Result result, String verdict) {}

    private Words() {}

    static String unknownHost(BootUrl url) {
        return "the host %s has no address: is the name right, and does this machine's name server know it?"
                        .formatted(url.host())
                + " Firmware often has no name server: use addresses in boot URLs"; // Quirk D20
    }

    static String cannotSend(String address, IOException cause) {
        return "nothing can be sent to %s (%s): is there a route to it, and does this machine's own firewall let it out?"
                .formatted(address, cause.getMessage());
    }

    static String unwritable(String detail) {
        return "this machine could not keep the file: %s. The server did nothing wrong".formatted(detail);
    }

    /** Everything came: compares it, gives the file its name, and says what firmware may still stumble over. */
    static Ending whole(Download download, String sha256, Optional<String> expectedSha256, List<String> notes) {
        if (expectedSha256.isPresent() && !expectedSha256.get().equalsIgnoreCase(sha256)) {
            return new Ending(
                    Result.FAILED,
                    "not the file that was expected: it came in whole, but its sha256 is not %s. The server has another version"
                                    .formatted(expectedSha256.get())
                            + " under this name, or a damaged one");
        }
        try {
            download.publish();
        } catch (IOException e) {
            return new Ending(Result.FAILED, unwritable(String.valueOf(e.getMessage())));
        }
        String whole = expectedSha256.isPresent() ? "came in whole, as expected" : "came in whole";
        return new Ending(
                Result.WHOLE,
                notes.isEmpty() ? "good: " + whole : "%s, but %s".formatted(whole, String.join("; ", notes)));
    }

    static String seconds(long nanos) {
        return String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
    }
}
