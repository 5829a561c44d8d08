package org.rackboot.protocol.dhcp;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What kind of client, in the vendor's words (RFC 2132, 9.13; option 60): {@code PXEClient:Arch:00007:UNDI:003000},
 * {@code HTTPClient:…}, and everything else.
 */
public record VendorClass(String text) implements DhcpOption {
    public static final VendorClass PXE_CLIENT = new VendorClass("PXEClient");
    public static final VendorClass HTTP_CLIENT = new VendorClass("HTTPClient");

    private static final Pattern ARCHITECTURES = Pattern.compile("Arch:(\\d{1,5}(?:[,;]\\d{1,5}){0,15})");

    public boolean isPxeClient() {
        return text.startsWith("PXEClient");
    }

    public boolean isHttpClient() {
        return text.startsWith("HTTPClient");
    }

    /** What it says of its architecture, for clients without option 93 (quirk D11); perhaps several. */
    public List<Integer> architectures() {
        List<Integer> codes = new ArrayList<>();
        Matcher found = ARCHITECTURES.matcher(text);
        if (found.find()) {
            for (String code : found.group(1).split("[,;]")) {
                codes.add(Integer.parseInt(code) & 0xFFFF);
            }
        }
        return List.copyOf(codes);
    }

    @Override
    public int code() {
        return OptionCode.VENDOR_CLASS;
    }

    @Override
    public Octets value() {
        return Octets.ofText(text);
    }
}
