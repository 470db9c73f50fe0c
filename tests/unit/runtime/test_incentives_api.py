"""The runtime API of incentives, and the public statistics: no small number follows (C19)."""

from __future__ import annotations

from dataclasses import astuple

from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.activity_rule import ActivityRule
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from runtime.frame import ROOT, signed
from runtime.pallets.facilities.types import Kind
from runtime.pallets.incentives.api import (
    AuditView,
    CurrentMonth,
    EpochView,
    IncentivesApi,
    PointsView,
)
from runtime.pallets.incentives.stats import (
    MIN_FACILITIES,
    STEP,
    THRESHOLD,
    Statistics,
    merged,
    publish,
    rows_of,
    suppressed,
)
from runtime.pallets.incentives.types import PROVIDERS, EpochState, Group, GroupTally, Pass
from support.incentives import (
    AUDITORS,
    CLINIC,
    FRIEND,
    GENESIS,
    HOSPITAL,
    MONTH,
    PARTNER,
    PATIENT,
    POINT,
    CareRuntime,
    hashed,
)

GROUPS = st.dictionaries(
    st.tuples(st.integers(1, 8), st.sampled_from(PROVIDERS)),
    st.tuples(st.integers(1, 6), st.one_of(st.integers(0, 15), st.integers(0, 10**6))),
)


def asked(care: CareRuntime, name: str, *args: object) -> object:
    """Ask as a client does: everything goes through SCALE."""
    api = IncentivesApi.__new__(IncentivesApi)
    api._runtime = care
    method = IncentivesApi.METHODS[name]
    arguments = [
        part.decode_all(part.encode(arg))
        for (_, part), arg in zip(method.inputs, args, strict=True)
    ]
    return method.output.decode_all(method.output.encode(method.run(api, *arguments)))


def test_the_current_month_shows_the_money_of_all_months() -> None:
    care = CareRuntime()
    month = care.closed(points=500)
    now = asked(care, "current")
    assert isinstance(now, CurrentMonth)
    assert (now.month, now.begins, now.ends) == (month + 1, 2 * MONTH, 3 * MONTH)
    assert now.close_until == 2 * MONTH + MONTH // 10
    assert (now.point_value, now.reserved) == (POINT, care.month(month).committed)
    assert asked(care, "month", u32(month)) == care.month(month)
    assert asked(care, "month", u32(99)) is None


def test_a_wallet_finds_keys_points_and_spent_vouchers() -> None:
    care = CareRuntime()
    month = care.closed(points=500)
    keys = asked(care, "keys", CLINIC, u32(month))
    assert keys == care.incentives.epochs.keys[CLINIC, u32(month)]
    assert asked(care, "keys", HOSPITAL, u32(month)) is None
    assert asked(care, "points", PATIENT) is None
    voucher = care.voucher(CLINIC, month)
    id = H256(blake2_256(voucher.message(GENESIS)))
    assert asked(care, "is_spent", u32(month), id) is False
    care.redeem(voucher, *care.vouchers(CLINIC, month, 5))
    assert asked(care, "is_spent", u32(month), id) is True
    found = asked(care, "points", PATIENT)
    assert isinstance(found, PointsView)
    assert astuple(found) == (5, month, month + 24, 5 * POINT)


def test_rules_offers_and_auditors_are_listed() -> None:
    care = CareRuntime()
    rule = ActivityRule(u32(5), u32(1), u32(1), u32(0), u32(1), u8(1), u16(0), u8(7))
    for number in (9, 2):
        care.incentives.set_rule(ROOT, u16(number), rule)
    rules = asked(care, "rules")
    assert isinstance(rules, list)
    assert [each.id for each in rules] == [2, 9]
    care.incentives.place(signed(PARTNER), hashed("a"), u16(1))
    offers = asked(care, "offers", PARTNER)
    assert offers == care.incentives.partners.offers[PARTNER]
    assert asked(care, "offers", FRIEND) == []
    auditors = asked(care, "auditors")
    assert isinstance(auditors, list)
    assert [each.who for each in auditors] == AUDITORS


def test_an_auditor_finds_its_audits_and_their_leaves() -> None:
    care = CareRuntime()
    month = care.closed()
    assert asked(care, "audit", CLINIC, u32(month)) is None
    care.to_month(month + 1, day=3)
    care.to(care.time.now() + 5)
    view = asked(care, "audit", CLINIC, u32(month))
    assert view == asked(care, "audit", CLINIC, u32(month))
    assert isinstance(view, AuditView)
    assert len(view.selected) == 16
    epochs = asked(care, "epochs", u32(month), None, u32(100))
    assert isinstance(epochs, list)
    assert [each.facility for each in epochs] == [CLINIC]
    assert asked(care, "epochs", u32(month), CLINIC, u32(100)) == []
    care.report(CLINIC, month, Pass(), Pass(), Pass())
    assert asked(care, "audit", CLINIC, u32(month)) is None
    epoch = asked(care, "epoch", CLINIC, u32(month))
    assert isinstance(epoch, EpochView)
    assert epoch.epoch is not None
    assert epoch.epoch.state is EpochState.Audited
    assert asked(care, "epoch", HOSPITAL, u32(month)) is None


def test_facilities_of_a_month_are_listed_in_pages() -> None:
    care = CareRuntime()
    names = [AccountId(bytes((number,)) * 32) for number in range(0x60, 0x67)]
    for month in (1, 2):
        for who in names:
            care.incentives.subscriptions.payments[u32(month), who] = u128(1)
            care.incentives.months.pay(month, u128(1))
    seen: list[AccountId] = []
    while True:
        after = seen[-1] if seen else None
        page = asked(care, "epochs", u32(1), after, u32(3))
        assert isinstance(page, list)
        if not page:
            break
        assert len(page) <= 3
        seen += [each.facility for each in page]
    assert len(seen) == len(names)
    assert sorted(seen) == names


def test_statistics_are_published_once_a_month_is_settled_and_never_change() -> None:
    care = CareRuntime()
    month = care.closed(points=500)
    assert asked(care, "stats", u32(month)) is None
    care.to_month(month + 1, day=3)
    pallet = care.incentives.epochs
    for kind in (Kind.Hospital, Kind.Pharmacy):
        pallet.statistics[u32(month), Group(u16(276), kind)] = GroupTally(u32(4), u64(1_003))
    before = asked(care, "stats", u32(month))
    assert isinstance(before, Statistics)
    assert before.shown > 0
    care.redeem(*care.vouchers(CLINIC, month, 131))
    care.to_month(month + 2, day=5)
    assert asked(care, "stats", u32(month)) == before


# ---- C19


def tallies(groups: dict[tuple[int, Kind], tuple[int, int]]) -> list[tuple[Group, GroupTally]]:
    return [
        (Group(u16(region), kind), GroupTally(u32(facilities), u64(points)))
        for (region, kind), (facilities, points) in groups.items()
    ]


@given(groups=GROUPS)
def test_no_small_number_is_shown_or_follows_from_others(
    groups: dict[tuple[int, Kind], tuple[int, int]],
) -> None:
    table = publish(1, tallies(groups))
    real = merged(rows_of(tallies(groups)))
    assert len(table.rows) == len(real)
    for row, truth in zip(table.rows, real, strict=True):
        assert truth.facilities >= MIN_FACILITIES
        assert list(map(int, row.regions)) == truth.regions
        for cell, points in zip(row.cells, truth.points, strict=True):
            if 0 < points < THRESHOLD:
                assert cell.points is None
            elif cell.points is not None:
                assert cell.points % STEP == 0
                assert points - STEP < cell.points <= points
    lines = [[cell.points for cell in row.cells] for row in table.rows]
    columns = [list(column) for column in zip(*lines, strict=True)] if len(lines) > 1 else []
    assert all(line.count(None) != 1 for line in (*lines, *columns))
    assert table.shown == sum(int(points or 0) for line in lines for points in line)


@given(groups=GROUPS)
def test_a_small_number_can_be_replaced_by_another_without_a_change_of_the_table(
    groups: dict[tuple[int, Kind], tuple[int, int]],
) -> None:
    """Any two small numbers of a cell lead to the same table."""
    table = publish(1, tallies(groups))
    for place, (facilities, points) in groups.items():
        alone = sum(1 for region, kind in groups if kind == place[1]) == 1
        if alone and 0 < points < THRESHOLD:
            for other in (1, 5, THRESHOLD - 1):
                changed = groups | {place: (facilities, other)}
                assert publish(1, tallies(changed)) == table


@given(groups=GROUPS)
def test_every_facility_is_in_one_row_or_there_is_no_table(
    groups: dict[tuple[int, Kind], tuple[int, int]],
) -> None:
    rows = merged(rows_of(tallies(groups)))
    total = sum(facilities for facilities, _ in groups.values())
    assert sum(row.facilities for row in rows) == (total if total >= MIN_FACILITIES else 0)
    regions = [region for row in rows for region in row.regions]
    assert len(regions) == len(set(regions))


def test_the_next_smallest_cell_hides_a_hidden_one() -> None:
    assert list(suppressed([[3, 900, 50, 0, 0]])) == [(0, 0), (0, 2)]
    assert not suppressed([[30, 900, 50, 0, 0]])
    assert list(suppressed([[3, 0, 0, 0, 0]])) == [(0, 0), (0, 1)]
