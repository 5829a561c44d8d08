package org.rackboot.it;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** A simplestreams client that shares nothing with ours: {@code read_stream.py}, with gpgv for the signatures. */
final class IndependentReader {
    private final ForeignProgram programs;
    private final Path script;

    IndependentReader(Path directory) throws IOException {
        programs = new ForeignProgram(directory);
        script = directory.resolve("read_stream.py");
        try (InputStream source = requireNonNull(IndependentReader.class.getResourceAsStream("read_stream.py"))) {
            Files.copy(source, script, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /**
     * Reads every item of a stream.
     *
     * @param source a directory or an address
     */
    ForeignProgram.Said read(String source, Path keyring) throws IOException, InterruptedException {
        ForeignProgram.require(ForeignProgram.isInstalled("gpgv"), "the program gpgv");
        return programs.run("python3", script.toString(), source, "--keyring", keyring.toString());
    }
}
