package org.rackboot.image.cache;

import java.util.ArrayList;
import java.util.List;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;

/** Remembers what it was told. */
final class RecordingListener implements ImageCache.Listener {
    final List<Content> started = new ArrayList<>();
    final List<Content> completed = new ArrayList<>();
    final List<Throwable> failures = new ArrayList<>();
    final List<Content> resumed = new ArrayList<>();
    final List<Content> notKept = new ArrayList<>();
    final List<ContentId> corrupt = new ArrayList<>();
    final List<String> corruptions = new ArrayList<>();

    @Override
    public void fillStarted(Content content) {
        started.add(content);
    }

    @Override
    public void fillCompleted(Content content) {
        completed.add(content);
    }

    @Override
    public void fillFailed(Content content, Throwable cause) {
        failures.add(cause);
    }

    @Override
    public void fillResumed(Content content, Throwable cause) {
        resumed.add(content);
    }

    @Override
    public void notKept(Content content, Throwable cause) {
        notKept.add(content);
    }

    @Override
    public void corruptionFound(ContentId id, Throwable cause) {
        corrupt.add(id);
        corruptions.add(String.valueOf(cause.getMessage()));
    }
}
