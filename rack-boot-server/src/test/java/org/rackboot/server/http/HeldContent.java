package org.rackboot.server.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentReader;
import org.rackboot.image.VerifiedFile;

/** Content in memory, or in a file, that counts the chunks it lent and can fail at one. */
final class HeldContent implements ContentReader {
    private final byte[] bytes;
    private final Content content;
    private final Optional<Path> file;
    private final int failingChunk;
    private volatile long spoiledFrom = Long.MAX_VALUE;
    private volatile long wrongFrom = Long.MAX_VALUE;
    final AtomicInteger lent = new AtomicInteger();
    final AtomicInteger openFiles = new AtomicInteger();

    HeldContent(byte[] bytes, Optional<Path> file, int failingChunk) {
        this.bytes = bytes;
        this.file = file;
        this.failingChunk = failingChunk;
        ContentId id = new ContentId(sha256(bytes));
        this.content = new Content(id, bytes.length, id);
    }

    static HeldContent of(byte[] bytes) {
        return new HeldContent(bytes, Optional.empty(), -1);
    }

    @Override
    public Content content() {
        return content;
    }

    @Override
    public CompletionStage<Chunk> chunk(int index) {
        if (index == failingChunk) {
            return CompletableFuture.failedFuture(new IOException("the region broke off"));
        }
        lent.incrementAndGet();
        int from = (int) content.chunkOffset(index);
        return CompletableFuture.completedFuture(
                new Lent(Arrays.copyOfRange(bytes, from, from + content.chunkLength(index))));
    }

    @Override
    public Optional<VerifiedFile> openVerifiedFile() throws IOException {
        return file.isPresent() ? Optional.of(new HeldFile(FileChannel.open(file.get()))) : Optional.empty();
    }

    /** From now on the file is not what it was from {@code at} on; checked in a thread of its own. */
    HeldContent spoiledFrom(long at) {
        spoiledFrom = at;
        return this;
    }

    /** What was sent behind {@code at} proves to have been wrong. */
    HeldContent wrongFrom(long at) {
        wrongFrom = at;
        return this;
    }

    private final class HeldFile implements VerifiedFile {
        private final FileChannel channel;

        HeldFile(FileChannel channel) {
            this.channel = channel;
            openFiles.incrementAndGet();
        }

        @Override
        public FileChannel channel() {
            return channel;
        }

        @Override
        public CompletionStage<Boolean> check(long from, int length) {
            boolean right = from + length <= spoiledFrom;
            return from == 0 ? CompletableFuture.completedFuture(right) : CompletableFuture.supplyAsync(() -> right);
        }

        @Override
        public CompletionStage<Boolean> wasRight(long from, long until) {
            return CompletableFuture.supplyAsync(() -> until <= wrongFrom);
        }

        @Override
        public void close() throws IOException {
            if (channel.isOpen()) {
                openFiles.decrementAndGet();
            }
            channel.close();
        }
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private final class Lent implements Chunk {
        private final ByteBuffer buffer;

        Lent(byte[] part) {
            buffer = ByteBuffer.allocateDirect(part.length).put(part).flip();
        }

        @Override
        public ByteBuffer bytes() {
            return buffer.asReadOnlyBuffer();
        }

        @Override
        public Chunk retain() {
            lent.incrementAndGet();
            return this;
        }

        @Override
        public void release() {
            lent.decrementAndGet();
        }
    }
}
