package org.rackboot.region.simplestreams;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.net.URI;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StreamAddressTest {

    @ParameterizedTest
    @CsvSource({
        "http://m.example/stable/, http://m.example/stable/, ",
        "http://m.example/stable, http://m.example/stable/, ",
        "http://m.example, http://m.example/, ",
        "http://m.example/daily/streams/v1/index.sjson, http://m.example/daily/, streams/v1/index.sjson",
        "http://m.example/streams/v1/index.json, http://m.example/, streams/v1/index.json",
        "http://m.example/streams/v1/com.ubuntu.maas:candidate:v3:download.sjson, http://m.example/, "
                + "streams/v1/com.ubuntu.maas:candidate:v3:download.sjson",
        "http://m.example/other/index.json, http://m.example/other/index.json/, "
    })
    void anAddressIsARootOrAFileOfOne(String address, String root, String start) throws Exception {
        StreamAddress parsed = StreamAddress.parse(URI.create(address));

        assertThat(parsed.root()).hasToString(root);
        assertThat(parsed.start().map(MirrorPath::text).orElse(null)).isEqualTo(start);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://m.example/?x=y",
                "http://m.example/#x",
                "http://m.example/streams/v1/../x.json",
                "http://m.example/streams/v1/%2e%2e/x.json"
            })
    void anAddressThatNoStreamHasIsRefused(String address) {
        assertThatExceptionOfType(StreamFormatException.class)
                .isThrownBy(() -> StreamAddress.parse(URI.create(address)));
    }
}
