"""A small runtime with governance: accounts, a clock, and the pallets of governance."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.arithmetic import Perbill
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import (
    Call,
    DispatchInfo,
    Error,
    Event,
    Origin,
    Pallet,
    PostInfo,
    Reason,
    Value,
    Weight,
    call,
    ensure_root,
    signed,
)
from runtime.frame.weight import PICOS_PER_MICRO, PICOS_PER_MILLI
from runtime.pallets.conviction_voting.pallet import ConvictionVoting
from runtime.pallets.conviction_voting.types import MAX_VOTES, Standard, vote_of
from runtime.pallets.origins import Decision, DecisionOrigin, SystemOrigin, ensure_decided
from runtime.pallets.preimage.pallet import Inline, Preimage
from runtime.pallets.referenda.pallet import Referenda
from runtime.pallets.referenda.tracks import tracks
from runtime.pallets.referenda.types import Ballot, Electorate, Ongoing, ReferendumStatus, Tally
from runtime.pallets.scheduler.pallet import Scheduler
from runtime.pallets.scheduler.types import After
from support.runtime import TestRuntime

ALICE, BOB, CAROL, DAVE, EVE = (AccountId(bytes((n,)) * 32) for n in (1, 2, 3, 4, 5))
PEOPLE = (ALICE, BOB, CAROL, DAVE, EVE)
WEALTH = 10_000
"""Balance of each account at genesis, in BTT."""
SMALL_SPENDER = DecisionOrigin(Decision.SmallSpender)
ROOM = 500
"""Milliseconds of a block that the scheduler may use."""


def declared_weight(_: object, text: bytes, micros: u32, fails: bool) -> DispatchInfo:
    """Return the weight that the writer of an entry declares."""
    return DispatchInfo(int(micros) * PICOS_PER_MICRO)


class Diary(Pallet):
    """Records the calls that it receives, with their origin and a declared weight."""

    class Written(Event, index=0):
        """Something was written down."""

        text: bytes

    class Refused(Error, index=0):
        """It was asked not to write."""

    @call(0, weight=declared_weight)
    def write(self, origin: Origin, text: bytes, micros: u32, fails: bool) -> PostInfo:
        """Write, or fail; half of the time is not used."""
        self.deposit(self.Written(text))
        if fails:
            raise self.Refused
        return PostInfo(weight=int(micros) * PICOS_PER_MICRO // 2)


class GovernanceRuntime(TestRuntime):
    """System, Balances, Preimage and Scheduler; a subclass adds more in `more`."""

    room = ROOM

    def build(self) -> None:
        self.balances = self.add_balances(offsetting=(Reason(15, Preimage.HoldReason.Preimage),))
        self.preimage = self.add(
            15,
            Preimage(
                base_deposit=BTT,
                byte_deposit=BTT // 1_000,
                currency=self.balances,
                manager=ensure_root,
            ),
        )
        self.scheduler = self.add(
            16,
            Scheduler(
                maximum_weight=Weight(u64(self.room * PICOS_PER_MILLI)),
                clock=self.clock,
                preimages=self.preimage,
            ),
        )
        self.diary = self.add(60, Diary())
        self.more()

    def more(self) -> None:
        """Add pallets."""

    def open(self) -> None:
        """Give each account its balance; the treasury's account exists."""
        rows = [[address(who), str(WEALTH * BTT)] for who in PEOPLE]
        self.balances.genesis({"balances": rows})
        self.host.events.clear()

    def entry(self, text: bytes, micros: int = 100, fails: bool = False) -> Call:
        """Return a call that leaves `text` among the events."""
        return self.call("Diary", "write", text=text, micros=u32(micros), fails=fails)

    def written(self) -> list[bytes]:
        """Return the events since the last call of this function."""
        return [event.text for event in self.new_events() if isinstance(event, Diary.Written)]

    def tick(self, slots: int = 1) -> int:
        """Open the block that is so many slots later; return what the scheduler used."""
        self.clock.slot += slots
        return self.on_initialize(self.clock.slot)

    def new_events(self) -> list[object]:
        """Return the events since the last call."""
        events = self.announced()
        self.host.events.clear()
        return events


def address(who: AccountId) -> str:
    """Return the address of `who` as genesis files have it."""
    return encode(who, 42)


class Coins:
    """The plainest electorate: a planck is a vote. Support is what is in favour or abstains."""

    def __init__(self, supply: Value[u128]) -> None:
        self.supply = supply

    def started(self, poll: u32, track: u16, tally: Tally) -> Tally:
        """Freeze nothing."""
        return tally

    def is_open(self, poll: u32) -> bool:
        """Return True: there is nothing to open."""
        return True

    def closed(self, poll: u32) -> None:
        """Keep nothing."""

    def approval(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the part of ayes among ayes and nays, a tie just missing one half.

        What is needed must be exceeded, not only reached (docs/economy.md).
        """
        votes = int(tally.ayes) + int(tally.nays)
        return Perbill(max(0, int(tally.ayes) * Perbill.WHOLE - 1) // max(1, votes))

    def support(self, poll: u32, track: u16, tally: Tally) -> Perbill:
        """Return the part of all money."""
        return Perbill.from_rational(tally.support, max(1, int(self.supply.value)))

    def recount(
        self, poll: u32, track: u16, who: AccountId, old: Ballot, new: Ballot, tally: Tally
    ) -> Tally:
        """Add the difference."""
        ayes = new.ayes + new.delegated_ayes - old.ayes - old.delegated_ayes
        nays = new.nays + new.delegated_nays - old.nays - old.delegated_nays
        abstains = new.abstains - old.abstains
        return Tally(tally.ayes + ayes, tally.nays + nays, tally.support + (ayes + abstains))

    def may_delegate(self, who: AccountId) -> bool:
        """Return True: each account may delegate."""
        return True


class VoteCounter:
    """Rewards for voting: the accounts whose votes were reported, in order."""

    def __init__(self) -> None:
        self.counted: list[AccountId] = []

    def count_vote(self, who: AccountId) -> None:
        """Note the account."""
        self.counted.append(who)


class Forum(GovernanceRuntime):
    """A runtime with referenda and votes with locked money; a day has 40 slots."""

    day = 40
    max_queued = 100
    max_votes = u32(MAX_VOTES)

    def more(self) -> None:
        self.coins = Coins(self.balances.total_issuance)
        self.hold_polls(self.coins)

    def hold_polls(self, electorate: Electorate) -> None:
        """Add referenda and their votes, counted by `electorate`."""
        self.referenda = self.add(
            17,
            Referenda(
                submission_deposit=10 * BTT,
                max_queued=u32(self.max_queued),
                undeciding_timeout=u32(14 * self.day),
                tracks=tracks(self.day),
                currency=self.balances,
                clock=self.clock,
                preimages=self.preimage,
                scheduler=self.scheduler,
                electorate=electorate,
                cancel_origin=ensure_decided(Decision.Canceller),
                kill_origin=ensure_decided(Decision.Canceller),
            ),
        )
        self.contributions = VoteCounter()
        self.voting = self.add(
            18,
            ConvictionVoting(
                max_votes=self.max_votes,
                vote_locking_period=u32(7 * self.day),
                currency=self.balances,
                clock=self.clock,
                polls=self.referenda,
                electorate=electorate,
                contributions=self.contributions,
            ),
        )

    def submit(
        self,
        text: bytes = b"done",
        by: SystemOrigin | DecisionOrigin = SMALL_SPENDER,
        who: AccountId = ALICE,
    ) -> u32:
        """Propose to write `text` at once; return the number of the referendum."""
        index = self.referenda.referendum_count.value
        inner = Inline(self.entry(text).raw)
        self.referenda.submit(signed(who), by, inner, After(u32(0)))
        return index

    def deciding(self, text: bytes = b"done", by: DecisionOrigin = SMALL_SPENDER) -> u32:
        """Propose, place the deposit, and wait until the decision starts."""
        index = self.submit(text, by)
        self.referenda.place_decision_deposit(signed(ALICE), index)
        self.wait(dict(self.referenda.tracks)[u16(by.decision)].prepare_period)
        assert self.status(index).deciding is not None
        return index

    def status(self, index: u32) -> ReferendumStatus:
        """Return the status of a referendum that is not over."""
        info = self.referenda.referendum_info_for[index]
        assert isinstance(info, Ongoing)
        return info.status

    def vote(self, who: AccountId, index: u32, btt: int, *, aye: bool = True) -> None:
        """Vote with so many BTT."""
        self.voting.vote(signed(who), index, Standard(vote_of(aye=aye), btt * BTT))

    def wait(self, slots: int) -> None:
        """Let so many slots go by, with a block in each."""
        for _ in range(slots):
            self.tick()
