"""Figures from measurements: medians, paired ratios, verdicts, and the Markdown that people read."""
import statistics

BEGIN, END = "<!-- benchmark results: begin -->", "<!-- benchmark results: end -->"


def spread(values):
    """Minimum, median and maximum of what was measured, or None."""
    values = [v for v in values if v is not None]
    return {"min": min(values), "median": statistics.median(values), "max": max(values)} if values else None


def paired(ours, theirs, key):
    """Ratios of the i-th run to the i-th run of another server, where both have a figure."""
    return [a[key] / b[key] for a, b in zip(ours, theirs) if a and b and a.get(key) is not None and b.get(key)]


def best_peer(servers):
    """The peer with the best median; one that failed more than one in a hundred only when all did."""
    def rank(name):
        runs = servers[name]["runs"]
        good = servers[name]["failed"] <= 0.01 * servers[name]["of"]
        return good, statistics.median(r["value"] for r in runs)
    peers = [name for name in servers if name != "rackboot" and servers[name]["runs"]]
    return max(peers, key=rank) if peers else None


def summarise(row, runs, judge):
    """All figures of one row. runs: server name -> its measurements in the order of the rounds."""
    servers = {}
    for name, measured in runs.items():
        servers[name] = {
            "value": spread([r["value"] for r in measured]), "p99_ms": spread([r.get("p99_ms") for r in measured]),
            "cpu_s_per_gb": spread([r.get("cpu_s_per_gb") for r in measured]),
            "cpu_us_per_request": spread([r.get("cpu_us_per_request") for r in measured]),
            "peak_rss_mib": max((r["peak_rss_mib"] for r in measured), default=None),
            "failed": sum(r["failed"] for r in measured), "of": sum(r["of"] for r in measured),
            "crashes": sum(r["crashed"] for r in measured), "runs": measured}
    best = best_peer(servers)
    for name, figures in servers.items():
        figures["ratio"] = spread(paired(figures["runs"], servers[best]["runs"], "value")) if best else None
    targets = []
    for target in row.targets:
        value, peer = None, target.peer or best
        ours = servers["rackboot"]
        if target.what in ("rate", "cpu", "p99"):
            key = {"rate": "value", "cpu": "cpu_s_per_gb", "p99": "p99_ms"}[target.what]
            ratios = spread(paired(ours["runs"], servers[peer]["runs"], key)) if peer in servers else None
            value = ratios and ratios["median"]
        elif target.what == "failed":
            value, ratios = ours["failed"], None
        else:
            ratios = ours["value"]
            value = ratios["median"]
        verdict = "not judged" if value is None or not judge else "met" if target.met(value) else "missed"
        targets.append({"text": str(target), "what": target.what, "limit": target.limit, "peer": peer, "value": value,
                        "spread": ratios, "verdict": verdict})
    return {"name": row.name, "title": row.title, "unit": row.unit, "best_peer": best, "servers": servers, "targets": targets}


def number(v):
    if v is None:
        return "–"
    return f"{v:.0f}" if v >= 100 else f"{v:.1f}" if v >= 10 else f"{v:.2f}"


def triple(s):
    return "/".join(number(s[k]) for k in ("min", "median", "max")) if s else "–"


def table(head, lines):
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *lines)) + "\n"


def markdown(report):
    """Targets first, then every server of every row."""
    m = report["machine"]
    text = [f"Measured {report['measured']} with `{report['command']}` (seed {report['seed']}, {report['rounds']} rounds) on {m['cpu']},"
            f" {m['cores']} cores, {m['memory_gib']} GiB, Linux {m['kernel']}; load average {m['load_before']} before and"
            f" {m['load_after']} after. " + "; ".join(f"{k}: {v}" for k, v in report["versions"].items()) + ".\n"]
    if report["quick"]:
        text.append("**A quick run, with few clients and small files: it shows that the benchmark works. Its figures mean nothing.**\n")
    if m["load_before"] > m["cores"] / 2:
        text.append("**The machine was busy when this began.** Ratios are less certain than they look.\n")
    if report["missing"]:
        text.append(f"**Measured without {'; '.join(report['missing'])}**: the best peer may be one that is not here.\n")
    if not m["control_groups"]:
        text.append("No control groups here: CPU time is that of the processes, and tftpd-hpa has none.\n")
    lines = []
    for row in report["rows"]:
        for i, t in enumerate(row["targets"]):
            versus = f" × {t['peer']}" if t["what"] in ("rate", "cpu", "p99") and t["peer"] else ""
            lines.append([f"`{row['name']}`" if i == 0 else "", row["title"] if i == 0 else "", t["text"],
                          (triple(t["spread"]) if t["spread"] else number(t["value"]) if t["value"] else
                           "–" if t["value"] is None else "0") + versus, t["verdict"]])
    text.append("min/median/max over the rounds; ratios are paired within a round; a verdict is about the median.\n")
    text.append(table(["row", "load", "target", "measured", "verdict"], lines))
    for row in report["rows"]:
        small, plain = row["unit"] == "requests/s", row["unit"] in ("s", "MiB")
        cpu = "cpu_us_per_request" if small else "cpu_s_per_gb"
        text.append(f"**{row['name']}**: {row['title']}\n")
        if row["unit"] == "s":
            text.append(table(["", "TFTP answers s", "HTTP accepts s", "ready line s", "peak RSS MiB"], [
                [name, *(triple(spread_of(f["runs"], k)) for k in ("tftp_s", "http_s", "ready_s")), number(f["peak_rss_mib"])]
                for name, f in row["servers"].items()]))
            continue
        head = ["server", row["unit"], f"ratio to {row['best_peer']}" if row["best_peer"] else "ratio", "p99 ms",
                "CPU µs/request" if small else "CPU s/GB", "peak RSS MiB", "failed", "crashes"]
        lines = [[name, triple(f["value"]), "1" if name == row["best_peer"] else triple(f["ratio"]), triple(f["p99_ms"]),
                  triple(f[cpu]), number(f["peak_rss_mib"]), f"{f['failed']} of {f['of']}", str(f["crashes"])]
                 for name, f in row["servers"].items()]
        keep = [0, 1, 6, 7] if plain else range(8)
        text.append(table([head[i] for i in keep], [[line[i] for i in keep] for line in lines]))
    return "\n".join(text)


def spread_of(runs, key):
    return spread([r.get(key) for r in runs])


def write_markdown(path, text):
    """Into a file of its own, or between the two marks of a file that has them."""
    old = path.read_text() if path.exists() else ""
    if BEGIN in old and END in old:
        head, rest = old.split(BEGIN, 1)
        text = f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}"
    path.write_text(text)
