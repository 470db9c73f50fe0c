"""A runtime with the pools of the 21 million preset."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u32, u64, u128
from runtime.accounts import POOLS, pool_identifier
from runtime.constants import BTT, DAY_MS, MONTH_MS
from runtime.frame import signed
from runtime.pallets.tokenomics.types import PoolId
from support.runtime import TestRuntime

SLOT_MS = 6_000
MONTH = MONTH_MS // SLOT_MS
YEAR = 12 * MONTH
WINDOW = 14 * DAY_MS // SLOT_MS
ONE = int(BTT)
SUPPLY = 21_000_000 * ONE
ALICE = AccountId(b"\xa1" * 32)
BOB = AccountId(b"\xb0" * 32)
CAROL = AccountId(b"\xca" * 32)
FOUNDATION = AccountId(b"\xf0" * 32)
KEEPERS = AccountId(b"\x5e" * 32)
BY_ALICE, BY_FOUNDATION, BY_KEEPERS = signed(ALICE), signed(FOUNDATION), signed(KEEPERS)
PROOF, OTHER_PROOF = H256(b"\x01" * 32), H256(b"\x02" * 32)
ALLOCATED = {
    "mine": 6_300_000, "stak": 1_008_000, "hlth": 756_000, "refr": 378_000, "grnt": 378_000,
    "ecos": 1_470_000, "rsrv": 210_000,
    "fnd1": 1_470_000, "fnd2": 1_050_000, "fnd3": 630_000, "fnd4": 420_000,
}  # fmt: skip
ROWS = [
    (2_100_000, 6, 36), (1_050_000, 3, 30), (630_000, 3, 30), (630_000, 3, 30), (420_000, 3, 30),
    (1_680_000, 12, 48),
]  # fmt: skip
"""Amount in BTT, lock-up and length in months."""
LIQUID = 420_000
BURNS = {
    "mainnet_launch": 30_000, "hospitals_100": 70_000, "hospitals_1000": 170_000,
    "cross_chain": 100_000,
}  # fmt: skip


def config(**changes: object) -> dict[str, object]:
    """The section of the 21 million preset, as a specification has it."""
    rows = [
        [str(btt * ONE), lock * MONTH, length * MONTH, lock * MONTH] for btt, lock, length in ROWS
    ]
    programmes = [
        {
            "pool": f"btt/{name}",
            "amount": str(ALLOCATED[name] * ONE),
            "months": 48,
            "milestones": [[625, "0x" + "00" * 32]] * 16,
        }
        for name in ("fnd1", "fnd2", "fnd3", "fnd4")
    ]
    return {
        "preset": "seed-000",
        "supply": str(SUPPLY),
        "threshold": str(10_000 * ONE),
        "releaseTable": [2_200, 1_800, 1_500, 1_200, 1_000, 2_300],
        "contractual": [*rows, [str(LIQUID * ONE), 0, 0, 0]],
        "programmes": programmes,
        "milestoneBurns": [[name, str(btt * ONE)] for name, btt in BURNS.items()],
        "foundation": ss58(FOUNDATION),
        "reserve": ss58(KEEPERS),
    } | changes


class Registry:
    """Counts as many hospitals as a test says, and holds as much at stake."""

    def __init__(self) -> None:
        self.hospitals = 0
        self.stakes = 0

    def count(self) -> int:
        return self.hospitals

    def staked_total(self) -> int:
        return self.stakes


class Traffic:
    """A bridge that money has crossed."""

    def has_traffic(self) -> bool:
        return True


class TokenomicsRuntime(TestRuntime):
    """Balances and Tokenomics; Alice holds all rows, the pools the rest."""

    def build(self) -> None:
        self.registry = Registry()
        self.balances = self.add_balances()
        self.tokenomics = self.add_tokenomics(
            self.balances, window=u64(WINDOW), slot_ms=u64(SLOT_MS)
        )
        self.balances.connect(self.tokenomics)
        self.tokenomics.connect([self.registry], self.registry)
        self.tokenomics.is_vesting = True

    def begin(self, **changes: object) -> None:
        pools = [[ss58(AccountId(b"modlbtt/" + name.encode() + bytes(20))), str(btt * ONE)]
                 for name, btt in ALLOCATED.items()]  # fmt: skip
        held = SUPPLY - sum(ALLOCATED.values()) * ONE
        self.balances.genesis(
            {
                "balances": [[ss58(ALICE), str(held)], *pools],
                "pools": [ss58(account) for account in POOLS],
            }
        )
        self.tokenomics.genesis(config(**changes))

    def attest_all(self, programme: int, count: int = 16) -> None:
        """Attest so many milestones, and let the time for objections pass."""
        for index in range(count):
            self.tokenomics.attest_milestone(BY_FOUNDATION, u32(programme), u32(index), PROOF)
        self.clock.slot += WINDOW

    def burned(self) -> int:
        return sum(int(amount) for _, amount in self.tokenomics.burned_by.items())

    def has(self, who: AccountId) -> int:
        return int(self.balances.total(who))


def pool(account: AccountId) -> PoolId:
    return PoolId(pool_identifier(account))


def btt(amount: int) -> u128:
    return u128(amount * ONE)


PROGRAMME = {
    "pool": "btt/fnd1",
    "amount": str(ALLOCATED["fnd1"] * ONE),
    "months": 48,
    "milestones": [[10_000, "0x" + "00" * 32]],
}


def begun(**changes: object) -> TokenomicsRuntime:
    """Return a runtime after genesis, with changes of its configuration."""
    runtime = TokenomicsRuntime()
    runtime.begin(**changes)
    return runtime
