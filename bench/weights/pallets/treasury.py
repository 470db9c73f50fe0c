"""Benchmarks of Treasury and Bounties: the queues are full."""

from __future__ import annotations

from bench.weights.declare import Case, benchmark
from bench.weights.state import BLOCK, Bench, address
from btt_chain.primitives.account import AccountId
from btt_chain.scale import u32, u64, u128
from runtime.accounts import GRANTS
from runtime.constants import BTT
from runtime.pallets.bounties.types import (
    MAX_REASON,
    RESERVE_ID,
    Active,
    Approved,
    AwaitsCurator,
    Awarded,
    Bounty,
    BountyStatus,
    Funded,
    Proposed,
)
from runtime.pallets.treasury.pallet import MAX_APPROVALS, AssetKind, Proposal, SpendStatus
from runtime.pallets.treasury.pallet import Attempted as Paid
from runtime.pallets.treasury.pallet import Pending as Promised

VALUE = u128(100 * BTT)
QUEUE = (0, MAX_APPROVALS)
INDEX = u32(7)


# ---- Treasury


def approved(b: Bench, count: int) -> None:
    """Approve that many payments for the end of the period."""
    treasury = b.runtime.treasury
    for place in range(count):
        treasury.proposals[u32(place)] = Proposal(b.poor(place), VALUE, b.poor(place), u128(0))
    treasury.approvals.value = [u32(place) for place in range(count)]
    treasury.proposal_count.value = u32(count)
    b.endow(treasury.account)


def promised(b: Bench, *, paid: bool = False) -> None:
    """Approve a spend."""
    status = Paid(u64(7)) if paid else Promised()
    treasury = b.runtime.treasury
    b.endow(treasury.account)
    treasury.spends[INDEX] = SpendStatus(
        AssetKind.Native, VALUE, b.poor(1), u32(BLOCK - 5), u32(BLOCK + 5), status
    )


@benchmark("Treasury.spend_local")
def spend_local(b: Bench) -> Case:
    """Approve the last payment that fits."""
    approved(b, MAX_APPROVALS - 1)
    return b.root("Treasury", "spend_local", amount=VALUE, beneficiary=address(b.poor(200)))


@benchmark("Treasury.remove_approval")
def remove_approval(b: Bench) -> Case:
    """Remove the last of all approvals."""
    approved(b, MAX_APPROVALS)
    return b.root("Treasury", "remove_approval", proposal_id=u32(MAX_APPROVALS - 1))


@benchmark("Treasury.spend")
def spend(b: Bench) -> Case:
    """Approve a spend."""
    return b.root(
        "Treasury", "spend", asset_kind=AssetKind.Native, amount=VALUE,
        beneficiary=address(b.poor(1)), valid_from=None,
    )  # fmt: skip


@benchmark("Treasury.payout")
def payout(b: Bench) -> Case:
    """Pay out a spend, which opens an account."""
    promised(b)
    return b.signed(b.account(0), "Treasury", "payout", index=INDEX)


@benchmark("Treasury.check_status")
def check_status(b: Bench) -> Case:
    """Remove a paid spend."""
    promised(b, paid=True)
    return b.signed(b.account(0), "Treasury", "check_status", index=INDEX)


@benchmark("Treasury.void_spend")
def void_spend(b: Bench) -> Case:
    """Void a spend."""
    promised(b)
    return b.root("Treasury", "void_spend", index=INDEX)


@benchmark("Treasury.pay_approved", payments=QUEUE)
def pay_approved(b: Bench, payments: int) -> Case:
    """Make all approved payments."""
    approved(b, payments)
    return Case(run=b.runtime.treasury._spend_approved)


# ---- Bounties


def bounty(b: Bench, status: BountyStatus, index: u32 = INDEX) -> AccountId:
    """Create a funded bounty; return its proposer, who is its curator as well."""
    who, bounties = b.account(0), b.runtime.bounties
    bond = bounties.deposits.bond(bytes(MAX_REASON))
    deposit = u128(50 * BTT)
    bounties.currency.reserve_named(RESERVE_ID, who, u128(bond + deposit))
    bounties.bounties[index] = Bounty(who, VALUE, u128(BTT), deposit, bond, status)
    bounties.bounty_descriptions[index] = bytes(MAX_REASON)
    bounties.bounty_count.value = u32(index + 1)
    b.endow(bounties.funding.account_of(index), int(VALUE))
    return who


def waiting(b: Bench, count: int) -> None:
    """Approve that many bounties that wait for funding."""
    b.endow(GRANTS)
    for place in range(count):
        bounty(b, Approved(), u32(100 + place))
    b.runtime.bounties.funding.bounty_approvals.value = [u32(100 + place) for place in range(count)]


@benchmark("Bounties.propose_bounty", length=(0, MAX_REASON))
def propose_bounty(b: Bench, length: int) -> Case:
    """Propose a bounty with a description of that many bytes."""
    return b.signed(
        b.account(0), "Bounties", "propose_bounty", value=VALUE, description=bytes(length)
    )


@benchmark("Bounties.approve_bounty")
def approve_bounty(b: Bench) -> Case:
    """Approve the last bounty that fits."""
    waiting(b, MAX_APPROVALS - 1)
    bounty(b, Proposed())
    return b.root("Bounties", "approve_bounty", bounty_id=INDEX)


@benchmark("Bounties.approve_bounty_with_curator")
def approve_bounty_with_curator(b: Bench) -> Case:
    """As `approve_bounty`, with a curator."""
    waiting(b, MAX_APPROVALS - 1)
    bounty(b, Proposed())
    return b.root(
        "Bounties", "approve_bounty_with_curator",
        bounty_id=INDEX, curator=address(b.account(1)), fee=u128(BTT),
    )  # fmt: skip


@benchmark("Bounties.propose_curator")
def propose_curator(b: Bench) -> Case:
    """Propose a curator."""
    bounty(b, Funded())
    return b.root(
        "Bounties", "propose_curator",
        bounty_id=INDEX, curator=address(b.account(1)), fee=u128(BTT),
    )  # fmt: skip


@benchmark("Bounties.unassign_curator")
def unassign_curator(b: Bench) -> Case:
    """Unassign a curator, whose deposit goes to the treasury."""
    who = bounty(b, Funded())
    bounty(b, Awarded(who, b.account(1), u32(BLOCK)))
    return b.root("Bounties", "unassign_curator", bounty_id=INDEX)


@benchmark("Bounties.accept_curator")
def accept_curator(b: Bench) -> Case:
    """Accept, with a deposit."""
    who = bounty(b, AwaitsCurator(b.account(0)))
    return b.signed(who, "Bounties", "accept_curator", bounty_id=INDEX)


@benchmark("Bounties.award_bounty")
def award_bounty(b: Bench) -> Case:
    """Award a bounty."""
    who = bounty(b, Active(b.account(0), u32(BLOCK + 5)))
    return b.signed(
        who, "Bounties", "award_bounty", bounty_id=INDEX, beneficiary=address(b.poor(1))
    )


@benchmark("Bounties.claim_bounty")
def claim_bounty(b: Bench) -> Case:
    """Pay curator and beneficiary, and close the bounty's account."""
    who = bounty(b, Awarded(b.account(0), b.poor(1), u32(BLOCK - 5)))
    b.plain_account(b.runtime.bounties.funding.account_of(INDEX), int(VALUE))
    return b.signed(who, "Bounties", "claim_bounty", bounty_id=INDEX)


@benchmark("Bounties.close_bounty")
def close_bounty(b: Bench) -> Case:
    """Close an active bounty: deposit and money are returned."""
    bounty(b, Active(b.account(0), u32(BLOCK + 5)))
    b.plain_account(b.runtime.bounties.funding.account_of(INDEX), int(VALUE))
    return b.root("Bounties", "close_bounty", bounty_id=INDEX)


@benchmark("Bounties.extend_bounty_expiry")
def extend_bounty_expiry(b: Bench) -> Case:
    """Extend a bounty with a report; the text weighs by its length alone."""
    who = bounty(b, Active(b.account(0), u32(BLOCK + 5)))
    return b.signed(
        who, "Bounties", "extend_bounty_expiry", bounty_id=INDEX, remark=bytes(MAX_REASON)
    )


@benchmark("Bounties.poke_deposit")
def poke_deposit(b: Bench) -> Case:
    """Adjust the deposit to the present rate."""
    who = bounty(b, Proposed())
    bounties = b.runtime.bounties
    known = bounties.bounties.get(INDEX)
    assert known is not None
    known.bond = u128(known.bond - 1)
    bounties.bounties[INDEX] = known
    return b.signed(who, "Bounties", "poke_deposit", bounty_id=INDEX)


@benchmark("Bounties.fund", bounties=QUEUE)
def fund(b: Bench, bounties: int) -> Case:
    """Fund all bounties that wait."""
    waiting(b, bounties)
    return Case(run=b.runtime.bounties.funding.spend_funds)
