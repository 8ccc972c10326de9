#!/usr/bin/python3
"""side_by_side runs tiny here, so that it cannot rot: every workload and server, a written table.

Whether a figure is good is not asked: that would depend on the machine and on who else uses it.
"""

import json
import os
import subprocess
import tempfile
import unittest

SIDE_BY_SIDE = os.path.abspath("bench/side_by_side")
LOAD = os.path.abspath("bench/load/cacheismo-load")
SERVER = os.path.abspath("cacheismo/cacheismo")
TINY = ("--rounds", "2", "--seconds", "0.05", "--keys", "500", "--connections", "4")


def side_by_side(*arguments):
    return subprocess.run(
        [SIDE_BY_SIDE, "--load", LOAD, "--server", SERVER, *arguments],
        capture_output=True, text=True, timeout=120, check=False)


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
        self.write_document(
            "before\n"
            "<!-- side_by_side begin: written by bench/side_by_side --write, do not edit -->\n"
            "old\n<!-- side_by_side end -->\nafter\n")
        done = side_by_side(*TINY, "--write", self.document, "--json", self.json)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = self.read_document()
        self.assertTrue(text.startswith("before\n<!-- side_by_side begin"))
        self.assertTrue(text.endswith("<!-- side_by_side end -->\nafter\n"))
        self.assertNotIn("old\n", text)
        rows = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual(len(rows), 2 * (2 + 6))  # two tables, each with a head and six workloads
        for table in (rows[:8], rows[8:]):
            self.assertEqual(len({row.count("|") for row in table}), 1, table)
            self.assertIn("| multi-gets of 50 keys |", table[-1])
        with open(self.json, encoding="utf-8") as file:
            results = json.load(file)
        self.assertEqual(len(results["get16"]["memcached"]), 2)
        self.assertTrue(all(each["clean"] for each in results["get16"]["redis"]))

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
