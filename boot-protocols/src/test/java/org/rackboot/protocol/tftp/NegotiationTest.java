package org.rackboot.protocol.tftp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.protocol.tftp.Negotiation.Limits;

class NegotiationTest {
    private static final long SIZE = 3_800_000;

    @Test
    void withoutOptionsThereIsNothingToAcknowledge() {
        assertThat(answer()).isEqualTo(new Negotiation(512, 1, List.of()));
    }

    @Test
    void theOrderIsTheClients() { // Quirk T4
        assertThat(answer("tsize", "0", "blksize", "1468", "windowsize", "4"))
                .isEqualTo(new Negotiation(
                        1_468, 4, Options.of("tsize", "3800000", "blksize", "1468", "windowsize", "4")));
        assertThat(answer("blksize", "1024", "tsize", "0").accepted())
                .isEqualTo(Options.of("blksize", "1024", "tsize", "3800000"));
    }

    @Test
    void optionNamesAreAnsweredInLowerCase() { // Quirks T8, T23
        assertThat(answer("BLKSIZE", "1024", "TSize", "0").accepted())
                .isEqualTo(Options.of("blksize", "1024", "tsize", "3800000"));
    }

    @Test
    void unknownOptionsAreLeftOut() { // Quirks T5, T11, T14
        assertThat(answer("multicast", "", "rollover", "0", "blksize", "1408", "utimeout", "5")
                        .accepted())
                .isEqualTo(Options.of("blksize", "1408"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "5", "255"})
    void theTimeoutIsEchoedAsItIs(String seconds) { // Quirk T6: U-Boot gives up after any other number.
        assertThat(answer("timeout", seconds).accepted()).isEqualTo(Options.of("timeout", seconds));
    }

    @ParameterizedTest
    @CsvSource({"8,8", "16,16", "512,512", "1468,1468", "1469,1468", "65464,1468"})
    void theBlockSizeIsTheSmallerOfAskedAndAllowed(String asked, int agreed) { // Quirks T5, T19, T20
        assertThat(answer("blksize", asked))
                .isEqualTo(new Negotiation(agreed, 1, Options.of("blksize", Integer.toString(agreed))));
    }

    @ParameterizedTest
    @CsvSource({"1,1468,1", "4,512,4", "64,512,64", "65,512,64", "65535,512,64", "64,1468,44"})
    void theWindowFitsTheClientTheLimitAndTheBuffer(String asked, String blockSize, int agreed) { // Quirk T29
        Negotiation answer = answer("windowsize", asked, "blksize", blockSize);

        assertThat(answer.windowSize()).isEqualTo(agreed);
        assertThat(answer.accepted()).contains(new TftpOption("windowsize", Integer.toString(agreed)));
    }

    @Test
    void aWindowStaysBelowHalfOfTheBlockNumbers() {
        Limits wide = new Limits(1_468, 65_535, Integer.MAX_VALUE / 2);

        assertThat(Negotiation.answer(Options.of("windowsize", "65535", "blksize", "8"), SIZE, wide)
                        .windowSize())
                .isEqualTo(32_767);
    }

    @ParameterizedTest
    @CsvSource({
        "blksize,7",
        "blksize,0",
        "blksize,-1",
        "blksize,65465",
        "blksize,4294967296",
        "blksize,''",
        "blksize,1k",
        "blksize,' 512'",
        "blksize,99999999999999999999",
        "windowsize,0",
        "windowsize,65536",
        "windowsize,+4",
        "timeout,0",
        "timeout,256",
        "tsize,-1",
        "tsize,''",
        "tsize,99999999999",
    })
    void aValueOutOfRangeIsNotAnswered(String name, String value) { // S-04, quirk T11
        assertThat(answer(name, value)).isEqualTo(new Negotiation(512, 1, List.of()));
    }

    @Test
    void theFirstOfTwoEqualOptionsCounts() { // S-04
        assertThat(answer("blksize", "1024", "BlkSize", "1400"))
                .isEqualTo(new Negotiation(1_024, 1, Options.of("blksize", "1024")));
        assertThat(answer("blksize", "0", "blksize", "1400")).isEqualTo(new Negotiation(512, 1, List.of()));
    }

    @ParameterizedTest
    @CsvSource({"0,true", "4294967295,true", "4294967296,false"})
    void aSizeBeyondThirtyTwoBitsIsNotTold(long size, boolean told) { // Quirk T28
        assertThat(Negotiation.answer(Options.of("tsize", "0"), size, Limits.DEFAULT)
                        .accepted())
                .isEqualTo(told ? Options.of("tsize", Long.toString(size)) : List.of());
    }

    @Test
    void nothingIsEverAddedOrRaised() { // Quirk T5, for any request
        String[] names = {"blksize", "windowsize", "timeout", "tsize", "multicast", "BLKSIZE"};
        SplittableRandom random = new SplittableRandom(2_347);
        for (int i = 0; i < 20_000; i++) {
            String[] request = new String[2 * random.nextInt(6)];
            for (int each = 0; each < request.length; each += 2) {
                request[each] = names[random.nextInt(names.length)];
                request[each + 1] = Long.toString(random.nextLong(-2, 1L << random.nextInt(1, 40)));
            }
            Negotiation answer = answer(request);
            Set<String> answered = new HashSet<>();
            for (TftpOption option : answer.accepted()) {
                assertThat(answered.add(option.name())).isTrue();
                String asked = Options.of(request).stream()
                        .filter(each -> each.name().equalsIgnoreCase(option.name()))
                        .findFirst()
                        .orElseThrow()
                        .value();
                if (!option.name().equals("tsize")) {
                    assertThat(Long.parseLong(option.value())).isLessThanOrEqualTo(Long.parseLong(asked));
                }
            }
        }
    }

    @Test
    void limitsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new Limits(7, 1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Limits(65_465, 1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Limits(512, 0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Limits(512, 1, 0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void whatIpxeAsksIsAgreedAsItIs() { // Quirk T13
        assertThat(answer("blksize", "1432", "tsize", "0").accepted())
                .containsExactly(new TftpOption("blksize", "1432"), new TftpOption("tsize", Long.toString(SIZE)));
    }

    @Test
    void refusedOptionsAreLeftOutAsIfUnknown() { // Quirk T21: a client that crashes when they are accepted
        Limits limits = Limits.DEFAULT.withRefused(Set.of("blksize", "windowsize"));
        Negotiation answer =
                Negotiation.answer(Options.of("BlkSize", "1432", "tsize", "0", "windowsize", "8"), SIZE, limits);

        assertThat(answer.blockSize()).isEqualTo(512);
        assertThat(answer.windowSize()).isOne();
        assertThat(answer.accepted()).containsExactly(new TftpOption("tsize", Long.toString(SIZE)));
    }

    private static Negotiation answer(String... namesAndValues) {
        return Negotiation.answer(Options.of(namesAndValues), SIZE, Limits.DEFAULT);
    }
}
