package org.rackboot.protocol.dhcp6;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.protocol.dhcp.Captured;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Exchange;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Decision;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Service;
import org.rackboot.protocol.loader.LoaderChoice;
import org.rackboot.protocol.loader.LoaderPolicy;
import org.rackboot.protocol.resolve.LoaderPreference;

/** What the lab's firmware really sent by DHCPv6, and each byte of what a rack that has all loaders says to it. */
class CapturedPackets6Test {
    private static final Duid SERVER =
            Duid.read(Octets.of(Packets6.bytes(Packets6.SERVER_DUID))).orElseThrow();

    static List<Captured> packets() {
        return Captured.of(CapturedPackets6Test.class);
    }

    @ParameterizedTest
    @MethodSource("packets")
    void eachIsAnsweredAsItWasReviewed(Captured packet) throws Exception {
        assertThat(answer(packet)).as(packet.name()).isEqualTo(packet.answer());
    }

    private static String answer(Captured packet) throws Exception {
        StringBuilder who = new StringBuilder();
        ProxyDhcp6 proxy = new ProxyDhcp6(SERVER, client -> {
            who.append("client: %s %s %s, %s, %s\n"
                    .formatted(
                            client.kind(),
                            client.program(),
                            client.architectures(),
                            client.mac().map(mac -> mac.text()).orElse("no MAC"),
                            client.uuid().orElse("no UUID")));
            return new LoaderPolicy().choose(client, LoaderPreference.SIGNED_CHAIN, Captured.CATALOG)
                            instanceof LoaderChoice.Load load
                    ? Optional.of(
                            (load.isByHttp() ? "http://[2001:db8::1]:5248/" : "tftp://[2001:db8::1]/") + load.name())
                    : Optional.empty();
        });
        Decision decision = proxy.receive(
                Dhcp6Codec.decode(ByteBuffer.wrap(packet.bytes())),
                packet.port() == ProxyDhcp6.SERVER_PORT ? Service.DHCP : Service.BOOT_SERVER);
        if (decision instanceof Decision.Silence silence) {
            return who + "silence: " + silence.reason() + "\n";
        }
        Decision.Reply reply = (Decision.Reply) decision;
        Octets written = Dhcp6Codec.octets(reply.message());
        Exchange message = (Exchange) Dhcp6Codec.decode(written.buffer());
        StringBuilder text = new StringBuilder(who)
                .append("to: port %d, %d bytes\n".formatted(reply.port(), written.length()))
                .append("type: %d\nxid: %06x\n".formatted(message.type(), message.transactionId()));
        message.options()
                .all()
                .forEach(option ->
                        text.append("option %d: %s\n".formatted(option.code(), Captured.value(option.value()))));
        return text.toString();
    }
}
