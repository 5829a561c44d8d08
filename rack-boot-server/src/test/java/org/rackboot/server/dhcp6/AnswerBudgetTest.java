package org.rackboot.server.dhcp6;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AnswerBudgetTest {
    private long now = -5;

    @Test
    void manyAtOnceAndThenSoManyASecond() {
        AnswerBudget budget = new AnswerBudget(() -> now);

        assertThat(taken(budget)).isEqualTo(AnswerBudget.AT_ONCE);
        now += 1_500_000;
        assertThat(taken(budget)).isEqualTo(1);
        now += 500_000;
        assertThat(taken(budget)).as("half of one was left").isEqualTo(1);
        now += 1_000_000_000;
        assertThat(taken(budget)).isEqualTo(AnswerBudget.PER_SECOND);
        now += 3_600_000_000_000L;
        assertThat(taken(budget)).isEqualTo(AnswerBudget.AT_ONCE);
    }

    private static int taken(AnswerBudget budget) {
        int taken = 0;
        while (budget.take()) {
            taken++;
        }
        return taken;
    }
}
