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
from btt_chain.scale import compact_encode, u64
from fuzz.headers import SLOT, sealed
from fuzz.target import Target, choose, round_trip
from fuzz.wires import CHAIN, WIRES
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


def heavy() -> list[bytes]:
    """Return headers with as many digest items as fit, and blocks of empty extrinsics."""
    plain = sealed()[0]
    start = bytes(32) + compact_encode(7) + bytes(64)
    items = (b"\x08", b"\0\0", b"\x06BABE\0", b"\4aaaa\0")
    headers = [start + compact_encode(60_000 // len(item)) + item * (60_000 // len(item))
               for item in items]  # fmt: skip
    bodies = compact_encode(60_000) + bytes(60_000)
    return [
        *(b"\0" + header for header in headers), *(b"\1" + header + b"\0" for header in headers),
        b"\1" + plain.encode() + bodies, b"\2" + bodies, b"\3" + bytes(60_000),
        b"\3" + WIRES[2] * 200,
    ]  # fmt: skip


TARGET = Target(
    run=lambda raw: choose(raw, header, block, stored, executed),
    seeds=lambda: [
        *(b"\0" + each.encode() for each in sealed()),
        *(b"\1" + Block(each, [b"\x04abc"]).encode() for each in sealed()[:1]),
        *(b"\2" + each.encode() for each in sealed()[:1]),
        b"\2\x08\x0cabc\x04d",
        b"\3\x28" + bytes(10),
    ],
    heavy=heavy,
    instrument=("btt_chain.scale", "btt_chain.primitives", "btt_chain.consensus.babe", "storage"),
)
