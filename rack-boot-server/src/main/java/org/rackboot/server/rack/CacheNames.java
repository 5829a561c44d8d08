package org.rackboot.server.rack;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.Bootloader;

/** What people call the contents of a catalog: image names, loaders, boot names, sha256. */
final class CacheNames {
    private static final int LEAST_PREFIX = 8;

    private CacheNames() {}

    /** The files of one image or loader. */
    record Group(String name, String version, boolean held, List<BootFile> files) {
        Group {
            files = List.copyOf(files);
        }
    }

    static Content content(BootFile file) {
        return new Content(new ContentId(file.sha256()), file.size(), new ContentId(file.chunkListSha256()));
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
            if (group.name().equals(name) || group.name().startsWith(name + "/")) {
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
}
