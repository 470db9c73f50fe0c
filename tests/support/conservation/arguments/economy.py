"""Arguments for calls of the treasury, of tokenomics, mining and tier staking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.pallets.mining.types import Params
from runtime.pallets.tier_staking.formulas import TIERS
from runtime.pallets.tier_staking.types import PremiumService
from runtime.pallets.tokenomics.types import NO_HASH, BurnId, CeilingMode
from runtime.pallets.treasury.pallet import AssetKind
from support.conservation.arguments.common import Arguments
from support.conservation.signers import FAR

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser


def one_bounty(c: Chooser, depth: int) -> dict[str, object]:
    return {"bounty_id": c.known(c.runtime.bounties.bounties)}


def one_promise(c: Chooser, depth: int) -> dict[str, object]:
    return {"index": c.known(c.runtime.treasury.spends)}


def one_stake(c: Chooser, depth: int) -> dict[str, object]:
    return {"id": c.stake()}


def one_milestone(c: Chooser, depth: int) -> dict[str, object]:
    return {"programme": u32(c.one_of((0, 0, 0, 1))), "index": u32(c.one_of((0, 0, 1, 2)))}


def chosen_curator(c: Chooser, depth: int) -> dict[str, object]:
    return one_bounty(c, depth) | {"curator": c.address(), "fee": c.amount()}


def mining_params(c: Chooser) -> Params:
    return Params(kappa=u32(c.one_of((0, 180_000, 190_001))), regions=[u32(c.one_of((1, FAR)))])


CALLS: dict[str, Arguments] = {
    "Treasury.spend_local": lambda c, _: {"amount": c.amount(), "beneficiary": c.address()},
    "Treasury.remove_approval": lambda c, _: {"proposal_id": c.known(c.runtime.treasury.proposals)},
    "Treasury.spend": lambda c, _: {
        "asset_kind": AssetKind.Native, "amount": c.amount(), "beneficiary": c.address(),
        "valid_from": c.one_of((None, u32(c.slot()))),
    },
    "Treasury.payout": one_promise,
    "Treasury.check_status": one_promise,
    "Treasury.void_spend": one_promise,
    "Bounties.propose_bounty": lambda c, _: {
        "value": c.amount(), "description": c.one_of((b"", b"for something")),
    },
    "Bounties.approve_bounty": one_bounty,
    "Bounties.propose_curator": chosen_curator,
    "Bounties.unassign_curator": one_bounty,
    "Bounties.accept_curator": one_bounty,
    "Bounties.award_bounty": lambda c, d: one_bounty(c, d) | {"beneficiary": c.address()},
    "Bounties.claim_bounty": one_bounty,
    "Bounties.close_bounty": one_bounty,
    "Bounties.extend_bounty_expiry": lambda c, d: one_bounty(c, d) | {"remark": b""},
    "Bounties.approve_bounty_with_curator": chosen_curator,
    "Bounties.poke_deposit": one_bounty,
    "Tokenomics.release_discretionary": lambda c, _: {
        "pool": c.pool(), "amount": c.amount(), "beneficiary": c.address(),
    },
    "Tokenomics.attest_milestone": lambda c, d: one_milestone(c, d) | {"evidence_hash": NO_HASH},
    "Tokenomics.object_milestone": one_milestone,
    "Tokenomics.claim_programme": lambda c, _: {"programme": u32(c.one_of((0, 0, 0, 1)))},
    "Tokenomics.unlock_reserve": lambda c, _: {"cap": c.amount(), "expiry": u64(c.slot())},
    "Tokenomics.spend_reserve": lambda c, _: {
        "amount": c.amount(), "beneficiary": c.address(), "reason_hash": NO_HASH,
    },
    "Tokenomics.execute_milestone_burn": lambda c, _: {"id": c.one_of(list(BurnId))},
    "Tokenomics.attest_cross_chain": lambda c, _: {},
    "Tokenomics.pause_discretionary": lambda c, _: {"until": u64(c.slot())},
    "Tokenomics.set_ceiling_mode": lambda c, _: {"mode": c.one_of(list(CeilingMode))},
    "Tokenomics.end_treasury_seat": lambda c, _: {},
    "Tokenomics.top_up_pool": lambda c, _: {"pool": c.pool(), "amount": c.amount()},
    "Tokenomics.confirm_milestone": one_milestone,
    "Mining.claim_rewards": lambda c, _: {"era_from": c.number(), "era_to": c.number()},
    "Mining.attest_region": lambda c, _: {"operator": c.who(), "region": u16(0)},
    "Mining.attest_energy": lambda c, _: {"operator": c.who(), "units_per_kwh": u64(1)},
    "TransactionPayment.set_byte_price": lambda c, _: {
        "price": u128(c.one_of((10**11, 10**12, 10**14))),
    },
    "Mining.set_params": lambda c, _: {"params": mining_params(c)},
    "TierStaking.stake": lambda c, _: {
        "amount": c.amount(), "tier": u8(c.one_of(range(6))),
        "min_reward": c.one_of((None, u128(0), c.amount())),
    },
    "TierStaking.claim": one_stake,
    "TierStaking.unstake": one_stake,
    "TierStaking.force_unstake": lambda c, d: one_stake(c, d) | {"who": c.address()},
    "TierStaking.extend": lambda c, d: one_stake(c, d) | {"tier": u8(c.one_of(range(6)))},
    "TierStaking.claim_dividend": one_stake,
    "TierStaking.claim_contribution": lambda c, _: {"quarter": c.number()},
    "TierStaking.buy_premium": lambda c, _: {
        "service": c.number(), "months": u8(c.one_of(range(14))), "max_price": c.amount(),
    },
    "TierStaking.top_up": lambda c, _: {"amount": c.amount()},
    "TierStaking.set_tier": lambda c, _: {
        "tier": u8(c.one_of(range(6))), "terms": c.one_of(TIERS),
    },
    "TierStaking.set_dividend_bps": lambda c, _: {"bps": c.number()},
    "TierStaking.set_premium": lambda c, _: {
        "service": c.number(), "terms": c.one_of((None, PremiumService(u8(c.one_of((0, 5))), BTT))),
    },
    "TierStaking.set_contribution_budget": lambda c, _: {"amount": c.amount()},
}  # fmt: skip
