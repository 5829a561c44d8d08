package org.rackboot.server.region;

import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
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
        JsonNode body = JSON.readTree(call.body());
        if (!body.isObject()) {
            throw new RefusedException(RefusedException.Kind.INVALID, "The request's body is not a JSON object");
        }
        return body;
    }

    static JsonNode array(HttpCall call) throws RefusedException {
        JsonNode body = JSON.readTree(call.body());
        if (!body.isArray()) {
            throw new RefusedException(RefusedException.Kind.INVALID, "The request's body is not a JSON array");
        }
        return body;
    }

    static Optional<String> text(JsonNode body, String key) {
        return body.path(key).isString() ? Optional.of(body.path(key).asString()) : Optional.empty();
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
