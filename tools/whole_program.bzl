"""Programs that clang optimises as a whole (ThinLTO), while tests link the same code as it is.

    cc_binary "x_parts"  -- built again, with -flto=thin -->  whole_program "x", a link to it

What is called across files is inlined then; docs/decisions/0009 has the figures. Only programs pay
for it: each link compiles all that it links once more. `--//tools:lto=false` builds a program from
the objects that tests have; .bazelrc says so for gcc, which has another LTO, and for sanitizers.
"""

_COPT = "//command_line_option:copt"
_LINKOPT = "//command_line_option:linkopt"
_LTO = "//tools:lto"

def _with_lto(settings, _attr):
    added = ["-flto=thin"] if settings[_LTO] else []
    return {
        _COPT: settings[_COPT] + added,
        _LINKOPT: settings[_LINKOPT] + added,
        _LTO: False,
    }

_lto = transition(
    implementation = _with_lto,
    inputs = [_COPT, _LINKOPT, _LTO],
    outputs = [_COPT, _LINKOPT, _LTO],
)

def _implementation(ctx):
    program = ctx.attr.program[0][DefaultInfo]
    link = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = link,
        target_file = program.files_to_run.executable,
        is_executable = True,
    )
    return DefaultInfo(executable = link, runfiles = program.default_runfiles)

_ATTRIBUTES = {
    "program": attr.label(cfg = _lto, executable = True, mandatory = True),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
}

whole_program = rule(implementation = _implementation, attrs = _ATTRIBUTES, executable = True)
whole_program_test = rule(implementation = _implementation, attrs = _ATTRIBUTES, test = True)

def _bool_flag(_ctx):
    return []

bool_flag = rule(implementation = _bool_flag, build_setting = config.bool(flag = True))
