package org.rackboot.server.rack;

import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.tftp.TftpError;
import org.rackboot.server.event.BootEvent;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;
import org.rackboot.server.tftp.TftpService;

/**
 * Stands before a rack until it has a catalog: who does not know what exists must not say that a name does not, nor call a
 * machine unknown. Refuses every name with the reason until then. Runs on event loops and never blocks.
 */
public final class CatalogGate implements TftpService, HttpService {
    private static final String COME_AGAIN_SECONDS = "2";

    private final Rack rack;
    private final Supplier<Optional<String>> lack;
    private final BootEvents events;
    private final Clock clock;

    /** @param lack why there is no catalog; empty once there is one */
    public CatalogGate(Rack rack, Supplier<Optional<String>> lack, BootEvents events, Clock clock) {
        this.rack = rack;
        this.lack = lack;
        this.events = events;
        this.clock = clock;
    }

    @Override
    public TftpService.Answer answer(String filename, InetSocketAddress client, InetSocketAddress local) {
        Optional<String> why = lack.get();
        if (why.isEmpty()) {
            return rack.answer(filename, client, local);
        }
        refused(BootEvent.Transport.TFTP, filename, client, why.get());
        // Not "file not found", which nobody knows; and U-Boot starts again for ever after any code but 1 and 2 (T7).
        return new TftpService.Answer.Refuse(TftpError.ACCESS_VIOLATION, why.get());
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        Optional<String> why = lack.get();
        if (why.isEmpty()) {
            return rack.answer(call);
        }
        refused(BootEvent.Transport.HTTP, call.path(), call.remote(), why.get());
        return CompletableFuture.completedFuture(comeAgain(HttpReply.text(503, why.get())));
    }

    /** The same before a part of the rack's own API, which tells only those who bear the token. */
    public static HttpService before(HttpService api, Supplier<Optional<String>> lack, String token) {
        ApiToken operators = new ApiToken(token);
        return call -> {
            Optional<String> why = lack.get();
            return why.isPresent() && operators.opens(call)
                    ? CompletableFuture.completedFuture(comeAgain(ApiToken.error(503, why.get())))
                    : api.answer(call);
        };
    }

    private static HttpReply comeAgain(HttpReply reply) {
        return reply.with("Retry-After", COME_AGAIN_SECONDS);
    }

    private void refused(BootEvent.Transport transport, String name, InetSocketAddress client, String why) {
        events.publish(new BootEvent(
                clock.instant(),
                transport,
                client,
                Optional.empty(), // The bus finds it.
                BootPhase.OTHER,
                BootEvent.printable(name),
                BootEvent.Answer.FAILED,
                0,
                Duration.ZERO,
                BootEvent.printable(why)));
    }
}
