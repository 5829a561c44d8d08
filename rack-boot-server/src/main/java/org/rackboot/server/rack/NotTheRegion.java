package org.rackboot.server.rack;

import java.net.URI;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.rackboot.server.http.HttpService;

/** Tells who asks a rack for what the region alone has where the region is. */
public final class NotTheRegion {
    private static final String API = "/api/v1/";

    private NotTheRegion() {}

    /**
     * Refuses what of the API a rack does not have.
     *
     * @param other answers all that is not of the API
     * @param regions that this rack follows
     */
    public static HttpService before(HttpService other, List<URI> regions) {
        String meant = regions.isEmpty() ? "" : ": " + regions.get(0);
        return call -> call.path().startsWith(API)
                ? CompletableFuture.completedFuture(ApiToken.error(
                        404,
                        "This is a rack: it has status, cache, explain and dhcp-config. Images, machines and racks are the region's%s; use --url and --token-file, or its --state"
                                .formatted(meant)))
                : other.answer(call);
    }
}
