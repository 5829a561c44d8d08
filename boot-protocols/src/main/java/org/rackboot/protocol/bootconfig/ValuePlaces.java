package org.rackboot.protocol.bootconfig;

import java.util.Optional;
import java.util.Set;

/**
 * Reads a template from its beginning, and says where a value may not stand: where it would be a command's name, or
 * where its own quotes would end the template's.
 */
final class ValuePlaces {
    private static final Set<String> BEFORE_COMMANDS =
            Set.of("then", "do", "else", "if", "elif", "while", "until", "!");

    private enum Quote {
        NONE,
        SINGLE,
        DOUBLE,
        COMMENT
    }

    private final boolean shell;
    private final Set<String> separators;

    private Quote quote = Quote.NONE;
    private boolean escaped;
    private boolean commandNext = true;
    private boolean inVariable;
    private char last = '\n';
    private final StringBuilder word = new StringBuilder();

    private ValuePlaces(boolean shell, Set<String> separators) {
        this.shell = shell;
        this.separators = separators;
    }

    /** A command a line; values go on to its end. */
    static ValuePlaces ofLines() {
        return new ValuePlaces(false, Set.of());
    }

    /** The same, and these words part commands in a line. */
    static ValuePlaces ofLinesWith(Set<String> separators) {
        return new ValuePlaces(false, separators);
    }

    /** A shell like GRUB's: quotes, backslashes, reserved words. */
    static ValuePlaces ofShell() {
        return new ValuePlaces(true, BEFORE_COMMANDS);
    }

    void read(String literal) {
        for (int i = 0; i < literal.length(); i++) {
            read(literal.charAt(i));
        }
    }

    /**
     * Says why a value may not come next, and goes on as if it did.
     *
     * @param quotesItself whether it is written with quotes of its own
     */
    Optional<String> readValue(boolean quotesItself) {
        Optional<String> problem = problem(quotesItself);
        word.append('x');
        last = 'x';
        escaped = false;
        return problem;
    }

    /** Two places with the same text are the same to a value. */
    String place() {
        return quote + " " + commandNext + " " + escaped + " " + inVariable;
    }

    boolean isQuoted() {
        return quote == Quote.SINGLE || quote == Quote.DOUBLE;
    }

    private Optional<String> problem(boolean quotesItself) {
        if (quote == Quote.COMMENT) {
            return Optional.empty();
        }
        if (shell && (escaped || inVariable || last == '$')) {
            return Optional.of("would be changed by the character before it");
        }
        if (isQuoted()) {
            return shell && quotesItself
                    ? Optional.of("brings quotes of its own: write it outside of quotes")
                    : Optional.empty();
        }
        return commandNext && word.isEmpty()
                ? Optional.of("would be taken for a command: write one before it")
                : Optional.empty();
    }

    private void read(char c) {
        last = c;
        if (quote == Quote.COMMENT && c != '\n') {
            return;
        }
        if (!shell) {
            readPlain(c);
        } else if (escaped) {
            escaped = false;
            word.append(c);
        } else if (c == '\\' && quote != Quote.SINGLE) {
            escaped = true;
        } else if (quote == Quote.SINGLE || quote == Quote.DOUBLE) {
            readQuoted(c);
        } else {
            readShell(c);
        }
    }

    private void readQuoted(char c) {
        if (c == (quote == Quote.SINGLE ? '\'' : '"')) {
            quote = Quote.NONE;
        }
    }

    private void readShell(char c) {
        if (inVariable) {
            inVariable = c != '}';
        } else if (c == '{' && word.length() > 0 && word.charAt(word.length() - 1) == '$') {
            inVariable = true;
        } else if (c == '\'' || c == '"') {
            quote = c == '\'' ? Quote.SINGLE : Quote.DOUBLE;
            word.append(c);
        } else if (";|&{}()".indexOf(c) >= 0) {
            word.setLength(0);
            commandNext = true;
        } else {
            readPlain(c);
        }
    }

    private void readPlain(char c) {
        if (c == '\n') {
            quote = Quote.NONE;
            word.setLength(0);
            commandNext = true;
        } else if (c == ' ' || c == '\t') {
            if (!word.isEmpty()) {
                commandNext = separators.contains(word.toString());
                word.setLength(0);
            }
        } else if (c == '#' && word.isEmpty() && (shell || commandNext)) {
            quote = Quote.COMMENT;
        } else {
            word.append(c);
        }
    }
}
