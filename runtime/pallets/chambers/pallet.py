"""Chambers: governance by four chambers, each with its own weight.

Institutions vote with their allocations, compute with the verified work of the last thirty days,
holders with their money, the community through ten elected representatives. An account's ballot
counts in every chamber that it belongs to. A chamber's weight is divided in proportion to its
votes; one in which less than 4 % take part abstains. Weights follow a schedule by year, and are
frozen with the electorates when a decision starts (economy.md 3.8).

A snapshot is a few sums; no accounts are iterated. An account counts with its balance at the time
of its vote, as far as that is locked until the end: by the lock of its vote or, for staked money,
by the stake. So no planck votes twice in one referendum, even after a transfer; nor does a seat,
because only representatives at the start of the decision vote with it.

Invariants: weights add up to 7,000; a chamber's votes in a referendum are the sum of the ballots in
`Ballots`; no account belongs to institutions and holders at once; the amounts reserved under this
pallet's name are the deposits of candidates and representatives.
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
from runtime.pallets.chambers import formulas
from runtime.pallets.chambers.formulas import Chamber, Mode
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
from runtime.pallets.tokenomics.formulas import label_year
from runtime.weights import chambers as weights

RESERVE_ID: Final = b"btt/seat"
"""Name of the reserve for candidates' deposits."""
LOCK_ID: Final = b"btt/elec"
"""Identifier of the lock on the backing of candidates."""
SEAT_POWER: Final = 10**9
"""Voting power of one seat: billionths, so that it can be split."""
NOTHING_STAKED: Final = StakedMoney(u128(0), u128(0))
CLEARED: Final = 50
"""Maximum number of ballots of finished referenda that one block removes."""

Who = Annotated[AccountId, TypeName("T::AccountId")]
Address = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
Amount = Annotated[u128, TypeName("BalanceOf<T>")]
Poll = Annotated[u32, TypeName("PollIndex")]
Names = Bounded[list[AccountId], SEATS]


class Kept(NamedTuple):
    """Money that stays in an account until a decision is over, in planck."""

    planck: int
    """Total."""
    long: int
    """Part of it with additional votes, from long stakes."""
    locked: int = 0
    """Part of it that the lock of the vote covers now."""


def by_names(_: object, candidates: Sequence[AccountId], value: u128) -> DispatchInfo:
    """Return the weight of a vote for the given candidates, instead of the maximum number."""
    del value
    return DispatchInfo(weights.vote_representative(SEATS, len(candidates)))


class Chambers(Pallet):
    """Governance by four chambers, each with its own weight."""

    slot_ms: u64
    """Length of a slot, in milliseconds."""
    day_slots: Const[u32]
    """Length of a day of work, in slots."""
    stake_lasts: Const[u32]
    """Minimum remaining time, in slots, of a stake that counts without a lock of the vote.

    Longer than a decision takes, so that staked money cannot be withdrawn and vote again.
    """
    term: Const[u32]
    """Term of representatives, in slots."""
    election: Const[u32]
    """Length of the first election, and of one after an election without winners, in slots."""
    candidacy_deposit: Const[u128]
    """Deposit of a candidacy, in planck; slashed only if governance removes the representative."""
    least_backing: Const[u128]
    """Minimum backing of candidates by an account, in planck."""
    seats: Const[u32] = u32(SEATS)
    """Number of representatives of the community."""
    max_institutions: Const[u32] = u32(MAX_INSTITUTIONS)
    """Maximum number of institutions."""
    pools: Sequence[AccountId]
    """Pool accounts, whose money has no vote."""
    currency: Money
    clock: Clock
    stakes: Stakes
    vesting: Schedules
    releases: Releases
    identities: Identities
    seating_origin: OriginCheck = ensure_root
    """Origin that seats institutions, removes seats, and sets the mode."""

    mode = Value(Mode, default=Mode.Scheduled)
    """Rule for the weights of new decisions."""
    institutions = Value(Bounded[list[Institution], MAX_INSTITUTIONS], default=[])
    """Members of the institutions' chamber."""
    polls = Map(u32, PollBooks, hasher=Hasher.Twox64Concat)
    """Votes of the referenda that are not over."""
    ballots = DoubleMap(
        u32, AccountId, Counted, hashers=(Hasher.Twox64Concat, Hasher.Blake2_128Concat)
    )
    """Counted power of each ballot, by referendum and account."""
    over = Value(u32)
    """Last referendum that is over and whose ballots are being removed."""
    over_before = Map(u32, u32, hasher=Hasher.Twox64Concat)
    """For each referendum in this list, the previous one whose ballots are to be removed."""
    work = Map(AccountId, Bounded[list[WorkDay], formulas.KEPT], default=[])
    """Verified work by account and day, the oldest first."""
    total_work = Value(Bounded[list[WorkDay], formulas.KEPT], default=[])
    """Verified work of all accounts by day, the oldest first."""
    representatives = Value(Bounded[list[Seat], SEATS], default=[])
    """Representatives of the community."""
    elections = Value(u32, default=u32(0))
    """Number of elections that are over, which is the number of the current one."""
    election_ends = Value(u32)
    """Slot at which the current election ends; not set before the end of the first."""
    running = Value(Bounded[list[AccountId], MAX_CANDIDATES], default=[])
    """Candidates in the order of submission, withdrawn ones included."""
    candidates = Map(AccountId, Candidate)
    """Deposits and backing of candidates."""
    approvals = Map(AccountId, Approvals)
    """Accounts' backing of candidates."""

    class WeightsFrozen(Event, index=0):
        """A decision started; these weights and electorates apply until its end.

        In the order institutions, compute, holders, community; weights of 7,000.
        """

        poll: Poll
        year: Annotated[u32, TypeName("u32")]
        weights: Annotated[Bounded[list[u32], 4], TypeName("BoundedVec<u32, Chambers>")]
        electorates: Annotated[Bounded[list[u128], 4], TypeName("BoundedVec<u128, Chambers>")]

    class ModeSet(Event, index=1):
        """The rule for the weights of later decisions was set."""

        mode: Annotated[Mode, TypeName("Mode")]

    class InstitutionAdded(Event, index=2):
        """An institution was seated; it votes with at most its allocation, in planck."""

        who: Who
        allocation: Amount

    class InstitutionRemoved(Event, index=3):
        """An institution lost its seat."""

        who: Who

    class CandidacySubmitted(Event, index=4):
        """An account submitted its candidacy for a seat."""

        who: Who

    class CandidacyWithdrawn(Event, index=5):
        """A candidate withdrew, or a representative resigned; the deposit was released."""

        who: Who

    class RepresentativeVoted(Event, index=6):
        """An account backed candidates, each with all of `value` planck."""

        who: Who
        value: Amount
        candidates: Annotated[Names, TypeName("BoundedVec<T::AccountId, Seats>")]

    class RepVoteRemoved(Event, index=7):
        """An account removed its backing; its money is unlocked."""

        who: Who

    class ElectionConcluded(Event, index=8):
        """An election ended; `seated` are representatives until the next one ends, at `until`."""

        election: Annotated[u32, TypeName("u32")]
        seated: Annotated[Names, TypeName("BoundedVec<T::AccountId, Seats>")]
        until: Annotated[u32, TypeName("BlockNumberFor<T>")]

    class SeatTaken(Event, index=9):
        """A representative was removed; its deposit was slashed."""

        who: Who
        slashed: Amount

    class NoVotingPower(Error, index=0):
        """The account has no voting power in any chamber: no money besides what is vesting, no
        recent work, and no seat.
        """

    class AlreadySeated(Error, index=1):
        """The account already has a seat, in this chamber or another."""

    class NotSeated(Error, index=2):
        """The account has no seat in this chamber."""

    class TooManyInstitutions(Error, index=3):
        """The maximum number of institutions is seated."""

    class PoolNotSeatable(Error, index=4):
        """Pool accounts cannot be seated."""

    class NotVerified(Error, index=5):
        """The account's identity has no good judgement, or it is a sub-account of another.

        A registrar of `Identity` gives judgements.
        """

    class AlreadyStanding(Error, index=6):
        """The account is already a candidate in this election."""

    class TooManyCandidates(Error, index=7):
        """The maximum number of candidates is reached in this election."""

    class NotStanding(Error, index=8):
        """The account is neither a candidate nor a representative."""

    class NotACandidate(Error, index=9):
        """One of the named accounts is not a candidate in this election."""

    class NamesWrong(Error, index=10):
        """The list of candidates is empty or has duplicates."""

    class NotAHolder(Error, index=11):
        """Institutions cannot back candidates: the holders elect the representatives."""

    class BackingTooSmall(Error, index=12):
        """The value is less than `LeastBacking`."""

    class InsufficientFunds(Error, index=13):
        """The account has less than the value besides what is vesting, staked or in escrow."""

    class NotBacking(Error, index=14):
        """The account backs no candidates."""

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
        """Remove some ballots of finished referenda, and end the election if it is due."""
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
        """Seat an institution, which votes with at most `allocation` planck. Seating origin only.

        It is no longer a holder, and its backing of candidates is removed; votes that it has cast
        in referenda stay as they were.
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
        """Remove an institution's seat; it becomes a holder. Seating origin only."""
        self.seating_origin(origin)
        account = lookup(who)
        if not self.is_institution(account):
            raise self.NotSeated
        self.institutions.value = [one for one in self.institutions.value if one.who != account]
        self.deposit(self.InstitutionRemoved(account))

    @call(2, weight=weights.SUBMIT_CANDIDACY)
    def submit_candidacy(self, origin: Origin) -> None:
        """Become a candidate for the community's seats, with a deposit. Needs a judged identity."""
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
        """Withdraw the caller's candidacy or, without one, resign its seat; release the deposit."""
        who = origin.signed()
        known = self.candidates.get(who)
        if known is not None and known.standing:
            deposit = known.deposit
            # It stays among the candidates, so that its backing can still be removed.
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
        """Back up to ten candidates, each with all of `value` planck, instead of earlier ones.

        The money is locked until the vote is removed, at any time. Vesting money cannot back.
        """
        who = origin.signed()
        if self.is_institution(who):
            raise self.NotAHolder
        if not candidates or len(dict.fromkeys(candidates)) < len(candidates):
            raise self.NamesWrong
        if value < self.least_backing:
            raise self.BackingTooSmall
        # Locks overlap: `value` alone could be covered by vesting money, the rest move and vote.
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
        """Remove the caller's backing of candidates; the money is unlocked at once."""
        who = origin.signed()
        if who not in self.approvals:
            raise self.NotBacking
        names = self._unback(who)
        self.currency.set_lock(LOCK_ID, who, u128(0), Reasons.All)
        self.deposit(self.RepVoteRemoved(who))
        return PostInfo(weights.remove_rep_vote(names))

    @call(6, weight=weights.SET_MODE)
    def set_mode(self, origin: Origin, mode: Annotated[Mode, TypeName("Mode")]) -> None:
        """Set the rule for the chambers' weights. Seating origin only.

        Decisions that have started keep their weights.
        """
        self.seating_origin(origin)
        self.mode.value = mode
        self.deposit(self.ModeSet(mode))

    @call(7, weight=weights.REMOVE_REPRESENTATIVE)
    def remove_representative(self, origin: Origin, who: Address) -> None:
        """Remove a representative; its deposit goes to the treasury. Seating origin only.

        The seat stays empty until the next election.
        """
        self.seating_origin(origin)
        account = lookup(who)
        if not self.is_representative(account):
            raise self.NotSeated
        seat = self._vacate(account)
        self.currency.slash_reserved_named(RESERVE_ID, account, seat.deposit)
        self.deposit(self.SeatTaken(account, seat.deposit))

    # ---- public interface: the electorate of referenda

    def started(self, poll: u32, track: u16, tally: Tally) -> Tally:
        """Freeze weights and electorates of a referendum; return its tally under them."""
        del track, tally
        books = self.polls.get(poll)
        votes = [NO_SHARE] * len(Chamber) if books is None else [c.votes for c in books.chambers]
        books = self._opened(votes, frozen=True)
        self.polls[poll] = books
        weights = [one.weight for one in books.chambers]
        electorates = [u128(one.electorate) for one in books.chambers]
        self.deposit(self.WeightsFrozen(poll, books.year, weights, electorates))
        return formulas.tally(books.chambers)

    def is_open(self, poll: u32) -> bool:
        """Return True if a referendum has weights and electorates."""
        return poll in self.polls

    def closed(self, poll: u32) -> None:
        """Remove a referendum; its ballots are removed in later blocks."""
        if self.polls.take(poll) is None:
            return
        before = self.over.get()
        if before is not None:
            self.over_before[poll] = before
        self.over.value = poll

    def approval(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the share of ayes; a threshold is reached only by exceeding it."""
        return formulas.approval(tally)

    def support(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the share of all weights whose chambers take part."""
        return formulas.support(tally)

    def recount(
        self, poll: u32, track: u16, who: AccountId, old: Ballot, new: Ballot, tally: Tally
    ) -> Tally:
        """Recount one ballot. Raises NoVotingPower.

        An account's own power is computed when it votes, not when others delegate to it.
        """
        books = self.polls.get(poll)
        if books is None:
            books = self._opened([NO_SHARE] * len(Chamber), frozen=False)
        before = self.ballots.get((poll, who)) or Counted()
        is_cast = new == old or sides(new) != sides(old)
        own = self._own(who, new, books) if is_cast else before.own
        after = Counted(own, self._lent(who, new))
        if is_cast and formulas.voted(new) and after == Counted():
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
        return formulas.tally(books.chambers)

    def may_delegate(self, who: AccountId) -> bool:
        """Return True if `who` may delegate: it votes as a holder alone, with all its money.

        Accounts with vesting money or an escrow may not: delegated money must be sure to stay.
        """
        staked = planck_of(self.stakes.staked_of(who))
        return not (
            self.is_institution(who)
            or self.is_representative(who)
            or formulas.work_of(self.work[who], self._today())
            or self.vesting.unvested(who)
            or int(self.currency.lockable(who)) + staked < self.currency.total(who)
        )

    # ---- public interface: work

    def note_work(self, provider: AccountId, parts: int) -> None:
        """Add verified work, in millionths of a unit, to a provider's votes from tomorrow on."""
        day = self._today()
        self.work[provider] = with_work(self.work[provider], day, parts)
        self.total_work.value = with_work(self.total_work.value, day, parts)

    def forget_work(self, provider: AccountId) -> None:
        """Remove all work of a provider from its votes, because some of it was invalid."""
        lost = {int(one.day): int(one.parts) for one in self.work[provider]}
        if not lost:
            return
        del self.work[provider]
        totals = self.total_work.value
        for one in totals:
            one.parts -= lost.get(int(one.day), 0)
        self.total_work.value = [one for one in totals if one.parts]

    # ---- public interface: membership

    def is_institution(self, who: AccountId) -> bool:
        """Return True if the account has a seat in the institutions' chamber."""
        return any(one.who == who for one in self.institutions.peek())

    def is_representative(self, who: AccountId) -> bool:
        """Return True if the account is a representative of the community."""
        return any(seat.who == who for seat in self.representatives.peek())

    def powers(self, who: AccountId, locked: int, books: PollBooks | None = None) -> list[int]:
        """Return the power, by chamber, of an account that locks `locked` planck by its vote.

        In the referendum of `books`, or in one whose decision starts now. Before the start, which
        may be much later, seats do not count, and stakes only as far as the vote locks them.
        """
        started = books is None or books.frozen
        day = self._today() if books is None or not books.frozen else int(books.day)
        seat = SEAT_POWER if self._sits(who, books) else 0
        work = formulas.work_of(self.work[who], day)
        allocation, kept = self._allocation(who), self._kept(who, locked, started=started)
        if allocation is not None:
            return [min(allocation, kept.planck), work, 0, seat]
        unvested = min(int(self.vesting.unvested(who)), kept.locked)
        return [0, work, 2 * (kept.planck - unvested) + kept.long, seat]

    # ---- views, for the runtime API

    def year(self) -> int:
        """Return the label of the current year."""
        return label_year(self.clock.now() * int(self.slot_ms))

    def weights_of(self, year: int) -> tuple[int, ...]:
        """Return the weights of a year by its label, in the current mode."""
        return formulas.weights(self.mode.value, year)

    def election_due(self) -> int:
        """Return the slot at which the current election ends."""
        ends = self.election_ends.get()
        return int(self.election if ends is None else ends)

    def state_view(self) -> StateView:
        """Return the current state of the chambers."""
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
        """Return the current election."""
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

    # ---- internals: electorates

    def _today(self) -> int:
        return self.clock.now() // int(self.day_slots)

    def _opened(self, votes: Sequence[Share], *, frozen: bool) -> PollBooks:
        """Return the record of a referendum with the current weights and electorates."""
        year, day = self.year(), self._today()
        seats = [seat.who for seat in self.representatives.peek()] if frozen else []
        rows = zip(self.weights_of(year), self._electorates(day), votes, strict=True)
        chambers = [ChamberBooks(u32(weight), u128(all_), cast) for weight, all_, cast in rows]
        return PollBooks(u32(year), u32(day), seats, frozen, chambers)

    def _electorates(self, day: int) -> list[int]:
        """Return the total power of each chamber, from sums alone.

        That of the holders is an upper bound: it includes long stakes that still warm up, and money
        that holders lock for each other by vesting schedules outside of the contractual rows.
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
        work = formulas.work_of(self.total_work.peek(), day)
        return [institutions, work, 2 * money + long, seats]

    # ---- internals: ballots

    def _allocation(self, who: AccountId) -> int | None:
        seated = self.institutions.peek()
        return next((int(one.allocation) for one in seated if one.who == who), None)

    def _own(self, who: AccountId, ballot: Ballot, books: PollBooks) -> list[Share]:
        """Return the power that an account's own ballot counts with, by chamber."""
        locked = formulas.voted(ballot)
        if not locked:
            return [NO_SHARE] * len(Chamber)
        return [formulas.shared(power, ballot) for power in self.powers(who, locked, books)]

    def _sits(self, who: AccountId, books: PollBooks | None) -> bool:
        """Return True if `who` had a seat at the start of `books`; if that is None, now."""
        return self.is_representative(who) if books is None else who in books.seats

    def _lent(self, who: AccountId, ballot: Ballot) -> Share:
        """Return the power delegated to `who`; it counts among holders only."""
        if self.is_institution(who):
            return NO_SHARE
        return Share(u128(2 * ballot.delegated_ayes), u128(2 * ballot.delegated_nays))

    def _kept(self, who: AccountId, locked: int, *, started: bool) -> Kept:
        """Return the money that stays in an account that locks `locked` planck by its vote.

        The lock covers money that is neither staked nor in escrow, then stakes that end soon;
        lasting stakes stay by themselves, but count only once the decision has started.
        """
        staked = self.stakes.staked_of(who)
        lasting = self.stakes.lasting(who, int(self.stake_lasts)) if started else NOTHING_STAKED
        stays, soon = planck_of(lasting), planck_of(staked) - planck_of(lasting)
        now = min(locked, int(self.currency.lockable(who)))
        later = min(locked - now, soon)
        long = min(later, int(staked.long) - int(lasting.long))
        return Kept(now + later + stays, int(lasting.long) + long, now)

    def _clear(self, poll: u32) -> int:
        """Remove ballots of a finished referendum; then the one before it is next.

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

    # ---- internals: elections

    def _unback(self, who: AccountId) -> int:
        """Remove the backing by `who`; return the number of candidates that lost it.

        Backing in earlier elections is already removed.
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
        """Seat the candidates with the most backing; release the deposits of all others.

        Of equals the earlier candidate is seated; candidates without a valid judgement are not.
        Return the numbers of candidates and of former representatives.
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
    """Return the sum of all stakes, in planck."""
    return int(staked.long) + int(staked.short)


def sides(ballot: Ballot) -> tuple[int, int, int]:
    """Return an account's own votes in a ballot, by side."""
    return ballot.ayes, ballot.nays, ballot.abstains


def with_work(days: list[WorkDay], day: int, parts: int) -> list[WorkDay]:
    """Return the work with `parts` added on `day`, the latest, and without outdated days."""
    kept = [one for one in days if int(one.day) + formulas.KEPT > day]
    if kept and kept[-1].day == day:
        kept[-1].parts += parts
        return kept
    return [*kept, WorkDay(u32(day), u128(parts))]


def viewed(chamber: Chamber, books: ChamberBooks) -> ChamberView:
    """Return the view of one chamber of a referendum."""
    ayes, nays = formulas.split(books)
    return ChamberView(
        name=chamber.name.lower(),
        weight=books.weight,
        electorate=u128(books.electorate),
        ayes=u128(books.votes.ayes),
        nays=u128(books.votes.nays),
        abstains=u128(books.votes.abstains),
        takes_part=formulas.takes_part(books),
        weighed_ayes=u128(ayes),
        weighed_nays=u128(nays),
    )
