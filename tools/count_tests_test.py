#!/usr/bin/python3
"""What tools/test counts: every way in which a run can go wrong must show as a failure.

Method: event streams and XML files as Bazel writes them, in a temporary folder.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

COUNT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "count_tests.py")

TWO_PASS = (
    '<testsuites><testsuite><testcase name="a"/><testcase name="b"/></testsuite></testsuites>'
)
ONE_FAILS = (
    '<testsuites><testsuite><testcase name="a"/>'
    '<testcase name="b"><failure message="no"/></testcase></testsuite></testsuites>'
)


class CountTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def result(self, label, status, xml):
        outputs = []
        if xml is not None:
            path = os.path.join(self.folder, label.replace("/", "_").replace(":", "_"))
            with open(path, "w", encoding="utf-8") as file:
                file.write(xml)
            outputs = [{"name": "test.xml", "uri": "file://" + path}]
        return {
            "id": {"testResult": {"label": label, "run": 1, "shard": 1}},
            "testResult": {"status": status, "testActionOutput": outputs},
        }

    def run_on(self, events, bazel_status=0):
        path = os.path.join(self.folder, "events.json")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)
        done = subprocess.run(
            [sys.executable, COUNT, "--bazel-status", str(bazel_status), path],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.splitlines()

    def test_cases_of_all_targets_are_added(self):
        code, lines = self.run_on(
            [self.result("//a:t", "PASSED", TWO_PASS), self.result("//b:t", "PASSED", TWO_PASS)]
        )
        self.assertEqual((code, lines[-1]), (0, "4 passed, 0 failed"))

    def test_a_failing_case_fails_the_run_and_names_its_target(self):
        code, lines = self.run_on([self.result("//a:t", "FAILED", ONE_FAILS)], 3)
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed"))
        self.assertIn("failed: //a:t", lines)

    def test_a_crash_without_a_failing_case_is_one_failure(self):
        code, lines = self.run_on([self.result("//a:t", "FAILED", TWO_PASS)], 3)
        self.assertEqual((code, lines[-1]), (1, "0 passed, 1 failed"))

    def test_a_timeout_without_xml_is_one_failure(self):
        code, lines = self.run_on([self.result("//a:t", "TIMEOUT", None)], 3)
        self.assertEqual((code, lines[-1]), (1, "0 passed, 1 failed"))

    def test_a_target_that_did_not_build_is_one_failure(self):
        broken = {"id": {"targetCompleted": {"label": "//a:t"}}, "completed": {}}
        code, lines = self.run_on([broken, self.result("//b:t", "PASSED", TWO_PASS)], 1)
        self.assertEqual((code, lines[-1]), (1, "2 passed, 1 failed"))

    def test_no_test_at_all_is_a_failure(self):
        code, lines = self.run_on([])
        self.assertEqual((code, lines[-1]), (1, "0 passed, 1 failed"))

    def test_bazel_failing_by_itself_is_a_failure(self):
        code, lines = self.run_on([self.result("//a:t", "PASSED", TWO_PASS)], 37)
        self.assertEqual((code, lines[-1]), (1, "2 passed, 1 failed"))


if __name__ == "__main__":
    unittest.main()
