package org.rackboot.server.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.rackboot.server.json.StrictJson;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Machines as an inventory writes them: a JSON array as the API takes it, or CSV (RFC 4180) with the columns
 * {@code name,mac,uuid,arch,loader,tags,kernel-options} in any order, of which {@code mac} alone is needed; it and the last two
 * may hold several, parted by blanks, addresses and tags also by semicolons. What stands in the cells is for the region to judge.
 *
 * @param rows for the API
 * @param lines for each row, where it begins, from 1; empty for JSON
 */
record MachineFile(List<Object> rows, List<Integer> lines) {
    private static final List<String> COLUMNS =
            List.of("name", "mac", "uuid", "arch", "loader", "tags", "kernel-options");

    private record Line(int number, List<String> cells) {
        boolean isBlank() {
            return cells.stream().allMatch(String::isBlank);
        }
    }

    static MachineFile read(String text) throws Client.UsageException {
        String content = text.startsWith("\uFEFF") ? text.substring(1) : text; // As spreadsheets begin a file.
        if (content.stripLeading().startsWith("{")) {
            throw new Client.UsageException(
                    "the file is a JSON object; machines are a JSON array, of one machine as well:"
                            + " [{\"macs\": [\"52:54:00:12:34:56\"]}]");
        }
        return content.stripLeading().startsWith("[") ? json(content) : csv(content);
    }

    /** Where the API's row, from 1, stands in the file. */
    String place(int row) {
        return lines.size() < row ? "machine " + row : "line " + lines.get(row - 1);
    }

    private static MachineFile json(String text) throws Client.UsageException {
        try {
            List<Object> rows = new ArrayList<>();
            StrictJson.json(text).forEach((JsonNode row) -> rows.add(row));
            return new MachineFile(rows, List.of());
        } catch (JacksonException e) {
            throw new Client.UsageException(
                    "the file begins as JSON does, but cannot be read: " + StrictJson.problem(e));
        }
    }

    private static MachineFile csv(String text) throws Client.UsageException {
        List<Line> all = lines(text);
        all.removeIf(Line::isBlank);
        if (all.isEmpty()) {
            throw new Client.UsageException(
                    "the file has no machines; its first line names the columns: " + String.join(",", COLUMNS));
        }
        List<String> columns = all.get(0).cells().stream()
                .map(cell -> cell.strip().toLowerCase(Locale.ROOT))
                .toList();
        for (String column : columns) {
            if (!COLUMNS.contains(column) || columns.indexOf(column) != columns.lastIndexOf(column)) {
                throw new Client.UsageException(
                        "the file's first line names its columns: of %s each once at most; '%s' is none of them, or there twice"
                                .formatted(String.join(",", COLUMNS), column));
            }
        }
        if (!columns.contains("mac")) {
            throw new Client.UsageException("the file's first line names no column 'mac'");
        }
        List<Object> rows = new ArrayList<>();
        List<Integer> numbers = new ArrayList<>();
        for (Line line : all.subList(1, all.size())) {
            if (line.cells().size() > columns.size()) {
                throw new Client.UsageException("line %d has %d cells, and there are %d columns"
                        .formatted(line.number(), line.cells().size(), columns.size()));
            }
            rows.add(row(columns, line.cells()));
            numbers.add(line.number());
        }
        return new MachineFile(rows, numbers);
    }

    private static Map<String, Object> row(List<String> columns, List<String> cells) {
        Map<String, Object> row = new LinkedHashMap<>();
        for (int i = 0; i < cells.size(); i++) {
            String cell = cells.get(i).strip();
            switch (columns.get(i)) {
                case "mac" -> row.put("macs", cell.isEmpty() ? List.of() : List.of(cell.split("[\\s;]+")));
                case "tags" -> put(row, "tags", cell, "[\\s;]+");
                case "kernel-options" -> put(row, "kernelOptions", cell, "\\s+");
                default -> {
                    if (!cell.isEmpty()) {
                        row.put(columns.get(i), cell);
                    }
                }
            }
        }
        return row;
    }

    private static void put(Map<String, Object> row, String key, String cell, String parting) {
        if (!cell.isEmpty()) {
            row.put(key, List.of(cell.split(parting)));
        }
    }

    private static List<Line> lines(String text) throws Client.UsageException {
        List<Line> lines = new ArrayList<>();
        List<String> cells = new ArrayList<>();
        StringBuilder cell = new StringBuilder();
        int number = 1;
        int begun = 1;
        boolean quoted = false;
        for (int i = 0; i <= text.length(); i++) {
            char c = i < text.length() ? text.charAt(i) : '\n';
            if (quoted && i == text.length()) {
                throw new Client.UsageException("a quotation mark in line %d is never closed".formatted(begun));
            }
            if (c == '"') {
                boolean doubled = quoted && i + 1 < text.length() && text.charAt(i + 1) == '"';
                if (doubled) {
                    cell.append('"');
                    i++;
                } else {
                    quoted = !quoted;
                }
            } else if (quoted || (c != ',' && c != '\n')) {
                cell.append(c);
            } else {
                cells.add(cell.toString());
                cell.setLength(0);
            }
            if (c == '\n') {
                number++;
                if (!quoted) {
                    lines.add(new Line(begun, List.copyOf(cells)));
                    cells.clear();
                    begun = number;
                }
            }
        }
        return lines;
    }
}
