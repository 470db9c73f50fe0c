"""Comparable content of block zero: parameters, validators, rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from btt_chain.primitives.account import AccountId
from genesis.build import Genesis, readable
from genesis.code import own_set
from genesis.spec import SpecError
from runtime.features.work import Work
from runtime.frame.version import CODE_KEY
from runtime.genesis import COUNTS, runtime_of
from runtime.params import PARAMS_KEY, RuntimeParams

SLOT_MS = "slotMs"
_NAMES = {b"babe": "babe", b"gran": "grandpa"}


@dataclass(frozen=True, slots=True)
class Seat:
    """A validator of block zero."""

    stash: AccountId
    keys: Mapping[str, bytes]
    bond: int
    """Active bond in planck."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the allocation in the state."""

    name: str
    kind: str
    amount: int
    """Amount in planck."""
    accounts: Sequence[AccountId]


@dataclass(frozen=True, slots=True)
class Census:
    """Content of the state of block zero."""

    params: Mapping[str, int]
    """Parameters by their names in a specification."""
    supply: int
    """Total issuance in planck."""
    validators: Sequence[Seat]
    rows: Sequence[Row]
    first_keys: Mapping[str, tuple[str, frozenset[bytes]]]
    """Kind and public keys of the first block authors and voters, by storage item."""


def census(genesis: Genesis) -> Census:
    """Read the state of block zero of a BTT chain. SpecError for that of another chain."""
    name = own_set(genesis.state.get(CODE_KEY))
    if name is None:
        raise SpecError("the state is not of a runtime of this program")
    params = RuntimeParams.decode(genesis.state[PARAMS_KEY])
    runtime = runtime_of(name, params)
    runtime.enter(readable(genesis.state))
    seats = [
        Seat(
            stash,
            {
                _NAMES.get(bytes(kind), bytes(kind).decode()): bytes(key)
                for kind, key in keys.typed()
            },
            0 if ledger is None else int(ledger.active),
        )
        for stash, keys in runtime.session.next_keys.items()
        for ledger in [runtime.authorities.bonds.ledger.get(stash)]
    ]
    rows = [
        Row(bytes(name).decode(), row.kind.name, int(row.amount), list(row.accounts))
        for name, row in runtime.tokenomics.allocations.items()
    ]
    counts = {name: int(getattr(params, attribute)) for name, attribute in COUNTS.items()}
    return Census(
        {SLOT_MS: int(params.slot_ms), **counts},
        int(runtime.balances.total_issuance.value),
        sorted(seats, key=lambda seat: bytes(seat.stash)),
        sorted(rows, key=lambda row: -row.amount),
        _first_keys(runtime),
    )


def _first_keys(runtime: Work) -> Mapping[str, tuple[str, frozenset[bytes]]]:
    epochs, grandpa = runtime.babe.epochs, runtime.grandpa
    found = {
        "Babe.Authorities": ("babe", [bytes(key) for key, _ in epochs.authorities.value]),
        "Babe.NextAuthorities": ("babe", [bytes(key) for key, _ in epochs.next_authorities.value]),
        "Grandpa.Authorities": ("grandpa", [bytes(key) for key, _ in grandpa.authorities.value]),
    }
    queued = runtime.session.queued_keys.value
    for kind, name in _NAMES.items():
        keys = [bytes(key) for _, each in queued for typed, key in each.typed() if typed == kind]
        found[f"Session.QueuedKeys ({name})"] = name, keys
    return {item: (kind, frozenset(keys)) for item, (kind, keys) in found.items()}
