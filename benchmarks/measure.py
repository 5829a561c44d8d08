"""Takes one measurement: the load on one server, or one start."""
import json, os, re, socket, subprocess, time

import rows
from processes import PROBE_ADDRESS, BenchmarkError, Process, free_port, tail
from servers import HERE

TOOLS = HERE / "target"
TFTP_FAILURES = ("error_packet", "timeout", "bad_oack", "content_mismatch", "wrong_size", "socket", "unfinished")
HTTP_FAILURES = ("connect", "bad_status", "wrong_length", "closed_early", "malformed", "socket", "unfinished")


def build_tools():
    TOOLS.mkdir(exist_ok=True)
    for name in ("tftpload", "httpload"):
        source, tool = HERE / f"{name}.c", TOOLS / name
        if tool.exists() and tool.stat().st_mtime_ns > source.stat().st_mtime_ns:
            continue
        made = TOOLS / f"{name}.{os.getpid()}"
        done = subprocess.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-o", made, source],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise BenchmarkError(f"{name}.c does not compile:\n{done.stderr}")
        made.replace(tool)


def tool(name, server, deadline, *options):
    """The command line of a load generator against a server."""
    protocol = "tftp" if name == "tftpload" else "http"
    return [str(w) for w in (TOOLS / name, "--json", "--host", server.host, "--port", server.port_of(protocol), "--deadline",
                             deadline, "--label", server.name, *server.process.cpu_options(), *options)]


def result(argv, status, out, err):
    lines = out.splitlines()
    if status not in (0, 1) or not lines:
        raise BenchmarkError(f"{' '.join(argv)}: exit status {status}\n{err}")
    return json.loads(lines[-1])


def run_tool(argv, deadline):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=deadline + 30)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"{' '.join(argv)}: not done after {deadline + 30} s")
    return result(argv, done.returncode, done.stdout, done.stderr)


def tftp_options(row, name, size, src_base):
    options = ["--blksize", rows.BLKSIZE, "--window", row.window, "--clients", row.clients, "--transfers", row.count,
               "--rcvbuf", rows.RECEIVE_BUFFER, "--expect", size]
    return options + (["--src-base", src_base] if src_base else []) + [name]


def load(row, server, name, size, src_base=None):
    """Measures one server under the load of a row. Says so when the server died of it."""
    if not server.process.settle(15) and server.name != "rackboot":
        server.stop()  # still busy with clients that have long gone
        server.ensure()
    server.process.reset_peak()
    if row.kind == "tftp":
        argv = tool("tftpload", server, row.deadline, *tftp_options(row, name, size, src_base))
        out, failures = run_tool(argv, row.deadline), TFTP_FAILURES
        rate, of = out["mb_per_s"], out["transfers"]
    else:
        argv = tool("httpload", server, row.deadline, "--clients", row.clients, "--requests", row.count, "--expect", size, name)
        out, failures = run_tool(argv, row.deadline), HTTP_FAILURES
        rate, of = out["requests_per_s" if row.unit == "requests/s" else "mb_per_s"], out["requests"]
    peak, crashed = server.process.peak_mib(), not server.process.alive()
    # Without a control group the time of forked children is lost where nobody waits for them.
    counted = out["bytes"] and not crashed and (server.process.group or server.name != "tftpd-hpa")
    return {"value": rate, "p99_ms": out["ms"]["p99"] if out["ok"] else None,
            "cpu_s_per_gb": out["server_cpu_s_per_gb"] if counted and row.unit == "MB/s" else None,
            "cpu_us_per_request": out["server_cpu_s"] / out["ok"] * 1e6 if counted and out["ok"] else None,
            "failed": sum(out[f] for f in failures), "of": of, "peak_rss_mib": round(peak, 1), "crashed": crashed, "tool": out}


def memory(row, server, tftp_file, http_file, src_base=None):
    """Peak resident memory while slow readers hold their connections and a crowd comes by TFTP."""
    server.process.settle(15)
    server.process.reset_peak()
    hold = 20 if row.clients >= 1000 else 3
    argv = tool("httpload", server, row.deadline, "--clients", row.clients, "--slow", rows.SLOW_BYTES_PER_S, "--hold", hold,
                "--rcvbuf", rows.SLOW_RECEIVE_BUFFER, "--expect", http_file[1], http_file[0])
    slow = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        first = slow.stdout.readline()
        if first != "holding\n":
            out, err = slow.communicate(timeout=10)
            result(argv, slow.returncode, first + out, err)
            raise BenchmarkError(f"the slow readers' bodies did not all begin: {first + out}")
        fast = run_tool(tool("tftpload", server, row.deadline, *tftp_options(row, *tftp_file, src_base)), row.deadline)
        out, err = slow.communicate(timeout=row.deadline + 30)
    except subprocess.TimeoutExpired:
        raise BenchmarkError("the slow readers do not end")
    finally:
        slow.kill()
        slow.wait()
        slow.stdout.close()
        slow.stderr.close()
    slow_out = result(argv, slow.returncode, out, err)
    failed = sum(fast[f] for f in TFTP_FAILURES) + sum(slow_out[f] for f in HTTP_FAILURES)
    peak = round(server.process.peak_mib(), 1)
    return {"value": peak, "peak_rss_mib": peak, "failed": failed, "of": fast["transfers"] + slow_out["requests"],
            "crashed": not server.process.alive(), "tool": {"tftp": fast, "http": slow_out}}


def start(rackboot, role, work, region=None):
    """Seconds from exec of the launcher to TFTP answering, to HTTP accepting, and to the line that says ready."""
    tftp_port, http_port = free_port(socket.SOCK_DGRAM), free_port()
    more = ["--tftp-port", tftp_port, "--http-port", http_port]
    if role == "rack":
        more += ["--region", region["url"], "--token", region["token"]]
    else:
        more += ["--api-port", "0"]
    state, log = (work / "rack-state" if role == "rack" else rackboot.state), work / f"start-{role}.log"
    began = time.monotonic()
    process = Process(f"start-{role}", rackboot.serve_command(role, state, *more), log, rackboot.env, subprocess.PIPE)
    seen, text, asked = {}, b"", 0.0
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        os.set_blocking(process.popen.stdout.fileno(), False)
        probe.bind((PROBE_ADDRESS, 0))
        probe.setblocking(False)
        while len(seen) < 3:
            if not process.alive() or time.monotonic() - began > 60:
                raise BenchmarkError(f"rackboot {role} does not start; seen: {seen}\n{text.decode()}{tail(log)}")
            if "tftp" not in seen:
                if time.monotonic() - asked >= 0.01:
                    asked = time.monotonic()
                    probe.sendto(b"\0\1no-such-file\0octet\0", ("127.0.0.1", tftp_port))
                try:
                    if probe.recv(2048):
                        seen["tftp"] = time.monotonic() - began
                except OSError:
                    pass
            if "http" not in seen:
                with socket.socket() as connection:
                    connection.bind((PROBE_ADDRESS, 0))
                    if connection.connect_ex(("127.0.0.1", http_port)) == 0:
                        seen["http"] = time.monotonic() - began
            text += process.popen.stdout.read() or b""
            if "ready" not in seen and re.search(rb"^ready in .*\n", text, re.M):
                seen["ready"] = time.monotonic() - began
            time.sleep(0.002)
        return {"value": max(seen["tftp"], seen["http"]), **{f"{k}_s": round(v, 3) for k, v in seen.items()},
                "peak_rss_mib": round(process.peak_mib(), 1), "failed": 0, "of": 1, "crashed": False}
    finally:
        probe.close()
        process.stop()
