"""Records the argspecs of functions: record_argspec.py argspec.json cmd.run temp.dir …

Run with the Python of a virtual environment that has Salt 3007.17, and with SHELL=/bin/bash. Rewrites the file: the
functions named are added, those that this Salt has are recorded anew, all others (of extensions) stay as they are.
"""

import json
import sys

import salt.config
import salt.loader
import salt.utils.args

path, names = sys.argv[1], sys.argv[2:]
with open(path) as file:
    specs = json.load(file)
opts = salt.config.DEFAULT_MINION_OPTS.copy()
opts.update(file_client="local", id="px1", extension_modules="", cachedir="/nonexistent")
opts["grains"] = {"id": "px1", "kernel": "proxy", "os": "proxy", "os_family": "proxy"}
utils = salt.loader.utils(opts)
modules = salt.loader.minion_mods(opts, utils=utils)
for name in sorted(set(specs) | set(names)):
    if name in modules:
        spec = salt.utils.args.argspec_report({name: modules[name]}, name)[name]
        specs[name] = json.loads(json.dumps(spec, default=str))
    elif name not in specs:
        sys.exit(f"{name} is not available")
with open(path, "w") as file:
    lines = (f'  "{name}": {json.dumps(specs[name])}' for name in sorted(specs))
    file.write("{\n" + ",\n".join(lines) + "\n}\n")
