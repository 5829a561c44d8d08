package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.util.Map;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import tools.jackson.databind.json.JsonMapper;

/** What opens a rack's own API, and how that API answers. */
final class ApiToken {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final byte[] token;

    ApiToken(String token) {
        this.token = token.getBytes(UTF_8);
    }

    boolean opens(HttpCall call) {
        String header = call.header("authorization").orElse("");
        boolean bearer = header.regionMatches(true, 0, "Bearer ", 0, 7);
        return bearer && MessageDigest.isEqual(header.substring(7).strip().getBytes(UTF_8), token);
    }

    /** For those who do not bear it. */
    static HttpReply refusal() {
        return error(401, "Give the API token: Authorization: Bearer … (the file api-token in the state directory)")
                .with("WWW-Authenticate", "Bearer");
    }

    static HttpReply json(int status, Object value) {
        return HttpReply.bytes(status, "application/json", JSON.writeValueAsBytes(value));
    }

    static HttpReply error(int status, String message) {
        return json(status, Map.of("error", message));
    }
}
