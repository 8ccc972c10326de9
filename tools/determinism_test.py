#!/usr/bin/python3
"""The core can ask nobody for time, chance, files, sockets or threads: it links to none of them.

    determinism_test.py ARCHIVE...

Every symbol that a core library leaves undefined must be another of ours or one of the few below:
memory, strings, the C++ runtime, a failed CHECK's last words. Whatever is not listed fails, so a
new system call cannot slip in. Mutable globals are looked for in the same archives. First the rules
themselves are tried on symbols that must pass and symbols that must not.
"""

import re
import subprocess
import sys

# C symbols that neither ask the outside nor remember anything.
PURE_C = {
    "memcpy", "memmove", "memset", "memcmp", "memchr", "bcmp", "strlen", "strcmp",
    "__memcpy_chk", "__memmove_chk", "__memset_chk", "__stack_chk_fail", "__cxa_pure_virtual",
    "__gxx_personality_v0", "_Unwind_Resume", "_GLOBAL_OFFSET_TABLE_", "__cxa_guard_acquire",
    "__cxa_guard_release", "__cxa_guard_abort", "__errno_location", "__dso_handle", "memmem",
    "floor", "ceil", "llround", "__udivti3",
    # gcc's words for what clang writes in line: a search in a constant (text_library.cc), the bits
    # of a page's map (heap_pages.cc).
    "strchr", "__popcountdi2",
}  # yapf: disable
# check_failed prints and aborts: the end of every run.
PURE_C_OF = {
    "base": {"abort", "fprintf", "stderr", "fputs", "fputc", "fwrite"},
    # nlohmann/json asks the C locale for its decimal point, which nobody here sets, to read numbers
    # with a fraction; abort stands where it would throw.
    "etcd": {"abort", "localeconv", "snprintf", "strtod", "strtoll", "strtoull"},
    # OpenSSL's, into a buffer of ours: they compute and remember nothing.
    "ring": {"MD5", "MD5_Init", "MD5_Transform"},
    # std::pmr aborts where it would throw.
    "peer_link": {"abort"},
}
# The rooms of scripts: Lua's errors are exceptions, and Lua itself is built from its sources
# without clock, files or chance (third_party/lua.BUILD). A shared_ptr asks whether there is one
# thread.
SCRIPT_ROOMS = {"codec", "engine", "heap", "json", "marshal", "stored_table", "types", "vm"}
SCRIPT_C = re.compile(r"^__cxa_\w+$|^__libc_single_threaded$|^snprintf$")
SCRIPT_CPP = re.compile(r"^lua_|^luaL_|^luaopen_(?:base|coroutine|math|string|table|utf8)\(")
# What the sanitizers and the fuzzer put in.
INSTRUMENTATION = re.compile(r"^__(?:asan|ubsan|tsan|sanitizer|sancov|msan|lsan|start___sancov|"
                             r"stop___sancov)_")
# C++ symbols are the runtime's or ours; these are not pure.
IMPURE_CPP = re.compile(
    r"std::(?:chrono|random_device|thread|jthread|mutex|condition_variable|future|this_thread|"
    r"filesystem|locale|ios_base|basic_[io]?f?stream|c(?:in|out|err|log)\b|shuffle|get_time|"
    r"put_time)|_Hash_bytes"
)
PURE_CPP = re.compile(
    r"^(?:std::|operator |__cxxabiv1::|fmt::|typeinfo |vtable |__gnu_cxx::)"
)
MUTABLE_SECTIONS = re.compile(r"^\.(?:data|bss|tdata|tbss)(?!\.rel\.ro)")


def is_pure(library, symbol, name):
    """`symbol` as the linker knows it, `name` as C++ does."""
    if INSTRUMENTATION.match(symbol):
        return True
    if name.startswith("cacheismo::"):
        return True
    if library in SCRIPT_ROOMS and (SCRIPT_C.match(symbol) or SCRIPT_CPP.match(name)):
        return True
    if symbol.startswith("_Z") and name.startswith("char fmt::"):
        return True
    if symbol.startswith("_Z"):
        return PURE_CPP.match(name) is not None and not IMPURE_CPP.search(name)
    return symbol in PURE_C or symbol in PURE_C_OF.get(library, set())


def output_of(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def undefined_symbols(archive):
    found = set(re.findall(r"^ +U (\S+)$", output_of("nm", "--undefined-only", archive), re.M))
    names = output_of("c++filt", text="\n".join(sorted(found))).splitlines()
    return list(zip(sorted(found), names))


def mutable_globals(archive):
    """(section, name) of every object in a section that can be written."""
    for line in output_of("objdump", "--syms", "--demangle", archive).splitlines():
        found = re.match(r"^[0-9a-f]{16} .{6}O (\S+)\s+[0-9a-f]{16} +(?:\.hidden )?(.*)$", line)
        # DW.ref. is how code finds the function that unwinds it; nobody writes there.
        if found and MUTABLE_SECTIONS.match(found.group(1)) and "DW.ref." not in found.group(1):
            yield found.group(1), found.group(2)


def breaches(archive):
    library = re.sub(r"^lib|(\.pic)?\.a$", "", archive.split("/")[-1])
    symbols = undefined_symbols(archive)
    for symbol, name in symbols:
        if not is_pure(library, symbol, name):
            yield f"{library} links to {name}"
    if not any(INSTRUMENTATION.match(symbol) for symbol, _ in symbols):
        for section, name in mutable_globals(archive):
            yield f"{library} has a mutable global {name} in {section}"


def self_test():
    impure = ["time", "clock_gettime", "gettimeofday", "clock", "rand", "random", "getrandom",
              "getentropy", "getenv", "socket", "connect", "accept4", "epoll_wait", "poll",
              "pthread_create", "pthread_mutex_lock", "open", "openat", "read", "write", "close",
              "fopen", "send", "recv", "nanosleep", "usleep", "getpid", "syscall", "sched_yield"]
    for symbol in impure:
        assert not is_pure("store", symbol, symbol), symbol
    for name in ["std::chrono::_V2::system_clock::now()", "std::random_device::_M_getval()",
                 "std::ios_base::Init::Init()", "std::this_thread::__sleep_for(x)",
                 "std::_Hash_bytes(void const*, unsigned long, unsigned long)", "boost::f()"]:
        assert not is_pure("store", "_Z1f", name), name
    for name in ["cacheismo::at(std::chrono::time_point<x>)", "operator new(unsigned long)",
                 "std::terminate()"]:
        assert is_pure("store", "_Z1f", name), name
    for name in ["luaopen_os(lua_State*)", "luaopen_io(lua_State*)", "luaopen_package(lua_State*)"]:
        assert not is_pure("vm", "_Z1f", name), name
    assert is_pure("vm", "_Z1f", "lua_next(lua_State*)")
    assert not is_pure("store", "_Z1f", "lua_next(lua_State*)")
    assert is_pure("base", "fprintf", "fprintf") and not is_pure("store", "fprintf", "fprintf")
    assert MUTABLE_SECTIONS.match(".bss._ZN1xE") and not MUTABLE_SECTIONS.match(".data.rel.ro.x")


def main():
    self_test()
    archives = {}
    for path in sys.argv[1:]:
        if path.endswith(".a"):  # a library may come as .a and .pic.a: either will do
            archives[re.sub(r"(\.pic)?\.a$", "", path)] = path
    found = [line for path in archives.values() for line in breaches(path)]
    for line in found:
        print(line)
    print(f"{len(archives)} libraries, {len(found)} breaches")
    return 1 if found or not archives else 0


if __name__ == "__main__":
    sys.exit(main())
