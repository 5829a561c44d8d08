package org.rackboot.server.rack;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;

/** What people call the contents of a catalog: image names, loaders, boot names, sha256. */
final class CacheNames {
    /** Of a sha256, so many digits are a name. */
    static final int LEAST_PREFIX = 8;

    private CacheNames() {}

    /** The files of one image or loader. */
    record Group(String name, String version, boolean held, List<BootFile> files) {
        Group {
            files = List.copyOf(files);
        }

        private boolean isCalled(String called) {
            return name.startsWith(called) && (name.length() == called.length() || name.charAt(called.length()) == '/');
        }
    }

    static Content content(BootFile file) {
        return new Content(new ContentId(file.sha256()), file.size(), new ContentId(file.chunkListSha256()));
    }

    /** What is on disk, whether or not a catalog names it. */
    static BootFile file(Content content) {
        String sha256 = content.id().sha256();
        return new BootFile(sha256, sha256, content.size(), content.chunkList().sha256(), BootPhase.OTHER);
    }

    /** {@code ubuntu/noble/amd64/ga-24.04}, {@code bootloader/uefi/amd64}, …: what there is, as {@code images list} says. */
    static List<Group> groups(BootCatalog catalog) {
        List<Group> all = new ArrayList<>();
        for (Bootloader loader : catalog.bootloaders()) {
            all.add(new Group(
                    "bootloader/" + loader.method() + "/" + loader.arch(), loader.serial(), false, loader.files()));
        }
        for (BootImage image : catalog.images()) {
            all.add(new Group(
                    String.join("/", image.os(), image.release(), image.arch(), image.subarch()),
                    image.serial(),
                    image.held(),
                    List.copyOf(image.files().values())));
        }
        return all;
    }

    /** Every content that a name means: of an image or all below it, of a file, of a sha256 or its beginning. */
    static Map<ContentId, BootFile> meant(BootCatalog catalog, String name) {
        Map<ContentId, BootFile> meant = new LinkedHashMap<>();
        for (Group group : groups(catalog)) {
            if (group.isCalled(name)) {
                group.files().forEach(file -> meant.put(new ContentId(file.sha256()), file));
            }
        }
        catalog.file(name).ifPresent(file -> meant.put(new ContentId(file.sha256()), file));
        if (name.length() >= LEAST_PREFIX) {
            catalog.contents().forEach((sha256, file) -> {
                if (sha256.startsWith(name)) {
                    meant.put(new ContentId(sha256), file);
                }
            });
        }
        return meant;
    }

    /**
     * What stays by a name: of an image the versions that machines begin with, unless there are but others; a file; a
     * whole sha256.
     *
     * @param groups of the catalog
     */
    static Collection<BootFile> lasting(List<Group> groups, BootCatalog catalog, String name) {
        List<Group> called =
                groups.stream().filter(group -> group.isCalled(name)).toList();
        boolean allHeld = called.stream().allMatch(Group::held);
        Map<String, BootFile> lasting = new LinkedHashMap<>();
        called.stream()
                .filter(group -> allHeld || !group.held())
                .flatMap(group -> group.files().stream())
                .forEach(file -> lasting.putIfAbsent(file.sha256(), file));
        catalog.file(name).ifPresent(file -> lasting.putIfAbsent(file.sha256(), file));
        BootFile content = catalog.contents().get(name);
        if (content != null) {
            lasting.putIfAbsent(name, content);
        }
        return lasting.values();
    }

    /**
     * What to remember a name by: itself, or of a sha256's beginning the whole; nothing if it means nothing.
     *
     * @param groups of the catalog
     */
    static List<String> toRemember(List<Group> groups, BootCatalog catalog, String name) {
        if (!lasting(groups, catalog, name).isEmpty()) {
            return List.of(name);
        }
        return meant(catalog, name).keySet().stream().map(ContentId::sha256).toList();
    }
}
