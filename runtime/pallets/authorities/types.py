"""Records and limits of Authorities, and the pallets that it asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, Compact, TypeName, path, u32, u128
from runtime.constants import BTT
from runtime.frame.bonding import UnlockChunk, unlocking_total

MAX_CHUNKS: Final = 32
MAX_CANDIDATES: Final = 256
MAX_ELECTIONS: Final = 1_024
"""Maximum number of remembered elections; at this limit the next election waits."""

MIN_BOND: Final = BTT
"""Minimum active bond, in planck: it pays for the storage of the ledger."""
MAX_BOND: Final = u128(10**10 * BTT)
"""Maximum active bond, in planck: the weights of 1,000 such bonds add up to less than 2^64."""
LOWEST_MINIMUM: Final = u128(1_000 * BTT)
HIGHEST_MINIMUM: Final = u128(1_000_000 * BTT)
"""Bounds of the minimum bond of a candidate, in planck."""
WORK_FACTOR: Final = u32(2_000)
LOWEST_FACTOR: Final = 300
HIGHEST_FACTOR: Final = 10_000
"""Initial value and bounds of the factor by which the value of work is compared with bonds."""
SessionIndex = Annotated[u32, TypeName("SessionIndex")]


@path("pallet_authorities::Ledger", params={"Balance": u128})
@dataclass(slots=True)
class Ledger:
    """A stash's active bond and the parts being unbonded. All of it is on hold."""

    active: Annotated[Compact[u128], TypeName("Balance")]
    unlocking: Annotated[
        Bounded[list[UnlockChunk], MAX_CHUNKS], TypeName("BoundedVec<UnlockChunk, MaxChunks>")
    ] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Amount on hold, in planck."""
        return int(self.active) + unlocking_total(self)


@path("pallet_authorities::Exposure", params={"Balance": u128})
@dataclass(slots=True)
class Exposure:
    """Amount that an election put at stake for one validator, and the part slashed since."""

    bond: Annotated[Compact[u128], TypeName("Balance")]
    slashed: Annotated[Compact[u128], TypeName("Balance")]

    @property
    def left(self) -> int:
        """Amount that can still be slashed, in planck."""
        return int(self.bond) - int(self.slashed)


class SessionKeys(Protocol):
    """Lookup of session keys; Session implements it."""

    def has_keys(self, account: AccountId) -> bool:
        """Return True if `account` has set its session keys."""


class NoKeys:
    """SessionKeys of a chain without sessions: no account has keys, so none is elected."""

    def has_keys(self, account: AccountId) -> bool:
        """Return True if `account` has session keys: never."""
        return False


class Absences(Protocol):
    """Validators that make no blocks; Babe implements it."""

    def absent(self) -> Sequence[AccountId]:
        """Return the absent validators, the longest absent first."""

    def forget(self, who: AccountId) -> None:
        """Count `who` as present until its next own slots stay empty."""


class NoAbsences:
    """Absences of a chain that does not count empty slots."""

    def absent(self) -> Sequence[AccountId]:
        """Return no account."""
        return ()

    def forget(self, who: AccountId) -> None:
        """Do nothing."""


class WorkScores(Protocol):
    """Scores of verified work, by validator.

    The scores are those of a snapshot two epochs old: work in the epoch that makes the next
    randomness must not change a weight. The implementation chooses the snapshot.
    """

    def snapshot(self) -> int:
        """Return the newest era that counts in what is planned now; negative without one."""

    def scores(self, validators: Sequence[AccountId]) -> Sequence[int]:
        """Return the decayed value of each validator's work, in planck times `SCORE_UNIT`."""


class NoWork:
    """WorkScores of a chain without work: weights are by bond alone."""

    def snapshot(self) -> int:
        """Return no era."""
        return -1

    def scores(self, validators: Sequence[AccountId]) -> Sequence[int]:
        """Return a zero for each of `validators`."""
        return [0] * len(validators)


class AuthorLimits(Protocol):
    """Limits of what fees pay to authors; TransactionPayment implements it."""

    def limit_at(self, snapshot: int) -> int:
        """Return the limit of an era whose shares of blocks are of this snapshot, in planck."""
