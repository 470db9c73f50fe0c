"""Extrinsics: the envelope, the call to its last byte, its weight."""

from __future__ import annotations

from btt_chain.primitives.extrinsic import decode_extrinsic
from btt_chain.scale import DecodeError
from fuzz.target import Target, choose
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
    assert raw[:2] + b"".join(part.encode(value) for (_, part), value in parts) == raw
    assert RUNTIME.info(read).weight >= 0


TARGET = Target(
    run=lambda raw: choose(raw, envelope, call),
    seeds=lambda: [*(b"\0" + wire for wire in WIRES), *(b"\1" + raw for raw in CALLS)],
    instrument=("btt_chain.scale", "btt_chain.primitives", "runtime.frame", "runtime.pallets"),
)
