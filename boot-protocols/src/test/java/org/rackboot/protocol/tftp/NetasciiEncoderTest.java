package org.rackboot.protocol.tftp;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class NetasciiEncoderTest {
    @Test
    void linesEndInCrLfAndABareCrIsFollowedByNul() { // Quirk T23
        assertThat(encoded("a\nb\rc\r\n\0", 100, 100)).isEqualTo("a\r\nb\r\0c\r\0\r\n\0");
        assertThat(encoded("", 100, 100)).isEmpty();
    }

    @Test
    void pairsMayBePartedAnywhere() {
        String text = "\n\r\r\n\n\nx\ry\n\r";
        for (int in = 1; in < 12; in++) {
            for (int out = 1; out < 24; out++) {
                assertThat(encoded(text, in, out)).as("%s, %s", in, out).isEqualTo(encoded(text, 100, 100));
            }
        }
    }

    @Test
    void whatIsDecodedIsWhatWasEncoded() {
        for (int seed = 0; seed < 500; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            StringBuilder text = new StringBuilder();
            for (int i = random.nextInt(300); i > 0; i--) {
                text.append("\r\n\0ab".charAt(random.nextInt(5)));
            }
            String wire = encoded(text.toString(), 1 + random.nextInt(40), 1 + random.nextInt(40));
            assertThat(decoded(wire)).as("seed %s", seed).isEqualTo(text.toString());
        }
    }

    private static String encoded(String text, int inAtOnce, int outAtOnce) {
        NetasciiEncoder encoder = new NetasciiEncoder();
        byte[] bytes = text.getBytes(ISO_8859_1);
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        int taken = 0;
        while (taken < bytes.length || encoder.hasPending()) {
            ByteBuffer in = ByteBuffer.wrap(bytes, taken, Math.min(inAtOnce, bytes.length - taken));
            ByteBuffer out = ByteBuffer.allocate(outAtOnce);
            encoder.encode(in, out);
            taken = in.position();
            all.write(out.array(), 0, out.position());
        }
        return all.toString(ISO_8859_1);
    }

    private static String decoded(String wire) {
        return wire.replace("\r\n", "\n").replace("\r\0", "\r");
    }
}
