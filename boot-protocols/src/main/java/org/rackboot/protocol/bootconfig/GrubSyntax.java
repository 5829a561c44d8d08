package org.rackboot.protocol.bootconfig;

import java.util.ArrayList;
import java.util.List;

/** GRUB's script language. A text and each word of the kernel's are words of their own, in single quotes. */
final class GrubSyntax implements ConfigSyntax {
    /** Beside letters and digits: what needs no quotes. */
    private static final String PLAIN = "_./:=,+@%-";

    @Override
    public String text(String text) {
        return quoted(text);
    }

    /**
     * GRUB puts a backslash before each quote on its way to the kernel, so none can be handed on. Double quotes, which
     * keep blanks together for the kernel, become GRUB's own; single ones mean nothing to it and go: cloud-init's YAML
     * needs none.
     */
    @Override
    public String words(List<String> words) {
        List<String> quoted = new ArrayList<>();
        for (String word : words) { // Of a plan, whose words have paired quotes.
            boolean isOne = !word.isEmpty() && word.indexOf(' ') < 0;
            for (String part : isOne ? List.of(word) : KernelOptions.split(word)) {
                String bare = part.replace("\"", "").replace("'", "");
                quoted.add(isPlain(bare) ? bare : quoted(bare));
            }
        }
        return String.join(" ", quoted);
    }

    @Override
    public ValuePlaces places() {
        return ValuePlaces.ofShell();
    }

    private static boolean isPlain(String word) {
        for (int i = 0; i < word.length(); i++) {
            char c = word.charAt(i);
            if (!ConfigSyntax.isAsciiLetterOrDigit(c) && PLAIN.indexOf(c) < 0) {
                return false;
            }
        }
        return !word.isEmpty();
    }

    /** Single quotes, in which GRUB expands nothing. */
    private static String quoted(String text) {
        return "'" + text.replace("'", "'\\''") + "'";
    }
}
