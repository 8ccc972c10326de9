#!/usr/bin/python3
"""cacheismo copy: one running daemon made to answer as another.

Goal: whatever is at FROM, and whatever happens to it meanwhile, is at TO afterwards, or the copy
says what is not. Method: real daemons on loopback, the real program, a client that goes on changing
FROM; what both answer is then compared by gets, not by the program's own word.
"""

import os
import pty
import random
import signal
import subprocess
import tempfile
import threading
import unittest

from daemon_case import DAEMON, EXIT_OS, EXIT_USAGE, MIB, PATIENCE_S, Daemon


def place(daemon):
    return f"{daemon.address[0]}:{daemon.address[1]}"


def start_copy(*words, **more):
    return subprocess.Popen([DAEMON, "copy", *words], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **more)


def copy(*words):
    """The exit code, and all that was said."""
    process = start_copy(*words)
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out + err


class CopyTest(unittest.TestCase):

    def start(self, *flags):
        daemon = Daemon(*flags)
        self.addCleanup(daemon.stop)
        return daemon

    def pair(self, *flags):
        return self.start(*flags), self.start("--accept-copy", *flags)

    def client(self, daemon):
        client = daemon.client()
        self.addCleanup(client.close)
        return client

    def fill(self, client, count, sizes=(0, 1, 100, 600, 5000)):
        for i in range(count):
            value = bytes([97 + i % 26]) * sizes[i % len(sizes)]
            flags = (i * 7919) % (1 << 32) if i % 3 == 0 else 0
            ttl = 1000 if i % 4 == 0 else 0
            client.send(b"set key%d %d %d %d noreply\r\n%s\r\n" %
                        (i, flags, ttl, len(value), value))
        self.assertEqual(client.ask(b"mn\r\n"), b"MN\r\n")

    def value(self, client, key):
        """What a get answers."""
        client.send(b"get %s\r\n" % key)
        answer = b""
        while (line := client.line()) != b"END\r\n":
            self.assertTrue(line.startswith(b"VALUE "), line)
            size = int(line.split()[3])
            answer += line + client.reader.read(size + 2)
        return answer

    def meta(self, client, key):
        """Flags, size and seconds to live; None for a miss."""
        line = client.ask(b"mg %s f s t\r\n" % key)
        if line == b"EN\r\n":
            return None
        fields = line.split()
        return fields[1], fields[2], int(fields[3][1:])

    def expect_same(self, a, b, keys):
        for key in keys:
            self.assertEqual(self.value(a, key), self.value(b, key), key)
            one, other = self.meta(a, key), self.meta(b, key)
            self.assertEqual(one is None, other is None, key)
            if one is not None:
                self.assertEqual(one[:2], other[:2], key)
                self.assertLessEqual(abs(one[2] - other[2]), 2, key)

    def keys_of(self, client):
        client.send(b"lru_crawler metadump all\r\n")
        keys = set()
        while (line := client.line()) != b"END\r\n":
            keys.add(line.split()[0][len("key="):])
        return keys

    # ---- What is copied -------------------------------------------------------------------------

    def test_values_of_all_sizes_with_flags_and_time(self):
        source, target = self.pair("-m", "128", "-I", "8m")
        a, b = self.client(source), self.client(target)
        self.fill(a, 3000)
        for size in (0, 1, 575, 576, 4096, 65535, 65536, 65537, 1 << 20, (8 << 20) - 400):
            a.send(b"set size%d 5 500 %d noreply\r\n%s\r\n" % (size, size, os.urandom(size)))
        long_key = b"k" * 250
        a.send(b"set %s 0 0 3 noreply\r\nabc\r\n" % long_key)
        a.send(b"ms AAEgDQo= 3 b\r\nbin\r\n")
        self.assertEqual(a.line(), b"HD\r\n")
        code, said = copy(place(source), place(target))
        self.assertEqual(code, 0, said)
        self.assertIn("FROM and TO answer the same: 3012 items", said)
        keys = [b"key%d" % i for i in range(3000)] + [long_key]
        keys += [b"size%d" % s for s in (0, 1, 575, 576, 4096, 65535, 65536, 65537, 1 << 20,
                                         (8 << 20) - 400)]
        self.expect_same(a, b, keys)
        self.assertEqual(b.ask(b"mg AAEgDQo= b v\r\n", 2), b"VA 3\r\nbin\r\n")
        self.assertEqual(self.keys_of(a), self.keys_of(b))

    def test_objects_of_the_shipped_types(self):
        source, target = self.pair("-m", "128")
        a, b = self.client(source), self.client(target)
        calls = [b"map:new:m", b"set:new:s", b"quota:new:q:10:hour", b"quota:addandcheck:q:4",
                 b"swcounter:new:w:100", b"swcounter:add:w:100", b"swcounter:add:w:50"]
        calls += [b"map:put:m:k%d:v%d" % (i, i) for i in range(2000)]
        calls += [b"set:put:s:x%d" % i for i in range(500)]
        for call in calls:
            self.assertTrue(self.value(a, call), call)
        large = b"L" * 900
        for i in range(6000):  # more than one update may change
            a.send(b"set map:put:big:f%d 0 0 900\r\n%s\r\n" % (i, large) if i else
                   b"get map:new:big\r\n")
            while (line := a.line()) not in (b"END\r\n", b"STORED\r\n"):
                self.assertNotIn(b"ERROR", line)
        code, said = copy(place(source), place(target))
        self.assertEqual(code, 0, said)
        for read in (b"map:getall:m", b"map:get:m:k77", b"map:count:m", b"set:getall:s",
                     b"swcounter:getavg:w", b"map:count:big", b"map:get:big:f5999"):
            self.assertTrue(self.value(a, read), read)
            self.assertEqual(self.value(a, read), self.value(b, read), read)
        self.assertEqual(self.value(b, b"quota:addandcheck:q:6"), self.value(
            a, b"quota:addandcheck:q:6"))
        self.assertIn(b"EXCEEDED", self.value(b, b"quota:addandcheck:q:1"))

    def changer(self, client, keys):
        """Goes on with writes of all kinds to the keys, until the event is set."""
        stop = threading.Event()

        def change():
            prng = random.Random(1)
            while not stop.is_set():
                i = prng.randrange(keys)
                client.send(prng.choice((
                    b"set key%d 3 0 4\r\nnewx\r\n" % i, b"delete key%d\r\n" % i,
                    b"touch key%d 5000\r\n" % i, b"append key%d 0 0 1\r\n+\r\n" % i,
                    b"incr number 3\r\n", b"set map:put:m:f%d 0 0 1\r\nx\r\n" % i)))
                client.line()
                if prng.randrange(3000) == 0:
                    client.ask(b"set key%d 9 0 70000\r\n%s\r\n" % (i, bytes(70000)))

        thread = threading.Thread(target=change)
        thread.start()

        def end():
            stop.set()
            thread.join()

        self.addCleanup(end)
        return end

    def expect_all_same(self, a, b, keys):
        self.expect_same(a, b, [b"key%d" % i for i in range(keys)] + [b"number"])
        self.assertEqual(self.value(a, b"map:getall:m"), self.value(b, b"map:getall:m"))
        self.assertEqual(self.keys_of(a), self.keys_of(b))

    def changing_pair(self):
        source, target = self.pair("-m", "128")
        a, b = self.client(source), self.client(target)
        self.fill(a, 20000)
        self.value(a, b"map:new:m")
        a.ask(b"set number 0 0 1\r\n0\r\n")
        return source, target, a, b

    def test_what_changes_meanwhile_arrives(self):
        source, target, a, b = self.changing_pair()
        end = self.changer(self.client(source), 22000)
        code, said = copy("--passes=2", place(source), place(target))
        end()
        self.assertIn(code, (0, 1), said)
        if code == 1:
            self.assertIn("FROM keeps changing", said)
        code, said = copy("--resume", place(source), place(target))  # FROM is at rest now
        self.assertEqual(code, 0, said)
        self.expect_all_same(a, b, 22000)

    def test_who_follows_is_the_same_as_soon_as_clients_pause(self):
        source, target, a, b = self.changing_pair()
        end = self.changer(self.client(source), 22000)
        process = start_copy("--follow", place(source), place(target))
        self.addCleanup(process.kill)
        passes = []
        while "following" not in (line := process.stderr.readline()):
            self.assertTrue(line, "it ended")
            passes.append(line)
        for _ in range(2000):  # on top of those of the passes
            a.ask(b"incr number 1\r\n")
        self.assertEqual(a.ask(b"set last 0 0 1\r\nx\r\n"), b"STORED\r\n")
        end()
        a.ask(b"set end 0 0 1\r\nx\r\n")
        while b.ask(b"mg end\r\n") == b"EN\r\n":
            pass
        self.expect_all_same(a, b, 22000)  # while it still follows
        a.ask(b"flush_all\r\n")
        a.ask(b"set after 7 0 1\r\nx\r\n")
        while b.ask(b"mg after\r\n") == b"EN\r\n":
            pass
        self.assertEqual(self.keys_of(b), {b"after"})
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0, out + err)
        self.assertIn("FROM and TO answer the same: 1 items", out)
        self.assertNotIn("pass", err)
        self.assertLessEqual(len(passes), 8, passes)

    # ---- Comparing, and going on ----------------------------------------------------------------

    def test_verify_names_what_differs_and_changes_nothing(self):
        source, target = self.pair()
        a, b = self.client(source), self.client(target)
        self.fill(a, 50)
        self.assertEqual(copy(place(source), place(target))[0], 0)
        self.assertEqual(copy("--verify", place(source), place(target))[0], 0)
        b.ask(b"set key1 0 0 1\r\n?\r\n")
        b.ask(b"delete key3\r\n")
        b.ask(b"touch key4 50\r\n")
        b.ask(b"set more 0 0 1\r\n?\r\n")
        code, said = copy("--verify", place(source), place(target))
        self.assertEqual(code, 1, said)
        for line in ("differs: key1: another value", "differs: key3: missing",
                     "differs: key4: another time to live", "differs: more: not at FROM"):
            self.assertIn(line, said)
        self.assertEqual(self.value(b, b"key1"), b"VALUE key1 0 1\r\n?\r\n")
        self.assertEqual(copy("--resume", place(source), place(target))[0], 0)
        self.expect_same(a, b, [b"key%d" % i for i in range(50)] + [b"more"])

    def test_a_target_that_has_items_is_left_alone(self):
        source, target = self.pair()
        self.client(target).ask(b"set mine 0 0 1\r\nx\r\n")
        code, said = copy(place(source), place(target))
        self.assertEqual(code, EXIT_OS)
        self.assertIn("TO has 1 items, which would be replaced or deleted: --resume", said)
        self.assertTrue(self.value(self.client(target), b"mine"))

    def test_a_target_that_dies_is_said_and_gone_on_with(self):
        source, target = self.pair("-m", "256")
        a = self.client(source)
        self.fill(a, 2000, sizes=(60000,))
        process = start_copy(place(source), place(target))
        b = self.client(target)
        while int(b.stats()["curr_items"]) < 50:
            pass
        target.process.kill()
        out, err = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, EXIT_OS, out + err)
        self.assertIn(f"TO {place(target)}: it closed the connection", err)
        self.assertIn("the same command with --resume goes on", err)
        again = self.start("--accept-copy", "-m", "256")
        code, said = copy("--resume", place(source), place(again))
        self.assertEqual(code, 0, said)
        self.expect_same(a, self.client(again), [b"key%d" % i for i in range(2000)])

    def test_an_interrupted_copy_is_gone_on_with(self):
        source, target = self.pair("-m", "256")
        a = self.client(source)
        self.fill(a, 2000, sizes=(60000,))
        process = start_copy(place(source), place(target))
        b = self.client(target)
        while int(b.stats()["curr_items"]) < 50:
            pass
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, EXIT_OS, out + err)
        self.assertIn("interrupted", err)
        had = int(b.stats()["curr_items"])
        self.assertLess(had, 2000)
        code, said = copy("--resume", place(source), place(target))
        self.assertEqual(code, 0, said)
        self.expect_same(a, b, [b"key%d" % i for i in range(2000)])

    def test_nodes_that_ask_for_a_password(self):
        with tempfile.NamedTemporaryFile("w", suffix=".auth") as file:
            file.write("ann:secret\nbob:other\n")
            file.flush()
            source, target = self.pair("-m", "64", "-Y", file.name)
            a, b = self.client(source), self.client(target)
            for client in (a, b):
                self.assertEqual(client.ask(b"set auth 0 0 9\r\nbob other\r\n"), b"STORED\r\n")
            self.fill(a, 100)
            code, said = copy(place(source), place(target))
            self.assertEqual(code, EXIT_OS, said)
            self.assertIn("unauthenticated", said)
            code, said = copy("--auth-file=" + file.name, place(source), place(target))
            self.assertEqual(code, 0, said)
            self.expect_same(a, b, [b"key%d" % i for i in range(100)])

    # ---- What cannot be done --------------------------------------------------------------------

    def test_a_node_that_is_not_there_is_named(self):
        source, target = self.pair()
        gone = place(source)
        source.stop()
        code, said = copy(gone, place(target))
        self.assertEqual(code, EXIT_OS)
        self.assertIn(f"FROM {gone}: cannot connect: nobody listens there", said)
        code, said = copy(place(target), gone)
        self.assertIn(f"TO {gone}: cannot connect: nobody listens there", said)

    def test_a_target_that_is_too_small_says_so(self):
        source, small = self.start("-m", "64"), self.start("--accept-copy", "-m", "8")
        self.fill(self.client(source), 400, sizes=(60000,))
        code, said = copy(place(source), place(small))
        self.assertEqual(code, EXIT_OS, said)
        self.assertIn("TO is too small: FROM's items take ", said)
        self.assertEqual(self.client(small).stats()["curr_items"], "0")

    def test_a_target_that_fills_up_says_so(self):
        source = self.start("-m", "128")
        self.fill(self.client(source), 1900, sizes=(60000,))
        for flags, code, told in ((("-M",), EXIT_OS, "it is too small, give it more memory (-m)"),
                                  ((), 1, "TO is too small: it evicted ")):
            target = self.start("--accept-copy", "-m", "128", *flags)
            process = start_copy("--passes=2", place(source), place(target))
            self.addCleanup(process.kill)
            b = self.client(target)
            while int(b.stats()["curr_items"]) < 20:
                pass
            process.send_signal(signal.SIGSTOP)  # while somebody else fills it
            for i in range(60):
                b.send(b"set other%d 0 0 900000 noreply\r\n%s\r\n" % (i, bytes(900000)))
            self.assertEqual(b.ask(b"get other0\r\n")[:6], b"VALUE ")
            process.send_signal(signal.SIGCONT)
            out, err = process.communicate(timeout=PATIENCE_S)
            self.assertEqual(process.returncode, code, out + err)
            self.assertIn(told, err)

    def test_an_item_that_is_too_large_for_the_target_is_named_and_the_rest_is_copied(self):
        source = self.start("-m", "64", "-I", "2m")
        target = self.start("--accept-copy", "-m", "64", "-I", "1m")
        a, b = self.client(source), self.client(target)
        self.fill(a, 100)
        a.ask(b"set toolarge 0 0 1500000\r\n%s\r\n" % (b"x" * 1500000))
        code, said = copy(place(source), place(target))
        self.assertEqual(code, 1, said)
        self.assertIn("it is too large for this node (-I for values, --object-max for objects): "
                      "toolarge", said)
        self.expect_same(a, b, [b"key%d" % i for i in range(100)])

    def test_nodes_that_do_not_allow_it_say_how(self):
        source, target = self.pair()
        closed = self.start("-X")
        code, said = copy(place(closed), place(target))
        self.assertEqual((code, "dumps are disabled (-X)" in said), (EXIT_OS, True), said)
        code, said = copy(place(target), place(source))
        self.assertEqual((code, "start with --accept-copy" in said), (EXIT_OS, True), said)
        code, said = copy(place(source), place(source))
        self.assertEqual((code, "the same node" in said), (EXIT_OS, True), said)

    def test_wrong_words_are_answered_with_usage(self):
        for words, told in (((), "wants two nodes"), (("a:1",), "wants two nodes"),
                            (("a:1", "b:2", "c:3"), "wants two nodes"),
                            (("a:x", "b:2"), 'not "a:x"'), (("--fast", "a", "b"), "--fast"),
                            (("--passes=0", "a", "b"), "--passes wants")):
            code, said = copy(*words)
            self.assertEqual(code, EXIT_USAGE, words)
            self.assertIn(told, said)

    def test_a_terminal_shows_a_bar(self):
        source, target = self.pair("-m", "512")
        self.fill(self.client(source), 5000, sizes=(60000,))
        ours, theirs = pty.openpty()
        process = subprocess.Popen([DAEMON, "copy", place(source), place(target)],
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        self.assertEqual(process.wait(PATIENCE_S), 0, shown)
        self.assertRegex(shown, rb"\rcopy \[=*> *\] +\d+%  \d+/5000 items  .*/s  ETA \d+:\d\d")


if __name__ == "__main__":
    unittest.main()
