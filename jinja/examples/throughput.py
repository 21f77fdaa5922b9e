"""The engine against Jinja2 on the same template: `python throughput.py target/release/examples/throughput [TIMES]`.

Both read the template anew each time, as for an SLS file. Prints seconds of both and the ratio.
"""

import subprocess
import sys
import tempfile
import time

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

SOURCE = """{% macro line(key, value) %}    - {{ key }}: {{ value|default('none') }}{% endmacro %}
{% set sizes = {'small': 2, 'large': 8} %}
{% for host in hosts %}
{{ host.name }}.{{ domain }}:
  vm.present:
{{ line('cpus', host.cpus) }}
{{ line('memory', host.cpus * 1024) }}
    - size: {% if host.cpus >= sizes['large'] %}large{% elif host.cpus > 2 %}medium{% else %}small{% endif %}

    - fqdn: {{ '%s.%s' % (host.name, domain) }}
    - tags: {{ ['a', 'b', host.name]|join(',') }}
{% endfor %}
"""


def main():
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with tempfile.NamedTemporaryFile("w", suffix=".sls") as file:
        file.write(SOURCE)
        file.flush()
        ours, size = subprocess.check_output([sys.argv[1], file.name, str(times)], text=True).split()
    hosts = [{"name": f"host{n}", "cpus": n % 8} for n in range(50)]
    began = time.perf_counter()
    for _ in range(times):
        output = SandboxedEnvironment(undefined=StrictUndefined).from_string(SOURCE).render(hosts=hosts, domain="example.com")
    theirs = time.perf_counter() - began
    assert len(output.encode()) * times == int(size), (len(output), size)
    print(f"ours {float(ours):.3f} s, Jinja2 {theirs:.3f} s, ratio {theirs / float(ours):.1f}")


if __name__ == "__main__":
    main()
