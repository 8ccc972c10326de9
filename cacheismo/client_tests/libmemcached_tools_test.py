#!/usr/bin/python3
"""libmemcached's own programs: memccapable checks the text protocol command by command, and the
small tools are what an operator types.
"""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import daemon

# These two want an error for `delete a bad key`. memcached gave one up to 1.6.18 and ignores what
# follows the key since; the server does as the newer one.
STRICTER_THAN_MEMCACHED = {"ascii delete", "ascii delete noreply"}


class LibmemcachedTools(daemon.ClientTest):
    def tool(self, name, *arguments):
        done = subprocess.run(
            [f"/usr/bin/{name}", f"--servers=127.0.0.1:{self.daemon.port}", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout

    def test_memccapable_finds_every_text_command_capable(self):
        done = subprocess.run(
            ["/usr/bin/memccapable", "-h", "127.0.0.1", "-p", str(self.daemon.port), "-a",
             "-t", "10"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        # A test's name, and behind it [pass]; the [FAIL]s are on standard error.
        text = " ".join(done.stdout.split())
        outcomes = re.findall(r"(ascii [a-z]+(?: noreply)?)( \[pass\])?", text)
        failed = {name for name, passed in outcomes if not passed}
        self.assertEqual(failed, set() if daemon.is_memcached() else STRICTER_THAN_MEMCACHED, text)
        self.assertEqual(len(outcomes), 27, text)

    def test_files_go_in_and_come_out(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "note")
            with open(path, "w", encoding="utf-8") as file:
                file.write("written by memccp")
            self.assertEqual(self.tool("memccp", path)[0], 0)
        self.assertEqual(self.tool("memccat", "note"), (0, "written by memccp\n"))
        self.assertEqual(self.tool("memcexist", "note")[0], 0)
        self.assertEqual(self.tool("memctouch", "--expire=100", "note")[0], 0)
        self.assertEqual(self.tool("memcrm", "note")[0], 0)
        self.assertNotEqual(self.tool("memcexist", "note")[0], 0)

    def test_an_operators_questions(self):
        self.assertEqual(self.tool("memcping")[0], 0)
        code, text = self.tool("memcstat")
        self.assertEqual(code, 0)
        self.assertIn(f"pid: {self.daemon.process.pid}\n", text)
        self.assertEqual(self.tool("memcflush")[0], 0)

    def test_memcslap_finds_no_fault_in_sets_gets_and_multi_gets(self):
        for kind in ("set", "get", "mget"):
            code, text = self.tool("memcslap", f"--test={kind}", "--concurrency=4",
                                   "--execute-number=200")
            self.assertEqual(code, 0, text)


if __name__ == "__main__":
    daemon.main()
