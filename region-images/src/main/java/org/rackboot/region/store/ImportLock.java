package org.rackboot.region.store;

import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** The right to import into a database: one service has it at a time, over all processes that share the database. */
public interface ImportLock {
    /** The right, until it is closed or lost. */
    interface Held extends AutoCloseable {
        /** Completes when somebody else may have the right from now on, because the connection that holds it is gone. */
        CompletionStage<Void> lost();

        @Override
        void close();
    }

    /** Takes the right; empty if somebody has it. */
    Optional<Held> tryTake() throws DatabaseException;

    /** Waits for the right, as long as it takes. */
    Held take() throws DatabaseException, InterruptedException;

    /** Whether anybody has the right. */
    boolean isTaken() throws DatabaseException;

    /** Asks the other processes to stop their imports. They do it soon, and nobody waits for it. */
    void askOthersToStop() throws DatabaseException;
}
