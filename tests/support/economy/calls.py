"""Random calls of every pallet that moves money, with arguments that may well work.

Arguments are chosen by their names, so that a new call is covered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import NONE, ROOT, Origin, Weight, signed
from runtime.frame.call import Dispatchable
from runtime.pallets.authorities.types import LOWEST_MINIMUM
from runtime.pallets.mining.types import Params
from runtime.pallets.multisig.pallet import Timepoint
from runtime.pallets.proxy.types import ProxyType
from runtime.pallets.tier_staking.types import PremiumService
from runtime.pallets.tokenomics.types import BurnId, CeilingMode
from runtime.pallets.treasury.pallet import AssetKind, Treasury
from support.economy.actions import random_action
from support.economy.chain import PEOPLE, EconomyChain, Step
from support.economy.choices import (
    a_bounty,
    a_new_stake,
    a_payment_of_the_reserve,
    a_promise,
    a_spend,
    a_stake,
    an_attested,
    bonded,
    merging,
    served,
    some_eras,
    some_points,
)
from support.economy.values import RandomValues

PALLETS: Final = (
    "Balances", "Vesting", "Authorities", "Multisig", "Proxy", "Tokenomics", "Mining",
    "TierStaking", "Treasury", "Bounties",
)  # fmt: skip
"""Pallets whose calls are made, all of them."""

Rule = Callable[[RandomValues], object]


class RandomCalls:
    """Steps for one block of a chain."""

    def __init__(self, chain: EconomyChain, seed: int) -> None:
        self.values = RandomValues(chain, seed)
        self.chain = chain
        self.runtime = chain.runtime

    def steps(self, most: int) -> Iterator[Step]:
        """Choose up to so many steps."""
        for _ in range(self.values.rng.randrange(most + 1)):
            yield self.step()

    def step(self) -> Step:
        """Choose one step."""
        self.values.signer = self.values.one_of([*PEOPLE * 3, *self.values.holders()])
        if self.values.chance(30):
            return random_action(self.values)
        names = [name for name in self.calls() for _ in range(LIKELY.get(name, 2))]
        return self.call(self.values.one_of(names))

    def calls(self) -> dict[str, Dispatchable]:
        """Return the calls to choose from, by name."""
        return {
            f"{pallet.name}.{entry.name}": entry
            for pallet in self.runtime.pallets.values()
            if pallet.name in PALLETS
            for entry in pallet.CALLS.values()
        }

    def call(self, name: str) -> Step:
        """Choose the origin and the arguments of a call."""
        entry = self.calls()[name]
        chosen: dict[str, object] = {}
        if name in TOGETHER and self.values.chance(90):
            chosen = TOGETHER[name](self.values)
        origin = self.origin(name)
        args = {
            arg: chosen[arg] if arg in chosen else self.argument(name, arg) for arg, _ in entry.args
        }
        pallet, _, method = name.partition(".")
        return origin, self.runtime.call(pallet, method, **args)

    def origin(self, name: str) -> Origin:
        """Choose the origin of a call, most often one that is allowed."""
        if self.values.chance(5):
            return self.values.one_of((ROOT, NONE, signed(self.values.who())))
        if name in ROOT_CALLS:
            return ROOT
        signers: dict[str, AccountId | None] = {
            "Tokenomics.attest_milestone": self.chain.tokenomics.foundation.get(),
            "Tokenomics.spend_reserve": self.chain.tokenomics.reserve_fund.reserve.get(),
        }
        self.values.signer = signers.get(name) or self.values.signer
        return signed(self.values.signer)

    def argument(self, call: str, name: str) -> object:
        """Choose a value for an argument, by the rule of its call or of its name."""
        if name == "call":
            return self.inner()
        rule = ARGUMENTS.get(f"{call}.{name}") or ARGUMENTS[name]
        return rule(self.values)

    def inner(self) -> object:
        """Choose a call for a call to carry."""
        carried = self.call(
            self.values.one_of([name for name in self.calls() if "Proxy" not in name])
        )
        assert isinstance(carried, tuple)
        return carried[1]


ARGUMENTS: Final[dict[str, Rule]] = {
    "dest": lambda values: Id(values.who()),
    "source": lambda values: Id(values.who()),
    "target": lambda values: Id(values.who()),
    "who": lambda values: Id(values.who()),
    "stash": lambda values: Id(values.who()),
    "real": lambda values: Id(values.one_of(PEOPLE)),
    "delegate": lambda values: Id(values.one_of(PEOPLE)),
    "spawner": lambda values: Id(values.one_of(PEOPLE)),
    "value": lambda values: values.amount(),
    "amount": lambda values: values.one_of((values.amount(), values.modest())),
    "new_free": lambda values: values.amount(),
    "keep_alive": lambda values: values.chance(50),
    "schedule": lambda values: values.schedule(),
    "schedule1_index": lambda values: u32(values.one_of((0, 0, 1))),
    "schedule2_index": lambda values: u32(values.one_of((1, 1, 2))),
    "schedule_index": lambda values: u32(values.one_of((0, 0, 1))),
    "count": lambda values: u32(values.one_of((1, 2, 0))),
    "Authorities.set_minimum_bond.amount": lambda values: LOWEST_MINIMUM,
    "proxy_type": lambda values: values.one_of((ProxyType.Any, *ProxyType)),
    "force_proxy_type": lambda values: None,
    "delay": lambda values: u32(values.one_of((0, 0, 1))),
    "Proxy.create_pure.index": lambda values: u16(0),
    "Proxy.kill_pure.index": lambda values: u16(0),
    "height": lambda values: u32(1),
    "ext_index": lambda values: u32(0),
    "call_hash": lambda values: bytes(32),
    "threshold": lambda values: u16(2),
    "other_signatories": lambda values: values.others(),
    "maybe_timepoint": lambda values: None,
    "timepoint": lambda values: Timepoint(u32(1), u32(1)),
    "max_weight": lambda values: Weight(u64(10**12)),
    "beneficiary": lambda values: Id(values.who()),
    "curator": lambda values: Id(values.one_of(PEOPLE)),
    # Tokenomics
    "pool": lambda values: values.pool(),
    "Tokenomics.release_discretionary.amount": lambda values: values.share(),
    "Tokenomics.spend_reserve.amount": lambda values: values.modest(),
    "programme": lambda values: values.milestone()[0],
    "Tokenomics.attest_milestone.index": lambda values: values.milestone()[1],
    "Tokenomics.object_milestone.index": lambda values: values.milestone()[1],
    "Tokenomics.confirm_milestone.index": lambda values: values.milestone()[1],
    "evidence_hash": lambda values: H256(bytes(32)),
    "reason_hash": lambda values: H256(bytes(32)),
    "cap": lambda values: u128(values.one_of((10**21, 10**22, 10**23, 10**26))),
    "expiry": lambda values: u64(values.slot()),
    "until": lambda values: u64(values.one_of((0, values.slot()))),
    "mode": lambda values: values.one_of((CeilingMode.Enforce, CeilingMode.Enforce, *CeilingMode)),
    "Tokenomics.execute_milestone_burn.id": lambda values: values.one_of(list(BurnId)),
    # Mining
    "era_from": lambda values: values.era(),
    "era_to": lambda values: values.era(),
    "operator": lambda values: values.one_of(PEOPLE),
    "region": lambda values: u16(values.one_of((0, 1, 2))),
    "units_per_kwh": lambda values: u64(values.rng.randrange(8_000_000)),
    "params": lambda values: Params(
        kappa_verified=u32(values.one_of((180_000, 900_000))),
        verified_budget=values.modest(),
        regions=[u32(400_000), u32(100_000)],
    ),
    # TierStaking
    "tier": lambda values: u8(values.rng.randrange(6 if values.chance(5) else 5)),
    "TierStaking.stake.amount": lambda values: values.stake_amount(),
    "TierStaking.top_up.amount": lambda values: u128(values.rng.randrange(10**20)),
    "min_reward": lambda values: values.one_of((None, None, u128(0), u128(10**20))),
    "id": lambda values: values.stake_id(),
    "quarter": lambda values: values.quarter(),
    "service": lambda values: u32(values.one_of((0, 0, 1))),
    "months": lambda values: u8(values.one_of((0, 1, 1, 2, 13))),
    "max_price": lambda values: u128.MAX,
    "TierStaking.set_tier.terms": lambda values: values.terms(),
    "TierStaking.set_premium.terms": lambda values: values.one_of(
        (None, PremiumService(u8(values.one_of((0, 1, 5))), 10 * BTT))
    ),
    "factor": lambda values: u32(values.one_of((299, 300, 10_000, 10_001))),
    "bps": lambda values: u32(values.one_of((0, 2_000, 10_000, 10_001))),
    "TierStaking.set_contribution_budget.amount": lambda values: u128(values.rng.randrange(10**22)),
    # Treasury and Bounties
    "asset_kind": lambda values: AssetKind.Native,
    "valid_from": lambda values: values.one_of((None, u32(values.slot()))),
    "proposal_id": lambda values: values.some_id(values.runtime.pallet(Treasury).approvals.value),
    "Treasury.payout.index": lambda values: values.spend(),
    "Treasury.check_status.index": lambda values: values.spend(),
    "Treasury.void_spend.index": lambda values: values.spend(),
    "Treasury.spend.amount": lambda values: values.modest(),
    "Treasury.spend_local.amount": lambda values: values.modest(),
    "Bounties.propose_bounty.value": lambda values: u128(values.rng.randrange(10**22)),
    "bounty_id": lambda values: values.some_id(values.bounties()),
    "description": lambda values: b"x" * values.rng.randrange(40),
    "remark": lambda values: b"x",
    "fee": lambda values: u128(values.rng.randrange(10**19)),
}
"""Rules of arguments: by name, or by call and name where a name means something else."""

ROOT_CALLS: Final = frozenset(
    {
        "Balances.force_transfer",
        "Balances.force_unreserve",
        "Balances.force_set_balance",
        "Vesting.force_vested_transfer",
        "Vesting.force_remove_vesting_schedule",
        "Authorities.set_minimum_bond",
        "Authorities.set_validator_count",
        "Authorities.set_work_factor",
        "Tokenomics.release_discretionary",
        "Tokenomics.object_milestone",
        "Tokenomics.unlock_reserve",
        "Tokenomics.attest_cross_chain",
        "Tokenomics.pause_discretionary",
        "Tokenomics.set_ceiling_mode",
        "Tokenomics.confirm_milestone",
        "Mining.attest_region",
        "Mining.attest_energy",
        "Mining.set_params",
        "TierStaking.force_unstake",
        "TierStaking.set_tier",
        "TierStaking.set_dividend_bps",
        "TierStaking.set_premium",
        "TierStaking.set_contribution_budget",
        "Treasury.spend_local",
        "Treasury.remove_approval",
        "Treasury.spend",
        "Treasury.void_spend",
        "Bounties.approve_bounty",
        "Bounties.approve_bounty_with_curator",
        "Bounties.propose_curator",
        "Bounties.close_bounty",
    }
)
"""Calls that only root may make."""

TOGETHER: Final[dict[str, Callable[[RandomValues], dict[str, object]]]] = {
    "TierStaking.stake": a_new_stake,
    "Tokenomics.unlock_reserve": a_promise,
    "Tokenomics.spend_reserve": a_payment_of_the_reserve,
    "Treasury.payout": a_spend,
    "Treasury.check_status": a_spend,
    "Treasury.void_spend": a_spend,
    "Proxy.proxy": served,
    "Proxy.announce": served,
    "TierStaking.claim": a_stake,
    "TierStaking.unstake": a_stake,
    "TierStaking.force_unstake": a_stake,
    "TierStaking.extend": a_stake,
    "TierStaking.claim_dividend": a_stake,
    "TierStaking.claim_contribution": some_points,
    "Mining.claim_rewards": some_eras,
    "Tokenomics.object_milestone": an_attested,
    "Tokenomics.confirm_milestone": an_attested,
    "Vesting.merge_schedules": merging,
    "Authorities.unbond": bonded,
    "Authorities.bond_extra": bonded,
    "Authorities.withdraw_unbonded": bonded,
    "Bounties.accept_curator": a_bounty,
    "Bounties.award_bounty": a_bounty,
    "Bounties.claim_bounty": a_bounty,
    "Bounties.close_bounty": a_bounty,
    "Bounties.approve_bounty": a_bounty,
    "Bounties.propose_curator": a_bounty,
    "Bounties.extend_bounty_expiry": a_bounty,
    "Bounties.unassign_curator": a_bounty,
    "Bounties.poke_deposit": a_bounty,
}
"""Calls whose arguments and signer must fit each other to have an effect."""

LIKELY: Final = {
    "Authorities.validate": 1,
    "Authorities.chill_other": 1,
    "Multisig.poke_deposit": 1,
    "Multisig.cancel_as_multi": 1,
    "Proxy.poke_deposit": 1,
    "Proxy.proxy_announced": 1,
    "Proxy.reject_announcement": 1,
    "Proxy.remove_announcement": 1,
    "Proxy.announce": 1,
    "Proxy.kill_pure": 1,
    "Proxy.create_pure": 1,
    "TierStaking.stake": 12,
    "TierStaking.claim": 8,
    "TierStaking.unstake": 8,
    "TierStaking.extend": 4,
    "TierStaking.claim_dividend": 5,
    "TierStaking.buy_premium": 4,
    "TierStaking.force_unstake": 1,
    "Mining.claim_rewards": 8,
    "Tokenomics.attest_milestone": 12,
    "Tokenomics.claim_programme": 8,
    "Tokenomics.release_discretionary": 6,
    "Tokenomics.pause_discretionary": 1,
    "Treasury.payout": 4,
    "Tokenomics.spend_reserve": 4,
    "Bounties.propose_bounty": 6,
    "Bounties.approve_bounty": 6,
    "Bounties.propose_curator": 5,
    "Bounties.accept_curator": 5,
    "Bounties.award_bounty": 5,
    "Bounties.claim_bounty": 4,
    "Bounties.close_bounty": 1,
    # What would leave the chain without validators, or people without money, comes rarely.
    "Authorities.set_validator_count": 1,
    "Balances.burn": 1,
    "Balances.transfer_all": 1,
    "Balances.force_set_balance": 1,
    "Vesting.vest": 4,
    "Vesting.vested_transfer": 4,
    "Authorities.bond": 4,
}
