package org.rackboot.protocol.bootconfig;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever values hold, a loader reads them and nothing else (S-65). Each seed is 100 plans. */
class HostileValuesTest {
    private static final String BASE = Plans.OVER_TFTP.baseUrl();
    private static final int PLANS = 100;

    static LongStream seeds() {
        return LongStream.range(0, 25);
    }

    private static BootPlan boot(HostileTexts hostile) {
        return BootPlan.of(ConfigPurpose.EPHEMERAL, hostile.text(), hostile.text())
                .kernel(hostile.text())
                .initrd(Optional.of(hostile.text()))
                .dtb(Optional.of(hostile.text()))
                .arguments(hostile.words())
                .build();
    }

    private static BootPlan hold(HostileTexts hostile) {
        return BootPlan.of(ConfigPurpose.HOLD, "amd64", hostile.text())
                .waiting(hostile.text(), hostile.text())
                .build();
    }

    private static String render(ConfigLoader loader, BootPlan plan) {
        return BootTemplates.builtIn().render(loader, plan, Plans.OVER_TFTP);
    }

    private static String decoded(String path) {
        assertThat(path).matches("[A-Za-z0-9/._~+:@=%-]*");
        return URLDecoder.decode(path.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    private static String line(List<String> words) {
        return String.join(" ", words).strip();
    }

    private static String kernel(BootPlan plan) {
        return plan.kernel().orElseThrow();
    }

    private static String initrd(BootPlan plan) {
        return plan.initrd().orElseThrow();
    }

    /** A character that UTF-8 cannot write comes back as another; there is none among the hostile texts. */
    private static List<String> values(List<List<String>> commands, String name) {
        return commands.stream()
                .filter(command -> command.get(0).equals(name) && command.size() == 2)
                .map(command -> command.get(1))
                .toList();
    }

    private static List<String> names(List<List<String>> commands) {
        return commands.stream().map(command -> command.get(0)).toList();
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void pxelinux(long seed) {
        HostileTexts hostile = new HostileTexts(seed);
        for (int i = 0; i < PLANS; i++) {
            BootPlan plan = boot(hostile);
            List<List<String>> read = Readers.lines(render(ConfigLoader.PXELINUX, plan));

            assertThat(names(read))
                    .containsExactly(
                            "DEFAULT", "PROMPT", "TIMEOUT", "LABEL", "SAY", "KERNEL", "INITRD", "APPEND", "IPAPPEND");
            assertThat(values(read, "SAY")).containsExactly(("Booting " + plan.title()).strip());
            assertThat(decoded(values(read, "KERNEL").get(0).substring(BASE.length())))
                    .isEqualTo(kernel(plan));
            assertThat(decoded(values(read, "INITRD").get(0).substring(BASE.length())))
                    .isEqualTo(initrd(plan));
            assertThat(String.join("", values(read, "APPEND"))).isEqualTo(line(plan.arguments()));

            BootPlan hold = hold(hostile);
            List<List<String>> waits = Readers.lines(render(ConfigLoader.PXELINUX, hold));

            assertThat(names(waits))
                    .containsExactly(
                            "DEFAULT",
                            "PROMPT",
                            "NOESCAPE",
                            "TIMEOUT",
                            "TOTALTIMEOUT",
                            "ONTIMEOUT",
                            "SAY",
                            "SAY",
                            "LABEL",
                            "CONFIG");
            assertThat(values(waits, "SAY").get(0))
                    .isEqualTo((hold.title() + ": " + hold.reason().orElseThrow()).strip());
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void petitboot(long seed) {
        HostileTexts hostile = new HostileTexts(seed);
        for (int i = 0; i < PLANS; i++) {
            BootPlan plan = boot(hostile);
            List<List<String>> read = Readers.petitboot(render(ConfigLoader.PETITBOOT, plan));
            String meant = line(plan.arguments());

            assertThat(names(read)).startsWith("DEFAULT", "LABEL", "KERNEL");
            assertThat(names(read))
                    .isSubsetOf("DEFAULT", "LABEL", "KERNEL", "INITRD", "APPEND")
                    .doesNotHaveDuplicates();
            assertThat(decoded(values(read, "KERNEL").get(0).substring(BASE.length())))
                    .isEqualTo(kernel(plan));
            if (!meant.isEmpty()) {
                assertThat(values(read, "APPEND").get(0).replaceAll("^rackboot=1 | rackboot=1$", ""))
                        .isEqualTo(meant);
            }

            List<List<String>> waits = Readers.petitboot(render(ConfigLoader.PETITBOOT, hold(hostile)));

            assertThat(names(waits)).containsExactly("DEFAULT", "LABEL", "KERNEL");
            assertThat(waits.get(0).get(1)).isEqualTo(waits.get(1).get(1)).startsWith("rackboot:");
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void uBoot(long seed) {
        HostileTexts hostile = new HostileTexts(seed);
        for (int i = 0; i < PLANS; i++) {
            BootPlan plan = boot(hostile);
            String config = render(ConfigLoader.U_BOOT, plan);
            List<List<String>> read = Readers.lines(config);

            assertThat(names(read).stream().filter(name -> !name.equals("APPEND")))
                    .containsExactly("DEFAULT", "PROMPT", "TIMEOUT", "LABEL", "KERNEL", "INITRD", "FDT", "IPAPPEND");
            assertThat(decoded(String.join("", values(read, "KERNEL")))).isEqualTo(kernel(plan));
            String append = String.join("", values(read, "APPEND"));
            assertThat(append).doesNotStartWith("#"); // U-Boot would take it for a comment.
            assertThat(Readers.uBootMacros(append)).isEqualTo(line(plan.arguments()));
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void s390x(long seed) {
        HostileTexts hostile = new HostileTexts(seed);
        for (int i = 0; i < PLANS; i++) {
            BootPlan plan = boot(hostile);
            List<List<String>> read = Readers.lines(render(ConfigLoader.S390X, plan));

            assertThat(names(read).stream().filter(name -> !name.equals("APPEND")))
                    .containsExactly("DEFAULT", "LABEL", "KERNEL", "INITRD");
            assertThat(String.join("", values(read, "APPEND"))).isEqualTo(line(plan.arguments()));
            assertThat(Readers.lines(render(ConfigLoader.S390X, hold(hostile))))
                    .as("one line of one word")
                    .singleElement()
                    .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.LIST)
                    .hasSize(1);

            List<List<String>> partition = Readers.lines(render(ConfigLoader.S390X_PARTITION, plan));

            assertThat(partition).hasSize(7);
            assertThat(partition.get(4).get(0)).startsWith("kernel=");
            assertThat(String.join(" ", partition.get(6)).replaceAll("\\s+", " "))
                    .isEqualTo(("append=" + String.join(" ", plan.arguments()))
                            .strip()
                            .replaceAll("\\s+", " "));
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void ipxe(long seed) {
        Map<String, String> settings = Map.of("mac:hexhyp", "MAC");
        HostileTexts hostile = new HostileTexts(seed);
        for (int i = 0; i < PLANS; i++) {
            BootPlan plan = boot(hostile);
            List<List<String>> read = Readers.ipxe(render(ConfigLoader.IPXE, plan), settings);

            assertThat(names(read)).containsExactly("echo", "kernel", "initrd", "boot");
            assertThat(unquoted(read.get(0).subList(2, read.get(0).size()))).isEqualTo(ipxeMeant(plan.title()));
            List<String> kernel = read.get(1);
            assertThat(decoded(kernel.get(3).substring(BASE.length()))).isEqualTo(kernel(plan));
            assertThat(kernel.get(4)).isEqualTo("initrd=boot-initrd");
            assertThat(kernel.get(kernel.size() - 1)).isEqualTo("BOOTIF=01-MAC");
            assertThat(unquoted(kernel.subList(5, kernel.size() - 1)))
                    .isEqualTo(ipxeMeant(String.join(" ", plan.arguments())));

            List<List<String>> waits = Readers.ipxe(render(ConfigLoader.IPXE, hold(hostile)), settings);

            assertThat(names(waits)).containsExactly("echo", "echo", ":again", "sleep", "chain", "goto");
            assertThat(waits.get(0).get(1)).as("not an option").doesNotStartWith("-");
        }
    }

    /** What iPXE cannot be told: ${, and which double quotes are this program's. */
    private static List<String> ipxeMeant(String text) {
        String told = text;
        while (told.contains("${")) {
            told = told.replace("${", "{");
        }
        return unquoted(List.of(told.trim().split("\\s+"))).stream()
                .filter(word -> !word.isEmpty())
                .toList();
    }

    private static List<String> unquoted(List<String> words) {
        List<String> out = new ArrayList<>();
        for (String word : words) {
            out.add(word.replace("\"", "").replaceFirst("^[-_]", "-"));
        }
        return out.stream().filter(word -> !word.isEmpty()).toList();
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void grub(long seed) {
        HostileTexts hostile = new HostileTexts(seed);
        List<String> skeleton = names(Readers.shell(render(ConfigLoader.GRUB, tame())));
        List<String> waiting = names(Readers.shell(render(ConfigLoader.GRUB, tameHold())));
        for (int i = 0; i < PLANS; i++) {
            BootPlan plan = boot(hostile);
            List<List<String>> read = Readers.shell(render(ConfigLoader.GRUB, plan));

            assertThat(names(read)).isEqualTo(skeleton);
            List<String> echo = command(read, "echo");
            assertThat(echo).containsExactly("echo", "Booting", plan.title(), Readers.VARIABLE);
            assertThat(command(read, "menuentry")).containsExactly("menuentry", plan.title());
            List<String> linux = command(read, "linux");
            assertThat(decoded(linux.get(1).replace(Readers.VARIABLE + "/", "")))
                    .isEqualTo(kernel(plan));
            assertThat(linux.get(linux.size() - 1)).isEqualTo("BOOTIF=01-" + Readers.VARIABLE);
            assertThat(linux.subList(2, linux.size() - 1)).isEqualTo(kernelWords(plan, word -> word.replace("'", "")));
            assertThat(decoded(command(read, "devicetree").get(1).replace(Readers.VARIABLE + "/", "")))
                    .isEqualTo(plan.dtb().orElseThrow());

            BootPlan hold = hold(hostile);
            List<List<String>> waits = Readers.shell(render(ConfigLoader.GRUB, hold));

            assertThat(names(waits)).isEqualTo(waiting);
            assertThat(command(waits, "echo"))
                    .containsExactly("echo", hold.title() + ":", hold.reason().orElseThrow());
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void uBootScript(long seed) {
        HostileTexts hostile = new HostileTexts(seed);
        List<String> skeleton = names(Readers.shell(render(ConfigLoader.U_BOOT_SCRIPT, tame())));
        List<String> waiting = names(Readers.shell(render(ConfigLoader.U_BOOT_SCRIPT, tameHold())));
        UnaryOperator<String> told = text -> text.replace("'", "").replace("\\", "");
        for (int i = 0; i < PLANS; i++) {
            BootPlan plan = boot(hostile);
            String script = render(ConfigLoader.U_BOOT_SCRIPT, plan);
            List<List<String>> read = Readers.shell(script);
            boolean bare = plan.arguments().isEmpty();

            assertThat(names(read).stream().filter(name -> !name.equals("setenv")))
                    .isEqualTo(skeleton.stream()
                            .filter(name -> !name.equals("setenv"))
                            .toList());
            assertThat(command(read, "echo")).containsExactly("echo", "Booting", told.apply(plan.title()));
            if (!bare) {
                assertThat(read)
                        .contains(List.of(
                                "setenv",
                                "bootargs",
                                told.apply(String.join(" ", plan.arguments())),
                                "BOOTIF=01-" + Readers.VARIABLE));
            }

            BootPlan hold = hold(hostile);
            List<List<String>> waits = Readers.shell(render(ConfigLoader.U_BOOT_SCRIPT, hold));

            assertThat(names(waits)).isEqualTo(waiting);
            assertThat(command(waits, "echo"))
                    .containsExactly(
                            "echo",
                            told.apply(hold.title()) + ":",
                            told.apply(hold.reason().orElseThrow()));
        }
    }

    private static BootPlan tame() {
        return BootPlan.of(ConfigPurpose.EPHEMERAL, "amd64", "t")
                .kernel("k")
                .initrd(Optional.of("i"))
                .dtb(Optional.of("d"))
                .arguments(List.of("nomodeset"))
                .build();
    }

    private static BootPlan tameHold() {
        return BootPlan.of(ConfigPurpose.HOLD, "amd64", "t").waiting("r", "a").build();
    }

    private static List<String> command(List<List<String>> commands, String name) {
        return commands.stream()
                .filter(command -> command.get(0).equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** The words that the kernel would read of the arguments, without the quotes that keep them together. */
    private static List<String> kernelWords(BootPlan plan, UnaryOperator<String> told) {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        boolean inQuotes = false;
        boolean begun = false;
        for (char c : (String.join(" ", plan.arguments()) + " ").toCharArray()) {
            if (c == '"') {
                inQuotes = !inQuotes;
                begun = true;
            } else if (c == ' ' && !inQuotes) {
                if (begun) {
                    words.add(told.apply(word.toString()));
                }
                word.setLength(0);
                begun = false;
            } else {
                word.append(c);
                begun = true;
            }
        }
        return words;
    }
}
