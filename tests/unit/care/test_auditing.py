"""Audits: what is opened, and each way in which a facility cheats."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from btt_chain.care import auditing
from btt_chain.care.auditing import Committed, Disclosure, Place, Result, Terms
from btt_chain.care.errors import CareError, Damaged
from btt_chain.care.evidence import (
    NO_MEMBER,
    ROW_LENGTH,
    Leaf,
    MonthEvidence,
    Row,
    Statement,
    Subtotal,
    commitment_of,
    rows_of,
    tag_of,
)
from btt_chain.compute.blobs import sealing
from btt_chain.compute.blobs.sealing import new_secret, public_of
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64
from support.care_programs import CLINIC, GENESIS, device, measured, rule

KEY, SALT, MONTH_KEY = b"\x07" * 32, b"\x01" * 32, b"\x02" * 32
MONTH = 2
RULE = rule()
TERMS = Terms({3: [RULE]})
PLACE = Place(GENESIS, CLINIC, MONTH, b"\x05" * 32)
HONEST = Statement("provider", 1_000_000, {"code": "73761001"})


class Month:
    """A month of a facility: leaves with their statements, and what it declares."""

    def __init__(self, members: Sequence[bytes] = ()) -> None:
        self.members = members
        self.leaves: list[Leaf] = []
        self.statements: dict[H256, bytes] = {}

    def add(
        self, patient: str, day: int, statement: Statement = HONEST, points: int = 40, id: int = 3,
        member: bytes = NO_MEMBER,
    ) -> Leaf:  # fmt: skip
        raw = statement.encode()
        number = len(self.leaves)
        leaf = Leaf(
            hashlib.sha256(number.to_bytes(4, "little")).digest(), u16(id),
            tag_of(KEY, patient, MONTH), hashlib.sha256(raw).digest(), u32(points), u16(day),
            member,
        )  # fmt: skip
        self.leaves.append(leaf)
        self.statements[leaf.hash] = raw
        return leaf

    def evidence(self) -> MonthEvidence:
        return MonthEvidence(self.leaves, SALT, MONTH_KEY, self.members)

    def finding(
        self,
        *,
        place: Place = PLACE,
        terms: Terms = TERMS,
        change: Callable[[Disclosure], Disclosure] = lambda found: found,
    ) -> auditing.Finding:
        evidence = self.evidence()
        found = auditing.disclose(evidence, self.statements, place.seed)
        committed = Committed(evidence.commitment, len(evidence.tree), evidence.points)
        return auditing.examine(change(found), committed, place, terms)


def honest(patients: int = 40) -> Month:
    month = Month()
    for number in range(patients):
        for day in (60, 64, 70)[: 1 + number % 3]:
            month.add(f"patient {number}", day)
    return month


def test_an_honest_month_passes_whatever_is_selected() -> None:
    month = honest()
    for number in range(20):
        place = PLACE._replace(seed=hashlib.sha256(bytes([number])).digest())
        found = month.finding(place=place)
        assert found.result is Result.PASS, found.reason


def test_a_month_without_activities_passes() -> None:
    assert Month().finding().reason == "leaves that are right: 0"


def test_sixteen_leaves_with_points_are_opened_and_all_of_two_tags() -> None:
    evidence = honest().evidence()
    rows = rows_of(evidence.table)
    opened = auditing.to_open(rows, PLACE.seed)
    assert len(opened) == len(set(opened)) >= 16
    assert all(rows[index].points for index in opened)
    marks = {rows[index].mark for index in opened[:2]}
    assert {i for i, row in enumerate(rows) if row.mark in marks} <= set(opened)


def test_a_fifth_of_invented_leaves_is_caught_nineteen_times_in_twenty() -> None:
    """The bound is 1 - 0.8^16 = 97.2 %; leaves of the followed tags only add to it."""
    month = honest(80)
    for number, leaf in enumerate(list(month.leaves)):
        if number % 5 == 0:
            month.statements[leaf.hash] = b"nothing of this kind ever happened"
    caught = 0
    for number in range(200):
        place = PLACE._replace(seed=hashlib.sha256(number.to_bytes(2, "little")).digest())
        caught += month.finding(place=place).result is not Result.PASS
    assert caught >= 190


def only(leaf_change: Callable[[Month], Leaf]) -> auditing.Finding:
    """Return the finding about a month of one patient, whose leaves are all opened."""
    month = Month()
    leaf_change(month)
    return month.finding()


@pytest.mark.parametrize(
    ("cheat", "reason"),
    [
        (lambda month: month.add("a", 60, points=39), "does not give 39 points"),
        (lambda month: month.add("a", 60, id=9), "does not give 40 points"),
        (lambda month: month.add("a", 90), "outside of the month"),
        (lambda month: month.add("a", 60, replace(HONEST, kind="rumour")), "does not give"),
        (lambda month: [month.add("a", 60), month.add("a", 61)][1], "1 days between"),
        (lambda month: [month.add("a", 60 + 2 * n) for n in range(5)][-1], "more than 4 times"),
        (
            lambda month: month.add(
                "a", 60, replace(measured(device(), 1), document={"steps": 9_000})
            ),
            "did not sign its observation",
        ),
        (
            lambda month: [month.add(who, 60, measured(device(), 7)) for who in ("a", "b")][1],
            "counter 7 of a device counts twice",
        ),
    ],
)
def test_a_leaf_that_breaks_a_rule_fails(cheat: Callable[[Month], Leaf], reason: str) -> None:
    found = only(cheat)
    assert found.result is Result.FAIL
    assert reason in found.reason


def test_a_device_that_the_auditor_does_not_know_fails_if_it_has_a_list() -> None:
    month = Month()
    month.add("a", 60, measured(device(), 1))
    assert month.finding().result is Result.PASS
    assert month.finding(terms=Terms({3: [RULE]}, {device().public})).result is Result.PASS
    found = month.finding(terms=Terms({3: [RULE]}, {device(2).public}))
    assert (found.result, found.reason) == (Result.FAIL, "the device is not registered")


def test_evidence_that_was_changed_after_closing_is_not_opened() -> None:
    month = Month()
    leaf = month.add("a", 60)
    month.statements[leaf.hash] = replace(HONEST, document={"code": "other"}).encode()
    found = month.finding()
    assert found.result is Result.NOT_OPENED
    assert "the evidence is not that of leaf" in found.reason


def test_a_facility_cannot_make_an_auditor_say_what_the_next_one_refutes() -> None:
    """C9: the first auditors get garbage, those of the second round what is right."""
    month = honest()
    changes: list[Callable[[Disclosure], Disclosure]] = [
        lambda found: replace(found, month_key=bytes(32)),
        lambda found: replace(
            found, opened=[replace(each, path=each.path[::-1]) for each in found.opened]
        ),
        lambda found: replace(
            found, opened=[replace(each, statement=b"{}") for each in found.opened]
        ),
        lambda found: replace(
            found, opened=[replace(each, leaf=found.opened[0].leaf) for each in found.opened]
        ),
    ]
    for change in changes:
        assert month.finding(change=change).result is Result.NOT_OPENED
    assert month.finding().result is Result.PASS


@pytest.mark.parametrize(
    "raw",
    [
        b'{"document":{"steps":NaN},"kind":"provider","quality_ppm":1}',
        b'{"document":{"steps":1e999},"kind":"provider","quality_ppm":1}',
        b'{"document":{"name":"\\ud800"},"kind":"provider","quality_ppm":1}',
        b'{"document":{"steps":' + b"9" * 5_000 + b'},"kind":"provider","quality_ppm":1}',
        b'{"document":{"a":' + b"[" * 30_000 + b"]" * 30_000 + b'},"kind":"provider"}',
    ],
)
def test_a_statement_that_json_cannot_write_fails_and_never_ends_the_program(raw: bytes) -> None:
    """C22: the auditor's program has a verdict for everything that a facility can close with."""
    month = Month()
    leaf = replace(month.add("a", 60), evidence=hashlib.sha256(raw).digest())
    month.leaves, month.statements = [leaf], {leaf.hash: raw}
    found = month.finding()
    assert found.result is Result.FAIL
    assert "cannot be read" in found.reason


def test_a_disclosure_must_be_of_the_commitment_and_complete() -> None:
    month = honest()

    def cut(found: Disclosure) -> Disclosure:
        return replace(found, opened=found.opened[1:])

    def other_table(found: Disclosure) -> Disclosure:
        return replace(found, table=b"\x29" + found.table[1:])

    def other_leaf(found: Disclosure) -> Disclosure:
        first, second, *rest = found.opened
        return replace(found, opened=[replace(first, leaf=second.leaf), second, *rest])

    assert month.finding(change=cut).result is Result.NOT_OPENED
    assert month.finding(change=other_table).result is Result.NOT_OPENED
    found = month.finding(change=other_leaf)
    assert found.result is Result.NOT_OPENED
    assert "is not in the tree" in found.reason


def with_table(
    month: Month,
    rows: Sequence[Row],
    points: int,
    subtotals: list[Subtotal] | None = None,
    terms: Terms = TERMS,
) -> auditing.Finding:
    """Return the finding about a month closed with a table, or subtotals, of one's own."""
    evidence = month.evidence()
    table = b"".join(
        points.to_bytes(4, "little") + member.to_bytes(2, "little") + mark
        for points, member, mark in rows
    )
    found = auditing.disclose(evidence, month.statements, PLACE.seed)
    found = replace(found, table=table, subtotals=subtotals or evidence.subtotals)
    root = commitment_of(found.tree_root, table, found.subtotals)
    return auditing.examine(found, Committed(root, len(evidence.tree), points), PLACE, terms)


def test_points_without_leaves_are_found_by_adding_up_the_table() -> None:
    """A facility closes the month with more points than its leaves have."""
    month = honest(3)
    evidence = month.evidence()
    rows = list(rows_of(evidence.table))
    found = with_table(month, rows, evidence.points + 40)
    assert "does not add up" in found.reason
    padding = next(index for index, row in enumerate(rows) if not row.points)
    rows[padding] = rows[padding]._replace(points=40)
    found = with_table(month, rows, evidence.points + 40)
    assert found.result is not Result.PASS
    real = next(index for index, row in enumerate(rows) if row.points)
    rows[real] = rows[real]._replace(points=10_000)
    found = with_table(month, rows, sum(row.points for row in rows))
    assert found.reason == "no rule gives 10000 points"


def test_activities_of_a_tag_cannot_be_left_out_of_the_opening() -> None:
    """Five activities of one patient, of which four would be allowed, each right by itself."""
    month = Month()
    for number in range(5):
        month.add("a", 60 + 2 * number)
    evidence = month.evidence()
    rows = list(rows_of(evidence.table))
    hidden = next(index for index, row in enumerate(rows) if row.points)
    rows[hidden] = rows[hidden]._replace(mark=b"\x00" * 16)
    found = with_table(month, rows, evidence.points)
    assert found.result is Result.NOT_OPENED
    assert "the table has another tag than leaf" in found.reason


MEMBERS = [bytes((number,)) * 32 for number in range(1, 9)]
ISSUER = replace(TERMS, is_issuer=True)


def issued(patients: int = 20) -> Month:
    """Return the month of an issuer with eight members."""
    month = Month(MEMBERS)
    for number in range(patients):
        month.add(f"patient {number}", 60, member=MEMBERS[number % 8])
    return month


def test_the_month_of_an_issuer_has_a_subtotal_for_each_of_eight_facilities() -> None:
    assert issued().finding(terms=ISSUER).result is Result.PASS
    assert "signed for 0 facilities" in honest().finding(terms=ISSUER).reason
    month = issued()
    evidence = month.evidence()
    rows, right = rows_of(evidence.table), evidence.subtotals
    points = evidence.points

    def finding(subtotals: list[Subtotal], changed: Sequence[Row] = rows) -> auditing.Finding:
        return with_table(month, changed, points, subtotals, ISSUER)

    assert finding(right).result is Result.PASS
    more = [replace(right[0], points=u64(right[0].points + 40)), *right[1:]]
    assert "is not the sum of its rows" in finding(more).reason
    assert "two subtotals" in finding([right[1], *right[1:]]).reason
    assert "without a subtotal" in finding(right, [row._replace(member=9) for row in rows]).reason
    # Rows that are exchanged among facilities fit the subtotals, but no opened leaf.
    at = next(index for index, row in enumerate(rows) if row.member == 1)
    other = next(index for index, row in enumerate(rows) if row.member == 2)
    swapped = list(rows)
    swapped[at], swapped[other] = rows[at]._replace(member=2), rows[other]._replace(member=1)
    place = next(
        place
        for place in (PLACE._replace(seed=bytes((n,)) * 32) for n in range(200))
        if at in auditing.to_open(rows, place.seed)
    )
    table = b"".join(
        row.points.to_bytes(4, "little") + row.member.to_bytes(2, "little") + row.mark
        for row in swapped
    )
    found = auditing.disclose(evidence, month.statements, place.seed)
    found = replace(found, table=table)
    root = commitment_of(found.tree_root, table, right)
    committed = Committed(root, len(evidence.tree), points)
    assert "another facility" in auditing.examine(found, committed, place, ISSUER).reason


def test_a_table_of_another_length_fails() -> None:
    month = honest(3)
    rows = list(rows_of(month.evidence().table))
    found = with_table(month, rows[:-1], month.evidence().points)
    assert found.result is Result.FAIL


def test_a_disclosure_opens_only_for_its_auditor_and_its_round() -> None:
    month, secret = honest(), new_secret()
    made = auditing.disclose(month.evidence(), month.statements, PLACE.seed)
    sealed = auditing.seal(made, public_of(secret), PLACE)
    assert auditing.open_sealed(sealed, secret, PLACE) == made
    assert b"73761001" not in sealed
    for key, place in (
        (new_secret(), PLACE),
        (secret, PLACE._replace(month=3)),
        (secret, PLACE._replace(seed=bytes(32))),
    ):
        with pytest.raises(Damaged, match="does not open"):
            auditing.open_sealed(sealed, key, place)
    with pytest.raises(CareError):
        auditing.seal(made, bytes(32), PLACE)


def test_garbage_in_a_disclosure_is_refused_and_never_ends_the_program() -> None:
    month, secret, rng = honest(5), new_secret(), random.Random(5)
    evidence = month.evidence()
    committed = Committed(evidence.commitment, len(evidence.tree), evidence.points)
    plain = auditing.DISCLOSURE.encode(auditing.disclose(evidence, month.statements, PLACE.seed))
    assert len(rows_of(evidence.table)) * ROW_LENGTH == len(evidence.table)
    for _ in range(150):
        changed = bytearray(plain)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        sealed = sealing.seal(bytes(changed), public_of(secret), PLACE.context)
        try:
            found = auditing.open_sealed(sealed, secret, PLACE)
        except Damaged:
            continue
        assert auditing.examine(found, committed, PLACE, TERMS).result is not Result.PASS
