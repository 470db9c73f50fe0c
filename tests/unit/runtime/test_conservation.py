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
from btt_chain.work import ids
from runtime import VERSION, BttRuntime
from runtime.accounts import (
    DEVELOPMENT_FUND,
    ECOSYSTEM,
    EXCHANGE,
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
from runtime.audits import audit, records
from runtime.constants import BTT, MILLI_BTT
from runtime.frame import (
    ROOT,
    BadOrigin,
    Call,
    DispatchError,
    Reason,
    TokenError,
    TokenErrorKind,
    Weight,
    signed,
)
from runtime.frame.items import Map
from runtime.pallets import asset_registry, exchange, jobs, models, providers
from runtime.pallets.asset_registry import AssetKind as ThingKind
from runtime.pallets.asset_registry import Mode, RightKind, Role
from runtime.pallets.assets import Consumer
from runtime.pallets.authorities import LOWEST_MINIMUM
from runtime.pallets.balances import Balances
from runtime.pallets.balances.formulas import amount_of, lock_level
from runtime.pallets.bounties import RESERVE_ID, Active, AwaitsCurator, Awarded, Funded, Proposed
from runtime.pallets.chambers import Mode as ChamberMode
from runtime.pallets.conviction_voting import Conviction, Split, SplitAbstain, Standard, Vote
from runtime.pallets.exchange import Side, TimeInForce
from runtime.pallets.identity import Data, Erroneous, FeePaid, IdentityInfo, KnownGood
from runtime.pallets.jobs import ENDED, Check, JobState, Tier, Urgency
from runtime.pallets.mining.types import Params
from runtime.pallets.models.pallet import CLASSES
from runtime.pallets.models.types import CheckMode
from runtime.pallets.multisig import Timepoint, multi_account_id
from runtime.pallets.origins import (
    Decision,
    DecisionOrigin,
    RawNone,
    RawRoot,
    RawSigned,
    SystemOrigin,
)
from runtime.pallets.preimage import MAX_INLINE, Inline, Lookup
from runtime.pallets.proxy import Proxy, ProxyType
from runtime.pallets.receipts import Phase, Valid
from runtime.pallets.referenda import WasKilled
from runtime.pallets.scheduler import After
from runtime.pallets.session import SessionKeys
from runtime.pallets.system import System
from runtime.pallets.tier_staking import TIERS
from runtime.pallets.tokenomics import Tokenomics
from runtime.pallets.tokenomics.ledger import ALL_POOLS, id_of
from runtime.pallets.tokenomics.types import NO_HASH, BurnId, CeilingMode, PoolId
from runtime.pallets.transaction_payment import TransactionPayment
from runtime.pallets.treasury import AssetKind, Pending
from runtime.pallets.utility import derivative
from runtime.pallets.vesting import Schedule, VestingInfo
from support import market
from support.chain import ALICE, BOB, CHARLIE, DAVE, START, DevChain, account, in_transaction
from support.pool_watch import PoolWatch, account_of
from support.providers import ENDPOINT, provider_info

T = TypeVar("T")
SEEDS = st.integers(0, 2**40)

POOR = KeyPair.from_uri("//Poor")
SIGNERS = (ALICE, BOB, CHARLIE, DAVE, POOR)
KNOWN = [account(pair) for pair in SIGNERS]
UNKNOWN = [AccountId(bytes((number,)) * 32) for number in (0, 7, 8)]
JOINT = multi_account_id(KNOWN[1:4], 2)
SHARED_1 = multi_account_id(KNOWN[1:4], 1)
ED = int(MILLI_BTT)
EXTREMES = (0, 1, ED - 1, ED, ED + 1, int(BTT), 100 * int(BTT), START, u128.MAX)
FAR = u32.MAX

FOUNDATION, KEEPER = CHARLIE, DAVE
"""Signatories of the Foundation and of the reserve."""
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
        # As the documents have them, but for small allowances and short lives.
        "tiers": [
            [days, int(tier.reward_bps), str(int(tier.minimum) // 1_000), int(tier.burn_bps)]
            for days, tier in zip((2, 30, 90, 365, 1_095), TIERS, strict=True)
        ],
    },
}  # fmt: skip

# What a transaction may change by being in a block, besides what it is about.
BOOKKEEPING = (
    "scheduler.incomplete_since",
    "system.block_weight",
    "system.events",
    "system.event_count",
    "fees.next_fee_multiplier",
)


class Chooser:
    """Chooses calls that fit the state well enough to do something, often.

    By a lot of its own: hypothesis would like small and simple calls best.
    """

    def __init__(self, seed: int, world: World) -> None:
        self._randomness = random.Random(seed)
        self.world = world
        self.runtime: BttRuntime = world.chain.at()

    def one_of(self, options: Sequence[T]) -> T:
        return self._randomness.choice(options)

    def flag(self) -> bool:
        return self.one_of((False, True))

    def who(self) -> AccountId:
        pools = [TREASURY, self.one_of(POOLS), account_of(0), JOINT, SHARED_1]
        return self.one_of([*KNOWN, *KNOWN, *UNKNOWN, *pools, *self.world.pures])

    def address(self) -> MultiAddress:
        return self.one_of([Id(self.who())] * 20 + [Index(())])

    def amount(self) -> u128:
        """An amount at which a rule may change: an extreme, or about what an account has."""
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
        mine = [
            number for number, _ in self.runtime.tier_staking.ledger.stakes.under(self.world.signer)
        ]
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
        if self.world.made and self._randomness.random() < 1 / 3:
            return self.one_of(self.world.made)
        return self.call(depth + 1)

    def named(self, name: str, depth: int = 0, **args: object) -> Call:
        """Return a call with some of its arguments given."""
        pallet, _, method = name.partition(".")
        return self.runtime.call(pallet, method, **(CALLS[name](self, depth) | args))

    def call(self, depth: int = 0) -> Call:
        names = NESTING + PLAIN if depth < 3 else PLAIN
        (name,) = self._randomness.choices(names, [LIKELY.get(name, 2) for name in names])
        made = self.named(name, depth)
        if depth == 0 and len(made.raw) < 500:
            self.world.remember(made)
        return made

    def next_step(self, *, trade: bool) -> Step:
        """Return something that could happen next to what was begun, or be begun."""
        parts = [self._grants, self._grants, self._payments, self._releases, self._stakes]
        if trade:
            parts = [self._work, self._work, self._assets, self._vaults, self._decisions]
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
            if self._randomness.random() < 1 / 5:
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
        open_stakes = [place for place, _ in self.runtime.tier_staking.ledger.stakes.items()]
        for who, number in open_stakes:
            for name in ("claim", "unstake", "extend"):
                yield who, f"TierStaking.{name}", {"id": number}
            yield None, "TierStaking.force_unstake", {"who": Id(who), "id": number}

    def _work(self) -> Iterator[Step]:
        who = self.one_of(KNOWN)
        yield who, "Jobs.post", {"items": u32(2), "max_price": u128(START)}
        for provider in KNOWN[2:4]:
            yield provider, "Providers.heartbeat", {}
        for id, job in self.runtime.jobs.store.jobs.items():
            match job.state:
                case JobState.Posted if job.requester and self._randomness.random() < 1 / 5:
                    yield job.requester, "Jobs.cancel", {"job": id}
                case JobState.Assigned if job.provider:
                    for _ in range(3):
                        yield job.provider, "Jobs.accept", {"job": id}
                    yield job.provider, "Jobs.decline", {"job": id}
                case JobState.Computing if job.provider:
                    given = {"job": id, "attempt": job.attempt, "started": job.accepted}
                    for _ in range(3):
                        yield job.provider, "Receipts.submit", given
                    yield job.provider, "Jobs.refuse_payload", {"job": id}
        for id, receipt in self.runtime.receipts.receipts.items():
            if receipt.phase is not Phase.Ended:
                requester = self.runtime.jobs.store.jobs[receipt.job].requester
                for name in ("accept_result", "accept_result", "challenge_data"):
                    yield requester, f"Receipts.{name}", {"receipt": id}

    def _assets(self) -> Iterator[Step]:
        registry, who = self.runtime.asset_registry, self.one_of(KNOWN)
        price: dict[str, object] = {"price": u128(BTT // self.one_of((1, 3, 7)))}
        some: dict[str, object] = {
            "asset": SCANNER,
            "units": u128(self.one_of((7, 10, 300))),
        } | price
        for side in Side:
            yield who, "Exchange.place_order", some | {"side": side}
            yield who, "Exchange.place_order", some | {"side": side}
        for id, order in self.runtime.exchange.order_book.orders.items():
            if self._randomness.random() < 1 / 5:
                yield order.owner, "Exchange.cancel_order", {"id": id}
        issuer = registry.registrations.registered[SCANNER].issuer
        yield issuer, "AssetRegistry.distribute_revenue", {"amount": self.some()}
        yield who, "AssetRegistry.claim_revenue", {}
        yield issuer, "AssetRegistry.offer_buy_back", {"units": u128(5)} | price
        yield who, "AssetRegistry.sell_back", {"units": u128(2), "least_price": u128(0)}
        yield None, "AssetRegistry.slash_verifier", {"who": Id(KNOWN[2]), "amount": u128(BTT)}

    def _vaults(self) -> Iterator[Step]:
        who = self.one_of(KNOWN)
        begun = {"asset": SCANNER, "money": u128(3 * BTT), "units": u128(5)}
        yield who, "Vaults.create_vault", begun
        for id, vault in self.runtime.vaults.vaults.items():
            yield who, "Vaults.deposit_vault", {"id": id}
            yield self.one_of((who, vault.manager)), "Vaults.withdraw_vault", {"id": id}
            given = {"id": id, "price": u128(BTT // self.one_of((1, 3, 7)))}
            yield vault.manager, "Vaults.place_vault_order", given

    def _decisions(self) -> Iterator[Step]:
        who = self.one_of(KNOWN)
        yield who, "Referenda.submit", {}
        for index, info in self.runtime.referenda.referendum_info_for.items():
            if isinstance(info, WasKilled):
                continue
            for name in ("place_decision_deposit", "nudge_referendum", "refund_decision_deposit"):
                yield who, f"Referenda.{name}", {"index": index}
            yield who, "ConvictionVoting.vote", {"poll_index": index}
        yield None, "Identity.kill_identity", {"target": Id(KNOWN[1])}


Step = tuple[AccountId | None, str, Mapping[str, object]]
"""Signer (None: root), call, and the arguments that matter."""
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
    """Return how to choose a report of double signing: one that proves nothing."""

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


TASK = b"task".ljust(32)
INFO = IdentityInfo(display=Data.text("somebody"))


def noted(c: Chooser) -> bytes:
    return c.one_of(c.world.made).raw if c.world.made else b""


def one_preimage(c: Chooser, depth: int) -> dict[str, object]:
    return {"hash": announced(c)}


def a_task(c: Chooser, depth: int) -> dict[str, object]:
    again = c.one_of((None, (u32(1), u32(2))))
    return {"maybe_periodic": again, "priority": u8(c.one_of((0, 9))), "call": c.inner(depth)}


def referendum(c: Chooser) -> u32:
    return c.known(c.runtime.referenda.referendum_info_for)


def one_referendum(c: Chooser, depth: int) -> dict[str, object]:
    return {"index": referendum(c)}


def track(c: Chooser) -> u16:
    return u16(c.one_of((0, *Decision, 99)))


def decided_by(c: Chooser) -> SystemOrigin | DecisionOrigin:
    if c.one_of((True, False, False, False, False)):
        return origin(c)
    urgent = [Decision.Emergency] * 6
    return DecisionOrigin(c.one_of([*urgent, *Decision]))


def proposal(c: Chooser) -> Inline | Lookup:
    raw = noted(c)
    if len(raw) <= MAX_INLINE:
        return Inline(raw)
    return Lookup(H256(blake2_256(raw)), u32(len(raw)))


def a_vote(c: Chooser) -> Standard | Split | SplitAbstain:
    match c.one_of((0, 0, 1, 2)):
        case 1:
            return Split(c.some(), c.some())
        case 2:
            return SplitAbstain(u128(ED), u128(ED), u128(ED))
    return Standard(Vote(c.one_of((0x80, 0x81, 1, 0x86))), c.amount())


def nothing(pallet: str, method: str) -> Arguments:
    """Return how to choose what is made of zeros: proofs of nothing."""

    def draw(c: Chooser, depth: int) -> dict[str, object]:
        (entry,) = [
            entry
            for entry in c.runtime.pallets[PLACES[pallet]].CALLS.values()
            if entry.name == method
        ]
        return {name: kind.decode(bytes(1_000), 0)[0] for name, kind in entry.args}

    return draw


NET = market.net().manifest
"""A model that is registered from the beginning."""
SCANNER = u32(0)
"""An asset that is issued and traded from the beginning."""
PAPERS = H256(b"\5" * 32)


def one_model(c: Chooser, depth: int) -> dict[str, object]:
    return {"model": ids.model_id(NET)}


def one_job(c: Chooser, depth: int) -> dict[str, object]:
    known = [id for id, job in c.runtime.jobs.store.jobs.items() if job.state not in ENDED]
    return {"job": c.one_of([*known * 3, NO_HASH])}


def one_receipt(c: Chooser, depth: int) -> dict[str, object]:
    return {"receipt": c.one_of([*[id for id, _ in c.runtime.receipts.receipts.items()], NO_HASH])}


def one_asset(c: Chooser, depth: int) -> dict[str, object]:
    return {"id": c.known(c.runtime.asset_registry.registrations.registered)}


def one_vault(c: Chooser, depth: int) -> dict[str, object]:
    return {"id": c.known(c.runtime.vaults.vaults)}


def units(c: Chooser) -> u128:
    return u128(c.one_of((0, 1, 2, 50, 1_000, 1_001, u128.MAX)))


def prepare(runtime: BttRuntime) -> None:
    """Let there be a model, providers, verifiers, and an asset that some have units of."""
    alice, bob, charlie, dave = KNOWN[:4]
    runtime.models.genesis({})
    runtime.models.register(signed(bob), NET, u16(0), b"A net", CheckMode.Reexecute, ENDPOINT)
    runtime.providers.set_params(ROOT, providers.Params(minimum_bond=u128(10 * BTT)))
    for who in (charlie, dave):
        runtime.providers.register(signed(who), provider_info(), u128(50 * BTT))
    runtime.identity.add_registrar(ROOT, Id(dave))
    runtime.identity.set_identity(signed(alice), INFO)
    judged = H256(blake2_256(codec(IdentityInfo).encode(INFO)))
    runtime.identity.provide_judgement(signed(dave), u32(0), Id(alice), KnownGood(), judged)
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


PLACES = {"Babe": 2, "Grandpa": 8, "Receipts": 43}

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
    "Preimage.note_preimage": lambda c, _: {"bytes": noted(c)},
    "Preimage.unnote_preimage": one_preimage,
    "Preimage.request_preimage": one_preimage,
    "Preimage.unrequest_preimage": one_preimage,
    "Preimage.ensure_updated": lambda c, _: {"hashes": [announced(c)]},
    "Scheduler.schedule": lambda c, d: a_task(c, d) | {"when": u32(c.slot())},
    "Scheduler.cancel": lambda c, _: {"when": u32(c.slot()), "index": c.number()},
    "Scheduler.schedule_named": lambda c, d: a_task(c, d) | {
        "id": TASK, "when": u32(c.slot()),
    },
    "Scheduler.cancel_named": lambda c, _: {"id": TASK},
    "Scheduler.schedule_after": lambda c, d: a_task(c, d) | {"after": c.number()},
    "Scheduler.schedule_named_after": lambda c, d: a_task(c, d) | {
        "id": TASK, "after": c.number(),
    },
    "Scheduler.set_retry": lambda c, _: {
        "task": (u32(c.slot()), c.number()), "retries": u8(2), "period": u32(1),
    },
    "Scheduler.set_retry_named": lambda c, _: {"id": TASK, "retries": u8(2), "period": u32(1)},
    "Scheduler.cancel_retry": lambda c, _: {"task": (u32(c.slot()), c.number())},
    "Scheduler.cancel_retry_named": lambda c, _: {"id": TASK},
    "Referenda.submit": lambda c, _: {
        "proposal_origin": decided_by(c), "proposal": proposal(c),
        "enactment_moment": After(u32(c.one_of((0, 1, 5)))),
    },
    "Referenda.place_decision_deposit": one_referendum,
    "Referenda.refund_decision_deposit": one_referendum,
    "Referenda.cancel": one_referendum,
    "Referenda.kill": one_referendum,
    "Referenda.nudge_referendum": one_referendum,
    "Referenda.one_fewer_deciding": lambda c, _: {"track": track(c)},
    "Referenda.refund_submission_deposit": one_referendum,
    "Referenda.set_metadata": lambda c, d: one_referendum(c, d) | {
        "maybe_hash": c.one_of((None, announced(c))),
    },
    "ConvictionVoting.vote": lambda c, _: {"poll_index": referendum(c), "vote": a_vote(c)},
    "ConvictionVoting.delegate": lambda c, _: {
        "class": track(c), "to": c.address(), "conviction": c.one_of(list(Conviction)),
        "balance": c.amount(),
    },
    "ConvictionVoting.undelegate": lambda c, _: {"class": track(c)},
    "ConvictionVoting.unlock": lambda c, _: {"class": track(c), "target": c.address()},
    "ConvictionVoting.remove_vote": lambda c, d: one_referendum(c, d) | {
        "class": c.one_of((None, track(c))),
    },
    "ConvictionVoting.remove_other_vote": lambda c, d: one_referendum(c, d) | {
        "class": track(c), "target": c.address(),
    },
    "Whitelist.whitelist_call": lambda c, _: {"call_hash": announced(c)},
    "Whitelist.remove_whitelisted_call": lambda c, _: {"call_hash": announced(c)},
    "Whitelist.dispatch_whitelisted_call": lambda c, _: {
        "call_hash": announced(c), "call_encoded_len": c.number(),
        "call_weight_witness": c.weight(),
    },
    "Whitelist.dispatch_whitelisted_call_with_preimage": lambda c, d: {"call": c.inner(d)},
    "Chambers.add_institution": lambda c, _: {"who": c.address(), "allocation": c.some()},
    "Chambers.remove_institution": lambda c, _: {"who": c.address()},
    "Chambers.submit_candidacy": lambda c, _: {},
    "Chambers.withdraw_candidacy": lambda c, _: {},
    "Chambers.vote_representative": lambda c, _: {
        "candidates": [c.one_of((KNOWN[0], c.who()))], "value": c.amount(),
    },
    "Chambers.remove_rep_vote": lambda c, _: {},
    "Chambers.set_mode": lambda c, _: {"mode": c.one_of(list(ChamberMode))},
    "Chambers.remove_representative": lambda c, _: {"who": c.address()},
    "Models.register": lambda c, _: {
        "manifest": NET, "model_class": u16(0), "name": b"m", "check": CheckMode.Vectors,
        "endpoints": ENDPOINT,
    },
    "Models.retire": one_model,
    "Models.suspend": one_model,
    "Models.resume": one_model,
    "Models.revoke": one_model,
    "Models.set_class": lambda c, _: {"index": u16(0), "model_class": CLASSES[0]},
    "Models.set_params": lambda c, _: {"params": models.Params(c.some())},
    "Models.set_endpoints": lambda c, d: one_model(c, d) | {"endpoints": ENDPOINT},
    "Providers.register": lambda c, _: {"info": provider_info(), "bond": c.amount()},
    "Providers.update": lambda c, _: {"info": provider_info(capacity=2)},
    "Providers.bond_extra": lambda c, _: {"amount": c.amount()},
    "Providers.unbond": lambda c, _: {"amount": c.amount()},
    "Providers.withdraw": lambda c, _: {},
    "Providers.chill": lambda c, _: {},
    "Providers.resume": lambda c, _: {},
    "Providers.set_availability": lambda c, _: {"hours": c.one_of((None, bytes(21)))},
    "Providers.heartbeat": lambda c, _: {},
    "Providers.delegate_score": lambda c, _: {"validator": c.one_of((None, c.who()))},
    "Providers.dismiss_delegator": lambda c, _: {"provider": c.who()},
    "Providers.deregister": lambda c, _: {},
    "Providers.set_params": lambda c, _: {"params": providers.Params(c.some())},
    "Jobs.post": lambda c, d: one_model(c, d) | {
        "items": u32(c.one_of((0, 1, 2, 4_097))), "input_root": NO_HASH,
        # Where the requester looks itself, work is paid without a committee.
        "tier": c.one_of((Tier.Open, Tier.Confidential, Tier.Confidential)),
        "check": c.one_of(list(Check)), "urgency": c.one_of(list(Urgency)),
        "max_price": c.amount(), "data_bytes": u64(c.one_of((0, 1, 2**30))),
        "deadline": u32(c.one_of((0, 5, 100))), "reply_key": bytes(32), "endpoints": ENDPOINT,
    },
    "Jobs.cancel": one_job,
    "Jobs.accept": one_job,
    "Jobs.decline": one_job,
    "Jobs.refuse_payload": one_job,
    "Jobs.add_protocol_set": lambda c, d: one_model(c, d) | {
        "items": u32(1), "input_root": NO_HASH, "data_bytes": u64(0), "deadline": u32(10),
        "endpoints": ENDPOINT,
    },
    "Jobs.remove_protocol_set": lambda c, _: {"index": c.number()},
    "Jobs.set_params": lambda c, _: {"params": jobs.Params(min_price=c.some())},
    "Receipts.submit": lambda c, d: one_job(c, d) | {
        "attempt": u8(0), "item_root": NO_HASH, "output_root": NO_HASH,
        "planted_error_commit": NO_HASH, "started": u32(c.slot()),
        "finished": u32(c.runtime.babe.now()),
    },
    "Receipts.attest_commit": lambda c, d: one_receipt(c, d) | {
        "verifier": c.who(), "commitment": NO_HASH, "signature": bytes(64),
    },
    "Receipts.attest_reveal": lambda c, d: one_receipt(c, d) | {
        "verifier": c.who(), "verdict": Valid(), "digest": NO_HASH, "salt": NO_HASH,
        "pre_output": bytes(32), "proof": bytes(64),
    },
    "Receipts.prove_fraud": nothing("Receipts", "prove_fraud"),
    "Receipts.prove_edge": nothing("Receipts", "prove_edge"),
    "Receipts.reveal_planted_error": lambda c, d: one_receipt(c, d) | {
        "pre_output": bytes(32), "proof": bytes(64), "item_root": NO_HASH,
        "output_root": NO_HASH, "salt": NO_HASH,
    },
    "Receipts.accept_result": one_receipt,
    "Receipts.challenge_data": lambda c, d: one_receipt(c, d) | {
        "item": u32(0), "tensor": u32(0), "leaf": u32(0),
    },
    "Receipts.answer_data": nothing("Receipts", "answer_data"),
    "Receipts.dispute_digest": nothing("Receipts", "dispute_digest"),
    "Receipts.expose_voters": nothing("Receipts", "expose_voters"),
    "Receipts.join": lambda c, _: {"bond": c.amount()},
    "Receipts.bond_extra": lambda c, _: {"amount": c.amount()},
    "Receipts.leave": lambda c, _: {},
    "Receipts.withdraw": lambda c, _: {},
    "Assets.transfer": lambda c, d: one_asset(c, d) | {"target": c.address(), "amount": units(c)},
    "Assets.transfer_keep_alive": lambda c, d: one_asset(c, d) | {
        "target": c.address(), "amount": units(c),
    },
    "Assets.touch": one_asset,
    "Assets.refund": lambda c, d: one_asset(c, d) | {"allow_burn": c.flag()},
    "Assets.transfer_all": lambda c, d: one_asset(c, d) | {
        "dest": c.address(), "keep_alive": c.flag(),
    },
    "AssetRegistry.register": lambda c, _: {
        "kind": ThingKind.Equipment, "right": RightKind.Revenue, "documents": announced(c),
        "description": NO_HASH, "name": b"Thing", "symbol": b"T", "value": c.some(),
        "units": units(c), "restricted": c.flag(),
    },
    "AssetRegistry.verify": lambda c, d: one_asset(c, d) | {
        "role": c.one_of(list(Role)), "complexity": u8(c.one_of((1, 2))), "approve": c.flag(),
        "report": NO_HASH,
    },
    "AssetRegistry.vote": lambda c, d: one_asset(c, d) | {"aye": c.flag()},
    "AssetRegistry.issue": one_asset,
    "AssetRegistry.claim_vote_reward": one_asset,
    "AssetRegistry.expire_vote_reward": one_asset,
    "AssetRegistry.request_revaluation": lambda c, d: one_asset(c, d) | {
        "mode": c.one_of(list(Mode)),
    },
    "AssetRegistry.submit_revaluation": lambda c, d: one_asset(c, d) | {
        "role": c.one_of(list(Role)), "value": c.some(), "report": NO_HASH,
    },
    "AssetRegistry.freeze_asset": one_asset,
    "AssetRegistry.thaw_asset": one_asset,
    "AssetRegistry.distribute_revenue": lambda c, d: one_asset(c, d) | {"amount": c.amount()},
    "AssetRegistry.claim_revenue": one_asset,
    "AssetRegistry.offer_buy_back": lambda c, d: one_asset(c, d) | {
        "price": c.some(), "units": units(c),
    },
    "AssetRegistry.sell_back": lambda c, d: one_asset(c, d) | {
        "units": units(c), "least_price": c.some(),
    },
    "AssetRegistry.retire": one_asset,
    "AssetRegistry.bond_verifier": lambda c, _: {"bond": c.amount()},
    "AssetRegistry.appoint_verifier": lambda c, _: {
        "who": c.address(), "regulatory": c.flag(), "technical": c.flag(),
    },
    "AssetRegistry.leave": lambda c, _: {},
    "AssetRegistry.withdraw_bond": lambda c, _: {},
    "AssetRegistry.slash_verifier": lambda c, _: {"who": c.address(), "amount": c.amount()},
    "AssetRegistry.set_params": lambda c, _: {
        "params": asset_registry.Params(voters_bps=u32(c.one_of((0, 2_500, 2_501)))),
    },
    "AssetRegistry.withdraw": one_asset,
    "AssetRegistry.forget_votes": one_asset,
    "Exchange.list_asset": lambda c, _: {"asset": SCANNER},
    "Exchange.list_premium": lambda c, _: {"asset": SCANNER},
    "Exchange.delist": lambda c, _: {"asset": SCANNER},
    "Exchange.readmit": lambda c, _: {"asset": SCANNER},
    "Exchange.place_order": lambda c, _: {
        "asset": SCANNER, "side": c.one_of(list(Side)), "units": units(c),
        "price": u128(c.one_of((1, BTT // 10, 2 * BTT))),
        "time_in_force": c.one_of(list(TimeInForce)),
        "until": c.one_of((None, None, u64(c.slot()))),
    },
    "Exchange.cancel_order": lambda c, _: {
        "id": c.one_of([*dict(c.runtime.exchange.order_book.orders.items()), u64(99)]),
    },
    "Exchange.set_params": lambda c, _: {
        "params": exchange.Params(least_notional=c.one_of((u128(1), u128(BTT)))),
    },
    "Vaults.create_vault": lambda c, _: {
        "asset": SCANNER, "fee_bps": u16(c.one_of((99, 100, 200))), "money": c.some(),
        "units": units(c),
    },
    "Vaults.deposit_vault": lambda c, d: one_vault(c, d) | {
        "shares": c.some(), "most_money": u128(START), "most_units": u128(1_000),
    },
    "Vaults.withdraw_vault": lambda c, d: one_vault(c, d) | {
        "shares": c.one_of((c.some(), c.one_of([
            amount for _, amount in c.runtime.vaults.shares.items()] or [u128(1)]))),
    },
    "Vaults.place_vault_order": lambda c, d: one_vault(c, d) | {
        "side": c.one_of(list(Side)), "units": units(c), "price": u128(BTT // 10),
    },
    "Vaults.cancel_vault_order": lambda c, d: one_vault(c, d) | {
        "order": c.one_of([*dict(c.runtime.exchange.order_book.orders.items()), u64(99)]),
    },
    "Vaults.accrue_fee": one_vault,
    # Never a version that comes: the chain of these tests has one runtime.
    "Upgrade.schedule": lambda c, _: {
        "code": c.one_of((b"", VERSION.encoded())), "slot": u64(c.slot()),
    },
    "Upgrade.cancel": lambda *_: {},
    "Identity.add_registrar": lambda c, _: {"account": c.address()},
    "Identity.set_identity": lambda c, _: {"info": INFO},
    "Identity.set_subs": lambda c, _: {
        "subs": [(c.who(), Data.text("part")) for _ in range(c.one_of(range(3)))],
    },
    "Identity.clear_identity": lambda c, _: {},
    "Identity.request_judgement": lambda c, _: {
        "reg_index": u32(0), "max_fee": c.amount(),
    },
    "Identity.cancel_request": lambda c, _: {"reg_index": u32(0)},
    "Identity.set_fee": lambda c, _: {"index": u32(0), "fee": c.amount()},
    "Identity.set_account_id": lambda c, _: {"index": u32(0), "new": c.address()},
    "Identity.set_fields": lambda c, _: {"index": u32(0), "fields": u64(1)},
    "Identity.provide_judgement": lambda c, _: {
        "reg_index": u32(0), "target": c.address(),
        "judgement": c.one_of((KnownGood(), Erroneous(), FeePaid(u128(1)))),
        "identity": H256(blake2_256(codec(IdentityInfo).encode(INFO))),
    },
    "Identity.kill_identity": lambda c, _: {"target": c.address()},
    "Identity.add_sub": lambda c, _: {"sub": c.address(), "data": Data.text("part")},
    "Identity.rename_sub": lambda c, _: {"sub": c.address(), "data": Data.text("name")},
    "Identity.remove_sub": lambda c, _: {"sub": c.address()},
    "Identity.quit_sub": lambda c, _: {},
    "Identity.agree_sub": lambda c, _: {"main": c.address()},
    "TierStaking.set_contribution_budget": lambda c, _: {"amount": c.amount()},
}  # fmt: skip
"""Rules for the arguments of every call."""

NESTING = [
    *(name for name in CALLS if name.startswith("Utility.")),
    "Sudo.sudo",
    "Sudo.sudo_unchecked_weight",
    "Sudo.sudo_as",
    "Multisig.as_multi_threshold_1",
    "Multisig.as_multi",
    "Proxy.proxy",
    "Proxy.proxy_announced",
    "Scheduler.schedule",
    "Scheduler.schedule_named",
    "Scheduler.schedule_after",
    "Scheduler.schedule_named_after",
    "Whitelist.dispatch_whitelisted_call_with_preimage",
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
    "Jobs.post": 4,
    "Exchange.place_order": 4,
    "Exchange.delist": 0.3,
    "AssetRegistry.freeze_asset": 0.5,
    "Models.retire": 0.3,
    "Providers.chill": 0.5,
    "Receipts.attest_commit": 0.2,
    "Receipts.attest_reveal": 0.2,
    "Receipts.prove_fraud": 0.2,
    "Receipts.prove_edge": 0.2,
    "Receipts.dispute_digest": 0.2,
    # They refuse every single account.
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
    # No account can give a pool a schedule; if one had come about anyhow, no account could end it.
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
            extra={POOR.account_id: 3 * ED}
            | dict.fromkeys((JOINT, SHARED_1, *FUNDS), START)
            | dict.fromkeys((CHARLIE.account_id, DAVE.account_id), 6 * START),
            economy=ECONOMY,
            prepare=prepare,
            shared=True,
        )
        self.peer = self.chain.another()
        self.supply = self.chain.total() + int(self.chain.at().balances.total_burned.value)
        self.pures: list[AccountId] = [derivative(KNOWN[1], u16(1))]
        self.made: list[Call] = []
        self.signer = KNOWN[0]
        self.watch = PoolWatch(self.chain)

    def remember(self, made: Call) -> None:
        if made.raw not in [other.raw for other in self.made]:
            self.made = [*self.made[-5:], made]

    # ---- what happens

    @rule(seed=SEEDS, pair=st.sampled_from(SIGNERS), tip=st.sampled_from((0, 0, 1, 10**18)))
    def an_account_calls(self, seed: int, pair: KeyPair, tip: int) -> None:
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
        """Make a rare event happen: random calls would hardly ever do."""
        for place in range(5):
            chooser = Chooser(seed + place, self)
            self._take(chooser, chooser.next_step(trade=False))
            if chooser.flag():
                self.chain.now += chooser.one_of((0, 80, 80, *LONGER)) * self.chain.slot_ms / 1000
            self._seal()

    @rule(seed=SEEDS)
    def work_and_trade_go_on(self, seed: int) -> None:
        """Let jobs, assets, vaults and referenda go on, several steps in each block."""
        for place in range(5):
            for number in range(3):
                chooser = Chooser(seed + 10 * place + number, self)
                self._take(chooser, chooser.next_step(trade=True))
            self.chain.now += chooser.one_of((0, 0, 1, 3, 12)) * self.chain.slot_ms / 1000
            self._seal()

    def _take(self, chooser: Chooser, step: Step) -> None:
        """Send what is to happen, if one of the signers can."""
        who, name, args = step
        made, signer = chooser.named(name, 1, **args), who or self.chain.at().sudo.key.get()
        if who is None:
            made = self.chain.call("Sudo", "sudo", call=made)
        for pair in SIGNERS:
            if account(pair) == signer:
                with suppress(PoolError):
                    self.chain.send(pair, made)

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
        executive = self.chain.client.runtime_at(header.parent_hash).blocks
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
        units = runtime.assets.account.items()
        referring = [who for (_, who), one in units if isinstance(one.reason, Consumer)]
        vaults = [runtime.vaults.account_of(id) for id, _ in runtime.vaults.vaults.items()]
        for who, info in runtime.system.account.items():
            data = info.data
            provides = data.free >= ED
            chain_own = who in (*ALL_POOLS, EXCHANGE) or who in vaults
            assert info.providers == provides + chain_own, who.hex()
            consumers = bool(data.reserved or data.frozen) + runtime.session.has_keys(who)
            consumers += referring.count(who)
            assert int(info.consumers) == consumers, who.hex()
            assert info.providers or info.sufficients, who.hex()

    @invariant()
    def locks_and_reserves_add_up(self) -> None:
        runtime = self.chain.at()
        balances: Balances = runtime.balances
        due: dict[AccountId, dict[Reason, int]] = {}
        for who, why, amount in on_record(runtime):
            if amount:
                mine = due.setdefault(who, {})
                mine[why] = mine.get(why, 0) + amount
        for who, info in runtime.system.account.items():
            locks = balances.locks[who]
            level = lock_level(locks, balances.freezes[who])
            holds = {hold.id: int(hold.amount) for hold in balances.holds[who]}
            # Stakes and escrows never stand in for locked money.
            firm = sum(held for why, held in holds.items() if why not in balances.offsetting)
            assert info.data.frozen == (level + firm if level else 0)
            assert holds == due.get(who, {}), "only what has a record is on hold"
            reserves = balances.reserves[who]
            named = sum(int(entry.amount) for entry in reserves)
            assert sum(holds.values()) + named == info.data.reserved, "every reserve has a name"
            assert amount_of(reserves, RESERVE_ID) == deposits_of(runtime, who)
            schedules = runtime.vesting.schedules_ext.get(who) or []
            votes = bool(runtime.conviction_voting.class_locks_for[who])
            backs = who in runtime.chambers.elections.approvals
            assert len(locks) == bool(schedules) + votes + backs
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


def on_record(runtime: BttRuntime) -> Iterator[tuple[AccountId, Reason, int]]:
    """Yield what must be on hold: who, why, planck."""
    yield from records(runtime)
    for who, info in runtime.system.account.items():
        if not info.data.reserved:
            continue
        yield who, runtime.authorities.reason, int(runtime.authorities.bonded(who))
        staked = runtime.tier_staking.staked_of(who)
        yield who, runtime.tier_staking.reason, int(staked.long) + int(staked.short)


def info_in(state: dict[bytes, bytes], key: bytes) -> AccountInfo:
    raw = state.get(key)
    return AccountInfo() if raw is None else codec(AccountInfo).decode_all(raw)


def deposits_of(runtime: BttRuntime, who: AccountId) -> int:
    """Return what an account has deposited for bounties, by the bounties."""
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
