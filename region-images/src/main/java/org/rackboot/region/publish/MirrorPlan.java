package org.rackboot.region.publish;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.StreamFormatException;
import org.rackboot.region.simplestreams.StreamTree;
import org.rackboot.region.simplestreams.StreamTree.FlatItem;

/**
 * Decides which files a mirror has. Pure.
 *
 * @param wanted every file that the mirror has in the end, by path
 * @param removed paths of files that go
 * @param items what of each product file stays, by content id
 */
record MirrorPlan(Map<String, Item> wanted, List<String> removed, Map<String, Set<FlatItem>> items) {
    MirrorPlan {
        wanted = Collections.unmodifiableMap(new LinkedHashMap<>(wanted));
        removed = List.copyOf(removed);
        items = Map.copyOf(items);
    }

    /**
     * Which items are mirrored.
     *
     * @param max how many versions of a product, the newest; at least 1
     * @param keep whether versions that upstream dropped stay, as long as there is room among {@code max}
     */
    record Choice(List<ItemFilter> filters, int max, boolean keep) {
        Choice {
            filters = List.copyOf(filters);
        }
    }

    /**
     * One product file, and what it was in the mirror before.
     *
     * @param before empty if the mirror had none
     */
    record Stream(StreamTree now, Optional<StreamTree> before) {}

    /**
     * Makes the plan.
     *
     * @param present files of the mirror, by path
     * @throws StreamFormatException if an item cannot be mirrored: malformed, at a place that is the mirror's own, or two
     *     contents at one path
     */
    static MirrorPlan of(List<Stream> streams, Set<String> present, Choice choice) throws StreamFormatException {
        Map<String, Item> wanted = new LinkedHashMap<>();
        Map<String, Set<FlatItem>> items = new HashMap<>();
        for (Stream stream : streams) {
            Set<FlatItem> chosen = choose(stream, choice, present);
            items.put(stream.now().contentId(), chosen);
            for (FlatItem flat : chosen) {
                Item item = flat.toItem();
                String path = item.path().text();
                requireContentPath(path);
                Item known = wanted.putIfAbsent(path, item);
                if (known != null && !(known.sha256().equals(item.sha256()) && known.size() == item.size())) {
                    throw new StreamFormatException("the path %s comes with two different contents".formatted(path));
                }
            }
        }
        Set<String> removed = new TreeSet<>(present);
        removed.removeAll(wanted.keySet());
        return new MirrorPlan(wanted, List.copyOf(removed), items);
    }

    private static Set<FlatItem> choose(Stream stream, Choice choice, Set<String> present)
            throws StreamFormatException {
        Map<String, TreeMap<String, List<FlatItem>>> products = new LinkedHashMap<>();
        for (FlatItem item : stream.now().items()) {
            if (ItemFilter.allMatch(choice.filters(), item.attributes())) {
                add(products, item);
            }
        }
        if (choice.keep() && stream.before().isPresent()) {
            addDropped(products, stream.now(), stream.before().get(), present);
        }
        Set<FlatItem> chosen = new LinkedHashSet<>();
        for (TreeMap<String, List<FlatItem>> versions : products.values()) {
            versions.descendingMap().values().stream().limit(choice.max()).forEach(chosen::addAll);
        }
        return chosen;
    }

    /** What the mirror has and upstream has no more; a version that upstream has is as upstream says. */
    private static void addDropped(
            Map<String, TreeMap<String, List<FlatItem>>> products,
            StreamTree now,
            StreamTree before,
            Set<String> present)
            throws StreamFormatException {
        Set<StreamTree.VersionKey> offered = new HashSet<>();
        now.items().forEach(item -> offered.add(item.version()));
        for (FlatItem item : before.items()) {
            boolean here = present.contains(item.attributes().getOrDefault("path", ""));
            if (here && !offered.contains(item.version())) {
                add(products, item);
            }
        }
    }

    private static void add(Map<String, TreeMap<String, List<FlatItem>>> products, FlatItem item) {
        products.computeIfAbsent(item.version().product(), name -> new TreeMap<>(Comparator.naturalOrder()))
                .computeIfAbsent(item.version().serial(), serial -> new ArrayList<>())
                .add(item);
    }

    /** Nothing that upstream names takes the place of the mirror's own files, or of a part of another. */
    private static void requireContentPath(String path) throws StreamFormatException {
        String lower = path.toLowerCase(Locale.ROOT); // Some file systems do not tell case apart.
        boolean own = lower.startsWith("streams/")
                || lower.startsWith("keyring.")
                || lower.endsWith(LocalMirror.PART)
                || List.of(lower.split("/", -1)).stream().anyMatch(segment -> segment.startsWith("."));
        if (own) {
            throw new StreamFormatException("the path %s is the mirror's own".formatted(path));
        }
    }
}
