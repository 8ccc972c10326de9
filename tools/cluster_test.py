#!/usr/bin/python3
"""tools/cluster as somebody meets it who has never used it: wrong arguments, a port that is taken,
nodes that end, a ring that is edited, Ctrl-C.
"""

import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLUSTER = os.path.join(ROOT, "tools", "cluster")
DAEMON = os.environ.get("CACHEISMO_DAEMON", os.path.join(ROOT, "cacheismo", "cacheismo"))
PATIENCE_S = 20


def first_port(count):
    """The first of so many free ports, below those of outgoing connections."""
    while True:
        first = random.randrange(12_000, 32_000 - count)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            pass


class Cluster:
    """tools/cluster in a process group of its own, as a terminal would start it."""

    def __init__(self, *arguments, port):
        self.port = port
        self.process = subprocess.Popen(
            [CLUSTER, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True,
            # Whoever runs this in the background lets it ignore Ctrl-C; a terminal does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={**os.environ, "PORT": str(port), "CACHEISMO_DAEMON": DAEMON})
        self.log = ""

    def wait_for(self, text):
        while text not in self.log:
            if not self.read_some():
                raise AssertionError(f"no {text} in\n{self.log}")

    def read_some(self):
        """False: it has ended, or says nothing more."""
        ready, _, _ = select.select([self.process.stderr], [], [], PATIENCE_S)
        some = os.read(self.process.stderr.fileno(), 65536).decode() if ready else ""
        self.log += some
        return some != ""

    def pids(self):
        return [int(pid) for pid in re.findall(r"event=started.* pid=(\d+)", self.log)]

    def ring(self):
        self.wait_for("stats cluster\nThe ring: ")
        self.wait_for("--node-name=")
        return re.search(r"^The ring: (\S+)$", self.log, re.M).group(1)

    def ask(self, node, request):
        with socket.create_connection(("127.0.0.1", self.port + node), PATIENCE_S) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").read()

    def end(self):
        """Whatever still runs, by its id."""
        for pid in [self.process.pid, *self.pids()]:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        self.process.wait(PATIENCE_S)
        self.process.stderr.close()


class ToolsCluster(unittest.TestCase):
    def start(self, *arguments, nodes=3):
        cluster = Cluster(*arguments, port=first_port(nodes + 1))
        self.addCleanup(cluster.end)
        return cluster

    def run_to_end(self, *arguments, **environment):
        return subprocess.run(
            [CLUSTER, *arguments], capture_output=True, text=True, check=False,
            timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
            env={**os.environ, "CACHEISMO_DAEMON": DAEMON, **environment})

    def assert_gone(self, cluster):
        for pid in cluster.pids():
            with self.assertRaises(ProcessLookupError):
                os.kill(pid, 0)
        self.assertFalse(os.path.exists(cluster.ring()))

    def test_help_says_what_there_is(self):
        done = self.run_to_end("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("tools/cluster [N", "PORT=22000", "Ctrl-C", "epoch"):
            self.assertIn(word, done.stdout)
        self.assertNotIn("set -e", done.stdout)

    def test_wrong_arguments_are_refused_in_one_line(self):
        for arguments, environment, word in [
                (["x"], {}, "'x'"), (["0"], {}, "'0'"), (["65"], {}, "'65'"), (["-m"], {}, "'-m'"),
                (["08"], {}, "'08'"), (["99999999999999999999"], {}, "from 1 to 64"),
                ([""], {}, "''"), (["3", "-p", "5000"], {}, "PORT=..."),
                (["3", "--listen=0.0.0.0"], {}, "--listen"), (["3", "-d"], {}, "'-d'"),
                (["3", "--ring-file=x"], {}, "makes the ring"),
                ([], {"PORT": "x"}, "'x'"), ([], {"PORT": "0"}, "'0'"),
                (["3"], {"PORT": "65534"}, "'65534'"), (["3"], {"PORT": "010"}, "'010'")]:
            with self.subTest(arguments=arguments, environment=environment):
                done = self.run_to_end(*arguments, **environment)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertTrue(done.stderr.startswith("tools/cluster: "), done.stderr)
                self.assertIn(word, done.stderr)

    def test_a_port_in_use_is_named_and_nothing_starts(self):
        first = first_port(3)
        with socket.create_server(("127.0.0.1", first + 1)):
            done = self.run_to_end("3", PORT=str(first))
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"port {first + 1} is in use", done.stderr)
        self.assertNotIn("event=started", done.stderr)

    def test_a_flag_that_the_daemon_does_not_know_is_said_once(self):
        done = self.run_to_end("3", "--bogus", PORT=str(first_port(3)))
        self.assertEqual(done.returncode, 64)
        self.assertEqual(done.stderr.count("unknown flag --bogus"), 1, done.stderr)
        self.assertIn("n1 did not start", done.stderr)

    def test_any_node_answers_and_flags_reach_all(self):
        cluster = self.start("2", "-m", "128")
        cluster.ring()
        for n in range(20):
            self.assertEqual(cluster.ask(n % 2, b"set k%d 0 0 1\r\nx\r\n" % n), b"STORED\r\n")
            self.assertEqual(cluster.ask(1 - n % 2, b"get k%d\r\n" % n),
                             b"VALUE k%d 0 1\r\nx\r\nEND\r\n" % n)
        for node in range(2):
            self.assertIn(b"STAT limit_maxbytes 134217728\r\n", cluster.ask(node, b"stats\r\n"))

    def test_a_signal_stops_all_and_leaves_nothing_behind(self):
        for number, code in [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]:
            cluster = self.start()
            cluster.ring()
            self.assertEqual(len(cluster.pids()), 3)
            if number == signal.SIGINT:  # Ctrl-C reaches the nodes, too
                os.killpg(cluster.process.pid, number)
            else:
                cluster.process.send_signal(number)
            self.assertEqual(cluster.process.wait(PATIENCE_S), code)
            self.assert_gone(cluster)
            while cluster.read_some():
                pass
            self.assertNotIn("ended", cluster.log)

    def test_a_node_that_is_killed_leaves_the_others_running(self):
        cluster = self.start()
        cluster.ring()
        os.kill(cluster.pids()[1], signal.SIGKILL)
        cluster.wait_for("n2 has ended with 137; 2 of 3 nodes are left")
        self.assertIn(b"cluster:epoch 0 1\r\n1", cluster.ask(2, b"get cluster:epoch\r\n"))
        os.kill(cluster.pids()[0], signal.SIGTERM)
        cluster.wait_for("1 of 3 nodes are left")
        os.kill(cluster.pids()[2], signal.SIGTERM)
        cluster.wait_for("all nodes have ended")
        self.assertEqual(cluster.process.wait(PATIENCE_S), 1)
        self.assert_gone(cluster)

    def test_the_ring_may_be_edited_and_the_printed_command_adds_a_node(self):
        cluster = self.start("2", nodes=2)
        ring = cluster.ring()
        command = next(line for line in cluster.log.splitlines() if "--node-name=n3" in line)
        more = subprocess.Popen(["bash", "-c", f"exec {command}"], stderr=subprocess.PIPE,
                                text=True)
        try:
            while "event=started" not in (line := more.stderr.readline()):
                self.assertTrue(line, "n3 has not started")
            with open(ring, encoding="ascii") as file:
                text = file.read()
            with open(ring, "w", encoding="ascii") as file:
                file.write(text.replace("epoch 1", "epoch 2")
                           + f"node n3 127.0.0.1:{cluster.port + 2}\n")
            deadline = time.monotonic() + PATIENCE_S
            for node in range(3):
                while b"epoch 0 1\r\n2\r\n" not in cluster.ask(node, b"get cluster:epoch\r\n"):
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.05)
            self.assertIn(b"n3 127.0.0.1:", cluster.ask(0, b"get cluster:nodes\r\n"))
        finally:
            more.kill()
            more.wait()
            more.stderr.close()


if __name__ == "__main__":
    if not os.access(DAEMON, os.X_OK):
        sys.exit(f"cluster_test: there is no daemon at {DAEMON}; CACHEISMO_DAEMON names one")
    unittest.main()
