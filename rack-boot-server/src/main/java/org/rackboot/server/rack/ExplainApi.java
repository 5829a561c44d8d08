package org.rackboot.server.rack;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.rackboot.protocol.address.IpAddress;
import org.rackboot.protocol.bootconfig.KernelOptions;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.dhcp.ArchitectureType;
import org.rackboot.protocol.dhcp.BootClient;
import org.rackboot.protocol.explain.BootWalk;
import org.rackboot.protocol.loader.LoaderChoice.Load;
import org.rackboot.protocol.netconfig.EsxiNetwork;
import org.rackboot.protocol.resolve.BootAnswer;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootRequest;
import org.rackboot.protocol.resolve.BootRequest.Client;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;
import org.rackboot.protocol.resolve.BootResolution;
import org.rackboot.protocol.resolve.BootResolution.Decision;
import org.rackboot.protocol.resolve.BootResolver;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.server.http.HttpCall;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.HttpService;

/**
 * {@code GET /api/v1/explain}: what a machine would be given, and why: the whole walk, or one name. Asks the resolver that
 * machines ask, and changes nothing. The API token opens it.
 */
public final class ExplainApi implements HttpService {
    /** Where it is. */
    public static final String PATH = "/api/v1/explain";

    private static final int MAX_TEXT = 1_024;
    /** The firmware that is most usual for an architecture. */
    private static final Map<String, Integer> USUAL_TYPES =
            Map.of("amd64", 7, "i386", 0, "arm64", 11, "armhf", 10, "ppc64el", 12, "riscv64", 27, "s390x", 31);

    private final Supplier<BootCatalog> catalog;
    private final BootResolver resolver;
    private final LoaderPreference usual;
    private final Rack.HttpPorts ports;
    private final List<InetSocketAddress> http;
    private final ApiToken token;

    /**
     * @param usual loader of machines of which nothing is said
     * @param http where machines are served, the best port of each address first
     */
    public ExplainApi(
            Supplier<BootCatalog> catalog,
            BootResolver resolver,
            LoaderPreference usual,
            Rack.HttpPorts ports,
            List<InetSocketAddress> http,
            String token) {
        this.catalog = catalog;
        this.resolver = resolver;
        this.usual = usual;
        this.ports = ports;
        this.http = List.copyOf(http);
        this.token = new ApiToken(token);
    }

    @Override
    public CompletionStage<HttpReply> answer(HttpCall call) {
        return CompletableFuture.completedFuture(reply(call));
    }

    private HttpReply reply(HttpCall call) {
        if (!token.opens(call)) {
            return ApiToken.refusal();
        }
        if (!call.isHead() && !call.method().equals("GET")) {
            return ApiToken.error(405, "explain takes GET alone, not " + call.method())
                    .with("Allow", "GET, HEAD");
        }
        try {
            Map<String, String> query = call.query();
            for (Map.Entry<String, String> each : query.entrySet()) {
                require(each.getValue().length() <= MAX_TEXT, each.getKey() + " is longer than any name");
            }
            BootCatalog now = catalog.get();
            return ApiToken.json(200, query.containsKey("path") ? name(query, now) : walk(query, now));
        } catch (IllegalArgumentException e) {
            return ApiToken.error(400, String.valueOf(e.getMessage()));
        }
    }

    private Map<String, Object> walk(Map<String, String> query, BootCatalog now) {
        require(query.containsKey("mac"), "Say which machine: mac=52:54:00:12:34:56");
        Client client = client(query);
        MacAddress mac = client.mac().orElseThrow();
        Optional<Machine> machine = now.machine(mac);
        int type =
                type(query.getOrDefault("arch", machine.flatMap(Machine::arch).orElse("amd64")));
        boolean byHttp = ArchitectureType.of(type).map(ArchitectureType::isHttp).orElse(false);
        String loader = query.getOrDefault("loader", "firmware");
        require(loader.equals("firmware") || loader.equals("ipxe"), "loader is firmware or ipxe");
        BootClient asks = new BootClient(
                byHttp ? BootClient.Kind.HTTP : BootClient.Kind.PXE,
                List.of(type),
                loader.equals("ipxe") ? BootClient.Program.IPXE : BootClient.Program.FIRMWARE,
                Optional.of(mac),
                Optional.ofNullable(query.get("uuid")).or(() -> machine.flatMap(Machine::uuid)));
        ServerAddress server = server(query);
        BootWalk walk = BootWalk.of(asks, client, server, usual, resolver, now);
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("mac", mac.text());
        json.put("machine", machine.map(Machine::name).orElse(null));
        json.put("architecture", type);
        json.put(
                "architectureName",
                ArchitectureType.of(type).map(ArchitectureType::name).orElse("unknown"));
        json.put("rack", server.host());
        json.put("catalogVersion", now.version());
        Map<String, Object> offer = new LinkedHashMap<>();
        if (walk.offer() instanceof Load load) {
            offer.put("file", load.offer(server.baseUrl()).file());
            load.remark().ifPresent(remark -> offer.put("remark", remark));
        }
        json.put("offer", offer);
        walk.decision().ifPresent(decision -> json.put("decision", decision(decision)));
        List<Map<String, Object>> steps = new ArrayList<>();
        for (BootWalk.Step step : walk.steps()) {
            Map<String, Object> each = new LinkedHashMap<>();
            each.put("who", step.who());
            each.put("url", url(step.transport(), step.name(), server));
            each.put("name", step.name());
            each.putAll(answer(step.answer()));
            steps.add(each);
        }
        json.put("steps", steps);
        json.put("missing", walk.missing());
        json.put("boots", walk.missing().isEmpty());
        return json;
    }

    private Map<String, Object> name(Map<String, String> query, BootCatalog now) {
        String path = query.getOrDefault("path", "");
        ServerAddress server = server(query);
        Client client = client(query);
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("path", path);
        json.put("catalogVersion", now.version());
        for (Transport transport : Transport.values()) {
            BootResolution found = resolver.examine(new BootRequest(path, transport, server, client), now);
            Map<String, Object> each = new LinkedHashMap<>(answer(found.answer()));
            found.decision().ifPresent(decision -> each.put("decision", decision(decision)));
            json.put(transport == Transport.TFTP ? "tftp" : "http", each);
        }
        return json;
    }

    private static Map<String, Object> decision(Decision decision) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("machine", decision.machine().map(Machine::name).orElse(null));
        json.put("purpose", decision.plan().purpose().word());
        json.put("by", decision.origin());
        json.put("once", decision.once().isPresent());
        json.put("loader", decision.loader().word());
        json.put("image", decision.wanted().map(BootImage::words).orElse(null));
        decision.booted()
                .filter(booted -> !decision.wanted().equals(Optional.of(booted)))
                .ifPresent(booted -> json.put("bootedImage", booted.words()));
        decision.plan().reason().ifPresent(reason -> json.put("reason", reason));
        List<String> notes = notes(decision);
        if (!notes.isEmpty()) {
            json.put("notes", notes);
        }
        json.put("arguments", decision.plan().arguments());
        KernelOptions options = decision.options();
        Map<String, List<String>> from = new LinkedHashMap<>();
        from.put("boot.kernel-options", options.settings());
        from.put("stream", options.streamWords());
        from.put("image", options.image());
        from.put("tags", options.tags());
        from.put("machine", options.machine());
        from.values().removeIf(List::isEmpty);
        json.put("kernelOptions", from);
        return json;
    }

    /** What ESXi does not take of the machine's network, and is installed without. */
    private static List<String> notes(Decision decision) {
        return decision.machine()
                .filter(known -> decision.wanted()
                        .filter(image -> image.os().equals("esxi"))
                        .isPresent())
                .flatMap(known -> known.instructions().network())
                .map(network -> EsxiNetwork.of(network).findings().stream()
                        .map(finding -> "network " + finding)
                        .toList())
                .orElse(List.of());
    }

    private static Map<String, Object> answer(BootAnswer answer) {
        Map<String, Object> json = new LinkedHashMap<>();
        if (answer instanceof BootAnswer.Content content) {
            json.put("answer", "content");
            json.put("size", content.file().size());
            json.put("sha256", content.file().sha256());
        } else if (answer instanceof BootAnswer.Rendered rendered) {
            byte[] bytes = rendered.bytes();
            json.put("answer", "text");
            json.put("size", bytes.length);
            json.put("sha256", sha256(bytes));
            json.put("text", rendered.text());
        } else if (answer instanceof BootAnswer.Empty) {
            json.put("answer", "empty");
            json.put("size", 0);
        } else if (answer instanceof BootAnswer.Refused refused) {
            json.put("answer", "refused");
            json.put("reason", refused.reason());
        } else {
            BootAnswer.NotFound missing = (BootAnswer.NotFound) answer;
            json.put("answer", "not found");
            json.put("reason", missing.reason());
            json.put("expected", missing.expected());
        }
        return json;
    }

    private String url(Transport transport, String name, ServerAddress server) {
        return transport == Transport.HTTP ? server.baseUrl() + name : "tftp://" + server.host() + "/" + name;
    }

    private static Client client(Map<String, String> query) {
        Optional<MacAddress> mac = Optional.ofNullable(query.get("mac"))
                .map(text -> MacAddress.parse(text)
                        .orElseThrow(() -> new IllegalArgumentException(
                                "'" + text + "' is no MAC address; write 52:54:00:12:34:56 or 52-54-00-12-34-56")));
        Optional<IpAddress> address = Optional.ofNullable(query.get("address"))
                .map(text -> new IpAddress(literal(text).getAddress()));
        return new Client(address, mac);
    }

    /** The rack's address that the machine would reach. */
    private ServerAddress server(Map<String, String> query) {
        Optional<InetAddress> wanted = Optional.ofNullable(query.get("rack")).map(ExplainApi::literal);
        InetSocketAddress local = http.stream()
                .filter(each -> wanted.map(each.getAddress()::equals)
                        .orElseGet(() -> !each.getAddress().isLoopbackAddress()))
                .findFirst()
                .or(() -> wanted.isPresent() ? Optional.empty() : http.stream().findFirst())
                .orElseThrow(
                        () -> new IllegalArgumentException("This rack listens on none such; it listens on " + http));
        return new ServerAddress(ports.host(local), ports.named(local), ports.alsoPort80(local));
    }

    private static InetAddress literal(String text) {
        InetAddress literal = NetUtil.createInetAddressFromIpAddressString(text);
        if (literal == null) {
            throw new IllegalArgumentException("'" + text + "' is no IPv4 or IPv6 address");
        }
        return literal;
    }

    private static int type(String text) {
        Integer usual = USUAL_TYPES.get(text);
        if (usual != null) {
            return usual;
        }
        require(
                text.matches("\\d{1,5}") && Integer.parseInt(text) <= 0xFFFF,
                "arch is amd64, arm64, armhf, i386, ppc64el, riscv64 or s390x, or a number of DHCP's option 93 (0 BIOS, 7 x64"
                        + " UEFI, 11 arm64 UEFI, 16 x64 UEFI HTTP)");
        return Integer.parseInt(text);
    }

    private static void require(boolean condition, String problem) {
        if (!condition) {
            throw new IllegalArgumentException(problem);
        }
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }
}
