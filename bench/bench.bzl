"""cacheismo_bench: a Google Benchmark that is also a test.

`bazel test` runs it tiny, so that it cannot rot; `bazel run //bench:NAME -- --benchmark_min_time=1`
measures.
"""

load("//tools:cc.bzl", "CORE")

def cacheismo_bench(name, srcs, deps, args = [], **kwargs):
    native.cc_test(
        name = name,
        srcs = srcs,
        args = ["--benchmark_min_time=0.001"] + args,
        copts = CORE,
        linkstatic = True,  # as the daemon is linked: no call goes through a table
        deps = deps + ["//third_party:benchmark_main"],
        **kwargs
    )
