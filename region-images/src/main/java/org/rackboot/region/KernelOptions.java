package org.rackboot.region;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.KernelWords;
import org.rackboot.region.machine.Tag;
import org.rackboot.region.store.AssignmentRepository;
import org.rackboot.region.store.DatabaseException;
import org.rackboot.region.store.NoRoomException;

/** What kernels are given by tag and by image. Thread-safe; methods block on the database. */
public final class KernelOptions {
    private final AssignmentRepository repository;
    private final Runnable afterChange;

    /** @param afterChange so that whoever waits for the catalog is told */
    KernelOptions(AssignmentRepository repository, Runnable afterChange) {
        this.repository = repository;
        this.afterChange = afterChange;
    }

    /** Tags with options, by name. */
    public List<Tag> tags() throws DatabaseException {
        return repository.tags();
    }

    /** Options by the images that they are for. */
    public Map<ImageReference, List<String>> images() throws DatabaseException {
        return repository.imageOptions();
    }

    /**
     * Says what kernels of machines with a tag are given.
     *
     * @param options each a word or several parted by blanks; none = nothing from now on
     * @return as it is now
     */
    public Tag setTag(String name, List<String> options) throws RefusedException, DatabaseException {
        if (!Tag.isName(name)) {
            throw invalid(
                    "'%s' is no tag: that has 1 to 63 lower-case letters, digits and _.-, and begins with a letter or digit"
                            .formatted(Machines.shown(name)));
        }
        List<String> words = words(options);
        set(() -> repository.setTagOptions(name, words));
        return new Tag(name, words);
    }

    /**
     * The same for images.
     *
     * @param reference {@code OS/RELEASE[/ARCH[/SUBARCH]]}: for all images that it means
     * @return the words
     */
    public List<String> setImage(String reference, List<String> options) throws RefusedException, DatabaseException {
        ImageReference image = ImageReference.parse(reference)
                .orElseThrow(() -> invalid(
                        "'%s' names no images; write OS/RELEASE[/ARCH[/SUBARCH]], as ubuntu/noble or ubuntu/noble/amd64/ga-24.04"
                                .formatted(Machines.shown(reference))));
        List<String> words = words(options);
        set(() -> repository.setImageOptions(image, words));
        return words;
    }

    /** A change in the database. */
    @FunctionalInterface
    private interface Change {
        List<String> make() throws DatabaseException;
    }

    private void set(Change change) throws RefusedException, DatabaseException {
        try {
            change.make();
        } catch (NoRoomException e) {
            throw new RefusedException(RefusedException.Kind.NO_ROOM, String.valueOf(e.getMessage()));
        }
        afterChange.run();
    }

    private static List<String> words(List<String> options) throws RefusedException {
        List<String> words = KernelWords.of(String.join(" ", options));
        Optional<String> problem = KernelWords.problem(words);
        if (problem.isPresent()) {
            throw invalid(problem.get());
        }
        return words;
    }

    private static RefusedException invalid(String message) {
        return new RefusedException(RefusedException.Kind.INVALID, message);
    }
}
