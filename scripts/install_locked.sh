#!/bin/sh
# Installs the packages of locks with a Python, several at a time: most of the time of one pip is spent
# waiting for the registry. A lock names every package that is needed, so none is resolved.
#
#   scripts/install_locked.sh .venv/bin/python requirements.txt requirements-dev.txt
set -eu
python=$1
shift
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
# Each package once, with the lines of its hashes; the packages are dealt out to four files. pip itself
# goes to a file of its own: a pip that is replaced while it builds a package fails.
awk -v parts="$parts" '
    /^[a-zA-Z0-9]/ { is_new = !seen[$1]++; if (is_new) number++; is_pip = /^pip==/ }
    /^[a-zA-Z0-9 ]/ && is_new { print > (parts "/" (is_pip ? "pip" : number % 4) ".txt") }
' "$@"
install() {
    xargs -0 -n 1 -P 4 \
        "$python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r
}
find "$parts" -name 'pip.txt' -print0 | install
find "$parts" -name '[0-9].txt' -print0 | install
