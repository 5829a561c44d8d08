package org.rackboot.protocol.dhcp6;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Service;

/** Any datagram at all. What it takes to fuzz, and not only to replay the inputs in the resources: docs/testing.md. */
class Dhcp6CodecFuzzTest {
    @FuzzTest(maxDuration = "2m")
    void aDatagramIsReadAnsweredOrRefused(byte[] datagram) {
        Dhcp6Message message;
        try {
            message = Dhcp6Codec.decode(ByteBuffer.wrap(datagram).asReadOnlyBuffer());
        } catch (MalformedDhcp6Exception e) {
            assertThat(e.getMessage()).matches("[ -~]{1,100}");
            return;
        }
        assertThat(Dhcp6Codec.octets(message).buffer()).isEqualTo(ByteBuffer.wrap(datagram));
        for (Service service : Service.values()) {
            Answers6.check(message, service);
        }
    }
}
