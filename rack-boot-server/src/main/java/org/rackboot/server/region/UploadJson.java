package org.rackboot.server.region;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.Uploads.Progress;
import org.rackboot.region.upload.FileType;
import org.rackboot.region.upload.UploadSpec;
import org.rackboot.region.upload.UploadSpec.UploadFile;
import tools.jackson.databind.JsonNode;

/** Uploads as JSON. */
final class UploadJson {
    private UploadJson() {}

    static List<Map<String, Object>> of(List<Progress> all) {
        return all.stream().map(UploadJson::of).toList();
    }

    static Map<String, Object> of(Progress upload) {
        UploadSpec spec = upload.spec();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", upload.id());
        json.put("kind", spec.isBootloader() ? "bootloader" : "image");
        json.put("name", spec.describe());
        json.put("arch", spec.arch());
        json.put("begun", upload.created().toString());
        json.put("expires", upload.expires().toString());
        List<Map<String, Object>> files = new ArrayList<>();
        for (UploadFile file : spec.files()) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", file.name());
            entry.put("size", file.size());
            entry.put("sha256", file.sha256());
            entry.put("offset", upload.offsets().get(file.name()));
            files.add(entry);
        }
        json.put("files", files);
        return json;
    }

    /** {@code {name: "custom/x", arch, files: [{filetype, size, sha256}]}}, or {@code {bootloader: "uefi/amd64", …}}. */
    static UploadSpec spec(JsonNode body) throws RefusedException {
        boolean loader = body.has("bootloader");
        String[] words = text(body, loader ? "bootloader" : "name").split("/", -1);
        if (words.length != 2) {
            throw invalid(
                    loader
                            ? "A bootloader is named METHOD/ARCH, as in uefi/amd64"
                            : "An image is named OS/NAME, as in custom/rescue");
        }
        List<UploadFile> files = new ArrayList<>();
        for (JsonNode file : body.path("files")) {
            String type = text(file, "filetype");
            Optional<FileType> known = FileType.of(type);
            if (!loader && known.isEmpty()) {
                throw invalid("'%s' is no file type; use one of %s".formatted(type, FileType.words()));
            }
            String ftype = loader ? "bootloader" : known.orElseThrow().ftype();
            files.add(new UploadFile(
                    loader ? text(file, "name") : ftype,
                    ftype,
                    text(file, "sha256"),
                    file.path("size").asLong(-1)));
        }
        return new UploadSpec(
                loader,
                loader ? "" : words[0],
                loader ? "" : words[1],
                loader ? words[1] : text(body, "arch"),
                loader ? "" : body.path("subarch").asString("generic"),
                loader ? words[0] : "",
                text(body, "title"),
                text(body, "baseImage"),
                files);
    }

    private static String text(JsonNode node, String key) {
        return node.path(key).isString() ? node.path(key).asString() : "";
    }

    private static RefusedException invalid(String message) {
        return new RefusedException(RefusedException.Kind.INVALID, message);
    }
}
