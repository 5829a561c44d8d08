package org.rackboot.region;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** What each package may know. */
class ArchitectureTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.rackboot.region");

    @Test
    void sqlAppearsOnlyInTheStore() {
        noClasses()
                .that()
                .resideOutsideOfPackage("..region.store..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "java.sql..",
                        "javax.sql..",
                        "com.zaxxer..",
                        "org.flywaydb..",
                        "org.sqlite..",
                        "org.postgresql..")
                .check(CLASSES);
    }

    @Test
    void openPgpAppearsOnlyInSignature() {
        onlyIn("..region.signature..", "org.bouncycastle..");
    }

    @Test
    void archivesAppearOnlyInSimplestreams() {
        onlyIn("..region.simplestreams..", "org.tukaani..", "org.apache.commons.compress..");
    }

    @Test
    void jsonIsReadInSimplestreamsAndWrittenInTheCatalog() {
        noClasses()
                .that()
                .resideOutsideOfPackages("..region.simplestreams..", "..region.catalog..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("tools.jackson..", "com.fasterxml..")
                .check(CLASSES);
    }

    @Test
    void onlySyncReachesTheNetwork() {
        noClasses()
                .that()
                .resideOutsideOfPackage("..region.sync..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.net.http..")
                .orShould()
                .dependOnClassesThat(name("java.net.Socket")
                        .or(name("java.nio.channels.SocketChannel"))
                        .or(name("java.net.URL"))
                        .or(name("java.net.URLConnection")))
                .check(CLASSES);
    }

    @Test
    void streamsAndSignaturesAreValuesThatKnowNeitherStoreNorImport() {
        noClasses()
                .that()
                .resideInAnyPackage("..region.simplestreams..", "..region.signature..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("..region.store..", "..region.sync..", "..region.source..", "..region.catalog..")
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage("java.nio.file..", "java.util.concurrent..")
                .check(CLASSES);
    }

    @Test
    void theStoreKnowsNothingOfImports() {
        noClasses()
                .that()
                .resideInAPackage("..region.store..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("..region.sync..", "..region.catalog..", "..region.signature..")
                .check(CLASSES);
    }

    @Test
    void nothingOfAnImageIsEverExecuted() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .belongToAnyOf(ProcessBuilder.class, Process.class)
                .orShould()
                .callMethodWhere(target(name("exec")).and(target(owner(name("java.lang.Runtime")))))
                .check(CLASSES);
    }

    @Test
    void noPackageDependsOnItselfThroughOthers() {
        slices().matching("org.rackboot.region.(*)..").should().beFreeOfCycles().check(CLASSES);
        noClasses()
                .that()
                .resideInAPackage("org.rackboot.region.*..")
                .should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAPackage("org.rackboot.region"))
                .check(CLASSES);
    }

    private static void onlyIn(String home, String... libraries) {
        noClasses()
                .that()
                .resideOutsideOfPackage(home)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(libraries)
                .check(CLASSES);
    }
}
