package org.rackboot.protocol.bootconfig;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How loaders read their configurations, written from their grammars and not from what renders them, so that both may be
 * held against each other. Each gives the commands it would run, in words.
 */
final class Readers {
    private Readers() {}

    /** PXELINUX, Petitboot, U-Boot and s390x: a command a line, its value up to the line's end. */
    static List<List<String>> lines(String config) {
        List<List<String>> commands = new ArrayList<>();
        for (String line :
                config.split("[\n\r\u0085\u2028\u2029\u000b\f]", -1)) { // Whatever any of them may end a line at.
            String text = line.strip();
            if (text.isEmpty() || text.startsWith("#")) {
                continue;
            }
            String[] parts = text.split("\\s+", 2);
            commands.add(parts.length == 1 ? List.of(parts[0]) : List.of(parts[0], parts[1]));
        }
        return commands;
    }

    /** Petitboot: blanks and quotes at both ends of a value go, and a value that begins with # is none. */
    static List<List<String>> petitboot(String config) {
        List<List<String>> commands = new ArrayList<>();
        for (List<String> command : lines(config)) {
            String value = command.size() == 1 ? "" : command.get(1).replaceAll("^[\"'\\s]+|[\"'\\s]+$", "");
            if (!value.isEmpty() && !value.startsWith("#")) {
                commands.add(List.of(command.get(0), value));
            }
        }
        return commands;
    }

    /** The macros of U-Boot's simple shell, which a command line goes through; $x is taken for empty. */
    static String uBootMacros(String text) {
        StringBuilder out = new StringBuilder();
        char previous = 0;
        int state = 0; // 0 text, 1 behind a dollar, 2 in a name, 3 in single quotes
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (state != 3 && c == '\\' && previous != '\\') {
                if (++i == text.length()) {
                    break;
                }
                previous = c;
                c = text.charAt(i);
            }
            switch (state) {
                case 0 -> {
                    if (c == '\'' && previous != '\\') {
                        state = 3;
                    } else if (c == '$' && previous != '\\') {
                        state = 1;
                    } else {
                        out.append(c);
                    }
                }
                case 1 -> {
                    state = c == '(' || c == '{' ? 2 : 0;
                    out.append(state == 2 ? "" : "$" + c);
                }
                case 2 -> state = c == ')' || c == '}' ? 0 : 2;
                default -> {
                    if (c == '\'' && previous != '\\') {
                        state = 0;
                    } else {
                        out.append(c);
                    }
                }
            }
            previous = c;
        }
        return out.toString();
    }

    private static final Set<String> IPXE_SEPARATORS = Set.of("||", "&&", ";");
    private static final Pattern IPXE_EXPANSION = Pattern.compile("\\$\\{([^{}]*)}");

    /** iPXE: words at blanks, comments, commands parted by words; expansions as given, any other is refused. */
    static List<List<String>> ipxe(String script, Map<String, String> settings) {
        List<List<String>> commands = new ArrayList<>();
        for (String line : script.split("[\n\r]")) {
            List<String> command = new ArrayList<>();
            for (String word : line.trim().split("[ \t\u000b\f]+")) {
                if (word.startsWith("#")) {
                    break;
                }
                if (IPXE_SEPARATORS.contains(word)) {
                    addTo(commands, command);
                    command = new ArrayList<>();
                } else if (!word.isEmpty()) {
                    command.add(expanded(word, settings));
                }
            }
            addTo(commands, command);
        }
        return commands;
    }

    private static String expanded(String word, Map<String, String> settings) {
        Matcher matcher = IPXE_EXPANSION.matcher(word);
        if (!matcher.find()) {
            return word;
        }
        String value = settings.get(matcher.group(1));
        if (value == null) {
            throw new AssertionError("an expansion that this program did not write: " + matcher.group());
        }
        return word.substring(0, matcher.start()) + value + word.substring(matcher.end());
    }

    private static void addTo(List<List<String>> commands, List<String> command) {
        if (!command.isEmpty()) {
            commands.add(command);
        }
    }

    /** A variable's place in a word that {@link #shell} read. */
    static final String VARIABLE = "\u0001";

    /**
     * GRUB's and U-Boot's shells: words with quotes, backslashes and variables; commands end at a line's end and at
     * separators. A brace that is a word of its own is a command of its own.
     */
    static List<List<String>> shell(String script) {
        return new Shell(script).read();
    }

    private static final class Shell {
        private final String script;
        private final List<List<String>> commands = new ArrayList<>();
        private List<String> command = new ArrayList<>();
        private final StringBuilder word = new StringBuilder();
        private boolean inWord;
        private int at;

        Shell(String script) {
            this.script = script;
        }

        List<List<String>> read() {
            while (at < script.length()) {
                char c = script.charAt(at++);
                switch (c) {
                    case ' ', '\t' -> endWord();
                    case '\n' -> endCommand();
                    case ';', '|', '&', '<', '>', '{', '}' -> {
                        endCommand();
                        commands.add(List.of(String.valueOf(c)));
                    }
                    case '#' -> {
                        if (inWord) {
                            word.append(c);
                        } else {
                            skipLine();
                        }
                    }
                    case '\\' -> escape();
                    case '\'' -> single();
                    case '"' -> twofold();
                    case '$' -> variable();
                    default -> append(c);
                }
            }
            endCommand();
            return commands;
        }

        private void append(char c) {
            if ("*?[".indexOf(c) >= 0 && !(c == '[' && !inWord && script.charAt(at) == ' ')) {
                throw new AssertionError("a pattern for file names: " + script.substring(Math.max(0, at - 20), at));
            }
            inWord = true;
            word.append(c);
        }

        private void escape() {
            inWord = true;
            char c = script.charAt(at++);
            if (c != '\n') {
                word.append(c);
            }
        }

        private void single() {
            inWord = true;
            int end = script.indexOf('\'', at);
            word.append(script, at, end < 0 ? unclosed() : end);
            at = end + 1;
        }

        private void twofold() {
            inWord = true;
            while (true) {
                char c = at < script.length() ? script.charAt(at++) : (char) unclosed();
                if (c == '"') {
                    return;
                }
                if (c == '$') {
                    variable();
                } else if (c == '\\' && "$\\\"".indexOf(script.charAt(at)) >= 0) {
                    word.append(script.charAt(at++));
                } else {
                    word.append(c);
                }
            }
        }

        private void variable() {
            inWord = true;
            Matcher name =
                    Pattern.compile("\\{\\w+}|\\w+|[?#*@]").matcher(script).region(at, script.length());
            if (!name.lookingAt()) {
                throw new AssertionError("a dollar without a name: " + script.substring(at - 1));
            }
            at = name.end();
            word.append(VARIABLE);
        }

        private void skipLine() {
            int end = script.indexOf('\n', at);
            at = end < 0 ? script.length() : end;
        }

        private int unclosed() {
            throw new AssertionError("a quote that is not closed: " + script);
        }

        private void endWord() {
            if (inWord) {
                command.add(word.toString());
                word.setLength(0);
                inWord = false;
            }
        }

        private void endCommand() {
            endWord();
            addTo(commands, command);
            command = new ArrayList<>();
        }
    }
}
