"""fuzz_target: one door through which strangers' bytes come, as a libFuzzer target.

For fuzz/NAME.cc, which defines LLVMFuzzerTestOneInput, it makes
  NAME_replay_test  runs the target once over every file of testdata/corpus/NAME, in the ordinary
                    test run and under any compiler
  NAME_fuzzer       the libFuzzer binary; only with --config=fuzz (see tools/fuzz)
The dictionary is fuzz/NAME.dict.
"""

load("//tools:cc.bzl", "WARNINGS")

def fuzz_target(name, deps):
    native.cc_library(
        name = name,
        testonly = True,
        srcs = [name + ".cc"],
        copts = WARNINGS,
        deps = deps,
        alwayslink = True,
    )
    native.cc_test(
        name = name + "_replay_test",
        size = "small",
        srcs = ["replay_main.cc"],
        args = ["testdata/corpus/" + name],
        copts = WARNINGS,
        data = ["//testdata/corpus"],
        deps = [":" + name],
    )
    native.cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":" + name],
    )
