package org.rackboot.server.region;

import java.nio.channels.FileChannel;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentReader;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.region.store.ContentRepository;
import org.rackboot.region.store.DatabaseException;

/** Reads content from the region database, one chunk at a time. */
final class DatabaseContentReader implements ContentReader {
    private final Content content;
    private final ContentRepository contents;
    private final Executor threads;

    DatabaseContentReader(Content content, ContentRepository contents, Executor threads) {
        this.content = content;
        this.contents = contents;
        this.threads = threads;
    }

    @Override
    public Content content() {
        return content;
    }

    @Override
    public CompletionStage<Chunk> chunk(int index) {
        return CompletableFuture.supplyAsync(() -> read(index), threads);
    }

    @Override
    public Optional<FileChannel> openVerifiedFile() {
        return Optional.empty();
    }

    private Chunk read(int index) {
        try {
            byte[] bytes = contents.chunk(content.id().sha256(), index)
                    .filter(chunk -> chunk.length == content.chunkLength(index))
                    .orElseThrow(() -> new CompletionException(new ContentUnavailableException(
                            "The region database lacks chunk %d of %s".formatted(index, content.id()))));
            return Chunk.of(bytes);
        } catch (DatabaseException e) {
            throw new CompletionException(e);
        }
    }
}
