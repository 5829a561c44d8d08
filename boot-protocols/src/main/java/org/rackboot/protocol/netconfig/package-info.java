/**
 * The network configuration of a machine as data: what an operator wrote (netplan's form, which is cloud-init's network-config
 * version 2), checked as a whole, and rendered for cloud-init and for the ESXi installer.
 *
 * <p>Start at {@link NetworkConfig#read}. A configuration that exists is valid; {@link NetworkConfigV2} writes it as YAML,
 * {@link EsxiNetwork} says what of it ESXi takes, drops and refuses.
 */
@NullMarked
package org.rackboot.protocol.netconfig;

import org.jspecify.annotations.NullMarked;
