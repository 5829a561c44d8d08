"""What regions are measured with: a signed image source, and a PostgreSQL."""
import glob, hashlib, json, os, pathlib, random, shutil, subprocess, time

from processes import BenchmarkError, Process, free_port, tail

MIB = 1 << 20
UPDATED = "Thu, 01 Jan 2026 00:00:00 +0000"
CONTENT_ID = "com.ubuntu.maas:stable:v3:download"


def run(*argv, **options):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **options)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(map(str, argv))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def write_noise(path, size, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with open(path, "wb") as out:
        for start in range(0, size, MIB):
            block = rng.randbytes(min(MIB, size - start))
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def make_key(work):
    """Something to sign with: GnuPG's home, and the file of the public half."""
    home, keyring = work / "gnupg", work / "keyring.gpg"
    home.mkdir(mode=0o700)
    run("gpg", "--homedir", home, "--batch", "--passphrase", "", "--quick-generate-key", "benchmark", "ed25519", "sign")
    run("gpg", "--homedir", home, "--batch", "--output", keyring, "--export")
    return home, keyring


class Stream:
    """A signed source of some products and versions, each with files of the same names and sizes."""

    def __init__(self, root, home, products, versions, sizes):
        self.root, rng, catalog = root, random.Random(products), {}
        self.paths, self.products = {}, products  # path: sha256
        for number in range(products):
            release = f"r{number}"
            serials = {}
            for version in range(versions):
                items = {}
                for name, size in sizes.items():
                    path = f"{release}/2026010{version + 1}/{name}"
                    sha256 = write_noise(root / path, size, rng)
                    items[name] = {"ftype": name, "path": path, "size": size, "sha256": sha256}
                    self.paths[path] = sha256
                serials[f"2026010{version + 1}"] = {"items": items}
            catalog[f"com.ubuntu.maas.stable:v3:boot:{number}:amd64:ga-24.04"] = {
                "arch": "amd64", "kflavor": "generic", "krel": release, "label": "stable", "os": "ubuntu", "release": release,
                "release_title": "24.04 LTS", "subarch": "ga-24.04", "subarches": "generic,ga-24.04", "version": str(number),
                "versions": serials}
        head = {"datatype": "image-downloads", "format": "products:1.0", "updated": UPDATED}
        self.sign(home, "index", {"format": "index:1.0", "updated": UPDATED, "index": {
            CONTENT_ID: dict(head, path=f"streams/v1/{CONTENT_ID}.sjson", products=list(catalog))}})
        self.sign(home, CONTENT_ID, dict(head, content_id=CONTENT_ID, products=catalog))
        run("gpgconf", "--homedir", home, "--kill", "gpg-agent")  # which the first signature started

    def sign(self, home, name, document):
        target = self.root / "streams/v1" / f"{name}.sjson"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(subprocess.run(["gpg", "--homedir", str(home), "--batch", "--yes", "--clearsign"],
                                          input=json.dumps(document, indent=1).encode(), capture_output=True, check=True).stdout)


class Postgres:
    """A server of its own, from Debian's package, for one region."""

    def __init__(self, work):
        self.directory = work / "postgres"
        self.bin = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        self.directory.mkdir()
        shutil.chown(self.directory, "postgres")
        os.chmod(work, 0o755)
        data = self.directory / "data"
        run("runuser", "-u", "postgres", "--", self.bin / "initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C",
            cwd=self.directory)
        self.port = free_port()
        self.process = Process("postgres", ["runuser", "-u", "postgres", "--", self.bin / "postgres", "-D", data, "-p", self.port,
                                            "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.directory}"],
                               work / "postgres.log")
        end = time.monotonic() + 20
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode:
            if time.monotonic() > end:
                raise BenchmarkError("PostgreSQL did not start\n" + tail(work / "postgres.log"))
            time.sleep(0.1)

    def url(self):
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres?user=postgres"

    def stop(self):
        self.process.stop()

    @staticmethod
    def possible():
        return os.geteuid() == 0 and bool(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
