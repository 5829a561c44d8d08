package org.rackboot.server.region;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.LongAdder;
import org.rackboot.image.Content;
import org.rackboot.image.ContentOrigin;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.DatabaseException;

/** The region database as what a cache is filled from. */
public final class DatabaseOrigin implements ContentOrigin {
    /** What is read of the database, one chunk at a time. Blocks. */
    interface Chunks {
        byte[] digests(Content content) throws IOException;

        byte[] chunk(Content content, int index) throws IOException;
    }

    private final Chunks chunks;
    private final Executor databaseThreads;
    private final Executor fillThreads;
    private final LongAdder bytesRead = new LongAdder();

    /**
     * @param databaseThreads that may block on the database; never those of {@code fillThreads}, which wait for them
     * @param fillThreads one for each fetch at a time: it waits for the database and for the sink
     */
    public DatabaseOrigin(ContentRepository contents, Executor databaseThreads, Executor fillThreads) {
        this(new Stored(contents), databaseThreads, fillThreads);
    }

    DatabaseOrigin(Chunks chunks, Executor databaseThreads, Executor fillThreads) {
        this.chunks = chunks;
        this.databaseThreads = databaseThreads;
        this.fillThreads = fillThreads;
    }

    /** Bytes of contents that the database was read for since the start, each time that it was. */
    public long bytesRead() {
        return bytesRead.sum();
    }

    @Override
    public CompletionStage<byte[]> chunkDigests(Content content) {
        try {
            return read(() -> chunks.digests(content));
        } catch (RejectedExecutionException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    @Override
    public CompletionStage<Void> fetch(Content content, int first, int count, Sink sink) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        try {
            fillThreads.execute(() -> {
                try {
                    deliver(content, first, first + count, sink);
                    done.complete(null);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    done.completeExceptionally(new ContentUnavailableException("The region is stopping"));
                } catch (IOException | RuntimeException e) {
                    done.completeExceptionally(e);
                }
            });
        } catch (RejectedExecutionException e) {
            done.completeExceptionally(e);
        }
        return done;
    }

    /** Reads one chunk ahead, so that the database and whoever takes the bytes work at the same time. */
    private void deliver(Content content, int first, int end, Sink sink) throws IOException, InterruptedException {
        CompletableFuture<byte[]> next = read(() -> counted(content, first));
        for (int i = first; i < end; i++) {
            byte[] bytes = await(next);
            int following = i + 1;
            if (following < end) {
                next = read(() -> counted(content, following));
            }
            sink.accept(ByteBuffer.wrap(bytes));
        }
    }

    private byte[] counted(Content content, int index) throws IOException {
        byte[] bytes = chunks.chunk(content, index);
        bytesRead.add(bytes.length);
        return bytes;
    }

    private static byte[] await(CompletableFuture<byte[]> bytes) throws IOException, InterruptedException {
        try {
            return bytes.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException failure ? failure : new IOException(e.getCause());
        }
    }

    @FunctionalInterface
    private interface Read {
        byte[] now() throws IOException;
    }

    private CompletableFuture<byte[]> read(Read read) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return read.now();
                    } catch (IOException e) {
                        throw new CompletionException(e);
                    }
                },
                databaseThreads);
    }

    /** Complete contents. */
    record Stored(ContentRepository contents) implements Chunks {
        @Override
        public byte[] digests(Content content) throws DatabaseException, ContentUnavailableException {
            return contents.chunkDigests(content.id().sha256())
                    .orElseThrow(() -> new ContentUnavailableException(
                            "The region database has no complete content %s".formatted(content.id())));
        }

        @Override
        public byte[] chunk(Content content, int index) throws DatabaseException, ContentUnavailableException {
            return contents.chunk(content.id().sha256(), index)
                    .orElseThrow(() -> new ContentUnavailableException(
                            "The region database lacks chunk %d of %s".formatted(index, content.id())));
        }
    }
}
