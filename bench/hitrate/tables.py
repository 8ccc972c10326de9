"""Results as people and programs read them: markdown tables, CSV, a document's generated part."""

from servers import MIB, Failure

BEGIN = "<!-- hitrate begin: written by bench/hitrate/compare --write, do not edit -->"
END = "<!-- hitrate end -->"


def object_miss(tally):
    return tally["misses"] / tally["gets"] if tally["gets"] else 0


def byte_miss(tally):
    return tally["miss_bytes"] / tally["get_bytes"] if tally["get_bytes"] else 0


def percent(ratio):
    return f"{100 * ratio:.2f}"


def points(ratio, ideal):
    """A difference of miss ratios, in percentage points."""
    return f"{100 * (ratio - ideal):+.2f}"


def markdown(head, rows):
    return ["| " + " | ".join(row) + " |" for row in [head]] + ["|---" * len(head) + "|"] + [
        "| " + " | ".join(row) + " |" for row in rows]


def lines_of(size):
    """(name, tallies) of what needs no server."""
    found = [("PFOO-L", size["pfoo_l"]), ("ideal LRU", size["ideal_lru"])]
    return found + ([("store", size["store"])] if size.get("store") else [])


def size_text(size_bytes):
    return f"{size_bytes / MIB:.1f} MiB" if size_bytes >= MIB else f"{size_bytes / 1024:.0f} KiB"


def lines_table(result):
    """The reference lines and the store in-process at shares of the footprint."""
    head = ["cache", "warm-up requests", "PFOO-L", "ideal LRU", "store", "store - ideal",
            "bytes: PFOO-L", "ideal LRU", "store"]
    rows = []
    for size in result["curve"]:
        if size["percent"] not in result["percents"]:
            continue
        ideal, bound = size["ideal_lru"]["measured"], size["pfoo_l"]["measured"]
        store = (size.get("store") or {}).get("measured")
        rows.append([
            f"{size['percent']:g} %: {size_text(size['capacity_bytes'])}",
            str(size["warmup_requests"]), percent(object_miss(bound)),
            percent(object_miss(ideal)), percent(object_miss(store)) if store else "-",
            f"**{points(object_miss(store), object_miss(ideal))}**" if store else "-",
            percent(byte_miss(bound)), percent(byte_miss(ideal)),
            percent(byte_miss(store)) if store else "-",
        ])
    return markdown(head, rows)


def memory_text(run):
    return run["memory"] if run["memory"].startswith("-m") else (
        f"maxmemory {run['memory_bytes'] / MIB:.1f} MiB")


def wire_table(result, wire):
    head = ["server", "given", "peak RSS, MiB", "warm-up miss %", "object miss %",
            "- ideal LRU", "byte miss %", "refused stores"]
    ideal = wire["lines"]["ideal_lru"]
    rows = [["*ideal LRU*", f"{wire['megabytes']} MiB", "-", percent(object_miss(ideal["warmup"])),
             percent(object_miss(ideal["measured"])), "0", percent(byte_miss(ideal["measured"])),
             "-"]]
    for run in wire["runs"]:
        measured = run["measured"]
        rows.append([
            result["servers"][run["server"]]["about"] + (", equal RSS" if run["equal"] == "rss"
                                                         else ""),
            memory_text(run), f"{run['rss_peak_bytes'] / MIB:.1f}",
            percent(object_miss(run["warmup"])), f"**{percent(object_miss(measured))}**",
            points(object_miss(measured), object_miss(ideal["measured"])),
            percent(byte_miss(measured)),
            str(measured["refused"] + run["warmup"]["refused"]),
        ])
    return markdown(head, rows)


def lag_text(wire):
    lag = max(run["lag_seconds_max"] for run in wire["runs"])
    took = max(run["seconds"] for run in wire["runs"])
    return f"the slowest replay took {took:.0f} s and was at most {lag:.1f} s late"


def facts_text(result):
    copies = result["copies"]
    text = (f"{result['requests']:,} requests, {result['keys']:,} keys, footprint "
            f"{result['footprint_bytes'] / 1e6:.1f} MB")
    if result["has_ttl"]:
        text += ", with expiries"
    text += "." if copies == 1 else f"; on the wire {copies} interleaved copies."
    return text


def section(result, figures):
    name = result["trace"]
    lines = [f"### {name}", "", facts_text(result), ""]
    if figures is not None:
        lines += [f"![miss ratios of {name}]({figures}/{name}.svg)", ""]
    lines += ["In this process, object miss ratios in percent after the warm-up (bytes: byte miss "
              "ratios):", ""] + lines_table(result)
    for wire in result["wire"]:
        lines += ["", f"Real servers at `-m {wire['megabytes']}`, {wire['percent']:.1f} % of the "
                  f"footprint; {lag_text(wire)}:", ""] + wire_table(result, wire)
    return lines + ["", f"Command: `{result['command']}`", ""]


def differences(result):
    """cacheismo's object miss ratio less the others' at equal -m: [(size, {server: points})]."""
    found = []
    for wire in result["wire"]:
        ratios = {(run["server"], run["equal"]): object_miss(run["measured"])
                  for run in wire["runs"]}
        ours = next(iter(ratios.values()))
        found.append((wire, {key: 100 * (ours - ratio) for key, ratio in ratios.items()}))
    return found


def summary(results):
    """One row for each trace and size: how cacheismo stands against each peer."""
    columns = [("memcached", "m"), ("no_slab_automove", "m"), ("memcached", "rss"),
               ("no_slab_automove", "rss"), ("redis", "rss")]
    names = {"m": "equal -m", "rss": "equal RSS"}
    head = ["trace", "-m", "% of footprint", "cacheismo miss %", "- ideal LRU"] + [
        f"- {server}, {names[equal]}" for server, equal in columns]
    rows = []
    for result in results:
        for wire, less in differences(result):
            ours = object_miss(wire["runs"][0]["measured"])
            ideal = object_miss(wire["lines"]["ideal_lru"]["measured"])
            rows.append([result["trace"], str(wire["megabytes"]), f"{wire['percent']:.1f}",
                         percent(ours), points(ours, ideal)] + [
                             cell(less, server, equal) for server, equal in columns])
    return markdown(head, rows)


def cell(less, server, equal):
    """A peer whose RSS at equal -m was near enough has no run of its own at equal RSS."""
    found = less.get((server, equal), less.get((server, "m")))
    if found is None:
        return "-"
    return f"**{found:+.2f}**" if found > 0 else f"{found:+.2f}"


def versions(results):
    found = {server["version"] for result in results for server in result["servers"].values()}
    return "Servers: " + "; ".join(sorted(found)) + "."


def document(results, figures):
    lines = ["Object miss ratio of cacheismo less that of the others, in percentage points: below "
             "0 cacheismo misses less; what it loses is in bold.", ""]
    lines += summary(results) + ["", versions(results), ""]
    for result in results:
        lines += section(result, figures)
    return lines


CSV_HEAD = ("trace,copies,where,cache,equal,cache_bytes,memory,rss_peak_bytes,warmup_gets,"
            "warmup_misses,gets,misses,get_bytes,miss_bytes,object_miss_ratio,byte_miss_ratio,"
            "refused")


def csv_lines(results):
    yield CSV_HEAD
    for result in results:
        start = [result["trace"], result["copies"]]
        for size in result["curve"] + [wire["lines"] for wire in result["wire"]]:
            for name, tallies in lines_of(size):
                yield csv_line(start + ["process", name, "", size["capacity_bytes"], "", ""],
                               tallies, 0)
        for wire in result["wire"]:
            for run in wire["runs"]:
                yield csv_line(
                    start + ["wire", run["server"], run["equal"], wire["megabytes"] * MIB,
                             run["memory"], run["rss_peak_bytes"]],
                    run, run["warmup"]["refused"] + run["measured"]["refused"])


def csv_line(start, tallies, refused):
    warmup, measured = tallies["warmup"], tallies["measured"]
    cells = start + [warmup["gets"], warmup["misses"], measured["gets"], measured["misses"],
                     measured["get_bytes"], measured["miss_bytes"],
                     f"{object_miss(measured):.6f}", f"{byte_miss(measured):.6f}", refused]
    return ",".join(map(str, cells))


def write_between_markers(path, lines):
    """Replaces what stands between the markers of `path`; they must be there."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Failure(f"{path} lacks the lines\n{BEGIN}\n{END}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)
