/**
 * Hands images on: a region's own signed stream.
 *
 * <p>Start at {@link StreamPublisher}. What is published is decided by {@link StreamWriter}, which is pure.
 */
@NullMarked
package org.rackboot.region.publish;

import org.jspecify.annotations.NullMarked;
