"""The record of a computed job, as it is stored on the disk."""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, Fixed, codec, path, u8, u32, u64
from runtime.pallets.jobs.types import MAX_ITEMS
from runtime.pallets.jobs.views import JobView


@path("btt_provider::Flip")
@dataclass(frozen=True, slots=True)
class Flip:
    """A byte of a transcript that is wrong by a planted error, and the right value."""

    item: u32
    offset: u64
    right: u8


@path("btt_provider::PlantedError")
@dataclass(frozen=True, slots=True)
class PlantedError:
    """The right values of a receipt with a planted error."""

    item_root: H256
    output_root: H256
    salt: Annotated[bytes, Fixed(32)]
    flips: Bounded[list[Flip], MAX_ITEMS]


@path("btt_provider::Record")
@dataclass(frozen=True, slots=True)
class Record:
    """The computed result of a job: the content of its receipt, and the end of its service."""

    job: H256
    attempt: u8
    seed: H256
    """Seed of our selection: another selection for the same job has another receipt."""
    receipt: H256
    items: u32
    item_root: H256
    output_root: H256
    planted_error_commit: H256
    started: u32
    finished: u32
    planted_error: PlantedError | None = None
    righted: bool = False
    """True if the right data are served, after a planted error was revealed."""
    published: bool = False
    """True if the result is served; with a planted error not before the job is paid."""
    until: u32 = u32(0)
    """Slot in which everything is deleted; 0: the job is not over."""

    def encode(self) -> bytes:
        """Return the bytes on the disk."""
        return _RECORD.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Record:
        """Decode a stored record. Raises DecodeError."""
        return _RECORD.decode_all(raw)

    def is_of(self, view: JobView) -> bool:
        """Return True if it belongs to the present selection of a job."""
        return self.attempt == view.attempt and self.seed == view.seed


_RECORD: Final = codec(Record)
