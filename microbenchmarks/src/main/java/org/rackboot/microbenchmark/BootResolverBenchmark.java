package org.rackboot.microbenchmark;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.rackboot.protocol.address.IpAddress;
import org.rackboot.protocol.bootconfig.BootTemplates;
import org.rackboot.protocol.bootname.MacAddress;
import org.rackboot.protocol.resolve.Assignment;
import org.rackboot.protocol.resolve.BootAnswer;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootFile;
import org.rackboot.protocol.resolve.BootImage;
import org.rackboot.protocol.resolve.BootPhase;
import org.rackboot.protocol.resolve.BootRequest;
import org.rackboot.protocol.resolve.BootRequest.Client;
import org.rackboot.protocol.resolve.BootRequest.ServerAddress;
import org.rackboot.protocol.resolve.BootRequest.Transport;
import org.rackboot.protocol.resolve.BootResolver;
import org.rackboot.protocol.resolve.BootRules;
import org.rackboot.protocol.resolve.Bootloader;
import org.rackboot.protocol.resolve.ImageReference;
import org.rackboot.protocol.resolve.Machine;
import org.rackboot.protocol.resolve.MetadataNames;
import org.rackboot.protocol.resolve.Purpose;
import org.rackboot.protocol.resolve.RackMemory;
import org.rackboot.protocol.resolve.UnknownMachines;

/** What a rack with 10,000 known machines and 500 images takes to answer one name. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class BootResolverBenchmark {
    private static final int MACHINES = 10_000;
    private static final int RELEASES = 250;
    private static final ServerAddress SERVER = new ServerAddress("198.18.0.1", 5248, true);

    /** A name that a loader asks for; {@code MAC} stands for a machine's address, {@code NR} for its number. */
    @Param({
        "grubx64.efi",
        "grub/grub.cfg-MAC-x86_64",
        "pxelinux.cfg/01-MAC",
        "pxelinux.cfg/C612000A",
        "ipxe.cfg-MAC",
        "grub/grub.cfg-52:54:00:ff:ff:ff-x86_64",
        "../../etc/passwd",
        "no/such/file"
    })
    public String name;

    private final List<String> names = new ArrayList<>();
    private final List<Client> clients = new ArrayList<>();
    private BootResolver resolver;
    private BootCatalog catalog;
    private int next;

    /** As large as a region's: each machine has tags, kernel options and an assignment of its own. */
    @Setup
    public void fill() throws GeneralSecurityException {
        Mac seal = Mac.getInstance("HmacSHA256"); // As a rack seals the names of metadata.
        seal.init(new SecretKeySpec(new byte[32], "HmacSHA256"));
        List<BootImage> images = new ArrayList<>();
        for (int i = 0; i < RELEASES; i++) {
            images.add(image("r" + i, "20260101"));
            images.add(image("r" + i, "20260201"));
        }
        List<Machine> machines = new ArrayList<>();
        for (int i = 0; i < MACHINES; i++) {
            machines.add(machine(i));
        }
        Bootloader loader = new Bootloader("uefi", "amd64", "20260101", List.of(file("grubx64.efi", BootPhase.LOADER)));
        BootRules rules = new BootRules(
                Map.of("web", Assignment.of(1, Purpose.HOLD)),
                List.of(),
                Map.of(),
                Optional.empty(),
                Map.of("rack", List.of("intel_iommu=on")),
                UnknownMachines.BOOT);
        catalog = new BootCatalog(7, images, List.of(loader), List.of("console=ttyS0"), machines, rules);
        resolver = new BootResolver(
                BootTemplates.builtIn(),
                new MetadataNames(
                        text -> HexFormat.of().formatHex(seal.doFinal(text.getBytes(StandardCharsets.UTF_8)), 0, 16)),
                RackMemory.NONE);
        for (int i = 0; i < 1_024; i++) { // Machines far from each other, as they come.
            String mac = mac(i * 7_919 % MACHINES);
            boolean withHyphens = name.startsWith("pxelinux");
            names.add(name.replace("MAC", withHyphens ? mac.replace(':', '-') : mac));
            clients.add(new Client(
                    Optional.of(new IpAddress(new byte[] {(byte) 198, 18, (byte) (i >> 8), (byte) i})),
                    Optional.of(new MacAddress(mac))));
        }
    }

    @Benchmark
    public BootAnswer answer() {
        next = next + 1 & 1_023;
        return resolver.resolve(new BootRequest(names.get(next), Transport.TFTP, SERVER, clients.get(next)), catalog);
    }

    private static Machine machine(int number) {
        Assignment assignment = new Assignment(
                number + 10,
                Purpose.EPHEMERAL,
                ImageReference.parse("ubuntu/r" + number % RELEASES),
                Optional.empty(),
                Optional.empty(),
                Optional.of("#cloud-config\nhostname: m" + number + "\n"),
                Optional.empty(),
                true);
        return new Machine(
                "m" + number,
                List.of(new MacAddress(mac(number))),
                Optional.of("00000000-0000-4000-8000-%012x".formatted(number)),
                Optional.of("amd64"),
                Optional.empty(),
                new Machine.Instructions(
                        List.of("rack", "web"),
                        List.of("lab.machine=" + number),
                        Optional.empty(),
                        true,
                        Optional.of(assignment),
                        Optional.empty()));
    }

    private static String mac(int number) {
        return "52:54:00:00:%02x:%02x".formatted(number >> 8, number & 0xff);
    }

    private static BootImage image(String release, String serial) {
        return new BootImage(
                "ubuntu",
                release,
                "24.04",
                "24.04 LTS",
                "amd64",
                "ga-24.04",
                "generic",
                "stable",
                serial,
                false,
                Set.of(),
                List.of("systemd.unified=1"),
                List.of(),
                Optional.empty(),
                Map.of(
                        "boot-kernel", file("boot-kernel" + release + serial, BootPhase.KERNEL),
                        "boot-initrd", file("boot-initrd" + release + serial, BootPhase.INITRD),
                        "squashfs", file("squashfs" + release + serial, BootPhase.ROOT)));
    }

    private static BootFile file(String name, BootPhase phase) {
        String sha256 = "%08x".formatted(name.hashCode()).repeat(8);
        return new BootFile(name.replaceFirst("r\\d+$", ""), sha256, 1_000, sha256, phase);
    }
}
