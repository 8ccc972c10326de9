#!/usr/bin/python3
"""The daemon as operators meet it: flags, files, signals, limits, and clients that behave badly.

Method: the real program on loopback, on ports that are free, one process per case. Nothing sleeps:
a start is the `started` line on stderr, an end is the end of the process.
"""

import ctypes
import os
import resource
import select
import signal
import socket
import stat
import subprocess
import sys
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


class CommandLine(Case):
    def test_wrong_flags_end_with_one_clear_line(self):
        for flags, word in [
            (["-p", "abc"], "-p"), (["-p", "65536"], "-p"), (["-p", "0"], "-p"),
            (["-c", "0"], "-c"), (["-l", "no-such-host.invalid"], "no-such-host.invalid"),
            (["-m", "0"], "-m"), (["-m", "x"], "-m"), (["-I", "1"], "-I"), (["-I", "1g"], "-I"),
            (["-a", "8"], "-a"), (["-R", "0"], "-R"), (["-t", "0"], "-t"), (["-S"], "SASL"),
            (["-B", "binary"], "binary"), (["-o", "ext_path=/x:1G"], "ext_path"),
            (["-o", "proxy_config=x"], "proxy_config"), (["-o", "nonsense"], "nonsense"),
            (["-q"], "-q"), (["--no-such-flag"], "--no-such-flag"), (["-p"], "-p"),
            (["extra"], "extra"),
        ]:
            with self.subTest(flags=flags):
                done = self.run_to_end(*flags)
                self.assertEqual(done.returncode, EXIT_USAGE)
                self.assertEqual(done.stdout, "")
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertTrue(done.stderr.startswith("cacheismo: "), done.stderr)
                self.assertIn(word, done.stderr)

    def test_help_version_and_license_go_to_stdout(self):
        for flag, word in [("-h", "--max-item-size"), ("--help", "127.0.0.1"), ("-V", "cacheismo "),
                           ("--version", "cacheismo "), ("-i", "Apache")]:
            with self.subTest(flag=flag):
                done = self.run_to_end(flag)
                self.assertEqual(done.returncode, 0)
                self.assertEqual(done.stderr, "")
                self.assertIn(word, done.stdout)

    def test_what_the_machine_does_not_allow_is_said_in_one_line(self):
        taken = self.daemon().address
        missing = os.path.join(self.directory(), "missing", "file")
        for flags, word in [
            (["-p", str(taken[1])], str(taken[1])), (["-l", "192.0.2.1"], "192.0.2.1"),
            (["-p", "-1", "-Y", missing], missing), (["-s", missing], missing),
            (["-p", "-1", "-P", missing], missing), (["-p", "-1", "-Y", self.file("x")], "line 1"),
        ]:
            with self.subTest(flags=flags):
                done = self.run_to_end(*flags)
                self.assertEqual(done.returncode, EXIT_OS)
                self.assertIn(word, done.stderr.splitlines()[-1])
                self.assertTrue(done.stderr.splitlines()[-1].startswith("cacheismo: "))

    def test_start_is_one_line(self):
        daemon = self.daemon()
        self.assertEqual(len(daemon.log), 1)
        for field in ["version=", "address=127.0.0.1:", "memory=64m"]:
            self.assertIn(field, daemon.log[0])
        client = daemon.client()
        self.assertEqual(client.ask(b"set a 0 0 1\r\nx\r\n"), b"STORED\r\n")
        client.close()
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        self.assertIn(b"event=stopped", daemon.process.stderr.read())

    def test_tuning_of_memcached_is_accepted_with_a_warning(self):
        daemon = self.daemon("-t", "4", "-f", "1.25", "-o", "modern,slab_reassign")
        self.assertEqual(sum("event=flag_ignored" in line for line in daemon.log), 4)

    def test_flags_reach_the_node(self):
        daemon = self.daemon("-m", "128", "-I", "2m", "-c", "77", "-M", "-F")
        client = daemon.client()
        stats = client.stats()
        self.assertEqual(stats["limit_maxbytes"], str(128 * MIB))
        self.assertEqual(stats["max_connections"], "77")
        self.assertEqual(stats["pid"], str(daemon.process.pid))
        self.assertEqual(client.ask(b"set a 0 0 %d\r\n%b\r\n" % (MIB + 1, bytes(MIB + 1))),
                         b"STORED\r\n")
        self.assertTrue(client.ask(b"flush_all\r\n").startswith(b"CLIENT_ERROR"))
        client.close()


class Files(Case):
    def test_port_file_lists_every_tcp_address(self):
        daemon = self.daemon("-l", "127.0.0.1,127.0.0.2")
        with open(daemon.port_file) as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 2)
        for line, host in zip(lines, ["127.0.0.1", "127.0.0.2"]):
            self.assertTrue(line.startswith("TCP INET: "), line)
            client = Client((host, int(line.split()[-1])))
            self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")
            client.close()
        self.assertEqual(os.listdir(daemon.files.name), ["ports"])

    def test_unix_socket_has_the_mode_asked_for_and_goes_with_the_daemon(self):
        for flags, mode in [((), 0o700), (("-a", "0660"), 0o660), (("-a", "777"), 0o777)]:
            path = os.path.join(self.directory(), "socket")
            daemon = self.daemon("-s", path, *flags, tcp=False)
            status = os.stat(path)
            self.assertTrue(stat.S_ISSOCK(status.st_mode))
            self.assertEqual(stat.S_IMODE(status.st_mode), mode)
            client = daemon.client()
            self.assertEqual(client.ask(b"set a 0 0 1\r\nx\r\n"), b"STORED\r\n")
            client.close()
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(), 0)
            self.assertFalse(os.path.exists(path))

    def test_unix_socket_of_a_killed_daemon_is_replaced_and_of_a_living_one_is_not(self):
        path = os.path.join(self.directory(), "socket")
        killed = self.daemon("-s", path, tcp=False)
        killed.signal(signal.SIGKILL)
        killed.wait()
        self.assertTrue(os.path.exists(path))
        daemon = self.daemon("-s", path, tcp=False)
        self.assertEqual(self.run_to_end("-s", path).returncode, EXIT_OS)
        client = daemon.client()
        self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")
        client.close()

    def test_file_that_is_no_socket_is_left_alone(self):
        path = self.file("precious")
        self.assertEqual(self.run_to_end("-s", path).returncode, EXIT_OS)
        with open(path) as file:
            self.assertEqual(file.read(), "precious")

    def test_pid_file_lives_as_long_as_the_daemon(self):
        path = os.path.join(self.directory(), "pid")
        daemon = self.daemon("-P", path)
        with open(path) as file:
            self.assertEqual(file.read(), f"{daemon.process.pid}\n")
        daemon.signal(signal.SIGINT)
        self.assertEqual(daemon.wait(), 0)
        self.assertFalse(os.path.exists(path))

    def test_auth_file_is_read_again_on_hup(self):
        path = self.file("alice:secret\n")
        daemon = self.daemon("-Y", path)
        client = daemon.client()
        self.assertTrue(client.ask(b"get a\r\n").startswith(b"CLIENT_ERROR"))
        client.close()
        self.assertTrue(self.login(daemon, b"alice secret"))
        self.assertFalse(self.login(daemon, b"bob secret"))
        with open(path, "w") as file:
            file.write("bob:secret\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("event=auth_file_read")
        self.assertTrue(self.login(daemon, b"bob secret"))
        self.assertFalse(self.login(daemon, b"alice secret"))
        with open(path, "w") as file:
            file.write("hunter2\n")
        daemon.signal(signal.SIGHUP)
        refused = daemon.wait_for_log("event=auth_file_refused")
        self.assertNotIn("hunter2", refused)
        self.assertTrue(self.login(daemon, b"bob secret"))

    def login(self, daemon, token):
        client = daemon.client()
        answer = client.ask(b"set auth 0 0 %d\r\n%b\r\n" % (len(token), token))
        client.close()
        return answer == b"STORED\r\n"


class Signals(Case):
    def test_term_and_int_stop_at_once_with_clients_connected(self):
        for number in [signal.SIGTERM, signal.SIGINT]:
            daemon = self.daemon()
            client = daemon.client()
            self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")
            daemon.signal(number)
            self.assertEqual(daemon.wait(), 0)
            self.assertTrue(client.ended())
            client.close()

    def test_usr1_answers_what_was_received_and_then_stops(self):
        daemon = self.daemon("-m", "64")
        idle = daemon.client()
        self.assertEqual(idle.ask(b"mn\r\n"), b"MN\r\n")
        client = daemon.client()
        value = bytes(900_000)
        self.assertEqual(client.ask(b"set a 0 0 %d\r\n%b\r\n" % (len(value), value)), b"STORED\r\n")
        # 20 replies of 900 KB do not fit any socket buffer: they are in flight when the signal comes.
        client.send(b"get a\r\n" * 20)
        received = client.reader.read(1)
        daemon.signal(signal.SIGUSR1)
        self.assertTrue(idle.ended())
        received += client.reader.read()
        self.assertEqual(len(received), 20 * (len(b"VALUE a 0 900000\r\n") + 900_002 + 5))
        self.assertEqual(daemon.wait(), 0)
        idle.close()
        client.close()

    def test_restart_after_kill_takes_the_same_port(self):
        daemon = self.daemon()
        client = daemon.client()
        self.assertEqual(client.ask(b"set a 0 0 1\r\nx\r\n"), b"STORED\r\n")
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        again = self.daemon("-p", str(daemon.address[1]))
        self.assertEqual(again.address, daemon.address)
        client.close()
        client = again.client()
        self.assertEqual(client.ask(b"get a\r\n"), b"END\r\n")
        client.close()

    def test_shutdown_command_only_if_enabled(self):
        daemon = self.daemon()
        client = daemon.client()
        self.assertTrue(client.ask(b"shutdown\r\n").startswith(b"ERROR"))
        client.close()
        for command in [b"shutdown\r\n", b"shutdown graceful\r\n"]:
            daemon = self.daemon("-A")
            client = daemon.client()
            client.send(command)
            self.assertEqual(daemon.wait(), 0)
            client.close()

    def test_client_that_leaves_in_the_middle_of_its_replies_does_no_harm(self):
        daemon = self.daemon()
        for _ in range(20):
            client = daemon.client()
            value = bytes(500_000)
            self.assertEqual(client.ask(b"set a 0 0 500000\r\n%b\r\n" % value), b"STORED\r\n")
            client.send(b"get a\r\n" * 50)
            client.close()
        client = daemon.client()
        self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")
        client.close()


class Background(Case):
    def test_returns_when_it_serves_and_says_why_when_it_cannot(self):
        # What is orphaned becomes a child of this process, so that its end can be waited for.
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        directory = self.directory()
        # Relative paths, although the daemon leaves this directory.
        done = subprocess.run(
            [os.path.abspath(DAEMON), "-d", "-P", "pid", "-s", "socket"],
            cwd=directory, capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(directory, "pid")) as file:
            pid = int(file.read())
        try:
            client = Client(os.path.join(directory, "socket"))
            self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")
            client.close()
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/2"), "/dev/null")
            self.assertEqual(os.getsid(pid), pid)
        finally:
            os.kill(pid, signal.SIGTERM)
            _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        self.assertEqual(os.listdir(directory), [])

        taken = self.daemon()
        failed = self.run_to_end("-d", "-p", str(taken.address[1]))
        self.assertNotEqual(failed.returncode, 0)
        self.assertIn(str(taken.address[1]), failed.stderr)
        os.wait()  # the one that failed in the background

    def test_becomes_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        daemon = self.daemon("-u", "nobody")
        self.assertNotEqual(os.stat(f"/proc/{daemon.process.pid}").st_uid, 0)
        self.assertEqual(self.run_to_end("-p", "-1", "-u", "no-such-user").returncode, EXIT_OS)


class Limits(Case):
    def test_connection_above_the_limit_is_told_so(self):
        daemon = self.daemon("-c", "3")
        inside = [daemon.client() for _ in range(3)]
        for client in inside:
            self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")
        outside = daemon.client()
        self.assertEqual(outside.line(), b"ERROR Too many open connections\r\n")
        self.assertEqual(outside.line(), b"")
        outside.close()
        self.assertEqual(inside[0].stats()["rejected_connections"], "1")
        inside[2].close()
        # The place is free once the server has seen the end of the third.
        while True:
            client = daemon.client()
            client.send(b"mn\r\n")
            if client.line() == b"MN\r\n":
                break
            client.close()
        for client in [client, *inside]:
            client.close()

    def test_idle_connection_is_closed_after_its_timeout(self):
        daemon = self.daemon("-o", "idle_timeout=1")
        idle = daemon.client()
        self.assertEqual(idle.ask(b"mn\r\n"), b"MN\r\n")
        self.assertEqual(idle.line(), b"")
        idle.close()
        client = daemon.client()
        self.assertEqual(client.stats()["curr_connections"], "1")
        client.close()

    def test_idle_connections_cost_at_most_1_kib_each(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        count = min(10_000, hard - 200)
        daemon = self.daemon("-c", str(count + 10), "-b", "4096")
        first = daemon.client()
        self.assertEqual(first.ask(b"set a 0 0 1\r\nx\r\n"), b"STORED\r\n")
        clients = []
        try:
            # The first ones fill what is shared by all.
            before = 0
            for i in range(count):
                client = socket.create_connection(daemon.address, PATIENCE_S)
                client.sendall(b"get a\r\n")
                clients.append(client)
                answer = b""
                while not answer.endswith(b"END\r\n"):
                    answer += client.recv(100)
                self.assertEqual(answer, b"VALUE a 0 1\r\nx\r\nEND\r\n")
                if i == 99:
                    before = daemon.rss()
            print(f"{count} idle connections: {(daemon.rss() - before) // (count - 100)} bytes of "
                  "RSS each", file=sys.stderr)
            self.assert_grew_less(daemon, before, 1024 * (count - 100))
            self.assertEqual(first.stats()["curr_connections"], str(count + 1))
        finally:
            for client in clients:
                client.close()
        first.close()


class BadClients(Case):
    """Each case: one client misbehaves, another one is served, memory stays bounded."""

    def served(self, daemon):
        client = daemon.client()
        for i in range(200):
            value = b"%d" % i
            self.assertEqual(client.ask(b"set other 0 0 %d\r\n%b\r\n" % (len(value), value)),
                             b"STORED\r\n")
            self.assertEqual(client.ask(b"get other\r\n", lines=3),
                             b"VALUE other 0 %d\r\n%b\r\nEND\r\n" % (len(value), value))
        client.close()

    def send_until_full(self, client, data, bound):
        """Sends `data` again and again while the server takes it; returns how many bytes it took."""
        client.socket.setblocking(False)
        sent = 0
        try:
            while sent < bound:
                # 0.2 s without room: the server does not take more.
                if not select.select([], [client.socket], [], 0.2)[1]:
                    break
                sent += client.socket.send(data)
        except BlockingIOError:
            pass
        client.socket.setblocking(True)
        return sent

    def test_one_that_pipelines_gets_and_never_reads(self):
        daemon = self.daemon()
        client = daemon.client()
        client.ask(b"set a 0 0 1000\r\n%b\r\n" % bytes(1000))
        before = daemon.rss()
        sent = self.send_until_full(client, b"get a\r\n" * 10_000, 100 * MIB)
        self.assertLess(sent, 100 * MIB, "nothing held the sender back")
        self.served(daemon)
        self.assert_grew_less(daemon, before, 4 * MIB)
        client.close()

    def test_one_that_asks_for_big_values_and_never_reads(self):
        daemon = self.daemon()
        client = daemon.client()
        client.ask(b"set a 0 0 1000000\r\n%b\r\n" % bytes(1_000_000))
        before = daemon.rss()
        slow = [daemon.client() for _ in range(20)]
        for one in slow:
            one.send(b"get a\r\n" * 100)
        self.served(daemon)
        self.assert_grew_less(daemon, before, 4 * MIB)
        for one in slow:
            one.close()
        client.close()

    def test_one_that_holds_half_of_a_value_gets_the_old_one(self):
        daemon = self.daemon("-I", "16m")
        old = b"o" * (12 * MIB)
        writer = daemon.client()
        self.assertEqual(writer.ask(b"set a 0 0 %d\r\n%b\r\n" % (len(old), old)), b"STORED\r\n")
        reader = daemon.client()
        reader.send(b"get a\r\n")
        self.assertEqual(reader.line(), b"VALUE a 0 %d\r\n" % len(old))
        self.assertEqual(writer.ask(b"delete a\r\n"), b"DELETED\r\n")
        new = b"n" * (12 * MIB)
        self.assertEqual(writer.ask(b"set a 0 0 %d\r\n%b\r\n" % (len(new), new)), b"STORED\r\n")
        self.assertEqual(reader.reader.read(len(old) + 7), old + b"\r\nEND\r\n")
        reader.close()
        writer.close()

    def test_one_that_announces_a_value_of_a_gigabyte(self):
        daemon = self.daemon()
        before = daemon.rss()
        client = daemon.client()
        client.send(b"set a 0 0 %d\r\n" % (1 << 30))
        client.send(bytes(8 * MIB))
        self.served(daemon)
        self.assert_grew_less(daemon, before, 8 * MIB)
        client.close()

    def test_one_that_announces_a_gigabyte_which_would_be_allowed(self):
        daemon = self.daemon("-m", "2200", "-I", "1g")
        before = daemon.rss()
        client = daemon.client()
        client.send(b"set a 0 0 %d\r\n" % (1000 * MIB))
        client.send(bytes(4 * MIB))
        self.served(daemon)
        self.assert_grew_less(daemon, before, 64 * MIB)
        client.close()
        self.served(daemon)

    def test_lines_that_come_byte_by_byte(self):
        daemon = self.daemon()
        clients = [daemon.client() for _ in range(100)]
        line = b"set slow 0 0 5\r\nhello\r\n"
        for i in range(len(line)):
            for client in clients:
                client.send(line[i:i + 1])
            if i % 8 == 0:
                self.served(daemon)
        for client in clients:
            self.assertEqual(client.line(), b"STORED\r\n")
            client.close()

    def test_line_without_an_end_is_cut_off(self):
        daemon = self.daemon()
        client = daemon.client()
        try:
            client.send(b"x" * 100_000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertTrue(client.ended())
        client.close()
        self.served(daemon)

    def test_storm_of_connections_that_leave_at_once(self):
        daemon = self.daemon()
        for _ in range(2000):
            socket.create_connection(daemon.address, PATIENCE_S).close()
        self.served(daemon)

    def test_urgent_data_does_not_hide_what_follows(self):
        daemon = self.daemon()
        client = daemon.client()
        for _ in range(50):
            client.send(b"mn\r\n")
            client.socket.send(b"!", socket.MSG_OOB)
            client.send(b"mn\r\n")
            self.assertEqual(client.line(), b"MN\r\n")
            self.assertEqual(client.line(), b"MN\r\n")
        client.close()

    def test_binary_protocol_is_not_answered_with_silence(self):
        daemon = self.daemon()
        client = daemon.client()
        client.send(b"\x80" + bytes(23))  # a binary `get` header
        client.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(client.ended())
        client.close()
        self.served(daemon)


if __name__ == "__main__":
    unittest.main()
