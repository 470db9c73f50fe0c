"""Voters missing from finality's rounds, distinguished from who is merely late."""

from __future__ import annotations

from btt_chain.telemetry.voter_participation import (
    LONG_ROUND_MS,
    ROUNDS,
    RoundSeen,
    VoterParticipation,
)


def seen(number: int, *missing: str) -> RoundSeen[str]:
    return RoundSeen(number, missing)


ALL = ("Alice", "Bob", "Charlie")


def test_a_round_that_has_just_begun_says_nothing() -> None:
    participation = VoterParticipation[str]()
    participation.look(0, seen(1, *ALL), [], 0)
    assert participation.missing() is None
    participation.look(0, seen(2, *ALL), [seen(1)], 1_000)
    assert participation.missing() is None


def test_who_is_in_no_round_is_missing_and_who_was_late_for_one_is_not() -> None:
    participation = VoterParticipation[str]()
    participation.look(0, seen(2, *ALL), [seen(1, "Bob", "Charlie")], 0)
    participation.look(0, seen(3, *ALL), [seen(2, "Charlie")], 1_000)
    assert participation.missing() == ("Charlie",)


def test_who_comes_back_is_not_missing_any_more() -> None:
    participation = VoterParticipation[str]()
    for number in range(1, ROUNDS + 2):
        participation.look(0, seen(number + 1, *ALL), [seen(number, "Bob")], number * 1_000)
    assert participation.missing() == ("Bob",)
    participation.look(0, seen(9, *ALL), [seen(8)], 9_000)
    assert participation.missing() == ()


def test_a_round_that_does_not_end_names_those_it_waits_for() -> None:
    participation = VoterParticipation[str]()
    participation.look(0, seen(7, *ALL), [seen(6), seen(5)], 0)
    participation.look(0, seen(7, "Bob", "Charlie"), [seen(6)], LONG_ROUND_MS - 1)
    assert (participation.is_stuck, participation.missing()) == (False, ())
    participation.look(0, seen(7, "Bob", "Charlie"), [seen(6)], LONG_ROUND_MS)
    assert (participation.is_stuck, participation.missing()) == (True, ("Bob", "Charlie"))


def test_another_set_of_voters_begins_from_nothing() -> None:
    participation = VoterParticipation[str]()
    participation.look(0, seen(9, *ALL), [seen(8, "Bob"), seen(7, "Bob")], 0)
    participation.look(1, seen(1, *ALL), [], 20_000)
    assert (participation.is_stuck, participation.missing()) == (False, None)
