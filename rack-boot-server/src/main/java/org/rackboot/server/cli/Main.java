package org.rackboot.server.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code rackboot}. Exit codes: 0 done, 1 failed (also in part), 2 usage, 3 cannot reach the server. */
@Command(
        name = "rackboot",
        description = "Boots real machines from the network: TFTP, PXE and HTTP from one verified image cache.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        scope = ScopeType.INHERIT,
        subcommands = {
            ServeCommand.Serve.class,
            ServeCommand.RegionRole.class,
            ServeCommand.RackRole.class,
            SourcesCommand.class,
            SelectionsCommand.class,
            ImagesCommand.class,
            MachinesCommand.class,
            RacksCommand.class,
            StatusCommand.class,
            GetCommand.class,
            MirrorCommand.class,
            CacheCommand.class,
            DhcpConfigCommand.class,
            BackupCommand.class,
            BundleCommand.class,
            WarmUpCommand.class
        })
public final class Main implements Runnable {
    private static final String[] FOOTER = {
        "",
        "From empty to serving:",
        "  rackboot serve &",
        "  rackboot selections add --os ubuntu --release noble --arch amd64",
        "  rackboot images import --wait",
        "",
        "Exit codes: 0 done, 1 failed (also in part), 2 usage, 3 cannot reach the server."
    };

    private static final List<String> ABOUT = List.of("-h", "--help", "-V", "--version");

    @Spec
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    public static void main(String[] arguments) {
        System.exit(run(arguments));
    }

    /** Runs one command and returns its exit code. */
    public static int run(String... arguments) {
        return execute(Optional.empty(), Optional.empty(), arguments);
    }

    /** The same, for a caller that wants to read what it says. */
    public static int run(PrintWriter out, PrintWriter err, String... arguments) {
        return execute(Optional.of(out), Optional.of(err), arguments);
    }

    /** A server is started without making all the other commands first, which takes longer than its listeners. */
    private static int execute(Optional<PrintWriter> out, Optional<PrintWriter> err, String... arguments) {
        Optional<ServeCommand> server = arguments.length > 0 ? ServeCommand.named(arguments[0]) : Optional.empty();
        boolean alone = server.isPresent() && Collections.disjoint(List.of(arguments), ABOUT);
        CommandLine commands = alone
                ? reporting(new CommandLine(server.get()).setCommandName("rackboot " + arguments[0]))
                : commandLine();
        out.ifPresent(commands::setOut);
        err.ifPresent(commands::setErr);
        return commands.execute(alone ? Arrays.copyOfRange(arguments, 1, arguments.length) : arguments);
    }

    private static CommandLine commandLine() {
        CommandLine commands = new CommandLine(new Main());
        commands.getCommandSpec().usageMessage().footer(FOOTER); // In an annotation, every subcommand would inherit it.
        return reporting(commands);
    }

    private static CommandLine reporting(CommandLine commands) {
        return commands.setExecutionExceptionHandler((failure, commandLine, parsed) -> {
            commandLine.getErr().println("rackboot: this is a fault of the program, please report it: " + failure);
            failure.printStackTrace(commandLine.getErr());
            return 1;
        });
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Say what to do:");
    }
}
