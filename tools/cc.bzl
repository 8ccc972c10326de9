"""The project's C++ rules: the native ones with the house's flags.

cacheismo_library  core code: no exceptions, no RTTI, warnings are errors
cacheismo_lua_library  code of cacheismo/lua: the same with exceptions, in which Lua's errors travel
cacheismo_binary   a program (same flags), optimised as a whole
cacheismo_test     a GoogleTest (and RapidCheck) test: exceptions on, lightly optimised so that
                   the many test files compile fast
"""

load("//tools:whole_program.bzl", "whole_program")

WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wnon-virtual-dtor",
    "-Wimplicit-fallthrough",
    "-Wvla",
    "-Werror",
]

CORE = WARNINGS + [
    "-fno-exceptions",
    "-fno-rtti",
]

TEST = WARNINGS + ["-O1"]

def cacheismo_library(name, copts = [], **kwargs):
    native.cc_library(name = name, copts = CORE + copts, **kwargs)

def cacheismo_lua_library(name, copts = [], **kwargs):
    native.cc_library(name = name, copts = WARNINGS + ["-fno-rtti"] + copts, **kwargs)

def cacheismo_binary(name, copts = [], testonly = False, visibility = None, **kwargs):
    native.cc_binary(
        name = name + "_parts",
        testonly = testonly,
        copts = CORE + copts,
        tags = ["manual"],  # by itself nobody asks for it
        **kwargs
    )
    whole_program(
        name = name,
        testonly = testonly,
        program = name + "_parts",
        visibility = visibility,
    )

def cacheismo_testonly_library(name, copts = [], **kwargs):
    """Code that tests, the simulator's oracles or benches share; exceptions on."""
    native.cc_library(name = name, testonly = True, copts = WARNINGS + copts, **kwargs)

def cacheismo_test(name, deps = [], copts = [], size = "small", **kwargs):
    native.cc_test(
        name = name,
        size = size,
        copts = TEST + copts,
        deps = deps + ["//third_party:gtest_main"],
        **kwargs
    )
