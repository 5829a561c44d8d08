package org.rackboot.protocol.tftp;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/**
 * What server and client agree on for one transfer.
 *
 * <p>An answer never adds an option, never raises a value, keeps the client's order and writes names in
 * lower case (quirks T5, T6, T8, T11). An option whose value is malformed or out of range is left out,
 * as if it were unknown (S-04).
 *
 * @param blockSize payload bytes of every block but the last; 512 unless agreed (RFC 2348)
 * @param windowSize blocks sent before an ACK is awaited; 1 unless agreed (RFC 7440)
 * @param accepted what the OACK says; empty = no OACK is sent and the first block answers the request
 */
public record Negotiation(int blockSize, int windowSize, List<TftpOption> accepted) {
    /** RFC 1350's block size. */
    public static final int DEFAULT_BLOCK_SIZE = 512;

    /** RFC 2348's bounds. */
    public static final int MIN_BLOCK_SIZE = 8;

    public static final int MAX_BLOCK_SIZE = 65_464;

    /** From half the block numbers on, an ACK from before could be read as one from within the window. */
    private static final int MOST_WINDOW_SIZE = 32_767;

    /** EDK2 keeps the size in 32 bits (quirk T28): a larger file is announced without {@code tsize}. */
    private static final long MAX_TSIZE = 0xFFFF_FFFFL;

    public Negotiation {
        accepted = List.copyOf(accepted);
    }

    /**
     * The most this server agrees to.
     *
     * @param maxBlockSize 8 to 65464; what fits the egress MTU (quirk T19)
     * @param maxWindowSize 1 to 65535 blocks; some clients fail above 64 (quirk T29)
     * @param maxWindowBytes bound for block size x window size, so that a burst fits the client's receive buffer
     * @param refusedOptions names in lower case, answered as if they were unknown (quirk T21)
     */
    public record Limits(int maxBlockSize, int maxWindowSize, int maxWindowBytes, Set<String> refusedOptions) {
        public static final Limits DEFAULT = new Limits(1_468, 64, 65_536);

        public Limits(int maxBlockSize, int maxWindowSize, int maxWindowBytes) {
            this(maxBlockSize, maxWindowSize, maxWindowBytes, Set.of());
        }

        public Limits withBlockSize(int bytes) {
            return new Limits(bytes, maxWindowSize, maxWindowBytes, refusedOptions);
        }

        public Limits withRefused(Set<String> options) {
            return new Limits(maxBlockSize, maxWindowSize, maxWindowBytes, options);
        }

        public Limits {
            refusedOptions = Set.copyOf(refusedOptions);
            if (maxBlockSize < MIN_BLOCK_SIZE || maxBlockSize > MAX_BLOCK_SIZE) {
                throw new IllegalArgumentException("block size limit " + maxBlockSize + " is not within 8 to 65464");
            }
            if (maxWindowSize < 1 || maxWindowSize > 65_535 || maxWindowBytes < 1) {
                throw new IllegalArgumentException("window limit must be 1 to 65535 blocks and at least one byte");
            }
        }
    }

    /** Answers a request's options for a file of {@code size} bytes. */
    public static Negotiation answer(List<TftpOption> requested, long size, Limits limits) {
        return answer(requested, OptionalLong.of(size), limits);
    }

    /**
     * Answers a request's options.
     *
     * @param size of the file in bytes; empty if it is not known: the option is left out then
     */
    public static Negotiation answer(List<TftpOption> requested, OptionalLong size, Limits limits) {
        List<TftpOption> known = requested.stream()
                .filter(option ->
                        !limits.refusedOptions().contains(option.name().toLowerCase(Locale.ROOT)))
                .toList();
        return answerKnown(known, size.orElse(Long.MAX_VALUE), limits);
    }

    private static Negotiation answerKnown(List<TftpOption> requested, long size, Limits limits) {
        int blockSize = DEFAULT_BLOCK_SIZE;
        for (TftpOption option : requested) {
            if (option.name().equalsIgnoreCase("blksize")) {
                OptionalInt asked = number(option.value(), MIN_BLOCK_SIZE, MAX_BLOCK_SIZE);
                if (asked.isPresent()) {
                    blockSize = Math.min(asked.getAsInt(), limits.maxBlockSize());
                }
                break; // The first of several wins, here and below.
            }
        }
        int windowSize = 1;
        Set<String> seen = new HashSet<>();
        List<TftpOption> accepted = new ArrayList<>();
        for (TftpOption option : requested) {
            String name = option.name().toLowerCase(Locale.ROOT);
            if (!seen.add(name)) {
                continue;
            }
            switch (name) {
                case "blksize" -> {
                    if (number(option.value(), MIN_BLOCK_SIZE, MAX_BLOCK_SIZE).isPresent()) {
                        accepted.add(new TftpOption(name, Integer.toString(blockSize)));
                    }
                }
                case "windowsize" -> {
                    OptionalInt asked = number(option.value(), 1, 65_535);
                    if (asked.isPresent()) {
                        int fitting = Math.max(1, limits.maxWindowBytes() / blockSize);
                        int most = Math.min(MOST_WINDOW_SIZE, Math.min(limits.maxWindowSize(), fitting));
                        windowSize = Math.min(asked.getAsInt(), most);
                        accepted.add(new TftpOption(name, Integer.toString(windowSize)));
                    }
                }
                case "timeout" -> {
                    // RFC 2349: 1 to 255 s. U-Boot wants the very number back (quirk T6).
                    OptionalInt asked = number(option.value(), 1, 255);
                    if (asked.isPresent()) {
                        accepted.add(new TftpOption(name, Integer.toString(asked.getAsInt())));
                    }
                }
                case "tsize" -> {
                    if (number(option.value(), 0, Integer.MAX_VALUE).isPresent() && size <= MAX_TSIZE) {
                        accepted.add(new TftpOption(name, Long.toString(size)));
                    }
                }
                default -> {
                    // Unknown, also multicast: RFC 2347 says to leave it out.
                }
            }
        }
        return new Negotiation(blockSize, windowSize, accepted);
    }

    private static OptionalInt number(String text, int least, int most) {
        if (text.isEmpty() || text.length() > 10) {
            return OptionalInt.empty();
        }
        long value = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < '0' || c > '9') {
                return OptionalInt.empty();
            }
            value = value * 10 + (c - '0');
        }
        return value >= least && value <= most ? OptionalInt.of((int) value) : OptionalInt.empty();
    }
}
