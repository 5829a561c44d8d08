package org.rackboot.server.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
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
            ExplainCommand.class,
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

    /** Of those that serve machines alone. */
    private static final List<String> RACK_OPTIONS = List.of("--dhcp", "--interface");

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

    /** Who asks for help, or says it wrongly, is answered by all commands together: only they know each other. */
    private static int execute(Optional<PrintWriter> out, Optional<PrintWriter> err, String... arguments) {
        Optional<Alone> alone =
                Collections.disjoint(List.of(arguments), ABOUT) ? Alone.find(arguments) : Optional.empty();
        if (alone.isEmpty()) {
            return speakingTo(out, err, commandLine()).execute(arguments);
        }
        CommandLine command = speakingTo(out, err, reporting(alone.get().command()));
        command.setParameterExceptionHandler(
                (wrong, said) -> speakingTo(out, err, commandLine()).execute(arguments));
        return command.execute(Arrays.copyOfRange(arguments, alone.get().words(), arguments.length));
    }

    /**
     * One command without all the others, the making of which takes longer than what most commands do.
     *
     * @param words of its name
     */
    private record Alone(CommandLine command, int words) {
        static Optional<Alone> find(String... arguments) {
            Class<?> found = Main.class;
            int words = 0;
            Optional<Class<?>> next = subcommand(found, arguments, words);
            while (next.isPresent()) {
                found = next.get();
                words++;
                next = subcommand(found, arguments, words);
            }
            boolean isWhole = words > 0 && found.getAnnotation(Command.class).subcommands().length == 0;
            String name = "rackboot " + String.join(" ", List.of(arguments).subList(0, words));
            return isWhole
                    ? Optional.of(new Alone(new CommandLine(found).setCommandName(name), words))
                    : Optional.empty();
        }

        private static Optional<Class<?>> subcommand(Class<?> of, String[] arguments, int word) {
            return word == arguments.length
                    ? Optional.empty()
                    : Arrays.stream(of.getAnnotation(Command.class).subcommands())
                            .filter(each ->
                                    each.getAnnotation(Command.class).name().equals(arguments[word]))
                            .<Class<?>>map(each -> each)
                            .findFirst();
        }
    }

    private static CommandLine speakingTo(Optional<PrintWriter> out, Optional<PrintWriter> err, CommandLine commands) {
        out.ifPresent(commands::setOut);
        err.ifPresent(commands::setErr);
        return commands;
    }

    private static CommandLine commandLine() {
        CommandLine commands = new CommandLine(new Main());
        commands.getCommandSpec().usageMessage().footer(FOOTER); // In an annotation, every subcommand would inherit it.
        CommandLine region = Objects.requireNonNull(commands.getSubcommands().get("region"));
        RACK_OPTIONS.forEach(option -> hide(region.getCommandSpec(), option));
        return reporting(commands);
    }

    /** It is taken all the same: what it does not do there, the log says. */
    private static void hide(CommandSpec command, String option) {
        OptionSpec shown = command.findOption(option);
        command.remove(shown);
        command.addOption(OptionSpec.builder(shown).hidden(true).build());
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
