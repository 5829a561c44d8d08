package org.rackboot.protocol.bootconfig;

import java.util.List;
import java.util.Optional;

/**
 * What one machine is to do, whatever its loader's language. Every text is one line: a line break would let a title or
 * an option add commands to a script (S-65), so controls become blanks. An unpaired double quote in an argument would
 * take the rest of the kernel command line for its value; such quotes are left out.
 *
 * <p>Boot names are without leading slash.
 *
 * @param arch of the machine, in the catalog's words: {@code amd64}
 * @param title for the console, at most {@value #LONGEST_TEXT} characters, the rest is cut
 * @param kernel boot name; there if and only if the purpose boots
 * @param initrd boot name
 * @param dtb boot name of the device tree
 * @param arguments the kernel command line in words; a word may hold blanks; {@value #LONGEST_COMMAND_LINE}
 *     characters together at most, as many as any kernel takes
 * @param reason why the machine waits, for the console, bounded like the title; there if the purpose waits
 * @param again boot name to ask again after the wait; there if the purpose waits. Behind it {@code .ready} is the name
 *     that is empty for as long as asking again would bring the same answer
 * @param localModule boot name of PXELINUX's {@code chain.c32}
 * @param poweroffModule boot name of PXELINUX's {@code poweroff.c32}
 */
public record BootPlan(
        ConfigPurpose purpose,
        String arch,
        String title,
        Optional<String> kernel,
        Optional<String> initrd,
        Optional<String> dtb,
        List<String> arguments,
        Optional<String> reason,
        Optional<String> again,
        Optional<String> localModule,
        Optional<String> poweroffModule) {
    public static final int LONGEST_TEXT = 200;
    public static final int LONGEST_COMMAND_LINE = 4_096;

    /** @throws IllegalArgumentException if something is missing, or the command line is too long for any kernel */
    public BootPlan {
        arch = oneLine(arch);
        title = cut(oneLine(title));
        kernel = kernel.map(BootPlan::oneLine);
        initrd = initrd.map(BootPlan::oneLine);
        dtb = dtb.map(BootPlan::oneLine);
        arguments = arguments.stream()
                .map(BootPlan::oneLine)
                .map(BootPlan::withPairedQuotes)
                .toList();
        reason = reason.map(BootPlan::oneLine).map(BootPlan::cut);
        again = again.map(BootPlan::oneLine);
        localModule = localModule.map(BootPlan::oneLine);
        poweroffModule = poweroffModule.map(BootPlan::oneLine);
        require(kernel.isPresent() == purpose.boots(), "a plan has a kernel if and only if it boots one");
        require(
                !purpose.waits() || (reason.isPresent() && again.isPresent()),
                "a plan that waits says why, and what to ask again");
        int length = arguments.stream().mapToInt(word -> word.length() + 1).sum();
        require(
                length <= LONGEST_COMMAND_LINE,
                "the kernel command line has " + length + " characters; no kernel takes more than "
                        + LONGEST_COMMAND_LINE + ": take kernel options away");
    }

    /** Begins a plan that has nothing but this. */
    public static Builder of(ConfigPurpose purpose, String arch, String title) {
        return new Builder(purpose, arch, title);
    }

    /** Collects what a plan may have besides. */
    public static final class Builder {
        private final ConfigPurpose purpose;
        private final String arch;
        private final String title;
        private Optional<String> kernel = Optional.empty();
        private Optional<String> initrd = Optional.empty();
        private Optional<String> dtb = Optional.empty();
        private List<String> arguments = List.of();
        private Optional<String> reason = Optional.empty();
        private Optional<String> again = Optional.empty();
        private Optional<String> localModule = Optional.empty();
        private Optional<String> poweroffModule = Optional.empty();

        private Builder(ConfigPurpose purpose, String arch, String title) {
            this.purpose = purpose;
            this.arch = arch;
            this.title = title;
        }

        public Builder kernel(String bootName) {
            kernel = Optional.of(bootName);
            return this;
        }

        public Builder initrd(Optional<String> bootName) {
            initrd = bootName;
            return this;
        }

        public Builder dtb(Optional<String> bootName) {
            dtb = bootName;
            return this;
        }

        public Builder arguments(List<String> words) {
            arguments = words;
            return this;
        }

        /** Why, and what to ask again. */
        public Builder waiting(String why, String bootName) {
            reason = Optional.of(why);
            again = Optional.of(bootName);
            return this;
        }

        public Builder localModule(Optional<String> bootName) {
            localModule = bootName;
            return this;
        }

        public Builder poweroffModule(Optional<String> bootName) {
            poweroffModule = bootName;
            return this;
        }

        /** @throws IllegalArgumentException as {@link BootPlan}'s */
        public BootPlan build() {
            return new BootPlan(
                    purpose, arch, title, kernel, initrd, dtb, arguments, reason, again, localModule, poweroffModule);
        }
    }

    /** Quick for what needs no change, which is nearly everything: a configuration is made for every request. */
    private static String oneLine(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (isControl(text.charAt(i))) {
                StringBuilder line = new StringBuilder(text);
                for (int j = i; j < line.length(); j++) {
                    if (isControl(line.charAt(j))) {
                        line.setCharAt(j, ' ');
                    }
                }
                return line.toString();
            }
        }
        return text;
    }

    private static boolean isControl(char c) {
        return c < ' ' || (c >= 0x7f && c <= 0x9f) || c == '\u2028' || c == '\u2029';
    }

    private static String cut(String text) {
        if (text.length() <= LONGEST_TEXT) {
            return text;
        }
        int end = Character.isHighSurrogate(text.charAt(LONGEST_TEXT - 1)) ? LONGEST_TEXT - 1 : LONGEST_TEXT;
        return text.substring(0, end);
    }

    private static String withPairedQuotes(String word) {
        int quotes = 0;
        for (int at = word.indexOf('"'); at >= 0; at = word.indexOf('"', at + 1)) {
            quotes++;
        }
        return quotes % 2 == 0 ? word : word.replace("\"", "");
    }

    private static void require(boolean condition, String problem) {
        if (!condition) {
            throw new IllegalArgumentException(problem);
        }
    }
}
