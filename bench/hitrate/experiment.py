"""One trace's experiment: the lines from theory, the store in-process, and the real servers.

    describe -> sizes and copies -> lines at every size
                                 -> servers at equal -m -> peers at cacheismo's peak RSS

Everything that comes out is one dict, which is kept as JSON; tables.py and plots.py only read it.
"""

import concurrent.futures
import dataclasses
import json
import os
import subprocess

from servers import MIB, Failure, is_near, nearest, next_memory, rss_peak_bytes, running

WIRE_MB_MIN = 64  # below it memcached's pages of 1 MB are too few for its classes
WIRE_PERCENT = (5, 20)  # of the footprint, when that is more
CURVE_PERCENT = (0.5, 1, 2, 5, 10, 20, 40)
FOOTPRINT_SHARE_MAX = 0.3  # copies are added until 64 MB are at most this share of the footprint
WIRE_REQUESTS_MAX = 8_000_000  # unless that takes more requests than this
RATE_PER_SECOND = 40_000
SECONDS_MIN = 60  # memcached's page mover looks at windows of 30 s
TUNING_TRIES = 4


@dataclasses.dataclass
class Plan:
    trace: str
    tool_wire: str
    requests: int = 0
    percents: tuple = (1, 5, 20)
    megabytes: tuple = ()  # empty: by the footprint
    copies: int = 0
    seconds: float = -1
    parallel: int = 4
    equal_rss: bool = True

    @property
    def name(self):
        return os.path.basename(self.trace).split(".")[0]

    def trace_flags(self):
        return ["--trace", self.trace] + (["--requests", str(self.requests)] if self.requests
                                          else [])


def ask(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    return json.loads(done.stdout)


def choose_copies(plan, facts):
    if plan.copies:
        return plan.copies
    wanted = -(-WIRE_MB_MIN * MIB // int(FOOTPRINT_SHARE_MAX * facts["footprint_bytes"]))
    return max(1, min(wanted, WIRE_REQUESTS_MAX // facts["requests"]))


def choose_megabytes(plan, facts, copies):
    if plan.megabytes:
        return list(plan.megabytes)
    footprint = facts["footprint_bytes"] * copies
    sizes = [round(footprint * percent / 100 / MIB) for percent in WIRE_PERCENT]
    return sorted({max(WIRE_MB_MIN, size) for size in sizes})


def choose_seconds(plan, facts, copies):
    if plan.seconds >= 0:
        return plan.seconds
    return max(SECONDS_MIN, facts["requests"] * copies / RATE_PER_SECOND)


class Wire:
    """Replays of one trace with one choice of copies, against servers that live for one replay."""

    def __init__(self, plan, facts, copies, progress):
        self.plan = plan
        self.facts = facts
        self.copies = copies
        self.progress = progress

    def replay(self, server, memory, seconds, warmup, step):
        """One fresh server, one replay: the tool's results with what the server was given."""
        command = [self.plan.tool_wire, *self.plan.trace_flags(), "--protocol", server.protocol,
                   "--copies", str(self.copies), "--seconds", str(seconds), "--warmup",
                   str(warmup), "--progress"]
        with running(server, memory, self.facts["item_bytes_max"]) as (port, pid):
            with subprocess.Popen(command + ["--port", str(port)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) as tool:
                complaint = ""
                for line in tool.stderr:
                    try:
                        self.progress.at(step, float(line))
                    except ValueError:
                        complaint += line
                output = tool.stdout.read()
            if tool.returncode != 0:
                raise Failure(f"{server.name}: {complaint.strip()}")
            results = json.loads(output)
            results["rss_peak_bytes"] = rss_peak_bytes(pid)
        self.progress.done(step)
        return {"server": server.name, "memory_bytes": memory,
                "memory": server.memory_text(memory), **results}

    def tune(self, server, target_rss, warmup, tried):
        """The memory at which this server's peak RSS is `target_rss`.

        `tried` has one (memory, peak). Where that is near, its difference is simply taken off the
        memory; elsewhere (Redis counts differently) replays without a pace find the slope.
        """
        tried = list(tried)
        for number in range(TUNING_TRIES):
            memory = next_memory(server, tried, target_rss)
            if memory is None:
                break
            if abs(tried[-1][1] - target_rss) < target_rss // 4:
                return memory
            step = f"{server.name}: memory for {target_rss // MIB} MiB of RSS, try {number + 1}"
            peak = self.replay(server, memory, 0, warmup, step)["rss_peak_bytes"]
            tried.append((memory, peak))
        return nearest(tried, target_rss)


def together(parallel, calls):
    """The results of the calls, in order; the first exception is raised when all have ended."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=parallel) as pool:
        return [each.result() for each in [pool.submit(*call) for call in calls]]


def wire_at(wire, servers, megabytes, warmup, seconds):
    """All runs with a cache of `megabytes`: all servers at -m, then the peers at equal RSS."""
    parallel = wire.plan.parallel
    memory = megabytes * MIB
    runs = together(parallel, [
        (wire.replay, server, memory, seconds, warmup,
         f"{server.name} at {server.memory_text(memory)}") for server in servers])
    for run in runs:
        run["equal"] = "m"
    if not wire.plan.equal_rss:
        return runs
    target = runs[0]["rss_peak_bytes"]
    apart = [(server, run) for server, run in zip(servers, runs)
             if not is_near(run["rss_peak_bytes"], target)]
    tuned = together(parallel, [
        (wire.tune, server, target, warmup, [(memory, run["rss_peak_bytes"])])
        for server, run in apart])
    more = together(parallel, [
        (wire.replay, server, found, seconds, warmup,
         f"{server.name} at {target // MIB} MiB of RSS")
        for (server, _), found in zip(apart, tuned)])
    for run in more:
        run["equal"] = "rss"
    return runs + more


def lines_at(plan, capacities):
    """{capacity: results} of the ideal LRU, PFOO-L and the store in-process."""
    facts = ask([plan.tool_wire, *plan.trace_flags(), "--describe", "--bytes",
                 ",".join(map(str, capacities))])
    return {each["capacity_bytes"]: each for each in facts["sizes"]}


def run(plan, servers, progress):
    """Everything about one trace. `servers` starts with cacheismo."""
    progress.say(f"{plan.name}: reading")
    facts = ask([plan.tool_wire, *plan.trace_flags(), "--describe"])
    copies = choose_copies(plan, facts)
    megabytes = choose_megabytes(plan, facts, copies)
    seconds = choose_seconds(plan, facts, copies)
    footprint = facts["footprint_bytes"]

    percents = sorted(set(plan.percents) | set(CURVE_PERCENT))
    by_percent = {percent: round(footprint * percent / 100) for percent in percents}
    by_megabytes = {size: size * MIB // copies for size in megabytes}
    progress.say(f"{plan.name}: ideal LRU, PFOO-L and the store")
    lines = lines_at(plan, sorted(set(by_percent.values()) | set(by_megabytes.values())))

    wire = Wire(plan, facts, copies, progress)
    return {
        "trace": plan.name, **facts, "copies": copies, "seconds": seconds,
        "percents": list(plan.percents),
        "curve": [{"percent": percent, **lines[by_percent[percent]]} for percent in percents],
        "wire": [{"megabytes": size, "percent": 100 * size * MIB / (footprint * copies),
                  "lines": lines[by_megabytes[size]],
                  "runs": wire_at(wire, servers, size,
                                  lines[by_megabytes[size]]["warmup_requests"], seconds)}
                 for size in megabytes],
        "servers": {server.name: {"about": server.about, "version": server.version()}
                    for server in servers},
    }
