"""Conviction voting: what votes stays, what is delegated follows, and all of it adds up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import codec, u16, u32, u128
from runtime.constants import BTT
from runtime.frame import PostInfo, TokenError, signed
from runtime.frame.error import Error
from runtime.frame.origin import decided
from runtime.frame.traits import Reasons
from runtime.frame.weight import DispatchClass
from runtime.limits import block_weights, heaviest_call
from runtime.pallets.conviction_voting import weights
from runtime.pallets.conviction_voting.pallet import (
    LOCK_ID,
    MAX_MOVED,
    ConvictionVoting,
    delegation_weight,
    votes_within,
)
from runtime.pallets.conviction_voting.types import (
    MAX_VOTES,
    AccountVote,
    Casting,
    Conviction,
    Delegating,
    Delegations,
    PriorLock,
    Split,
    SplitAbstain,
    Standard,
    Vote,
    VoteCasting,
    VoteDelegating,
    stake_of,
    vote_of,
)
from runtime.pallets.origins import Decision, DecisionOrigin
from runtime.pallets.referenda.types import Ongoing, Tally
from support.governance import ALICE, BOB, CAROL, DAVE, EVE, PEOPLE, SMALL_SPENDER, WEALTH, Forum
from support.histories import History, seeds, unreached
from support.runtime import refused

DAY, PERIOD = Forum.day, 7 * Forum.day
FIRST, SECOND = u32(0), u32(1)
TRACK, EMERGENCY = u16(Decision.SmallSpender), u16(Decision.Emergency)
CANCELLER = decided(Decision.Canceller)
LOCKED = Conviction.Locked1x


@pytest.fixture
def runtime() -> Forum:
    made = Forum()
    made.open()
    made.tick(0)
    made.submit()
    made.submit()
    return made


def locked(runtime: Forum, who: AccountId) -> int:
    """Return the amount locked for votes, in BTT."""
    return (
        sum(int(lock.amount) for lock in runtime.balances.locks[who] if lock.id == LOCK_ID) // BTT
    )


def tally(runtime: Forum, index: u32 = FIRST) -> tuple[int, int, int]:
    """Return the tally in BTT."""
    known = runtime.referenda.tally(index)
    return int(known.ayes) // BTT, int(known.nays) // BTT, int(known.support) // BTT


def approve(runtime: Forum, index: u32 = FIRST) -> None:
    """Let a referendum be approved by CAROL, DAVE and EVE."""
    runtime.referenda.place_decision_deposit(signed(EVE), index)
    for who in (CAROL, DAVE, EVE):
        runtime.vote(who, index, 9_000)
    runtime.wait(2 * DAY)
    assert runtime.referenda.ended(index) == runtime.clock.slot


def test_a_vote_counts_and_its_money_stays(runtime: Forum) -> None:
    runtime.vote(ALICE, FIRST, 600)
    runtime.vote(BOB, FIRST, 400, aye=False)
    assert tally(runtime) == (600, 400, 600)
    assert locked(runtime, BOB) == 400
    assert runtime.balances.locks[BOB][0].reasons is Reasons.All
    with refused(runtime, TokenError):
        runtime.balances.transfer(BOB, EVE, (WEALTH - 399) * BTT)
    runtime.balances.transfer(BOB, EVE, (WEALTH - 400) * BTT)


def test_a_vote_can_be_changed(runtime: Forum) -> None:
    runtime.vote(ALICE, FIRST, 600)
    runtime.vote(ALICE, FIRST, 200, aye=False)
    assert tally(runtime) == (0, 200, 0)
    assert locked(runtime, ALICE) == 600, "until it is unlocked"
    runtime.voting.unlock(signed(BOB), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 200


def test_split_votes_count_on_each_side(runtime: Forum) -> None:
    runtime.voting.vote(signed(ALICE), FIRST, Split(300 * BTT, 100 * BTT))
    assert tally(runtime) == (300, 100, 300)
    runtime.voting.vote(signed(ALICE), FIRST, SplitAbstain(30 * BTT, 10 * BTT, 5 * BTT))
    assert tally(runtime) == (30, 10, 35)
    assert locked(runtime, ALICE) == 400


@pytest.mark.parametrize("byte", [0x82, 0x06, 0x7F, 0xFF])
def test_only_two_convictions_exist_and_mean_the_same(runtime: Forum, byte: int) -> None:
    none = vote_of(aye=True, conviction=Conviction["None"])
    runtime.voting.vote(signed(ALICE), FIRST, Standard(none, 100 * BTT))
    runtime.voting.vote(signed(BOB), FIRST, Standard(vote_of(aye=True), 100 * BTT))
    assert tally(runtime) == (200, 0, 200)
    with refused(runtime, ConvictionVoting.Nonsense):
        runtime.voting.vote(signed(ALICE), FIRST, Standard(Vote(byte), BTT))
    with refused(runtime, ConvictionVoting.Nonsense):
        runtime.voting.delegate(signed(EVE), TRACK, Id(BOB), Conviction.Locked2x, BTT)


def test_a_wrong_vote_says_why(runtime: Forum) -> None:
    with refused(runtime, ConvictionVoting.NotOngoing):
        runtime.vote(ALICE, u32(9), 1)
    with refused(runtime, ConvictionVoting.InsufficientFunds):
        runtime.vote(ALICE, FIRST, WEALTH + 1)
    with refused(runtime, ConvictionVoting.InsufficientFunds):
        runtime.voting.vote(signed(ALICE), FIRST, Split(WEALTH * BTT, u128(1)))
    with refused(runtime, ConvictionVoting.NotVoter):
        runtime.voting.remove_vote(signed(ALICE), TRACK, FIRST)
    with refused(runtime, ConvictionVoting.ClassNeeded):
        runtime.voting.remove_vote(signed(ALICE), None, u32(9))
    with refused(runtime, ConvictionVoting.NotDelegating):
        runtime.voting.undelegate(signed(ALICE), TRACK)
    with refused(runtime, ConvictionVoting.BadClass):
        runtime.voting.unlock(signed(ALICE), u16(99), Id(ALICE))
    with refused(runtime, ConvictionVoting.BadClass):
        runtime.voting.delegate(signed(ALICE), u16(99), Id(BOB), LOCKED, BTT)


def test_a_vote_taken_back_in_time_is_free_at_once(runtime: Forum) -> None:
    runtime.vote(ALICE, FIRST, 600)
    runtime.voting.remove_vote(signed(ALICE), None, FIRST)
    assert runtime.announced()[-1] == ConvictionVoting.VoteRemoved(
        ALICE, Standard(vote_of(aye=True), 600 * BTT)
    )
    assert tally(runtime) == (0, 0, 0)
    runtime.voting.unlock(signed(ALICE), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 0
    assert list(runtime.voting.voting_for.items()) == []
    assert list(runtime.voting.class_locks_for.items()) == []


@pytest.mark.parametrize("aye", [True, False])
def test_after_the_decision_the_money_of_both_sides_stays_for_the_period(
    runtime: Forum, aye: bool
) -> None:
    runtime.vote(ALICE, FIRST, 600, aye=aye)
    approve(runtime)
    runtime.voting.remove_vote(signed(ALICE), TRACK, FIRST)
    runtime.voting.unlock(signed(ALICE), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 600
    runtime.wait(PERIOD - 1)
    runtime.voting.unlock(signed(ALICE), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 600
    runtime.tick()
    runtime.voting.unlock(signed(BOB), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 0


def test_others_tidy_up_when_a_vote_locks_nothing_any_more(runtime: Forum) -> None:
    runtime.vote(ALICE, FIRST, 600)
    with refused(runtime, ConvictionVoting.NoPermission):
        runtime.voting.remove_other_vote(signed(BOB), Id(ALICE), TRACK, FIRST)
    approve(runtime)
    with refused(runtime, ConvictionVoting.NoPermissionYet):
        runtime.voting.remove_other_vote(signed(BOB), Id(ALICE), TRACK, FIRST)
    runtime.wait(PERIOD)
    runtime.voting.remove_other_vote(signed(BOB), Id(ALICE), TRACK, FIRST)
    runtime.voting.unlock(signed(BOB), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 0


def test_what_was_not_decided_locks_nothing(runtime: Forum) -> None:
    runtime.vote(ALICE, FIRST, 600)
    runtime.referenda.cancel(CANCELLER, FIRST)
    runtime.voting.remove_other_vote(signed(BOB), Id(ALICE), TRACK, FIRST)
    runtime.voting.unlock(signed(BOB), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 0


def test_the_same_money_votes_in_every_class(runtime: Forum) -> None:
    urgent = runtime.submit(by=DecisionOrigin(Decision.Emergency))
    runtime.vote(ALICE, FIRST, 600)
    runtime.vote(ALICE, urgent, 500)
    assert locked(runtime, ALICE) == 600
    runtime.voting.remove_vote(signed(ALICE), TRACK, FIRST)
    runtime.voting.unlock(signed(ALICE), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 500


def test_what_is_delegated_follows_votes_before_and_after(runtime: Forum) -> None:
    runtime.vote(BOB, FIRST, 100)
    runtime.voting.vote(signed(BOB), SECOND, Split(50 * BTT, 50 * BTT))
    runtime.voting.delegate(signed(ALICE), TRACK, Id(BOB), LOCKED, 1_000 * BTT)
    assert tally(runtime) == (1_100, 0, 1_100)
    assert tally(runtime, SECOND) == (50, 50, 50), "delegated votes do not follow a split vote"
    runtime.vote(BOB, SECOND, 10, aye=False)
    assert tally(runtime, SECOND) == (0, 1_010, 0)
    assert locked(runtime, ALICE) == 1_000
    known = runtime.voting.voting_for[(BOB, TRACK)]
    assert isinstance(known, VoteCasting)
    assert known.casting.delegations == Delegations(1_000 * BTT, 1_000 * BTT)
    runtime.voting.undelegate(signed(ALICE), TRACK)
    assert tally(runtime) == (100, 0, 100)
    assert tally(runtime, SECOND) == (0, 10, 0)
    runtime.voting.unlock(signed(ALICE), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 1_000
    runtime.wait(PERIOD)
    runtime.voting.unlock(signed(ALICE), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 0


def test_who_delegates_does_not_vote_and_what_it_was_given_goes_no_further(runtime: Forum) -> None:
    runtime.vote(CAROL, FIRST, 1)
    runtime.voting.delegate(signed(ALICE), TRACK, Id(BOB), LOCKED, 1_000 * BTT)
    runtime.voting.delegate(signed(BOB), TRACK, Id(CAROL), LOCKED, 10 * BTT)
    assert tally(runtime) == (11, 0, 11)
    with refused(runtime, ConvictionVoting.AlreadyDelegating):
        runtime.vote(BOB, FIRST, 5)
    with refused(runtime, ConvictionVoting.AlreadyDelegating):
        runtime.voting.delegate(signed(BOB), TRACK, Id(EVE), LOCKED, BTT)
    with refused(runtime, ConvictionVoting.AlreadyVoting):
        runtime.voting.delegate(signed(CAROL), TRACK, Id(EVE), LOCKED, BTT)
    with refused(runtime, ConvictionVoting.Nonsense):
        runtime.voting.delegate(signed(EVE), TRACK, Id(EVE), LOCKED, BTT)
    with refused(runtime, ConvictionVoting.InsufficientFunds):
        runtime.voting.delegate(signed(EVE), TRACK, Id(BOB), LOCKED, (WEALTH + 1) * BTT)
    runtime.voting.undelegate(signed(BOB), TRACK)
    runtime.vote(BOB, FIRST, 5)
    assert tally(runtime) == (1_006, 0, 1_006)


def test_who_votes_with_more_than_a_balance_votes_itself(runtime: Forum) -> None:
    runtime.coins.__dict__["may_delegate"] = lambda who: who != ALICE
    with refused(runtime, ConvictionVoting.NoPermission):
        runtime.voting.delegate(signed(ALICE), TRACK, Id(BOB), LOCKED, BTT)
    runtime.voting.delegate(signed(EVE), TRACK, Id(BOB), LOCKED, BTT)


def test_a_delegation_is_weighed_by_the_votes_it_follows(runtime: Forum) -> None:
    index = runtime.deciding()
    runtime.vote(BOB, index, 1)
    delegate, undelegate = runtime.voting.delegate, runtime.voting.undelegate
    followed = delegate(signed(ALICE), TRACK, Id(BOB), LOCKED, BTT)
    none = delegate(signed(DAVE), TRACK, Id(EVE), LOCKED, BTT)
    assert none == PostInfo(weights.delegate(0, 0, 0))
    # The vote moved the alarm to the next slot already.
    assert followed == PostInfo(weights.delegate(0, 1, 0))
    runtime.clock.slot += 1
    assert undelegate(signed(ALICE), TRACK) == PostInfo(weights.undelegate(0, 0, 1))
    runtime.referenda.cancel(CANCELLER, index)
    over = delegate(signed(ALICE), TRACK, Id(BOB), LOCKED, BTT)
    assert over == PostInfo(weights.delegate(1, 0, 0))
    call = runtime.call(
        "ConvictionVoting", "delegate",
        **{"class": TRACK, "to": Id(BOB), "conviction": LOCKED, "balance": BTT},
    )  # fmt: skip
    most = weights.delegate(0, 512 - MAX_MOVED, MAX_MOVED)
    assert runtime.info(call).weight == most


def test_a_vote_is_weighed_by_the_record_and_what_it_moves(runtime: Forum) -> None:
    index = runtime.deciding()
    for moved in (1, 0):
        cast = runtime.voting.vote(signed(BOB), index, Standard(vote_of(aye=True), BTT))
        assert cast == PostInfo(weights.vote(1, 0, moved))
    runtime.coins.__dict__["is_open"] = lambda _: False
    first = runtime.voting.vote(signed(ALICE), index, Standard(vote_of(aye=True), BTT))
    assert first == PostInfo(weights.vote(1, 1, 0))
    removed = runtime.voting.remove_vote(signed(ALICE), TRACK, index)
    assert removed == PostInfo(weights.remove_vote(1, 0))
    assert runtime.voting.unlock(signed(BOB), TRACK, Id(ALICE)) == PostInfo(weights.unlock(0))


@pytest.mark.parametrize("slot_ms", [100, 200, 500, 1_000, 6_000])
def test_a_delegation_fits_into_a_block_however_short_the_slots(slot_ms: int) -> None:
    most = heaviest_call(slot_ms)
    votes = int(votes_within(most))
    for call in (weights.delegate, weights.undelegate):
        assert delegation_weight(call, votes) <= most
    assert 1 < votes <= MAX_VOTES
    assert votes == MAX_VOTES or slot_ms < 6_000


def test_what_a_track_that_is_gone_locks_comes_free(runtime: Forum) -> None:
    runtime.vote(ALICE, FIRST, 600)
    runtime.referenda.cancel(CANCELLER, FIRST)
    runtime.voting.remove_vote(signed(ALICE), TRACK, FIRST)
    runtime.referenda.__dict__["tracks"] = [
        row for row in runtime.referenda.tracks if row[0] != TRACK
    ]
    runtime.voting.unlock(signed(BOB), TRACK, Id(ALICE))
    assert locked(runtime, ALICE) == 0


def test_an_account_has_so_many_votes(runtime: Forum) -> None:
    votes = [(u32(1_000 + n), Split(BTT, BTT)) for n in range(MAX_VOTES)]
    runtime.voting.voting_for[(ALICE, TRACK)] = VoteCasting(Casting(list(votes)))
    with refused(runtime, ConvictionVoting.MaxVotesReached):
        runtime.vote(ALICE, FIRST, 1)


def test_hundreds_of_votes_fit_into_a_block(runtime: Forum) -> None:
    vote = runtime.call(
        "ConvictionVoting", "vote", poll_index=FIRST, vote=Standard(vote_of(aye=True), BTT)
    )
    limits = block_weights(6_000).per_class.normal
    room = limits.max_total
    assert room is not None
    used = runtime.dispatch(signed(BOB), vote).weight
    assert used is not None
    assert used < runtime.info(vote).weight
    assert runtime.info(vote).dispatch_class is DispatchClass.Normal
    assert 700 * (used + int(limits.base_extrinsic.ref_time)) <= room.ref_time


def test_votes_are_written_as_wallets_read_them() -> None:
    account_vote = codec(AccountVote)
    assert account_vote.encode(Standard(vote_of(aye=True), u128(7))) == b"\0\x81\7" + bytes(15)
    assert account_vote.encode(Split(u128(1), u128(2))) == b"\1\1" + bytes(15) + b"\2" + bytes(15)
    assert codec(Tally).encode(Tally(u128(1))) == b"\1" + bytes(47)
    assert codec(Conviction).encode(Conviction["None"]) == b"\0"


def test_a_lock_serves_for_the_longest_and_the_greatest() -> None:
    lock = PriorLock().joined(10, u128(5)).joined(7, u128(9))
    assert lock == PriorLock(u32(10), u128(9))
    assert lock.at(9) == lock
    assert lock.at(10) == PriorLock()


class Voters(History):
    """Five people who vote and delegate on two tracks with two referenda each."""

    refusals = (Error,)

    def __init__(self) -> None:
        self.forum = Forum()
        super().__init__(self.forum)
        self.forum.open()
        self.forum.tick(0)
        self.voting = self.forum.voting
        by = DecisionOrigin(Decision.Emergency)
        for origin in (SMALL_SPENDER, by, SMALL_SPENDER, by):
            index = self.forum.submit(by=origin)
            self.forum.referenda.place_decision_deposit(signed(EVE), index)

    def step(self) -> None:
        steps = (
            *[self.vote] * 4, self.split, *[self.remove] * 2, *[self.delegate] * 3,
            *[self.undelegate] * 2, self.unlock, self.other, self.wait,
        )  # fmt: skip
        self.one_of(steps)(self.one_of(PEOPLE), self.rng.randrange(4))

    def amount(self) -> u128:
        """Return an amount, which may be more than an account has."""
        return u128(self.rng.randint(0, 115) * 90 * BTT)

    def casting(self, who: AccountId, number: int) -> tuple[u16, u32]:
        """Choose a referendum that `who` voted on and its track, or any."""
        track, index = TRACKS[number % 2], u32(number)
        cast = self.voting.voting_for[who, track]
        if isinstance(cast, VoteCasting) and cast.casting.votes and not self.one_in(4):
            index = self.one_of(cast.casting.votes)[0]
        return track, index

    def voted(self, who: AccountId, number: int) -> bool:
        """Return True if the account has a vote on the track."""
        cast = self.voting.voting_for[who, TRACKS[number % 2]]
        return isinstance(cast, VoteCasting) and bool(cast.casting.votes)

    def vote(self, who: AccountId, number: int) -> None:
        given = Standard(vote_of(aye=not self.one_in(3)), self.amount())
        self.attempt(self.voting.vote, signed(who), u32(number), given)

    def split(self, who: AccountId, number: int) -> None:
        amount = self.amount()
        given = SplitAbstain(amount // 2, amount // 4, u128(self.rng.randrange(100)))
        self.attempt(self.voting.vote, signed(who), u32(number), given)

    def remove(self, who: AccountId, number: int) -> None:
        self.attempt(self.voting.remove_vote, signed(who), *self.casting(who, number))

    def delegate(self, who: AccountId, number: int) -> None:
        """Delegate, at times after the votes of the track are removed."""
        track = TRACKS[number % 2]
        if self.one_in(2):
            for index in range(number % 2, 4, 2):
                self.attempt(self.voting.remove_vote, signed(who), track, u32(index))
        other, amount = Id(self.one_of(PEOPLE)), self.amount()
        self.attempt(self.voting.delegate, signed(who), track, other, LOCKED, amount)

    def undelegate(self, who: AccountId, number: int) -> None:
        track = TRACKS[number % 2]
        delegating = [
            one for one in PEOPLE if isinstance(self.voting.voting_for[one, track], VoteDelegating)
        ]
        who = self.one_of(delegating or [who])
        self.attempt(self.voting.undelegate, signed(who), track)

    def unlock(self, who: AccountId, number: int) -> None:
        self.attempt(self.voting.unlock, signed(who), TRACKS[number % 2], Id(self.one_of(PEOPLE)))

    def other(self, who: AccountId, number: int) -> None:
        """Remove another account's vote, if there is one on a referendum that is over."""
        if self.one_in(3):
            self.forum.tick(14 * DAY)
        target = self.one_of([one for one in PEOPLE if self.voted(one, number)] or [EVE])
        track, index = self.casting(target, number)
        self.attempt(self.voting.remove_other_vote, signed(who), Id(target), track, index)

    def wait(self, who: AccountId, number: int) -> None:
        self.forum.tick(self.one_of((1, 10, 25, 2 * DAY)))

    def check(self) -> None:
        check(self.forum)

    def finish(self) -> None:
        """Let all locks end, and check that nothing stays locked."""
        runtime = self.forum
        for _ in range(6):
            runtime.tick(5 * DAY)
        for who in PEOPLE:
            for track in TRACKS:
                self.attempt(self.voting.undelegate, signed(who), track)
                for number in range(4):
                    self.attempt(self.voting.remove_vote, signed(who), track, u32(number))
        runtime.tick(PERIOD)
        for who in PEOPLE:
            for track in TRACKS:
                self.voting.unlock(signed(who), track, Id(who))
            assert runtime.balances.locks[who] == []
        assert list(self.voting.voting_for.items()) == []
        assert list(self.voting.class_locks_for.items()) == []


TRACKS = (TRACK, EMERGENCY)


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(seeds(20, 50))
def test_tallies_delegations_and_locks_add_up_whatever_happens(steps: list[int]) -> None:
    Voters().run(steps).finish()


def test_random_voters_reach_all_calls_and_events() -> None:
    assert unreached(Voters, ConvictionVoting, runs=4, steps=100) == set()


def check(runtime: Forum) -> None:
    """Check what ConvictionVoting promises."""
    ayes, nays, support = dict[int, int](), dict[int, int](), dict[int, int]()
    delegated = dict[tuple[AccountId, int], int]()
    received = dict[tuple[AccountId, int], int]()
    now = runtime.clock.slot
    for (who, track), voting in runtime.voting.voting_for.items():
        mine: Casting | Delegating
        match voting:
            case VoteDelegating(known):
                key = (known.target, int(track))
                delegated[key] = delegated.get(key, 0) + int(known.balance)
                needed = max(int(known.balance), int(known.prior.at(now).amount))
                mine = known
            case VoteCasting(casting):
                others = int(casting.delegations.votes)
                needed = int(casting.prior.at(now).amount)
                for poll, vote in casting.votes:
                    needed = max(needed, int(stake_of(vote)))
                    for_, against, apart = sides(vote, others)
                    ayes[poll] = ayes.get(poll, 0) + for_
                    nays[poll] = nays.get(poll, 0) + against
                    support[poll] = support.get(poll, 0) + for_ + apart
                mine = casting
        assert mine.delegations.votes == mine.delegations.capital
        if mine.delegations.votes:
            received[(who, int(track))] = int(mine.delegations.votes)
        locks = runtime.voting.class_locks_for[who]
        assert dict(locks).get(track, 0) >= needed
        greatest = max(int(amount) for _, amount in locks) if locks else 0
        assert sum(int(lock.amount) for lock in runtime.balances.locks[who]) == greatest
    assert received == {key: amount for key, amount in delegated.items() if amount}
    for index, info in runtime.referenda.referendum_info_for.items():
        if isinstance(info, Ongoing):
            counted = tuple(sum_.get(index, 0) for sum_ in (ayes, nays, support))
            known_tally = info.status.tally
            assert counted == (known_tally.ayes, known_tally.nays, known_tally.support)


def sides(vote: Standard | Split | SplitAbstain, others: int) -> tuple[int, int, int]:
    """Return the votes of a ballot: ayes, nays and abstentions."""
    match vote:
        case Standard(side, balance):
            amount = int(balance) + others
            return (amount, 0, 0) if side.aye else (0, amount, 0)
        case Split(aye, nay):
            return int(aye), int(nay), 0
        case SplitAbstain(aye, nay, abstain):
            return int(aye), int(nay), int(abstain)
