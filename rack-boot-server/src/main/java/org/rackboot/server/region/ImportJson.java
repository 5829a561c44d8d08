package org.rackboot.server.region;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
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
        json.put("current", progress.current());
        json.put("log", progress.log());
        status.report().ifPresent(report -> {
            json.put("published", report.published());
            json.put("problems", report.problems());
            json.put("downloadedBytes", report.downloadedBytes());
            json.put("keptBytes", report.keptBytes());
        });
        return json;
    }
}
