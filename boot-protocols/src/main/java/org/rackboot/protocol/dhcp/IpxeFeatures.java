package org.rackboot.protocol.dhcp;

/**
 * What an iPXE can do, as it says in option 175 (quirk D13): a list of options in itself. Only what a boot server decides by
 * is kept.
 *
 * @param http tag 19
 */
public record IpxeFeatures(boolean http) {
    private static final int HTTP = 19;

    /** Of a list that ends where it should not, what came before that. */
    static IpxeFeatures read(Octets value) {
        boolean http = false;
        int at = 0;
        while (at < value.length() && value.at(at) != OptionCode.END) {
            if (value.at(at) == OptionCode.PAD) {
                at++;
                continue;
            }
            if (at + 1 >= value.length() || at + 2 + value.at(at + 1) > value.length()) {
                break;
            }
            http |= value.at(at) == HTTP && value.at(at + 1) == 1 && value.at(at + 2) == 1;
            at += 2 + value.at(at + 1);
        }
        return new IpxeFeatures(http);
    }
}
