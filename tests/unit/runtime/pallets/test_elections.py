"""Elections of the chambers: candidates, backing, seats, and the money behind them."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, DispatchError, signed
from runtime.pallets.chambers import errors, events
from support.assembly import Assembly
from support.governance import ALICE, BOB, CAROL, DAVE, EVE
from support.runtime import refused


@pytest.fixture
def runtime() -> Assembly:
    runtime = Assembly()
    runtime.open()
    return runtime


def test_those_with_the_most_backing_sit(runtime: Assembly) -> None:
    many = [AccountId(bytes((n,)) * 32) for n in range(20, 33)]
    for place, who in enumerate(many):
        runtime.balances.transfer(ALICE, who, 150 * BTT)
        runtime.ledger.judged[who] = who
        runtime.chambers.submit_candidacy(signed(who))
        if place:
            runtime.chambers.vote_representative(signed(who), [who], place * BTT)
    runtime.chambers.vote_representative(signed(BOB), [many[1], many[2]], 100 * BTT)
    runtime.new_events()
    runtime.clock.slot = 14 * runtime.day
    runtime.tick()
    (over,) = [
        event for event in runtime.new_events() if isinstance(event, events.ElectionConcluded)
    ]
    assert over.seated == [many[2], many[1], *reversed(many[5:])]
    assert over.until == runtime.clock.slot + 180 * runtime.day
    for who in many:
        sits = runtime.chambers.membership.is_representative(who)
        assert runtime.balances.reserved(who) == (100 * BTT if sits else 0)


def test_of_equals_the_first_is_seated_and_without_backing_none(runtime: Assembly) -> None:
    for who in (CAROL, BOB, EVE):
        runtime.ledger.judged[who] = who
        runtime.chambers.submit_candidacy(signed(who))
    runtime.chambers.vote_representative(signed(DAVE), [BOB, CAROL], BTT)
    runtime.clock.slot = 14 * runtime.day
    runtime.tick()
    assert [seat.who for seat in runtime.chambers.membership.representatives.value] == [CAROL, BOB]


def test_who_loses_the_judgement_before_the_end_is_not_seated(runtime: Assembly) -> None:
    for who in (BOB, EVE):
        runtime.ledger.judged[who] = who
        runtime.chambers.submit_candidacy(signed(who))
    runtime.chambers.vote_representative(signed(DAVE), [BOB, EVE], BTT)
    del runtime.ledger.judged[BOB]
    runtime.clock.slot = 14 * runtime.day
    runtime.tick()
    assert [seat.who for seat in runtime.chambers.membership.representatives.value] == [EVE]
    assert runtime.balances.reserved(BOB) == 0


def test_an_election_without_winners_is_held_again_soon(runtime: Assembly) -> None:
    runtime.clock.slot = 14 * runtime.day + 3
    runtime.tick()
    assert runtime.chambers.elections.due() == runtime.clock.slot + 14 * runtime.day
    assert runtime.chambers.elections.elections.value == 1


def test_a_term_ends_even_if_its_last_slot_is_empty(runtime: Assembly) -> None:
    runtime.elect(BOB)
    due = runtime.chambers.elections.due()
    runtime.clock.slot = due + 77
    runtime.tick()
    assert runtime.chambers.membership.representatives.value == []
    assert runtime.balances.reserved(BOB) == 0


def test_who_sits_may_stand_again_and_has_one_deposit_after(runtime: Assembly) -> None:
    runtime.elect(BOB)
    runtime.elect(BOB)
    assert runtime.chambers.membership.is_representative(BOB)
    assert runtime.balances.reserved(BOB) == 100 * BTT


def test_only_who_was_judged_stands_and_once(runtime: Assembly) -> None:
    with refused(runtime, errors.NotVerified):
        runtime.chambers.submit_candidacy(signed(BOB))
    runtime.ledger.judged = {BOB: BOB, CAROL: BOB}
    with refused(runtime, errors.NotVerified):
        runtime.chambers.submit_candidacy(signed(CAROL))
    runtime.chambers.submit_candidacy(signed(BOB))
    with refused(runtime, errors.AlreadyStanding):
        runtime.chambers.submit_candidacy(signed(BOB))


def test_a_candidate_withdraws_and_comes_back(runtime: Assembly) -> None:
    runtime.ledger.judged[BOB] = BOB
    with refused(runtime, errors.NotStanding):
        runtime.chambers.withdraw_candidacy(signed(BOB))
    runtime.chambers.submit_candidacy(signed(BOB))
    runtime.chambers.vote_representative(signed(CAROL), [BOB], 5 * BTT)
    runtime.chambers.withdraw_candidacy(signed(BOB))
    assert runtime.balances.reserved(BOB) == 0
    with refused(runtime, errors.NotACandidate):
        runtime.chambers.vote_representative(signed(DAVE), [BOB], 5 * BTT)
    runtime.chambers.submit_candidacy(signed(BOB))
    assert runtime.chambers.elections.candidates[BOB].backing == 5 * BTT
    runtime.chambers.remove_rep_vote(signed(CAROL))
    assert runtime.chambers.elections.candidates[BOB].backing == 0


def test_backing_locks_money_and_moves_with_it(runtime: Assembly) -> None:
    runtime.ledger.judged = {BOB: BOB, CAROL: CAROL}
    runtime.ledger.vesting = {DAVE: 3_000 * BTT}
    for who in (BOB, CAROL):
        runtime.chambers.submit_candidacy(signed(who))
    with refused(runtime, errors.InsufficientFunds):
        runtime.chambers.vote_representative(signed(DAVE), [BOB], 7_001 * BTT)
    with refused(runtime, errors.BackingTooSmall):
        runtime.chambers.vote_representative(signed(DAVE), [BOB], u128(BTT - 1))
    for names in ([], [BOB, BOB]):
        with refused(runtime, errors.NamesWrong):
            runtime.chambers.vote_representative(signed(DAVE), names, BTT)
    runtime.chambers.vote_representative(signed(DAVE), [BOB], 7_000 * BTT)
    with pytest.raises(DispatchError):
        runtime.balances.transfer(DAVE, EVE, BTT)
    runtime.chambers.vote_representative(signed(DAVE), [CAROL], 10 * BTT)
    assert runtime.chambers.elections.candidates[BOB].backing == 0
    assert runtime.chambers.elections.candidates[CAROL].backing == 10 * BTT
    runtime.chambers.remove_rep_vote(signed(DAVE))
    with refused(runtime, errors.NotBacking):
        runtime.chambers.remove_rep_vote(signed(DAVE))
    runtime.balances.transfer(DAVE, EVE, 9_000 * BTT)


def test_backing_of_an_election_that_is_over_counts_for_nothing(runtime: Assembly) -> None:
    runtime.ledger.judged[BOB] = BOB
    runtime.chambers.submit_candidacy(signed(BOB))
    runtime.chambers.vote_representative(signed(CAROL), [BOB], 5 * BTT)
    runtime.clock.slot = 14 * runtime.day
    runtime.tick()
    runtime.chambers.submit_candidacy(signed(BOB))
    assert runtime.chambers.elections.candidates[BOB].backing == 0
    runtime.chambers.remove_rep_vote(signed(CAROL))
    assert runtime.chambers.elections.candidates[BOB].backing == 0


def test_a_seat_can_be_left_or_taken_with_its_deposit(runtime: Assembly) -> None:
    runtime.elect(BOB, CAROL)
    before = runtime.balances.total(CAROL)
    runtime.chambers.withdraw_candidacy(signed(BOB))
    assert (runtime.balances.reserved(BOB), runtime.chambers.membership.is_representative(BOB)) == (
        0,
        False,
    )
    runtime.chambers.remove_representative(ROOT, Id(CAROL))
    assert runtime.balances.total(CAROL) == before - 100 * BTT
    with refused(runtime, errors.NotSeated):
        runtime.chambers.remove_representative(ROOT, Id(CAROL))
    with refused(runtime, BadOrigin()):
        runtime.chambers.remove_representative(signed(BOB), Id(CAROL))


def test_an_election_has_room_for_so_many(runtime: Assembly) -> None:
    for number in range(64):
        who = AccountId(number.to_bytes(32, "big"))
        runtime.balances.transfer(ALICE, who, 101 * BTT)
        runtime.ledger.judged[who] = who
        runtime.chambers.submit_candidacy(signed(who))
    runtime.ledger.judged[BOB] = BOB
    with refused(runtime, errors.TooManyCandidates):
        runtime.chambers.submit_candidacy(signed(BOB))
    runtime.clock.slot = 14 * runtime.day
    assert runtime.tick() > 0
    assert runtime.chambers.elections.running.value == []
