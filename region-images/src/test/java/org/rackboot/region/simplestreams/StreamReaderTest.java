package org.rackboot.region.simplestreams;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rackboot.region.simplestreams.Product.Item;
import org.rackboot.region.simplestreams.Products.Notice;
import org.rackboot.region.simplestreams.Products.Refused;

class StreamReaderTest {
    private static final String UPDATED = "Thu, 15 Jan 2026 06:00:00 +0000";
    private static final String SHA256 = "a".repeat(64);
    private static final String NOBLE = "com.ubuntu.maas.stable:v3:boot:24.04:amd64:ga-24.04";
    private static final int MUTATIONS_PER_SEED = 2_000;

    private final StreamReader reader = new StreamReader();

    @Test
    void theIndexNamesProductFilesAndWhenItWasWritten() throws Exception {
        StreamIndex index = reader.readIndex(sample("index.json"));

        assertThat(index.updated()).isEqualTo("2026-01-15T06:00:00Z");
        assertThat(index.entries())
                .extracting(StreamIndex.Entry::contentId)
                .containsExactly(
                        "com.ubuntu.maas:stable:v3:download",
                        "com.ubuntu.maas:stable:1:bootloader-download",
                        "com.ubuntu.maas:stable:centos-bases-download");
        assertThat(index.entries().get(0).path()).hasToString("streams/v1/com.ubuntu.maas:stable:v3:download.json");
    }

    @Test
    void anIndexMayNameFurtherIndexesAndEntriesOfOtherKindsAreLeftOut() throws Exception {
        StreamIndex index = reader.readIndex(bytes("""
                {"format": "index:1.0", "updated": "%s", "index": {
                  "a": {"format": "index:1.0", "path": "a"},
                  "b": {"format": "products:1.0", "datatype": "notices", "path": "/b"},
                  "c": {"format": "products:1.0", "datatype": "image-downloads", "path": "c"},
                  "d": "e", "f": {"format": "products:2.0", "datatype": "image-ids", "path": "f"}}}""".formatted(UPDATED)));

        assertThat(index.entries())
                .containsExactly(
                        new StreamIndex.Entry("a", MirrorPath.parse("a"), true),
                        new StreamIndex.Entry("c", MirrorPath.parse("c"), false));
        assertThat(index.warnings()).isEmpty();
    }

    // S-35.
    @Test
    void anEntryThatLeadsElsewhereIsSkippedAndTheOthersStand() throws Exception {
        StreamIndex index = reader.readIndex(bytes("""
                {"format": "index:1.0", "updated": "%s", "index": {
                  "a": {"format": "products:1.0", "datatype": "image-ids", "path": "../a"},
                  "b": {"format": "products:1.0", "datatype": "image-ids", "path": "http://elsewhere.example/b"},
                  "c": {"format": "products:1.0", "datatype": "image-ids"},
                  "d\\u001b": {"format": "products:1.0", "datatype": "image-ids", "path": "d"},
                  "e": {"format": "products:1.0", "datatype": "image-ids", "path": "e"}}}""".formatted(UPDATED)));

        assertThat(index.entries()).extracting(StreamIndex.Entry::contentId).containsExactly("e");
        assertThat(index.warnings()).hasSize(4).allMatch(warning -> warning.matches("[ -~…]*"));
    }

    @Test
    void aFileIsReadAsWhatItSaysItIs() throws Exception {
        assertThat(reader.read(sample("index.json"))).isInstanceOf(StreamIndex.class);
        assertThat(reader.read(sample("ubuntu.json"))).isInstanceOf(Products.class);
        refused(
                "expected 'index:1.0' or 'products:1.0'",
                () -> reader.read(bytes("{\"format\": \"products:9\", \"updated\": \"" + UPDATED + "\"}")));
    }

    @Test
    void anIndexHasAtMost1000Entries() {
        String entries =
                IntStream.range(0, 1_001).mapToObj(i -> "\"e" + i + "\": {}").collect(Collectors.joining(","));

        refused(
                "1001; at most 1000",
                () -> reader.readIndex(bytes("{\"format\": \"index:1.0\", \"updated\": \"%s\", \"index\": {%s}}"
                        .formatted(UPDATED, entries))));
    }

    @Test
    void anImageHasItsAttributesItsVersionsAndTheirFiles() throws Exception {
        Products file = reader.readProducts(sample("ubuntu.json"));

        assertThat(file.contentId()).isEqualTo("com.ubuntu.maas:stable:v3:download");
        assertThat(file.updated()).isEqualTo(Instant.parse("2026-01-15T06:00:00Z"));
        assertThat(file.warnings()).isEmpty();
        Product noble = file.products().get(0);
        assertThat(noble.name()).isEqualTo(NOBLE);
        assertThat(noble.os()).isEqualTo("ubuntu");
        assertThat(noble.release()).isEqualTo("noble");
        assertThat(noble.arch()).isEqualTo("amd64");
        assertThat(noble.kernel()).isEqualTo("ga-24.04");
        assertThat(noble.label()).isEqualTo("stable");
        assertThat(noble.bootMethod()).isEmpty();
        assertThat(noble.attribute("release_title", "")).isEqualTo("24.04 LTS");
        assertThat(noble.newestSerial()).contains("20260115");
        assertThat(noble.versions().get("20260115"))
                .extracting(Item::name)
                .containsExactly("boot-kernel", "boot-initrd", "squashfs", "manifest");
        assertThat(noble.versions().get("20260101"))
                .first()
                .isEqualTo(new Item(
                        "boot-kernel",
                        "boot-kernel",
                        MirrorPath.parse("noble/amd64/20260101/ga-24.04/generic/boot-kernel"),
                        34,
                        "5650fb77460ef88ef7b20f2b93b2c659a3823dbee03b3e73135b8b1cc58d0ed7"));
    }

    @Test
    void aLoaderHasABootMethodAndACentOsImageItsOwnReleaseName() throws Exception {
        Product loader =
                reader.readProducts(sample("bootloaders.json")).products().get(0);
        Product centos = reader.readProducts(sample("centos.json")).products().get(0);

        assertThat(loader.bootMethod()).contains("uefi");
        assertThat(loader.os()).isEqualTo("grub-efi-signed");
        assertThat(loader.newestSerial()).contains("20260110.0");
        assertThat(centos.release()).isEqualTo("centos70");
        assertThat(centos.attribute("version", "")).isEqualTo("7.0");
        assertThat(centos.newestSerial()).contains("20260105_01");
    }

    @Test
    void scalarsAreInheritedFromEveryLevelAndTheNearerWins() throws Exception {
        Products file = reader.readProducts(products("""
                "os": "top", "arch": "amd64", "label": "stable", "size": 7, "sha256": "%s", "path": "top",
                "products": {"p": {"os": "near", "path": "product", "version": 24.04, "versions": {
                  "1": {"path": "version", "label": "never upward", "items": {
                    "x": {"ftype": "squashfs"},
                    "y": {"ftype": "boot-kernel", "path": "item", "size": "8"}}}}}}""".formatted(SHA256)));

        Product product = file.products().get(0);
        assertThat(product.os()).isEqualTo("near");
        assertThat(product.arch()).isEqualTo("amd64");
        assertThat(product.label()).isEqualTo("stable");
        assertThat(product.attribute("version", "")).isEqualTo("24.04");
        assertThat(product.versions().get("1"))
                .containsExactly(
                        new Item("x", "squashfs", MirrorPath.parse("version"), 7, SHA256),
                        new Item("y", "boot-kernel", MirrorPath.parse("item"), 8, SHA256));
    }

    @Test
    void onlyScalarsThatAnImportUsesAreKept() throws Exception {
        Products file = reader.readProducts(
                products("\"a\": 1, \"os\": null, \"release\": {}, \"products\": {\"p\": {\"b\": 2, \"arch\": \"x\","
                        + " \"ftype\": \"squashfs\"}}"));

        assertThat(file.products().get(0).attributes()).containsOnlyKeys("arch");
        assertThat(file.products().get(0).os()).isEqualTo("ubuntu");
    }

    @Test
    void serialsAreComparedAsText() throws Exception {
        assertThat(newest("20231004.0", "20240622_01", "9")).isEqualTo("9");
        assertThat(newest("20240101", "20240101.1", "20231231")).isEqualTo("20240101.1");
        assertThat(newest("20240101.10", "20240101.9")).isEqualTo("20240101.9");
        assertThat(newest("20240101_1", "20240101.9")).isEqualTo("20240101_1");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "generic:ga-24.04:ga-24.04",
                "lowlatency:ga-24.04:ga-24.04-lowlatency",
                "lowlatency:hwe-24.04-edge:hwe-24.04-lowlatency-edge",
                "generic:hwe-24.04-edge:hwe-24.04-edge"
            })
    void theKernelIsNamedByLevelAndFlavour(String given) throws Exception {
        String[] part = given.split(":");
        Products file = reader.readProducts(products(
                "\"products\": {\"p\": {\"kflavor\": \"%s\", \"subarch\": \"%s\"}}".formatted(part[0], part[1])));

        assertThat(file.products().get(0).kernel()).isEqualTo(part[2]);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": 1, \"md5\": \"0123456789abcdef0123456789abcdef\"",
                "\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": 1, \"sha256\": \"aa\"",
                "\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": 1, \"sha256\": 5",
                "\"ftype\": \"squashfs\", \"path\": \"x\", \"sha256\": \"$\"",
                "\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": -1, \"sha256\": \"$\"",
                "\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": 1.5, \"sha256\": \"$\"",
                "\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": 1099511627777, \"sha256\": \"$\"",
                "\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": 99999999999999999999, \"sha256\": \"$\"",
                "\"ftype\": \"squashfs\", \"path\": \"../x\", \"size\": 1, \"sha256\": \"$\"",
                "\"ftype\": \"squashfs\", \"size\": 1, \"sha256\": \"$\"",
                "\"path\": \"x\", \"size\": 1, \"sha256\": \"$\""
            })
    void aVersionWithAnItemThatCannotBeVerifiedIsSkippedWithAWarning(String item) throws Exception {
        Products file = reader.readProducts(
                version("\"bad\": {" + item.replace("$", SHA256) + "}, \"good\": {" + GOOD_ITEM + "}"));

        assertThat(file.products().get(0).versions()).isEmpty();
        assertThat(file.warnings()).singleElement().asString().startsWith("version 1 of p was skipped: ");
    }

    @Test
    void filesOfUnknownTypesAreSkippedWithOneWarning() throws Exception {
        Products file = reader.readProducts(version(
                "\"x\": {\"ftype\": \"of-tomorrow\"}, \"y\": {\"ftype\": \"of-tomorrow\", \"path\": \"../y\"}, \"z\": {"
                        + GOOD_ITEM + "}"));

        assertThat(items(file)).extracting(Item::name).containsExactly("z");
        assertThat(file.warnings()).containsExactly("2 files of the unknown type 'of-tomorrow' were skipped");
        assertThat(file.refused()).isEmpty();
    }

    @Test
    void upperCaseHashesAreTheSame() throws Exception {
        Products file = reader.readProducts(version("\"z\": {" + GOOD_ITEM.replace(SHA256, "A".repeat(64)) + "}"));

        assertThat(items(file)).extracting(Item::sha256).containsExactly(SHA256);
    }

    // S-34.
    @Test
    void anItemWithNothingButAnMd5IsRefusedForThat() throws Exception {
        Products file = reader.readProducts(version(
                "\"x\": {\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": 1, \"md5\": \"0123456789abcdef\"}"));

        assertThat(file.refused())
                .containsExactly(
                        new Refused("p", "1", "item 'x' has only an md5, which anybody can forge; a sha256 is needed"));
    }

    @Test
    void aVersionThatIsRefusedLeavesTheOlderOneAndTheOtherProducts() throws Exception {
        Products file = reader.readProducts(products("""
                "products": {
                  "p": {"versions": {"1": {"items": {"x": {%s}}}, "2": {"items": {"x": {"ftype": "squashfs"}}}, "3": 7, "4": {"items": []}}},
                  "q": {"versions": [1]},
                  "r": null}""".formatted(GOOD_ITEM)));

        assertThat(file.products()).extracting(Product::name).containsExactly("p", "q", "r");
        assertThat(file.products().get(0).versions()).containsOnlyKeys("1", "3", "4");
        assertThat(file.refused()).extracting(Refused::serial).containsExactly("2");
        assertThat(file.refused().get(0).describe()).isEqualTo(file.warnings().get(0));
    }

    @Test
    void aPathWithTwoHashesIsRefusedWhereverItIsNamed() throws Exception {
        String other = GOOD_ITEM.replace(SHA256, "b".repeat(64));
        String same = GOOD_ITEM.replace("\"x\"", "\"y\"");
        Products file = reader.readProducts(products("""
                "products": {
                  "p": {"versions": {"1": {"items": {"a": {%s}}}, "2": {"items": {"a": {%s}}}}},
                  "q": {"versions": {"1": {"items": {"a": {%s}, "b": {%s}}}}}}""".formatted(GOOD_ITEM, same, other, same)));

        assertThat(file.products().get(0).versions()).containsOnlyKeys("2");
        assertThat(file.products().get(1).versions()).isEmpty();
        assertThat(file.refused())
                .containsExactly(
                        new Refused("p", "1", "the path 'x' comes with two different hashes"),
                        new Refused("q", "1", "the path 'x' comes with two different hashes"));
    }

    @Test
    void aliasesAreExpandedWhereTheirValueOccurs() throws Exception {
        Products file = reader.readProducts(products("""
                "_aliases": {
                  "krel": {"noble": {"release": "noble", "version": "24.04", "x": "unused"}},
                  "kit": {"std": {"ftype": "squashfs", "size": 3}}},
                "products": {
                  "p": {"krel": "noble", "version": "near", "versions": {"1": {"items": {
                    "x": {"kit": "std", "path": "x", "sha256": "%s"}}}}},
                  "q": {"krel": "jammy"}}""".formatted(SHA256)));

        assertThat(file.products().get(0).attribute("version", "")).isEqualTo("24.04");
        assertThat(file.products().get(0).attributes()).doesNotContainKey("x");
        assertThat(items(file)).containsExactly(new Item("x", "squashfs", MirrorPath.parse("x"), 3, SHA256));
        assertThat(file.products().get(1).release()).isEmpty();
    }

    @Test
    void whatTheStreamSaysForPeopleIsKept() throws Exception {
        Product noble = reader.readProducts(sample("ubuntu.json")).products().get(0);
        Product rolling = reader.readProducts(products("""
                        "products": {"p": {"rolling": true, "support_eol": "2029-05-31", "versions": {
                          "1": {"support_eol": "2027-01-01"}, "2": {"support_eol": "2028-01-01"}}}}""")).products().get(0);

        assertThat(noble.attribute("release_codename", "")).isEqualTo("Noble Numbat");
        assertThat(noble.attribute("support_eol", "")).isEqualTo("2029-05-31");
        assertThat(noble.attribute("support_esm_eol", "")).isEqualTo("2034-04-25");
        assertThat(noble.rolling()).isFalse();
        assertThat(rolling.rolling()).isTrue();
        assertThat(rolling.attribute("support_eol", ""))
                .as("the newest version's")
                .isEqualTo("2028-01-01");
    }

    @Test
    void kernelParametersAreOnePrintableLine() throws Exception {
        Products file = reader.readProducts(version("\"x\": {" + GOOD_ITEM + ", \"kparams\": \"nomodeset quiet\"}"));
        Products odd = reader.readProducts(version("\"x\": {" + GOOD_ITEM + ", \"kparams\": \"a\\nboot evil\"}"));

        assertThat(items(file)).extracting(Item::kernelParameters).containsExactly("nomodeset quiet");
        assertThat(odd.refused())
                .singleElement()
                .extracting(Refused::cause)
                .asString()
                .contains("one printable line");
    }

    /** From Ubuntu 14.04 to today, CentOS 6, 7 and 8, another system's base and every loader, in one file. */
    @Test
    void eachProductIsClassifiedByItself() throws Exception {
        Products file = reader.readProducts(sample("old-images.json"));

        assertThat(file.warnings()).isEmpty();
        assertThat(file.products())
                .extracting(product -> "%s %s %s %s"
                        .formatted(
                                product.kind(),
                                product.os(),
                                product.bootMethod().orElse(product.release() + " " + product.kernel()),
                                product.label()))
                .containsExactly(
                        "MULTI_FILE ubuntu trusty hwe-t daily",
                        "MULTI_FILE ubuntu xenial hwe-16.04 daily",
                        "MULTI_FILE ubuntu noble hwe-24.04-lowlatency-edge candidate",
                        "SINGLE_FILE centos centos66 generic stable",
                        "SINGLE_FILE centos centos70 generic stable",
                        "SINGLE_FILE centos 8 generic stable",
                        "SINGLE_FILE rocky 9 generic candidate",
                        "BOOTLOADER pxelinux pxe stable",
                        "BOOTLOADER grub-efi-signed uefi stable",
                        "BOOTLOADER grub-efi uefi stable",
                        "BOOTLOADER grub-ieee1275 open-firmware stable");
        assertThat(file.products().get(0).versions().values())
                .singleElement()
                .satisfies(items -> assertThat(items)
                        .extracting(Item::ftype)
                        .containsExactly("boot-kernel", "boot-initrd", "root-image.gz", "di-kernel"));
        assertThat(file.products().get(3).versions().get("20150928.1"))
                .first()
                .extracting(Item::name, Item::ftype)
                .containsExactly("root-image.gz", "root-tgz");
        assertThat(file.products().get(7).attribute("arches", "")).isEqualTo("amd64, i386");
    }

    @Test
    void aNoticeIsNoProduct() throws Exception {
        Products file = reader.readProducts(sample("notices.json"));

        assertThat(file.products()).isEmpty();
        assertThat(file.warnings()).isEmpty();
        assertThat(file.notices())
                .containsExactly(new Notice(
                        "com.ubuntu.maas:stable:1:maas-notification",
                        "20260102",
                        Map.of("version", "1", "maas_version", "3.7", "message", "Version 3.7 has been released")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"20.10", "6.6", "7.0", "8", "1e999999999"})
    void aVersionThatWasWrittenAsANumberKeepsItsDigits(String number) throws Exception {
        Products file = reader.readProducts(products("\"products\": {\"p\": {\"version\": %s}}".formatted(number)));

        assertThat(file.products().get(0).attribute("version", "")).isEqualTo(number.replace("e", "E+"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x", "a/b", "a b", "-a", "", "a\\u0000b", "\\u00e4"})
    void aNameThatCannotBePartOfABootNameSkipsTheProduct(String bad) throws Exception {
        for (String key : new String[] {"os", "release", "arch", "subarch", "kflavor", "label", "bootloader-type"}) {
            Products file = reader.readProducts(
                    products("\"products\": {\"p\": {\"%s\": \"%s\"}, \"q\": {}}".formatted(key, bad)));

            assertThat(file.products()).extracting(Product::name).containsExactly("q");
            assertThat(file.warnings()).singleElement().asString().startsWith("product p was skipped");
        }
    }

    @Test
    void aTextThatIsTooLongOrCannotBeShownSkipsTheProduct() throws Exception {
        Products file = reader.readProducts(
                products("\"products\": {\"p\": {\"title\": \"\\u001b[2J\"}, \"q\": {\"subarches\": \"%s\"}, \"r\": {}}"
                        .formatted("x".repeat(4_097))));

        assertThat(file.products()).extracting(Product::name).containsExactly("r");
        assertThat(file.warnings()).hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a\\nb", "a/b", "\\u0000", ""})
    void namesOfProductsVersionsAndItemsHaveOnlyTheCharactersThatStreamsUse(String name) throws Exception {
        Products product = reader.readProducts(products("\"products\": {\"%s\": {}, \"q\": {}}".formatted(name)));
        Products version = reader.readProducts(
                products("\"products\": {\"p\": {\"versions\": {\"%s\": {}, \"2\": {}}}}".formatted(name)));
        Products item = reader.readProducts(version("\"%s\": {%s}".formatted(name, GOOD_ITEM)));

        assertThat(product.products()).extracting(Product::name).containsExactly("q");
        assertThat(version.products().get(0).versions()).containsOnlyKeys("2");
        assertThat(item.products().get(0).versions()).isEmpty();
        for (Products file : List.of(product, version, item)) {
            assertThat(file.refused())
                    .hasSize(1)
                    .allMatch(each -> each.describe().matches("[ -~]*"));
        }
    }

    @Test
    void countsAreBounded() throws Exception {
        refused("20001; at most 20000", () -> reader.readProducts(products("\"products\": {" + many(20_001) + "}")));
        refused(
                "1001; at most 1000",
                () -> reader.readProducts(
                        products("\"products\": {}, \"_aliases\": {\"krel\": {" + many(1_001) + "}}")));
        assertThat(reader.readProducts(products("\"products\": {\"p\": {\"versions\": {" + many(1_001) + "}}}"))
                        .warnings())
                .singleElement()
                .asString()
                .contains("1001; at most 1000");
        assertThat(reader.readProducts(version(many(201))).warnings())
                .singleElement()
                .asString()
                .contains("201; at most 200");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "[]",
                "1",
                "{",
                "{}",
                "{\"format\": \"products:1.0\"}",
                "{\"format\": \"index:1.0\", \"products\": {}, \"updated\": \"Thu, 15 Jan 2026 06:00:00 +0000\"}",
                "{\"format\": \"products:1.0\", \"products\": []}",
                "{\"format\": \"products:1.0\", \"products\": {}}",
                "{\"format\": \"products:1.0\", \"products\": {}, \"updated\": \"yesterday\"}",
                "{\"format\": \"products:1.0\", \"products\": {}, \"updated\": \"Fri, 15 Jan 2026 06:00:00 +0000\"}",
                "{\"format\": \"products:1.0\", \"products\": {}, \"updated\": 5}",
                "{\"format\": \"products:1.0\", \"format\": \"products:1.0\", \"products\": {}}",
                "// comment\n{}",
                "{\"a\": NaN}",
                "{\"a\": '1'}"
            })
    void whatIsNoProductFileIsRefused(String text) {
        refused("", () -> reader.readProducts(bytes(text)));
    }

    @Test
    void duplicateKeysTrailingTokensAndDepthAreRefused() {
        refused(
                "not acceptable JSON",
                () -> reader.readProducts(products("\"products\": {\"p\": {\"os\": \"a\", \"os\": \"b\"}}")));
        refused(
                "not acceptable JSON",
                () -> reader.readProducts(bytes(new String(products("\"products\": {}"), UTF_8) + " {}")));
        refused(
                "not acceptable JSON",
                () -> reader.readProducts(products("\"products\": {}, \"x\": " + "[".repeat(64) + "]".repeat(64))));
        refused(
                "not acceptable JSON",
                () -> reader.readProducts(products("\"products\": {}, \"x\": " + "9".repeat(65))));
        refused(
                "not acceptable JSON",
                () -> reader.readProducts(products("\"products\": {}, \"" + "k".repeat(1_025) + "\": 1")));
        refused(
                "not acceptable JSON",
                () -> reader.readProducts(products("\"products\": {}, \"x\": \"" + "s".repeat((1 << 20) + 1) + "\"")));
    }

    static LongStream seeds() {
        return LongStream.range(0, 10);
    }

    /** 20,000 damaged files: they are read or refused, and nothing else is ever thrown. */
    @ParameterizedTest
    @MethodSource("seeds")
    void aDamagedFileIsReadOrRefused(long seed) throws Exception {
        var random = new Random(seed);
        byte[][] samples = {
            sample("index.json"),
            sample("ubuntu.json"),
            sample("bootloaders.json"),
            sample("centos.json"),
            sample("old-images.json"),
            sample("notices.json")
        };
        for (int i = 0; i < MUTATIONS_PER_SEED; i++) {
            byte[] damaged = damaged(samples[i % samples.length], samples[random.nextInt(samples.length)], random);
            try {
                if (i % samples.length == 0) {
                    reader.readIndex(damaged);
                } else {
                    reader.readProducts(damaged);
                }
            } catch (StreamFormatException e) {
                assertThat(e).hasMessageNotContaining("\0");
            } catch (RuntimeException | StackOverflowError e) {
                fail("seed %d, mutation %d: %s".formatted(seed, i, new String(damaged, UTF_8)), e);
            }
        }
    }

    private static final String GOOD_ITEM =
            "\"ftype\": \"squashfs\", \"path\": \"x\", \"size\": 1, \"sha256\": \"" + SHA256 + "\"";

    private static final String[] TOKENS = {
        "{", "}", "[", "]", ":", ",", "\"", "null", "-1", "1e999", "\\u0000", "\\ud800", "\"updated\": 1,", "../", "\0"
    };

    private static byte[] damaged(byte[] file, byte[] other, Random random) {
        byte[] bytes = file.clone();
        int changes = 1 + random.nextInt(4);
        for (int i = 0; i < changes && bytes.length > 0; i++) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(4)) {
                case 0 -> bytes[at] = (byte) random.nextInt(256);
                case 1 -> bytes = spliced(bytes, at, TOKENS[random.nextInt(TOKENS.length)].getBytes(UTF_8), 0);
                case 2 -> bytes = spliced(bytes, at, new byte[0], random.nextInt(40));
                default -> {
                    int from = random.nextInt(other.length);
                    int length = Math.min(random.nextInt(200), other.length - from);
                    byte[] piece = java.util.Arrays.copyOfRange(other, from, from + length);
                    bytes = spliced(bytes, at, piece, random.nextInt(200));
                }
            }
        }
        return bytes;
    }

    private static byte[] spliced(byte[] bytes, int at, byte[] piece, int removed) {
        int end = Math.min(bytes.length, at + removed);
        byte[] result = new byte[bytes.length - (end - at) + piece.length];
        System.arraycopy(bytes, 0, result, 0, at);
        System.arraycopy(piece, 0, result, at, piece.length);
        System.arraycopy(bytes, end, result, at + piece.length, bytes.length - end);
        return result;
    }

    private static List<Item> items(Products file) {
        return file.products().get(0).versions().getOrDefault("1", List.of());
    }

    private String newest(String... serials) throws StreamFormatException {
        String versions =
                java.util.Arrays.stream(serials).map(s -> "\"" + s + "\": {}").collect(Collectors.joining(","));
        Products file = reader.readProducts(products("\"products\": {\"p\": {\"versions\": {" + versions + "}}}"));
        return file.products().get(0).newestSerial().orElseThrow();
    }

    private static String many(int count) {
        return IntStream.range(0, count).mapToObj(i -> "\"n" + i + "\": {}").collect(Collectors.joining(","));
    }

    private static byte[] version(String items) {
        return products("\"products\": {\"p\": {\"versions\": {\"1\": {\"items\": {" + items + "}}}}}");
    }

    private static byte[] products(String members) {
        return bytes("{\"format\": \"products:1.0\", \"content_id\": \"c\", \"updated\": \"%s\", %s}"
                .formatted(UPDATED, members));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private static byte[] sample(String name) throws IOException {
        try (var in = Objects.requireNonNull(StreamReaderTest.class.getResourceAsStream(name), name)) {
            return in.readAllBytes();
        }
    }

    private static void refused(String why, org.assertj.core.api.ThrowableAssert.ThrowingCallable reading) {
        assertThatExceptionOfType(StreamFormatException.class)
                .isThrownBy(reading)
                .withMessageContaining(why);
    }
}
