#!/usr/bin/python3
"""compare runs small here, with real servers, so that it cannot rot.

What must hold for any server on any machine: a cache that is never full misses each key once; what
is written and drawn has every server in it. Hit rates of others are not asked about.
"""

import csv
import importlib.util
import json
import os
import random
import subprocess
import tempfile
import unittest

COMPARE = os.path.abspath("bench/hitrate/compare")
TOOL = os.path.abspath("bench/hitrate/hitrate-wire")
SERVER = os.path.abspath("cacheismo/cacheismo")
SERVERS = ["cacheismo", "memcached", "no_slab_automove", "redis"]
COPIES = 2
BEGIN = "<!-- hitrate begin: written by bench/hitrate/compare --write, do not edit -->"


def write_trace(path, requests, keys, value_bytes_max):
    """Gets; which key is asked for is skewed. Returns how many keys are."""
    chance = random.Random(7)
    ids = {}
    with open(path, "w", encoding="utf-8") as file:
        file.write("time,op,key_id,key_size,value_size,ttl\n")
        for i in range(requests):
            key = ids.setdefault(int(keys * chance.random() ** 3), len(ids))
            size = 50 + key * 7919 % value_bytes_max
            file.write(f"{i // 100},get,{key},{16 + key % 20},{size},0\n")
    return len(ids)


def compare(*arguments):
    return subprocess.run(
        [COMPARE, "--tool", TOOL, "--server", SERVER, "--quiet", *arguments],
        capture_output=True, text=True, timeout=200, check=False)


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.out = os.path.join(folder.name, "out")
        self.trace = os.path.join(folder.name, "made.csv")

    def run_compare(self, *flags):
        done = compare(self.trace, "--out", self.out, "--copies", str(COPIES), "--seconds", "0",
                       *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.out, "made.json"), encoding="utf-8") as file:
            return json.load(file)

    def document(self):
        path = os.path.join(self.folder, "HITRATE.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"before\n{BEGIN}\nold\n<!-- hitrate end -->\nafter\n")
        return path

    def test_a_cache_that_is_never_full_misses_each_key_once_whoever_it_is(self):
        keys = write_trace(self.trace, 20_000, 3_000, 2_000)
        results = self.run_compare("--megabytes", "64", "--skip-equal-rss", "--no-plots")
        runs = results["wire"][0]["runs"]
        self.assertEqual([run["server"] for run in runs], SERVERS)
        for run in runs:
            misses = run["warmup"]["misses"] + run["measured"]["misses"]
            gets = run["warmup"]["gets"] + run["measured"]["gets"]
            self.assertEqual((run["server"], misses), (run["server"], keys * COPIES))
            self.assertEqual(gets, 20_000 * COPIES)
            self.assertEqual(sum(each["gets"] for each in run["windows"]), gets)

    def test_full_caches_at_equal_m_and_equal_rss_get_a_row_each(self):
        write_trace(self.trace, 30_000, 15_000, 3_000)
        path = self.document()
        results = self.run_compare("--megabytes", "16", "--no-plots", "--write", path)
        wire = results["wire"][0]
        ideal = wire["lines"]["ideal_lru"]["measured"]
        ours = wire["runs"][0]["measured"]
        self.assertEqual(ours["gets"], ideal["gets"] * COPIES)
        self.assertLess(abs(ours["misses"] / ours["gets"] - ideal["misses"] / ideal["gets"]), 0.05)
        self.assertLess(wire["lines"]["pfoo_l"]["measured"]["misses"], ideal["misses"])
        for run in wire["runs"]:
            self.assertGreater(run["rss_peak_bytes"], 16 << 20)
            self.assertGreater(run["measured"]["misses"], ideal["misses"])  # they are full
        equal_rss = [run["server"] for run in wire["runs"] if run["equal"] == "rss"]
        self.assertIn("redis", equal_rss)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
        self.assertNotIn("old\n", text)
        self.assertEqual(text.count("Redis, allkeys-lru |"), 1)
        self.assertEqual(text.count("Redis, allkeys-lru, equal RSS |"), 1)
        self.assertIn("| *ideal LRU* |", text)
        with open(os.path.join(self.out, "results.csv"), encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(sum(row["where"] == "wire" for row in rows), len(wire["runs"]))
        self.redraw(path)

    def redraw(self, path):
        """Plots from what was kept, or a sentence about what they need."""
        done = compare("--redraw", "--out", self.out, "--write", path)
        if importlib.util.find_spec("matplotlib") is None:
            self.assertEqual(done.returncode, 1)
            self.assertIn("tools/install bench", done.stderr)
            return
        self.assertEqual(done.returncode, 0, done.stderr)
        drawn = os.path.join(self.folder, "hitrate", "made.svg")
        with open(drawn, "rb") as file:
            first = file.read()
        self.assertIn(b"no automove", first)
        self.assertTrue(os.path.exists(os.path.join(self.out, "made.png")))
        self.assertEqual(compare("--redraw", "--out", self.out, "--write", path).returncode, 0)
        with open(drawn, "rb") as file:
            self.assertEqual(file.read(), first)

    def test_a_damaged_trace_is_named(self):
        with open(self.trace, "w", encoding="utf-8") as file:
            file.write("time,op,key_id,key_size,value_size,ttl\n0,get,0,16,5,0\n0,got,0,16,5,0\n")
        done = compare(self.trace, "--out", self.out)
        self.assertEqual(done.returncode, 1)
        self.assertIn("made.csv:3", done.stderr)

    def test_flags_that_make_no_sense_are_named(self):
        for flags, complaint in ((["x", "--servers", "cacheismo,fast"], "unknown server fast"),
                                 (["x", "--megabytes", "lots"], "whole numbers"),
                                 ([], "give traces, or --redraw")):
            done = compare(*flags)
            self.assertEqual(done.returncode, 2)
            self.assertIn(complaint, done.stderr)


if __name__ == "__main__":
    unittest.main()
