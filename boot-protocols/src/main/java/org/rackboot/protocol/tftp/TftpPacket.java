package org.rackboot.protocol.tftp;

import java.nio.ByteBuffer;
import java.util.List;

/** One TFTP datagram (RFC 1350; options: RFC 2347). Holds values, not wire bytes. */
public sealed interface TftpPacket {

    /**
     * A request to read.
     *
     * @param filename one character per wire byte (ISO 8859-1), so that no byte is lost before the name is judged
     * @param options in the order in which the client wrote them
     */
    record ReadRequest(String filename, String mode, List<TftpOption> options) implements TftpPacket {
        public ReadRequest {
            options = List.copyOf(options);
        }
    }

    /** A request to write. This server is read-only; the value exists to be refused. */
    record WriteRequest(String filename, String mode) implements TftpPacket {}

    /** @param block the wire's 16 bits, 0 to 65535 */
    record Data(int block, ByteBuffer payload) implements TftpPacket {
        public Data {
            payload = payload.asReadOnlyBuffer();
        }

        @Override
        public ByteBuffer payload() {
            return payload.duplicate(); // A reader moves its own position, not ours.
        }
    }

    /** @param block the wire's 16 bits, 0 to 65535 */
    record Ack(int block) implements TftpPacket {}

    /** @param code the wire's 16 bits; see {@link TftpError} */
    record ErrorReply(int code, String message) implements TftpPacket {}

    /** The options a server agreed to (RFC 2347). */
    record OptionAck(List<TftpOption> options) implements TftpPacket {
        public OptionAck {
            options = List.copyOf(options);
        }
    }
}
