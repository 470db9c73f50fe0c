"""Runtime calls: whatever their arguments, the answer is bytes or a refusal."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from btt_chain.primitives.extrinsic import opaque
from fuzz.target import Target
from fuzz.wires import CALLS, CHAIN, WIRES
from runtime import BttRuntime
from runtime.frame.api import ApiError

METHODS: Final = [f"{api.__name__}_{name}" for api in BttRuntime.apis() for name in api.METHODS]
BEST: Final = CHAIN.client.best().hash
HEADER: Final = CHAIN.block(BEST)[0].encode()


def run(raw: bytes) -> None:
    """Call the method that the first byte names."""
    if not raw:
        return
    with suppress(ApiError):
        answer = CHAIN.client.call(BEST, METHODS[raw[0] % len(METHODS)], raw[1:])
        assert isinstance(answer, bytes)
    assert CHAIN.client.best().hash == BEST


def seeds() -> list[bytes]:
    """Return an argument of each kind for each method."""
    arguments = [
        b"", HEADER, opaque(WIRES[0]) + b"\x90\0\0\0", b"\x02" + opaque(WIRES[1]) + BEST,
        CALLS[2] + b"\x90\0\0\0", HEADER + b"\x04" + opaque(WIRES[0]), bytes(32), bytes(44),
    ]  # fmt: skip
    return [bytes([n]) + argument for n in range(len(METHODS)) for argument in arguments]


TARGET = Target(
    run=run,
    seeds=seeds,
    instrument=("btt_chain.scale", "btt_chain.primitives", "runtime"),
)
