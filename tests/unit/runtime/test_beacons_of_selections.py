"""Selections use exactly the beacon that the rules name, and no earlier one."""

from __future__ import annotations

from hashlib import sha256

import pytest

from btt_chain.scale import u32
from btt_chain.work import ids
from runtime.pallets.babe.types import Beacon
from runtime.pallets.jobs.types import JobState
from runtime.pallets.receipts.types import Phase
from runtime.params import WorkRules
from support.market import Claim, Market

HONEST = Claim(4)
DELAY = 3
RULES = WorkRules(
    committee=u32(3), quorum=u32(2), min_operators=u32(2), beacon_delay=u32(DELAY),
    beacon_authors=u32(3),
)  # fmt: skip


def beacon(slot: int) -> bytes:
    """Return the beacon of the fake clock for a slot."""
    return sha256(b"beacon" + slot.to_bytes(4, "little")).digest()


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Market:
    made = Market(RULES)
    randomness_after = made.clock.randomness_after

    def asked(time: int, delay: int, authors: int) -> Beacon | None:
        assert authors == 3, "the number of authors in between is that of the rules"
        return randomness_after(time, delay, authors)

    monkeypatch.setattr(made.clock, "randomness_after", asked)
    return made


def test_a_provider_is_selected_by_the_beacon_of_the_named_slot_after_posting(
    market: Market,
) -> None:
    job = market.post()
    posted = int(market.job(job).posted)
    market.until(job, JobState.Assigned)
    assert market.job(job).seed == ids.assign_seed(beacon(posted + DELAY), job, 0)


def test_the_next_provider_is_selected_by_a_beacon_after_the_first_one_failed(
    market: Market,
) -> None:
    job = market.post()
    market.until(job, JobState.Assigned)
    market.do(market.provider(job), "Jobs.decline", job=job)
    declined = market.clock.now()
    market.until(job, JobState.Assigned)
    assert market.job(job).seed == ids.assign_seed(beacon(declined + DELAY), job, 1)


def test_a_committee_is_selected_by_the_beacon_of_the_named_slot_after_submission(
    market: Market,
) -> None:
    market.accepted(job := market.post())
    receipt = market.submit(job, HONEST)
    submitted = int(market.receipt(receipt).submitted)
    found = market.until_phase(receipt, Phase.Checking)
    assert found.beacons == [beacon(submitted + DELAY)]
