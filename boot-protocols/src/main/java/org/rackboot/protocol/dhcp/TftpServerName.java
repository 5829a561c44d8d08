package org.rackboot.protocol.dhcp;

/** Where to load it from, as text (RFC 2132, 9.4; option 66). */
public record TftpServerName(String name) implements DhcpOption {
    @Override
    public int code() {
        return OptionCode.TFTP_SERVER_NAME;
    }

    @Override
    public Octets value() {
        return Octets.ofText(name);
    }
}
