#!/bin/bash
# pins.sh VERSION: records what a Salt release runs on, from the lock file in its own sdist, as salt-VERSION.txt.
# Run by hand when a release is taken up; the lab itself only reads the result.
set -euo pipefail
version=$1
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python=/usr/bin/python3
minor=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
$python -m venv "$scratch/venv"
pip=("$scratch/venv/bin/python3" -m pip -q --disable-pip-version-check)
# What building Salt and timelib from source needs; the lock file leaves them to the builder.
"${pip[@]}" install -U pip wheel setuptools looseversion packaging importlib-metadata Cython
"${pip[@]}" download --no-deps --no-binary :all: --no-build-isolation -d "$scratch" "salt==$version"
tar -xzf "$scratch/salt-$version.tar.gz" -C "$scratch" --strip-components=1 --wildcards "*/requirements/static/pkg/py$minor/linux.lock"
# Two of its pins are meant to roll: the certificates and the builder.
grep -E '^[a-zA-Z]' "$scratch/requirements/static/pkg/py$minor/linux.lock" \
    | sed -E 's/^certifi==.*/certifi/; s/^setuptools==.*//' >"$scratch/lock.txt"
"${pip[@]}" install -r "$scratch/lock.txt" pyvmomi jsonschema
{
    echo "# Salt $version on Python $minor: the pins of Salt's own lock file (requirements/static/pkg/py$minor/linux.lock of its"
    echo "# sdist), with the rolling ones (certifi, setuptools) and what its VMware proxies need besides (pyvmomi, jsonschema)"
    echo "# pinned to what was resolved. pins.sh writes this file anew."
    "${pip[@]}" freeze --all | grep -viE '^salt( |==|@)' | LC_ALL=C sort -f
} >"$here/salt-$version.txt"
