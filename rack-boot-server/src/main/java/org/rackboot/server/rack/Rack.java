package org.rackboot.server.rack;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.image.Chunk;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.ContentReader;
import org.rackboot.image.ContentUnavailableException;
import org.rackboot.image.VerificationException;
import org.rackboot.image.VerifiedFile;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.address.IpAddress;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.BootAnswer;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.BootRequest;
import org.rackboot.protocol.resolve.BootRequest.Client;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;
import org.rackboot.protocol.resolve.BootResolution;
import org.rackboot.protocol.resolve.BootResolution.Decision;
import org.rackboot.protocol.resolve.BootResolution.Stranger;
import org.rackboot.protocol.resolve.BootResolver;
import org.rackboot.protocol.tftp.ReadTransfer.Outcome;
import org.rackboot.protocol.tftp.TftpError;
import org.rackboot.server.event.BootEvent;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.event.Neighbours;
import org.rackboot.server.http.ContentReplies;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;
import org.rackboot.server.tftp.BodySource;
import org.rackboot.server.tftp.TftpService;

/**
 * Answers machines: one resolver and one cache for both protocols, one event for every request. Runs on event loops and
 * never blocks.
 */
public final class Rack implements TftpService, HttpService {
    /** GRUB reads 200, 206 and 404 only (quirk H2): a refused name is "not found" to it, too. */
    private static final int WHOLE = 200;

    private static final int PART = 206;
    private static final int NO_SUCH_FILE = 404;
    /** Opens a machine's metadata: no log is to keep it. */
    private static final Pattern SEAL = Pattern.compile("(metadata/[^/]{1,100}/\\d{1,18}-)[0-9a-f]+");

    private static final Pattern CONTENT_RANGE =
            Pattern.compile("Content-Range: bytes \\d{1,18}-(\\d{1,18})/(\\d{1,18})\r\n");

    private static final Set<Outcome> COMPLETE = Set.of(Outcome.COMPLETED, Outcome.COMPLETED_UNCONFIRMED);

    /** Hears what racks learn of machines. Called on event loops. */
    public interface Listener {
        /**
         * A machine that nobody knows asked for a configuration.
         *
         * @param asked the name, as it came
         */
        void saw(Stranger stranger, String address, String asked);

        /** A configuration was sent to its last byte. */
        void delivered(Decision decision);
    }

    /** The boot listeners' HTTP ports. */
    public interface HttpPorts {
        /** The port that configurations name, on the address a machine reached. */
        int named(InetSocketAddress local);

        /** Whether that address has port 80, too. */
        boolean alsoPort80(InetSocketAddress local);

        /** The address as a URL writes it. */
        String host(InetSocketAddress local);
    }

    private final BootResolver resolver;
    private final Listener listener;
    private final Neighbours neighbours;
    private final Supplier<BootCatalog> catalog;
    private final ImageCache cache;
    private final BootEvents events;
    private final HttpPorts ports;
    private final boolean verifyAlways;
    private final Clock clock;
    private final LongSupplier nanoClock;

    /**
     * @param listener hears of machines that nobody knows, and of what was delivered for one boot
     * @param verifyAlways every byte from disk is verified each time it is sent, not once since the start
     */
    public Rack(
            BootResolver resolver,
            Listener listener,
            Neighbours neighbours,
            Supplier<BootCatalog> catalog,
            ImageCache cache,
            BootEvents events,
            HttpPorts ports,
            boolean verifyAlways,
            Clock clock,
            LongSupplier nanoClock) {
        this.resolver = resolver;
        this.listener = listener;
        this.neighbours = neighbours;
        this.verifyAlways = verifyAlways;
        this.catalog = catalog;
        this.cache = cache;
        this.events = events;
        this.ports = ports;
        this.clock = clock;
        this.nanoClock = nanoClock;
    }

    @Override
    public TftpService.Answer answer(String filename, InetSocketAddress client, InetSocketAddress local) {
        Asked asked = new Asked(BootEvent.Transport.TFTP, filename, client);
        BootAnswer answer = asked.resolved(resolve(filename, Transport.TFTP, client, local));
        BodySource body;
        if (answer instanceof BootAnswer.Content content) {
            body = BodySource.of(reader(content.file()));
        } else if (answer instanceof BootAnswer.Rendered rendered) {
            body = BodySource.of(rendered.bytes());
        } else if (answer instanceof BootAnswer.Empty) {
            body = BodySource.of(new byte[0]);
        } else if (answer instanceof BootAnswer.Refused refused) {
            asked.became(BootEvent.Answer.REFUSED, BootPhase.OTHER, 0, refused.reason());
            return new TftpService.Answer.Refuse(TftpError.ACCESS_VIOLATION, refused.reason());
        } else {
            BootAnswer.NotFound missing = (BootAnswer.NotFound) answer;
            asked.became(BootEvent.Answer.NOT_FOUND, missing.phase(), 0, missing.reason());
            return new TftpService.Answer.Refuse(TftpError.NOT_FOUND, missing.reason());
        }
        return new TftpService.Answer.Serve(body, (outcome, detail, bytes, duration) -> {
            if (answerOf(outcome) == BootEvent.Answer.SENT) {
                asked.delivered();
            }
            asked.became(answerOf(outcome), answer.phase(), bytes, detail);
        });
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        Asked asked = new Asked(BootEvent.Transport.HTTP, call.path(), call.remote());
        BootAnswer answer = asked.resolved(resolve(call.path(), Transport.HTTP, call.remote(), call.local()));
        HttpReply reply;
        if (answer instanceof BootAnswer.Content content) {
            reply = ContentReplies.answer(
                    call, reader(content.file()), content.file().mediaType());
        } else if (answer instanceof BootAnswer.Rendered rendered) {
            reply = ContentReplies.answer(call, rendered.bytes(), "text/plain");
        } else if (answer instanceof BootAnswer.Empty) {
            reply = HttpReply.bytes(200, "text/plain", new byte[0]);
        } else if (answer instanceof BootAnswer.Refused refused) {
            asked.became(BootEvent.Answer.REFUSED, BootPhase.OTHER, 0, refused.reason());
            return CompletableFuture.completedFuture(HttpReply.text(NO_SUCH_FILE, refused.reason()));
        } else {
            BootAnswer.NotFound missing = (BootAnswer.NotFound) answer;
            asked.became(BootEvent.Answer.NOT_FOUND, missing.phase(), 0, missing.reason());
            return CompletableFuture.completedFuture(HttpReply.text(NO_SUCH_FILE, missing.reason()));
        }
        boolean probe = call.isHead() || reply.status() == 304;
        return CompletableFuture.completedFuture(reply.whenSent((bytes, failure) -> {
            if (failure.isEmpty() && !probe && hasLastByte(reply)) {
                asked.delivered();
            }
            asked.became(
                    failure.isPresent()
                            ? (isOurs(failure.get()) ? BootEvent.Answer.FAILED : BootEvent.Answer.ABORTED)
                            : probe ? BootEvent.Answer.PROBED : BootEvent.Answer.SENT,
                    answer.phase(),
                    bytes,
                    failure.map(cause -> String.valueOf(cause.getMessage())).orElse("status=" + reply.status()));
        }));
    }

    /** Whether who got it can have all: GRUB asks for a configuration's rest, too (quirk H17), and others for a piece. */
    private static boolean hasLastByte(HttpReply reply) {
        if (reply.status() == WHOLE) {
            return true;
        }
        Matcher range = CONTENT_RANGE.matcher(reply.headers());
        return reply.status() == PART
                && range.find()
                && Long.parseLong(range.group(1)) + 1 == Long.parseLong(range.group(2));
    }

    private BootResolution resolve(
            String name, Transport transport, InetSocketAddress client, InetSocketAddress local) {
        ServerAddress server = new ServerAddress(ports.host(local), ports.named(local), ports.alsoPort80(local));
        InetAddress address = client.getAddress();
        Client who = new Client(
                Optional.of(new IpAddress(address.getAddress())),
                neighbours.macOf(address).flatMap(MacAddress::parse),
                neighbours.heardOf(address).flatMap(MacAddress::parse));
        return resolver.examine(new BootRequest(name, transport, server, who), catalog.get());
    }

    static Content content(BootFile file) {
        return new Content(new ContentId(file.sha256()), file.size(), new ContentId(file.chunkListSha256()));
    }

    ContentReader reader(BootFile file) {
        ContentReader reader = cache.open(content(file));
        return verifyAlways ? new ChunkwiseReader(reader) : reader;
    }

    private static boolean isOurs(Throwable failure) {
        Throwable cause = failure.getCause() != null ? failure.getCause() : failure;
        return cause instanceof ContentUnavailableException || cause instanceof VerificationException;
    }

    private static BootEvent.Answer answerOf(Outcome outcome) {
        if (COMPLETE.contains(outcome)) {
            return BootEvent.Answer.SENT;
        }
        return switch (outcome) {
            case PROBED -> BootEvent.Answer.PROBED;
            case CLOSED_BY_CLIENT -> BootEvent.Answer.CLOSED;
            case FAILED -> BootEvent.Answer.FAILED;
            default -> BootEvent.Answer.ABORTED;
        };
    }

    /** Never offers the file itself, so that every byte passes the cache's check on its way. */
    private record ChunkwiseReader(ContentReader reader) implements ContentReader {
        @Override
        public Content content() {
            return reader.content();
        }

        @Override
        public CompletionStage<Chunk> chunk(int index) {
            return reader.chunk(index);
        }

        @Override
        public Optional<VerifiedFile> openVerifiedFile() {
            return Optional.empty();
        }
    }

    /** A request, until it is known what became of it. */
    private final class Asked {
        private final BootEvent.Transport transport;
        private final String name;
        private final InetSocketAddress client;
        private final Instant at = clock.instant();
        private final long startedNanos = nanoClock.getAsLong();
        private Optional<Decision> decision = Optional.empty();

        Asked(BootEvent.Transport transport, String name, InetSocketAddress client) {
            this.transport = transport;
            this.name = BootEvent.printable(SEAL.matcher(name).replaceFirst("$1*"));
            this.client = client;
        }

        BootAnswer resolved(BootResolution resolution) {
            decision = resolution.decision();
            resolution
                    .stranger()
                    .ifPresent(stranger ->
                            listener.saw(stranger, client.getAddress().getHostAddress(), name));
            return resolution.answer();
        }

        /** To its last byte. */
        void delivered() {
            decision.ifPresent(listener::delivered);
        }

        void became(BootEvent.Answer answer, BootPhase phase, long bytes, String detail) {
            String reason = decision.map(made -> detail + "; " + made.words()).orElse(detail);
            events.publish(new BootEvent(
                    at,
                    transport,
                    client,
                    Optional.empty(), // The bus finds it.
                    phase,
                    name,
                    answer,
                    bytes,
                    Duration.ofNanos(nanoClock.getAsLong() - startedNanos),
                    BootEvent.printable(reason)));
        }
    }
}
