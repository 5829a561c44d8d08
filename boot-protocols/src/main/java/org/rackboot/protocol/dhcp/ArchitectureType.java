package org.rackboot.protocol.dhcp;

import static org.rackboot.protocol.dhcp.ArchitectureType.Firmware.BIOS;
import static org.rackboot.protocol.dhcp.ArchitectureType.Firmware.OPAL;
import static org.rackboot.protocol.dhcp.ArchitectureType.Firmware.OPEN_FIRMWARE;
import static org.rackboot.protocol.dhcp.ArchitectureType.Firmware.OTHER;
import static org.rackboot.protocol.dhcp.ArchitectureType.Firmware.S390;
import static org.rackboot.protocol.dhcp.ArchitectureType.Firmware.UEFI;
import static org.rackboot.protocol.dhcp.ArchitectureType.Firmware.U_BOOT;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * IANA's "Processor Architecture Types", as option 93 and DHCPv6's option 61 have them.
 *
 * @param code from 0 to 65535
 * @param name for people
 * @param architecture as images name it, {@code amd64}; empty for those that no image is made for
 * @param isHttp whether the firmware wants a URL, and loads by HTTP
 */
public record ArchitectureType(
        int code, String name, Firmware firmware, Optional<String> architecture, boolean isHttp) {
    /** The number of most BIOS machines, and of some that are none. */
    public static final int X86_BIOS = 0;

    public static final int X64_UEFI_HTTP = 16;

    /** A partition of an IBM Z in DPM mode. */
    public static final int S390_EXTENDED = 32;

    public static final int RASPBERRY_PI = 41;

    /** Kinds of firmware, which take the same loaders in the same way. */
    public enum Firmware {
        BIOS,
        UEFI,
        OPEN_FIRMWARE,
        OPAL,
        U_BOOT,
        S390,
        RASPBERRY_PI,
        OTHER
    }

    private static final Map<Integer, ArchitectureType> ALL = new TreeMap<>();

    static {
        add(0, "x86 BIOS", BIOS, "amd64"); // A 32-bit machine says so as well: the loader finds out.
        add(1, "NEC PC98", OTHER, "");
        add(2, "Itanium", OTHER, "");
        add(3, "DEC Alpha", OTHER, "");
        add(4, "Arc x86", OTHER, "");
        add(5, "Intel lean client", OTHER, "");
        add(6, "x86 UEFI", UEFI, "i386");
        add(7, "x64 UEFI", UEFI, "amd64");
        add(8, "XScale UEFI", OTHER, "");
        add(9, "EBC", UEFI, "amd64"); // RFC 4578's text and its erratum swap 7 and 9 (quirk D12).
        add(10, "arm32 UEFI", UEFI, "armhf");
        add(11, "arm64 UEFI", UEFI, "arm64");
        add(12, "PowerPC Open Firmware", OPEN_FIRMWARE, "ppc64el");
        add(13, "PowerPC ePAPR", OTHER, "");
        add(14, "POWER OPAL v3", OPAL, "ppc64el");
        addHttp(15, "x86 UEFI HTTP", UEFI, "i386");
        addHttp(16, "x64 UEFI HTTP", UEFI, "amd64");
        addHttp(17, "EBC HTTP", UEFI, "amd64");
        addHttp(18, "arm32 UEFI HTTP", UEFI, "armhf");
        addHttp(19, "arm64 UEFI HTTP", UEFI, "arm64");
        addHttp(20, "x86 BIOS HTTP", BIOS, "amd64");
        add(21, "arm32 U-Boot", U_BOOT, "armhf");
        add(22, "arm64 U-Boot", U_BOOT, "arm64");
        addHttp(23, "arm32 U-Boot HTTP", U_BOOT, "armhf");
        addHttp(24, "arm64 U-Boot HTTP", U_BOOT, "arm64");
        add(25, "RISC-V 32 UEFI", UEFI, "");
        addHttp(26, "RISC-V 32 UEFI HTTP", UEFI, "");
        add(27, "RISC-V 64 UEFI", UEFI, "riscv64");
        addHttp(28, "RISC-V 64 UEFI HTTP", UEFI, "riscv64");
        add(29, "RISC-V 128 UEFI", UEFI, "");
        addHttp(30, "RISC-V 128 UEFI HTTP", UEFI, "");
        add(31, "s390 basic", S390, "s390x");
        add(S390_EXTENDED, "s390 extended", S390, "s390x");
        add(33, "MIPS 32 UEFI", UEFI, "");
        add(34, "MIPS 64 UEFI", UEFI, "");
        add(35, "Sunway 32 UEFI", UEFI, "");
        add(36, "Sunway 64 UEFI", UEFI, "");
        add(37, "LoongArch 32 UEFI", UEFI, "");
        addHttp(38, "LoongArch 32 UEFI HTTP", UEFI, "");
        add(39, "LoongArch 64 UEFI", UEFI, "loong64");
        addHttp(40, "LoongArch 64 UEFI HTTP", UEFI, "loong64");
        add(RASPBERRY_PI, "arm rpiboot", Firmware.RASPBERRY_PI, "arm64");
    }

    /** The whole list, by number. */
    public static List<ArchitectureType> all() {
        return List.copyOf(ALL.values());
    }

    /** Empty if the list has no such number. */
    public static Optional<ArchitectureType> of(int code) {
        return Optional.ofNullable(ALL.get(code));
    }

    private static void add(int code, String name, Firmware firmware, String architecture) {
        ALL.put(code, new ArchitectureType(code, name, firmware, word(architecture), false));
    }

    private static void addHttp(int code, String name, Firmware firmware, String architecture) {
        ALL.put(code, new ArchitectureType(code, name, firmware, word(architecture), true));
    }

    private static Optional<String> word(String architecture) {
        return architecture.isEmpty() ? Optional.empty() : Optional.of(architecture);
    }
}
