package org.rackboot.protocol.bootconfig;

import java.util.List;

/** Something that is no template; says all that is wrong with it, each with its line. */
final class InvalidTemplateException extends Exception {
    private static final long serialVersionUID = 1L;

    private final List<String> problems;

    InvalidTemplateException(List<String> problems) {
        super(String.join("\n", problems));
        this.problems = List.copyOf(problems);
    }

    List<String> problems() {
        return problems;
    }
}
