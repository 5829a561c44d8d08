package org.rackboot.region.simplestreams;

import java.io.IOException;

/** A stream file that is not what the format says; names the place in the file. */
public final class StreamFormatException extends IOException {
    public StreamFormatException(String message) {
        super(message);
    }

    public StreamFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
