package org.rackboot.server.get;

import java.util.OptionalLong;

/** Told what happens while it happens, on the thread that fetches. */
public interface GetListener {
    void asked(Message request);

    /** The first answer to the request came. */
    void answered(Message answer);

    void received(long bytes, OptionalLong total);
}
