"""Providers: the registry of providers and their bonds.

A provider registers its keys, addresses and the classes of models that it serves, and bonds money,
which may still be vesting. Providers are selected for jobs by free bond, so that many small
accounts get no more than one large one; each job reserves a part of the bond until it can no longer
be disputed. A provider below the minimum bond gets the chain's own jobs only, and its pay becomes
bond.

Invariants: the amount on hold for bonds is active, reserved or being unbonded, to the planck; and
the reserved amount is the sum over jobs. There is no hook: each call and each public function
changes one provider, a selection reads the members of one class, at most `max_members`. Eras are
Mining's: epochs that had a block, so that no period expires while the chain is stalled.

A provider's work also counts in block production, for itself or for a validator that it delegates
its score to; see `work_scores.py`. Jobs and Receipts use `engagements.py`.

Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from btt_chain.primitives.account import AccountId
from btt_chain.scale import TypeName, u32, u64, u128
from runtime.decay import AGE, DECAY, WINDOW
from runtime.frame import (
    Const,
    Constant,
    DispatchInfo,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    Part,
    PostInfo,
    ReasonOf,
    Value,
    call,
)
from runtime.frame.aliases import AccountIdOf, CompactBalanceOf
from runtime.frame.traits import Clock, Operators
from runtime.pallets.balances.pallet import Balances
from runtime.pallets.mining.pallet import Mining
from runtime.pallets.models.pallet import Models
from runtime.pallets.providers import errors, events, weights
from runtime.pallets.providers.bonds import Bonds
from runtime.pallets.providers.conduct import ERAS_WATCHED
from runtime.pallets.providers.engagements import Engagements
from runtime.pallets.providers.eras import Calendar
from runtime.pallets.providers.membership import Membership, ensure_valid
from runtime.pallets.providers.performance import Performance
from runtime.pallets.providers.selection import FRESH_ERAS
from runtime.pallets.providers.types import (
    MAX_CHUNKS,
    MAX_CLASSES,
    MAX_MEMBERS,
    Contributions,
    Hours,
    Ledger,
    NoopContributions,
    Params,
    ProviderInfo,
)
from runtime.pallets.providers.work_scores import MAX_DELEGATORS, WorkScores
from runtime.pallets.tokenomics.traits import HeldBurns
from runtime.splits import FINDER_BPS, PPM

ProviderInfoOf = ProviderInfo


def joining(pallet: Providers, *_: object) -> DispatchInfo:
    """Weigh a call that may leave the maximum number of classes, and join as many full ones."""
    read = MAX_CLASSES * int(pallet.max_members)
    return DispatchInfo(weights.joining(2 * MAX_CLASSES, read))


class Providers(Pallet, events=events, errors=errors):
    """The registry of providers and their bonds."""

    # ---- constants

    registration_deposit: Const[u128]
    """Deposit for a registration until it ends, in planck."""
    unbonding_eras: Const[u32]
    """Eras between unbonding and withdrawing."""
    era_slots: Const[u32]
    """Length of an era in slots: an epoch."""
    settling_slots: Const[u32]
    """Slots in which a provider is not selected after it adds bond or changes keys: longer than any
    selection can be foreseen.

    Otherwise the author of the block before could add to the one of its bonds that the beacon
    favours.
    """
    max_members: Const[u32] = u32(MAX_MEMBERS)
    """Maximum number of providers in one class; a further one must displace a lower-ranked one."""
    max_chunks: Const[u32] = u32(MAX_CHUNKS)
    """Maximum number of parts of one bond that are being unbonded."""
    max_delegators: Const[u32] = u32(MAX_DELEGATORS)
    """Maximum number of providers that delegate their scores to one validator."""
    fresh_eras = Constant(u32(FRESH_ERAS))
    """Number of eras before the current one in which a heartbeat still allows selection."""
    eras_watched = Constant(u32(ERAS_WATCHED))
    """Number of eras over which uptime is measured."""
    finder_share = Constant(u32(FINDER_BPS))
    """Part of a slashed bond that is paid to the finder of the fraud, in basis points, except what
    is still vesting; the rest is burned."""
    score_window = Constant(u32(WINDOW))
    """Number of eras whose work counts in block production."""
    score_age = Constant(u32(AGE))
    """Distance in eras of the newest of them from the era in which weights are planned."""
    score_decay = Constant(u32(DECAY * PPM // 10))
    """Weight of each of them relative to the next one, in parts per million."""

    # ---- dependencies

    slot_ms: u64
    """Length of a slot in milliseconds."""
    currency: Balances
    burns: HeldBurns
    clock: Clock
    measures: Mining
    operators: Operators
    classes: Models
    params_origin: OriginCheck
    """Origin that sets the parameters."""
    contributions: Contributions = NoopContributions()
    """Voting rights for work; see `connect`."""

    # ---- storage

    providers = Map(AccountId, ProviderInfo)
    """The registered providers, and their information about themselves."""
    ledgers = Map(AccountId, Ledger)
    """A provider's bond, and the values needed to select it."""
    params = Value(Params, default=Params())

    # ---- components

    calendar = Part(Calendar)
    bonds = Part(Bonds)
    performance = Part(Performance)
    membership = Part(Membership)
    work_scores = Part(WorkScores)
    engagements = Part(Engagements)

    # ---- hold reasons

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        ProviderBond = 0
        """Bond for the work of a provider."""
        Registration = 1
        """Deposit for the storage of a registration, as long as it lasts."""

    reason = ReasonOf(HoldReason.ProviderBond)
    """The reason of bonds in Balances."""
    deposit_reason = ReasonOf(HoldReason.Registration)
    """The reason of deposits in Balances."""

    # ---- hooks

    # ---- calls

    @call(0, weight=joining)
    def register(self, origin: Origin, info: ProviderInfoOf, bond: CompactBalanceOf) -> PostInfo:
        """Register the caller as a provider, with `bond` planck bonded.

        A bond below the minimum, or none, is for the chain's own jobs only: each is checked in
        full, and its pay becomes bond up to the minimum.
        """
        who = origin.signed()
        if who in self.ledgers:
            raise errors.AlreadyProvider
        ensure_valid(info, self.classes)
        self.currency.hold(self.deposit_reason, who, self.registration_deposit)
        ledger = self.bonds.open(who, bond, info.capacity)
        read = self.membership.join(who, ledger, info.classes)

        self.providers[who] = info
        self.ledgers[who] = ledger
        self.performance.start(who)
        self.deposit(events.Registered(who))
        if bond:
            self.deposit(events.Bonded(who, bond))
        return PostInfo(weight=weights.joining(len(info.classes), read))

    @call(1, weight=joining)
    def update(self, origin: Origin, info: ProviderInfoOf) -> PostInfo:
        """Change the caller's information.

        Keys only without open jobs: selections and sealed payloads depend on them. With new keys
        the provider is not selected in the next `settling_slots`.
        """
        who = origin.signed()
        ledger, before = self._ledger(who), self.providers[who]
        ensure_valid(info, self.classes)
        if (info.vrf, info.seal) != (before.vrf, before.seal):
            if ledger.busy:
                raise errors.JobsOpen
            ledger.selectable_from = self.bonds.settled_from()
        ledger.capacity = info.capacity
        read = 0
        if not ledger.chilled:
            read = self.membership.move(who, ledger, before.classes, info.classes)

        self.providers[who] = info
        self.ledgers[who] = ledger
        self.deposit(events.Updated(who))
        return PostInfo(weight=weights.joining(len(before.classes) + len(info.classes), read))

    @call(2, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Add `amount` planck to the caller's bond. Money that is still vesting can be bonded, too.

        The provider is not selected in the next `settling_slots`.
        """
        who = origin.signed()
        self.bonds.extend(who, self._ledger(who), amount)

    @call(3, weight=weights.UNBOND)
    def unbond(self, origin: Origin, amount: CompactBalanceOf) -> None:
        """Start to unbond `amount` planck of the caller's bond, at most all that is free.

        The part that jobs need is not free until they can no longer be disputed.
        """
        who = origin.signed()
        self.bonds.unbond(who, self._ledger(who), amount)

    @call(4, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin) -> None:
        """Release the unbonded parts of the caller's bond that are due."""
        who = origin.signed()
        self.bonds.withdraw(who, self._ledger(who))

    @call(5, weight=joining)
    def chill(self, origin: Origin) -> PostInfo:
        """Chill the caller: it takes no new jobs until it resumes. Its open jobs go on."""
        who = origin.signed()
        ledger, classes = self._ledger(who), self.providers[who].classes
        if ledger.chilled:
            raise errors.AlreadyChilled
        self.membership.chill(who, ledger, classes)
        self.ledgers[who] = ledger
        return PostInfo(weight=weights.joining(len(classes), 0))

    @call(6, weight=joining)
    def resume(self, origin: Origin) -> PostInfo:
        """Take jobs again: after `chill`, after a slash, or after displacement by another provider.

        It is a heartbeat as well.
        """
        who = origin.signed()
        ledger, classes = self._ledger(who), self.providers[who].classes
        missing = self.membership.missing(who, classes)
        if not missing:
            raise errors.NotChilled
        read = self.membership.resume(who, ledger, missing)
        self.ledgers[who] = ledger
        return PostInfo(weight=weights.joining(len(missing), read))

    @call(7, weight=weights.SET_AVAILABILITY)
    def set_availability(
        self, origin: Origin, hours: Annotated[Hours | None, TypeName("Option<[u8; 21]>")]
    ) -> None:
        """Set the hours of the week in which the caller takes jobs: a bit each, lowest bit first.

        Weeks are counted from genesis, not from a Monday. None: all hours.
        """
        who = origin.signed()
        ledger = self._ledger(who)
        self.performance.settle(who, ledger)
        ledger.hours = hours
        self.ledgers[who] = ledger
        self.deposit(events.AvailabilitySet(who))

    @call(8, weight=weights.HEARTBEAT)
    def heartbeat(self, origin: Origin) -> PostInfo:
        """Send a heartbeat, once an era; it costs no fee.

        A provider without one in this era and the two before is not selected; one with heartbeats
        in less than half of the eras in which it takes jobs earns nothing in mining.
        """
        who = origin.signed()
        ledger, era = self._ledger(who), u32(self.measures.era_now())
        if ledger.last_heartbeat == era:
            raise errors.HeartbeatAlreadySent
        self.performance.settle(who, ledger)
        ledger.last_heartbeat = era
        self.ledgers[who] = ledger
        self.deposit(events.HeartbeatReceived(who, era))
        return PostInfo(pays=False)

    @call(9, weight=weights.DELEGATE_SCORE)
    def delegate_score(
        self,
        origin: Origin,
        validator: Annotated[AccountId | None, TypeName("Option<T::AccountId>")],
    ) -> None:
        """Delegate the caller's score in block production to a validator. None: end the delegation.

        It begins with the snapshot of this era. It ends, or moves to another validator, two eras
        later. The validator cannot delegate it further.
        """
        who = origin.signed()
        to = None if validator == who else validator
        ledger = self._ledger(who)
        if self.work_scores.delegate_of(who) == to:
            raise errors.NothingChanges
        if to is not None and not self.bonds.is_sufficient(ledger):
            raise errors.BondTooSmall
        self.work_scores.delegate(who, to)

    @call(10, weight=weights.DISMISS_DELEGATOR)
    def dismiss_delegator(self, origin: Origin, provider: AccountIdOf) -> None:
        """End a provider's delegation to the caller in two eras, to have room for another one."""
        self.work_scores.dismiss(origin.signed(), provider)

    @call(11, weight=joining)
    def deregister(self, origin: Origin) -> PostInfo:
        """Deregister the caller. The bond must be withdrawn first; the deposit is returned."""
        who = origin.signed()
        ledger, classes = self._ledger(who), self.providers[who].classes
        if ledger.busy:
            raise errors.JobsOpen
        if ledger.bond or ledger.unlocking:
            raise errors.StillBonded
        self.membership.leave(who, classes)
        reason = self.deposit_reason
        self.currency.release(reason, who, self.currency.held(reason, who))
        del self.providers[who]
        del self.ledgers[who]
        self.performance.remove(who)
        self.work_scores.remove(who)
        self.deposit(events.Deregistered(who))
        return PostInfo(weight=weights.joining(len(classes), 0))

    @call(12, weight=weights.SET_PARAMS)
    def set_params(
        self, origin: Origin, params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]
    ) -> None:
        """Set the parameters. Bonds below a new minimum stay, and get no more paid jobs."""
        self.params_origin(origin)
        if not params.in_order:
            raise errors.InvalidParams
        self.params.value = params
        self.deposit(events.ParamsSet(params))

    # ---- public interface

    def connect(self, contributions: Contributions) -> None:
        """Connect the pallet of voting rights for work, which is added later."""
        self.contributions = self.work_scores.contributions = contributions

    # ---- internals

    def _ledger(self, who: AccountId) -> Ledger:
        ledger = self.ledgers.get(who)
        if ledger is None:
            raise errors.NotProvider
        return ledger
