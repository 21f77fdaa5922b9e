"""Random templates and what Jinja2 makes of them: `python fuzz.py SEED COUNT fuzz-cases.json`.

Left out is what Jinja2 does by mistake of its generated code: a filter block whose filter gives no text ("sequence item 0:
expected str instance"), and an include without context inside of a macro or a captured block, which prints outside of it.

A test of this crate renders the recorded ones; `JINJA_FUZZ=file cargo test -p jinja fuzz` those of another run.
"""

import random
import sys
import warnings

from record import record, write

NAMES = ["a", "b", "c", "x"]
FILES = {
    "lib": "{% macro f(p, q='Q') %}<{{ p }}{{ q }}{{ a|default('-') }}>{% endmacro %}{% set v = [1, 2] %}{% set w = a|default('w') %}lib",
    "inc": "({{ a|default('no a') }}{% set b = 9 %}{{ b }})",
    "base": "[{% block one %}base{{ a|default('?') }}{% endblock %}|{% block two scoped %}{{ b|default('!') }}{% endblock %}]",
}
ATOMS = ["0", "1", "2", "-3", "1.5", "10**3", "'s'", "'a b'", "''", "'ä'", "true", "false", "none", "[]", "[1, 2, 3]", "(1, 'x')", "{}",
         "{'k': 1, 'z': [2]}", "range(3)", "'12'", "[[1], [2, 3]]", "['b', 'a']", "nope"]
FILTERS = ["upper", "lower", "length", "first", "last", "list", "sort", "reverse", "join", "join('-')", "default('d')", "default('d', true)",
           "int", "float", "string", "abs", "trim", "title", "capitalize", "replace('a', 'o')", "unique|list", "sum", "min", "max", "map('string')|list",
           "batch(2)|list", "slice(2)|list", "indent(2)", "wordcount", "tojson", "round", "round(1)", "center(7)", "e", "select|list", "reject('odd')|list",
           "attr('k')", "items|list", "dictsort", "truncate(3)", "format(1)", "striptags", "urlencode", "pprint", "groupby(0)|list", "random|string|length"]
TESTS = ["defined", "none", "odd", "even", "string", "number", "iterable", "mapping", "sequence", "in [1, 2]", "eq(1)", "lower", "true", "callable", "sameas none"]
METHODS = [".upper()", ".split()", ".get('k')", ".items()|list", ".append(1)", ".keys()|list", ".format(1)", ".strip()", "[0]", "['k']", ".k", "[1:]", "[::-1]",
           ".count(1)", ".index(2)", ".pop()", ".copy()", ".startswith('a')", ".real", "[-1]", ".nope", ".replace('a', 'b')", ".join(['x', 'y'])", ".update({'n': 1})"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "and", "or", "in", "not in", "is"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.loops = 0

    def pick(self, items):
        return self.random.choice(items)

    def name(self):
        return self.pick(NAMES)

    def expression(self, depth=2):
        if depth <= 0 or self.random.random() < 0.55:
            return self.pick([self.name(), self.name(), self.pick(ATOMS)])
        kind = self.random.randrange(9)
        inner = self.expression(depth - 1)
        if kind < 2:
            return f"({inner})|{self.pick(FILTERS)}"
        if kind == 2:
            return f"({inner}){self.pick(METHODS)}"
        if kind == 3:
            return f"({inner} is {self.pick(['', 'not '])}{self.pick(TESTS)})"
        if kind == 4:
            return f"({inner} if {self.expression(depth - 1)} else {self.expression(depth - 1)})"
        if kind == 5:
            return f"[{inner}, {self.expression(depth - 1)}]"
        if kind == 6:
            return f"(not {inner})"
        operator = self.pick(OPERATORS[:-1])
        return f"({inner} {operator} {self.expression(depth - 1)})"

    def body(self, depth):
        return "".join(self.statement(depth) for _ in range(self.random.randrange(1, 4)))

    def statement(self, depth):
        line = self.pick(["", "", "\n", " "])
        kind = self.random.randrange(16) if depth > 0 else self.random.randrange(5)
        e, n = self.expression(), self.name()
        trim = self.pick(["", "", "-"])
        if kind < 2:
            return f"{{{{ {e} }}}}{line}"
        if kind == 2:
            return f"{{%{trim} set {n} = {e} %}}{line}"
        if kind == 3:
            return self.pick(["text", " t ", "\n", "<b>"])
        if kind == 4:
            return f"{{{{ {n}|default('U') }}}}{line}"
        if kind == 5:
            other = f"{{% else %}}{self.body(depth - 1)}" if self.random.random() < 0.5 else ""
            return f"{{% if {e} {trim}%}}{self.body(depth - 1)}{other}{{% endif %}}{line}"
        if kind in (6, 7):
            self.loops += 1
            special = self.pick(["", "", "{{ loop.index }}", "{{ loop.last }}", "{% if loop.first %}{% continue %}{% endif %}", "{% break %}", "{{ loop.changed(1) }}"])
            items = self.pick(["[1, 2]", "range(3)", "'ab'", "{'k': 1}", self.name(), e])
            test = self.pick(["", "", f" if {n} is odd"])
            other = "{% else %}none" if self.random.random() < 0.2 else ""
            text = f"{{% for {n} in {items}{test} %}}{self.body(depth - 1)}{special}{other}{{% endfor %}}{line}"
            self.loops -= 1
            return text
        if kind == 8:
            return f"{{% with {n} = {e} %}}{self.body(depth - 1)}{{% endwith %}}"
        if kind == 9:
            name = self.pick(["m", "o"])
            default = self.pick(["", f", {self.name()}={e}"]) if n != "b" else ""
            call = self.pick(["()", "(1)", "(1, 2)", f"({n}=3)", "(b=4)", "(1, k=2)"])
            return f"{{% macro {name}({n}{default}) %}}{self.body(depth - 1)}{self.pick(['', '{{ varargs }}', '{{ kwargs }}', '{{ caller() }}'])}{{% endmacro %}}{{{{ {name}{call} }}}}{line}"
        if kind == 10:
            return f"{{% set {n} %}}{self.body(depth - 1)}{{% endset %}}"
        if kind == 11:
            return f"{{% filter {self.pick(['upper', 'trim', 'title', 'indent'])} %}}{self.body(depth - 1)}{{% endfilter %}}"
        if kind == 12:
            return f"{{% set ns = namespace({n}={e}) %}}{{% for i in [1, 2] %}}{{% set ns.{n} = i %}}{{% endfor %}}{{{{ ns.{n} }}}}"
        if kind == 13:
            return self.pick([
                "{% import 'lib' as l %}{{ l.f(1) }}{{ l.v }}", "{% import 'lib' as l with context %}{{ l.f(2) }}{{ l.w }}",
                "{% from 'lib' import f, v as a %}{{ f(a) }}", "{% include 'inc' %}{{ b|default('nob') }}", "{% include 'inc' ignore missing %}",
                "{% from 'lib' import nothere %}{{ nothere is defined }}",
            ])
        if kind == 14:
            return f"{{% call({self.pick(['', 'y'])}) w() %}}{self.body(depth - 1)}{{% endcall %}}"
        return f"{{% do {e} %}}"

    def template(self):
        head = "{% macro w() %}<{{ caller(1) if false else caller() }}>{% endmacro %}"
        if self.random.random() < 0.1:
            return f"{{% extends 'base' %}}{self.statement(0)}{{% block one %}}{self.body(1)}{{{{ super() }}}}{{% endblock %}}"
        start = "".join(f"{{% set {n} = {self.pick(ATOMS[:-1])} %}}" for n in NAMES if self.random.random() < 0.6)
        return (head if self.random.random() < 0.2 else "") + start + self.body(3)

    def case(self):
        # A lenient environment comes further than the strict one.
        text = self.template()
        return {"t": text, "u": "default"} if self.random.random() < 0.7 else {"t": text}


def main():
    warnings.simplefilter("ignore")
    seed, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    maker = Maker(seed)
    cases = [case for case in (maker.case() for _ in range(count)) if len(case["t"]) < 2000]
    answers = record(cases, FILES)
    # What Python words by its generated code, and where only its own stack ends.
    odd = ("RecursionError", "SyntaxError")
    write(path, [a for a in answers if a.get("err") not in odd], FILES)


if __name__ == "__main__":
    main()
