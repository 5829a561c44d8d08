package org.rackboot.region;

import java.util.List;
import org.rackboot.region.catalog.NetworkDocument;

/** Looks at a machine's network configuration before it is kept. */
@FunctionalInterface
public interface NetworkCheck {
    /** Knows the form alone: an object of version 2. */
    NetworkCheck FORM = NetworkDocument::formProblems;

    /**
     * What is wrong with it, each in a sentence without a full stop; empty = nothing.
     *
     * @param json valid, of 64 KiB at most
     */
    List<String> problems(String json);
}
