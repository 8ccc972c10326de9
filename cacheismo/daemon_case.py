"""The daemon under test: the real program on loopback, on ports that are free, a process per case.

Nothing sleeps: a start is the `started` line on stderr, an end is the end of the process.
"""

import os
import resource
import socket
import subprocess
import tempfile
import unittest

DAEMON = os.environ.get("CACHEISMO_DAEMON", "cacheismo/cacheismo")
PATIENCE_S = 60  # ends a hang; nothing takes this long
EXIT_USAGE = 64
EXIT_OS = 71
MIB = 1 << 20


def rss_bytes(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def sanitized():
    """AddressSanitizer multiplies memory: what is used says nothing about the daemon then."""
    with open(DAEMON, "rb") as program:
        return b"__asan_init" in program.read()


class Client:
    """A connection that reads by lines."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(address)
        self.reader = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        return self.reader.readline()

    def ask(self, data, lines=1):
        self.send(data)
        return b"".join(self.line() for _ in range(lines))

    def stats(self):
        self.send(b"stats\r\n")
        result = {}
        while (line := self.line()) != b"END\r\n":
            _, name, value = line.decode().split(" ", 2)
            result[name] = value.strip()
        return result

    def ended(self):
        """True when the server has closed, whatever it said before that."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    def close(self):
        self.reader.close()
        self.socket.close()


class Daemon:
    """A running daemon. `log` holds the lines read from its stderr so far."""

    def __init__(self, *flags, tcp=True, preexec=None, env=None):
        self.files = tempfile.TemporaryDirectory()
        os.chmod(self.files.name, 0o777)  # -u: the daemon may be another user
        self.port_file = os.path.join(self.files.name, "ports")
        environment = {**os.environ, "MEMCACHED_PORT_FILENAME": self.port_file, **(env or {})}
        self.process = subprocess.Popen(
            [DAEMON, *(("-p", "-1") if tcp else ()), *flags],
            stderr=subprocess.PIPE, env=environment, preexec_fn=preexec)
        self.log = []
        self.address = None
        started = self.wait_for_log("event=started")
        fields = dict(field.split("=", 1) for field in started.split() if "=" in field)
        first = fields["address"].split(",")[0]
        if first.startswith("unix:"):
            self.address = first[len("unix:"):]
        else:
            host, port = first.rsplit(":", 1)
            self.address = (host, int(port))

    def wait_for_log(self, text):
        while line := self.process.stderr.readline().decode():
            self.log.append(line)
            if text in line:
                return line
        raise AssertionError(f"no {text} in {self.log}")

    def client(self):
        return Client(self.address)

    def rss(self):
        return rss_bytes(self.process.pid)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(PATIENCE_S)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.files.cleanup()


class Case(unittest.TestCase):
    def daemon(self, *flags, **options):
        daemon = Daemon(*flags, **options)
        self.addCleanup(daemon.stop)
        return daemon

    def directory(self):
        directory = tempfile.TemporaryDirectory(dir="/tmp")  # short: for unix sockets
        self.addCleanup(directory.cleanup)
        return directory.name

    def file(self, content):
        path = os.path.join(self.directory(), "file")
        with open(path, "w") as file:
            file.write(content)
        return path

    def assert_grew_less(self, daemon, before, bound):
        if not sanitized():
            self.assertLess(daemon.rss() - before, bound)

    def run_to_end(self, *flags):
        return subprocess.run([DAEMON, *flags], capture_output=True, text=True, timeout=PATIENCE_S)
