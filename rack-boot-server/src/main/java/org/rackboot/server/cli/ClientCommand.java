package org.rackboot.server.cli;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** A command that asks a running server: turns failures into exit codes. */
abstract class ClientCommand implements Callable<Integer> {
    static final int DONE = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;
    static final int UNREACHABLE = 3;

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private ServerOptions server;

    @Option(names = "--json", description = "print JSON")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    /** Does the work; returns the exit code. */
    abstract int run(Client client) throws Exception;

    /** Looks at the command line before a server is looked for: what is wrong there is wrong without one, too. */
    void check() throws Client.UsageException {}

    @Override
    public final Integer call() throws Exception {
        try {
            check();
            try (Client client = Client.find(server)) {
                int code = run(client);
                out().flush();
                return code;
            }
        } catch (Client.UnreachableException e) {
            err().println("rackboot: " + e.getMessage());
            return UNREACHABLE;
        } catch (Client.UsageException e) {
            err().println("rackboot: " + e.getMessage());
            return USAGE;
        } catch (Client.RefusedException e) {
            err().println("rackboot: " + e.getMessage());
            return FAILED;
        }
    }

    final boolean json() {
        return json;
    }

    final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    final PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** What an answer warns of; it was done all the same. */
    final void printWarnings(JsonNode answer) {
        answer.path("warnings").forEach(warning -> err().println("rackboot: " + warning.asString()));
    }

    final void printJson(JsonNode value) {
        out().println(JSON.writeValueAsString(value));
    }
}
