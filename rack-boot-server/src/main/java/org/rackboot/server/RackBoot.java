package org.rackboot.server;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.rackboot.image.Content;
import org.rackboot.image.ContentId;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.dhcp.ProxyDhcp;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootResolver;
import org.rackboot.protocol.resolve.MetadataNames;
import org.rackboot.protocol.tftp.Negotiation;
import org.rackboot.region.Bundles;
import org.rackboot.region.Region;
import org.rackboot.region.Uploads;
import org.rackboot.region.machine.UnknownMachines;
import org.rackboot.region.publish.StreamPublisher;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.RegionDatabase;
import org.rackboot.region.sync.HttpMirror;
import org.rackboot.region.sync.ImportReport;
import org.rackboot.region.sync.ImportSchedule;
import org.rackboot.region.sync.ImportTally;
import org.rackboot.region.sync.Importer;
import org.rackboot.region.sync.RateLimit;
import org.rackboot.server.config.ServerConfig;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.dhcp.AnswerLog;
import org.rackboot.server.dhcp.BootFiles;
import org.rackboot.server.dhcp.DhcpListener;
import org.rackboot.server.dhcp6.Dhcp6Listener;
import org.rackboot.server.dhcp6.Dhcp6Metrics;
import org.rackboot.server.dhcp6.ServerId;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.event.BootLog;
import org.rackboot.server.event.Neighbours;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.http.HttpService;
import org.rackboot.server.http.OwnCertificate;
import org.rackboot.server.http.TlsCertificates;
import org.rackboot.server.metrics.Metrics;
import org.rackboot.server.net.Addresses;
import org.rackboot.server.net.Egress;
import org.rackboot.server.net.EventLoops;
import org.rackboot.server.rack.CacheApi;
import org.rackboot.server.rack.CacheKeeper;
import org.rackboot.server.rack.CachePins;
import org.rackboot.server.rack.CatalogFollower;
import org.rackboot.server.rack.CatalogGate;
import org.rackboot.server.rack.DhcpConfigApi;
import org.rackboot.server.rack.Enrolment;
import org.rackboot.server.rack.ExplainApi;
import org.rackboot.server.rack.MachineReports;
import org.rackboot.server.rack.MetadataSeal;
import org.rackboot.server.rack.NotTheRegion;
import org.rackboot.server.rack.Rack;
import org.rackboot.server.rack.RackStatusApi;
import org.rackboot.server.rack.RackUpstream;
import org.rackboot.server.rack.RacksBelow;
import org.rackboot.server.rack.RegionClient;
import org.rackboot.server.rack.RegionLink;
import org.rackboot.server.region.DatabaseOrigin;
import org.rackboot.server.region.ImageStream;
import org.rackboot.server.region.Networks;
import org.rackboot.server.region.RegionApi;
import org.rackboot.server.region.RegionContent;
import org.rackboot.server.region.SlowWork;
import org.rackboot.server.tftp.TftpListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Builds everything, starts it, stops it in reverse order. The only class that sees both the region's side and the
 * rack's.
 */
public final class RackBoot implements AutoCloseable {
    /** Where SQLite's driver unpacks its native library to. */
    private static final String SQLITE_LIBRARY_DIRECTORY = "org.sqlite.tmpdir";

    /** What one process is. */
    public enum Role {
        /** Region and rack in one process, talking over loopback. */
        SERVE,
        REGION,
        RACK;

        boolean hasRegion() {
            return this != RACK;
        }

        boolean hasRack() {
            return this != REGION;
        }
    }

    /** Where everything listens. */
    public record Listeners(
            List<InetSocketAddress> tftp,
            List<InetSocketAddress> http,
            List<InetSocketAddress> https,
            List<InetSocketAddress> api,
            List<InetSocketAddress> admin,
            List<InetSocketAddress> dhcp,
            List<InetSocketAddress> pxe,
            List<InetSocketAddress> dhcp6) {
        public Listeners {
            tftp = List.copyOf(tftp);
            http = List.copyOf(http);
            https = List.copyOf(https);
            api = List.copyOf(api);
            admin = List.copyOf(admin);
            dhcp = List.copyOf(dhcp);
            pxe = List.copyOf(pxe);
            dhcp6 = List.copyOf(dhcp6);
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(RackBoot.class);
    private static final long SCRUB_BYTES_PER_SECOND = 32 << 20;
    private static final Duration FIRST_CATALOG = Duration.ofSeconds(5);

    private static final int MAX_LISTENERS = 64; // That a region is told of.
    /** Contents read from the database at once; it has eight connections on PostgreSQL, four on SQLite. */
    private static final int REGION_FILLS = 4;

    private static final Duration WARM_UP = Duration.ofMillis(300);
    private static final Duration MORE_WARM_UP = Duration.ofSeconds(5);

    private final Deque<AutoCloseable> started = new ArrayDeque<>();
    private final ServerConfig config;
    private final Role role;
    private final AtomicBoolean ready = new AtomicBoolean();
    private BooleanSupplier isAnyMachineHere = () -> false;
    private final Metrics metrics = new Metrics(this::readiness);
    private volatile @Nullable HttpService cacheApi; // Once there is a rack.
    private volatile @Nullable HttpService dhcpConfigApi; // Likewise.
    private volatile @Nullable HttpService explainApi; // Likewise.
    private volatile @Nullable HttpService statusApi; // Once there is a rack without a region beside it.
    private volatile @Nullable CatalogFollower following; // Likewise.
    private volatile @Nullable DhcpListener proxyDhcp; // If machines are answered.
    private final List<InetSocketAddress> tftp = new ArrayList<>();
    private final List<InetSocketAddress> http = new ArrayList<>();
    private final List<InetSocketAddress> https = new ArrayList<>();
    private final List<InetSocketAddress> api = new ArrayList<>();
    private final List<InetSocketAddress> admin = new ArrayList<>();
    private final List<InetSocketAddress> dhcp = new ArrayList<>();
    private final List<InetSocketAddress> pxe = new ArrayList<>();
    private final List<InetSocketAddress> dhcp6 = new ArrayList<>();

    private RackBoot(ServerConfig config, Role role) {
        this.config = config;
        this.role = role;
    }

    /**
     * Starts a process of the given role.
     *
     * @throws IOException if something cannot be opened; its message says what to do, and nothing stays open
     */
    public static RackBoot start(ServerConfig config, Role role) throws IOException, InterruptedException {
        RackBoot process = new RackBoot(config, role);
        try {
            process.start();
            return process;
        } catch (IOException | InterruptedException | RuntimeException e) {
            process.close();
            throw e;
        }
    }

    public Listeners listeners() {
        return new Listeners(tftp, http, https, api, admin, dhcp, pxe, dhcp6);
    }

    @Override
    public void close() {
        ready.set(false);
        while (!started.isEmpty()) {
            try {
                started.removeLast().close();
            } catch (Exception e) { // Everything else must be stopped all the same.
                LOG.warn("Something did not stop cleanly", e);
            }
        }
    }

    private void start() throws IOException, InterruptedException {
        config.dhcp().idle().ifPresent(LOG::warn);
        StateDirectory state = new StateDirectory(config.state());
        closeAtEnd(own(state));
        state.sweep();
        EventLoops httpLoops = closeAtEnd(EventLoops.best("http"));
        ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(threads("timer"));
        closeAtEnd(timer::shutdownNow);
        List<URI> regions = config.region().urls();
        String ownToken = apiToken(state);
        Optional<Enrolment> enrolment = Optional.empty();
        if (role.hasRegion()) {
            regions = List.of(startRegion(state, httpLoops, timer, ownToken));
            enrolment = Optional.of(Enrolment.ofRegionItself(state, ownToken));
        }
        if (role.hasRack()) {
            EventLoops tftpLoops =
                    closeAtEnd(EventLoops.best("tftp")); // A slow disk under HTTP must not hold these up.
            if (role == Role.RACK) {
                warnOfPlainHttp(regions);
            }
            startRack(
                    tftpLoops,
                    httpLoops,
                    timer,
                    regions,
                    enrolment.isPresent()
                            ? enrolment.get()
                            : Enrolment.of(state, config.region().token()),
                    ownToken);
            startAdmin(httpLoops);
            if (!role.hasRegion()) {
                announceApi(state, admin); // The rack's own API is all there is.
            }
            warmUp(tftpLoops, httpLoops);
        } else {
            if (config.dhcp().isProxy()) {
                LOG.warn("--dhcp proxy does nothing here: a region alone answers no machine; say it to its racks");
            }
            startAdmin(httpLoops);
            ready.set(true);
        }
    }

    private static void warnOfPlainHttp(List<URI> regions) {
        for (URI region : regions) {
            boolean here = region.getHost().matches("localhost|127[.].*|\\[::1]");
            if (region.getScheme().equals("http") && !here) {
                LOG.warn(
                        "Between this rack and {} nothing is encrypted: who can listen there can take this rack's"
                                + " credential. Say https:// instead, on the same port",
                        region);
            }
        }
    }

    /** A rack whose region is away is ready as long as it has a catalog: machines boot from what it has. */
    private Metrics.Readiness readiness() {
        CatalogFollower rack = following;
        if (!ready.get()) {
            return new Metrics.Readiness(false, "not ready: it starts, or stops");
        }
        if (rack == null || rack.isInStep()) {
            return new Metrics.Readiness(true, "ready");
        }
        String problem = rack.lastProblem().orElse("the region did not answer yet");
        return rack.lack()
                .map(lack -> new Metrics.Readiness(false, "not ready: " + lack))
                .orElseGet(() -> new Metrics.Readiness(
                        true,
                        "ready, with catalog version %d, which the region confirmed %d s ago: %s"
                                .formatted(rack.catalog().version(), rack.age().toSeconds(), problem)));
    }

    private void warmUp(EventLoops tftpLoops, EventLoops httpLoops) {
        WarmUp.run(tftpLoops, httpLoops, WARM_UP, () -> !isAnyMachineHere.getAsBoolean(), System::nanoTime);
        ready.set(true);
        Thread more = new Thread(
                () -> WarmUp.run(
                        tftpLoops,
                        httpLoops,
                        MORE_WARM_UP,
                        () -> ready.get() && !isAnyMachineHere.getAsBoolean(),
                        System::nanoTime),
                "warm-up");
        more.setDaemon(true);
        more.start();
        closeAtEnd(more::join);
    }

    private URI startRegion(StateDirectory state, EventLoops httpLoops, ScheduledExecutorService timer, String token)
            throws IOException {
        if (System.getProperty(SQLITE_LIBRARY_DIRECTORY) == null) { // A killed process would leave it in /tmp for ever.
            System.setProperty(SQLITE_LIBRARY_DIRECTORY, state.scratch("native").toString());
        }
        RegionDatabase database = closeAtEnd(RegionDatabase.open(config.api().database()));
        Region region = new Region(
                database,
                new HttpMirror(timer, RateLimit.of(config.imports().maxRate())),
                Clock.systemUTC(),
                pause -> TimeUnit.NANOSECONDS.sleep(pause.toNanos()),
                new Region.Settings(
                        config.boot().kernelOptions(),
                        config.imports().singleSource(),
                        new Importer.Settings(config.imports().keepVersions(), database::freeBytes),
                        UnknownMachines.of(config.boot().unknownMachines()).orElseThrow(),
                        Networks::problems));
        closeAtEnd(region.imports()::stop);
        new ImportSchedule(region.imports(), timer, config.imports().interval(), new SecureRandom(), LOG::info).start();
        ExecutorService databaseThreads = closeAtEnd(pool("region", 8));
        timer.scheduleWithFixedDelay(
                () -> databaseThreads.execute(() -> expireUploads(region)), 1, 60, TimeUnit.MINUTES);
        countImports(region.importTally());
        TlsCertificates.Pair ownCertificate =
                OwnCertificate.readOrMake(state.path(), "rackboot region", Clock.systemUTC());
        TlsCertificates certificates =
                closeAtEnd(TlsCertificates.load(List.of(ownCertificate), metrics, Clock.systemUTC()));
        RegionContent contents = new RegionContent(region.contents(), regionCache(region, databaseThreads, timer));
        HttpService service = new ImageStream(
                new StreamPublisher(published(region), region.contents(), state.path(), Clock.systemUTC()),
                contents,
                databaseThreads,
                new RegionApi(
                        region,
                        new Bundles(region, state.path().resolve("bundles")),
                        contents,
                        token,
                        OwnCertificate.pin(ownCertificate),
                        databaseThreads,
                        closeAtEnd(new SlowWork(SlowWork.LIMITS, timer, threads("region-slow"))),
                        metrics));
        HttpListener listener =
                closeAtEnd(new HttpListener(httpLoops, withRack(service), HttpListener.Limits.API, metrics));
        for (InetAddress address : Addresses.toListenOn(config.bind())) {
            api.add(listener.bindBoth(address, config.api().port(), certificates, "The region API", "--api-port 5241"));
        }
        return announceApi(state, api);
    }

    /** So that client commands find it. */
    private URI announceApi(StateDirectory state, List<InetSocketAddress> addresses) throws IOException {
        InetSocketAddress own = addresses.stream()
                .filter(address -> address.getAddress().isLoopbackAddress())
                .findFirst()
                .orElse(addresses.get(0));
        URI url = URI.create("http://" + Addresses.hostAndPort(own) + "/");
        state.writeApiUrl(url.toString());
        closeAtEnd(state::removeApiUrl);
        return url;
    }

    /** The rack's own API beside another service. */
    private HttpService withRack(HttpService other) {
        return call -> {
            HttpService cache = cacheApi;
            HttpService dhcpConfig = dhcpConfigApi;
            HttpService explain = explainApi;
            HttpService status = statusApi;
            if (status != null && call.path().equals(RackStatusApi.PATH)) {
                return status.answer(call);
            }
            if (explain != null && call.path().equals(ExplainApi.PATH)) {
                return explain.answer(call);
            }
            if (dhcpConfig != null && call.path().equals(DhcpConfigApi.PATH)) {
                return dhcpConfig.answer(call);
            }
            return cache != null && call.path().startsWith(CacheApi.ROOT) ? cache.answer(call) : other.answer(call);
        };
    }

    /** So that the database reads what many racks want once, and large bodies go out by sendfile. */
    private ImageCache regionCache(Region region, ExecutorService databaseThreads, ScheduledExecutorService timer)
            throws IOException {
        ExecutorService diskThreads = closeAtEnd(pool("region-disk", 4));
        DatabaseOrigin origin =
                new DatabaseOrigin(region.contents(), databaseThreads, closeAtEnd(pool("region-fill", REGION_FILLS)));
        ImageCache cache = new ImageCache(
                config.state().resolve("region-cache"),
                new ImageCache.Settings(
                        config.regionCache().memoryBytes(role.hasRack()),
                        config.regionCache().diskBytes(role.hasRack()),
                        REGION_FILLS,
                        Duration.ofSeconds(1)),
                origin,
                diskThreads,
                (pause, work) -> timer.schedule(() -> diskThreads.execute(work), pause.toNanos(), TimeUnit.NANOSECONDS),
                new CacheLog(metrics, "region.cache", "the database"));
        ExecutorService verifying = closeAtEnd(pool("region-verify", 1));
        cache.stored().forEach(object -> verifying.execute(() -> cache.verifyStored(object.content())));
        scrubInBackground(cache, timer, verifying);
        metrics.gauge("region.cache.memory.bytes", () -> cache.statistics().memoryBytes());
        metrics.gauge("region.cache.disk.bytes", () -> cache.statistics().diskBytes());
        metrics.gauge("region.cache.fills.active", () -> cache.statistics().activeFills());
        metrics.gauge("region.cache.fills.waiting", () -> cache.statistics().waitingFills());
        metrics.counter("region.cache.database.bytes", origin::bytesRead);
        return cache;
    }

    private static void expireUploads(Region region) {
        try {
            region.uploads()
                    .expire()
                    .forEach(name -> LOG.info(
                            "The upload of {} was given up: no piece came for {} days", name, Uploads.EXPIRY.toDays()));
        } catch (DatabaseException e) {
            LOG.warn("Uploads that nobody goes on with stay for now", e);
        }
    }

    private void countImports(ImportTally tally) {
        for (ImportReport.Outcome outcome : ImportReport.Outcome.values()) {
            metrics.counter("imports", "outcome", outcome, () -> tally.imports(outcome));
        }
        metrics.counter("imports.broken.off", tally::brokenOff);
        metrics.counter("imports.downloaded.bytes", tally::downloadedBytes);
        for (ImportTally.Refusal why : ImportTally.Refusal.values()) {
            metrics.counter("imports.refused", "reason", why, () -> tally.refusals(why));
        }
    }

    private static StreamPublisher.Catalog published(Region region) {
        return new StreamPublisher.Catalog() {
            @Override
            public long version() throws DatabaseException {
                return region.catalogVersion();
            }

            @Override
            public List<Version> versions() throws DatabaseException {
                return region.versions();
            }
        };
    }

    private void startRack(
            EventLoops tftpLoops,
            EventLoops httpLoops,
            ScheduledExecutorService timer,
            List<URI> regions,
            Enrolment enrolment,
            String apiToken)
            throws IOException, InterruptedException {
        ExecutorService fillThreads = closeAtEnd(pool("fill", config.cache().maxFills() + 2));
        ExecutorService diskThreads = closeAtEnd(pool("disk", 8));
        RegionClient region =
                new RegionClient(regions, new SecureRandom().nextInt(regions.size()), enrolment, fillThreads, timer);
        ImageCache.Settings cacheSettings = new ImageCache.Settings(
                config.cache().memoryBytes(),
                config.cache().diskBytes(),
                config.cache().maxFills(),
                Duration.ofSeconds(1));
        ImageCache cache = new ImageCache(
                config.state().resolve("cache"),
                cacheSettings,
                region,
                diskThreads,
                (pause, work) -> timer.schedule(() -> diskThreads.execute(work), pause.toNanos(), TimeUnit.NANOSECONDS),
                new CacheLog(metrics, "cache", "the region"));
        Neighbours neighbours = new Neighbours(Path.of("/proc/net/arp"), System::nanoTime);
        BootEvents events = closeAtEnd(new BootEvents(neighbours));
        BootLog log = new BootLog();
        events.subscribe(log);
        events.whenQuiet(log::catchUp);
        events.subscribe(metrics);
        CatalogFollower follower = closeAtEnd(new CatalogFollower(
                region,
                config.state().resolve("catalog.json"),
                new SecureRandom(),
                Clock.systemUTC(),
                System::nanoTime));
        following = follower;
        RegionLink link = closeAtEnd(new RegionLink(
                region, enrolment, version(), () -> rackful(cache, follower.catalog()), new SecureRandom()));
        boolean canServe = Files.exists(config.state().resolve("catalog.json"));
        link.start();
        if (!canServe) { // Else machines are served, whatever the region thinks of this rack.
            link.awaitFirstAnswer(FIRST_CATALOG);
        }
        follower.start();
        follower.awaitFirstAnswer(FIRST_CATALOG);
        ExecutorService verifier = closeAtEnd(pool("verify", 1));
        verifyInBackground(cache, follower.catalog(), verifier);
        scrubInBackground(cache, timer, verifier);
        CacheKeeper keeper = new CacheKeeper(
                follower::catalog,
                cache,
                new CachePins(new StateDirectory(config.state())),
                CacheKeeper.Policy.valueOf(config.cache().prefetch().toUpperCase(Locale.ROOT)),
                config.cache().diskBytes(),
                config.cache().prefetchRate(),
                new SecureRandom(),
                System::nanoTime);
        follower.whenChanged(keeper::tick);
        keeper.tick(); // Before any machine asks: what is pinned makes room for nobody.
        timer.scheduleWithFixedDelay(() -> diskThreads.execute(keeper::tick), 1, 1, TimeUnit.SECONDS);
        // A region in this process has a catalog, if an empty one.
        Supplier<Optional<String>> lack = role.hasRegion() ? Optional::empty : follower::lack;
        cacheApi = new CacheApi(follower::catalog, lack, cache, keeper, cacheSettings, apiToken, diskThreads);

        MachineReports reports = closeAtEnd(new MachineReports(
                report -> region.ask("POST", "api/v1/racks/self/machines", enrolment.bearer(), report)
                        .status(),
                new StateDirectory(config.state()),
                Clock.systemUTC()));
        reports.start();
        BootResolver resolver = new BootResolver(
                config.boot().templates(),
                new MetadataNames(MetadataSeal.of(new StateDirectory(config.state()))),
                reports);
        Ports ports = new Ports();
        Rack rack = new Rack(
                resolver,
                reports,
                neighbours,
                follower::catalog,
                cache,
                events,
                ports,
                config.cache().verifyAlways(),
                Clock.systemUTC(),
                System::nanoTime);
        CatalogGate gate = new CatalogGate(rack, lack, events, Clock.systemUTC());
        List<InetAddress> addresses = Addresses.toListenOn(config.bind());
        HttpService service = gate;
        HttpListener.Limits limits = bootLimits();
        if (config.serveRacks()) {
            ExecutorService askers =
                    closeAtEnd(pool("above", 4)); // Not the client's own: those do what these wait for.
            RacksBelow below = new RacksBelow(
                    region::askForOthers,
                    enrolment::bearer,
                    new StateDirectory(config.state()),
                    askers,
                    System::nanoTime);
            service = new RackUpstream(follower, cache, rack, gate, below, metrics::answeredRack);
            limits = limits.withBodies(RackUpstream.MAX_REPORT_BYTES);
        }
        Egress egress = egress(tftpLoops);
        HttpListener boot = closeAtEnd(new HttpListener(httpLoops, service, limits, metrics, egress));
        if (service instanceof RackUpstream upstream) {
            closeAtEnd(upstream); // Before the listener: those who wait for a change hold up no stop.
        }
        for (InetAddress address : addresses) {
            List<Integer> opened = new ArrayList<>();
            for (int port : config.http().ports()) {
                InetSocketAddress bound = boot.bind(address, port, "HTTP", "--http-port 5248");
                http.add(bound);
                opened.add(bound.getPort());
            }
            ports.put(address, opened);
        }
        startHttps(boot, addresses);
        TftpListener tftpListener = closeAtEnd(new TftpListener(
                tftpLoops,
                gate,
                new TftpListener.Settings(
                        new Negotiation.Limits(
                                config.tftp().maxBlockSize(),
                                config.tftp().maxWindowSize(),
                                Negotiation.Limits.DEFAULT.maxWindowBytes()),
                        config.tftp().maxTransfers(),
                        config.tftp().singlePort(),
                        config.tftp().rules(),
                        config.tftp().stopTimeout()),
                metrics,
                egress,
                System::nanoTime));
        for (InetAddress address : addresses) {
            tftp.add(tftpListener.bind(address, config.tftp().port()));
        }
        if (config.dhcp().isProxy()) {
            BootFiles files = new BootFiles(
                    follower::catalog,
                    config.boot().loader(),
                    address -> ports.named(new InetSocketAddress(address, 0)));
            startDhcp(tftpLoops, addresses, files, events, timer);
        }
        dhcpConfigApi = new DhcpConfigApi(follower::catalog, config.boot()::loader, http, tftp, apiToken);
        explainApi = CatalogGate.before(
                new ExplainApi(follower::catalog, resolver, config.boot().loader(), ports, http, apiToken),
                lack,
                apiToken);
        if (!role.hasRegion()) { // Whose status is the whole process's.
            statusApi = new RackStatusApi(
                    follower, regions, cache, cacheSettings, this::bootListeners, this::warnings, version(), apiToken);
        }
        isAnyMachineHere = () -> tftpListener.activeTransfers() > 0 || boot.openConnections() > 0;
        metrics.gauge("tftp.transfers", tftpListener::activeTransfers);
        metrics.gauge("http.connections", boot::openConnections);
        metrics.gauge("events.dropped", events::dropped);
        metrics.gauge("cache.memory.bytes", () -> cache.statistics().memoryBytes());
        metrics.gauge("cache.disk.bytes", () -> cache.statistics().diskBytes());
        metrics.counter("cache.chunks.from.memory", () -> cache.statistics().memoryHits());
        metrics.counter("cache.chunks.from.disk", () -> cache.statistics().diskHits());
        metrics.counter("cache.chunks.fetched", () -> cache.statistics().misses());
        metrics.counter("cache.evictions", () -> cache.statistics().evictions());
        metrics.gauge("cache.memory.lent.bytes", () -> cache.statistics().lentBytes());
        metrics.gauge("cache.fills.active", () -> cache.statistics().activeFills());
        metrics.gauge("cache.fills.waiting", () -> cache.statistics().waitingFills());
        metrics.gauge("catalog.version", () -> follower.catalog().version());
        metrics.gauge("catalog.age.seconds", () -> follower.age().toMillis() / 1e3);
        metrics.gauge("region.in.step", () -> follower.isInStep() ? 1 : 0);
    }

    private void startDhcp(
            EventLoops loops,
            List<InetAddress> addresses,
            BootFiles files,
            BootEvents events,
            ScheduledExecutorService timer)
            throws IOException {
        AnswerLog log = new AnswerLog(files, events::publish);
        DhcpListener proxy =
                closeAtEnd(DhcpListener.start(loops, config, addresses, files, log, events, metrics, timer));
        proxyDhcp = proxy;
        dhcp.addAll(proxy.addresses(ProxyDhcp.SERVER_PORT));
        pxe.addAll(proxy.addresses(ProxyDhcp.BOOT_SERVER_PORT));
        Dhcp6Listener proxy6 = closeAtEnd(Dhcp6Listener.start(
                loops,
                config.dhcp(),
                addresses,
                files::url,
                ServerId.of(new StateDirectory(config.state())),
                log,
                new Dhcp6Metrics(metrics)));
        dhcp6.addAll(proxy6.addresses());
    }

    /** Its alarms go off where no disk holds them up. */
    private Egress egress(EventLoops loops) {
        Egress egress = new Egress(
                config.egress().maxRate(),
                config.egress().maxClientRate(),
                System::nanoTime,
                (nanos, task) -> loops.group().schedule(task, nanos, TimeUnit.NANOSECONDS));
        metrics.gauge("egress.waiting", egress::waiting);
        metrics.gauge("egress.clients", egress::clients);
        metrics.counter("egress.delayed.bytes", egress::delayedBytes);
        metrics.counter("egress.refused", egress::refusedFlows);
        return egress;
    }

    private static String version() {
        return Optional.ofNullable(RackBoot.class.getPackage().getImplementationVersion())
                .orElse("(not packaged)");
    }

    private Optional<RegionLink.Rackful> rackful(ImageCache cache, BootCatalog catalog) {
        if (!ready.get()) {
            return Optional.empty();
        }
        Map<String, Long> contents = new HashMap<>();
        cache.stored()
                .forEach(stored -> contents.put(
                        stored.content().id().sha256(), stored.content().size()));
        return Optional.of(new RegionLink.Rackful(
                catalog.version(), bootListeners().stream().limit(MAX_LISTENERS).toList(), contents, warnings()));
    }

    private List<String> bootListeners() {
        List<String> listeners = new ArrayList<>();
        tftp.forEach(address -> listeners.add("tftp://" + Addresses.hostAndPort(address)));
        http.forEach(address -> listeners.add("http://" + Addresses.hostAndPort(address)));
        https.forEach(address -> listeners.add("https://" + Addresses.hostAndPort(address)));
        return listeners;
    }

    private List<String> warnings() {
        DhcpListener proxy = proxyDhcp;
        return proxy == null
                ? List.of()
                : proxy.warnings().stream()
                        .limit(RegionLink.MOST_WARNINGS)
                        .map(text -> text.replaceAll("[^ -~]", "?"))
                        .toList();
    }

    private HttpListener.Limits bootLimits() {
        HttpListener.Limits limits = HttpListener.Limits.BOOT;
        return limits.withConnections(
                        config.http().maxConnections(), config.http().maxConnectionsPerAddress())
                .within(limits.deadlines().stoppingWithin(config.http().stopTimeout()));
    }

    /** Beside HTTP, never instead: most firmware knows no certificate (quirks H12 and H13). */
    private void startHttps(HttpListener boot, List<InetAddress> addresses) throws IOException {
        List<TlsCertificates.Pair> pairs = new ArrayList<>();
        for (int i = 0; i < config.https().certificates().size(); i++) {
            pairs.add(new TlsCertificates.Pair(
                    config.https().certificates().get(i), config.https().keys().get(i)));
        }
        if (pairs.isEmpty()) {
            return;
        }
        TlsCertificates certificates = closeAtEnd(TlsCertificates.load(pairs, metrics, Clock.systemUTC()));
        certificates.watch();
        for (InetAddress address : addresses) {
            https.add(boot.bindTls(address, config.https().port(), certificates, "HTTPS", "--https-port 5249"));
        }
    }

    private void startAdmin(EventLoops httpLoops) throws IOException {
        HttpService others = role.hasRegion()
                ? metrics
                : NotTheRegion.before(metrics, config.region().urls());
        HttpListener listener =
                closeAtEnd(new HttpListener(httpLoops, withRack(others), HttpListener.Limits.API, metrics));
        List<InetAddress> addresses = config.bind().isEmpty()
                ? List.of(InetAddress.getLoopbackAddress())
                : Addresses.toListenOn(config.bind());
        for (InetAddress address : addresses) {
            admin.add(listener.bind(address, config.admin().port(), "The admin listener", "--admin-port 5251"));
        }
    }

    /**
     * What is on disk already is verified while machines are served, on one thread of its own, so that no machine waits
     * behind it; until then it goes out chunk by verified chunk.
     */
    private static void verifyInBackground(ImageCache cache, BootCatalog catalog, ExecutorService thread) {
        for (BootFile file : catalog.contents().values()) {
            Content content =
                    new Content(new ContentId(file.sha256()), file.size(), new ContentId(file.chunkListSha256()));
            thread.execute(() -> cache.verifyStored(content));
        }
        cache.stored().forEach(other -> thread.execute(() -> cache.verifyStored(other.content())));
    }

    /** At most so many bytes a second, so that machines have the disk. */
    private void scrubInBackground(ImageCache cache, ScheduledExecutorService timer, ExecutorService thread) {
        Duration interval = config.cache().scrubInterval();
        if (interval.isZero()) {
            return;
        }
        ImageCache.Pace pace = bytes -> TimeUnit.NANOSECONDS.sleep(bytes * 1_000_000_000L / SCRUB_BYTES_PER_SECOND);
        Runnable scrub = () -> {
            try {
                cache.scrub(interval, pace);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        };
        long every = Math.max(1, interval.toSeconds() / 10);
        timer.scheduleWithFixedDelay(() -> thread.execute(scrub), every, every, TimeUnit.SECONDS);
    }

    private static String apiToken(StateDirectory state) throws IOException {
        Optional<String> known = state.apiToken();
        if (known.isPresent() && !known.get().isEmpty()) {
            return known.get();
        }
        byte[] random = new byte[32];
        new SecureRandom().nextBytes(random);
        String token = Base64.getUrlEncoder().withoutPadding().encodeToString(random);
        state.writeApiToken(token);
        return token;
    }

    private static AutoCloseable own(StateDirectory state) throws IOException {
        try {
            state.create();
            return lock(state.path().resolve("lock"));
        } catch (FileSystemException e) { // Its message is but the path.
            throw new IOException(
                    "The state directory %s cannot be used (%s). Choose another with --state DIR, or make it writable"
                            .formatted(state.path(), e),
                    e);
        }
    }

    /** Two servers on one state directory would each think they own it. */
    private static AutoCloseable lock(Path file) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = channel.tryLock();
            if (lock != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            channel.close();
            throw inUse(file);
        }
        channel.close();
        throw inUse(file);
    }

    private static IOException inUse(Path file) {
        return new IOException("The state directory %s is in use by another rackboot; stop that one, or choose another"
                        .formatted(file.getParent())
                + " with --state DIR");
    }

    private <T extends AutoCloseable> T closeAtEnd(T part) {
        started.addLast(part);
        return part;
    }

    private ExecutorService pool(String name, int size) {
        return Executors.newFixedThreadPool(size, threads(name));
    }

    private ExecutorService closeAtEnd(ExecutorService pool) {
        started.addLast(pool::shutdownNow);
        return pool;
    }

    private static ThreadFactory threads(String name) {
        AtomicInteger count = new AtomicInteger();
        return work -> {
            Thread thread = new Thread(work, name + "-" + count.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }

    /** Which HTTP ports each address has. Filled before any machine is answered. */
    private static final class Ports implements Rack.HttpPorts {
        private record Known(String host, List<Integer> ports) {}

        private final Map<InetAddress, Known> byAddress = new ConcurrentHashMap<>();

        void put(InetAddress address, List<Integer> ports) {
            byAddress.put(address, new Known(Addresses.host(address), List.copyOf(ports)));
        }

        @Override
        public int named(InetSocketAddress local) {
            Known known = byAddress.get(local.getAddress());
            return known == null ? local.getPort() : known.ports().get(0);
        }

        @Override
        public boolean alsoPort80(InetSocketAddress local) {
            Known known = byAddress.get(local.getAddress());
            return known != null && known.ports().contains(80);
        }

        @Override
        public String host(InetSocketAddress local) {
            Known known = byAddress.get(local.getAddress());
            return known == null ? Addresses.host(local.getAddress()) : known.host();
        }
    }

    /** Says what the cache does, to the log and the counters. */
    private static final class CacheLog implements ImageCache.Listener {
        private final Metrics metrics;
        private final String prefix;
        private final String origin;

        /**
         * @param prefix of the counters' names
         * @param origin what it is filled from, in the log's words
         */
        CacheLog(Metrics metrics, String prefix, String origin) {
            this.metrics = metrics;
            this.prefix = prefix;
            this.origin = origin;
        }

        @Override
        public void fillStarted(Content content) {
            metrics.count(prefix + ".fills.started");
            LOG.info("Fetching {} from {}, {} B", content.id(), origin, content.size());
        }

        @Override
        public void fillCompleted(Content content) {
            metrics.count(prefix + ".fills.completed");
            LOG.info("Fetched {} from {}, verified", content.id(), origin);
        }

        @Override
        public void fillFailed(Content content, Throwable cause) {
            metrics.count(prefix + ".fills.failed");
            LOG.warn("Fetching {} from {} failed: {}", content.id(), origin, message(cause));
        }

        @Override
        public void fillResumed(Content content, Throwable cause) {
            metrics.count(prefix + ".fills.resumed");
            LOG.warn("Fetching {} from {} broke off and goes on: {}", content.id(), origin, message(cause));
        }

        @Override
        public void notKept(Content content, Throwable cause) {
            metrics.count(prefix + ".fills.not.kept");
            LOG.warn("{} is served without being kept: {}", content.id(), message(cause));
        }

        @Override
        public void corruptionFound(ContentId id, Throwable cause) {
            metrics.count(prefix + ".corruptions");
            LOG.warn("{} on disk was dropped: {}", id, message(cause));
        }

        private static String message(@Nullable Throwable cause) {
            return cause == null ? "" : String.valueOf(cause.getMessage());
        }
    }
}
