package org.rackboot.region.source;

import org.rackboot.region.simplestreams.Product;

/**
 * Which images are wanted; {@code *} stands for any.
 *
 * @param id 0 before it is stored
 * @param subarch kernel level with flavour, {@code ga-24.04} or {@code hwe-24.04-lowlatency}
 */
public record Selection(long id, String os, String release, String arch, String subarch, String label) {
    public static final String ANY = "*";

    /** Whether a product, not a bootloader, is wanted. */
    public boolean matches(Product product) {
        return matches(product.os(), product.release(), product.arch(), product.kernel(), product.label());
    }

    /** Whether an image of these words is wanted. */
    public boolean matches(
            String imageOs, String imageRelease, String imageArch, String imageSubarch, String imageLabel) {
        return fits(os, imageOs)
                && fits(release, imageRelease)
                && fits(arch, imageArch)
                && fits(subarch, imageSubarch)
                && fits(label, imageLabel);
    }

    /** {@code ubuntu/noble/amd64}, with what else was said. */
    public String describe() {
        String text = os + "/" + release + "/" + arch;
        return text + (subarch.equals(ANY) ? "" : "/" + subarch) + (label.equals(ANY) ? "" : " (" + label + ")");
    }

    private static boolean fits(String wanted, String offered) {
        return wanted.equals(ANY) || wanted.equals(offered);
    }
}
