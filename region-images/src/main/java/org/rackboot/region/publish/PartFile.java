package org.rackboot.region.publish;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.rackboot.region.sync.Mirror;

/** A download on its way into a file; goes on where an earlier one stopped, after hashing what is there. */
final class PartFile implements Mirror.Receiver, AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 20;

    private final FileChannel channel;
    private final MessageDigest digest = sha256();
    private final long size;
    private final LongConsumer progress;
    private long position;

    /**
     * @param size that the file must get
     * @param progress told how many more bytes are there; negative where it starts anew
     */
    PartFile(Path part, long size, LongConsumer progress) throws IOException {
        this.channel =
                FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        this.size = size;
        this.progress = progress;
        try {
            if (channel.size() > size) {
                channel.truncate(0); // Of another version: its beginning is none of ours.
            }
            position = hash(channel, digest);
            progress.accept(position);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    long position() {
        return position;
    }

    @Override
    public void begin(long from, Optional<String> etag) throws IOException {
        if (from == 0 && position > 0) { // The server cannot go on in the middle.
            channel.truncate(0);
            digest.reset();
            progress.accept(-position);
            position = 0;
        }
        if (from != position) {
            throw new IOException("the server goes on at byte %d, not at %d".formatted(from, position));
        }
        channel.position(position);
    }

    @Override
    public void accept(ByteBuffer bytes) throws IOException {
        int count = bytes.remaining();
        if (count > size - position) {
            throw new Mirror.MirrorException("more than the announced %d bytes came".formatted(size));
        }
        digest.update(bytes.duplicate());
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
        position += count;
        progress.accept(count);
    }

    /** Whether all is there and is what was announced. Ask once. */
    boolean isRight(String sha256) {
        return position == size && HexFormat.of().formatHex(digest.digest()).equals(sha256);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** The sha256 of a whole file. */
    static String sha256(Path file) throws IOException {
        MessageDigest digest = sha256();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            hash(channel, digest);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static long hash(FileChannel channel, MessageDigest digest) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        long bytes = 0;
        while (channel.read(buffer) >= 0) {
            bytes += buffer.flip().remaining();
            digest.update(buffer);
            buffer.clear();
        }
        return bytes;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
