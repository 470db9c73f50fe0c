"""Treasury: who may spend, when it is paid, and that the pot is never overdrawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.primitives.account import AccountId, Id, Index
from btt_chain.primitives.arithmetic import Permill
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import codec, u32, u64, u128
from runtime.accounts import TREASURY
from runtime.constants import BTT
from runtime.frame import (
    ROOT,
    BadOrigin,
    CannotLookup,
    DispatchError,
    Error,
    Origin,
    PostInfo,
    ensure_root,
    signed,
)
from runtime.frame.traits import Slot
from runtime.pallets.balances import Balances, Reasons
from runtime.pallets.treasury import (
    MAX_APPROVALS,
    AssetKind,
    Attempted,
    Pending,
    Proposal,
    SpendStatus,
    Treasury,
    attempted,
)
from runtime.weights import treasury as weights
from support.runtime import SmallRuntime, refused

ALICE, BOB, CAROL, CLERK, CHIEF = (AccountId(bytes((n,)) * 32) for n in (1, 2, 3, 4, 5))
MILLI = u128(10**15)
PERIOD, PAYOUT = 100, 30
POT = 1_000


class Hands:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.slot = 0

    def now(self) -> Slot:
        return Slot(self.slot)


def limits(origin: Origin) -> u128 | None:
    """Root spends what it likes, the chief 500 BTT a period, the clerk 50."""
    if origin.account is None:
        origin.root()
        return None
    known = {CHIEF: 500 * BTT, CLERK: 50 * BTT}
    if origin.account not in known:
        raise BadOrigin
    return known[origin.account]


class Neighbour:
    """Another pallet that spends."""

    def __init__(self) -> None:
        self.asked = 0

    def spend_funds(self) -> int:
        self.asked += 1
        return 7


class Town(SmallRuntime):
    """Balances and Treasury; 1,000 BTT in the pot."""

    def build(self) -> None:
        self.clock, self.neighbour = Hands(), Neighbour()
        self.balances = self.add(
            3,
            Balances(
                accounts=self.system,
                existential_deposit=MILLI,
                treasury=TREASURY,
                offsetting=(),
            ),
        )
        self.treasury = self.add(
            14,
            Treasury(
                spend_period=u32(PERIOD),
                payout_period=u32(PAYOUT),
                currency=self.balances,
                clock=self.clock,
                spend_origin=limits,
                reject_origin=ensure_root,
                others=(self.neighbour,),
            ),
        )

    def approve(self, btt: int, who: AccountId = BOB, origin: Origin = ROOT) -> None:
        self.treasury.spend_local(origin, btt * BTT, Id(who))

    def promise(self, btt: int, who: AccountId = BOB, valid_from: int | None = None) -> u32:
        index = self.treasury.spend_count.value
        begin = None if valid_from is None else u32(valid_from)
        self.treasury.spend(ROOT, AssetKind.Native, btt * BTT, Id(who), begin)
        return index

    def at(self, slot: int) -> int:
        self.clock.slot = slot
        return self.treasury.on_initialize(1)

    def told(self) -> list[object]:
        return [event for event in self.announced() if type(event) in Treasury.EVENTS.values()]


def opened() -> Town:
    town = Town()
    rows = [[ss58(ALICE), str(10 * BTT)], [ss58(TREASURY), str(POT * BTT)]]
    town.balances.genesis({"balances": rows})
    return town


@pytest.fixture
def town() -> Town:
    return opened()


# ---- the queue


def test_what_is_approved_is_paid_at_the_end_of_the_spend_period(town: Town) -> None:
    town.approve(300)
    assert town.treasury.proposals[u32(0)] == Proposal(BOB, 300 * BTT, BOB, u128(0))
    assert town.at(PERIOD - 1) == 0
    assert town.balances.free(BOB) == 0

    assert town.at(PERIOD) == weights.pay_approved(1) + 7
    assert town.balances.free(BOB) == 300 * BTT
    assert town.treasury.pot() == 700 * BTT
    assert town.treasury.approvals.value == []
    assert u32(0) not in town.treasury.proposals
    assert town.told() == [
        Treasury.SpendApproved(u32(0), 300 * BTT, BOB),
        Treasury.Spending(1_000 * BTT),
        Treasury.Awarded(u32(0), 300 * BTT, BOB),
        Treasury.Rollover(700 * BTT),
    ]


def test_a_period_that_ends_in_empty_slots_is_paid_in_the_next_block_and_only_once(
    town: Town,
) -> None:
    town.approve(1)
    town.at(5 * PERIOD + 42)
    assert town.balances.free(BOB) == BTT
    assert town.treasury.last_spend_period.value == 5 * PERIOD
    assert town.neighbour.asked == 1

    town.approve(1)
    assert town.at(6 * PERIOD - 1) == 0
    town.at(6 * PERIOD)
    assert town.balances.free(BOB) == 2 * BTT
    assert town.neighbour.asked == 2


def test_the_pot_is_never_overdrawn_and_the_rest_waits(town: Town) -> None:
    for btt, who in ((600, BOB), (500, CAROL), (400, ALICE)):
        town.approve(btt, who)
    town.at(PERIOD)

    assert town.balances.free(BOB) == 600 * BTT
    assert town.balances.free(CAROL) == 0
    assert town.balances.free(ALICE) == 410 * BTT
    assert town.treasury.pot() == 0
    assert town.treasury.approvals.value == [1]

    town.balances.transfer(BOB, TREASURY, 500 * BTT)
    town.at(2 * PERIOD)
    assert town.balances.free(CAROL) == 500 * BTT


def test_what_cannot_be_received_waits_and_stops_nobody(town: Town) -> None:
    town.treasury.spend_local(ROOT, MILLI - 1, Id(CAROL))
    town.approve(1)
    town.at(PERIOD)
    assert town.treasury.approvals.value == [0]
    assert town.balances.free(BOB) == BTT

    town.balances.transfer(ALICE, CAROL, BTT)
    town.at(2 * PERIOD)
    assert town.balances.free(CAROL) == BTT + MILLI - 1


def test_what_somebody_locked_in_the_pot_is_not_spent(town: Town) -> None:
    town.balances.set_lock(b"vesting ", TREASURY, 400 * BTT, Reasons.Misc)
    town.approve(601)
    town.approve(600)
    town.at(PERIOD)
    assert town.balances.free(BOB) == 600 * BTT
    assert town.treasury.approvals.value == [0]


def test_only_so_many_payments_wait(town: Town) -> None:
    for _ in range(MAX_APPROVALS):
        town.treasury.spend_local(ROOT, u128(1), Id(BOB))
    with refused(town, Treasury.TooManyApprovals):
        town.approve(1)


def test_an_approval_is_taken_back(town: Town) -> None:
    for btt in (1, 2, 3):
        town.approve(btt)
    with refused(town, BadOrigin):
        town.treasury.remove_approval(signed(BOB), u32(1))
    town.treasury.remove_approval(ROOT, u32(1))
    with refused(town, Treasury.ProposalNotApproved):
        town.treasury.remove_approval(ROOT, u32(1))

    town.at(PERIOD)
    assert town.balances.free(BOB) == 4 * BTT
    assert dict(town.treasury.proposals.items()) == {}
    town.approve(1)
    assert town.treasury.approvals.value == [3], "an index is never used again"


# ---- who may spend


def test_only_those_with_the_right_to_spend_approve_anything(town: Town) -> None:
    with refused(town, BadOrigin):
        town.approve(1, origin=signed(ALICE))
    with refused(town, BadOrigin):
        town.treasury.spend(signed(ALICE), AssetKind.Native, BTT, Id(ALICE), None)
    with refused(town, CannotLookup):
        town.treasury.spend_local(ROOT, BTT, Index(()))


def test_a_limit_is_for_all_of_a_spend_period_so_that_splitting_does_not_help(town: Town) -> None:
    by_clerk = signed(CLERK)
    with refused(town, Treasury.InsufficientPermission):
        town.approve(51, origin=by_clerk)
    town.approve(30, origin=by_clerk)
    town.treasury.spend(by_clerk, AssetKind.Native, 20 * BTT, Id(BOB), None)
    with refused(town, Treasury.InsufficientPermission):
        town.treasury.spend_local(by_clerk, u128(1), Id(BOB))
    with refused(town, Treasury.InsufficientPermission):
        town.treasury.spend(by_clerk, AssetKind.Native, u128(1), Id(BOB), None)
    town.approve(500, origin=signed(CHIEF))
    town.approve(900)

    town.at(PERIOD)
    town.approve(50, origin=by_clerk)
    with refused(town, Treasury.InsufficientPermission):
        town.approve(1, origin=by_clerk)


def test_a_refused_approval_uses_up_no_limit(town: Town) -> None:
    with refused(town, CannotLookup):
        town.treasury.spend_local(signed(CLERK), 50 * BTT, Index(()))
    town.approve(50, origin=signed(CLERK))


# ---- promised payments


def test_a_promised_payment_is_paid_out_by_anybody_to_whom_it_is_for(town: Town) -> None:
    index = town.promise(10)
    town.treasury.payout(signed(ALICE), index)

    assert town.balances.free(BOB) == 10 * BTT
    with refused(town, Treasury.AlreadyAttempted):
        town.treasury.payout(signed(BOB), index)
    with refused(town, Treasury.AlreadyAttempted):
        town.treasury.void_spend(ROOT, index)
    assert town.treasury.check_status(signed(CAROL), index) == PostInfo(pays=False)
    with refused(town, Treasury.InvalidIndex):
        town.treasury.payout(signed(BOB), index)
    assert town.told() == [
        Treasury.AssetSpendApproved(index, AssetKind.Native, 10 * BTT, BOB, u32(0), u32(PAYOUT)),
        Treasury.Paid(index, u64(0)),
        Treasury.SpendProcessed(index),
    ]


def test_a_promised_payment_has_a_beginning_and_an_end(town: Town) -> None:
    index = town.promise(10, valid_from=50)
    assert town.treasury.spends[index] == SpendStatus(
        AssetKind.Native, 10 * BTT, BOB, u32(50), u32(80), Pending()
    )
    town.clock.slot = 49
    with refused(town, Treasury.EarlyPayout):
        town.treasury.payout(signed(BOB), index)
    with refused(town, Treasury.NotAttempted):
        town.treasury.check_status(signed(BOB), index)
    town.clock.slot = 80
    with refused(town, Treasury.SpendExpired):
        town.treasury.payout(signed(BOB), index)
    with refused(town, Treasury.SpendExpired):
        town.promise(10, valid_from=50)

    assert town.treasury.check_status(signed(BOB), index) == PostInfo(pays=False)
    assert index not in town.treasury.spends
    assert town.balances.free(BOB) == 0


def test_a_promise_that_begins_at_the_end_of_time_ends_there(town: Town) -> None:
    index = town.promise(10, valid_from=u32.MAX)
    assert town.treasury.spends[index].expire_at == u32.MAX


def test_a_promise_that_the_pot_cannot_keep_can_be_tried_again(town: Town) -> None:
    index = town.promise(POT + 5)
    with refused(town, Treasury.PayoutError):
        town.treasury.payout(signed(BOB), index)
    town.balances.transfer(ALICE, TREASURY, 5 * BTT)
    town.treasury.payout(signed(BOB), index)
    assert town.treasury.spends[index].status == Attempted(u64(0))
    assert town.treasury.pot() == 0


def test_a_promise_is_taken_back(town: Town) -> None:
    index = town.promise(10)
    with refused(town, BadOrigin):
        town.treasury.void_spend(signed(BOB), index)
    town.treasury.void_spend(ROOT, index)
    with refused(town, Treasury.InvalidIndex):
        town.treasury.payout(signed(BOB), index)
    assert town.told()[-1] == Treasury.AssetSpendVoided(index)


@pytest.mark.parametrize("name", ["payout", "check_status", "void_spend"])
def test_a_payment_that_was_never_promised_is_unknown(town: Town, name: str) -> None:
    origin = ROOT if name == "void_spend" else signed(BOB)
    with refused(town, Treasury.InvalidIndex):
        getattr(town.treasury, name)(origin, u32(3))


def test_only_somebody_has_payments_made(town: Town) -> None:
    index = town.promise(10)
    with refused(town, BadOrigin):
        town.treasury.payout(ROOT, index)
    with refused(town, BadOrigin):
        town.treasury.check_status(ROOT, index)


# ---- the account


def test_the_pot_is_where_dust_and_slashes_go(town: Town) -> None:
    town.balances.transfer(ALICE, BOB, BTT)
    town.balances.reserve_named(b"somebody", BOB, BTT // 2)
    town.balances.slash_reserved_named(b"somebody", BOB, BTT // 2)
    assert town.treasury.pot() == POT * BTT + BTT // 2
    town.balances.transfer(BOB, ALICE, BTT // 2 - 1)
    assert town.treasury.pot() == POT * BTT + BTT // 2 + 1


def test_the_pot_can_be_emptied_and_filled_again(town: Town) -> None:
    town.approve(POT)
    town.at(PERIOD)
    assert town.treasury.pot() == 0
    town.balances.credit(TREASURY, u128(0))
    town.balances.transfer(ALICE, TREASURY, u128(1))
    assert town.treasury.pot() == 1


def test_wallets_find_the_constants(town: Town) -> None:
    treasury = town.treasury
    assert treasury.account == TREASURY
    assert treasury.pallet_id == b"py/trsry"
    assert treasury.burn == Permill(0)
    names = {name for name, _ in Treasury.CONSTANTS.values()}
    assert names == {
        "SpendPeriod", "Burn", "PalletId", "MaxApprovals", "PayoutPeriod", "pot_account",
    }  # fmt: skip


def test_calls_and_records_have_substrates_bytes(town: Town) -> None:
    spend = town.call(
        "Treasury",
        "spend",
        asset_kind=AssetKind.Native,
        amount=u128(5),
        beneficiary=Id(BOB),
        valid_from=u32(7),
    )
    assert spend.raw == bytes((14, 5, 0, 20, 0)) + BOB + bytes((1, 7, 0, 0, 0))
    local = town.call("Treasury", "spend_local", amount=u128(5), beneficiary=Id(BOB))
    assert local.raw == bytes((14, 3, 20, 0)) + BOB
    status = SpendStatus(AssetKind.Native, u128(5), BOB, u32(1), u32(2), Attempted(u64(3)))
    assert codec(SpendStatus).encode(status) == (
        bytes((0, 5)) + bytes(15) + BOB + bytes((1, 0, 0, 0, 2, 0, 0, 0, 1, 3)) + bytes(7)
    )


@pytest.mark.parametrize("error", [DispatchError(), ArithmeticError()])
def test_what_fails_in_a_hook_leaves_nothing_behind(town: Town, error: Exception) -> None:
    before, events = dict(town.state.data), list(town.host.events)

    def half_way() -> None:
        town.balances.transfer(ALICE, BOB, BTT)
        raise error

    assert not attempted(town.host, half_way)
    assert (town.state.data, town.host.events) == (before, events)


def test_a_block_in_which_nothing_is_due_costs_one_look(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MAX_APPROVALS):
        town.approve(1)
    reads: list[bytes] = []
    get = town.state.get

    def counted(key: bytes) -> bytes | None:
        reads.append(key)
        return get(key)

    def unexpected(key: bytes, value: bytes | None) -> None:
        raise AssertionError("nothing is due, and something was written")

    monkeypatch.setattr(town.state, "get", counted)
    monkeypatch.setattr(town.state, "put", unexpected)
    town.at(PERIOD - 1)
    assert reads == [town.treasury.last_spend_period.prefix]


# ---- whatever happens

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("approve"), st.integers(0, 1_200), st.sampled_from([BOB, TREASURY])),
        st.tuples(st.just("promise"), st.integers(0, 1_200), st.sampled_from([BOB, CAROL])),
        st.tuples(st.just("payout"), st.integers(0, 3), st.just(ALICE)),
        st.tuples(st.just("void"), st.integers(0, 3), st.just(ALICE)),
        st.tuples(st.just("remove"), st.integers(0, 3), st.just(ALICE)),
        st.tuples(st.just("check"), st.integers(0, 3), st.just(ALICE)),
        st.tuples(st.just("time"), st.integers(0, 250), st.just(ALICE)),
    ),
    max_size=15,
)


@given(STEPS)
def test_no_planck_leaves_the_pot_but_as_an_approved_payment(
    steps: list[tuple[str, int, AccountId]],
) -> None:
    town = opened()
    treasury = town.treasury
    for step, number, who in steps:
        try:
            match step:
                case "approve":
                    town.approve(number, who)
                case "promise":
                    town.promise(number, who)
                case "payout":
                    treasury.payout(signed(ALICE), u32(number))
                case "void":
                    treasury.void_spend(ROOT, u32(number))
                case "remove":
                    treasury.remove_approval(ROOT, u32(number))
                case "check":
                    treasury.check_status(signed(ALICE), u32(number))
                case _:
                    town.at(town.clock.slot + number)
        except Error:
            continue
        waiting = dict(treasury.proposals.items())
        assert sorted(waiting) == sorted(treasury.approvals.value)
        paid = sum(int(e.award) for e in town.told() if isinstance(e, Treasury.Awarded))
        paid -= sum(
            int(e.award)
            for e in town.told()
            if isinstance(e, Treasury.Awarded) and e.account == TREASURY
        )
        promised = {
            event.index: int(event.amount)
            for event in town.told()
            if isinstance(event, Treasury.AssetSpendApproved)
        }
        paid += sum(promised[e.index] for e in town.told() if isinstance(e, Treasury.Paid))
        assert treasury.pot() == POT * BTT - paid
        assert town.balances.total_issuance.value == (POT + 10) * BTT
