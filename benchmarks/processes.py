"""Server processes of one run: each in a session and, where possible, a control group of its own; all ended by id."""
import ctypes, os, pathlib, signal, socket, subprocess, sys, time

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class BenchmarkError(Exception):
    """Something could not be measured; the message says what and why."""


def end_in_order(command):
    """At a signal the servers are stopped and the directory goes. A second signal does not hurry that."""
    def interrupted(number, _):
        for s in SIGNALS:
            signal.signal(s, signal.SIG_IGN)
        print(f"{command}: interrupted", file=sys.stderr, flush=True)
        sys.exit(128 + number)

    for s in SIGNALS:
        signal.signal(s, interrupted)


# Of everything that asks whether a port is open yet: a socket of the same address could be given the very port that it
# asks for, talk to itself, and keep the server from opening it.
PROBE_ADDRESS = "127.0.0.2"


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tail(path, lines=15):
    try:
        return "".join(open(path, errors="replace").readlines()[-lines:])
    except OSError:
        return "(no log)"


class CpuGroup:
    """A control group that counts the CPU time of everything in it, also of children that nobody waited for."""

    def __init__(self, directory, counter):
        self.directory, self.counter = directory, directory / counter

    @staticmethod
    def create(name):
        """A group of version 1 (cpuacct) or 2 below this process's own, or None where none can be made."""
        own = {}
        for line in open("/proc/self/cgroup"):
            _, controllers, path = line.rstrip("\n").split(":", 2)
            own.update({c: path for c in controllers.split(",")})
        mounts = []
        for line in open("/proc/self/mountinfo"):
            before, after = line.split(" - ", 1)
            root, point = before.split()[3:5]
            kind, _, options = after.split()[:3]
            if kind == "cgroup" and "cpuacct" in options.split(","):
                mounts.insert(0, (own.get("cpuacct", "/"), root, point, "cpuacct.usage"))
            elif kind == "cgroup2":
                mounts.append((own.get("", "/"), root, point, "cpu.stat"))
        for path, root, point, counter in mounts:
            if root != "/" and path.startswith(root):
                path = path[len(root):]
            directory = pathlib.Path(point, path.lstrip("/"), f"rackboot-benchmark-{os.getpid()}-{name}")
            try:
                directory.mkdir()
            except OSError:
                continue
            group = CpuGroup(directory, counter)
            if group.counter.exists():
                return group
            group.remove()
        return None

    @staticmethod
    def possible():
        group = CpuGroup.create("trial")
        if group:
            group.remove()
        return group is not None

    def join(self):
        """Moves the calling process in; runs between fork and exec."""
        fd = os.open(self.directory / "cgroup.procs", os.O_WRONLY)
        os.write(fd, b"0")
        os.close(fd)

    def pids(self):
        try:
            return [int(line) for line in open(self.directory / "cgroup.procs")]
        except OSError:
            return []

    def cpu_seconds(self):
        words = self.counter.read_text().split()
        return int(words[1]) / 1e6 if words[0] == "usage_usec" else int(words[0]) / 1e9

    def remove(self):
        for _ in range(50):
            try:
                self.directory.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.1)


class Process:
    """One server and its children."""

    def __init__(self, name, argv, log, env=None, output=None):
        self.name, self.log, self.group = name, log, CpuGroup.create(name)
        parent = os.getpid()

        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # also when this program is killed
            if os.getppid() != parent:
                os._exit(1)
            if self.group:
                self.group.join()

        try:
            with open(log, "ab") as sink:
                self.popen = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=output or sink,
                                              stderr=sink, env=env, start_new_session=True, preexec_fn=prepare)
        except OSError as e:
            if self.group:
                self.group.remove()
            raise BenchmarkError(f"{name} could not be started: {e}")
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def pids(self):
        return self.group.pids() if self.group else [self.pid] + children(self.pid)

    def cpu_seconds(self):
        return self.group.cpu_seconds() if self.group else sum(map(process_cpu_seconds, self.pids()))

    def cpu_options(self):
        """What tells the load generators where the CPU time is."""
        if self.group:
            return ["--cgroup", self.group.counter]
        return [word for pid in self.pids()[:16] for word in ("--pid", pid)]

    def reset_peak(self):
        for pid in self.pids():
            try:
                pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
            except OSError:
                pass  # a child that has ended, or a kernel without it: then the peak is that of its life

    def peak_mib(self):
        """Peak resident memory of the processes that are there now; short-lived children are not."""
        return sum(status_kib(pid, "VmHWM") for pid in self.pids()) / 1024

    def settle(self, seconds):
        """Waits until the server does nothing any more. Returns whether it came to that."""
        end = time.monotonic() + seconds
        while self.alive() and time.monotonic() < end:
            before = self.cpu_seconds()
            time.sleep(0.25)
            if self.cpu_seconds() - before < 0.01:
                return True
        return False

    def stop(self, patience=8):
        """SIGTERM, then SIGKILL: to the server, and to whatever it left in its session and group."""
        if self.alive():
            self.popen.terminate()
            try:
                self.popen.wait(patience)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pid in self.group.pids() if self.group else []:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)  # its session's; the id is not given again while a member lives
        except OSError:
            pass
        if self.popen.stdout:
            self.popen.stdout.close()
        if self.group:
            self.group.remove()


def children(pid):
    found = []
    try:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child)] + children(int(child))
    except OSError:
        pass
    return found


def process_cpu_seconds(pid):
    """With the children that it waited for."""
    try:
        fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15])) / TICKS


def status_kib(pid, key):
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith(key + ":"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
