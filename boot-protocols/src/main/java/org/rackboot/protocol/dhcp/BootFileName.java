package org.rackboot.protocol.dhcp;

/** What to load: a path on the boot server, or a URL (RFC 2132, 9.5; option 67). Written with a NUL, as old ROMs need. */
public record BootFileName(String name) implements DhcpOption {
    @Override
    public int code() {
        return OptionCode.BOOT_FILE_NAME;
    }

    @Override
    public Octets value() {
        return Octets.ofText(name + '\0');
    }
}
