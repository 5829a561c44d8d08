"""rackboot and its peers, each at its best, in the foreground and on loopback."""
import hashlib, http.client, json, os, pathlib, platform, re, shutil, socket, subprocess, time

from processes import PROBE_ADDRESS, BenchmarkError, CpuGroup, Process, free_port, tail

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent
UNPACKED = HERE / "target/peers"
UNPACKABLE = {"atftpd"}
MANY = 4096  # more than any row has clients


def program(name):
    """The path of a peer's program: installed, or unpacked by install-peers; else None."""
    installed = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(name, path=installed) or (
        shutil.which(name, path=str(UNPACKED / "usr/sbin")) if name in UNPACKABLE else None)


def machine():
    def first(path, key):
        return next((l.split(":", 1)[1].strip() for l in open(path) if l.startswith(key)), "?")
    return {"cpu": first("/proc/cpuinfo", "model name"), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "memory_gib": round(int(first("/proc/meminfo", "MemTotal").split()[0]) / 2**20),
            "control_groups": CpuGroup.possible(), "load_before": round(os.getloadavg()[0], 2), "load_after": None}


def commit():
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=REPOSITORY, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=10)
        return done.stdout.strip()
    except OSError:
        return ""


def answers_tftp(host, port):
    """Whether something at the port answers a request."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        try:
            s.bind((PROBE_ADDRESS, 0))
            s.sendto(b"\0\1no-such-file\0octet\0", (host, port))  # the answer comes from another port
            s.recv(2048)
            return True
        except OSError:
            return False


def accepts_tcp(host, port):
    try:
        socket.create_connection((host, port), 0.3, (PROBE_ADDRESS, 0)).close()
        return True
    except OSError:
        return False


class Server:
    """Something that gives files away. Subclasses say how it is started."""
    name = protocol = ""
    host = "127.0.0.1"

    def __init__(self, work):
        self.work, self.process, self.port = work, None, 0

    def ensure(self):
        """Starts it unless it runs."""
        if self.process and self.process.alive():
            return
        if self.process:
            self.process.stop()
        self.start()

    def start(self):
        self.port = free_port(socket.SOCK_DGRAM if self.protocol == "tftp" else socket.SOCK_STREAM)
        self.process = Process(self.name, self.command(), self.log())
        answers = answers_tftp if self.protocol == "tftp" else accepts_tcp
        end = time.monotonic() + 10
        while not answers(self.host, self.port):
            if not self.process.alive() or time.monotonic() > end:
                raise BenchmarkError(f"{self.name} does not answer on {self.host}:{self.port}\n{tail(self.log())}")
            time.sleep(0.05)

    def log(self):
        return self.work / f"{self.name}.log"

    def command(self):
        raise NotImplementedError

    def port_of(self, protocol):
        return self.port

    def stop(self):
        if self.process:
            self.process.stop()
        self.process = None

    @classmethod
    def missing(cls):
        """What this machine lacks for it, or None."""
        return None if program(cls.binary) else f"{cls.binary} ({cls.package})"

    @classmethod
    def version(cls):
        done = subprocess.run([program(cls.binary), *cls.version_option], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=10)
        lines = (done.stdout + done.stderr).strip().splitlines()
        return lines[0] if lines else "?"


class RootServer(Server):
    @classmethod
    def missing(cls):
        return super().missing() or (None if os.geteuid() == 0 else f"root, for {cls.name}")


class TftpdHpa(RootServer):
    """Forks for each transfer."""
    name, protocol, binary, package, version_option = "tftpd-hpa", "tftp", "in.tftpd", "tftpd-hpa", ["--version"]

    @classmethod
    def missing(cls):
        lacks = super().missing()
        if not lacks and "tftp-hpa" not in cls.version():  # other packages have a program of this name, too
            lacks = f"{cls.package} (the in.tftpd of this machine is another one)"
        return lacks

    def command(self):
        return [program(self.binary), "--foreground", "--address", f"{self.host}:{self.port}", "--user", "root",
                "--secure", self.work / "files"]


class Atftpd(RootServer):
    """A thread for each transfer."""
    name, protocol, binary, package, version_option = "atftpd", "tftp", "atftpd", "atftpd", ["--version"]

    def command(self):
        return [program(self.binary), "--daemon", "--no-fork", "--bind-address", self.host, "--port", self.port,
                "--user", "root.root", "--maxthread", MANY, "--verbose=3", "--logfile", "-", self.work / "files"]


class Dnsmasq(RootServer):
    """One process for all transfers. Its TFTP port is always 69, so it gets a loopback address of its own."""
    name, protocol, binary, package, version_option = "dnsmasq", "tftp", "dnsmasq", "dnsmasq-base", ["--version"]

    def start(self):
        pid = os.getpid()
        self.host = f"127.69.{pid >> 8 & 255}.{pid & 255 or 1}"
        super().start()

    def command(self):
        self.port = 69
        return [program(self.binary), "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root",
                "--log-facility=-", "--quiet-tftp", "--port=0", "--no-hosts", "--no-resolv", "--bind-interfaces",
                f"--listen-address={self.host}", "--enable-tftp", f"--tftp-root={self.work / 'files'}",
                f"--tftp-max={MANY}"]


class Nginx(Server):
    """One worker, sendfile, open-file cache, no access log."""
    name, protocol, binary, package, version_option = "nginx", "http", "nginx", "nginx-light", ["-v"]

    def command(self):
        home = self.work / "nginx"
        home.mkdir(exist_ok=True)
        user = "user root;" if os.geteuid() == 0 else ""
        places = "".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (home / "nginx.conf").write_text(f"""
{user} daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections {MANY}; multi_accept on; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; default_type application/octet-stream;
  keepalive_timeout 75; keepalive_requests 100000000; reset_timedout_connection on;
  open_file_cache max=1000; open_file_cache_valid 3600; {places}
  server {{ listen {self.host}:{self.port} backlog={MANY}; root {self.work / 'files'}; }}
}}
""")
        return [program(self.binary), "-p", home, "-c", home / "nginx.conf", "-e", home / "error.log"]


class Rackboot(Server):
    """`rackboot serve` with default settings: only addresses, ports and the state directory are given."""
    name, protocol = "rackboot", "both"

    def __init__(self, work, launcher):
        super().__init__(work)
        self.launcher, self.state, self.http_port = launcher, work / "state", 0
        own = ("RACKBOOT_", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(own) or k == "RACKBOOT_JAVA"}
        self.env["RACKBOOT_NO_BUILD"] = "1"

    def build(self):
        """Builds the program unless that is done or forbidden, and makes the launcher's class archive."""
        env = dict(self.env)
        if os.environ.get("RACKBOOT_NO_BUILD") != "1":
            del env["RACKBOOT_NO_BUILD"]
        try:
            done = subprocess.run([self.launcher, "--version"], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=900)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise BenchmarkError(f"rackboot cannot be built or run: {e}")
        if done.returncode:
            raise BenchmarkError(f"rackboot cannot be built or run:\n{done.stderr}")
        return done.stdout.strip()

    def serve_command(self, role="serve", state=None, *more):
        return [self.launcher, role, "--state", state or self.state, "--bind", "127.0.0.1", "--admin-port", "0", *more]

    def start(self):
        self.log().unlink(missing_ok=True)
        self.process = Process(self.name, self.serve_command(
            "serve", None, "--tftp-port", "0", "--http-port", "0", "--api-port", "0"), self.log(), self.env)
        text = self.await_ready(self.process, self.log())
        self.port = int(re.search(r"^ +TFTP +127\.0\.0\.1:(\d+)", text, re.M)[1])
        self.http_port = int(re.search(r"^ +HTTP +http://127\.0\.0\.1:(\d+)", text, re.M)[1])

    @staticmethod
    def await_ready(process, log, seconds=60):
        end = time.monotonic() + seconds
        while True:
            text = log.read_text(errors="replace")
            if re.search(r"^ready in ", text, re.M):
                return text
            if not process.alive() or time.monotonic() > end:
                raise BenchmarkError(f"rackboot is not ready\n{tail(log)}")
            time.sleep(0.05)

    def port_of(self, protocol):
        return self.port if protocol == "tftp" else self.http_port

    def run(self, *command, seconds=300):
        """One client command, as an operator types it; returns what it printed."""
        try:
            done = subprocess.run([str(w) for w in (self.launcher, *command, "--state", self.state)], env=self.env,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"rackboot {' '.join(command)} was not done in {seconds} s")
        if done.returncode:
            raise BenchmarkError(f"rackboot {' '.join(command)}: {done.stderr}{tail(self.log())}")
        return done.stdout

    def remove_sources(self):
        """The default source, where its keyring is installed: nothing is fetched from outside."""
        for other in json.loads(self.run("sources", "list", "--json")):
            if other["enabled"]:
                try:
                    self.run("sources", "remove", other["name"])
                except BenchmarkError:
                    raise BenchmarkError(f"the import would also fetch from {other['name']}, because its keyring is"
                                         " installed on this machine; measure on one without that keyring")

    def fill(self, source_url):
        """Imports the image of the source. Returns the boot name of each artifact."""
        self.remove_sources()
        self.run("sources", "add", source_url, "--unsigned", "--name", "benchmark")
        self.run("selections", "add", "--os", "ubuntu", "--release", "noble", "--arch", "amd64")
        self.run("images", "import", "--wait")
        image = json.loads(self.run("images", "show", "ubuntu/noble/amd64/ga-24.04", "--json"))[0]
        return {artifact["name"]: artifact["path"] for artifact in image["artifacts"]}

    @classmethod
    def missing(cls):
        return None


def sha256_over_http(host, port, name):
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request("GET", "/" + name)
        answer, digest = connection.getresponse(), hashlib.sha256()
        if answer.status != 200:
            raise BenchmarkError(f"http://{host}:{port}/{name}: status {answer.status}")
        while block := answer.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()
    except (OSError, http.client.HTTPException) as e:
        raise BenchmarkError(f"http://{host}:{port}/{name}: {e}")
    finally:
        connection.close()


PEERS = [TftpdHpa, Atftpd, Dnsmasq, Nginx]
