package org.rackboot.server.region;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.rackboot.protocol.netconfig.EsxiNetwork;
import org.rackboot.protocol.netconfig.NetworkConfig;
import org.rackboot.region.Machines;
import org.rackboot.region.Region.RefusedException;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.store.AssignmentRepository.Assigned;
import org.rackboot.region.store.DatabaseException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** Looks at machines' network configurations with the eyes of those that render them. */
public final class Networks {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String ESXI = "esxi";
    private static final int MOST_WARNINGS = 100;

    private Networks() {}

    /** All that is wrong with a configuration, each with its path. */
    public static List<String> problems(String json) {
        try {
            return NetworkConfig.read(JSON.readValue(json, Object.class)).problems().stream()
                    .map(Object::toString)
                    .toList();
        } catch (JacksonException e) {
            return List.of("it is not JSON: " + e.getOriginalMessage());
        }
    }

    /** What VMware ESXi will not take of the networks of machines that are to have it, before they boot. */
    static List<String> warnings(List<Assigned> assigned, Machines machines) throws DatabaseException {
        List<String> warnings = new ArrayList<>();
        for (Assigned each : assigned) {
            boolean isEsxi = each.assignment()
                    .image()
                    .map(image -> image.text().startsWith(ESXI + "/"))
                    .orElse(false);
            if (isEsxi && warnings.size() < MOST_WARNINGS) {
                findings(each.target().text(), machines).forEach(warnings::add);
            }
        }
        return warnings.subList(0, Math.min(MOST_WARNINGS, warnings.size()));
    }

    private static List<String> findings(String name, Machines machines) throws DatabaseException {
        Optional<Machine> machine;
        try {
            machine = Optional.of(machines.get(name));
        } catch (RefusedException e) {
            return List.of(); // A tag or the like.
        }
        return machine.flatMap(known -> known.boot().network())
                .map(network -> JSON.readValue(network, Object.class))
                .flatMap(tree -> NetworkConfig.read(tree).config())
                .map(config -> EsxiNetwork.of(config).findings().stream()
                        .map(finding -> name + ": network " + finding)
                        .toList())
                .orElse(List.of());
    }
}
