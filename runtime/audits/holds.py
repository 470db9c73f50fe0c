"""Checks of holds, deposits and locks against the records of the pallets: I4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from btt_chain.primitives.account import AccountId
from runtime.audits.state import AuditedState, Finding, HoldRecord, audits_of
from runtime.features.work import Work
from runtime.frame import Reason
from runtime.frame.items import Map

K = TypeVar("K")
V = TypeVar("V")


def unknown_names(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: no money is reserved or locked under a name that no check compares.

    A hold for a reason that no pallet declares cannot be read: I17.
    """
    balances = audited.runtime.balances
    noted = {name for part in audited.parts for name in part.deposits}
    named = {name for part in audited.parts for name in part.locks}
    for who, reserves in balances.reserves.items():
        for one in reserves:
            if one.id not in noted:
                yield Finding("I4", f"{who.hex()}: reserved under the unknown name {one.id!r}")
    for who, locks in balances.locks.items():
        for lock in locks:
            if lock.id not in named:
                yield Finding("I4", f"{who.hex()}: locked under the unknown name {lock.id!r}")


def unexplained(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: holds match the pallets' records."""
    runtime, expected = audited.runtime, dict[tuple[AccountId, Reason], int]()
    for who, reason, amount in records(runtime):
        expected[who, reason] = expected.get((who, reason), 0) + amount
    elsewhere = [reason for part in audited.parts for reason in part.compared]
    held = {
        (who, hold.id): int(hold.amount)
        for who, entries in runtime.balances.holds.items()
        for hold in entries
        if hold.id not in elsewhere
    }
    for who, reason in {**held, **expected}:
        on_hold, due = held.get((who, reason), 0), expected.get((who, reason), 0)
        if on_hold != due:
            why = f"{runtime.pallets[reason.pallet].name} holds {on_hold} planck"
            yield Finding(
                "I4", f"{who.hex()}: {why} (reason {reason.index}), its records say {due}"
            )


def values_of(item: Map[K, V]) -> list[V]:
    """Return all values of an item."""
    return [value for _, value in item.items()]


def records(runtime: Work) -> Iterator[HoldRecord]:
    """Yield the holds expected by the records of all pallets."""
    for part in audits_of(runtime):
        yield from part.holds(runtime)
