"""Contest: servers that take turns under the load generator, and ratios of what they cost.

    contestant A  |  A B C  A B C  ...        one core for the servers, another for the generator
    contestant B  |  round 1  round 2
    contestant C  |

A contestant is a server process and what is asked of it; contestants may be the same program asked
in different ways. They take turns (A B C A B C ...), so that a slow minute of the machine hits all
of them; a ratio is taken inside each round, and the median over the rounds is what counts.

Everything is on loopback, on free ports, and ends with this program.
"""

import contextlib
import dataclasses
import json
import math
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import typing


def give_up(text):
    sys.exit(f"side_by_side: {text}")


@dataclasses.dataclass
class Server:
    name: str
    protocol: str  # of the generator
    command: list  # with {port} and {folder}
    version_command: list

    def version(self):
        done = subprocess.run(self.version_command, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).strip().splitlines()[0]


@dataclasses.dataclass
class Contestant:
    name: str
    server: Server
    load: tuple  # the generator's arguments
    prepare: typing.Callable  # (port) once, before the first round


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_accepts(process, port, name):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                give_up(f"{name} ended by itself with {process.returncode}")
            if time.monotonic() > deadline:
                give_up(f"{name} does not accept on port {port}")
            time.sleep(0.02)


@contextlib.contextmanager
def running(server, cpu):
    """Yields (port, pid) of a fresh server on core `cpu`; its end is waited for."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [part.format(port=port, folder=folder) for part in server.command]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        try:
            wait_until_it_accepts(process, port, server.name)
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


@dataclasses.dataclass
class Generator:
    program: str
    connections: int
    cpu: int

    def run(self, protocol, port, about, *options):
        """The results of one run, which must be without errors and misses."""
        with tempfile.NamedTemporaryFile() as file:
            command = [
                self.program, "--quiet", "--json", file.name, "--port", str(port),
                "--protocol", protocol, "--connections", str(self.connections),
                *map(str, options),
            ]
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                preexec_fn=lambda: os.sched_setaffinity(0, {self.cpu}))
            if done.returncode != 0:
                give_up(f"{about}: {done.stderr.strip()}")
            return json.load(file)


def measure(generator, contestants, name, timing, server_cpu, say):
    """{contestant's name: [results of each round]}. `timing`: (rounds, seconds of each)."""
    rounds, seconds = timing
    measured = {each.name: [] for each in contestants}
    with contextlib.ExitStack() as stack:
        servers = [(each, *stack.enter_context(running(each.server, server_cpu)))
                   for each in contestants]
        for each, port, _ in servers:
            each.prepare(port)
        for number in range(rounds):
            for each, port, pid in servers:
                say(f"{name}: round {number + 1} of {rounds}, {each.name}")
                about = f"{name} against {each.name}"
                results = generator.run(
                    each.server.protocol, port, about, *each.load, "--server-pid", pid,
                    "--no-preload", "--warmup", seconds / 5, "--duration", seconds)
                if results["misses"] > 0:
                    give_up(f"{about}: {results['misses']} misses; give fewer --keys")
                measured[each.name].append(results)
    return measured


def cpu_of(results):
    return results["server_cpu_ns_per_request"]


def p99_of(results):
    kinds = ("get_latency_us", "set_latency_us", "call_latency_us")
    return next((results[kind]["p99"] for kind in kinds if results[kind]), 0)


def rate_of(results):
    return results["requests_per_second"]


def median_of(rounds, metric):
    return statistics.median(map(metric, rounds))


def median_ratio(ours, theirs, metric):
    """(median, smallest, largest) of the rounds' ratios; nan if rounds were too short for any."""
    ratios = [metric(a) / metric(b) for a, b in zip(ours, theirs) if metric(b)] or [math.nan]
    return statistics.median(ratios), min(ratios), max(ratios)


def ratio_text(ours, theirs):
    middle, low, high = median_ratio(ours, theirs, cpu_of)
    return f"**{middle:.2f}** ({low:.2f} to {high:.2f})"


def target_text(ours, theirs, most, what):
    reached = median_ratio(ours, theirs, cpu_of)[0] <= most
    return f"at most {most} x {what}: {'reached' if reached else 'MISSED'}"


def markdown(head, rows):
    return ["| " + " | ".join(row) + " |" for row in [head]] + ["|---" * len(head) + "|"] + [
        "| " + " | ".join(row) + " |" for row in rows]


def cpu_model():
    with contextlib.suppress(OSError):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.machine()


def facts(about, timing, servers, command):
    rounds, seconds = timing
    versions = "; ".join(server.version() for server in servers)
    return [
        f"{about}; median of {rounds} interleaved rounds of {seconds:g} s (smallest to largest "
        "ratio in brackets). Below 1 is less than the other.",
        "",
        f"Machine: {cpu_model()}, {os.cpu_count()} cores, Linux {platform.release()}. "
        f"Servers: {versions}.",
        "",
        f"Command: `{command}`",
        "",
    ]


def write_between_markers(path, name, lines):
    """Replaces what stands between the markers of this name in `path`; they must be there."""
    first = f"<!-- {name} begin: written by bench/side_by_side --write, do not edit -->"
    last = f"<!-- {name} end -->"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        give_up(f"{path} lacks the lines\n{first}\n{last}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + first + "\n" + "\n".join(lines) + "\n" + last + after)
