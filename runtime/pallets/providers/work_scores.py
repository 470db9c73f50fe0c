"""Work scores: the weight of verified work in block production, and its delegation.

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
from runtime.decay import AGE, KEPT, decayed
from runtime.frame import Component, Map
from runtime.frame.aliases import Balance
from runtime.pallets.providers import errors, events
from runtime.pallets.providers.eras import Calendar
from runtime.pallets.providers.types import Contributions, DelegatedScore, ScoreView

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


class WorkScores(Component):
    """Providers' scores in block production, and the validators that they delegate them to."""

    contributions: Contributions
    _calendar: Calendar
    _max_delegators: int

    windows = Map(AccountId, Window, default=[])
    """A provider's recent scores, era by era."""
    delegations = Map(AccountId, ScoreDelegation)
    """The current or last delegation of a provider's score."""
    delegators = Map(AccountId, Bounded[list[AccountId], MAX_DELEGATORS], default=[])
    """The providers that delegate to a validator, or did until recently."""

    def delegate(self, who: AccountId, to: AccountId | None) -> None:
        """Delegate the score of `who` to `to`; None ends the delegation.

        Raises ChangedLately, TooManyDelegators.
        """
        era, known = self._calendar.era(), self.delegations.get(who)
        now = None if known is None else known.at(era)
        self._ensure_not_lately(known, era)
        if to is not None:
            delegators = [one for one in self.delegators[to] if self._delegates(one, to, era)]
            if who not in delegators:
                if len(delegators) >= self._max_delegators:
                    raise errors.TooManyDelegators
                delegators.append(who)
            self.delegators[to] = delegators
        since = u32(era if now is None else era + AGE)
        self.delegations[who] = ScoreDelegation(now, to, since)
        self.deposit(events.ScoreDelegated(who, to, since))

    def delegate_of(self, who: AccountId) -> AccountId | None:
        """Return the validator that gets the score of `who`, now or soon; None without one."""
        known = self.delegations.get(who)
        return None if known is None else known.to

    def dismiss(self, validator: AccountId, provider: AccountId) -> None:
        """End a provider's delegation to a validator. Raises NotDelegator, ChangedLately."""
        era, known = self._calendar.era(), self.delegations.get(provider)
        if known is None or known.to != validator:
            raise errors.NotDelegator
        self._ensure_not_lately(known, era)
        since = u32(era + AGE)
        self.delegations[provider] = ScoreDelegation(validator, None, since)
        self.deposit(events.ScoreDelegated(provider, None, since))

    def credit(self, provider: AccountId, parts: int, value: int) -> None:
        """Add work, in millionths of a unit, and its value in planck to the current era."""
        era = self._calendar.era()
        self.windows[provider] = credited(self.windows[provider], era, parts, value)
        self.contributions.note_work(provider, parts)

    def forfeit(self, provider: AccountId) -> None:
        """Remove the scores of a provider whose work was wrong, and its voting rights for work."""
        del self.windows[provider]
        self.contributions.forget_work(provider)

    def remove(self, provider: AccountId) -> None:
        """Remove a provider's scores and its delegation."""
        del self.windows[provider]
        del self.delegations[provider]

    def scores(self, validators: Sequence[AccountId]) -> list[int]:
        """Return the weight of each validator's work, its own and the one delegated to it.

        In planck times `SCORE_UNIT`, by the snapshot of this era. Reads a bounded number of
        accounts for each: itself and its delegators.
        """
        return [int(self.weight_of(validator).total) for validator in validators]

    def snapshot(self) -> int:
        """Return the newest era that counts in what is planned now; negative before era 2."""
        return self._calendar.era() - AGE

    def weight_of(self, validator: AccountId) -> ScoreView:
        """Return the weight of a validator's work and its parts."""
        snapshot = self.snapshot()
        if snapshot < 0:
            return ScoreView(None, u128(0), [], u128(0))
        own = self.score_of(validator, None, snapshot)
        delegated = [
            DelegatedScore(delegator, u128(score))
            for delegator in self.delegators[validator]
            if (score := self.score_of(delegator, validator, snapshot))
        ]
        total = own + sum(int(part.score) for part in delegated)
        return ScoreView(u32(snapshot), u128(own), delegated, u128(total))

    def score_of(self, provider: AccountId, delegate: AccountId | None, snapshot: int) -> int:
        """Return the weight of a provider's work if `delegate` has it in the snapshot, else 0."""
        window = self.windows[provider]
        if not window:
            return 0
        known = self.delegations.get(provider)
        whose = None if known is None else known.at(snapshot)
        # A weight out of range must not block the change of the epoch.
        return min(score_at(window, snapshot), MAX_SCORE) if whose == delegate else 0

    def _delegates(self, provider: AccountId, delegate: AccountId, era: int) -> bool:
        """Return True if a score is delegated to `delegate` in a snapshot in use, or will be."""
        known = self.delegations.get(provider)
        return known is not None and known.concerns(delegate, era - AGE)

    def _ensure_not_lately(self, known: ScoreDelegation | None, era: int) -> None:
        """Refuse a change of a delegation until all snapshots in use have its last change.

        One change is stored, and it must give the delegate in all of them. Raises ChangedLately.
        """
        if known is not None and era - AGE < known.since:
            raise errors.ChangedLately
