"""The bytes that all servers give away, and the image source that rackboot imports them from."""
import functools, hashlib, http.server, json, os, random, threading

MIB = 1 << 20
SERIAL = "20260101"
# Each file is an artifact of one image; its name is the artifact's type.
FULL_SIZES = {"squashfs": 300_000_000, "boot-initrd": 32 * MIB, "boot-kernel": MIB, "manifest": 4096}
QUICK_SIZES = {"squashfs": 12 * MIB, "boot-initrd": 3 * MIB, "boot-kernel": MIB // 4, "manifest": 4096}
PRODUCT = {
    "arch": "amd64", "kflavor": "generic", "krel": "noble", "label": "stable", "os": "ubuntu", "release": "noble",
    "release_codename": "Noble Numbat", "release_title": "24.04 LTS", "subarch": "ga-24.04",
    "subarches": "generic,ga-24.04", "support_eol": "2029-05-31", "version": "24.04"}


def make_source(root, sizes, seed):
    """An unsigned stream with one image of noise. Returns the file of each artifact."""
    files, items, rng = {}, {}, random.Random(seed)
    for name, size in sizes.items():
        path = f"noble/amd64/{SERIAL}/{name}"
        files[name] = root / path
        files[name].parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with open(files[name], "wb") as out:
            for start in range(0, size, MIB):
                block = rng.randbytes(min(MIB, size - start))
                digest.update(block)
                out.write(block)
        items[name] = {"ftype": name, "path": path, "size": size, "sha256": digest.hexdigest()}
    content_id, updated = "com.ubuntu.maas:stable:v3:download", "Thu, 01 Jan 2026 00:00:00 +0000"
    product = "com.ubuntu.maas.stable:v3:boot:24.04:amd64:ga-24.04"
    head = {"datatype": "image-ids", "format": "products:1.0", "updated": updated}
    streams = root / "streams/v1"
    streams.mkdir(parents=True)
    (streams / "index.json").write_text(json.dumps({"format": "index:1.0", "updated": updated, "index": {
        content_id: dict(head, path=f"streams/v1/{content_id}.json", products=[product])}}))
    (streams / f"{content_id}.json").write_text(json.dumps(dict(head, content_id=content_id, products={
        product: dict(PRODUCT, versions={SERIAL: {"items": items}})})))
    return files


class Source:
    """Publishes a directory on loopback while it is open."""

    class _Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

    def __init__(self, root):
        handler = functools.partial(self._Handler, directory=str(root))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def publish_to_peers(root, files, names):
    """The same bytes under the same names, as the plain files that the peers serve."""
    for artifact, name in names.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(files[artifact], target)
        os.chmod(target, 0o644)
