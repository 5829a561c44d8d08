package org.rackboot.server.dhcp;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.dhcp.ClientArchitectures;
import org.rackboot.protocol.dhcp.DhcpCodec;
import org.rackboot.protocol.dhcp.DhcpMessage;
import org.rackboot.protocol.dhcp.DhcpOption;
import org.rackboot.protocol.dhcp.DhcpOptions;
import org.rackboot.protocol.dhcp.HardwareAddress;
import org.rackboot.protocol.dhcp.MalformedDhcpException;
import org.rackboot.protocol.dhcp.MessageType;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp.ServerIdentifier;
import org.rackboot.protocol.dhcp.VendorClass;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.Bootloader;

/** What machines send, and a catalog with loaders for some of them. */
final class Packets {
    static final BootCatalog LOADERS = new BootCatalog(
            1,
            List.of(),
            List.of(
                    new Bootloader("pxe", "i386", "1", List.of(file("lpxelinux.0"))),
                    new Bootloader("uefi", "amd64", "1", List.of(file("bootx64.efi")))),
            List.of());

    private MessageType type = MessageType.DISCOVER;
    private Ipv4Address client = Ipv4Address.UNSPECIFIED;
    private Ipv4Address relay = Ipv4Address.UNSPECIFIED;
    private int lastOctet = 1;
    private final List<DhcpOption> options = new ArrayList<>();

    private static BootFile file(String name) {
        return new BootFile(name, "0".repeat(64), 1, "0".repeat(64), BootPhase.LOADER);
    }

    /** A DISCOVER of some firmware. */
    static Packets of(String vendorClass, int architecture) {
        Packets packets = new Packets();
        packets.options.add(new VendorClass(vendorClass));
        packets.options.add(new ClientArchitectures(List.of(architecture)));
        return packets;
    }

    static Packets bios() {
        return of("PXEClient:Arch:00000:UNDI:002001", 0);
    }

    static Packets uefi() {
        return of("PXEClient:Arch:00007:UNDI:003000", 7);
    }

    static Packets http() {
        return of("HTTPClient:Arch:00016:UNDI:003000", 16);
    }

    Packets type(MessageType other) {
        type = other;
        return this;
    }

    Packets from(Ipv4Address address) {
        client = address;
        return this;
    }

    Packets relayedBy(Ipv4Address address) {
        relay = address;
        return this;
    }

    /** Of its MAC address, 52:54:00:0b:00:…. */
    Packets machine(int octet) {
        lastOctet = octet;
        return this;
    }

    Packets with(DhcpOption option) {
        options.add(option);
        return this;
    }

    ByteBuffer packet() {
        List<DhcpOption> all = new ArrayList<>(options);
        all.add(0, type);
        ByteBuffer out = ByteBuffer.allocate(4_096);
        DhcpCodec.encode(
                new DhcpMessage(
                        true,
                        new HardwareAddress(
                                HardwareAddress.ETHERNET,
                                Octets.of(new byte[] {0x52, 0x54, 0, 0x0b, 0, (byte) lastOctet})),
                        0,
                        7,
                        0,
                        false,
                        client,
                        Ipv4Address.UNSPECIFIED,
                        Ipv4Address.UNSPECIFIED,
                        relay,
                        "",
                        "",
                        DhcpOptions.of(all)),
                out);
        return out.flip();
    }

    /** What a DHCP server says to this machine, with an address and this rack's address as next-server. */
    ByteBuffer offeredBy(Ipv4Address server, String file) {
        ByteBuffer out = ByteBuffer.allocate(4_096);
        DhcpCodec.encode(
                new DhcpMessage(
                        false,
                        new HardwareAddress(
                                HardwareAddress.ETHERNET,
                                Octets.of(new byte[] {0x52, 0x54, 0, 0x0b, 0, (byte) lastOctet})),
                        0,
                        7,
                        0,
                        true,
                        Ipv4Address.UNSPECIFIED,
                        address("198.18.0.100"),
                        address("198.18.0.1"),
                        Ipv4Address.UNSPECIFIED,
                        "",
                        file,
                        DhcpOptions.of(List.of(MessageType.OFFER, new ServerIdentifier(server)))),
                out);
        return out.flip();
    }

    byte[] bytes() {
        ByteBuffer packet = packet();
        byte[] bytes = new byte[packet.remaining()];
        packet.get(bytes);
        return bytes;
    }

    static DhcpMessage read(ByteBuffer packet) {
        try {
            return DhcpCodec.decode(packet);
        } catch (MalformedDhcpException e) {
            throw new AssertionError(e);
        }
    }

    static Ipv4Address address(String text) {
        return Ipv4Address.parse(text).orElseThrow();
    }
}
