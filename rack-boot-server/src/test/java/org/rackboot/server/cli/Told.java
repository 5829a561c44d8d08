package org.rackboot.server.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** What a command said, and how it ended. */
record Told(int exitCode, String out, String err) {
    static Told by(String command, String... arguments) {
        List<String> line = new ArrayList<>(List.of(command));
        line.addAll(List.of(arguments));
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = Main.run(new PrintWriter(out), new PrintWriter(err), line.toArray(String[]::new));
        return new Told(exitCode, out.toString(), err.toString());
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    String verdict() {
        return out.lines()
                .filter(line -> line.startsWith("verdict: "))
                .map(line -> line.substring("verdict: ".length()))
                .findFirst()
                .orElse("none");
    }
}
