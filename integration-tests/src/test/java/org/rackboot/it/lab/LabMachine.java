package org.rackboot.it.lab;

/**
 * A virtual machine that is to boot.
 *
 * @param firmware boot-vm.sh's name for it
 * @param lostPermille of the frames to and from it, both ways
 */
record LabMachine(String firmware, int lostPermille) {
    static LabMachine of(String firmware) {
        return new LabMachine(firmware, 0);
    }

    LabMachine losing(int permille) {
        return new LabMachine(firmware, permille);
    }

    /** As run-test.sh takes it. */
    String argument() {
        return lostPermille == 0 ? firmware : firmware + "@" + lostPermille;
    }

    /** As it is reported: {@code uefi-pxe-loss2} loses 2 %. */
    String label() {
        return lostPermille == 0 ? firmware : firmware + "-loss" + lostPermille / 10;
    }
}
