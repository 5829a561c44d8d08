package org.rackboot.server.region;

import java.util.List;
import java.util.Optional;
import org.rackboot.protocol.netconfig.EsxiNetwork;
import org.rackboot.protocol.netconfig.NetworkConfig;
import org.rackboot.region.machine.Machine;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** Looks at machines' network configurations with the eyes of those that render them. */
public final class Networks {
    private static final JsonMapper JSON = JsonMapper.shared();

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

    /** A machine's, as it was taken; empty if it has none. */
    static Optional<NetworkConfig> of(Machine machine) {
        return machine.boot()
                .network()
                .map(network -> JSON.readValue(network, Object.class))
                .flatMap(tree -> NetworkConfig.read(tree).config());
    }

    /** What VMware ESXi will not take of a network. */
    static List<String> esxiFindings(Optional<NetworkConfig> network) {
        return network.map(config -> EsxiNetwork.of(config).findings().stream()
                        .map(Object::toString)
                        .toList())
                .orElse(List.of());
    }
}
