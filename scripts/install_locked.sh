#!/bin/sh
# Installs the packages of locks into an environment, with uv: it takes a quarter of pip's processor
# time. Where it cannot install with pip's settings (scripts/uv.sh), pip does, as before.
#
#   scripts/install_locked.sh UV PYTHON LOCK...
set -eu
uv=$1
python=$2
shift 2
locks=""
for lock in "$@"; do locks="$locks -r $lock"; done
# shellcheck disable=SC2086
sh "$(dirname "$0")/uv.sh" "$uv" pip install --quiet --python "$python" --no-deps --require-hashes $locks && exit
echo "!!! uv could not install the locks: pip does, which takes longer"
"$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip
# shellcheck disable=SC2086
exec "$python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes $locks
