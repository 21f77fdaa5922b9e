"""Records what Salt's own Python renders.

Run with the Python of a Salt 3007 installation, in this folder: `python record.py`.
`expressions.txt` has one expression a line, `templates.txt` whole SLS files behind lines `=== name [renderer]`, `files/` what they
import, `minion.json` grains, pillar and options. The answers go to `recorded.json`.
"""

import copy
import json
import logging
import os
import re
import shutil
import sys
import tempfile

import salt.config
import salt.fileclient
import salt.loader
import salt.template

logging.disable(logging.CRITICAL)


def plain(value):
    """A value as JSON, floats and texts apart from each other by Python's own text."""
    return repr(simple(value))


def simple(value):
    if isinstance(value, dict):
        return {simple(k): simple(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [simple(v) for v in value]
    return value


def normal(text, root):
    text = re.sub(r"0x[0-9a-f]{6,}", "0x0", text.replace(root, "@ROOT@"))
    head, trace, tail = text.partition("\nTraceback (most recent call last):")
    if trace:
        line = re.findall(r"; line \d+", tail)
        text = head + (line[-1] if line else "")
    return text


class Recorder:
    def __init__(self):
        minion = json.load(open("minion.json"))
        self.root = tempfile.mkdtemp()
        self.place = os.path.join(self.root, "files", "base")
        shutil.copytree("files", os.path.join(self.root, "srv"))
        opts = salt.config.DEFAULT_MINION_OPTS.copy()
        opts.update(
            id="px1", file_client="local", cachedir=self.root, extension_modules="", saltenv=None,
            conf_file=os.path.join(self.root, "minion"), root_dir=self.root, sock_dir=self.root,
            pki_dir=self.root, log_file=os.path.join(self.root, "log"), __role="minion",
            file_roots={"base": [os.path.join(self.root, "srv")]}, pillar_roots={"base": []},
        )
        opts["grains"] = minion["grains"]
        opts["pillar"] = minion["pillar"]
        self.opts, self.minion = opts, minion
        os.makedirs(self.place)

    def render(self, name, text, renderer, options=None):
        opts = copy.deepcopy(self.opts)
        opts.update(options or {})
        functions = salt.loader.minion_mods(opts, utils=salt.loader.utils(opts)) if options else self.functions()
        renderers = salt.loader.render(opts, functions)
        path = os.path.join(self.place, name.replace(".", "/") + ".sls")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", newline="") as out:
            out.write(text)
        try:
            value = salt.template.compile_template(path, renderers, renderer, [], [], "base", name)
        except Exception as exc:  # pylint: disable=broad-except
            return {"error": normal(str(exc), self.root)}
        if hasattr(value, "read"):
            return {"text": normal(value.read(), self.root)}
        return {"value": plain(value)}

    def functions(self):
        if not hasattr(self, "cached"):
            opts = copy.deepcopy(self.opts)
            self.cached = salt.loader.minion_mods(opts, utils=salt.loader.utils(opts))
        return self.cached


def templates(text):
    for part in re.split(r"^=== ", text, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        name, _, rest = head.partition(" ")
        renderer, _, options = rest.partition(" ")
        # The line feed before the next head is not part of the text.
        yield name, body[:-1] if body.endswith("\n\n") else body, renderer or "jinja", json.loads(options or "{}")


def main():
    recorder = Recorder()
    answers = []
    for line in open("expressions.txt"):
        line = line.rstrip("\n")
        if line and not line.startswith("# "):
            answer = recorder.render("x", "{{ " + line + " }}", "jinja")
            answers.append({"expression": line, **answer})
    for name, text, renderer, options in templates(open("templates.txt", newline="").read()):
        answer = recorder.render(name, text, renderer, options)
        answers.append({"name": name, "template": text, "renderer": renderer, "options": options, **answer})
    with open("recorded.json", "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(answer) for answer in answers) + "\n]\n")
    shutil.rmtree(recorder.root)
    print(len(answers), file=sys.stderr)


if __name__ == "__main__":
    main()
