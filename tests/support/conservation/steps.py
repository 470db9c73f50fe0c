"""Steps that continue what earlier calls began: random calls rarely do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u16, u32, u64, u128
from runtime.accounts import DEVELOPMENT_FUND, ECOSYSTEM, GRANTS, OPERATIONS
from runtime.constants import BTT
from runtime.pallets.bounties.types import Active, AwaitsCurator, Awarded, Funded, Proposed
from runtime.pallets.exchange.types import Side
from runtime.pallets.facilities.types import FacilityState
from runtime.pallets.jobs.types import JobState
from runtime.pallets.receipts.types import Phase
from runtime.pallets.referenda.types import WasKilled
from runtime.pallets.tokenomics.ledger import id_of
from runtime.pallets.tokenomics.types import BurnId
from runtime.pallets.treasury.pallet import Pending
from support.chain import START, account
from support.conservation.chain import FOUNDATION, KEEPER, SCANNER
from support.conservation.signers import KNOWN

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser

Step = tuple[AccountId | None, str, Mapping[str, object]]
"""Signer (None: root), call, and the arguments that matter."""
LEAVING = ("Bounties.unassign_curator", "Bounties.extend_bounty_expiry", "Bounties.award_bounty")
ENDING = ("Bounties.unassign_curator", "Bounties.close_bounty")


def next_step(c: Chooser, *, trade: bool) -> Step:
    """Return a step that continues a sequence of steps, or begins one."""
    parts = [_grants, _grants, _payments, _releases, _stakes]
    if trade:
        parts = [_work, _work, _assets, _vaults, _decisions, _facilities, _prices, _care, _sets]
    return c.one_of(list(c.one_of(parts)(c)))


def _grants(c: Chooser) -> Iterator[Step]:
    who = c.one_of(KNOWN)
    yield who, "Bounties.propose_bounty", {"value": c.some()}
    for index, bounty in c.runtime.bounties.bounties.items():
        given: dict[str, object] = {"bounty_id": index}
        chosen = {"curator": Id(who), "fee": u128(bounty.value // c.one_of((1, 3, 10**9)))}
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
                yield curator, c.one_of(LEAVING), given
            case Awarded():
                yield who, "Bounties.claim_bounty", given
        if c.one_in(5):
            yield None, c.one_of(ENDING), given


def _payments(c: Chooser) -> Iterator[Step]:
    given = {"amount": c.some(), "beneficiary": Id(c.one_of(KNOWN))}
    yield None, "Treasury.spend_local", given
    yield None, "Treasury.spend", given | {"valid_from": None}
    for index, spend in c.runtime.treasury.spends.items():
        name = "payout" if isinstance(spend.status, Pending) else "check_status"
        yield c.one_of(KNOWN), f"Treasury.{name}", {"index": index}


def next_purchase(c: Chooser) -> Step:
    """Return a step of a payment to a merchant: its beginning, or what may follow it."""
    return c.one_of(list(_purchases(c)))


def _purchases(c: Chooser) -> Iterator[Step]:
    payfi, who = c.runtime.payfi, c.one_of(KNOWN)
    for merchant in dict(payfi.merchants.merchants.items()):
        paid = {"merchant": Id(merchant), "units": c.some(), "currency": b"BTT"}
        number = int(payfi.payments.next_payment.value)
        paid |= {"max_btt": u128(u128.MAX), "reference": number.to_bytes(16, "big")}
        yield who, "PayFi.pay", paid
    for bucket, merchant in dict(payfi.settlement.batches.items()):
        yield who, "PayFi.settle", {"bucket": bucket, "merchant": Id(merchant)}
    for id, payment in payfi.payments.payments.items():
        part: dict[str, object] = {"payment": id}
        part["amount"] = u128(int(payment.legs.gross) // c.one_of((1, 2, 10**9)))
        yield payment.merchant, "PayFi.refund", part
        yield payment.payer, "PayFi.dispute", part
    for id, dispute in payfi.disputes.disputes.items():
        if dispute.outcome is None:
            payment = payfi.payments.payments[id]
            yield payment.merchant, "PayFi.answer", {"payment": id}
            yield payment.payer, "PayFi.withdraw_dispute", {"payment": id}


def _releases(c: Chooser) -> Iterator[Step]:
    foundation = account(FOUNDATION)
    amount: dict[str, object] = {"amount": c.some()}
    item = {"programme": u32(0), "index": c.one_of((u32(0), u32(1)))}
    spent = {"pool": id_of(c.one_of((ECOSYSTEM, GRANTS, DEVELOPMENT_FUND, OPERATIONS)))}
    yield foundation, "Tokenomics.attest_milestone", item
    yield c.one_of(KNOWN), "Chambers.object_to_milestone", item
    yield None, "Tokenomics.confirm_milestone", item
    yield c.one_of(KNOWN), "Chambers.unlock_objections", {"target": Id(c.one_of(KNOWN))}
    yield foundation, "Tokenomics.claim_programme", {"programme": u32(0)}
    yield None, "Tokenomics.release_discretionary", spent | amount
    yield None, "Tokenomics.unlock_reserve", {"cap": u128(START // 2), "expiry": u64.MAX}
    yield account(KEEPER), "Tokenomics.spend_reserve", amount
    yield None, "Tokenomics.attest_cross_chain", {}
    yield foundation, "Tokenomics.execute_milestone_burn", {"id": BurnId.CrossChain}


def _stakes(c: Chooser) -> Iterator[Step]:
    yield c.one_of(KNOWN), "TierStaking.stake", {"amount": c.some()}
    open_stakes = [place for place, _ in c.runtime.tier_staking.ledger.stakes.items()]
    for who, number in open_stakes:
        for name in ("claim", "unstake", "extend"):
            yield who, f"TierStaking.{name}", {"id": number}
        yield None, "TierStaking.force_unstake", {"who": Id(who), "id": number}


def _facilities(c: Chooser) -> Iterator[Step]:
    yield c.one_of(KNOWN), "Facilities.apply", {"region": u16(156)}
    for who, facility in c.runtime.facilities.facilities.items():
        if facility.state is FacilityState.Asked:
            yield None, f"Facilities.{c.one_of(('confirm', 'refuse'))}", {"who": Id(who)}
        yield None, "Facilities.suspend", {"who": Id(who)}
        yield who, c.one_of(("Facilities.leave", "Facilities.update")), {}


def _care(c: Chooser) -> Iterator[Step]:
    who = c.one_of(KNOWN)
    yield who, "Referral.refer", {"referee": Id(c.one_of(KNOWN))}
    offers = dict(c.runtime.referral.offers.items())
    for referee, referrer in offers:
        yield referee, "Referral.accept", {"referrer": Id(referrer)}
    for referee in dict(c.runtime.referral.referees.items()):
        yield None, "Referral.attest_implementation", {"referee": Id(referee)}
        yield who, "Referral.claim", {"referee": Id(referee)}
    for custodian in dict(c.runtime.health_records.custodians.custodians.items()):
        yield custodian, "HealthRecords.anchor", {}
        yield custodian, "HealthRecords.answer", {}
    for call in ("report_omission", "report_double", "demand", "settle_demand"):
        yield who, f"HealthRecords.{call}", {}


def _sets(c: Chooser) -> Iterator[Step]:
    pallet, models = c.runtime.evaluation, c.runtime.models.models
    for who in (*dict(c.runtime.facilities.facilities.items()), c.one_of(KNOWN)):
        yield who, "Evaluation.add_set", {}
    for id, labelled in pallet.sets.items():
        for model, record in models.items():
            yield record.owner, "Evaluation.request", {"model": model, "set": id}
        for name in ("retire_set", "remove_set"):
            yield labelled.owner, f"Evaluation.{name}", {"set": id}
        yield None, "Evaluation.revoke_set", {"set": id}
    for run in dict(pallet.runs.items()):
        yield c.one_of(KNOWN), "Evaluation.finish", {"run": run}


def _prices(c: Chooser) -> Iterator[Step]:
    for who in KNOWN[:4]:
        yield who, "Oracle.feed_values", {}
    who = c.one_of(KNOWN)
    yield None, "Oracle.admit", {"who": who, "admitted": True}
    yield who, "Oracle.leave", {}
    yield who, "Oracle.withdraw", {}


def _work(c: Chooser) -> Iterator[Step]:
    who = c.one_of(KNOWN)
    yield who, "Jobs.post", {"items": u32(2), "max_price": u128(START)}
    for provider in KNOWN[2:4]:
        yield provider, "Providers.heartbeat", {}
    for id, job in c.runtime.jobs.store.jobs.items():
        match job.state:
            case JobState.Posted if job.requester and c.one_in(5):
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
    for id, receipt in c.runtime.receipts.receipts.items():
        if receipt.phase is not Phase.Ended:
            requester = c.runtime.jobs.store.jobs[receipt.job].requester
            for name in ("accept_result", "accept_result", "challenge_data"):
                yield requester, f"Receipts.{name}", {"receipt": id}


def _assets(c: Chooser) -> Iterator[Step]:
    registry, who = c.runtime.asset_registry, c.one_of(KNOWN)
    price: dict[str, object] = {"price": u128(BTT // c.one_of((1, 3, 7)))}
    some: dict[str, object] = {"asset": SCANNER, "units": u128(c.one_of((7, 10, 300)))} | price
    for side in Side:
        yield who, "Exchange.place_order", some | {"side": side}
        yield who, "Exchange.place_order", some | {"side": side}
    for id, order in c.runtime.exchange.order_book.orders.items():
        if c.one_in(5):
            yield order.owner, "Exchange.cancel_order", {"id": id}
    issuer = registry.registrations.registered[SCANNER].issuer
    yield issuer, "AssetRegistry.distribute_revenue", {"amount": c.some()}
    yield who, "AssetRegistry.claim_revenue", {}
    yield issuer, "AssetRegistry.offer_buy_back", {"units": u128(5)} | price
    yield who, "AssetRegistry.sell_back", {"units": u128(2), "least_price": u128(0)}
    yield None, "AssetRegistry.slash_verifier", {"who": Id(KNOWN[2]), "amount": u128(BTT)}


def _vaults(c: Chooser) -> Iterator[Step]:
    who = c.one_of(KNOWN)
    begun = {"asset": SCANNER, "money": u128(3 * BTT), "units": u128(5)}
    yield who, "Vaults.create_vault", begun
    for id, vault in c.runtime.vaults.vaults.items():
        yield who, "Vaults.deposit_vault", {"id": id}
        yield c.one_of((who, vault.manager)), "Vaults.withdraw_vault", {"id": id}
        given = {"id": id, "price": u128(BTT // c.one_of((1, 3, 7)))}
        yield vault.manager, "Vaults.place_vault_order", given


def _decisions(c: Chooser) -> Iterator[Step]:
    who = c.one_of(KNOWN)
    yield who, "Referenda.submit", {}
    for index, info in c.runtime.referenda.referendum_info_for.items():
        if isinstance(info, WasKilled):
            continue
        for name in ("place_decision_deposit", "nudge_referendum", "refund_decision_deposit"):
            yield who, f"Referenda.{name}", {"index": index}
        yield who, "ConvictionVoting.vote", {"poll_index": index}
    yield None, "Identity.kill_identity", {"target": Id(KNOWN[1])}
