"""Records what Salt's functions answer: record_commands.py > modules/tests/data/commands.json

Run with the Python of a virtual environment that has Salt 3007.17, as root, in a directory that is nobody's, with
SHELL=/bin/bash. Process ids are left out.
"""

import copy
import json
import logging
import os

import salt.config
import salt.loader
from salt.exceptions import CommandExecutionError, SaltInvocationError

logging.disable(logging.CRITICAL)

# Function, positional arguments, keywords. A call is made as a job of a master makes it, unless it says `inner`.
CALLS = [
    ("cmd.run", ["echo hi"], {}),
    ("cmd.run", ["exit 3"], {}),
    ("cmd.run", ["echo out; echo err >&2"], {}),
    ("cmd.run", ["echo out; echo err >&2"], {"redirect_stderr": False}),
    ("cmd.run", ["printf 'a  \\n\\n'"], {}),
    ("cmd.run", ["printf 'a  \\n\\n'"], {"rstrip": False}),
    ("cmd.run", ["echo $((1+1))"], {}),
    ("cmd.run", ["echo $((1+1)) 'a b'"], {"inner": True}),
    ("cmd.run", [["echo", "$HOME", "a b"]], {"inner": True}),
    ("cmd.run", [["echo $0 $1", "x", "y"]], {}),
    ("cmd.run", [3], {}),
    ("cmd.run", ["cat"], {"stdin": "one\\ntwo"}),
    ("cmd.run", ["pwd"], {"cwd": "/usr"}),
    ("cmd.run", ["pwd"], {"cwd": "/nosuch"}),
    ("cmd.run", ["pwd"], {"cwd": "usr"}),
    ("cmd.run", ["umask"], {"umask": "077"}),
    ("cmd.run", ["umask"], {"umask": "000"}),
    ("cmd.run", ["umask"], {"umask": "x"}),
    ("cmd.run", ["echo $FOO $BAR"], {"env": {"FOO": "bar", "BAR": 3}}),
    ("cmd.run", ["echo $FOO $BAR"], {"env": [{"FOO": "bar"}, {"BAR": True}]}),
    ("cmd.run", ["echo [$FOO]"], {"env": {"FOO": None}}),
    ("cmd.run", ["echo $LC_ALL $LC_CTYPE $LANGUAGE"], {"env": {"LC_ALL": "C.UTF-8", "LC_CTYPE": "x"}}),
    ("cmd.run", ["echo ${LC_TIME-unset}"], {"reset_system_locale": False, "clean_env": True}),
    ("cmd.run", ["echo $PATH"], {"clean_env": True, "env": {"PATH": "/bin"}, "prepend_path": "/x"}),
    ("cmd.run", ["exit 1"], {"ignore_retcode": True}),
    ("cmd.run", ["echo no; exit 1"], {"raise_err": True}),
    ("cmd.run", ["echo no; exit 1"], {"raise_err": True, "output_loglevel": "quiet"}),
    ("cmd.run", ["echo secret"], {"hide_output": True}),
    ("cmd.run", ["kill -9 $$"], {}),
    ("cmd.run", ["printf '\\344\\303\\244'"], {}),
    ("cmd.run", ["printf '\\344'"], {"output_encoding": "latin-1"}),
    ("cmd.run", ["sleep 60"], {"timeout": 1}),
    ("cmd.run", ["sleep 60"], {"timeout": 1, "inner": True}),
    ("cmd.run", ["echo hi"], {"shell": "/nosuch/sh"}),
    ("cmd.run", ["echo hi"], {"shell": "/bin/sh"}),
    ("cmd.run", ["id -un"], {"runas": "nosuchuser"}),
    ("cmd.run", ["id -un; id -gn; id -Gn; echo $HOME $USER"], {"runas": "daemon"}),
    ("cmd.run", ["pwd"], {"runas": "daemon"}),
    ("cmd.run", ["nosuchcmd_xyz"], {"python_shell": False}),
    ("cmd.run", ["nosuchcmd_xyz 'a"], {"python_shell": False}),
    ("cmd.run_all", ["echo out; echo err >&2; exit 2"], {}),
    ("cmd.run_all", ["echo out; echo err >&2; exit 2"], {"redirect_stderr": True}),
    ("cmd.run_all", ["echo out; exit 2"], {"hide_output": True}),
    ("cmd.run_all", ["exit 4"], {"success_retcodes": [4]}),
    ("cmd.run_all", ["exit 4"], {"success_retcodes": "3,4"}),
    ("cmd.run_all", ["exit 4"], {"success_retcodes": "x"}),
    ("cmd.run_all", ["echo fine; exit 4"], {"success_stdout": ["fine"]}),
    ("cmd.run_all", ["echo fine >&2; exit 4"], {"success_stderr": "nothing,fine"}),
    ("cmd.run_all", ["nosuchcmd_xyz a"], {"python_shell": False}),
    ("cmd.run_all", ["nosuchcmd_xyz"], {"python_shell": False, "output_loglevel": "quiet"}),
    ("cmd.run_all", ["echo x; sleep 60"], {"timeout": 1}),
    ("cmd.run_stdout", ["echo a; echo b >&2"], {}),
    ("cmd.run_stderr", ["echo a; echo b >&2; exit 1"], {}),
    ("cmd.retcode", ["exit 5"], {}),
    ("cmd.retcode", ["true"], {}),
    ("cmd.retcode", ["exit 5"], {"ignore_retcode": True}),
    ("cmd.shell", ["echo $((2*3))"], {"inner": True}),
    ("cmd.shell", ["exit 2"], {}),
    ("cmd.exec_code", ["bash", "echo x $1"], {"args": "a b"}),
    ("cmd.exec_code", ["bash", "echo x $1 $2"], {"args": ["a", "b"]}),
    ("cmd.exec_code_all", ["sh", "echo x; echo y >&2; exit 7"], {}),
    ("cmd.script", ["salt://nosuch.sh"], {}),
    ("cmd.script", ["FILE"], {}),
    ("cmd.script", ["FILE", "a 'b c'"], {}),
    ("cmd.script", ["FILE", ["a b", "c"]], {"cwd": "/usr"}),
    ("cmd.script", ["FILE"], {"hide_output": True}),
    ("cmd.which", ["nosuch"], {}),
    ("cmd.which", ["/bin/sh"], {}),
    ("cmd.which", ["/etc/passwd"], {}),
    ("cmd.which_bin", [["nosuch", "/bin/sh"]], {}),
    ("cmd.which_bin", [["nosuch"]], {}),
    ("cmd.has_exec", ["sh"], {}),
    ("cmd.has_exec", ["nosuch"], {}),
    ("environ.setval", ["XX", "1"], {}),
    ("environ.get", ["XX"], {}),
    ("cmd.run", ["echo $XX"], {}),
    ("environ.setval", ["XX", False], {}),
    ("environ.setval", ["XX", False], {"false_unsets": True}),
    ("environ.has_value", ["XX"], {}),
    ("environ.setval", ["XX", 1], {}),
    ("environ.setenv", [{"A1": "b", "C": False}], {}),
    ("environ.setenv", [{"A1": "b", "C": 3}], {}),
    ("environ.setenv", ["text"], {}),
    ("random.seed", [10], {}),
    ("random.seed", [10], {"hash": "x"}),
    ("random.seed", [0], {}),
    ("random.sample", [[1, 2, 3], 2], {"seed": "s"}),
    ("random.shuffle", [[1, 2, 3]], {"seed": "s"}),
    ("random.rand_int", [1, 1000], {"seed": "s"}),
    ("salt_version.get_release_number", ["Sulfur"], {}),
    ("salt_version.get_release_number", ["oxygen"], {}),
    ("salt_version.get_release_number", ["nosuch"], {}),
    ("salt_version.equal", ["Chlorine"], {}),
    ("salt_version.greater_than", ["Sulfur"], {}),
    ("salt_version.less_than", ["Argon"], {}),
    ("salt_version.less_than", [3], {}),
    ("sdb.get", ["sdb://x/y"], {}),
    ("sdb.get", ["plain"], {}),
    ("sdb.get", ["plain"], {"strict": True}),
    ("sdb.get", ["sdb://x"], {"strict": True}),
    ("sdb.get", ["sdb://x/y"], {"strict": True}),
]
SCRIPT = "#!/bin/sh\necho \"$#:$1:$2\"\npwd >&2\nexit 3\n"

os.environ["PATH"] = "/usr/local/bin:/usr/bin:/bin"
os.environ["HOME"] = "/usr"
script = "/var/tmp/recorded-script.sh"
with open(script, "w") as file:
    file.write(SCRIPT)
opts = salt.config.DEFAULT_MINION_OPTS.copy()
opts.update(file_client="local", id="px1", extension_modules="", cachedir="/var/tmp/recorded-cache")
opts["grains"] = {"id": "px1", "kernel": "proxy", "os": "proxy", "os_family": "proxy"}
modules = salt.loader.minion_mods(opts, utils=salt.loader.utils(opts), context={})
rows = []
for fun, arg, kwarg in CALLS:
    kwarg = dict(kwarg)
    inner = kwarg.pop("inner", False)
    given = [script if item == "FILE" else copy.deepcopy(item) for item in arg]
    keywords = copy.deepcopy(kwarg)
    if fun.startswith("cmd.run") or fun in ("cmd.retcode", "cmd.shell", "cmd.script") or "exec_code" in fun:
        if not inner:
            keywords["__pub_jid"] = "20261122150000000000"
    context = modules.pack["__context__"]
    context.clear()
    row = {"fun": fun, "arg": arg, "kwarg": kwarg, "inner": inner}
    try:
        row["ret"] = modules[fun](*given, **keywords)
        row["retcode"] = context.get("retcode", 0)
        if isinstance(row["ret"], dict):
            row["ret"].pop("pid", None)
    except CommandExecutionError as exc:
        row.update(ret=f"ERROR: {exc}", retcode=1)
    except SaltInvocationError as exc:
        row.update(ret=f"ERROR executing '{fun}': {exc}", retcode=1)
    except Exception as exc:
        row.update(ret=f"EXC {type(exc).__name__}: {exc}", retcode=1)
    rows.append(row)
os.remove(script)
print("[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]")
