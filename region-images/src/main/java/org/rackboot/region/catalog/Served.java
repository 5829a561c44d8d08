package org.rackboot.region.catalog;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.rackboot.region.store.ImageRepository.Version;

/**
 * A published version and whether machines get it: of each image the source that wins, and of that the pinned version or
 * the newest. The others are there for boots that began on them, and to go back to.
 */
public record Served(Version version, boolean isServed) {

    /** @param versions as {@code ImageRepository.versions()} orders them: the source that wins first, newest first */
    public static List<Served> of(List<Version> versions) {
        Map<String, Version> chosen = new HashMap<>();
        for (Version version : versions) {
            chosen.merge(version.image().name(), version, Served::better);
        }
        List<Served> all = new ArrayList<>();
        for (Version version : versions) {
            all.add(new Served(
                    version, version.equals(chosen.get(version.image().name()))));
        }
        return all;
    }

    private static Version better(Version first, Version next) {
        return next.source().equals(first.source()) && next.isPinned() ? next : first;
    }
}
