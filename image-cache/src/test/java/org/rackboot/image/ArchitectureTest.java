package org.rackboot.image;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The arrows of docs/architecture.md, kept. */
class ArchitectureTest {
    private static final JavaClasses MODULE = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.rackboot.image");

    @Test
    void dependsOnTheJdkAndCaffeineOnly() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..", "com.github.benmanes.caffeine.cache..", "org.jspecify..", "org.rackboot.image..")
                .check(MODULE);
    }

    @Test
    void whatContentIsKnowsNothingOfHowItIsKept() {
        noClasses()
                .that()
                .resideInAPackage("org.rackboot.image")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.rackboot.image.cache..", "com.github..", "java.nio.file..")
                .check(MODULE);
    }

    @Test
    void packagesFormNoCycle() {
        slices().matching("org.rackboot.image.(**)").should().beFreeOfCycles().check(MODULE);
    }

    @Test
    void nothingReadsAClockOrRollsDiceButTheClockThatIsHandedIn() {
        noClasses()
                .should()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(Thread.class, "sleep", long.class)
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.util.Random")
                .check(MODULE);
    }

    @Test
    void theCacheOffersItsDoorAndNothingElse() {
        classes()
                .that()
                .resideInAPackage("org.rackboot.image.cache")
                .and()
                .arePublic()
                .and()
                .areTopLevelClasses()
                .should()
                .haveSimpleName("ImageCache")
                .check(MODULE);
    }
}
