#!/usr/bin/env python3
"""Records what Salt makes of calls.json over the files beside it, into recorded.json.

Run it with the Python of a Salt 3007 virtual environment. Every call is made without a master, in a fresh process of
its own, since Salt keeps things between calls. Times are left out; of a Python traceback only the last line is kept.
"""

import json
import multiprocessing
import pathlib
import re
import shutil
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PILLAR = "foo: bar\nnested:\n  a: 1\n  b: [x, y]\n"


def call(case, queue):
    import salt.client
    import salt.config

    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        shutil.copytree(HERE / "sls", root / "base")
        shutil.copytree(HERE / "dev", root / "dev")
        if "top" in case:
            shutil.copy(HERE / "tops" / (case["top"] + ".sls"), root / "base" / "top.sls")
        (root / "pillar").mkdir()
        (root / "pillar" / "top.sls").write_text("base:\n  '*':\n    - p\n")
        (root / "pillar" / "p.sls").write_text(PILLAR)
        opts = salt.config.minion_config(None)
        opts.update(
            id="minion",
            root_dir=str(root),
            cachedir=str(root / "cache"),
            pki_dir=str(root / "pki"),
            sock_dir=str(root / "sock"),
            conf_file=str(root / "minion"),
            log_file=str(root / "log"),
            extension_modules=str(root / "ext"),
            file_client="local",
            file_roots={"base": [str(root / "base")], "dev": [str(root / "dev")]},
            pillar_roots={"base": [str(root / "pillar")]},
            grains={"os": "proxy"},
            enable_fqdns_grains=False,
        )
        caller = salt.client.Caller(mopts=opts)
        try:
            ret = caller.cmd(case["fun"], *case["arg"], **case["kwarg"])
            out = {"ret": ret, "retcode": caller.sminion.functions.pack["__context__"].get("retcode", 0)}
        except Exception as exc:
            out = {"exception": type(exc).__name__, "message": str(exc)}
        queue.put(json.loads(json.dumps(out)))


def trim(value):
    if isinstance(value, dict):
        return {k: trim(v) for k, v in value.items() if k not in ("start_time", "duration")}
    if isinstance(value, list):
        return [trim(v) for v in value]
    if isinstance(value, str) and "Traceback (most recent call last):\n" in value:
        head, _, tail = value.partition("Traceback (most recent call last):\n")
        lines = tail.rstrip("\n").split("\n")
        last = max(i for i, line in enumerate(lines) if re.match(r"[A-Za-z_.]+(: |$)", line))
        return head + "Traceback (most recent call last):\n" + "\n".join(lines[last:]) + "\n"
    return value


def main():
    recorded = []
    for case in json.loads((HERE / "calls.json").read_text()):
        queue = multiprocessing.Queue()
        process = multiprocessing.Process(target=call, args=(case, queue))
        process.start()
        result = queue.get(timeout=300)
        process.join()
        recorded.append(dict(case, **trim(result)))
        print(case["fun"], case["arg"], case["kwarg"], case.get("top", ""), flush=True)
    text = "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in recorded) + "\n]\n"
    (HERE / "recorded.json").write_text(text)


if __name__ == "__main__":
    main()
