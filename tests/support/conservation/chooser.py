"""Random values and calls that fit the state well enough to succeed often."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from btt_chain.primitives.account import AccountId, Id, Index, MultiAddress
from btt_chain.primitives.multi_account import derivative_account_id
from btt_chain.scale import u16, u32, u64, u128
from runtime import BttRuntime
from runtime.accounts import POOLS, TREASURY
from runtime.constants import BTT
from runtime.frame import Call, Weight
from runtime.frame.items import Map
from runtime.pallets.multisig.pallet import Timepoint
from runtime.pallets.proxy.types import ProxyType
from runtime.pallets.tokenomics.ledger import ALL_POOLS, id_of
from runtime.pallets.tokenomics.types import PoolId
from support.chain import START, DevChain
from support.conservation.arguments import LIKELY, arguments_of, carries_calls, dispatchables
from support.conservation.signers import ED, EXTREMES, FAR, JOINT, KNOWN, SHARED_1, UNKNOWN
from support.pool_watch import account_of

T = TypeVar("T")


@dataclass
class Situation:
    """A chain, the account that signs next, and results of earlier calls that later ones use."""

    chain: DevChain
    signer: AccountId = KNOWN[0]
    pures: list[AccountId] = field(
        default_factory=lambda: [derivative_account_id(KNOWN[1], u16(1))]
    )
    """Accounts without a key that others act for."""
    made: list[Call] = field(default_factory=list)
    """The last calls."""

    def remember(self, made: Call) -> None:
        if made.raw not in [other.raw for other in self.made]:
            self.made = [*self.made[-5:], made]


class Chooser:
    """Random choices for one call.

    The random numbers do not come from hypothesis, which prefers small and simple ones.
    """

    def __init__(self, seed: int, situation: Situation) -> None:
        self._randomness = random.Random(seed)
        self.situation = situation
        self.runtime: BttRuntime = situation.chain.at()

    def one_of(self, options: Sequence[T]) -> T:
        return self._randomness.choice(options)

    def several_of(self, options: Sequence[T], count: int) -> list[T]:
        return self._randomness.choices(options, k=count)

    def one_in(self, number: int) -> bool:
        """Return True with a probability of 1 / number."""
        return self._randomness.random() < 1 / number

    def flag(self) -> bool:
        return self.one_of((False, True))

    def who(self) -> AccountId:
        pools = [TREASURY, self.one_of(POOLS), account_of(0), JOINT, SHARED_1]
        return self.one_of([*KNOWN, *KNOWN, *UNKNOWN, *pools, *self.situation.pures])

    def address(self) -> MultiAddress:
        return self.one_of([Id(self.who())] * 20 + [Index(())])

    def amount(self) -> u128:
        """Return an amount at which a rule may change: an extreme, or about a balance."""
        data = self.runtime.system.account[self.one_of(KNOWN)].data
        near = [
            int(data.free) - ED,
            int(data.free) - 2 * ED,
            int(data.free),
            int(data.free) - int(data.frozen),
            int(data.reserved),
            int(data.free) // 2,
            int(data.free) - int(BTT),
        ]
        return u128(self.one_of([*EXTREMES, *(max(0, about) for about in near)]))

    def weight(self) -> Weight:
        return Weight(u64(self.one_of((0, 10**9, 10**10, 10**11, u64.MAX))))

    def real(self) -> MultiAddress:
        """Return an account that the signer is a proxy of; sometimes another one."""
        proxies, signer = self.runtime.proxy.proxies, self.situation.signer
        served = [
            one
            for one in [*KNOWN, *self.situation.pures]
            if any(definition.delegate == signer for definition in proxies[one][0])
        ]
        return self.one_of([*map(Id, served * 5), self.address()])

    def number(self) -> u32:
        return u32(self.one_of((0, 1, 2, 5, FAR)))

    def some(self) -> u128:
        """Return an amount that most accounts can pay."""
        return u128(self.one_of((ED, int(BTT), 12 * int(BTT), 30 * int(BTT), START // 3)))

    def slot(self) -> int:
        """Return a slot at which something may change, counted from genesis."""
        return max(0, self.runtime.babe.now() + self.one_of((-1, 0, 1, 5, 1_000)))

    def pool(self) -> PoolId:
        return self.one_of([*map(id_of, ALL_POOLS), PoolId(b"btt/none")])

    def stake(self) -> u32:
        """Return the number of a stake: mostly one of the signer's, if it has any."""
        mine = [
            number
            for number, _ in self.runtime.tier_staking.ledger.stakes.under(self.situation.signer)
        ]
        return self.one_of([*mine * 3, self.number()])

    def known(self, items: Map[u32, T]) -> u32:
        """Return the number of an entry that exists, mostly."""
        return self.one_of([*[number for number, _ in items.items()] * 3, self.number()])

    def kind(self) -> ProxyType:
        return self.one_of([ProxyType.Any] * 4 + list(ProxyType))

    def others(self) -> list[AccountId]:
        """Return the other owners of the joint account, or a list that is wrong."""
        mine = [one for one in KNOWN[1:4] if one != self.situation.signer]
        return sorted(self.one_of((mine, mine, mine, KNOWN[1:4], [])))

    def when(self) -> Timepoint | None:
        waiting = [operation.when for _, operation in self.runtime.multisig.multisigs.under(JOINT)]
        return self.one_of((None, Timepoint(u32(1), u32(1)), *waiting * 3))

    def inner(self, depth: int) -> Call:
        if self.situation.made and self.one_in(3):
            return self.one_of(self.situation.made)
        return self.call(depth + 1)

    def named(self, name: str, depth: int = 0, **args: object) -> Call:
        """Return a call with some of its arguments given."""
        pallet, _, method = name.partition(".")
        return self.runtime.call(pallet, method, **(arguments_of(self, name, depth) | args))

    def call(self, depth: int = 0) -> Call:
        entries = dispatchables(self.runtime)
        names = [name for name, entry in entries.items() if depth < 3 or not carries_calls(entry)]
        (name,) = self._randomness.choices(names, [LIKELY.get(name, 2) for name in names])
        return self.named(name, depth)
