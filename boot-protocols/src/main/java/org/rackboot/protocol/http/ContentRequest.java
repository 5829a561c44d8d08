package org.rackboot.protocol.http;

import java.util.Optional;
import org.rackboot.protocol.http.ByteRange.Selection;

/**
 * Decides what a GET or HEAD for immutable content is answered with, from its conditional headers
 * (RFC 9110 sections 13 and 14). Content never changes under a name's ETag, so dates decide nothing:
 * {@code If-Modified-Since} is ignored and {@code If-Unmodified-Since} always holds.
 */
public final class ContentRequest {
    /** The answer's status and body. */
    public sealed interface Decision {
        record Full() implements Decision {}

        record Partial(ByteRange range) implements Decision {}

        record NotModified() implements Decision {}

        record PreconditionFailed() implements Decision {}

        record RangeNotSatisfiable() implements Decision {}
    }

    private ContentRequest() {}

    /**
     * @param etag the content's strong entity tag with its quotes
     * @param ifMatch the header's value, if sent; likewise the other three
     */
    public static Decision decide(
            long size,
            String etag,
            Optional<String> ifMatch,
            Optional<String> ifNoneMatch,
            Optional<String> ifRange,
            Optional<String> range) {
        if (ifMatch.isPresent() && !matches(ifMatch.get(), etag, true)) {
            return new Decision.PreconditionFailed();
        }
        if (ifNoneMatch.isPresent() && matches(ifNoneMatch.get(), etag, false)) {
            return new Decision.NotModified();
        }
        boolean rangeHolds = ifRange.isEmpty() || ifRange.get().strip().equals(etag);
        if (range.isEmpty() || !rangeHolds) {
            return new Decision.Full();
        }
        Selection selection = ByteRange.select(range.get().strip(), size);
        if (selection instanceof Selection.Part part) {
            return new Decision.Partial(part.range());
        }
        return selection instanceof Selection.Unsatisfiable ? new Decision.RangeNotSatisfiable() : new Decision.Full();
    }

    /** Whether a list of entity tags, or {@code *}, names this one; weak tags count for the weak comparison only. */
    private static boolean matches(String header, String etag, boolean strong) {
        for (String part : header.split(",", -1)) {
            String tag = part.strip();
            if (tag.equals("*") || tag.equals(etag) || (!strong && tag.equals("W/" + etag))) {
                return true;
            }
        }
        return false;
    }
}
