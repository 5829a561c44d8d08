package org.rackboot.server.rack;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.rackboot.image.ContentId;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;

/**
 * What pins mean in one catalog, and which of them have room. A content counts once, however many pins mean it.
 *
 * @param kept what stays on disk, in the order in which it is to be fetched
 * @param bytes of that
 * @param limit how many there may be
 */
record PinPlan(List<Pin> pins, Map<ContentId, BootFile> kept, long bytes, long limit) {
    static final PinPlan EMPTY = new PinPlan(List.of(), Map.of(), 0, 0);

    private static final Comparator<BootFile> NEEDED_FIRST =
            Comparator.comparing(BootFile::phase).thenComparing(BootFile::size);

    /**
     * One name.
     *
     * @param files none when the catalog has nothing of that name
     * @param fits whether it is kept
     */
    record Pin(String name, List<BootFile> files, boolean fits) {
        Pin {
            files = List.copyOf(files);
        }

        boolean meansNothing() {
            return files.isEmpty();
        }

        long size() {
            return files.stream().mapToLong(BootFile::size).sum();
        }
    }

    PinPlan {
        pins = List.copyOf(pins);
        kept = Collections.unmodifiableMap(new LinkedHashMap<>(kept));
    }

    /**
     * The oldest come first: one that has no room then leaves it to those behind it.
     *
     * @param onDisk by sha256, for pins of content that has left the catalog
     */
    static PinPlan of(List<String> names, BootCatalog catalog, Map<String, BootFile> onDisk, long limit) {
        List<CacheNames.Group> groups = names.isEmpty() ? List.of() : CacheNames.groups(catalog);
        List<Pin> pins = new ArrayList<>();
        Map<ContentId, BootFile> kept = new LinkedHashMap<>();
        long bytes = 0;
        for (String name : names) {
            List<BootFile> files = new ArrayList<>(CacheNames.lasting(groups, catalog, name));
            if (files.isEmpty() && onDisk.containsKey(name)) {
                files.add(onDisk.get(name));
            }
            files.sort(NEEDED_FIRST);
            long more = bytesBeside(kept, files);
            boolean fits = bytes + more <= limit;
            if (fits) {
                files.forEach(file -> kept.putIfAbsent(new ContentId(file.sha256()), file));
                bytes += more;
            }
            pins.add(new Pin(name, files, fits));
        }
        return new PinPlan(pins, kept, bytes, limit);
    }

    /** Names of pins that have no room. */
    List<String> withoutRoom() {
        return pins.stream().filter(pin -> !pin.fits()).map(Pin::name).toList();
    }

    /** Names of pins that keep any of these. */
    List<String> keeping(Collection<ContentId> contents) {
        return pins.stream()
                .filter(pin -> pin.fits()
                        && pin.files().stream().anyMatch(file -> contents.contains(new ContentId(file.sha256()))))
                .map(Pin::name)
                .toList();
    }

    /** Of different contents, how many bytes are not kept yet. */
    long bytesBeside(Collection<BootFile> files) {
        return bytesBeside(kept, files);
    }

    private static long bytesBeside(Map<ContentId, BootFile> kept, Collection<BootFile> files) {
        Map<ContentId, BootFile> more = new LinkedHashMap<>();
        files.forEach(file -> more.put(new ContentId(file.sha256()), file));
        more.keySet().removeAll(kept.keySet());
        return more.values().stream().mapToLong(BootFile::size).sum();
    }
}
