package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.bootconfig.BootTemplates;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.netconfig.NetworkConfig;
import org.rackboot.protocol.resolve.Assignment;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.BootResolver;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.ImageReference;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.protocol.resolve.MetadataNames;
import org.rackboot.protocol.resolve.Purpose;
import org.rackboot.protocol.resolve.RackMemory;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.net.EventLoops;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a machine would be given, as {@code rackboot explain} reads it. */
class ExplainApiTest {
    private static final String TOKEN = "a-token";
    private static final MacAddress MAC = new MacAddress("52:54:00:0b:00:01");

    private static final MacAddress ESX = new MacAddress("52:54:00:0b:00:03");
    private static final Map<String, Object> ESX_NETWORK = Map.of(
            "version",
            2,
            "ethernets",
            Map.of("e0", Map.of("match", Map.of("macaddress", ESX.text()), "dhcp4", true, "wakeonlan", true)));

    private final EventLoops loops = EventLoops.best("test");
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private volatile Optional<String> lack = Optional.empty();
    private HttpListener listener;
    private int port;

    private record Answer(int status, JsonNode body) {}

    @BeforeEach
    void start() throws Exception {
        BootCatalog catalog = new BootCatalog(
                7,
                List.of(image("noble", "24.04"), image("jammy", "22.04"), esxi()),
                List.of(new Bootloader(
                        "uefi", "amd64", "1", List.of(file("bootx64.efi", ""), file("grubx64.efi", "")))),
                List.of("console=ttyS0"),
                List.of(
                        machine("web-1", MAC, Optional.empty(), Purpose.EPHEMERAL, "ubuntu/jammy"),
                        machine("esx-1", ESX, NetworkConfig.read(ESX_NETWORK).config(), Purpose.INSTALL, "esxi/8.0")));
        ExplainApi api = new ExplainApi(
                () -> catalog,
                new BootResolver(
                        BootTemplates.builtIn(),
                        new MetadataNames(
                                text -> "%08x".formatted(text.hashCode()).repeat(4)),
                        RackMemory.NONE),
                LoaderPreference.SIGNED_CHAIN,
                new RackHttpTest.Ports(),
                List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 5248)),
                TOKEN);
        listener =
                new HttpListener(loops, CatalogGate.before(api, () -> lack, TOKEN), HttpListener.Limits.API, why -> {});
        port = listener.bind(InetAddress.getLoopbackAddress(), 0, "API", "").getPort();
    }

    @AfterEach
    void stop() {
        listener.close();
        loops.close();
    }

    @Test
    void withoutACatalogNothingIsExplained() throws Exception {
        lack = Optional.of("there is no catalog yet, and the region is away");

        Answer refused = ask("GET", "?mac=52-54-00-0B-00-01", TOKEN);

        assertThat(refused.status()).isEqualTo(503);
        assertThat(refused.body().path("error").asString()).isEqualTo(lack.get());
        assertThat(ask("GET", "?mac=52-54-00-0B-00-01", "another").status()).isEqualTo(401);
    }

    @Test
    void theWholeWalkOfAKnownMachineIsTold() throws Exception {
        JsonNode walk = ask("GET", "?mac=52-54-00-0B-00-01", TOKEN).body();

        assertThat(walk.path("machine").asString()).isEqualTo("web-1");
        assertThat(walk.path("architecture").asInt()).isEqualTo(7);
        assertThat(walk.path("offer").path("file").asString()).isEqualTo("bootx64.efi");
        assertThat(walk.path("decision").path("by").asString()).isEqualTo("machine web-1");
        assertThat(walk.path("decision").path("image").asString()).startsWith("ubuntu jammy amd64");
        assertThat(walk.path("decision").path("kernelOptions").toString())
                .isEqualTo("{\"boot.kernel-options\":[\"console=ttyS0\"],\"machine\":[\"quiet\"]}");
        assertThat(walk.path("boots").asBoolean()).isTrue();
        JsonNode config = walk.path("steps").path(3);
        assertThat(config.path("name").asString()).isEqualTo("grub/grub.cfg-52:54:00:0b:00:01-x86_64");
        assertThat(config.path("text").asString()).contains("jammy").contains("quiet");

        JsonNode name = ask("GET", "?path=grub/grub.cfg-52:54:00:0b:00:01-x86_64", TOKEN)
                .body();
        assertThat(name.path("tftp").path("text")).isEqualTo(config.path("text"));
        assertThat(name.path("tftp").path("sha256")).isEqualTo(config.path("sha256"));
        assertThat(name.path("http").path("text")).isNotEqualTo(config.path("text")); // HTTP goes on by HTTP.
    }

    @Test
    void whatEsxiDropsOfTheNetworkIsNoted() throws Exception {
        JsonNode walk = ask("GET", "?mac=52:54:00:0b:00:03", TOKEN).body();

        assertThat(walk.path("decision").path("notes"))
                .extracting(JsonNode::asString)
                .containsExactly("network ethernets.e0.wakeonlan dropped (wakeonlan: true): ESXi has no such setting");
        assertThat(ask("GET", "?mac=52-54-00-0B-00-01", TOKEN)
                        .body()
                        .path("decision")
                        .has("notes"))
                .isFalse();
    }

    @Test
    void anUnknownMachineIsToldWhatStrangersGet() throws Exception {
        JsonNode walk = ask("GET", "?mac=52:54:00:0b:00:02&arch=16", TOKEN).body();

        assertThat(walk.path("machine").isNull()).isTrue();
        assertThat(walk.path("offer").path("file").asString())
                .startsWith("http://")
                .endsWith("/bootx64.efi");
        assertThat(walk.path("decision").path("by").asString()).isEqualTo("boot.unknown-machines: boot");
        assertThat(walk.path("decision").path("image").asString()).startsWith("ubuntu noble amd64");
    }

    @Test
    void whatIsMissingIsTold() throws Exception {
        JsonNode walk = ask("GET", "?mac=52:54:00:0b:00:02&arch=arm64", TOKEN).body();

        assertThat(walk.path("boots").asBoolean()).isFalse();
        assertThat(walk.path("missing").path(0).asString()).contains("no loader for arm64 UEFI");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "?mac=nonsense",
                "?mac=52:54:00:0b:00:02&arch=vax",
                "?mac=52:54:00:0b:00:02&arch=70000",
                "?mac=52:54:00:0b:00:02&rack=198.18.0.99",
                "?mac=52:54:00:0b:00:02&rack=somewhere",
                "?mac=52:54:00:0b:00:02&address=nowhere",
                "?mac=52:54:00:0b:00:02&loader=lilo"
            })
    void nonsenseIsRefusedWithAReason(String query) throws Exception {
        Answer answer = ask("GET", query, TOKEN);

        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body().path("error").asString()).isNotEmpty();
    }

    @Test
    void aNameLongerThanAnyIsRefused() throws Exception {
        assertThat(ask("GET", "?path=" + "x".repeat(1_025), TOKEN).status()).isEqualTo(400);
    }

    @Test
    void onlyTheTokenOpensItAndOnlyReading() throws Exception {
        assertThat(ask("GET", "?mac=52:54:00:0b:00:01", "another").status()).isEqualTo(401);
        assertThat(ask("POST", "?mac=52:54:00:0b:00:01", TOKEN).status()).isEqualTo(405);
    }

    private Answer ask(String method, String query, String token) throws IOException, InterruptedException {
        URI uri = URI.create("http://127.0.0.1:" + port + "/api/v1/explain" + query);
        HttpResponse<String> response = http.send(
                HttpRequest.newBuilder(uri)
                        .method(method, BodyPublishers.noBody())
                        .header("Authorization", "Bearer " + token)
                        .build(),
                BodyHandlers.ofString());
        return new Answer(response.statusCode(), JsonMapper.shared().readTree(response.body()));
    }

    private static Machine machine(
            String name, MacAddress mac, Optional<NetworkConfig> network, Purpose purpose, String image) {
        Assignment assignment = new Assignment(
                3,
                purpose,
                ImageReference.parse(image),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
        return new Machine(
                name,
                List.of(mac),
                Optional.empty(),
                Optional.of("amd64"),
                Optional.empty(),
                new Machine.Instructions(
                        List.of(), List.of("quiet"), network, true, Optional.of(assignment), Optional.empty()));
    }

    private static BootImage esxi() {
        return new BootImage(
                "esxi",
                "8.0",
                "8.0",
                "8.0",
                "amd64",
                "generic",
                "generic",
                "stable",
                "20260101",
                false,
                Map.of("root-dd", file("root-dd", "esxi")));
    }

    private static BootImage image(String release, String version) {
        return new BootImage(
                "ubuntu",
                release,
                version,
                version + " LTS",
                "amd64",
                "ga-" + version,
                "generic",
                "stable",
                "20260101",
                false,
                Map.of(
                        "boot-kernel", file("boot-kernel", release),
                        "boot-initrd", file("boot-initrd", release),
                        "squashfs", file("squashfs", release)));
    }

    private static BootFile file(String name, String tag) {
        String sha256 = "%08x".formatted((name + tag).hashCode()).repeat(8);
        return new BootFile(name, sha256, 1_000, sha256, BootPhase.OTHER);
    }
}
