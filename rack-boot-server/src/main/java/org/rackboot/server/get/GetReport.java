package org.rackboot.server.get;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * All there is to say about one file that was fetched, or was not.
 *
 * @param asked absent if the address could not even be found
 * @param answer the first answer
 * @param head what HEAD told beforehand (HTTP)
 * @param counters of the protocol, by name
 * @param sha256 of what came; of a whole file only if it is whole
 * @param notes what firmware will not like about it, the worst first
 * @param verdict one line: what is good, or what went wrong and what to do about it
 */
public record GetReport(
        Result result,
        Optional<Message> asked,
        Optional<Message> answer,
        Optional<HeadCheck> head,
        Figures figures,
        Map<String, Long> counters,
        String sha256,
        List<String> notes,
        String verdict) {
    /** How it went. */
    public enum Result {
        /** Every byte is here, and is what was expected. */
        WHOLE,
        FAILED,
        /** Nobody answered. */
        UNREACHABLE
    }

    /**
     * @param nanos from the request to the last byte, or to the end of patience
     * @param longestSilenceNanos between two arrivals, after the first
     */
    public record Figures(long bytes, long nanos, OptionalLong firstReplyNanos, long longestSilenceNanos) {
        public static final Figures NONE = new Figures(0, 0, OptionalLong.empty(), 0);
    }

    /**
     * HEAD, asked first on the same connection, as UEFI HTTP boot does (quirk H4).
     *
     * @param equalsGet whether status and length are those of GET
     */
    public record HeadCheck(String statusLine, OptionalLong contentLength, boolean keptConnection, boolean equalsGet) {}

    public GetReport {
        counters = Collections.unmodifiableMap(new LinkedHashMap<>(counters));
        notes = List.copyOf(notes);
    }

    static GetReport unreachable(Optional<Message> asked, Figures figures, List<String> notes, String verdict) {
        return new GetReport(
                Result.UNREACHABLE, asked, Optional.empty(), Optional.empty(), figures, Map.of(), "", notes, verdict);
    }
}
