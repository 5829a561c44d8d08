package org.rackboot.server.region;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.json.StrictJson;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;

/** An answer that may block, and may fail in the ways the API has words for. */
@FunctionalInterface
interface Work {
    HttpReply answer(HttpCall call, List<String> names) throws RefusedException, IOException, InterruptedException;

    /** The answer, or what the failure is called here. */
    default HttpReply attempt(HttpCall call, List<String> names) {
        try {
            return answer(call, names);
        } catch (RefusedException e) {
            int status = switch (e.kind()) {
                case INVALID -> 400;
                case CONFLICT -> 409;
                case NOT_FOUND -> 404;
                case NO_ROOM -> 507;
            };
            return ApiJson.error(status, String.valueOf(e.getMessage()));
        } catch (JacksonException e) {
            return ApiJson.error(
                    400, "The request's body is not the JSON that is expected here: " + StrictJson.problem(e));
        } catch (DatabaseException e) {
            LoggerFactory.getLogger(RegionApi.class).warn("The region database failed", e);
            return ApiJson.error(500, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            LoggerFactory.getLogger(RegionApi.class).warn("A file of the region failed", e);
            return ApiJson.error(500, "A file of the region failed: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return ApiJson.error(503, "The region is stopping");
        }
    }

    /** The work as an answer that is made on these threads. */
    default Route.Answer on(Executor threads) {
        return (call, names) -> CompletableFuture.supplyAsync(() -> attempt(call, names), threads);
    }
}
