package org.rackboot.protocol.dhcp;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * What an Ethernet address tells of a machine whose firmware says nothing, or something else, of its processor (D11).
 *
 * <p>Only Raspberry Pi's blocks do: its boards carry nothing else, and all of them load in one way. Others are not guessed,
 * since a wrong guess keeps a machine from the answer that fits it. A card's vendor says nothing of the board that it is in;
 * Apple, IBM, HPE, Dell and NVIDIA have put their numbers on machines of several processors; those of hypervisors (52:54:00
 * of QEMU, VMware's, Hyper-V's) stand for any. Firmware of UEFI and U-Boot says what it is; SLOF, which does not at first,
 * has QEMU's number or a card's. 3a:35:41, Raspberry Pi's as well, is for addresses that software makes up.
 */
public final class HardwareVendor {
    /** By the first three bytes, which the IEEE gave to one vendor of boards of one kind. */
    private static final Map<String, Integer> ARCHITECTURES = Map.of(
            "28:cd:c1", ArchitectureType.RASPBERRY_PI,
            "2c:cf:67", ArchitectureType.RASPBERRY_PI,
            "88:a2:9e", ArchitectureType.RASPBERRY_PI,
            "b8:27:eb", ArchitectureType.RASPBERRY_PI,
            "d8:3a:dd", ArchitectureType.RASPBERRY_PI,
            "dc:a6:32", ArchitectureType.RASPBERRY_PI,
            "e4:5f:01", ArchitectureType.RASPBERRY_PI);

    private HardwareVendor() {}

    /** How the addresses of all machines of one number of IANA's list begin: {@code b8:27:eb}. */
    public static List<String> prefixes(int architecture) {
        return ARCHITECTURES.entrySet().stream()
                .filter(each -> each.getValue() == architecture)
                .map(Map.Entry::getKey)
                .sorted()
                .toList();
    }

    /** A number of IANA's list. */
    static Optional<Integer> architecture(MacAddress mac) {
        return Optional.ofNullable(ARCHITECTURES.get(mac.text().substring(0, 8)));
    }
}
