"""Engagements: the jobs of providers. This is the interface of Providers for Jobs and Receipts.

A job reserves a part of its provider's bond until it can no longer be disputed. Providers are
selected by free bond, in a selection that reads the members of one class.
"""

from __future__ import annotations

from collections.abc import Sequence

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import mul_div
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u128
from btt_chain.work.race import raced
from runtime.frame import Component, DoubleMap, Hasher, Map, Value
from runtime.frame.traits import Operators
from runtime.pallets.providers.bonds import Bonds
from runtime.pallets.providers.eras import Calendar
from runtime.pallets.providers.membership import Membership
from runtime.pallets.providers.performance import Performance
from runtime.pallets.providers.types import Ledger, Params, ProviderInfo
from runtime.pallets.providers.work_scores import WorkScores
from runtime.splits import PPM


class Engagements(Component):
    """The jobs of providers: selection, reservations, pay and penalties."""

    _providers: Map[AccountId, ProviderInfo]
    _ledgers: Map[AccountId, Ledger]
    _params: Value[Params]
    _calendar: Calendar
    _operators: Operators
    _bonds: Bonds
    _membership: Membership
    _performance: Performance
    _work_scores: WorkScores

    reservations = DoubleMap(
        AccountId, H256, u128, hashers=(Hasher.Blake2_128Concat, Hasher.Identity)
    )
    """Amounts of a bond that are reserved for jobs, in planck."""

    # ---- queries

    def exists(self, who: AccountId) -> bool:
        """Return True if `who` is registered."""
        return who in self._ledgers

    def info(self, provider: AccountId) -> ProviderInfo | None:
        """Return a provider's information; None if it is not registered."""
        return self._providers.get(provider)

    def is_bonded(self, provider: AccountId) -> bool:
        """Return True if a provider has the minimum bond, which jobs of requesters need."""
        ledger = self._ledgers.get(provider)
        return ledger is not None and self._bonds.is_sufficient(ledger)

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return the operator that earns by a provider's work.

        None for one that is not registered, or whose bond is below the minimum, by a slash too.
        """
        return self._operators.operator_of(provider) if self.is_bonded(provider) else None

    def members_of(self, model_class: int) -> int:
        """Return the number of members of a class."""
        return len(self._membership.members[u16(model_class)])

    def offers(self, model_class: int) -> list[int]:
        """Return each member's number of concurrent jobs in a class, 0 without a recent heartbeat.

        Limited to the number of minimum bonds in its bond.
        """
        now = self._calendar.eligibility()
        members = self._membership.members[u16(model_class)]
        return [now.offer(self._ledgers[who]) for who in members]

    # ---- selection and reservations

    def select(
        self,
        seed: bytes,
        model_class: int,
        need: int,
        requester: AccountId | None,
        refused: Sequence[AccountId],
        protocol: bool,
    ) -> tuple[AccountId | None, int]:
        """Select a provider for a job that reserves `need` planck of bond.

        Return the provider, None if none is eligible, and the number of eligible operators. By free
        bond, so that many accounts are selected as often as one with all their bonds, and so that
        knowledge of the seed gives no gain by changing bonds; never the requester's operator nor
        one of the `refused`. With `protocol`, a job of the chain itself, providers below the
        minimum bond are eligible as well, for one job at a time, as if they had bonded `need`.
        """
        now = self._calendar.eligibility()
        own = None if requester is None else self._operators.operator_of(requester)
        found: list[AccountId] = []
        chances: list[int] = []
        operators: dict[AccountId, None] = {}
        for who in self._membership.members[u16(model_class)]:
            weight = now.weight(self._ledgers[who], need, protocol=protocol)
            if not weight or who in refused:
                continue
            operator = self._operators.operator_of(who)
            if operator != own:
                found.append(who)
                chances.append(weight)
                operators[operator] = None
        order = raced(seed, found, chances)
        return (found[order[0]] if order else None), len(operators)

    def reserve(self, provider: AccountId, job: H256, amount: u128) -> u128:
        """Reserve a part of a provider's bond for a job that it is offered; return the amount.

        `amount` planck, or all that is active if that is less, as it may be for the chain's own
        jobs. One place of its capacity is taken. Raises ValueError if it is not a provider, or if
        the job has a place already, both of which are errors of the caller.
        """
        ledger = self._ledgers.get(provider)
        if ledger is None or (provider, job) in self.reservations:
            raise ValueError(f"{provider.hex()} cannot reserve for job {job.hex()}")
        self._performance.count_offer(provider, ledger)
        taken = min(amount, u128(ledger.active))
        ledger.active -= taken
        ledger.reserved += taken
        ledger.busy += 1
        self._ledgers[provider] = ledger
        self.reservations[provider, job] = taken
        return taken

    def release(self, provider: AccountId, job: H256) -> None:
        """End the reservation for a job, and free its place; nothing if there is none."""
        ledger = self._ledgers.get(provider)
        if ledger is None or (provider, job) not in self.reservations:
            return
        self._end(provider, job, ledger)
        self._ledgers[provider] = ledger

    # ---- results

    def note_decline(self, provider: AccountId) -> u128:
        """Count a declined offer; return the fine, in planck.

        No fine within the quota of the provider's offers in the era, rounded up.
        """
        ledger = self._ledgers.get(provider)
        if ledger is None:
            return u128(0)
        params = self._params.peek()
        if not self._performance.count_decline(provider, ledger, int(params.decline_quota)):
            return u128(0)
        return self.fine(provider, int(params.decline_fine))

    def note_done(self, provider: AccountId, took: int, ok: bool) -> None:
        """Count a job that a provider has ended, well or not.

        `took` is in thousandths of the time that its class is given for such a job. Call it before
        Mining records the receipt, which then uses the results of ended eras.
        """
        ledger = self._ledgers.get(provider)
        if ledger is not None:
            self._performance.count_job(provider, ledger, took, ok=ok)

    def credit_score(self, provider: AccountId, parts: int, value: int) -> None:
        """Add work, counted by Mining in millionths of a unit, to a provider's current era.

        `value` is what it counts in block production, in planck.
        """
        if parts and provider in self._ledgers:
            self._work_scores.credit(provider, parts, value)

    def hold_pay(self, provider: AccountId, amount: u128) -> u128:
        """Hold pay that a provider just received as bond, up to the minimum; return the amount.

        Raises the errors of the hold: the provider's free balance is too small.
        """
        ledger = self._ledgers.get(provider)
        return u128(0) if ledger is None else self._bonds.hold_pay(provider, ledger, amount)

    # ---- penalties

    def slash(self, provider: AccountId, job: H256, amount: u128, to: AccountId | None) -> u128:
        """Take up to `amount` planck for wrong work; return the amount taken, and end the job.

        First the part reserved for the job, then the active one, then the latest unbonded ones.
        Half goes to `to`, unless that is None, the provider, or an account that so little cannot
        open, and without locked money; the rest is burned. The provider's scores are removed, and
        it is chilled.
        """
        ledger = self._ledgers.get(provider)
        if ledger is None:
            return u128(0)
        if (provider, job) in self.reservations:
            self._end(provider, job, ledger)
        if not ledger.chilled:
            self._membership.chill(provider, ledger, self._providers[provider].classes)
        self._work_scores.forfeit(provider)
        return self._bonds.slash(provider, ledger, job, amount, to)

    def fine(self, provider: AccountId, ppm: int) -> u128:
        """Burn a part of a provider's bond; return the burned amount, in planck.

        The part is taken of the whole bond, but what is reserved for jobs is not touched.
        """
        ledger = self._ledgers.get(provider)
        if ledger is None:
            return u128(0)
        return self._bonds.fine(provider, ledger, int(mul_div(ledger.bond, ppm, PPM)))

    def charge(self, provider: AccountId, amount: u128) -> u128:
        """Burn `amount` planck of a provider's bond, but none that jobs need; return the amount."""
        ledger = self._ledgers.get(provider)
        return u128(0) if ledger is None else self._bonds.fine(provider, ledger, int(amount))

    def _end(self, provider: AccountId, job: H256, ledger: Ledger) -> None:
        """Make the reservation for a job active again, and free its place."""
        amount = self.reservations[provider, job]
        del self.reservations[provider, job]
        ledger.reserved -= amount
        ledger.active += amount
        ledger.busy -= 1
