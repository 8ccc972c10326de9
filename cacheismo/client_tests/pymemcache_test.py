#!/usr/bin/python3
"""pymemcache, a client that follows the protocol to the letter and speaks one request at a time."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError

import daemon

MIB = 1024 * 1024


class Pymemcache(daemon.ClientTest):
    def client(self, **options):
        options.setdefault("default_noreply", False)
        client = Client(("127.0.0.1", self.daemon.port), connect_timeout=10, timeout=10, **options)
        self.addCleanup(client.close)
        return client

    def test_storing_and_removing(self):
        client = self.client()
        self.assertIsNone(client.get("k"))
        self.assertTrue(client.set("k", b"one"))
        self.assertEqual(client.get("k"), b"one")
        self.assertFalse(client.add("k", b"two"))
        self.assertTrue(client.replace("k", b"two"))
        self.assertTrue(client.append("k", b">"))
        self.assertTrue(client.prepend("k", b"<"))
        self.assertEqual(client.get("k"), b"<two>")
        self.assertTrue(client.delete("k"))
        self.assertFalse(client.delete("k"))
        self.assertFalse(client.replace("k", b"x"))
        self.assertFalse(client.append("k", b"x"))
        self.assertTrue(client.add("k", b""))
        self.assertEqual(client.get("k"), b"")

    def test_values_of_any_bytes_and_flags(self):
        client = self.client(serde=FlagsOf42())
        every_byte = bytes(range(256)) + b"\r\nEND\r\nVALUE k 0 1\r\n"
        self.assertTrue(client.set("k", every_byte))
        self.assertEqual(client.get("k"), (every_byte, 42))

    def test_many_keys_at_once(self):
        client = self.client()
        values = {f"key{i}": b"value%d" % i for i in range(500)}
        self.assertEqual(client.set_many(values), [])
        self.assertEqual(client.get_many(list(values) + ["missing"]), values)
        self.assertTrue(client.delete_many(["key0", "key1"]))
        self.assertEqual(len(client.get_many(list(values))), 498)
        found = client.gets_many(["key2", "key3"])
        self.assertEqual(found["key2"][0], b"value2")
        self.assertNotEqual(found["key2"][1], found["key3"][1])

    def test_cas_lets_one_writer_win(self):
        client, other = self.client(), self.client()
        self.assertIsNone(client.cas("k", b"x", b"1"))
        client.set("k", b"old")
        _, token = client.gets("k")
        _, other_token = other.gets("k")
        self.assertTrue(other.cas("k", b"other", other_token))
        self.assertFalse(client.cas("k", b"mine", token))
        self.assertEqual(client.get("k"), b"other")

    def test_counting(self):
        client = self.client()
        self.assertIsNone(client.incr("n", 1))
        client.set("n", b"10")
        self.assertEqual(client.incr("n", 5), 15)
        self.assertEqual(client.decr("n", 20), 0)
        client.set("n", b"18446744073709551615")
        self.assertEqual(client.incr("n", 1), 0)
        client.set("n", b"word")
        with self.assertRaises(MemcacheClientError):
            client.incr("n", 1)
        self.assertEqual(client.get("n"), b"word")

    def test_expiry_and_touch(self):
        client = self.client()
        client.set("short", b"x", expire=1)
        client.set("kept", b"x", expire=1)
        client.set("past", b"x", expire=-1)
        self.assertIsNone(client.get("past"))
        self.assertTrue(client.touch("kept", 0))
        self.assertFalse(client.touch("missing", 1))
        daemon.until(lambda: client.get("short") is None, "the item of one second is gone")
        self.assertEqual(client.get("kept"), b"x")

    def test_noreply_is_silent_and_done_in_order(self):
        client = self.client(default_noreply=True)
        client.set("k", b"1")
        client.add("k", b"no")
        client.append("k", b"0")
        client.incr("k", 5, noreply=True)
        client.set_many({"a": b"1", "b": b"2"})
        client.delete("b")
        client.touch("a", 100)
        client.set("big", b"x" * (2 * MIB))  # refused in silence
        self.assertEqual(client.get_many(["k", "a", "b", "big"]), {"k": b"15", "a": b"1"})
        client.flush_all()
        self.assertIsNone(client.get("k"))

    def test_flush_all_empties_the_cache_and_storing_goes_on(self):
        client = self.client()
        client.set("k", b"1")
        self.assertTrue(client.flush_all())
        self.assertIsNone(client.get("k"))
        client.set("k", b"2")
        self.assertEqual(client.get("k"), b"2")

    def test_a_value_of_nearly_a_megabyte(self):
        client = self.client()
        value = os.urandom(MIB - 1024)
        for _ in range(3):
            self.assertTrue(client.set("k", value))
            self.assertEqual(client.get("k"), value)

    def test_a_value_over_a_megabyte_fails_clearly_and_the_connection_goes_on(self):
        client = self.client()
        client.set("k", b"old")
        with self.assertRaisesRegex(MemcacheServerError, "object too large for cache"):
            client.set("k", b"x" * (MIB + 1))
        # memcached's rule: a failed replacement must not leave the old value to be found.
        self.assertIsNone(client.get("k"))
        self.assertTrue(client.set("k", b"new"))
        self.assertEqual(client.get("k"), b"new")

    def test_keys_at_the_limit(self):
        client = self.client(allow_unicode_keys=True)
        self.assertTrue(client.set("k" * 250, b"1"))
        self.assertEqual(client.get("k" * 250), b"1")
        self.assertTrue(client.set("clé", b"2"))
        self.assertEqual(client.get("clé"), b"2")

    def test_stats_and_version(self):
        client = self.client()
        client.set("k", b"1")
        client.get("k")
        client.get("missing")
        stats = client.stats()
        self.assertEqual(stats[b"cmd_set"], 1)
        self.assertEqual(stats[b"get_hits"], 1)
        self.assertEqual(stats[b"get_misses"], 1)
        self.assertEqual(stats[b"curr_items"], 1)
        self.assertEqual(stats[b"pid"], self.daemon.process.pid)
        version = tuple(int(part) for part in client.version().split(b".")[:2])
        self.assertGreaterEqual(version, (1, 6))

    def test_a_client_comes_back_after_kill_9(self):
        client = self.client()
        client.set("k", b"1")
        self.daemon.kill()
        with self.assertRaises((OSError, MemcacheServerError)):  # reset, or end of stream
            client.get("k")
        self.daemon.start()
        self.assertIsNone(client.get("k"))
        self.assertTrue(client.set("k", b"2"))
        self.assertEqual(client.get("k"), b"2")

    def test_a_pool_of_connections_comes_back_too(self):
        pool = PooledClient(("127.0.0.1", self.daemon.port), max_pool_size=4, ignore_exc=True,
                            connect_timeout=10, timeout=10)
        self.addCleanup(pool.close)
        pool.set("k", b"1", noreply=False)
        self.daemon.kill()
        self.assertIsNone(pool.get("k"))
        self.daemon.start()
        self.assertTrue(pool.set("k", b"2", noreply=False))
        self.assertEqual(pool.get("k"), b"2")


class FlagsOf42:
    """A serializer that stores bytes with flags 42 and shows the flags that come back."""

    def serialize(self, _key, value):
        return value, 42

    def deserialize(self, _key, value, flags):
        return value, flags


if __name__ == "__main__":
    daemon.main()
