package org.rackboot.protocol.dhcp6;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rackboot.protocol.dhcp6.Packets6.bytes;
import static org.rackboot.protocol.dhcp6.Packets6.text;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.BootOffer;
import org.rackboot.protocol.dhcp.DhcpCodec;
import org.rackboot.protocol.dhcp.DhcpMessage;
import org.rackboot.protocol.dhcp.MalformedDhcpException;
import org.rackboot.protocol.dhcp.MessageType;
import org.rackboot.protocol.dhcp.ProxyDhcp;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Service;

/**
 * Packets of firmware, changed at random, through the codecs and the decisions of both DHCPs: nothing is thrown, and nonsense
 * is not answered. A million in each build; {@code -Drackboot.packets=N} any number, {@code -Drackboot.seed=N} others.
 */
class MutatedDhcpPacketsTest {
    private static final long PACKETS = Long.getLong("rackboot.packets", 1_000_000);
    private static final long SEED = Long.getLong("rackboot.seed", 547);

    private static final Ipv4Address RACK = new Ipv4Address(0xC6120001);
    private static final Ipv4Address MACHINE = new Ipv4Address(0xC612004D);
    private static final Set<MessageType> ANSWERED =
            EnumSet.of(MessageType.DISCOVER, MessageType.REQUEST, MessageType.INFORM);

    @Test
    void mutatedPacketsOfDhcpv6AreAnsweredOnlyWhereTheyMakeSense() {
        List<byte[]> originals = List.of(
                Packets6.pxeSolicit(),
                Packets6.httpSolicit(),
                Packets6.ipxeSolicit(),
                Packets6.plainSolicit(),
                Packets6.informationRequest(),
                Packets6.pxeBootServerRequest(),
                Packets6.pxeRequestToOther(),
                Packets6.relayed());
        SplittableRandom random = new SplittableRandom(SEED);
        long refused = 0;
        long answered = 0;
        for (long i = 0; i < PACKETS / 2; i++) {
            byte[] packet = mutated(originals.get(random.nextInt(originals.size())), random);
            Service service = random.nextInt(4) == 0 ? Service.BOOT_SERVER : Service.DHCP;
            try {
                Dhcp6Message message = Dhcp6Codec.decode(ByteBuffer.wrap(packet));
                if (!Dhcp6Codec.octets(message).buffer().equals(ByteBuffer.wrap(packet))) {
                    throw new AssertionError("written in another way than it was read");
                }
                answered += Answers6.check(message, service) ? 1 : 0;
            } catch (MalformedDhcp6Exception e) {
                refused++;
            } catch (RuntimeException | AssertionError e) {
                throw failed(i, packet, e);
            }
        }
        assertThat((double) refused / PACKETS).isBetween(0.02, 0.4);
        assertThat((double) answered / PACKETS).isBetween(0.02, 0.3);
    }

    @Test
    void mutatedPacketsOfDhcpv4AreAnsweredOnlyWhereTheyMakeSense() {
        List<byte[]> originals = List.of(
                packet4("3501015d020000" + "5e03010201" + "4d0469505845" + vendor("PXEClient:Arch:00000:UNDI:002001")),
                packet4("3501015d020007" + "6111" + "00".repeat(17) + vendor("PXEClient:Arch:00007:UNDI:003000")),
                packet4("3501015d020010" + "370342433c" + vendor("HTTPClient:Arch:00016:UNDI:003000")),
                packet4("350103" + "3604c6120001" + "2b0747048000" + "0000ff" + vendor("PXEClient")),
                packet4("3501083401035d02000b" + vendor("PXEClient:Arch:00011:UNDI:003000")),
                packet4("350101" + "370503060c0f1a" + vendor("udhcp 1.35.0")));
        ProxyDhcp proxy = new ProxyDhcp(client -> Optional.of(BootOffer.of("http://198.18.0.1:5248/bootx64.efi")));
        SplittableRandom random = new SplittableRandom(SEED);
        long refused = 0;
        long answered = 0;
        for (long i = 0; i < PACKETS / 2; i++) {
            byte[] packet = mutated(originals.get(random.nextInt(originals.size())), random);
            int port = random.nextBoolean() ? ProxyDhcp.SERVER_PORT : ProxyDhcp.BOOT_SERVER_PORT;
            try {
                DhcpMessage message = DhcpCodec.decode(ByteBuffer.wrap(packet));
                ProxyDhcp.Decision decision =
                        proxy.receive(message, new ProxyDhcp.Reception(MACHINE, 4_011, RACK, port));
                if (decision instanceof ProxyDhcp.Decision.Reply reply) {
                    answered++;
                    checkAnswer(message, reply.message());
                }
            } catch (MalformedDhcpException e) {
                refused++;
            } catch (RuntimeException | AssertionError e) {
                throw failed(i, packet, e);
            }
        }
        assertThat((double) refused / PACKETS).isBetween(0.02, 0.4);
        assertThat((double) answered / PACKETS).isBetween(0.02, 0.35);
    }

    private static void checkAnswer(DhcpMessage asked, DhcpMessage answer) {
        must(asked.isRequest() && !answer.isRequest(), "a request gets a reply");
        must(ANSWERED.contains(asked.options().messageType().orElseThrow()), "kind of message");
        String vendor = asked.options().vendorClass().orElseThrow().text();
        must(vendor.startsWith("PXEClient") || vendor.startsWith("HTTPClient"), "whoever boots");
        must(answer.yourAddress().isUnspecified(), "no address");
        must(answer.transactionId() == asked.transactionId(), "transaction");
        must(answer.hardware().equals(asked.hardware()), "hardware address");
        ByteBuffer out = ByteBuffer.allocate(4_000);
        DhcpCodec.encode(answer, out);
        try {
            must(DhcpCodec.decode(out.flip()).equals(answer), "what was written is read again");
        } catch (MalformedDhcpException e) {
            throw new AssertionError("what was written is not read: " + answer, e);
        }
    }

    private static void must(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    private static AssertionError failed(long number, byte[] packet, Throwable cause) {
        return new AssertionError(
                "packet %d of seed %d: %s"
                        .formatted(number, SEED, HexFormat.of().formatHex(packet)),
                cause);
    }

    /** Some bytes changed, and now and then some cut out, put in, or said twice. */
    private static byte[] mutated(byte[] original, SplittableRandom random) {
        byte[] packet = original.clone();
        for (int flips = random.nextInt(5); flips > 0; flips--) {
            int at = random.nextInt(packet.length);
            packet[at] = (byte) (random.nextBoolean() ? random.nextInt() : packet[at] ^ 1 << random.nextInt(8));
        }
        return switch (random.nextInt(8)) {
            case 0 -> Arrays.copyOf(packet, random.nextInt(packet.length));
            case 1 -> spliced(packet, packet, random);
            case 2 -> spliced(packet, noise(random), random);
            default -> packet;
        };
    }

    /** A piece of one instead of a piece of the other, of other lengths. */
    private static byte[] spliced(byte[] packet, byte[] other, SplittableRandom random) {
        int from = random.nextInt(packet.length);
        int to = Math.min(packet.length, from + random.nextInt(9));
        int otherFrom = random.nextInt(other.length);
        int otherTo = Math.min(other.length, otherFrom + random.nextInt(40));
        byte[] all = new byte[packet.length - (to - from) + otherTo - otherFrom];
        System.arraycopy(packet, 0, all, 0, from);
        System.arraycopy(other, otherFrom, all, from, otherTo - otherFrom);
        System.arraycopy(packet, to, all, from + otherTo - otherFrom, packet.length - to);
        return all;
    }

    private static byte[] noise(SplittableRandom random) {
        byte[] noise = new byte[64];
        random.nextBytes(noise);
        return noise;
    }

    private static String vendor(String words) {
        return "3c%02x".formatted(words.length()) + text(words);
    }

    /** A request with the options given, which an end follows. */
    private static byte[] packet4(String options) {
        return bytes("01010600" + "11223344" + "00048000" + "00".repeat(16) + "525400123456"
                + "00".repeat(10 + 64 + 128) + "63825363" + options + "ff");
    }
}
