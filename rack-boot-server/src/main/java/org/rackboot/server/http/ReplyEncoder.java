package org.rackboot.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.function.LongSupplier;

/** Writes the head of an answer: one block, under 1 KiB, so one segment (S-14). Thread-safe. */
final class ReplyEncoder {
    private final LongSupplier epochMillis;
    private volatile DateLine date = new DateLine(-1, "");

    /** The {@code Date} line of one second. */
    private record DateLine(long second, String line) {}

    ReplyEncoder(LongSupplier epochMillis) {
        this.epochMillis = epochMillis;
    }

    /** @param room for bytes of body that the caller adds */
    ByteBuf encode(ByteBufAllocator allocator, HttpReply reply, boolean keepAlive, int room) {
        StringBuilder head = new StringBuilder(320);
        head.append(statusLine(reply.status()));
        if (reply.bodySize().isPresent()) { // Not last: PXELINUX loses the last header (quirk H14).
            head.append("Content-Length: ").append(reply.bodySize().getAsLong()).append("\r\n");
        }
        head.append(reply.headers())
                .append(dateLine())
                .append(keepAlive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
        byte[] bytes = head.toString().getBytes(ISO_8859_1);
        return allocator.directBuffer(bytes.length + room).writeBytes(bytes);
    }

    private String dateLine() {
        long second = Math.floorDiv(epochMillis.getAsLong(), 1_000);
        DateLine known = date;
        if (known.second() != second) {
            String text = DateTimeFormatter.RFC_1123_DATE_TIME.format(
                    Instant.ofEpochSecond(second).atOffset(ZoneOffset.UTC));
            known = new DateLine(second, "Date: " + text + "\r\n");
            date = known;
        }
        return known.line();
    }

    /** With a reason: iPXE and U-Boot want something behind the number (quirk H3). */
    private static String statusLine(int status) {
        return switch (status) {
            case 200 -> "HTTP/1.1 200 OK\r\n";
            case 201 -> "HTTP/1.1 201 Created\r\n";
            case 202 -> "HTTP/1.1 202 Accepted\r\n";
            case 206 -> "HTTP/1.1 206 Partial Content\r\n";
            case 304 -> "HTTP/1.1 304 Not Modified\r\n";
            case 400 -> "HTTP/1.1 400 Bad Request\r\n";
            case 401 -> "HTTP/1.1 401 Unauthorized\r\n";
            case 403 -> "HTTP/1.1 403 Forbidden\r\n";
            case 404 -> "HTTP/1.1 404 Not Found\r\n";
            case 405 -> "HTTP/1.1 405 Method Not Allowed\r\n";
            case 408 -> "HTTP/1.1 408 Request Timeout\r\n";
            case 409 -> "HTTP/1.1 409 Conflict\r\n";
            case 412 -> "HTTP/1.1 412 Precondition Failed\r\n";
            case 413 -> "HTTP/1.1 413 Content Too Large\r\n";
            case 414 -> "HTTP/1.1 414 URI Too Long\r\n";
            case 416 -> "HTTP/1.1 416 Range Not Satisfiable\r\n";
            case 417 -> "HTTP/1.1 417 Expectation Failed\r\n";
            case 431 -> "HTTP/1.1 431 Request Header Fields Too Large\r\n";
            case 500 -> "HTTP/1.1 500 Internal Server Error\r\n";
            case 503 -> "HTTP/1.1 503 Service Unavailable\r\n";
            case 504 -> "HTTP/1.1 504 Gateway Timeout\r\n";
            case 505 -> "HTTP/1.1 505 HTTP Version Not Supported\r\n";
            case 507 -> "HTTP/1.1 507 Insufficient Storage\r\n";
            default -> "HTTP/1.1 " + status + " See Body\r\n";
        };
    }
}
