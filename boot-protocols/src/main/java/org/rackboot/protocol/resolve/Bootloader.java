package org.rackboot.protocol.resolve;

import java.util.List;

/**
 * The files of one bootloader.
 *
 * @param method {@code uefi}, {@code pxe}, {@code open-firmware}
 * @param arch that the boot source names: {@code amd64}, {@code i386} for PXELINUX
 * @param serial the version
 */
public record Bootloader(String method, String arch, String serial, List<BootFile> files) {
    public Bootloader {
        files = List.copyOf(files);
    }
}
