"""What differs between chains under one law, kept in the state so that a node needs no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from btt_chain.scale import codec, path, u64
from runtime.constants import DAY_MS, MONTH_MS

PARAMS_KEY: Final = b":runtime_params"
"""Where block zero keeps the parameters; they never change."""

CHAIN_ID_KEY: Final = b":chain_id"
"""Where block zero keeps the chain's id, so that chains which differ in nothing else differ in
their genesis hash: a transaction of the one is none of the other."""


@path("btt_runtime::params::RuntimeParams")
@dataclass(frozen=True, slots=True)
class RuntimeParams:
    """The parameters of a chain. `slot_ms` is the length of a slot in milliseconds."""

    slot_ms: u64

    def __post_init__(self) -> None:
        slot = int(self.slot_ms)
        if not slot or MONTH_MS % slot or DAY_MS % slot:
            raise ValueError(f"a slot of {slot} ms does not divide a day and a month")

    def encoded(self) -> bytes:
        """Return the SCALE form."""
        return codec(RuntimeParams).encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> RuntimeParams:
        """Read the SCALE form; DecodeError or ValueError if it is none."""
        return codec(RuntimeParams).decode_all(raw)
