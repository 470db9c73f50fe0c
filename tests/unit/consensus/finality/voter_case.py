"""Voters over small trees, and networks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TypeVar

from btt_chain.consensus.finality.authorities import AuthoritySet
from btt_chain.consensus.finality.voter import (
    Action,
    Basis,
    LastRound,
    SendCommit,
    SendVote,
    Timing,
    Voter,
)
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import (
    Commit,
    SignedMessage,
    Stage,
    Target,
)
from btt_chain.primitives.header import Header
from unit.consensus.finality.finality_world import (
    PRECOMMIT,
    PREVOTE,
    SET_ID,
    World,
    sign,
    signed,
    who,
)

A = TypeVar("A")
T = 100
TIMING = Timing(gossip=T, commit=T, behind=0)


class View:
    """The chain as one voter sees it."""

    def __init__(self, world: World, head: str, limit: int | None = None) -> None:
        self.world, self.head, self.limit = world, head, limit

    def parent(self, block: Target) -> H256 | None:
        return self.world.parent(block)

    def header(self, block: Target) -> Header | None:
        return self.world.header(block)

    def height(self) -> int:
        return self.world[self.head].number

    def best_containing(self, block: Target) -> Target | None:
        name = self.world.name(block)
        assert name is not None
        return self.world[self.head] if self.world.stands_on(name, self.head) else block

    def vote_limit(self, head: Target) -> int | None:
        return self.limit


class Blind(View):
    """A view without a best chain for a while."""

    blind = True

    def best_containing(self, block: Target) -> Target | None:
        return None if self.blind else super().best_containing(block)


def make(
    names: Mapping[str, int],
    me: str | None,
    view: View,
    *,
    final: str = "genesis",
    last: LastRound | None = None,
    recorded: Mapping[tuple[int, Stage], Target] | None = None,
) -> Voter:
    members = AuthoritySet(SET_ID, tuple((who(name), weight) for name, weight in names.items()))
    base = view.world[final]
    return Voter(
        members,
        None if me is None else who(me),
        view,
        TIMING,
        Basis(base, LastRound(0, base) if last is None else last, recorded or {}),
        now=0,
    )


def sent(actions: Sequence[Action]) -> list[SendVote]:
    return [action for action in actions if isinstance(action, SendVote)]


Event = Callable[[Voter, int], list[Action]]


def tick(voter: Voter, now: int) -> list[Action]:
    return voter.tick(now)


def vote_event(number: int, vote: SignedMessage) -> Event:
    return lambda voter, now: voter.on_vote(number, vote, now)


def commit_event(number: int, made: Commit) -> Event:
    return lambda voter, now: voter.on_commit(number, made, now)


@dataclass
class Net:
    """Voters that receive each other's votes late."""

    voters: dict[str, Voter]
    delay: Callable[[], int | None] = lambda: 30
    """Return the delay of the next message; None: it is lost."""
    log: dict[str, list[Action]] = field(default_factory=dict)
    now: int = 0
    _armed: dict[str, int] = field(default_factory=dict)
    _queue: list[tuple[int, int, str, Event]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def run(self, until: int) -> Net:
        for name, voter in self.voters.items():
            self._apply(name, voter.tick(self.now))
        while self._queue and self._queue[0][0] <= until:
            self.now, _, name, event = heappop(self._queue)
            self._apply(name, event(self.voters[name], self.now))
        self.now = until
        return self

    def of(self, name: str, kind: type[A]) -> list[A]:
        return [action for action in self.log[name] if isinstance(action, kind)]

    def gossip(self, name: str, event: Event, to: Sequence[str] | None = None) -> None:
        for other in self.voters if to is None else to:
            wait = 0 if other == name else self.delay()
            if wait is not None:
                self._at(self.now + wait, other, event)

    def _at(self, time: int, name: str, event: Event) -> None:
        heappush(self._queue, (time, next(self._order), name, event))

    def _apply(self, name: str, actions: list[Action]) -> None:
        log = self.log.setdefault(name, [])
        for action in actions:
            match action:
                case SendVote(number, set_id, message):
                    self.gossip(name, vote_event(number, sign(message, name, number, set_id)))
                case SendCommit(number, _, made):
                    self.gossip(name, commit_event(number, made))
                case _:
                    pass
            log.append(action)
        due = self.voters[name].due
        if due is not None and due != self._armed.get(name):
            self._armed[name] = due
            self._at(due, name, tick)


def line() -> World:
    return World().push("genesis", *"ABCDEF")


def all_votes_of(net: Net, name: str) -> list[tuple[int, Stage]]:
    kinds = {"PrevoteMessage": PREVOTE, "PrecommitMessage": PRECOMMIT}
    return [
        (a.round, kinds[type(a.message).__name__]) for a in net.log[name] if isinstance(a, SendVote)
    ]


NAMES = dict.fromkeys(("Alice", "Bob", "Charlie", "Dave"), 1)


def receive(
    voter: Voter, stage: Stage, block: Target, names: Sequence[str], now: int
) -> list[Action]:
    number = voter.best_round.number
    return [
        action
        for name in names
        for action in voter.on_vote(number, signed(stage, block, name, number), now)
    ]
