"""Offences: what is slashed, whom it disables, and how long it is remembered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256, twox_64_concat, twox_128
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import compact_encode, u32, u128
from runtime.accounts import TREASURY
from runtime.frame import signed
from runtime.pallets.authorities import events
from runtime.pallets.babe import weights as babe_weights
from runtime.pallets.evidence import BABE_EQUIVOCATION, GRANDPA_EQUIVOCATION
from runtime.pallets.offences.pallet import (
    PRUNED_PER_BLOCK,
    Exposure,
    OffenceDetails,
    Offences,
    opaque,
    report_id,
    slash_of,
)
from support.runtime import refused
from support.stakes import MINIMUM, StakeChain, stash

MANY = 20
BOND = 2 * MINIMUM


@pytest.fixture
def chain() -> StakeChain:
    """Twenty validators of 20,000 BTT each."""
    made = StakeChain(seats=MANY, least=4, candidates=30)
    made.open([BOND] * MANY, accounts=MANY + 2)
    return made


def report(
    chain: StakeChain,
    number: int,
    *,
    slot: int = 77,
    session: int = 0,
    kind: bytes = BABE_EQUIVOCATION,
    reporter: AccountId | None = None,
) -> None:
    chain.offences.report(kind, session, MANY, stash(number), slot, reporter)


def lost(chain: StakeChain, number: int) -> int:
    return BOND - int(chain.authorities.bonded(stash(number)))


def test_one_offender_of_many_loses_what_the_ruling_says(chain: StakeChain) -> None:
    issued = chain.balances.total_issuance.value
    report(chain, 3)
    assert lost(chain, 3) == BOND * 9 // 400
    assert chain.balances.free(TREASURY) == BOND * 9 // 400
    assert chain.balances.total_issuance.value == issued
    assert chain.announced()[-1] == Offences.Offence(BABE_EQUIVOCATION, opaque(77))
    chain.check()


def test_those_who_were_first_pay_the_difference_when_others_follow(chain: StakeChain) -> None:
    for count in range(1, 8):
        report(chain, count)
        expected = min(BOND, BOND * 9 * count * count // 400)
        assert [lost(chain, number) for number in range(1, count + 1)] == [expected] * count
    assert lost(chain, 1) == BOND
    assert lost(chain, 8) == 0
    chain.check()


def test_other_slots_and_other_kinds_are_not_concurrent(chain: StakeChain) -> None:
    report(chain, 1)
    report(chain, 2, slot=78)
    report(chain, 3, kind=GRANDPA_EQUIVOCATION)
    assert [lost(chain, number) for number in (1, 2, 3)] == [BOND * 9 // 400] * 3
    report(chain, 1, slot=78)
    assert lost(chain, 2) == BOND * 36 // 400
    assert lost(chain, 1) == BOND * 9 // 400 + BOND * 36 // 400


def test_no_offences_together_cost_more_than_was_at_stake(chain: StakeChain) -> None:
    chain.authorities.bond_extra(signed(stash(1)), u128(BOND))
    for slot in range(60):
        report(chain, 1, slot=slot)
    assert lost(chain, 1) == 0  # the stake is gone, what was bonded later is not
    assert chain.balances.free(TREASURY) == BOND
    chain.check()


def test_what_was_bonded_after_the_election_is_not_slashed_but_what_left_is(
    chain: StakeChain,
) -> None:
    chain.authorities.chill(signed(stash(1)))
    chain.authorities.unbond(signed(stash(1)), u128(BOND))
    chain.sessions.turn(5)
    report(chain, 1, session=0)
    assert lost(chain, 1) == BOND * 9 // 400
    chain.check()


def test_a_report_is_accepted_once(chain: StakeChain) -> None:
    report(chain, 3)
    with pytest.raises(Offences.DuplicateReport):
        chain.offences.check(BABE_EQUIVOCATION, 0, stash(3), 77)
    assert chain.offences.check(BABE_EQUIVOCATION, 0, stash(4), 77) == BOND
    assert chain.offences.check(BABE_EQUIVOCATION, 0, stash(3), 78) == BOND
    with refused(chain, Offences.DuplicateReport):
        report(chain, 3)


def test_a_report_returns_the_slashed_amount_until_there_is_nothing_left(chain: StakeChain) -> None:
    part = BOND * 9 // 400
    first = [chain.offences.report(BABE_EQUIVOCATION, 0, MANY, stash(1), s, None) for s in (1, 2)]
    assert first == [part, part]
    second = chain.offences.report(BABE_EQUIVOCATION, 0, MANY, stash(2), 1, None)
    assert second == 2 * (BOND * 36 // 400) - part  # the first one pays the difference
    for slot in range(100, 145):
        report(chain, 1, slot=slot)
    assert chain.offences.report(BABE_EQUIVOCATION, 0, MANY, stash(1), 200, None) == 0


def test_reports_outside_of_the_window_are_refused(chain: StakeChain) -> None:
    with refused(chain, Offences.TooOld):
        report(chain, 3, session=1)
    chain.sessions.turn(6)
    with refused(chain, Offences.TooOld):
        report(chain, 3, session=0)
    report(chain, 3, session=1)
    assert lost(chain, 3) == BOND * 9 // 400


def test_who_was_no_validator_cannot_be_reported(chain: StakeChain) -> None:
    with refused(chain, Offences.NotAtStake):
        report(chain, MANY + 1)


def test_an_offender_is_disabled_chilled_and_gone_after_the_next_election(
    chain: StakeChain,
) -> None:
    report(chain, 3)
    place = chain.sessions.active.index(stash(3))
    assert chain.sessions.disabled == [place]
    assert stash(3) not in chain.authorities.candidate_list.candidates
    report(chain, 3, slot=78)
    assert chain.sessions.disabled == [place]
    chain.sessions.turn()
    assert stash(3) not in chain.sessions.queued
    chain.sessions.turn()
    report(chain, 3, slot=79)
    assert chain.sessions.disabled == []  # it is no longer a validator


def test_who_was_chosen_before_it_offended_is_disabled_in_the_next_session_too(
    chain: StakeChain,
) -> None:
    report(chain, 3)
    chain.sessions.turn()
    assert stash(3) in chain.sessions.active
    assert chain.sessions.disabled == []
    chain.offences.on_initialize(2)
    assert chain.sessions.disabled == [chain.sessions.active.index(stash(3))]
    chain.offences.on_initialize(3)  # once a session is enough
    chain.sessions.turn()
    chain.offences.on_initialize(4)
    assert chain.sessions.disabled == []


def test_less_than_a_third_are_disabled(chain: StakeChain) -> None:
    for number in range(1, 10):
        report(chain, number)
    assert len(chain.sessions.disabled) == 6
    assert lost(chain, 9) == BOND


def test_the_author_of_most_blocks_is_not_disabled() -> None:
    chain = StakeChain(seats=4, least=4)
    chain.open([MINIMUM] * 4)
    chain.offences.report(BABE_EQUIVOCATION, 0, 4, stash(1), 77, None)
    assert chain.sessions.disabled == [0]
    for number in (2, 3, 4):  # together they lose everything; no candidate is there to replace them
        chain.offences.report(GRANDPA_EQUIVOCATION, 0, 4, stash(number), 9, None)
    for _ in range(2):
        chain.sessions.turn()
        chain.offences.on_initialize(1)
    assert chain.sessions.active == [stash(number) for number in range(1, 5)]
    assert 2 * chain.sessions.weights[0] > sum(chain.sessions.weights)
    assert 0 not in chain.sessions.disabled


def test_a_single_validator_is_slashed_but_goes_on() -> None:
    chain = StakeChain(seats=4)
    chain.open([BOND])
    chain.offences.report(BABE_EQUIVOCATION, 0, 1, stash(1), 77, None)
    assert chain.authorities.bonded(stash(1)) == 0
    assert chain.sessions.disabled == []
    chain.sessions.turn(9)
    assert chain.sessions.active == [stash(1)]
    assert events.TooFewCandidates(u32(2), u32(0)) in chain.announced()
    chain.check()


def test_reports_are_forgotten_a_few_a_block_once_they_cannot_be_repeated(
    chain: StakeChain,
) -> None:
    idle = chain.offences.on_initialize(1)
    count = PRUNED_PER_BLOCK + 2
    for number in range(1, count + 1):
        report(chain, number)
    chain.sessions.turn(5)
    report(chain, 1, slot=99, session=5 - 5)
    chain.offences.on_initialize(2)
    assert len(list(chain.offences.reports.items())) == count + 1
    chain.sessions.turn()
    assert chain.offences.on_initialize(3) > idle
    assert len(list(chain.offences.reports.items())) == 3
    chain.offences.on_initialize(4)
    assert [details.offender[0] for _, details in chain.offences.reports.items()] == [stash(1)]
    assert chain.offences.concurrent_reports_index.get((BABE_EQUIVOCATION, opaque(77))) == []
    assert chain.offences.on_initialize(5) == idle
    chain.sessions.turn(5)
    chain.offences.on_initialize(6)
    prefix = twox_128(b"Offences")
    assert len(list(chain.state.keys(prefix))) == 3  # a session, the ends of the empty queue


def test_storage_is_where_explorers_look_for_it(chain: StakeChain) -> None:
    report(chain, 3, reporter=stash(9))
    timeslot = (77).to_bytes(8, "little")
    encoded = BABE_EQUIVOCATION + compact_encode(8) + timeslot + stash(3)
    identifier = H256(blake2_256(encoded))
    assert report_id(BABE_EQUIVOCATION, timeslot, stash(3)) == identifier
    prefix = twox_128(b"Offences")
    reports = prefix + twox_128(b"Reports") + twox_64_concat(identifier)
    details = OffenceDetails((stash(3), Exposure(u128(BOND), u128(BOND))), [stash(9)])
    assert chain.state.get(reports) is not None
    assert chain.offences.reports[identifier] == details
    index = prefix + twox_128(b"ConcurrentReportsIndex") + twox_64_concat(BABE_EQUIVOCATION)
    index += twox_64_concat(compact_encode(8) + timeslot)
    assert chain.state.get(index) == compact_encode(1) + identifier


def test_a_round_of_finality_is_written_as_set_and_round() -> None:
    assert opaque(5 | 9 << 64) == (5).to_bytes(8, "little") + (9).to_bytes(8, "little")


def test_a_report_weighs_more_among_more_validators() -> None:
    one, many = (babe_weights.report_equivocation(count, 4) for count in (1, 100))
    assert many > one > 0


@settings(max_examples=200, deadline=None)
@given(stake=st.integers(0, 10**30), offenders=st.integers(1, 100), validators=st.integers(1, 100))
def test_the_slash_grows_with_the_offenders_and_stays_within_the_stake(
    stake: int, offenders: int, validators: int
) -> None:
    slash = slash_of(stake, offenders, validators)
    assert stake // 100 <= slash <= stake
    assert slash_of(stake, offenders + 1, validators) >= slash
    if 3 * offenders >= validators:
        assert slash == stake


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, MANY), st.integers(0, 2)), max_size=25, unique=True))
def test_the_order_of_reports_does_not_matter(reports: list[tuple[int, int]]) -> None:
    """Each offender has paid by its slots' final numbers of offenders, within its stake."""
    chain = StakeChain(seats=MANY, least=4, candidates=30)
    chain.open([BOND] * MANY, accounts=MANY)
    for number, slot in reports:
        report(chain, number, slot=slot)
    chain.check()
    for number in range(1, MANY + 1):
        slots = [slot for who, slot in reports if who == number]
        owed = [sum(1 for _, other in reports if other == slot) for slot in slots]
        total = sum(slash_of(BOND, count, MANY) for count in owed)
        assert lost(chain, number) == min(BOND, total)
