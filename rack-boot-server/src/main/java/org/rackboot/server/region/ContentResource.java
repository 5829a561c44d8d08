package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.error;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.rackboot.region.Region;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.server.http.CatalogPoll;
import org.rackboot.server.http.ContentReplies;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.Waiters;

/** {@code catalog} and {@code content}: what racks ask for. */
final class ContentResource {
    private final Region region;
    private final RegionContent contents;
    private final Executor threads;
    private final Waiters changes = new Waiters();
    private final RenderedCatalog rendered;

    ContentResource(Region region, RegionContent contents, Executor threads) {
        this.region = region;
        this.contents = contents;
        this.threads = threads;
        this.rendered = new RenderedCatalog(new RenderedCatalog.Source() {
            @Override
            public long version() throws DatabaseException {
                return region.catalogVersion();
            }

            @Override
            public byte[] document() throws DatabaseException {
                return region.catalog();
            }
        });
        watch();
    }

    List<Route> routes() {
        Work content = (call, names) -> content(call, names.get(0));
        Work chunks = (call, names) -> chunkDigests(names.get(0));
        return List.of(
                Route.of("catalog", Map.of("GET", this::catalog)),
                Route.of("content/{sha256}", Map.of("GET", content.on(threads))),
                Route.of("content/{sha256}/chunks", Map.of("GET", chunks.on(threads))));
    }

    /** Waits for a change if the caller has the newest: racks are told at once, and ask seldom. */
    private CompletionStage<HttpReply> catalog(HttpCall call, List<String> names) {
        Work look = (asked, none) -> catalogNow(call.header("if-none-match"));
        return CatalogPoll.answer(call, changes, () -> look.on(threads).to(call, names));
    }

    private void watch() {
        region.catalogChange().thenRun(() -> {
            watch(); // First: no change is missed between.
            changes.tell();
        });
    }

    private HttpReply catalogNow(Optional<String> known) throws DatabaseException {
        RenderedCatalog.Rendered current = rendered.current();
        return CatalogPoll.reply(known, current.etag(), current.document());
    }

    private HttpReply content(HttpCall call, String sha256) throws DatabaseException {
        return contents.open(sha256)
                .map(reader -> ContentReplies.answer(call, reader, "application/octet-stream"))
                .orElseGet(() -> error(404, "The region has no complete content of this sha256"));
    }

    private HttpReply chunkDigests(String sha256) throws DatabaseException {
        return contents.chunkDigests(sha256)
                .map(digests -> HttpReply.bytes(200, "application/octet-stream", digests))
                .orElseGet(() -> error(404, "The region has no complete content of this sha256"));
    }
}
