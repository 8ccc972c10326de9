#!/usr/bin/python3
"""The daemon under many clients and bad ones: others are served, and memory stays bounded."""

import resource
import select
import socket
import sys
import unittest

from daemon_case import MIB, PATIENCE_S, Case


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
        """Sends `data` again and again while the server takes it. How many bytes it took."""
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
