package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.region.machine.Assignment;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.KernelWords;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.Purpose;
import org.rackboot.region.machine.Tag;
import org.rackboot.region.machine.Target;

/**
 * What is assigned to whom, the texts that go with it, and kernel options of tags and images. Every change is one of the
 * catalog, too.
 */
public final class AssignmentRepository {
    /** Of machines and assignments in the catalog: a rack reads 64 MiB, of which images and texts have a share. */
    static final long MOST_BYTES = 40L << 20;
    /** Of texts in the catalog. */
    static final long MOST_DOCUMENT_BYTES = 16L << 20;

    static final int MOST_TARGETS = 10_000;
    static final int MOST_OPTIONS = 500;

    private static final String COLUMNS =
            "a.id, a.once, a.purpose, a.image, a.version, a.cloud_config_url, a.user_data, a.vendor_data, a.metadata";
    private static final String OF_MACHINE =
            "select " + COLUMNS + " from assignment a where machine_id = ? and once = ?";
    private static final String OF_TARGET = "select " + COLUMNS + " from assignment a where target = ?";

    private final RegionDatabase database;

    public AssignmentRepository(RegionDatabase database) {
        this.database = database;
    }

    /**
     * A text that assignments refer to.
     *
     * @param bytes in the catalog
     */
    public record Document(String sha256, String body, int bytes) {}

    /**
     * An assignment, and whom it is for.
     *
     * @param target of a machine by its name
     */
    public record Assigned(Target target, boolean once, Assignment assignment) {}

    /**
     * How assigning went.
     *
     * @param unknown targets that are no machine; unless it is empty, nothing changed
     */
    public record Outcome(List<Target> unknown, List<Assigned> assigned) {}

    /**
     * Everything that operators said of machines, at one moment.
     *
     * @param assigned to others than machines
     * @param tags those with kernel options
     * @param baseImages {@code OS/RELEASE} of what installs an uploaded image, by the image's product
     * @param documents by sha256
     */
    public record Everything(
            List<Machine> machines,
            List<Assigned> assigned,
            List<Tag> tags,
            Map<ImageReference, List<String>> imageOptions,
            Map<String, String> baseImages,
            Map<String, String> documents) {}

    private record Owner(Target target, Optional<Long> machine) {}

    /**
     * Assigns the same to each target, in one transaction, in the place of what it had. Who has it already keeps it, with its
     * id; but a one-shot is a new one each time.
     *
     * @param targets machines by name or address
     * @param documents that the assignment refers to
     * @throws NoRoomException if racks would be told too much
     */
    public Outcome assign(List<Target> targets, boolean once, Assignment assignment, List<Document> documents)
            throws DatabaseException {
        return database.write(c -> {
            List<Target> unknown = new ArrayList<>();
            List<Owner> owners = owners(c, targets, unknown);
            if (!unknown.isEmpty()) {
                return new Outcome(unknown, List.of());
            }
            for (Document document : documents) {
                Sql.update(
                        c,
                        "insert into document (sha256, bytes, body) values (?, ?, ?) on conflict do nothing",
                        document.sha256(),
                        document.bytes(),
                        document.body());
            }
            boolean changed = false;
            List<Assigned> assigned = new ArrayList<>();
            for (Owner owner : owners) {
                Optional<Assignment> before = of(c, owner, once);
                if (!once && before.isPresent() && before.get().saysTheSame(assignment)) {
                    assigned.add(new Assigned(owner.target(), false, before.get()));
                    continue;
                }
                if (before.isPresent()) {
                    remove(c, before.get());
                }
                assigned.add(new Assigned(owner.target(), once, insert(c, owner, once, assignment)));
                changed = true;
            }
            dropUnusedDocuments(c);
            if (changed) {
                requireRoom(c);
                ImageRepository.raiseCatalogVersion(c);
            }
            return new Outcome(List.of(), assigned);
        });
    }

    /**
     * Takes away what is assigned, in one transaction.
     *
     * @param onceOnly whether what is not for once stays
     * @return what was there
     */
    public Outcome unassign(List<Target> targets, boolean onceOnly) throws DatabaseException {
        return database.write(c -> {
            List<Target> unknown = new ArrayList<>();
            List<Owner> owners = owners(c, targets, unknown);
            List<Assigned> removed = new ArrayList<>();
            if (!unknown.isEmpty()) {
                return new Outcome(unknown, removed);
            }
            for (Owner owner : owners) {
                for (boolean once : onceOnly ? new boolean[] {true} : new boolean[] {true, false}) {
                    Optional<Assignment> before = of(c, owner, once);
                    if (before.isPresent()) {
                        remove(c, before.get());
                        removed.add(new Assigned(owner.target(), once, before.get()));
                    }
                }
            }
            if (!removed.isEmpty()) {
                dropUnusedDocuments(c);
                ImageRepository.raiseCatalogVersion(c);
            }
            return new Outcome(unknown, removed);
        });
    }

    /** Everything at one moment, so that nothing refers to what is not in it. */
    public Everything everything() throws DatabaseException {
        return database.snapshot(c -> {
            Map<String, String> documents = new LinkedHashMap<>();
            Sql.list(
                    c,
                    "select sha256, body from document order by sha256",
                    row -> documents.put(row.getString(1), row.getString(2)));
            return new Everything(
                    MachineRepository.all(c),
                    targets(c),
                    tags(c),
                    imageOptions(c),
                    ImageRepository.baseImages(c),
                    documents);
        });
    }

    /** What is assigned to others than machines, by target. */
    public List<Assigned> targets() throws DatabaseException {
        return database.read(AssignmentRepository::targets);
    }

    /** Tags with kernel options, by name. */
    public List<Tag> tags() throws DatabaseException {
        return database.read(AssignmentRepository::tags);
    }

    /** Kernel options by the images that they are for. */
    public Map<ImageReference, List<String>> imageOptions() throws DatabaseException {
        return database.read(AssignmentRepository::imageOptions);
    }

    /**
     * Says what kernels of machines with a tag are given; of no words, nothing.
     *
     * @return what was said before
     * @throws NoRoomException if too many tags have options
     */
    public List<String> setTagOptions(String tag, List<String> words) throws DatabaseException {
        return setOptions("tag", "name", "tags", tag, words);
    }

    /** The same of images. */
    public List<String> setImageOptions(ImageReference image, List<String> words) throws DatabaseException {
        return setOptions("image_options", "image", "images", image.text(), words);
    }

    private List<String> setOptions(String table, String key, String what, String value, List<String> words)
            throws DatabaseException {
        return database.write(c -> {
            List<String> before = Sql.first(
                            c,
                            "select kernel_options from " + table + " where " + key + " = ?",
                            row -> KernelWords.of(row.getString(1)),
                            value)
                    .orElse(List.of());
            if (before.equals(words)) {
                return before;
            }
            Sql.update(c, "delete from " + table + " where " + key + " = ?", value);
            if (!words.isEmpty()) {
                Sql.update(
                        c,
                        "insert into " + table + " (" + key + ", kernel_options) values (?, ?)",
                        value,
                        String.join(" ", words));
                if (number(c, "select count(*) from " + table) > MOST_OPTIONS) {
                    throw new NoRoomException(
                            "%d %s at most have kernel options; take some away first".formatted(MOST_OPTIONS, what));
                }
            }
            ImageRepository.raiseCatalogVersion(c);
            return before;
        });
    }

    private static List<Owner> owners(Connection c, List<Target> targets, List<Target> unknown) throws SQLException {
        Map<Target, Owner> owners = new LinkedHashMap<>(); // A machine may be named twice.
        for (Target target : targets) {
            if (target.kind() != Target.Kind.MACHINE) {
                owners.put(target, new Owner(target, Optional.empty()));
                continue;
            }
            Optional<Owner> owner = MachineRepository.key(c, target.value())
                    .map(key -> new Owner(new Target(Target.Kind.MACHINE, key.name()), Optional.of(key.id())));
            if (owner.isPresent()) {
                owners.put(owner.get().target(), owner.get());
            } else {
                unknown.add(target);
            }
        }
        return List.copyOf(owners.values());
    }

    private static Optional<Assignment> of(Connection c, Owner owner, boolean once) throws SQLException {
        if (owner.machine().isPresent()) {
            return Sql.first(
                    c,
                    OF_MACHINE,
                    AssignmentRepository::assignment,
                    owner.machine().get(),
                    once);
        }
        return once
                ? Optional.empty()
                : Sql.first(
                        c,
                        OF_TARGET,
                        AssignmentRepository::assignment,
                        owner.target().text());
    }

    private static Assignment insert(Connection c, Owner owner, boolean once, Assignment assignment)
            throws SQLException {
        Optional<String> target = owner.machine().isPresent()
                ? Optional.empty()
                : Optional.of(owner.target().text());
        long id = Sql.first(
                        c,
                        "insert into assignment (machine_id, once, target, purpose, image, version, cloud_config_url,"
                                + " user_data, vendor_data, metadata, bytes) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                                + " returning id",
                        row -> row.getLong(1),
                        owner.machine(),
                        once,
                        target,
                        assignment.purpose().word(),
                        assignment.image().map(ImageReference::text),
                        assignment.version(),
                        assignment.cloudConfigUrl(),
                        assignment.userData(),
                        assignment.vendorData(),
                        assignment.metadata(),
                        assignment.bytes() + target.orElse("").length())
                .orElseThrow(() -> new SQLException("an assignment got no id"));
        return assignment.withId(id);
    }

    private static void remove(Connection c, Assignment assignment) throws SQLException {
        Sql.update(c, "delete from assignment where id = ?", assignment.id());
    }

    /** Takes a machine's one-shot away if it is that one; returns whether it was. */
    static boolean used(Connection c, String machine, long once) throws SQLException {
        return Sql.update(
                        c,
                        "delete from assignment where id = ? and once = 1"
                                + " and machine_id = (select id from machine where name = ?)",
                        once,
                        machine)
                == 1;
    }

    static void dropUnusedDocuments(Connection c) throws SQLException {
        Sql.update(
                c,
                "delete from document where not exists (select 1 from assignment a where a.user_data = document.sha256)"
                        + " and not exists (select 1 from assignment a where a.vendor_data = document.sha256)");
    }

    /** Looks at what there is after a change; throwing undoes it. */
    static void requireRoom(Connection c) throws SQLException {
        if (number(c, "select count(*) from assignment where target is not null") > MOST_TARGETS) {
            throw new NoRoomException(("Tags, subnets and the like have %d assignments at most; take some away first:"
                            + " rackboot machines unassign TARGET")
                    .formatted(MOST_TARGETS));
        }
        if (number(c, "select coalesce(sum(bytes), 0) from document") > MOST_DOCUMENT_BYTES) {
            throw new NoRoomException(
                    "User data and vendor data have 16 MiB at most, all together, each text counted once;"
                            + " take some away first: rackboot machines unassign TARGET, or give a --cloud-config-url");
        }
        if (number(c, "select coalesce(sum(bytes), 0) from machine")
                        + number(c, "select coalesce(sum(bytes), 0) from assignment")
                > MOST_BYTES) {
            throw new NoRoomException(
                    "What is said of machines has 40 MiB at most, all together: say it of a tag instead,"
                            + " or take kernel options, network configurations or assignments away first");
        }
    }

    private static long number(Connection c, String sql) throws SQLException {
        return Sql.first(c, sql, row -> row.getLong(1)).orElse(0L);
    }

    private static List<Assigned> targets(Connection c) throws SQLException {
        return Sql.list(
                c,
                "select " + COLUMNS + ", a.target from assignment a where a.target is not null order by a.target",
                row -> new Assigned(Target.parse(row.getString("target")).orElseThrow(), false, assignment(row)));
    }

    private static List<Tag> tags(Connection c) throws SQLException {
        return Sql.list(
                c,
                "select name, kernel_options from tag order by name",
                row -> new Tag(row.getString(1), KernelWords.of(row.getString(2))));
    }

    private static Map<ImageReference, List<String>> imageOptions(Connection c) throws SQLException {
        Map<ImageReference, List<String>> all = new LinkedHashMap<>();
        Sql.list(
                c,
                "select image, kernel_options from image_options order by image",
                row -> all.put(ImageReference.parse(row.getString(1)).orElseThrow(), KernelWords.of(row.getString(2))));
        return all;
    }

    /**
     * What machines have, by the machine's id.
     *
     * @param condition on the machines {@code m}; may be empty
     */
    static Map<Long, List<Assigned>> ofMachines(Connection c, String condition, Object... arguments)
            throws SQLException {
        Map<Long, List<Assigned>> all = new HashMap<>();
        Sql.list(
                c,
                "select " + COLUMNS
                        + ", m.id as machine_id, m.name from assignment a join machine m on m.id = a.machine_id"
                        + condition,
                row -> all.computeIfAbsent(row.getLong("machine_id"), id -> new ArrayList<>(2))
                        .add(new Assigned(
                                new Target(Target.Kind.MACHINE, row.getString("name")),
                                row.getInt("once") == 1,
                                assignment(row))),
                arguments);
        return all;
    }

    private static Assignment assignment(ResultSet row) throws SQLException {
        return new Assignment(
                row.getLong("id"),
                Purpose.of(row.getString("purpose")).orElseThrow(),
                Optional.ofNullable(row.getString("image")).flatMap(ImageReference::parse),
                Optional.ofNullable(row.getString("version")),
                Optional.ofNullable(row.getString("cloud_config_url")),
                Optional.ofNullable(row.getString("user_data")),
                Optional.ofNullable(row.getString("vendor_data")),
                row.getInt("metadata") == 1);
    }
}
