"""Counts test cases from Bazel's build event stream and prints `N passed, N failed`.

Usage: count_tests.py --bazel-status CODE EVENTS.json

A case is a <testcase> of a target's test.xml (GoogleTest writes one for each test; for a script
Bazel writes one for the whole). A target that failed without a failing case in its XML (a crash, a
timeout, a failed build) is one failed case: nothing that went wrong may count as zero. Exits
non-zero if something failed, if nothing ran, or if Bazel itself did.
"""

import argparse
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def cases_in_xml(path):
    """(passed, failed) of one test.xml; (0, 0) if it cannot be read."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return 0, 0
    passed = failed = 0
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None and case.get("status") != "notrun":
            passed += 1
    return passed, failed


def xml_path(result):
    for output in result.get("testActionOutput", []):
        if output.get("name") == "test.xml":
            return urllib.parse.unquote(urllib.parse.urlparse(output.get("uri", "")).path)
    return None


def count(events):
    """(passed, failed, labels that failed) over all events. The last attempt of a target counts."""
    attempts = {}
    not_built = set()
    for event in events:
        identity = event.get("id", {})
        if "testResult" in identity and "testResult" in event:
            key = identity["testResult"]
            attempts[(key["label"], key.get("run"), key.get("shard"))] = event["testResult"]
        elif "targetCompleted" in identity and not event.get("completed", {}).get("success"):
            not_built.add(identity["targetCompleted"]["label"])
    passed = failed = 0
    failures = set()
    for (label, _, _), result in attempts.items():
        path = xml_path(result)
        case_passed, case_failed = cases_in_xml(path) if path else (0, 0)
        if result.get("status") in ("PASSED", "FLAKY"):
            passed += case_passed
        else:
            passed += case_passed if case_failed else 0
            case_failed = max(case_failed, 1)
        failed += case_failed
        if case_failed:
            failures.add(label)
    ran = {label for (label, _, _) in attempts}
    unbuilt = not_built - ran
    return passed, failed + len(unbuilt), failures | unbuilt


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bazel-status", type=int, required=True)
    parser.add_argument("events")
    arguments = parser.parse_args()
    with open(arguments.events, encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines if line.strip()]
    passed, failed, failures = count(events)
    if arguments.bazel_status != 0 and failed == 0:
        print(f"tools/test: bazel ended with {arguments.bazel_status} outside the tests")
        failed = 1
    if passed + failed == 0:
        print("tools/test: no test ran")
        failed = 1
    for label in sorted(failures):
        print(f"failed: {label}")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
