#!/usr/bin/python3
"""cacheismo-load as a person runs it, against real servers and against one that misbehaves.

Method: memcached and redis-server of the distribution on free loopback ports, one tiny run for each
protocol and loop; and a server of a few lines here that answers wrongly, or not at all.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

LOAD = os.path.abspath("bench/load/cacheismo-load")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(command, port):
    """Runs `command` until the block ends; ready when it accepts."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.wait()


def memcached(port):
    return server(
        [shutil.which("memcached") or "/usr/bin/memcached", "-u", "root", "-t", "1",
         "-l", "127.0.0.1", "-p", str(port), "-U", "0"], port)


def redis(port):
    return server(
        ["/usr/bin/redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "",
         "--appendonly", "no", "--dir", os.environ.get("TEST_TMPDIR", "/tmp")], port)


@contextlib.contextmanager
def scripted_server(answer):
    """Accepts one connection and calls answer(socket) for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    answer(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def load(*arguments):
    """(exit code, the results, everything on standard error) of one run."""
    with tempfile.NamedTemporaryFile() as file:
        done = subprocess.run(
            [LOAD, "--quiet", "--json", file.name, *map(str, arguments)],
            capture_output=True, text=True, timeout=60, check=False)
        text = file.read()
        return done.returncode, json.loads(text) if text else None, done.stderr


TINY = ("--connections", 4, "--keys", 200, "--warmup", 0, "--duration", 20, "--requests", 400)


class AgainstRealServers(unittest.TestCase):
    def check(self, *arguments):
        code, results, errors = load(*TINY, *arguments)
        self.assertEqual((code, errors), (0, ""), results)
        self.assertTrue(results["clean"])
        self.assertGreaterEqual(results["requests"], 400)
        self.assertEqual(results["misses"], 0)
        return results

    def test_classic_and_meta_in_each_shape(self):
        port = free_port()
        with memcached(port) as process:
            for protocol in ("classic", "meta"):
                common = ("--port", port, "--protocol", protocol)
                results = self.check(*common, "--server-pid", process.pid)
                self.assertGreater(results["server_cpu_ns_per_request"], 0)
                self.assertGreater(results["get_latency_us"]["p50"], 0)
                self.check(*common, "--pipeline", 16, "--get-percent", 0)
                results = self.check(*common, "--keys-per-get", 50, "--get-percent", 100)
                self.assertGreaterEqual(results["hits"], 50 * 400)
                self.check(*common, "--value-bytes", "0-200000", "--distribution", "zipf:0.99",
                           "--keys", 50)
                self.check(*common, "--rate", 20000, "--pipeline", 4, "--arrivals", "poisson")

    def test_redis_in_each_shape(self):
        port = free_port()
        with redis(port):
            common = ("--port", port, "--protocol", "redis")
            self.check(*common)
            self.check(*common, "--pipeline", 16, "--get-percent", 0)
            self.check(*common, "--keys-per-get", 50)
            self.check(*common, "--value-bytes", "0-200000", "--keys", 50)
            self.check(*common, "--rate", 20000)

    def test_calls_of_either_protocol_and_their_answers(self):
        port = free_port()
        with redis(port):
            common = ("--port", port, "--protocol", "redis", "--fields", 10)
            results = self.check(*common, "--pipeline", 16, "--answer", "{number}",
                                 "--call", "HINCRBY m{object} f{field} 1")
            self.assertGreater(results["call_latency_us"]["p50"], 0)
            self.assertIsNone(results["get_latency_us"])
            code, results, errors = load(*TINY, *common, "--answer", "f{field}",
                                         "--call", "ECHO {object}")
            self.assertEqual((code, results["clean"]), (1, False))
            self.assertIn("a wrong answer to ECHO", errors)
        port = free_port()
        with memcached(port):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"set map:get:m0:f0 0 0 2\r\n42\r\n")
                self.assertEqual(client.recv(100), b"STORED\r\n")
            for protocol in ("classic", "meta"):
                self.check("--port", port, "--protocol", protocol, "--keys", 1,
                           "--call", "map:get:m{object}:f{field}", "--answer", "4{number}")

    def test_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            process = subprocess.Popen(["/usr/bin/memcached", "-u", "root", "-s", path])
            try:
                deadline = time.monotonic() + 20
                while not os.path.exists(path) and time.monotonic() < deadline:
                    time.sleep(0.01)
                self.check("--unix", path)
            finally:
                process.kill()
                process.wait()

    def test_keys_that_were_never_set_are_misses(self):
        port = free_port()
        with memcached(port):
            code, results, _ = load(*TINY, "--port", port, "--no-preload", "--get-percent", 100)
            self.assertEqual(code, 0)
            self.assertEqual((results["hits"], results["misses"]), (0, results["requests"]))


class AgainstMisbehaviour(unittest.TestCase):
    ONE = ("--connections", 1, "--keys", 1, "--no-preload", "--warmup", 0, "--get-percent", 100)

    def test_a_wrong_value_is_an_error(self):
        def answer(peer):
            while peer.recv(4096):
                peer.sendall(b"VALUE k00000000000000000000000 0 3\r\nabc\r\nEND\r\n")

        with scripted_server(answer) as port:
            code, results, errors = load(*self.ONE, "--port", port, "--requests", 5)
        self.assertEqual(code, 1)
        self.assertGreaterEqual(results["wrong_values"], 5)
        self.assertIn("a wrong value for key 0", errors)

    def test_a_server_that_says_nothing_ends_at_the_deadline(self):
        with scripted_server(lambda peer: peer.recv(1 << 20) and peer.recv(1)) as port:
            code, results, errors = load(*self.ONE, "--port", port, "--deadline", 0.3)
        self.assertEqual(code, 1)
        self.assertTrue(results["deadline_passed"])
        self.assertEqual(results["unanswered"], 1)
        self.assertIn("deadline", errors)

    def test_a_server_that_hangs_up_is_an_error(self):
        with scripted_server(lambda peer: peer.recv(4096)) as port:
            code, results, _ = load(*self.ONE, "--port", port)
        self.assertEqual((code, results["connections_lost"]), (1, 1))

    def test_a_stall_is_charged_to_every_request_that_was_due(self):
        """Coordinated omission: 200 requests become due while the server sleeps on the first."""
        stall_s = 0.4

        def answer(peer):
            peer.recv(4096)
            time.sleep(stall_s)
            peer.sendall(b"END\r\n")
            while peer.recv(4096):
                peer.sendall(b"END\r\n")

        with scripted_server(answer) as port:
            _, results, _ = load(*self.ONE, "--port", port, "--rate", 500, "--requests", 200,
                                 "--deadline", 30)
        # A generator that waits for the reply before it counts would find one slow request in 200.
        self.assertGreater(results["get_latency_us"]["p50"], stall_s * 1e6 * 0.2)

    def test_nobody_listens(self):
        code, results, errors = load("--port", free_port())
        self.assertEqual((code, results), (1, None))
        self.assertIn("cannot connect", errors)

    def test_a_wrong_option(self):
        code, results, errors = load("--pipeline", 0)
        self.assertEqual((code, results), (2, None))
        self.assertIn("--pipeline 0 is not valid", errors)


if __name__ == "__main__":
    unittest.main()
