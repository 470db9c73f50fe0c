"""The audit of jobs, bonds and assets reports each single planck or unit that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u8, u32, u64, u128
from runtime.audits import audit
from runtime.constants import BTT
from runtime.frame import ROOT, Reason, signed
from runtime.pallets.asset_registry.types import AssetKind, RightKind, Role
from runtime.pallets.balances.types import Hold
from runtime.pallets.exchange.types import Side, TimeInForce
from runtime.pallets.identity.types import Data, IdentityInfo, KnownGood
from runtime.pallets.jobs.types import JobState
from runtime.pallets.receipts.pallet import Receipts
from support.market import ALICE, BOB, RANDOMNESS, Claim
from support.whole_market import WholeMarket

HONEST = Claim(4)
SCANNER = u32(0)


def busy() -> WholeMarket:
    """Make a market with jobs in several states, an asset, and orders on both sides."""
    market = WholeMarket()
    checked = market.post()
    receipt = market.checking(checked, HONEST)
    market.do(
        ALICE, "Receipts.challenge_data", receipt=receipt, item=u32(0), tensor=u32(0), leaf=u32(0)
    )
    market.accepted(market.post(BOB))
    market.post()
    legal, tech, *_ = market.verifier_accounts
    whole = market.whole
    whole.identity.add_registrar(ROOT, Id(legal))
    info = IdentityInfo(display=Data.text("Alice"))
    whole.identity.set_identity(signed(ALICE), info)
    digest = H256(blake2_256(codec(IdentityInfo).encode(info)))
    whole.identity.provide_judgement(signed(legal), u32(0), Id(ALICE), KnownGood(), digest)
    whole.asset_registry.register(
        signed(ALICE), AssetKind.Equipment, RightKind.Ownership, RANDOMNESS, RANDOMNESS, b"Scanner",
        b"SC",
        u128(100 * BTT), u128(1_000), False,
    )  # fmt: skip
    for who, role in ((legal, Role.Regulatory), (tech, Role.Technical)):
        whole.asset_registry.bond_verifier(signed(who), u128(5_000 * BTT))
        regulatory = role is Role.Regulatory
        whole.asset_registry.appoint_verifier(ROOT, Id(who), regulatory, not regulatory)
        whole.asset_registry.verify(signed(who), SCANNER, role, u8(1), True, RANDOMNESS)
    poll = whole.asset_registry.voting.polls[SCANNER]
    poll.ends = u64(0)
    whole.asset_registry.voting.polls[SCANNER] = poll
    whole.asset_registry.issue(signed(ALICE), SCANNER)
    whole.exchange.list_asset(signed(ALICE), SCANNER)
    for side, who, price in ((Side.Sell, ALICE, 2), (Side.Buy, BOB, 1)):
        market.do(
            who, "Exchange.place_order", asset=SCANNER, side=side, units=u128(5),
            price=u128(price * BTT), time_in_force=TimeInForce.UntilCancelled, until=None,
        )  # fmt: skip
    market.step()
    return market


@pytest.fixture(scope="module")
def shared() -> WholeMarket:
    return busy()


@pytest.fixture
def market(shared: WholeMarket) -> Iterator[WholeMarket]:
    shared.ledger.begin()
    yield shared
    shared.ledger.rollback()


def test_an_honest_market_is_found_to_be_one(market: WholeMarket) -> None:
    assert audit(market.whole) == []
    states = [job.state for _, job in market.jobs.store.jobs.items()]
    assert {JobState.Checking, JobState.Computing} <= {*states}
    assert list(market.whole.exchange.order_book.orders.items())


def escrow_too_small(market: WholeMarket) -> None:
    id, job = next((id, job) for id, job in market.jobs.store.jobs.items() if job.requester)
    job.price = u128(job.price + 1)
    market.jobs.store.jobs[id] = job


def escrow_not_counted(market: WholeMarket) -> None:
    market.jobs.escrows.escrowed.value += 1


def bond_of_a_provider(market: WholeMarket) -> None:
    who = market.provider_accounts[0]
    ledger = market.providers.ledgers[who]
    ledger.active = type(ledger.active)(int(ledger.active) + 1)
    market.providers.ledgers[who] = ledger


def reservation(market: WholeMarket) -> None:
    place, amount = next(iter(market.providers.engagements.reservations.items()))
    market.providers.engagements.reservations[place] = u128(amount + 1)


def reservation_without_a_job(market: WholeMarket) -> None:
    market.providers.engagements.reservations[market.provider_accounts[0], RANDOMNESS] = u128(0)


def bond_of_a_verifier(market: WholeMarket) -> None:
    who = market.verifier_accounts[0]
    known = market.receipts.bonds.verifiers[who]
    market.receipts.bonds.verifiers[who] = replace(known, bond=u128(known.bond + 1))


def roster(market: WholeMarket) -> None:
    market.receipts.bonds.roster.value = market.receipts.bonds.roster.value[1:]


def receipt_without_a_job(market: WholeMarket) -> None:
    id = next(id for id, job in market.jobs.store.jobs.items() if job.state is JobState.Checking)
    job = market.jobs.store.jobs[id]
    job.state = JobState.Computing
    market.jobs.store.jobs[id] = job


def challenge(market: WholeMarket) -> None:
    id, found = next(iter(market.receipts.receipts.items()))
    found.challenges[0].deposit = u128(found.challenges[0].deposit + 1)
    market.receipts.receipts[id] = found


def model_bond(market: WholeMarket) -> None:
    record = market.models.models[market.model]
    market.models.models[market.model] = replace(record, bond=type(record.bond)(1))


def model_jobs(market: WholeMarket) -> None:
    record = market.models.models[market.model]
    market.models.models[market.model] = replace(record, open=type(record.open)(99))


def hold_without_a_record(market: WholeMarket) -> None:
    holds = market.balances.holds[BOB]
    wrong = Reason(market.receipts.index, Receipts.HoldReason.Challenge)
    market.balances.holds[BOB] = [*holds, Hold(wrong, u128(1))]


def unit_made_up(market: WholeMarket) -> None:
    account = market.whole.assets.account[SCANNER, ALICE]
    market.whole.assets.account[SCANNER, ALICE] = replace(account, balance=u128(1_001))


def supply_made_up(market: WholeMarket) -> None:
    details = market.whole.assets.asset[SCANNER]
    market.whole.assets.asset[SCANNER] = replace(details, supply=u128(1_001))


def more_units_than_registered(market: WholeMarket) -> None:
    unit_made_up(market)
    supply_made_up(market)


def units_not_on_hold(market: WholeMarket) -> None:
    del market.whole.assets.held[SCANNER, ALICE]


def order_without_escrow(market: WholeMarket) -> None:
    orders = market.whole.exchange.order_book.orders
    id, order = next((id, one) for id, one in orders.items() if one.escrow)
    orders[id] = replace(order, escrow=u128(order.escrow - 1))


def order_not_in_the_book(market: WholeMarket) -> None:
    book = market.whole.exchange.order_book.book
    del book[next(place for place, _ in book.items())]


def order_without_owner(market: WholeMarket) -> None:
    own = market.whole.exchange.order_book.own
    del own[next(place for place, _ in own.items())]


def revenue_owed(market: WholeMarket) -> None:
    revenue = market.whole.asset_registry.holders.revenue[SCANNER]
    market.whole.asset_registry.holders.revenue[SCANNER] = replace(revenue, fed=u128(1))


def identity_deposit(market: WholeMarket) -> None:
    known = market.whole.identity.identity_of[ALICE]
    market.whole.identity.identity_of[ALICE] = replace(known, deposit=u128(1))


WRONG: list[tuple[Callable[[WholeMarket], None], str]] = [
    (escrow_too_small, "I4"), (escrow_not_counted, "I4"), (bond_of_a_provider, "I4"),
    (reservation, "I4"), (reservation_without_a_job, "I4"), (bond_of_a_verifier, "I4"),
    (roster, "I4"), (receipt_without_a_job, "I4"), (challenge, "I4"), (model_bond, "I4"),
    (model_jobs, "I4"), (hold_without_a_record, "I4"), (unit_made_up, "I10"),
    (supply_made_up, "I10"), (more_units_than_registered, "I10"), (units_not_on_hold, "I10"),
    (order_without_escrow, "I4"), (order_not_in_the_book, "I10"), (order_without_owner, "I10"),
    (revenue_owed, "I4"), (identity_deposit, "I4"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tamper", "invariant"), [pytest.param(*row, id=row[0].__name__) for row in WRONG]
)
def test_what_is_wrong_is_found(
    market: WholeMarket, tamper: Callable[[WholeMarket], None], invariant: str
) -> None:
    tamper(market)
    assert invariant in {finding.invariant for finding in audit(market.whole)}
