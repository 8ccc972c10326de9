"""cacheismo_bench: a Google Benchmark that is also a test.

`bazel test` runs it tiny, so that it cannot rot; `bazel run //bench:NAME -- --benchmark_min_time=1`
measures.
"""

load("//tools:cc.bzl", "CORE")
load("//tools:whole_program.bzl", "whole_program_test")

def measured_program(name, args, size = "small", **kwargs):
    """A program that is also a test, when it is run with `args`; it is built as the daemon is."""
    native.cc_binary(
        name = name + "_parts",
        testonly = True,
        copts = CORE,
        tags = ["manual"],
        **kwargs
    )
    whole_program_test(
        name = name,
        size = size,
        args = args,
        program = name + "_parts",
    )

def cacheismo_bench(name, deps, args = [], **kwargs):
    measured_program(
        name = name,
        args = ["--benchmark_min_time=0.001"] + args,
        deps = deps + ["//third_party:benchmark_main"],
        **kwargs
    )
