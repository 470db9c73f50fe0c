"""The oracle against the figures that economy.md prints, and the program against the oracle."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.scale import u128
from genesis.holders import table
from genesis.presets import DOCUMENTS
from genesis.schedule import emission, release, schedule
from runtime import emission as emission_runtime
from runtime import splits
from runtime.schedules import vested
from support.economy import oracle, tables
from support.economy.oracle import BTT, DAY, MONTH, MONTHS, PRESETS, YEAR

FIRST = PRESETS["seed-000"]
BOTH = {"B": oracle.delayed, "A": oracle.cliffed}


def under(reading: str, row: oracle.Linear, month: int) -> int:
    amount = FIRST.amount(row.percent)
    return BOTH[reading](amount, row.lock * MONTH, row.months * MONTH, month * MONTH)


@pytest.mark.parametrize("month", list(tables.MONTHLY))
def test_the_oracle_gives_the_monthly_curve(month: int) -> None:
    *linear, foundation, mining, everything = tables.MONTHLY[month]
    bitwave, cdhg, mdao, _, crypto, *team = FIRST.linear
    for rows, reported in zip(((bitwave,), (cdhg,), (mdao,), (crypto,), team), linear, strict=True):
        for reading, btt in zip("BA", reported, strict=True):
            assert sum(under(reading, row, month) for row in rows) // BTT == btt
    time = month * MONTH
    shares = FIRST.programmes.values()
    assert sum(oracle.time_cap(FIRST.amount(share), time) for share in shares) == foundation * BTT
    assert oracle.emitted(FIRST.mining_pool, time) == mining * BTT
    assert oracle.rows(FIRST, time) // BTT == everything


def test_the_oracle_gives_the_planck_that_are_printed() -> None:
    for month, planck in tables.BITWAVE_EXACT.items():
        assert under("B", FIRST.linear[0], month) == planck
    assert oracle.emitted(FIRST.mining_pool, DAY) == tables.FIRST_DAY
    pool = FIRST.amount(FIRST.community) * oracle.COMMUNITY["stak"] // 100
    assert pool == 1_008_000 * BTT
    for tier in oracle.TIERS:
        if tier.days in tables.CAPACITY:
            assert oracle.capacity(pool, tier) // BTT == tables.CAPACITY[tier.days]


def test_the_oracle_gives_the_years_of_the_simulation() -> None:
    ends = [365, 730, 1_095, 1_461, 1_826, 10_000]
    released = [oracle.rows(FIRST, days * DAY) for days in ends]
    parts = [now - before for now, before in zip(released, [0, *released], strict=False)]
    reported = [round(part * 10_000 / FIRST.supply) for part in parts]
    assert reported == list(tables.YEARS_OF_ROWS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_given_away_whole(name: str) -> None:
    preset = PRESETS[name]
    shares = [row.percent for row in preset.linear]
    shares += [preset.foundation, preset.mining, preset.community, preset.ecosystem]
    shares += [preset.liquidity, preset.reserve, preset.treasury]
    assert sum(shares) == 100
    assert all(preset.supply * share % 100 == 0 for share in shares)
    rows = table(name)
    assert rows.supply == preset.supply
    assert rows.reading == preset.reading
    reported = [(row.percent, row.lock_months, row.months) for row in rows.linear()]
    assert reported == [(row.percent, row.lock, row.months) for row in preset.linear]


# ---- emission and programmes, by themselves


@pytest.mark.parametrize("name", DOCUMENTS)
def test_emission_is_the_whole_pool_and_not_before(name: str) -> None:
    pool = PRESETS[name].mining_pool
    assert oracle.emitted(pool, 8 * YEAR) == oracle.emitted(pool, 80 * YEAR) == pool
    assert oracle.emitted(pool, 8 * YEAR - 1) < pool
    assert oracle.emitted(pool, 0) == 0
    years = [oracle.emitted(pool, 2 * YEAR * place) for place in range(5)]
    percent = [later - earlier for earlier, later in pairwise(years)]
    assert percent == [pool * share // 100 for share in (40, 30, 20, 10)]


@given(pool=st.integers(0, 2**100), times=st.lists(st.integers(0, 9 * YEAR), min_size=2))
def test_emission_never_falls(pool: int, times: list[int]) -> None:
    emitted = [oracle.emitted(pool, time) for time in sorted(times)]
    assert emitted == sorted(emitted)
    assert all(0 <= amount <= pool for amount in emitted)


@given(
    time=st.integers(0, 100 * MONTH),
    lock=st.integers(0, 40),
    months=st.integers(1, 60),
    amount=st.integers(1, 2**110),
)
def test_the_runtime_vests_by_slots_what_the_oracle_does_by_milliseconds(
    time: int, lock: int, months: int, amount: int
) -> None:
    for slot_ms in (1_000, 2_000, 6_000):
        slots = MONTH // slot_ms
        now = time // slot_ms
        got = vested(amount, lock * slots, months * slots, lock * slots, now)
        assert got == oracle.delayed(amount, lock * MONTH, months * MONTH, now * slot_ms)
        if lock <= months:
            got = vested(amount, 0, months * slots, lock * slots, now)
            assert got == oracle.cliffed(amount, lock * MONTH, months * MONTH, now * slot_ms)


# ---- the program's tables


def cumulative(name: str) -> list[list[int]]:
    """Return the freed amounts of each row that time frees, by month, in the documents' order."""
    preset = PRESETS[name]
    times = [month * MONTH for month in range(MONTHS + 1)]
    rows = [[oracle.vested(preset, row, time) for time in times] for row in preset.linear]
    rows += [
        [oracle.time_cap(preset.amount(share), time) for time in times]
        for share in preset.programmes.values()
    ]
    return [*rows, [oracle.emitted(preset.mining_pool, time) for time in times]]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_printed_schedule_is_the_oracles_month_by_month(name: str) -> None:
    printed: dict[str, list[int]] = {}
    for row in schedule(name):
        assert row.month == len(printed.setdefault(row.key, []))
        printed[row.key].append(int(row.vested_planck))
    assert list(printed.values()) == cumulative(name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_printed_emission_is_the_oracles_month_by_month(name: str) -> None:
    rows = list(emission(name))
    assert [row.month for row in rows] == list(range(MONTHS + 1))
    assert [int(row.cumulative_planck) for row in rows] == cumulative(name)[-1]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_printed_years_are_sums_of_the_printed_months(name: str) -> None:
    preset, before, rows = PRESETS[name], 0, list(release(name))
    assert [row.year for row in rows] == ["2025", "2026", "2027", "2028", "2029", "2030+"]
    assert [row.table_planck for row in rows] == [
        preset.supply * percent // 100 for percent in oracle.RELEASE_TABLE
    ]
    for place, row in enumerate(rows):
        month = 12 * (place + 1) if place < 5 else MONTHS
        so_far = oracle.rows(preset, month * MONTH)
        assert row.rows_planck == so_far - before
        assert row.gap_planck == row.table_planck - row.rows_planck
        assert row.cumulative_rows_planck == so_far
        assert row.cumulative_table_planck == oracle.table_until(preset, 2025 + place)
        time = month * MONTH
        programmes = [
            oracle.time_cap(preset.amount(share), time) for share in preset.programmes.values()
        ]
        above = row.cumulative_table_planck - so_far
        assert row.headroom_planck == max(0, above + sum(programmes))
        assert row.headroom_after_foundation_planck == max(0, above)
        before = so_far
    assert rows[-1].cumulative_table_planck == preset.supply


# ---- emission and work


@given(pool=st.integers(0, u128.MAX), time=st.integers(0, 9 * YEAR))
def test_the_runtime_emits_what_the_oracle_does(pool: int, time: int) -> None:
    assert emission_runtime.emitted(pool, time) == oracle.emitted(pool, time)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("place", range(1, 5))
def test_the_runtime_emits_what_the_oracle_does_where_bands_meet(name: str, place: int) -> None:
    pool = PRESETS[name].mining_pool
    for time in range(2 * place * YEAR - 3, 2 * place * YEAR + 4):
        assert emission_runtime.emitted(pool, time) == oracle.emitted(pool, time)


@given(units=st.integers(0, 2**64), factors=st.lists(st.integers(0, 1_500_000), max_size=4))
def test_the_runtime_scores_what_the_oracle_does(units: int, factors: list[int]) -> None:
    assert emission_runtime.score(units, factors) == oracle.score(units, factors)


@given(parts=st.lists(st.integers(0, 2**50), max_size=9), factors=st.lists(st.integers(0, 2**21)))
def test_a_machine_that_poses_as_many_scores_no_more(parts: list[int], factors: list[int]) -> None:
    apart = sum(oracle.score(part, factors) for part in parts)
    assert apart <= oracle.score(sum(parts), factors)


# ---- splits


AMOUNTS = st.integers(0, u128.MAX) | st.sampled_from((1, 2, 5, 6, 9_999, 10_000, 10**18, 10**22))
RAMPS = (
    (splits.COMPUTE, oracle.COMPUTE),
    (splits.ASSET, oracle.ASSET),
    (splits.PAYFI, oracle.PAYFI),
)


@given(gross=AMOUNTS, threshold=st.integers(1, 2**80))
def test_a_compute_fee_is_taken_apart_as_the_oracle_does(gross: int, threshold: int) -> None:
    split = splits.split_compute(gross, threshold)
    legs = oracle.compute_split(gross, threshold)
    assert {name: int(getattr(split, name)) for name in legs} == legs
    assert sum(legs.values()) == gross
    assert legs["contributors"] * 10 >= 7 * (gross - legs["burn"])


@given(
    fee=AMOUNTS,
    value=AMOUNTS,
    threshold=st.integers(1, 2**80),
    ramp=st.sampled_from(RAMPS),
    voters=st.sampled_from((0, 1_000)),
)
def test_a_platform_fee_is_taken_apart_as_the_oracle_does(
    fee: int,
    value: int,
    threshold: int,
    ramp: tuple[splits.Ramp, tuple[int, int]],
    voters: int,
) -> None:
    split = splits.split_platform(fee, ramp[0], value, threshold, voters_bps=voters)
    legs = oracle.platform_split(fee, ramp[1], value, threshold, voters)
    assert {name: int(getattr(split, name)) for name in legs} == legs
    assert sum(legs.values()) == fee


@given(value=AMOUNTS, bps=st.integers(0, 10_000))
def test_charges_round_up_and_discounts_down(value: int, bps: int) -> None:
    assert splits.charge(value, bps) == oracle.charge(value, bps)
    reduced = int(splits.discounted(value, bps))
    assert reduced == oracle.discounted(value, bps) <= value
