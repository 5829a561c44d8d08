package org.rackboot.image.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/** Runs tasks when the test says so, in the order it chooses. Not thread-safe. */
final class ManualExecutor implements Executor {
    private final List<Runnable> tasks = new ArrayList<>();
    private boolean shutDown;

    @Override
    public void execute(Runnable task) {
        if (shutDown) {
            throw new RejectedExecutionException("shut down");
        }
        tasks.add(task);
    }

    int size() {
        return tasks.size();
    }

    void run(int index) {
        tasks.remove(index).run();
    }

    /** Runs what is here and what that brings, in order. */
    void runAll() {
        while (!tasks.isEmpty()) {
            run(0);
        }
    }

    void shutDown() {
        tasks.clear();
        shutDown = true;
    }
}
