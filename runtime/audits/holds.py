"""Checks of holds, deposits and locks against the records of the pallets: I4."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, TypeVar

from btt_chain.primitives.account import AccountId
from runtime.audits.state import AuditedState, Finding
from runtime.frame import Reason
from runtime.frame.items import Map
from runtime.pallets import (
    assets,
    bounties,
    chambers,
    conviction_voting,
    identity,
    multisig,
    proxy,
    referenda,
    vesting,
)
from runtime.pallets.asset_registry import AssetRegistry
from runtime.pallets.balances.formulas import amount_of
from runtime.pallets.bounties import Bounties
from runtime.pallets.chambers.types import OBJECTION_LOCK_ID
from runtime.pallets.jobs import ENDED
from runtime.pallets.payfi import PayFi
from runtime.pallets.preimage import Preimage, Unrequested
from runtime.pallets.receipts import Receipts
from runtime.table import BttRuntime

K = TypeVar("K")
V = TypeVar("V")


def deposits_noted(runtime: BttRuntime) -> dict[bytes, int]:
    """Return the sum reserved under each name, by the records of the pallets that reserve."""
    polls = runtime.referenda.referendum_info_for.items()
    return {
        proxy.RESERVE_ID: sum(
            int(deposit)
            for item in (runtime.proxy.proxies, runtime.proxy.announced.announcements)
            for _, (_, deposit) in item.items()
        ),
        bounties.RESERVE_ID: sum(
            int(bounty.bond) + int(bounty.curator_deposit)
            for _, bounty in runtime.pallet(Bounties).bounties.items()
        ),
        multisig.RESERVE_ID: sum(
            int(operation.deposit) for _, operation in runtime.multisig.multisigs.items()
        ),
        identity.RESERVE_ID: sum(
            int(known.deposit)
            + sum(int(one.fee) for _, one in known.judgements if isinstance(one, identity.FeePaid))
            for _, known in runtime.identity.identity_of.items()
        )
        + sum(int(deposit) for _, (deposit, _) in runtime.identity.subs.subs_of.items()),
        chambers.RESERVE_ID: sum(
            int(one.deposit) for _, one in runtime.chambers.elections.candidates.items()
        )
        + sum(int(seat.deposit) for seat in runtime.chambers.membership.representatives.value),
        referenda.RESERVE_ID: sum(
            int(deposit.amount) for _, poll in polls for deposit in left_for(poll)
        ),
        assets.RESERVE_ID: sum(
            int(one.reason.deposit)
            for _, one in runtime.assets.account.items()
            if isinstance(one.reason, assets.DepositHeld)
        ),
    }


LOCKS: Final = (
    conviction_voting.LOCK_ID,
    chambers.LOCK_ID,
    OBJECTION_LOCK_ID,
    vesting.LOCK_ID,
)
"""The names of all locks."""


def unknown_names(audited: AuditedState, noted: Collection[bytes]) -> Iterator[Finding]:
    """Check I4: no money is reserved or locked under a name that no check compares.

    A hold for a reason that no pallet declares cannot be read: I17.
    """
    balances = audited.runtime.balances
    for who, reserves in balances.reserves.items():
        for one in reserves:
            if one.id not in noted:
                yield Finding("I4", f"{who.hex()}: reserved under the unknown name {one.id!r}")
    for who, locks in balances.locks.items():
        for lock in locks:
            if lock.id not in LOCKS:
                yield Finding("I4", f"{who.hex()}: locked under the unknown name {lock.id!r}")


def left_for(poll: referenda.ReferendumInfo) -> list[referenda.Deposit]:
    """Return the deposits that are still reserved for a referendum."""
    found: list[referenda.Deposit | None]
    match poll:
        case referenda.Ongoing(status):
            found = [status.submission_deposit, status.decision_deposit]
        case referenda.WasKilled():
            found = []
        case _:
            found = [poll.submission, poll.decision]
    return [deposit for deposit in found if deposit is not None]


def unexplained(audited: AuditedState) -> Iterator[Finding]:
    """Check I4: holds match the pallets' records, and voting locks the greatest class lock."""
    runtime, expected = audited.runtime, dict[tuple[AccountId, Reason], int]()
    for who, reason, amount in records(runtime):
        expected[who, reason] = expected.get((who, reason), 0) + amount
    elsewhere = (runtime.authorities.reason, audited.staking.reason)  # see `bonds`, `holdings`
    held = {
        (who, hold.id): int(hold.amount)
        for who, entries in runtime.balances.holds.items()
        for hold in entries
        if hold.id not in elsewhere
    }
    for who, reason in {**held, **expected}:
        on_hold, due = held.get((who, reason), 0), expected.get((who, reason), 0)
        if on_hold != due:
            why = f"{runtime.pallets[reason.pallet].name} holds {on_hold} planck"
            yield Finding(
                "I4", f"{who.hex()}: {why} (reason {reason.index}), its records say {due}"
            )
    votes, locks = runtime.conviction_voting.class_locks_for, runtime.balances.locks
    for who in {**dict(votes.items()), **dict(locks.items())}:
        most = max((int(amount) for _, amount in votes[who]), default=0)
        locked = int(amount_of(locks[who], conviction_voting.LOCK_ID))
        if locked != most:
            yield Finding("I4", f"{who.hex()}: {locked} planck locked by votes, they say {most}")


def values_of(item: Map[K, V]) -> list[V]:
    """Return all values of an item."""
    return [value for _, value in item.items()]


def records(runtime: BttRuntime) -> Iterator[tuple[AccountId, Reason, int]]:
    """Yield the holds expected by the records of the pallets: account, reason, planck."""
    notes = Reason(runtime.preimage.index, Preimage.HoldReason.Preimage)
    for status in values_of(runtime.preimage.request_status_for):
        deposit = status.ticket if isinstance(status, Unrequested) else status.maybe_ticket
        if deposit is not None:
            yield deposit[0], notes, int(deposit[1])
    for who, facility in runtime.facilities.facilities.items():
        yield who, runtime.facilities.reason, int(facility.bond)
    for who, ledger in runtime.providers.ledgers.items():
        yield who, runtime.providers.reason, int(ledger.bond) + int(ledger.leaving)
        yield who, runtime.providers.deposit_reason, int(runtime.providers.registration_deposit)
    for model in values_of(runtime.models.models):
        yield model.owner, runtime.models.reason, int(model.bond)
    for job in values_of(runtime.jobs.store.jobs):
        if job.requester is not None and job.state not in ENDED:
            yield job.requester, runtime.jobs.reason, int(job.escrow)
    challenge = Reason(runtime.receipts.index, Receipts.HoldReason.Challenge)
    for who, verifier in runtime.receipts.bonds.verifiers.items():
        yield who, runtime.receipts.reason, int(verifier.bond)
    for receipt in values_of(runtime.receipts.receipts):
        for one in receipt.challenges:
            if one.by is not None and not one.answered:
                yield one.by, challenge, int(one.deposit)
    for order in values_of(runtime.exchange.order_book.orders):
        yield order.owner, runtime.exchange.reason, int(order.escrow)
    for who, feeder in runtime.oracle.feeders.feeders.items():
        yield who, runtime.oracle.reason, int(feeder.bond)
    yield from asset_records(runtime)
    yield from payment_records(runtime)
    yield from care_records(runtime)


def payment_records(runtime: BttRuntime) -> Iterator[tuple[AccountId, Reason, int]]:
    """Yield the expected holds of payments: bonds, deposits, and what cards authorised (I36)."""
    payfi, why = runtime.payfi, PayFi.HoldReason
    bond, arbiter, card, deposit, authorised = (
        Reason(payfi.index, each)
        for each in (why.Bond, why.ArbiterBond, why.CardDeposit, why.DisputeDeposit, why.Card)
    )
    for who, merchant in payfi.merchants.merchants.items():
        yield who, bond, int(merchant.bond)
    for who, one in payfi.arbiters.arbiter_bonds.items():
        yield who, arbiter, int(one.bond)
    owners = [known.owner for known in values_of(payfi.cards.cards)]
    owners += [known.owner for known in values_of(payfi.cards.retired)]
    for owner in owners:
        yield owner, card, int(payfi.cards.card_deposit)
    for auth in values_of(payfi.authorisations.auths):
        yield auth.owner, authorised, int(auth.held)
    for number, dispute in payfi.disputes.disputes.items():
        if dispute.outcome is None:
            yield payfi.payments.payments[number].payer, deposit, int(dispute.deposit)


def care_records(runtime: BttRuntime) -> Iterator[tuple[AccountId, Reason, int]]:
    """Yield the expected holds of referrals and of custodians of health records."""
    referral, records = runtime.referral, runtime.health_records
    for (_, referrer), deposit in referral.offers.items():
        yield referrer, referral.reason, int(deposit)
    for referee in values_of(referral.referees):
        yield referee.referrer, referral.reason, int(referee.deposit)
    for who, custodian in records.custodians.custodians.items():
        yield who, records.custodians.reason, int(custodian.bond)
    for demand in dict(records.promises.demands.items()).values():
        yield demand.by, records.promises.reason, int(demand.deposit)


def asset_records(runtime: BttRuntime) -> Iterator[tuple[AccountId, Reason, int]]:
    """Yield the expected holds of the asset registry."""
    registry, why = runtime.asset_registry, AssetRegistry.HoldReason
    for id, info in registry.registrations.registered.items():
        poll, offer = registry.voting.polls.get(id), registry.buy_back.buy_backs.get(id)
        revenue = registry.holders.revenue[id]
        for reason, amount in (
            (why.Registration, int(info.deposit)),
            (why.VoteReward, int(poll.left) if poll else 0),
            (why.BuyBack, int(offer.price) * int(offer.units) if offer else 0),
            (why.Revenue, int(revenue.fed) - int(revenue.paid)),
        ):
            yield info.issuer, Reason(registry.index, reason), amount
    for who, verifier in registry.verification.verifiers.items():
        yield who, Reason(registry.index, why.VerifierBond), int(verifier.bond)
