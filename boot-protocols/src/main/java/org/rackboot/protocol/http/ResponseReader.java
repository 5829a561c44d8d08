package org.rackboot.protocol.http;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The client's side of one HTTP/1 response (RFC 9112), free of I/O: bytes in, in pieces of any size, head and body out.
 *
 * <p>What it keeps is bounded: {@value #MAX_HEAD_BYTES} bytes of head, and never anything of the body. Answers before
 * the final one (1xx) are passed over.
 */
public final class ResponseReader {
    /** A head that is longer is no boot server's. */
    public static final int MAX_HEAD_BYTES = 65_536;

    private static final int MAX_LINE_BYTES = 1_024; // Of a chunk's size and of a trailer.
    private static final int MAX_TRAILERS = 100;
    private static final int MAX_INTERIM = 8;

    /** What has come. */
    public sealed interface Part {
        record Head(ResponseHead head) implements Part {}

        /** The body's next bytes; they are the caller's buffer, and must be taken before it is filled again. */
        record Body(ByteBuffer bytes) implements Part {}

        /** The response is whole. Always the last part. */
        record End() implements Part {}
    }

    private enum State {
        HEAD,
        LENGTH,
        CHUNK_SIZE,
        CHUNK,
        CHUNK_END,
        TRAILER,
        UNTIL_CLOSE,
        DONE
    }

    private final boolean answersHead;
    private final StringBuilder line = new StringBuilder(); // One character per byte; of the head: all its lines.
    private State state = State.HEAD;
    private Optional<ResponseHead> head = Optional.empty();
    private long left; // Of the body, or of the chunk.
    private int lineLength;
    private int interim;
    private int trailers;

    /** @param answersHead whether HEAD was asked: then there is no body, whatever the header says */
    public ResponseReader(boolean answersHead) {
        this.answersHead = answersHead;
    }

    /** Takes bytes, up to the response's end; what lies behind it stays in the buffer. */
    public List<Part> onBytes(ByteBuffer in) throws MalformedResponseException {
        List<Part> parts = new ArrayList<>(3);
        while (in.hasRemaining() && state != State.DONE) {
            switch (state) {
                case HEAD -> readHead(in, parts);
                case LENGTH, CHUNK, UNTIL_CLOSE -> readBody(in, parts);
                default -> readChunkLine(in, parts);
            }
        }
        return parts;
    }

    /** The connection ended. Only where nothing else marks the body's end is that the end of the response. */
    public List<Part> onEndOfStream() {
        if (state != State.UNTIL_CLOSE) {
            return List.of();
        }
        state = State.DONE;
        return List.of(new Part.End());
    }

    public boolean isComplete() {
        return state == State.DONE;
    }

    public Optional<ResponseHead> head() {
        return head;
    }

    /** How long the body will be, as far as the head tells. */
    public OptionalLong bodyLength() {
        return head.isEmpty() || head.get().isChunked()
                ? OptionalLong.empty()
                : head.get().contentLength();
    }

    private void readHead(ByteBuffer in, List<Part> parts) throws MalformedResponseException {
        byte b = in.get();
        line.append((char) (b & 0xFF));
        if (line.length() > MAX_HEAD_BYTES) {
            throw new MalformedResponseException("its header is longer than " + MAX_HEAD_BYTES + " bytes");
        }
        if (b != '\n') {
            lineLength += b == '\r' ? 0 : 1;
            return;
        }
        boolean isEmptyLine = lineLength == 0;
        lineLength = 0;
        if (isEmptyLine) {
            ResponseHead read = ResponseHead.parse(line.toString());
            line.setLength(0);
            if (read.status() < 200) {
                if (++interim > MAX_INTERIM) {
                    throw new MalformedResponseException("more than " + MAX_INTERIM + " interim answers came");
                }
                return;
            }
            head = Optional.of(read);
            parts.add(new Part.Head(read));
            beginBody(read, parts);
        }
    }

    /** RFC 9112, 6.3. */
    private void beginBody(ResponseHead read, List<Part> parts) throws MalformedResponseException {
        long lengths = read.headers().stream()
                .filter(each -> each.name().equalsIgnoreCase("Content-Length"))
                .map(ResponseHead.Header::value)
                .distinct()
                .count();
        if (answersHead || read.status() == 204 || read.status() == 304) {
            end(parts);
        } else if (read.isChunked()) {
            state = State.CHUNK_SIZE;
        } else if (lengths == 0) {
            left = Long.MAX_VALUE;
            state = State.UNTIL_CLOSE;
        } else if (lengths > 1 || read.contentLength().isEmpty()) {
            throw new MalformedResponseException("its Content-Length is '%s'".formatted(read.value("Content-Length")));
        } else {
            left = read.contentLength().getAsLong();
            state = State.LENGTH;
            if (left == 0) {
                end(parts);
            }
        }
    }

    private void readBody(ByteBuffer in, List<Part> parts) {
        int length = (int) Math.min(left, in.remaining());
        parts.add(new Part.Body(in.slice(in.position(), length)));
        in.position(in.position() + length);
        left -= length;
        if (left == 0 && state == State.LENGTH) {
            end(parts);
        } else if (left == 0) {
            state = State.CHUNK_END;
        }
    }

    private void readChunkLine(ByteBuffer in, List<Part> parts) throws MalformedResponseException {
        byte b = in.get();
        if (b != '\n') {
            line.append((char) (b & 0xFF));
            if (line.length() > MAX_LINE_BYTES) {
                throw new MalformedResponseException("a chunk's line is longer than " + MAX_LINE_BYTES + " bytes");
            }
            return;
        }
        String text = line.toString().stripTrailing();
        line.setLength(0);
        switch (state) {
            case CHUNK_SIZE -> {
                left = chunkSize(text);
                state = left == 0 ? State.TRAILER : State.CHUNK;
            }
            case CHUNK_END -> {
                if (!text.isEmpty()) {
                    throw new MalformedResponseException("a chunk does not end where its size says");
                }
                state = State.CHUNK_SIZE;
            }
            default -> {
                if (text.isEmpty()) {
                    end(parts);
                } else if (++trailers > MAX_TRAILERS) {
                    throw new MalformedResponseException("more than " + MAX_TRAILERS + " trailers came");
                }
            }
        }
    }

    private static long chunkSize(String text) throws MalformedResponseException {
        int extension = text.indexOf(';');
        String digits = (extension < 0 ? text : text.substring(0, extension)).strip();
        if (!digits.matches("[0-9a-fA-F]{1,15}")) {
            throw new MalformedResponseException("a chunk's size is '%s'".formatted(digits));
        }
        return Long.parseLong(digits, 16);
    }

    private void end(List<Part> parts) {
        state = State.DONE;
        parts.add(new Part.End());
    }
}
