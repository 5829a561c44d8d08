/**
 * Boot configurations: what each loader is told to do, rendered from values.
 *
 * <p>Start at {@link org.rackboot.protocol.bootconfig.BootTemplates}: it puts a
 * {@link org.rackboot.protocol.bootconfig.BootPlan} into the template of a loader and a purpose, a text under
 * {@code templates/} among the resources or an operator's own. Each loader's language has one class that knows its
 * escaping; what the loader's parser reads back is what the plan meant.
 */
@NullMarked
package org.rackboot.protocol.bootconfig;

import org.jspecify.annotations.NullMarked;
