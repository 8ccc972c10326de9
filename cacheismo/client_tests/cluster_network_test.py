#!/usr/bin/python3
"""A cluster of real daemons on a network that loses packets: each node in a network namespace of
its own, behind a link that a test can cut, or make slow and lossy.

    hub: clients, bridge 10.77.0.254 --- link n1 --- namespace n1: 10.77.0.1, the daemon
                                     `-- link n2 --- namespace n2: 10.77.0.2
                                     `-- link n3 --- ...

The whole test runs in namespaces (network, mounts, process ids) that end with it: it touches no
interface of the machine and leaves nothing behind. Where the machine allows no namespaces, or its
kernel has no netem, tests are skipped and say so.
"""

import os
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import daemon
from cluster_case import ERROR_WITHIN_S, RECOVERY_S, Cluster, ClusterTest, Node
from cluster_load import Load, Pymemcache

INSIDE = "--inside"
NETWORK = "10.77.0."
NETEM = ("netem", "delay", "20ms", "loss", "1%")

seed = random.randrange(1 << 32)


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True,
                   timeout=daemon.PATIENCE_S)


def namespaces():
    """The command that runs another one in namespaces of its own; None and why there is none."""
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        command[1:1] = ["--user", "--map-root-user"]
    attempt = ("mount -t tmpfs none /run && ip link add hub type bridge && "
               "ip link add one type veth peer name other && ip netns add some")
    try:
        done = subprocess.run([*command, "sh", "-c", attempt], check=False, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=daemon.PATIENCE_S)
    except OSError as error:
        return None, str(error)
    return (command, None) if done.returncode == 0 else (None, done.stderr.strip())


class NetworkNode(Node):
    """In a namespace of its own name, behind the hub's interface of that name."""

    def __init__(self, number, folder):
        super().__init__(f"n{number}", 11211, folder)
        self.host = f"{NETWORK}{number}"
        self.address = (self.host, self.port)
        self.around = ("ip", "netns", "exec", self.name)  # becomes the daemon: one process id
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.name, "type", "veth", "peer", "name", "eth0",
            "netns", self.name)
        run("ip", "link", "set", self.name, "master", "hub", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "address", "add", f"{self.host}/24", "dev", "eth0")
        self.inside("ip", "link", "set", "eth0", "up")

    def inside(self, *command):
        run(*self.around, *command)

    def cut(self):
        run("ip", "link", "set", self.name, "down")

    def mend(self):
        run("ip", "link", "set", self.name, "up")

    def shape(self, *discipline):
        """In both directions."""
        run("tc", "qdisc", "add", "dev", self.name, "root", *discipline)
        self.inside("tc", "qdisc", "add", "dev", "eth0", "root", *discipline)

    def stop(self):
        super().stop()
        run("ip", "link", "delete", self.name)  # a namespace takes its time to go
        run("ip", "netns", "delete", self.name)


class NetworkCluster(Cluster):
    def make_nodes(self, count):
        return [NetworkNode(i + 1, self.folder.name) for i in range(count)]


class NetworkTest(ClusterTest):
    cluster_class = NetworkCluster

    @classmethod
    def setUpClass(cls):
        if INSIDE not in sys.argv:
            raise unittest.SkipTest(f"no network namespaces here: {outside_because}")

    def load(self, slack_s=0.0):
        clients = {f"pymemcache-{node.name}": Pymemcache(node) for node in self.cluster.nodes}
        return Load(clients, f"{seed} {self.id()}", slack_s)

    def ask(self, node, request, lines=1):
        """The reply, in time."""
        started = time.monotonic()
        connection = self.cluster.connect(self.cluster.nodes.index(node))
        try:
            return connection.ask(request, lines)
        finally:
            connection.close()
            self.assertLess(time.monotonic() - started, ERROR_WITHIN_S)


class Partition(NetworkTest):
    def test_a_node_that_no_packet_reaches_costs_its_keys_alone(self):
        one, two, three = self.cluster.nodes
        with self.load() as load:
            load.until_each(lambda done: done["set"] >= 40 and done["get_many"] >= 5, "warm")
            two.cut()
            load.until_each(lambda done: done["error"] >= 3 and done["get"] >= 10, "clients go on",
                            ["pymemcache-n1", "pymemcache-n3"])
            two.mend()
            back = time.monotonic()
            for node in (one, three):
                client = Pymemcache(node)
                daemon.until(lambda client=client: self.answers(client, load), "they recover")
                client.close()
            self.assertLess(time.monotonic() - back, RECOVERY_S)
            load.until_each(lambda done: done["set"] >= 40 and done["get_many"] >= 5, "all go on")

    @staticmethod
    def answers(client, load):
        try:
            client.get_many(load.names())
            return True
        except AssertionError:
            raise
        except Exception:  # pylint: disable=broad-except
            return False

    def test_a_write_whose_reply_is_lost_has_an_unknown_outcome(self):
        one, two, three = self.cluster.nodes
        key = self.cluster.keys_of(two, 1)[0]
        self.assertEqual(self.ask(one, f"set {key} 0 0 3\r\nold\r\n".encode()), b"STORED\r\n")
        two.inside("ip", "route", "add", "blackhole", one.host)  # n1 is heard, but not answered
        self.assertEqual(self.ask(one, f"set {key} 0 0 3\r\nnew\r\n".encode()),
                         b"SERVER_ERROR cluster: n2: timeout, the outcome is unknown\r\n")
        self.assertEqual(self.ask(three, f"get {key}\r\n".encode(), 3),
                         f"VALUE {key} 0 3\r\nnew\r\nEND\r\n".encode())
        self.assertEqual(self.ask(one, f"get {key}\r\n".encode()),
                         b"SERVER_ERROR cluster: n2: timeout\r\n")
        two.inside("ip", "route", "delete", "blackhole", one.host)
        back = time.monotonic()
        daemon.until(lambda: b"new" in self.ask(one, f"get {key}\r\nmn\r\n".encode(), 2),
                     "n2 answers n1 again")
        self.assertLess(time.monotonic() - back, RECOVERY_S)


class NamedCluster(NetworkCluster):
    """Whose ring has names, as in Kubernetes, and whose nodes find them in /etc/hosts."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.hosts = os.path.join(self.folder.name, "hosts")
        self.tell_hosts({})
        run("mount", "--bind", self.hosts, "/etc/hosts")  # of this test's mounts alone

    def ring_host(self, node):
        return f"{node.name}.cache.test"

    def tell_hosts(self, addresses):
        with open(self.hosts, "w", encoding="ascii") as file:
            file.writelines(f"{address} {self.ring_host(node)}\n"
                            for node, address in addresses.items())

    def stop(self):
        run("umount", "/etc/hosts")
        super().stop()


class Names(NetworkTest):
    cluster_class = NamedCluster
    lookup_s = 10  # from one lookup of names to the next, see cacheismo/ring_source.h

    def test_nodes_are_found_when_their_names_are_and_followed_when_they_move(self):
        one, two, _ = self.cluster.nodes
        key = self.cluster.keys_of(two, 1)[0]
        store = f"set {key} 0 0 1\r\nx\r\n".encode()
        one.wait_for_log("event=addresses_unknown", "nodes=n1,n2,n3")
        self.assertEqual(self.ask(one, store), b"SERVER_ERROR cluster: n2: refused\r\n")
        self.cluster.tell_hosts({node: node.host for node in self.cluster.nodes})
        daemon.until(lambda: self.ask(one, store) == b"STORED\r\n", "n1 finds n2")
        # As a pod does that is deleted: gone, and back under its name at another address.
        two.kill()
        moved = f"{NETWORK}12"
        two.inside("ip", "address", "delete", f"{two.host}/24", "dev", "eth0")
        two.inside("ip", "address", "add", f"{moved}/24", "dev", "eth0")
        two.host, two.address = moved, (moved, two.port)
        two.start()
        self.cluster.tell_hosts({node: node.host for node in self.cluster.nodes})
        told = time.monotonic()
        self.assertTrue(self.ask(one, store).startswith(b"SERVER_ERROR cluster: n2: "))
        daemon.until(lambda: self.ask(one, store) == b"STORED\r\n", "n1 follows n2")
        self.assertLess(time.monotonic() - told, self.lookup_s + RECOVERY_S)
        one.wait_for_log("event=addresses_changed", "nodes=n2")
        self.assertEqual(self.stats(0)["rings_taken"], "1")  # it is the same ring


class Lossy(NetworkTest):
    """20 ms more for each packet, and one in a hundred is lost, on every link, both ways."""

    def setUp(self):
        try:
            run("tc", "qdisc", "add", "dev", "lo", "root", *NETEM)
        except subprocess.CalledProcessError as error:
            self.skipTest(f"no netem in this kernel: {error.stderr.decode().strip()}")
        run("tc", "qdisc", "delete", "dev", "lo", "root")
        super().setUp()
        for node in self.cluster.nodes:
            node.shape(*NETEM)

    def test_no_value_is_wrong_and_most_requests_are_answered(self):
        # Packets of the clients are lost, too: two retransmissions are 0.2 s and 0.4 s.
        with self.load(slack_s=1.0) as load:
            load.until_each(lambda done: done["set"] >= 20 and done["get"] >= 30, "all go on")
            for worker in load.workers:
                answered = worker.done["set"] + worker.done["get"] + worker.done["get_many"]
                self.assertLess(worker.done["error"], answered / 2, worker.last_error)


if __name__ == "__main__":
    outside_because = None
    if INSIDE not in sys.argv:
        around, outside_because = namespaces()
        if around is not None:
            server = daemon.server_path()
            done = subprocess.run([*around, sys.executable, os.path.abspath(__file__), INSIDE,
                                   "--server", server, *sys.argv[1:]], check=False)
            sys.exit(done.returncode)
        print(f"skipped: no network namespaces here: {outside_because}")
    else:
        run("mount", "-t", "tmpfs", "none", "/run")  # where ip keeps the names of namespaces
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "hub", "type", "bridge")
        run("ip", "address", "add", f"{NETWORK}254/24", "dev", "hub")
        run("ip", "link", "set", "hub", "up")
        print(f"seed {seed}", flush=True)
    daemon.server_path()
    unittest.main(argv=[word for word in sys.argv if word != INSIDE], verbosity=2)
