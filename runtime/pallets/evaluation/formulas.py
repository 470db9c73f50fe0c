"""Answers of models, their counts, and the rule of skill: whole numbers only.

Described in `docs/evaluation.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from math import isqrt
from struct import unpack
from typing import Final

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import codec, u32
from btt_chain.work.fraud import FORMATS
from btt_chain.work.layout import tensor_layout
from btt_chain.work.tensors import ROWS, Tensor
from runtime.pallets.evaluation.types import (
    BINS,
    MAX_CLASSES,
    MAX_ITEMS,
    PART_ITEMS,
    Binary,
    Question,
    SetParts,
)

_TAG: Final = b"btt-evaluation set\0"
_SET: Final = codec(tuple[AccountId, Question, u32, SetParts])


def set_id(owner: AccountId, question: Question, items: u32, parts: SetParts) -> H256:
    """Return the id of a set: SHA-256 of a tag, and its owner, question and commitments."""
    return H256(sha256(_TAG + _SET.encode((owner, question, items, parts))).digest())


def marks_digest(answers: bytes, labels: bytes) -> H256:
    """Return the digest of the answers and labels of a part, which are equally many."""
    return H256(sha256(answers + labels).digest())


def in_order(question: Question) -> bool:
    """Return True if a set may ask this question."""
    if isinstance(question, Binary):
        return int(question.low) < int(question.high)
    return 2 <= int(question.classes) <= MAX_CLASSES


def are_parts(items: int, parts: int) -> bool:
    """Return True if a set of so many items has so many parts."""
    return 1 <= items <= MAX_ITEMS and parts == -(-items // PART_ITEMS)


def widths(question: Question) -> tuple[int, int]:
    """Return the number of labels, and that of answers."""
    if isinstance(question, Binary):
        return 2, BINS
    return int(question.classes), int(question.classes)


def fits(question: Question, output: Tensor) -> bool:
    """Return True if a model with this only output answers the question.

    The output is one leaf of numbers with one scale, so that it can be shown at once.
    """
    if output.kind in ROWS or tensor_layout(output).count != 1:
        return False
    if isinstance(question, Binary):
        return int(question.output) < output.size
    return output.size == int(question.classes)


def answer_of(question: Question, output: Tensor, data: bytes) -> int:
    """Return the answer in the bytes of an output: a bin, or the first place of the maximum."""
    numbers: tuple[int, ...] = unpack(f"<{output.size}{FORMATS[output.kind]}", data)
    if not isinstance(question, Binary):
        return numbers.index(max(numbers))
    low, high = int(question.low), int(question.high)
    at = (numbers[int(question.output)] - low) * BINS // (high - low + 1)
    return max(0, min(BINS - 1, at))


def are_marks(width: int, marks: bytes, items: int) -> bool:
    """Return True if these are marks of so many items, each below `width`."""
    return len(marks) == items and max(marks, default=0) < width


def counted(question: Question, answers: bytes, labels: bytes) -> list[int]:
    """Return the numbers of items by label, and for each label by answer."""
    classes, width = widths(question)
    counts = [0] * (classes * width)
    for answer, label in zip(answers, labels, strict=True):
        counts[label * width + answer] += 1
    return counts


def has_skill(question: Question, counts: Sequence[int]) -> bool:
    """Return True if these counts are better than those of a constant model.

    Classes: more hits than items of the most frequent label. Binary: twice the area under the
    receiver operating characteristic differs from one by more than 2 / isqrt(items).
    """
    classes, width = widths(question)
    rows = [counts[label * width : (label + 1) * width] for label in range(classes)]
    if isinstance(question, Binary):
        return _ranks(*rows)
    return sum(row[label] for label, row in enumerate(rows)) > max(map(sum, rows))


def _ranks(negative: Sequence[int], positive: Sequence[int]) -> bool:
    pairs, items = sum(negative) * sum(positive), sum(negative) + sum(positive)
    twice = below = 0
    for no, yes in zip(negative, positive, strict=True):
        twice += yes * (2 * below + no)
        below += no
    return abs(twice - pairs) * isqrt(items) > 2 * pairs
