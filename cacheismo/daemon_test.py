#!/usr/bin/python3
"""The daemon as its operators meet it: flags, files, signals, the background."""

import ctypes
import os
import signal
import stat
import subprocess
import unittest

from daemon_case import DAEMON, EXIT_OS, EXIT_USAGE, MIB, PATIENCE_S, Case, Client


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
            self.assertFalse(os.path.exists(daemon.port_file))

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
        # 20 replies of 900 KB do not fit a socket buffer: they are in flight when the signal comes.
        client.send(b"get a\r\n" * 20)
        received = client.reader.read(1)
        daemon.signal(signal.SIGUSR1)
        self.assertTrue(idle.ended())
        received += client.reader.read()
        self.assertEqual(len(received), 20 * (len(b"VALUE a 0 900000\r\n") + 900_002 + 5))
        self.assertEqual(daemon.wait(), 0)
        idle.close()
        client.close()

    def test_usr1_waits_for_a_reader_and_term_ends_the_wait(self):
        daemon = self.daemon()
        client = daemon.client()
        self.assertEqual(client.ask(b"set a 0 0 900000\r\n%b\r\n" % bytes(900_000)), b"STORED\r\n")
        client.send(b"get a\r\n" * 20)
        self.assertEqual(client.reader.read(1), b"V")
        daemon.signal(signal.SIGUSR1)
        while self.accepts(daemon):  # until it has begun to stop
            pass
        self.assertIsNone(daemon.process.poll())
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        client.close()

    def accepts(self, daemon):
        try:
            daemon.client().close()
            return True
        except ConnectionResetError:  # the listener closed under this connection
            return True
        except ConnectionRefusedError:
            return False

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


if __name__ == "__main__":
    unittest.main()
