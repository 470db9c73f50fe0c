"""Bonds: money is active, being unbonded, or taken, and none is lost between."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import u32, u128
from runtime.frame import bonding
from runtime.frame.bonding import UnlockChunk


@dataclass
class Ledger:
    """A bond without the fields of a pallet."""

    active: u128
    unlocking: list[UnlockChunk] = field(default_factory=list)


def ledger(active: int, *parts: tuple[int, int]) -> Ledger:
    """Return a ledger with parts being unbonded: amounts, and from when they can be withdrawn."""
    return Ledger(u128(active), [UnlockChunk(u128(value), u32(due)) for value, due in parts])


def test_unbonded_parts_of_one_time_are_one_chunk() -> None:
    bond = ledger(10)
    bonding.unbond(bond, u128(3), u32(5))
    bonding.unbond(bond, u128(2), u32(5))
    bonding.unbond(bond, u128(1), u32(6))
    assert bond == ledger(4, (5, 5), (1, 6))


def test_a_full_ledger_has_room_only_in_its_last_chunk() -> None:
    bond = ledger(10, (1, 5), (1, 6))
    assert bonding.has_room(bond, 6, 2)
    assert not bonding.has_room(bond, 5, 2)
    assert not bonding.has_room(bond, 7, 2)
    assert bonding.has_room(bond, 7, 3)


def test_chunks_that_are_due_are_withdrawn() -> None:
    bond = ledger(10, (1, 5), (2, 6), (4, 7))
    assert bonding.withdraw(bond, 4) == 0
    assert bonding.withdraw(bond, 6) == 3
    assert bond == ledger(10, (4, 7))


def test_a_slash_takes_the_active_part_and_then_the_latest_chunks() -> None:
    bond = ledger(10, (5, 1), (6, 2))
    bonding.take(bond, 12)
    assert bond == ledger(0, (5, 1), (4, 2))
    bonding.take(bond, 5)
    assert bond == ledger(0, (4, 1))
    bonding.take(bond, 5)
    assert bond == ledger(0)


AMOUNTS = st.integers(0, 20)


@given(st.lists(st.tuples(st.sampled_from(["unbond", "withdraw", "take"]), AMOUNTS), max_size=30))
def test_the_amounts_of_a_bond_always_add_up(steps: list[tuple[str, int]]) -> None:
    bond, out = ledger(50), 0
    for now, (step, amount) in enumerate(steps):
        if step == "withdraw":
            out += bonding.withdraw(bond, now)
        elif step == "take":
            whole = int(bond.active) + bonding.unlocking_total(bond)
            bonding.take(bond, amount)
            out += min(amount, whole)
        elif 0 < amount <= bond.active and bonding.has_room(bond, now + 3, 4):
            bonding.unbond(bond, u128(amount), u32(now + 3))
        assert int(bond.active) + bonding.unlocking_total(bond) + out == 50
        assert all(chunk.value for chunk in bond.unlocking)
        assert len(bond.unlocking) <= 4
