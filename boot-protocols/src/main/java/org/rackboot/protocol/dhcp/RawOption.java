package org.rackboot.protocol.dhcp;

/** An option that is passed on as it came, as relay agents want theirs (RFC 3046, 2.2). */
public record RawOption(int code, Octets value) implements DhcpOption {
    public RawOption {
        if (code <= OptionCode.PAD || code >= OptionCode.END) {
            throw new IllegalArgumentException("no option has the number " + code);
        }
    }
}
