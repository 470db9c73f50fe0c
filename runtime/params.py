"""Parameters that differ between chains of one runtime, stored in the state for every node."""

from __future__ import annotations

import re
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.scale import codec, encode, path, u32, u64
from runtime.constants import DAY_MS, HOUR_MS, MONTH_MS, SYMBOL

PARAMS_KEY: Final = b":runtime_params"
"""Storage key of the parameters in block zero; they never change."""

CHAIN_ID_KEY: Final = b":chain_id"
"""Storage key of the chain's id in block zero: otherwise equal chains have other genesis hashes, so
a transaction of one is invalid on the other."""


MAX_VALIDATORS: Final = 1_000
"""Maximum number of validators of any chain: each one's votes go to all others."""


MIN_SLOT_MS: Final = 100
"""Minimum length of a slot: a block of a shorter one has room for too few extrinsics."""


MAX_COMMITTEE: Final = 15
"""Maximum number of verifiers of one receipt."""
PPM: Final = 1_000_000

MIN_HOUR_SLOTS: Final = 12
"""Minimum length of an hour of payments, in slots: a bucket of settlement is a sixth of it, and has
two slots, so that half of them can be empty."""
MIN_HOUR_MS: Final = 6_000
"""Minimum length of it in milliseconds: the numbers of buckets since 1970 fit 32 bits."""

TOKEN_SYMBOL: Final = re.compile("[A-Za-z]{1,12}")
"""Symbols of a token that wallets and signing devices show."""


@path("btt_runtime::params::WorkRules")
@dataclass(frozen=True, slots=True)
class WorkRules:
    """Rules for the selection, verification and dispute of useful work; times are in slots.

    Defaults are those of the development chain with slots of a second. ValueError if the values are
    inconsistent.
    """

    beacon_delay: u32 = u32(2)
    """Delay of a selection: it uses the beacon of the first block this many slots later."""
    beacon_authors: u32 = u32(1)
    """Minimum number of different authors of blocks in between."""
    planted_error_ppm: u32 = u32(0)
    """Rate of planted errors, which detect lazy verifiers, in parts per million of receipts."""
    committee: u32 = u32(1)
    """Number of verifiers of a receipt."""
    quorum: u32 = u32(1)
    """Minimum number of verifiers that must find it valid."""
    min_operators: u32 = u32(1)
    """Minimum number of operators that could have been selected, for work to score."""
    accept_slots: u32 = u32(3)
    """Time for a provider to accept a job."""
    transcript_slots: u32 = u32(5)
    """Time for verifiers to fetch the data to check."""
    commit_slots: u32 = u32(5)
    """Time after that for verifiers to commit to their verdicts."""
    reveal_slots: u32 = u32(3)
    """Time after that for verifiers to reveal their verdicts."""
    challenge_slots: u32 = u32(10)
    """Time for disputes of a receipt that was found valid."""

    def __post_init__(self) -> None:
        if not 1 <= self.quorum <= self.committee <= MAX_COMMITTEE:
            found = f"{int(self.quorum)} of {int(self.committee)} verifiers"
            raise ValueError(f"{found}: expected 1 to at most {MAX_COMMITTEE}, in order")
        if self.planted_error_ppm > PPM:
            raise ValueError(
                f"{int(self.planted_error_ppm)} of a million receipts cannot have planted errors"
            )
        counts = (self.beacon_delay, self.beacon_authors, self.min_operators)
        spans = (self.accept_slots, self.transcript_slots, self.commit_slots, self.reveal_slots)
        if not all((*counts, *spans, self.challenge_slots)):
            raise ValueError(
                "every number of the rules of work but `planted_error_ppm` is at least 1"
            )


@path("btt_runtime::params::RuntimeParams")
@dataclass(frozen=True, slots=True)
class RuntimeParams:
    """Parameters of a chain; defaults are those of the development chain with slots of a second.

    An epoch is a session and an era, too. ValueError if the values are inconsistent.
    """

    slot_ms: u64
    """Length of a slot, in milliseconds."""
    epoch_slots: u32 = u32(20)
    """Length of an epoch, in slots."""
    reelection_epochs: u32 = u32(1)
    """Number of epochs for which a list of GRANDPA voters stays."""
    min_validators: u32 = u32(1)
    """Minimum size of the validator set."""
    max_validators: u32 = u32(16)
    """Maximum size of the validator set."""
    unbonding_epochs: u32 = u32(6)
    """Number of epochs for which unbonded money can still be slashed, and is not paid out."""
    report_epochs: u32 = u32(5)
    """Number of epochs for which an offence can be reported; less than `unbonding_epochs`."""
    day_ms: u32 = u32(60_000)
    """Length of a day of decisions, in milliseconds: a minute on development chains.

    Periods of the treasury, of bounties and of governance count in it; vesting, emission and stakes
    never do.
    """
    work: WorkRules = WorkRules()
    """Rules for the selection, verification and dispute of useful work."""
    hour_ms: u32 = u32(HOUR_MS)
    """Length of an hour of payments, in milliseconds: half a minute on development chains."""
    symbol: str = SYMBOL
    """Symbol of the token, under the digest of the metadata: signing devices show amounts in it."""

    def __post_init__(self) -> None:
        slot = int(self.slot_ms)
        if not slot or MONTH_MS % slot or DAY_MS % slot:
            raise ValueError(f"a slot of {slot} ms does not divide a day and a month")
        if slot < MIN_SLOT_MS:
            raise ValueError(f"a slot of {slot} ms is shorter than {MIN_SLOT_MS} ms")
        if not self.epoch_slots or not self.reelection_epochs:
            raise ValueError("an epoch has at least one slot, and a list of voters one epoch")
        if not 1 <= self.min_validators <= self.max_validators <= MAX_VALIDATORS:
            found = f"{int(self.min_validators)} to {int(self.max_validators)} validators"
            raise ValueError(f"{found}: expected 1 to at most {MAX_VALIDATORS}, in order")
        if self.day_ms < slot or self.day_ms > DAY_MS:
            raise ValueError(f"a day of decisions lasts a slot at least, and {DAY_MS} ms at most")
        if not max(MIN_HOUR_SLOTS * slot, MIN_HOUR_MS) <= self.hour_ms <= DAY_MS:
            least = f"{MIN_HOUR_SLOTS} slots and {MIN_HOUR_MS} ms at least"
            raise ValueError(f"an hour of payments lasts {least}, and a day at most")
        if not 1 <= self.report_epochs < self.unbonding_epochs:
            raise ValueError("offences are reported for at least one epoch, and before unbonding")
        if not TOKEN_SYMBOL.fullmatch(self.symbol):
            raise ValueError(f"the token's symbol {self.symbol!r}: expected 1 to 12 letters")

    @property
    def day_slots(self) -> int:
        """Length of a day of decisions, in slots."""
        return int(self.day_ms) // int(self.slot_ms)

    def encoded(self) -> bytes:
        """Return the SCALE encoding."""
        return codec(RuntimeParams).encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> RuntimeParams:
        """Decode the SCALE encoding. DecodeError or ValueError if it is invalid.

        Parameters of a chain that began before `hour_ms` or `symbol` existed end without them: it
        has their defaults there.
        """
        if len(raw) == LENGTH - len(HOUR_BYTES):
            raw += HOUR_BYTES
        if len(raw) == LENGTH:
            raw += SYMBOL_BYTES
        return codec(RuntimeParams).decode_all(raw)


HOUR_BYTES: Final = encode(u32, u32(HOUR_MS))
SYMBOL_BYTES: Final = encode(str, SYMBOL)
LENGTH: Final = len(RuntimeParams(u64(1_000)).encoded()) - len(SYMBOL_BYTES)
"""Length of the encoding without the symbol, the same for all parameters."""
