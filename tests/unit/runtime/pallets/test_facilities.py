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
from runtime.pallets.facilities import Bonds, Facilities, FacilityState, Kind, Size
from runtime.pallets.identity import (
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
def town() -> FacilityRuntime:
    made = FacilityRuntime()
    made.open()
    return made


# ---- applications


def test_an_application_holds_the_bond_of_its_kind(town: FacilityRuntime) -> None:
    bonds = {Kind.Hospital: 10_000, Kind.Insurer: 10_000, Kind.Issuer: 10_000, Kind.Clinic: 1_000}
    for who, kind in zip(MORE, Kind, strict=False):
        town.apply(who, kind)
        found = town.get(who)
        assert found.bond == town.held(who) == bonds.get(kind, 500) * BTT
        assert (found.kind, found.state, found.region) == (kind, FacilityState.Asked, CHINA)
        assert town.announced()[-1] == Facilities.Applied(who, kind, found.bond)


def test_an_application_needs_an_identity_that_is_known_to_be_good(town: FacilityRuntime) -> None:
    apply = town.facilities.apply
    for judgement in (None, Reasonable(), OutOfDate(), LowQuality(), Erroneous()):
        if judgement is not None:
            town.judge(ALICE, judgement)
        with refused(town, Facilities.NotKnownGood):
            apply(signed(ALICE), Kind.Clinic, Size.Small, CHINA, False, META)
    town.judge(BOB, KnownGood())
    apply(signed(BOB), Kind.Clinic, Size.Small, CHINA, False, META)


@pytest.mark.parametrize("region", [0, 1, 157, 999, 1_000, 65_535])
def test_a_region_must_be_a_country_of_the_standard(town: FacilityRuntime, region: int) -> None:
    town.judge(ALICE, KnownGood())
    with refused(town, Facilities.UnknownRegion):
        town.facilities.apply(signed(ALICE), Kind.Clinic, Size.Small, u16(region), False, META)


def test_the_table_of_countries_is_one_to_one() -> None:
    assert len(NUMERIC) == len(ALPHA_2) == 249
    assert all(len(letters) == 2 and letters.isupper() for letters in NUMERIC)
    known = {"CN": 156, "HK": 344, "DE": 276, "US": 840, "AF": 4, "ZW": 716, "TW": 158}
    assert {letters: NUMERIC[letters] for letters in known} == known
    assert is_assigned(156)
    assert not is_assigned(0)


def test_an_account_is_one_facility(town: FacilityRuntime) -> None:
    town.apply(ALICE)
    with refused(town, Facilities.AlreadyRegistered):
        town.facilities.apply(signed(ALICE), Kind.Clinic, Size.Small, CHINA, False, META)


def test_a_bond_that_cannot_be_paid_refuses_the_application(town: FacilityRuntime) -> None:
    town.judge(ALICE, KnownGood())
    town.balances.transfer(ALICE, BOB, 95_000 * BTT)
    with refused(town, TokenError):
        town.facilities.apply(signed(ALICE), Kind.Hospital, Size.Small, CHINA, False, META)


def test_only_the_technical_track_confirms_and_refuses(town: FacilityRuntime) -> None:
    town.apply(ALICE)
    town.apply(BOB)
    for origin in (signed(ALICE), signed(CAROL), EMERGENCY, GRANTS):
        with refused(town, BadOrigin):
            town.facilities.confirm(origin, Id(ALICE))
        with refused(town, BadOrigin):
            town.facilities.refuse(origin, Id(ALICE))
    town.clock.slot = 7
    town.facilities.confirm(TECHNICAL, Id(ALICE))
    assert town.announced()[-1] == Facilities.Confirmed(ALICE, Kind.Hospital)
    assert (town.get(ALICE).state, town.get(ALICE).since) == (FacilityState.Active, 7)
    town.facilities.refuse(TECHNICAL, Id(BOB))
    assert town.announced()[-1] == Facilities.Refused(BOB)
    assert town.facilities.get(BOB) is None
    assert town.held(BOB) == 0
    for who, error in ((ALICE, Facilities.NotAsked), (BOB, Facilities.UnknownFacility)):
        with refused(town, error):
            town.facilities.confirm(TECHNICAL, Id(who))
        with refused(town, error):
            town.facilities.refuse(TECHNICAL, Id(who))


def test_a_judgement_lost_before_the_decision_refuses_the_confirmation(
    town: FacilityRuntime,
) -> None:
    town.apply(ALICE)
    town.judge(ALICE, OutOfDate())
    with refused(town, Facilities.NotKnownGood):
        town.facilities.confirm(ROOT, Id(ALICE))


def test_a_facility_updates_its_size_and_description(town: FacilityRuntime) -> None:
    with refused(town, Facilities.UnknownFacility):
        town.facilities.update(signed(ALICE), Size.Large, OTHER_META)
    town.confirm(ALICE)
    town.facilities.update(signed(ALICE), Size.Large, OTHER_META)
    assert (town.get(ALICE).size, town.get(ALICE).meta) == (Size.Large, OTHER_META)
    assert town.announced()[-1] == Facilities.Updated(ALICE, Size.Large, OTHER_META)
    town.facilities.leave(signed(ALICE))
    with refused(town, Facilities.AlreadyLeft):
        town.facilities.update(signed(ALICE), Size.Small, META)


# ---- leaving and suspension


def test_an_application_is_withdrawn_with_its_bond(town: FacilityRuntime) -> None:
    town.apply(ALICE)
    town.facilities.leave(signed(ALICE))
    assert town.held(ALICE) == 0
    assert town.announced()[-1] == Facilities.Removed(ALICE, 10_000 * BTT)
    with refused(town, Facilities.UnknownFacility):
        town.facilities.leave(signed(ALICE))
    town.apply(ALICE)


def test_a_bond_is_released_by_itself_after_leaving(town: FacilityRuntime) -> None:
    town.confirm(ALICE)
    town.facilities.leave(signed(ALICE))
    assert town.announced()[-1] == Facilities.Leaving(ALICE, u64(LEAVE))
    with refused(town, Facilities.AlreadyLeft):
        town.facilities.leave(signed(ALICE))
    town.tick(LEAVE - 1)
    assert town.held(ALICE) == 10_000 * BTT
    with refused(town, Facilities.AlreadyRegistered):
        town.facilities.apply(signed(ALICE), Kind.Hospital, Size.Small, CHINA, False, META)
    town.tick()
    assert town.held(ALICE) == 0
    assert town.announced()[-1] == Facilities.Removed(ALICE, 10_000 * BTT)
    town.apply(ALICE)


def test_a_facility_that_left_can_still_be_suspended(town: FacilityRuntime) -> None:
    town.confirm(ALICE)
    town.facilities.leave(signed(ALICE))
    town.tick(LEAVE - 1)
    town.facilities.suspend(EMERGENCY, Id(ALICE), True)
    town.tick(10 * LEAVE)
    assert town.held(ALICE) == 10_000 * BTT
    assert town.get(ALICE).state is FacilityState.Suspended


def test_a_suspended_facility_can_leave_only_after_the_longest_suspension(
    town: FacilityRuntime,
) -> None:
    town.confirm(ALICE)
    town.facilities.suspend(TECHNICAL, Id(ALICE), True)
    town.tick(SUSPENSION - 1)
    with refused(town, Facilities.StillSuspended):
        town.facilities.leave(signed(ALICE))
    town.tick()
    town.facilities.leave(signed(ALICE))
    town.tick(LEAVE)
    assert town.held(ALICE) == 0
    assert town.facilities.get(ALICE) is None


def test_an_older_departure_does_not_shorten_the_next_one(town: FacilityRuntime) -> None:
    town.confirm(ALICE)
    town.facilities.leave(signed(ALICE))
    town.tick(LEAVE // 2)
    town.facilities.suspend(TECHNICAL, Id(ALICE), True)
    town.facilities.suspend(TECHNICAL, Id(ALICE), False)
    town.facilities.leave(signed(ALICE))
    town.tick(LEAVE // 2)
    assert town.held(ALICE) == 10_000 * BTT
    town.tick(LEAVE // 2)
    assert town.held(ALICE) == 0


def test_only_two_tracks_suspend(town: FacilityRuntime) -> None:
    town.apply(BOB)
    town.confirm(ALICE)
    for origin in (signed(ALICE), PARAMS, GRANTS):
        with refused(town, BadOrigin):
            town.facilities.suspend(origin, Id(ALICE), True)
    with refused(town, Facilities.NotConfirmed):
        town.facilities.suspend(TECHNICAL, Id(BOB), True)
    with refused(town, Facilities.UnknownFacility):
        town.facilities.suspend(TECHNICAL, Id(DAVE), True)
    with refused(town, Facilities.NotSuspended):
        town.facilities.suspend(TECHNICAL, Id(ALICE), False)
    town.facilities.suspend(EMERGENCY, Id(ALICE), True)
    assert town.announced()[-1] == Facilities.Suspended(ALICE)
    with refused(town, Facilities.AlreadySuspended):
        town.facilities.suspend(EMERGENCY, Id(ALICE), True)
    town.facilities.suspend(TECHNICAL, Id(ALICE), False)
    assert town.announced()[-1] == Facilities.Reinstated(ALICE)
    assert town.get(ALICE).state is FacilityState.Active


def test_many_that_left_together_are_removed_over_several_blocks(town: FacilityRuntime) -> None:
    for who in MORE[:20]:
        town.confirm(who, Kind.Clinic)
        town.facilities.leave(signed(who))
    town.clock.slot += LEAVE
    for left in (12, 4, 0):
        town.tick()
        assert sum(who in town.facilities.facilities for who in MORE) == left


def test_governance_sets_the_bonds_within_bounds(town: FacilityRuntime) -> None:
    town.confirm(ALICE)
    with refused(town, BadOrigin):
        town.facilities.set_bonds(TECHNICAL, Bonds())
    for major, clinic, minor in (
        (1_000_001, 1_000, 500),
        (10_000, 1_000, 99),
        (10_000, 400, 500),
        (900, 1_000, 500),
    ):
        with refused(town, Facilities.BondsOutOfOrder):
            wrong = Bonds(major * BTT, clinic * BTT, minor * BTT)
            town.facilities.set_bonds(PARAMS, wrong)
    bonds = Bonds(20_000 * BTT, 2_000 * BTT, 100 * BTT)
    town.facilities.set_bonds(PARAMS, bonds)
    assert town.announced()[-1] == Facilities.BondsSet(bonds)
    town.apply(BOB)
    assert (town.held(ALICE), town.held(BOB)) == (10_000 * BTT, 20_000 * BTT)


# ---- the count


def test_a_hospital_counts_after_thirty_days(town: FacilityRuntime) -> None:
    town.apply(ALICE)
    town.tick(10 * AGE)
    town.facilities.confirm(ROOT, Id(ALICE))
    town.tick(AGE - 1)
    assert town.facilities.count() == 0
    town.tick()
    assert town.facilities.count() == 1
    assert town.announced()[-1] == Facilities.HospitalCounted(ALICE, u32(1))


def test_only_hospitals_count(town: FacilityRuntime) -> None:
    for who, kind in zip(MORE, Kind, strict=False):
        town.confirm(who, kind)
    town.blocks(2 * AGE)
    assert town.facilities.count() == 1


def test_each_block_reviews_two_hospitals_in_turn(town: FacilityRuntime) -> None:
    for who in MORE[:5]:
        town.confirm(who)
    town.tick(AGE)
    assert town.facilities.count() == 2
    town.tick()
    assert town.facilities.count() == 4
    town.tick()
    assert town.facilities.count() == 5


def test_a_review_of_more_than_all_hospitals_reviews_each_once(town: FacilityRuntime) -> None:
    for who in MORE[:3]:
        town.confirm(who)
    reviewed: list[AccountId] = []

    def may_count(who: AccountId) -> bool:
        reviewed.append(who)
        return True

    assert town.facilities.roster.review(7, may_count) == 3
    assert sorted(reviewed) == sorted(MORE[:3])
    assert town.facilities.count() == 3


def test_a_hospital_that_leaves_or_is_suspended_counts_no_longer_at_once(
    town: FacilityRuntime,
) -> None:
    for who in PEOPLE[:4]:
        town.confirm(who)
    town.blocks(AGE + 8)
    assert town.facilities.count() == 4
    town.facilities.suspend(TECHNICAL, Id(ALICE), True)
    assert town.facilities.count() == 3
    town.facilities.leave(signed(DAVE))
    assert town.facilities.count() == 2
    assert Facilities.HospitalDropped(DAVE, u32(2)) in town.announced()
    town.facilities.suspend(TECHNICAL, Id(ALICE), False)
    town.tick(AGE - 1)
    assert town.facilities.count() == 2
    town.blocks(8)
    assert town.facilities.count() == 3


def test_a_lost_judgement_ends_the_counting_until_there_is_a_new_one(
    town: FacilityRuntime,
) -> None:
    town.confirm(ALICE)
    town.tick(AGE)
    assert town.facilities.is_active(ALICE, Kind.Hospital)
    town.identity.set_identity(signed(ALICE), IdentityInfo())
    assert not town.facilities.is_active(ALICE, Kind.Hospital)
    town.tick()
    assert town.facilities.count() == 0
    town.judge(ALICE, KnownGood())
    town.tick()
    assert town.facilities.count() == 1
    town.judge(ALICE, Erroneous())
    town.tick()
    assert town.facilities.count() == 0


# ---- operators


def test_an_operator_has_one_facility_of_each_kind(town: FacilityRuntime) -> None:
    town.judge(EVE, KnownGood())
    for part in (ALICE, BOB, DAVE):
        town.name_sub(EVE, part)
    town.confirm(ALICE, Kind.Hospital)
    assert town.get(ALICE).operator == EVE
    for part in (BOB, EVE):
        with refused(town, Facilities.OperatorTaken):
            town.facilities.apply(signed(part), Kind.Hospital, Size.Small, CHINA, False, META)
    town.confirm(BOB, Kind.Laboratory)
    town.facilities.leave(signed(ALICE))
    with refused(town, Facilities.OperatorTaken):
        town.facilities.apply(signed(DAVE), Kind.Hospital, Size.Small, CHINA, False, META)
    town.tick(LEAVE)
    town.confirm(DAVE, Kind.Hospital)


def test_a_part_that_left_its_operator_no_longer_takes_its_place(town: FacilityRuntime) -> None:
    town.judge(EVE, KnownGood())
    for part in (ALICE, BOB):
        town.name_sub(EVE, part)
    town.judge(ALICE, KnownGood())
    town.confirm(ALICE, Kind.Clinic)
    town.identity.quit_sub(signed(ALICE))
    # Clinics are not reviewed: roles go by the present operators all the same.
    assert [town.facilities.is_requester(who) for who in (ALICE, BOB, EVE)] == [True, False, False]
    town.confirm(BOB, Kind.Clinic)
    assert (town.get(ALICE).operator, town.get(BOB).operator) == (ALICE, EVE)
    assert town.facilities.is_requester(EVE)


def test_an_update_records_the_present_operator(town: FacilityRuntime) -> None:
    town.confirm(ALICE, Kind.Clinic)
    town.judge(EVE, KnownGood())
    town.name_sub(EVE, ALICE)
    assert town.get(ALICE).operator == ALICE
    town.facilities.update(signed(ALICE), Size.Small, META)
    assert town.get(ALICE).operator == EVE
    with refused(town, Facilities.OperatorTaken):
        town.facilities.apply(signed(EVE), Kind.Clinic, Size.Small, CHINA, False, META)


def test_two_hospitals_that_become_one_operator_s_count_once(town: FacilityRuntime) -> None:
    for who in (ALICE, BOB):
        town.confirm(who)
    town.blocks(AGE + 8)
    assert town.facilities.count() == 2
    town.judge(EVE, KnownGood())
    for who in (ALICE, BOB):
        town.name_sub(EVE, who)
    town.blocks(8)
    assert town.facilities.count() == 1
    assert town.facilities.by_operator.get((Kind.Hospital, EVE)) == ALICE
    town.identity.quit_sub(signed(BOB))
    town.blocks(8)
    assert town.facilities.count() == 2


def test_a_sub_account_that_quits_keeps_no_place_of_its_operator(town: FacilityRuntime) -> None:
    town.judge(EVE, KnownGood())
    town.name_sub(EVE, ALICE)
    town.confirm(ALICE)
    town.blocks(AGE + 8)
    assert town.facilities.count() == 1
    town.identity.quit_sub(signed(ALICE))
    town.blocks(8)
    assert town.facilities.count() == 0
    assert town.facilities.by_operator.get((Kind.Hospital, EVE)) is None
    assert town.get(ALICE).operator == ALICE
    town.facilities.leave(signed(ALICE))
    town.blocks(LEAVE)
    assert not list(town.facilities.by_operator.items())


# ---- roles


def test_jobs_of_an_active_hospital_and_its_operator_s_accounts_have_a_role(
    town: FacilityRuntime,
) -> None:
    town.judge(EVE, KnownGood())
    for part in (ALICE, BOB):
        town.name_sub(EVE, part)
    town.apply(ALICE)
    is_requester = town.facilities.is_requester
    assert not is_requester(ALICE)
    town.facilities.confirm(ROOT, Id(ALICE))
    assert [is_requester(who) for who in (ALICE, BOB, EVE, DAVE)] == [True, True, True, False]
    town.facilities.suspend(TECHNICAL, Id(ALICE), True)
    assert not is_requester(BOB)


@pytest.mark.parametrize("kind", Kind)
def test_facilities_that_order_diagnostic_work_are_requesters(
    town: FacilityRuntime, kind: Kind
) -> None:
    town.confirm(ALICE, kind)
    expected = kind in (Kind.Hospital, Kind.Clinic, Kind.Laboratory)
    assert town.facilities.is_requester(ALICE) is expected
    assert all(town.facilities.is_active(ALICE, each) is (each is kind) for each in Kind)


def test_the_bonds_of_active_hospitals_are_added_up(town: FacilityRuntime) -> None:
    facilities = town.facilities
    town.confirm(ALICE)
    town.confirm(BOB, Kind.Clinic)
    town.apply(DAVE)
    bonds = [int(facilities.voting_bond(who)) // BTT for who in (ALICE, BOB, DAVE, EVE)]
    assert bonds == [10_000, 0, 0, 0]
    assert facilities.voting_bonds() == 10_000 * BTT
    facilities.suspend(TECHNICAL, Id(ALICE), True)
    assert facilities.voting_bonds() == facilities.voting_bond(ALICE) == u128(0)


def test_the_roster_has_no_gaps_after_any_departure(town: FacilityRuntime) -> None:
    for who in MORE[:6]:
        town.confirm(who)
    town.blocks(AGE + 8)
    for gone in (2, 5, 0):
        town.facilities.leave(signed(MORE[gone]))
    roster = town.facilities.roster
    tally = roster.tally.value
    assert (tally.active, tally.counted) == (3, 3)
    places = {roster.roster[u32(place)] for place in range(3)}
    assert places == {MORE[1], MORE[3], MORE[4]}
    assert {who: int(entry.place) for who, entry in roster.hospitals.items()} == {
        roster.roster[u32(place)]: place for place in range(3)
    }
