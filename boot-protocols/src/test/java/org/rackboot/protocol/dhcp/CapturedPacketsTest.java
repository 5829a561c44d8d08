package org.rackboot.protocol.dhcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ProxyDhcp.Decision;
import org.rackboot.protocol.dhcp.ProxyDhcp.Reception;
import org.rackboot.protocol.loader.LoaderChoice;
import org.rackboot.protocol.loader.LoaderPolicy;
import org.rackboot.protocol.resolve.LoaderPreference;

/** What the lab's firmware really sent by DHCPv4, and each byte of what a rack that has all loaders says to it. */
class CapturedPacketsTest {
    private static final Ipv4Address RACK = Ipv4Address.parse("198.18.0.1").orElseThrow();

    static List<Captured> packets() {
        return Captured.of(CapturedPacketsTest.class);
    }

    @ParameterizedTest
    @MethodSource("packets")
    void eachIsAnsweredAsItWasReviewed(Captured packet) throws Exception {
        assertThat(answer(packet)).as(packet.name()).isEqualTo(packet.answer());
    }

    private static String answer(Captured packet) throws Exception {
        DhcpMessage message = DhcpCodec.decode(ByteBuffer.wrap(packet.bytes()));
        ProxyDhcp proxy = new ProxyDhcp(
                client -> new LoaderPolicy().choose(client, LoaderPreference.SIGNED_CHAIN, Captured.CATALOG)
                                instanceof LoaderChoice.Load load
                        ? Optional.of(load.offer("http://198.18.0.1:5248/"))
                        : Optional.empty());
        Reception reception = new Reception(
                Ipv4Address.parse(packet.source()).orElseThrow(), packet.sourcePort(), RACK, packet.port());
        String who = BootClient.of(message)
                .map(client -> "client: %s %s %s, %s\n"
                        .formatted(
                                client.kind(),
                                client.program(),
                                client.architectures(),
                                client.mac().orElseThrow().text()))
                .orElse("client: of no kind\n");
        Decision decision = proxy.receive(message, reception);
        if (decision instanceof Decision.Silence silence) {
            return who + "silence: " + silence.reason() + "\n";
        }
        Decision.Reply reply = (Decision.Reply) decision;
        ByteBuffer written = ByteBuffer.allocate(1_500);
        DhcpCodec.encode(reply.message(), written);
        written.flip();
        int length = written.remaining();
        return who
                + "to: %s:%d, %d bytes\n".formatted(reply.address(), reply.port(), length)
                + dump(DhcpCodec.decode(written));
    }

    private static String dump(DhcpMessage message) {
        StringBuilder text = new StringBuilder()
                .append("type: %s\n".formatted(message.options().messageType().orElseThrow()))
                .append("op: %d\n".formatted(message.isRequest() ? 1 : 2))
                .append("hardware: type %d, %s\n"
                        .formatted(message.hardware().type(), message.hardware().octets()))
                .append("hops: %d, secs: %d\n".formatted(message.hops(), message.seconds()))
                .append("xid: %08x\n".formatted(message.transactionId()))
                .append("broadcast: %s\n".formatted(message.isBroadcast()))
                .append("ciaddr: %s\nyiaddr: %s\nsiaddr: %s\ngiaddr: %s\n"
                        .formatted(
                                message.clientAddress(), message.yourAddress(), message.nextServer(), message.relay()))
                .append("sname: \"%s\"\nfile: \"%s\"\n".formatted(message.serverName(), message.file()));
        message.options()
                .values()
                .forEach((code, value) -> text.append("option %d: %s\n".formatted(code, Captured.value(value))));
        return text.toString();
    }
}
