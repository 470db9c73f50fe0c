"""The audit of jobs, bonds and assets reports each single planck or unit that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
from support.tampering import alter, shift, shift_value
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
    jobs = market.jobs.store.jobs
    shift(jobs, next(id for id, job in jobs.items() if job.requester), price=1)


def reservation(market: WholeMarket) -> None:
    place, amount = next(iter(market.providers.engagements.reservations.items()))
    market.providers.engagements.reservations[place] = u128(amount + 1)


def reservation_without_a_job(market: WholeMarket) -> None:
    market.providers.engagements.reservations[market.provider_accounts[0], RANDOMNESS] = u128(0)


def verifier_left_out(market: WholeMarket) -> None:
    market.receipts.bonds.roster.value = market.receipts.bonds.roster.value[1:]


def receipt_without_a_job(market: WholeMarket) -> None:
    jobs = market.jobs.store.jobs
    checking = next(id for id, job in jobs.items() if job.state is JobState.Checking)
    alter(jobs, checking, state=JobState.Computing)


def challenge(market: WholeMarket) -> None:
    id, receipt = next(iter(market.receipts.receipts.items()))
    receipt.challenges[0].deposit = u128(receipt.challenges[0].deposit + 1)
    market.receipts.receipts[id] = receipt


def hold_without_a_record(market: WholeMarket) -> None:
    holds = market.balances.holds[BOB]
    wrong = Reason(market.receipts.index, Receipts.HoldReason.Challenge)
    market.balances.holds[BOB] = [*holds, Hold(wrong, u128(1))]


def unit_made_up(market: WholeMarket) -> None:
    shift(market.whole.assets.account, (SCANNER, ALICE), balance=1)


def supply_made_up(market: WholeMarket) -> None:
    shift(market.whole.assets.asset, SCANNER, supply=1)


def more_units_than_registered(market: WholeMarket) -> None:
    unit_made_up(market)
    supply_made_up(market)


def units_not_on_hold(market: WholeMarket) -> None:
    del market.whole.assets.held[SCANNER, ALICE]


def order_without_escrow(market: WholeMarket) -> None:
    orders = market.whole.exchange.order_book.orders
    shift(orders, next(id for id, order in orders.items() if order.escrow), escrow=-1)


def order_not_in_the_book(market: WholeMarket) -> None:
    book = market.whole.exchange.order_book.book
    del book[next(place for place, _ in book.items())]


def order_without_owner(market: WholeMarket) -> None:
    own = market.whole.exchange.order_book.own
    del own[next(place for place, _ in own.items())]


WRONG: dict[str, tuple[Callable[[WholeMarket], None], str]] = {
    "escrow too small": (escrow_too_small, "I4"),
    "escrow not counted": (lambda market: shift_value(market.jobs.escrows.escrowed, 1), "I4"),
    "bond of a provider": (
        lambda market: shift(market.providers.ledgers, market.provider_accounts[0], active=1),
        "I4",
    ),
    "reservation": (reservation, "I4"),
    "reservation without a job": (reservation_without_a_job, "I4"),
    "bond of a verifier": (
        lambda market: shift(market.receipts.bonds.verifiers, market.verifier_accounts[0], bond=1),
        "I4",
    ),
    "verifier left out": (verifier_left_out, "I4"),
    "receipt without a job": (receipt_without_a_job, "I4"),
    "challenge": (challenge, "I4"),
    "bond of a model": (lambda market: shift(market.models.models, market.model, bond=1), "I4"),
    "jobs of a model": (lambda market: shift(market.models.models, market.model, open=99), "I4"),
    "hold without a record": (hold_without_a_record, "I4"),
    "unit made up": (unit_made_up, "I10"),
    "supply made up": (supply_made_up, "I10"),
    "more units than registered": (more_units_than_registered, "I10"),
    "units not on hold": (units_not_on_hold, "I10"),
    "order without escrow": (order_without_escrow, "I4"),
    "order not in the book": (order_not_in_the_book, "I10"),
    "order without an owner": (order_without_owner, "I10"),
    "revenue owed": (
        lambda market: shift(market.whole.asset_registry.holders.revenue, SCANNER, fed=1),
        "I4",
    ),
    "deposit of an identity": (
        lambda market: shift(market.whole.identity.identity_of, ALICE, deposit=1),
        "I4",
    ),
}


@pytest.mark.parametrize(("tamper", "invariant"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_found(
    market: WholeMarket, tamper: Callable[[WholeMarket], None], invariant: str
) -> None:
    tamper(market)
    assert invariant in {finding.invariant for finding in audit(market.whole)}
