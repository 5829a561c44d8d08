package org.rackboot.server.region;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.rackboot.protocol.netconfig.Cidr;
import org.rackboot.protocol.netconfig.NetworkConfig;
import org.rackboot.region.Assignments;
import org.rackboot.region.Machines;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.Assignment;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.Target;
import org.rackboot.region.store.AssignmentRepository.Assigned;
import org.rackboot.region.store.DatabaseException;

/**
 * What machines cannot boot as it is assigned: what VMware ESXi will not take of their networks, and images of another
 * architecture. Told to whoever says so, of the machine or of an assignment, before the machine boots.
 */
final class BootWarnings {
    private static final String ESXI = "esxi/";
    private static final int MOST_MACHINES = 20;
    private static final int MOST_OF_ONE = 40;
    private static final int FEW = 50; // So many are looked up one by one.

    private final Machines machines;
    private final Assignments assignments;

    /** @param condition what the region does not know of the machine: {@code , if it boots in 198.18.0.0/15}; or nothing */
    private record Reach(Target target, Assignment assignment, String condition) {
        boolean isOfEsxi() {
            return BootWarnings.isOfEsxi(assignment);
        }
    }

    BootWarnings(Machines machines, Assignments assignments) {
        this.machines = machines;
        this.assignments = assignments;
    }

    /** Of machines that this was assigned to, or to what they have in common. */
    List<String> ofAssigned(List<Assigned> assigned) throws DatabaseException {
        boolean maySay = assigned.stream()
                .map(Assigned::assignment)
                .anyMatch(each -> isOfEsxi(each)
                        || each.image().flatMap(BootWarnings::architecture).isPresent());
        if (!maySay) {
            return List.of();
        }
        Set<Target> targets = assigned.stream().map(Assigned::target).collect(Collectors.toSet());
        return warnings(meant(assigned), reach -> targets.contains(reach.target()));
    }

    /** Of machines that were added or changed. */
    List<String> ofMachines(List<Machine> changed) throws DatabaseException {
        return warnings(changed, any -> true);
    }

    private static boolean isOfEsxi(Assignment assignment) {
        return assignment.image().filter(image -> image.text().startsWith(ESXI)).isPresent();
    }

    private List<Machine> meant(List<Assigned> assigned) throws DatabaseException {
        boolean all = assigned.size() > FEW
                || assigned.stream()
                        .anyMatch(each -> each.target().kind() != Target.Kind.MACHINE
                                && each.target().kind() != Target.Kind.TAG);
        if (all) {
            return machines.list();
        }
        Map<String, Machine> byName = new LinkedHashMap<>();
        for (Assigned each : assigned) {
            if (each.target().kind() == Target.Kind.TAG) {
                machines.tagged(each.target().value()).forEach(machine -> byName.put(machine.name(), machine));
            } else {
                machine(each.target().value()).ifPresent(machine -> byName.put(machine.name(), machine));
            }
        }
        return List.copyOf(byName.values());
    }

    private Optional<Machine> machine(String name) throws DatabaseException {
        try {
            return Optional.of(machines.get(name));
        } catch (RefusedException e) {
            return Optional.empty(); // Somebody has removed it since.
        }
    }

    private List<String> warnings(List<Machine> some, Predicate<Reach> looked) throws DatabaseException {
        List<Assigned> others = assignments.list();
        List<String> all = new ArrayList<>();
        all.addAll(bounded(
                some.stream().filter(machine -> machine.boot().network().isPresent()),
                "whose network ESXi does not take as it is",
                machine -> ofNetwork(machine, others, looked)));
        all.addAll(bounded(
                some.stream().filter(machine -> machine.arch().isPresent()),
                "of another architecture",
                machine -> ofArchitecture(machine, others, looked)));
        return all;
    }

    /** @param kind what machines are of whom something is to be said */
    private static List<String> bounded(
            Stream<Machine> some, String kind, Function<Machine, List<String>> warningsOfOne) {
        List<List<String>> found =
                some.map(warningsOfOne).filter(each -> !each.isEmpty()).toList();
        List<String> all = new ArrayList<>();
        found.stream().limit(MOST_MACHINES).forEach(all::addAll);
        int more = found.size() - MOST_MACHINES;
        if (more > 0) {
            all.add("and %d more machine%s %s".formatted(more, more == 1 ? "" : "s", kind));
        }
        return all;
    }

    private static List<String> ofNetwork(Machine machine, List<Assigned> others, Predicate<Reach> looked) {
        Optional<NetworkConfig> network = Networks.of(machine);
        Optional<Reach> reach = reaching(machine, network, others).stream()
                .filter(Reach::isOfEsxi)
                .filter(looked)
                .findFirst();
        if (reach.isEmpty()) {
            return List.of();
        }
        List<String> findings = Networks.esxiFindings(network);
        String whose = machine.name() + reach.get().condition();
        List<String> all = new ArrayList<>();
        findings.stream()
                .limit(MOST_OF_ONE)
                .map(finding -> whose + ": network " + finding)
                .forEach(all::add);
        if (findings.size() > MOST_OF_ONE) {
            all.add("%s: and %d more settings".formatted(whose, findings.size() - MOST_OF_ONE));
        }
        return all;
    }

    /** Only of what surely reaches a machine: where it boots, it may be told something else. */
    private static List<String> ofArchitecture(Machine machine, List<Assigned> others, Predicate<Reach> looked) {
        String arch = machine.arch().orElseThrow();
        return reaching(machine, Optional.empty(), others).stream()
                .filter(looked)
                .filter(reach -> reach.condition().isEmpty())
                .flatMap(reach -> reach.assignment().image().stream())
                .filter(image ->
                        architecture(image).filter(of -> !boots(arch, of)).isPresent())
                .findFirst()
                .map(image -> "%s is recorded as %s, and the image %s is of %s: it will not boot that"
                        .formatted(
                                machine.name(),
                                arch,
                                image.text(),
                                architecture(image).orElseThrow()))
                .stream()
                .toList();
    }

    private static Optional<String> architecture(ImageReference image) {
        return image.words().stream().skip(2).findFirst().filter(Machine.ARCHITECTURES::contains);
    }

    private static boolean boots(String machine, String image) {
        return machine.equals(image) || (machine.equals("amd64") && image.equals("i386"));
    }

    /** What a machine may be given, as racks decide it, the first that counts first. */
    private static List<Reach> reaching(Machine machine, Optional<NetworkConfig> network, List<Assigned> others) {
        List<Reach> all = new ArrayList<>();
        Target own = new Target(Target.Kind.MACHINE, machine.name());
        machine.boot().once().ifPresent(once -> all.add(new Reach(own, once, "")));
        if (machine.boot().assignment().isPresent()) {
            all.add(new Reach(own, machine.boot().assignment().get(), ""));
            return all;
        }
        for (String tag : machine.boot().tags()) { // In their order, of which the first counts.
            for (Assigned each : others) {
                if (each.target().equals(new Target(Target.Kind.TAG, tag))) {
                    all.add(new Reach(each.target(), each.assignment(), ""));
                    return all;
                }
            }
        }
        for (Assigned each : others) {
            if (each.target().kind() == Target.Kind.SUBNET
                    && mayBootIn(each.target().value(), network)) {
                all.add(new Reach(
                        each.target(),
                        each.assignment(),
                        ", if it boots in " + each.target().value()));
            }
        }
        for (Assigned each : others) {
            if (each.target().kind() == Target.Kind.ARCH && machine.arch().isEmpty()) {
                all.add(new Reach(
                        each.target(),
                        each.assignment(),
                        ", if it is " + each.target().value()));
            } else if (each.target().kind() == Target.Kind.ARCH
                    && machine.arch().get().equals(each.target().value())) {
                all.add(new Reach(each.target(), each.assignment(), ""));
                return all;
            }
        }
        others.stream()
                .filter(each -> each.target().kind() == Target.Kind.DEFAULT)
                .forEach(each -> all.add(new Reach(each.target(), each.assignment(), "")));
        return all;
    }

    /** Where a machine boots only racks see; but one that has addresses of its own elsewhere boots elsewhere. */
    private static boolean mayBootIn(String subnet, Optional<NetworkConfig> network) {
        Optional<Cidr> there = Cidr.parse(subnet);
        if (there.isEmpty() || network.isEmpty()) {
            return true;
        }
        List<Cidr> own = network.get().links().stream()
                .flatMap(link -> link.common().addresses().stream())
                .filter(address ->
                        address.address().isV6() == there.get().address().isV6())
                .toList();
        return own.isEmpty() || own.stream().anyMatch(address -> there.get().contains(address.address()));
    }
}
