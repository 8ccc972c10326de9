#!/usr/bin/python3
"""pylibmc: libmemcached, the C client under many languages, with Python's types on top.

libmemcached pipelines multi-gets and writes without reply, and keeps its own idea of which server
is alive.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pylibmc

import daemon

MIB = 1024 * 1024


class Pylibmc(daemon.ClientTest):
    def client(self, **behaviors):
        client = pylibmc.Client([f"127.0.0.1:{self.daemon.port}"], binary=False)
        client.behaviors = {"tcp_nodelay": True, "connect_timeout": 10_000, **behaviors}
        return client

    def test_storing_and_removing(self):
        client = self.client()
        self.assertIsNone(client.get("k"))
        self.assertTrue(client.set("k", "one"))
        self.assertFalse(client.add("k", "two"))
        self.assertTrue(client.replace("k", "two"))
        self.assertTrue(client.append("k", ">"))
        self.assertTrue(client.prepend("k", "<"))
        self.assertEqual(client.get("k"), "<two>")
        self.assertTrue(client.delete("k"))
        self.assertFalse(client.delete("k"))
        self.assertFalse(client.replace("k", "x"))

    def test_types_travel_in_the_flags(self):
        client = self.client()
        for value in (1, 2**70, "text", b"bytes\0\r\n", 1.5, None, [1, {"a": (2,)}]):
            client.set("k", value)
            found = client.get("k")
            self.assertEqual((found, type(found)), (value, type(value)))

    def test_compressed_values(self):
        client = self.client()
        text = "so much of the same " * 20_000
        self.assertTrue(client.set("k", text, min_compress_len=100))
        self.assertEqual(client.get("k"), text)

    def test_many_keys_at_once(self):
        client = self.client()
        values = {f"key{i}": f"value{i}" for i in range(1000)}
        self.assertEqual(client.set_multi(values), [])
        self.assertEqual(client.get_multi(list(values) + ["missing"]), values)
        self.assertTrue(client.delete_multi(["key0", "key1"]))
        self.assertEqual(len(client.get_multi(list(values))), 998)

    def test_noreply_writes_are_silent(self):
        client = self.client(_noreply=True)
        for i in range(100):
            client.set(f"key{i}", i)
        client.delete("key0")
        self.assertEqual(len(client.get_multi([f"key{i}" for i in range(100)])), 99)

    def test_cas_lets_one_writer_win(self):
        client, other = self.client(cas=True), self.client(cas=True)
        client.set("k", "old")
        _, token = client.gets("k")
        _, other_token = other.gets("k")
        self.assertTrue(other.cas("k", "other", other_token))
        self.assertFalse(client.cas("k", "mine", token))
        self.assertEqual(client.get("k"), "other")

    def test_counting(self):
        client = self.client()
        client.set("n", 10)
        self.assertEqual(client.incr("n", 5), 15)
        self.assertEqual(client.decr("n", 20), 0)
        with self.assertRaises(pylibmc.NotFound):
            client.incr("missing")

    def test_expiry_and_touch(self):
        client = self.client()
        client.set("short", 1, time=1)
        client.set("kept", 1, time=1)
        self.assertTrue(client.touch("kept", 100))
        daemon.until(lambda: client.get("short") is None, "the item of one second is gone")
        self.assertEqual(client.get("kept"), 1)

    def test_flush_all(self):
        client = self.client()
        client.set("k", 1)
        self.assertTrue(client.flush_all())
        self.assertIsNone(client.get("k"))

    def test_a_value_of_nearly_a_megabyte(self):
        client = self.client()
        value = os.urandom(MIB - 1024)
        self.assertTrue(client.set("k", value))
        self.assertEqual(client.get("k"), value)

    def test_a_value_over_a_megabyte_fails_clearly_and_the_client_goes_on(self):
        client = self.client()
        with self.assertRaises(pylibmc.TooBig):
            client.set("k", b"x" * (MIB + 1))
        self.assertIsNone(client.get("k"))
        self.assertTrue(client.set("k", 1))
        self.assertEqual(client.get("k"), 1)

    def test_stats(self):
        client = self.client()
        client.set("k", 1)
        (_, stats), = client.get_stats()
        self.assertEqual(stats["curr_items"], b"1")
        self.assertEqual(stats["pid"], b"%d" % self.daemon.process.pid)

    def test_a_client_comes_back_after_kill_9(self):
        client = self.client(retry_timeout=1)
        client.set("k", 1)
        self.daemon.kill()
        with self.assertRaises(pylibmc.Error):
            client.get("k")
        self.daemon.start()

        def stores():
            try:
                return client.set("k", 2)
            except pylibmc.Error:  # libmemcached waits before it tries a dead server again
                return False

        daemon.until(stores, "libmemcached has found the server again")
        self.assertEqual(client.get("k"), 2)


if __name__ == "__main__":
    daemon.main()
