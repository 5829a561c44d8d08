package org.rackboot.protocol.bootconfig;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * How one loader reads its configurations: what to write so that it reads a value, and nothing else. Values are single
 * lines ({@link BootPlan} sees to that); what is written for one is a single line, too.
 */
interface ConfigSyntax {
    /** Characters of a path that no loader takes for anything else; all others are percent-encoded. */
    String PATH_MARKS = "/._~+:@=-";

    /** A text for the console. */
    String text(String text);

    /** The kernel command line. */
    String words(List<String> words);

    /**
     * A boot name. Over TFTP, which decodes nothing, a name with other characters than a boot name should have is not
     * found: better than to be read as something else.
     */
    default String path(String name) {
        return encoded(name, PATH_MARKS);
    }

    /** A part of a URL that this program made: an address, a port. */
    default String url(String url) {
        return encoded(url, PATH_MARKS + "[]%");
    }

    /** Where values may stand in a template of this language. */
    ValuePlaces places();

    /** What is wrong with a template as a whole. */
    default Optional<String> problem(String template) {
        return Optional.empty();
    }

    static boolean isAsciiLetterOrDigit(char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    }

    private static boolean isPlain(String text, String marks) {
        for (int i = 0; i < text.length(); i++) {
            if (!isAsciiLetterOrDigit(text.charAt(i)) && marks.indexOf(text.charAt(i)) < 0) {
                return false;
            }
        }
        return true;
    }

    private static String encoded(String text, String marks) {
        if (isPlain(text, marks)) {
            return text;
        }
        StringBuilder out = new StringBuilder(text.length());
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xff);
            if (isAsciiLetterOrDigit(c) || marks.indexOf(c) >= 0) {
                out.append(c);
            } else {
                out.append('%').append(hex(c >> 4)).append(hex(c & 15));
            }
        }
        return out.toString();
    }

    private static char hex(int digit) {
        return Character.toUpperCase(Character.forDigit(digit, 16));
    }
}
