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
its score to; see `scores.py`.

Described in `docs/useful-work.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, ClassVar, Final, NamedTuple

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import mul_div
from btt_chain.primitives.digest import H256
from btt_chain.scale import Bounded, Compact, TypeName, u16, u32, u64, u128
from btt_chain.work import ids
from runtime.frame import (
    Const,
    DispatchInfo,
    DoubleMap,
    Error,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Reason,
    TokenError,
    TokenErrorKind,
    Value,
    call,
)
from runtime.pallets.providers.conduct import (
    ERAS_WATCHED,
    Conduct,
    free_declines,
    next_era,
    p95,
    timed,
)
from runtime.pallets.providers.scores import (
    AGE,
    DECAY,
    MAX_LENDERS,
    MAX_SCORE,
    WINDOW,
    Loan,
    Window,
    credited,
    score_at,
)
from runtime.pallets.providers.types import (
    HOURS,
    MAX_CHUNKS,
    MAX_CLASSES,
    MAX_MEMBERS,
    Bonds,
    Burns,
    Classes,
    ClassIndex,
    Clock,
    Contributions,
    EraIndex,
    Hours,
    Ledger,
    Lent,
    Measures,
    Operators,
    Params,
    ProviderInfo,
    ScoreView,
    UnlockChunk,
    Unnoted,
)
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import BPS, FINDER_BPS, PPM
from runtime.weights import providers as weights

HOUR_MS: Final = 3_600_000
FRESH_ERAS: Final = 2
"""A constant of `Providers`."""

Amount = Annotated[u128, TypeName("BalanceOf<T>")]
CompactAmount = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
Who = Annotated[AccountId, TypeName("T::AccountId")]
Told = Annotated[ProviderInfo, TypeName("ProviderInfo")]
Job = Annotated[H256, TypeName("T::Hash")]


def joining(pallet: Providers, *_: object) -> DispatchInfo:
    """Weigh a call that may leave the maximum number of classes, and join as many full ones."""
    looked_at = MAX_CLASSES * int(pallet.max_members)
    return DispatchInfo(weights.joining(2 * MAX_CLASSES, looked_at))


class Now(NamedTuple):
    """The state that decides which providers can be selected now."""

    era: int
    slot: int
    hour: int
    minimum_bond: int

    def hears(self, ledger: Ledger) -> bool:
        """Return True if a provider sent a heartbeat in this era or the `FRESH_ERAS` before."""
        return int(ledger.heard) + FRESH_ERAS >= self.era

    def rank(self, ledger: Ledger) -> tuple[bool, int]:
        """Return a provider's rank in a full class: the member with the lowest is displaced."""
        return self.hears(ledger), ledger.bond

    def drawn_by(self, ledger: Ledger, need: int, *, protocol: bool) -> int:
        """Return a provider's weight in the selection for a job; 0 if it is not eligible.

        The weight is its free bond, limited to the need of its free capacity.
        """
        room = int(ledger.capacity) - int(ledger.busy)
        if room <= 0 or self.slot < ledger.rests:
            return 0
        if not self.hears(ledger) or not ledger.is_awake(self.hour):
            return 0
        if ledger.bond < self.minimum_bond:
            return max(need, 1) if protocol and not ledger.busy else 0
        free = int(ledger.active)
        return min(room * need, free) if free >= need else 0


class Providers(Pallet):
    """The registry of providers and their bonds."""

    registration_deposit: Const[u128]
    """Deposit for a registration until it ends, in planck."""
    unbonding_eras: Const[u32]
    """Eras between unbonding and withdrawing."""
    era_slots: Const[u32]
    """Length of an era in slots: an epoch."""
    slot_ms: u64
    """Length of a slot in milliseconds."""
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
    max_lenders: Const[u32] = u32(MAX_LENDERS)
    """Maximum number of providers that delegate their scores to one validator."""
    currency: Bonds
    burns: Burns
    clock: Clock
    measures: Measures
    operators: Operators
    classes: Classes
    params_origin: OriginCheck
    """Origin that sets the parameters."""
    contributions: Contributions = Unnoted()
    """Voting rights for work; see `lean_on`."""

    fresh_eras: ClassVar[Const[u32]] = u32(FRESH_ERAS)
    """Number of eras before the current one in which a heartbeat still allows selection."""
    eras_watched: ClassVar[Const[u32]] = u32(ERAS_WATCHED)
    """Number of eras over which uptime is measured."""
    finder_share: ClassVar[Const[u32]] = u32(FINDER_BPS)
    """Part of a slashed bond that is paid to the finder of the fraud, in basis points, except what
    is still vesting; the rest is burned."""
    score_window: ClassVar[Const[u32]] = u32(WINDOW)
    """Number of eras whose work counts in block production."""
    score_age: ClassVar[Const[u32]] = u32(AGE)
    """Distance in eras of the newest of them from the era in which weights are planned."""
    score_decay: ClassVar[Const[u32]] = u32(DECAY * PPM // 10)
    """Weight of each of them relative to the next one, in parts per million."""

    providers = Map(AccountId, ProviderInfo)
    """The registered providers, and their information about themselves."""
    ledgers = Map(AccountId, Ledger)
    """A provider's bond, and the values needed to select it."""
    reservations = DoubleMap(
        AccountId, H256, u128, hashers=(Hasher.Blake2_128Concat, Hasher.Identity)
    )
    """Amounts of a bond that are reserved for jobs, in planck."""
    members = Map(
        u16, Bounded[list[AccountId], MAX_MEMBERS], default=[], hasher=Hasher.Twox64Concat
    )
    """The providers that may be selected for models of a class."""
    conduct = Map(AccountId, Conduct, default=Conduct())
    """A provider's record in the era of its last change."""
    windows = Map(AccountId, Window, default=[])
    """A provider's recent scores, era by era."""
    loans = Map(AccountId, Loan)
    """The current or last delegation of a provider's score."""
    lenders = Map(AccountId, Bounded[list[AccountId], MAX_LENDERS], default=[])
    """The providers that delegate to a validator, or did until recently."""
    params = Value(Params, default=Params())

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        ProviderBond = 0
        """Bond for the work of a provider."""
        Registration = 1
        """Deposit for the storage of a registration, as long as it lasts."""

    class Registered(Event, index=0):
        """A provider was registered."""

        provider: Who

    class Updated(Event, index=1):
        """A provider's information was changed."""

        provider: Who

    class Deregistered(Event, index=2):
        """A provider was deregistered."""

        provider: Who

    class Bonded(Event, index=3):
        """A bond was increased."""

        provider: Who
        amount: Amount

    class Unbonded(Event, index=4):
        """A part of a bond was unbonded; it can be withdrawn from `era` on."""

        provider: Who
        amount: Amount
        era: EraIndex

    class Withdrawn(Event, index=5):
        """Unbonded money was released."""

        provider: Who
        amount: Amount

    class Chilled(Event, index=6):
        """A provider was chilled: it takes no jobs until it resumes."""

        provider: Who

    class Resumed(Event, index=7):
        """A provider resumed: it takes jobs again."""

        provider: Who

    class Displaced(Event, index=8):
        """In a full class, `by` displaced the member without heartbeats or with the least bond."""

        model_class: Annotated[ClassIndex, TypeName("ClassIndex")]
        provider: Who
        by: Who

    class AvailabilitySet(Event, index=9):
        """A provider changed the hours of the week in which it takes jobs."""

        provider: Who

    class Heard(Event, index=10):
        """A provider sent a heartbeat."""

        provider: Who
        era: EraIndex

    class ScoreLent(Event, index=11):
        """A score was delegated to `to`, from the snapshot of `era` on; None: to its provider."""

        provider: Who
        to: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
        era: EraIndex

    class Slashed(Event, index=12):
        """Work was wrong: `amount` was taken, up to half of it paid to `to`, and the rest burned.

        The provider's scores were removed, and it takes no jobs until it resumes.
        """

        provider: Who
        job: Job
        amount: Amount
        to: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]

    class Fined(Event, index=13):
        """A part of a bond was burned: for a job not done or returned, or too many declined."""

        provider: Who
        amount: Amount

    class PayBonded(Event, index=14):
        """Pay was added to the bond, which is below the minimum."""

        provider: Who
        amount: Amount

    class ParamsSet(Event, index=15):
        """Governance changed the parameters."""

        params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]

    class NotProvider(Error, index=0):
        """The account is no provider; register it first."""

    class AlreadyProvider(Error, index=1):
        """The account is a provider already; change its information with `update`."""

    class InvalidInfo(Error, index=2):
        """The information must have 1 to 8 ascending classes, a capacity, and /p2p/ID addresses."""

    class UnknownClass(Error, index=3):
        """There is no class of models of this number; see `Models.Classes` for those there are."""

    class ClassFull(Error, index=4):
        """A class has the maximum number of providers; bond more than the smallest of them."""

    class NothingToUnbond(Error, index=5):
        """The amount is zero, or no part of the bond is free; what jobs need is not."""

    class NoMoreChunks(Error, index=6):
        """Too many parts of the bond are being unbonded; withdraw the due ones first."""

    class NothingToWithdraw(Error, index=7):
        """No unbonded part is due yet; see the era in the `Unbonded` event."""

    class JobsOpen(Error, index=8):
        """The provider has open jobs; chill, wait until they are over, and try again."""

    class StillBonded(Error, index=9):
        """The bond is not empty; unbond all of it, wait, and withdraw it first."""

    class AlreadyChilled(Error, index=10):
        """The provider is chilled already; `resume` ends that."""

    class NotChilled(Error, index=11):
        """The provider has its place in all its classes already; there is nothing to resume."""

    class AlreadyHeard(Error, index=12):
        """The provider sent a heartbeat in this era already; send the next in the next era."""

    class BondTooSmall(Error, index=13):
        """Delegating a score needs the minimum bond; increase the bond with `bond_extra`."""

    class NothingChanges(Error, index=14):
        """The score is delegated in this way already; there is nothing to do."""

    class ChangedLately(Error, index=15):
        """The delegation was changed recently; wait until two eras after that took effect."""

    class TooManyLenders(Error, index=16):
        """The validator has the maximum number of delegators; choose another, or it dismisses one.

        The place of a dismissed one is free four eras later.
        """

    class NotLender(Error, index=17):
        """The provider does not delegate its score to the caller; name one that does."""

    class InvalidParams(Error, index=18):
        """The minimum bond is zero, or a part is above 1,000,000 ppm."""

    # ---- calls

    @call(0, weight=joining)
    def register(self, origin: Origin, info: Told, bond: CompactAmount) -> PostInfo:
        """Register the caller as a provider, with `bond` planck bonded.

        A bond below the minimum, or none, is for the chain's own jobs only: each is checked in
        full, and its pay becomes bond up to the minimum.
        """
        who = origin.signed()
        if who in self.ledgers:
            raise self.AlreadyProvider
        self._ensure_in_order(info)
        self.currency.hold(self.deposit_reason, who, self.registration_deposit)
        self.currency.hold(self.reason, who, bond)
        era = u32(self.measures.era_now())
        ledger = Ledger(active=bond, capacity=info.capacity, heard=era, rests=self._rest())
        looked_at = self._join(who, ledger, info.classes)

        self.providers[who] = info
        self.ledgers[who] = ledger
        self.conduct[who] = Conduct(era)
        self.deposit(self.Registered(who))
        if bond:
            self.deposit(self.Bonded(who, bond))
        return PostInfo(weight=weights.joining(len(info.classes), looked_at))

    @call(1, weight=joining)
    def update(self, origin: Origin, info: Told) -> PostInfo:
        """Change the caller's information.

        Keys only without open jobs: selections and sealed payloads depend on them. With new keys
        the provider is not selected in the next `settling_slots`.
        """
        who = origin.signed()
        ledger, before = self._ledger(who), self.providers[who]
        self._ensure_in_order(info)
        if (info.vrf, info.seal) != (before.vrf, before.seal):
            if ledger.busy:
                raise self.JobsOpen
            ledger.rests = self._rest()
        ledger.capacity = info.capacity
        looked_at = 0
        if not ledger.chilled:
            self._leave(
                who,
                [model_class for model_class in before.classes if model_class not in info.classes],
            )
            looked_at = self._join(who, ledger, info.classes)

        self.providers[who] = info
        self.ledgers[who] = ledger
        self.deposit(self.Updated(who))
        classes = len(before.classes) + len(info.classes)
        return PostInfo(weight=weights.joining(classes, looked_at))

    @call(2, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactAmount) -> None:
        """Add `amount` planck to the caller's bond. Money that is still vesting can be bonded, too.

        The provider is not selected in the next `settling_slots`.
        """
        who = origin.signed()
        ledger = self._ledger(who)
        self.currency.hold(self.reason, who, amount)
        ledger.active += amount
        ledger.rests = self._rest()
        self.ledgers[who] = ledger
        self.deposit(self.Bonded(who, amount))

    @call(3, weight=weights.UNBOND)
    def unbond(self, origin: Origin, amount: CompactAmount) -> None:
        """Start to unbond `amount` planck of the caller's bond, at most all that is free.

        The part that jobs need is not free until they can no longer be disputed.
        """
        who = origin.signed()
        ledger = self._ledger(who)
        amount = min(amount, u128(ledger.active))
        if not amount:
            raise self.NothingToUnbond
        ripe = u32(self.measures.era_now() + int(self.unbonding_eras))
        if ledger.unlocking and ledger.unlocking[-1].era == ripe:
            ledger.unlocking[-1].value += amount
        elif len(ledger.unlocking) >= self.max_chunks:
            raise self.NoMoreChunks
        else:
            ledger.unlocking.append(UnlockChunk(amount, ripe))
        ledger.active -= amount
        self.ledgers[who] = ledger
        self.deposit(self.Unbonded(who, amount, ripe))

    @call(4, weight=weights.WITHDRAW)
    def withdraw(self, origin: Origin) -> None:
        """Release the unbonded parts of the caller's bond that are due."""
        who = origin.signed()
        ledger, era = self._ledger(who), self.measures.era_now()
        kept = [chunk for chunk in ledger.unlocking if chunk.era > era]
        if len(kept) == len(ledger.unlocking):
            raise self.NothingToWithdraw
        before, ledger.unlocking = ledger.leaving, kept
        amount = u128(before - ledger.leaving)
        self.currency.release(self.reason, who, amount)
        self.ledgers[who] = ledger
        self.deposit(self.Withdrawn(who, amount))

    @call(5, weight=joining)
    def chill(self, origin: Origin) -> PostInfo:
        """Chill the caller: it takes no new jobs until it resumes. Its open jobs go on."""
        who = origin.signed()
        ledger = self._ledger(who)
        if ledger.chilled:
            raise self.AlreadyChilled
        self._chill(who, ledger)
        self.ledgers[who] = ledger
        return PostInfo(weight=weights.joining(len(self.providers[who].classes), 0))

    @call(6, weight=joining)
    def resume(self, origin: Origin) -> PostInfo:
        """Take jobs again: after `chill`, after a slash, or after displacement by another provider.

        It is a heartbeat as well.
        """
        who = origin.signed()
        ledger, classes = self._ledger(who), self.providers[who].classes
        missing = [model_class for model_class in classes if who not in self.members[model_class]]
        if not missing:
            raise self.NotChilled
        self._settle(who, ledger)
        ledger.chilled = False
        ledger.heard = u32(self.measures.era_now())
        looked_at = self._join(who, ledger, missing)
        self.ledgers[who] = ledger
        self.deposit(self.Resumed(who))
        return PostInfo(weight=weights.joining(len(missing), looked_at))

    @call(7, weight=weights.SET_AVAILABILITY)
    def set_availability(
        self, origin: Origin, hours: Annotated[Hours | None, TypeName("Option<[u8; 21]>")]
    ) -> None:
        """Set the hours of the week in which the caller takes jobs: a bit each, lowest bit first.

        Weeks are counted from genesis, not from a Monday. None: all hours.
        """
        who = origin.signed()
        ledger = self._ledger(who)
        self._settle(who, ledger)
        ledger.hours = hours
        self.ledgers[who] = ledger
        self.deposit(self.AvailabilitySet(who))

    @call(8, weight=weights.HEARTBEAT)
    def heartbeat(self, origin: Origin) -> PostInfo:
        """Send a heartbeat, once an era; it costs no fee.

        A provider without one in this era and the two before is not selected; one with heartbeats
        in less than half of the eras in which it takes jobs earns nothing in mining.
        """
        who = origin.signed()
        ledger, era = self._ledger(who), u32(self.measures.era_now())
        if ledger.heard == era:
            raise self.AlreadyHeard
        self._settle(who, ledger)
        ledger.heard = era
        self.ledgers[who] = ledger
        self.deposit(self.Heard(who, era))
        return PostInfo(pays=False)

    @call(9, weight=weights.LEND_SCORE)
    def lend_score(
        self,
        origin: Origin,
        validator: Annotated[AccountId | None, TypeName("Option<T::AccountId>")],
    ) -> None:
        """Delegate the caller's score in block production to a validator. None: end the delegation.

        It begins with the snapshot of this era. It ends, or moves to another validator, two eras
        later. The validator cannot delegate it further.
        """
        who, era = origin.signed(), self.measures.era_now()
        to = None if validator == who else validator
        ledger, loan = self._ledger(who), self.loans.get(who)
        now = None if loan is None else loan.at(era)
        if (loan.to if loan is not None else None) == to:
            raise self.NothingChanges
        if to is not None and ledger.bond < self.params.peek().minimum_bond:
            raise self.BondTooSmall
        self._ensure_not_lately(loan, era)
        if to is not None:
            lenders = [one for one in self.lenders[to] if self._is_lender(one, to, era)]
            if who not in lenders:
                if len(lenders) >= self.max_lenders:
                    raise self.TooManyLenders
                lenders.append(who)
            self.lenders[to] = lenders
        since = u32(era if now is None else era + AGE)
        self.loans[who] = Loan(now, to, since)
        self.deposit(self.ScoreLent(who, to, since))

    @call(10, weight=weights.DISMISS_LENDER)
    def dismiss_lender(self, origin: Origin, provider: Who) -> None:
        """End a provider's delegation to the caller in two eras, to have room for another one."""
        who, era = origin.signed(), self.measures.era_now()
        loan = self.loans.get(provider)
        if loan is None or loan.to != who:
            raise self.NotLender
        self._ensure_not_lately(loan, era)
        since = u32(era + AGE)
        self.loans[provider] = Loan(who, None, since)
        self.deposit(self.ScoreLent(provider, None, since))

    @call(11, weight=joining)
    def deregister(self, origin: Origin) -> PostInfo:
        """Deregister the caller. The bond must be withdrawn first; the deposit is returned."""
        who = origin.signed()
        ledger, classes = self._ledger(who), self.providers[who].classes
        if ledger.busy:
            raise self.JobsOpen
        if ledger.bond or ledger.unlocking:
            raise self.StillBonded
        self._leave(who, classes)
        self.currency.release(
            self.deposit_reason, who, self.currency.held(self.deposit_reason, who)
        )
        del self.providers[who]
        del self.ledgers[who]
        del self.conduct[who]
        del self.windows[who]
        del self.loans[who]
        self.deposit(self.Deregistered(who))
        return PostInfo(weight=weights.joining(len(classes), 0))

    @call(12, weight=weights.SET_PARAMS)
    def set_params(
        self, origin: Origin, params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]
    ) -> None:
        """Set the parameters. Bonds below a new minimum stay, and get no more paid jobs."""
        self.params_origin(origin)
        if not params.in_order:
            raise self.InvalidParams
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    # ---- public interface: registrations

    @property
    def reason(self) -> Reason:
        """The reason of bonds in Balances."""
        return Reason(self.index, self.HoldReason.ProviderBond)

    @property
    def deposit_reason(self) -> Reason:
        """The reason of deposits in Balances."""
        return Reason(self.index, self.HoldReason.Registration)

    def exists(self, who: AccountId) -> bool:
        """Return True if `who` is registered."""
        return who in self.ledgers

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return the operator that earns by a provider's work.

        None for one that is not registered, or whose bond is below the minimum, by a slash too.
        """
        return self.operators.operator_of(provider) if self.is_bonded(provider) else None

    def is_bonded(self, provider: AccountId) -> bool:
        """Return True if a provider has the minimum bond, which jobs of requesters need."""
        ledger = self.ledgers.get(provider)
        return ledger is not None and ledger.bond >= self.params.peek().minimum_bond

    def info(self, provider: AccountId) -> ProviderInfo | None:
        """Return a provider's information."""
        return self.providers.get(provider)

    def ledger_of(self, provider: AccountId) -> Ledger | None:
        """Return the bond of a provider, its capacity and its number of jobs."""
        return self.ledgers.get(provider)

    def is_eligible(self, provider: AccountId, model_class: int, need: int) -> bool:
        """Return True if a provider could be selected now for a job that reserves `need` planck."""
        ledger = self.ledgers.get(provider)
        if ledger is None or provider not in self.members[u16(model_class)]:
            return False
        return self._now().drawn_by(ledger, need, protocol=False) > 0

    def members_of(self, model_class: int) -> int:
        """Return the number of members of a class."""
        return len(self.members[u16(model_class)])

    def offered(self, model_class: int) -> int:
        """Return the number of concurrent jobs that the members of a class offer."""
        return sum(self.offers(model_class))

    def offers(self, model_class: int) -> list[int]:
        """Return each member's number of concurrent jobs in a class, 0 without a recent heartbeat.

        Limited to the number of minimum bonds in its bond.
        """
        now, offers = self._now(), []
        for who in self.members[u16(model_class)]:
            ledger = self.ledgers[who]
            most = min(int(ledger.capacity), ledger.bond // now.minimum_bond)
            offers.append(most if now.hears(ledger) else 0)
        return offers

    def staked_total(self) -> int:
        """Return the total on hold for bonds, in planck. Reads every ledger: for queries only."""
        return sum(ledger.bond + ledger.leaving for _, ledger in self.ledgers.items())

    # ---- public interface: jobs

    def draw(
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
        now = self._now()
        own = None if requester is None else self.operators.operator_of(requester)
        found: list[AccountId] = []
        chances: list[int] = []
        operators: dict[AccountId, None] = {}
        for who in self.members[u16(model_class)]:
            weight = now.drawn_by(self.ledgers[who], need, protocol=protocol)
            if not weight or who in refused:
                continue
            operator = self.operators.operator_of(who)
            if operator != own:
                found.append(who)
                chances.append(weight)
                operators[operator] = None
        order = ids.raced(seed, found, chances)
        return (found[order[0]] if order else None), len(operators)

    def reserve(self, provider: AccountId, job: H256, amount: u128) -> u128:
        """Reserve a part of a provider's bond for a job that it is offered; return the amount.

        `amount` planck, or all that is active if that is less, as it may be for the chain's own
        jobs. One place of its capacity is taken. Raises ValueError if it is no provider, or if the
        job has a place already, both of which are errors of the caller.
        """
        ledger = self.ledgers.get(provider)
        if ledger is None or (provider, job) in self.reservations:
            raise ValueError(f"{provider.hex()} cannot reserve for job {job.hex()}")
        conduct = self._settle(provider, ledger)
        conduct.offers += 1
        taken = min(amount, u128(ledger.active))
        ledger.active -= taken
        ledger.reserved += taken
        ledger.busy += 1
        self.conduct[provider] = conduct
        self.ledgers[provider] = ledger
        self.reservations[provider, job] = taken
        return taken

    def release(self, provider: AccountId, job: H256) -> None:
        """End the reservation for a job, and free its place; nothing if there is none."""
        ledger = self.ledgers.get(provider)
        if ledger is None or (provider, job) not in self.reservations:
            return
        self._end(provider, job, ledger)
        self.ledgers[provider] = ledger

    def slash(self, provider: AccountId, job: H256, amount: u128, to: AccountId | None) -> u128:
        """Take up to `amount` planck for wrong work; return the amount taken, and end the job.

        First the part reserved for the job, then the active one, then the latest unbonded ones.
        Half goes to `to`, unless that is None, the provider, or an account that so little cannot
        open, and without locked money; the rest is burned. The provider's scores are removed, and
        it is chilled.
        """
        ledger = self.ledgers.get(provider)
        if ledger is None:
            return u128(0)
        if (provider, job) in self.reservations:
            self._end(provider, job, ledger)
        taken = u128(min(int(amount), int(ledger.active) + ledger.leaving))
        ledger.take(int(taken))
        if not ledger.chilled:
            self._chill(provider, ledger)
        self.ledgers[provider] = ledger
        del self.windows[provider]
        self.contributions.forget_work(provider)
        half = self._reward(provider, to, u128(int(taken) * FINDER_BPS // BPS))
        self._burn(provider, u128(taken - half))
        self.deposit(self.Slashed(provider, job, taken, to if half else None))
        return taken

    def fine(self, provider: AccountId, ppm: int) -> u128:
        """Burn a part of a provider's bond; return the burned amount, in planck.

        The part is taken of the whole bond, but what is reserved for jobs is not touched.
        """
        ledger = self.ledgers.get(provider)
        if ledger is None:
            return u128(0)
        return self._fine(provider, ledger, int(mul_div(ledger.bond, ppm, PPM)))

    def charge(self, provider: AccountId, amount: u128) -> u128:
        """Burn `amount` planck of a provider's bond, but none that jobs need; return the amount."""
        ledger = self.ledgers.get(provider)
        return u128(0) if ledger is None else self._fine(provider, ledger, int(amount))

    def note_decline(self, provider: AccountId) -> u128:
        """Count a declined offer; return the fine, in planck.

        No fine within the quota of the provider's offers in the era, rounded up.
        """
        ledger = self.ledgers.get(provider)
        if ledger is None:
            return u128(0)
        conduct, params = self._settle(provider, ledger), self.params.peek()
        conduct.declines += 1
        self.conduct[provider] = conduct
        if conduct.declines <= free_declines(int(conduct.offers), int(params.decline_quota)):
            return u128(0)
        return self.fine(provider, int(params.decline_fine))

    def note_done(self, provider: AccountId, took: int, ok: bool) -> None:
        """Count a job that a provider has ended, well or not.

        `took` is in thousandths of the time that its class is given for such a job. Call it before
        Mining records the receipt, which then uses the results of ended eras.
        """
        ledger = self.ledgers.get(provider)
        if ledger is None:
            return
        conduct = self._settle(provider, ledger)
        conduct.done += 1
        conduct.good += ok
        conduct.times = timed(conduct.times, took)
        self.conduct[provider] = conduct

    def hold_pay(self, provider: AccountId, amount: u128) -> u128:
        """Hold pay that a provider just received as bond, up to the minimum; return the amount.

        Raises the errors of the hold: the provider's free balance is too small.
        """
        ledger = self.ledgers.get(provider)
        if ledger is None:
            return u128(0)
        room = max(int(self.params.peek().minimum_bond) - ledger.bond, 0)
        part = u128(min(int(amount), room))
        if not part:
            return part
        self.currency.hold(self.reason, provider, part)
        ledger.active += part
        self.ledgers[provider] = ledger
        self.deposit(self.PayBonded(provider, part))
        return part

    # ---- public interface: scores

    def lean_on(self, contributions: Contributions) -> None:
        """Bind the pallet of voting rights for work, which is added later."""
        self.contributions = contributions

    def credit_score(self, provider: AccountId, parts: int) -> None:
        """Add work, counted by Mining in millionths of a unit, to a provider's current era."""
        if parts and provider in self.ledgers:
            era = self.measures.era_now()
            self.windows[provider] = credited(self.windows[provider], era, parts)
            self.contributions.note_work(provider, parts)

    def scores(self, validators: Sequence[AccountId]) -> list[int]:
        """Return the weight of each validator's work, its own and the one delegated to it.

        In 10^-19 of a unit, by the snapshot used for weights planned in this era. Reads a
        bounded number of accounts for each: itself and its delegators.
        """
        return [int(self.weight_of(validator).total) for validator in validators]

    def weight_of(self, validator: AccountId) -> ScoreView:
        """Return the weight of a validator's work and its parts."""
        era = self.measures.era_now()
        snapshot = era - AGE
        if snapshot < 0:
            return ScoreView(None, u128(0), [], u128(0))
        own = self._score(validator, None, snapshot)
        lent = [
            Lent(lender, u128(score))
            for lender in self.lenders[validator]
            if (score := self._score(lender, validator, snapshot))
        ]
        total = own + sum(int(part.score) for part in lent)
        return ScoreView(u32(snapshot), u128(own), lent, u128(total))

    # ---- internals: bonds

    def _ledger(self, who: AccountId) -> Ledger:
        ledger = self.ledgers.get(who)
        if ledger is None:
            raise self.NotProvider
        return ledger

    def _rest(self) -> u32:
        """Return the slot from which a provider that adds bond now can be selected."""
        return u32(self.clock.now() + int(self.settling_slots))

    def _end(self, provider: AccountId, job: H256, ledger: Ledger) -> None:
        """Make the reservation for a job active again, and free its place."""
        amount = self.reservations[provider, job]
        del self.reservations[provider, job]
        ledger.reserved -= amount
        ledger.active += amount
        ledger.busy -= 1

    def _reward(self, provider: AccountId, to: AccountId | None, half: u128) -> u128:
        """Move half of a slash to the finder of the fraud; return the amount moved.

        Locked money is excluded: otherwise an owner could free money that is still vesting by
        proving its own fraud from another account.
        """
        if to is None or to == provider:
            return u128(0)
        half = min(half, self.currency.unlocked(self.reason, provider))
        try:
            self.currency.transfer_on_hold(
                self.reason, provider, to, half, on_hold=False, force=True
            )
        except TokenError as error:
            if error.kind is not TokenErrorKind.CannotCreate:
                raise
            return u128(0)
        return half

    def _fine(self, provider: AccountId, ledger: Ledger, due: int) -> u128:
        """Burn up to `due` of the active part and of the parts being unbonded."""
        taken = u128(min(due, int(ledger.active) + ledger.leaving))
        if not taken:
            return taken
        ledger.take(int(taken))
        self.ledgers[provider] = ledger
        self._burn(provider, taken)
        self.deposit(self.Fined(provider, taken))
        return taken

    def _burn(self, provider: AccountId, amount: u128) -> None:
        self.burns.destroy_held(self.reason, provider, amount, BurnReason.Slash, force=True)

    # ---- internals: classes

    def _ensure_in_order(self, info: ProviderInfo) -> None:
        if not info.in_order:
            raise self.InvalidInfo
        if not all(self.classes.has_class(int(model_class)) for model_class in info.classes):
            raise self.UnknownClass

    def _join(self, who: AccountId, ledger: Ledger, classes: Sequence[u16]) -> int:
        """Take a place in each class; return the number of members that were read.

        In a full one, displace the member without a heartbeat or with the smallest bond, if it
        ranks lower.
        """
        looked_at = 0
        for model_class in classes:
            members = self.members[model_class]
            if who in members:
                continue
            if len(members) < self.max_members:
                self.members[model_class] = [*members, who]
                continue
            looked_at += len(members)
            now = self._now()
            ranked = [(now.rank(self.ledgers[one]), one) for one in members]
            rank, least = min(ranked)
            if now.rank(ledger) <= rank:
                raise self.ClassFull
            self.members[model_class] = [who if one == least else one for one in members]
            self.deposit(self.Displaced(model_class, least, who))
        return looked_at

    def _leave(self, who: AccountId, classes: Sequence[u16]) -> None:
        for model_class in classes:
            members = self.members[model_class]
            if who in members:
                self.members[model_class] = [one for one in members if one != who]

    def _chill(self, who: AccountId, ledger: Ledger) -> None:
        self._settle(who, ledger)
        self._leave(who, self.providers[who].classes)
        ledger.chilled = True
        self.deposit(self.Chilled(who))

    def _now(self) -> Now:
        minimum = int(self.params.peek().minimum_bond)
        return Now(self.measures.era_now(), self.clock.now(), self._hour(0), minimum)

    def _hour(self, back: int) -> int:
        """Return the hour of the week, now or at the beginning of the era `back` eras before."""
        slot = self.clock.now()
        if back:
            length = int(self.era_slots)
            slot = max(slot // length - back, 0) * length
        return slot * int(self.slot_ms) // HOUR_MS % HOURS

    # ---- internals: conduct

    def _settle(self, who: AccountId, ledger: Ledger) -> Conduct:
        """Report the results of ended eras to Mining; return the record of this one."""
        conduct, era = self.conduct[who], self.measures.era_now()
        over = era - int(conduct.era)
        if not over:
            return conduct
        self.measures.record_quality(who, p95(conduct.times), int(conduct.good), int(conduct.done))
        awake = [
            not ledger.chilled and ledger.is_awake(self._hour(back))
            for back in range(min(over, ERAS_WATCHED), 0, -1)
        ]
        conduct = next_era(conduct, era, int(ledger.heard), awake)
        self.measures.record_uptime(who, *conduct.heard_of())
        self.conduct[who] = conduct
        return conduct

    # ---- internals: scores

    def _score(self, provider: AccountId, borrower: AccountId | None, snapshot: int) -> int:
        """Return the weight of a provider's work if `borrower` has it in the snapshot, else 0."""
        window = self.windows[provider]
        if not window:
            return 0
        loan = self.loans.get(provider)
        whose = None if loan is None else loan.at(snapshot)
        # A weight out of range must not block the change of the epoch.
        return min(score_at(window, snapshot), MAX_SCORE) if whose == borrower else 0

    def _is_lender(self, provider: AccountId, borrower: AccountId, era: int) -> bool:
        """Return True if a score is delegated to `borrower` in a snapshot in use, or will be."""
        loan = self.loans.get(provider)
        return loan is not None and loan.concerns(borrower, era - AGE)

    def _ensure_not_lately(self, loan: Loan | None, era: int) -> None:
        """Refuse a change of a delegation until all snapshots in use have its last change.

        One change is stored, and it must give the delegate in all of them. Raises ChangedLately.
        """
        if loan is not None and era - AGE < loan.since:
            raise self.ChangedLately
