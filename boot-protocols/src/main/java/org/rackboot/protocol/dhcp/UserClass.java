package org.rackboot.protocol.dhcp;

import java.util.ArrayList;
import java.util.List;

/**
 * Names that a client gives itself (RFC 3004; option 77). iPXE writes its own without the length that belongs before
 * each (quirk D13), so what is not a list of such is one name.
 */
public record UserClass(List<String> names) implements DhcpOption {
    public static final UserClass IPXE = new UserClass(List.of("iPXE"));

    public UserClass {
        names = List.copyOf(names);
    }

    static UserClass read(Octets value) {
        List<String> names = new ArrayList<>();
        int at = 0;
        while (at < value.length() && value.at(at) > 0 && at + 1 + value.at(at) <= value.length()) {
            int end = at + 1 + value.at(at);
            names.add(value.slice(at + 1, end).text());
            at = end;
        }
        return at == value.length() ? new UserClass(names) : new UserClass(List.of(value.text()));
    }

    public boolean isIpxe() {
        return names.contains("iPXE");
    }

    @Override
    public int code() {
        return OptionCode.USER_CLASS;
    }

    @Override
    public Octets value() {
        Octets all = Octets.NONE;
        for (String name : names) {
            all = all.plus(Octets.of((byte) name.length())).plus(Octets.ofText(name));
        }
        return all;
    }
}
