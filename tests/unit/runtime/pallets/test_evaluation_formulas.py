"""Answers, counts and skill against references that are written another way."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import i16, i32, u8, u16, u32
from btt_chain.work.tensors import Kind, Tensor
from runtime.pallets.evaluation import formulas
from runtime.pallets.evaluation.types import MAX_ITEMS, Binary, Classes, Question
from support.evaluation import CURATOR, FOUR, SCORE

FULL = Binary(u16(0), i32(-128), i32(127))


def tensor(kind: Kind, *shape: int, leaf: int = 4096) -> Tensor:
    return Tensor(kind, [u32(size) for size in shape], i16(0), u16(leaf))


def curve(scores: list[tuple[int, int]]) -> Fraction:
    """Return the area under the curve: the share of pairs in the right order, ties by half."""
    halves = [
        (2 if yes > no else 1 if yes == no else 0)
        for (yes, label), (no, other) in product(scores, scores)
        if label == 1 and other == 0
    ]
    return Fraction(sum(halves), 2 * len(halves))


MARKS = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 1)), min_size=1, max_size=40)


@given(MARKS)
def test_a_score_has_skill_by_the_share_of_pairs_in_the_right_order(
    marks: list[tuple[int, int]],
) -> None:
    answers, labels = (bytes(column) for column in zip(*marks, strict=True))
    counts = formulas.counted(FULL, answers, labels)
    if len(set(labels)) == 1:
        assert not formulas.has_skill(FULL, counts)
    else:
        distance = abs(2 * curve(marks) - 1)
        assert formulas.has_skill(FULL, counts) == (distance > Fraction(2, isqrt(len(marks))))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_classes_have_skill_if_more_are_hit_than_the_most_frequent_label_has(
    marks: list[tuple[int, int]],
) -> None:
    five = Classes(u8(5))
    answers, labels = (bytes(column) for column in zip(*marks, strict=True))
    counts = formulas.counted(five, answers, labels)
    assert counts == [marks.count((answer, label)) for label in range(5) for answer in range(5)]
    hits = sum(answer == label for answer, label in marks)
    most = max(labels.count(label) for label in range(5))
    assert formulas.has_skill(five, counts) == (hits > most)


@pytest.mark.parametrize("label", range(4))
def test_a_model_that_always_says_one_class_has_no_skill(label: int) -> None:
    labels = bytes(item % 4 for item in range(400)) + bytes([label]) * 50
    counts = formulas.counted(FOUR, bytes([label]) * 450, labels)
    assert not formulas.has_skill(FOUR, counts)


@pytest.mark.parametrize("score", [0, 128, 255])
def test_a_model_that_always_has_one_score_has_no_skill(score: int) -> None:
    labels = bytes(item % 2 for item in range(1_000))
    assert not formulas.has_skill(SCORE, formulas.counted(SCORE, bytes([score]) * 1_000, labels))


def test_a_score_in_the_wrong_direction_has_skill_too() -> None:
    labels = bytes(item % 2 for item in range(400))
    answers = bytes(10 if label else 20 for label in labels)
    assert formulas.has_skill(SCORE, formulas.counted(SCORE, answers, labels))


def test_the_largest_counts_do_not_overflow() -> None:
    half = MAX_ITEMS // 2
    counts = [0] * 512
    counts[0], counts[511] = half, half
    assert formulas.has_skill(SCORE, counts)
    u32(MAX_ITEMS)
    counts = [0] * 256
    counts[0] = MAX_ITEMS
    assert not formulas.has_skill(Classes(u8(16)), counts)


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(-1_000, 1_000), st.integers(1, 5_000))
def test_bins_cut_the_range_of_a_score_in_256_equal_parts(score: int, low: int, size: int) -> None:
    question = Binary(u16(0), i32(low), i32(low + size))
    data = score.to_bytes(4, "little", signed=True)
    found = formulas.answer_of(question, tensor(Kind.I32, 1, 1), data)
    exact = Fraction(score - low, size + 1) * 256
    assert found == min(255, max(0, exact.numerator // exact.denominator))


@pytest.mark.parametrize(
    ("kind", "data", "answer"),
    [
        (Kind.I8, b"\x01\x05\x05\xff", 1),
        (Kind.U8, b"\x01\x05\x05\xff", 3),
        (Kind.I16, b"\x00\x80\xff\xff\x00\x00\xfe\xff", 2),
        (Kind.I32, b"\xff\xff\xff\xff\x00\x00\x00\x80" + bytes(8), 2),
        (Kind.I8, b"\x80\x80\x80\x80", 0),
    ],
)
def test_the_answer_is_the_first_place_of_the_maximum(kind: Kind, data: bytes, answer: int) -> None:
    assert formulas.answer_of(FOUR, tensor(kind, 1, 4), data) == answer


@pytest.mark.parametrize(
    ("question", "output", "fits"),
    [
        (FOUR, tensor(Kind.I8, 1, 4), True),
        (FOUR, tensor(Kind.I32, 4), True),
        (FOUR, tensor(Kind.I8, 1, 5), False),
        (FOUR, tensor(Kind.D8, 1, 4), False),
        (Classes(u8(2)), tensor(Kind.I8, 2, 4096), False),
        (SCORE, tensor(Kind.I8, 1, 2), True),
        (SCORE, tensor(Kind.I8, 1, 1), False),
        (SCORE, tensor(Kind.I8, 1, 4096), True),
        (SCORE, tensor(Kind.I8, 1, 4097), False),
    ],
)
def test_an_output_answers_a_question_if_it_is_one_leaf_of_numbers_with_one_scale(
    question: Question, output: Tensor, fits: bool
) -> None:
    assert formulas.fits(question, output) is fits


@pytest.mark.parametrize(
    ("question", "right"),
    [
        (Classes(u8(1)), False),
        (Classes(u8(2)), True),
        (Classes(u8(16)), True),
        (Classes(u8(17)), False),
        (Binary(u16(0), i32(5), i32(5)), False),
        (Binary(u16(0), i32(-(1 << 31)), i32((1 << 31) - 1)), True),
    ],
)
def test_questions_have_classes_or_a_range(question: Question, right: bool) -> None:
    assert formulas.in_order(question) is right


@pytest.mark.parametrize(
    ("items", "parts", "right"),
    [
        (0, 0, False),
        (1, 1, True),
        (4_096, 1, True),
        (4_097, 1, False),
        (4_097, 2, True),
        (MAX_ITEMS, 256, True),
        (MAX_ITEMS + 1, 257, False),
    ],
)
def test_a_set_has_a_part_for_each_4096_items_that_begin(
    items: int, parts: int, right: bool
) -> None:
    assert formulas.are_parts(items, parts) is right


def test_the_id_of_a_set_depends_on_its_owner_and_its_question() -> None:
    other = type(CURATOR)(bytes(32))
    ids = {
        formulas.set_id(owner, question, u32(1), [])
        for owner in (CURATOR, other)
        for question in (FOUR, SCORE)
    }
    assert len(ids) == 4
