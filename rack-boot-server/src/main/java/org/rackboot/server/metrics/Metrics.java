package org.rackboot.server.metrics;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.util.internal.PlatformDependent;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.server.dhcp.DhcpListener;
import org.rackboot.server.event.BootEvent;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;
import org.rackboot.server.http.TlsCertificates;
import org.rackboot.server.region.RegionApi;
import org.rackboot.server.tftp.TftpListener;

/**
 * Counters from the event bus and gauges of what the process holds, at {@code /metrics}; {@code /healthz} and {@code
 * /readyz} beside it. Labels are closed lists only: nothing a stranger writes becomes one (S-64).
 */
public final class Metrics
        implements Consumer<BootEvent>,
                TftpListener.Listener,
                DhcpListener.Listener,
                HttpListener.Listener,
                TlsCertificates.Listener,
                RegionApi.Listener,
                HttpService {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Map<Kind, Meters> meters = new ConcurrentHashMap<>();
    private final Supplier<Readiness> readiness;
    private final AtomicBoolean processShown = new AtomicBoolean();

    /** What is counted together. */
    private record Kind(BootEvent.Transport transport, BootPhase phase, BootEvent.Answer answer) {}

    private record Meters(Timer requests, DistributionSummary bytes) {}

    /** Whether machines are served, and a line about it. */
    public record Readiness(boolean isReady, String text) {}

    public Metrics(Supplier<Readiness> readiness) {
        this.readiness = readiness;
    }

    @Override
    public void accept(BootEvent event) {
        Meters known =
                meters.computeIfAbsent(new Kind(event.transport(), event.phase(), event.answer()), this::register);
        known.requests().record(event.duration());
        known.bytes().record((double) event.bytes());
    }

    private Meters register(Kind kind) {
        String transport = word(kind.transport());
        String phase = kind.phase().word();
        return new Meters(
                registry.timer(
                        "rackboot.requests", "transport", transport, "phase", phase, "answer", word(kind.answer())),
                registry.summary("rackboot.sent.bytes", "transport", transport, "phase", phase));
    }

    @Override
    public void dropped(TftpListener.Dropped why) {
        Counter.builder("rackboot.tftp.dropped")
                .tag("reason", word(why))
                .register(registry)
                .increment();
    }

    @Override
    public void segmentationRefused() {
        count("tftp.segmentation.refused");
    }

    @Override
    public void received(DhcpListener.Received type) {
        Counter.builder("rackboot.dhcp.received")
                .tag("type", word(type))
                .register(registry)
                .increment();
    }

    @Override
    public void answered(boolean isOffer, DhcpListener.Answered client) {
        Counter.builder("rackboot.dhcp.answered")
                .tag("type", isOffer ? "offer" : "ack")
                .tag("client", word(client))
                .register(registry)
                .increment();
    }

    @Override
    public void silent(DhcpListener.Silent why) {
        Counter.builder("rackboot.dhcp.silent")
                .tag("reason", word(why))
                .register(registry)
                .increment();
    }

    @Override
    public void malformed() {
        count("dhcp.malformed");
    }

    @Override
    public void refused(HttpListener.Refused why) {
        Counter.builder("rackboot.http.refused")
                .tag("reason", word(why))
                .register(registry)
                .increment();
    }

    /** The API's refusals; {@code resource} is one of its own words. */
    @Override
    public void refused(String resource, int status) {
        Counter.builder("rackboot.api.refused")
                .tag("resource", resource)
                .tag("status", Integer.toString(status))
                .register(registry)
                .increment();
    }

    /** How a rack below was answered; a status is a number that HTTP has. */
    public void answeredRack(int status) {
        Counter.builder("rackboot.racks.below.answers")
                .tag("status", Integer.toString(status))
                .register(registry)
                .increment();
    }

    @Override
    public void reloaded() {
        count("https.certificate.reloads");
    }

    @Override
    public void reloadFailed() {
        count("https.certificate.reload.failures");
    }

    /** Counts something that has no event of its own; {@code name} is one of the program's own words. */
    public void count(String name) {
        registry.counter("rackboot." + name).increment();
    }

    /** Shows a number that only grows, and is asked for at each look. */
    public void counter(String name, DoubleSupplier value) {
        counter(value, "rackboot." + name).register(registry);
    }

    /** The same for one case of several; {@code label} and its values are the program's own words. */
    public void counter(String name, String label, Enum<?> which, DoubleSupplier value) {
        counter(value, "rackboot." + name).tag(label, word(which)).register(registry);
    }

    /** A registry does not hold what is counted by more than a weak reference: it is held by the function. */
    private FunctionCounter.Builder<Metrics> counter(DoubleSupplier value, String name) {
        return FunctionCounter.builder(name, this, metrics -> value.getAsDouble());
    }

    /** Shows a number that is asked for at each look. */
    public void gauge(String name, DoubleSupplier value) {
        Gauge.builder("rackboot." + name, value::getAsDouble).register(registry);
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        return CompletableFuture.completedFuture(reply(call));
    }

    private HttpReply reply(HttpCall call) {
        return switch (call.path()) {
            case "/metrics" -> HttpReply.bytes(200, "text/plain; version=0.0.4; charset=utf-8", page().getBytes(UTF_8));
            case "/healthz" -> HttpReply.text(200, "ok");
            case "/readyz" -> {
                Readiness now = readiness.get();
                yield HttpReply.text(now.isReady() ? 200 : 503, now.text());
            }
            default -> HttpReply.text(404, "see /metrics, /healthz and /readyz");
        };
    }

    /** In Prometheus's text format. */
    String page() {
        if (!processShown.getAndSet(true)) {
            showProcess();
        }
        return registry.scrape();
    }

    /** By the names that dashboards know. Not before somebody looks: what is behind them costs a start its time. */
    private void showProcess() {
        new JvmMemoryMetrics().bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new FileDescriptorMetrics().bindTo(registry);
        new UptimeMetrics().bindTo(registry);
        gauge("direct.memory.bytes", PlatformDependent::usedDirectMemory);
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
