"""Benchmarks of Providers: classes that are full, and members whose records are long."""

from __future__ import annotations

from typing import Final

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.models import ENDPOINTS, model_class
from bench.weights.state import Bench
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u16, u32, u128
from runtime.constants import BTT
from runtime.decay import KEPT
from runtime.frame.bonding import UnlockChunk
from runtime.pallets.providers.conduct import MAX_TIMES, Conduct, Timed
from runtime.pallets.providers.types import (
    MAX_CHUNKS,
    MAX_CLASSES,
    MAX_MEMBERS,
    Ledger,
    ProviderInfo,
    ProviderKind,
)
from runtime.pallets.providers.work_scores import MAX_DELEGATORS, EraScore, ScoreDelegation

ERA: Final = 100
"""The current era."""
BOND: Final = 2_000 * int(BTT)
CLASSES: Final = (0, 2 * MAX_CLASSES)
MEMBERS: Final = (0, MAX_CLASSES * MAX_MEMBERS)


def info(first: int, count: int) -> ProviderInfo:
    """Return the information of a provider that serves that many classes."""
    classes = [u16(first + place) for place in range(count)]
    many = b"\n".join([ENDPOINTS] * 5)
    key = bytes(32)
    return ProviderInfo(ProviderKind.Home, u16(1), classes, u32(4), key, key, many)


def ledger(heartbeat: int = ERA) -> Ledger:
    """Return a long ledger: parts of the bond are unbonding, and hours are set."""
    return Ledger(
        active=u128(BOND),
        unlocking=[UnlockChunk(u128(BTT), u32(ERA + 1 + place)) for place in range(MAX_CHUNKS)],
        capacity=u32(4),
        last_heartbeat=u32(heartbeat),
        hours=b"\xff" * 21,
    )


def times() -> list[Timed]:
    """Return the counts of jobs with the maximum number of distinct times."""
    return [Timed(u8(step), u32(3)) for step in range(MAX_TIMES)]


def era(b: Bench) -> None:
    """Start an era after many others, and create all classes that providers name."""
    b.runtime.mining.eras.era_index.value = u32(ERA)
    for number in range(2 * MAX_CLASSES):
        b.runtime.models.classes[u16(number)] = model_class()


def provider(b: Bench, classes: int = 1, *, first: int = 0, number: int = 0) -> AccountId:
    """Return a provider of that many classes, not settled for eras, with the longest records."""
    era(b)
    who = b.account(number)
    b.does(who, "Providers", "register", info=info(first, 1), bond=u128(BOND))
    b.runtime.providers.membership.members[u16(first)] = []
    book = b.runtime.providers
    book.providers[who] = info(first, classes)
    b.runtime.balances.hold(book.reason, who, u128(MAX_CHUNKS * int(BTT)))
    old = ledger(ERA - 1)
    book.ledgers[who] = old
    book.performance.conduct[who] = Conduct(
        u32(ERA - 30), u32(900), u32(9), u32(700), u32(720), times(), u32(7), u32(7)
    )
    book.work_scores.windows[who] = [
        EraScore(u32(ERA - place), u128(BTT), u128(BTT)) for place in range(KEPT, 0, -1)
    ]
    return who


def member(b: Bench, number: int, place: int, heartbeat: int = ERA) -> AccountId:
    """Return a member of a class; only its ledger is there."""
    who = AccountId(blake2_256(b"member %d of %d" % (place, number)))
    b.runtime.providers.ledgers[who] = ledger(heartbeat)
    return who


def fill(b: Bench, first: int, classes: int, members: int, *, silent: bool = True) -> None:
    """Give each of that many classes that many members; the last of them is silent."""
    for number in range(first, first + classes):
        b.runtime.providers.membership.members[u16(number)] = [
            member(b, number, place, ERA - 9 if silent and place == members - 1 else ERA)
            for place in range(members)
        ]


def join(b: Bench, who: AccountId, first: int, classes: int) -> None:
    """Make a provider a member of that many full classes, the last one of each."""
    members = b.runtime.providers.membership.members
    for number in range(first, first + classes):
        others = [AccountId(blake2_256(b"%d" % place)) for place in range(MAX_MEMBERS - 1)]
        members[u16(number)] = [*others, who]


@benchmark("Providers.joining", classes=CLASSES, members=MEMBERS)
def joining(b: Bench, classes: int, members: int) -> Case:
    """Leave classes that are full, then join others, and check that many members of these.

    This is `update`, the most expensive of the calls that change classes.
    """
    return moved(b, classes, members)


def moved(b: Bench, classes: int, members: int) -> Case:
    """Return the case of an update that leaves and joins."""
    left = classes // 2
    entered = max(1, classes - left)
    if members:
        entered = MAX_CLASSES
    who = provider(b, left)
    join(b, who, 0, left)
    fill(b, MAX_CLASSES, entered, MAX_MEMBERS if members else MAX_MEMBERS - 1)
    return b.signed(who, "Providers", "update", info=info(MAX_CLASSES, entered))


@benchmark("Providers.register")
def register(b: Bench) -> Case:
    """Register, and join the maximum number of full classes."""
    era(b)
    fill(b, 0, MAX_CLASSES, MAX_MEMBERS)
    wanted = info(0, MAX_CLASSES)
    return b.signed(b.account(), "Providers", "register", info=wanted, bond=u128(BOND))


@benchmark("Providers.update")
def update(b: Bench) -> Case:
    """Leave the maximum number of full classes, and join as many others."""
    return moved(b, 2 * MAX_CLASSES, MAX_CLASSES * MAX_MEMBERS)


@benchmark("Providers.bond_extra")
def bond_extra(b: Bench) -> Case:
    """Add to a bond."""
    return b.signed(provider(b), "Providers", "bond_extra", amount=u128(BTT))


@benchmark("Providers.unbond")
def unbond(b: Bench) -> Case:
    """Unbond from a bond that has all unbonding chunks but one."""
    who = provider(b)
    found = b.runtime.providers.ledgers[who]
    found.unlocking = found.unlocking[:-1]
    b.runtime.providers.ledgers[who] = found
    return b.signed(who, "Providers", "unbond", amount=u128(BTT))


@benchmark("Providers.withdraw")
def withdraw(b: Bench) -> Case:
    """Withdraw the maximum number of chunks."""
    who = provider(b)
    b.runtime.mining.eras.era_index.value = u32(ERA + 1 + MAX_CHUNKS)
    return b.signed(who, "Providers", "withdraw")


@benchmark("Providers.chill")
def chill(b: Bench) -> Case:
    """Leave the maximum number of full classes."""
    who = provider(b, MAX_CLASSES)
    join(b, who, 0, MAX_CLASSES)
    return b.signed(who, "Providers", "chill")


@benchmark("Providers.resume")
def resume(b: Bench) -> Case:
    """Join the maximum number of full classes."""
    who = provider(b, MAX_CLASSES)
    fill(b, 0, MAX_CLASSES, MAX_MEMBERS)
    return b.signed(who, "Providers", "resume")


@benchmark("Providers.set_availability")
def set_availability(b: Bench) -> Case:
    """Set hours, many eras after the last call."""
    return b.signed(provider(b), "Providers", "set_availability", hours=b"\x7f" * 21)


@benchmark("Providers.heartbeat")
def heartbeat(b: Bench) -> Case:
    """Send a heartbeat, many eras after the last call."""
    return b.signed(provider(b), "Providers", "heartbeat")


@benchmark("Providers.delegate_score")
def delegate_score(b: Bench) -> Case:
    """Delegate the score to a validator that has all its delegators but one."""
    who, to = provider(b), b.poor(0)
    book = b.runtime.providers
    delegators = [b.poor(1 + place) for place in range(MAX_DELEGATORS - 1)]
    for one in delegators:
        book.work_scores.delegations[one] = ScoreDelegation(None, to, u32(3))
    book.work_scores.delegators[to] = delegators
    return b.signed(who, "Providers", "delegate_score", validator=to)


@benchmark("Providers.dismiss_delegator")
def dismiss_delegator(b: Bench) -> Case:
    """Dismiss a delegator."""
    who = b.account()
    b.runtime.mining.eras.era_index.value = u32(ERA)
    b.runtime.providers.work_scores.delegations[b.poor(0)] = ScoreDelegation(None, who, u32(3))
    return b.signed(who, "Providers", "dismiss_delegator", provider=b.poor(0))


@benchmark("Providers.deregister")
def deregister(b: Bench) -> Case:
    """Leave the maximum number of full classes, with all records."""
    who = provider(b, MAX_CLASSES)
    join(b, who, 0, MAX_CLASSES)
    book = b.runtime.providers
    book.work_scores.delegations[who] = ScoreDelegation(b.poor(0), b.poor(1), u32(3))
    b.runtime.balances.release(book.reason, who, u128(BOND + MAX_CHUNKS * int(BTT)))
    book.ledgers[who] = Ledger(capacity=u32(4), hours=b"\xff" * 21)
    return b.signed(who, "Providers", "deregister")


@benchmark("Providers.set_params")
def set_params(b: Bench) -> Case:
    """Set all parameters to their present values."""
    return b.root("Providers", "set_params", params=b.runtime.providers.params.value)
