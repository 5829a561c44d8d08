package org.rackboot.protocol.resolve;

import java.util.Optional;
import org.rackboot.protocol.netconfig.EsxiNetwork;
import org.rackboot.protocol.netconfig.NetworkConfigV2;
import org.rackboot.protocol.resolve.MetadataNames.Asked;

/**
 * What cloud-init's NoCloud data source and an installer read of a machine: {@code meta-data}, {@code user-data},
 * {@code vendor-data}, {@code network-config}, for one that installs also {@code curtin.yaml},
 * {@code install.json} and, for VMware ESXi, {@code esxi-network.sh}. A machine reads only its own: names carry a token, and a neighbour that is another machine gets
 * nothing.
 */
final class Metadata {
    private static final BootAnswer NOT_HERE =
            new BootAnswer.NotFound("no such metadata, or not this machine's", BootPhase.CONFIG, false);

    private final MetadataNames names;
    private final RackMemory memory;

    Metadata(MetadataNames names, RackMemory memory) {
        this.names = names;
        this.memory = memory;
    }

    /** Whether cloud-init is to look here. */
    static boolean isServed(Optional<Machine> machine, Assignment assignment) {
        return assignment.metadata()
                || assignment.userData().isPresent()
                || assignment.vendorData().isPresent()
                || assignment.purpose() == Purpose.INSTALL
                || machine.flatMap(known -> known.instructions().network()).isPresent();
    }

    BootAnswer answer(String path, BootRequest request, BootCatalog catalog) {
        Optional<Asked> asked = names.parse(path);
        if (asked.isEmpty()) {
            return NOT_HERE;
        }
        String key = asked.get().machine();
        Optional<Machine> machine = catalog.machineNamed(key);
        boolean isAnothers = machine.isPresent()
                && request.client().mac().isPresent()
                && !machine.get().macs().contains(request.client().mac().get());
        long id = asked.get().assignment();
        Optional<Assignment> assignment = catalog.assignment(id, machine).or(() -> memory.delivered(id));
        if (isAnothers || (assignment.isEmpty() && asked.get().assignment() != 0)) {
            return NOT_HERE;
        }
        Assignment said = assignment.orElseGet(() -> Assignment.of(0, Purpose.EPHEMERAL));
        return switch (asked.get().file()) {
            case "meta-data" -> text("instance-id: %s-%d%nlocal-hostname: %s%n".formatted(key, said.id(), key));
            case "user-data" ->
                text(said.userData()
                        .orElseGet(() -> said.purpose() == Purpose.INSTALL
                                ? Installation.userData(
                                        request.server().baseUrl() + path.substring(0, path.lastIndexOf('/') + 1))
                                : "#cloud-config\n"));
            case "vendor-data" -> text(said.vendorData().orElse(""));
            case "network-config" ->
                machine.flatMap(known -> known.instructions().network())
                        .map(network -> text(NetworkConfigV2.render(network)))
                        .orElse(NOT_HERE);
            case "esxi-network.sh" ->
                machine.flatMap(known -> known.instructions().network())
                        .map(network -> text(EsxiNetwork.of(network).script()))
                        .orElse(NOT_HERE);
            case "install.json" ->
                Installation.of(said, machine, request, catalog)
                        .map(Installation::json)
                        .map(Metadata::text)
                        .orElse(NOT_HERE);
            case "curtin.yaml" ->
                Installation.of(said, machine, request, catalog)
                        .flatMap(Installation::curtin)
                        .map(Metadata::text)
                        .orElse(NOT_HERE);
            default -> NOT_HERE;
        };
    }

    private static BootAnswer text(String text) {
        return new BootAnswer.Rendered(text, "metadata");
    }
}
