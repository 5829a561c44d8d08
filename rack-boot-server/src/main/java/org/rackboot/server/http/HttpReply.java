package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Optional;
import java.util.OptionalLong;
import org.rackboot.image.ContentReader;

/**
 * One answer. HEAD is answered exactly like GET, without the body; whoever makes a reply need not care.
 *
 * @param headers beside length, date and connection, which the listener sets: lines as they go out, each with its CR LF;
 *     names in Title-Case, as GRUB and U-Boot compare them byte by byte (quirk H1)
 * @param bodySize what {@code Content-Length} says; absent only for 304
 * @param whenSent told how it ended
 */
public record HttpReply(int status, String headers, Body body, OptionalLong bodySize, Completion whenSent) {

    /** Where the bytes come from. */
    public sealed interface Body {
        record Bytes(byte[] bytes) implements Body {}

        /** A part of verified content. */
        record Content(ContentReader reader, long first, long length) implements Body {}
    }

    /** Told once, on an event loop. */
    @FunctionalInterface
    public interface Completion {
        /**
         * @param bytes of the body that went out
         * @param failure why not all did
         */
        void sent(long bytes, Optional<Throwable> failure);
    }

    private static final Completion NOBODY = (bytes, failure) -> {};
    private static final byte[] NO_BYTES = {};

    public static HttpReply bytes(int status, String mediaType, byte[] bytes) {
        return new HttpReply(
                status, line("Content-Type", mediaType), new Body.Bytes(bytes), OptionalLong.of(bytes.length), NOBODY);
    }

    public static HttpReply text(int status, String text) {
        return bytes(status, "text/plain", (text + "\n").getBytes(UTF_8));
    }

    /** 304: no body and no length. */
    public static HttpReply notModified() {
        return new HttpReply(304, "", new Body.Bytes(NO_BYTES), OptionalLong.empty(), NOBODY);
    }

    public static HttpReply content(int status, String mediaType, ContentReader reader, long first, long length) {
        return new HttpReply(
                status,
                line("Content-Type", mediaType),
                new Body.Content(reader, first, length),
                OptionalLong.of(length),
                NOBODY);
    }

    public HttpReply with(String header, String value) {
        return new HttpReply(status, headers + line(header, value), body, bodySize, whenSent);
    }

    public HttpReply whenSent(Completion completion) {
        return new HttpReply(status, headers, body, bodySize, completion);
    }

    /** A value is never empty (quirk H7), and never ends its line (S-19). */
    private static String line(String name, String value) {
        boolean printable = !value.isEmpty();
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            printable &= c >= ' ' && c <= '~';
        }
        if (!printable) {
            throw new IllegalArgumentException("the value of header " + name + " is not printable");
        }
        return name + ": " + value + "\r\n";
    }
}
