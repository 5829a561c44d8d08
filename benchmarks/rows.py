"""What is measured: one row for each kind of load, with its targets."""
from dataclasses import dataclass, field, replace

from content import MIB


@dataclass(frozen=True)
class Target:
    """A bound for one figure of rackboot, by itself or against a peer.

    what: 'rate' (paired ratio of MB/s or requests/s), 'cpu' and 'p99' (paired ratios, too), 'failed' (sum over the rounds),
    'rss' (MiB) or 'seconds'. peer: whose figures the ratio is to; '' = the best peer of the row.
    """
    what: str
    limit: float
    peer: str = ""

    def met(self, value):
        if self.what == "rate":
            return value >= self.limit
        return value < self.limit if self.what == "p99" else value <= self.limit

    def __str__(self):
        of = self.peer or "best peer"
        return {"rate": f"≥ {self.limit:g} × {of}", "cpu": f"CPU ≤ {self.limit:g} × {of}", "p99": f"p99 < {of}'s",
                "failed": f"{self.limit:g} failed", "rss": f"≤ {self.limit:g} MiB", "seconds": f"≤ {self.limit:g} s"}[self.what]


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    kind: str                # tftp, http, rss or start
    targets: list = field(default_factory=list)
    artifact: str = ""       # which file is fetched
    clients: int = 1
    count: int = 1           # transfers or requests in all
    window: int = 1
    unit: str = "MB/s"
    deadline: int = 60       # seconds of one measurement
    role: str = ""           # of a start row

    def quickly(self):
        """The same with little load: to see that it works, not how fast."""
        clients = min(self.clients, 40)
        count = {"requests/s": 2000}.get(self.unit, max(clients, min(self.count, 2 * clients)))
        return replace(self, clients=clients, count=count, deadline=min(self.deadline, 30))


def tftp(clients, window, ratio, transfers, *more):
    one = clients == 1
    return Row(f"tftp-{clients}-w{window}",
               f"TFTP, {clients} client{'' if one else 's'}, {'32 MiB' if one else '1 MiB'}, blksize 1428, windowsize {window}",
               "tftp", [Target("rate", ratio), *more], "boot-initrd" if one else "boot-kernel", clients,
               transfers, window, deadline=120 if clients == 1000 else 60)


def http(name, size, artifact, clients, requests):
    return Row(name, f"HTTP, {clients} client{'' if clients == 1 else 's'}, {size}", "http",
               [Target("rate", 1.0, "nginx"), Target("cpu", 1.0, "nginx")], artifact, clients, requests)


CROWD = [Target("failed", 0), Target("p99", 1.0)]
ROWS = [
    tftp(1, 1, 1.0, 4),
    tftp(1, 8, 3.5, 8, Target("cpu", 0.35, "atftpd")),
    tftp(1, 32, 6.0, 16),
    tftp(100, 1, 1.1, 100),
    tftp(100, 8, 2.2, 100, Target("cpu", 0.35, "atftpd")),
    tftp(1000, 1, 1.1, 1000, *CROWD),
    tftp(1000, 8, 3.5, 1000, *CROWD),
    http("http-large-1", "300 MB", "squashfs", 1, 10),
    http("http-large-8", "300 MB", "squashfs", 8, 16),
    http("http-medium-64", "32 MiB", "boot-initrd", 64, 192),
    Row("http-small-32", "HTTP, 32 clients, 4 KiB, keep-alive", "http", [Target("rate", 1.2, "nginx")], "manifest", 32,
        200_000, unit="requests/s"),
    Row("rss", "peak RSS with 1000 TFTP clients (1 MiB, 1428/8) and 1000 slow HTTP readers", "rss", [Target("rss", 400)],
        "boot-kernel", 1000, 1000, 8, "MiB", 120),
    Row("start-serve", "start of serve, to listening on TFTP and HTTP", "start", [Target("seconds", 2.0)], unit="s",
        role="serve"),
    Row("start-rack", "start of rack, to listening on TFTP and HTTP", "start", [Target("seconds", 1.0)], unit="s",
        role="rack"),
]

BLKSIZE = 1428
RECEIVE_BUFFER = MIB         # of every client socket of the TFTP rows, for every server
SLOW_BYTES_PER_S = 32 << 10  # of each slow reader; 300 MB would take two and a half hours
SLOW_RECEIVE_BUFFER = 64 << 10
