package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.net.EventLoops;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CacheApiTest {
    private static final String TOKEN = "a-token";

    @TempDir
    Path directory;

    private final CachedFiles region = new CachedFiles();
    private final BootImage noble = region.image("noble", "ga-24.04", false);
    private final BootImage old = region.image("jammy", "ga-22.04", true);
    private final BootFile kernelFile = noble.file("boot-kernel").orElseThrow();
    private volatile BootCatalog catalog = region.catalog(7, noble, old);
    private final EventLoops loops = EventLoops.best("test");
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private volatile Optional<String> lack = Optional.empty();
    private CacheKeeper keeper;
    private HttpListener listener;
    private URI root;

    @BeforeEach
    void start() throws Exception {
        ImageCache cache = region.cache(directory);
        keeper = new CacheKeeper(
                () -> catalog,
                cache,
                new CachePins(new StateDirectory(directory)),
                CacheKeeper.Policy.NONE,
                1 << 20,
                0,
                new Random(1),
                System::nanoTime);
        CacheApi api =
                new CacheApi(() -> catalog, () -> lack, cache, keeper, CachedFiles.SETTINGS, TOKEN, Runnable::run);
        listener = new HttpListener(loops, api, HttpListener.Limits.API, why -> {});
        InetSocketAddress address = listener.bind(InetAddress.getLoopbackAddress(), 0, "The API", "");
        root = URI.create("http://127.0.0.1:" + address.getPort() + "/api/v1/");
    }

    @AfterEach
    void stop() {
        listener.close();
        loops.close();
    }

    @Test
    void whatIsHereIsListedByImageAndByFile() throws Exception {
        assertThat(send("POST", "cache/warm", "{\"names\": [\"ubuntu/noble\"]}")
                        .path("total")
                        .asInt())
                .isEqualTo(3);
        JsonNode warmed = send("GET", "cache/warm", "");
        assertThat(warmed.path("running").asBoolean()).isFalse();
        assertThat(warmed.path("done").asInt()).isEqualTo(3);
        assertThat(warmed.path("notKept").asInt(-1)).isZero();
        assertThat(warmed.path("disk").path("limit").asInt()).isEqualTo(1 << 20);

        JsonNode cache = send("GET", "cache", "");

        assertThat(cache.path("catalogVersion").asInt()).isEqualTo(7);
        assertThat(cache.path("contents")).hasSize(3);
        assertThat(cache.path("contents").path(0).path("verified").asBoolean()).isTrue();
        assertThat(cache.path("contents").path(0).path("names").path(0).asString())
                .startsWith("ubuntu/noble/amd64/ga-24.04/");
        assertThat(cache.path("disk").path("bytes").asInt()).isEqualTo(250_000);
        assertThat(cache.path("images").findValuesAsString("percent")).containsExactlyInAnyOrder("0", "100", "0");
    }

    @Test
    void filesAreNamedInEveryWayPeopleKnow() throws Exception {
        String kernel = kernelFile.sha256();
        for (String name : new String[] {
            kernel,
            kernel.substring(0, 8),
            noble.bootName(kernelFile),
            "bootx64.efi",
            "bootloader/uefi/amd64",
            "ubuntu/jammy"
        }) {
            JsonNode warmed = send("POST", "cache/warm", "{\"names\": [\"%s\"]}".formatted(name));
            assertThat(warmed.path("failures")).as(name).isEmpty();
            assertThat(warmed.path("total").asInt()).as(name).isPositive();
        }
        assertThat(send("GET", "cache", "").path("contents")).hasSize(5);
        assertThat(send("POST", "cache/evict", "{\"names\": [\"ubuntu/jammy\"]}")
                        .path("evicted"))
                .hasSize(3);
        assertThat(send("POST", "cache/evict", "{\"all\": true}").path("evicted"))
                .hasSize(2);
    }

    @Test
    void whatRottedIsFoundAndDropped() throws Exception {
        send("POST", "cache/warm", "{\"all\": true}");
        Path kernel = directory.resolve("objects").resolve(kernelFile.sha256());
        byte[] bytes = Files.readAllBytes(kernel);
        bytes[100] ^= 1;
        Files.write(kernel, bytes);

        JsonNode verified = send("POST", "cache/verify", "{\"all\": true}");

        assertThat(verified.path("right").asInt()).isEqualTo(3);
        assertThat(verified.path("wrong").path(0).asString()).isEqualTo(kernelFile.sha256());
        assertThat(send("GET", "cache", "").path("contents")).hasSize(3);
    }

    @Test
    void whatLeftTheCatalogIsStillVerifiedNamedAndKeptByItsSha256() throws Exception {
        send("POST", "cache/warm", "{\"names\": [\"ubuntu/jammy\"]}");
        String sha256 = old.file("boot-kernel").orElseThrow().sha256();
        String named = "{\"names\": [\"%s\"]}".formatted(sha256.substring(0, 8));
        send("POST", "cache/pin", named);
        catalog = region.catalog(8, noble);
        keeper.tick();

        assertThat(send("GET", "cache", "").path("pins").path(0).path("state").asString())
                .isEqualTo("kept");
        assertThat(send("POST", "cache/verify", "{\"all\": true}").path("right").asInt())
                .isEqualTo(3);
        assertThat(send("POST", "cache/verify", named).path("right").asInt()).isEqualTo(1);
        assertThat(ask("POST", "cache/evict", named, TOKEN).statusCode()).isEqualTo(409);
        send("POST", "cache/unpin", named);
        assertThat(send("POST", "cache/pin", named).path("pinned").path(0).asString())
                .as("by what is on disk alone")
                .isEqualTo(sha256);
        send("POST", "cache/unpin", named);
        assertThat(send("POST", "cache/evict", named).path("evicted")).hasSize(1);
        assertThat(ask("POST", "cache/verify", named, TOKEN).statusCode()).isEqualTo(404);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "[]",
                "{",
                "",
                "{\"names\": \"x\"}",
                "{\"names\": [\"nothing\"]}",
                "{\"names\": [3]}",
                "{\"names\": []}",
                "{\"names\": [\"ubuntu\"], \"all\": true}"
            })
    void whatCannotBeMeantIsRefused(String body) throws Exception {
        for (String what : new String[] {"warm", "verify", "evict", "pin", "unpin"}) {
            HttpResponse<String> response = ask("POST", "cache/" + what, body, TOKEN);
            assertThat(response.statusCode()).as(what).isBetween(400, 404);
            assertThat(response.body()).contains("error");
        }
    }

    @Test
    void withoutACatalogNothingIsSaidToBeUnknownAndAllCanBeForgotten() throws Exception {
        send("POST", "cache/warm", "{\"all\": true}");
        lack = Optional.of("there is no catalog yet, and the region is away");

        for (String body : new String[] {"{\"names\": [\"ubuntu/noble\"]}", "{\"all\": true}"}) {
            HttpResponse<String> refused = ask("POST", "cache/warm", body, TOKEN);
            assertThat(refused.statusCode()).isEqualTo(503);
            assertThat(refused.headers().firstValue("Retry-After")).contains("2");
            assertThat(refused.body()).contains("there is no catalog yet, and the region is away");
        }
        assertThat(send("POST", "cache/evict", "{\"all\": true}").path("evicted"))
                .isNotEmpty();
    }

    @Test
    void strangersAndOtherPathsAreRefused() throws Exception {
        assertThat(ask("GET", "cache", "", "another").statusCode()).isEqualTo(401);
        assertThat(ask("DELETE", "cache", "", TOKEN).statusCode()).isEqualTo(404);
        assertThat(ask("GET", "cache/x", "", TOKEN).body()).contains("cache/evict", "cache/unpin");
        assertThat(ask("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\"]}", "another")
                        .statusCode())
                .isEqualTo(401);
    }

    @Test
    void whatIsPinnedIsFetchedListedAndKept() throws Exception {
        JsonNode pinned = send("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\", \"bootx64.efi\"]}");

        assertThat(pinned.path("pinned").valueStream().map(JsonNode::asString))
                .containsExactly("ubuntu/noble", "bootx64.efi");
        assertThat(pinned.path("total").asInt()).isEqualTo(4);
        JsonNode cache = send("GET", "cache", "");
        assertThat(cache.path("contents").findValuesAsString("pinned"))
                .hasSize(4)
                .containsOnly("true");
        assertThat(cache.path("pins").path(0).toString())
                .isEqualTo("{\"name\":\"ubuntu/noble\",\"size\":250000,\"cached\":250000,\"percent\":100,"
                        + "\"state\":\"kept\"}");
        assertThat(cache.path("pins").path(1).path("name").asString()).isEqualTo("bootx64.efi");
        assertThat(Files.readString(directory.resolve("pins"))).startsWith("ubuntu/noble\nbootx64.efi\nsha256 ");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve("pins"))))
                .isEqualTo("rw-------");
    }

    @Test
    void aBeginningOfASha256IsPinnedAndUnpinnedAsTheWhole() throws Exception {
        String sha256 = kernelFile.sha256();
        String beginning = "{\"names\": [\"%s\"]}".formatted(sha256.substring(0, 8));

        assertThat(send("POST", "cache/pin", beginning).path("pinned").path(0).asString())
                .isEqualTo(sha256);
        assertThat(send("GET", "cache", "").path("pins").path(0).path("name").asString())
                .isEqualTo(sha256);
        assertThat(send("POST", "cache/unpin", beginning)
                        .path("unpinned")
                        .path(0)
                        .asString())
                .isEqualTo(sha256);
        assertThat(send("GET", "cache", "").path("pins")).isEmpty();
    }

    @Test
    void allNamesArePinnedOrUnpinnedOrNone() throws Exception {
        HttpResponse<String> unknown =
                ask("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\", \"ubuntu/none\"]}", TOKEN);
        assertThat(unknown.statusCode()).isEqualTo(404);
        assertThat(unknown.body()).contains("'ubuntu/none'", "cache list --images");
        assertThat(send("GET", "cache", "").path("pins")).isEmpty();

        send("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\"]}");
        HttpResponse<String> notPinned =
                ask("POST", "cache/unpin", "{\"names\": [\"ubuntu/noble\", \"ubuntu\"]}", TOKEN);
        assertThat(notPinned.statusCode()).isEqualTo(404);
        assertThat(notPinned.body()).contains("'ubuntu' is not pinned", "rackboot cache list --pins");
        assertThat(send("GET", "cache", "").path("pins")).hasSize(1);
        assertThat(ask("POST", "cache/pin", "{\"all\": true}", TOKEN).statusCode())
                .isEqualTo(400);

        lack = Optional.of("there is no catalog yet");
        assertThat(ask("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\"]}", TOKEN)
                        .statusCode())
                .isEqualTo(503);
        assertThat(send("POST", "cache/unpin", "{\"all\": true}").path("unpinned"))
                .as("needs no catalog")
                .hasSize(1);
    }

    @Test
    void whatDoesNotFitIsNotPinnedAndTheSizesAreTold() throws Exception {
        catalog = region.catalog(8, noble, old, region.image("plucky", "ga-25.04", false));
        send("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\", \"ubuntu/jammy\"]}");

        HttpResponse<String> refused = ask("POST", "cache/pin", "{\"names\": [\"ubuntu/plucky\"]}", TOKEN);

        assertThat(refused.statusCode()).isEqualTo(409);
        assertThat(refused.body())
                .contains("it needs 250.0 kB more, pins have 500.0 kB already, and all together may have 524.3 kB")
                .contains("Raise cache.disk", "rackboot cache unpin");
        assertThat(send("GET", "cache", "").path("pins")).hasSize(2);
    }

    @Test
    void whatIsPinnedIsNotEvicted() throws Exception {
        send("POST", "cache/warm", "{\"names\": [\"ubuntu\"]}");
        send("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\"]}");

        HttpResponse<String> refused =
                ask("POST", "cache/evict", "{\"names\": [\"%s\"]}".formatted(kernelFile.sha256()), TOKEN);
        assertThat(refused.statusCode()).isEqualTo(409);
        assertThat(refused.body())
                .contains("Nothing was evicted: 'ubuntu/noble' is pinned. Let go of it with 'rackboot cache unpin"
                        + " ubuntu/noble'");
        JsonNode all = send("POST", "cache/evict", "{\"all\": true}");
        assertThat(all.path("evicted")).hasSize(3);
        assertThat(all.path("stayed").asInt()).isEqualTo(3);

        send("POST", "cache/unpin", "{\"names\": [\"ubuntu/noble\"]}");
        assertThat(send("POST", "cache/evict", "{\"names\": [\"ubuntu/noble\"]}")
                        .path("evicted"))
                .hasSize(3);
    }

    @Test
    void aPinTellsWhetherItIsHere() throws Exception {
        region.away = true;
        send("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\", \"ubuntu/jammy\"]}");
        assertThat(send("GET", "cache", "").path("pins").findValuesAsString("state"))
                .containsExactly("fetching", "fetching");

        catalog = region.catalog(8, noble);
        keeper.tick();
        assertThat(send("GET", "cache", "").path("pins").findValuesAsString("state"))
                .containsExactly("fetching", "names nothing now");
    }

    @Test
    void withoutAPlaceForTheListNothingIsPinned() throws Exception {
        Files.createDirectories(directory.resolve("pins").resolve("in-the-way"));

        HttpResponse<String> refused = ask("POST", "cache/pin", "{\"names\": [\"ubuntu/noble\"]}", TOKEN);

        assertThat(refused.statusCode()).isEqualTo(503);
        assertThat(refused.body()).contains("cannot be written to the state directory");
        assertThat(send("GET", "cache", "").path("pins")).isEmpty();
        assertThat(region.fetched).isEmpty();
    }

    private JsonNode send(String verb, String path, String body) throws Exception {
        HttpResponse<String> response = ask(verb, path, body, TOKEN);
        assertThat(response.statusCode()).as(response.body()).isBetween(200, 202);
        return JsonMapper.builder().build().readTree(response.body());
    }

    private HttpResponse<String> ask(String verb, String path, String body, String token) throws Exception {
        return http.send(
                HttpRequest.newBuilder(root.resolve(path))
                        .header("Authorization", "Bearer " + token)
                        .method(verb, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
                        .build(),
                BodyHandlers.ofString());
    }
}
