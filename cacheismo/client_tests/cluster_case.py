"""A cluster of real daemons on loopback, and how tests talk to it.

    Cluster(3)  -->  n1, n2, n3: processes of their own, one ring file in a temporary folder
                     start, kill -9, pause, resume; write_ring(epoch, members) and SIGHUP

Every process is ended by its id when the test is over, whatever state it is in. Nothing waits
without a bound: daemon.until() for what must come, socket timeouts for what is read.
"""

import os
import random
import signal
import socket
import subprocess
import tempfile
import unittest

import daemon

CLUSTER_TIMEOUT_MS = 300
# What a machine that is busy with other things may add to the 300 ms before an error is there.
SLACK_S = 1.2
ERROR_WITHIN_S = CLUSTER_TIMEOUT_MS / 1000 + SLACK_S
RECOVERY_S = 2.0


def free_ports(count):
    """Below the ports that the kernel gives to outgoing connections: one of those to a node that is
    down might else take its place."""
    ports = []
    while len(ports) < count:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


class Raw:
    """A connection on which tests write the protocol themselves."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, daemon.PATIENCE_S)
        self.reader = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, data, lines=1):
        self.send(data)
        return b"".join(self.reader.readline() for _ in range(lines))

    def until_end(self, data):
        """The lines of a reply that END ends, without it."""
        self.send(data)
        lines = []
        while (line := self.reader.readline()) != b"END\r\n":
            if not line:
                raise AssertionError(f"closed after {lines}")
            lines.append(line)
        return lines

    def stats(self, group=""):
        lines = self.until_end(f"stats {group}".strip().encode() + b"\r\n")
        return dict(line.decode().strip().split(" ", 2)[1:] for line in lines)

    def close(self):
        self.reader.close()
        self.socket.close()


class Node:
    """One daemon; its port and its log stay over restarts."""

    host = "127.0.0.1"
    around = ()  # a command that runs the daemon
    timeout_ms = CLUSTER_TIMEOUT_MS

    def __init__(self, name, port, folder):
        self.name = name
        self.port = port
        self.address = (self.host, port)
        self.ring = os.path.join(folder, "ring")
        self.log_path = os.path.join(folder, f"{name}.log")
        self.process = None

    def start(self, *flags):
        seen = self.log().count("event=started")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.around, daemon.server_path(), "-u", "root", "-l", self.host,
                 "-p", str(self.port), "-v", f"--ring-file={self.ring}",
                 f"--node-name={self.name}", f"--cluster-timeout={self.timeout_ms}", *flags],
                stdin=subprocess.DEVNULL, stderr=log)

        def started():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n"
                                     f"{self.log()}")
            return self.log().count("event=started") > seen

        daemon.until(started, f"{self.name} has started")

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def wait_for_log(self, *words):
        """The first line with all these words."""

        def found():
            return next((line for line in self.log().splitlines()
                         if all(word in line for word in words)), None)

        return daemon.until(found, f"{self.name} logs {words}")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """kill -9, and gone."""
        self.process.kill()
        self.process.wait(daemon.PATIENCE_S)

    def pause(self):
        """SIGSTOP, and stopped: until then it may still answer."""
        self.signal(signal.SIGSTOP)

        def stopped():
            with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] == "T"

        daemon.until(stopped, f"{self.name} is stopped")

    def resume(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        """A polite end, of a paused one too; a node that has crashed is a failure."""
        if self.process is None or self.process.poll() == -signal.SIGKILL:
            return
        if self.process.poll() is None:
            self.resume()
            self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(daemon.PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}:\n{self.log()}")


class Cluster:
    """Nodes n1, n2, ... of one ring file; the last `joining` of them are not in it at first."""

    def __init__(self, count, joining=0):
        self.folder = tempfile.TemporaryDirectory()
        self.nodes = self.make_nodes(count + joining)
        self.epoch = 0
        self.write_ring(self.nodes[:count])

    def make_nodes(self, count):
        return [Node(f"n{i + 1}", port, self.folder.name)
                for i, port in enumerate(free_ports(count))]

    def ring_host(self, node):
        return node.host

    def ring_text(self, members, epoch):
        return f"epoch {epoch}\n" + "".join(
            f"node {node.name} {self.ring_host(node)}:{node.port}\n" for node in members)

    def write_ring(self, members):
        """The next epoch, complete or not at all."""
        self.epoch += 1
        self.write_text(self.ring_text(members, self.epoch))

    def write_text(self, text):
        path = os.path.join(self.folder.name, "ring")
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def owner(self, key, asked=0):
        """The node whose key this is, by the ring of one that runs."""
        connection = self.connect(asked)
        try:
            header = connection.ask(f"get cluster:owner:{key}\r\n".encode(), 3)
        finally:
            connection.close()
        return self.node(header.split(b"\r\n")[1].decode())

    def node(self, name):
        return next(node for node in self.nodes if node.name == name)

    def keys_of(self, node, count, prefix="key"):
        """That many keys which this node owns."""
        keys, number = [], 0
        while len(keys) < count:
            key = f"{prefix}:{number}"
            if self.owner(key) is node:
                keys.append(key)
            number += 1
        return keys

    def connect(self, index):
        return Raw(self.nodes[index].address)

    def stop(self):
        failures = []
        for node in self.nodes:
            try:
                node.stop()
            except (AssertionError, subprocess.TimeoutExpired) as failure:
                failures.append(failure)
        self.folder.cleanup()
        if failures:
            raise failures[0]


class ClusterTest(unittest.TestCase):
    """Three fresh nodes for each test."""

    size = 3
    joining = 0
    timeout_ms = CLUSTER_TIMEOUT_MS
    cluster_class = Cluster

    def setUp(self):
        self.cluster = self.cluster_class(self.size, self.joining)
        self.addCleanup(self.cluster.stop)
        for node in self.cluster.nodes:
            node.timeout_ms = self.timeout_ms
        for node in self.cluster.nodes[:self.size]:
            node.start()

    def raw(self, index):
        connection = self.cluster.connect(index)
        self.addCleanup(connection.close)
        return connection

    def stats(self, index, group="cluster"):
        connection = self.cluster.connect(index)
        try:
            return connection.stats(group)
        finally:
            connection.close()
