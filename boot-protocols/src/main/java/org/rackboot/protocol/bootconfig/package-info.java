/**
 * Boot configurations: what GRUB, PXELINUX and iPXE are told to load, rendered from values.
 *
 * <p>Start at {@link org.rackboot.protocol.bootconfig.BootPlan}. Each format has one class that knows its
 * escaping; what a loader's parser reads back is what the plan meant.
 */
@NullMarked
package org.rackboot.protocol.bootconfig;

import org.jspecify.annotations.NullMarked;
