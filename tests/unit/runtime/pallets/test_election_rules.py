"""The rules of an election: even sets, limits of operators, absent candidates removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u128
from runtime.pallets.authorities.candidates import Terms, elect, even_count, removed
from support.stakes import stash

BONDS = st.one_of(st.integers(1, 40), st.integers(1, 10**6), st.sampled_from([10, 10, 10, 40, 41]))
ROWS = st.lists(st.tuples(BONDS, st.integers(1, 6)), max_size=40)
"""Bonds, and numbers of operators; of those above 3 each candidate is its own operator."""
NUMBERS = st.integers(1, 12)

Row = tuple[AccountId, u128]


class Vote:
    """An election among candidates with these bonds and operators."""

    def __init__(self, rows: Sequence[tuple[int, int]], seats: int = 100, least: int = 1) -> None:
        self.operators = {
            stash(number): stash(200 + operator if operator <= 3 else number)
            for number, (_, operator) in enumerate(rows, 1)
        }
        ranked = [(stash(number), u128(bond)) for number, (bond, _) in enumerate(rows, 1)]
        self.ranked = sorted(ranked, key=lambda row: (-int(row[1]), row[0]))
        self.seats, self.least = max(seats, least), least
        self.elected = elect(self.ranked, self.terms())
        self.bonds = [int(bond) for bond in self.elected.values()]

    def terms(self) -> Terms:
        return Terms(self.seats, self.least, u128(0), lambda _: True, self.operators.__getitem__)

    def places(self) -> Counter[AccountId]:
        return Counter(self.operators[who] for who in self.elected)

    @property
    def is_even(self) -> bool:
        return 4 * len(self.bonds) * min(self.bonds) >= sum(self.bonds)


def alone(*bonds: int) -> list[tuple[int, int]]:
    """Return rows of candidates each of which is its own operator."""
    return [(bond, 6) for bond in bonds]


# ---- even


def test_the_set_ends_above_a_bond_of_less_than_a_quarter_of_the_mean() -> None:
    assert Vote(alone(40, 40, 40, 40, 9)).bonds == [40, 40, 40, 40, 9]  # 9 of a mean of 33.8
    assert Vote(alone(40, 40, 40, 40, 8)).bonds == [40, 40, 40, 40]  # 8 of a mean of 33.6
    assert Vote(alone(100, 40, 40, 40)).bonds == [100, 40, 40, 40]


def test_the_largest_even_set_counts_and_not_the_first_that_is_uneven() -> None:
    # Among two or three the small bonds are uneven, among ten they are not.
    assert Vote(alone(110, *[10] * 9)).bonds == [110, *[10] * 9]
    assert Vote(alone(110, 10, 10)).bonds == [110]


@given(ROWS, NUMBERS, NUMBERS)
def test_a_set_is_even_and_as_large_as_the_bonds_allow(
    rows: list[tuple[int, int]], seats: int, least: int
) -> None:
    vote = Vote(rows, seats, least)
    if not rows:
        assert vote.elected == {}
        return
    assert len(vote.elected) <= vote.seats
    assert len(vote.elected) >= min(least, len(rows))
    if len(vote.elected) > least:
        assert vote.is_even
    bonds = [int(bond) for _, bond in vote.ranked]
    for count in range(len(vote.elected) + 1, min(vote.seats, len(rows)) + 1):
        assert bonds[count - 1] < Fraction(sum(bonds[:count]), 4 * count)


def test_a_third_of_the_places_costs_a_twelfth_of_all_bonds() -> None:
    # 33 of 100 places: each at least a quarter of the mean, however the bond is split.
    for bond in (24, 25, 26, 30):
        vote = Vote(alone(*[125] * 67, *[bond] * 33))
        if len(vote.elected) == 100:
            assert 33 * bond * 12 >= sum(vote.bonds) * Fraction(99, 100)
    assert len(Vote(alone(*[125] * 67, *[22] * 33)).elected) == 67


# ---- operators


def test_an_operator_has_a_fifth_of_the_places_while_others_stand() -> None:
    rows = [(50, 1)] * 8 + alone(*[40] * 12)
    vote = Vote(rows, seats=10)
    assert vote.places()[stash(201)] == 2
    assert len(vote.elected) == 10


def test_an_operator_takes_the_places_that_no_other_candidate_could_take() -> None:
    rows = [(50, 1)] * 8 + alone(*[40] * 5)
    vote = Vote(rows, seats=10)
    assert (len(vote.elected), vote.places()[stash(201)]) == (10, 5)
    # One with too small a bond would make the set uneven: it takes no place.
    vote = Vote([(50, 1)] * 8 + alone(9), seats=8)
    assert (vote.places()[stash(201)], vote.bonds) == (8, [50] * 8)


def test_an_operator_gives_places_to_others_also_in_a_set_of_the_least_size() -> None:
    rows = [(1_000, 1), *[(10, 1)] * 4, *alone(10, 10, 10)]
    vote = Vote(rows, seats=100, least=4)
    assert vote.bonds == [1_000, 10, 10, 10]
    assert vote.places()[stash(201)] == 1


@given(ROWS, NUMBERS, NUMBERS)
def test_no_operator_has_a_place_that_an_even_set_could_give_to_another(
    rows: list[tuple[int, int]], seats: int, least: int
) -> None:
    vote = Vote(rows, seats, least)
    limit = -(-len(vote.elected) // 5)
    places = vote.places()
    above = [operator for operator, count in places.items() if count > limit]
    if not above:
        return
    count = len(vote.elected)
    mean = Fraction(sum(int(bond) for _, bond in vote.ranked[:count]), count)
    for who, bond in vote.ranked:
        if who not in vote.elected and places[vote.operators[who]] < limit:
            assert 4 * int(bond) < mean


@given(ROWS, NUMBERS)
def test_without_common_operators_the_greatest_bonds_are_elected(
    rows: list[tuple[int, int]], seats: int
) -> None:
    vote = Vote(alone(*(bond for bond, _ in rows)), seats)
    assert list(vote.elected.items()) == vote.ranked[: len(vote.elected)]


# ---- more bond


@given(ROWS.filter(bool), NUMBERS, NUMBERS, st.integers(0, 40), st.integers(1, 10**6))
def test_more_bond_loses_a_place_only_to_the_limit_or_to_unevenness(
    rows: list[tuple[int, int]], seats: int, least: int, index: int, more: int
) -> None:
    before = Vote(rows, seats, least)
    index %= len(rows)
    who = stash(index + 1)
    raised = list(rows)
    raised[index] = (rows[index][0] + more, rows[index][1])
    after = Vote(raised, seats, least)
    if who not in before.elected or who in after.elected:
        return
    rank = [row[0] for row in after.ranked].index(who)
    is_limited = after.places()[after.operators[who]] >= -(-len(after.elected) // 5)
    bonds = [int(bond) for _, bond in after.ranked]
    assert is_limited or even_count(bonds, after.seats) <= rank


@given(ROWS.filter(bool), NUMBERS, NUMBERS)
def test_the_result_does_not_depend_on_anything_but_bonds_and_accounts(
    rows: list[tuple[int, int]], seats: int, least: int
) -> None:
    vote = Vote(rows, seats, least)
    assert elect(list(vote.ranked), vote.terms()) == vote.elected
    assert list(vote.elected) == [who for who, _ in vote.ranked if who in vote.elected]


# ---- absent


@given(ROWS, st.lists(st.integers(1, 50), unique=True), NUMBERS)
def test_fewer_than_a_third_is_removed_and_the_minimum_stays(
    rows: list[tuple[int, int]], numbers: list[int], least: int
) -> None:
    vote = Vote(rows, least=least)
    absent = [stash(number) for number in numbers]
    gone = removed(absent, vote.ranked, len(vote.elected), least)
    assert len(gone) <= max(0, (len(vote.elected) - 1) // 3)
    assert not gone or len(rows) - len(gone) >= least
    candidates = [who for who in absent if who in vote.operators]
    assert gone == candidates[: len(gone)]  # the longest absent
    if len(gone) < len(candidates):
        room = min((len(vote.elected) - 1) // 3, len(rows) - least)
        assert len(gone) == max(0, room)
