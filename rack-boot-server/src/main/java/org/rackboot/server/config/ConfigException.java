package org.rackboot.server.config;

import java.util.List;

/** A configuration that cannot be used: every problem in it, each with what to write instead. */
public final class ConfigException extends Exception {
    private final List<String> problems;

    public ConfigException(List<String> problems) {
        super(String.join("\n", problems));
        this.problems = List.copyOf(problems);
    }

    public List<String> problems() {
        return problems;
    }
}
