package org.rackboot.protocol.bootconfig;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class BootTemplateTest {
    private static final BootPlan LOCAL =
            BootPlan.of(ConfigPurpose.LOCAL, "arm64", "it's web-1").build();

    @Test
    void anOverrideIsUsedInThePlaceOfTheBuiltInOne() {
        BootTemplates templates = load(Map.of("grub/local", "echo {{title}}\nexit\n"));

        assertThat(templates.render(ConfigLoader.GRUB, LOCAL, Plans.OVER_TFTP))
                .as("also where an architecture has a built-in one")
                .isEqualTo("echo 'it'\\''s web-1'\nexit\n");
        assertThat(templates.render(ConfigLoader.IPXE, LOCAL, Plans.OVER_TFTP))
                .isEqualTo(BootTemplates.builtIn().render(ConfigLoader.IPXE, LOCAL, Plans.OVER_TFTP));
    }

    @Test
    void anOverrideForAnArchitectureGoesBeforeOneForAll() {
        BootTemplates templates = load(Map.of("grub/local", "echo all\n", "grub/local.arm64", "echo arm64\n"));

        assertThat(templates.render(ConfigLoader.GRUB, LOCAL, Plans.OVER_TFTP)).isEqualTo("echo arm64\n");
        assertThat(templates.text(ConfigLoader.GRUB, ConfigPurpose.LOCAL, "amd64"))
                .isEqualTo("echo all\n");
    }

    @Test
    void sectionsAreThereOrNotAsTheirValueIs() {
        String text = "SAY a\n{{#local-module}}\n  COM32 x/{{local-module}} {{#over-http}}http{{/over-http}}\n"
                + "{{/local-module}}\n{{^local-module}}\n  LOCALBOOT 0\n{{/local-module}}\n";
        BootTemplates templates = load(Map.of("pxelinux/local", text));
        BootPlan with = BootPlan.of(ConfigPurpose.LOCAL, "amd64", "t")
                .localModule(Optional.of("chain.c32"))
                .build();

        assertThat(templates.render(ConfigLoader.PXELINUX, with, Plans.OVER_TFTP))
                .isEqualTo("SAY a\n  COM32 x/chain.c32 \n");
        assertThat(templates.render(ConfigLoader.PXELINUX, with, Plans.OVER_HTTP))
                .isEqualTo("SAY a\n  COM32 x/chain.c32 http\n");
        assertThat(templates.render(ConfigLoader.PXELINUX, LOCAL, Plans.OVER_TFTP))
                .isEqualTo("SAY a\n  LOCALBOOT 0\n");
    }

    @Test
    void carriageReturnsGo() {
        assertThat(load(Map.of("pxelinux/local", "SAY {{title}}\r\nLOCALBOOT 0\r\n"))
                        .render(ConfigLoader.PXELINUX, LOCAL, Plans.OVER_TFTP))
                .isEqualTo("SAY it's web-1\nLOCALBOOT 0\n");
    }

    @Test
    void anUnknownVariableNamesItsLineAndThoseThatThereAre() {
        assertThat(problems("grub/local", "exit\n\necho {{titel}}\n"))
                .containsExactly("template grub/local: line 3: there is no {{titel}} for local; there are:"
                        + " arch, base-url, host, http-port, local-module, title;"
                        + " for sections only: http-by-port, http-plain, ipv6, over-http");
        assertThat(problems("grub/local", "echo {{kernel}}\n"))
                .singleElement()
                .asString()
                .contains("no {{kernel}} for local");
    }

    @Test
    void allProblemsOfAllOverridesAreTold() {
        BootTemplates.Loaded loaded = BootTemplates.builtIn()
                .withOverrides(Map.of(
                        "grub/local", "echo {{a}} {{b}}\n", "ipxe/hold", "exit\n", "lilo/lokal", "x", "grub", "y"));

        assertThat(loaded.problems()).hasSize(6);
        assertThat(loaded.problems()).anyMatch(problem -> problem.startsWith("template grub: a template's name is"));
        assertThat(loaded.problems())
                .anyMatch(problem -> problem.contains("there is no loader lilo; there are: pxelinux,"));
        assertThat(loaded.problems())
                .anyMatch(problem -> problem.contains("there is no purpose lokal; there are: ephemeral,"));
        assertThat(loaded.problems()).anyMatch(problem -> problem.contains("begins with the line '#!ipxe'"));
        assertThat(loaded.templates().render(ConfigLoader.GRUB, LOCAL, Plans.OVER_TFTP))
                .as("the built-in one stays")
                .contains("bootaa64.efi");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '~',
            value = {
                "echo {{#over-http}}x               ~ line 1: {{#over-http}} is not closed by {{/over-http}}",
                "echo {{/over-http}}                ~ line 1: {{/over-http}} closes nothing: no section is open",
                "echo {{#ipv6}}{{/over-http}}{{/ipv6}} ~ closes nothing: the open section is ipv6",
                "echo {{over-http}}                 ~ {{over-http}} is for sections",
                "echo {{ title }}                   ~ line 1: '{{' begins a variable",
                "echo {{Title}}                     ~ line 1: '{{' begins a variable",
                "echo {{                            ~ line 1: '{{' begins a variable",
                "echo {{local-module}}              ~ may be absent: write it between {{#local-module}} and {{/local-module}}",
                "echo {{^local-module}}{{local-module}}{{/local-module}} ~ may be absent",
                "echo \"{{title}}\"                 ~ {{title}} brings quotes of its own: write it outside of quotes",
                "echo '{{title}}'                   ~ {{title}} brings quotes of its own",
                "echo \\{{title}}                   ~ would be changed by the character before it",
                "echo ${{title}}                    ~ would be changed by the character before it",
                "echo ${x{{title}}}                 ~ would be changed by the character before it",
                "{{title}}                          ~ would be taken for a command",
                "echo x; {{title}}                  ~ would be taken for a command",
                "if true; then {{base-url}}; fi     ~ would be taken for a command",
                "menuentry x { {{title}}            ~ would be taken for a command",
                "echo 'x                            ~ a quote is not closed",
                "echo {{#ipv6}}'{{/ipv6}} x'        ~ section ipv6 does not end where it began",
            })
    void whatIsWrongInAGrubTemplateIsTold(String text, String problem) {
        assertThat(problems("grub/local", text)).isNotEmpty().anyMatch(told -> told.contains(problem));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '~',
            value = {
                "pxelinux/local ~   {{title}}",
                "pxelinux/local ~ {{arch}} x",
                "ipxe/local     ~ {{title}}",
                "ipxe/local     ~ exit || {{title}}",
                "ipxe/local     ~ exit ; {{base-url}}",
                "u-boot-script/local ~ false && {{title}}",
            })
    void aValueIsNoCommand(String name, String line) {
        String text = name.startsWith("ipxe") ? "#!ipxe\n" + line : line;

        assertThat(problems(name, text)).singleElement().asString().contains("would be taken for a command");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '~',
            value = {
                "echo \"{{base-url}} ${x}\" {{title}}:",
                "# it's {{title}}, said {{host}}",
                "echo 'a'\\''b' {{title}} \"c\\\"d\" # it's",
                "if [ -s \"/{{arch}}\" ]; then echo {{title}}; fi",
                "menuentry {{title}} { exit; }",
            })
    void whatIsRightInAGrubTemplateIsTaken(String text) {
        assertThat(problems("grub/local", text)).isEmpty();
    }

    @Test
    void aTemplateHasABound() {
        assertThat(problems("pxelinux/local", "# " + "x".repeat(BootTemplate.LARGEST)))
                .containsExactly("template pxelinux/local: has 65538 characters; a template has at most 65536");
        assertThat(problems("pxelinux/local", "# " + "x".repeat(BootTemplate.LARGEST - 2)))
                .isEmpty();
        assertThat(problems("pxelinux/local", "{{a}}\n".repeat(10_000))).hasSizeLessThan(50);
        assertThat(problems("pxelinux/local", "SAY " + "{{#ipv6}}".repeat(17) + "{{/ipv6}}".repeat(17)))
                .anyMatch(problem -> problem.contains("nested deeper than 16"));
    }

    @ParameterizedTest
    @EnumSource(ConfigLoader.class)
    void loadersAndPurposesHaveWords(ConfigLoader loader) {
        assertThat(ConfigLoader.parse(loader.word())).contains(loader);
        assertThat(ConfigLoader.parse("lilo")).isEmpty();
        assertThat(ConfigLoader.U_BOOT_SCRIPT.word()).isEqualTo("u-boot-script");
        for (ConfigPurpose purpose : ConfigPurpose.values()) {
            assertThat(ConfigPurpose.parse(purpose.word())).contains(purpose);
            assertThat(BootTemplates.builtIn().text(loader, purpose, "vax")).isNotBlank();
        }
    }

    private static BootTemplates load(Map<String, String> texts) {
        BootTemplates.Loaded loaded = BootTemplates.builtIn().withOverrides(texts);
        assertThat(loaded.problems()).isEmpty();
        return loaded.templates();
    }

    private static List<String> problems(String name, String text) {
        return BootTemplates.builtIn().withOverrides(Map.of(name, text)).problems();
    }
}
