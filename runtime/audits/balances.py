"""Checks of balances by account: I1, I4, I19."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.audits.holds import unexplained, unknown_names
from runtime.audits.state import AuditedState, Finding
from runtime.pallets.balances.formulas import amount_of, lock_level, sum_of
from runtime.pallets.balances.types import is_pool


def issuance(audited: AuditedState) -> Iterator[Finding]:
    """Check I1: the balances of all accounts add up to the total issuance."""
    held = sum(int(info.data.free) + int(info.data.reserved) for info in audited.accounts.values())
    recorded = int(audited.runtime.balances.total_issuance.value)
    if held != recorded:
        yield Finding("I1", f"accounts have {held} planck, the issuance is {recorded}")


def reserves(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: reserves have an owner and a reason, and the stored locks match their entries."""
    balances = audited.runtime.balances
    for who, info in audited.accounts.items():
        holds, named = balances.holds[who], balances.reserves[who]
        parts, reserved = sum_of(holds) + sum_of(named), int(info.data.reserved)
        if parts != reserved:
            yield Finding("I4", f"{who.hex()}: {reserved} planck reserved, {parts} with a reason")
        firm = sum_of([hold for hold in holds if hold.id not in balances.offsetting])
        lock = lock_level(balances.locks[who], balances.freezes[who])
        frozen = lock + firm if lock else 0
        if info.data.frozen != frozen:
            recorded = f"{info.data.frozen} planck frozen"
            yield Finding("I4", f"{who.hex()}: {recorded}, its locks make {frozen}")
    for item in (balances.holds, balances.reserves, balances.locks, balances.freezes):
        for who, entries in item.items():
            if who not in audited.accounts:
                yield Finding("I4", f"{who.hex()}: {item.name} without an account")
            elif not entries or not all(entry.amount for entry in entries):
                yield Finding("I4", f"{who.hex()}: {item.name} of nothing")


def bonds(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: bonds are on hold to the planck, and deposits are reserved."""
    runtime = audited.runtime
    balances, reason = runtime.balances, runtime.authorities.reason
    ledgers = {who: ledger.total for who, ledger in runtime.authorities.bonds.ledger.items()}
    for who in {**audited.accounts, **ledgers}:
        held, bonded = amount_of(balances.holds[who], reason), ledgers.get(who, 0)
        if held != bonded:
            yield Finding("I4", f"{who.hex()}: {held} planck held as bond, {bonded} bonded")
    yield from unexplained(audited)
    yield from unknown_names(audited)
    noted = [entry for part in audited.parts for entry in part.deposits.items()]
    for name, deposits_of in noted:
        deposits = deposits_of(runtime)
        reserved = sum(int(amount_of(entries, name)) for _, entries in balances.reserves.items())
        if reserved != deposits:
            recorded = f"{reserved} planck reserved under {name!r}"
            yield Finding("I4", f"{recorded}, the deposits noted are {deposits}")


def dust(audited: AuditedState) -> Iterator[Finding]:
    """Check I19: no account is stored with less than it needs to exist."""
    least = audited.runtime.balances.existential_deposit
    for who, info in audited.accounts.items():
        data = info.data
        if not (info.providers or info.sufficients):
            yield Finding("I19", f"{who.hex()}: stored, but nothing keeps it alive")
        exempt = is_pool(who) or who == audited.runtime.balances.treasury
        if 0 < data.free < least and not (data.reserved or exempt):
            yield Finding("I19", f"{who.hex()}: {data.free} planck of dust")
