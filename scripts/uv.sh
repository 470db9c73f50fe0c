#!/bin/sh
# Runs uv with the settings of pip: of the index, of proxies and certificates.
#
#   scripts/uv.sh UV ARGUMENT...
set -eu
uv=$1
shift
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
exec "$uv" "$@"
