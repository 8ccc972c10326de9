#!/usr/bin/python3
"""Node's two clients: `memcached`, which speaks the text protocol, and `memjs`, which speaks only
the binary one and so must be told no at once.

tools/install puts them into .deps/node of the source tree; the scripts beside this file use them.
"""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import daemon

# Runfiles are links into the source tree, whose root is two folders up.
HERE = os.path.dirname(os.path.realpath(__file__))
MODULES = os.path.join(os.path.dirname(os.path.dirname(HERE)), ".deps/node/node_modules")


class NodeClients(daemon.ClientTest):
    def node(self, script):
        return subprocess.Popen(
            ["/usr/bin/node", os.path.join(HERE, script), f"127.0.0.1:{self.daemon.port}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "NODE_PATH": MODULES})

    def finish(self, process):
        """The script's last words; it must end well and in time."""
        try:
            text, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            raise
        self.assertEqual(process.returncode, 0)
        return text.strip()

    def test_memcached_does_its_ordinary_operations(self):
        self.assertEqual(self.finish(self.node("memcached_ordinary.js")), "done")

    def test_memcached_comes_back_after_kill_9(self):
        process = self.node("memcached_restart.js")
        self.assertEqual(process.stdout.readline(), "stored\n")
        self.daemon.kill()
        process.stdin.write("killed\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "refused\n")
        self.daemon.start()
        process.stdin.write("started\n")
        process.stdin.flush()
        self.assertEqual(self.finish(process), "done")

    def test_memjs_is_refused_and_text_clients_stay_served(self):
        if daemon.is_memcached():
            self.skipTest("memcached speaks the binary protocol")
        self.assertEqual(self.finish(self.node("memjs_refused.js")), "refused")
        self.assertEqual(self.finish(self.node("memcached_ordinary.js")), "done")


if __name__ == "__main__":
    daemon.main()
