package org.rackboot.protocol.resolve;

import java.util.Optional;

/** What a rack knows that its catalog does not say yet, since the region may be away, or no more. */
public interface RackMemory {
    /** Remembers nothing. */
    RackMemory NONE = new RackMemory() {
        @Override
        public boolean isUsed(long assignment) {
            return false;
        }

        @Override
        public Optional<Assignment> delivered(long assignment) {
            return Optional.empty();
        }
    };

    /** Whether an assignment for a machine's next boot was delivered. */
    boolean isUsed(long assignment);

    /** One that was: the machine that boots by it asks for its metadata after the region has taken it away. */
    Optional<Assignment> delivered(long assignment);
}
