package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.rackboot.protocol.address.Subnet;
import org.rackboot.protocol.tftp.Negotiation.Limits;

class ClientRulesTest {
    private static final byte[] INSIDE = {(byte) 198, 18, 4, 9};
    private static final byte[] OUTSIDE = {(byte) 203, 0, 113, 1};
    private static final Subnet WIDE = Subnet.parse("198.18.0.0/15").orElseThrow();
    private static final Subnet NARROW = Subnet.parse("198.18.4.0/24").orElseThrow();

    @Test
    void withoutAListEveryoneIsAnswered() {
        assertThat(ClientRules.NONE.allows(OUTSIDE)).isTrue();
    }

    @Test
    void withAListOnlyItsNetworksAre() {
        ClientRules rules = new ClientRules(List.of(NARROW), List.of(), List.of(), List.of());

        assertThat(rules.allows(INSIDE)).isTrue();
        assertThat(rules.allows(OUTSIDE)).isFalse();
    }

    @Test
    void theTightestOfAllRulesThatHoldCounts() { // Quirks T16, T19, T21
        ClientRules rules = new ClientRules(
                List.of(),
                List.of(Map.entry(NARROW, 1_024), Map.entry(WIDE, 1_388)),
                List.of(Map.entry(NARROW, Set.of("tsize")), Map.entry(WIDE, Set.of("windowsize"))),
                List.of(WIDE));

        Limits limits = rules.apply(Limits.DEFAULT, INSIDE);
        assertThat(limits.maxBlockSize()).isEqualTo(1_024);
        assertThat(limits.refusedOptions()).containsExactlyInAnyOrder("tsize", "windowsize");
        assertThat(rules.rollover(INSIDE)).isEqualTo(NumberAfterRollover.ONE);
        assertThat(rules.apply(Limits.DEFAULT, OUTSIDE)).isEqualTo(Limits.DEFAULT);
        assertThat(rules.rollover(OUTSIDE)).isEqualTo(NumberAfterRollover.ZERO);
    }
}
