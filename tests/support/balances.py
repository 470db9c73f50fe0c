"""A runtime with balances and a pallet that holds and freezes."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id, MultiAddress
from btt_chain.scale import u128
from runtime.frame import Pallet, Reason, TokenError, TokenErrorKind, signed
from runtime.pallets.balances.types import is_pool
from support.runtime import TestRuntime

ED = u128(100)
ALICE, BOB, CAROL, UNUSED = (AccountId(bytes([n]) * 32) for n in (1, 2, 3, 4))
TREASURY = AccountId(b"modlpy/trsry".ljust(32, b"\0"))
POOL = AccountId(b"modlbtt/mine".ljust(32, b"\0"))
EMPTY_POOL = AccountId(b"modlbtt/grnt".ljust(32, b"\0"))
BY_ALICE, BY_BOB = signed(ALICE), signed(BOB)
VESTING, VOTING = b"vesting ", b"pyconvot"
SUPPLY = u128(10_000 + 5_000 + 20_000 + 50)


class Holder(Pallet):
    """Something that holds and freezes."""

    class HoldReason(IntEnum):
        Bond = 0
        Stake = 1
        Escrow = 2

    class FreezeReason(IntEnum):
        Vote = 0
        Poll = 1


BOND, STAKE, ESCROW = (Reason(9, n) for n in range(3))
VOTE, POLL = (Reason(9, n) for n in range(2))


def address(who: AccountId) -> str:
    return ss58.encode(who)


class BalancesRuntime(TestRuntime):
    def build(self) -> None:
        self.balances = self.add_balances(ED, offsetting=(BOND,))
        self.holder = self.add(9, Holder())


def opened() -> BalancesRuntime:
    runtime = BalancesRuntime()
    runtime.balances.genesis(
        {
            "balances": [
                [address(ALICE), "10000"],
                [address(BOB), 5_000],
                [address(TREASURY), "20000"],
                [address(POOL), 50],
            ],
            "pools": [address(EMPTY_POOL)],
        }
    )
    return runtime


def to(who: AccountId) -> MultiAddress:
    return Id(who)


def token(kind: TokenErrorKind) -> TokenError:
    return TokenError(kind)


def account(runtime: BalancesRuntime, who: AccountId) -> tuple[int, int, int, int, int]:
    """free, reserved, frozen, providers, consumers"""
    info = runtime.system.account[who]
    data = info.data
    return data.free, data.reserved, data.frozen, info.providers, info.consumers


def check_the_ledger(runtime: BalancesRuntime) -> None:
    """All that must hold after anything at all."""
    balances = runtime.balances
    every = dict(runtime.system.account.items())
    assert sum(i.data.free + i.data.reserved for i in every.values()) == (
        balances.total_issuance.value
    )
    assert balances.total_issuance.value + balances.total_burned.value == SUPPLY
    for who, info in every.items():
        data = info.data
        holds = {hold.id: int(hold.amount) for hold in balances.holds[who]}
        named = [int(entry.amount) for entry in balances.reserves[who]]
        assert all(holds.values())
        assert all(named)
        assert sum(holds.values()) + sum(named) <= data.reserved
        lock = max(
            [
                0,
                *(int(lock.amount) for lock in balances.locks[who]),
                *(int(freeze.amount) for freeze in balances.freezes[who]),
            ]
        )
        offsetting = int(data.reserved) - holds.get(STAKE, 0) - holds.get(ESCROW, 0)
        assert data.frozen == (lock + int(data.reserved) - offsetting if lock else 0)
        usable = max(0, int(data.free) - max(0, lock - offsetting))
        assert max(0, int(data.free) - max(0, int(data.frozen) - int(data.reserved))) == usable
        assert info.consumers == (1 if data.reserved or data.frozen else 0)
        assert info.providers == (data.free >= ED) + is_pool(who)
        assert info.providers, "an account without a provider is kept"
        assert data.free == 0 or data.free >= ED or is_pool(who)


def money() -> Iterator[u128]:
    yield from (u128(0), u128(1), ED - 1, ED, ED + 1)
