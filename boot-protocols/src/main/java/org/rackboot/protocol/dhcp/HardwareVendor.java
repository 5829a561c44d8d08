package org.rackboot.protocol.dhcp;

import java.util.Map;
import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;

/** What an Ethernet address tells of a machine whose firmware says nothing, or something else, of its processor (D11). */
final class HardwareVendor {
    private static final int RASPBERRY_PI = 41;

    /** By the first three bytes, which the IEEE gave to one vendor of boards of one kind. */
    private static final Map<String, Integer> ARCHITECTURES = Map.of(
            "28:cd:c1", RASPBERRY_PI,
            "2c:cf:67", RASPBERRY_PI,
            "88:a2:9e", RASPBERRY_PI,
            "b8:27:eb", RASPBERRY_PI,
            "d8:3a:dd", RASPBERRY_PI,
            "dc:a6:32", RASPBERRY_PI,
            "e4:5f:01", RASPBERRY_PI);

    private HardwareVendor() {}

    /** A number of IANA's list. */
    static Optional<Integer> architecture(MacAddress mac) {
        return Optional.ofNullable(ARCHITECTURES.get(mac.text().substring(0, 8)));
    }
}
