package org.rackboot.server.rack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rackboot.server.config.StateDirectory;
import org.rackboot.server.rack.Enrolment.State;

class EnrolmentTest {
    @TempDir
    Path directory;

    private final FakeDoor region = new FakeDoor();

    @Test
    void aOneTimeTokenBecomesACredentialThatIsKeptForItsOwnerAlone() throws Exception {
        region.oneTime = "once";
        Enrolment enrolment = enrolment("once");
        assertThat(enrolment.state()).isEqualTo(State.WAITING);

        enrolment.settle(region);

        assertThat(enrolment.state()).isEqualTo(State.ENROLLED);
        assertThat(enrolment.bearer()).isEqualTo("credential 1");
        Path file = directory.resolve("rack-credential");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(Enrolment.of(new StateDirectory(directory), Optional.empty()).bearer())
                .as("after a restart, without a token")
                .isEqualTo("credential 1");
    }

    @Test
    void aRackThatIsEnrolledDoesNotUseATokenWhileItsCredentialIsGood() throws Exception {
        region.oneTime = "once";
        enrolment("once").settle(region);

        Enrolment again = enrolment("once");
        again.settle(region);

        assertThat(again.bearer()).isEqualTo("credential 1");
        assertThat(region.asked).hasSize(1);
    }

    @Test
    void aRegionThatIsAwayDecidesNothing() throws Exception {
        region.away = true;
        region.oneTime = "once";
        Enrolment enrolment = enrolment("once");

        assertThatExceptionOfType(IOException.class).isThrownBy(() -> enrolment.settle(region));
        assertThat(enrolment.state()).isEqualTo(State.WAITING);

        region.away = false;
        enrolment.settle(region);
        assertThat(enrolment.state()).isEqualTo(State.ENROLLED);
        assertThat(region.keys).as("the region knows it again").containsOnly(enrolment.key());
    }

    @Test
    void theApiTokenIsUsedAsItIsAndNotKept() throws Exception {
        region.apiToken = "api";
        Enrolment enrolment = enrolment("api");

        enrolment.settle(region);

        assertThat(enrolment.state()).isEqualTo(State.OPERATOR);
        assertThat(enrolment.bearer()).isEqualTo("api");
        assertThat(directory.resolve("rack-credential")).doesNotExist();
    }

    @Test
    void aTokenThatOpensNothingIsRefused() throws Exception {
        Enrolment enrolment = enrolment("wrong");

        enrolment.settle(region);

        assertThat(enrolment.state()).isEqualTo(State.REFUSED);
    }

    @Test
    void aRevokedRackComesBackWithANewToken() throws Exception {
        region.oneTime = "once";
        enrolment("once").settle(region);
        region.oneTime = "twice";

        Enrolment with = enrolment("twice");
        with.refused(region);

        assertThat(with.state()).isEqualTo(State.ENROLLED);
        assertThat(with.bearer()).isEqualTo("credential 2");
    }

    @Test
    void aRevokedRackWithoutANewTokenStaysRefusedUntilTheRegionTakesItAgain() throws Exception {
        region.oneTime = "once";
        enrolment("once").settle(region);
        Enrolment enrolment = Enrolment.of(new StateDirectory(directory), Optional.empty());

        enrolment.refused(region);
        assertThat(enrolment.state()).isEqualTo(State.REFUSED);

        enrolment.accepted(); // The region's database was restored, say.
        assertThat(enrolment.state()).isEqualTo(State.ENROLLED);
    }

    @Test
    void whatTheRegionsKeyIsKnownByComesWithTheTokenAndIsKept() throws Exception {
        String secret = "s".repeat(43);
        String pin = "p".repeat(43);
        region.oneTime = secret;
        Enrolment enrolment = enrolment(secret + "." + pin);
        assertThat(enrolment.pins()).containsExactly(pin);

        enrolment.settle(region);

        assertThat(region.asked).containsExactly(secret);
        Path file = directory.resolve("rack-credential");
        assertThat(Files.readString(file).strip()).isEqualTo("credential 2." + pin);
        Files.writeString(file, "c".repeat(43) + "." + pin); // A real one.
        Enrolment again = Enrolment.of(new StateDirectory(directory), Optional.empty());
        assertThat(again.pins()).containsExactly(pin);
        assertThat(again.bearer()).isEqualTo("c".repeat(43));
    }

    @Test
    void withoutTokenAndCredentialItSaysWhatToDo() {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Enrolment.of(new StateDirectory(directory), Optional.empty()))
                .withMessageContaining("not enrolled")
                .withMessageContaining("rackboot racks enrol");
    }

    private Enrolment enrolment(String token) throws IOException {
        return Enrolment.of(new StateDirectory(directory), Optional.of(token));
    }

    /** A region that knows one one-time token and one API token. */
    private static final class FakeDoor implements Enrolment.Door {
        String oneTime = "none";
        String apiToken = "none";
        boolean away;
        final List<String> asked = new ArrayList<>();
        final List<String> keys = new ArrayList<>();

        @Override
        public Optional<Enrolment.Granted> redeem(String token, String key) throws IOException {
            requireHere();
            if (!token.equals(oneTime)) {
                return Optional.empty();
            }
            asked.add(token);
            keys.add(key);
            oneTime = "used up";
            return Optional.of(new Enrolment.Granted("rack-1", "credential " + (token.equals("once") ? 1 : 2)));
        }

        @Override
        public boolean opens(String token) throws IOException {
            requireHere();
            return token.equals(apiToken);
        }

        private void requireHere() throws IOException {
            if (away) {
                throw new IOException("the test took the region away");
            }
        }
    }
}
