package org.rackboot.protocol;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.time.Clock;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
    private static final JavaClasses PROTOCOLS = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.rackboot.protocol");

    @Test
    void protocolsDependOnTheJdkAlone() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage("java..", "org.rackboot.protocol..", "org.jspecify.annotations..")
                .check(PROTOCOLS);
    }

    @Test
    void protocolsDoNoIoAndStartNoThread() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("org.rackboot.protocol.bootconfig.BuiltInTemplates") // Its own resources.
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.io..", "java.net..", "java.nio.channels..", "java.nio.file..")
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage("java.util.concurrent..", "java.sql..", "java.lang.reflect..")
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(Thread.class)
                .orShould()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .check(PROTOCOLS);
    }

    @Test
    void builtInTemplatesComeFromTheClassPathAlone() {
        noClasses()
                .that()
                .haveFullyQualifiedName("org.rackboot.protocol.bootconfig.BuiltInTemplates")
                .should()
                .dependOnClassesThat()
                .haveNameMatching("java\\.(net|nio\\.channels|nio\\.file|sql|util\\.concurrent)\\..*")
                .orShould()
                .dependOnClassesThat()
                .haveNameMatching("java\\.io\\.(?!InputStream$|IOException$|UncheckedIOException$).*")
                .check(PROTOCOLS);
    }

    @Test
    void protocolsReadNoClock() {
        noClasses()
                .should()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(Instant.class, "now")
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(Clock.class)
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.util.Date")
                .check(PROTOCOLS);
    }

    @Test
    void protocolsDrawNoRandomNumber() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.util.random..", "java.security..")
                .orShould()
                .dependOnClassesThat()
                .haveNameMatching("java\\.util\\.(Random|SplittableRandom|UUID)")
                .orShould()
                .callMethod(Math.class, "random")
                .check(PROTOCOLS);
    }

    @Test
    void packagesAreFreeOfCycles() {
        slices().matching("org.rackboot.protocol.(*)..")
                .should()
                .beFreeOfCycles()
                .check(PROTOCOLS);
    }

    @Test
    void transportsAndNamesKnowNothingOfTheResolver() {
        noClasses()
                .that()
                .resideInAnyPackage("..protocol.bootname..", "..protocol.tftp..", "..protocol.http..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("..protocol.resolve..", "..protocol.bootconfig..")
                .check(PROTOCOLS);
    }

    @Test
    void networksKnowNothingOfBooting() {
        classes()
                .that()
                .resideInAPackage("..protocol.netconfig..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "org.jspecify.annotations..",
                        "org.rackboot.protocol.address..",
                        "org.rackboot.protocol.bootname..",
                        "org.rackboot.protocol.netconfig..")
                .check(PROTOCOLS);
    }
}
