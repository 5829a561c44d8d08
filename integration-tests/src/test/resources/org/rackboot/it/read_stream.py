#!/usr/bin/env python3
"""A simplestreams reader that shares no code with rackboot's: follows index, products, versions and items, and checks
every signature with gpgv and every file's size and sha256. Standard library only.

    read_stream.py SOURCE [--keyring FILE]

SOURCE is a directory or an http:// address. One line for each item; exit code 1, and why, at the first thing that is wrong.
Without a keyring the unsigned .json files are read.
"""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from email.utils import parsedate_to_datetime


class Wrong(Exception):
    pass


class Source:
    def __init__(self, address, keyring):
        self.address = address if address.endswith("/") else address + "/"
        self.keyring = keyring

    def open(self, path):
        if path.startswith("/") or ".." in path.split("/"):
            raise Wrong(f"{path}: leads out of the mirror")
        if self.address.startswith("http://"):
            # ':' may be written either way; here it is escaped, as a careful client does.
            return urllib.request.urlopen(self.address + urllib.parse.quote(path, safe="/"), timeout=30)
        return open(os.path.join(self.address, path), "rb")

    def document(self, path):
        with self.open(path) as stream:
            data = stream.read()
        if self.keyring is None:
            return json.loads(data)
        if not path.endswith(".sjson"):
            raise Wrong(f"{path}: a signed stream names an unsigned file")
        self.detached_agrees(path)
        return json.loads(self.verified(path, data))

    def verified(self, path, data):
        """What the signature covers, as gpgv itself writes it."""
        with tempfile.TemporaryDirectory() as scratch:
            signed, text = os.path.join(scratch, "signed"), os.path.join(scratch, "text")
            with open(signed, "wb") as out:
                out.write(data)
            self.gpgv(path, ["--output", text, signed])
            with open(text, "rb") as covered:
                return covered.read()

    def detached_agrees(self, path):
        """Where the detached signature is published as well, it is good, too."""
        plain = path[: -len(".sjson")] + ".json"
        try:
            with self.open(plain) as stream:
                data = stream.read()
            with self.open(plain + ".gpg") as stream:
                signature = stream.read()
        except (FileNotFoundError, urllib.error.HTTPError):
            return
        with tempfile.TemporaryDirectory() as scratch:
            names = [os.path.join(scratch, "signature"), os.path.join(scratch, "data")]
            for name, content in zip(names, (signature, data)):
                with open(name, "wb") as out:
                    out.write(content)
            self.gpgv(plain + ".gpg", names)

    def gpgv(self, path, arguments):
        command = ["gpgv", "--status-fd", "1", "--keyring", os.path.abspath(self.keyring)]
        ran = subprocess.run(command + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("[GNUPG:] ")]
        bad = {"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA", "NO_PUBKEY"} & set(said)
        good = said.count("GOODSIG") == 1 and said.count("VALIDSIG") == 1
        if ran.returncode != 0 or bad or not good:
            raise Wrong(f"{path}: gpgv says {' '.join(said)} and ends with {ran.returncode}")


def scalars(level):
    return {key: value for key, value in level.items() if isinstance(value, (str, int, float, bool))}


def flattened(products):
    """Every item with all that it inherits; the nearer key wins."""
    top = scalars(products)
    aliases = products.get("_aliases", {})
    for product_name, product in products["products"].items():
        for version_name, version in product["versions"].items():
            for item_name, item in version["items"].items():
                flat = dict(top)
                for level in (product, version, item):
                    flat.update(scalars(level))
                    for key, by_value in aliases.items():
                        if key in level:
                            flat.update(scalars(by_value.get(level[key], {})))
                flat.update(product_name=product_name, version_name=version_name, item_name=item_name)
                yield flat


def check_item(source, item):
    path = item["path"]
    digest, count = hashlib.sha256(), 0
    with source.open(path) as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
            count += len(piece)
    if type(item["size"]) is not int or count != item["size"]:
        raise Wrong(f"{path}: it has {count} bytes; the stream says {item['size']}")
    if digest.hexdigest() != item["sha256"]:
        raise Wrong(f"{path}: its sha256 is {digest.hexdigest()}; the stream says {item['sha256']}")


def require(document, path, **wanted):
    for key, value in wanted.items():
        if document.get(key) != value:
            raise Wrong(f"{path}: {key} is {document.get(key)!r}, not {value!r}")


def read(source, start):
    index = source.document(start)
    require(index, start, format="index:1.0")
    parsedate_to_datetime(index["updated"])
    seen = {}
    for content_id, entry in sorted(index["index"].items()):
        require(entry, start, format="products:1.0")
        if entry["datatype"] not in ("image-ids", "image-downloads"):
            raise Wrong(f"{start}: the datatype of {content_id} is {entry['datatype']}")
        path = entry["path"]
        products = source.document(path)
        require(products, path, format="products:1.0", content_id=content_id, datatype=entry["datatype"])
        parsedate_to_datetime(products["updated"])
        listed = entry.get("products")  # Advisory.
        if listed is not None and sorted(listed) != sorted(products["products"]):
            raise Wrong(f"{path}: has other products than the index says")
        for item in flattened(products):
            for key in ("arch", "os", "label", "ftype", "path", "size", "sha256"):
                if key not in item:
                    raise Wrong(f"{path}: {item['product_name']} {item['item_name']} has no {key}")
            if not re.fullmatch("[0-9a-f]{64}", item["sha256"]):
                raise Wrong(f"{path}: {item['sha256']} is no sha256")
            if seen.setdefault(item["path"], item["sha256"]) != item["sha256"]:
                raise Wrong(f"{item['path']}: is named with two hashes")
            check_item(source, item)
            print(item["product_name"], item["version_name"], item["item_name"], item["arch"], item["path"])
    if not seen:
        raise Wrong(f"{start}: there is nothing in the stream")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--keyring")
    given = parser.parse_args()
    start = "streams/v1/index.sjson" if given.keyring else "streams/v1/index.json"
    try:
        read(Source(given.source, given.keyring), start)
    except (Wrong, OSError, KeyError, ValueError, AttributeError, TypeError) as e:
        print(f"wrong: {type(e).__name__}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
