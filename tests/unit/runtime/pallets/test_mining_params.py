"""Mining: prices, factors, parameters and views."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId
from btt_chain.scale import encode, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, GenesisError, signed
from runtime.pallets.mining import errors, events, factors
from runtime.pallets.mining.types import MAX_KAPPA, MIN_PRICE, PARTS, Estimate, Params, RegionWork
from runtime.splits import PPM
from support.mining import ALICE, BOB, CAROL, ERA, PRICE, Works, budget_of, cap, changed, fresh
from support.runtime import refused


@pytest.fixture
def works() -> Works:
    return fresh()


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_the_fee_price_follows_what_was_paid_by_an_eighth_at_most(levels: list[int]) -> None:
    works = fresh()
    for level in levels:
        before = int(works.mining.prices.fee_price.value)
        works.work(ALICE, 10**6, fees=level * 10**14)
        works.next_era()
        after, wanted = int(works.mining.prices.fee_price.value), level * 10**8
        assert abs(after - before) <= before // 8
        assert abs(after - wanted) <= abs(before - wanted)


def test_the_fee_price_rests_in_idle_eras_and_has_a_floor(works: Works) -> None:
    works.next_era(3)
    assert works.mining.prices.fee_price.value == PRICE
    for _ in range(300):
        works.work(ALICE, 10**6, fees=0)
        works.next_era()
    assert works.mining.prices.fee_price.value == MIN_PRICE
    works.work(ALICE, 1, fees=int(BTT))
    works.next_era()
    assert works.mining.prices.fee_price.value == MIN_PRICE + MIN_PRICE // 8


@pytest.mark.parametrize(
    ("answered", "expected", "factor"),
    [(10, 10, 10**6), (11, 10, 10**6), (9, 10, 900_000), (1, 2, 500_000), (4_999, 10_000, 0)],
)
def test_uptime(answered: int, expected: int, factor: int) -> None:
    assert factors.uptime(answered, expected) == factor


@pytest.mark.parametrize(
    ("p95", "good", "of", "factor"),
    [
        (1_000, 10, 10, 1_000_000),
        (1_000, 9, 10, 900_000),
        (2_000, 10, 10, 500_000),
        (9_000, 1, 10, 500_000),
        (900, 10, 10, 1_111_111),
        (1, 10, 10, 1_200_000),
        (0, 10, 10, 1_200_000),
        (900, 9, 10, 999_999),
    ],
)
def test_quality(p95: int, good: int, of: int, factor: int) -> None:
    assert factors.quality(1_000, p95, good, of) == factor


@pytest.mark.parametrize(
    ("target", "done", "of", "factor"),
    [
        (300_000, 0, 0, 1_000_000),
        (300_000, 0, 100, 1_500_000),
        (0, 0, 100, 1_000_000),
        (300_000, 25, 100, 1_200_000),
        (300_000, 10, 100, 1_500_000),
        (300_000, 90, 100, 1_000_000),
    ],
)
def test_geography(target: int, done: int, of: int, factor: int) -> None:
    assert factors.geography(target, done, of) == factor


@pytest.mark.parametrize(
    ("units", "factor"),
    [(0, 800_000), (700, 800_000), (1_000, 1_000_000), (1_100, 1_100_000), (5_000, 1_200_000)],
)
def test_energy(units: int, factor: int) -> None:
    assert factors.energy(units, 1_000) == factor


def test_the_factors_are_at_most_two_point_one_six() -> None:
    best = (PPM, factors.QUALITY_RANGE[1], factors.GEOGRAPHY_RANGE[1], factors.ENERGY_RANGE[1])
    weighed = PPM
    for factor in best:
        weighed = weighed * factor // PPM
    assert weighed == factors.HIGHEST == 2_160_000


def test_what_is_measured_counts_for_later_receipts(works: Works) -> None:
    works.mining.attest_energy(ROOT, ALICE, u64(3_600_000))
    works.work(ALICE, 1_000)
    works.mining.record_quality(ALICE, p95=500, ok=10, all_=10)
    works.mining.record_uptime(ALICE, answered=9, expected=10)
    works.work(ALICE, 1_000)
    assert works.mining.operator_view(ALICE).score == (1_000 + 1_080) * PARTS
    works.mining.record_uptime(ALICE, answered=0, expected=0)
    works.mining.record_quality(ALICE, p95=500, ok=0, all_=0)
    view = works.mining.operator_view(ALICE)
    assert (view.uptime, view.quality, view.geography, view.energy) == (
        900_000,
        1_200_000,
        PPM,
        PPM,
    )
    works.mining.record_uptime(ALICE, answered=4, expected=10)
    works.work(ALICE, 1_000)
    assert works.mining.operator_view(ALICE).score == 2_080 * PARTS


def test_a_region_is_wanted_by_what_was_done_in_it_in_the_era_before(works: Works) -> None:
    works.set(regions=[u32(250_000), u32(500_000)])
    works.mining.attest_region(ROOT, ALICE, u16(0))
    works.mining.attest_region(ROOT, BOB, u16(1))
    assert works.mining.operator_view(ALICE).geography == PPM, "nothing was done yet"
    works.work(ALICE, 600)
    works.work(BOB, 400)
    works.work(CAROL, 0)
    works.next_era()
    assert works.mining.operator_view(ALICE).geography == PPM
    assert works.mining.operator_view(BOB).geography == 1_250_000
    assert works.mining.operator_view(CAROL).geography == PPM
    works.work(BOB, 1_000, fees=1_000 * PRICE)
    assert works.mining.operator_view(BOB).score == 1_000 * PARTS * 125 // 100 * 8 // 10
    works.next_era()
    assert works.mining.operator_view(BOB).geography == PPM
    assert works.mining.operator_view(ALICE).geography == 1_500_000
    works.next_era()
    assert works.mining.operator_view(ALICE).geography == PPM, "an idle era changes nothing"
    works.work(BOB, 1_000)
    works.pass_slots(3 * ERA)
    assert works.mining.operator_view(ALICE).geography == PPM, "nor do idle epochs"
    works.set(regions=[])
    assert works.mining.operator_view(ALICE).geography == PPM, "the region is gone"


def test_work_for_nothing_makes_no_other_region_wanted(works: Works) -> None:
    works.set(regions=[u32(500_000), u32(500_000)])
    works.mining.attest_region(ROOT, ALICE, u16(0))
    works.mining.attest_region(ROOT, BOB, u16(1))
    works.work(BOB, 10**12, fees=0)
    works.work(ALICE, 1_000)
    works.work(BOB, 10**12, fees=1_000 * PRICE)
    works.next_era()
    assert works.mining.operator_view(ALICE).geography == PPM
    era = int(works.mining.eras.era_index.value)
    done = [works.mining.standings.region_work[u16(region)].at(era).before for region in (0, 1)]
    assert done == [1_000 * PARTS] * 2, "nor its own less wanted, for others who work there"


def test_an_old_era_of_a_region_is_forgotten() -> None:
    work = RegionWork(u32(3), u128(10), u128(5))
    assert work.at(3) == work
    assert work.at(4) == RegionWork(u32(4), u128(0), u128(10))
    assert work.at(5) == RegionWork(u32(5), u128(0), u128(0))


def test_the_feeders_attest_a_region_and_work_against_the_present_median(works: Works) -> None:
    works.set(regions=[u32(250_000), u32(500_000)])
    works.mining.attest(ALICE, u16(1), 1_200_000)
    view = works.mining.operator_view(ALICE)
    median = int(works.mining.params.value.median_energy)
    assert (view.region, view.units_per_kwh) == (1, median * 12 // 10)
    assert view.energy == 1_200_000
    assert works.announced()[-2:] == [
        events.RegionAttested(ALICE, u16(1)),
        events.EnergyAttested(ALICE, u64(median * 12 // 10)),
    ]
    works.set(median_energy=u64(2 * median))
    assert works.mining.operator_view(ALICE).energy == 800_000


def test_only_the_oracle_attests_and_only_operators_and_known_regions(works: Works) -> None:
    works.set(regions=[u32(PPM)])
    unknown = AccountId(b"\x77" * 32)
    with refused(works, BadOrigin):
        works.mining.attest_region(signed(ALICE), ALICE, u16(0))
    with refused(works, BadOrigin):
        works.mining.attest_energy(signed(ALICE), ALICE, u64(1))
    with refused(works, errors.NotOperator):
        works.mining.attest_region(ROOT, unknown, u16(0))
    with refused(works, errors.NotOperator):
        works.mining.attest_energy(ROOT, unknown, u64(1))
    with refused(works, errors.UnknownRegion):
        works.mining.attest_region(ROOT, ALICE, u16(1))
    works.mining.attest_region(ROOT, ALICE, u16(0))
    works.mining.attest_energy(ROOT, ALICE, u64(7))
    assert works.announced()[-2:] == [
        events.RegionAttested(ALICE, u16(0)),
        events.EnergyAttested(ALICE, u64(7)),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"kappa": u32(MAX_KAPPA + 1), "kappa_verified": u32(MAX_KAPPA + 1)},
        {"kappa_verified": u32(179_999)},
        {"kappa_verified": u32(900_001)},
        {"operator_cap": u32(0)},
        {"operator_cap": u32(10_001)},
        {"operator_cap": u32(999)},
        {"operator_cap_from": u32(0)},
        {"target_p95": u32(0)},
        {"median_energy": u64(0)},
        {"protocol_price": u128(MIN_PRICE - 1)},
        {"protocol_price": u128(10**24 + 1)},
        {"regions": [u32(PPM), u32(1)]},
    ],
)
def test_parameters_that_do_not_go_together_are_refused(
    works: Works, changes: dict[str, object]
) -> None:
    with refused(works, errors.InvalidParams):
        works.mining.set_params(ROOT, changed(Params(), **changes))


def test_only_governance_sets_parameters(works: Works) -> None:
    with refused(works, BadOrigin):
        works.mining.set_params(signed(ALICE), Params())
    params = Params(kappa=u32(100_000))
    works.mining.set_params(ROOT, params)
    assert works.mining.params.value == params
    assert works.announced()[-1] == events.ParamsSet(params)


def test_a_receipt_keeps_the_cap_it_came_in_with(works: Works) -> None:
    works.work(ALICE, 10**9, fees=10 * int(BTT))
    works.set(kappa=u32(0), kappa_verified=u32(0))
    works.work(BOB, 10**9, fees=10 * int(BTT))
    works.next_era()
    assert works.claim(ALICE, 0) == cap(10 * int(BTT))
    assert works.claim(BOB, 0) == 0


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"feePrice": 999}, "mining.feePrice"),
        ({"protocolPrice": 1}, "mining"),
        ({"medianEnergy": 0}, "mining"),
        ({"regions": [600_000, 600_000]}, "mining"),
        ({"regions": [-1]}, r"mining.regions\[0\]"),
        ({"bands": []}, "mining.bands"),
    ],
)
def test_a_wrong_genesis_configuration_says_where(config: dict[str, object], path: str) -> None:
    with pytest.raises(GenesisError, match=f"^{path}"):
        Works().start(config=config)


def test_genesis_sets_prices_and_parameters() -> None:
    works = Works()
    works.start(
        config={
            "feePrice": 5_000,
            "protocolPrice": "70000",
            "medianEnergy": 12,
            "targetP95": 250,
            "regions": [1, 2],
        }
    )
    now, params = works.mining.emission_now(), works.mining.params.value
    assert (now.fee_price, now.protocol_price) == (5_000, 70_000)
    assert (params.median_energy, params.target_p95, params.regions) == (12, 250, [1, 2])


def test_an_estimate_before_the_era_ends_is_the_reward_without_further_work(works: Works) -> None:
    assert works.mining.estimate(ALICE) is None
    works.work(ALICE, 10**9, fees=10 * int(BTT))
    budget = budget_of(works)
    row = works.mining.estimate(ALICE)
    assert row == Estimate(u32(0), u128(budget), u128(cap(10 * int(BTT))), None)
    assert works.mining.estimate(ALICE, 0) == row
    works.next_era()
    closed = works.mining.estimate(ALICE, 0)
    assert closed is not None
    assert (closed.part, closed.reward) == (row.part, row.reward)
    assert works.claim(ALICE, 0) == row.reward
    assert works.mining.estimate(ALICE, 0) is None


def test_views_have_a_wire_form(works: Works) -> None:
    works.work(ALICE, 10**9)
    for view in (
        works.mining.emission_now(),
        works.mining.operator_view(ALICE),
        works.mining.estimate(ALICE),
    ):
        assert view is not None
        assert encode(type(view), view)
    assert works.mining.operator_view(AccountId(b"\x77" * 32)).operator is None
