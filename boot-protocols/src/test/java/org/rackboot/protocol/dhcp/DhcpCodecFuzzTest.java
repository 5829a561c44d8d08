package org.rackboot.protocol.dhcp;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ProxyDhcp.Decision;
import org.rackboot.protocol.dhcp.ProxyDhcp.Reception;

/** Any datagram at all. What it takes to fuzz, and not only to replay the inputs in the resources: docs/testing.md. */
class DhcpCodecFuzzTest {
    private static final Ipv4Address RACK = new Ipv4Address(0xC6120001);

    @FuzzTest(maxDuration = "2m")
    void aDatagramIsReadAnsweredOrRefused(byte[] datagram) {
        DhcpMessage message;
        try {
            message = DhcpCodec.decode(ByteBuffer.wrap(datagram).asReadOnlyBuffer());
        } catch (MalformedDhcpException e) {
            assertThat(e.getMessage()).matches("[ -~]{1,100}");
            return;
        }
        assertThat(writtenAndRead(message, datagram.length)).isEqualTo(message);
        message.options()
                .pxe()
                .ifPresent(pxe -> assertThat(PxeVendorOptions.read(pxe.value())).contains(pxe));
        for (int port : new int[] {ProxyDhcp.SERVER_PORT, ProxyDhcp.BOOT_SERVER_PORT}) {
            check(message, port, datagram.length);
        }
    }

    private static void check(DhcpMessage request, int port, int length) {
        Decision decision = new ProxyDhcp(client -> Optional.of(BootOffer.of("http://198.18.0.1:5248/bootx64.efi")))
                .receive(request, new Reception(new Ipv4Address(0xC612004D), 4_011, RACK, port));
        if (decision instanceof Decision.Reply reply) {
            assertThat(BootClient.of(request)).as("whoever boots").isPresent();
            assertThat(request.isRequest()).isTrue();
            DhcpMessage answer = reply.message();
            assertThat(answer.isRequest()).isFalse();
            assertThat(answer.yourAddress().isUnspecified()).isTrue();
            assertThat(answer.transactionId()).isEqualTo(request.transactionId());
            assertThat(answer.hardware()).isEqualTo(request.hardware());
            assertThat(writtenAndRead(answer, length)).isEqualTo(answer);
        }
    }

    private static DhcpMessage writtenAndRead(DhcpMessage message, int length) {
        ByteBuffer out = ByteBuffer.allocate(2 * length + 1_000);
        DhcpCodec.encode(message, out);
        try {
            return DhcpCodec.decode(out.flip());
        } catch (MalformedDhcpException e) {
            throw new AssertionError("what was written is not read: " + message, e);
        }
    }
}
