#!/usr/bin/python3
"""Style is a test: everything in docs/STYLE.md and docs/ARCHITECTURE.md that a program can see.

    tools/tidy            checks the tree that this file lies in
    tools/tidy --root DIR another tree (its own test does that)

Each check is a function from the tree to (path, line, message). An exception to a limit stands in
ALLOWED below with its reason, or there is none; an entry that excuses nothing is itself a breach.
"""

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys

LINE_CHARS_MAX = 100
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
HEAD_LINES_MAX = 40
FILE_BYTES_MAX = 512 * 1024

# (check, path): why the breach may stay.
ALLOWED = {}

# room: rooms whose headers it may include besides its own. Docs: the doors table.
DOORS = {
    "base": [],
    "alloc": ["base"],
    "proto": ["base"],
    "io": ["base"],
    "store": ["base", "alloc"],
    "lua": ["base"],
    "cluster": ["base", "proto"],
    "node": ["base", "alloc", "store", "proto", "lua", "cluster", "io"],
    "main": ["base", "node", "proto", "io", "lua", "cluster", "sim"],
}
# The contract itself knows no backend, and nobody but main and the backends' own tests names one.
IO_CONTRACT = "cacheismo/io/io"
BACKEND = re.compile(r"cacheismo/io/(?!io\.h$)")

# What reads a clock, draws chance, starts a thread or asks the environment. Matched in code without
# comments and strings.
BANNED_NAMES = [
    r"(?<![\w.>:])(?:::|std::)?(?:s?rand|time|sleep|usleep|nanosleep|clock(?=\s*\(\)))\s*\(",
    r"\b(?:gettimeofday|clock_gettime|getenv|secure_getenv|getrandom|getentropy)\b",
    r"\bstd::(?:random_device|mt19937\w*|\w+_distribution|shuffle|hash|thread|jthread|mutex|async)\b",
    r"\b(?:system_clock|steady_clock|high_resolution_clock|sleep_for|sleep_until)\b",
    r"\bthread_local\b",
]
BANNED_INCLUDES = re.compile(
    r"<(random|thread|mutex|condition_variable|future|ctime|time\.h|filesystem|fstream|iostream|"
    r"unistd\.h|fcntl\.h|poll\.h|signal\.h|csignal|pthread\.h|(sys|netinet|arpa|linux)/.*)>"
)
# Where the outside world is let in on purpose.
MAY_TOUCH_THE_WORLD = [
    "cacheismo/io/*",
    "cacheismo/*.cc",  # the daemon around the node; fnmatch's * crosses '/', see touches_world()
    "cacheismo/*.h",
    "bench/*",
    "fuzz/replay_main.cc",
    "sim/*main.cc",
    "sim/conversation/server_process.*",  # plays conversations with real programs
    "sim/conversation/socket_*",
    "sim/conversation/shelf.cc",  # finds the conversations' files
]

CPP = (".cc", ".h")
OUR_ROOTS = ("cacheismo/", "sim/", "fuzz/", "bench/")
PLACES = re.compile(r"(?<![\w.])/(?:work|root|home)/|/tmp/w\b|\.\./shared\b")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
GENERATED = ["*.o", "*.a", "*.so", "*.pyc", "*.class", "*.log", "bazel-*", "*/node_modules/*", "*~"]


class Tree:
    def __init__(self, root):
        self.root = root
        self.paths = sorted(self._list())
        self._texts = {}

    def _list(self):
        git = ["git", "-c", "safe.directory=*", "-C", self.root]
        found = subprocess.run(
            git + ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
        )
        if found.returncode == 0:
            names = [name.decode() for name in found.stdout.split(b"\0") if name]
        else:  # an unpacked archive
            names = []
            for folder, folders, files in os.walk(self.root):
                folders[:] = [f for f in folders if not f.startswith((".", "bazel-"))]
                names += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        return [name for name in names if os.path.isfile(os.path.join(self.root, name))]

    def bytes(self, path):
        with open(os.path.join(self.root, path), "rb") as file:
            return file.read()

    def text(self, path):
        """The file's text, or None if it is no text."""
        if path not in self._texts:
            raw = self.bytes(path)
            try:
                self._texts[path] = None if b"\0" in raw else raw.decode()
            except UnicodeDecodeError:
                self._texts[path] = None
        return self._texts[path]

    def lines(self, path):
        return (self.text(path) or "").splitlines()

    def generates(self, path):
        """Whether a rule of the folder's BUILD file makes the file."""
        folder, name = os.path.split(path)
        return f'outs = ["{name}"]' in (self.text(f"{folder}/BUILD") or "")

    def cpp(self):
        return [path for path in self.paths if path.endswith(CPP)]

    def ours(self):
        """Text that we write by hand: no licence, no test data."""
        skip = ("testdata/", "LICENSE", "tools/tidy")
        return [p for p in self.paths if not p.startswith(skip) and self.text(p) is not None]


def code_only(text):
    """Comments and the insides of strings become blanks; line numbers stay."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S
    )
    return pattern.sub(lambda m: '""' + "\n" * m.group(0).count("\n"), text)


def room(path):
    """cacheismo/store/x.h -> store; cacheismo/main.cc -> main; sim/x.h -> sim."""
    parts = path.split("/")
    if parts[0] != "cacheismo":
        return parts[0]
    return parts[1] if len(parts) > 2 else "main"


def is_test(path):
    """A test, or what a room's tests share: test_wire.h."""
    return re.search(r"_test\.cc$|/test_\w+\.(cc|h)$", path) is not None


def check_format(tree):
    files = tree.cpp()
    if files and shutil.which("clang-format") is None:
        yield files[0], 1, "cannot be checked: clang-format is missing (tools/install)"
        return
    if not files:
        return
    done = subprocess.run(
        ["clang-format", "--dry-run", "--fallback-style=none", *files],
        cwd=tree.root,
        capture_output=True,
        text=True,
    )
    seen = set()
    for path, line in re.findall(r"^(\S+?):(\d+):\d+: .*clang-format", done.stderr, re.M):
        if path not in seen:
            seen.add(path)
            yield path, int(line), "is not what clang-format makes of it"


def check_line_length(tree):
    for path in tree.ours():
        if not path.endswith(CPP + (".bzl", ".py")) and os.path.basename(path) != "BUILD":
            continue
        for number, line in enumerate(tree.lines(path), 1):
            if len(line) > LINE_CHARS_MAX:
                yield path, number, f"{len(line)} columns; the limit is {LINE_CHARS_MAX}"


def touches_world(path):
    for pattern in MAY_TOUCH_THE_WORLD:
        if path.count("/") == pattern.count("/") and fnmatch.fnmatch(path, pattern):
            return True
    return path.startswith(("cacheismo/io/", "bench/"))


def check_names(tree):
    for path in tree.cpp():
        if touches_world(path):
            continue
        for number, line in enumerate(code_only(tree.text(path)).splitlines(), 1):
            for pattern in BANNED_NAMES:
                found = re.search(pattern, line)
                if found:
                    yield path, number, f"names `{found.group(0).strip()}`, which is io's matter"
            include = BANNED_INCLUDES.search(line) if line.startswith("#include") else None
            if include:
                yield path, number, f"includes {include.group(0)}, which is io's matter"


def check_guards(tree):
    for path in tree.paths:
        if not path.endswith(".h"):
            continue
        guard = re.sub(r"\W", "_", path).upper() + "_"
        if not guard.startswith("CACHEISMO_"):
            guard = "CACHEISMO_" + guard
        text = tree.text(path)
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield path, 1, f"has no header guard {guard}"


def check_doors(tree):
    for path in tree.cpp():
        own = room(path)
        if own not in DOORS and own not in ("sim", "fuzz", "bench"):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            found = re.match(r'#include "([^"]+)"', line)
            if not found:
                continue
            target = found.group(1)
            if not target.startswith(OUR_ROOTS):
                yield path, number, f"includes {target} as ours; write <{target}>"
            elif target not in tree.paths and not tree.generates(target):
                yield path, number, f"includes {target}, which is no path from the root"
            elif is_test(path):
                continue
            elif own in DOORS and room(target) not in DOORS[own] + [own]:
                yield path, number, f"{own} has no door to {room(target)}"
            elif BACKEND.match(target) and (own not in ("io", "main") or path.startswith(
                    IO_CONTRACT + ".")):
                if own not in ("sim", "bench"):
                    yield path, number, f"{own} may know {IO_CONTRACT}.h, not a backend"


def check_build_heads(tree):
    for path in tree.paths:
        if os.path.basename(path) != "BUILD" or path.startswith("third_party/"):
            continue
        name = os.path.basename(os.path.dirname(path)) or "cacheismo"
        full = os.path.dirname(path) or "cacheismo"
        head = (tree.lines(path) or [""])[0]
        if not head.startswith((f"# {name}: ", f"# {full}: ")):
            yield path, 1, f"does not start with its purpose, `# {name}: ...`"


def check_file_heads(tree):
    for path in tree.cpp():
        lines = tree.lines(path)
        head = 0
        while head < len(lines) and lines[head].startswith("//"):
            head += 1
        described = path.endswith(".cc") and path[:-3] + ".h" in tree.paths
        if head == 0 and not described:
            yield path, 1, "does not open with what it is"
        elif head > HEAD_LINES_MAX:
            yield path, 1, f"opens with {head} lines; the limit is {HEAD_LINES_MAX}"


def check_file_length(tree):
    for path in tree.ours():
        if path.endswith(CPP + (".bzl", ".py")) and len(tree.lines(path)) > FILE_LINES_MAX:
            yield path, 1, f"{len(tree.lines(path))} lines; the limit is {FILE_LINES_MAX}"


SCOPE = re.compile(r"\b(?:namespace|class|struct|enum|union|extern)\b")


def functions(code):
    """(first line, lines of the body) of every function that lies in no other function."""
    line, head, stack, body = 1, "", [], None
    for c in code:
        if c == "\n":
            line += 1
        if c == "{":
            scope = SCOPE.search(head) is not None and not head.rstrip().endswith(")")
            if body is None and "(" in head and not scope:
                body = (line, len(stack))
            stack.append(line)
        elif c == "}" and stack:
            stack.pop()
            if body is not None and body[1] == len(stack):
                yield body[0], line - body[0] - 1
                body = None
        head = "" if c in "{};" else head + c


def check_function_length(tree):
    for path in tree.cpp():
        for line, length in functions(code_only(tree.text(path))):
            if length > FUNCTION_LINES_MAX:
                yield path, line, f"{length} lines; the limit is {FUNCTION_LINES_MAX}"


def check_unfinished(tree):
    for path in tree.ours():
        for number, line in enumerate(tree.lines(path), 1):
            found = UNFINISHED.search(line)
            if found:
                yield path, number, f"says {found.group(0)}: do it, or say why it stays undone"


def check_places(tree):
    for path in tree.ours():
        for number, line in enumerate(tree.lines(path), 1):
            found = PLACES.search(line)
            if found:
                yield path, number, f"names a place on one machine: {found.group(0)}"


def check_generated(tree):
    for path in tree.paths:
        if any(fnmatch.fnmatch(path, pattern) for pattern in GENERATED):
            yield path, 1, "looks generated"
        elif len(tree.bytes(path)) > FILE_BYTES_MAX:
            yield path, 1, f"is larger than {FILE_BYTES_MAX} bytes"


def check_dead_files(tree):
    for path in tree.paths:
        if not path.endswith(CPP + (".py",)):
            continue
        folder = os.path.dirname(path)
        while folder and folder + "/BUILD" not in tree.paths:
            folder = os.path.dirname(folder)
        rules = [p for p in tree.paths if os.path.dirname(p) == folder]
        rules = [p for p in rules if p.endswith(".bzl") or os.path.basename(p) == "BUILD"]
        build = "\n".join(tree.text(p) or "" for p in rules)
        name = path[len(folder) + 1:] if folder else path
        # Macros and loops leave the ending out.
        named = f'"{name}"' in build or f'"{os.path.splitext(name)[0]}"' in build
        globs = re.findall(r'"([^"\n]*\*[^"\n]*)"', build)
        if not named and not any(fnmatch.fnmatch(name, pattern) for pattern in globs):
            yield path, 1, "is in no BUILD file"


def check_links(tree):
    for path in tree.ours():
        if not path.endswith(".md"):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", line):
                full = os.path.normpath(os.path.join(os.path.dirname(path), target))
                if not os.path.exists(os.path.join(tree.root, full)):
                    yield path, number, f"links to {target}, which does not exist"


def check_determinism_covers(tree):
    tested = tree.text("tools/BUILD") or ""
    for own in DOORS:
        build = f"cacheismo/{own}/BUILD"
        if own != "io" and build in tree.paths and f'"//cacheismo/{own}"' not in tested:
            yield build, 1, "its library is not in determinism_test's list, tools/BUILD"


CHECKS = {
    name[len("check_"):]: check for name, check in list(globals().items())
    if name.startswith("check_")
}


def breaches(tree):
    """All breaches that are not excused, and excuses that are not needed."""
    unused = set(ALLOWED)
    for name, check in CHECKS.items():
        for path, line, message in check(tree):
            unused.discard((name, path))
            if (name, path) not in ALLOWED:
                yield f"{path}:{line}: {message} [{name}]"
    for name, path in sorted(unused):
        yield f"tools/tidy.py: the exception for {path} [{name}] excuses nothing"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    parser.add_argument("--root", default=here)
    tree = Tree(parser.parse_args().root)
    found = list(breaches(tree))
    for line in found:
        print(line)
    print(f"tidy: {len(tree.paths)} files, {len(CHECKS)} checks, {len(found)} breaches")
    return 1 if found or not tree.paths else 0


if __name__ == "__main__":
    sys.exit(main())
