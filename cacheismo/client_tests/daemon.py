"""The server that the client tests talk to, and what all of them need.

Each test file is a program: `x_test.py --server PATH`. Without the option the path is the daemon
that Bazel built; with `--server /usr/bin/memcached` the same tests show that they describe
memcached.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import unittest

PATIENCE_S = 20  # far above anything that is waited for; reaching it is a failure


def server_path():
    """Takes --server PATH out of sys.argv, once."""
    if "--server" in sys.argv:
        at = sys.argv.index("--server")
        server_path.chosen = os.path.abspath(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    return server_path.chosen


server_path.chosen = os.path.abspath("cacheismo/cacheismo")


def is_memcached():
    return os.path.basename(server_path()) == "memcached"


def until(condition, what):
    """Polls until condition() is true; its last value. Time that must pass is waited for like this,
    never by a blind sleep."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {PATIENCE_S} s: {what}")
        time.sleep(0.01)


class Daemon:
    """One server process on a free loopback port, which it keeps over restarts."""

    def __init__(self, *arguments):
        self.arguments = arguments
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [server_path(), "-u", "root", "-l", "127.0.0.1", "-p", str(self.port), "-m", "64",
             *self.arguments],
            stdin=subprocess.DEVNULL)

        def accepts():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False

        until(accepts, "the server accepts")

    def kill(self):
        """kill -9, and gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """A polite end; a server that crashed or does not end is a failure."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        if code not in (0, -signal.SIGTERM):
            raise AssertionError(f"the server ended with {code}")


class ClientTest(unittest.TestCase):
    """A fresh server for each test."""

    server_arguments = ()

    def setUp(self):
        self.daemon = Daemon(*self.server_arguments)
        self.addCleanup(self.daemon.stop)


def main():
    server_path()
    unittest.main()
