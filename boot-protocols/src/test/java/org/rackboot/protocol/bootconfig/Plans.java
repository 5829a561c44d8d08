package org.rackboot.protocol.bootconfig;

import java.util.List;
import java.util.Optional;
import org.rackboot.protocol.bootname.MacAddress;

/** Plans as a rack makes them. */
final class Plans {
    static final Location OVER_TFTP = new Location("10.9.0.1", 5_248, false, false);
    static final Location OVER_HTTP = new Location("10.9.0.1", 5_248, false, true);

    private Plans() {}

    static BootPlan of(ConfigLoader loader, ConfigPurpose purpose, String arch) {
        BootPlan.Builder plan = BootPlan.of(purpose, arch, purpose.boots() ? "ubuntu noble " + arch : "web-1");
        if (purpose.waits()) {
            plan.waiting(
                    purpose == ConfigPurpose.HOLD ? "it isn't its turn" : "no image for " + arch + ": import one",
                    again(loader, arch));
        }
        if (purpose.boots()) {
            String directory = "/ubuntu/" + arch + "/ga-24.04/noble/stable/";
            plan.kernel("images/aa" + directory + "boot-kernel")
                    .initrd(Optional.of("images/bb" + directory + "boot-initrd"))
                    .dtb(arch.equals("armhf") ? Optional.of("images/dd" + directory + "boot-dtb") : Optional.empty())
                    .arguments(arguments(loader, purpose, arch, "images/cc" + directory + "squashfs"));
        }
        if (loader == ConfigLoader.PXELINUX) {
            plan.localModule(Optional.of("chain.c32")).poweroffModule(Optional.of("poweroff.c32"));
        }
        return plan.build();
    }

    private static List<String> arguments(ConfigLoader loader, ConfigPurpose purpose, String arch, String root) {
        KernelArguments arguments = KernelArguments.of(
                        OVER_TFTP, purpose, new KernelArguments.Image("ubuntu", "24.04", arch), root)
                .hostname("web-1")
                .options(KernelOptions.ofSettings(List.of("console=ttyS0", "dyndbg=\"file a.c +p\"")));
        if (purpose == ConfigPurpose.INSTALL) {
            arguments.noCloud("http://10.9.0.1:5248/cloud-init/web-1");
        } else {
            arguments.cloudConfig("http://10.9.0.1:5248/cloud-init/web-1.cfg");
        }
        if (loader == ConfigLoader.PETITBOOT || loader.word().startsWith("s390x")) {
            arguments.bootInterface(new MacAddress("52:54:00:aa:bb:cc"));
        }
        return arguments.words();
    }

    private static String again(ConfigLoader loader, String arch) {
        return switch (loader) {
            case GRUB -> "grub/grub.cfg-52:54:00:aa:bb:cc-" + arch;
            case IPXE -> "ipxe.cfg-52-54-00-aa-bb-cc";
            case U_BOOT_SCRIPT -> "boot.scr.uimg";
            default -> "pxelinux.cfg/01-52-54-00-aa-bb-cc";
        };
    }
}
