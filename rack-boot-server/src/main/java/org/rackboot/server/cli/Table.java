package org.rackboot.server.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import org.rackboot.server.config.Sizes;

/** Rows under headings, each column as wide as its widest cell. */
final class Table {
    private final List<List<String>> rows = new ArrayList<>();

    Table(String... headings) {
        rows.add(List.of(headings));
    }

    void add(String... cells) {
        rows.add(List.of(cells));
    }

    void print(PrintWriter out) {
        int columns = rows.get(0).size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        StringBuilder all = new StringBuilder(); // Standard output would be flushed with each line.
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                line.append(row.get(i)).append(" ".repeat(widths[i] - row.get(i).length() + 2));
            }
            all.append(line.toString().stripTrailing()).append(System.lineSeparator());
        }
        out.print(all);
        out.flush();
    }

    /** {@code 20 MiB}, as the configuration file says it; {@link #bytes} where that is no whole number. */
    static String binary(long bytes) {
        for (int shift = 40; shift > 0; shift -= 10) {
            if (bytes > 0 && bytes % (1L << shift) == 0) {
                return "%d %siB".formatted(bytes >> shift, "KMGT".charAt(shift / 10 - 1));
            }
        }
        return bytes(bytes);
    }

    /** {@code 14.1 MB}: decimal units, as sizes of images are given. */
    static String bytes(long bytes) {
        return Sizes.words(bytes);
    }
}
