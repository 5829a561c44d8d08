package org.rackboot.image.cache;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Does what is due when the test says so. Not thread-safe. */
final class ManualTimer implements ImageCache.Timer {
    private final List<Runnable> works = new ArrayList<>();
    private final List<Duration> pauses = new ArrayList<>();

    @Override
    public void after(Duration pause, Runnable work) {
        works.add(work);
        pauses.add(pause);
    }

    int size() {
        return works.size();
    }

    /** All pauses that were asked for. */
    List<Duration> pauses() {
        return pauses;
    }

    void run(int index) {
        works.remove(index).run();
    }
}
