"""Records what Salt's outputters print: record_output.py > minion/src/output/cases.json

Run with the Python of a virtual environment that has Salt 3007.17.
"""

import copy
import json

import salt.config
import salt.loader

CHUNK = {
    "__id__": "a",
    "__run_num__": 0,
    "__sls__": "s",
    "changes": {},
    "comment": "Success!",
    "duration": 0.5,
    "name": "a",
    "result": True,
    "start_time": "10:00:00.000001",
}


def chunk(**changes):
    return dict(CHUNK, **changes)


PLAIN = [
    True,
    None,
    1,
    1.5,
    "text",
    "two\nlines\n",
    "",
    [],
    {},
    ["a", ["b", "c"], {"d": 1, "a": None}, []],
    {"b": 1, "a": {"y": "z", "x": [1, 2]}, "c": "line\nline"},
    {"minions": {"list": ["Hello", "World", "x" * 30, "y" * 30], "number": 1e20, "unicode": "ä€"}},
    {"esc": "\x1b[31mred"},
]
STATES = [
    {"test_|-a_|-a_|-nop": CHUNK},
    {
        "test_|-b_|-bname_|-fail_without_changes": chunk(
            __run_num__=1, result=False, comment="Failure!\nsecond line", duration=1200.25
        ),
        "test_|-a_|-a_|-succeed_with_changes": chunk(
            changes={"testing": {"old": "Unchanged", "new": "Something pretended to change"}}
        ),
        "test_|-c_|-c_|-nop": chunk(__run_num__=2, result=None, changes={"x": "y"}),
    },
    ["No matching sls found for 'x' in env 'base'", "second"],
    {"test_|-a_|-a_|-nop": chunk(warnings=[("a long warning " * 10).strip(), "another"])},
    "just text",
]

KEYS = [
    {"minions": ["b", "a"], "minions_pre": [], "minions_denied": ["d"], "minions_rejected": ["\x1b[31mr"]},
    {"minions": {"a": "aa:bb", "c": "cc:dd"}},
    {"local": {"master.pub": "aa:bb", "master.pem": "cc:dd"}},
    {"nosuch": ["a"]},
]

cases = []
for color in (False, True):
    opts = salt.config.DEFAULT_MINION_OPTS.copy()
    opts.update(color=color, extension_modules="", state_verbose=True, state_output_profile=True)
    for out in ("nested", "json", "txt", "raw", "pprint", "newline_values_only"):
        if color and out != "nested":
            continue
        for value in PLAIN:
            data = {"local": value}
            text = salt.loader.outputters(opts)[out](copy.deepcopy(data)).rstrip()
            cases.append({"out": out, "color": color, "data": data, "text": text})
    opts.update(transport="zeromq")
    for data in KEYS + [{"local": value} for value in PLAIN if not color]:
        printers = salt.loader.outputters(opts)
        try:
            text = printers["key"](copy.deepcopy(data)).rstrip()
        except (AttributeError, KeyError, TypeError):
            text = printers["nested"](copy.deepcopy(data)).rstrip()
        cases.append({"out": "key", "color": color, "data": data, "text": text})
    for mode in ("full", "terse", "mixed", "changes", "full_id"):
        opts["state_output"] = mode
        printer = salt.loader.outputters(opts)["highstate"]
        for value in STATES:
            data = {"local": value}
            text = printer(copy.deepcopy(data)).rstrip()
            cases.append({"out": "highstate", "color": color, "state_output": mode, "data": data, "text": text})
print(json.dumps(cases, indent=1))
