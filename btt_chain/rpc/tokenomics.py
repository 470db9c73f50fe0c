"""tokenomics_*, staking_*, mining_*: the economy of the chain, asked of the runtime at a block.

Numbers of 64 bits and more are decimal strings, because JSON numbers lose digits in many readers;
amounts are in planck. A chain whose runtime has no such API answers with a runtime error, as
`state_call` does.
"""

from __future__ import annotations

from btt_chain.rpc.params import U32, Hash
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Json, Views
from btt_chain.scale import encode, u32, u128
from runtime.pallets.mining import Estimate, OperatorView
from runtime.pallets.tier_staking import Benefits
from runtime.pallets.tokenomics import BurnReason, PoolStatus, Supply, YearRelease


class TokenomicsApi(Views):
    """The economy, as the runtime tells it at a block: the best one, unless another is named."""

    @method("tokenomics_supply", cost=HEAVY)
    def supply(self, at: Hash | None = None) -> Json:
        """How much money there is, how much of it moves, and what was burned, by why."""
        supply = self.ask("TokenomicsApi_supply", Supply, at)
        burned = self.ask("TokenomicsApi_burned", list[tuple[BurnReason, u128]], at)
        by_reason: dict[str, Json] = {reason.name: str(int(amount)) for reason, amount in burned}
        return self.shown(supply) | {"burnedBy": by_reason}

    @method("tokenomics_release", cost=HEAVY)
    def release(self, year: U32, at: Hash | None = None) -> Json:
        """What is released in a year by its label; 2025 is the chain's first."""
        data = encode(u32, u32(year))
        return self.shown(self.ask("TokenomicsApi_release", YearRelease, at, data))

    @method("tokenomics_pools", cost=HEAVY)
    def pools(self, at: Hash | None = None) -> Json:
        """Every pool: its name, its account, what it got, what it paid, what it has."""
        pools = self.ask("TokenomicsApi_pools", list[PoolStatus], at)
        return [self.shown(pool) for pool in pools]

    @method("staking_benefits", cost=HEAVY)
    def benefits(self, account: Account, at: Hash | None = None) -> Json:
        """What the stakes of an account are good for."""
        return self.shown(self.ask("StakingApi_benefits", Benefits, at, account))

    @method("mining_operator", cost=HEAVY)
    def operator(self, account: Account, at: Hash | None = None) -> Json:
        """What is known of an operator, and what it has done in the era that runs."""
        return self.shown(self.ask("MiningApi_operator", OperatorView, at, account))

    @method("mining_estimate", cost=HEAVY)
    def estimate(self, account: Account, era: U32 | None = None, at: Hash | None = None) -> Json:
        """What an account has earned in an era and not claimed; null for nothing.

        Without an era: what it would be if the era that runs ended now.
        """
        data = account + encode(u32 | None, None if era is None else u32(era))
        found = self.ask("MiningApi_estimate", Estimate | None, at, data)
        return None if found is None else self.shown(found)
