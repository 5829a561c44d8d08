package org.rackboot.image.cache;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Content that the disk cannot keep: it is full, broken, or too small. Readers are served without it. */
final class UnkeepableException extends IOException {
    private final boolean ofTheDisk;

    private UnkeepableException(String message, @Nullable Throwable cause, boolean ofTheDisk) {
        super(message, cause);
        this.ofTheDisk = ofTheDisk;
    }

    /** There is no room for this content; others may well fit. */
    static UnkeepableException noRoom(String message) {
        return new UnkeepableException(message, null, false);
    }

    /** The disk itself fails. */
    static UnkeepableException broken(IOException cause) {
        return new UnkeepableException("the disk fails: " + cause, cause, true);
    }

    /** Whether other content would fare no better for a while. */
    boolean isOfTheDisk() {
        return ofTheDisk;
    }
}
