package org.rackboot.server.region;

import static org.rackboot.server.region.ApiJson.body;
import static org.rackboot.server.region.ApiJson.json;
import static org.rackboot.server.region.ApiJson.offset;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.rackboot.region.Region;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.catalog.Served;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;

/** {@code uploads}. */
final class UploadsResource {
    private final Region region;

    UploadsResource(Region region) {
        this.region = region;
    }

    List<Route> routes(Executor threads) {
        Work all = (call, names) -> json(200, UploadJson.of(region.uploads().list()));
        Work begin = (call, names) -> begin(call);
        Work one = (call, names) -> upload(names.get(0));
        Work giveUp = (call, names) -> giveUp(names.get(0));
        Work receive = (call, names) -> receive(call, names.get(0), names.get(1));
        Work finish = (call, names) -> finish(names.get(0));
        return List.of(
                Route.of("uploads", Map.of("GET", all.on(threads), "POST", begin.on(threads))),
                Route.of("uploads/{id}", Map.of("GET", one.on(threads), "DELETE", giveUp.on(threads))),
                Route.of("uploads/{id}/files/{name}", Map.of("PUT", receive.on(threads))),
                Route.of("uploads/{id}/finish", Map.of("POST", finish.on(threads))));
    }

    private HttpReply begin(HttpCall call) throws RefusedException, DatabaseException {
        return json(201, UploadJson.of(region.uploads().begin(UploadJson.spec(body(call)))));
    }

    private HttpReply upload(String id) throws RefusedException, DatabaseException {
        return json(200, UploadJson.of(region.uploads().progress(id)));
    }

    private HttpReply giveUp(String id) throws RefusedException, DatabaseException {
        region.uploads().delete(id);
        return json(200, Map.of("removed", id));
    }

    private HttpReply receive(HttpCall call, String id, String name) throws RefusedException, DatabaseException {
        long next = region.uploads().receive(id, name, offset(call), ByteBuffer.wrap(call.body()));
        return json(200, Map.of("offset", next));
    }

    private HttpReply finish(String id) throws RefusedException, DatabaseException {
        Version version = region.uploads().finish(id);
        return json(201, ImageJson.of(new Served(version, true)));
    }
}
