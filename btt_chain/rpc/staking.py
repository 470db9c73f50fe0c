"""staking_*: stakes and their benefits, from the runtime at a block; see `rpc.tokenomics`."""

from __future__ import annotations

from btt_chain.rpc.derived import derived
from btt_chain.rpc.views import Views
from runtime.pallets.tier_staking import api as staking


class StakingApi(Views):
    """Stakes from the runtime at a block, by default the best one."""

    benefits = derived("staking_benefits", staking.StakingApi.benefits)
    premium = derived("staking_premium", staking.StakingApi.premium)
    contributions = derived("staking_contributions", staking.StakingApi.contributions)
    quote = derived("staking_quote", staking.StakingApi.quote)
