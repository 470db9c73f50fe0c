"""Conservation: whatever is called by whomever, no planck comes into being or gets lost.

Random signers make random calls of every pallet, nested at random, with amounts that lie where
rules change. Each goes through the pool into a real block, and a second node imports it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from btt_chain.crypto.hashing import blake2_256
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, AccountInfo, Id, Index, MultiAddress
from btt_chain.primitives.babe_digests import AllowedSlots, NextConfigDescriptor
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.grandpa import AuthorityId as GrandpaId
from btt_chain.scale import codec, u8, u16, u32, u64, u128
from btt_chain.txpool import PoolError
from runtime import BttRuntime
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    FOUNDATION_PROGRAMMES,
    GRANTS,
    MINING,
    OPERATIONS,
    POOLS,
    REFERRAL,
    RESERVE,
    STAKING,
    TREASURY,
)
from runtime.audit import audit
from runtime.constants import BTT, MILLI_BTT
from runtime.frame import ROOT, BadOrigin, Call, DispatchError, TokenError, TokenErrorKind, Weight
from runtime.frame.items import Map
from runtime.pallets.authorities import LOWEST_MINIMUM
from runtime.pallets.balances import Balances
from runtime.pallets.balances.steps import amount_of, lock_level
from runtime.pallets.bounties import RESERVE_ID, Active, AwaitsCurator, Awarded, Funded, Proposed
from runtime.pallets.mining.types import Params
from runtime.pallets.multisig import Timepoint, multi_account_id
from runtime.pallets.proxy import Proxy, ProxyType
from runtime.pallets.session import SessionKeys
from runtime.pallets.system import System
from runtime.pallets.tier_staking import TIERS
from runtime.pallets.tokenomics import Tokenomics
from runtime.pallets.tokenomics.pallet import ALL_POOLS, id_of
from runtime.pallets.tokenomics.types import NO_HASH, BurnId, CeilingMode, PoolId
from runtime.pallets.transaction_payment import TransactionPayment
from runtime.pallets.treasury import AssetKind, Pending
from runtime.pallets.utility import RawNone, RawRoot, RawSigned, SystemOrigin, derivative
from runtime.pallets.vesting import Schedule, VestingInfo
from support.chain import ALICE, BOB, CHARLIE, DAVE, START, DevChain, account, in_transaction
from support.pool_watch import PoolWatch, account_of

T = TypeVar("T")
SEEDS = st.integers(0, 2**40)

POOR = KeyPair.from_uri("//Poor")
SIGNERS = (ALICE, BOB, CHARLIE, DAVE, POOR)
KNOWN = [account(pair) for pair in SIGNERS]
STRANGERS = [AccountId(bytes((number,)) * 32) for number in (0, 7, 8)]
JOINT = multi_account_id(KNOWN[1:4], 2)
SHARED_1 = multi_account_id(KNOWN[1:4], 1)
ED = int(MILLI_BTT)
EXTREMES = (0, 1, ED - 1, ED, ED + 1, int(BTT), 100 * int(BTT), START, u128.MAX)
FAR = u32.MAX

FOUNDATION, KEEPER = CHARLIE, DAVE
"""Who acts for the Foundation, and who spends the reserve."""
PROGRAMME = FOUNDATION_PROGRAMMES[0]
FUNDS = (
    TREASURY, DEVELOPMENT_FUND, OPERATIONS, ECOSYSTEM, GRANTS, MINING, STAKING, REFERRAL, RESERVE,
    PROGRAMME,
)  # fmt: skip
"""The pools that have money at genesis."""
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
        # As the documents have them, but for small purses and short lives.
        "tiers": [
            [days, int(tier.reward_bps), str(int(tier.minimum) // 1_000), int(tier.burn_bps)]
            for days, tier in zip((2, 30, 90, 365, 1_095), TIERS, strict=True)
        ],
    },
}  # fmt: skip

# What a transaction may change by being in a block, besides what it is about.
BOOKKEEPING = (
    "system.block_weight",
    "system.events",
    "system.event_count",
    "fees.next_fee_multiplier",
)


class Chooser:
    """Draws calls that fit the state well enough to do something, often.

    By a lot of its own: hypothesis would like small and simple calls best.
    """

    def __init__(self, seed: int, world: World) -> None:
        self._luck = random.Random(seed)
        self.world = world
        self.runtime: BttRuntime = world.chain.at()

    def one_of(self, options: Sequence[T]) -> T:
        return self._luck.choice(options)

    def flag(self) -> bool:
        return self.one_of((False, True))

    def who(self) -> AccountId:
        pools = [TREASURY, self.one_of(POOLS), account_of(0), JOINT, SHARED_1]
        return self.one_of([*KNOWN, *KNOWN, *STRANGERS, *pools, *self.world.pures])

    def address(self) -> MultiAddress:
        return self.one_of([Id(self.who())] * 20 + [Index(())])

    def amount(self) -> u128:
        """An amount at which a rule may change: an extreme, or about what somebody has."""
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
        """Return whom the signer is a proxy of; sometimes anybody."""
        proxies, signer = self.runtime.proxy.proxies, self.world.signer
        served = [
            one
            for one in [*KNOWN, *self.world.pures]
            if any(definition.delegate == signer for definition in proxies[one][0])
        ]
        return self.one_of([*map(Id, served * 5), self.address()])

    def number(self) -> u32:
        return u32(self.one_of((0, 1, 2, 5, FAR)))

    def some(self) -> u128:
        """An amount that many can pay."""
        return u128(self.one_of((ED, int(BTT), 12 * int(BTT), 30 * int(BTT), START // 3)))

    def slot(self) -> int:
        """A time at which something may change; slots since genesis."""
        return max(0, self.runtime.babe.now() + self.one_of((-1, 0, 1, 5, 1_000)))

    def pool(self) -> PoolId:
        return self.one_of([*map(id_of, ALL_POOLS), PoolId(b"btt/none")])

    def stake(self) -> u32:
        """The number of a stake: of the signer's, if there is one."""
        mine = [number for number, _ in self.runtime.tier_staking.stakes.under(self.world.signer)]
        return self.one_of([*mine * 3, self.number()])

    def known(self, items: Map[u32, T]) -> u32:
        """The number of something that is there, mostly."""
        return self.one_of([*[number for number, _ in items.items()] * 3, self.number()])

    def kind(self) -> ProxyType:
        return self.one_of([ProxyType.Any] * 4 + list(ProxyType))

    def others(self) -> list[AccountId]:
        """Return the other owners of the joint account; sometimes not."""
        mine = [one for one in KNOWN[1:4] if one != self.world.signer]
        return sorted(self.one_of((mine, mine, mine, KNOWN[1:4], [])))

    def when(self) -> Timepoint | None:
        waiting = [operation.when for _, operation in self.runtime.multisig.multisigs.under(JOINT)]
        return self.one_of((None, Timepoint(u32(1), u32(1)), *waiting * 3))

    def inner(self, depth: int) -> Call:
        if self.world.made and self._luck.random() < 1 / 3:
            return self.one_of(self.world.made)
        return self.call(depth + 1)

    def named(self, name: str, depth: int = 0, **args: object) -> Call:
        """Return a call with some of its arguments given."""
        pallet, _, method = name.partition(".")
        return self.runtime.call(pallet, method, **(CALLS[name](self, depth) | args))

    def call(self, depth: int = 0) -> Call:
        names = NESTING + PLAIN if depth < 3 else PLAIN
        (name,) = self._luck.choices(names, [LIKELY.get(name, 2) for name in names])
        made = self.named(name, depth)
        if depth == 0 and len(made.raw) < 500:
            self.world.remember(made)
        return made

    def next_step(self) -> Step:
        """Return something that could happen next to what was begun, or be begun."""
        parts = (self._grants, self._grants, self._payments, self._releases, self._stakes)
        return self.one_of(list(self.one_of(parts)()))

    def _grants(self) -> Iterator[Step]:
        who = self.one_of(KNOWN)
        yield who, "Bounties.propose_bounty", {"value": self.some()}
        for index, bounty in self.runtime.bounties.bounties.items():
            given: dict[str, object] = {"bounty_id": index}
            chosen = {"curator": Id(who), "fee": u128(bounty.value // self.one_of((1, 3, 10**9)))}
            match bounty.status:
                case Proposed():
                    yield None, "Bounties.approve_bounty", given
                    yield None, "Bounties.approve_bounty_with_curator", given | chosen
                    yield bounty.proposer, "Bounties.poke_deposit", given
                case Funded():
                    yield None, "Bounties.propose_curator", given | chosen
                case AwaitsCurator(curator):
                    yield curator, "Bounties.accept_curator", given
                case Active(curator):
                    yield curator, "Bounties.award_bounty", given
                    yield curator, self.one_of(LEAVING), given
                case Awarded():
                    yield who, "Bounties.claim_bounty", given
            if self._luck.random() < 1 / 5:
                yield None, self.one_of(ENDING), given

    def _payments(self) -> Iterator[Step]:
        given = {"amount": self.some(), "beneficiary": Id(self.one_of(KNOWN))}
        yield None, "Treasury.spend_local", given
        yield None, "Treasury.spend", given | {"valid_from": None}
        for index, spend in self.runtime.treasury.spends.items():
            name = "payout" if isinstance(spend.status, Pending) else "check_status"
            yield self.one_of(KNOWN), f"Treasury.{name}", {"index": index}

    def _releases(self) -> Iterator[Step]:
        foundation = account(FOUNDATION)
        amount: dict[str, object] = {"amount": self.some()}
        item = {"programme": u32(0), "index": self.one_of((u32(0), u32(1)))}
        spent = {"pool": id_of(self.one_of((ECOSYSTEM, GRANTS, DEVELOPMENT_FUND, OPERATIONS)))}
        yield foundation, "Tokenomics.attest_milestone", item
        yield None, "Tokenomics.confirm_milestone", item
        yield foundation, "Tokenomics.claim_programme", {"programme": u32(0)}
        yield None, "Tokenomics.release_discretionary", spent | amount
        yield None, "Tokenomics.unlock_reserve", {"cap": u128(START // 2), "expiry": u64.MAX}
        yield account(KEEPER), "Tokenomics.spend_reserve", amount
        yield None, "Tokenomics.attest_cross_chain", {}
        yield foundation, "Tokenomics.execute_milestone_burn", {"id": BurnId.CrossChain}

    def _stakes(self) -> Iterator[Step]:
        yield self.one_of(KNOWN), "TierStaking.stake", {"amount": self.some()}
        open_stakes = [place for place, _ in self.runtime.tier_staking.stakes.items()]
        for who, number in open_stakes:
            for name in ("claim", "unstake", "extend"):
                yield who, f"TierStaking.{name}", {"id": number}
            yield None, "TierStaking.force_unstake", {"who": Id(who), "id": number}


Step = tuple[AccountId | None, str, Mapping[str, object]]
"""Who (None: root), which call, and those of its arguments that matter."""
LEAVING = ("Bounties.unassign_curator", "Bounties.extend_bounty_expiry", "Bounties.award_bounty")
ENDING = ("Bounties.unassign_curator", "Bounties.close_bounty")

Arguments = Callable[[Chooser, int], dict[str, object]]


def calls(c: Chooser, depth: int) -> dict[str, object]:
    return {"calls": [c.inner(depth) for _ in range(c.one_of((0, 1, 2, 3)))]}


def origin(c: Chooser) -> SystemOrigin:
    options: list[RawRoot | RawSigned | RawNone] = [RawSigned(c.who()), RawRoot(), RawNone()]
    return SystemOrigin(c.one_of(options))


def schedule(c: Chooser) -> VestingInfo:
    now = c.runtime.babe.now()
    locked = c.one_of((c.amount(), u128(100 * BTT), u128(101 * BTT), u128(250 * BTT)))
    per_block = u128(c.one_of((0, 1, 10**18, int(locked) // 5, int(locked) // 2, u128.MAX)))
    return VestingInfo(locked, per_block, c.one_of((c.number(), u32(now), u32(now + 2))))


def definition(c: Chooser) -> dict[str, object]:
    return {"delegate": c.address(), "proxy_type": c.kind(), "delay": c.one_of((u32(0), u32(1)))}


def announced(c: Chooser) -> H256:
    made = c.one_of(c.world.made) if c.world.made else None
    return H256(blake2_256(made.raw if made else b""))


def report(pallet: str) -> Arguments:
    """Return how to draw a report of double signing: one that proves nothing."""

    def draw(c: Chooser, depth: int) -> dict[str, object]:
        (entry,) = [
            entry
            for entry in c.runtime.pallets[PLACES[pallet]].CALLS.values()
            if entry.name == "report_equivocation"
        ]
        return {name: kind.decode(bytes(1_000), 0)[0] for name, kind in entry.args}

    return draw


def session_keys(c: Chooser) -> SessionKeys:
    mark = bytes((c.one_of(range(4)),)) * 32
    return SessionKeys(BabeId(mark), GrandpaId(mark))


def config(c: Chooser) -> NextConfigDescriptor:
    return NextConfigDescriptor((u64(c.one_of((0, 1, 5))), u64(4)), c.one_of(list(AllowedSlots)))


def mining_params(c: Chooser) -> Params:
    return Params(kappa=u32(c.one_of((0, 180_000, 190_001))), regions=[u32(c.one_of((1, FAR)))])


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


PLACES = {"Babe": 2, "Grandpa": 8}

CALLS: dict[str, Arguments] = {
    "System.remark": lambda c, _: {"remark": b"x"},
    "System.remark_with_event": lambda c, _: {"remark": b"x"},
    "Timestamp.set": lambda c, _: {"now": u64(1)},
    "Balances.transfer_allow_death": lambda c, _: {"dest": c.address(), "value": c.amount()},
    "Balances.transfer_keep_alive": lambda c, _: {"dest": c.address(), "value": c.amount()},
    "Balances.transfer_all": lambda c, _: {"dest": c.address(), "keep_alive": c.flag()},
    "Balances.burn": lambda c, _: {"value": c.amount(), "keep_alive": c.flag()},
    "Balances.force_transfer": lambda c, _: {
        "source": c.address(), "dest": c.address(), "value": c.amount(),
    },
    "Balances.force_unreserve": lambda c, _: {"who": c.address(), "amount": c.amount()},
    "Balances.force_set_balance": lambda c, _: {"who": c.address(), "new_free": c.amount()},
    "Utility.batch": calls,
    "Utility.batch_all": calls,
    "Utility.force_batch": calls,
    "Utility.as_derivative": lambda c, d: {"index": u16(1), "call": c.inner(d)},
    "Utility.dispatch_as": lambda c, d: {"as_origin": origin(c), "call": c.inner(d)},
    "Utility.dispatch_as_fallible": lambda c, d: {"as_origin": origin(c), "call": c.inner(d)},
    "Utility.with_weight": lambda c, d: {"call": c.inner(d), "weight": c.weight()},
    "Utility.if_else": lambda c, d: {"main": c.inner(d), "fallback": c.inner(d)},
    "Multisig.as_multi_threshold_1": lambda c, d: {
        "other_signatories": c.others(), "call": c.inner(d),
    },
    "Multisig.as_multi": lambda c, d: {
        "threshold": u16(2), "other_signatories": c.others(), "maybe_timepoint": c.when(),
        "call": c.inner(d), "max_weight": c.weight(),
    },
    "Multisig.approve_as_multi": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(), "maybe_timepoint": c.when(),
        "call_hash": announced(c), "max_weight": c.weight(),
    },
    "Multisig.cancel_as_multi": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(),
        "timepoint": c.when() or Timepoint(u32(1), u32(1)), "call_hash": announced(c),
    },
    "Multisig.poke_deposit": lambda c, _: {
        "threshold": u16(2), "other_signatories": c.others(), "call_hash": announced(c),
    },
    "Proxy.proxy": lambda c, d: {
        "real": c.real(), "force_proxy_type": None, "call": c.inner(d),
    },
    "Proxy.add_proxy": lambda c, _: definition(c),
    "Proxy.remove_proxy": lambda c, _: definition(c),
    "Proxy.remove_proxies": lambda c, _: {},
    "Proxy.create_pure": lambda c, _: {
        "proxy_type": c.kind(), "delay": u32(0), "index": u16(0),
    },
    "Proxy.kill_pure": lambda c, _: {
        "spawner": c.address(), "proxy_type": ProxyType.Any, "index": u16(0),
        "height": u32(c.one_of(range(6))), "ext_index": u32(1),
    },
    "Proxy.poke_deposit": lambda c, _: {},
    "Proxy.announce": lambda c, _: {"real": c.real(), "call_hash": announced(c)},
    "Proxy.remove_announcement": lambda c, _: {"real": c.address(), "call_hash": announced(c)},
    "Proxy.reject_announcement": lambda c, _: {"delegate": c.address(), "call_hash": announced(c)},
    "Proxy.proxy_announced": lambda c, d: {
        "delegate": c.address(), "real": c.address(), "force_proxy_type": None,
        "call": c.inner(d),
    },
    "Vesting.vest": lambda c, _: {},
    "Vesting.vest_other": lambda c, _: {"target": c.address()},
    "Vesting.vested_transfer": lambda c, _: {"target": c.address(), "schedule": schedule(c)},
    "Vesting.force_vested_transfer": lambda c, _: {
        "source": c.address(), "target": c.address(), "schedule": schedule(c),
    },
    "Vesting.merge_schedules": lambda c, _: {
        "schedule1_index": c.number(), "schedule2_index": c.number(),
    },
    "Vesting.force_remove_vesting_schedule": lambda c, _: {
        "target": c.address(), "schedule_index": u32(0),
    },
    "Authorities.bond": lambda c, _: {"amount": c.amount()},
    "Authorities.bond_extra": lambda c, _: {"amount": c.amount()},
    "Authorities.unbond": lambda c, _: {"amount": c.amount()},
    "Authorities.withdraw_unbonded": lambda c, _: {},
    "Authorities.validate": lambda c, _: {},
    "Authorities.chill": lambda c, _: {},
    "Authorities.chill_other": lambda c, _: {"stash": c.address()},
    "Authorities.set_minimum_bond": lambda c, _: {
        "amount": c.one_of((c.amount(), LOWEST_MINIMUM)),
    },
    "Authorities.set_validator_count": lambda c, _: {"count": c.number()},
    "Session.set_keys": lambda c, _: {"keys": session_keys(c), "proof": b""},
    "Session.purge_keys": lambda c, _: {},
    "Babe.report_equivocation": report("Babe"),
    "Babe.report_equivocation_unsigned": report("Babe"),
    "Babe.plan_config_change": lambda c, _: {"config": config(c)},
    "Grandpa.report_equivocation": report("Grandpa"),
    "Grandpa.report_equivocation_unsigned": report("Grandpa"),
    "Grandpa.note_stalled": lambda c, _: {
        "delay": c.number(), "best_finalized_block_number": c.number(),
    },
    "Sudo.sudo": lambda c, d: {"call": c.inner(d)},
    "Sudo.sudo_unchecked_weight": lambda c, d: {"call": c.inner(d), "weight": c.weight()},
    "Sudo.sudo_as": lambda c, d: {"who": c.address(), "call": c.inner(d)},
    "Sudo.set_key": lambda c, _: {"new": c.address()},
    "Sudo.remove_key": lambda c, _: {},
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
    "Tokenomics.top_up_pool": lambda c, _: {"pool": c.pool(), "amount": c.amount()},
    "Tokenomics.confirm_milestone": one_milestone,
    "Mining.claim_rewards": lambda c, _: {"era_from": c.number(), "era_to": c.number()},
    "Mining.attest_region": lambda c, _: {"operator": c.who(), "region": u16(0)},
    "Mining.attest_energy": lambda c, _: {"operator": c.who(), "units_per_kwh": u64(1)},
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
    "TierStaking.request_premium": lambda c, _: {"service": c.number()},
    "TierStaking.top_up": lambda c, _: {"amount": c.amount()},
    "TierStaking.set_tier": lambda c, _: {
        "tier": u8(c.one_of(range(6))), "terms": c.one_of(TIERS),
    },
    "TierStaking.set_dividend_bps": lambda c, _: {"bps": c.number()},
    "TierStaking.set_premium": lambda c, _: {
        "service": c.number(), "min_tier": c.one_of((None, u8(0), u8(5))),
    },
    "TierStaking.set_contribution_budget": lambda c, _: {"amount": c.amount()},
}  # fmt: skip
"""How to draw the arguments of every call there is."""

NESTING = [
    *(name for name in CALLS if name.startswith("Utility.")),
    "Sudo.sudo",
    "Sudo.sudo_unchecked_weight",
    "Sudo.sudo_as",
    "Multisig.as_multi_threshold_1",
    "Multisig.as_multi",
    "Proxy.proxy",
    "Proxy.proxy_announced",
]
PLAIN = [name for name in CALLS if name not in NESTING]
LIKELY = {
    # What ends a story early comes late; what begins one comes often.
    "Sudo.remove_key": 0.05,
    "Sudo.set_key": 0.2,
    "Timestamp.set": 0.5,
    "Proxy.remove_proxies": 0.5,
    "Proxy.kill_pure": 1,
    "Proxy.add_proxy": 5,
    "Multisig.as_multi": 5,
    "Multisig.cancel_as_multi": 1,
    "Multisig.poke_deposit": 1,
    "Vesting.vested_transfer": 6,
    "Vesting.merge_schedules": 3,
    "Balances.transfer_allow_death": 4,
    "Balances.transfer_all": 3,
    "Authorities.bond": 6,
    "TierStaking.stake": 6,
    "Bounties.propose_bounty": 4,
    # They say no to everybody who goes by himself.
    "Mining.attest_region": 0.5,
    "Mining.attest_energy": 0.5,
    "Mining.set_params": 0.5,
    "Tokenomics.pause_discretionary": 0.5,
    "Tokenomics.set_ceiling_mode": 0.5,
    "Authorities.validate": 3,
    "Babe.report_equivocation": 0.2,
    "Babe.report_equivocation_unsigned": 0.2,
    "Babe.plan_config_change": 0.5,
    "Grandpa.report_equivocation": 0.2,
    "Grandpa.report_equivocation_unsigned": 0.2,
    "Grandpa.note_stalled": 0.5,
}


def test_every_call_of_the_runtime_is_tried() -> None:
    runtime = DevChain().runtime
    every = {
        f"{pallet.name}.{entry.name}"
        for pallet in runtime.pallets.values()
        for entry in pallet.CALLS.values()
    }
    assert set(CALLS) == every == {*NESTING, *PLAIN}


AMOUNT = u128(200 * BTT)
PLAN = VestingInfo(AMOUNT, u128(BTT), u32(0))
SCHEDULE = Schedule(AMOUNT, u32(0), u32(200), u32(0))
TO_BOB = {"dest": Id(KNOWN[1]), "value": AMOUNT}


def root_calls(runtime: BttRuntime, pool: AccountId) -> dict[str, Call]:
    """Return each call by which root could take from a pool, if pools were not out of reach."""
    call, whom = runtime.call, Id(pool)
    pay = call("Balances", "transfer_allow_death", **TO_BOB)
    as_pool = {"as_origin": SystemOrigin(RawSigned(pool)), "call": pay}
    vested = {"source": whom, "target": Id(KNOWN[1]), "schedule": PLAN}
    removed = {"target": whom, "schedule_index": u32(0)}
    return {
        "transfer": call("Balances", "force_transfer", source=whom, **TO_BOB),
        "set": call("Balances", "force_set_balance", who=whom, new_free=u128(BTT)),
        "dispatch": call("Utility", "dispatch_as_fallible", **as_pool),
        "quiet dispatch": call("Utility", "dispatch_as", **as_pool),
        "sudo_as": call("Sudo", "sudo_as", who=whom, call=pay),
        "vested": call("Vesting", "force_vested_transfer", **vested),
        "removal": call("Vesting", "force_remove_vesting_schedule", **removed),
    }


BOUNTY = account_of(7)
EVERY_POOL = [pytest.param(pool, id=pool[4:12].decode()) for pool in ALL_POOLS]


@pytest.mark.parametrize("pool", [*EVERY_POOL, pytest.param(BOUNTY, id="a bounty")])
def test_no_call_of_root_takes_from_a_pool(pool: AccountId) -> None:
    chain = DevChain(extra={pool: START}, shared=True)
    runtime = chain.at()
    # Nobody can give a pool a schedule; if one had come about anyhow, nobody could end it.
    runtime.vesting.schedules_ext[pool] = [SCHEDULE]
    had = runtime.balances.total(pool)
    for name, made in root_calls(runtime, pool).items():
        with pytest.raises(DispatchError):
            runtime.dispatch(ROOT, made)
        assert runtime.balances.total(pool) == had, name
        assert runtime.vesting.schedules_ext[pool], name


@pytest.mark.parametrize("pool", [*EVERY_POOL, pytest.param(BOUNTY, id="a bounty")])
def test_a_pool_takes_no_gift_that_it_could_not_spend(pool: AccountId) -> None:
    chain = DevChain(extra={pool: START}, shared=True)
    gift = chain.call("Vesting", "vested_transfer", target=Id(pool), schedule=PLAN)
    refusal = chain.run(BOB, gift)[-1]
    assert isinstance(refusal, System.ExtrinsicFailed)
    assert refusal.dispatch_error == TokenError(TokenErrorKind.Unsupported).wire()
    by_force = {"source": Id(KNOWN[1]), "target": Id(pool), "schedule": PLAN}
    with pytest.raises(TokenError):
        chain.at().dispatch(ROOT, chain.call("Vesting", "force_vested_transfer", **by_force))


@pytest.mark.parametrize("pool", EVERY_POOL)
def test_root_spends_only_pools_that_it_decides_about(pool: AccountId) -> None:
    chain = DevChain(extra={pool: START}, economy={}, shared=True)
    runtime = chain.at()
    given = {"pool": id_of(pool), "amount": AMOUNT, "beneficiary": Id(KNOWN[1])}
    release = runtime.call("Tokenomics", "release_discretionary", **given)
    if pool in (ECOSYSTEM, GRANTS, DEVELOPMENT_FUND, OPERATIONS):
        runtime.dispatch(ROOT, release)
        assert runtime.balances.total(pool) == START - AMOUNT
    else:
        with pytest.raises(Tokenomics.NotDiscretionary):
            runtime.dispatch(ROOT, release)
    reserved = {"amount": AMOUNT, "beneficiary": Id(KNOWN[1]), "reason_hash": NO_HASH}
    with pytest.raises(BadOrigin):
        runtime.dispatch(ROOT, runtime.call("Tokenomics", "spend_reserve", **reserved))


LONGER = (100, 30_000, 450_000)
"""Slots in which something ends: a period of the treasury, a short stake, a month."""


class World(RuleBasedStateMachine):
    """A chain, a second node that follows it, and what has been made so far."""

    @initialize()
    def begin(self) -> None:
        self.chain = DevChain(
            extra={POOR.account_id: 3 * ED} | dict.fromkeys((JOINT, SHARED_1, *FUNDS), START),
            economy=ECONOMY,
            shared=True,
        )
        self.peer = self.chain.another()
        self.supply = self.chain.total()
        self.pures: list[AccountId] = [derivative(KNOWN[1], u16(1))]
        self.made: list[Call] = []
        self.signer = KNOWN[0]
        self.watch = PoolWatch(self.chain)

    def remember(self, made: Call) -> None:
        if made.raw not in [other.raw for other in self.made]:
            self.made = [*self.made[-5:], made]

    # ---- what happens

    @rule(seed=SEEDS, pair=st.sampled_from(SIGNERS), tip=st.sampled_from((0, 0, 1, 10**18)))
    def somebody_calls(self, seed: int, pair: KeyPair, tip: int) -> None:
        self.signer = account(pair)
        made = Chooser(seed, self).call()
        before = self.chain.storage()
        try:
            self.chain.send(pair, made, tip=tip)
        except PoolError:
            assert self.chain.storage() == before
            return
        self._seal()
        events = self._of_transaction()
        if events and isinstance(events[-1], System.ExtrinsicFailed):
            self._nothing_but_fee_and_nonce(self._without_transactions(), account(pair), events)

    @rule(seed=SEEDS)
    def several_call_in_one_block(self, seed: int) -> None:
        for place, pair in enumerate(SIGNERS):
            self.signer = account(pair)
            with suppress(PoolError):
                self.chain.send(pair, Chooser(seed + place, self).call())
        self._seal()

    @rule(seed=SEEDS)
    def two_owners_agree(self, seed: int) -> None:
        """Propose a call of the joint account and approve it: too rare a chance otherwise."""
        made = Chooser(seed, self).call(2)
        for pair in (BOB, CHARLIE):
            operation = self.chain.at().multisig.multisigs.get((JOINT, blake2_256(made.raw)))
            others = sorted({account(one) for one in (BOB, CHARLIE, DAVE)} - {account(pair)})
            approval = self.chain.call(
                "Multisig",
                "as_multi",
                threshold=u16(2),
                other_signatories=others,
                maybe_timepoint=operation.when if operation else None,
                call=made,
                max_weight=Weight(u64(10**10)),
            )
            with suppress(PoolError):
                self.chain.send(pair, approval)
            self._seal()

    @rule(seed=SEEDS)
    def what_was_begun_goes_on(self, seed: int) -> None:
        """Let something happen by whoever's turn it is: too rare a chance otherwise."""
        for place in range(5):
            chooser = Chooser(seed + place, self)
            who, name, args = chooser.next_step()
            made, signer = chooser.named(name, 1, **args), who or self.chain.at().sudo.key.get()
            if who is None:
                made = self.chain.call("Sudo", "sudo", call=made)
            for pair in SIGNERS:
                if account(pair) == signer:
                    with suppress(PoolError):
                        self.chain.send(pair, made)
            if chooser.flag():
                self.chain.now += chooser.one_of((0, 80, 80, *LONGER)) * self.chain.slot_ms / 1000
            self._seal()

    @rule(blocks=st.sampled_from((1, 2, 7, 1, 2, 7, *LONGER)))
    def time_passes(self, blocks: int) -> None:
        """Let slots pass; then look at the books as a whole, which is too dear for every step."""
        self.chain.now += blocks * self.chain.slot_ms / 1000
        self._seal()
        assert not audit(self.chain.at())

    @precondition(lambda self: bool(self.chain.pool.pool.status().future))
    @rule()
    def nothing_waits_for_ever(self) -> None:
        self._seal()

    def _seal(self) -> None:
        hash = self.chain.seal()
        self.peer.import_block(*self.chain.block(hash))  # refuses any other root
        for record in self.chain.events(hash):
            event = record.event.event
            if isinstance(event, Proxy.PureCreated):
                self.pures = [*self.pures[-3:], event.pure]
        self.watch.look(hash)

    def _without_transactions(self) -> dict[bytes, bytes]:
        """Return the state that the best block would have led to if it were empty."""
        header, body = self.chain.block(self.chain.client.best().hash)
        overlay = self.chain.client.overlay(header.parent_hash)
        executive = self.chain.client.law(header.parent_hash).blocks
        executive.initialize_block(overlay, header)
        executive.apply_extrinsic(body[0])
        executive.finalize_block()
        state = self.chain.storage(header.parent_hash)
        for key, value in overlay.changes().items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        return state

    def _of_transaction(self) -> list[object]:
        records = self.chain.events(self.chain.client.best().hash)
        return [record.event.event for record in records if in_transaction(record)]

    # ---- what must hold

    def _nothing_but_fee_and_nonce(
        self, before: dict[bytes, bytes], who: AccountId, events: list[object]
    ) -> None:
        kinds = {type(event) for event in events}
        assert kinds <= FAILURE_EVENTS, kinds
        after, runtime = self.chain.storage(), self.chain.at()
        accounts = runtime.system.account
        # The author's share may open the account anew, or be too little to, and go to the treasury.
        ours = {accounts.key(one): one for one in (who, KNOWN[0], DEVELOPMENT_FUND, TREASURY)}
        prefixes = tuple(item_prefix(runtime, name) for name in BOOKKEEPING)
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert not [key for key in changed - ours.keys() if not key.startswith(prefixes)]
        told = TransactionPayment.TransactionFeePaid
        fee = sum(int(event.actual_fee) for event in events if isinstance(event, told))
        change = 0
        for key, one in ours.items():
            old, new = (info_in(state, key).data for state in (before, after))
            assert (new.reserved, new.frozen) == (old.reserved, old.frozen)
            moved = int(new.free) - int(old.free)
            assert moved >= 0 or one == who
            if one == who and who != KNOWN[0]:
                assert moved == -fee
            change += moved
        assert change == 0
        nonces = [info_in(state, accounts.key(who)).nonce for state in (before, after)]
        assert nonces[1] == nonces[0] + 1

    @invariant()
    def money_is_conserved(self) -> None:
        runtime = self.chain.at()
        issuance = int(runtime.balances.total_issuance.value)
        assert self.chain.total() == issuance
        burned = int(runtime.balances.total_burned.value)
        assert issuance + burned == self.supply
        assert sum(int(part) for _, part in runtime.tokenomics.burned_by.items()) == burned

    @invariant()
    def references_are_counted(self) -> None:
        runtime = self.chain.at()
        for who, info in runtime.system.account.items():
            data = info.data
            provides = data.free >= ED
            assert info.providers == provides + (who in ALL_POOLS), who.hex()
            consumers = bool(data.reserved or data.frozen) + runtime.session.has_keys(who)
            assert int(info.consumers) == consumers, who.hex()
            assert info.providers or info.sufficients, who.hex()

    @invariant()
    def locks_and_reserves_add_up(self) -> None:
        runtime = self.chain.at()
        balances: Balances = runtime.balances
        for who, info in runtime.system.account.items():
            locks = balances.locks[who]
            level = lock_level(locks, balances.freezes[who])
            staked = runtime.tier_staking.staked_of(who)
            firm = int(staked.long) + int(staked.short)  # stakes never stand in for locked money
            assert info.data.frozen == (level + firm if level else 0)
            holds = {hold.id: int(hold.amount) for hold in balances.holds[who]}
            bond, stake = runtime.authorities.reason, runtime.tier_staking.reason
            both = ((bond, int(runtime.authorities.bonded(who))), (stake, firm))
            told = {reason: amount for reason, amount in both if amount}
            assert holds == told, "only bonds and stakes are on hold"
            reserves = balances.reserves[who]
            named = sum(int(entry.amount) for entry in reserves)
            assert sum(holds.values()) + named == info.data.reserved, "every reserve has a name"
            assert amount_of(reserves, RESERVE_ID) == deposits_of(runtime, who)
            schedules = runtime.vesting.schedules_ext.get(who) or []
            assert bool(schedules) == bool(locks)
            shown = runtime.vesting.vesting.get(who) or []
            assert shown == [one.info() for one in schedules]

    @invariant()
    def a_follower_agrees(self) -> None:
        assert self.peer.best() == self.chain.client.best()


FAILURE_EVENTS = {
    Balances.Endowed,  # author or fund, by the fee
    System.NewAccount,
    Balances.Withdraw,
    Balances.Deposit,
    TransactionPayment.TransactionFeePaid,
    System.ExtrinsicFailed,
}


def info_in(state: dict[bytes, bytes], key: bytes) -> AccountInfo:
    raw = state.get(key)
    return AccountInfo() if raw is None else codec(AccountInfo).decode_all(raw)


def deposits_of(runtime: BttRuntime, who: AccountId) -> int:
    """Return what somebody has deposited for bounties, by the bounties."""
    bounties = [bounty for _, bounty in runtime.bounties.bounties.items()]
    proposed = sum(int(bounty.bond) for bounty in bounties if bounty.proposer == who)
    return proposed + sum(
        int(bounty.curator_deposit)
        for bounty in bounties
        if getattr(bounty.status, "curator", None) == who
    )


def item_prefix(runtime: BttRuntime, name: str) -> bytes:
    pallet, item = name.split(".")
    prefix: bytes = getattr(getattr(runtime, pallet), item).prefix
    return prefix


World.TestCase.settings = settings(
    max_examples=max(20, settings().max_examples // 5),
    stateful_step_count=25,
)
TestConservation = World.TestCase
