package org.rackboot.protocol.netconfig;

import java.util.List;

/**
 * What VMware ESXi makes of a configuration, known before the machine boots.
 *
 * <p>ESXi has no Linux interfaces. A card or a bond becomes a standard switch with uplinks, a VLAN becomes a port group of that
 * switch, and each IPv4 address needs a VMkernel interface of its own, as aliases do; IPv6 addresses share one.
 *
 * <table>
 * <caption>What becomes of each setting</caption>
 * <tr><th>setting</th><th>here</th><th>why</th></tr>
 * <tr><td>DHCP, static addresses, aliases, VLANs of a card or bond</td><td>taken</td><td></td></tr>
 * <tr><td>mode balance-rr</td><td>portid</td><td>each virtual port has one uplink</td></tr>
 * <tr><td>mode active-backup</td><td>explicit</td><td>the uplink in use is {@code primary}, else the one whose address the bond
 *   has, else the first; {@code primary-reselect-policy} is the failback</td></tr>
 * <tr><td>mode 802.3ad</td><td>iphash</td><td>a standard switch speaks no LACP, so {@code lacp-rate} and
 *   {@code transmit-hash-policy} are dropped, and the other end needs a static channel</td></tr>
 * <tr><td>modes balance-xor, broadcast, balance-tlb, balance-alb</td><td>refused</td><td>no policy of a standard switch is
 *   like them</td></tr>
 * <tr><td>bridges, VLANs on them or on VLANs</td><td>refused</td><td>a standard switch is the only one there is</td></tr>
 * <tr><td>other bond parameters</td><td>dropped</td><td>ESXi watches links by itself</td></tr>
 * <tr><td>MTU</td><td>1280 to 9000 taken</td><td>the range of a standard switch; a switch has the largest of its interfaces</td></tr>
 * <tr><td>routes</td><td>taken</td><td>metrics are dropped; other tables and {@code on-link} are refused, there is neither</td></tr>
 * <tr><td>second default route of a family</td><td>dropped</td><td>the TCP/IP stack has one default gateway for each; the
 *   one with the least metric is taken</td></tr>
 * <tr><td>link-local gateway</td><td>refused</td><td>ESXi learns those from router advertisements</td></tr>
 * <tr><td>DHCPv6, accept-ra</td><td>taken</td><td>DHCPv6 brings router advertisements, as nothing else brings a route</td></tr>
 * <tr><td>name servers, search domains</td><td>taken</td><td>for the whole host, whichever interface has them</td></tr>
 * <tr><td>card without {@code match.macaddress}</td><td>refused</td><td>ESXi has other names; a card is found by its address</td></tr>
 * <tr><td>optional, wakeonlan, link-local, dhcp-identifier …</td><td>dropped</td><td>ESXi has no such setting</td></tr>
 * </table>
 *
 * @param script for the installer's script: its {@code network} command, which sets up the management interface, and a
 *     {@code %firstboot} section for everything else. Ends with a newline. Empty if anything was refused.
 * @param findings what was dropped or refused; in the configuration's order
 */
public record EsxiNetwork(String script, List<Finding> findings) {
    public enum Verdict {
        /** The machine gets the rest. */
        DROPPED,
        /** The machine must not be installed with this configuration. */
        REFUSED
    }

    /**
     * @param path {@code bonds.bond0.parameters.lacp-rate}; empty for the whole
     * @param setting {@code lacp-rate: fast}
     * @param why one line
     */
    public record Finding(String path, String setting, Verdict verdict, String why) {
        @Override
        public String toString() {
            return "%s%s (%s): %s"
                    .formatted(
                            path.isEmpty() ? "" : path + " ",
                            verdict == Verdict.DROPPED ? "dropped" : "refused",
                            setting,
                            why);
        }
    }

    public EsxiNetwork {
        findings = List.copyOf(findings);
    }

    public static EsxiNetwork of(NetworkConfig config) {
        List<Finding> findings = new EsxiFindings(config).all();
        boolean refused = findings.stream().anyMatch(each -> each.verdict() == Verdict.REFUSED);
        return new EsxiNetwork(refused ? "" : new EsxiScript(config).render(), findings);
    }

    public boolean isRefused() {
        return script.isEmpty();
    }
}
