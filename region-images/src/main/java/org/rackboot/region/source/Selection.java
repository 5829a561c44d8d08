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
        return fits(os, product.os())
                && fits(release, product.release())
                && fits(arch, product.arch())
                && fits(subarch, product.kernel())
                && fits(label, product.label());
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
