package org.rackboot.server.get;

import java.util.List;

/**
 * One message on the wire, as people read it.
 *
 * @param address of whoever was asked, or answered; with port
 * @param line what it is: {@code RRQ "bootx64.efi" octet}, {@code HTTP/1.1 200 OK}
 * @param fields options or headers, in their order
 */
public record Message(String address, String line, List<Field> fields) {
    /** An option or a header. */
    public record Field(String name, String value) {}

    public Message {
        fields = List.copyOf(fields);
    }
}
