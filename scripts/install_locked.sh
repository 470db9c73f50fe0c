#!/bin/sh
# Installs the packages of locks into an environment, with uv: it takes a quarter of pip's processor
# time. uv gets pip's settings; where it cannot install with them, pip does, as before.
#
#   scripts/install_locked.sh UV PYTHON LOCK...
set -eu
uv=$1
python=$2
shift 2
# Settings of pip: of the environment first, then of its command `install`, then of all.
config=$("$(dirname "$uv")/python" -m pip --disable-pip-version-check config list |
    sed 's/^:env:/~/' | LC_ALL=C sort -r)
# The value of one; items of a list are divided by spaces.
setting() {
    printf '%s\n' "$config" | sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" | head -n 1 | sed 's/\\n/ /g; s/^ *//'
}
pass() {
    value=$(setting "$2")
    [ -z "$value" ] || export "$1=$value"
}
pass UV_DEFAULT_INDEX index-url
pass UV_INDEX extra-index-url
pass UV_FIND_LINKS find-links
pass UV_NO_INDEX no-index
pass UV_INSECURE_HOST trusted-host
pass UV_HTTP_TIMEOUT timeout
pass UV_HTTP_TIMEOUT default-timeout
pass SSL_CERT_FILE cert
pass ALL_PROXY proxy
# Which index has a package does not matter: its hash is that of the lock.
export UV_INDEX_STRATEGY=unsafe-best-match UV_NO_CONFIG=1
locks=""
for lock in "$@"; do locks="$locks -r $lock"; done
# shellcheck disable=SC2086
"$uv" pip install --quiet --python "$python" --no-deps --require-hashes $locks && exit
echo "!!! uv could not install the locks: pip does, which takes longer"
"$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip
# shellcheck disable=SC2086
exec "$python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes $locks
