package org.rackboot.server.region;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.rackboot.region.sync.ImportPlan;
import org.rackboot.region.sync.ImportPlan.PlannedFile;
import org.rackboot.region.sync.ImportPlan.PlannedVersion;
import org.rackboot.region.sync.ImportPreview;
import org.rackboot.region.sync.ImportProgress;
import org.rackboot.region.sync.ImportService;

/** A running or ended import as JSON. */
final class ImportJson {
    private ImportJson() {}

    static Map<String, Object> of(ImportService.Status status) {
        ImportProgress.Snapshot progress = status.progress();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("number", status.number());
        json.put(
                "state",
                status.report()
                        .map(report ->
                                report.outcome().name().toLowerCase(Locale.ROOT).replace('_', '-'))
                        .orElse("running"));
        json.put("started", status.started().toString());
        status.ended().ifPresent(ended -> json.put("ended", ended.toString()));
        json.put("phase", progress.phase().name().toLowerCase(Locale.ROOT).replace('_', '-'));
        json.put("filesDone", progress.filesDone());
        json.put("filesTotal", progress.filesTotal());
        json.put("bytesDone", progress.bytesDone());
        json.put("bytesTotal", progress.bytesTotal());
        json.put("percent", progress.bytesTotal() == 0 ? 0 : progress.bytesDone() * 100 / progress.bytesTotal());
        json.put("current", progress.current());
        List<Map<String, Object>> versions = new ArrayList<>();
        for (ImportProgress.VersionProgress version : progress.versions()) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", version.name());
            entry.put("version", version.serial());
            entry.put("status", version.state().name().toLowerCase(Locale.ROOT));
            if (!version.cause().isEmpty()) {
                entry.put("cause", version.cause());
            }
            versions.add(entry);
        }
        json.put("images", versions);
        json.put("log", progress.log());
        status.report().ifPresent(report -> {
            json.put("published", report.published());
            json.put("deleted", report.deleted());
            json.put("problems", report.problems());
            json.put("downloadedBytes", report.downloadedBytes());
            json.put("keptBytes", report.keptBytes());
        });
        return json;
    }

    /** What an import would do. */
    static Map<String, Object> of(ImportPreview preview) {
        List<Map<String, Object>> fetched = new ArrayList<>();
        List<Map<String, Object>> kept = new ArrayList<>();
        long bytes = 0;
        for (int i = 0; i < preview.plan().versions().size(); i++) {
            PlannedVersion version = preview.plan().versions().get(i);
            long missing = preview.missingBytes().get(i);
            bytes += missing;
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", version.image().name());
            entry.put("version", version.serial());
            entry.put("source", version.source().name());
            entry.put(
                    "size",
                    version.files().stream().mapToLong(PlannedFile::size).sum());
            entry.put("missingBytes", missing);
            (missing > 0 ? fetched : kept).add(entry);
        }
        List<Map<String, Object>> deleted = new ArrayList<>();
        for (ImportPlan.Deletion deletion : preview.plan().deletions()) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", deletion.version().image().name());
            entry.put("version", deletion.version().serial());
            entry.put("reason", deletion.reason());
            deleted.add(entry);
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("fetch", fetched);
        json.put("keep", kept);
        json.put("delete", deleted);
        json.put("fetchBytes", bytes);
        json.put("problems", preview.problems());
        return json;
    }
}
