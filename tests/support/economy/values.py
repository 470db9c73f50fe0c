"""Random values for the arguments of calls, most of which may well work.

The random numbers do not come from hypothesis, which prefers small and simple ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u128
from runtime import accounts
from runtime.constants import BTT, MILLI_BTT
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.tier_staking.types import Tier
from runtime.pallets.tokenomics.ledger import id_of
from runtime.pallets.tokenomics.types import PoolId
from runtime.pallets.treasury.pallet import Treasury
from runtime.schedules import VestingInfo
from support.economy.chain import PEOPLE, EconomyChain

T = TypeVar("T")

ED: Final = int(MILLI_BTT)
POOLS: Final = (*accounts.POOLS, accounts.TREASURY)


class RandomValues:
    """Values for one block of a chain; `signer` is the account that signs the next call."""

    def __init__(self, chain: EconomyChain, seed: int) -> None:
        self.rng = random.Random(seed)
        self.chain = chain
        self.runtime = chain.runtime
        self.signer = PEOPLE[0]

    def one_of(self, options: Sequence[T]) -> T:
        """Choose one."""
        return self.rng.choice(options)

    def chance(self, percent: int) -> bool:
        """Return True with this probability, in percent."""
        return self.rng.randrange(100) < percent

    def holders(self) -> list[AccountId]:
        """Return the accounts with vesting rows."""
        return [vests.account for vests in self.chain.vests]

    def who(self) -> AccountId:
        """Choose an account: mostly a person, else a holder of a row, a pool or an unused one."""
        unused = [AccountId(bytes((number,)) * 32) for number in (7, 8)]
        return self.one_of([*PEOPLE * 6, *self.holders(), *unused, self.one_of(POOLS)])

    def amount(self) -> u128:
        """Choose an amount at which a rule may change, or about what the signer has."""
        data = self.runtime.system.account[self.signer].data
        free, locked = int(data.free), int(data.frozen)
        about = [free, free - ED, free - locked, free - locked + 1, free // 2, free // 7]
        fixed = [0, 1, ED - 1, ED, int(BTT), 100 * int(BTT), 1_000 * int(BTT), 5_000 * int(BTT)]
        odd = self.rng.randrange(10**22)
        return u128(max(0, self.one_of([*about, *fixed, odd, u128.MAX])))

    def modest(self) -> u128:
        """Choose an amount that the signer most often has."""
        usable = int(self.runtime.balances.reducible_balance(self.signer))
        return u128(self.one_of((usable // 2, usable // 3, usable // 10, 1_000 * int(BTT))))

    def some_id(self, known: Iterable[int]) -> u32:
        """Choose an existing number, most often."""
        return u32(self.one_of([*known, 0] if self.chance(95) else [7]))

    def stake_id(self) -> u32:
        """Choose a stake, of the signer if there is one."""
        return self.some_id(
            int(number) for number, _ in self.chain.staking.ledger.stakes.under(self.signer)
        )

    def stake_amount(self) -> u128:
        """Choose an amount for a stake."""
        usable = int(self.runtime.balances.reducible_balance(self.signer))
        minimums = [int(tier.minimum) for tier in self.chain.staking.tier_terms.current_tiers.value]
        odd = self.rng.randrange(1, 10**22)
        return u128(self.one_of([*minimums, *minimums, *(one + odd for one in minimums), usable]))

    def quarter(self) -> u32:
        """Choose a quarter that is over."""
        return self.some_id(range(self.chain.staking.contributions.quarter_now()))

    def slot(self) -> int:
        """Choose a slot near the current one."""
        now = self.runtime.babe.now()
        return self.one_of((0, now + 1, now + 14_400, now + 5_000_000))

    def era(self) -> u32:
        """Choose an era, most often an ended one."""
        now = int(self.chain.mining.eras.era_index.value)
        return u32(max(0, now - self.one_of((0, 1, 1, 1, 2, 3, 5))))

    def pool(self) -> PoolId:
        """Choose a pool, most often one that decisions pay from."""
        decided = (accounts.ECOSYSTEM, accounts.GRANTS)
        rarely = (accounts.DEVELOPMENT_FUND, accounts.OPERATIONS)
        return id_of(self.one_of([*decided * 16, *rarely * 4, *POOLS]))

    def share(self) -> u128:
        """Choose an amount for a pool to pay: little, or about what the release ceiling leaves."""
        room = self.chain.tokenomics.releases.headroom()
        little = self.rng.randrange(10**22)
        most = (
            room,
            room + 1,
            room // 2,
            int(self.chain.tokenomics.payments.available(accounts.ECOSYSTEM)),
        )
        return u128(self.one_of((little, little, *most)))

    def milestone(self) -> tuple[u32, u32]:
        """Choose an item of a programme."""
        programmes = [number for number, _ in self.chain.tokenomics.programmes.programmes.items()]
        return self.some_id(map(int, programmes)), u32(self.rng.randrange(17))

    def terms(self) -> Tier:
        """Choose the terms of a tier, near the current ones."""
        tier = self.one_of(self.chain.staking.tier_terms.current_tiers.value)
        return replace(
            tier,
            reward_bps=u32(int(tier.reward_bps) * self.one_of((1, 1, 2)) // self.one_of((1, 2))),
            minimum=u128(int(tier.minimum) * self.one_of((1, 2, 3)) // 2),
        )

    def spend(self) -> u32:
        """Choose a promised payment."""
        return self.some_id(
            int(number) for number, _ in self.runtime.pallet(Treasury).spends.items()
        )

    def bounties(self) -> Iterator[int]:
        """Return the numbers of all bounties."""
        return (int(number) for number, _ in self.runtime.pallet(Bounties).bounties.items())

    def schedule(self) -> VestingInfo:
        """Choose a vesting schedule; sometimes an invalid one."""
        now = self.runtime.babe.now()
        locked = self.one_of((self.amount(), *[u128(100 * BTT)] * 2, *[self.modest()] * 3))
        lasts = self.one_of((1, 10, 14_400, 438_300, 5_000_000))
        fitting = max(1, int(locked) // lasts)
        per_block = u128(self.one_of((0, 1, u128.MAX, *[fitting] * 7)))
        return VestingInfo(locked, per_block, u32(self.one_of((0, now, now + 2, now + 438_300))))

    def others(self) -> list[AccountId]:
        """Return the other signatories of the shared account."""
        return sorted(who for who in PEOPLE[:3] if who != self.signer)
