package org.rackboot.image;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** One reader of one content, at its own pace. */
public interface ContentReader {
    Content content();

    /**
     * Completes with a verified chunk that the caller owns and releases, or fails. While the content is still
     * arriving, completes as soon as that chunk is here.
     *
     * @param index 0 to {@code content().chunkCount() - 1}
     */
    CompletionStage<Chunk> chunk(int index);

    /**
     * The whole content as a file, for {@code sendfile}, when it is on disk and was verified since this process
     * started. The caller closes it, and checks each part before it is sent. Eviction does not end a read in progress.
     */
    Optional<VerifiedFile> openVerifiedFile() throws IOException;
}
