package org.rackboot.it.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rackboot.it.lab.FirmwareLab.Dhcp;
import org.rackboot.it.lab.FirmwareLab.LabRun;
import org.rackboot.it.lab.FirmwareLab.Order;

/**
 * SeaBIOS with iPXE, OVMF and AAVMF boot from {@code rackboot serve}, which imported a signed image stream before, and from
 * {@code rackboot rack}, whose region is gone. A boot is good when the Linux that came up has the squashfs of the region's
 * catalog, byte for byte.
 */
@Tag("lab")
@Timeout(value = 40, unit = TimeUnit.MINUTES)
class FirmwareLabTest {
    private static final LabMachine UEFI = LabMachine.of("uefi-pxe");
    private static final LabMachine UEFI_LOSING = UEFI.losing(20);

    /** Each of them wants an answer of another shape (quirks D1 to D3). */
    private static final List<LabMachine> FOUR_KINDS =
            List.of(LabMachine.of("bios-ipxe"), UEFI, LabMachine.of("uefi-http"), LabMachine.of("arm64-pxe"));

    /** Shared by two tests: a run takes minutes. */
    private static Optional<LabRun> signed = Optional.empty();

    private final FirmwareLab lab = FirmwareLab.ofThisTree();

    /** Continuous integration must not pass because it lacks something: there, what is missing is a failure. */
    @BeforeEach
    void theLabCanRunHere() throws IOException, InterruptedException {
        boolean required = "true".equals(System.getenv("CI")) || "required".equals(System.getenv("RACKBOOT_LAB"));
        String wanted = System.getProperty("lab", Boolean.toString(required));
        assumeTrue(Boolean.parseBoolean(wanted), "The firmware lab is off; ./check or -Dlab=true turns it on");

        List<String> missing = lab.missing();
        if (!missing.isEmpty()) {
            String reason = "The firmware lab cannot run here; missing: " + String.join("; ", missing);
            assumeTrue(required, reason);
            fail(reason);
        }
        lab.prepare();
    }

    @Test
    void biosAndUefiMachinesBootTheImageOfTheCatalog() throws IOException, InterruptedException {
        everyMachineHasTheSquashfsOfTheCatalog(signedRun());
    }

    /** What such a boot takes longer is what the server takes to repeat a lost block: most of it is TFTP. */
    @Test
    void aMachineThatLosesTwoFramesInAHundredTakesAtMostTwiceAsLong() throws IOException, InterruptedException {
        LabRun run = signedRun();

        FirmwareBoot lossy = run.boot(UEFI_LOSING);
        assertThat(lossy.lostFrames())
                .hasValueSatisfying(lost -> assertThat(lost).isGreaterThan(100));
        assertThat(seconds(lossy))
                .as("seconds that it took%n%s", Text.tail(run.serverLog(), 40))
                .isLessThanOrEqualTo(2 * seconds(run.boot(UEFI)));
    }

    /** The rack was enrolled and warmed, its region killed, and the rack started again. */
    @Test
    void withoutARegionHttpBootWorksAndAGrubThatCannotNameAPortTakesItsKernelFromPort80()
            throws IOException, InterruptedException {
        List<LabMachine> machines = List.of(LabMachine.of("bios-ipxe"), LabMachine.of("uefi-http"), UEFI);

        LabRun run = lab.boot(
                "http", "stream-http", "5248 80", "region+rack", Dhcp.DNSMASQ, Order.ONE_AFTER_ANOTHER, machines);

        everyMachineHasTheSquashfsOfTheCatalog(run);
        noMachineGotItsKernelByTftp(run);
        theRegionWasGoneAllTheWhile(run);
        assertThat(Text.lines(run.serverLog()))
                .anySatisfy(line ->
                        assertThat(line).matches(".*a change reached the rack's configurations after 1?[0-9]{1,3} ms"));
        assertThat(run.printed("explained-without-region.json"))
                .isEqualTo(run.printed("explained.json"))
                .anySatisfy(step -> assertThat(step.toString()).contains("lab.machine=0"));
        assertThat(Text.lines(run.boots().get(0).console()))
                .as("its own kernel options, which the region gave the rack before it went")
                .anyMatch(line -> line.contains("INITRD-UP ") && line.contains("lab.machine=0"));
    }

    @Test
    void besideADhcpServerThatGivesOutAddressesAloneProxyDhcpTellsThemWhatToLoad()
            throws IOException, InterruptedException {
        LabRun run =
                lab.boot("proxy", "stream-http", "5248 80", "serve", Dhcp.PROXY, Order.ONE_AFTER_ANOTHER, FOUR_KINDS);

        everyMachineHasTheSquashfsOfTheCatalog(run);
        assertThat(Text.lines(run.serverLog()))
                .anyMatch(line ->
                        line.contains(" dhcp loader http://198.18.0.1:5248/ipxe.cfg: offered (iPXE on x86 BIOS"))
                .anyMatch(line -> line.contains(" dhcp loader bootx64.efi: acknowledged (x64 UEFI"))
                .anyMatch(line ->
                        line.contains(" dhcp loader http://198.18.0.1:5248/bootx64.efi: offered (x64 UEFI HTTP"))
                .anyMatch(line -> line.contains(" dhcp loader bootaa64.efi: acknowledged (arm64 UEFI"));
    }

    /** dnsmasq with such a configuration is the DHCP server of the other scenarios. */
    @ParameterizedTest
    @EnumSource(names = {"ISC", "KEA"})
    void aDhcpServerThatWasToldWhatDhcpConfigSaysTellsThemWhatToLoad(Dhcp dhcp)
            throws IOException, InterruptedException {
        LabRun run = lab.boot(
                dhcp.name().toLowerCase(Locale.ROOT),
                "stream-http",
                "5248 80",
                "serve",
                dhcp,
                Order.AT_ONCE,
                FOUR_KINDS);

        everyMachineHasTheSquashfsOfTheCatalog(run);
    }

    /** Over BIOS, UEFI's TFTP and UEFI's HTTP; and nobody touches a machine after it was switched on. */
    @Test
    void machinesOnHoldBootWhatTheyAreAssignedOnceAndThenTheirOwnDisksAndAnUnknownOneIsEnlisted()
            throws IOException, InterruptedException {
        List<LabMachine> known = List.of(LabMachine.of("bios-ipxe"), UEFI, LabMachine.of("uefi-http"));

        LabRun run = lab.operate("machines", known);

        everyMachineHasTheSquashfsOfTheCatalog(run);
        for (int tap = 0; tap < known.size(); tap++) {
            List<String> told = told(run.boots().get(tap), tap);
            assertThat(told)
                    .as("what %s showed", known.get(tap).label())
                    .containsExactly("on hold", "image, as lab-" + tap, "BOOT-OK", "disk");
        }
        FirmwareBoot unknown = run.boots().get(known.size());
        assertThat(told(unknown, known.size())).containsExactly("BOOT-OK");
        assertThat(run.printed("seen.json"))
                .anySatisfy(seen -> assertThat(seen.path("mac").asString()).isEqualTo("52:54:00:0b:00:03"));
        assertThat(run.printed("adopted.json"))
                .anySatisfy(machine -> assertThat(machine.toString())
                        .contains("\"name\":\"adopted\"", "\"52:54:00:0b:00:03\"", "\"amd64\""));
    }

    /** In the order in which it happened; a loader that repeats itself is heard once. */
    private static List<String> told(FirmwareBoot boot, int tap) throws IOException {
        List<String> told = new ArrayList<>();
        for (String line : Text.lines(boot.console())) {
            String what = "";
            if (line.contains("Asks again every 5 seconds") || line.contains("Asks again in 5 seconds")) {
                what = "on hold";
            } else if (line.contains("INITRD-UP ") && line.contains("lab.machine=")) {
                what = line.contains("lab.machine=" + tap + " ") || line.endsWith("lab.machine=" + tap)
                        ? "image, as lab-" + tap
                        : "image, as another machine";
            } else if (line.contains("BOOT-OK ")) {
                what = "BOOT-OK";
            } else if (line.contains("DISK-BOOTED")) {
                what = "disk";
            }
            if (!what.isEmpty() && (told.isEmpty() || !told.get(told.size() - 1).equals(what))) {
                told.add(what);
            }
        }
        return told;
    }

    private LabRun signedRun() throws IOException, InterruptedException {
        if (signed.isEmpty()) {
            List<LabMachine> machines =
                    List.of(LabMachine.of("bios-ipxe"), UEFI, LabMachine.of("arm64-pxe"), UEFI_LOSING);
            signed = Optional.of(
                    lab.boot("signed", "stream", "5248", "serve", Dhcp.DNSMASQ, Order.ONE_AFTER_ANOTHER, machines));
        }
        return signed.get();
    }

    private static double seconds(FirmwareBoot boot) {
        return Double.parseDouble(boot.seconds()
                .orElseThrow(() -> new AssertionError(boot.machine().label() + " did not boot")));
    }

    private static void everyMachineHasTheSquashfsOfTheCatalog(LabRun run) throws IOException {
        ImageCatalog catalog = run.catalog();
        List<String> problems = new ArrayList<>();
        for (FirmwareBoot boot : run.boots()) {
            Optional<String> expected = catalog.newest(boot.arch(), "squashfs").map(ImageCatalog.Artifact::sha256);
            Optional<String> found = boot.squashfsSha256();
            if (found.isPresent() && found.equals(expected)) {
                String seconds = boot.seconds().orElse("?").replaceFirst("(\\.[0-9])[0-9]*$", "$1");
                report(boot, "BOOT-OK " + seconds + "s squashfs-sha256=" + found.get() + " == catalog");
                continue;
            }
            String what = found.isEmpty()
                    ? boot.bootFail().orElse("no BOOT-OK on its console")
                    : "its squashfs is " + found.get() + ", the catalog's newest is " + expected.orElse("none");
            report(boot, "FAILED " + what);
            problems.add(boot.machine().label() + ": " + what + "\n" + Text.tail(boot.console(), 40));
        }
        if (!problems.isEmpty()) {
            fail(String.join("\n", problems) + Text.tail(run.serverLog(), 40) + "Everything else is in "
                    + run.directory());
        }
        assertThat(run.ending().isSuccess())
                .as("run-test.sh: %s%n%s", run.ending(), Text.tail(run.runLog(), 20))
                .isTrue();
    }

    /** Seen from both ends: what the server wrote in its log, and what the network counted. */
    private static void noMachineGotItsKernelByTftp(LabRun run) throws IOException {
        List<String> kernels = Text.lines(run.serverLog()).stream()
                .filter(line -> line.contains("boot-kernel"))
                .toList();
        assertThat(kernels)
                .as("log lines of the kernel%n%s", Text.tail(run.serverLog(), 40))
                .isNotEmpty()
                .noneMatch(line -> line.toLowerCase(Locale.ROOT).contains("tftp"));

        ImageCatalog catalog = run.catalog();
        for (FirmwareBoot boot : run.boots()) {
            long kernel =
                    catalog.newest(boot.arch(), "boot-kernel").orElseThrow().size();
            boot.traffic().ifPresent(traffic -> {
                assertThat(traffic.udpBytes())
                        .as("UDP bytes to %s", boot.machine().label())
                        .isLessThan(kernel);
                assertThat(traffic.tcpBytes())
                        .as("TCP bytes to %s", boot.machine().label())
                        .isGreaterThan(kernel);
            });
        }
    }

    /** What the script did, what the restarted rack said of it, and that it neither fetched nor failed to send anything. */
    private static void theRegionWasGoneAllTheWhile(LabRun run) throws IOException {
        List<String> log = Text.lines(run.serverLog());
        int killed = indexOf(log, "rackboot-server.sh: the region was killed: status 137");
        int restarted = indexOf(log, "rackboot-server.sh: the rack was started again without a region");
        int ready = indexOf(log, "rackboot-server.sh: ready after");
        assertThat(List.of(killed, restarted, ready))
                .as("lines of what happened%n%s", Text.tail(run.serverLog(), 80))
                .doesNotContain(-1)
                .isSorted();
        assertThat(log.subList(killed, restarted)).anyMatch(line -> line.contains("The region does not answer"));
        assertThat(log.subList(killed, log.size()))
                .noneMatch(line -> line.contains("In step with the region"))
                .noneMatch(line -> line.contains("Fetching "))
                .noneMatch(line -> line.contains(": failed"));
        assertThat(Text.lines(run.metricsBeforeTheFirstMachine()))
                .contains("rackboot_region_in_step 0.0")
                .anyMatch(line -> line.startsWith("rackboot_catalog_age_seconds "));
    }

    private static int indexOf(List<String> log, String text) {
        for (int i = 0; i < log.size(); i++) {
            if (log.get(i).startsWith(text)) {
                return i;
            }
        }
        return -1;
    }

    /** One line per firmware on standard output, which {@code ./check} repeats in its summary. */
    private static void report(FirmwareBoot boot, String verdict) {
        System.out.println("LAB " + boot.machine().label() + " " + verdict);
    }
}
