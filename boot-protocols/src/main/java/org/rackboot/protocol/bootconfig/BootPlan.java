package org.rackboot.protocol.bootconfig;

import java.util.List;
import java.util.regex.Pattern;

/**
 * What one machine is to boot, whatever its loader's language. Every text is one line: a line break would let a title or
 * an option add commands to a script (S-65), so controls become blanks.
 *
 * @param title for the console, one line
 * @param kernelPath boot name of the kernel, without leading slash
 * @param initrdPath boot name of the initrd
 * @param arguments the kernel command line in words; a word may hold blanks
 */
public record BootPlan(String title, String kernelPath, String initrdPath, List<String> arguments) {
    private static final Pattern CONTROLS = Pattern.compile("[\\x00-\\x1F\\x7F\\x85\\u2028\\u2029]");

    public BootPlan {
        title = oneLine(title);
        kernelPath = oneLine(kernelPath);
        initrdPath = oneLine(initrdPath);
        arguments = arguments.stream().map(BootPlan::oneLine).toList();
    }

    private static String oneLine(String text) {
        return CONTROLS.matcher(text).replaceAll(" ");
    }
}
