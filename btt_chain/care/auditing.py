"""Audits: what a facility opens to the selected auditors, and the check of it. Pure functions.

    facility  `disclose` -> Disclosure, sealed to each auditor's key for this round
    auditor   `examine`  -> Finding: passed, or the index of a wrong leaf, or not opened

Selected are indices of the padded tree. An index of padding stands for the next leaf that has
points, so that padding takes nothing from the sample. Opened are the selected leaves, and all
leaves with the tags of the first two: the table shows how many these are.

A leaf is wrong only if that follows from what the month's commitment binds: tree, table and hashes.
What does not fit the commitment is not opened. Both count against the facility, but a facility
cannot show one auditor what makes the finding "wrong", and the next one what refutes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Annotated, Final, NamedTuple

from btt_chain.care import activities
from btt_chain.care.errors import CareError, Damaged
from btt_chain.care.evidence import (
    MAX_STATEMENT,
    NO_MEMBER,
    ROW_LENGTH,
    Bytes32,
    Leaf,
    MonthEvidence,
    Row,
    Statement,
    Subtotal,
    Subtotals,
    commitment_of,
    is_by_device,
    mark_of,
    rows_of,
)
from btt_chain.care.members import MIN_MEMBERS
from btt_chain.compute.blobs import sealing
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.audit_selection import FOLLOWED_TAGS, selected_leaves
from btt_chain.primitives.digest import H256
from btt_chain.primitives.evidence_tree import MAX_HEIGHT, MAX_LEAVES, is_tree_size, verify
from btt_chain.scale import DecodeError, MaxLen, codec, u32

CONTEXT: Final = b"BTT-AUDIT-OPENING-1"
MAX_OPENED: Final = 4_096
"""Maximum number of opened leaves."""
MAX_SEALED: Final = 64 << 20
"""Maximum bytes of a sealed disclosure."""


@dataclass(slots=True)
class Opened:
    """An opened leaf with its evidence and its path."""

    index: u32
    leaf: Leaf
    statement: Annotated[bytes, MaxLen(MAX_STATEMENT)]
    path: Annotated[list[H256], MaxLen(MAX_HEIGHT)]


@dataclass(slots=True)
class Disclosure:
    """The opened part of a month's evidence."""

    tree_root: H256
    month_key: Bytes32
    """The key of the marks of this month."""
    table: Annotated[bytes, MaxLen(MAX_LEAVES * ROW_LENGTH)]
    subtotals: Subtotals
    """The points of each facility behind an issuer."""
    opened: Annotated[list[Opened], MaxLen(MAX_OPENED)]


DISCLOSURE: Final = codec(Disclosure)


class Place(NamedTuple):
    """The round of an audit to which a disclosure is sealed."""

    genesis: bytes
    facility: bytes
    month: int
    seed: bytes

    @property
    def context(self) -> bytes:
        """The context of the seal."""
        return CONTEXT + self.genesis + self.facility + self.month.to_bytes(4, "little") + self.seed


class Committed(NamedTuple):
    """The facts of a closed month on the chain."""

    root: bytes
    leaves: int
    points: int


class Result(Enum):
    """The kinds of findings, named as the chain's verdicts."""

    PASS = "Pass"  # noqa: S105 - a verdict
    FAIL = "Fail"
    NOT_OPENED = "NotOpened"


@dataclass(frozen=True, slots=True)
class Finding:
    """An auditor's finding."""

    result: Result
    reason: str
    index: int = 0
    """Index of the wrong leaf."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms that leaves are checked against."""

    rules: Mapping[int, Collection[ActivityRule]]
    """The rules by number, in all forms that they had in the month."""
    devices: Collection[bytes] | None = None
    """Keys of registered devices; None if the auditor has no list of them."""
    is_issuer: bool = False
    """True if the facility signs for others."""


class _Wrong(Exception):
    """A leaf is wrong."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


class _Unopened(Exception):
    """The opened content is not bound by the commitment."""


def disclose(evidence: MonthEvidence, statements: Mapping[H256, bytes], seed: bytes) -> Disclosure:
    """Return the disclosure that a round's seed demands of a facility; statements are by leaf."""
    rows = rows_of(evidence.table)
    opened: list[Opened] = []
    for index in to_open(rows, seed):
        leaf = evidence.leaf_at(index)
        if leaf is None:
            raise CareError(f"the folder has no activity for leaf {index}")
        path = evidence.tree.proof(index)
        opened.append(Opened(u32(index), leaf, statements[leaf.hash], path))
    return Disclosure(
        evidence.tree.root, evidence.month_key, evidence.table, evidence.subtotals, opened
    )


def seal(disclosure: Disclosure, to: bytes, place: Place) -> bytes:
    """Return a disclosure sealed to an auditor's key. CareError if the key is unsound."""
    try:
        return sealing.seal(DISCLOSURE.encode(disclosure), to, place.context)
    except sealing.BadSealKey as error:
        raise CareError(str(error)) from None


def open_sealed(sealed: bytes, secret: bytes, place: Place) -> Disclosure:
    """Open a disclosure. Raises Damaged if it was not sealed for this place, or is malformed."""
    if len(sealed) > MAX_SEALED:
        raise Damaged(f"a sealed disclosure has at most {MAX_SEALED} bytes")
    try:
        return DISCLOSURE.decode_all(sealing.open_sealed(sealed, secret, place.context))
    except (sealing.DoesNotOpen, DecodeError) as error:
        raise Damaged(f"the disclosure does not open: {error}") from None


def to_open(rows: Sequence[Row], seed: bytes) -> list[int]:
    """Return the indices that are opened: selected ones first, then those of their tags."""
    real = [index for index, row in enumerate(rows) if row.points]
    if not real:
        return []
    chosen: list[int] = []
    for selected in selected_leaves(seed, len(rows)):
        index = _next_real(rows, selected, chosen)
        if index is not None:
            chosen.append(index)
    marks = {rows[index].mark for index in chosen[:FOLLOWED_TAGS]}
    followed = [index for index in real if rows[index].mark in marks and index not in chosen]
    return chosen + followed


def examine(disclosure: Disclosure, committed: Committed, place: Place, terms: Terms) -> Finding:
    """Return the finding about a disclosure."""
    root = commitment_of(disclosure.tree_root, disclosure.table, disclosure.subtotals)
    if root != committed.root:
        return Finding(Result.NOT_OPENED, "tree and table are not those that the month closed with")
    try:
        rows = rows_of(disclosure.table)
    except Damaged as error:
        return Finding(Result.NOT_OPENED, str(error))
    if len(rows) != committed.leaves or not is_tree_size(len(rows)):
        return Finding(Result.FAIL, f"the table has {len(rows)} rows, not {committed.leaves}")
    if sum(row.points for row in rows) != committed.points:
        return Finding(Result.FAIL, f"the table does not add up to {committed.points} points")
    problem = _problem_of_subtotals(rows, disclosure.subtotals, is_issuer=terms.is_issuer)
    if problem:
        return Finding(Result.FAIL, problem)
    rules = [rule for forms in terms.rules.values() for rule in forms]
    largest = max((rule.points(int(rule.cap_ppm)) for rule in rules), default=0)
    for index, row in enumerate(rows):
        if row.points > largest:
            return Finding(Result.FAIL, f"no rule gives {row.points} points", index)
    needed = to_open(rows, place.seed)
    opened = {int(each.index): each for each in disclosure.opened}
    if missing := [index for index in needed if index not in opened]:
        return Finding(Result.NOT_OPENED, f"leaf {missing[0]} is not opened")
    try:
        for index in needed:
            _check_leaf(opened[index], rows[index], disclosure, place, terms)
        _check_tags([opened[index] for index in needed], terms)
        _check_counters([opened[index] for index in needed])
    except _Wrong as wrong:
        return Finding(Result.FAIL, str(wrong), wrong.index)
    except _Unopened as error:
        return Finding(Result.NOT_OPENED, str(error))
    return Finding(Result.PASS, f"leaves that are right: {len(needed)}")


def _problem_of_subtotals(
    rows: Sequence[Row], subtotals: Sequence[Subtotal], *, is_issuer: bool
) -> str:
    """Return why the subtotals of a month are wrong; empty if they are right."""
    if len({each.facility for each in subtotals}) < len(subtotals):
        return "a facility has two subtotals"
    if is_issuer and len(subtotals) < MIN_MEMBERS:
        return f"the issuer signed for {len(subtotals)} facilities, fewer than {MIN_MEMBERS}"
    sums = [0] * (len(subtotals) + 1)
    for row in rows:
        if row.member > len(subtotals):
            return "a row of the table is of a facility without a subtotal"
        sums[row.member] += row.points
    for each, points in zip(subtotals, sums[1:], strict=True):
        if points != each.points:
            return f"the subtotal of facility {each.facility.hex()} is not the sum of its rows"
    return ""


# ---- internals


def _next_real(rows: Sequence[Row], start: int, taken: Sequence[int]) -> int | None:
    """Return the first index from `start` on, in a circle, with points and not taken."""
    for step in range(len(rows)):
        index = (start + step) % len(rows)
        if rows[index].points and index not in taken:
            return index
    return None


def _check_leaf(
    opened: Opened, row: Row, disclosure: Disclosure, place: Place, terms: Terms
) -> None:
    index, leaf = int(opened.index), opened.leaf
    leaves = len(disclosure.table) // ROW_LENGTH
    if not verify(disclosure.tree_root, index, leaves, leaf.hash, opened.path):
        raise _Unopened(f"what is opened as leaf {index} is not in the tree")
    if row.points != leaf.points:
        raise _Wrong(index, "the table has other points than the leaf")
    member = disclosure.subtotals[row.member - 1].facility if row.member else NO_MEMBER
    if leaf.member != member:
        raise _Wrong(index, "the table has another facility than the leaf")
    if row.mark != mark_of(disclosure.month_key, leaf.tag):
        # Or the month's key is another one: the commitment does not bind it.
        raise _Unopened(f"the table has another tag than leaf {index}")
    if activities.month_of(int(leaf.day)) != place.month:
        raise _Wrong(index, "the day of the activity is outside of the month")
    if hashlib.sha256(opened.statement).digest() != leaf.evidence:
        raise _Unopened(f"the evidence is not that of leaf {index}")
    try:
        statement = Statement.decode(opened.statement)
    except Damaged as error:
        raise _Wrong(index, str(error)) from None
    forms = terms.rules.get(int(leaf.rule), ())
    if not any(_gives(rule, statement, int(leaf.points)) for rule in forms):
        raise _Wrong(index, f"rule {leaf.rule} does not give {leaf.points} points for the evidence")
    if statement.kind == "device":
        if not is_by_device(statement):
            raise _Wrong(index, "the device did not sign its observation")
        key = b"" if statement.device is None else statement.device.key
        if terms.devices is not None and key not in terms.devices:
            raise _Wrong(index, "the device is not registered")


def _gives(rule: ActivityRule, statement: Statement, points: int) -> bool:
    """Return True if a rule gives these points for a statement."""
    try:
        return activities.points_of(rule, statement.kind, statement.quality_ppm) == points
    except CareError:
        return False


def _check_tags(opened: Sequence[Opened], terms: Terms) -> None:
    """Check caps and cooldown over the opened leaves of each tag and rule."""
    days: dict[tuple[bytes, int], list[int]] = {}
    for each in opened:
        key = each.leaf.tag, int(each.leaf.rule)
        days.setdefault(key, []).append(int(each.leaf.day))
        breaches = [
            activities.breach(rule, days[key]) for rule in terms.rules.get(int(each.leaf.rule), ())
        ]
        if breaches and all(breaches):
            raise _Wrong(int(each.index), f"rule {each.leaf.rule}: {breaches[0]}")


def _check_counters(opened: Sequence[Opened]) -> None:
    """Check that no device signed two of the opened leaves with one counter."""
    seen: set[tuple[bytes, int]] = set()
    for each in opened:
        proof = Statement.decode(each.statement).device
        if proof is None:
            continue
        if (proof.key, proof.counter) in seen:
            raise _Wrong(int(each.index), f"counter {proof.counter} of a device counts twice")
        seen.add((proof.key, proof.counter))
