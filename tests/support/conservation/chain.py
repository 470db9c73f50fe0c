"""The genesis of the conservation test: pools with money, a model, providers, an asset."""

from __future__ import annotations

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives import ss58
from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u8, u16, u32, u64, u128
from runtime import BttRuntime
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    FOUNDATION_PROGRAMMES,
    GRANTS,
    HEALTH,
    MINING,
    OPERATIONS,
    REFERRAL,
    RESERVE,
    STAKING,
    TREASURY,
)
from runtime.constants import BTT
from runtime.frame import ROOT, signed
from runtime.pallets.asset_registry.types import AssetKind as ThingKind
from runtime.pallets.asset_registry.types import RightKind, Role
from runtime.pallets.facilities.types import Bonds
from runtime.pallets.health_records import types as health_records
from runtime.pallets.health_records.types import Custodian
from runtime.pallets.identity.types import Data, IdentityInfo, KnownGood
from runtime.pallets.models.types import CheckMode
from runtime.pallets.oracle.types import Feeder, FeederState, Rule
from runtime.pallets.payfi.types import ANALYTICS, Rates
from runtime.pallets.providers import types as providers
from runtime.pallets.tier_staking.formulas import TIERS
from support import market
from support.chain import CHARLIE, DAVE, START, DevChain
from support.conservation import vouchers
from support.conservation.care import KEY
from support.conservation.signers import ED, JOINT, KNOWN, POOR, SHARED_1
from support.models import stated
from support.providers import ENDPOINT, provider_info

FOUNDATION, KEEPER = CHARLIE, DAVE
"""Signatories of the Foundation and of the reserve."""
PROGRAMME = FOUNDATION_PROGRAMMES[0]
FUNDS = (
    TREASURY, DEVELOPMENT_FUND, OPERATIONS, ECOSYSTEM, GRANTS, MINING, STAKING, REFERRAL, RESERVE,
    PROGRAMME, HEALTH,
)  # fmt: skip
"""Pools that have money at genesis."""
LAUNCH = 10 * int(BTT)
ECONOMY: dict[str, dict[str, object]] = {
    "tokenomics": {
        "programmes": [{
            "pool": "btt/fnd1", "amount": str(START), "months": 1,
            "milestones": [[4_000, "0x" + "11" * 32], [6_000, "0x" + "22" * 32]],
        }],
        "milestoneBurns": [
            ["mainnet_launch", str(LAUNCH)], ["hospitals_100", str(LAUNCH)],
            ["cross_chain", str(START + LAUNCH)],
        ],
        "foundation": ss58.encode(FOUNDATION.account_id),
        "reserve": ss58.encode(KEEPER.account_id),
    },
    "tierStaking": {
        # As in the documents, with smaller minimums and shorter terms.
        "tiers": [
            [days, int(tier.reward_bps), str(int(tier.minimum) // 1_000), int(tier.burn_bps)]
            for days, tier in zip((2, 30, 90, 365, 1_095), TIERS, strict=True)
        ],
    },
}  # fmt: skip
NET = market.net().manifest
"""A model that is registered from the beginning."""
SCANNER = u32(0)
"""An asset that is issued and traded from the beginning."""
CNY, USD = b"BTT/CNY", b"BTT/USD"
PAPERS = H256(b"\5" * 32)
INFO = IdentityInfo(display=Data.text("any account"))


def prepare(runtime: BttRuntime) -> None:
    """Register a model, providers, verifiers and an asset, and give units of it to accounts."""
    alice, bob, charlie, dave = KNOWN[:4]
    runtime.models.genesis({})
    runtime.models.register(
        signed(bob), NET, u16(0), b"A net", CheckMode.Reexecute, ENDPOINT, **stated()
    )
    runtime.providers.set_params(ROOT, providers.Params(minimum_bond=u128(10 * BTT)))
    for who in (charlie, dave):
        runtime.providers.register(signed(who), provider_info(), u128(50 * BTT))
    runtime.identity.add_registrar(ROOT, Id(dave))
    runtime.identity.set_identity(signed(alice), INFO)
    judged = H256(blake2_256(codec(IdentityInfo).encode(INFO)))
    runtime.identity.provide_judgement(signed(dave), u32(0), Id(alice), KnownGood(), judged)
    runtime.facilities.set_bonds(ROOT, Bonds(*[u128(100 * BTT)] * 3))
    for key in (CNY, USD):
        runtime.oracle.set_rule(ROOT, key, Rule())
    for who in KNOWN[:4]:
        bond = u128(10 * BTT)  # less than the minimum, as not all accounts have so much
        runtime.balances.hold(runtime.oracle.reason, who, bond)
        runtime.oracle.feeders.feeders[who] = Feeder(bond, u64(0), FeederState.Active)
    runtime.oracle.roster.value = KNOWN[:4]
    registry = runtime.asset_registry
    registry.register(
        signed(alice), ThingKind.Equipment, RightKind.Ownership, PAPERS, PAPERS, b"Scanner", b"SC",
        u128(100 * BTT), u128(1_000), False,
    )  # fmt: skip
    for who, role in ((charlie, Role.Regulatory), (dave, Role.Technical)):
        registry.bond_verifier(signed(who), u128(5_000 * BTT))
        registry.appoint_verifier(ROOT, Id(who), role is Role.Regulatory, role is Role.Technical)
        registry.verify(signed(who), SCANNER, role, u8(1), True, PAPERS)
    poll = registry.voting.polls[SCANNER]
    poll.ends = u64(0)
    registry.voting.polls[SCANNER] = poll
    registry.issue(signed(alice), SCANNER)
    for who in (bob, charlie):
        runtime.assets.move(SCANNER, alice, who, u128(300))
    runtime.exchange.list_asset(signed(alice), SCANNER)
    runtime.health_records.set_terms(ROOT, health_records.Terms(u128(20 * BTT), u128(10 * BTT)))
    bond = u128(50 * BTT)
    runtime.balances.hold(runtime.health_records.custodians.reason, bob, bond)
    runtime.health_records.custodians.custodians[bob] = Custodian(bond, KEY, u64(0))
    runtime.payfi.set_rates(ROOT, Rates(bond=u128(100 * BTT)))
    for who in (bob, dave):
        runtime.payfi.register(signed(who), u16(8_062), b"CNY", u8(ANALYTICS), PAPERS)
    vouchers.prepare(runtime)


def new_chain() -> DevChain:
    """Return a chain with this genesis, and accounts with money and with hardly any."""
    extra = dict.fromkeys((JOINT, SHARED_1, *FUNDS), START) | {POOR.account_id: 3 * ED}
    extra |= dict.fromkeys((CHARLIE.account_id, DAVE.account_id), 6 * START)
    return DevChain(extra=extra, economy=ECONOMY, prepare=prepare, shared=True)
