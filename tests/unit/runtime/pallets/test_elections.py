"""Elections of the chambers: candidates, backing, seats, and the money behind them."""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, DispatchError, signed
from runtime.pallets.chambers import (
    Chambers,
)
from support.assembly import Assembly
from support.governance import ALICE, BOB, CAROL, DAVE, EVE
from support.runtime import refused


@pytest.fixture
def town() -> Assembly:
    town = Assembly()
    town.open()
    return town


def test_those_with_the_most_backing_sit(town: Assembly) -> None:
    many = [AccountId(bytes((n,)) * 32) for n in range(20, 33)]
    for place, who in enumerate(many):
        town.balances.transfer(ALICE, who, 150 * BTT)
        town.ledger.judged[who] = who
        town.chambers.submit_candidacy(signed(who))
        if place:
            town.chambers.vote_representative(signed(who), [who], place * BTT)
    town.chambers.vote_representative(signed(BOB), [many[1], many[2]], 100 * BTT)
    town.new_events()
    town.clock.slot = 14 * town.day
    town.tick()
    (over,) = [
        event for event in town.new_events() if isinstance(event, Chambers.ElectionConcluded)
    ]
    assert over.seated == [many[2], many[1], *reversed(many[5:])]
    assert over.until == town.clock.slot + 180 * town.day
    for who in many:
        sits = town.chambers.membership.is_representative(who)
        assert town.balances.reserved(who) == (100 * BTT if sits else 0)


def test_of_equals_the_first_is_seated_and_without_backing_none(town: Assembly) -> None:
    for who in (CAROL, BOB, EVE):
        town.ledger.judged[who] = who
        town.chambers.submit_candidacy(signed(who))
    town.chambers.vote_representative(signed(DAVE), [BOB, CAROL], BTT)
    town.clock.slot = 14 * town.day
    town.tick()
    assert [seat.who for seat in town.chambers.membership.representatives.value] == [CAROL, BOB]


def test_who_loses_the_judgement_before_the_end_is_not_seated(town: Assembly) -> None:
    for who in (BOB, EVE):
        town.ledger.judged[who] = who
        town.chambers.submit_candidacy(signed(who))
    town.chambers.vote_representative(signed(DAVE), [BOB, EVE], BTT)
    del town.ledger.judged[BOB]
    town.clock.slot = 14 * town.day
    town.tick()
    assert [seat.who for seat in town.chambers.membership.representatives.value] == [EVE]
    assert town.balances.reserved(BOB) == 0


def test_an_election_without_winners_is_held_again_soon(town: Assembly) -> None:
    town.clock.slot = 14 * town.day + 3
    town.tick()
    assert town.chambers.elections.due() == town.clock.slot + 14 * town.day
    assert town.chambers.elections.elections.value == 1


def test_a_term_ends_even_if_its_last_slot_is_empty(town: Assembly) -> None:
    town.elect(BOB)
    due = town.chambers.elections.due()
    town.clock.slot = due + 77
    town.tick()
    assert town.chambers.membership.representatives.value == []
    assert town.balances.reserved(BOB) == 0


def test_who_sits_may_stand_again_and_has_one_deposit_after(town: Assembly) -> None:
    town.elect(BOB)
    town.elect(BOB)
    assert town.chambers.membership.is_representative(BOB)
    assert town.balances.reserved(BOB) == 100 * BTT


def test_only_who_was_judged_stands_and_once(town: Assembly) -> None:
    with refused(town, Chambers.NotVerified):
        town.chambers.submit_candidacy(signed(BOB))
    town.ledger.judged = {BOB: BOB, CAROL: BOB}
    with refused(town, Chambers.NotVerified):
        town.chambers.submit_candidacy(signed(CAROL))
    town.chambers.submit_candidacy(signed(BOB))
    with refused(town, Chambers.AlreadyStanding):
        town.chambers.submit_candidacy(signed(BOB))


def test_a_candidate_withdraws_and_comes_back(town: Assembly) -> None:
    town.ledger.judged[BOB] = BOB
    with refused(town, Chambers.NotStanding):
        town.chambers.withdraw_candidacy(signed(BOB))
    town.chambers.submit_candidacy(signed(BOB))
    town.chambers.vote_representative(signed(CAROL), [BOB], 5 * BTT)
    town.chambers.withdraw_candidacy(signed(BOB))
    assert town.balances.reserved(BOB) == 0
    with refused(town, Chambers.NotACandidate):
        town.chambers.vote_representative(signed(DAVE), [BOB], 5 * BTT)
    town.chambers.submit_candidacy(signed(BOB))
    assert town.chambers.elections.candidates[BOB].backing == 5 * BTT
    town.chambers.remove_rep_vote(signed(CAROL))
    assert town.chambers.elections.candidates[BOB].backing == 0


def test_backing_locks_money_and_moves_with_it(town: Assembly) -> None:
    town.ledger.judged = {BOB: BOB, CAROL: CAROL}
    town.ledger.vesting = {DAVE: 3_000 * BTT}
    for who in (BOB, CAROL):
        town.chambers.submit_candidacy(signed(who))
    with refused(town, Chambers.InsufficientFunds):
        town.chambers.vote_representative(signed(DAVE), [BOB], 7_001 * BTT)
    with refused(town, Chambers.BackingTooSmall):
        town.chambers.vote_representative(signed(DAVE), [BOB], u128(BTT - 1))
    for names in ([], [BOB, BOB]):
        with refused(town, Chambers.NamesWrong):
            town.chambers.vote_representative(signed(DAVE), names, BTT)
    town.chambers.vote_representative(signed(DAVE), [BOB], 7_000 * BTT)
    with pytest.raises(DispatchError):
        town.balances.transfer(DAVE, EVE, BTT)
    town.chambers.vote_representative(signed(DAVE), [CAROL], 10 * BTT)
    assert town.chambers.elections.candidates[BOB].backing == 0
    assert town.chambers.elections.candidates[CAROL].backing == 10 * BTT
    town.chambers.remove_rep_vote(signed(DAVE))
    with refused(town, Chambers.NotBacking):
        town.chambers.remove_rep_vote(signed(DAVE))
    town.balances.transfer(DAVE, EVE, 9_000 * BTT)


def test_backing_of_an_election_that_is_over_counts_for_nothing(town: Assembly) -> None:
    town.ledger.judged[BOB] = BOB
    town.chambers.submit_candidacy(signed(BOB))
    town.chambers.vote_representative(signed(CAROL), [BOB], 5 * BTT)
    town.clock.slot = 14 * town.day
    town.tick()
    town.chambers.submit_candidacy(signed(BOB))
    assert town.chambers.elections.candidates[BOB].backing == 0
    town.chambers.remove_rep_vote(signed(CAROL))
    assert town.chambers.elections.candidates[BOB].backing == 0


def test_a_seat_can_be_left_or_taken_with_its_deposit(town: Assembly) -> None:
    town.elect(BOB, CAROL)
    before = town.balances.total(CAROL)
    town.chambers.withdraw_candidacy(signed(BOB))
    assert (town.balances.reserved(BOB), town.chambers.membership.is_representative(BOB)) == (
        0,
        False,
    )
    town.chambers.remove_representative(ROOT, Id(CAROL))
    assert town.balances.total(CAROL) == before - 100 * BTT
    with refused(town, Chambers.NotSeated):
        town.chambers.remove_representative(ROOT, Id(CAROL))
    with refused(town, BadOrigin()):
        town.chambers.remove_representative(signed(BOB), Id(CAROL))


def test_an_election_has_room_for_so_many(town: Assembly) -> None:
    for number in range(64):
        who = AccountId(number.to_bytes(32, "big"))
        town.balances.transfer(ALICE, who, 101 * BTT)
        town.ledger.judged[who] = who
        town.chambers.submit_candidacy(signed(who))
    town.ledger.judged[BOB] = BOB
    with refused(town, Chambers.TooManyCandidates):
        town.chambers.submit_candidacy(signed(BOB))
    town.clock.slot = 14 * town.day
    assert town.tick() > 0
    assert town.chambers.elections.running.value == []
