package org.rackboot.server.region;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.rackboot.image.ContentReader;
import org.rackboot.region.publish.StreamPublisher;
import org.rackboot.region.publish.StreamPublisher.Snapshot;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.server.http.ContentReplies;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The region's images as a simplestreams mirror, {@code /images-stream/…}: signed, read-only, and open to everyone who
 * reaches the API, since any simplestreams client must be able to read it.
 *
 * <p>A path is looked up in what was rendered, never joined to a directory. Database work happens on the threads given.
 */
public final class ImageStream implements HttpService {
    /** Paths that begin so are this service's. */
    public static final String PREFIX = "/images-stream/";

    private static final Logger LOG = LoggerFactory.getLogger(ImageStream.class);

    private final StreamPublisher publisher;
    private final RegionContent contents;
    private final Executor threads;
    private final HttpService otherwise;

    /** @param otherwise answers every other path */
    public ImageStream(StreamPublisher publisher, RegionContent contents, Executor threads, HttpService otherwise) {
        this.publisher = publisher;
        this.contents = contents;
        this.threads = threads;
        this.otherwise = otherwise;
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        if (!call.path().startsWith(PREFIX)) {
            return otherwise.answer(call);
        }
        if (!call.isHead() && !call.method().equals("GET")) {
            return CompletableFuture.completedFuture(
                    HttpReply.text(405, "the image stream is read-only").with("Allow", "GET, HEAD"));
        }
        return CompletableFuture.supplyAsync(() -> find(call), threads);
    }

    private HttpReply find(HttpCall call) {
        try {
            return find(call, publisher.snapshot(), call.path().substring(PREFIX.length()));
        } catch (IOException | UncheckedIOException e) {
            LOG.warn("The image stream cannot be published", e);
            return HttpReply.text(500, "the region cannot publish its images now; its log says why");
        }
    }

    private HttpReply find(HttpCall call, Snapshot snapshot, String path) throws IOException {
        byte[] document = snapshot.documents().get(path);
        if (document != null) {
            return ContentReplies.answer(call, document, mediaType(path))
                    .with("Cache-Control", "no-cache"); // A proxy's old index would name files that are gone.
        }
        Item item = snapshot.items().get(path);
        if (item == null) {
            return HttpReply.text(404, "the image stream has no such file; it begins at streams/v1/index.sjson");
        }
        byte[] archive = snapshot.archives().get(item.sha256());
        if (archive != null) {
            return ContentReplies.answer(call, archive, "application/octet-stream");
        }
        Optional<ContentReader> content = contents.open(item.sha256());
        return content.isPresent()
                ? ContentReplies.answer(call, content.get(), "application/octet-stream")
                : HttpReply.text(404, "the file was deleted; read the index again");
    }

    private static String mediaType(String path) {
        if (path.endsWith(".json")) {
            return "application/json";
        }
        return path.endsWith("sjson") || path.endsWith(".asc") ? "text/plain" : "application/octet-stream";
    }
}
