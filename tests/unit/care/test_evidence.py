"""Evidence: leaves, tags, tables, statements, and the rules of points."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.care import activities
from btt_chain.care.errors import Damaged, Refusal
from btt_chain.care.evidence import (
    LEAF,
    DeviceProof,
    Leaf,
    MonthEvidence,
    Statement,
    Subtotal,
    commitment_of,
    is_by_device,
    mark_of,
    rows_of,
    tag_of,
)
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.activity_rule import Evidence
from btt_chain.primitives.evidence_tree import verify
from btt_chain.scale import u16, u32, u64
from support.care_programs import device, measured, rule

KEY = b"\x07" * 32


def leaf(number: int, points: int = 10) -> Leaf:
    salt = hashlib.sha256(number.to_bytes(4, "little")).digest()
    return Leaf(
        salt, u16(1), tag_of(KEY, f"patient {number % 5}", 2), b"\x01" * 32, u32(points), u16(61)
    )


def test_a_leaf_is_the_hash_of_its_fields_in_order() -> None:
    found = leaf(1)
    content = (
        found.salt + b"\x01\x00" + found.tag + found.evidence + b"\x0a\x00\x00\x00" + b"\x3d\x00"
    ) + bytes(32)
    assert LEAF.encode(found) == content
    assert found.hash == blake2_256(b"\x00" + content)


def test_a_tag_is_of_one_patient_one_year_and_one_facility() -> None:
    tags = {
        tag_of(key, patient, month)
        for key in (KEY, b"\x08" * 32)
        for patient in ("Li Wei", "Li Na")
        for month in (0, 12)
    }
    assert len(tags) == 8
    assert tag_of(KEY, "Li Wei", 0) == tag_of(KEY, "Li Wei", 11)


def test_a_commitment_covers_the_tree_and_every_row_of_its_table() -> None:
    found = MonthEvidence([leaf(number) for number in range(70)], b"\x01" * 32, b"\x02" * 32)
    rows = rows_of(found.table)
    assert len(rows) == len(found.tree) == 128
    assert found.points == sum(row.points for row in rows) == 700
    assert found.commitment == commitment_of(found.tree.root, found.table, [])
    for index, row in enumerate(rows):
        content = found.leaf_at(index)
        assert verify(
            found.tree.root, index, 128, found.tree.leaves[index], found.tree.proof(index)
        )
        assert row.points == (0 if content is None else content.points)
        if content is not None:
            assert row.mark == mark_of(found.month_key, content.tag)
    changed = b"\x0b" + found.table[1:]
    assert commitment_of(found.tree.root, changed, []) != found.commitment
    other = [Subtotal(b"\x09" * 32, u64(0))]
    assert commitment_of(found.tree.root, found.table, other) != found.commitment


def test_the_rows_of_an_issuer_add_up_to_a_subtotal_for_each_facility() -> None:
    members = [bytes((number,)) * 32 for number in range(1, 9)]
    leaves = [replace(leaf(number), member=members[number % 3]) for number in range(9)]
    found = MonthEvidence([*leaves, leaf(9)], b"\x01" * 32, b"\x02" * 32, members)
    assert [int(each.points) for each in found.subtotals] == [30, 30, 30, 0, 0, 0, 0, 0]
    rows = rows_of(found.table)
    assert sorted(row.member for row in rows if row.points) == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    with pytest.raises(ValueError, match="of no member"):
        MonthEvidence(leaves, b"\x01" * 32, b"\x02" * 32, members[1:])


def test_an_empty_month_has_a_tree_of_padding() -> None:
    found = MonthEvidence([], b"\x01" * 32, b"\x02" * 32)
    assert (len(found.tree), found.points) == (64, 0)
    with pytest.raises(ValueError, match="without points"):
        MonthEvidence([leaf(1, 0)], b"\x01" * 32, b"\x02" * 32)
    with pytest.raises(Damaged, match="whole rows"):
        rows_of(found.table[1:])


def test_a_statement_has_one_form_in_bytes() -> None:
    statement = measured(device(), 3)
    raw = statement.encode()
    assert Statement.decode(raw) == statement
    assert is_by_device(statement)
    for other in (b" " + raw, raw[:-1], b"[]", b'{"kind":"provider"}', b"[" * 70_000, b"[" * 9_000):
        with pytest.raises(Damaged):
            Statement.decode(other)


def test_a_device_signs_its_counter_and_its_observation() -> None:
    statement = measured(device(), 3)
    proof = statement.device
    assert proof is not None
    for changed in (
        Statement("device", 1, {"steps": 8_001}, proof),
        Statement("device", 1, statement.document, proof._replace(counter=4)),
        Statement("device", 1, statement.document, proof._replace(counter=-1)),
        Statement("device", 1, statement.document, proof._replace(key=device(2).public)),
        Statement("device", 1, statement.document, DeviceProof(b"", 3, b"")),
        Statement("device", 1, statement.document),
    ):
        assert not is_by_device(changed)


@settings(max_examples=60)
@given(
    factors=st.lists(st.integers(0, 3_000_000), min_size=2, max_size=2),
    quality=st.integers(0, 5_000_000),
    base=st.integers(1, 10_000),
)
def test_points_are_exact_integers_of_the_rule(factors: list[int], quality: int, base: int) -> None:
    health, impact = factors
    found = rule(base)
    found = type(found)(
        u32(base), u32(health), u32(impact), u32(500_000), u32(2_000_000),
        found.per_patient_month, found.cooldown_days, found.evidence,
    )  # fmt: skip
    expected = base
    for factor in (health, impact, max(500_000, min(quality, 2_000_000))):
        expected = expected * factor // 1_000_000
    assert found.points(quality) == expected
    if 0 < expected <= activities.MAX_POINTS:
        assert activities.points_of(found, "provider", quality) == expected
    else:
        with pytest.raises(Refusal):
            activities.points_of(found, "provider", quality)


def test_a_rule_accepts_only_its_kinds_of_evidence() -> None:
    by_device = rule(evidence=int(Evidence.DEVICE))
    assert activities.points_of(by_device, "device", 1_000_000) == 40
    with pytest.raises(Refusal, match="does not accept"):
        activities.points_of(by_device, "provider", 1_000_000)
    with pytest.raises(Refusal, match="not a kind"):
        activities.points_of(by_device, "rumour", 1_000_000)


def test_caps_and_cooldown_count_all_days_of_a_patient() -> None:
    found = rule(per_month=2, cooldown=3)
    activities.check(found, 63, [])
    activities.check(found, 63, [60])
    with pytest.raises(Refusal, match="2 days between"):
        activities.check(found, 62, [60])
    with pytest.raises(Refusal, match="2 days between"):
        activities.check(found, 58, [60])
    with pytest.raises(Refusal, match="more than 2 times"):
        activities.check(found, 89, [60, 70])
    activities.check(found, 90, [60, 70])
