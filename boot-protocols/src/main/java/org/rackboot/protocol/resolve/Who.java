package org.rackboot.protocol.resolve;

import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * The machine that asks, as far as its name for the file and the network tell.
 *
 * @param machine empty for one that nobody knows
 * @param mac of the card that asks
 * @param uuid that it names
 */
record Who(Optional<Machine> machine, Optional<MacAddress> mac, Optional<String> uuid) {

    /** What its metadata is kept under. */
    String key() {
        return machine.map(Machine::name)
                .or(() -> mac.map(each -> "m-" + each.text().replace(":", "")))
                .orElse("unknown");
    }

    /** For the beginning of a title. */
    String title() {
        return machine.map(known -> known.name() + ": ").orElse("");
    }
}
