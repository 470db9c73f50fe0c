"""Treasury: who may spend, when it is paid, and that the treasury is never overdrawn."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given

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
from runtime.frame.traits import Reasons
from runtime.pallets.treasury import weights
from runtime.pallets.treasury.pallet import (
    MAX_APPROVALS,
    AssetKind,
    Attempted,
    Pending,
    Proposal,
    SpendStatus,
    Treasury,
    attempted,
)
from support.histories import History, seeds, unreached
from support.runtime import TestRuntime, refused

ALICE, BOB, CAROL, CLERK, CHIEF = (AccountId(bytes((n,)) * 32) for n in (1, 2, 3, 4, 5))
MILLI = u128(10**15)
PERIOD, PAYOUT = 100, 30
FUNDS = 1_000


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


class FundsChain(TestRuntime):
    """Balances and Treasury; 1,000 BTT in the treasury."""

    def build(self) -> None:
        self.neighbour = Neighbour()
        self.balances = self.add_balances()
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

    def own_events(self) -> list[object]:
        return [event for event in self.announced() if type(event) in Treasury.EVENTS.values()]


def opened() -> FundsChain:
    chain = FundsChain()
    rows = [[ss58(ALICE), str(10 * BTT)], [ss58(TREASURY), str(FUNDS * BTT)]]
    chain.balances.genesis({"balances": rows})
    return chain


@pytest.fixture
def chain() -> FundsChain:
    return opened()


# ---- the queue


def test_what_is_approved_is_paid_at_the_end_of_the_spend_period(chain: FundsChain) -> None:
    chain.approve(300)
    assert chain.treasury.proposals[u32(0)] == Proposal(BOB, 300 * BTT, BOB, u128(0))
    assert chain.at(PERIOD - 1) == 0
    assert chain.balances.free(BOB) == 0

    assert chain.at(PERIOD) == weights.pay_approved(1) + 7
    assert chain.balances.free(BOB) == 300 * BTT
    assert chain.treasury.available() == 700 * BTT
    assert chain.treasury.approvals.value == []
    assert u32(0) not in chain.treasury.proposals
    assert chain.own_events() == [
        Treasury.SpendApproved(u32(0), 300 * BTT, BOB),
        Treasury.Spending(1_000 * BTT),
        Treasury.Awarded(u32(0), 300 * BTT, BOB),
        Treasury.Rollover(700 * BTT),
    ]


def test_a_period_that_ends_in_empty_slots_is_paid_in_the_next_block_and_only_once(
    chain: FundsChain,
) -> None:
    chain.approve(1)
    chain.at(5 * PERIOD + 42)
    assert chain.balances.free(BOB) == BTT
    assert chain.treasury.last_spend_period.value == 5 * PERIOD
    assert chain.neighbour.asked == 1

    chain.approve(1)
    assert chain.at(6 * PERIOD - 1) == 0
    chain.at(6 * PERIOD)
    assert chain.balances.free(BOB) == 2 * BTT
    assert chain.neighbour.asked == 2


def test_the_treasury_is_never_overdrawn_and_the_rest_waits(chain: FundsChain) -> None:
    for btt, who in ((600, BOB), (500, CAROL), (400, ALICE)):
        chain.approve(btt, who)
    chain.at(PERIOD)

    assert chain.balances.free(BOB) == 600 * BTT
    assert chain.balances.free(CAROL) == 0
    assert chain.balances.free(ALICE) == 410 * BTT
    assert chain.treasury.available() == 0
    assert chain.treasury.approvals.value == [1]

    chain.balances.transfer(BOB, TREASURY, 500 * BTT)
    chain.at(2 * PERIOD)
    assert chain.balances.free(CAROL) == 500 * BTT


def test_what_cannot_be_received_waits_and_stops_no_account(chain: FundsChain) -> None:
    chain.treasury.spend_local(ROOT, MILLI - 1, Id(CAROL))
    chain.approve(1)
    chain.at(PERIOD)
    assert chain.treasury.approvals.value == [0]
    assert chain.balances.free(BOB) == BTT

    chain.balances.transfer(ALICE, CAROL, BTT)
    chain.at(2 * PERIOD)
    assert chain.balances.free(CAROL) == BTT + MILLI - 1


def test_what_an_account_locked_in_the_treasury_is_not_spent(chain: FundsChain) -> None:
    chain.balances.set_lock(b"vesting ", TREASURY, 400 * BTT, Reasons.Misc)
    chain.approve(601)
    chain.approve(600)
    chain.at(PERIOD)
    assert chain.balances.free(BOB) == 600 * BTT
    assert chain.treasury.approvals.value == [0]


def test_only_so_many_payments_wait(chain: FundsChain) -> None:
    for _ in range(MAX_APPROVALS):
        chain.treasury.spend_local(ROOT, u128(1), Id(BOB))
    with refused(chain, Treasury.TooManyApprovals):
        chain.approve(1)


def test_an_approval_is_taken_back(chain: FundsChain) -> None:
    for btt in (1, 2, 3):
        chain.approve(btt)
    with refused(chain, BadOrigin):
        chain.treasury.remove_approval(signed(BOB), u32(1))
    chain.treasury.remove_approval(ROOT, u32(1))
    with refused(chain, Treasury.ProposalNotApproved):
        chain.treasury.remove_approval(ROOT, u32(1))

    chain.at(PERIOD)
    assert chain.balances.free(BOB) == 4 * BTT
    assert dict(chain.treasury.proposals.items()) == {}
    chain.approve(1)
    assert chain.treasury.approvals.value == [3], "an index is never used again"


# ---- who may spend


def test_only_those_with_the_right_to_spend_approve_anything(chain: FundsChain) -> None:
    with refused(chain, BadOrigin):
        chain.approve(1, origin=signed(ALICE))
    with refused(chain, BadOrigin):
        chain.treasury.spend(signed(ALICE), AssetKind.Native, BTT, Id(ALICE), None)
    with refused(chain, CannotLookup):
        chain.treasury.spend_local(ROOT, BTT, Index(()))


def test_a_limit_applies_to_the_sum_of_a_spend_period(chain: FundsChain) -> None:
    by_clerk = signed(CLERK)
    with refused(chain, Treasury.InsufficientPermission):
        chain.approve(51, origin=by_clerk)
    chain.approve(30, origin=by_clerk)
    chain.treasury.spend(by_clerk, AssetKind.Native, 20 * BTT, Id(BOB), None)
    with refused(chain, Treasury.InsufficientPermission):
        chain.treasury.spend_local(by_clerk, u128(1), Id(BOB))
    with refused(chain, Treasury.InsufficientPermission):
        chain.treasury.spend(by_clerk, AssetKind.Native, u128(1), Id(BOB), None)
    chain.approve(500, origin=signed(CHIEF))
    chain.approve(900)

    chain.at(PERIOD)
    chain.approve(50, origin=by_clerk)
    with refused(chain, Treasury.InsufficientPermission):
        chain.approve(1, origin=by_clerk)


def test_a_refused_approval_uses_up_no_limit(chain: FundsChain) -> None:
    with refused(chain, CannotLookup):
        chain.treasury.spend_local(signed(CLERK), 50 * BTT, Index(()))
    chain.approve(50, origin=signed(CLERK))


# ---- promised payments


def test_any_account_may_pay_a_promised_payment_out_to_its_beneficiary(chain: FundsChain) -> None:
    index = chain.promise(10)
    chain.treasury.payout(signed(ALICE), index)

    assert chain.balances.free(BOB) == 10 * BTT
    with refused(chain, Treasury.AlreadyAttempted):
        chain.treasury.payout(signed(BOB), index)
    with refused(chain, Treasury.AlreadyAttempted):
        chain.treasury.void_spend(ROOT, index)
    assert chain.treasury.check_status(signed(CAROL), index) == PostInfo(pays=False)
    with refused(chain, Treasury.InvalidIndex):
        chain.treasury.payout(signed(BOB), index)
    assert chain.own_events() == [
        Treasury.AssetSpendApproved(index, AssetKind.Native, 10 * BTT, BOB, u32(0), u32(PAYOUT)),
        Treasury.Paid(index, u64(0)),
        Treasury.SpendProcessed(index),
    ]


def test_a_promised_payment_has_a_beginning_and_an_end(chain: FundsChain) -> None:
    index = chain.promise(10, valid_from=50)
    assert chain.treasury.spends[index] == SpendStatus(
        AssetKind.Native, 10 * BTT, BOB, u32(50), u32(80), Pending()
    )
    chain.clock.slot = 49
    with refused(chain, Treasury.EarlyPayout):
        chain.treasury.payout(signed(BOB), index)
    with refused(chain, Treasury.NotAttempted):
        chain.treasury.check_status(signed(BOB), index)
    chain.clock.slot = 80
    with refused(chain, Treasury.SpendExpired):
        chain.treasury.payout(signed(BOB), index)
    with refused(chain, Treasury.SpendExpired):
        chain.promise(10, valid_from=50)

    assert chain.treasury.check_status(signed(BOB), index) == PostInfo(pays=False)
    assert index not in chain.treasury.spends
    assert chain.balances.free(BOB) == 0


def test_a_promise_that_begins_at_the_end_of_time_ends_there(chain: FundsChain) -> None:
    index = chain.promise(10, valid_from=u32.MAX)
    assert chain.treasury.spends[index].expire_at == u32.MAX


def test_a_promise_that_the_treasury_cannot_keep_can_be_tried_again(chain: FundsChain) -> None:
    index = chain.promise(FUNDS + 5)
    with refused(chain, Treasury.PayoutError):
        chain.treasury.payout(signed(BOB), index)
    chain.balances.transfer(ALICE, TREASURY, 5 * BTT)
    chain.treasury.payout(signed(BOB), index)
    assert chain.treasury.spends[index].status == Attempted(u64(0))
    assert chain.treasury.available() == 0


def test_a_promise_is_taken_back(chain: FundsChain) -> None:
    index = chain.promise(10)
    with refused(chain, BadOrigin):
        chain.treasury.void_spend(signed(BOB), index)
    chain.treasury.void_spend(ROOT, index)
    with refused(chain, Treasury.InvalidIndex):
        chain.treasury.payout(signed(BOB), index)
    assert chain.own_events()[-1] == Treasury.AssetSpendVoided(index)


@pytest.mark.parametrize("name", ["payout", "check_status", "void_spend"])
def test_a_payment_that_was_never_promised_is_unknown(chain: FundsChain, name: str) -> None:
    origin = ROOT if name == "void_spend" else signed(BOB)
    with refused(chain, Treasury.InvalidIndex):
        getattr(chain.treasury, name)(origin, u32(3))


def test_only_an_account_has_payments_made(chain: FundsChain) -> None:
    index = chain.promise(10)
    with refused(chain, BadOrigin):
        chain.treasury.payout(ROOT, index)
    with refused(chain, BadOrigin):
        chain.treasury.check_status(ROOT, index)


# ---- the account


def test_the_treasury_is_where_dust_and_slashes_go(chain: FundsChain) -> None:
    chain.balances.transfer(ALICE, BOB, BTT)
    chain.balances.reserve_named(b"reserve1", BOB, BTT // 2)
    chain.balances.slash_reserved_named(b"reserve1", BOB, BTT // 2)
    assert chain.treasury.available() == FUNDS * BTT + BTT // 2
    chain.balances.transfer(BOB, ALICE, BTT // 2 - 1)
    assert chain.treasury.available() == FUNDS * BTT + BTT // 2 + 1


def test_the_treasury_can_be_emptied_and_filled_again(chain: FundsChain) -> None:
    chain.approve(FUNDS)
    chain.at(PERIOD)
    assert chain.treasury.available() == 0
    chain.balances.credit(TREASURY, u128(0))
    chain.balances.transfer(ALICE, TREASURY, u128(1))
    assert chain.treasury.available() == 1


def test_wallets_find_the_constants(chain: FundsChain) -> None:
    treasury = chain.treasury
    assert treasury.account == TREASURY
    assert treasury.pallet_id == b"py/trsry"
    assert treasury.burn == Permill(0)
    names = {name for name, _ in Treasury.constants().values()}
    assert names == {
        "SpendPeriod", "Burn", "PalletId", "MaxApprovals", "PayoutPeriod", "pot_account",
    }  # fmt: skip


def test_calls_and_records_have_substrates_bytes(chain: FundsChain) -> None:
    spend = chain.call(
        "Treasury",
        "spend",
        asset_kind=AssetKind.Native,
        amount=u128(5),
        beneficiary=Id(BOB),
        valid_from=u32(7),
    )
    assert spend.raw == bytes((14, 5, 0, 20, 0)) + BOB + bytes((1, 7, 0, 0, 0))
    local = chain.call("Treasury", "spend_local", amount=u128(5), beneficiary=Id(BOB))
    assert local.raw == bytes((14, 3, 20, 0)) + BOB
    status = SpendStatus(AssetKind.Native, u128(5), BOB, u32(1), u32(2), Attempted(u64(3)))
    assert codec(SpendStatus).encode(status) == (
        bytes((0, 5)) + bytes(15) + BOB + bytes((1, 0, 0, 0, 2, 0, 0, 0, 1, 3)) + bytes(7)
    )


@pytest.mark.parametrize("error", [DispatchError(), ArithmeticError()])
def test_what_fails_in_a_hook_leaves_nothing_behind(chain: FundsChain, error: Exception) -> None:
    before, events = dict(chain.state.data), list(chain.host.events)

    def half_way() -> None:
        chain.balances.transfer(ALICE, BOB, BTT)
        raise error

    assert not attempted(chain.host, half_way)
    assert (chain.state.data, chain.host.events) == (before, events)


def test_a_block_in_which_nothing_is_due_costs_one_look(
    chain: FundsChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MAX_APPROVALS):
        chain.approve(1)
    reads: list[bytes] = []
    get = chain.state.get

    def counted(key: bytes) -> bytes | None:
        reads.append(key)
        return get(key)

    def unexpected(key: bytes, value: bytes | None) -> None:
        raise AssertionError("nothing is due, and something was written")

    monkeypatch.setattr(chain.state, "get", counted)
    monkeypatch.setattr(chain.state, "put", unexpected)
    chain.at(PERIOD - 1)
    assert reads == [chain.treasury.last_spend_period.prefix]


# ---- whatever happens


class Spending(History):
    """Payments that are approved, promised, paid, voided or removed, while periods pass."""

    refusals = (Error,)

    def __init__(self) -> None:
        self.chain = opened()
        super().__init__(self.chain)
        self.treasury = self.chain.treasury

    def step(self) -> None:
        steps = (
            *[self.approve] * 3, *[self.promise] * 4, *[self.payout] * 4, self.void, self.remove,
            *[self.status] * 3, *[self.time] * 4,
        )  # fmt: skip
        self.one_of(steps)()

    def amount(self) -> u128:
        return self.rng.randint(0, 1_200 if self.one_in(5) else 120) * BTT

    def known(self, items: Iterable[tuple[u32, object]]) -> u32:
        """Choose a number of some records, or one that is not there."""
        numbers = [number for number, _ in items]
        return self.one_of(numbers) if numbers and not self.one_in(8) else u32(99)

    def approve(self) -> None:
        who = self.one_of((BOB, BOB, TREASURY))
        self.attempt(self.treasury.spend_local, ROOT, self.amount(), Id(who))

    def promise(self) -> None:
        begin = self.one_of((None, None, u32(self.chain.clock.slot + self.rng.randrange(40))))
        who, kind = Id(self.one_of((BOB, CAROL))), AssetKind.Native
        self.attempt(self.treasury.spend, ROOT, kind, self.amount(), who, begin)

    def payout(self) -> None:
        self.attempt(self.treasury.payout, signed(ALICE), self.known(self.treasury.spends.items()))

    def void(self) -> None:
        self.attempt(self.treasury.void_spend, ROOT, self.known(self.treasury.spends.items()))

    def remove(self) -> None:
        number = self.known(self.treasury.proposals.items())
        self.attempt(self.treasury.remove_approval, ROOT, number)

    def status(self) -> None:
        number = self.known(self.treasury.spends.items())
        self.attempt(self.treasury.check_status, signed(ALICE), number)

    def time(self) -> None:
        self.chain.at(self.chain.clock.slot + self.one_of((1, 10, PAYOUT, PERIOD, 2 * PERIOD)))

    def check(self) -> None:
        chain, treasury = self.chain, self.treasury
        waiting = dict(treasury.proposals.items())
        assert sorted(waiting) == sorted(treasury.approvals.value)
        paid = sum(int(e.award) for e in chain.own_events() if isinstance(e, Treasury.Awarded))
        paid -= sum(
            int(e.award)
            for e in chain.own_events()
            if isinstance(e, Treasury.Awarded) and e.account == TREASURY
        )
        promised = {
            event.index: int(event.amount)
            for event in chain.own_events()
            if isinstance(event, Treasury.AssetSpendApproved)
        }
        paid += sum(promised[e.index] for e in chain.own_events() if isinstance(e, Treasury.Paid))
        assert treasury.available() == FUNDS * BTT - paid
        assert chain.balances.total_issuance.value == (FUNDS + 10) * BTT


@given(seeds(10, 30))
def test_no_planck_leaves_the_treasury_but_as_an_approved_payment(steps: list[int]) -> None:
    Spending().run(steps)


def test_random_spending_reaches_all_calls_and_events() -> None:
    unused = ("PaymentFailed", "Burnt", "UpdatedInactive", "Deposit")
    absent = {f"Treasury.{name}" for name in unused}  # events of wallets, that no call emits here
    assert unreached(Spending, Treasury, runs=4, steps=80) == absent
