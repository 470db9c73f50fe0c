#!/bin/sh
# Install the peers that `make bench` compares with, under .bench:
#   .bench/npm/node_modules/.bin/{anvil,hardhat,ganache}
#   .bench/py-evm/bin/python
# They are no dependency: a peer that does not install is named here, and the
# report prints it as absent. Usage: scripts/bench_setup.sh PYTHON
set -eu
python=$1
cd "$(dirname "$0")/.."
mkdir -p .bench/npm

absent() {
    echo "!!! $1 did not install: the report will print it as absent" >&2
}

if command -v npm >/dev/null; then
    [ -f .bench/npm/package.json ] || echo '{"name": "btt-chain-bench", "private": true}' >.bench/npm/package.json
    for peer in @foundry-rs/anvil@1.7.1 hardhat@2.29.1 ganache@7.9.2; do
        npm install --prefix .bench/npm --save-exact --no-audit --no-fund --loglevel=error "$peer" || absent "$peer"
    done
else
    absent "npm, so anvil, hardhat and ganache"
fi

"$python" -m venv .bench/py-evm
.bench/py-evm/bin/python -m pip install --quiet --disable-pip-version-check \
    py-evm==0.12.1b1 coincurve==21.0.0 || absent py-evm
