package org.rackboot.protocol.bootconfig;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What people want on a machine's kernel command line, from the widest to the narrowest: where the kernel takes the last
 * of several, the narrowest holds.
 *
 * @param settings for every machine
 * @param streamParameters of the image's stream ({@code kparams}); one whose key anything else sets is left out
 * @param image of the image
 * @param tags of the machine's tags, in the order of their names
 * @param machine of the machine
 */
public record KernelOptions(
        List<String> settings,
        List<String> streamParameters,
        List<String> image,
        List<String> tags,
        List<String> machine) {
    public static final KernelOptions NONE = new KernelOptions(List.of(), List.of(), List.of(), List.of(), List.of());

    public KernelOptions {
        settings = List.copyOf(settings);
        streamParameters = List.copyOf(streamParameters);
        image = List.copyOf(image);
        tags = List.copyOf(tags);
        machine = List.copyOf(machine);
    }

    /** Those of settings alone. */
    public static KernelOptions ofSettings(List<String> settings) {
        return new KernelOptions(settings, List.of(), List.of(), List.of(), List.of());
    }

    /** All, in the order in which the kernel reads them. */
    public List<String> words() {
        return Stream.of(settings, streamWords(), image, tags, machine)
                .flatMap(List::stream)
                .toList();
    }

    /** Of the stream's parameters those that the kernel gets. */
    public List<String> streamWords() {
        Set<String> keys = new HashSet<>();
        Stream.of(settings, image, tags, machine).flatMap(List::stream).forEach(option -> keys.add(key(option)));
        return streamParameters.stream()
                .filter(parameter -> !keys.contains(key(parameter)))
                .toList();
    }

    /** Parts a command line at its blanks as the kernel does: those between double quotes stay in their word. */
    public static List<String> split(String commandLine) {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < commandLine.length(); i++) {
            char c = commandLine.charAt(i);
            quoted ^= c == '"';
            if (c == ' ' && !quoted) {
                addTo(words, word);
            } else {
                word.append(c);
            }
        }
        addTo(words, word);
        return words;
    }

    private static void addTo(List<String> words, StringBuilder word) {
        if (!word.isEmpty()) {
            words.add(word.toString());
            word.setLength(0);
        }
    }

    /** The kernel takes hyphen and underscore for the same in a parameter's name. */
    private static String key(String option) {
        int equals = option.indexOf('=');
        return (equals < 0 ? option : option.substring(0, equals)).replace('-', '_');
    }
}
