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
import org.rackboot.region.sync.ImportProgress.FileProgress;
import org.rackboot.region.sync.ImportProgress.VersionProgress;
import org.rackboot.region.sync.ImportService;

/** A running or ended import as JSON. */
final class ImportJson {
    private ImportJson() {}

    static Map<String, Object> of(ImportService.Status status) {
        return of(status, 0);
    }

    /**
     * @param after an event that the caller has: of the same import, only lines of the log that came since are told
     */
    static Map<String, Object> of(ImportService.Status status, String after) {
        String[] known = after.split("-", -1);
        boolean same = known.length == 3 && known[0].equals(Integer.toString(status.number()));
        return of(status, same && known[2].matches("\\d{1,9}") ? Long.parseLong(known[2]) : 0);
    }

    /** Names a moment: the import's number, how often anything changed, and how many lines its log had. */
    static String event(ImportService.Status status) {
        ImportProgress.Snapshot progress = status.progress();
        return "%d-%d%s-%d"
                .formatted(
                        status.number(),
                        progress.changes(),
                        status.running() ? "" : "e", // The end is no change of the progress.
                        progress.logBefore() + progress.log().size());
    }

    private static Map<String, Object> of(ImportService.Status status, long linesKnown) {
        ImportProgress.Snapshot progress = status.progress();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("number", status.number());
        json.put("state", status.report().map(report -> word(report.outcome())).orElse("running"));
        json.put("started", status.started().toString());
        status.ended().ifPresent(ended -> json.put("ended", ended.toString()));
        json.put("phase", word(progress.phase()));
        json.put("event", event(status));
        json.put("filesDone", progress.filesDone());
        json.put("filesTotal", progress.filesTotal());
        json.put("bytesDone", progress.bytesDone());
        json.put("bytesTotal", progress.bytesTotal());
        json.put("percent", percent(progress.bytesDone(), progress.bytesTotal()));
        if (status.running()) {
            json.put("bytesPerSecond", progress.bytesPerSecond());
            progress.secondsLeft().ifPresent(seconds -> json.put("secondsLeft", seconds));
        }
        json.put("current", progress.current());
        json.put("images", progress.versions().stream().map(ImportJson::version).toList());
        json.put("files", progress.files().stream().map(ImportJson::file).toList());
        json.put(
                "log",
                progress.log()
                        .subList(
                                linesToSkip(progress, linesKnown),
                                progress.log().size()));
        status.report().ifPresent(report -> {
            json.put("published", report.published());
            json.put("deleted", report.deleted());
            json.put("problems", report.problems());
            json.put("downloadedBytes", report.downloadedBytes());
            json.put("keptBytes", report.keptBytes());
        });
        return json;
    }

    private static int linesToSkip(ImportProgress.Snapshot progress, long linesKnown) {
        return (int) Math.min(progress.log().size(), Math.max(0, linesKnown - progress.logBefore()));
    }

    /** A version that an import is about, as the import sees it. */
    static Map<String, Object> version(VersionProgress version) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", version.name());
        json.put("version", version.serial());
        json.put("source", version.source());
        json.put("status", word(version.state()));
        json.put("size", version.size());
        json.put("done", version.done());
        json.put("percent", percent(version.done(), version.size()));
        if (!version.cause().isEmpty()) {
            json.put("cause", version.cause());
        }
        return json;
    }

    private static Map<String, Object> file(FileProgress file) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("path", file.path());
        json.put("status", word(file.state()));
        json.put("size", file.size());
        json.put("done", file.done());
        json.put("percent", percent(file.done(), file.size()));
        if (!file.cause().isEmpty()) {
            json.put("cause", file.cause());
        }
        return json;
    }

    private static long percent(long done, long total) {
        return total == 0 ? 0 : done * 100 / total;
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
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
