#!/usr/bin/python3
"""Every check of tools/tidy finds the breach it is for, and leaves a clean tree alone.

Method: a small clean tree in a temporary folder, which one edit at a time breaks.
"""

import importlib.util
import os
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("tidy", os.path.join(HERE, "tidy.py"))
tidy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tidy)

HEADER = """// Things: what the test is about.

#ifndef CACHEISMO_STORE_THING_H_
#define CACHEISMO_STORE_THING_H_

#include "cacheismo/base/base.h"

inline int thing() { return base(); }

#endif  // CACHEISMO_STORE_THING_H_
"""
CLEAN = {
    ".clang-format": "BasedOnStyle: Google\nColumnLimit: 100\n",
    "cacheismo/base/BUILD": '# base: words.\ncc_library(hdrs = ["base.h"])\n',
    "cacheismo/base/base.h": HEADER.replace("STORE_THING", "BASE_BASE")
    .replace('#include "cacheismo/base/base.h"\n\n', "")
    .replace("thing() { return base(); }", "base() { return 1; }"),
    "cacheismo/io/BUILD": '# io: the outside.\ncc_library(hdrs = ["io.h", "epoll_io.h"])\n',
    "cacheismo/io/io.h": "// Io.\n\n#ifndef CACHEISMO_IO_IO_H_\n#define CACHEISMO_IO_IO_H_\n#endif\n",
    "cacheismo/io/epoll_io.h": "// Epoll.\n\n#ifndef CACHEISMO_IO_EPOLL_IO_H_\n"
    "#define CACHEISMO_IO_EPOLL_IO_H_\n#endif\n",
    "cacheismo/node/BUILD": '# node: all of it.\ncc_library(hdrs = ["node.h"])\n',
    "cacheismo/node/node.h": '// Node.\n\n#ifndef CACHEISMO_NODE_NODE_H_\n#define '
    'CACHEISMO_NODE_NODE_H_\n\n#include "cacheismo/io/io.h"\n\n#endif\n',
    "cacheismo/store/BUILD": '# store: items.\ncc_library(hdrs = ["thing.h"], srcs = ["thing.cc"])\n',
    "cacheismo/store/thing.h": HEADER,
    "tools/BUILD": '# tools: typed.\n["//cacheismo/base", "//cacheismo/node", "//cacheismo/store"]\n',
    "cacheismo/store/thing.cc": '#include "cacheismo/store/thing.h"\n',
}


class TidyChecks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        tidy.ALLOWED = {}
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def found(self):
        return list(tidy.breaches(tidy.Tree(self.root)))

    def expect(self, check, path):
        """Exactly one breach, by `check`, in `path`."""
        found = self.found()
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(path + ":"), found)
        self.assertTrue(found[0].endswith(f"[{check}]"), found)

    def append(self, code, path="cacheismo/store/thing.cc"):
        self.write(path, CLEAN[path] + code)

    def test_clean_tree_has_no_breach(self):
        self.assertEqual(self.found(), [])

    def test_format(self):
        self.append("\nint  two_spaces();\n")
        self.expect("format", "cacheismo/store/thing.cc")

    def test_line_length(self):
        self.write("cacheismo/store/BUILD", CLEAN["cacheismo/store/BUILD"] + "#" * 101 + "\n")
        self.expect("line_length", "cacheismo/store/BUILD")

    def test_names(self):
        for code in (
            "int a = rand();",
            "long a = time(nullptr);",
            "long a = std::time(nullptr);",
            "long a = ::clock();",
            "long a = clock();",
            "thread_local int a = 0;",
            "std::random_device a;",
            "auto a = std::chrono::steady_clock::now();",
            "const char* a = getenv(0);",
            "void f() { usleep(1); }",
            "std::uniform_int_distribution<int> a;",
            "#include <thread>",
            "#include <sys/socket.h>",
        ):
            with self.subTest(code):
                self.append("\n" + code + "\n")
                self.expect("names", "cacheismo/store/thing.cc")

    def test_names_that_only_look_banned(self):
        self.append("\n// rand() and time() in a comment\n"
                    'const char* a = "time(";\nint operand(int);\nint b = io.time(1);\n'
                    "int uptime(int);\nstruct S {\n  S() : clock(7) {}\n  int clock;\n};\n#include <chrono>\n")
        self.assertEqual(self.found(), [])

    def test_io_may_touch_the_world(self):
        self.append("\n#include <unistd.h>\n", "cacheismo/io/io.h")
        self.assertEqual(self.found(), [])

    def test_guards(self):
        self.write("cacheismo/store/thing.h", HEADER.replace("THING_H_", "OTHER_H_"))
        self.expect("guards", "cacheismo/store/thing.h")

    def test_doors(self):
        self.append('\n#include "cacheismo/node/node.h"\n')
        self.expect("doors", "cacheismo/store/thing.cc")

    def test_doors_to_a_backend(self):
        self.append('\n#include "cacheismo/io/epoll_io.h"\n', "cacheismo/node/node.h")
        self.expect("doors", "cacheismo/node/node.h")

    def test_doors_from_the_contract_to_a_backend(self):
        self.append('\n#include "cacheismo/io/epoll_io.h"\n', "cacheismo/io/io.h")
        self.expect("doors", "cacheismo/io/io.h")

    def test_includes_start_at_the_root(self):
        self.append('\n#include "thing.h"\n')
        self.expect("doors", "cacheismo/store/thing.cc")

    def test_includes_may_be_made_by_a_rule(self):
        self.write("cacheismo/store/BUILD",
                   CLEAN["cacheismo/store/BUILD"] + '\ngenrule(outs = ["table.inc"])\n')
        self.append('\n#include "cacheismo/store/table.inc"\n')
        self.assertEqual(self.found(), [])

    def test_build_heads(self):
        self.write("cacheismo/io/BUILD", CLEAN["cacheismo/io/BUILD"].replace("# io: ", "# "))
        self.expect("build_heads", "cacheismo/io/BUILD")

    def test_file_heads(self):
        self.write("cacheismo/store/thing.h", HEADER[HEADER.index("#ifndef"):])
        self.expect("file_heads", "cacheismo/store/thing.h")

    def test_file_heads_that_are_books(self):
        self.write("cacheismo/store/thing.h", "// Line.\n" * 40 + HEADER)
        self.expect("file_heads", "cacheismo/store/thing.h")

    def test_file_length(self):
        self.append("\n" + "int a;\n" * 400)
        self.expect("file_length", "cacheismo/store/thing.cc")

    def test_function_length(self):
        body = "  a();\n" * 61
        self.append("\nnamespace n {\nclass C {\n  void f() { a(); }\n};\n\nvoid C::f() {\n" + body +
                    "}\n}  // namespace n\n")
        self.expect("function_length", "cacheismo/store/thing.cc")

    def test_a_long_class_is_no_long_function(self):
        self.append("\nclass C {\n" + "  int a();\n" * 100 + "};\n")
        self.assertEqual(self.found(), [])

    def test_unfinished(self):
        self.append("\n// TO" + "DO: later\n")
        self.expect("unfinished", "cacheismo/store/thing.cc")

    def test_places(self):
        self.write("docs/A.md", "see /wo" + "rk/shared\n")
        self.expect("places", "docs/A.md")

    def test_generated(self):
        self.write("cacheismo/store/thing.o", "\0")
        self.expect("generated", "cacheismo/store/thing.o")

    def test_dead_files(self):
        self.write("cacheismo/store/dead.cc", "// Nobody builds this.\n")
        self.expect("dead_files", "cacheismo/store/dead.cc")

    def test_dead_files_of_python(self):
        self.write("cacheismo/store/dead_test.py", "# Nobody runs this.\n")
        self.expect("dead_files", "cacheismo/store/dead_test.py")

    def test_links(self):
        self.write("docs/A.md", "[here](A.md) [out](https://b.c/d) [store](../cacheismo/store)\n")
        self.assertEqual(self.found(), [])
        self.write("docs/A.md", "[gone](B.md#part)\n")
        self.expect("links", "docs/A.md")

    def test_determinism_covers(self):
        self.write("tools/BUILD", CLEAN["tools/BUILD"].replace('"//cacheismo/store"', ""))
        self.expect("determinism_covers", "cacheismo/store/BUILD")

    def test_an_exception_that_excuses_nothing(self):
        tidy.ALLOWED = {("names", "cacheismo/store/thing.cc"): "a test"}
        self.assertIn("excuses nothing", self.found()[0])
        self.append("\nint a = rand();\n")
        self.assertEqual(self.found(), [])

    def test_every_check_is_tested(self):
        tests = " ".join(name for name in dir(self) if name.startswith("test_"))
        for check in tidy.CHECKS:
            self.assertIn("test_" + check, tests)


if __name__ == "__main__":
    unittest.main()
