"""Scores: the weight of verified work in block production, and its delegation.

Each provider has a window: its scores, era by era. Weights that are planned in an era count the
fourteen eras before the last one, each for eight tenths of the one after it; so nothing counts
that was done, delegated or withdrawn while the randomness of the planned epoch was being made.
Eras are epochs that had a block: while a chain is stalled no score decays.

Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, TypeName, path, u32, u128

WINDOW: Final = 14
AGE: Final = 2
DECAY: Final = 8
"""Constants of `Providers`, described there. The last in tenths."""
KEPT: Final = WINDOW + AGE
"""Number of eras stored: those that count, and those that will."""
SCORE_UNIT: Final = 10 ** (WINDOW - 1)
"""A millionth of a unit of work that counts in full; the decay of each era is then exact."""
MAX_DELEGATORS: Final = 16
"""Maximum number of providers that delegate their scores to one validator."""
MAX_SCORE: Final = u128.MAX // (2 * MAX_DELEGATORS)
"""Maximum weight of one provider: a validator with all its delegators fits u128."""


@path("pallet_providers::EraScore")
@dataclass(slots=True)
class EraScore:
    """A provider's score in an era, in millionths of a unit of work."""

    era: Annotated[u32, TypeName("EraIndex")]
    parts: u128


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


def credited(window: Sequence[EraScore], era: int, parts: int) -> list[EraScore]:
    """Return the window with `parts` more in `era`, the current one, and without expired eras."""
    kept = [score for score in window if score.era + KEPT > era]
    if not kept or kept[-1].era != era:
        return [*kept, EraScore(u32(era), u128(parts))]
    return [*kept[:-1], EraScore(u32(era), kept[-1].parts + u128(parts))]


def score_at(window: Sequence[EraScore], snapshot: int) -> int:
    """Return the weight of a window in the snapshot of an era, in parts of `SCORE_UNIT`."""
    ages = ((snapshot - int(score.era), int(score.parts)) for score in window)
    return sum(
        parts * DECAY**age * 10 ** (WINDOW - 1 - age) for age, parts in ages if 0 <= age < WINDOW
    )
