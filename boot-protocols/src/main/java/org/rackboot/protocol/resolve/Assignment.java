package org.rackboot.protocol.resolve;

import java.util.Optional;

/**
 * What an operator wants booted.
 *
 * @param id the region's, never used again
 * @param image empty = the default one, for purposes that load one
 * @param version serial of the image; empty = follows the newest
 * @param cloudConfigUrl where cloud-init begins, with placeholders ({@link CloudConfigUrl}); empty = here
 * @param userData text for cloud-init
 * @param vendorData text for cloud-init
 * @param metadata whether this rack is cloud-init's only source
 */
public record Assignment(
        long id,
        Purpose purpose,
        Optional<ImageReference> image,
        Optional<String> version,
        Optional<String> cloudConfigUrl,
        Optional<String> userData,
        Optional<String> vendorData,
        boolean metadata) {

    /** One that says no more than a purpose. */
    public static Assignment of(long id, Purpose purpose) {
        return new Assignment(
                id,
                purpose,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
    }
}
