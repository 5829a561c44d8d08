package org.rackboot.protocol.netconfig;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** How a bond chooses the card for a packet: the kernel's seven modes. */
public enum BondMode {
    BALANCE_RR("balance-rr"),
    ACTIVE_BACKUP("active-backup"),
    BALANCE_XOR("balance-xor"),
    BROADCAST("broadcast"),
    LACP("802.3ad"),
    BALANCE_TLB("balance-tlb"),
    BALANCE_ALB("balance-alb");

    private final String word;

    BondMode(String word) {
        this.word = word;
    }

    /** As Linux and netplan call it. */
    public String word() {
        return word;
    }

    static Optional<BondMode> of(String word) {
        return Arrays.stream(values()).filter(each -> each.word.equals(word)).findFirst();
    }

    static List<String> words() {
        return Arrays.stream(values()).map(BondMode::word).toList();
    }

    /** The modes that a parameter means something in; the kernel ignores or refuses it in others. */
    static List<BondMode> of(Setting parameter) {
        return switch (parameter.name()) {
            case "ad-select", "lacp-rate", "min-links" -> List.of(LACP);
            case "packets-per-slave" -> List.of(BALANCE_RR);
            case "primary", "primary-reselect-policy" -> List.of(ACTIVE_BACKUP, BALANCE_TLB, BALANCE_ALB);
            case "transmit-hash-policy" -> List.of(BALANCE_XOR, LACP, BALANCE_TLB);
            case "learn-packet-interval" -> List.of(BALANCE_TLB, BALANCE_ALB);
            case "arp-interval", "arp-ip-targets", "arp-validate", "arp-all-targets" ->
                List.of(BALANCE_RR, ACTIVE_BACKUP, BALANCE_XOR, BROADCAST);
            default -> List.of(values());
        };
    }
}
