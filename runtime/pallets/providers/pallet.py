"""Providers: who does the work, and what answers for it.

A provider registers its keys, addresses and the classes of models that it serves, and bonds money,
which may still be vesting. Jobs are drawn by free bond, so that many small names get no more than
one great one; each job reserves a part of the bond until nobody can dispute it any more. Who has
bonded too little does the chain's own jobs only, and its pay becomes bond.

What always holds: what is on hold for bonds is active, reserved or on its way out, to the planck;
and what is reserved is the sum over jobs. There is no hook: each call and each door touches one
provider, a draw the members of one class, of which there are at most `max_members`. Eras are
Mining's: epochs that had a block, so that nothing runs out while the chain stands still.

A provider's work also counts in making blocks, for itself or for a validator it lends its score
to; `scores.py` tells how.

Source: `economy.md` 6.3, `useful-work.md` 4.1 and 4.4, rulings A7, A9, B26, B31 and C40.
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
    MOST_SCORE,
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
    """Weigh a call that may leave as many classes as there can be, and join as many full ones."""
    looked_at = MAX_CLASSES * int(pallet.max_members)
    return DispatchInfo(weights.joining(2 * MAX_CLASSES, looked_at))


class Now(NamedTuple):
    """What decides at present who can be drawn."""

    era: int
    slot: int
    hour: int
    minimum_bond: int

    def hears(self, ledger: Ledger) -> bool:
        """Tell whether a provider was heard lately."""
        return int(ledger.heard) + FRESH_ERAS >= self.era

    def rank(self, ledger: Ledger) -> tuple[bool, int]:
        """Return what decides who keeps a place in a full class: the less goes."""
        return self.hears(ledger), ledger.bond

    def drawn_by(self, ledger: Ledger, need: int, *, protocol: bool) -> int:
        """Return by how much a provider is drawn for a job; 0 if it cannot be.

        By its free bond, as far as its free capacity needs it.
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
    """Who does the work, and what answers for it."""

    registration_deposit: Const[u128]
    """What a registration costs until it ends, in planck."""
    unbonding_eras: Const[u32]
    """Eras between unbonding and withdrawing."""
    era_slots: Const[u32]
    """The length of an era in slots: an epoch."""
    slot_ms: u64
    """The length of a slot in milliseconds."""
    settling_slots: Const[u32]
    """Who adds bond or changes keys is not drawn for so many slots: longer than anybody can know
    what will be drawn.

    Else the author of the block before could add to whichever of its names is the luckiest.
    """
    max_members: Const[u32] = u32(MAX_MEMBERS)
    """How many providers one class draws from; then only more bond than the least one's helps."""
    max_chunks: Const[u32] = u32(MAX_CHUNKS)
    """How many parts of one bond may be on their way out."""
    max_lenders: Const[u32] = u32(MAX_LENDERS)
    """How many providers may lend their scores to one validator."""
    currency: Bonds
    burns: Burns
    clock: Clock
    measures: Measures
    operators: Operators
    classes: Classes
    params_origin: OriginCheck
    """Who decides about the parameters."""
    contributions: Contributions = Unnoted()
    """Who lets those vote that do work; see `lean_on`."""

    fresh_eras: ClassVar[Const[u32]] = u32(FRESH_ERAS)
    """A provider is drawn if it was heard in the era that runs or in one of so many before it."""
    eras_watched: ClassVar[Const[u32]] = u32(ERAS_WATCHED)
    """How many eras uptime is measured over."""
    finder_share: ClassVar[Const[u32]] = u32(FINDER_BPS)
    """What of a bond that is slashed goes to who found the fraud, in basis points, but for what
    is still vesting; the rest is burned."""
    score_window: ClassVar[Const[u32]] = u32(WINDOW)
    """How many eras of work count in making blocks."""
    score_age: ClassVar[Const[u32]] = u32(AGE)
    """The newest of them is so many eras before the one in which weights are planned."""
    score_decay: ClassVar[Const[u32]] = u32(DECAY * PPM // 10)
    """How much each of them counts of what the one after it does, in parts per million."""

    providers = Map(AccountId, ProviderInfo)
    """Who is registered, and what it told of itself."""
    ledgers = Map(AccountId, Ledger)
    """Its bond, and what a draw has to know of it."""
    reservations = DoubleMap(
        AccountId, H256, u128, hashers=(Hasher.Blake2_128Concat, Hasher.Identity)
    )
    """What of a bond answers for which job, in planck."""
    members = Map(
        u16, Bounded[list[AccountId], MAX_MEMBERS], default=[], hasher=Hasher.Twox64Concat
    )
    """Who may be drawn for models of a class."""
    conduct = Map(AccountId, Conduct, default=Conduct())
    """What is noted of a provider in the era that it was touched last in."""
    windows = Map(AccountId, Window, default=[])
    """What a provider scored lately, era by era."""
    loans = Map(AccountId, Loan)
    """Whose the scores are of those that lend them, or did."""
    lenders = Map(AccountId, Bounded[list[AccountId], MAX_LENDERS], default=[])
    """Who lends to a validator, or did until lately."""
    params = Value(Params, default=Params())

    class HoldReason(IntEnum):
        """Why money is on hold."""

        ProviderBond = 0
        """It answers for the work that a provider does."""
        Registration = 1
        """It pays for the room of a registration as long as that lasts."""

    class Registered(Event, index=0):
        """An account is a provider now."""

        provider: Who

    class Updated(Event, index=1):
        """A provider tells something else of itself."""

        provider: Who

    class Deregistered(Event, index=2):
        """An account is no provider any more."""

        provider: Who

    class Bonded(Event, index=3):
        """Money was added to a bond."""

        provider: Who
        amount: Amount

    class Unbonded(Event, index=4):
        """A part of a bond is on its way out; it can be withdrawn from `era` on."""

        provider: Who
        amount: Amount
        era: EraIndex

    class Withdrawn(Event, index=5):
        """Money that was unbonded is free again."""

        provider: Who
        amount: Amount

    class Chilled(Event, index=6):
        """A provider takes no jobs until it resumes."""

        provider: Who

    class Resumed(Event, index=7):
        """A provider takes jobs again."""

        provider: Who

    class Displaced(Event, index=8):
        """A class was full, and a greater bond took the place of the least, or of a silent one."""

        klass: Annotated[ClassIndex, TypeName("ClassIndex")]
        provider: Who
        by: Who

    class AvailabilitySet(Event, index=9):
        """A provider takes jobs in other hours of the week now."""

        provider: Who

    class Heard(Event, index=10):
        """A provider said that it is there."""

        provider: Who
        era: EraIndex

    class ScoreLent(Event, index=11):
        """From the snapshot of `era` on a provider's score is another's, or its own: None."""

        provider: Who
        to: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]
        era: EraIndex

    class Slashed(Event, index=12):
        """Work was wrong: half of `amount` went to `to`, if it could be paid, and the rest is gone.

        What the provider scored is gone as well, and it takes no jobs until it resumes.
        """

        provider: Who
        job: Job
        amount: Amount
        to: Annotated[AccountId | None, TypeName("Option<T::AccountId>")]

    class Fined(Event, index=13):
        """A part of a bond was burned: for a job not done, or given back, or too many declined."""

        provider: Who
        amount: Amount

    class PayBonded(Event, index=14):
        """Pay became bond, because the bond is below the minimum."""

        provider: Who
        amount: Amount

    class ParamsSet(Event, index=15):
        """Governance changed the parameters."""

        params: Annotated[Params, TypeName("Params<BalanceOf<T>>")]

    class NotProvider(Error, index=0):
        """The account is no provider; register it first."""

    class AlreadyProvider(Error, index=1):
        """The account is a provider already; change what it tells of itself with `update`."""

    class InvalidInfo(Error, index=2):
        """Name one to eight classes, ascending, a capacity, and addresses that end in /p2p/ID."""

    class UnknownClass(Error, index=3):
        """There is no class of models of this number; see `Models.Classes` for those there are."""

    class ClassFull(Error, index=4):
        """A class has as many providers as it can have; bond more than the least of them."""

    class NothingToUnbond(Error, index=5):
        """The amount is zero, or nothing of the bond is free; what jobs need is not."""

    class NoMoreChunks(Error, index=6):
        """Too many parts of the bond are on their way out; withdraw what is ripe first."""

    class NothingToWithdraw(Error, index=7):
        """Nothing is ripe yet; the `Unbonded` event told the era to wait for."""

    class JobsOpen(Error, index=8):
        """The provider has jobs that are not over; chill, wait until they are, and try again."""

    class StillBonded(Error, index=9):
        """The bond is not empty; unbond all of it, wait, and withdraw it first."""

    class AlreadyChilled(Error, index=10):
        """The provider takes no jobs already; `resume` changes that."""

    class NotChilled(Error, index=11):
        """The provider has its place in all its classes already; there is nothing to resume."""

    class AlreadyHeard(Error, index=12):
        """One heartbeat an era is enough; send the next in the next era."""

    class BondTooSmall(Error, index=13):
        """Lending a score needs the minimum bond; add to yours with `bond_extra`."""

    class NothingChanges(Error, index=14):
        """The score is already whose you want it to be; there is nothing to do."""

    class ChangedLately(Error, index=15):
        """Whose the score is was changed lately; wait until two eras after that took effect."""

    class TooManyLenders(Error, index=16):
        """The validator has as many lenders as it can have; it may dismiss one, or choose another.

        The place of a dismissed one is free four eras later.
        """

    class NotLender(Error, index=17):
        """The provider does not lend its score to you; name one that does."""

    class InvalidParams(Error, index=18):
        """The minimum bond must be more than nothing, and parts at most 1,000,000 ppm."""

    # ---- calls

    @call(0, weight=joining)
    def register(self, origin: Origin, info: Told, bond: CompactAmount) -> PostInfo:
        """Become a provider, with so much money bonded.

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
        """Change what you tell of yourself.

        Keys only while you have no jobs: what was drawn or sealed for a job hangs on them. With
        new ones you are not drawn for the next `settling_slots`.
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
            self._leave(who, [klass for klass in before.classes if klass not in info.classes])
            looked_at = self._join(who, ledger, info.classes)

        self.providers[who] = info
        self.ledgers[who] = ledger
        self.deposit(self.Updated(who))
        classes = len(before.classes) + len(info.classes)
        return PostInfo(weight=weights.joining(classes, looked_at))

    @call(2, weight=weights.BOND_EXTRA)
    def bond_extra(self, origin: Origin, amount: CompactAmount) -> None:
        """Add `amount` to your bond. Money that is still vesting can be bonded, too.

        You are not drawn for the next `settling_slots`.
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
        """Start taking `amount` out of your bond; more than is free counts as all that is.

        What jobs need is not free until nobody can dispute them any more.
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
        """Make free what was unbonded long enough ago."""
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
        """Take no jobs until you resume. Those that you have go on."""
        who = origin.signed()
        ledger = self._ledger(who)
        if ledger.chilled:
            raise self.AlreadyChilled
        self._chill(who, ledger)
        self.ledgers[who] = ledger
        return PostInfo(weight=weights.joining(len(self.providers[who].classes), 0))

    @call(6, weight=joining)
    def resume(self, origin: Origin) -> PostInfo:
        """Take jobs again: after `chill`, after a slash, or where a greater bond displaced you.

        It is a heartbeat as well.
        """
        who = origin.signed()
        ledger, classes = self._ledger(who), self.providers[who].classes
        missing = [klass for klass in classes if who not in self.members[klass]]
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
        """Say in which hours of the week you take jobs, by a bit for each, the first the lowest.

        Weeks are counted from genesis, not from a Monday. None: in all.
        """
        who = origin.signed()
        ledger = self._ledger(who)
        self._settle(who, ledger)
        ledger.hours = hours
        self.ledgers[who] = ledger
        self.deposit(self.AvailabilitySet(who))

    @call(8, weight=weights.HEARTBEAT)
    def heartbeat(self, origin: Origin) -> PostInfo:
        """Say that you are there, once an era; it costs no fee.

        Who was not heard for two eras is not drawn; who is heard in less than half of the eras
        in which it takes jobs earns nothing in mining.
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
        """Let your score count for a validator in making blocks. None: for yourself again.

        It begins with the snapshot of this era. It ends, or goes over to another, two eras
        later. Nobody can pass it on.
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
        """Give a provider its score back, two eras from now, to have room for another lender."""
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
        """Be no provider any more. The bond must be withdrawn first; the deposit comes back."""
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
        """Change the parameters. Bonds below a new minimum stay, and get no more paid jobs."""
        self.params_origin(origin)
        if not params.in_order:
            raise self.InvalidParams
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    # ---- doors: who is there

    @property
    def reason(self) -> Reason:
        """Why Balances holds the bonds."""
        return Reason(self.index, self.HoldReason.ProviderBond)

    @property
    def deposit_reason(self) -> Reason:
        """Why Balances holds the deposits."""
        return Reason(self.index, self.HoldReason.Registration)

    def exists(self, who: AccountId) -> bool:
        """Tell whether `who` is registered."""
        return who in self.ledgers

    def operator_of(self, provider: AccountId) -> AccountId | None:
        """Return who stands behind a provider and earns by its work.

        None for one that is not registered, or whose bond is below the minimum, by a slash too.
        """
        return self.operators.operator_of(provider) if self.is_bonded(provider) else None

    def is_bonded(self, provider: AccountId) -> bool:
        """Tell whether a provider has the minimum bond, which jobs that people pay for need."""
        ledger = self.ledgers.get(provider)
        return ledger is not None and ledger.bond >= self.params.peek().minimum_bond

    def info(self, provider: AccountId) -> ProviderInfo | None:
        """Return what a provider told of itself."""
        return self.providers.get(provider)

    def ledger_of(self, provider: AccountId) -> Ledger | None:
        """Return the bond of a provider, and whether and how much it works."""
        return self.ledgers.get(provider)

    def is_eligible(self, provider: AccountId, klass: int, need: int) -> bool:
        """Tell whether a provider could be drawn now for a job that reserves `need` planck."""
        ledger = self.ledgers.get(provider)
        if ledger is None or provider not in self.members[u16(klass)]:
            return False
        return self._now().drawn_by(ledger, need, protocol=False) > 0

    def members_of(self, klass: int) -> int:
        """Return how many members a class has."""
        return len(self.members[u16(klass)])

    def offered(self, klass: int) -> int:
        """Return how many jobs at a time the members of a class offer."""
        return sum(self.offers(klass))

    def offers(self, klass: int) -> list[int]:
        """Return how many jobs at a time each member of a class offers, 0 if it is not heard.

        As far as it has the minimum bond once for every job.
        """
        now, offers = self._now(), []
        for who in self.members[u16(klass)]:
            ledger = self.ledgers[who]
            most = min(int(ledger.capacity), ledger.bond // now.minimum_bond)
            offers.append(most if now.hears(ledger) else 0)
        return offers

    def staked_total(self) -> int:
        """Return all that is on hold for bonds, in planck. Reads every ledger: for looking only."""
        return sum(ledger.bond + ledger.leaving for _, ledger in self.ledgers.items())

    # ---- doors: jobs

    def draw(
        self,
        seed: bytes,
        klass: int,
        need: int,
        requester: AccountId | None,
        refused: Sequence[AccountId],
        protocol: bool,
    ) -> tuple[AccountId | None, int]:
        """Draw who does a job that reserves `need` planck of bond.

        Returns the provider, None if nobody is free, and how many operators could have been drawn.
        By free bond, so that many names are drawn as often as one with all their bonds, and so that
        nobody who knows the seed gains by changing its bonds; never the requester's operator nor
        one of the `refused`. With `protocol`, a job of the chain itself,
        who has bonded too little may be drawn as well, for one job at a time, as if it had bonded
        what that needs.
        """
        now = self._now()
        own = None if requester is None else self.operators.operator_of(requester)
        found: list[AccountId] = []
        chances: list[int] = []
        operators: dict[AccountId, None] = {}
        for who in self.members[u16(klass)]:
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
        """Let a provider's bond answer for a job that it is offered; return for how much.

        `amount` planck, or all that is active if that is less, as it may be for the chain's own
        jobs. One place of its capacity is taken. ValueError if it is no provider, or if the job
        has a place already: the caller is wrong then.
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
        """Let a bond answer for a job no more, and free its place; nothing if it does not."""
        ledger = self.ledgers.get(provider)
        if ledger is None or (provider, job) not in self.reservations:
            return
        self._end(provider, job, ledger)
        self.ledgers[provider] = ledger

    def slash(self, provider: AccountId, job: H256, amount: u128, to: AccountId | None) -> u128:
        """Take up to `amount` planck for wrong work; return what was taken, and end the job.

        What answers for the job goes first, then what is active, then what was unbonded last.
        Half goes to `to`, unless that is nobody, the provider, or an account that so little
        cannot open, and without what a lock leans on; the rest is burned. What the provider scored
        is gone, and it is chilled.
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
        """Burn a part of a provider's bond; return how much, in planck.

        What answers for jobs counts for the part, but is not touched.
        """
        ledger = self.ledgers.get(provider)
        if ledger is None:
            return u128(0)
        return self._fine(provider, ledger, int(mul_div(ledger.bond, ppm, PPM)))

    def charge(self, provider: AccountId, amount: u128) -> u128:
        """Burn `amount` planck of a provider's bond, as far as no job needs it; return how much."""
        ledger = self.ledgers.get(provider)
        return u128(0) if ledger is None else self._fine(provider, ledger, int(amount))

    def note_decline(self, provider: AccountId) -> u128:
        """Note that a provider declined an offer; return what that cost it, in planck.

        Nothing as long as it declines no more than the quota of its offers in the era, a part of
        one counting as one.
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
        """Note that a provider was through with a job, well or not.

        `took` is in thousandths of the time that its class is given for such a job. Call it before
        Mining records the receipt: what eras that are over came to counts then.
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
        """Make pay that a provider just got a part of its bond, up to the minimum; return how much.

        Raises what holding raises: the provider has not got so much.
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

    # ---- doors: scores

    def lean_on(self, contributions: Contributions) -> None:
        """Tie to who lets those vote that do work: added later."""
        self.contributions = contributions

    def credit_score(self, provider: AccountId, parts: int) -> None:
        """Count work, which Mining counted in millionths of a unit, to a provider's era."""
        if parts and provider in self.ledgers:
            era = self.measures.era_now()
            self.windows[provider] = credited(self.windows[provider], era, parts)
            self.contributions.note_work(provider, parts)

    def scores(self, validators: Sequence[AccountId]) -> list[int]:
        """Return what the work of each validator weighs, its own and what is lent to it.

        In 10^-19 of a unit, by the snapshot that weights planned in this era go by. Reads a
        bounded number of accounts for each: itself and its lenders.
        """
        return [int(self.weight_of(validator).total) for validator in validators]

    def weight_of(self, validator: AccountId) -> ScoreView:
        """Return what a validator's work weighs, and why."""
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

    # ---- steps: bonds

    def _ledger(self, who: AccountId) -> Ledger:
        ledger = self.ledgers.get(who)
        if ledger is None:
            raise self.NotProvider
        return ledger

    def _rest(self) -> u32:
        """Return the slot from which one that adds bond now can be drawn."""
        return u32(self.clock.now() + int(self.settling_slots))

    def _end(self, provider: AccountId, job: H256, ledger: Ledger) -> None:
        """Make active what answered for a job, and its place free."""
        amount = self.reservations[provider, job]
        del self.reservations[provider, job]
        ledger.reserved -= amount
        ledger.active += amount
        ledger.busy -= 1

    def _reward(self, provider: AccountId, to: AccountId | None, half: u128) -> u128:
        """Move half of a slash to whoever found it out; return what could be moved.

        Not what a lock leans on: else money that is still vesting would be free for who proves
        from another account that he was wrong.
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
        """Burn of what is active, or on its way out."""
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

    # ---- steps: classes

    def _ensure_in_order(self, info: ProviderInfo) -> None:
        if not info.in_order:
            raise self.InvalidInfo
        if not all(self.classes.has_class(int(klass)) for klass in info.classes):
            raise self.UnknownClass

    def _join(self, who: AccountId, ledger: Ledger, classes: Sequence[u16]) -> int:
        """Take a place in each class; return how many members were looked at.

        In a full one the place of a member that is silent, or has the least bond, if that is less.
        """
        looked_at = 0
        for klass in classes:
            members = self.members[klass]
            if who in members:
                continue
            if len(members) < self.max_members:
                self.members[klass] = [*members, who]
                continue
            looked_at += len(members)
            now = self._now()
            ranked = [(now.rank(self.ledgers[one]), one) for one in members]
            rank, least = min(ranked)
            if now.rank(ledger) <= rank:
                raise self.ClassFull
            self.members[klass] = [who if one == least else one for one in members]
            self.deposit(self.Displaced(klass, least, who))
        return looked_at

    def _leave(self, who: AccountId, classes: Sequence[u16]) -> None:
        for klass in classes:
            members = self.members[klass]
            if who in members:
                self.members[klass] = [one for one in members if one != who]

    def _chill(self, who: AccountId, ledger: Ledger) -> None:
        self._settle(who, ledger)
        self._leave(who, self.providers[who].classes)
        ledger.chilled = True
        self.deposit(self.Chilled(who))

    def _now(self) -> Now:
        minimum = int(self.params.peek().minimum_bond)
        return Now(self.measures.era_now(), self.clock.now(), self._hour(0), minimum)

    def _hour(self, back: int) -> int:
        """Return the hour of the week, now or at the beginning of the era so many before this."""
        slot = self.clock.now()
        if back:
            length = int(self.era_slots)
            slot = max(slot // length - back, 0) * length
        return slot * int(self.slot_ms) // HOUR_MS % HOURS

    # ---- steps: conduct

    def _settle(self, who: AccountId, ledger: Ledger) -> Conduct:
        """Tell Mining what eras that are over came to; return what is noted of this one."""
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

    # ---- steps: scores

    def _score(self, provider: AccountId, borrower: AccountId | None, snapshot: int) -> int:
        """Return what a provider's work weighs, if it is the borrower's by the snapshot."""
        window = self.windows[provider]
        if not window:
            return 0
        loan = self.loans.get(provider)
        whose = None if loan is None else loan.at(snapshot)
        # A weight that is out of range must not hold up the epoch's turn.
        return min(score_at(window, snapshot), MOST_SCORE) if whose == borrower else 0

    def _is_lender(self, provider: AccountId, borrower: AccountId, era: int) -> bool:
        """Tell whether a provider's score is the borrower's by a snapshot in use, or will be."""
        loan = self.loans.get(provider)
        return loan is not None and loan.concerns(borrower, era - AGE)

    def _ensure_not_lately(self, loan: Loan | None, era: int) -> None:
        """Let nobody change a loan before snapshots in use have its last change.

        One change is remembered, and it must tell whose the score is in all of them. Raises
        ChangedLately.
        """
        if loan is not None and era - AGE < loan.since:
            raise self.ChangedLately
