package org.rackboot.protocol.dhcp6;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.HexFormat;

/** Datagrams byte by byte: as RFC 8415 and 5970 lay them out, and as OVMF was seen to send them. */
final class Packets6 {
    static final String XID = "1a2b3c";

    /** DUID-LLT of an Ethernet card, which OVMF makes up anew at each boot. */
    static final String CLIENT_ID = option(1, "0001" + "0001" + "2f0c1d2e" + "525400123456");

    /** DUID-UUID. */
    static final String SERVER_DUID = "0004" + "00112233445566778899aabbccddeeff";

    static final String IA_NA = option(3, "a1b2c3d4" + "00000000" + "00000000");
    static final String ELAPSED = option(8, "0000");
    static final String ASKS_FOR_BOOT_FILE = option(6, "003b" + "003c" + "0017" + "0010"); // 59, 60, 23, 16
    static final String UNDI = option(62, "010300");
    static final String PXE_CLASS = vendorClass("PXEClient:Arch:00007:UNDI:003000");
    static final String HTTP_CLASS = vendorClass("HTTPClient:Arch:00016:UNDI:003000");

    private Packets6() {}

    static byte[] pxeSolicit() {
        return bytes("01" + XID + CLIENT_ID + IA_NA + ELAPSED + pxeOptions());
    }

    static byte[] httpSolicit() {
        return bytes("01" + XID + CLIENT_ID + IA_NA + ELAPSED + httpOptions());
    }

    /** What UEFI's PXE sends on 4011 to whoever made a proxy's offer: its Request without the IA. */
    static byte[] pxeBootServerRequest() {
        return bytes("03" + XID + option(2, SERVER_DUID) + CLIENT_ID + ELAPSED + pxeOptions());
    }

    /** The Request for the address, to the server that gives it out. */
    static byte[] pxeRequestToOther() {
        String other = "0003" + "0001" + "52540000ff01";
        return bytes("03" + XID + CLIENT_ID + option(2, other) + IA_NA + ELAPSED + pxeOptions());
    }

    static byte[] informationRequest() {
        return bytes("0b" + XID + CLIENT_ID + ELAPSED + pxeOptions());
    }

    /** iPXE's, with the length that belongs before its user class. */
    static byte[] ipxeSolicit() {
        return bytes("01" + XID + option(1, "0004" + "33221100554477668899aabbccddeeff") + IA_NA + pxeOptions()
                + option(15, "0004" + text("iPXE")));
    }

    /** Of a system that is running: asks for an address and DNS. */
    static byte[] plainSolicit() {
        return bytes("01" + XID + CLIENT_ID + option(14, "") + IA_NA + ELAPSED + option(6, "00170018"));
    }

    /** Through two relay agents. */
    static byte[] relayed() {
        return relay(
                1,
                "20010db8000000010000000000000001",
                option(18, text("uplink")),
                relay(0, "fe80" + "00".repeat(13) + "77", option(18, text("eth0/1")), pxeSolicit()));
    }

    static byte[] relay(int hops, String peer, String more, byte[] message) {
        return bytes("0c" + "%02x".formatted(hops) + "20010db8000000020000000000000001" + peer + more
                + option(9, HexFormat.of().formatHex(message)));
    }

    static String pxeOptions() {
        return ASKS_FOR_BOOT_FILE + UNDI + option(61, "0007") + PXE_CLASS;
    }

    static String httpOptions() {
        return ASKS_FOR_BOOT_FILE + UNDI + option(61, "0010") + HTTP_CLASS;
    }

    static String vendorClass(String words) {
        return option(16, "00000157" + "%04x".formatted(words.length()) + text(words)); // 343
    }

    static String option(int code, String hex) {
        return "%04x%04x".formatted(code, hex.length() / 2) + hex;
    }

    static String text(String text) {
        return HexFormat.of().formatHex(text.getBytes(US_ASCII));
    }

    static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }
}
