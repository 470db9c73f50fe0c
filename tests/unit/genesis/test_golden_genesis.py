"""Block zero of every chain, frozen: a change of it is a diff here, and another chain.

If a change is meant, `BTT_GOLDEN=write pytest tests/unit/genesis/test_golden_genesis.py` writes
the files anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from genesis.build import build, to_raw
from genesis.catalogue import make
from genesis.presets import CHAINS

GOLDEN = Path(__file__).parents[2] / "golden"


def frozen(name: str, found: object) -> object:
    """The content of a golden file, which `found` becomes if it is to be written."""
    path = GOLDEN / name
    if os.environ.get("BTT_GOLDEN") == "write":
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_hash_and_root_of_every_block_zero_stay() -> None:
    found = {}
    for preset, chain in CHAINS.items():
        zero = build(make(chain))
        found[preset] = {
            "hash": "0x" + zero.hash.hex(),
            "stateRoot": "0x" + zero.header.state_root.hex(),
            "keys": len(zero.state),
        }
    assert found == frozen("genesis.json", found)


def test_every_key_of_the_development_chain_stays() -> None:
    found = to_raw(make(CHAINS["dev"])).to_json()["genesis"]
    assert found == frozen("genesis-dev.json", found)
