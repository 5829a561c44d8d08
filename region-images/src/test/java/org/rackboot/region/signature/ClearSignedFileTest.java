package org.rackboot.region.signature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.rackboot.region.signature.BadSignatureException.Reason;

/** What the cleartext framework may look like around a good signature (S-44). */
class ClearSignedFileTest {
    private static final String FILE = Fixture.text("index.sjson");
    private static final String BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----\n";
    private static final String SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n";
    private static final String END = "-----END PGP SIGNATURE-----\n";

    static Stream<Arguments> malformed() {
        return Stream.of(
                change("an empty line after it", file -> file + "\n"),
                change("a blank after it", file -> file + " "),
                change("text after it", file -> file + "{}\n"),
                change("a second block", file -> file + file),
                change("a second signature block", file -> file + file.substring(file.indexOf(SIGNATURE))),
                change("a block within the text", file -> file.replace("{\n", "{\n" + BEGIN + "Hash: SHA512\n\n")),
                change("a line that is not escaped", file -> file.replace("- - \"dash\"", "- \"dash\"\n-\"x\"")),
                change("a lone dash", file -> file.replace("{\n", "{\n-\n")),
                change(
                        "NotDashEscaped",
                        file -> file.replace("Hash: SHA512\n", "NotDashEscaped: GnuPG\nHash: SHA512\n")),
                change("a Charset", file -> file.replace("Hash: SHA512\n", "Hash: SHA512\nCharset: UTF-8\n")),
                change(
                        "a Comment before the text",
                        file -> file.replace("Hash: SHA512\n", "Hash: SHA512\nComment: x\n")),
                change("an unknown digest", file -> file.replace("Hash: SHA512\n", "Hash: SHA512,SHA999\n")),
                change("an empty digest", file -> file.replace("Hash: SHA512\n", "Hash: SHA512,\n")),
                change("a lower-case digest", file -> file.replace("Hash: SHA512\n", "Hash: sha512\n")),
                change("no empty line", file -> file.replace("SHA512\n\n", "SHA512\n")),
                change("a blank in the empty line", file -> file.replace("SHA512\n\n", "SHA512\n \n")),
                change("a blank after BEGIN", file -> file.replace(BEGIN, BEGIN.strip() + " \n")),
                change("a bare CR", file -> file.replace("{\n", "{\r")),
                change("a bare CR before CRLF", file -> file.replace("{\n", "{\r\r\n")),
                change("a CR at the very end", file -> file.strip() + "\r"),
                change("a form feed", file -> file.replace("{\n", "{\f\n")),
                change("a vertical tab", file -> file.replace("{\n", "{\u000b\n")),
                change("NUL", file -> file.replace("{\n", "{\0\n")),
                change("an endless line", file -> file.replace("{\n", "{" + " ".repeat(20_000) + "\n")),
                change("no signature", file -> file.substring(0, file.indexOf(SIGNATURE))),
                change("an unknown armour header", file -> file.replace(SIGNATURE, SIGNATURE + "Hash: SHA512\n")),
                change("an armour header without a blank", file -> file.replace(SIGNATURE, SIGNATURE + "Comment:x\n")),
                change("no empty line in the armour", file -> file.replace(SIGNATURE + "\n", SIGNATURE)),
                change("a blank within base64", file -> file.replace("iIUE", "iIU E")),
                change("no END", file -> file.replace(END, "")),
                change("another END", file -> file.replace("END PGP SIGNATURE", "END PGP MESSAGE")),
                change("no checksum", file -> file.replace("=PBye\n", "")),
                change("a wrong checksum", file -> file.replace("\n=PBye", "\n=PByf")),
                change("a checksum that is none", file -> file.replace("\n=PBye", "\n=twTO\n=PBye")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("malformed")
    void whateverProgramsReadDifferentlyIsRefused(String what, UnaryOperator<String> change) {
        String changed = change.apply(FILE);
        assertThat(changed).isNotEqualTo(FILE);

        var refusal = catchThrowableOfType(BadSignatureException.class, () -> Fixture.verify(changed));

        assertThat(refusal).as("refused, for " + what).isNotNull();
        assertThat(refusal.reason()).as(refusal.getMessage()).isEqualTo(Reason.MALFORMED);
    }

    static Stream<Arguments> harmless() {
        return Stream.of(
                change("no final line ending", String::strip),
                change("CRLF", file -> file.replace("\n", "\r\n")),
                change("CRLF in one line", file -> file.replace("{\n", "{\r\n")),
                change("blanks at line ends", file -> file.replace("{\n", "{ \t \n")),
                change(
                        "more blanks at line ends, up to the limit",
                        file -> file.replace("{\n", "{" + " ".repeat(19_999) + "\n")),
                change("several digests", file -> file.replace("Hash: SHA512\n", "Hash: SHA256, SHA512\n")),
                change("several Hash headers", file -> file.replace("Hash: SHA512\n", "Hash: SHA256\nHash: SHA512\n")),
                change(
                        "headers in the armour",
                        file -> file.replace(SIGNATURE, SIGNATURE + "Version: 1\nComment: x\n")),
                change("an escape that was not needed", file -> file.replace("{\n", "- {\n")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("harmless")
    void whatDoesNotChangeTheTextIsAccepted(String what, UnaryOperator<String> change) throws Exception {
        String changed = change.apply(FILE);
        assertThat(changed).as(what).isNotEqualTo(FILE);

        SignedDocument document = Fixture.verify(changed);

        assertThat(document.bytes()).isEqualTo(Fixture.verify(FILE).bytes());
    }

    static Stream<Arguments> tampered() {
        return Stream.of(
                change("another letter", file -> file.replace("format", "formaT")),
                change("a blank before a line", file -> file.replace("{\n", " {\n")),
                change("one more line", file -> file.replace("}\n" + SIGNATURE, "}\n\n" + SIGNATURE)),
                change("one line less", file -> file.replace("{\n", "")),
                change("an escape taken away", file -> file.replace("- - \"dash\"", "- \"dash\"")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("tampered")
    void aChangedTextIsWrongAndTheMessageNamesTheKey(String what, UnaryOperator<String> change) {
        var refusal = catchThrowableOfType(BadSignatureException.class, () -> Fixture.verify(change.apply(FILE)));

        assertThat(refusal).as("refused, for " + what).isNotNull();
        assertThat(refusal.reason()).isEqualTo(Reason.WRONG);
        assertThat(refusal).hasMessageContaining(Fixture.ED25519);
    }

    @Test
    void whatIsOutsideTheBlockIsNamed() {
        assertRefused(Reason.MALFORMED, "something precedes the signed block", "{}\n" + FILE);
        assertRefused(Reason.MALFORMED, "something precedes the signed block", "\r\n" + FILE);
        assertRefused(Reason.MALFORMED, "something follows the signature", FILE + "{}\n");
        assertRefused(Reason.MALFORMED, "a second block follows the first", FILE + FILE);
        assertRefused(
                Reason.MALFORMED,
                "another signed block begins within its text",
                FILE.replace("{\n", "{\n" + BEGIN + "Hash: SHA512\n\n"));
        assertRefused(Reason.NOT_SIGNED, "is not signed", "{\"format\": \"index:1.0\"}");
    }

    private static void assertRefused(Reason reason, String why, String file) {
        assertThatThrownBy(() -> Fixture.verify(file))
                .hasMessageContaining(why)
                .isInstanceOfSatisfying(
                        BadSignatureException.class, e -> assertThat(e.reason()).isEqualTo(reason));
    }

    private static Arguments change(String what, UnaryOperator<String> change) {
        return Arguments.of(what, change);
    }
}
