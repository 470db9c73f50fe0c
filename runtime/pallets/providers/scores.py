"""Scores: the weight of verified work in block production, and its delegation.

Each provider has a window: its scores, era by era. Shares of blocks follow the value of the work,
which is half of what its payer lost for good; voting rights follow its amount. Shares that are
planned in an era count the fourteen eras before the last one (`runtime/decay.py`), so nothing
counts that was done, delegated or withdrawn while the randomness of the planned epoch was being
made. Eras are epochs that had a block: while a chain is stalled no score decays.

Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, TypeName, path, u32, u128
from runtime.decay import KEPT, decayed
from runtime.frame.aliases import Balance

MAX_DELEGATORS: Final = 16
"""Maximum number of providers that delegate their scores to one validator."""
MAX_SCORE: Final = u128.MAX // (2 * MAX_DELEGATORS)
"""Maximum weight of one provider: a validator with all its delegators fits u128."""


@path("pallet_providers::EraScore", params={"Balance": u128})
@dataclass(slots=True)
class EraScore:
    """A provider's verified work in an era."""

    era: Annotated[u32, TypeName("EraIndex")]
    parts: u128
    """Amount of the work, in millionths of a unit."""
    value: Balance
    """Value of the work in block production, in planck: see `JobFees.value`."""


Window = Bounded[list[EraScore], KEPT]
"""Scores of one provider, the oldest first; eras without a score are omitted."""


@path("pallet_providers::ScoreDelegation")
@dataclass(slots=True)
class ScoreDelegation:
    """The delegation of a provider's score: to `to` from the snapshot of era `since` on.

    Until then to `before`. None: not delegated.
    """

    before: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
    to: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
    since: Annotated[u32, TypeName("EraIndex")]

    def at(self, era: int) -> AccountId | None:
        """Return the delegate of the score in the snapshot of an era; None if it is its own."""
        return self.to if era >= self.since else self.before

    def concerns(self, delegate: AccountId, era: int) -> bool:
        """Return True if the score is delegated to `delegate` in any snapshot of `era` or later."""
        return self.to == delegate or (self.before == delegate and era < self.since)


def credited(window: Sequence[EraScore], era: int, parts: int, value: int) -> list[EraScore]:
    """Return the window with work added in `era`, the current one, and without expired eras."""
    kept = [score for score in window if score.era + KEPT > era]
    if kept and kept[-1].era == era:
        parts, value = parts + int(kept[-1].parts), value + int(kept[-1].value)
        kept.pop()
    return [*kept, EraScore(u32(era), u128(parts), u128(value))]


def score_at(window: Sequence[EraScore], snapshot: int) -> int:
    """Return the weight of a window in the snapshot of an era, in planck times `SCORE_UNIT`."""
    return decayed(((int(score.era), int(score.value)) for score in window), snapshot)
