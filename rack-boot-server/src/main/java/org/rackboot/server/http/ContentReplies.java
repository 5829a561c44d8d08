package org.rackboot.server.http;

import java.util.Optional;
import org.rackboot.image.ContentReader;
import org.rackboot.protocol.http.ContentRequest;
import org.rackboot.protocol.http.ContentRequest.Decision;

/** Answers a GET or HEAD for content: whole, a part, or not at all. */
public final class ContentReplies {
    private ContentReplies() {}

    public static HttpReply answer(HttpCall call, ContentReader reader, String mediaType) {
        long size = reader.content().size();
        String etag = '"' + reader.content().id().sha256() + '"';
        Decision decision = ContentRequest.decide(
                size,
                etag,
                call.header("if-match"),
                call.header("if-none-match"),
                call.header("if-range"),
                call.isHead() ? Optional.empty() : call.header("range")); // RFC 9110, 14.2: Range is for GET.
        HttpReply reply;
        if (decision instanceof Decision.NotModified) {
            reply = HttpReply.notModified();
        } else if (decision instanceof Decision.PreconditionFailed) {
            reply = HttpReply.text(412, "the content is not the one you have");
        } else if (decision instanceof Decision.RangeNotSatisfiable) {
            reply = HttpReply.text(416, "the range is behind the end").with("Content-Range", "bytes */" + size);
        } else if (decision instanceof Decision.Partial partial) {
            long first = partial.range().first();
            long length = partial.range().length();
            reply = HttpReply.content(206, mediaType, reader, first, length)
                    .with("Content-Range", "bytes %d-%d/%d".formatted(first, first + length - 1, size));
        } else {
            reply = HttpReply.content(200, mediaType, reader, 0, size);
        }
        return reply.with("Accept-Ranges", "bytes").with("ETag", etag);
    }
}
