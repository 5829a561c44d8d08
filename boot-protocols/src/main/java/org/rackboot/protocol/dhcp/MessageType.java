package org.rackboot.protocol.dhcp;

import java.util.Arrays;
import java.util.Optional;

/** What a message is for (RFC 2132, 9.6; option 53). */
public enum MessageType implements DhcpOption {
    DISCOVER(1),
    OFFER(2),
    REQUEST(3),
    DECLINE(4),
    ACK(5),
    NAK(6),
    RELEASE(7),
    INFORM(8);

    private final int number;

    MessageType(int number) {
        this.number = number;
    }

    static Optional<MessageType> read(Octets value) {
        return Arrays.stream(values())
                .filter(type -> value.length() == 1 && value.at(0) == type.number)
                .findFirst();
    }

    @Override
    public int code() {
        return OptionCode.MESSAGE_TYPE;
    }

    @Override
    public Octets value() {
        return Octets.of((byte) number);
    }
}
