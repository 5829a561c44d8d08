package org.rackboot.region.machine;

import java.util.Optional;

/**
 * What a machine, or each of some machines, is to boot.
 *
 * @param id never another's, also when this one is gone; 0 = it is not stored yet
 * @param image empty = the default one of the machine's architecture, if the purpose boots any
 * @param version a serial of the image; empty = the newest
 * @param cloudConfigUrl with placeholders that the rack fills in
 * @param userData sha256 of a text that is kept once
 * @param vendorData the same
 * @param metadata whether the rack is to serve metadata to the machine though there are no data
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
    private static final int KEYS_AND_ID = 120;
    private static final int SHA256_AND_KEY = 82;

    /** Whether it says the same as another. */
    public boolean saysTheSame(Assignment other) {
        return withId(0).equals(other.withId(0));
    }

    public Assignment withId(long newId) {
        return new Assignment(newId, purpose, image, version, cloudConfigUrl, userData, vendorData, metadata);
    }

    /** About how many bytes it has in the catalog; not fewer. */
    public int bytes() {
        return KEYS_AND_ID
                + image.map(ImageReference::text).orElse("").length()
                + version.orElse("").length()
                + cloudConfigUrl.orElse("").length()
                + (userData.isPresent() ? SHA256_AND_KEY : 0)
                + (vendorData.isPresent() ? SHA256_AND_KEY : 0);
    }
}
