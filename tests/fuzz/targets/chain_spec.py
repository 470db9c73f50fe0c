"""Chain specifications: read, and built into a genesis, or refused with a place."""

from __future__ import annotations

import json
from typing import Final

from btt_chain.primitives import ss58
from fuzz.target import Target
from genesis.build import build
from genesis.spec import ChainSpec, Plain, SpecError, read_spec
from support.chain import ALICE

MAX_BUILT: Final = 3_000
"""Bytes of a specification that is built, too: that takes milliseconds."""


def run(raw: bytes) -> None:
    """Read a specification; what was read reads the same again."""
    try:
        read = read_spec(raw)
    except SpecError:
        return
    again = read_spec(read.dumps())
    assert again.to_json() == read.to_json()
    if len(raw) <= MAX_BUILT:
        try:
            build(read)
        except SpecError:
            return


def seeds() -> list[bytes]:
    """Return a plain and a raw specification."""
    whose = ss58.encode(ALICE.account_id)
    config = {
        "params": {"chainId": "fuzz", "slotMs": 6_000},
        "babe": {"engine": "manual", "sealer": whose},
        "balances": {"balances": [[whose, str(10**24)]]},
        "sudo": {"key": whose},
    }
    plain = json.loads(ChainSpec("fuzz", "fuzz", "Development", Plain(config)).dumps())
    raw = plain | {"genesis": {"raw": {"top": {"0x01": "0x02", "0x3a636f6465": "0x00"}}}}
    return [json.dumps(each).encode() for each in (plain, raw, {"top": {"0x01": "0x02"}})]


TARGET = Target(run=run, seeds=seeds, instrument=("genesis",))
