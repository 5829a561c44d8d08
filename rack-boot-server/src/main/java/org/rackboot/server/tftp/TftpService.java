package org.rackboot.server.tftp;

import java.net.InetSocketAddress;
import java.time.Duration;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;

/** What a TFTP listener needs of the rack. Called on event loops: must not block. */
public interface TftpService {

    /** What to do with a read request. */
    sealed interface Answer {
        /** Send these bytes. */
        record Serve(BodySource body, Report report) implements Answer {}

        /** Say no, once. */
        record Refuse(int errorCode, String message) implements Answer {}
    }

    /** Told once how a transfer ended. */
    @FunctionalInterface
    interface Report {
        void ended(Outcome outcome, String detail, long bytes, Duration duration);
    }

    /**
     * @param filename one character per byte
     * @param local the address the request came to
     */
    Answer answer(String filename, InetSocketAddress client, InetSocketAddress local);
}
