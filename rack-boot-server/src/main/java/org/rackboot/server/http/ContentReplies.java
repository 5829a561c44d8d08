package org.rackboot.server.http;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.rackboot.image.ContentReader;
import org.rackboot.protocol.http.ContentRequest;
import org.rackboot.protocol.http.ContentRequest.Decision;

/** Answers a GET or HEAD for content: whole, a part, or not at all. */
public final class ContentReplies {
    private ContentReplies() {}

    /** Answers with verified content. */
    public static HttpReply answer(HttpCall call, ContentReader reader, String mediaType) {
        return answer(
                call,
                reader.content().size(),
                reader.content().id().sha256(),
                (status, first, length) -> HttpReply.content(status, mediaType, reader, first, length));
    }

    /** Answers with bytes made for this request: GRUB asks for the rest of a configuration, too (quirk H17). */
    public static HttpReply answer(HttpCall call, byte[] bytes, String mediaType) {
        if (bytes.length == 0) {
            return HttpReply.bytes(200, mediaType, bytes); // Has no part that a range could ask for.
        }
        return answer(
                call,
                bytes.length,
                sha256(bytes),
                (status, first, length) -> HttpReply.bytes(
                        status,
                        mediaType,
                        length == bytes.length
                                ? bytes
                                : Arrays.copyOfRange(bytes, (int) first, (int) (first + length))));
    }

    /** Makes the reply that carries a part. */
    @FunctionalInterface
    private interface Part {
        HttpReply reply(int status, long first, long length);
    }

    private static HttpReply answer(HttpCall call, long size, String sha256, Part part) {
        String etag = '"' + sha256 + '"';
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
            reply = part.reply(206, first, length)
                    .with("Content-Range", "bytes " + first + '-' + (first + length - 1) + '/' + size);
        } else {
            reply = part.reply(200, 0, size);
        }
        return reply.with("Accept-Ranges", "bytes").with("ETag", etag);
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
