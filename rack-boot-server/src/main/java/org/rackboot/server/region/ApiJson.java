package org.rackboot.server.region;

import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.json.StrictJson;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Requests' bodies and replies. */
final class ApiJson {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private ApiJson() {}

    static HttpReply json(int status, Object value) {
        return HttpReply.bytes(status, "application/json", JSON.writeValueAsBytes(value));
    }

    static HttpReply error(int status, String message) {
        return json(status, Map.of("error", message));
    }

    static JsonNode body(HttpCall call) throws RefusedException {
        JsonNode body = StrictJson.json(call.body());
        if (!body.isObject()) {
            throw new RefusedException(RefusedException.Kind.INVALID, "The request's body is not a JSON object");
        }
        return body;
    }

    static JsonNode array(HttpCall call) throws RefusedException {
        JsonNode body = StrictJson.json(call.body());
        if (!body.isArray()) {
            throw new RefusedException(RefusedException.Kind.INVALID, "The request's body is not a JSON array");
        }
        return body;
    }

    static Optional<String> text(JsonNode body, String key) {
        return body.path(key).isString() ? Optional.of(body.path(key).asString()) : Optional.empty();
    }

    /** A text; empty if it is not there, or null. What is something else is refused. */
    static Optional<String> textOrRefused(JsonNode body, String key) throws RefusedException {
        JsonNode value = body.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return Optional.empty();
        }
        if (!value.isString()) {
            throw isOther(key, "text");
        }
        return Optional.of(value.asString());
    }

    /** A list of texts, or one alone; none if it is not there, or null. What is something else is refused. */
    static List<String> textsOrRefused(JsonNode body, String key) throws RefusedException {
        JsonNode value = body.path(key);
        if (!value.isArray()) {
            return textOrRefused(body, key).stream().toList();
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode each : value) {
            if (!each.isString()) {
                throw isOther(key, "list of texts");
            }
            texts.add(each.asString());
        }
        return texts;
    }

    /** False if it is not there, or null. What is something else is refused. */
    static boolean flagOrRefused(JsonNode body, String key) throws RefusedException {
        JsonNode value = body.path(key);
        if (!value.isBoolean() && !value.isMissingNode() && !value.isNull()) {
            throw isOther(key, "true or false");
        }
        return value.asBoolean(false);
    }

    private static RefusedException isOther(String key, String what) {
        return new RefusedException(RefusedException.Kind.INVALID, "'%s' is no %s".formatted(key, what));
    }

    /** Where a piece of a file begins. */
    static long offset(HttpCall call) throws RefusedException {
        String offset = call.query().getOrDefault("offset", "");
        if (!offset.matches("\\d{1,15}")) {
            throw new RefusedException(
                    RefusedException.Kind.INVALID, "Say where the piece begins: ?offset=0 for the file's first byte");
        }
        return Long.parseLong(offset);
    }

    static Optional<byte[]> keyring(JsonNode body) throws RefusedException {
        try {
            return text(body, "keyring").map(base64 -> Base64.getMimeDecoder().decode(base64));
        } catch (IllegalArgumentException e) {
            throw new RefusedException(RefusedException.Kind.INVALID, "'keyring' is not base64");
        }
    }

    static Optional<Boolean> flag(JsonNode body, String key) {
        return body.path(key).isBoolean() ? Optional.of(body.path(key).asBoolean()) : Optional.empty();
    }
}
