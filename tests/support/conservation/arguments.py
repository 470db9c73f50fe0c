"""Arguments of random calls: by rules for names, else by their types.

A new call is covered at once: accounts, amounts and numbers are chosen by their types, and all else
is decoded from random bytes. Rules are for arguments that must fit the state, or each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from btt_chain.crypto import ed25519
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Address20, Address32, Id, Index, MultiAddress
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.babe_digests import AuthorityId as BabeId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.point_voucher import Denomination
from btt_chain.primitives.voters import AuthorityId as GrandpaId
from btt_chain.primitives.voucher import REGISTRATION, Ed25519Key, Registration, card_id
from btt_chain.scale import AnyCodec, DecodeError, codec, u8, u16, u32, u64, u128
from btt_chain.work import ids
from runtime import VERSION, BttRuntime
from runtime.constants import BTT
from runtime.frame import Weight
from runtime.frame.call import Dispatchable
from runtime.pallets.asset_registry import types as asset_registry
from runtime.pallets.authorities.types import LOWEST_MINIMUM
from runtime.pallets.conviction_voting.types import Split, SplitAbstain, Standard, Vote
from runtime.pallets.evaluation import types as evaluation
from runtime.pallets.exchange import types as exchange
from runtime.pallets.facilities.types import Bonds
from runtime.pallets.health_records import types as health_records
from runtime.pallets.identity.types import Data, Erroneous, FeePaid, IdentityInfo, KnownGood
from runtime.pallets.incentives.types import Fail, NotOpened, Pass
from runtime.pallets.jobs import types as jobs
from runtime.pallets.jobs.types import ENDED, Tier
from runtime.pallets.mining.types import Params as MiningParams
from runtime.pallets.models import types as models
from runtime.pallets.models.pallet import CLASSES
from runtime.pallets.multisig.pallet import Timepoint
from runtime.pallets.oracle.types import MIN_BOND, Rule
from runtime.pallets.origins import (
    Decision,
    DecisionOrigin,
    RawNone,
    RawRoot,
    RawSigned,
    SystemOrigin,
)
from runtime.pallets.payfi.card_types import Limits, Proof
from runtime.pallets.payfi.types import Rates
from runtime.pallets.preimage.pallet import MAX_INLINE, Inline, Lookup
from runtime.pallets.providers import types as providers
from runtime.pallets.referral import types as referral
from runtime.pallets.scheduler.types import After
from runtime.pallets.session.pallet import SessionKeys
from runtime.pallets.tier_staking.formulas import TIERS
from runtime.pallets.tier_staking.types import PremiumService
from runtime.pallets.tokenomics.types import NO_HASH
from runtime.schedules import VestingInfo
from support.chain import START
from support.conservation import care
from support.conservation.chain import CNY, INFO, NET, SCANNER, USD
from support.conservation.signers import ED, FAR, KNOWN
from support.conservation.vouchers import FIRST, voucher
from support.incentives import foreign_modulus
from support.models import ABOUT, SCHEMA
from support.providers import ENDPOINT, provider_info

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser

RuleOf = Callable[["Chooser"], object]
BYTES = (*[0] * 6, *range(1, 10))
"""Bytes that random values are decoded from: small ones, as variants and lengths have them."""
TASK = b"task".ljust(32)
ACTIVITY = ActivityRule(u32(5), u32(1), u32(1), u32(0), u32(1), u8(1), u16(0), u8(7))


@lru_cache(maxsize=4)
def dispatchables(runtime: BttRuntime) -> dict[str, Dispatchable]:
    """Return the calls of a runtime by name."""
    return {
        f"{pallet.name}.{entry.name}": entry
        for pallet in runtime.pallets.values()
        for entry in pallet.CALLS.values()
    }


def carries_calls(entry: Dispatchable) -> bool:
    """Return True if a call has calls inside."""
    return any("RuntimeCall" in name for name in entry.type_names)


def arguments_of(c: Chooser, call: str, depth: int) -> dict[str, object]:
    """Choose the arguments of a call that is nested so deep."""
    entry, pallet = dispatchables(c.runtime)[call], call.partition(".")[0]
    chosen = TOGETHER[call](c) if call in TOGETHER else {}
    for (name, kind), type_name in zip(entry.args, entry.type_names, strict=True):
        rules = (RULES.get(key) for key in (f"{call}.{name}", f"{pallet}.{name}", name))
        rule = next(filter(None, rules), None)
        if name in chosen:
            continue
        if "RuntimeCall" in type_name:
            inner = [c.inner(depth) for _ in range(c.one_of((0, 1, 2, 3)))]
            chosen[name] = inner if type_name.startswith("Vec") else c.inner(depth)
        else:
            chosen[name] = like(c, decoded(c, kind)) if rule is None else rule(c)
    return chosen


def decoded(c: Chooser, kind: AnyCodec) -> object:
    """Return a value of a type, decoded from random bytes; from zeros if none of many fit."""
    for _ in range(200):
        try:
            return kind.decode(bytes(c.several_of(BYTES, 400)), 0)[0]
        except DecodeError:
            continue
    return kind.decode(bytes(10_000), 0)[0]


def like(c: Chooser, value: object) -> object:
    """Return another value of the type of `value`, that fits the state; itself if none does."""
    match value:
        case bool():
            return value
        case AccountId():
            return c.who()
        case Id() | Index() | Address20() | Address32():
            return c.address()
        case u128():
            return c.one_of((c.amount(), c.some()))
        case u64():
            return u64(c.one_of((0, 1, 5, c.slot())))
        case u32():
            return c.number()
        case u8() | u16():
            return type(value)(c.one_of((0, 0, 1, 1, 2, 5)))
        case Weight():
            return c.weight()
        case list():
            return [like(c, item) for item in value]
    return value


# ---- what fits the state


def announced(c: Chooser) -> H256:
    """Return the hash of one of the last calls."""
    return H256(blake2_256(noted(c)))


def noted(c: Chooser) -> bytes:
    """Return one of the last calls, encoded."""
    return c.one_of(c.situation.made).raw if c.situation.made else b""


def origin(c: Chooser) -> SystemOrigin:
    options: list[RawRoot | RawSigned | RawNone] = [RawSigned(c.who()), RawRoot(), RawNone()]
    return SystemOrigin(c.one_of(options))


def decided_by(c: Chooser) -> SystemOrigin | DecisionOrigin:
    if c.one_in(5):
        return origin(c)
    return DecisionOrigin(c.one_of([*[Decision.Emergency] * 6, *Decision]))


def proposal(c: Chooser) -> Inline | Lookup:
    raw = noted(c)
    return Inline(raw) if len(raw) <= MAX_INLINE else Lookup(announced(c), u32(len(raw)))


def ballot(c: Chooser) -> Standard | Split | SplitAbstain:
    direct = Standard(Vote(c.one_of((0x80, 0x81, 1, 0x86))), c.amount())
    apart = SplitAbstain(u128(ED), u128(ED), u128(ED))
    ballots: list[Standard | Split | SplitAbstain] = [direct, direct, apart]
    return c.one_of([*ballots, Split(c.some(), c.some())])


def schedule(c: Chooser) -> VestingInfo:
    now = c.runtime.babe.now()
    locked = c.one_of((c.amount(), u128(100 * BTT), u128(101 * BTT), u128(250 * BTT)))
    per_block = u128(c.one_of((0, 1, 10**18, int(locked) // 5, int(locked) // 2, u128.MAX)))
    return VestingInfo(locked, per_block, c.one_of((c.number(), u32(now), u32(now + 2))))


def asset(c: Chooser) -> u32:
    return c.known(c.runtime.asset_registry.registrations.registered)


def referendum(c: Chooser) -> u32:
    return c.known(c.runtime.referenda.referendum_info_for)


def one_job(c: Chooser) -> H256:
    known = [id for id, job in c.runtime.jobs.store.jobs.items() if job.state not in ENDED]
    return c.one_of([*known * 3, NO_HASH])


def one_order(c: Chooser) -> u64:
    return c.one_of([*dict(c.runtime.exchange.order_book.orders.items()), u64(99)])


def merchant(c: Chooser) -> MultiAddress:
    known = [who for who, _ in c.runtime.payfi.merchants.merchants.items()]
    return c.one_of([c.address(), *[Id(who) for who in known] * 3])


def payment(c: Chooser) -> u64:
    """Return one of the last payments, or a disputed one."""
    last = int(c.runtime.payfi.payments.next_payment.value)
    recent = [u64(max(0, last - back)) for back in (0, 1, 1, 2, 3, 5)]
    return c.one_of([*recent, *[id for id, _ in c.runtime.payfi.disputes.disputes.items()] * 3])


def batch(c: Chooser) -> dict[str, object]:
    """Return a batch that waits, if there is one."""
    waiting = [key for key, _ in c.runtime.payfi.settlement.batches.items()]
    bucket, who = c.one_of(waiting or [(u32(0), c.who())])
    return {"bucket": bucket, "merchant": c.one_of([c.address(), *[Id(who)] * 3])}


def new_card(c: Chooser) -> dict[str, object]:
    """Return a key with its proof for the signer, sometimes for another account."""
    seed, payfi = bytes([c.one_of(range(1, 7))]) * 32, c.runtime.payfi
    key, until = Ed25519Key(ed25519.public_from_seed(seed)), u64(payfi.calendar.now() + 60_000)
    owner = c.one_of([c.who(), *[c.situation.signer] * 5])
    asked = Registration.of(H256(payfi.system.genesis_hash()), card_id(key), owner, until)
    return {"key": key, "proof": Proof(until, ed25519.sign(seed, REGISTRATION.encode(asked)))}


def referee(c: Chooser) -> MultiAddress:
    known = [who for who, _ in c.runtime.referral.referees.items()]
    offered = [who for (who, _), _ in c.runtime.referral.offers.items()]
    return c.one_of([*map(Id, known * 3), *map(Id, offered), c.address()])


def referrer(c: Chooser) -> MultiAddress:
    offers = c.runtime.referral.offers.under(c.situation.signer)
    return c.one_of([*[Id(who) for who, _ in offers] * 5, c.address()])


def month(c: Chooser) -> u32:
    return u32(max(0, c.runtime.incentives.months.current() + c.one_of((-1, 0, 1, 1, 2))))


def feed(c: Chooser) -> list[tuple[bytes, u128]]:
    """Return values near each other, far away, or not allowed."""
    value = c.one_of((10**18, 10**18, 105 * 10**16, 107 * 10**16, 3 * 10**18, 0, u128.MAX))
    return [(key, u128(value)) for key in (CNY, USD)[: c.one_of((1, 1, 2))]]


def keys(c: Chooser) -> SessionKeys:
    mark = bytes((c.one_of(range(4)),)) * 32
    return SessionKeys(BabeId(mark), GrandpaId(mark))


RULES: Final[dict[str, RuleOf]] = {
    # Multisig, Proxy, Utility, Vesting, Identity, Session
    "as_origin": origin,
    "threshold": lambda c: u16(2),
    "other_signatories": lambda c: c.others(),
    "maybe_timepoint": lambda c: c.when(),
    "timepoint": lambda c: c.when() or Timepoint(u32(1), u32(1)),
    "call_hash": announced,
    "Utility.index": lambda c: u16(1),
    "Proxy.index": lambda c: u16(0),
    "proxy_type": lambda c: c.kind(),
    "force_proxy_type": lambda c: None,
    "delay": lambda c: u32(c.one_of((0, 1))),
    "real": lambda c: c.real(),
    "height": lambda c: u32(c.one_of(range(6))),
    "ext_index": lambda c: u32(1),
    "schedule": schedule,
    "Identity.index": lambda c: u32(0),
    "reg_index": lambda c: u32(0),
    "Identity.info": lambda c: INFO,
    "data": lambda c: Data.text("part"),
    "subs": lambda c: [(c.who(), Data.text("part")) for _ in range(c.one_of(range(3)))],
    "judgement": lambda c: c.one_of((KnownGood(), Erroneous(), FeePaid(u128(1)))),
    "identity": lambda c: H256(blake2_256(codec(IdentityInfo).encode(INFO))),
    "Session.keys": keys,
    "Session.proof": lambda c: b"",
    "Authorities.set_minimum_bond.amount": lambda c: c.one_of((c.amount(), LOWEST_MINIMUM)),
    "factor": lambda c: u32(c.one_of((299, 300))),
    # Treasury, Bounties, Tokenomics, Mining, TierStaking
    "Treasury.index": lambda c: c.known(c.runtime.treasury.spends),
    "proposal_id": lambda c: c.known(c.runtime.treasury.proposals),
    "valid_from": lambda c: c.one_of((None, u32(c.slot()))),
    "bounty_id": lambda c: c.known(c.runtime.bounties.bounties),
    "pool": lambda c: c.pool(),
    "programme": lambda c: u32(c.one_of((0, 0, 0, 1))),
    "Tokenomics.index": lambda c: u32(c.one_of((0, 0, 1, 2))),
    "Chambers.index": lambda c: u32(c.one_of((0, 0, 1, 2))),
    "TransactionPayment.price": lambda c: u128(c.one_of((10**11, 10**12, 10**14))),
    "Mining.params": lambda c: MiningParams(
        kappa=u32(c.one_of((0, 180_000, 190_001))), regions=[u32(c.one_of((1, FAR)))]
    ),
    "TierStaking.id": lambda c: c.stake(),
    "TierStaking.tier": lambda c: u8(c.one_of(range(6))),
    "TierStaking.months": lambda c: u8(c.one_of(range(14))),
    "TierStaking.set_tier.terms": lambda c: c.one_of(TIERS),
    "TierStaking.set_premium.terms": lambda c: c.one_of(
        (None, PremiumService(u8(c.one_of((0, 5))), BTT))
    ),
    # Governance
    "Preimage.bytes": noted,
    "hash": announced,
    "hashes": lambda c: [announced(c)],
    "maybe_hash": lambda c: c.one_of((None, announced(c))),
    "Scheduler.id": lambda c: TASK,
    "when": lambda c: u32(c.slot()),
    "task": lambda c: (u32(c.slot()), c.number()),
    "maybe_periodic": lambda c: c.one_of((None, (u32(1), u32(2)))),
    "period": lambda c: u32(1),
    "proposal_origin": decided_by,
    "proposal": proposal,
    "enactment_moment": lambda c: After(u32(c.one_of((0, 1, 5)))),
    "Referenda.index": referendum,
    "ConvictionVoting.index": referendum,
    "poll_index": referendum,
    "track": lambda c: u16(c.one_of((0, *Decision, 99))),
    "class": lambda c: u16(c.one_of((0, *Decision, 99))),
    "vote": ballot,
    "candidates": lambda c: [c.one_of((KNOWN[0], c.who()))],
    # Never a version that comes: the chain of these tests has one runtime.
    "code": lambda c: c.one_of((b"", VERSION.encoded())),
    # Assets, AssetRegistry, Exchange, Vaults
    "Assets.id": asset,
    "AssetRegistry.id": asset,
    "asset": lambda c: SCANNER,
    "name": lambda c: b"Thing",
    "symbol": lambda c: b"T",
    "documents": announced,
    "Assets.amount": lambda c: u128(c.one_of((0, 1, 2, 50, 1_000, 1_001, u128.MAX))),
    "units": lambda c: u128(c.one_of((0, 1, 2, 50, 1_000, 1_001, u128.MAX))),
    "price": lambda c: u128(c.one_of((1, BTT // 10, BTT, 2 * BTT))),
    "AssetRegistry.params": lambda c: asset_registry.Params(
        voters_bps=u32(c.one_of((0, 2_500, 2_501)))
    ),
    "Exchange.params": lambda c: exchange.Params(least_notional=c.one_of((u128(1), u128(BTT)))),
    "until": lambda c: c.one_of((None, None, u64(c.slot()))),
    "Tokenomics.until": lambda c: u64(c.slot()),
    "Exchange.id": one_order,
    "order": one_order,
    "Vaults.id": lambda c: c.known(c.runtime.vaults.vaults),
    "fee_bps": lambda c: u16(c.one_of((99, 100, 200))),
    "money": lambda c: c.some(),
    "most_money": lambda c: u128(START),
    "most_units": lambda c: u128(1_000),
    "shares": lambda c: c.one_of(
        [c.some(), *[amount for _, amount in c.runtime.vaults.shares.items()]]
    ),
    # Facilities, Incentives, Referral, HealthRecords
    "Facilities.region": lambda c: u16(c.one_of((156, 1))),
    "Facilities.bonds": lambda c: Bonds(c.some(), c.some(), c.some()),
    "Incentives.id": lambda c: u16(c.one_of((1, 2))),
    "Incentives.rule": lambda c: c.one_of((None, ACTIVITY)),
    "Incentives.months": lambda c: u16(c.one_of((0, 1, 1, 3, 13))),
    "Incentives.month": month,
    "Incentives.keys": lambda c: [foreign_modulus(c.one_of(range(2**40))) for _ in Denomination],
    "Incentives.leaves": lambda c: u32(c.one_of((64, 65))),
    "Incentives.points": lambda c: u64(c.one_of((0, 1, 5, 100, u64.MAX))),
    "Incentives.verdict": lambda c: c.one_of((Pass(), NotOpened(), Fail(u32(0)), Fail(u32(64)))),
    "vouchers": lambda c: [voucher(c) for _ in range(c.one_of((0, 1, 1, 2, 3)))],
    "referee": referee,
    "referrer": referrer,
    "Referral.terms": lambda c: referral.Terms(jobs=u32(c.one_of((0, 1, 5))), spent=u128(c.some())),
    "epoch": care.epoch,
    "root": lambda c: care.TREE.root,
    "HealthRecords.leaves": lambda c: u32(c.one_of([len(care.TREE)] * 9 + [63])),
    "HealthRecords.key": lambda c: c.one_of((care.KEY, care.KEY, care.KEY, bytes(32))),
    "HealthRecords.bond": lambda c: c.one_of((c.some(), 10 * BTT)),
    "HealthRecords.terms": lambda c: health_records.Terms(
        u128(c.some()), u128(10 * BTT), u128(2 * BTT), c.some()
    ),
    "promise": care.promise,
    "first": care.promise,
    "second": care.promise,
    # Evaluation
    "Evaluation.items": lambda c: u32(c.one_of((0, 2, 2, 2, 3))),
    "question": lambda c: c.one_of((evaluation.Classes(u8(4)), evaluation.Classes(u8(1)))),
    "parts": lambda c: [evaluation.SetPart(NO_HASH, H256(bytes([c.one_of(range(9))]) * 32))],
    "set": lambda c: c.one_of([*[id for id, _ in c.runtime.evaluation.sets.items()], NO_HASH]),
    "run": lambda c: u32(c.one_of((0, 0, 1, 2))),
    # PayFi, Oracle
    "category": lambda c: u16(5912),
    "currency": lambda c: c.one_of((b"BTT", b"BTT", b"BTT", b"CNY", b"XAU")),
    "PayFi.configure.policy": lambda c: c.one_of((None, u16(1))),
    "merchant": merchant,
    "PayFi.units": lambda c: c.some(),
    "reference": lambda c: c.one_of(range(100)).to_bytes(16, "big"),
    "payment": payment,
    "card": lambda c: c.one_of([NO_HASH, *[id for id, _ in c.runtime.payfi.cards.cards.items()]]),
    "limits": lambda c: Limits(c.some(), c.amount(), [], u64(u64.MAX)),
    "rates": lambda c: Rates(low=u16(c.one_of((50, 80, 81)))),
    "arbiters": lambda c: c.one_of(([], KNOWN[:4])),
    "values": feed,
    "Oracle.bond": lambda c: c.one_of((c.amount(), c.some(), MIN_BOND)),
    "Oracle.bps": lambda c: u16(c.one_of((1, 300, 65_535))),
    "Oracle.key": lambda c: CNY,
    "Oracle.rule": lambda c: c.one_of((None, Rule())),
    "region": lambda c: u16(0),
    # Models, Providers, Jobs, Receipts
    "manifest": lambda c: NET,
    "model": lambda c: ids.model_id(NET),
    "Models.index": lambda c: u16(0),
    "Models.register.model_class": lambda c: u16(0),
    "Models.set_class.model_class": lambda c: CLASSES[0],
    "Models.name": lambda c: b"A net",
    "Models.schema": lambda c: SCHEMA,
    "Models.description": lambda c: ABOUT,
    "Models.params": lambda c: models.Params(c.some()),
    "Providers.params": lambda c: providers.Params(c.some()),
    "Jobs.params": lambda c: jobs.Params(min_price=c.some()),
    "endpoints": lambda c: ENDPOINT,
    "Providers.info": lambda c: provider_info(capacity=c.one_of((2, 4))),
    "Providers.hours": lambda c: c.one_of((None, bytes(21))),
    "items": lambda c: u32(c.one_of((0, 1, 2, 4_097))),
    # Where the requester looks itself, work is paid without a committee.
    "Jobs.tier": lambda c: c.one_of((Tier.Open, Tier.Confidential, Tier.Confidential)),
    "data_bytes": lambda c: u64(c.one_of((0, 1, 2**30))),
    "deadline": lambda c: u32(c.one_of((0, 5, 100))),
    "job": one_job,
    "receipt": lambda c: c.one_of(
        [*[id for id, _ in c.runtime.receipts.receipts.items()], NO_HASH]
    ),
    "attempt": lambda c: u8(0),
    "started": lambda c: u32(c.slot()),
    "finished": lambda c: u32(c.runtime.babe.now()),
}
"""Rules for arguments: of a call, of a pallet, or of any call."""

TOGETHER: Final[dict[str, Callable[[Chooser], dict[str, object]]]] = {
    "PayFi.settle": batch,
    "PayFi.register_card": new_card,
    "HealthRecords.report_omission": care.report,
    "HealthRecords.answer": care.answer,
    "HealthRecords.settle_demand": care.settlement,
    "Incentives.answer_audit": lambda c: {"month": FIRST},
    "Incentives.settle_audit": lambda c: {"facility": KNOWN[0], "month": FIRST},
    "Incentives.report_audit": lambda c: {"facility": KNOWN[0], "month": FIRST},
}
"""Arguments that fit each other."""

LIKELY: Final = {
    # Calls that end a sequence of steps are rare, calls that begin one are frequent.
    "Sudo.remove_key": 0.05, "Sudo.set_key": 0.2, "Timestamp.set": 0.5,
    "Proxy.remove_proxies": 0.5, "Proxy.kill_pure": 1, "Proxy.add_proxy": 5,
    "Multisig.as_multi": 5, "Multisig.cancel_as_multi": 1, "Multisig.poke_deposit": 1,
    "Vesting.vested_transfer": 6, "Vesting.merge_schedules": 3,
    "Balances.transfer_allow_death": 4, "Balances.transfer_all": 3, "Authorities.bond": 6,
    "TierStaking.stake": 6, "Bounties.propose_bounty": 4, "Facilities.apply": 3,
    "HealthRecords.anchor": 4, "HealthRecords.leave": 0.3, "HealthRecords.set_terms": 0.5,
    "Incentives.redeem": 4, "Jobs.post": 4, "Oracle.set_rule": 0.5, "Oracle.slash": 0.5,
    "PayFi.pay": 5, "PayFi.close": 0.3, "PayFi.suspend": 0.5, "Exchange.place_order": 4,
    "Exchange.delist": 0.3, "AssetRegistry.freeze_asset": 0.5, "Models.retire": 0.3,
    "Providers.chill": 0.5, "Authorities.validate": 3,
    # These refuse every single account, or need a proof.
    "Mining.attest_region": 0.5, "Mining.attest_energy": 0.5, "Mining.set_params": 0.5,
    "TransactionPayment.set_byte_price": 0.5, "Tokenomics.pause_discretionary": 0.5,
    "Tokenomics.set_ceiling_mode": 0.5, "Babe.plan_config_change": 0.5,
    "Grandpa.note_stalled": 0.5, "Receipts.attest_commit": 0.2, "Receipts.attest_reveal": 0.2,
    "Receipts.prove_fraud": 0.2, "Receipts.prove_edge": 0.2, "Receipts.dispute_digest": 0.2,
    "Babe.report_equivocation": 0.2, "Babe.report_equivocation_unsigned": 0.2,
    "Grandpa.report_equivocation": 0.2, "Grandpa.report_equivocation_unsigned": 0.2,
}  # fmt: skip
"""Relative frequencies of calls; 2 for all others."""
