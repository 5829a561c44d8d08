/**
 * Hands images on: a region's own signed stream, and copies of other streams in a directory.
 *
 * <p>Start at {@link StreamPublisher} for the one and {@link LocalMirror} for the other. What is published is decided by
 * {@link StreamWriter}, what is copied by {@link MirrorPlan}; both are pure.
 */
@NullMarked
package org.rackboot.region.publish;

import org.jspecify.annotations.NullMarked;
