"""Scores: how much verified work weighs in making blocks, and whose weight it is.

Each provider has a window: what it scored, era by era. Weights that are planned in an era count the
fourteen eras before the last one, each for eight tenths of the one after it; so nothing counts
that was done, lent or taken back while the luck of the epoch that is planned was being made.
Eras are epochs that had a block: while a chain stands still no score grows old.

Source: `useful-work.md` 4.4, rulings A7 and A9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, TypeName, path, u32, u128

WINDOW: Final = 14
AGE: Final = 2
DECAY: Final = 8
"""Constants of `Providers`: what each decides is told there. The last in tenths."""
KEPT: Final = WINDOW + AGE
"""Eras that are remembered: those that count, and those that will."""
SCORE_UNIT: Final = 10 ** (WINDOW - 1)
"""A millionth of a unit of work that counts in full; what each era loses is then exact."""
MAX_LENDERS: Final = 16
"""Providers that may lend their scores to one validator."""
MOST_SCORE: Final = u128.MAX // (2 * MAX_LENDERS)
"""More than this one provider cannot weigh: a validator with all its lenders fits u128."""


@path("pallet_providers::EraScore")
@dataclass(slots=True)
class EraScore:
    """What a provider scored in an era, in millionths of a unit of work."""

    era: Annotated[u32, TypeName("EraIndex")]
    parts: u128


Window = Bounded[list[EraScore], KEPT]
"""Scores of one provider, the oldest first; eras without any are not there."""


@path("pallet_providers::Loan")
@dataclass(slots=True)
class Loan:
    """Whose a provider's score is: that of `to` from the snapshot of era `since` on.

    Until then that of `before`. None: its own.
    """

    before: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
    to: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
    since: Annotated[u32, TypeName("EraIndex")]

    def at(self, era: int) -> AccountId | None:
        """Return the borrower by the snapshot of an era."""
        return self.to if era >= self.since else self.before

    def concerns(self, borrower: AccountId, era: int) -> bool:
        """Tell whether any snapshot of `era` or later is the borrower's."""
        return self.to == borrower or (self.before == borrower and era < self.since)


def credited(window: Sequence[EraScore], era: int, parts: int) -> list[EraScore]:
    """Return the window with `parts` more in `era`, the one that runs, and without what is old."""
    kept = [score for score in window if score.era + KEPT > era]
    if not kept or kept[-1].era != era:
        return [*kept, EraScore(u32(era), u128(parts))]
    return [*kept[:-1], EraScore(u32(era), kept[-1].parts + u128(parts))]


def score_at(window: Sequence[EraScore], snapshot: int) -> int:
    """Return what a window weighs by the snapshot of an era, in parts of `SCORE_UNIT`."""
    ages = ((snapshot - int(score.era), int(score.parts)) for score in window)
    return sum(
        parts * DECAY**age * 10 ** (WINDOW - 1 - age) for age, parts in ages if 0 <= age < WINDOW
    )
