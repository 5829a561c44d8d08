package org.rackboot.protocol.dhcp;

import java.util.Optional;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * Something about a network's DHCP that keeps machines from booting, or may.
 *
 * @param network in the listener's words, an interface's name
 * @param server who said it; unspecified if the problem is that nobody said anything, or that several did
 * @param machine that was seen with it last
 * @param text for people: what, why it matters, and what to do
 */
public record DhcpFinding(Kind kind, String network, Ipv4Address server, Optional<MacAddress> machine, String text) {
    /** What is wrong. */
    public enum Kind {
        /** Another server tells machines what to boot. */
        SECOND_BOOT_SERVER,
        /** More than one server gives out addresses. */
        SECOND_DHCP_SERVER,
        /** Option 60 without option 43: UEFI asks that server on 4011 (quirk D2). */
        VENDOR_CLASS_WITHOUT_CONTROL,
        /** GRUB asks next-server for its configuration, whatever a proxy said. */
        NO_NEXT_SERVER,
        /** A BIOS loader to UEFI, or the other way round. */
        LOADER_OF_OTHER_FIRMWARE,
        /** An HTTP client is offered something that it does not take (quirk D1). */
        HTTP_OFFER_UNUSABLE,
        /** EDK2 takes no lease in a network of two addresses (quirk D16). */
        NETWORK_OF_TWO,
        /** A machine asks again and again, and takes no address. */
        NO_ADDRESS
    }
}
