"""Events of the chambers."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import Bounded, TypeName, u32, u128
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf, BlockNumberFor
from runtime.pallets.chambers.formulas import Mode
from runtime.pallets.chambers.types import Names

Poll = Annotated[u32, TypeName("PollIndex")]


class WeightsFrozen(Event, index=0):
    """A decision started; these weights and electorates apply until its end.

    In the order institutions, compute, holders, community; weights of 7,000.
    """

    poll: Poll
    year: u32
    weights: Annotated[Bounded[list[u32], 4], TypeName("BoundedVec<u32, Chambers>")]
    electorates: Annotated[Bounded[list[u128], 4], TypeName("BoundedVec<u128, Chambers>")]


class ModeSet(Event, index=1):
    """The rule for the weights of later decisions was set."""

    mode: Mode


class InstitutionAdded(Event, index=2):
    """An institution was seated; it votes with at most its allocation, in planck."""

    who: AccountIdOf
    allocation: BalanceOf


class InstitutionRemoved(Event, index=3):
    """An institution lost its seat."""

    who: AccountIdOf


class CandidacySubmitted(Event, index=4):
    """An account submitted its candidacy for a seat."""

    who: AccountIdOf


class CandidacyWithdrawn(Event, index=5):
    """A candidate withdrew, or a representative resigned; the deposit was released."""

    who: AccountIdOf


class RepresentativeVoted(Event, index=6):
    """An account backed candidates, each with all of `value` planck."""

    who: AccountIdOf
    value: BalanceOf
    candidates: Names


class RepVoteRemoved(Event, index=7):
    """An account removed its backing; its money is unlocked."""

    who: AccountIdOf


class ElectionConcluded(Event, index=8):
    """An election ended; `seated` are representatives until the next one ends, at `until`."""

    election: u32
    seated: Names
    until: BlockNumberFor


class SeatTaken(Event, index=9):
    """A representative was removed; its deposit was slashed."""

    who: AccountIdOf
    slashed: BalanceOf


class ObjectionRaised(Event, index=10):
    """An account objected to a milestone of the Foundation.

    `objected` is the weight of all objections to it, in billionths of a part of 7,000.
    """

    who: AccountIdOf
    programme: u32
    index: u32
    objected: u128


class ObjectionWithdrawn(Event, index=11):
    """An account withdrew its objection to a milestone; its money is unlocked."""

    who: AccountIdOf
    programme: u32
    index: u32
