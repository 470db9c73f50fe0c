"""The Foundation's seat at the treasury: the first year, a hundredth a period, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u32, u64, u128
from runtime.accounts import TREASURY
from runtime.audits import audit
from runtime.constants import BTT, YEAR_MS
from runtime.frame import ROOT, BadOrigin
from runtime.frame.origin import decided
from runtime.pallets.origins import Decision
from runtime.pallets.tokenomics import errors
from runtime.pallets.treasury.pallet import Treasury
from support.economy.chain import EconomyChain, Step, person

ROW = {"seed-002": 31_500_000, "seed-004": 2_310_000}
"""The treasury's row of each document that gives the Foundation a seat, in BTT."""


def chain_of(document: str = "seed-004") -> EconomyChain:
    return EconomyChain(document, manual=True)


def foundation(chain: EconomyChain) -> AccountId:
    return chain.tokenomics.foundation.value


def free(chain: EconomyChain, who: AccountId) -> int:
    return int(chain.runtime.balances.free(who))


def spends(chain: EconomyChain, btt: int, who: AccountId | None = None) -> Step:
    """Return the call of `who`, by default the Foundation, that approves a payment to Ben."""
    return chain.by(
        foundation(chain) if who is None else who, "Treasury", "spend_local",
        amount=u128(btt * BTT), beneficiary=Id(person("ben")),
    )  # fmt: skip


@pytest.mark.parametrize("document", ROW)
def test_the_foundation_approves_a_hundredth_of_the_treasurys_row_in_a_period(
    document: str,
) -> None:
    chain, limit = chain_of(document), ROW[document] // 100
    seat = chain.tokenomics.stewardship.treasury_seat.value
    assert (seat.limit, seat.until) == (limit * BTT, YEAR_MS // 6_000)
    assert not chain.block(spends(chain, limit - 1))
    (refused,) = chain.block(spends(chain, 2))
    assert isinstance(refused, Treasury.InsufficientPermission)
    assert not chain.block(spends(chain, 1))
    before, bens = free(chain, TREASURY), free(chain, person("ben"))
    assert not chain.days(6)
    assert before - free(chain, TREASURY) == limit * BTT
    assert free(chain, person("ben")) - bens == limit * BTT
    assert not chain.block(spends(chain, limit)), "a new period"
    assert audit(chain.runtime) == []


@pytest.mark.parametrize("document", ["seed-000", "seed-001"])
def test_documents_that_describe_no_treasury_give_no_seat(document: str) -> None:
    chain = chain_of(document)
    assert chain.tokenomics.stewardship.treasury_seat.get() is None
    (refused,) = chain.block(spends(chain, 1))
    assert isinstance(refused, BadOrigin)


def test_only_the_foundation_has_the_seat() -> None:
    chain = chain_of()
    (refused,) = chain.block(spends(chain, 1, person("ann")))
    assert isinstance(refused, BadOrigin)


def test_the_seat_ends_with_the_first_year() -> None:
    chain = chain_of()
    end = YEAR_MS // 6_000
    while chain.runtime.babe.now() < end - 20_000:
        assert not chain.days(30 if chain.runtime.babe.now() < end - 500_000 else 1)
    chain.block(slot=chain.slot + end - 1 - int(chain.runtime.babe.now()) - 1)
    assert not chain.block(spends(chain, 1))
    assert chain.runtime.babe.now() == end - 1
    (refused,) = chain.block(spends(chain, 1))
    assert isinstance(refused, BadOrigin)


def test_a_pause_stops_it_and_an_emergency_ends_it() -> None:
    chain = chain_of()
    assert not chain.block(chain.root("Tokenomics", "pause_discretionary", until=u64(5)))
    (refused,) = chain.block(spends(chain, 1))
    assert isinstance(refused, errors.Paused)
    chain.block(slot=chain.slot + 5)
    assert not chain.block(spends(chain, 1))
    ends = chain.call("Tokenomics", "end_treasury_seat")
    (refused,) = chain.block((decided(Decision.Technical), ends))
    assert isinstance(refused, BadOrigin)
    assert not chain.block((decided(Decision.Emergency), ends))
    (refused,) = chain.block(spends(chain, 1))
    assert isinstance(refused, BadOrigin)
    (refused,) = chain.block((ROOT, ends))
    assert isinstance(refused, errors.NoSeat)


def test_what_the_foundation_approved_can_be_revoked_before_it_is_paid() -> None:
    chain = chain_of()
    before = free(chain, person("ben"))
    assert not chain.block(spends(chain, 100))
    revoke = chain.call("Treasury", "remove_approval", proposal_id=u32(0))
    assert not chain.block((decided(Decision.Emergency), revoke))
    assert not chain.days(6)
    assert free(chain, person("ben")) == before


@settings(max_examples=5)
@given(st.lists(st.tuples(st.integers(1, 40_000), st.integers(0, 9)), min_size=1, max_size=20))
def test_in_a_year_the_foundation_approves_less_than_the_votes_of_institutions(
    steps: list[tuple[int, int]],
) -> None:
    chain, approved = chain_of(), 0
    for amount, days in steps:
        if not chain.block(spends(chain, amount)):
            approved += amount
        assert not chain.days(days + 1)
    periods = sum(days + 1 for _, days in steps) // 6 + 2
    assert approved <= periods * ROW["seed-004"] // 100
    assert 61 * ROW["seed-004"] // 100 < ROW["seed-004"] * 70 // 100, "a year has 61 periods"
    assert audit(chain.runtime) == []
