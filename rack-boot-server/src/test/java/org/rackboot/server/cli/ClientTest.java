package org.rackboot.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.server.http.HttpListener;
import org.rackboot.server.http.HttpReply;
import org.rackboot.server.http.OwnCertificate;
import org.rackboot.server.http.TlsCertificates;
import org.rackboot.server.net.EventLoops;

class ClientTest {
    @TempDir
    Path directory;

    @Test
    void aCommandThatEndsLeavesOtherHttpClientsOfTheProcessAlone() throws Exception {
        try (ScriptedApi server = new ScriptedApi(directory).with("cache/evict", "{\"evicted\": []}")) {
            HttpClient other = HttpClient.newHttpClient();
            HttpRequest request = HttpRequest.newBuilder(server.url().resolve("api/v1/cache/evict"))
                    .build();
            assertThat(other.send(request, BodyHandlers.discarding()).statusCode())
                    .isEqualTo(200);

            assertThat(server.told("cache", "evict", "--all").exitCode()).isZero();

            assertThat(other.sendAsync(request, BodyHandlers.discarding())
                            .get(20, TimeUnit.SECONDS)
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void aServerWhoseCertificateIsNotTrustedIsNotSaidToBeAway() throws Exception {
        Path token = Files.writeString(directory.resolve("token"), "a-token");
        TlsCertificates.Listener nobody = new TlsCertificates.Listener() {
            @Override
            public void reloaded() {}

            @Override
            public void reloadFailed() {}
        };
        try (EventLoops loops = EventLoops.best("test");
                TlsCertificates own = TlsCertificates.load(
                        List.of(OwnCertificate.readOrMake(directory, "a region", Clock.systemUTC())),
                        nobody,
                        Clock.systemUTC());
                HttpListener listener = new HttpListener(
                        loops,
                        call -> CompletableFuture.completedStage(HttpReply.text(200, "here")),
                        HttpListener.Limits.API,
                        why -> {})) {
            int port = listener.bindBoth(InetAddress.getLoopbackAddress(), 0, own, "The test", "")
                    .getPort();

            Told told = Told.by(
                    "racks", "list", "--url", "https://127.0.0.1:" + port + "/", "--token-file", token.toString());

            assertThat(told.exitCode()).isEqualTo(3);
            assertThat(told.err())
                    .contains("does not trust the certificate of the server at https://127.0.0.1:" + port + "/")
                    .contains("On the server itself say http:// instead")
                    .doesNotContain("Is it running")
                    .doesNotContain("PKIX");
        }
    }
}
