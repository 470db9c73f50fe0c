"""Deposits under a name follow what is stored."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.frame.deposits import change_deposit

ALICE = AccountId(bytes((1,)) * 32)


class Reserves:
    """Records changes of reserves."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, bytes, int]] = []

    def reserve_named(self, name: bytes, who: AccountId, amount: u128) -> None:
        assert who == ALICE
        self.changes.append(("reserve", name, int(amount)))

    def unreserve_named(self, name: bytes, who: AccountId, amount: u128) -> u128:
        assert who == ALICE
        self.changes.append(("unreserve", name, int(amount)))
        return u128(0)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (0, 10, [("reserve", b"name", 10)]),
        (4, 10, [("reserve", b"name", 6)]),
        (10, 4, [("unreserve", b"name", 6)]),
        (10, 10, []),
    ],
)
def test_the_difference_is_reserved_or_unreserved(
    old: int, new: int, expected: list[tuple[str, bytes, int]]
) -> None:
    reserves = Reserves()
    change_deposit(reserves, b"name", ALICE, u128(old), u128(new))
    assert reserves.changes == expected
