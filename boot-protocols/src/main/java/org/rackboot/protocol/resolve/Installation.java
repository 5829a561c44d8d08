package org.rackboot.protocol.resolve;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.rackboot.protocol.netconfig.NetworkConfigV2;

/**
 * What an installer is told of the image that it writes: each file by URL, with its size and sha256, and how it is packed.
 * For curtin, which Ubuntu's images have, its whole configuration, too.
 */
final class Installation {
    /** Root file systems and disk images by type, the best first, and curtin's word for how each is packed. */
    private static final Map<String, String> CURTIN_TYPES = new LinkedHashMap<>();

    static {
        CURTIN_TYPES.put("squashfs", "fsimage");
        CURTIN_TYPES.put("root-tgz", "tgz");
        CURTIN_TYPES.put("root-txz", "txz");
        CURTIN_TYPES.put("root-tbz", "tbz");
        CURTIN_TYPES.put("root-dd", "dd-tgz");
        CURTIN_TYPES.put("root-dd.tar", "dd-tar");
        CURTIN_TYPES.put("root-dd.tar.bz2", "dd-tbz");
        CURTIN_TYPES.put("root-dd.tar.xz", "dd-txz");
        CURTIN_TYPES.put("root-dd.gz", "dd-gz");
        CURTIN_TYPES.put("root-dd.bz2", "dd-bz2");
        CURTIN_TYPES.put("root-dd.xz", "dd-xz");
        CURTIN_TYPES.put("root-dd.raw", "dd-raw");
    }

    private final BootImage image;
    private final Optional<Machine> machine;
    private final String baseUrl;

    private Installation(BootImage image, Optional<Machine> machine, String baseUrl) {
        this.image = image;
        this.machine = machine;
        this.baseUrl = baseUrl;
    }

    /** A file that can be installed. */
    private record Source(String type, String curtinType, BootFile file) {}

    /** Empty if the assignment installs nothing that is there. */
    static Optional<Installation> of(
            Assignment assignment, Optional<Machine> machine, BootRequest request, BootCatalog catalog) {
        if (assignment.purpose() != Purpose.INSTALL) {
            return Optional.empty();
        }
        Optional<String> arch = machine.flatMap(Machine::arch)
                .or(() -> assignment.image().flatMap(ImageReference::arch))
                .or(() -> Optional.of("amd64"));
        ImageChoice choice =
                ImageChoice.of(catalog, assignment.purpose(), assignment.image(), assignment.version(), arch);
        return choice instanceof ImageChoice.Found found
                ? Optional.of(new Installation(
                        found.wanted(), machine, request.server().baseUrl()))
                : Optional.empty();
    }

    /** {@code install.json}, for installers that are not curtin. Every text is a word of the catalog: none needs escaping. */
    String json() {
        String files = sources().stream()
                .map(source ->
                        "    {\"type\": \"%s\", \"curtin\": \"%s\", \"url\": \"%s\", \"size\": %d, \"sha256\": \"%s\"}"
                                .formatted(
                                        source.type(),
                                        source.curtinType(),
                                        url(source),
                                        source.file().size(),
                                        source.file().sha256()))
                .collect(Collectors.joining(",\n"));
        return """
                {
                  "os": "%s",
                  "release": "%s",
                  "arch": "%s",
                  "version": "%s",
                  "files": [
                %s
                  ]
                }
                """.formatted(image.os(), image.release(), image.arch(), image.serial(), files);
    }

    /** {@code curtin.yaml}: the best file onto the first disk, the machine's network, then a reboot. */
    Optional<String> curtin() {
        return sources().stream().findFirst().map(source ->
                """
                # %s, sha256 %s
                sources:
                  rackboot:
                    type: '%s'
                    uri: '%s'
                power_state:
                  mode: 'reboot'
                  delay: 'now'
                  condition: true
                %s""".formatted(image.words(), source.file().sha256(), source.curtinType(), url(source), network()));
    }

    private String network() {
        return machine.flatMap(known -> known.instructions().network())
                .map(config -> "network:\n" + NetworkConfigV2.render(config).indent(2))
                .orElse("");
    }

    /**
     * User data that starts curtin, for a machine whose operator said none.
     *
     * @param directory URL of the machine's metadata
     */
    static String userData(String directory) {
        return """
                #cloud-config
                # Installs what is assigned to this machine, then boots it.
                runcmd:
                  - ['wget', '-q', '-O', '/run/curtin.yaml', '%scurtin.yaml']
                  - ['curtin', '--config', '/run/curtin.yaml', 'install']
                """.formatted(directory);
    }

    private List<Source> sources() {
        return CURTIN_TYPES.entrySet().stream()
                .flatMap(each ->
                        image
                                .file(each.getKey())
                                .map(file -> new Source(each.getKey(), each.getValue(), file))
                                .stream())
                .toList();
    }

    private String url(Source source) {
        return baseUrl + image.bootName(source.file());
    }
}
