package org.rackboot.protocol.resolve;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The images that a catalog tells machines to boot: by default, by rules, and each by its own assignment. Where nobody said of
 * which processor a machine is, of every one that there are images for.
 *
 * @param booted whose kernels are loaded
 * @param wanted that are meant: the same, and those that they install
 */
public record AssignedImages(Set<BootImage> booted, Set<BootImage> wanted) {
    public AssignedImages {
        booted = Set.copyOf(booted);
        wanted = Set.copyOf(wanted);
    }

    /** What an assignment says of images: many machines' say the same. */
    private record Choice(Purpose purpose, Optional<ImageReference> image, Optional<String> version, String arch) {}

    /** What is assigned and not there is left out. */
    public static AssignedImages of(BootCatalog catalog) {
        Set<String> archs = new TreeSet<>();
        catalog.images().forEach(image -> archs.add(image.arch()));
        Set<Choice> choices = new HashSet<>();
        add(choices, Assignment.of(0, Purpose.EPHEMERAL), archs);
        BootRules rules = catalog.rules();
        for (Machine machine : catalog.machines()) {
            Set<String> its = machine.arch().map(Set::of).orElse(archs);
            assignmentsOf(machine, rules).forEach(assignment -> add(choices, assignment, its));
        }
        rules.bySubnet().forEach(each -> add(choices, each.assignment(), archs));
        rules.byDefault().ifPresent(assignment -> add(choices, assignment, archs));
        for (Map.Entry<String, Assignment> each : rules.byArch().entrySet()) {
            add(choices, each.getValue(), Set.of(each.getKey()));
        }
        Set<BootImage> booted = new HashSet<>();
        Set<BootImage> wanted = new HashSet<>();
        for (Choice choice : choices) {
            ImageChoice made = ImageChoice.of(
                    catalog, choice.purpose(), choice.image(), choice.version(), Optional.of(choice.arch()));
            if (made instanceof ImageChoice.Found found) {
                booted.add(found.booted());
                wanted.add(found.wanted());
            }
        }
        return new AssignedImages(booted, wanted);
    }

    /** The next boot's, and what then holds. */
    private static List<Assignment> assignmentsOf(Machine machine, BootRules rules) {
        Machine.Instructions said = machine.instructions();
        if (!said.netboot()) {
            return List.of();
        }
        Optional<Assignment> lasting = said.assignment()
                .or(() -> said.tags().stream()
                        .filter(rules.byTag()::containsKey)
                        .findFirst()
                        .map(rules.byTag()::get));
        return Stream.concat(said.once().stream(), lasting.stream()).toList();
    }

    private static void add(Set<Choice> choices, Assignment assignment, Set<String> archs) {
        if (assignment.purpose().loadsAnImage()) {
            for (String arch : archs) {
                choices.add(new Choice(assignment.purpose(), assignment.image(), assignment.version(), arch));
            }
        }
    }
}
