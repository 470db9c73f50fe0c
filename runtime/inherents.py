"""Inherents: data that a block's author must include before all other extrinsics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.extrinsic import BARE_V4, BARE_V5, bare
from btt_chain.scale import Compact, DecodeError, Fixed, TypeName, codec, path, u64
from runtime.frame import Runtime
from runtime.pallets.timestamp.pallet import Timestamp

TIMESTAMP: Final = b"timstap0"
"""Identifier of the time in inherent data, in milliseconds since 1970. Source: sp_timestamp."""

MAX_DRIFT_MS: Final = 30_000
"""Maximum time by which a block may be ahead of the local clock. Source: pallet_timestamp."""

MOMENT: Final = codec(Compact[u64])
SET: Final = 0
"""Index of the call `Timestamp.set`, with a moment as its argument."""

Identifier = Annotated[bytes, Fixed(8)]


@path("sp_inherents::InherentData")
@dataclass(slots=True)
class InherentData:
    """Data of the author that the runtime cannot derive: SCALE values by 8-byte identifier."""

    data: Annotated[dict[Identifier, bytes], TypeName("BTreeMap<InherentIdentifier, Vec<u8>>")]

    @classmethod
    def at(cls, now_ms: int) -> InherentData:
        """Return the data of a block made at `now_ms`, milliseconds since 1970."""
        return cls({TIMESTAMP: codec(u64).encode(u64(now_ms))})

    def now(self) -> u64:
        """Return the time in milliseconds since 1970; raise MissingInherent if it is absent."""
        raw = self.data.get(TIMESTAMP)
        if raw is None:
            raise MissingInherent("the inherent data holds no time (timstap0)")
        return codec(u64).decode_all(raw)


@path("sp_inherents::CheckInherentsResult")
@dataclass(slots=True)
class CheckInherentsResult:
    """Result of a comparison of a block's inherents with the checking node's data."""

    okay: bool
    fatal_error: bool
    errors: InherentData


class MissingInherent(ValueError):
    """The inherent data lacks a required value; the message names it."""


def create_inherents(runtime: Runtime, inherent: InherentData) -> list[bytes]:
    """Return the inherent extrinsics of a block, in order, without length prefixes."""
    return [bare(bytes((runtime.pallet(Timestamp).index, SET)) + MOMENT.encode(inherent.now()))]


def check_inherents(
    runtime: Runtime, extrinsics: Sequence[bytes], inherent: InherentData
) -> CheckInherentsResult:
    """Check a block's inherents: its time must not be far ahead of the local time."""
    ours = inherent.now()
    latest = ours + MAX_DRIFT_MS
    prefix = bytes((runtime.pallet(Timestamp).index, SET))
    for raw in extrinsics:
        if raw[:1] not in BARE or raw[1:3] != prefix:
            continue
        try:
            (theirs,) = runtime.call_codec.decode_all(raw[1:]).args
        except DecodeError:
            return refusal("the block's time cannot be read")
        if isinstance(theirs, u64) and theirs > latest:
            return refusal("the block's time is too far in the future")
    return CheckInherentsResult(okay=True, fatal_error=False, errors=InherentData({}))


BARE: Final = (bytes((BARE_V4,)), bytes((BARE_V5,)))


def refusal(why: str) -> CheckInherentsResult:
    """Return the result for an invalid time."""
    return CheckInherentsResult(
        okay=False, fatal_error=False, errors=InherentData({TIMESTAMP: why.encode()})
    )
