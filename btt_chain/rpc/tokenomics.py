"""tokenomics_*, mining_*: the economy of the chain, from the runtime at a block.

Numbers of 64 bits and more are decimal strings, because JSON numbers lose digits in many parsers;
amounts are in planck. A chain whose runtime has no such API answers with a runtime error, as
`state_call` does.
"""

from __future__ import annotations

from btt_chain.present import Json
from btt_chain.rpc.derived import derived
from btt_chain.rpc.params import Hash
from btt_chain.rpc.registry import HEAVY, method
from btt_chain.rpc.views import Views
from btt_chain.scale import u128
from runtime.pallets.mining.api import MiningApi
from runtime.pallets.tokenomics import api
from runtime.pallets.tokenomics.types import BurnReason, Supply


class TokenomicsApi(Views):
    """The economy from the runtime at a block, by default the best one."""

    @method("tokenomics_supply", cost=HEAVY)
    def supply(self, at: Hash | None = None) -> Json:
        """Return the supply, its circulating part, and the burned amounts by reason."""
        supply = self.ask("TokenomicsApi_supply", Supply, at)
        burned = self.ask("TokenomicsApi_burned", list[tuple[BurnReason, u128]], at)
        by_reason: dict[str, Json] = {
            reason.name: self.json(u128, amount) for reason, amount in burned
        }
        return self.object(supply) | {"burnedBy": by_reason}

    release = derived("tokenomics_release", api.TokenomicsApi.release)
    pools = derived("tokenomics_pools", api.TokenomicsApi.pools)
    operator = derived("mining_operator", MiningApi.operator)
    estimate = derived("mining_estimate", MiningApi.estimate)
