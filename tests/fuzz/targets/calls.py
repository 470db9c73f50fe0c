"""Calls of every pallet in a block, by an account and by root: applied whole, or nothing of it."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.validity import Invalid, Unknown
from btt_chain.scale import DecodeError
from fuzz.target import Target
from fuzz.wires import CALLS, CHAIN, RUNTIME
from runtime.executive import Executive
from support.chain import ALICE, BOB

BEST: Final = CHAIN.client.best().hash
HEADER, BODY = CHAIN.block(BEST)
LOADED: Final = CHAIN.client.runtime_at(BEST)
SUDO: Final = CALLS[4][:2]
NONCES: Final = {pair: int(CHAIN.account(pair).nonce) for pair in (ALICE, BOB)}


def any_signature(_: object, __: bytes, ___: bytes) -> bool:
    """Let the call itself be reached: the signature is not what is tried here."""
    return True


EXECUTIVE: Final = Executive(
    LOADED.blocks.runtime, check_signature=any_signature, ordered_root=LOADED.blocks.ordered_root
)


def run(raw: bytes) -> None:
    """Apply the call that follows the first byte, which names the origin."""
    if not raw:
        return
    pair, prefix = (BOB, b"") if raw[0] % 3 else (ALICE, SUDO)
    try:
        call = RUNTIME.call_codec.decode_all(prefix + raw[1:])
    except DecodeError:
        return
    wire = unwrap(CHAIN.sign(pair, call, nonce=NONCES[pair]))
    overlay = CHAIN.client.overlay(HEADER.parent_hash)
    EXECUTIVE.initialize_block(overlay, HEADER)
    EXECUTIVE.apply_extrinsic(BODY[0])
    before = overlay.changes()
    try:
        EXECUTIVE.apply_extrinsic(wire)
    except (Invalid, Unknown):
        assert overlay.changes() == before, "a refused transaction left something"
    EXECUTIVE.finalize_block()


def smallest(index: bytes) -> bytes | None:
    """Return a call with zeros for arguments; None if zeros are no arguments of it."""
    try:
        _, end = RUNTIME.call_codec.decode(index + bytes(2_000), 0)
    except DecodeError:
        return None
    return index + bytes(end - len(index))


def seeds() -> list[bytes]:
    """Return every call with zeros for arguments, by an account and by root."""
    indices = [
        bytes([pallet, entry.index])
        for pallet, found in sorted(RUNTIME.pallets.items())
        for entry in found.CALLS.values()
    ]
    calls = [call for call in map(smallest, indices) if call is not None] + CALLS
    return [bytes([origin]) + call for origin in (0, 1) for call in calls]


TARGET = Target(run=run, seeds=seeds, instrument=("runtime",))
