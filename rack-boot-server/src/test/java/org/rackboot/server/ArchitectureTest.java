package org.rackboot.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The arrows of docs/architecture.md, kept. */
class ArchitectureTest {
    private static final JavaClasses SERVER = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.rackboot.server");

    @Test
    void rackPackagesKnowNothingOfTheRegion() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        "org.rackboot.server.rack..", "org.rackboot.server.tftp..", "org.rackboot.server.event..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.rackboot.region..", "org.rackboot.server.region..")
                .check(SERVER);
    }

    @Test
    void theRegionsSideKnowsNothingOfRacks() {
        noClasses()
                .that()
                .resideInAPackage("org.rackboot.server.region..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.rackboot.server.rack..", "org.rackboot.server.tftp..", "org.rackboot.protocol.tftp..")
                .check(SERVER);
    }

    @Test
    void onlyTheWiringSeesBothSides() {
        for (JavaClass each : SERVER) {
            boolean seesBoth =
                    seesPackage(each, "org.rackboot.server.region") && seesPackage(each, "org.rackboot.server.rack");
            if (seesBoth) {
                assertThat(each.getName()).startsWith("org.rackboot.server.RackBoot");
            }
        }
    }

    private static boolean seesPackage(JavaClass from, String name) {
        return from.getDirectDependenciesFromSelf().stream()
                .anyMatch(dependency ->
                        dependency.getTargetClass().getPackageName().equals(name));
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("org.rackboot.server.(*)..").should().beFreeOfCycles().check(SERVER);
    }

    @Test
    void noProtocolThatNobodySpeaksIsOnTheClassPath() { // S-16, S-17
        for (String name : new String[] {
            "io.netty.handler.codec.http2.Http2FrameCodec",
            "io.netty.handler.codec.http.HttpRequestDecoder", // Requests are read by a parser of our own (ADR 9).
            "io.netty.handler.codec.haproxy.HAProxyMessageDecoder"
        }) {
            assertThatThrownBy(() -> Class.forName(name)).isInstanceOf(ClassNotFoundException.class);
        }
    }

    @Test
    void nothingOnTheNetworkSideRunsPrograms() {
        noClasses()
                .that()
                .resideOutsideOfPackage("org.rackboot.server.cli..")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.lang.ProcessBuilder")
                .check(SERVER);
    }
}
