#!/usr/bin/python3
"""Plays the sessions of docs/CLUSTER.md with nodes that tools/cluster starts: what the page says
was answered must be answered, byte for byte.

A session is a fenced block that begins with a request or with `$ nc -C 127.0.0.1 PORT`. A line in
parentheses says what happens to a node meanwhile. The nodes listen on free ports, of which so many
are tried until the ring places the page's keys as it does with the ports that the page names.
"""

import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import sys
import tempfile
import unittest

# Where this file is, not where a link to it leads.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster_test  # noqa: E402

PAGE = os.path.join(cluster_test.ROOT, "docs", "CLUSTER.md")
SCRIPTS = os.path.join(cluster_test.ROOT, "cacheismo", "lua", "cluster")
PORTS = (11211, 11212, 11213)  # those of tools/cluster, which the page names
KEYS = ("greeting", "nothing")  # whose owners matter
TRIES = 2000

CONNECT = re.compile(r"\$ nc -C 127\.0\.0\.1 (\d+)$")
REQUEST = re.compile(r"(get|set|delete) \S")
NOTE = re.compile(r"\((.*)\)$")


def sessions(page):
    """By what stands last before it, a heading or a **name**: the lines, each with its number."""
    found, title, block, fence = {}, "", None, False
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("```"):
            fence = not fence
            if fence:
                block = [] if line == "```" else None
            elif block and (CONNECT.match(block[0][1]) or REQUEST.match(block[0][1])):
                if title in found:
                    raise AssertionError(f"line {number}: {title} has two sessions")
                found[title] = block
        elif fence:
            if block is not None:
                block.append((number, line))
        elif name := re.match(r"#+ (.*)$|\*\*(\w+)\*\* ", line):
            title = name.group(1) or name.group(2)
    return found


def owners(ports, key):
    """The indices of 127.0.0.1:PORT... in the order in which ketama places the key."""
    points = []
    for index, port in enumerate(ports):
        host = "127.0.0.1" if port == 11211 else f"127.0.0.1:{port}"
        for digest in range(40):
            words = hashlib.md5(f"{host}-{digest}".encode()).digest()
            points += [(word, index) for word in struct.unpack("<4I", words)]
    points.sort()
    place = struct.unpack("<I", hashlib.md5(key.encode()).digest()[:4])[0]
    behind = [index for word, index in points if word >= place]
    return list(dict.fromkeys(behind + [index for _, index in points]))


def first_port_like_the_pages(count):
    wanted = [owners(PORTS[:count], key) for key in KEYS]
    for _ in range(TRIES):
        first = cluster_test.first_port(count)
        ports = range(first, first + count)
        if [owners(ports, key) for key in KEYS] == wanted:
            return first
    raise AssertionError("no ports that place keys as the page's do")


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), cluster_test.PATIENCE_S)
        self.reader = self.socket.makefile("rb")

    def ask(self, line, answer):
        """True: this is what comes, and nothing behind it."""
        self.socket.sendall(line.encode() + b"\r\nmn\r\n")
        came = [self.reader.readline() for _ in answer + ["MN"]]
        return came == [text.encode() + b"\r\n" for text in answer + ["MN"]], came

    def close(self):
        self.reader.close()
        self.socket.close()


class ClusterPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(PAGE, encoding="utf-8") as file:
            cls.sessions = sessions(file.read())

    def start(self, count, *arguments):
        first = first_port_like_the_pages(count)
        cluster = cluster_test.Cluster(str(count), *arguments, port=first)
        self.addCleanup(cluster.end)
        cluster.wait_for("The ring: ")
        return cluster

    def connect(self, port):
        connection = Connection(port)
        self.addCleanup(connection.close)
        return connection

    def store(self, port, keys, value="x"):
        connection = self.connect(port)
        for key in keys:
            good, came = connection.ask(f"set {key} 0 0 {len(value)}\r\n{value}", ["STORED"])
            self.assertTrue(good, came)

    def play(self, title, cluster, port, notes=None, replace=lambda line: line):
        """Plays a session, at `port` unless it says another of the page's."""
        lines = [(number, replace(line)) for number, line in self.sessions.pop(title)]
        connection = None
        while lines:
            number, line = lines.pop(0)
            if connected := CONNECT.match(line):
                connection = self.connect(cluster.port + PORTS.index(int(connected.group(1))))
            elif note := NOTE.match(line):
                notes[note.group(1)]()
            else:
                self.assertRegex(line, REQUEST, f"line {number} is no request")
                connection = connection or self.connect(port)
                if line.startswith("set "):
                    line += "\r\n" + lines.pop(0)[1]
                answer = []
                while lines and not (REQUEST.match(lines[0][1]) or CONNECT.match(lines[0][1])
                                     or NOTE.match(lines[0][1])):
                    answer.append(lines.pop(0)[1])
                good, came = connection.ask(line, answer)
                self.assertTrue(good, f"{PAGE}:{number}: {line!r} is answered by {came}")

    def stop(self, cluster, name):
        os.kill(cluster.pids()[int(name[1:]) - 1], signal.SIGTERM)
        cluster.wait_for(f"{name} has ended")

    def test_every_session_of_the_page_is_true(self):
        for title in list(self.sessions):
            with self.subTest(title):
                getattr(self, "play_" + title.replace(" ", "_").lower())(title)
        self.assertEqual(self.sessions, {}, "these were not played")

    def play_trying_it(self, title):
        cluster = self.start(3)
        self.play(title, cluster, cluster.port)

    def play_replicate(self, title):
        cluster = self.start(3, "--scripts=" + os.path.join(SCRIPTS, "replicate"))
        self.play(title, cluster, cluster.port, {
            "n1 and n3 are stopped": lambda: [self.stop(cluster, name) for name in ("n1", "n3")]})

    def play_proxy(self, title):
        second, third = self.start(1), self.start(1)
        ports = {"10.0.0.2:11211": second.port, "10.0.0.3:11211": third.port}

        def replace(text):
            for address, port in ports.items():
                text = text.replace(address, f"127.0.0.1:{port}")
            return text

        scripts = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, scripts)
        with open(os.path.join(SCRIPTS, "proxy", "proxy.lua"), encoding="utf-8") as file:
            script = file.read()
        with open(os.path.join(scripts, "proxy.lua"), "w", encoding="utf-8") as file:
            file.write(replace(script))
        cluster = self.start(1, "--scripts=" + scripts)
        still = second.pids()[0]
        self.addCleanup(os.kill, still, signal.SIGCONT)
        self.play(title, cluster, cluster.port, {
            f"127.0.0.1:{second.port} stands still": lambda: os.kill(still, signal.SIGSTOP)},
                  replace)

    def play_mapreduce(self, title):
        cluster = self.start(3, "--scripts=" + os.path.join(SCRIPTS, "mapreduce"))
        self.store(cluster.port, [f"user:{i}" for i in range(30)] + ["other"] +
                   [f"page:{i}" for i in range(20)])
        self.play(title, cluster, cluster.port)

    def play_migrate(self, title):
        cluster = self.start(2, "--scripts=" + os.path.join(SCRIPTS, "migrate"))
        ports = (cluster.port, cluster.port + 1)
        keys = [f"key{i}" for i in range(2000) if owners(ports, f"key{i}")[0] == 0][:250]
        self.assertEqual(len(keys), 250)
        self.store(cluster.port, keys)
        self.play(title, cluster, cluster.port)

    def play_nearcache(self, title):
        cluster = self.start(3, "--scripts=" + os.path.join(SCRIPTS, "nearcache"))
        self.store(cluster.port, ["frontpage"], "html")
        lines = self.sessions[title]
        for node in range(3):
            self.sessions[title] = lines
            self.play(title, cluster, cluster.port + node)


if __name__ == "__main__":
    unittest.main()
