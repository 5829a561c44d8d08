package org.rackboot.protocol.bootconfig;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The templates that come with this program, read from its own class path: the only thing in this module that is read
 * from anywhere. {@code boot} is for all purposes that load a kernel, {@code wait} for those that wait.
 */
final class BuiltInTemplates {
    private static final Set<String> NAMES = Set.of(
            "pxelinux/boot",
            "pxelinux/local",
            "pxelinux/wait",
            "pxelinux/poweroff",
            "grub/boot",
            "grub/local",
            "grub/local.amd64",
            "grub/local.arm64",
            "grub/local.ppc64el",
            "grub/wait",
            "grub/poweroff",
            "ipxe/boot",
            "ipxe/local",
            "ipxe/wait",
            "ipxe/poweroff",
            "petitboot/boot",
            "petitboot/local",
            "petitboot/wait",
            "petitboot/poweroff",
            "u-boot/boot",
            "u-boot/local",
            "u-boot/hold",
            "u-boot/failure",
            "u-boot/poweroff",
            "u-boot-script/boot",
            "u-boot-script/boot.armhf",
            "u-boot-script/local",
            "u-boot-script/wait",
            "u-boot-script/poweroff",
            "s390x/boot",
            "s390x/local",
            "s390x/wait",
            "s390x/poweroff",
            "s390x-partition/boot",
            "s390x-partition/local",
            "s390x-partition/wait",
            "s390x-partition/poweroff");

    private BuiltInTemplates() {}

    /** By {@code loader/purpose} and {@code loader/purpose.arch}. */
    static Map<String, BootTemplate> load() {
        Map<String, BootTemplate> templates = new HashMap<>();
        for (String name : NAMES) {
            String text = read(name);
            String loader = name.substring(0, name.indexOf('/'));
            String file = name.substring(loader.length() + 1);
            int dot = file.indexOf('.');
            String arch = dot < 0 ? "" : file.substring(dot);
            purposes(dot < 0 ? file : file.substring(0, dot))
                    .forEach(purpose ->
                            templates.put(loader + '/' + purpose.word() + arch, parse(loader, purpose, text)));
        }
        return templates;
    }

    private static Stream<ConfigPurpose> purposes(String file) {
        return switch (file) {
            case "boot" -> Stream.of(ConfigPurpose.values()).filter(ConfigPurpose::boots);
            case "wait" -> Stream.of(ConfigPurpose.values()).filter(ConfigPurpose::waits);
            default -> ConfigPurpose.parse(file).stream();
        };
    }

    private static BootTemplate parse(String loader, ConfigPurpose purpose, String text) {
        try {
            return BootTemplate.parse(ConfigLoader.parse(loader).orElseThrow(), purpose, text);
        } catch (InvalidTemplateException e) {
            throw new IllegalStateException("the built-in template " + loader + '/' + purpose.word(), e);
        }
    }

    private static String read(String name) {
        String file = "templates/" + name + ".txt";
        try (InputStream in = BuiltInTemplates.class.getResourceAsStream(file)) {
            if (in == null) {
                throw new IllegalStateException("this program was built without " + file);
            }
            return new String(in.readAllBytes(), UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("this program's own " + file + " cannot be read", e);
        }
    }
}
