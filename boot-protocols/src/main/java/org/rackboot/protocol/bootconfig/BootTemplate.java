package org.rackboot.protocol.bootconfig;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.protocol.bootconfig.TemplateVariable.Kind;

/**
 * A boot configuration with variables, parsed once: <code>{{name}}</code> stands for a value,
 * <code>{{#name}}…{{/name}}</code> is there if the value is, <code>{{^name}}…{{/name}}</code> if it is not. A line that has
 * nothing but the begin or the end of a section is not there.
 */
final class BootTemplate {
    /** In characters. */
    static final int LARGEST = 65_536;

    private static final int DEEPEST = 16;
    private static final int MOST_PROBLEMS = 20;
    private static final Pattern TAG = Pattern.compile("\\{\\{([#^/]?)([a-z0-9-]{1,32})}}");

    private sealed interface Node {
        record Literal(String text) implements Node {}

        record Value(TemplateVariable variable) implements Node {}

        record Section(TemplateVariable variable, boolean ifPresent, List<Node> nodes) implements Node {}
    }

    private final ConfigSyntax syntax;
    private final String text;
    private final List<Node> nodes;

    private BootTemplate(ConfigSyntax syntax, String text, List<Node> nodes) {
        this.syntax = syntax;
        this.text = text;
        this.nodes = nodes;
    }

    /** @throws InvalidTemplateException with all that is wrong, up to {@value #MOST_PROBLEMS} problems */
    static BootTemplate parse(ConfigLoader loader, ConfigPurpose purpose, String text) throws InvalidTemplateException {
        if (text.length() > LARGEST) {
            throw new InvalidTemplateException(
                    List.of("has " + text.length() + " characters; a template has at most " + LARGEST));
        }
        String unix = text.replace("\r\n", "\n");
        return new BootTemplate(loader.syntax(), unix, new Parser(loader.syntax(), purpose, unix).parse());
    }

    /** As it was written. */
    String text() {
        return text;
    }

    String render(BootPlan plan, Location location) {
        StringBuilder out = new StringBuilder(1_024);
        append(nodes, plan, location, out);
        return out.toString();
    }

    private void append(List<Node> from, BootPlan plan, Location location, StringBuilder out) {
        for (Node node : from) {
            if (node instanceof Node.Literal literal) {
                out.append(literal.text());
            } else if (node instanceof Node.Value value) {
                value.variable().value(plan, location, syntax).ifPresent(out::append);
            } else if (node instanceof Node.Section section) {
                boolean present = section.variable().isPresent(plan, location, syntax);
                if (present == section.ifPresent()) {
                    append(section.nodes(), plan, location, out);
                }
            }
        }
    }

    /** Reads a template from front to end, once. */
    private static final class Parser {
        private record Open(Node.Section section, String word, int line, String place) {}

        private final ConfigSyntax syntax;
        private final ConfigPurpose purpose;
        private final String text;
        private final ValuePlaces places;
        private final List<String> problems = new ArrayList<>();
        private final List<Node> top = new ArrayList<>();
        private final Deque<Open> open = new ArrayDeque<>();
        private int line = 1;

        Parser(ConfigSyntax syntax, ConfigPurpose purpose, String text) {
            this.syntax = syntax;
            this.purpose = purpose;
            this.text = text;
            this.places = syntax.places();
        }

        List<Node> parse() throws InvalidTemplateException {
            syntax.problem(text).ifPresent(problems::add);
            Matcher tag = TAG.matcher(text);
            int from = 0;
            while (problems.size() < MOST_PROBLEMS && tag.find(from)) {
                boolean ofSection = !tag.group(1).isEmpty();
                int lineStart = text.lastIndexOf('\n', tag.start()) + 1;
                int lineEnd = lineEnd(tag.end());
                boolean alone = ofSection
                        && text.substring(Math.max(from, lineStart), tag.start())
                                .isBlank()
                        && lineStart >= from
                        && text.substring(tag.end(), lineEnd).isBlank();
                literal(from, alone ? lineStart : tag.start());
                if (ofSection) {
                    section(tag.group(1), tag.group(2));
                } else {
                    value(tag.group(2));
                }
                from = tag.end();
                if (alone) {
                    from = Math.min(lineEnd + 1, text.length());
                    line += from > lineEnd ? 1 : 0;
                }
            }
            literal(from, text.length());
            for (Open unclosed : open) {
                problem(unclosed.line(), "{{#" + unclosed.word() + "}} is not closed by {{/" + unclosed.word() + "}}");
            }
            if (problems.isEmpty() && places.isQuoted()) {
                problem(line, "a quote is not closed");
            }
            if (!problems.isEmpty()) {
                throw new InvalidTemplateException(problems);
            }
            return top;
        }

        private int lineEnd(int from) {
            int end = text.indexOf('\n', from);
            return end < 0 ? text.length() : end;
        }

        private void literal(int from, int to) {
            if (from >= to) {
                return;
            }
            String literal = text.substring(from, to);
            int braces = literal.indexOf("{{");
            if (braces >= 0) {
                problem(
                        line + newlines(literal.substring(0, braces)),
                        "'{{' begins a variable, as {{title}}, or a section, as {{#title}}…{{/title}}");
            }
            places.read(literal);
            add(new Node.Literal(literal));
            line += newlines(literal);
        }

        private void value(String word) {
            Optional<TemplateVariable> variable = find(word);
            if (variable.isEmpty()) {
                return;
            }
            Kind kind = variable.get().kind();
            if (kind == Kind.FLAG) {
                problem(line, "{{" + word + "}} is for sections: {{#" + word + "}}…{{/" + word + "}}");
                return;
            }
            if (variable.get().mayBeAbsent() && !isInSectionOf(variable.get())) {
                problem(
                        line,
                        "{{" + word + "}} may be absent: write it between {{#" + word + "}} and {{/" + word + "}}");
            }
            places.readValue(kind.isQuoted()).ifPresent(why -> problem(line, "{{" + word + "}} " + why));
            add(new Node.Value(variable.get()));
        }

        private void section(String sign, String word) {
            if (sign.equals("/")) {
                close(word);
                return;
            }
            Optional<TemplateVariable> variable = find(word);
            if (open.size() == DEEPEST) {
                problem(line, "sections are nested deeper than " + DEEPEST);
            }
            // An unknown section is read on as another would be, so that its end is no second problem.
            TemplateVariable known = variable.orElse(TemplateVariable.TITLE);
            Node.Section section = new Node.Section(known, sign.equals("#"), new ArrayList<>());
            open.push(new Open(section, word, line, places.place()));
        }

        private void close(String word) {
            Open last = open.peek();
            if (last == null || !last.word().equals(word)) {
                String instead = last == null ? "no section is open" : "the open section is " + last.word();
                problem(line, "{{/" + word + "}} closes nothing: " + instead);
                return;
            }
            open.pop();
            if (!last.place().equals(places.place())) {
                problem(line, "section " + word + " does not end where it began: in a line of its own, or in quotes");
            }
            add(last.section());
        }

        private Optional<TemplateVariable> find(String word) {
            Optional<TemplateVariable> variable = TemplateVariable.find(word, purpose);
            if (variable.isEmpty()) {
                problem(
                        line,
                        "there is no {{" + word + "}} for " + purpose.word() + "; there are: "
                                + TemplateVariable.listOf(purpose));
            }
            return variable;
        }

        private boolean isInSectionOf(TemplateVariable variable) {
            return open.stream()
                    .map(Open::section)
                    .anyMatch(section -> section.ifPresent() && section.variable() == variable);
        }

        private void add(Node node) {
            Open last = open.peek();
            (last == null ? top : last.section().nodes()).add(node);
        }

        private void problem(int at, String what) {
            problems.add("line " + at + ": " + what);
        }

        private static int newlines(String literal) {
            return (int) literal.chars().filter(c -> c == '\n').count();
        }
    }
}
