package org.rackboot.region.machine;

import java.util.List;
import java.util.regex.Pattern;

/**
 * A mark that machines bear, with what the kernels of those that bear it are given.
 *
 * @param kernelOptions words
 */
public record Tag(String name, List<String> kernelOptions) {
    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9_.-]{0,62}");

    public Tag {
        kernelOptions = List.copyOf(kernelOptions);
    }

    public static boolean isName(String text) {
        return NAME.matcher(text).matches();
    }
}
