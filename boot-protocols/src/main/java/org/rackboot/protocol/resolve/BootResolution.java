package org.rackboot.protocol.resolve;

import java.util.Optional;
import org.rackboot.protocol.bootconfig.BootPlan;
import org.rackboot.protocol.bootconfig.ConfigLoader;
import org.rackboot.protocol.bootconfig.ConfigPurpose;
import org.rackboot.protocol.bootconfig.KernelOptions;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * An answer, and how it came about.
 *
 * @param stranger who asked for a configuration, if that is a machine which nobody knows
 * @param decision if a configuration was made for a machine
 */
public record BootResolution(BootAnswer answer, Optional<Stranger> stranger, Optional<Decision> decision) {

    /** @param arch in the catalog's words */
    public record Stranger(MacAddress mac, Optional<String> uuid, Optional<String> arch) {}

    /**
     * Why a configuration is what it is.
     *
     * @param machine empty for one that nobody knows
     * @param mac that the name or the network tells
     * @param origin on whose word: {@code tag web}
     * @param once the machine's assignment for its next boot, if the answer is made of that
     * @param booted the image whose kernel it loads
     * @param wanted the image that was assigned, which is another one if it is installed from what was booted
     * @param options words of operators and streams on the kernel's command line
     */
    public record Decision(
            ConfigLoader loader,
            Optional<Machine> machine,
            Optional<MacAddress> mac,
            String origin,
            Optional<Assignment> once,
            Optional<BootImage> booted,
            Optional<BootImage> wanted,
            KernelOptions options,
            BootPlan plan) {

        /** {@code web-1: install by tag web}, and what is wrong, for the log. */
        public String words() {
            ConfigPurpose purpose = plan.purpose();
            return machine.map(known -> known.name() + ": ").orElse("") + purpose.word() + " by " + origin
                    + (purpose == ConfigPurpose.FAILURE ? ": " + plan.reason().orElse("") : "");
        }
    }

    static BootResolution of(BootAnswer answer) {
        return new BootResolution(answer, Optional.empty(), Optional.empty());
    }
}
