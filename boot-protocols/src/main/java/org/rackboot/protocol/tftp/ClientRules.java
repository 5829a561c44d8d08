package org.rackboot.protocol.tftp;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.rackboot.protocol.address.Subnet;

/**
 * What an operator has said about clients, by network.
 *
 * @param allowed who is answered at all; empty = everyone
 * @param maxBlockSizes the least of those that hold, in bytes (quirk T19)
 * @param refusedOptions names in lower case; all of those that hold (quirk T21)
 * @param rolloverToOne whose block numbers go on at 1 after 65535 (quirk T16)
 */
public record ClientRules(
        List<Subnet> allowed,
        List<Map.Entry<Subnet, Integer>> maxBlockSizes,
        List<Map.Entry<Subnet, Set<String>>> refusedOptions,
        List<Subnet> rolloverToOne) {
    public static final ClientRules NONE = new ClientRules(List.of(), List.of(), List.of(), List.of());

    public ClientRules {
        allowed = List.copyOf(allowed);
        maxBlockSizes = List.copyOf(maxBlockSizes);
        refusedOptions = List.copyOf(refusedOptions);
        rolloverToOne = List.copyOf(rolloverToOne);
    }

    /** @param client 4 or 16 bytes, here and below */
    public boolean allows(byte[] client) {
        return allowed.isEmpty() || isIn(allowed, client);
    }

    /** Tightens limits for one client. */
    public Negotiation.Limits apply(Negotiation.Limits limits, byte[] client) {
        int blockSize = limits.maxBlockSize();
        for (Map.Entry<Subnet, Integer> rule : maxBlockSizes) {
            if (rule.getKey().contains(client)) {
                blockSize = Math.min(blockSize, rule.getValue());
            }
        }
        Set<String> refused = new HashSet<>(limits.refusedOptions());
        for (Map.Entry<Subnet, Set<String>> rule : refusedOptions) {
            if (rule.getKey().contains(client)) {
                refused.addAll(rule.getValue());
            }
        }
        return limits.withBlockSize(blockSize).withRefused(refused);
    }

    public NumberAfterRollover rollover(byte[] client) {
        return isIn(rolloverToOne, client) ? NumberAfterRollover.ONE : NumberAfterRollover.ZERO;
    }

    private static boolean isIn(List<Subnet> networks, byte[] client) {
        return networks.stream().anyMatch(network -> network.contains(client));
    }
}
