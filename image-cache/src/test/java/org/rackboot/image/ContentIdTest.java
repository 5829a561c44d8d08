package org.rackboot.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ContentIdTest {
    private static final String EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    @Test
    void isTheSha256OfTheBytes() {
        // FIPS 180-4: SHA-256 of the empty string and of "abc"
        assertThat(Sample.sha256(new byte[0])).isEqualTo(new ContentId(EMPTY));
        assertThat(Sample.sha256(new byte[] {'a', 'b', 'c'}).sha256())
                .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    @Test
    void becomesADigestAndBack() {
        var id = new ContentId(EMPTY);

        assertThat(id.digest()).hasSize(32).startsWith(0xe3, 0xb0);
        assertThat(ContentId.of(id.digest())).isEqualTo(id);
        assertThat(id).hasToString(EMPTY);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "e3b0",
                "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
                EMPTY + "\n",
                EMPTY + "00",
                "../0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "\u0663b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"
            })
    void nothingElseIsAnId(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> new ContentId(text));
    }

    @Test
    void aDigestOfAnotherLengthIsNoId() {
        assertThatIllegalArgumentException().isThrownBy(() -> ContentId.of(new byte[31]));
        assertThatIllegalArgumentException().isThrownBy(() -> ContentId.of(new byte[33]));
    }
}
