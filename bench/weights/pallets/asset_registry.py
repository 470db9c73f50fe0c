"""Benchmarks of AssetRegistry: full identities, all stakes, as many valuations as possible."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.pallets.assets import (
    DOCUMENTS,
    ID,
    REPORT,
    TEXT,
    UNITS,
    VALUE,
    earning,
    holder,
    issued,
    issuer,
    reason,
    registered,
)
from bench.weights.pallets.identity import LONG
from bench.weights.state import BLOCK, Bench, address
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u8, u32, u64, u128, u256
from runtime.constants import BTT
from runtime.pallets.asset_registry.types import (
    MAX_FORGOTTEN,
    AssetKind,
    Mode,
    Params,
    Poll,
    Report,
    Request,
    Revenue,
    RightKind,
    Role,
    State,
    Verifier,
    Vote,
)

BOND = u128(5_000 * BTT)
REWARD = u128(10 * BTT)
LEGAL, TECHNICAL, PARENT = 3, 4, 6
"""Accounts of the two verifiers, and of the parent of both identities."""


def verifier(b: Bench, number: int = TECHNICAL) -> AccountId:
    """Return a verifier in both roles, whose identity is a part of another account's."""
    who, parent = b.account(number), b.account(PARENT + number)
    identity, registry = b.runtime.identity, b.runtime.asset_registry
    known = identity.identity_of.get(b.account(0))
    if known is not None:
        identity.identity_of[parent] = known
        identity.subs.super_of[who] = (parent, LONG)
        identity.subs.agreed[who] = ()
    registry.currency.hold(reason(b, registry.HoldReason.VerifierBond), who, BOND)
    registry.verification.verifiers[who] = Verifier(BOND, regulatory=True, technical=True)
    return who


def voted(b: Bench, state: State = State.Voting) -> AccountId:
    """Close the vote on an asset, with a reward for one vote; return the issuer."""
    who, registry = registered(b, state), b.runtime.asset_registry
    now = int(registry.clock.now())
    for number, role in ((LEGAL, Role.Regulatory), (TECHNICAL, Role.Technical)):
        registry.verification.reports[ID, role] = Report(
            b.account(number), u8(3), True, REPORT, u64(now)
        )
    poll = Poll(u64(now), u128(10 * BTT), u128(BTT))
    if state is State.Issued:
        registry.currency.hold(reason(b, registry.HoldReason.VoteReward), who, REWARD)
        poll.reward = poll.left = REWARD
        poll.expires = u64(now + 100)
    registry.voting.polls[ID] = poll
    return who


@benchmark("AssetRegistry.register")
def register(b: Bench) -> Case:
    """Register with the longest texts, verified as a part of another account."""
    issuer(b)
    return b.signed(
        holder(b), "AssetRegistry", "register",
        kind=AssetKind.Equipment, right=RightKind.Ownership, documents=DOCUMENTS,
        description=REPORT, name=TEXT, symbol=TEXT, value=VALUE, units=UNITS, restricted=True,
    )  # fmt: skip


@benchmark("AssetRegistry.verify")
def verify(b: Bench) -> Case:
    """Reject an asset that the other verifier attested; its valuations are removed."""
    registered(b)
    other, who = verifier(b, LEGAL), verifier(b)
    b.does(
        other, "AssetRegistry", "verify",
        id=ID, role=Role.Regulatory, complexity=u8(3), approve=True, report=REPORT,
    )  # fmt: skip
    return b.signed(
        who, "AssetRegistry", "verify",
        id=ID, role=Role.Technical, complexity=u8(3), approve=False, report=REPORT,
    )  # fmt: skip


@benchmark("AssetRegistry.vote")
def vote(b: Bench) -> Case:
    """Vote with as many stakes as one account can have."""
    who, registry = registered(b, State.Voting), b.runtime.asset_registry
    registry.voting.polls[ID] = Poll(u64(registry.clock.now() + int(registry.vote_slots)))
    return b.signed(who, "AssetRegistry", "vote", id=ID, aye=True)


@benchmark("AssetRegistry.issue")
def issue(b: Bench) -> Case:
    """Pay the fee and receive all units."""
    return b.signed(voted(b), "AssetRegistry", "issue", id=ID)


@benchmark("AssetRegistry.claim_vote_reward")
def claim_vote_reward(b: Bench) -> Case:
    """Claim a part of a fee."""
    voted(b, State.Issued)
    who = b.account(1)
    b.runtime.asset_registry.voting.votes[ID, who] = Vote(aye=True, weight=u128(BTT))
    return b.signed(who, "AssetRegistry", "claim_vote_reward", id=ID)


@benchmark("AssetRegistry.expire_vote_reward")
def expire_vote_reward(b: Bench) -> Case:
    """Send an unclaimed reward to the treasury."""
    voted(b, State.Issued)
    registry = b.runtime.asset_registry
    b.endow(registry.treasury)
    poll = registry.voting.polls[ID]
    poll.expires = u64(registry.clock.now())
    registry.voting.polls[ID] = poll
    return b.signed(b.account(1), "AssetRegistry", "expire_vote_reward", id=ID)


@benchmark("AssetRegistry.forget_votes", votes=(1, MAX_FORGOTTEN))
def forget_votes(b: Bench, votes: int) -> Case:
    """Remove that many votes."""
    registered(b, State.Rejected)
    registry = b.runtime.asset_registry
    registry.voting.polls[ID] = Poll(u64(BLOCK), u128(BTT), u128(BTT))
    for number in range(votes):
        voter = AccountId(blake2_256(b"voter %d" % number))
        registry.voting.votes[ID, voter] = Vote(aye=True, weight=u128(BTT))
    return b.signed(b.account(1), "AssetRegistry", "forget_votes", id=ID)


@benchmark("AssetRegistry.request_revaluation")
def request_revaluation(b: Bench) -> Case:
    """Pay for a valuation by both verifiers."""
    who = issued(b)
    return b.signed(who, "AssetRegistry", "request_revaluation", id=ID, mode=Mode.Full)


@benchmark("AssetRegistry.submit_revaluation")
def submit_revaluation(b: Bench) -> Case:
    """Submit the last value that fits, as the second verifier."""
    issued(b)
    other, who = verifier(b, LEGAL), verifier(b)
    b.runtime.asset_registry.valuation.requests[ID] = Request(Mode.Full, None, (other, VALUE))
    return b.signed(
        who, "AssetRegistry", "submit_revaluation",
        id=ID, role=Role.Technical, value=VALUE, report=REPORT,
    )  # fmt: skip


@benchmark("AssetRegistry.freeze_asset")
def freeze_asset(b: Bench) -> Case:
    """Freeze an asset."""
    issued(b)
    return b.root("AssetRegistry", "freeze_asset", id=ID)


@benchmark("AssetRegistry.thaw_asset")
def thaw_asset(b: Bench) -> Case:
    """Thaw an asset."""
    issued(b)
    b.runtime.assets.freeze(ID)
    return b.root("AssetRegistry", "thaw_asset", id=ID)


@benchmark("AssetRegistry.distribute_revenue")
def distribute_revenue(b: Bench) -> Case:
    """Reserve revenue."""
    return b.signed(issued(b), "AssetRegistry", "distribute_revenue", id=ID, amount=u128(BTT))


@benchmark("AssetRegistry.claim_revenue")
def claim_revenue(b: Bench) -> Case:
    """Claim the revenue of the caller's units."""
    return b.signed(earning(b), "AssetRegistry", "claim_revenue", id=ID)


@benchmark("AssetRegistry.offer_buy_back")
def offer_buy_back(b: Bench) -> Case:
    """Replace an offer by another."""
    who = issued(b)
    given = {"id": ID, "price": u128(BTT // 100), "units": u128(1_000)}
    b.does(who, "AssetRegistry", "offer_buy_back", **given)
    return b.signed(who, "AssetRegistry", "offer_buy_back", **given)


@benchmark("AssetRegistry.sell_back")
def sell_back(b: Bench) -> Case:
    """Sell back all units that the issuer offers to buy, and keep none."""
    who, units, price = earning(b), u128(1_000), u128(BTT // 100)
    b.does(b.account(0), "AssetRegistry", "offer_buy_back", id=ID, price=price, units=units)
    return b.signed(who, "AssetRegistry", "sell_back", id=ID, units=units, least_price=price)


@benchmark("AssetRegistry.retire")
def retire(b: Bench) -> Case:
    """Destroy all units; a revaluation is pending, and revenue is left over."""
    who, registry = issued(b), b.runtime.asset_registry
    registry.valuation.requests[ID] = Request(Mode.Full, (who, VALUE), None)
    registry.currency.hold(reason(b, registry.HoldReason.Revenue), who, u128(BTT))
    registry.holders.revenue[ID] = Revenue(u256(1), u128(BTT), u128(0), u128(0))
    return b.signed(who, "AssetRegistry", "retire", id=ID)


@benchmark("AssetRegistry.bond_verifier")
def bond_verifier(b: Bench) -> Case:
    """Bond."""
    return b.signed(b.account(1), "AssetRegistry", "bond_verifier", bond=BOND)


@benchmark("AssetRegistry.appoint_verifier")
def appoint_verifier(b: Bench) -> Case:
    """Appoint a verifier."""
    who = address(verifier(b))
    return b.root("AssetRegistry", "appoint_verifier", who=who, regulatory=True, technical=True)


@benchmark("AssetRegistry.leave")
def leave(b: Bench) -> Case:
    """Resign as a verifier."""
    return b.signed(verifier(b), "AssetRegistry", "leave")


@benchmark("AssetRegistry.withdraw_bond")
def withdraw_bond(b: Bench) -> Case:
    """Withdraw a bond."""
    who = verifier(b)
    b.runtime.asset_registry.verification.verifiers[who] = Verifier(BOND, leaving=u64(1))
    return b.signed(who, "AssetRegistry", "withdraw_bond")


@benchmark("AssetRegistry.slash_verifier")
def slash_verifier(b: Bench) -> Case:
    """Destroy a whole bond."""
    who = address(verifier(b))
    return b.root("AssetRegistry", "slash_verifier", who=who, amount=BOND)


@benchmark("AssetRegistry.set_params")
def set_params(b: Bench) -> Case:
    """Set all parameters."""
    return b.root("AssetRegistry", "set_params", params=Params(voters_bps=u32(900)))


@benchmark("AssetRegistry.withdraw")
def withdraw(b: Bench) -> Case:
    """Withdraw an asset that no verifier attested."""
    return b.signed(registered(b), "AssetRegistry", "withdraw", id=ID)
