"""Makes data of Jinja2's own test suite: every template that its tests render, with settings, variables and outcome.

`python record_suite.py jinja2-3.1.6/tests suite-cases.json`, with the Python that has Jinja2 3.1.6 and pytest. What only Python can
hold (extensions, filters and objects of the tests' own, coroutines, native types) is left out and counted.
"""

import collections
import json
import re
import sys

import jinja2
import pytest
from jinja2.sandbox import SandboxedEnvironment

SETTINGS = [
    "block_start_string", "block_end_string", "variable_start_string", "variable_end_string", "comment_start_string",
    "comment_end_string", "line_statement_prefix", "line_comment_prefix", "trim_blocks", "lstrip_blocks", "newline_sequence",
    "keep_trailing_newline",
]
KINDS = {jinja2.Undefined: "default", jinja2.StrictUndefined: "strict", jinja2.ChainableUndefined: "chainable", jinja2.DebugUndefined: "debug"}
KNOWN = {"jinja2.ext.ExprStmtExtension", "jinja2.ext.LoopControlExtension"}

cases, skipped, running, test = {}, collections.Counter(), [0], [""]


class Skip(Exception):
    pass


def typed(value):
    if value is None or isinstance(value, (bool, int, float)) or type(value) is str:
        return value
    if isinstance(value, jinja2.utils.markupsafe.Markup):
        return {"$markup": str(value)}
    if type(value) is list:
        return [typed(v) for v in value]
    if type(value) is tuple:
        return {"$tuple": [typed(v) for v in value]}
    if type(value) is range:
        return {"$range": [value.start, value.stop, value.step]}
    if type(value) is dict:
        return {"$dict": [[typed(k), typed(v)] for k, v in value.items()]}
    raise Skip("a variable of a type of its own")


def settings(env):
    if type(env) not in (jinja2.Environment, SandboxedEnvironment):
        raise Skip("an environment of its own class")
    if env.is_async:
        raise Skip("coroutines")
    names = {f"{type(e).__module__}.{type(e).__name__}" for e in env.extensions.values()}
    if names - KNOWN:
        raise Skip("extensions")
    if env.finalize:
        raise Skip("finalize")
    for what in ("filters", "tests"):
        if set(getattr(env, what)) - set(getattr(jinja2.Environment(), what)):
            raise Skip(f"{what} of its own")
    if env.policies != jinja2.defaults.DEFAULT_POLICIES:
        raise Skip("policies")
    if env.undefined not in KINDS:
        raise Skip("a kind of undefined of its own")
    default = jinja2.Environment()
    changed = {name: getattr(env, name) for name in SETTINGS if getattr(env, name) != getattr(default, name)}
    loader = env.loader
    if loader is None:
        files = None
    elif type(loader) is jinja2.DictLoader:
        files = dict(loader.mapping)
    else:
        raise Skip("a loader of its own")
    auto = env.autoescape
    own = {name: typed(value) for name, value in env.globals.items() if name not in default.globals}
    return {
        "g": own,
        "s": changed, "u": KINDS[env.undefined], "sandbox": type(env) is SandboxedEnvironment, "auto": auto if isinstance(auto, bool) else None,
        "do": "jinja2.ext.ExprStmtExtension" in names, "loops": "jinja2.ext.LoopControlExtension" in names, "files": files,
    }


def note(env, source, name, context, outcome):
    try:
        if not isinstance(source, str):
            raise Skip("a tree instead of a text")
        if "|random" in source:
            raise Skip("chance")
        case = {"t": source, "name": name, **settings(env), "c": [[k, typed(v)] for k, v in context.items()]}
        if case["auto"] is None:
            case["auto"] = bool(env.autoescape(name))
        cases.setdefault(json.dumps(case, sort_keys=True), {"test": test[0], **case, **outcome})
    except Skip as reason:
        skipped[str(reason)] += 1


def failure(error):
    text = error.message if isinstance(error, jinja2.TemplateSyntaxError) else str(error)
    return {"err": type(error).__name__, "msg": re.sub(r"0x[0-9a-f]{6,}", "0x7f0000000000", str(text))}


def wrap(owner, name, noted):
    original = getattr(owner, name)

    def wrapped(self, *args, **kwargs):
        # Only what tests ask for themselves, not what follows from it.
        running[0] += 1
        try:
            value = original(self, *args, **kwargs)
        except Exception as error:
            running[0] -= 1
            if not running[0]:
                noted(self, args, kwargs, None, error)
            raise
        running[0] -= 1
        if not running[0]:
            noted(self, args, kwargs, value, None)
        return value

    setattr(owner, name, wrapped)


def read(env, args, kwargs, template, error):
    source = args[0] if args else kwargs.get("source")
    if error:
        note(env, source, None, {}, failure(error))
    elif len(args) > 1 or kwargs.get("globals"):
        template.origin = None
    else:
        template.origin = (source, None)


def got(env, args, kwargs, template, error):
    name = args[0] if args else kwargs.get("name")
    if len(args) > 1 or kwargs or not isinstance(name, str) or type(env.loader) is not jinja2.DictLoader:
        if template is not None:
            template.origin = None
        return
    source = env.loader.mapping.get(name)
    if error and source is not None:
        note(env, source, name, {}, failure(error))
    elif template is not None:
        template.origin = (source, name)


def rendered(template, args, kwargs, output, error):
    origin = getattr(template, "origin", None)
    if origin is None:
        skipped["made in another way"] += 1
        return
    outcome = {"out": output} if error is None else failure(error)
    if isinstance(output, str):
        outcome = {"out": re.sub(r"0x[0-9a-f]{6,}", "0x7f0000000000", output)}
    note(template.environment, origin[0], origin[1], dict(*args, **kwargs), outcome)


class Names:
    def pytest_runtest_setup(self, item):
        test[0] = item.nodeid.split("tests/")[-1]
        running[0] = 0


def main():
    wrap(jinja2.Environment, "from_string", read)
    wrap(jinja2.Environment, "get_template", got)
    wrap(jinja2.Template, "render", rendered)
    pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[1]], plugins=[Names()])
    with open(sys.argv[2], "w") as out:
        data = {"left_out": dict(sorted(skipped.items())), "cases": list(cases.values())}
        out.write(json.dumps(data, indent=0, ensure_ascii=True) + "\n")
    print(len(cases), "cases, left out:", dict(skipped))


if __name__ == "__main__":
    main()
