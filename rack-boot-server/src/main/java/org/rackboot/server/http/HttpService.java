package org.rackboot.server.http;

import java.util.concurrent.CompletionStage;

/** What answers requests. Called on event loops: must not block; may complete on any thread. */
@FunctionalInterface
public interface HttpService {
    CompletionStage<HttpReply> answer(HttpCall call);

    /** Whether such a request, other than GET and HEAD, is taken at all, where the listener's limits allow bodies. */
    default boolean takesBody(String method, String path) {
        return true;
    }
}
