package org.rackboot.protocol.bootconfig;

import java.util.List;

/**
 * What one machine is to boot, whatever its loader's language.
 *
 * @param title for the console, one line
 * @param kernelPath boot name of the kernel, without leading slash
 * @param initrdPath boot name of the initrd
 * @param arguments the kernel command line in words; a word may hold blanks
 */
public record BootPlan(String title, String kernelPath, String initrdPath, List<String> arguments) {
    public BootPlan {
        arguments = List.copyOf(arguments);
    }
}
