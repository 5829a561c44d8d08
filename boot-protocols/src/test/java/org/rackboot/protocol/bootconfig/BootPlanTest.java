package org.rackboot.protocol.bootconfig;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class BootPlanTest {

    @Test
    void textsAreOneBoundedLine() {
        BootPlan plan = BootPlan.of(ConfigPurpose.HOLD, "amd64", "a\r\nb\u2028c\u0085d\u009be\u0000")
                .waiting("x".repeat(199) + "\ud83d\ude00", "again\nand again")
                .build();

        assertThat(plan.title()).isEqualTo("a  b c d e ");
        assertThat(plan.reason()).contains("x".repeat(199)); // Half a character is none.
        assertThat(plan.again()).contains("again and again");
    }

    @Test
    void anUnpairedQuoteWouldTakeTheRestOfTheCommandLine() {
        BootPlan plan = BootPlan.of(ConfigPurpose.RESCUE, "amd64", "t")
                .kernel("k")
                .arguments(List.of("a=\"b c\"", "d=\"e", "f"))
                .build();

        assertThat(plan.arguments()).containsExactly("a=\"b c\"", "d=e", "f");
    }

    @Test
    void whatAPurposeNeedsIsThere() {
        assertThatThrownBy(
                        () -> BootPlan.of(ConfigPurpose.EPHEMERAL, "amd64", "t").build())
                .hasMessageContaining("has a kernel");
        assertThatThrownBy(() -> BootPlan.of(ConfigPurpose.LOCAL, "amd64", "t")
                        .kernel("k")
                        .build())
                .hasMessageContaining("has a kernel");
        assertThatThrownBy(
                        () -> BootPlan.of(ConfigPurpose.FAILURE, "amd64", "t").build())
                .hasMessageContaining("says why");
    }

    @Test
    void aCommandLineThatNoKernelTakesIsRefused() {
        BootPlan.Builder plan =
                BootPlan.of(ConfigPurpose.EPHEMERAL, "amd64", "t").kernel("k");

        assertThat(plan.arguments(List.of("x".repeat(4_095))).build().arguments())
                .hasSize(1);
        assertThatThrownBy(() -> plan.arguments(List.of("x".repeat(4_096))).build())
                .hasMessageContaining("4097 characters")
                .hasMessageContaining("take kernel options away");
    }

    @Test
    void aPlanMayHaveAllThatBoots() {
        BootPlan plan = BootPlan.of(ConfigPurpose.INSTALL, "armhf", "t")
                .kernel("k")
                .initrd(Optional.of("i"))
                .dtb(Optional.of("d"))
                .build();

        assertThat(plan.initrd()).contains("i");
        assertThat(plan.dtb()).contains("d");
    }
}
