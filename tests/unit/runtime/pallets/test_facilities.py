"""Facilities: registration, states, bonds, and the hospitals that count for milestones.

Attack C12, hospitals that are none:
`test_an_application_needs_an_identity_that_is_known_to_be_good`,
`test_an_operator_has_one_facility_of_each_kind`, `test_a_hospital_counts_after_thirty_days`.
"""

from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.iso3166 import ALPHA_2, NUMERIC, is_assigned
from btt_chain.scale import u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, TokenError, signed
from runtime.frame.origin import decided
from runtime.pallets.facilities import errors, events
from runtime.pallets.facilities.types import Bonds, FacilityState, Kind, Size
from runtime.pallets.identity.types import (
    Erroneous,
    IdentityInfo,
    KnownGood,
    LowQuality,
    OutOfDate,
    Reasonable,
)
from runtime.pallets.origins import Decision
from support.facilities import (
    AGE,
    CHINA,
    LEAVE,
    META,
    MORE,
    OTHER_META,
    SUSPENSION,
    FacilityRuntime,
)
from support.governance import ALICE, BOB, CAROL, DAVE, EVE, PEOPLE
from support.runtime import refused

TECHNICAL, EMERGENCY, PARAMS, GRANTS = (
    decided(kind)
    for kind in (Decision.Technical, Decision.Emergency, Decision.Params, Decision.Grants)
)


@pytest.fixture
def runtime() -> FacilityRuntime:
    made = FacilityRuntime()
    made.open()
    return made


# ---- applications


def test_an_application_holds_the_bond_of_its_kind(runtime: FacilityRuntime) -> None:
    bonds = {Kind.Hospital: 10_000, Kind.Insurer: 10_000, Kind.Issuer: 10_000, Kind.Clinic: 1_000}
    for who, kind in zip(MORE, Kind, strict=False):
        runtime.apply(who, kind)
        found = runtime.get(who)
        assert found.bond == runtime.held(who) == bonds.get(kind, 500) * BTT
        assert (found.kind, found.state, found.region) == (kind, FacilityState.Asked, CHINA)
        assert runtime.announced()[-1] == events.Applied(who, kind, found.bond)


def test_an_application_needs_an_identity_that_is_known_to_be_good(
    runtime: FacilityRuntime,
) -> None:
    apply = runtime.facilities.apply
    for judgement in (None, Reasonable(), OutOfDate(), LowQuality(), Erroneous()):
        if judgement is not None:
            runtime.judge(ALICE, judgement)
        with refused(runtime, errors.NotKnownGood):
            apply(signed(ALICE), Kind.Clinic, Size.Small, CHINA, False, META)
    runtime.judge(BOB, KnownGood())
    apply(signed(BOB), Kind.Clinic, Size.Small, CHINA, False, META)


@pytest.mark.parametrize("region", [0, 1, 157, 999, 1_000, 65_535])
def test_a_region_must_be_a_country_of_the_standard(runtime: FacilityRuntime, region: int) -> None:
    runtime.judge(ALICE, KnownGood())
    with refused(runtime, errors.UnknownRegion):
        runtime.facilities.apply(signed(ALICE), Kind.Clinic, Size.Small, u16(region), False, META)


def test_the_table_of_countries_is_one_to_one() -> None:
    assert len(NUMERIC) == len(ALPHA_2) == 249
    assert all(len(letters) == 2 and letters.isupper() for letters in NUMERIC)
    known = {"CN": 156, "HK": 344, "DE": 276, "US": 840, "AF": 4, "ZW": 716, "TW": 158}
    assert {letters: NUMERIC[letters] for letters in known} == known
    assert is_assigned(156)
    assert not is_assigned(0)


def test_an_account_is_one_facility(runtime: FacilityRuntime) -> None:
    runtime.apply(ALICE)
    with refused(runtime, errors.AlreadyRegistered):
        runtime.facilities.apply(signed(ALICE), Kind.Clinic, Size.Small, CHINA, False, META)


def test_a_bond_that_cannot_be_paid_refuses_the_application(runtime: FacilityRuntime) -> None:
    runtime.judge(ALICE, KnownGood())
    runtime.balances.transfer(ALICE, BOB, 95_000 * BTT)
    with refused(runtime, TokenError):
        runtime.facilities.apply(signed(ALICE), Kind.Hospital, Size.Small, CHINA, False, META)


def test_only_the_technical_track_confirms_and_refuses(runtime: FacilityRuntime) -> None:
    runtime.apply(ALICE)
    runtime.apply(BOB)
    for origin in (signed(ALICE), signed(CAROL), EMERGENCY, GRANTS):
        with refused(runtime, BadOrigin):
            runtime.facilities.confirm(origin, Id(ALICE))
        with refused(runtime, BadOrigin):
            runtime.facilities.refuse(origin, Id(ALICE))
    runtime.clock.slot = 7
    runtime.facilities.confirm(TECHNICAL, Id(ALICE))
    assert runtime.announced()[-1] == events.Confirmed(ALICE, Kind.Hospital)
    assert (runtime.get(ALICE).state, runtime.get(ALICE).since) == (FacilityState.Active, 7)
    runtime.facilities.refuse(TECHNICAL, Id(BOB))
    assert runtime.announced()[-1] == events.Refused(BOB)
    assert runtime.facilities.get(BOB) is None
    assert runtime.held(BOB) == 0
    for who, error in ((ALICE, errors.NotAsked), (BOB, errors.UnknownFacility)):
        with refused(runtime, error):
            runtime.facilities.confirm(TECHNICAL, Id(who))
        with refused(runtime, error):
            runtime.facilities.refuse(TECHNICAL, Id(who))


def test_a_judgement_lost_before_the_decision_refuses_the_confirmation(
    runtime: FacilityRuntime,
) -> None:
    runtime.apply(ALICE)
    runtime.judge(ALICE, OutOfDate())
    with refused(runtime, errors.NotKnownGood):
        runtime.facilities.confirm(ROOT, Id(ALICE))


def test_a_facility_updates_its_size_and_description(runtime: FacilityRuntime) -> None:
    with refused(runtime, errors.UnknownFacility):
        runtime.facilities.update(signed(ALICE), Size.Large, OTHER_META)
    runtime.confirm(ALICE)
    runtime.facilities.update(signed(ALICE), Size.Large, OTHER_META)
    assert (runtime.get(ALICE).size, runtime.get(ALICE).meta) == (Size.Large, OTHER_META)
    assert runtime.announced()[-1] == events.Updated(ALICE, Size.Large, OTHER_META)
    runtime.facilities.leave(signed(ALICE))
    with refused(runtime, errors.AlreadyLeft):
        runtime.facilities.update(signed(ALICE), Size.Small, META)


# ---- leaving and suspension


def test_an_application_is_withdrawn_with_its_bond(runtime: FacilityRuntime) -> None:
    runtime.apply(ALICE)
    runtime.facilities.leave(signed(ALICE))
    assert runtime.held(ALICE) == 0
    assert runtime.announced()[-1] == events.Removed(ALICE, 10_000 * BTT)
    with refused(runtime, errors.UnknownFacility):
        runtime.facilities.leave(signed(ALICE))
    runtime.apply(ALICE)


def test_a_bond_is_released_by_itself_after_leaving(runtime: FacilityRuntime) -> None:
    runtime.confirm(ALICE)
    runtime.facilities.leave(signed(ALICE))
    assert runtime.announced()[-1] == events.Leaving(ALICE, u64(LEAVE))
    with refused(runtime, errors.AlreadyLeft):
        runtime.facilities.leave(signed(ALICE))
    runtime.tick(LEAVE - 1)
    assert runtime.held(ALICE) == 10_000 * BTT
    with refused(runtime, errors.AlreadyRegistered):
        runtime.facilities.apply(signed(ALICE), Kind.Hospital, Size.Small, CHINA, False, META)
    runtime.tick()
    assert runtime.held(ALICE) == 0
    assert runtime.announced()[-1] == events.Removed(ALICE, 10_000 * BTT)
    runtime.apply(ALICE)


def test_a_facility_that_left_can_still_be_suspended(runtime: FacilityRuntime) -> None:
    runtime.confirm(ALICE)
    runtime.facilities.leave(signed(ALICE))
    runtime.tick(LEAVE - 1)
    runtime.facilities.suspend(EMERGENCY, Id(ALICE), True)
    runtime.tick(10 * LEAVE)
    assert runtime.held(ALICE) == 10_000 * BTT
    assert runtime.get(ALICE).state is FacilityState.Suspended


def test_a_suspended_facility_can_leave_only_after_the_longest_suspension(
    runtime: FacilityRuntime,
) -> None:
    runtime.confirm(ALICE)
    runtime.facilities.suspend(TECHNICAL, Id(ALICE), True)
    runtime.tick(SUSPENSION - 1)
    with refused(runtime, errors.StillSuspended):
        runtime.facilities.leave(signed(ALICE))
    runtime.tick()
    runtime.facilities.leave(signed(ALICE))
    runtime.tick(LEAVE)
    assert runtime.held(ALICE) == 0
    assert runtime.facilities.get(ALICE) is None


def test_an_older_departure_does_not_shorten_the_next_one(runtime: FacilityRuntime) -> None:
    runtime.confirm(ALICE)
    runtime.facilities.leave(signed(ALICE))
    runtime.tick(LEAVE // 2)
    runtime.facilities.suspend(TECHNICAL, Id(ALICE), True)
    runtime.facilities.suspend(TECHNICAL, Id(ALICE), False)
    runtime.facilities.leave(signed(ALICE))
    runtime.tick(LEAVE // 2)
    assert runtime.held(ALICE) == 10_000 * BTT
    runtime.tick(LEAVE // 2)
    assert runtime.held(ALICE) == 0


def test_only_two_tracks_suspend(runtime: FacilityRuntime) -> None:
    runtime.apply(BOB)
    runtime.confirm(ALICE)
    for origin in (signed(ALICE), PARAMS, GRANTS):
        with refused(runtime, BadOrigin):
            runtime.facilities.suspend(origin, Id(ALICE), True)
    with refused(runtime, errors.NotConfirmed):
        runtime.facilities.suspend(TECHNICAL, Id(BOB), True)
    with refused(runtime, errors.UnknownFacility):
        runtime.facilities.suspend(TECHNICAL, Id(DAVE), True)
    with refused(runtime, errors.NotSuspended):
        runtime.facilities.suspend(TECHNICAL, Id(ALICE), False)
    runtime.facilities.suspend(EMERGENCY, Id(ALICE), True)
    assert runtime.announced()[-1] == events.Suspended(ALICE)
    with refused(runtime, errors.AlreadySuspended):
        runtime.facilities.suspend(EMERGENCY, Id(ALICE), True)
    runtime.facilities.suspend(TECHNICAL, Id(ALICE), False)
    assert runtime.announced()[-1] == events.Reinstated(ALICE)
    assert runtime.get(ALICE).state is FacilityState.Active


def test_many_that_left_together_are_removed_over_several_blocks(runtime: FacilityRuntime) -> None:
    for who in MORE[:20]:
        runtime.confirm(who, Kind.Clinic)
        runtime.facilities.leave(signed(who))
    runtime.clock.slot += LEAVE
    for left in (12, 4, 0):
        runtime.tick()
        assert sum(who in runtime.facilities.facilities for who in MORE) == left


def test_governance_sets_the_bonds_within_bounds(runtime: FacilityRuntime) -> None:
    runtime.confirm(ALICE)
    with refused(runtime, BadOrigin):
        runtime.facilities.set_bonds(TECHNICAL, Bonds())
    for major, clinic, minor in (
        (1_000_001, 1_000, 500),
        (10_000, 1_000, 99),
        (10_000, 400, 500),
        (900, 1_000, 500),
    ):
        with refused(runtime, errors.BondsOutOfOrder):
            wrong = Bonds(major * BTT, clinic * BTT, minor * BTT)
            runtime.facilities.set_bonds(PARAMS, wrong)
    bonds = Bonds(20_000 * BTT, 2_000 * BTT, 100 * BTT)
    runtime.facilities.set_bonds(PARAMS, bonds)
    assert runtime.announced()[-1] == events.BondsSet(bonds)
    runtime.apply(BOB)
    assert (runtime.held(ALICE), runtime.held(BOB)) == (10_000 * BTT, 20_000 * BTT)


# ---- the count


def test_a_hospital_counts_after_thirty_days(runtime: FacilityRuntime) -> None:
    runtime.apply(ALICE)
    runtime.tick(10 * AGE)
    runtime.facilities.confirm(ROOT, Id(ALICE))
    runtime.tick(AGE - 1)
    assert runtime.facilities.count() == 0
    runtime.tick()
    assert runtime.facilities.count() == 1
    assert runtime.announced()[-1] == events.HospitalCounted(ALICE, u32(1))


def test_only_hospitals_count(runtime: FacilityRuntime) -> None:
    for who, kind in zip(MORE, Kind, strict=False):
        runtime.confirm(who, kind)
    runtime.blocks(2 * AGE)
    assert runtime.facilities.count() == 1


def test_each_block_reviews_two_hospitals_in_turn(runtime: FacilityRuntime) -> None:
    for who in MORE[:5]:
        runtime.confirm(who)
    runtime.tick(AGE)
    assert runtime.facilities.count() == 2
    runtime.tick()
    assert runtime.facilities.count() == 4
    runtime.tick()
    assert runtime.facilities.count() == 5


def test_a_review_of_more_than_all_hospitals_reviews_each_once(runtime: FacilityRuntime) -> None:
    for who in MORE[:3]:
        runtime.confirm(who)
    reviewed: list[AccountId] = []

    def may_count(who: AccountId) -> bool:
        reviewed.append(who)
        return True

    assert runtime.facilities.roster.review(7, may_count) == 3
    assert sorted(reviewed) == sorted(MORE[:3])
    assert runtime.facilities.count() == 3


def test_a_hospital_that_leaves_or_is_suspended_counts_no_longer_at_once(
    runtime: FacilityRuntime,
) -> None:
    for who in PEOPLE[:4]:
        runtime.confirm(who)
    runtime.blocks(AGE + 8)
    assert runtime.facilities.count() == 4
    runtime.facilities.suspend(TECHNICAL, Id(ALICE), True)
    assert runtime.facilities.count() == 3
    runtime.facilities.leave(signed(DAVE))
    assert runtime.facilities.count() == 2
    assert events.HospitalDropped(DAVE, u32(2)) in runtime.announced()
    runtime.facilities.suspend(TECHNICAL, Id(ALICE), False)
    runtime.tick(AGE - 1)
    assert runtime.facilities.count() == 2
    runtime.blocks(8)
    assert runtime.facilities.count() == 3


def test_a_lost_judgement_ends_the_counting_until_there_is_a_new_one(
    runtime: FacilityRuntime,
) -> None:
    runtime.confirm(ALICE)
    runtime.tick(AGE)
    assert runtime.facilities.is_active(ALICE, Kind.Hospital)
    runtime.identity.set_identity(signed(ALICE), IdentityInfo())
    assert not runtime.facilities.is_active(ALICE, Kind.Hospital)
    runtime.tick()
    assert runtime.facilities.count() == 0
    runtime.judge(ALICE, KnownGood())
    runtime.tick()
    assert runtime.facilities.count() == 1
    runtime.judge(ALICE, Erroneous())
    runtime.tick()
    assert runtime.facilities.count() == 0


# ---- operators


def test_an_operator_has_one_facility_of_each_kind(runtime: FacilityRuntime) -> None:
    runtime.judge(EVE, KnownGood())
    for part in (ALICE, BOB, DAVE):
        runtime.name_sub(EVE, part)
    runtime.confirm(ALICE, Kind.Hospital)
    assert runtime.get(ALICE).operator == EVE
    for part in (BOB, EVE):
        with refused(runtime, errors.OperatorTaken):
            runtime.facilities.apply(signed(part), Kind.Hospital, Size.Small, CHINA, False, META)
    runtime.confirm(BOB, Kind.Laboratory)
    runtime.facilities.leave(signed(ALICE))
    with refused(runtime, errors.OperatorTaken):
        runtime.facilities.apply(signed(DAVE), Kind.Hospital, Size.Small, CHINA, False, META)
    runtime.tick(LEAVE)
    runtime.confirm(DAVE, Kind.Hospital)


def test_a_part_that_left_its_operator_no_longer_takes_its_place(runtime: FacilityRuntime) -> None:
    runtime.judge(EVE, KnownGood())
    for part in (ALICE, BOB):
        runtime.name_sub(EVE, part)
    runtime.judge(ALICE, KnownGood())
    runtime.confirm(ALICE, Kind.Clinic)
    runtime.identity.quit_sub(signed(ALICE))
    # Clinics are not reviewed: roles go by the present operators all the same.
    assert [runtime.facilities.is_requester(who) for who in (ALICE, BOB, EVE)] == [
        True,
        False,
        False,
    ]
    runtime.confirm(BOB, Kind.Clinic)
    assert (runtime.get(ALICE).operator, runtime.get(BOB).operator) == (ALICE, EVE)
    assert runtime.facilities.is_requester(EVE)


def test_an_update_records_the_present_operator(runtime: FacilityRuntime) -> None:
    runtime.confirm(ALICE, Kind.Clinic)
    runtime.judge(EVE, KnownGood())
    runtime.name_sub(EVE, ALICE)
    assert runtime.get(ALICE).operator == ALICE
    runtime.facilities.update(signed(ALICE), Size.Small, META)
    assert runtime.get(ALICE).operator == EVE
    with refused(runtime, errors.OperatorTaken):
        runtime.facilities.apply(signed(EVE), Kind.Clinic, Size.Small, CHINA, False, META)


def test_two_hospitals_that_become_one_operator_s_count_once(runtime: FacilityRuntime) -> None:
    for who in (ALICE, BOB):
        runtime.confirm(who)
    runtime.blocks(AGE + 8)
    assert runtime.facilities.count() == 2
    runtime.judge(EVE, KnownGood())
    for who in (ALICE, BOB):
        runtime.name_sub(EVE, who)
    runtime.blocks(8)
    assert runtime.facilities.count() == 1
    assert runtime.facilities.by_operator.get((Kind.Hospital, EVE)) == ALICE
    runtime.identity.quit_sub(signed(BOB))
    runtime.blocks(8)
    assert runtime.facilities.count() == 2


def test_a_sub_account_that_quits_keeps_no_place_of_its_operator(runtime: FacilityRuntime) -> None:
    runtime.judge(EVE, KnownGood())
    runtime.name_sub(EVE, ALICE)
    runtime.confirm(ALICE)
    runtime.blocks(AGE + 8)
    assert runtime.facilities.count() == 1
    runtime.identity.quit_sub(signed(ALICE))
    runtime.blocks(8)
    assert runtime.facilities.count() == 0
    assert runtime.facilities.by_operator.get((Kind.Hospital, EVE)) is None
    assert runtime.get(ALICE).operator == ALICE
    runtime.facilities.leave(signed(ALICE))
    runtime.blocks(LEAVE)
    assert not list(runtime.facilities.by_operator.items())


# ---- roles


def test_jobs_of_an_active_hospital_and_its_operator_s_accounts_have_a_role(
    runtime: FacilityRuntime,
) -> None:
    runtime.judge(EVE, KnownGood())
    for part in (ALICE, BOB):
        runtime.name_sub(EVE, part)
    runtime.apply(ALICE)
    is_requester = runtime.facilities.is_requester
    assert not is_requester(ALICE)
    runtime.facilities.confirm(ROOT, Id(ALICE))
    assert [is_requester(who) for who in (ALICE, BOB, EVE, DAVE)] == [True, True, True, False]
    runtime.facilities.suspend(TECHNICAL, Id(ALICE), True)
    assert not is_requester(BOB)


@pytest.mark.parametrize("kind", Kind)
def test_facilities_that_order_diagnostic_work_are_requesters(
    runtime: FacilityRuntime, kind: Kind
) -> None:
    runtime.confirm(ALICE, kind)
    expected = kind in (Kind.Hospital, Kind.Clinic, Kind.Laboratory)
    assert runtime.facilities.is_requester(ALICE) is expected
    assert all(runtime.facilities.is_active(ALICE, each) is (each is kind) for each in Kind)


def test_the_bonds_of_active_hospitals_are_added_up(runtime: FacilityRuntime) -> None:
    facilities = runtime.facilities
    runtime.confirm(ALICE)
    runtime.confirm(BOB, Kind.Clinic)
    runtime.apply(DAVE)
    bonds = [int(facilities.voting_bond(who)) // BTT for who in (ALICE, BOB, DAVE, EVE)]
    assert bonds == [10_000, 0, 0, 0]
    assert facilities.voting_bonds() == 10_000 * BTT
    facilities.suspend(TECHNICAL, Id(ALICE), True)
    assert facilities.voting_bonds() == facilities.voting_bond(ALICE) == u128(0)


def test_the_roster_has_no_gaps_after_any_departure(runtime: FacilityRuntime) -> None:
    for who in MORE[:6]:
        runtime.confirm(who)
    runtime.blocks(AGE + 8)
    for gone in (2, 5, 0):
        runtime.facilities.leave(signed(MORE[gone]))
    roster = runtime.facilities.roster
    tally = roster.tally.value
    assert (tally.active, tally.counted) == (3, 3)
    places = {roster.roster[u32(place)] for place in range(3)}
    assert places == {MORE[1], MORE[3], MORE[4]}
    assert {who: int(entry.place) for who, entry in roster.hospitals.items()} == {
        roster.roster[u32(place)]: place for place in range(3)
    }
