package org.rackboot.server.region;

import org.rackboot.server.http.HttpCall;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A line in the log for what an operator let happen that this program would not: who, and what. */
final class Audit {
    private static final Logger LOG = LoggerFactory.getLogger(Audit.class);

    private Audit() {}

    /** @param what after it was done, naming only what is known to the region */
    static void say(HttpCall call, String what) {
        LOG.warn("An operator at {} {}", call.remote().getAddress().getHostAddress(), what);
    }
}
