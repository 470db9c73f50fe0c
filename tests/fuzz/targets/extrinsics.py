"""Extrinsics: the envelope, the call to its last byte, its weight."""

from __future__ import annotations

from btt_chain.primitives.extrinsic import decode_extrinsic
from btt_chain.scale import DecodeError, compact_encode
from fuzz.target import Checks, Target, choose
from fuzz.wires import CALLS, RUNTIME, WIRES
from runtime.extensions import SIGNED_EXTRA


def envelope(raw: bytes) -> None:
    """Open an envelope and read its call."""
    try:
        opened = decode_extrinsic(raw, SIGNED_EXTRA)
    except DecodeError:
        return
    assert opened.address is not None or opened.encode() == raw
    call(opened.call_raw)


def call(raw: bytes) -> None:
    """Read a call; what was read is all there was."""
    try:
        read = RUNTIME.call_codec.decode_all(raw)
    except DecodeError:
        return
    assert read.raw == raw
    entry = RUNTIME.dispatchable(read)
    parts = zip(entry.args, read.args, strict=True)
    assert (
        not Checks.on or raw[:2] + b"".join(part.encode(value) for (_, part), value in parts) == raw
    )
    assert RUNTIME.info(read).weight >= 0


def heavy() -> list[bytes]:
    """Return batches of the smallest calls, deep ones, and reports with many nodes."""
    remark = bytes.fromhex("000000")
    found = []
    for prefix in (b"\x09\x00", b"\x09\x02", b"\x09\x04"):
        found += [prefix + compact_encode(count) + remark * count for count in (100, 1_000, 16_000)]
    reports = [
        bytes([index, 0])
        for index, pallet in RUNTIME.pallets.items()
        if type(pallet).__name__ in {"Babe", "Grandpa"}
    ]
    assert len(reports) == 2
    header = bytes(32) + compact_encode(7) + bytes(64)
    logs = compact_encode(15_000) + b"\x08" * 15_000
    block = bytes(40) + header + logs + header + logs
    for report in reports:
        nodes = compact_encode(30_000) + bytes(30_000)
        found += [report + block + bytes(4) + nodes + bytes(4), report + block]
    return [*(b"\1" + raw for raw in found), *(b"\0" + WIRES[0] + raw for raw in found[:3])]


TARGET = Target(
    run=lambda raw: choose(raw, envelope, call),
    seeds=lambda: [*(b"\0" + wire for wire in WIRES), *(b"\1" + raw for raw in CALLS)],
    heavy=heavy,
    instrument=("btt_chain.scale", "btt_chain.primitives", "runtime.frame", "runtime.pallets"),
)
