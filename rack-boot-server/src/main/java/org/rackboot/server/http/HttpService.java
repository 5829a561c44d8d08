package org.rackboot.server.http;

import java.util.concurrent.CompletionStage;

/** What answers requests. Called on event loops: must not block; may complete on any thread. */
@FunctionalInterface
public interface HttpService {
    CompletionStage<HttpReply> answer(HttpCall call);
}
