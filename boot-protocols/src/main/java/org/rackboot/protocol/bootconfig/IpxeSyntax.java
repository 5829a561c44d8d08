package org.rackboot.protocol.bootconfig;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * iPXE's scripts: words parted by blanks, without quotes. A dollar before a brace begins an expansion and cannot be written in another
 * way, so its dollar goes. A word that parts commands or begins a comment stands in double quotes, which the kernel
 * takes off.
 */
final class IpxeSyntax implements ConfigSyntax {
    static final Set<String> SEPARATORS = Set.of("||", "&&", ";");

    @Override
    public String text(String text) {
        String written = words(text.strip());
        return written.startsWith("-") ? '_' + written.substring(1) : written; // No option of echo's.
    }

    @Override
    public String words(List<String> words) {
        return words(String.join(" ", words));
    }

    @Override
    public ValuePlaces places() {
        return ValuePlaces.ofLinesWith(SEPARATORS);
    }

    @Override
    public Optional<String> problem(String template) {
        return template.startsWith("#!ipxe\n")
                ? Optional.empty()
                : Optional.of("line 1: an iPXE script begins with the line '#!ipxe'; iPXE takes no other for one");
    }

    private static String words(String text) {
        boolean plain =
                text.indexOf('#') < 0 && text.indexOf(';') < 0 && text.indexOf('|') < 0 && text.indexOf('&') < 0;
        if (plain) {
            return withoutExpansions(text);
        }
        return Arrays.stream(withoutExpansions(text).split(" ", -1))
                .map(word -> SEPARATORS.contains(word) || word.startsWith("#") ? '"' + word + '"' : word)
                .collect(Collectors.joining(" "));
    }

    private static String withoutExpansions(String text) {
        String out = text;
        while (out.contains("${")) { // Of $${ one is left that begins another.
            out = out.replace("${", "{");
        }
        return out;
    }
}
