"""Vesting: formulas of schedules by the month, and the invariants of the pallet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_128_concat, twox_128
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import u32, u128
from runtime.constants import BTT, MONTH_MS
from runtime.frame import (
    ROOT,
    BadOrigin,
    Error,
    GenesisError,
    PostInfo,
    TokenError,
    TokenErrorKind,
    signed,
)
from runtime.frame.traits import Reasons
from runtime.pallets.vesting import weights
from runtime.pallets.vesting.pallet import LOCK_ID, Releases, Vesting, merge, schedule_of
from runtime.schedules import Schedule, VestingInfo
from support.runtime import TestRuntime, refused

SLOT_MS = 6_000
MONTH = MONTH_MS // SLOT_MS
ALICE = AccountId(b"\xa1" * 32)
BOB = AccountId(b"\xb0" * 32)
CAROL = AccountId(b"\xca" * 32)
TREASURY = AccountId(b"modlpy/trsry" + bytes(20))
MILLI = u128(10**15)


# ---- formulas of schedules


def test_products_beyond_128_bits_do_no_harm() -> None:
    most = u128(u128.MAX)
    schedule = Schedule(most, u32(0), u32(u32.MAX), u32(0))
    assert schedule.vested(2**31) == u128.MAX * 2**31 // (2**32 - 1)


def test_nothing_is_free_one_slot_before_the_cliff_and_a_step_at_it() -> None:
    schedule = Schedule(u128(1_200), u32(0), u32(12), u32(6))
    assert [schedule.vested(now) for now in (0, 5, 6, 7, 11, 12, 13)] == [
        0, 0, 600, 700, 1_100, 1_200, 1_200,
    ]  # fmt: skip


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    start = draw(st.integers(0, 500))
    length = draw(st.integers(1, 500))
    cliff = draw(st.integers(start, start + length))
    locked = draw(st.integers(1, 10**24) | st.integers(1, 100))
    return Schedule(u128(locked), u32(start), u32(length), u32(cliff))


@given(schedules(), st.integers(0, 1_100), st.integers(0, 1_100))
def test_what_is_free_never_becomes_locked_again(schedule: Schedule, a: int, b: int) -> None:
    early, late = sorted((a, b))
    assert schedule.vested(early) <= schedule.vested(late)
    assert schedule.vested(late) + schedule.unvested(late) == schedule.locked


@given(schedules())
def test_everything_is_free_at_the_end_and_not_a_slot_earlier(schedule: Schedule) -> None:
    assert schedule.unvested(schedule.end) == 0
    assert schedule.unvested(schedule.end - 1) > 0


@given(schedules(), schedules(), st.integers(0, 1_100))
def test_a_merger_ends_with_the_later_and_never_frees_sooner(
    first: Schedule, second: Schedule, now: int
) -> None:
    merged = merge(first, second, now)

    ends = [s.end for s in (first, second) if s.unvested(now)]
    if merged is None:
        assert not ends
        return
    assert merged.end == max(ends)
    assert merged.start <= merged.cliff <= merged.end
    assert merged.unvested(now) == first.unvested(now) + second.unvested(now)
    for later in {*range(now, merged.end + 1, 7), *range(max(now, merged.end - 9), merged.end)}:
        apart = first.unvested(later) + second.unvested(later)
        assert merged.unvested(later) >= apart


@given(schedules())
def test_the_wallets_form_says_the_same_to_the_slot_or_a_little_sooner(schedule: Schedule) -> None:
    info = schedule.info()
    length = int(schedule.length)
    assert info.per_block * length >= schedule.locked > (info.per_block - 1) * length
    again = schedule_of(info)
    assert again is not None
    assert again.end <= schedule.end


@given(st.integers(1, 10**24), st.integers(1, 10**24))
def test_a_wallets_schedule_lasts_as_long_as_its_rate_needs(locked: int, rate: int) -> None:
    schedule = schedule_of(VestingInfo(u128(locked), u128(rate), u32(10)))
    if schedule is None:
        assert 10 + -(-locked // rate) > u32.MAX
        return
    length = int(schedule.length)
    assert length * rate >= locked > (length - 1) * rate


# ---- the pallet


class VestingRuntime(TestRuntime):
    """Balances and Vesting; Alice is rich."""

    def build(self) -> None:
        self.balances = self.add_balances()
        self.vesting = self.add_vesting(self.balances, 100 * BTT)

    def give(self, who: AccountId, info: VestingInfo) -> None:
        self.vesting.transfer_vested(ALICE, who, info)

    def lock(self, who: AccountId) -> int:
        locks = [lock for lock in self.balances.locks[who] if lock.id == LOCK_ID]
        assert all(lock.reasons is Reasons.Misc for lock in locks)
        return sum(int(lock.amount) for lock in locks)


@pytest.fixture
def runtime() -> VestingRuntime:
    runtime = VestingRuntime()
    runtime.balances.genesis(
        {"balances": [[ss58(ALICE), str(1_000_000 * BTT)], [ss58(BOB), str(BTT)]]}
    )
    runtime.vesting.genesis({})
    return runtime


def over(slots: int, btt: int = 1_000, start: int = 0) -> VestingInfo:
    """`btt` BTT in equal parts over so many slots."""
    return VestingInfo(btt * BTT, u128(btt * BTT // slots), u32(start))


def test_vested_money_arrives_at_once_and_is_locked(runtime: VestingRuntime) -> None:
    runtime.vesting.vested_transfer(signed(ALICE), Id(BOB), over(10))

    assert runtime.balances.free(BOB) == 1_001 * BTT
    assert runtime.lock(BOB) == runtime.vesting.unvested(BOB) == 1_000 * BTT
    assert runtime.balances.reducible_balance(BOB) == BTT
    events = [event for event in runtime.announced() if type(event) in Vesting.EVENTS.values()]
    assert events == [Vesting.VestingCreated(BOB, u32(0)), Vesting.VestingUpdated(BOB, 1_000 * BTT)]


def test_both_forms_are_stored_and_change_together(runtime: VestingRuntime) -> None:
    info = VestingInfo(1_000 * BTT, u128(3 * BTT + 1), u32(5))
    runtime.give(BOB, info)

    assert runtime.vesting.schedules_ext[BOB] == [Schedule(1_000 * BTT, u32(5), u32(334), u32(5))]
    assert runtime.vesting.vesting[BOB] == [
        VestingInfo(1_000 * BTT, u128(1_000 * BTT // 334 + 1), u32(5))
    ]
    key = twox_128(b"Vesting") + twox_128(b"Vesting") + blake2_128_concat(BOB)
    stored = runtime.state.get(key)
    assert stored is not None
    assert stored[0] == 1 << 2
    assert len(stored) == 1 + 36

    runtime.clock.slot = 1_000
    runtime.vesting.vest(signed(BOB))
    assert BOB not in runtime.vesting.vesting
    assert BOB not in runtime.vesting.schedules_ext


def test_vest_unlocks_what_has_come_free(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10, start=2))

    runtime.clock.slot = 5
    assert runtime.lock(BOB) == 1_000 * BTT, "nothing moves by itself"
    runtime.vesting.vest(signed(BOB))

    assert runtime.lock(BOB) == 700 * BTT
    assert Vesting.VestingUpdated(BOB, 700 * BTT) in runtime.announced()


def test_any_account_may_unlock_for_another(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    runtime.clock.slot = 10

    runtime.vesting.vest_other(signed(CAROL), Id(BOB))

    assert runtime.lock(BOB) == 0
    assert Vesting.VestingCompleted(BOB) in runtime.announced()


def test_an_account_without_schedules_is_not_vesting(runtime: VestingRuntime) -> None:
    with refused(runtime, Vesting.NotVesting):
        runtime.vesting.vest(signed(BOB))
    with refused(runtime, Vesting.NotVesting):
        runtime.vesting.merge_schedules(signed(BOB), u32(0), u32(1))


@pytest.mark.parametrize(
    ("info", "error"),
    [
        (VestingInfo(u128(100 * BTT - 1), u128(1), u32(0)), Vesting.AmountLow),
        (VestingInfo(100 * BTT, u128(0), u32(0)), Vesting.InvalidScheduleParams),
        (VestingInfo(100 * BTT, u128(1), u32(0)), Vesting.InvalidScheduleParams),
        (VestingInfo(100 * BTT, BTT, u32(u32.MAX - 99)), Vesting.InvalidScheduleParams),
        (VestingInfo(2_000_000 * BTT, BTT, u32(0)), TokenError),
    ],
)
def test_a_refused_vested_transfer_changes_nothing(
    runtime: VestingRuntime, info: VestingInfo, error: type[Error]
) -> None:
    with refused(runtime, error):
        runtime.vesting.vested_transfer(signed(ALICE), Id(BOB), info)


def test_an_account_has_at_most_28_schedules(runtime: VestingRuntime) -> None:
    for _ in range(28):
        runtime.give(BOB, over(10, btt=100))
    with refused(runtime, Vesting.AtMaxVestingSchedules):
        runtime.give(BOB, over(10, btt=100))
    runtime.clock.slot = 10
    runtime.give(BOB, over(10, btt=100, start=10))
    assert len(runtime.vesting.schedules_ext[BOB]) == 1, "finished schedules make room"


def test_only_the_chain_moves_vested_money_of_others(runtime: VestingRuntime) -> None:
    with refused(runtime, BadOrigin):
        runtime.vesting.force_vested_transfer(signed(BOB), Id(ALICE), Id(BOB), over(10))
    runtime.vesting.force_vested_transfer(ROOT, Id(ALICE), Id(BOB), over(10))
    assert runtime.lock(BOB) == 1_000 * BTT


@pytest.mark.parametrize("pool", [TREASURY, AccountId(b"modlbtt/devf" + bytes(20))])
def test_not_even_the_chain_moves_money_of_pools(runtime: VestingRuntime, pool: AccountId) -> None:
    runtime.balances.transfer(ALICE, pool, 900 * BTT)
    with refused(runtime, TokenError(TokenErrorKind.Unsupported)):
        # A gift that it cannot pay out for years would be counted as the pool's.
        runtime.vesting.vested_transfer(signed(ALICE), Id(pool), over(10))
    with refused(runtime, TokenError(TokenErrorKind.Unsupported)):
        runtime.vesting.force_vested_transfer(ROOT, Id(pool), Id(BOB), over(10, btt=100))
    with refused(runtime, TokenError(TokenErrorKind.Unsupported)):
        runtime.vesting.force_remove_vesting_schedule(ROOT, Id(pool), u32(0))


def test_each_schedule_makes_settling_dearer(runtime: VestingRuntime) -> None:
    vest = runtime.call("Vesting", "vest")
    declared = runtime.info(vest).weight
    assert declared == weights.vest(28)
    with pytest.raises(Vesting.NotVesting) as failure:
        runtime.dispatch(signed(BOB), vest)
    assert failure.value.post == PostInfo(weight=weights.vest(0))
    for count in (1, 2):
        given = runtime.call(
            "Vesting", "vested_transfer", target=Id(BOB), schedule=over(10, btt=100)
        )
        paid = runtime.dispatch(signed(ALICE), given)
        assert paid.weight == weights.vested_transfer(count - 1)
        assert runtime.dispatch(signed(BOB), vest).weight == weights.vest(count)
        other = runtime.call("Vesting", "vest_other", target=Id(BOB))
        assert runtime.dispatch(signed(CAROL), other).weight == weights.vest_other(count)
    merge_them = runtime.call(
        "Vesting", "merge_schedules", schedule1_index=u32(0), schedule2_index=u32(1)
    )
    assert runtime.dispatch(signed(BOB), merge_them).weight == weights.merge_schedules(2)


def test_a_few_planck_that_are_merged_come_free_at_the_end() -> None:
    one = Schedule(u128(1), u32(0), u32(10), u32(0))
    merged = merge(one, one, 0)
    assert merged == Schedule(u128(2), u32(0), u32(10), u32(10))
    assert [merged.unvested(now) for now in (0, 5, 9, 10)] == [2, 2, 2, 0]


def test_merging_makes_one_schedule_of_two(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    runtime.give(BOB, over(40, btt=400, start=4))
    runtime.give(BOB, over(100, btt=100))
    runtime.clock.slot = 6

    runtime.vesting.merge_schedules(signed(BOB), u32(0), u32(1))

    kept, merged = runtime.vesting.schedules_ext[BOB]
    assert (kept.locked, kept.length) == (100 * BTT, 100)
    assert merged == Schedule(400 * BTT + 380 * BTT, u32(7), u32(37), u32(7))
    assert runtime.lock(BOB) == 780 * BTT + 94 * BTT


def test_merging_a_schedule_with_itself_does_nothing(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    before = dict(runtime.state.data)
    runtime.vesting.merge_schedules(signed(BOB), u32(0), u32(0))
    assert runtime.state.data == before


def test_merging_needs_two_schedules_that_exist(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    with refused(runtime, Vesting.ScheduleIndexOutOfBounds):
        runtime.vesting.merge_schedules(signed(BOB), u32(0), u32(1))


def test_merging_finished_schedules_removes_them(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    runtime.give(BOB, over(10))
    runtime.clock.slot = 10
    runtime.vesting.merge_schedules(signed(BOB), u32(0), u32(1))
    assert runtime.lock(BOB) == 0
    assert BOB not in runtime.vesting.vesting


def test_a_removed_schedule_pays_the_treasury_and_not_the_holder(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    runtime.give(BOB, over(100, btt=100))
    runtime.clock.slot = 4

    runtime.vesting.force_remove_vesting_schedule(ROOT, Id(BOB), u32(0))

    assert runtime.balances.free(TREASURY) == 600 * BTT
    assert runtime.balances.free(BOB) == 1 * BTT + 400 * BTT + 100 * BTT
    assert runtime.lock(BOB) == 96 * BTT
    assert runtime.balances.total_issuance.value == 1_000_001 * BTT


def test_a_removed_last_schedule_leaves_no_lock(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    runtime.vesting.force_remove_vesting_schedule(ROOT, Id(BOB), u32(0))
    assert runtime.lock(BOB) == 0
    assert runtime.balances.free(BOB) == BTT
    assert Vesting.VestingCompleted(BOB) in runtime.announced()


def test_what_is_bonded_stays_locked_when_its_schedule_is_removed(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    runtime.balances.reservable_currency.reserve(BOB, 800 * BTT)

    runtime.vesting.force_remove_vesting_schedule(ROOT, Id(BOB), u32(0))

    taken = runtime.balances.free(TREASURY)
    assert taken == 201 * BTT - MILLI, "all but what keeps the account"
    assert runtime.lock(BOB) == 1_000 * BTT - taken
    runtime.balances.reservable_currency.unreserve(BOB, 800 * BTT)
    assert runtime.balances.reducible_balance(BOB) == BTT


def test_fees_taken_from_locked_money_are_not_demanded_back(runtime: VestingRuntime) -> None:
    runtime.give(CAROL, over(10))
    runtime.balances.withdraw_fee(CAROL, BTT)
    runtime.balances.credit(TREASURY, BTT)

    runtime.vesting.force_remove_vesting_schedule(ROOT, Id(CAROL), u32(0))

    assert runtime.balances.free(TREASURY) == 1_000 * BTT
    assert runtime.balances.total(CAROL) == runtime.lock(CAROL) == 0
    assert CAROL not in runtime.vesting.schedules_ext


def test_only_the_chain_removes_schedules_and_only_existing_ones(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(10))
    with refused(runtime, BadOrigin):
        runtime.vesting.force_remove_vesting_schedule(signed(BOB), Id(BOB), u32(0))
    with refused(runtime, Vesting.InvalidScheduleParams):
        runtime.vesting.force_remove_vesting_schedule(ROOT, Id(BOB), u32(1))


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["give", "vest", "merge"])), max_size=12)
)
def test_the_lock_is_what_the_schedules_lock_and_money_is_conserved(
    steps: list[tuple[int, str]],
) -> None:
    runtime = VestingRuntime()
    runtime.balances.genesis({"balances": [[ss58(ALICE), str(10_000 * BTT)]]})
    for slots, step in steps:
        runtime.clock.slot += slots // 4
        held = runtime.vesting.schedules_ext.get(BOB) or []
        if step == "give":
            runtime.give(
                BOB, over(slots + 1, btt=100 + slots, start=runtime.clock.slot + slots // 3)
            )
        elif step == "vest" and held:
            runtime.vesting.vest(signed(BOB))
        elif step == "merge" and len(held) > 1:
            runtime.vesting.merge_schedules(signed(BOB), u32(0), u32(len(held) - 1))
        else:
            continue
        assert runtime.lock(BOB) == runtime.vesting.unvested(BOB)
        held = runtime.vesting.schedules_ext.get(BOB) or []
        assert (runtime.vesting.vesting.get(BOB) or []) == [schedule.info() for schedule in held]
    assert runtime.balances.free(ALICE) + runtime.balances.free(BOB) == 10_000 * BTT


GIFT = st.tuples(st.integers(100, 10_000), st.integers(1, 90), st.integers(0, 40))
"""BTT, slots, and slots from now to the beginning."""


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("give"), GIFT),
            st.tuples(st.just("merge"), st.tuples(*[st.integers(0, 5)] * 3)),
            st.tuples(st.just("vest"), st.tuples(*[st.integers(0, 40)] * 3)),
        ),
        min_size=8,
        max_size=25,
    )
)
def test_mergers_in_any_order_free_nothing_sooner_and_everything_at_the_end(
    steps: list[tuple[str, tuple[int, int, int]]],
) -> None:
    runtime = VestingRuntime()
    runtime.balances.genesis({"balances": [[ss58(ALICE), str(10**6 * BTT)]]})
    given: list[Schedule] = []
    for step, (first, second, third) in steps:
        held = runtime.vesting.schedules_ext.get(BOB) or []
        now, locked = runtime.clock.slot, runtime.lock(BOB)
        if step == "give":
            info = over(second, btt=first, start=now + third)
            runtime.give(BOB, info)
            schedule = schedule_of(info)
            assert schedule is not None
            given.append(schedule)
            assert runtime.lock(BOB) == sum(int(s.unvested(now)) for s in held) + info.locked
        elif step == "merge" and len(held) > 1 and first % len(held) != second % len(held):
            places = u32(first % len(held)), u32(second % len(held))
            unvested = runtime.vesting.unvested(BOB)
            runtime.vesting.merge_schedules(signed(BOB), *places)
            assert runtime.lock(BOB) == runtime.vesting.unvested(BOB) == unvested
        elif step == "vest":
            runtime.clock.slot += first
            if held:
                runtime.vesting.vest_other(signed(CAROL), Id(BOB))
            assert runtime.lock(BOB) <= locked, "what was free stays free"
        apart = sum(int(schedule.unvested(runtime.clock.slot)) for schedule in given)
        assert runtime.vesting.unvested(BOB) >= apart, "nothing is free sooner than was agreed"
        assert runtime.balances.free(BOB) - runtime.lock(BOB) <= sum(
            int(schedule.vested(runtime.clock.slot)) for schedule in given
        )
    runtime.clock.slot = max((schedule.end for schedule in given), default=0)
    assert runtime.vesting.unvested(BOB) == 0
    assert runtime.balances.total(BOB) == sum(int(schedule.locked) for schedule in given)


# ---- attacks


def test_tiny_schedules_cannot_fill_an_account(runtime: VestingRuntime) -> None:
    tiny = VestingInfo(100 * BTT - 1, u128(1), u32(0))
    with refused(runtime, Vesting.AmountLow):
        runtime.vesting.vested_transfer(signed(ALICE), Id(BOB), tiny)
    with refused(runtime, Vesting.AmountLow):
        runtime.vesting.force_vested_transfer(ROOT, Id(ALICE), Id(BOB), tiny)


def test_merging_with_a_short_schedule_does_not_speed_one_up(runtime: VestingRuntime) -> None:
    runtime.give(BOB, over(1_000, btt=1_000))
    runtime.clock.slot = 100
    runtime.vesting.vested_transfer(signed(ALICE), Id(BOB), over(1, btt=100, start=100))
    runtime.vesting.merge_schedules(signed(BOB), u32(0), u32(1))
    for slot in (100, 101, 102, 500, 999):
        runtime.clock.slot = slot
        apart = 1_000 * BTT - 1_000 * BTT * slot // 1_000
        assert runtime.vesting.unvested(BOB) >= apart
    runtime.clock.slot = 1_000
    assert runtime.vesting.unvested(BOB) == 0


def test_gifts_that_clog_an_account_cost_the_giver_and_stop_nothing(
    runtime: VestingRuntime,
) -> None:
    runtime.give(BOB, over(1_000, btt=1_000))
    never = VestingInfo(100 * BTT, 100 * BTT, u32(u32.MAX - 1))
    for _ in range(27):
        runtime.vesting.vested_transfer(signed(ALICE), Id(BOB), never)
    with refused(runtime, Vesting.AtMaxVestingSchedules):
        runtime.vesting.vested_transfer(signed(ALICE), Id(BOB), never)
    assert runtime.balances.total(BOB) == (1 + 1_000 + 27 * 100) * BTT, "the gifts are the victim's"

    # What vests goes on as agreed, and two gifts made one leave room for what is welcome.
    runtime.clock.slot = 500
    runtime.vesting.vest(signed(BOB))
    assert runtime.balances.reducible_balance(BOB) == 501 * BTT
    runtime.vesting.merge_schedules(signed(BOB), u32(1), u32(2))
    runtime.give(BOB, over(10, start=500))
    assert len(runtime.vesting.schedules_ext[BOB]) == 28
    runtime.clock.slot = 1_000
    runtime.vesting.vest(signed(BOB))
    assert runtime.balances.reducible_balance(BOB) == 2_001 * BTT


def test_finished_schedules_leave_room(runtime: VestingRuntime) -> None:
    for _ in range(28):
        runtime.give(BOB, over(1, btt=100))
    runtime.clock.slot = 1
    runtime.give(BOB, over(10, start=1))
    assert len(runtime.vesting.schedules_ext[BOB]) == 1


def test_an_account_cannot_vest_the_same_money_twice(runtime: VestingRuntime) -> None:
    runtime.vesting.vested_transfer(signed(ALICE), Id(ALICE), over(10, btt=600_000))
    with pytest.raises(TokenError):
        runtime.vesting.vested_transfer(signed(ALICE), Id(ALICE), over(10, btt=600_000))
    assert runtime.lock(ALICE) == 600_000 * BTT


# ---- genesis


def test_genesis_locks_by_rows_of_substrates_order(runtime: VestingRuntime) -> None:
    runtime.vesting.genesis(
        {
            "vesting": [
                [ss58(ALICE), 6 * MONTH, 36 * MONTH, str(500_000 * BTT)],
                [ss58(BOB), 0, 12 * MONTH, "0"],
            ],
            "vestingExt": [[ss58(BOB), 3 * MONTH]],
        }
    )

    assert runtime.vesting.storage_version.value is Releases.V1
    assert runtime.lock(ALICE) == 500_000 * BTT
    assert runtime.vesting.schedules_ext[BOB] == [
        Schedule(BTT, u32(0), u32(12 * MONTH), u32(3 * MONTH))
    ]
    runtime.clock.slot = 3 * MONTH
    runtime.vesting.vest(signed(BOB))
    assert runtime.lock(BOB) == BTT * 3 // 4


@pytest.mark.parametrize(
    ("rows", "cliffs", "place"),
    [
        ([[ss58(ALICE), 0, 10]], [], r"vesting\.vesting\[0\]"),
        ([[ss58(ALICE), 0, 0, 0]], [], r"vesting\.vesting\[0\]\[2\]"),
        ([[ss58(ALICE), u32.MAX, 1, 0]], [], r"vesting\.vesting\[0\]\[2\]"),
        ([[ss58(CAROL), 0, 10, 0]], [], r"vesting\.vesting\[0\]\[3\]"),
        ([[ss58(BOB), 0, 10, str(BTT)]], [], r"vesting\.vesting\[0\]\[3\]"),
        ([[ss58(BOB), 0, 10, 0]] * 2, [], r"vesting\.vesting\[1\]\[0\]"),
        ([[ss58(BOB), 5, 10, 0]], [[ss58(BOB), 16]], r"vesting\.vestingExt\[0\]\[1\]"),
        ([[ss58(BOB), 5, 10, 0]], [[ss58(BOB), 4]], r"vesting\.vestingExt\[0\]\[1\]"),
        ([], [[ss58(BOB), 4]], r"vesting\.vestingExt\[0\]\[1\]"),
        ([], [[ss58(BOB), 4]] * 2, r"vesting\.vestingExt\[1\]\[0\]"),
    ],
)
def test_genesis_names_the_row_that_is_wrong(
    runtime: VestingRuntime, rows: list[object], cliffs: list[object], place: str
) -> None:
    with pytest.raises(GenesisError, match=place):
        runtime.vesting.genesis({"vesting": rows, "vestingExt": cliffs})
