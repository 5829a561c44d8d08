package org.rackboot.protocol.dhcp;

/** One option: a number, and a value that each kind has its own type for. */
public sealed interface DhcpOption
        permits MessageType,
                ServerIdentifier,
                VendorClass,
                BootFileName,
                TftpServerName,
                UserClass,
                ClientArchitectures,
                NetworkInterfaceId,
                MachineId,
                PxeVendorOptions,
                RawOption {
    /** From 1 to 254. */
    int code();

    /** As it is written, however long; {@link DhcpCodec} splits what has more than 255 bytes (RFC 3396). */
    Octets value();
}
