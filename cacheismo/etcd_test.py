#!/usr/bin/python3
"""Three daemons whose ring is in a real etcd: joining, changes, etcd's death and return, leaving.

etcd (Debian: etcd-server) is started on loopback, on ports that are free, with its data in a
temporary directory. Without it the tests are skipped, and say so.
"""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

import daemon_case

ETCD = shutil.which("etcd")
LEASE_S = 2
PREFIX = "/cacheismo/test/"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, within_s, what):
    """Polls until condition() is true; how long that took. Too late is a failure."""
    begun = time.monotonic()
    while True:
        value = condition()
        took = time.monotonic() - begun
        if value and took <= within_s:
            return took
        if took > within_s:
            raise AssertionError(f"not so within {within_s} s: {what}")
        time.sleep(0.01)


class Etcd:
    """One etcd, which keeps its ports and its data over restarts."""

    def __init__(self):
        self.files = tempfile.TemporaryDirectory()
        self.url = f"http://127.0.0.1:{free_port()}"
        self.peer_url = f"http://127.0.0.1:{free_port()}"
        self.process = None
        self.start()

    def start(self):
        with open(os.path.join(self.files.name, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [ETCD, "--data-dir", os.path.join(self.files.name, "data"), "--name", "e",
                 "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                 "--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls",
                 self.peer_url, "--initial-cluster", f"e={self.peer_url}"],
                stdout=log, stderr=log)
        until(self.answers, 20, "etcd answers")

    def answers(self):
        try:
            self.ask("kv/range", {"key": base64.b64encode(b"x").decode()})
            return True
        except OSError:
            return False

    def ask(self, what, body):
        with urllib.request.urlopen(f"{self.url}/v3/{what}", json.dumps(body).encode(), 5) as reply:
            return json.load(reply)

    def get(self, key):
        found = self.ask("kv/range", {"key": base64.b64encode((PREFIX + key).encode()).decode()})
        return [base64.b64decode(pair["value"]).decode() for pair in found.get("kvs", [])]

    def put(self, key, value):
        self.ask("kv/put", {"key": base64.b64encode((PREFIX + key).encode()).decode(),
                            "value": base64.b64encode(value.encode()).decode()})

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.kill()
        self.files.cleanup()


@unittest.skipIf(ETCD is None, "etcd is not installed: tools/install puts it in place")
class EtcdTest(daemon_case.Case):
    def setUp(self):
        self.etcd = Etcd()
        self.addCleanup(self.etcd.stop)

    def node(self, name, *flags):
        return self.daemon("-m", "8", f"--etcd={self.etcd.url}", f"--etcd-prefix={PREFIX}",
                           f"--etcd-lease={LEASE_S}", f"--node-name={name}", *flags)

    def cluster(self):
        nodes = [self.node(name, "--etcd-join", "--enable-ring-changes")
                 for name in ("a", "b", "c")]
        clients = [node.client() for node in nodes]
        for client in clients:
            self.addCleanup(client.close)
        until(lambda: all(self.nodes_of(client) == {"a", "b", "c"} for client in clients), 3,
              "all know all")
        return nodes, clients

    @staticmethod
    def value(client, key):
        head = client.ask(f"get {key}\r\n".encode())
        if not head.startswith(b"VALUE"):
            return head.decode().strip()
        size = int(head.split()[3])
        return client.reader.read(size + 2 + 5)[:size].decode()

    def nodes_of(self, client):
        lines = self.value(client, "cluster:nodes").splitlines()
        return {line.split()[0] for line in lines[1:]}

    def epoch_of(self, client):
        return int(self.value(client, "cluster:epoch"))

    def keys_of(self, client, owner, count):
        keys = []
        for number in range(10_000):
            if self.value(client, f"cluster:owner:key{number}") == owner:
                keys.append(f"key{number}")
            if len(keys) == count:
                return keys
        raise AssertionError(f"{owner} owns too little")

    def test_joiners_that_race_all_end_up_in_the_ring(self):
        _, clients = self.cluster()
        # Each of them has counted the epoch up once, and lost nobody's change.
        self.assertEqual({self.epoch_of(client) for client in clients}, {3})
        for number in range(30):
            self.assertEqual(clients[number % 3].ask(f"set k{number} 0 0 1\r\nx\r\n".encode()),
                             b"STORED\r\n")
        for number in range(30):
            self.assertEqual(self.value(clients[(number + 1) % 3], f"k{number}"), "x")
        self.assertEqual(len(self.etcd.get("members/b")), 1)

    def test_a_change_is_known_to_all_within_a_second(self):
        _, clients = self.cluster()
        begun = self.value(clients[0], "cluster:state:b:leaving")
        self.assertEqual(begun, "waiting: state:b:leaving")
        until(lambda: {self.epoch_of(client) for client in clients} == {4}, 1, "all have epoch 4")
        until(lambda: self.value(clients[0], "cluster:change") == "done: state:b:leaving epoch 4",
              1, "the change is done")
        # So is one that an operator makes with etcd's own tools.
        ring = self.etcd.get("ring")[0].replace("epoch 4", "epoch 5").replace(" state leaving", "")
        self.etcd.put("ring", ring)
        until(lambda: {self.epoch_of(client) for client in clients} == {5}, 1, "all have epoch 5")

    def test_changes_that_cannot_be_made_say_why(self):
        _, clients = self.cluster()
        for key, why in (("cluster:state:d:active", 'the ring has no node "d"'),
                         ("cluster:join:d:nowhere", "HOST:PORT"),
                         ("cluster:move:d", "there are cluster:epoch"),
                         ("cluster:leave:", "there are join:")):
            self.assertIn(why, self.value(clients[0], key))
        closed = self.node("d").client()
        self.addCleanup(closed.close)
        self.assertIn("--enable-ring-changes", self.value(closed, "cluster:leave:a"))
        self.assertEqual(self.nodes_of(closed), {"a", "b", "c"})

    def test_a_ring_that_is_none_is_refused_and_not_overwritten(self):
        nodes, clients = self.cluster()
        self.etcd.put("ring", "epoch 9\nnode a\n")
        nodes[0].wait_for_log("event=ring_unreadable")
        self.assertEqual(self.epoch_of(clients[0]), 3)
        self.assertIn("is no ring", self.value(clients[0], "cluster:leave:c"))
        self.assertEqual(self.etcd.get("ring"), ["epoch 9\nnode a\n"])

    def test_without_etcd_reads_go_on_and_owners_write_nothing(self):
        nodes, clients = self.cluster()
        own = self.keys_of(clients[0], "a", 3)
        others = self.keys_of(clients[0], "b", 1)
        for key in own + others:
            self.assertEqual(clients[0].ask(f"set {key} 0 0 1\r\n1\r\n".encode()), b"STORED\r\n")
        self.etcd.kill()
        killed = time.monotonic()
        refused = b"SERVER_ERROR cluster: no lease, not writing\r\n"
        set_own = f"set {own[0]} 0 0 1\r\n2\r\n".encode()
        self.assertEqual(clients[0].ask(set_own), b"STORED\r\n")  # the lease holds
        until(lambda: clients[0].ask(set_own) == refused, LEASE_S + 0.5, "writes are refused")
        self.assertGreater(time.monotonic() - killed, LEASE_S / 3)
        until(lambda: clients[1].ask(f"set {others[0]} 0 0 1\r\n3\r\n".encode()) == refused,
              LEASE_S, "at the others too")
        for request in (f"delete {own[0]}\r\n", f"incr {own[0]} 1\r\n", f"touch {own[0]} 9\r\n",
                        f"gat 9 {own[0]}\r\n", f"ms {own[0]} 1\r\nx\r\n", f"md {own[0]}\r\n",
                        f"mg {own[0]} t T9\r\n", "flush_all\r\n",
                        f"set {own[0]} 0 0 9000\r\n" + "x" * 9000 + "\r\n",
                        f"set {others[0]} 0 0 1\r\n4\r\n"):
            self.assertEqual(clients[0].ask(request.encode()), refused, request[:40])
        clients[0].send(f"set {own[0]} 0 0 1 noreply\r\n9\r\n".encode())
        # Nothing of that was executed, and reads go on, at this node and through it.
        for key, value in ((own[0], "2"), (own[1], "1"), (others[0], "1")):
            self.assertIn(self.value(clients[0], key), (value, "3"))
        self.assertEqual(self.nodes_of(clients[0]), {"a", "b", "c"})
        nodes[0].wait_for_log("event=lease_lost")

        self.etcd.start()
        until(lambda: clients[0].ask(set_own) == b"STORED\r\n", 2, "writes go on")
        until(lambda: clients[1].ask(f"set {others[0]} 0 0 1\r\n5\r\n".encode()) == b"STORED\r\n",
              2, "at the others too")
        self.assertEqual(self.value(clients[0], "cluster:state:c:leaving")[:8], "waiting:")
        until(lambda: {self.epoch_of(client) for client in clients} == {4}, 1,
              "changes are seen again")

    def test_a_node_that_slept_through_its_lease_writes_nothing_at_first(self):
        nodes, clients = self.cluster()
        own = self.keys_of(clients[0], "a", 1)[0]
        request = f"set {own} 0 0 1\r\nx\r\n".encode()
        nodes[0].signal(signal.SIGSTOP)
        until(lambda: self.etcd.get("members/a") == [], LEASE_S + 3, "its name is free")
        clients[0].send(request)
        nodes[0].signal(signal.SIGCONT)
        self.assertEqual(clients[0].line(), b"SERVER_ERROR cluster: no lease, not writing\r\n")
        until(lambda: clients[0].ask(request) == b"STORED\r\n", 2, "it has its name again")
        self.assertNotEqual(self.etcd.get("members/a"), [])

    def test_a_node_that_stops_gracefully_leaves_the_ring(self):
        nodes, clients = self.cluster()
        nodes[2].signal(signal.SIGUSR1)
        self.assertEqual(nodes[2].wait(), 0)
        until(lambda: self.nodes_of(clients[0]) == {"a", "b"}, 1, "it is out")
        self.assertEqual(self.etcd.get("members/c"), [])
        # One that is stopped at once stays: its keys wait for its return.
        nodes[1].signal(signal.SIGTERM)
        self.assertEqual(nodes[1].wait(), 0)
        self.assertEqual(self.nodes_of(clients[0]), {"a", "b"})
        until(lambda: self.etcd.get("members/b") == [], LEASE_S + 2, "its name is free")

    def test_the_last_node_stays_and_ends_all_the_same(self):
        node = self.node("a", "--etcd-join")
        node.wait_for_log("event=ring_taken")
        node.signal(signal.SIGUSR1)
        self.assertEqual(node.wait(), 0)
        self.assertIn("node a ", self.etcd.get("ring")[0])

    def test_a_node_waits_for_etcd_and_for_a_ring(self):
        self.etcd.kill()
        node = self.node("a")
        client = node.client()
        self.addCleanup(client.close)
        client.send(b"get cluster:epoch\r\n")
        node.wait_for_log("event=etcd_lost")
        self.etcd.start()
        node.wait_for_log("event=ring_absent")
        self.etcd.put("ring", "epoch 5\nnode z 127.0.0.1:1\n")
        self.assertEqual(client.line(), b"VALUE cluster:epoch 0 1\r\n")
        # A node that waits can be ended, too.
        self.etcd.kill()
        other = self.node("b")
        other.signal(signal.SIGUSR1)
        self.assertEqual(other.wait(), 0)

    def test_a_name_is_held_by_one_node(self):
        first = self.node("a", "--etcd-join")
        first.wait_for_log("event=ring_taken")
        second = self.node("a", "--etcd-join")
        second.wait_for_log("event=name_taken")
        self.assertIn(f":{first.address[1]}\n", self.etcd.get("ring")[0])
        client = second.client()
        self.addCleanup(client.close)
        self.assertEqual(client.ask(b"set k 0 0 1\r\nx\r\n"),
                         b"SERVER_ERROR cluster: no lease, not writing\r\n")
        first.signal(signal.SIGKILL)
        first.wait()
        second.wait_for_log("event=lease_held")
        until(lambda: client.ask(b"set k 0 0 1\r\nx\r\n") == b"STORED\r\n", 1, "it has the name")


class RingFileTest(daemon_case.Case):
    """The same changes where the ring is in a file."""

    def test_a_change_is_written_to_the_file_and_in_use_at_once(self):
        path = self.file("# ours\nepoch 7\nnode a 10.0.0.1:11211\nnode b 10.0.0.2:11211\n")
        client = self.daemon(f"--ring-file={path}", "--node-name=a",
                             "--enable-ring-changes").client()
        self.addCleanup(client.close)
        for key, value in (("cluster:change", "none"),
                           ("cluster:join:c:127.0.0.1%3A12",
                            "done: join:c:127.0.0.1%3A12 epoch 8"),
                           ("cluster:epoch", "8"), ("cluster:leave:b", "done: leave:b epoch 9"),
                           ("cluster:change", "done: leave:b epoch 9")):
            self.assertEqual(EtcdTest.value(client, key), value)
        with open(path) as file:
            self.assertEqual(file.read(), "epoch 9\nhashing ketama\nnode a 10.0.0.1:11211\n"
                                          "node c 127.0.0.1:12\n")
        self.assertIn('no node "x"', EtcdTest.value(client, "cluster:state:x:active"))

    def test_without_the_flag_nothing_is_changed(self):
        path = self.file("epoch 7\nnode a 10.0.0.1:11211\n")
        client = self.daemon(f"--ring-file={path}", "--node-name=a").client()
        self.addCleanup(client.close)
        self.assertIn("--enable-ring-changes", EtcdTest.value(client, "cluster:leave:a"))


if __name__ == "__main__":
    unittest.main()
