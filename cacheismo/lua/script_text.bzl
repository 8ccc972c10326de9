"""Lua scripts as text in a program, so that it needs no file beside it."""

def script_text(name, outs, pattern, shipped):
    """The file of `outs`: an initialiser of a Script (script.h) for each script but the tests.

    shipped: the word for Script::shipped, "true" or "false".
    """
    native.genrule(
        name = name,
        srcs = native.glob(
            [pattern + ".lua"],
            exclude = [pattern + "_test.lua"],
        ),
        outs = outs,
        cmd = """
          for script in $(SRCS); do
            printf '{"%s", R"LUA(' "$$(basename "$$script")"
            cat "$$script"
            printf ')LUA", """ + shipped + """},\\n'
          done > $@
        """,
    )
