"""Writes the table of all vSphere types and methods that this crate is driven by.

    python3 -m venv venv && venv/bin/pip install pyVmomi==9.1.1.0
    venv/bin/python extract.py | zstd -19 --no-progress -o vmodl.zst

pyVmomi (Apache-2.0) publishes the type information of the vSphere APIs as Python files that do nothing but
call four functions, one for each kind of type. This script runs those files with functions of its own that
write down what they were called with.

The table is text, a line an entry, fields parted by tabs, in this order of kinds:

    V  <vmodl version> <XML namespace without "urn:"> <version on the wire>
    E  <vmodl name> <wire name> <since> <value> ...
    D  <vmodl name> <wire name> <base> <since> <property> ...
    M  <vmodl name> <wire name> <base> <since> <service> <property> ...
    m  <wire name> <since> <result> <what its task results in> <fault>,... <parameter> ...

V lines are counted from 0 and <since> is that number in hexadecimal. An m line belongs to the M line above it.
A property, parameter or result is  name:type:since:flags  (a result has no name and no since); a type that ends
in [] occurs many times; the flags are l (link: the object's key is sent in its place), k (linkable), o (optional),
s (secret). A base of "-" is none. A service is the namespace that its endpoint speaks.

Where a property is a fault, the wire carries a LocalizedMethodFault around it; the table says so.
"""

import importlib.util
import pathlib
import re
import sys

LINK, LINKABLE, OPTIONAL, SECRET = 1, 2, 4, 8

# pyVmomi makes these by hand, in VmomiSupport.py; the properties are those of the WSDL.
CORE = "vmodl.version.version0"
BUILT_IN_DATA = [
    ("vmodl.DataObject", "DataObject", None, CORE, ()),
    ("vmodl.MethodFault", "MethodFault", "vmodl.DynamicData", CORE, (
        ("faultCause", "vmodl.MethodFault", CORE, OPTIONAL),
        ("faultMessage", "vmodl.LocalizableMessage[]", CORE, OPTIONAL),
    )),
    ("vmodl.RuntimeFault", "RuntimeFault", "vmodl.MethodFault", CORE, ()),
    ("vmodl.LocalizedMethodFault", "LocalizedMethodFault", "vmodl.DynamicData", CORE, (
        ("fault", "vmodl.MethodFault", CORE, 0),
        ("localizedMessage", "string", CORE, OPTIONAL),
    )),
]
BUILT_IN_MANAGED = [("vmodl.ManagedObject", "ManagedObject", None, CORE, (), ())]


class Recorder:
    """Stands in for pyVmomi's VmomiSupport while a type information file runs."""

    def __init__(self):
        self.versions, self.enums = {}, {}
        self.data = {entry[0]: entry for entry in BUILT_IN_DATA}
        self.managed = {entry[0]: entry for entry in BUILT_IN_MANAGED}
        self.service = {}

    def run(self, path):
        module = path.stem.removeprefix("_typeinfo_")
        service = {"core": "vim25", "query": "vim25", "vim": "vim25", "vsanhealth": "vsan"}.get(module, module)
        source = re.sub(r"^\s*from .*import.*$", "pass", path.read_text(), flags=re.M)

        def ignore(*_):
            pass

        def managed(name, *rest):
            self.managed.setdefault(name, (name, *rest))
            self.service.setdefault(name, service)

        names = {
            "AddVersion": lambda name, ns, text, _legacy, wsdl: self.versions.setdefault(name, (name, wsdl, text)),
            "AddVersionParent": ignore,
            "AddBreakingChangesInfo": ignore,
            "CreateEnumType": lambda name, *rest: self.enums.setdefault(name, (name, *rest)),
            "CreateDataType": lambda name, *rest: self.data.setdefault(name, (name, *rest)),
            "CreateManagedType": managed,
            "F_LINK": LINK, "F_LINKABLE": LINKABLE, "F_OPTIONAL": OPTIONAL, "F_SECRET": SECRET,
        }
        for kind in ("newest", "stable", "public", "lts", "dotted", "oldest", "current"):
            names[kind + "Versions"] = type("Ignored", (), {"__getattr__": lambda *_: ignore})()
        exec(compile(source, str(path), "exec"), names)

    def is_fault(self, name):
        while name is not None:
            if name == "vmodl.MethodFault":
                return True
            name = self.data[name][2] if name in self.data else None
        return False


def write(rec, out):
    versions = sorted(rec.versions)
    number = {name: format(i, "x") for i, name in enumerate(versions)}

    def kind(name):
        item = name.removesuffix("[]")
        return name.replace(item, "vmodl.LocalizedMethodFault", 1) if rec.is_fault(item) else name

    def flags(bits):
        return "".join(letter for bit, letter in ((1, "l"), (2, "k"), (4, "o"), (8, "s")) if bits & bit)

    def member(name, typ, since, bits, *_, owner=None):
        wire = typ if owner == "vmodl.LocalizedMethodFault" else kind(typ)
        return f"{name}:{wire}:{number[since]}:{flags(bits)}"

    def line(*fields):
        out.write("\t".join(fields) + "\n")

    for name in versions:
        line("V", *rec.versions[name])
    for name, wire, since, values in sorted(rec.enums.values()):
        line("E", name, wire, number[since], *values)
    for name, wire, base, since, props in sorted(rec.data.values(), key=lambda entry: entry[0]):
        line("D", name, wire, base or "-", number[since], *(member(*p, owner=name) for p in props or ()))
    for name, wire, base, since, props, methods in sorted(rec.managed.values(), key=lambda entry: entry[0]):
        line("M", name, wire, base or "-", number[since], rec.service.get(name, "vim25"), *(member(*p) for p in props or ()))
        for _, method, method_since, params, (bits, result, task_result), _privilege, faults in methods or ():
            line("m", method, number[method_since], f"{kind(result)}:{flags(bits)}", task_result,
                 ",".join(faults or ()), *(member(*p) for p in params or ()))


def main():
    found = importlib.util.find_spec("pyVmomi")
    if found is None:
        sys.exit("pyVmomi is not installed: pip install pyVmomi==9.1.1.0")
    rec = Recorder()
    for path in sorted(pathlib.Path(found.origin).parent.glob("_typeinfo_*.py")):
        rec.run(path)
    write(rec, sys.stdout)


main()
