package org.rackboot.server.region;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.regex.Pattern;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;

/**
 * One path of the API.
 *
 * @param template as OpenAPI writes it: {@code sources/{id}}
 * @param answers by verb
 */
record Route(String template, Pattern path, Map<String, Answer> answers) {
    /** Answers a request without blocking; {@code names} are the parts of the path that vary. */
    @FunctionalInterface
    interface Answer {
        CompletionStage<HttpReply> to(HttpCall call, List<String> names);
    }

    static Route of(String template, Map<String, Answer> answers) {
        String path = template.replace("{sha256}", "([0-9a-f]{64})").replaceAll("\\{[a-z]+}", "([^/]+)");
        return new Route(template, Pattern.compile("/api/v1/" + path), answers);
    }

    /** What it is about, in one word: {@code sources}. */
    String resource() {
        return template.replaceFirst("[/.].*", "");
    }
}
