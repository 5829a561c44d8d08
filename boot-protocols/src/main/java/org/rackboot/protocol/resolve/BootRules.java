package org.rackboot.protocol.resolve;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.protocol.address.IpAddress;
import org.rackboot.protocol.address.Subnet;

/**
 * What is to be booted by more than one machine, and by those that nobody knows.
 *
 * @param byTag assignments by tag
 * @param bySubnet the first that an address is in holds; kept with the longest prefix first
 * @param byArch assignments by architecture
 * @param byDefault for every other
 * @param tagOptions kernel options by tag
 */
public record BootRules(
        Map<String, Assignment> byTag,
        List<OfSubnet> bySubnet,
        Map<String, Assignment> byArch,
        Optional<Assignment> byDefault,
        Map<String, List<String>> tagOptions,
        UnknownMachines unknownMachines) {
    public static final BootRules NONE =
            new BootRules(Map.of(), List.of(), Map.of(), Optional.empty(), Map.of(), UnknownMachines.BOOT);

    /** @param text as the operator wrote it */
    public record OfSubnet(String text, Subnet subnet, Assignment assignment) {}

    public BootRules {
        byTag = Map.copyOf(byTag);
        bySubnet = bySubnet.stream()
                .sorted(Comparator.comparingInt((OfSubnet each) -> each.subnet().prefixBits())
                        .reversed()
                        .thenComparing(OfSubnet::text))
                .toList();
        byArch = Map.copyOf(byArch);
        tagOptions = Map.copyOf(tagOptions);
    }

    /** Whether no assignment can hold for a machine that nobody knows: by DHCP its address is not known yet. */
    public boolean sayNothingOfStrangers() {
        return bySubnet.isEmpty() && byArch.isEmpty() && byDefault.isEmpty();
    }

    /**
     * What holds, and on whose word.
     *
     * @param origin for an operator: {@code tag web}
     */
    public record Ruling(Assignment assignment, String origin, boolean once) {}

    /**
     * The one assignment that holds for a machine: its next boot's, its own, that of its first tag that has one, its
     * network's, its architecture's, everybody's. One that is not to boot from the network any more boots its disk.
     *
     * @param machine empty for one that nobody knows
     * @param memory of what this rack knows better than the catalog
     * @return empty if nothing is said: a known machine then boots the default image, an unknown one as
     *     {@link #unknownMachines} says
     */
    public Optional<Ruling> rule(
            Optional<Machine> machine, Optional<String> arch, Optional<IpAddress> address, RackMemory memory) {
        if (machine.isPresent()) {
            Machine known = machine.get();
            Machine.Instructions said = known.instructions();
            if (!said.netboot()) {
                return Optional.of(
                        new Ruling(Assignment.of(0, Purpose.LOCAL), "netboot is off for " + known.name(), false));
            }
            Optional<Assignment> once = said.once().filter(each -> !memory.isUsed(each.id()));
            if (once.isPresent()) {
                return Optional.of(new Ruling(once.get(), "the next boot of " + known.name(), true));
            }
            if (said.assignment().isPresent()) {
                return Optional.of(new Ruling(said.assignment().get(), "machine " + known.name(), false));
            }
            for (String tag : said.tags()) {
                Assignment tagged = byTag.get(tag);
                if (tagged != null) {
                    return Optional.of(new Ruling(tagged, "tag " + tag, false));
                }
            }
        }
        if (address.isPresent()) {
            for (OfSubnet each : bySubnet) {
                if (address.get().isIn(each.subnet())) {
                    return Optional.of(new Ruling(each.assignment(), "subnet " + each.text(), false));
                }
            }
        }
        Optional<Ruling> ofArch = arch.flatMap(word ->
                Optional.ofNullable(byArch.get(word)).map(each -> new Ruling(each, "architecture " + word, false)));
        return ofArch.isPresent() ? ofArch : byDefault.map(each -> new Ruling(each, "default", false));
    }
}
