package org.rackboot.server.dhcp;

import java.util.List;
import org.rackboot.protocol.address.Ipv4Address;
import org.rackboot.protocol.address.Subnet;

/**
 * Whose machines are answered.
 *
 * @param answered empty = all
 * @param ignored wins over {@code answered}
 */
record SubnetRules(List<Subnet> answered, List<Subnet> ignored) {
    SubnetRules {
        answered = List.copyOf(answered);
        ignored = List.copyOf(ignored);
    }

    boolean allow(Ipv4Address machine) {
        byte[] bytes = Link.bytes(machine);
        return (answered.isEmpty() || answered.stream().anyMatch(subnet -> subnet.contains(bytes)))
                && ignored.stream().noneMatch(subnet -> subnet.contains(bytes));
    }
}
