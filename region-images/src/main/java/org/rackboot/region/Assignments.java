package org.rackboot.region;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import java.net.URISyntaxException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.Assignment;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.Purpose;
import org.rackboot.region.machine.Target;
import org.rackboot.region.store.AssignmentRepository;
import org.rackboot.region.store.AssignmentRepository.Assigned;
import org.rackboot.region.store.AssignmentRepository.Document;
import org.rackboot.region.store.AssignmentRepository.Outcome;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.ImageRepository;
import org.rackboot.region.store.ImageRepository.Kind;
import org.rackboot.region.store.ImageRepository.Version;
import org.rackboot.region.store.NoRoomException;

/** What is assigned to machines, tags, subnets, architectures and all. Thread-safe; methods block on the database. */
public final class Assignments {
    /** In one call. */
    public static final int MOST_AT_ONCE = 10_000;

    static final int MOST_TEXT_BYTES = 64 << 10;

    private static final int MOST_URL = 2 << 10;
    private static final int UNKNOWN_SHOWN = 5;
    private static final Pattern URL = Pattern.compile("[!-~]+");
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{([^{}]*)\\}");
    private static final Set<String> PLACEHOLDERS = Set.of("name", "mac", "uuid", "arch", "rack", "purpose");
    private static final Pattern SERIAL = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,63}");

    private final AssignmentRepository assignments;
    private final ImageRepository images;
    private final Runnable afterChange;

    /**
     * What an operator wants to be booted. An empty text is nothing.
     *
     * @param version a serial of the image
     * @param cloudConfigUrl with {@code {name}} and the like in it
     * @param userData text, 64 KiB at most
     * @param vendorData the same
     */
    public record Wish(
            String purpose,
            Optional<String> image,
            Optional<String> version,
            Optional<String> cloudConfigUrl,
            Optional<String> userData,
            Optional<String> vendorData,
            boolean metadata) {
        public Wish {
            image = image.filter(text -> !text.isEmpty());
            version = version.filter(text -> !text.isEmpty());
            cloudConfigUrl = cloudConfigUrl.filter(text -> !text.isEmpty());
            userData = userData.filter(text -> !text.isEmpty());
            vendorData = vendorData.filter(text -> !text.isEmpty());
        }
    }

    /** @param warnings what cannot be booted yet, and what to do */
    public record Result(List<Assigned> assigned, List<String> warnings) {}

    /** @param afterChange so that whoever waits for the catalog is told */
    Assignments(AssignmentRepository assignments, ImageRepository images, Runnable afterChange) {
        this.assignments = assignments;
        this.images = images;
        this.afterChange = afterChange;
    }

    /** What is assigned to others than machines, by target; what machines have is told with them. */
    public List<Assigned> list() throws DatabaseException {
        return assignments.targets();
    }

    /**
     * Assigns the same to each target, or nothing to any if something is wrong.
     *
     * @param targets {@code NAME}, {@code MAC}, {@code tag:T}, {@code subnet:CIDR}, {@code arch:A}, {@code default}
     * @param once for the next boot alone, which only machines can have
     */
    public Result assign(List<String> targets, boolean once, Wish wish) throws RefusedException, DatabaseException {
        List<String> problems = new ArrayList<>();
        List<Target> all = targets(targets, problems);
        if (once && all.stream().anyMatch(target -> target.kind() != Target.Kind.MACHINE)) {
            problems.add("Only machines boot something once: name them, or leave 'once' away");
        }
        Map<String, Document> documents = new LinkedHashMap<>();
        Optional<Assignment> assignment = assignment(wish, documents, problems);
        if (assignment.isEmpty() || !problems.isEmpty()) {
            throw invalid(String.join(". ", problems));
        }
        Outcome outcome;
        try {
            outcome = assignments.assign(all, once, assignment.get(), List.copyOf(documents.values()));
        } catch (NoRoomException e) {
            throw new RefusedException(RefusedException.Kind.NO_ROOM, String.valueOf(e.getMessage()));
        }
        requireKnown(outcome);
        afterChange.run();
        return new Result(outcome.assigned(), warnings(assignment.get()));
    }

    /**
     * Takes away what is assigned; who has nothing is passed over.
     *
     * @param onceOnly whether only what is for the next boot goes
     * @return what was there
     */
    public List<Assigned> unassign(List<String> targets, boolean onceOnly) throws RefusedException, DatabaseException {
        List<String> problems = new ArrayList<>();
        List<Target> all = targets(targets, problems);
        if (!problems.isEmpty()) {
            throw invalid(String.join(". ", problems));
        }
        Outcome outcome = assignments.unassign(all, onceOnly);
        requireKnown(outcome);
        afterChange.run();
        return outcome.assigned();
    }

    private static List<Target> targets(List<String> texts, List<String> problems) {
        if (texts.isEmpty() || texts.size() > MOST_AT_ONCE) {
            problems.add("Say whom it is for: 1 to %d of NAME, MAC, tag:T, subnet:CIDR, arch:A or default"
                    .formatted(MOST_AT_ONCE));
            return List.of();
        }
        List<Target> targets = new ArrayList<>();
        for (String text : texts) {
            Optional<Target> target = Target.parse(text);
            target.ifPresent(targets::add);
            if (target.isEmpty()) {
                problems.add(
                        ("'%s' is nobody: use a machine's name or MAC address, tag:T, subnet:198.18.0.0/15 (its first"
                                        + " address), arch:amd64, or default")
                                .formatted(Machines.shown(text)));
                break; // The others may be as many, and wrong in the same way.
            }
        }
        return targets;
    }

    private static void requireKnown(Outcome outcome) throws RefusedException {
        List<Target> unknown = outcome.unknown();
        if (unknown.size() == 1) {
            throw Machines.isUnknown(unknown.get(0).value());
        }
        if (!unknown.isEmpty()) {
            throw new RefusedException(
                    RefusedException.Kind.NOT_FOUND,
                    "There are no machines %s%s; nothing was changed; see 'rackboot machines list'"
                            .formatted(
                                    String.join(
                                            ", ",
                                            unknown.stream()
                                                    .limit(UNKNOWN_SHOWN)
                                                    .map(Target::value)
                                                    .toList()),
                                    unknown.size() > UNKNOWN_SHOWN
                                            ? " and %d more".formatted(unknown.size() - UNKNOWN_SHOWN)
                                            : ""));
        }
    }

    private static Optional<Assignment> assignment(Wish wish, Map<String, Document> documents, List<String> problems) {
        Optional<Purpose> purpose = Purpose.of(wish.purpose());
        if (purpose.isEmpty()) {
            problems.add("'%s' is no purpose; use ephemeral, install, rescue, local, hold or poweroff"
                    .formatted(Machines.shown(wish.purpose())));
            return Optional.empty();
        }
        boolean ofAnImage = wish.image().isPresent()
                || wish.version().isPresent()
                || wish.cloudConfigUrl().isPresent()
                || wish.userData().isPresent()
                || wish.vendorData().isPresent()
                || wish.metadata();
        if (ofAnImage && !purpose.get().isOfAnImage()) {
            problems.add("The purpose %s boots no image: leave image, version, cloud-config URL, data and metadata away"
                    .formatted(purpose.get().word()));
        }
        Optional<ImageReference> image = wish.image().flatMap(ImageReference::parse);
        if (wish.image().isPresent() && image.isEmpty()) {
            problems.add(
                    "'%s' names no image; write OS/RELEASE[/ARCH[/SUBARCH]], as ubuntu/noble or ubuntu/noble/amd64/ga-24.04"
                            .formatted(Machines.shown(wish.image().get())));
        }
        if (wish.version().isPresent()) {
            if (wish.image().isEmpty()) {
                problems.add("A version is one of an image's: say which image");
            } else if (!SERIAL.matcher(wish.version().get()).matches()) {
                problems.add("'%s' is no version; 'rackboot images list' shows them"
                        .formatted(Machines.shown(wish.version().get())));
            }
        }
        wish.cloudConfigUrl().flatMap(Assignments::urlProblem).ifPresent(problems::add);
        Optional<String> userData = document(wish.userData(), "User data", documents, problems);
        Optional<String> vendorData = document(wish.vendorData(), "Vendor data", documents, problems);
        return Optional.of(new Assignment(
                0, purpose.get(), image, wish.version(), wish.cloudConfigUrl(), userData, vendorData, wish.metadata()));
    }

    private static Optional<String> urlProblem(String url) {
        if (url.length() > MOST_URL || !URL.matcher(url).matches()) {
            return Optional.of(
                    "A cloud-config URL has %d characters at most, printable ASCII without blanks".formatted(MOST_URL));
        }
        Matcher placeholder = PLACEHOLDER.matcher(url);
        while (placeholder.find()) {
            if (!PLACEHOLDERS.contains(placeholder.group(1))) {
                return Optional.of(
                        ("A cloud-config URL has no placeholder '%s'; use {name}, {mac}, {uuid}, {arch}, {rack} or"
                                        + " {purpose}")
                                .formatted(Machines.shown(placeholder.group())));
            }
        }
        String refusal =
                "'%s' is no address of a cloud-config; write http://host/path or https://host/path, with {name} and"
                                .formatted(Machines.shown(url))
                        + " the like where they belong";
        try {
            URI uri = new URI(PLACEHOLDER.matcher(url).replaceAll("x"));
            boolean http = "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
            return http && uri.getHost() != null ? Optional.empty() : Optional.of(refusal);
        } catch (URISyntaxException e) {
            return Optional.of(refusal);
        }
    }

    /** @return its sha256; empty if there is none, or a problem */
    private static Optional<String> document(
            Optional<String> text, String what, Map<String, Document> documents, List<String> problems) {
        if (text.isEmpty()) {
            return Optional.empty();
        }
        String body = text.get();
        boolean isText = UTF_8.newEncoder().canEncode(body)
                && body.chars().allMatch(c -> c == '\t' || c == '\n' || c == '\r' || (c >= ' ' && c != 127));
        if (!isText) {
            problems.add(
                    what + " is text in UTF-8, without control characters but tabs and ends of lines; what is packed"
                            + " may be fetched by a cloud-config URL");
            return Optional.empty();
        }
        byte[] bytes = body.getBytes(UTF_8);
        if (bytes.length > MOST_TEXT_BYTES) {
            problems.add(
                    "%s has %d KiB at most, and this has %d bytes; what is larger may be fetched by a cloud-config URL"
                            .formatted(what, MOST_TEXT_BYTES >> 10, bytes.length));
            return Optional.empty();
        }
        int escaped =
                (int) body.chars().filter(c -> c < ' ' || c == '"' || c == '\\').count(); // Two bytes each in JSON.
        String sha256 = sha256(bytes);
        documents.put(sha256, new Document(sha256, body, bytes.length + escaped));
        return Optional.of(sha256);
    }

    /** What is assigned may be imported later: whoever assigns is told that it is not here. */
    private List<String> warnings(Assignment assignment) throws DatabaseException {
        if (assignment.image().isEmpty()) {
            return List.of();
        }
        ImageReference wanted = assignment.image().get();
        List<Version> found = images.versions().stream()
                .filter(version -> version.image().kind() == Kind.IMAGE)
                .filter(version -> wanted.means(
                        version.image().os(),
                        version.image().release(),
                        version.image().arch(),
                        version.image().subarch(),
                        version.image().subarches()))
                .toList();
        if (found.isEmpty()) {
            return List.of(("no image %s yet: import it, with 'rackboot selections add --os %s --release %s%s' and then"
                            + " 'rackboot images import'")
                    .formatted(
                            wanted.text(),
                            wanted.words().get(0),
                            wanted.words().get(1),
                            wanted.words().size() > 2
                                    ? " --arch " + wanted.words().get(2)
                                    : ""));
        }
        Optional<String> serial = assignment.version();
        return serial.isEmpty()
                        || found.stream().anyMatch(version -> version.serial().equals(serial.get()))
                ? List.of()
                : List.of("no version %s of %s is here; see 'rackboot images list'"
                        .formatted(serial.get(), wanted.text()));
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }

    private static RefusedException invalid(String message) {
        return new RefusedException(RefusedException.Kind.INVALID, message);
    }
}
