"""Stories: sequences of steps that random calls rarely produce, with the time between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from btt_chain.primitives.account import Id
from btt_chain.scale import u128
from runtime.pallets.bounties.pallet import Bounties
from runtime.pallets.treasury.pallet import AssetKind, Treasury
from support.economy.actions import Action
from support.economy.chain import PEOPLE, Step
from support.economy.choices import a_new_stake
from support.economy.oracle import DAY
from support.economy.values import RandomValues


def a_bounty_is_earned(values: RandomValues) -> Iterator[tuple[int, Step]]:
    """Propose a bounty, fund it, do the work, and have it paid."""
    proposer, curator, worker = values.rng.sample(PEOPLE, 3)
    by, root, wait = values.chain.by, values.chain.root, 8 * DAY
    number = values.runtime.pallet(Bounties).bounty_count.value
    value, named = u128(values.rng.randrange(10**19, 10**22)), {"bounty_id": number}
    fee, text = u128(values.rng.randrange(10**18)), b"x" * values.rng.randrange(50)
    yield 0, by(proposer, "Bounties", "propose_bounty", value=value, description=text)
    yield 0, root("Bounties", "approve_bounty", **named)
    chosen = {"curator": Id(curator), "fee": fee}
    yield wait, root("Bounties", "propose_curator", **named, **chosen)
    yield 0, by(curator, "Bounties", "accept_curator", **named)
    yield 0, by(curator, "Bounties", "extend_bounty_expiry", **named, remark=b"")
    yield 0, by(curator, "Bounties", "award_bounty", **named, beneficiary=Id(worker))
    if values.chance(20):
        yield 0, root("Bounties", "unassign_curator", **named)
    yield wait, by(worker, "Bounties", "claim_bounty", **named)


def a_bond_comes_back(values: RandomValues) -> Iterator[tuple[int, Step]]:
    """Bond, unbond, wait and withdraw."""
    values.signer = values.one_of([*PEOPLE, *values.holders()])
    amount, by = values.modest(), values.chain.by
    yield 0, by(values.signer, "Authorities", "bond", amount=amount)
    yield DAY, by(values.signer, "Authorities", "unbond", amount=u128(int(amount) // 2))
    for _ in range(8):  # sessions count, and a block begins one at most
        yield DAY, Action("wait", lambda: None)
    yield 0, by(values.signer, "Authorities", "withdraw_unbonded")


def a_promise_is_paid(values: RandomValues) -> Iterator[tuple[int, Step]]:
    """Promise a payment of the treasury, and try to have it paid twice."""
    args = {"asset_kind": AssetKind.Native, "amount": values.modest(), "valid_from": None}
    index, by = values.runtime.pallet(Treasury).spend_count.value, values.chain.by
    yield 0, values.chain.root("Treasury", "spend", **args, beneficiary=Id(values.who()))
    for name in ("payout", "payout", "check_status", "check_status"):
        yield values.one_of((0, DAY)), by(values.signer, "Treasury", name, index=index)


def a_stake_runs_its_term(values: RandomValues) -> Iterator[tuple[int, Step]]:
    """Stake, claim now and then, and close after the term."""
    chosen = a_new_stake(values)
    if not chosen:
        return
    number, by = values.chain.staking.ledger.next_id.value, values.chain.by
    tiers = values.chain.staking.tier_terms.current_tiers.value
    term = int(tiers[int(str(chosen["tier"]))].days) * DAY
    yield 0, by(values.signer, "TierStaking", "stake", **chosen, min_reward=u128(0))
    for part in sorted(values.rng.sample(range(1, 100), 3)):
        yield term * part // 300, by(values.signer, "TierStaking", "claim", id=number)
    yield term, by(values.signer, "TierStaking", "claim_dividend", id=number)
    yield 0, by(values.signer, "TierStaking", "unstake", id=number)


STORIES: Final = (
    a_bounty_is_earned,
    a_bond_comes_back,
    a_promise_is_paid,
    a_stake_runs_its_term,
)
