#!/usr/bin/python3
"""Any node of a cluster of real daemons answers for every key, to real clients: pymemcache,
libmemcached through pylibmc, and a raw socket. What happens when nodes fail is
cluster_faults_test's matter.
"""

import os
import signal
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pylibmc
from pymemcache.client.base import Client

import daemon
from cluster_case import ClusterTest

MIB = 1 << 20


class AnyNode(ClusterTest):
    timeout_ms = 10_000  # nothing fails here, however busy the machine is

    def pymemcache(self, index):
        client = Client(self.cluster.nodes[index].address, connect_timeout=daemon.PATIENCE_S,
                        timeout=daemon.PATIENCE_S, default_noreply=False)
        self.addCleanup(client.close)
        return client

    def pylibmc(self, *indexes, **behaviors):
        servers = [f"127.0.0.1:{self.cluster.nodes[index].port}" for index in indexes]
        client = pylibmc.Client(servers, binary=False)
        client.behaviors = {"tcp_nodelay": True, "connect_timeout": 10_000, **behaviors}
        return client

    def forwarded(self):
        return [int(self.stats(index)["forwarded"]) for index in range(self.size)]

    def items(self):
        return [int(self.stats(index, "")["curr_items"]) for index in range(self.size)]

    def test_pymemcache_reads_on_each_node_what_it_stored_on_another(self):
        clients = [self.pymemcache(index) for index in range(3)]
        values = {f"key{n}": b"value%d" % n for n in range(200)}
        self.assertEqual(clients[0].set_many(values), [])
        self.assertEqual(sum(self.items()), 200)
        self.assertTrue(all(self.items()), self.items())
        for client in clients:
            self.assertEqual(client.get_many([*values, "missing"]), values)
            self.assertEqual(client.get("key7"), b"value7")
        for n in range(30):
            writer, other = clients[n % 3], clients[(n + 1) % 3]
            key = f"changing{n}"
            self.assertTrue(writer.add(key, b"1"))
            self.assertFalse(other.add(key, b"2"))
            self.assertEqual(other.incr(key, 41), 42)
            _, token = writer.gets(key)
            self.assertTrue(other.append(key, b"!"))
            self.assertFalse(writer.cas(key, b"mine", token))
            self.assertEqual(writer.get(key), b"42!")
            self.assertTrue(other.delete(key))
            self.assertFalse(writer.delete(key))

    def test_libmemcached_of_one_node_reaches_every_key(self):
        clients = [self.pylibmc(index) for index in range(3)]
        values = {f"key{n}": {"number": n, "text": "x" * n} for n in range(200)}
        self.assertEqual(clients[0].set_multi(values), [])
        for client in clients:
            self.assertEqual(client.get_multi([*values, "missing"]), values)
        self.assertTrue(all(self.forwarded()), self.forwarded())
        self.assertTrue(clients[1].delete_multi(list(values)))
        self.assertEqual(clients[2].get_multi(list(values)), {})

    def test_libmemcached_that_places_keys_itself_finds_their_owners(self):
        client = self.pylibmc(0, 1, 2, ketama_weighted=True)
        before = self.forwarded()
        values = {f"key{n}": f"value{n}" for n in range(500)}
        for key, value in values.items():
            self.assertTrue(client.set(key, value))
        self.assertEqual(client.get_multi(list(values)), values)
        self.assertEqual(self.forwarded(), before)  # not one request took a second hop
        self.assertEqual(self.pylibmc(1).get_multi(list(values)), values)

    def test_flush_all_on_one_node_empties_all(self):
        clients = [self.pymemcache(index) for index in range(3)]
        keys = [f"key{n}" for n in range(60)]
        clients[0].set_many({key: b"x" for key in keys})
        self.assertTrue(clients[1].flush_all())
        for client in clients:
            self.assertEqual(client.get_many(keys), {})

    def test_multi_get_answers_in_the_order_of_the_keys(self):
        one, other = self.raw(0), self.raw(1)
        keys = [f"key{n}" for n in range(100)]
        for key in keys:
            self.assertEqual(one.ask(f"set {key} 5 0 {len(key)}\r\n{key}\r\n".encode()),
                             b"STORED\r\n")
        asked = keys[::-1] + ["missing"] + keys[:3]
        lines = other.until_end(f"get {' '.join(asked)}\r\n".encode())
        expected = [key for key in asked if key != "missing"]
        self.assertEqual(lines[0::2], [f"VALUE {k} 5 {len(k)}\r\n".encode() for k in expected])
        self.assertEqual(lines[1::2], [f"{k}\r\n".encode() for k in expected])

    def test_meta_commands_through_any_node(self):
        connections = [self.raw(index) for index in range(3)]
        for n in range(30):
            a, b = connections[n % 3], connections[(n + 1) % 3]
            key = f"meta{n}"
            self.assertEqual(a.ask(f"ms {key} 5 T100 F7 O{n}\r\nhello\r\n".encode()),
                             f"HD O{n}\r\n".encode())
            self.assertEqual(b.ask(f"mg {key} v f k s O9\r\n".encode(), 2),
                             f"VA 5 f7 k{key} s5 O9\r\nhello\r\n".encode())
            self.assertEqual(b.ask(f"ms {key} 1 MA\r\n!\r\n".encode()), b"HD\r\n")
            self.assertEqual(a.ask(f"mg {key} v\r\n".encode(), 2), b"VA 6\r\nhello!\r\n")
            self.assertEqual(b.ask(f"ma num{n} N0 J5 v\r\n".encode(), 2), b"VA 1\r\n5\r\n")
            self.assertEqual(a.ask(f"ma num{n} v D3\r\n".encode(), 2), b"VA 1\r\n8\r\n")
            # Quiet ones say nothing when all is well, and mn comes behind what they do say.
            self.assertEqual(a.ask(f"ms {key} 1 q\r\nx\r\nmg none{n} v q\r\nmd none{n} Oz\r\n"
                                   f"md {key} q\r\nmn\r\n".encode(), 2), b"NF Oz\r\nMN\r\n")
            self.assertEqual(b.ask(f"mg {key} v\r\n".encode()), b"EN\r\n")
        self.assertTrue(all(self.forwarded()), self.forwarded())

    def test_a_counter_that_all_nodes_step_at_once_gives_each_number_once(self):
        self.raw(2).until_end(b"get counter:new:visits\r\n")
        numbers, failures = [], []

        def step(index):
            connection = self.cluster.connect(index)
            try:
                for _ in range(200):
                    numbers.append(int(connection.until_end(b"get counter:incr:visits\r\n")[1]))
            except Exception as failure:  # pylint: disable=broad-except
                failures.append(failure)
            finally:
                connection.close()

        threads = [threading.Thread(target=step, args=(index,)) for index in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * daemon.PATIENCE_S)
        self.assertEqual(failures, [])
        self.assertEqual(sorted(numbers), list(range(1, 601)))

    def test_a_value_of_nearly_the_largest_size_goes_through_another_node(self):
        value = os.urandom(MIB - 1000)
        for index, node in enumerate(self.cluster.nodes):
            key = self.cluster.keys_of(node, 1, f"big{index}")[0]
            through = self.pymemcache((index + 1) % 3)
            self.assertTrue(through.set(key, value))
            for reader in range(3):
                self.assertTrue(self.pymemcache(reader).get(key) == value, (key, reader))
            # One that is too large is refused, and the old value is gone, as on a single node.
            raw = self.raw((index + 2) % 3)
            self.assertEqual(raw.ask(b"set %b 0 0 %d\r\n%b\r\n" % (key.encode(), MIB, bytes(MIB))),
                             b"SERVER_ERROR object too large for cache\r\n")
            # Whoever asks elsewhere may be faster than the word to the owner.
            self.assertEqual(raw.ask(f"get {key}\r\n".encode()), b"END\r\n")
            self.assertTrue(through.get(key) is None)

    def test_a_client_that_half_closes_gets_all_replies(self):
        keys = [f"key{n}" for n in range(100)]
        writer = self.pymemcache(0)
        self.assertEqual(writer.set_many({key: key.encode() * 50 for key in keys}), [])
        for index in range(3):
            connection = self.raw(index)
            connection.send(b"".join(f"get {key}\r\n".encode() for key in keys))
            connection.socket.shutdown(socket.SHUT_WR)
            expected = b"".join(b"VALUE %b 0 %d\r\n%b\r\nEND\r\n" % (k, len(k) * 50, k * 50)
                                for k in (key.encode() for key in keys))
            self.assertEqual(connection.reader.read(), expected)

    def test_clients_that_leave_in_the_middle_of_forwarded_replies_do_no_harm(self):
        value = bytes(500_000)
        keys = [self.cluster.keys_of(node, 1)[0] for node in self.cluster.nodes]
        for key in keys:
            self.assertTrue(self.pymemcache(0).set(key, value))
        for index in range(3):
            for _ in range(5):
                connection = self.cluster.connect(index)
                connection.send(b"".join(f"get {key}\r\n".encode() for key in keys * 10))
                connection.close()
        for index in range(3):
            for key in keys:
                self.assertEqual(len(self.pymemcache(index).get(key)), len(value))


class Ring(ClusterTest):
    timeout_ms = 10_000
    joining = 1

    def epochs(self, nodes=range(3)):
        return [self.stats(index)["epoch"] for index in nodes]

    def test_stats_cluster_tells_ring_forwarding_and_peers(self):
        one, two = self.cluster.nodes[:2]
        key = self.cluster.keys_of(two, 1)[0]
        connection = self.raw(0)
        self.assertEqual(connection.ask(f"set {key} 0 0 1\r\nx\r\n".encode()), b"STORED\r\n")
        for _ in range(9):
            connection.until_end(f"get {key}\r\n".encode())
        stats = self.stats(0)
        expected = {"epoch": "1", "hashing": "ketama", "self": one.name, "members": "3",
                    "forwarded": "10", "answered": "10", "failed": "0", "retried": "0",
                    "rings_taken": "1", "rings_refused": "0"}
        self.assertEqual({name: stats[name] for name in expected}, expected)
        peer = f"127.0.0.1:{two.port}"
        self.assertEqual(stats[f"{peer}:circuit"], "closed")
        self.assertEqual(stats[f"{peer}:calls"], "10")
        self.assertEqual(stats[f"{peer}:replies"], "10")
        self.assertEqual(stats[f"{peer}:in_flight"], "0")
        self.assertEqual(self.stats(1)["forwarded"], "0")

    def test_a_node_that_is_no_member_is_a_router(self):
        router = self.cluster.nodes[3]
        router.start()
        self.assertIn("self=none", router.wait_for_log("event=ring_taken"))
        connection = self.raw(3)
        keys = [f"key{n}" for n in range(60)]
        for key in keys:
            self.assertEqual(connection.ask(f"set {key} 0 0 1\r\nx\r\n".encode()), b"STORED\r\n")
        self.assertEqual(len(connection.until_end(f"get {' '.join(keys)}\r\n".encode())), 120)
        self.assertEqual(self.stats(3)["self"], "none")
        self.assertEqual(self.stats(3)["forwarded"], "120")
        self.assertEqual(self.stats(3, "")["curr_items"], "0")

    def test_a_new_ring_is_read_on_sighup_and_when_the_file_changes(self):
        self.cluster.write_ring(self.cluster.nodes[:2])
        self.cluster.nodes[0].signal(signal.SIGHUP)
        self.cluster.nodes[0].wait_for_log("event=ring_taken", "epoch=2", "members=2")
        for node in self.cluster.nodes[1:3]:  # nobody told them
            node.wait_for_log("event=ring_taken", "epoch=2", "members=2")
        self.assertEqual(self.epochs(), ["2", "2", "2"])
        self.assertEqual(self.stats(2)["self"], "none")

    def test_a_ring_that_is_wrong_or_old_is_refused_and_the_one_in_use_goes_on(self):
        node, nodes = self.cluster.nodes[0], self.cluster.nodes[:3]
        key = self.cluster.keys_of(self.cluster.nodes[1], 1)[0]
        connection = self.raw(0)
        wrong = [
            ("epoch 2\nnode a 127.0.0.1:1\nnode b 127.0.0.1:1\n", "line 3: node"),
            ("epoch 2\nnodes\n", "line 2: a line begins with"),
            ("", "the file ends without an epoch"),
            ("epoch 2\n", "at least one member"),
            (self.cluster.ring_text(nodes, 0), "an epoch only grows"),
            (self.cluster.ring_text(nodes[:2], 1), "count it up"),
        ]
        for text, reason in wrong:
            with self.subTest(text=text):
                self.cluster.write_text(text)
                node.signal(signal.SIGHUP)
                node.wait_for_log("event=ring_refused", reason)
                self.assertEqual(connection.ask(f"set {key} 0 0 1\r\nx\r\n".encode()),
                                 b"STORED\r\n")
        self.assertGreaterEqual(int(self.stats(0)["rings_refused"]), len(wrong))
        self.assertEqual(self.stats(0)["epoch"], "1")
        self.cluster.write_ring(nodes)
        node.signal(signal.SIGHUP)
        node.wait_for_log("event=ring_taken", "epoch=2")

    def test_nothing_starts_on_a_ring_that_is_wrong(self):
        self.cluster.write_text("epoch 7\nnode a 127.0.0.1\n")
        with self.assertRaisesRegex(AssertionError, "(?s)ended with 71.*line 2: the address has"):
            self.cluster.nodes[3].start()
        self.cluster.nodes[3].process = None


if __name__ == "__main__":
    daemon.main()
