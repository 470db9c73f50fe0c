"""Chambers: four bodies decide together, each with its own weight.

Institutions vote with what they were allotted, compute with the verified work of the last thirty
days, holders with their money, the community through ten elected representatives. One ballot of an
account counts in every chamber that it belongs to. A chamber's weight goes by its votes, not to the
winner; one in which less than 4 % take part abstains. Weights follow the years, and are frozen with
the electorates when a decision starts (economy.md 3.8).

A snapshot is a handful of sums; nobody's account is walked over. An account counts by what it has
when it votes, as far as that is locked until the end: by the lock of its vote, or, what is staked,
by the stake. So no planck votes twice in one referendum, whoever has it in the meantime; nor does
a seat, because only who sits when the decision starts votes with it.

What always holds: weights add up to 7,000; what a chamber counts in a referendum is the sum of the
ballots in `Ballots`; no account belongs to institutions and holders at once; what is reserved under
this pallet's name is the deposits of candidates and representatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, NamedTuple

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.scale import Bounded, Compact, TypeName, u16, u32, u64, u128
from runtime.frame import (
    Const,
    DispatchInfo,
    DoubleMap,
    Error,
    Event,
    GenesisError,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    PostInfo,
    Section,
    Value,
    call,
    ensure_root,
)
from runtime.pallets.balances import Reasons, is_pool, lookup
from runtime.pallets.chambers import law
from runtime.pallets.chambers.law import Chamber, Mode
from runtime.pallets.chambers.types import (
    MAX_CANDIDATES,
    MAX_INSTITUTIONS,
    NO_SHARE,
    SEATS,
    Approvals,
    Candidate,
    ChamberBooks,
    ChamberView,
    Clock,
    Counted,
    ElectionView,
    Identities,
    Institution,
    Money,
    PollBooks,
    Releases,
    Schedules,
    Seat,
    SeatView,
    Share,
    Stakes,
    StateView,
    WorkDay,
)
from runtime.pallets.referenda import Ballot, Tally
from runtime.pallets.tier_staking import StakedMoney
from runtime.pallets.tokenomics.law import label_year
from runtime.weights import chambers as weights

RESERVE_ID: Final = b"btt/seat"
"""The name that candidates' deposits are reserved under."""
LOCK_ID: Final = b"btt/elec"
"""The name of the lock on what backs candidates."""
SEAT_POWER: Final = 10**9
"""What one seat votes with: billionths, so that it can be split."""
NOTHING_STAKED: Final = StakedMoney(u128(0), u128(0))
CLEARED: Final = 50
"""Ballots of referenda that are over which a block forgets, at most."""

Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
Poll = Annotated[u32, TypeName("PollIndex")]
Names = Bounded[list[AccountId], SEATS]


class Kept(NamedTuple):
    """What stays in an account until a decision is over, in planck."""

    planck: int
    """All of it."""
    long: int
    """What of it has more votes."""
    locked: int = 0
    """What of it the lock of the vote keeps now."""


def by_names(_: object, candidates: Sequence[AccountId], value: u128) -> DispatchInfo:
    """Weigh a vote by the candidates that it names, instead of as many as there can be."""
    del value
    return DispatchInfo(weights.vote_representative(SEATS, len(candidates)))


class Chambers(Pallet):
    """Four bodies decide together, each with its own weight."""

    slot_ms: u64
    """The length of a slot in milliseconds."""
    day_slots: Const[u32]
    """The length of a day of decisions in slots; work is counted by such days."""
    stake_lasts: Const[u32]
    """A stake counts without being locked by the vote, too, if it stays so many slots more.

    Longer than a decision takes, so that what is staked cannot leave and vote once more.
    """
    term: Const[u32]
    """How many slots representatives sit."""
    election: Const[u32]
    """How many slots the first election takes, and any after one in which nobody was elected."""
    candidacy_deposit: Const[u128]
    """What it costs to stand, in planck; it comes back unless the seat is taken away."""
    least_backing: Const[u128]
    """The least that candidates can be backed with, in planck."""
    seats: Const[u32] = u32(SEATS)
    """How many representatives the community has."""
    max_institutions: Const[u32] = u32(MAX_INSTITUTIONS)
    """How many institutions can be seated."""
    pools: Sequence[AccountId]
    """Accounts of the chain itself, whose money has no vote."""
    currency: Money
    clock: Clock
    stakes: Stakes
    vesting: Schedules
    releases: Releases
    identities: Identities
    seating_origin: OriginCheck = ensure_root
    """Who seats institutions, takes seats away, and sets the mode."""

    mode = Value(Mode, default=Mode.Scheduled)
    """Whether weights follow the years."""
    institutions = Value(Bounded[list[Institution], MAX_INSTITUTIONS], default=[])
    """Who is seated in the institutions' chamber."""
    polls = Map(u32, PollBooks, hasher=Hasher.Twox64Concat)
    """The referenda that are voted on, or decided."""
    ballots = DoubleMap(
        u32, AccountId, Counted, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """What each account's ballot counted for."""
    over = Value(u32)
    """The last of the referenda that are over, and whose ballots are being forgotten."""
    over_before = Map(u32, u32, hasher=Hasher.Twox64Concat)
    """The one that was over before it, of each of them."""
    work = Map(AccountId, Bounded[list[WorkDay], law.KEPT], default=[])
    """Verified work by day, the oldest first."""
    total_work = Value(Bounded[list[WorkDay], law.KEPT], default=[])
    """The same of all together."""
    representatives = Value(Bounded[list[Seat], SEATS], default=[])
    """Who sits for the community."""
    elections = Value(u32, default=u32(0))
    """How many elections are over: the number of the one at hand."""
    election_ends = Value(u32)
    """The slot at which that ends; none stands here before the first has ended."""
    running = Value(Bounded[list[AccountId], MAX_CANDIDATES], default=[])
    """The candidates in the order of their coming."""
    candidates = Map(AccountId, Candidate)
    """What backs them."""
    approvals = Map(AccountId, Approvals)
    """Whom accounts want to be seated."""

    class WeightsFrozen(Event, index=0):
        """A decision starts; these weights and electorates hold until its end.

        In the order institutions, compute, holders, community; weights of 7,000.
        """

        poll: Poll
        year: Annotated[u32, TypeName("u32")]
        weights: Annotated[Bounded[list[u32], 4], TypeName("BoundedVec<u32, Chambers>")]
        electorates: Annotated[Bounded[list[u128], 4], TypeName("BoundedVec<u128, Chambers>")]

    class ModeSet(Event, index=1):
        """Decisions that start from now on go by these weights."""

        mode: Annotated[Mode, TypeName("Mode")]

    class InstitutionAdded(Event, index=2):
        """An institution was seated; it votes with at most its allocation."""

        who: Who
        allocation: Amount

    class InstitutionRemoved(Event, index=3):
        """An institution has no seat any more."""

        who: Who

    class CandidacySubmitted(Event, index=4):
        """Somebody stands for a seat."""

        who: Who

    class CandidacyWithdrawn(Event, index=5):
        """Somebody does not stand, or sit, any more; the deposit went back."""

        who: Who

    class RepresentativeVoted(Event, index=6):
        """An account backs candidates, each with all of `value`."""

        who: Who
        value: Amount
        candidates: Annotated[Names, TypeName("BoundedVec<T::AccountId, Seats>")]

    class RepVoteRemoved(Event, index=7):
        """An account backs nobody any more; its money is free."""

        who: Who

    class ElectionConcluded(Event, index=8):
        """An election is over; these sit until the next one is."""

        election: Annotated[u32, TypeName("u32")]
        seated: Annotated[Names, TypeName("BoundedVec<T::AccountId, Seats>")]
        until: Annotated[u32, TypeName("BlockNumberFor<T>")]

    class SeatTaken(Event, index=9):
        """A representative lost the seat, and the deposit."""

        who: Who
        slashed: Amount

    class NoVotingPower(Error, index=0):
        """The account belongs to no chamber: it has nothing but vesting money, has done no work
        in the last days, and has no seat. Vote with more than what is vesting.
        """

    class AlreadySeated(Error, index=1):
        """The account has a seat already, in this chamber or another. Remove that first."""

    class NotSeated(Error, index=2):
        """The account has no seat there. Check the address."""

    class TooManyInstitutions(Error, index=3):
        """All seats of institutions are taken. Remove one first."""

    class PoolNotSeatable(Error, index=4):
        """Accounts of the chain itself have no vote. Name another account."""

    class NotVerified(Error, index=5):
        """Only who a registrar judged, and no part of another account, can stand for a seat.

        Request a judgement for the identity of this account first.
        """

    class AlreadyStanding(Error, index=6):
        """You stand in this election already. There is nothing left to do."""

    class TooManyCandidates(Error, index=7):
        """As many stand as can. Wait for the next election."""

    class NotStanding(Error, index=8):
        """You neither stand nor sit. There is nothing to withdraw."""

    class NotACandidate(Error, index=9):
        """One of those you named does not stand in this election. Look up the candidates."""

    class NamesWrong(Error, index=10):
        """Name one to ten candidates, each once."""

    class NotAHolder(Error, index=11):
        """Institutions have a chamber of their own; the holders elect the representatives."""

    class BackingTooSmall(Error, index=12):
        """Candidates are backed with the least amount or more. Look up `LeastBacking`."""

    class InsufficientFunds(Error, index=13):
        """You have less than that besides what is vesting. Back with what you have."""

    class NotBacking(Error, index=14):
        """You back nobody. There is nothing to remove."""

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Seat the institutions: `institutions` is a list of [address, planck].

        `mode` is `scheduled` (the default) or `static`. Raises GenesisError.
        """
        fields = Section(config, "chambers").fields(optional=("institutions", "mode"))
        if "mode" in fields:
            known = {mode.name.lower(): mode for mode in Mode}
            self.mode.value = fields["mode"].one_of(known)
        seated: list[Institution] = []
        for row in fields.get("institutions") or ():
            account, amount = row.rows(2)
            who = account.account()
            if is_pool(who) or any(known.who == who for known in seated):
                raise account.wrong("an account of its own for each institution")
            seated.append(Institution(who, amount.planck()))
        if len(seated) > self.max_institutions:
            raise GenesisError(f"chambers.institutions: more than {int(self.max_institutions)}")
        if seated:
            self.institutions.value = seated

    def on_initialize(self, number: int) -> int:
        """Forget some ballots of what is over, and end the election if it is time."""
        del number
        used = weights.OPEN_BLOCK
        over = self.over.get()
        if over is not None:
            used += weights.clear(self._clear(over))
        if self.clock.now() >= self.election_due():
            used += weights.conclude(*self._conclude())
        return used

    # ---- calls

    @call(0, weight=weights.ADD_INSTITUTION)
    def add_institution(self, origin: Origin, who: Address, allocation: Amount) -> None:
        """Seat an institution, which votes with at most `allocation` planck. For the chain itself.

        It belongs to the holders no more, and backs no candidates; votes that it has cast in
        referenda stay as they were.
        """
        self.seating_origin(origin)
        account, seated = lookup(who), self.institutions.value
        if is_pool(account) or account in self.pools:
            raise self.PoolNotSeatable
        if self.is_institution(account) or self.is_representative(account):
            raise self.AlreadySeated
        if len(seated) >= self.max_institutions:
            raise self.TooManyInstitutions
        if account in self.approvals:
            self._unback(account)
            self.currency.set_lock(LOCK_ID, account, u128(0), Reasons.All)
        self.institutions.value = [*seated, Institution(account, allocation)]
        self.deposit(self.InstitutionAdded(account, allocation))

    @call(1, weight=weights.REMOVE_INSTITUTION)
    def remove_institution(self, origin: Origin, who: Address) -> None:
        """Take an institution's seat away; it is a holder from now on. For the chain itself."""
        self.seating_origin(origin)
        account = lookup(who)
        if not self.is_institution(account):
            raise self.NotSeated
        self.institutions.value = [one for one in self.institutions.value if one.who != account]
        self.deposit(self.InstitutionRemoved(account))

    @call(2, weight=weights.SUBMIT_CANDIDACY)
    def submit_candidacy(self, origin: Origin) -> None:
        """Stand for a seat of the community, for a deposit. Needs a judged identity."""
        who = origin.signed()
        if self.is_institution(who):
            raise self.AlreadySeated
        if not self.identities.verified(who) or self.identities.operator_of(who) != who:
            raise self.NotVerified
        known, running = self.candidates.get(who), self.running.value
        if known is not None and known.standing:
            raise self.AlreadyStanding
        if known is None and len(running) >= MAX_CANDIDATES:
            raise self.TooManyCandidates
        deposit = self.candidacy_deposit
        self.currency.reserve_named(RESERVE_ID, who, deposit)
        backing = u128(0) if known is None else known.backing
        self.candidates[who] = Candidate(deposit, backing, standing=True)
        if known is None:
            self.running.value = [*running, who]
        self.deposit(self.CandidacySubmitted(who))

    @call(3, weight=weights.WITHDRAW_CANDIDACY)
    def withdraw_candidacy(self, origin: Origin) -> None:
        """Stand no more; or, if you do not stand, leave your seat. The deposit comes back."""
        who = origin.signed()
        known = self.candidates.get(who)
        if known is not None and known.standing:
            deposit = known.deposit
            # It stays among the candidates, so that what backs it can still be taken back.
            self.candidates[who] = Candidate(u128(0), known.backing, standing=False)
        elif self.is_representative(who):
            deposit = self._vacate(who).deposit
        else:
            raise self.NotStanding
        self.currency.unreserve_named(RESERVE_ID, who, deposit)
        self.deposit(self.CandidacyWithdrawn(who))

    @call(4, weight=by_names)
    def vote_representative(
        self,
        origin: Origin,
        candidates: Annotated[Names, TypeName("BoundedVec<T::AccountId, Seats>")],
        value: Annotated[Compact[u128], TypeName("BalanceOf<T>")],
    ) -> PostInfo:
        """Back up to ten candidates, each with all of `value`, instead of those you backed.

        The money stays locked until you remove the vote, at any time. What is vesting cannot back.
        """
        who = origin.signed()
        if self.is_institution(who):
            raise self.NotAHolder
        if not candidates or len(dict.fromkeys(candidates)) < len(candidates):
            raise self.NamesWrong
        if value < self.least_backing:
            raise self.BackingTooSmall
        # Locks overlap: what is vesting would do for the lock, and the rest could go and vote.
        locked = int(value) + int(self.vesting.unvested(who))
        if locked > self.currency.lockable(who):
            raise self.InsufficientFunds
        known = [self.candidates.get(name) for name in candidates]
        if not all(one is not None and one.standing for one in known):
            raise self.NotACandidate
        old = self._unback(who)
        for name in candidates:
            self._back(name, int(value))
        self.approvals[who] = Approvals(self.elections.value, value, candidates)
        self.currency.set_lock(LOCK_ID, who, u128(locked), Reasons.All)
        self.deposit(self.RepresentativeVoted(who, value, candidates))
        return PostInfo(weights.vote_representative(old, len(candidates)))

    @call(5, weight=weights.remove_rep_vote(SEATS))
    def remove_rep_vote(self, origin: Origin) -> PostInfo:
        """Back nobody any more; your money is free at once."""
        who = origin.signed()
        if who not in self.approvals:
            raise self.NotBacking
        names = self._unback(who)
        self.currency.set_lock(LOCK_ID, who, u128(0), Reasons.All)
        self.deposit(self.RepVoteRemoved(who))
        return PostInfo(weights.remove_rep_vote(names))

    @call(6, weight=weights.SET_MODE)
    def set_mode(self, origin: Origin, mode: Annotated[Mode, TypeName("Mode")]) -> None:
        """Let weights follow the years, or stay. For the chain itself.

        Decisions that have started keep theirs.
        """
        self.seating_origin(origin)
        self.mode.value = mode
        self.deposit(self.ModeSet(mode))

    @call(7, weight=weights.REMOVE_REPRESENTATIVE)
    def remove_representative(self, origin: Origin, who: Address) -> None:
        """Take a representative's seat away; the deposit goes to the treasury.

        For the chain itself. The seat is empty until the next election.
        """
        self.seating_origin(origin)
        account = lookup(who)
        if not self.is_representative(account):
            raise self.NotSeated
        seat = self._vacate(account)
        self.currency.slash_reserved_named(RESERVE_ID, account, seat.deposit)
        self.deposit(self.SeatTaken(account, seat.deposit))

    # ---- doors: the electorate of referenda

    def started(self, poll: u32, track: u16, tally: Tally) -> Tally:
        """Freeze weights and electorates; return the tally under them."""
        del track, tally
        books = self.polls.get(poll)
        votes = [NO_SHARE] * len(Chamber) if books is None else [c.votes for c in books.chambers]
        books = self._opened(votes, frozen=True)
        self.polls[poll] = books
        weights = [one.weight for one in books.chambers]
        electorates = [u128(one.electorate) for one in books.chambers]
        self.deposit(self.WeightsFrozen(poll, books.year, weights, electorates))
        return law.tally(books.chambers)

    def is_open(self, poll: u32) -> bool:
        """Return True if a referendum has its weights and electorates."""
        return poll in self.polls

    def closed(self, poll: u32) -> None:
        """Forget a referendum; its ballots go little by little."""
        if self.polls.take(poll) is None:
            return
        before = self.over.get()
        if before is not None:
            self.over_before[poll] = before
        self.over.value = poll

    def approval(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the part of ayes; reaching what is needed means exceeding it."""
        return law.approval(tally)

    def support(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the weight of the chambers that take part."""
        return law.support(tally)

    def recount(
        self, poll: u32, track: u16, who: AccountId, old: Ballot, new: Ballot, tally: Tally
    ) -> Tally:
        """Count one ballot anew. Raises NoVotingPower.

        What the account itself votes with is looked up when it votes, not when others delegate.
        """
        books = self.polls.get(poll)
        if books is None:
            books = self._opened([NO_SHARE] * len(Chamber), frozen=False)
        before = self.ballots.get((poll, who)) or Counted()
        is_cast = new == old or sides(new) != sides(old)
        own = self._own(who, new, books) if is_cast else before.own
        after = Counted(own, self._lent(who, new))
        if is_cast and law.voted(new) and after == Counted():
            raise self.NoVotingPower
        for chamber, one in zip(Chamber, books.chambers, strict=True):
            one.votes = one.votes.changed(before.own[chamber], after.own[chamber])
        holders = books.chambers[Chamber.Holders]
        holders.votes = holders.votes.changed(before.lent, after.lent)
        self.polls[poll] = books
        if after == Counted():
            del self.ballots[poll, who]
        else:
            self.ballots[poll, who] = after
        return law.tally(books.chambers)

    def may_delegate(self, who: AccountId) -> bool:
        """Tell whether `who` votes as a holder alone, and may vote with all that it has.

        Not who has vesting money or an escrow: what is delegated must be sure to stay.
        """
        staked = planck_of(self.stakes.staked_of(who))
        return not (
            self.is_institution(who)
            or self.is_representative(who)
            or law.work_of(self.work[who], self._today())
            or self.vesting.unvested(who)
            or int(self.currency.lockable(who)) + staked < self.currency.total(who)
        )

    # ---- doors: work

    def note_work(self, provider: AccountId, parts: int) -> None:
        """Count verified work, in millionths of a unit, to a vote, from tomorrow on."""
        day = self._today()
        self.work[provider] = with_work(self.work[provider], day, parts)
        self.total_work.value = with_work(self.total_work.value, day, parts)

    def forget_work(self, provider: AccountId) -> None:
        """Take away what a provider's work counted for: some of it was wrong."""
        lost = {int(one.day): int(one.parts) for one in self.work[provider]}
        if not lost:
            return
        del self.work[provider]
        totals = self.total_work.value
        for one in totals:
            one.parts -= lost.get(int(one.day), 0)
        self.total_work.value = [one for one in totals if one.parts]

    # ---- doors: who is who

    def is_institution(self, who: AccountId) -> bool:
        """Tell whether an account is seated in the institutions' chamber."""
        return any(one.who == who for one in self.institutions.peek())

    def is_representative(self, who: AccountId) -> bool:
        """Tell whether an account sits for the community."""
        return any(seat.who == who for seat in self.representatives.peek())

    def powers(self, who: AccountId, locked: int, books: PollBooks | None = None) -> list[int]:
        """Return the power of an account that locks so many planck by its vote, by chamber.

        In the referendum of `books`, or in one whose decision starts now. Before the start, which
        can be long in coming, seats do not count, and stakes only as far as the vote locks them.
        """
        started = books is None or books.frozen
        day = self._today() if books is None or not books.frozen else int(books.day)
        seat = SEAT_POWER if self._sits(who, books) else 0
        work = law.work_of(self.work[who], day)
        allocation, kept = self._allocation(who), self._kept(who, locked, started=started)
        if allocation is not None:
            return [min(allocation, kept.planck), work, 0, seat]
        unvested = min(int(self.vesting.unvested(who)), kept.locked)
        return [0, work, 2 * (kept.planck - unvested) + kept.long, seat]

    # ---- views, for the runtime API

    def year(self) -> int:
        """Return the label year."""
        return label_year(self.clock.now() * int(self.slot_ms))

    def weights_of(self, year: int) -> tuple[int, ...]:
        """Return the weights of a year by its label, as the mode is now."""
        return law.weights(self.mode.value, year)

    def election_due(self) -> int:
        """Return the slot at which the election at hand ends."""
        ends = self.election_ends.get()
        return int(self.election if ends is None else ends)

    def state_view(self) -> StateView:
        """Return the chambers as they are."""
        year = self.year()
        totals = self._electorates(self._today())
        powers = [
            SeatView(one.who, u128(min(one.allocation, self.currency.total(one.who))))
            for one in self.institutions.value
        ]
        return StateView(
            mode=self.mode.value.name,
            year=u32(year),
            weights=[u32(weight) for weight in self.weights_of(year)],
            electorates=[u128(total) for total in totals],
            institutions=powers,
            representatives=self._sitting(),
        )

    def chambers_view(self, books: PollBooks) -> list[ChamberView]:
        """Return a referendum's votes by chamber."""
        return [viewed(chamber, one) for chamber, one in zip(Chamber, books.chambers, strict=True)]

    def election_view(self) -> ElectionView:
        """Return the election at hand."""
        standing = [
            SeatView(who, candidate.backing)
            for who in self.running.value
            if (candidate := self.candidates.get(who)) is not None and candidate.standing
        ]
        return ElectionView(
            number=self.elections.value,
            ends=u32(self.election_due()),
            seats=self.seats,
            candidates=sorted(standing, key=lambda one: -int(one.amount)),
            representatives=self._sitting(),
        )

    # ---- private steps: electorates

    def _today(self) -> int:
        return self.clock.now() // int(self.day_slots)

    def _opened(self, votes: Sequence[Share], *, frozen: bool) -> PollBooks:
        """Return the books of a referendum under the weights and electorates of now."""
        year, day = self.year(), self._today()
        seats = [seat.who for seat in self.representatives.peek()] if frozen else []
        rows = zip(self.weights_of(year), self._electorates(day), votes, strict=True)
        chambers = [ChamberBooks(u32(weight), u128(all_), cast) for weight, all_, cast in rows]
        return PollBooks(u32(year), u32(day), seats, frozen, chambers)

    def _electorates(self, day: int) -> list[int]:
        """Return the power of all who belong to each chamber, from sums alone.

        The holders' is what they could have at most: long stakes that still warm up are in it,
        and what holders lock of each other's by vesting beyond the documents' rows.
        """
        total, seated = self.currency.total, self.institutions.value
        held = [(one, int(total(one.who))) for one in seated]
        institutions = sum(min(int(one.allocation), has) for one, has in held)
        theirs = sum(int(self.vesting.unvested(one.who)) for one in seated)
        vesting = max(0, self.releases.unvested() - theirs)
        apart = sum(has for _, has in held) + sum(int(total(pool)) for pool in self.pools)
        money = max(0, int(self.currency.total_issuance.value) - apart - vesting)
        long = sum(int(self.stakes.staked_of(one.who).long) for one in seated)
        long = max(0, int(self.stakes.staked().long) - long)
        seats = len(self.representatives.value) * SEAT_POWER
        work = law.work_of(self.total_work.peek(), day)
        return [institutions, work, 2 * money + long, seats]

    # ---- private steps: ballots

    def _allocation(self, who: AccountId) -> int | None:
        seated = self.institutions.peek()
        return next((int(one.allocation) for one in seated if one.who == who), None)

    def _own(self, who: AccountId, ballot: Ballot, books: PollBooks) -> list[Share]:
        """Return what an account's own ballot counts for, by chamber."""
        locked = law.voted(ballot)
        if not locked:
            return [NO_SHARE] * len(Chamber)
        return [law.shared(power, ballot) for power in self.powers(who, locked, books)]

    def _sits(self, who: AccountId, books: PollBooks | None) -> bool:
        """Tell whether `who` had a seat when the decision of `books` started, or has one now."""
        return self.is_representative(who) if books is None else who in books.seats

    def _lent(self, who: AccountId, ballot: Ballot) -> Share:
        """Return what others delegated: among holders only."""
        if self.is_institution(who):
            return NO_SHARE
        return Share(u128(2 * ballot.delegated_ayes), u128(2 * ballot.delegated_nays))

    def _kept(self, who: AccountId, locked: int, *, started: bool) -> Kept:
        """Return what stays in an account that locks so many planck by its vote.

        The lock keeps what is neither staked nor in escrow, and then what stakes that end soon
        become; stakes that last stay by themselves, once it is known until when they must.
        """
        staked = self.stakes.staked_of(who)
        lasting = self.stakes.lasting(who, int(self.stake_lasts)) if started else NOTHING_STAKED
        stays, soon = planck_of(lasting), planck_of(staked) - planck_of(lasting)
        now = min(locked, int(self.currency.lockable(who)))
        later = min(locked - now, soon)
        long = min(later, int(staked.long) - int(lasting.long))
        return Kept(now + later + stays, int(lasting.long) + long, now)

    def _clear(self, poll: u32) -> int:
        """Forget ballots of a referendum that is over; then the one before it is next.

        Return the number of ballots.
        """
        gone = self.ballots.some_under(poll, CLEARED)
        for who in gone:
            del self.ballots[poll, who]
        if len(gone) == CLEARED:
            return CLEARED
        before = self.over_before.take(poll)
        if before is None:
            self.over.kill()
        else:
            self.over.value = before
        return len(gone)

    # ---- private steps: elections

    def _unback(self, who: AccountId) -> int:
        """Take back what `who` backs; return the number of candidates that lost it.

        Of elections that are over there is nothing left.
        """
        known = self.approvals.take(who)
        if known is None or known.election != self.elections.value:
            return 0
        for name in known.names:
            self._back(name, -int(known.value))
        return len(known.names)

    def _back(self, name: AccountId, by: int) -> None:
        candidate = self.candidates[name]
        candidate.backing = u128(int(candidate.backing) + by)
        self.candidates[name] = candidate

    def _sitting(self) -> list[SeatView]:
        return [SeatView(seat.who, seat.backing) for seat in self.representatives.value]

    def _may_sit(self, who: AccountId) -> bool:
        return not self.is_institution(who) and self.identities.verified(who)

    def _vacate(self, who: AccountId) -> Seat:
        seats = self.representatives.value
        place = next(at for at, seat in enumerate(seats) if seat.who == who)
        seat = seats.pop(place)
        self.representatives.value = seats
        return seat

    def _conclude(self) -> tuple[int, int]:
        """Seat the candidates with the most backing; all others have their deposits back.

        Of equals the one who came first is seated; who has lost the judgement meanwhile is not.
        Return the numbers of candidates, and of those who sat.
        """
        standing: list[Seat] = []
        number, sitting = self.elections.value, self.representatives.value
        running = self.running.value
        for who in running:
            known = self.candidates.take(who)
            if known is not None and known.standing:
                standing.append(Seat(who, known.backing, known.deposit))
        standing.sort(key=lambda seat: -int(seat.backing))
        seated = [seat for seat in standing if seat.backing and self._may_sit(seat.who)]
        del seated[int(self.seats) :]
        chosen = [seat.who for seat in seated]
        losing = [seat for seat in standing if seat.who not in chosen]
        for seat in (*sitting, *losing):
            self.currency.unreserve_named(RESERVE_ID, seat.who, seat.deposit)
        until = u32(self.clock.now() + int(self.term if seated else self.election))
        self.representatives.value = seated
        self.running.kill()
        self.elections.value = u32(number + 1)
        self.election_ends.value = until
        self.deposit(self.ElectionConcluded(number, chosen, until))
        return len(running), len(sitting)


def planck_of(staked: StakedMoney) -> int:
    """Return all that is staked."""
    return int(staked.long) + int(staked.short)


def sides(ballot: Ballot) -> tuple[int, int, int]:
    """Return what an account itself puts into a ballot, by side."""
    return ballot.ayes, ballot.nays, ballot.abstains


def with_work(days: list[WorkDay], day: int, parts: int) -> list[WorkDay]:
    """Return the work with so much more on `day`, the latest, and without what is too old."""
    kept = [one for one in days if int(one.day) + law.KEPT > day]
    if kept and kept[-1].day == day:
        kept[-1].parts += parts
        return kept
    return [*kept, WorkDay(u32(day), u128(parts))]


def viewed(chamber: Chamber, books: ChamberBooks) -> ChamberView:
    """Return one chamber of a referendum for people."""
    ayes, nays = law.split(books)
    return ChamberView(
        name=chamber.name.lower(),
        weight=books.weight,
        electorate=u128(books.electorate),
        ayes=u128(books.votes.ayes),
        nays=u128(books.votes.nays),
        abstains=u128(books.votes.abstains),
        takes_part=law.takes_part(books),
        weighed_ayes=u128(ayes),
        weighed_nays=u128(nays),
    )
