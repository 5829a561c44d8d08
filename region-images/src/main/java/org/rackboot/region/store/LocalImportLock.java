package org.rackboot.region.store;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/** The right to import where no other process shares the database. */
final class LocalImportLock implements ImportLock {
    private final Semaphore free = new Semaphore(1, true);

    @Override
    public Optional<Held> tryTake() {
        return free.tryAcquire() ? Optional.of(new Taken()) : Optional.empty();
    }

    @Override
    public Held take() throws InterruptedException {
        free.acquire();
        return new Taken();
    }

    @Override
    public boolean isTaken() {
        return free.availablePermits() == 0;
    }

    @Override
    public void askOthersToStop() {} // There are none.

    private final class Taken implements Held {
        private final AtomicBoolean closed = new AtomicBoolean();

        @Override
        public CompletionStage<Void> lost() {
            return new CompletableFuture<Void>().minimalCompletionStage(); // Nothing can take it away.
        }

        @Override
        public void close() {
            if (!closed.getAndSet(true)) {
                free.release();
            }
        }
    }
}
