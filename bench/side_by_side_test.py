#!/usr/bin/python3
"""side_by_side runs tiny here, so that it cannot rot: every workload and server, written tables.

What servers must answer is asserted by the program itself, which ends with an error. Whether a
figure is good is not asked: that would depend on the machine and on who else uses it.
"""

import json
import os
import subprocess
import tempfile
import unittest

SIDE_BY_SIDE = os.path.abspath("bench/side_by_side")
LOAD = os.path.abspath("bench/load/cacheismo-load")
SERVER = os.path.abspath("cacheismo/cacheismo")
PLAIN = "side_by_side"
OBJECTS = "side_by_side objects"
TINY = ("--rounds", "2", "--seconds", "0.05", "--keys", "500", "--connections", "4",
        "--objects", "20", "--big-map", "500")


def side_by_side(*arguments):
    return subprocess.run(
        [SIDE_BY_SIDE, "--load", LOAD, "--server", SERVER, *arguments],
        capture_output=True, text=True, timeout=240, check=False)


def markers(name):
    return (f"<!-- {name} begin: written by bench/side_by_side --write, do not edit -->",
            f"<!-- {name} end -->")


def rows_of(text):
    return [line for line in text.splitlines() if line.startswith("|")]


class SideBySide(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.document = os.path.join(folder.name, "PERFORMANCE.md")
        self.json = os.path.join(folder.name, "results.json")

    def write_document(self, text):
        with open(self.document, "w", encoding="utf-8") as file:
            file.write(text)

    def read_document(self):
        with open(self.document, encoding="utf-8") as file:
            return file.read()

    def test_every_workload_gets_a_row_and_the_rest_of_the_document_stays(self):
        begin, end = markers(PLAIN)
        self.write_document(f"before\n{begin}\nold\n{end}\nafter\n")
        done = side_by_side(*TINY, "--write", self.document, "--json", self.json)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = self.read_document()
        self.assertTrue(text.startswith(f"before\n{begin}\n"))
        self.assertTrue(text.endswith(f"{end}\nafter\n"))
        self.assertNotIn("old\n", text)
        rows = rows_of(text)
        self.assertEqual(len(rows), 2 * (2 + 6))  # two tables, each with a head and six workloads
        for table in (rows[:8], rows[8:]):
            self.assertEqual(len({row.count("|") for row in table}), 1, table)
            self.assertIn("| multi-gets of 50 keys |", table[-1])
        with open(self.json, encoding="utf-8") as file:
            results = json.load(file)
        self.assertEqual(len(results["get16"]["memcached"]), 2)
        self.assertTrue(all(each["clean"] for each in results["get16"]["redis"]))

    def test_every_method_is_called_in_both_forms_of_redis(self):
        done = side_by_side(*TINY, "--servers", "redis", "--workloads", "objects",
                            "--json", self.json)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = rows_of(done.stdout)
        self.assertEqual(len(rows), 2 * (2 + 10))  # five methods, unpipelined and pipelined
        for table in (rows[:12], rows[12:]):
            self.assertEqual(len({row.count("|") for row in table}), 1, table)
        with open(self.json, encoding="utf-8") as file:
            results = json.load(file)
        for form in ("redis_fcall", "redis_evalsha"):
            self.assertTrue(all(each["clean"] for each in results["window16"][form]))

    def test_objects_have_a_table_of_their_own_beside_the_plain_one(self):
        plain, objects = markers(PLAIN), markers(OBJECTS)
        self.write_document("\n".join([*plain, "between", *objects, ""]))
        done = side_by_side(*TINY, "--workloads", "get,objects", "--write", self.document)
        if "this server has no object types" in done.stderr:
            self.assertEqual(done.returncode, 1)
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        first, second = self.read_document().split("between")
        self.assertEqual(len(rows_of(first)), 2 * (2 + 1))
        # Methods: costs, speeds; and what cacheismo's own ways cost next to each other.
        self.assertEqual(len(rows_of(second)), 2 * (2 + 10) + 2 + 2)
        self.assertIn("| put into a large map, pipelined 16 deep |", second)
        self.assertNotIn("| - |", second)

    def test_a_server_without_object_types_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            # memcached with cacheismo's arguments: a virtual key is an ordinary one to it.
            server = os.path.join(folder, "memcached")
            with open(server, "w", encoding="utf-8") as file:
                file.write('#!/bin/sh\nexec /usr/bin/memcached -u root "$@"\n')
            os.chmod(server, 0o755)
            done = side_by_side(*TINY, "--workloads", "map_get16", "--server", server)
        self.assertEqual(done.returncode, 1)
        self.assertIn("this server has no object types", done.stderr)

    def test_a_document_without_markers_is_left_alone(self):
        self.write_document("nothing here\n")
        done = side_by_side(*TINY, "--workloads", "get", "--write", self.document)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("lacks the lines", done.stderr)
        self.assertEqual(self.read_document(), "nothing here\n")

    def test_wrong_names_are_named(self):
        done = side_by_side("--workloads", "get,fast")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown workload fast", done.stderr)


if __name__ == "__main__":
    unittest.main()
