/**
 * The firmware lab: real firmware in virtual machines boots from rackboot, up to a Linux that checks its squashfs.
 *
 * <p>Start at {@link org.rackboot.it.lab.FirmwareLabTest}. The lab itself is a set of shell scripts in {@code
 * integration-tests/lab} (its README tells how to run one boot by hand); the classes here start them, wait with a
 * bound, and compare what the machines' consoles say with what the region's catalog says. It needs root, QEMU and a few
 * minutes, so it runs with {@code -Dlab=true}, which {@code ./check} sets.
 */
@NullMarked
package org.rackboot.it.lab;

import org.jspecify.annotations.NullMarked;
