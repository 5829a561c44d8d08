package org.rackboot.protocol.bootconfig;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Texts that a loader would trip over if they were written as they are. */
final class HostileTexts {
    private static final String[] PIECES = {
        "a",
        "B7",
        "=",
        ".",
        "-",
        "--",
        " ",
        "  ",
        "'",
        "\"",
        "\\",
        "`",
        "$",
        "${",
        "${mac}",
        "$(reboot)",
        "{",
        "}",
        "{{title}}",
        "[",
        "]",
        "*",
        "?",
        "#",
        "!",
        ";",
        ";;",
        "&",
        "&&",
        "|",
        "||",
        "<",
        ">",
        "%",
        "%0a",
        ",",
        ":",
        "::",
        "/",
        "../",
        "~",
        "^",
        "\n",
        "\r",
        "\r\n",
        "\t",
        "\u0000",
        "\u000b",
        "\u001b[2J",
        "\u007f",
        "\u0085",
        "\u009b",
        "\u2028",
        "\u2029",
        "\u00e9",
        "\ud83d\ude00",
        " || reboot",
        " && reboot",
        " ; reboot",
        "\nreboot\n",
        "\nKERNEL x",
        "'; reboot; '",
        "\"; reboot; \"",
        "}\nreboot\nmenuentry x {",
        " # ",
        "initrd=x",
        "BOOTIF=x",
        "key=\"a b\"",
        "\\x41",
        "\\'",
        "\\\"",
        "\\\\",
        "then ",
        "do ",
        " fi",
        "done",
        "if",
        "goto x",
        "exit",
    };

    private final SplittableRandom random;

    HostileTexts(long seed) {
        random = new SplittableRandom(seed);
    }

    String text() {
        StringBuilder text = new StringBuilder();
        for (int left = random.nextInt(8); left >= 0; left--) {
            text.append(PIECES[random.nextInt(PIECES.length)]);
        }
        return text.toString();
    }

    List<String> words() {
        List<String> words = new ArrayList<>(List.of("nomodeset")); // With which every command line begins.
        if (random.nextInt(4) == 0) {
            words.clear();
        }
        for (int left = random.nextInt(6); left > 0; left--) {
            words.add(text());
        }
        return words;
    }
}
