"""tokenomics_*, staking_*, mining_*: the economy of the chain, from the runtime at a block.

Numbers of 64 bits and more are decimal strings, because JSON numbers lose digits in many parsers;
amounts are in planck. A chain whose runtime has no such API answers with a runtime error, as
`state_call` does.
"""

from __future__ import annotations

from btt_chain.rpc.params import U32, Hash
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Account, Json, Views
from btt_chain.scale import encode, u32, u128
from runtime.pallets.mining import Estimate, OperatorView
from runtime.pallets.tier_staking import Benefits, PremiumView
from runtime.pallets.tokenomics import BurnReason, PoolStatus, Supply, YearRelease


class TokenomicsApi(Views):
    """The economy from the runtime at a block, by default the best one."""

    @method("tokenomics_supply", cost=HEAVY)
    def supply(self, at: Hash | None = None) -> Json:
        """Return the supply, its circulating part, and the burned amounts by reason."""
        supply = self.ask("TokenomicsApi_supply", Supply, at)
        burned = self.ask("TokenomicsApi_burned", list[tuple[BurnReason, u128]], at)
        by_reason: dict[str, Json] = {reason.name: str(int(amount)) for reason, amount in burned}
        return self.shown(supply) | {"burnedBy": by_reason}

    @method("tokenomics_release", cost=HEAVY)
    def release(self, year: U32, at: Hash | None = None) -> Json:
        """Return the release of a year by its label; 2025 is the chain's first."""
        data = encode(u32, u32(year))
        return self.shown(self.ask("TokenomicsApi_release", YearRelease, at, data))

    @method("tokenomics_pools", cost=HEAVY)
    def pools(self, at: Hash | None = None) -> Json:
        """Return all pools: id, account, and the amounts allocated, released, burned and held."""
        pools = self.ask("TokenomicsApi_pools", list[PoolStatus], at)
        return [self.shown(pool) for pool in pools]

    @method("staking_benefits", cost=HEAVY)
    def benefits(self, account: Account, at: Hash | None = None) -> Json:
        """Return the benefits of an account's stakes."""
        return self.shown(self.ask("StakingApi_benefits", Benefits, at, account))

    @method("staking_premium", cost=HEAVY)
    def premium(self, account: Account, at: Hash | None = None) -> Json:
        """Return all premium services on sale, with what an account has of each."""
        found = self.ask("StakingApi_premium", list[PremiumView], at, account)
        return [self.shown(view) for view in found]

    @method("mining_operator", cost=HEAVY)
    def operator(self, account: Account, at: Hash | None = None) -> Json:
        """Return the record of an operator, with its work in the current era."""
        return self.shown(self.ask("MiningApi_operator", OperatorView, at, account))

    @method("mining_estimate", cost=HEAVY)
    def estimate(self, account: Account, era: U32 | None = None, at: Hash | None = None) -> Json:
        """Return the unclaimed earnings of an account in an era; null for none.

        Without an era: an estimate as if the current era ended now.
        """
        data = account + encode(u32 | None, None if era is None else u32(era))
        found = self.ask("MiningApi_estimate", Estimate | None, at, data)
        return None if found is None else self.shown(found)
