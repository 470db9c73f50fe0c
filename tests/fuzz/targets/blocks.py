"""Blocks, bodies and headers: as bytes, as stored, and with their claim to a slot."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from btt_chain.consensus.babe.verify import Refused, slot_of, verify
from btt_chain.primitives.babe_digests import AllowedSlots, EpochConfig
from btt_chain.primitives.block import Block
from btt_chain.primitives.epoch import Epoch
from btt_chain.primitives.header import Header
from btt_chain.primitives.lottery import SecondaryRule
from btt_chain.scale import u64
from fuzz.headers import SLOT, sealed
from fuzz.target import Target, choose, round_trip
from fuzz.wires import CHAIN
from runtime.frame import InvalidBlock
from storage.blocks import decode_body, read_header, read_number
from storage.kv import Corrupt
from support.chain import ALICE, BOB

EPOCH: Final = Epoch(
    index=0,
    start=SLOT - 1,
    length=100,
    authorities=((ALICE.public, 1), (BOB.public, 1)),
    randomness=bytes(32),
    config=EpochConfig((u64(1), u64(4)), AllowedSlots.PrimaryAndSecondaryVRFSlots),
    secondary_rule=SecondaryRule.Uniform,
)


def header(raw: bytes) -> None:
    """Read a header and check its claim."""
    read = round_trip(raw, Header.decode, lambda value: value.encode())
    if read is None:
        return
    assert Header.decode(raw).hash() == read.hash()
    with suppress(Refused):
        slot_of(read)
        verify(read, EPOCH, 1, SLOT + 50)


def block(raw: bytes) -> None:
    """Read a block."""
    round_trip(raw, Block.decode, lambda value: value.encode())


def stored(raw: bytes) -> None:
    """Read a header and a body as the database keeps them."""
    for read in (read_header, read_number, decode_body):
        with suppress(Corrupt, ValueError):
            read(raw)


def executed(raw: bytes) -> None:
    """Execute a block of the header's fields and an arbitrary body: it is not valid."""
    best = CHAIN.client.best()
    known, body = CHAIN.block(best.hash)
    try:
        CHAIN.client.execute(known, [*body, raw])
    except InvalidBlock:
        return
    raise AssertionError("a block with another body was executed")


TARGET = Target(
    run=lambda raw: choose(raw, header, block, stored, executed),
    seeds=lambda: [
        *(b"\0" + each.encode() for each in sealed()),
        *(b"\1" + Block(each, [b"\x04abc"]).encode() for each in sealed()[:1]),
        *(b"\2" + each.encode() for each in sealed()[:1]),
        b"\2\x08\x0cabc\x04d",
        b"\3\x28" + bytes(10),
    ],
    instrument=("btt_chain.scale", "btt_chain.primitives", "btt_chain.consensus.babe", "storage"),
)
