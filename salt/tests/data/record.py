"""Records what Salt's own Python makes of YAML texts and command line words.

Run with the Python of a Salt 3007 installation, in this folder: `python record.py`.
The inputs are in `inputs.json`; the answers go to `yaml.json`, `dump.json` and `yamlify.json`.
"""

import ast
import json
from collections import OrderedDict

import salt.utils.args
import salt.utils.yaml
import yaml
from salt.utils.yamlloader import SaltYamlSafeLoader


def typed(value):
    """A value as JSON that keeps Python's types apart."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"s": value}
    if isinstance(value, bytes):
        return {"b": value.hex()}
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        return {"f": repr(value)}
    if isinstance(value, dict):
        return {"m": [[typed(k), typed(v)] for k, v in value.items()]}
    return {"l": [typed(v) for v in value]}


def load(text):
    try:
        # As the SLS renderer does.
        value = yaml.load(text, Loader=lambda s: SaltYamlSafeLoader(s, dictclass=OrderedDict))
        return {"yaml": text, "value": typed(value)}
    except Exception as exc:  # pylint: disable=broad-except
        answer = {"yaml": text, "kind": type(exc).__name__, "error": str(exc)}
        mark = getattr(exc, "problem_mark", None)
        if mark:
            answer["line"] = mark.line + 1
        return answer


def dump(source, options):
    value = eval(source, {"inf": float("inf"), "nan": float("nan")})  # pylint: disable=eval-used
    return {"value": typed(value), "options": options, "text": salt.utils.yaml.safe_dump(value, **options)}


def main():
    inputs = json.load(open("inputs.json"))
    write("yaml.json", [load(text) for text in inputs["yaml"]])
    write("dump.json", [dump(*case) for case in inputs["dump"]])
    write("yamlify.json", [[word, typed(salt.utils.args.yamlify_arg(word))] for word in inputs["yamlify"]])


def write(path, cases):
    with open(path, "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
