package org.rackboot.region.machine;

import java.time.Instant;
import java.util.Optional;

/**
 * A machine that nobody made known, and that asked a rack for a configuration.
 *
 * @param mac as a machine's
 * @param uuid as a machine's
 * @param arch as a machine's
 * @param address that it asked from; may be empty
 * @param rack that it asked last; may be empty
 * @param asked the name that it asked for last; may be empty
 * @param times how often it asked
 */
public record SeenMachine(
        String mac,
        Optional<String> uuid,
        Optional<String> arch,
        String address,
        String rack,
        String asked,
        Instant first,
        Instant last,
        long times) {}
