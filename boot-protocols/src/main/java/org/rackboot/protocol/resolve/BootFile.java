package org.rackboot.protocol.resolve;

/**
 * A file that the catalog names.
 *
 * @param name its last segment: {@code boot-kernel}, {@code squashfs}, {@code bootx64.efi}
 * @param sha256 of the whole file, 64 lower-case hexadecimal digits
 * @param size in bytes
 * @param chunkListSha256 sha256 of the list of its chunks' sha256 values
 * @param phase of the boot in which a machine asks for it
 */
public record BootFile(String name, String sha256, long size, String chunkListSha256, BootPhase phase) {

    /** Media type as UEFI HTTP boot demands it: no parameters (quirk H6). */
    public String mediaType() {
        if (name.endsWith(".efi")) {
            return "application/efi";
        }
        if (name.endsWith(".iso")) {
            return "application/vnd.efi-iso";
        }
        return name.endsWith(".img") ? "application/vnd.efi-img" : "application/octet-stream";
    }
}
