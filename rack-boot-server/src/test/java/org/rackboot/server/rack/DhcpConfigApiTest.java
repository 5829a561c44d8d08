package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rackboot.protocol.loader.DhcpServerConfig.Format;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.LoaderPreference;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.net.EventLoops;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

class DhcpConfigApiTest {
    private static final String TOKEN = "a-token";
    private static final BootCatalog CATALOG = new BootCatalog(
            1,
            List.of(),
            List.of(new Bootloader(
                    "uefi",
                    "amd64",
                    "20261123",
                    List.of(new BootFile("bootx64.efi", "0".repeat(64), 1, "0".repeat(64), BootPhase.LOADER)))),
            List.of());

    private final EventLoops loops = EventLoops.best("test");
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private record Answer(int status, JsonNode body) {}

    @AfterEach
    void stop() {
        loops.close();
    }

    @Test
    void itNamesWhatTheRackReallyListensOn() throws Exception {
        Answer answer = ask("GET", "?format=isc", TOKEN, 6969, "127.0.0.1:5248", "198.18.0.7:8080", "198.18.0.7:80");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.body().path("address").asString()).isEqualTo("198.18.0.7");
        assertThat(answer.body().path("configuration").asString())
                .contains("next-server 198.18.0.7;", "\"http://198.18.0.7:8080/ipxe.cfg\"", "\"bootx64.efi\"");
        assertThat(answer.body().path("warnings")).hasSize(1);
        assertThat(answer.body().path("warnings").path(0).asString()).contains("port 6969");
    }

    @Test
    void ofSeveralAddressesTheFirstIsTakenAndSaid() throws Exception {
        String[] listeners = {"198.18.0.7:5248", "198.18.1.7:5249", "[2001:db8::7]:5250", "[fe80::1]:5248"};

        Answer first = ask("GET", "?format=dnsmasq", TOKEN, 69, listeners);
        assertThat(first.body().path("address").asString()).isEqualTo("198.18.0.7");
        assertThat(first.body().path("warnings").path(0).asString())
                .contains("198.18.0.7, 198.18.1.7", "--address picks another");
        assertThat(first.body().path("configuration").asString()).contains("198.18.0.7, 198.18.1.7");

        Answer second = ask("GET", "?format=dnsmasq&address=198.18.1.7", TOKEN, 69, listeners);
        assertThat(second.body().path("configuration").asString()).contains("http://198.18.1.7:5249/ipxe.cfg");
        assertThat(second.body().path("warnings")).isEmpty();

        Answer sixth = ask("GET", "?format=kea&v6=true", TOKEN, 69, listeners);
        assertThat(sixth.body().path("configuration").asString())
                .contains("http://[2001:db8::7]:5250/ipxe.cfg", "tftp://[2001:db8::7]/bootx64.efi");

        Answer elsewhere = ask("GET", "?format=plain&address=192.0.2.1", TOKEN, 69, listeners);
        assertThat(elsewhere.body().path("configuration").asString()).contains("http://192.0.2.1:5248/ipxe.cfg");
        assertThat(elsewhere.body().path("warnings").path(0).asString()).contains("does not listen on 192.0.2.1");
    }

    @ParameterizedTest
    @CsvSource({
        "GET, ?format=bind, 400, kea",
        "GET, '', 400, kea",
        "GET, ?format=isc, 409, --address",
        "GET, ?format=isc&v6=true, 409, IPv6",
        "GET, ?format=isc&v6=perhaps, 400, true",
        "GET, ?format=isc&address=rack.example, 400, 198.18.0.1",
        "GET, ?format=isc&address=2001:db8::1, 400, --v6",
        "GET, ?format=isc&address=198.18.0.1&v6=true, 400, IPv6",
        "POST, ?format=isc, 405, GET",
    })
    void whatCannotBeAnsweredSaysWhy(String method, String query, int status, String hint) throws Exception {
        Answer answer = ask(method, query, TOKEN, 69, "127.0.0.1:5248", "[::1]:5248");

        assertThat(answer.status()).isEqualTo(status);
        assertThat(answer.body().path("error").asString()).contains(hint);
    }

    @Test
    void onlyTheTokenOpensIt() throws Exception {
        assertThat(ask("GET", "?format=isc", "another", 69, "198.18.0.7:5248").status())
                .isEqualTo(401);
    }

    /** What the published description says of it is so: where it is, what it takes and what it answers. */
    @Test
    void theDescriptionIsTrue() throws Exception {
        JsonNode described = description().path("x-rack-paths");
        assertThat(described.propertyNames()).containsExactly("/status", "/explain", "/dhcp-config");
        assertThat("/api/v1/dhcp-config").isEqualTo(DhcpConfigApi.PATH);
        JsonNode path = described.path("/dhcp-config");
        String[] here = {"198.18.0.7:5248"};

        for (String verb : List.of("get", "post", "put", "patch", "delete")) {
            int status = ask(verb.toUpperCase(Locale.ROOT), "?format=isc", TOKEN, 69, here)
                    .status();
            assertThat(status != 405).as(verb).isEqualTo(path.has(verb));
        }
        Map<String, String> sense = Map.of("format", "isc", "address", "198.18.0.7", "v6", "false");
        List<String> names = new ArrayList<>();
        for (JsonNode parameter : path.path("get").path("parameters")) {
            String name = parameter.path("name").asString();
            names.add(name);
            assertThat(ask("GET", query(sense, name, Optional.of("nonsense")), TOKEN, 69, here)
                            .status())
                    .as("%s is read", name)
                    .isEqualTo(400);
            assertThat(ask("GET", query(sense, name, Optional.empty()), TOKEN, 69, here)
                                    .status()
                            == 400)
                    .as("%s is required", name)
                    .isEqualTo(parameter.path("required").asBoolean(false));
        }
        assertThat(names).containsExactlyInAnyOrderElementsOf(sense.keySet());
        JsonNode formats =
                path.path("get").path("parameters").path(0).path("schema").path("enum");
        assertThat(formats.valueStream().map(JsonNode::asString))
                .containsExactlyElementsOf(
                        Arrays.stream(Format.values()).map(Format::word).toList());

        Answer good = ask("GET", "?format=isc", TOKEN, 69, here);
        Set<String> statuses = new TreeSet<>();
        statuses.add(String.valueOf(good.status()));
        statuses.add(String.valueOf(ask("GET", "", TOKEN, 69, here).status()));
        statuses.add(
                String.valueOf(ask("GET", "?format=isc", "another", 69, here).status()));
        statuses.add(String.valueOf(ask("POST", "?format=isc", TOKEN, 69, here).status()));
        statuses.add(String.valueOf(
                ask("GET", "?format=isc", TOKEN, 69, "127.0.0.1:5248").status()));
        JsonNode responses = path.path("get").path("responses");
        assertThat(statuses).containsExactlyElementsOf(new TreeSet<>(responses.propertyNames()));
        assertThat(responses.path("200").path("description").asString())
                .contains(good.body().propertyNames());
    }

    private static String query(Map<String, String> sense, String but, Optional<String> value) {
        return sense.entrySet().stream()
                .map(each -> each.getKey().equals(but)
                        ? value.map(other -> but + "=" + other).orElse("")
                        : each.getKey() + "=" + each.getValue())
                .filter(each -> !each.isEmpty())
                .collect(Collectors.joining("&", "?", ""));
    }

    private static JsonNode description() throws IOException {
        try (InputStream in = DhcpConfigApiTest.class.getResourceAsStream("/org/rackboot/server/region/openapi.yaml")) {
            return YAMLMapper.builder().build().readTree(Objects.requireNonNull(in));
        }
    }

    private Answer ask(String method, String query, String token, int tftpPort, String... listeners) throws Exception {
        List<InetSocketAddress> served = List.of(listeners).stream()
                .map(each ->
                        socket(each.substring(0, each.lastIndexOf(':')), each.substring(each.lastIndexOf(':') + 1)))
                .toList();
        DhcpConfigApi api = new DhcpConfigApi(
                () -> CATALOG,
                () -> LoaderPreference.SIGNED_CHAIN,
                served,
                served.stream()
                        .map(each -> new InetSocketAddress(each.getAddress(), tftpPort))
                        .toList(),
                TOKEN);
        HttpListener listener = new HttpListener(loops, api, HttpListener.Limits.API, why -> {});
        try {
            InetSocketAddress bound = listener.bind(InetAddress.getLoopbackAddress(), 0, "The API", "");
            HttpResponse<byte[]> response = http.send(
                    HttpRequest.newBuilder(
                                    URI.create("http://127.0.0.1:" + bound.getPort() + "/api/v1/dhcp-config" + query))
                            .header("Authorization", "Bearer " + token)
                            .method(method, BodyPublishers.noBody())
                            .build(),
                    BodyHandlers.ofByteArray());
            return new Answer(
                    response.statusCode(), JsonMapper.builder().build().readTree(response.body()));
        } finally {
            listener.close();
        }
    }

    private static InetSocketAddress socket(String address, String port) {
        try { // A literal: nothing is looked up.
            return new InetSocketAddress(InetAddress.getByName(address), Integer.parseInt(port));
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
    }
}
