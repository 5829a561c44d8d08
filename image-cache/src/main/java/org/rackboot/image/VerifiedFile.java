package org.rackboot.image;

import java.io.Closeable;
import java.nio.channels.FileChannel;
import java.util.concurrent.CompletionStage;

/**
 * A whole content as an open file that was compared with its sha256 since this process started, for {@code sendfile}.
 * What is sent of it is checked before, each part for itself: disks forget, and people change files.
 */
public interface VerifiedFile extends Closeable {
    FileChannel channel();

    /**
     * Whether those bytes are still the ones that were verified. Never fails, never blocks; completes at once for what was
     * checked a moment ago, else from another thread. After {@code false} nothing more may be sent of this file: go on with
     * {@link ContentReader#chunk}, which finds out what is wrong, and mends it; if {@link #wasRight}.
     *
     * @param from 0 to the content's size
     * @param length of what is about to be sent, to the content's end at most
     */
    CompletionStage<Boolean> check(long from, int length);

    /**
     * Whether the chunks of those bytes, which went out before, are what was verified: whoever touched the file may have done
     * so while they were on their way. Reads them all. Never fails, never blocks.
     */
    CompletionStage<Boolean> wasRight(long from, long until);
}
