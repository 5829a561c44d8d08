package org.rackboot.server.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.rackboot.server.get.BootUrl;
import org.rackboot.server.get.GetReport;
import org.rackboot.server.get.GetReport.Figures;
import org.rackboot.server.get.Message;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** One object with everything that {@code rackboot get} found out. */
final class GetJson {
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private GetJson() {}

    static String of(String url, BootUrl address, GetReport report) {
        boolean isTftp = address.scheme() == BootUrl.Scheme.TFTP;
        Figures figures = report.figures();
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("url", url);
        object.put("protocol", address.scheme().name().toLowerCase(Locale.ROOT));
        object.put("result", report.result().name().toLowerCase(Locale.ROOT));
        report.asked().ifPresent(message -> object.put("asked", message(message, isTftp)));
        report.answer().ifPresent(message -> object.put("answer", message(message, isTftp)));
        report.head().ifPresent(head -> {
            Map<String, Object> check = new LinkedHashMap<>();
            check.put("line", head.statusLine());
            head.contentLength().ifPresent(length -> check.put("contentLength", length));
            check.put("keptConnection", head.keptConnection());
            check.put("equalsGet", head.equalsGet());
            object.put("head", check);
        });
        object.put("bytes", figures.bytes());
        object.put("seconds", figures.nanos() / 1e9);
        object.put("bytesPerSecond", Math.round(bytesPerSecond(figures)));
        figures.firstReplyNanos().ifPresent(nanos -> object.put("firstReplyMillis", nanos / 1e6));
        object.put("longestSilenceMillis", figures.longestSilenceNanos() / 1e6);
        object.putAll(report.counters());
        if (!report.sha256().isEmpty()) {
            object.put("sha256", report.sha256());
        }
        object.put("notes", report.notes());
        object.put("verdict", report.verdict());
        return JSON.writeValueAsString(object);
    }

    static double bytesPerSecond(Figures figures) {
        return figures.nanos() == 0 ? 0 : figures.bytes() * 1e9 / figures.nanos();
    }

    /** TFTP's options are an object; HTTP's headers a list, since one may be there twice. */
    private static Map<String, Object> message(Message message, boolean isTftp) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("address", message.address());
        object.put("line", message.line());
        if (isTftp) {
            Map<String, String> options = new LinkedHashMap<>();
            message.fields().forEach(field -> options.put(field.name(), field.value()));
            object.put("options", options);
        } else {
            List<Map<String, String>> headers = new ArrayList<>();
            message.fields().forEach(field -> headers.add(Map.of("name", field.name(), "value", field.value())));
            object.put("headers", headers);
        }
        return object;
    }
}
