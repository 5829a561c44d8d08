package org.rackboot.region.machine;

/**
 * A version that an assignment holds machines at: it stays as long as it is assigned.
 *
 * @param image as the assignment names it
 */
public record AssignedVersion(ImageReference image, String serial) {}
