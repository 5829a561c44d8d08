package org.rackboot.server.region;

import java.util.LinkedHashMap;
import java.util.Map;
import org.rackboot.region.machine.Assignment;
import org.rackboot.region.machine.ImageReference;
import org.rackboot.region.machine.Machine;
import org.rackboot.region.machine.SeenMachine;
import org.rackboot.region.store.AssignmentRepository.Assigned;
import tools.jackson.databind.util.RawValue;

/** Machines and what is assigned to them, as JSON: what is not there is not said. */
final class MachineJson {
    private MachineJson() {}

    static Map<String, Object> of(Machine machine) {
        Map<String, Object> json = withoutNetwork(machine);
        machine.boot().network().ifPresent(network -> json.put("network", new RawValue(network)));
        return json;
    }

    /** For a line in the log. */
    static Map<String, Object> brief(Machine machine) {
        Map<String, Object> json = withoutNetwork(machine);
        machine.boot().network().ifPresent(network -> json.put("network", network.length() + " characters"));
        return json;
    }

    private static Map<String, Object> withoutNetwork(Machine machine) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", machine.name());
        json.put("macs", machine.macs());
        machine.uuid().ifPresent(uuid -> json.put("uuid", uuid));
        machine.arch().ifPresent(arch -> json.put("arch", arch));
        machine.loader().ifPresent(loader -> json.put("loader", loader.word()));
        Machine.Boot boot = machine.boot();
        if (!boot.tags().isEmpty()) {
            json.put("tags", boot.tags());
        }
        if (!boot.kernelOptions().isEmpty()) {
            json.put("kernelOptions", boot.kernelOptions());
        }
        if (!boot.netboot()) {
            json.put("netboot", false);
        }
        boot.assignment().ifPresent(assignment -> json.put("assignment", of(assignment)));
        boot.once().ifPresent(once -> json.put("once", of(once)));
        return json;
    }

    static Map<String, Object> of(Assigned assigned) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("target", assigned.target().text());
        if (assigned.once()) {
            json.put("once", true);
        }
        json.putAll(of(assigned.assignment()));
        return json;
    }

    private static Map<String, Object> of(Assignment assignment) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", assignment.id());
        json.put("purpose", assignment.purpose().word());
        assignment.image().map(ImageReference::text).ifPresent(image -> json.put("image", image));
        assignment.version().ifPresent(version -> json.put("version", version));
        assignment.cloudConfigUrl().ifPresent(url -> json.put("cloudConfigUrl", url));
        assignment.userData().ifPresent(sha256 -> json.put("userData", sha256));
        assignment.vendorData().ifPresent(sha256 -> json.put("vendorData", sha256));
        if (assignment.metadata()) {
            json.put("metadata", true);
        }
        return json;
    }

    static Map<String, Object> of(SeenMachine machine) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("mac", machine.mac());
        machine.uuid().ifPresent(uuid -> json.put("uuid", uuid));
        machine.arch().ifPresent(arch -> json.put("arch", arch));
        put(json, "address", machine.address());
        put(json, "rack", machine.rack());
        put(json, "asked", machine.asked());
        json.put("first", machine.first().toString());
        json.put("last", machine.last().toString());
        json.put("times", machine.times());
        return json;
    }

    private static void put(Map<String, Object> json, String key, String text) {
        if (!text.isEmpty()) {
            json.put(key, text);
        }
    }
}
