"""The servers that traces are replayed against: how each is told its memory, started and measured.

Each listens on a free port of loopback and ends, by its process id, with the block that started it.
"""

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import tempfile
import time

MIB = 1 << 20
PATIENCE_S = 20
LARGE_ITEMS = 8 * MIB  # -I for traces whose largest item the default of 1 MB would refuse


class Failure(Exception):
    """A sentence for the person at the terminal."""


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    about: str
    protocol: str
    command: tuple  # with {port}, {folder} and {memory}
    version_command: tuple
    memory_unit: int  # bytes; memory is given in whole units
    memory_flag: str
    large_items: tuple = ()

    def version(self):
        done = subprocess.run(self.version_command, capture_output=True, text=True, check=False)
        words = (done.stdout or done.stderr).strip().splitlines()[0].split()
        return " ".join(word for word in words if not word.startswith(("sha=", "build=", "bits=")))

    def memory_text(self, memory_bytes):
        return f"{self.memory_flag} {memory_bytes // self.memory_unit}"


def all_servers(cacheismo):
    memcached = ("/usr/bin/memcached", "-u", "root", "-l", "127.0.0.1", "-p", "{port}",
                 "-m", "{memory}")
    large = ("-I", f"{LARGE_ITEMS // MIB}m")
    memcached_version = ("/usr/bin/memcached", "-V")
    servers = (
        Server("cacheismo", "cacheismo", "classic",
               (cacheismo, "-l", "127.0.0.1", "-p", "{port}", "-m", "{memory}"),
               (cacheismo, "-V"), MIB, "-m", large),
        Server("memcached", "memcached, its defaults", "classic", memcached, memcached_version,
               MIB, "-m", large),
        Server("no_slab_automove", "memcached -o no_slab_automove", "classic",
               memcached + ("-o", "no_slab_automove"), memcached_version, MIB, "-m", large),
        Server("redis", "Redis, allkeys-lru", "redis",
               ("/usr/bin/redis-server", "--bind", "127.0.0.1", "--port", "{port}", "--save", "",
                "--appendonly", "no", "--dir", "{folder}", "--maxmemory", "{memory}",
                "--maxmemory-policy", "allkeys-lru"),
               ("/usr/bin/redis-server", "--version"), 1, "maxmemory"),
    )
    return {server.name: server for server in servers}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_accepts(process, port, name):
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise Failure(f"{name} ended by itself with {process.returncode}") from None
            if time.monotonic() > deadline:
                raise Failure(f"{name} does not accept on port {port}") from None
            time.sleep(0.02)


@contextlib.contextmanager
def running(server, memory_bytes, item_bytes_max):
    """Yields (port, pid) of a fresh server."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        memory = memory_bytes // server.memory_unit
        command = [part.format(port=port, folder=folder, memory=memory) for part in server.command]
        if item_bytes_max > MIB - 1024:
            command += server.large_items
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            wait_until_it_accepts(process, port, server.name)
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def rss_peak_bytes(pid):
    """The largest resident set that the process ever had, as the kernel keeps it."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise Failure(f"process {pid} has no VmHWM")


def next_memory(server, tried, target_rss):
    """The memory to try next so that the peak comes to `target_rss`, or None if that is reached.

    `tried` is [(memory, peak)], the latest last. Peaks grow with memory almost in a line, so two
    tries give its slope, and one is taken to have slope 1.
    """
    memory, peak = tried[-1]
    if is_near(peak, target_rss):
        return None
    slope = 1.0
    if len(tried) > 1 and tried[-2][0] != memory:
        slope = (peak - tried[-2][1]) / (memory - tried[-2][0])
        slope = min(max(slope, 0.5), 4.0)
    found = max(memory + (target_rss - peak) / slope, memory / 2)
    found = max(1, round(found / server.memory_unit)) * server.memory_unit
    return None if any(found == before for before, _ in tried) else found


def is_near(peak, target_rss):
    return abs(peak - target_rss) <= max(MIB, target_rss // 100)


def nearest(tried, target_rss):
    return min(tried, key=lambda each: abs(each[1] - target_rss))[0]


def exists(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)
