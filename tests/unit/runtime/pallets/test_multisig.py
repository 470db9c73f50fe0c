"""Multisig: who must agree, what is kept meanwhile, and what becomes of the deposit."""

from __future__ import annotations

import pytest
from hypothesis import given

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.multi_account import multi_account_id
from btt_chain.primitives.ss58 import decode as from_ss58
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import Err, Ok, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, Call, Error, TokenError, Weight, signed
from runtime.frame.error import WireToken
from runtime.frame.weight import PICOS_PER_MICRO
from runtime.pallets.balances import errors
from runtime.pallets.multisig import weights
from runtime.pallets.multisig.pallet import Multisig, Operation, Timepoint
from runtime.pallets.system.pallet import System
from runtime.pallets.utility.pallet import Utility, carrying_weight
from support.histories import History, seeds, unreached
from support.runtime import TestRuntime, refused

ALICE, BOB, CAROL, DAVE = (AccountId(bytes((n,)) * 32) for n in (1, 2, 3, 4))
OWNERS = [ALICE, BOB, CAROL]
BANK = multi_account_id(OWNERS, 2)
TREASURY = AccountId(b"modlpy/trsry" + bytes(20))
BASE, FACTOR = 20 * BTT, 2 * BTT
DEPOSIT = BASE + 2 * FACTOR
PLENTY = Weight(u64(10**12), u64(0))


class MultisigRuntime(TestRuntime):
    """Balances and Multisig; three owners of 1,000 BTT each and their account with 500."""

    def build(self) -> None:
        self.balances = self.add_balances()
        self.utility = self.add(9, Utility())
        self.multisig = self.add(
            10,
            Multisig(
                deposit_base=BASE, deposit_factor=FACTOR, currency=self.balances, system=self.system
            ),
        )

    def open(self) -> None:
        rows = [[ss58(who), str(1_000 * BTT)] for who in OWNERS]
        self.balances.genesis({"balances": [*rows, [ss58(BANK), str(500 * BTT)]]})
        self.at(7, 3)

    def at(self, number: int, extrinsic: int) -> None:
        self.system.begin_block(u32(number), H256(bytes(32)), Digest([]))
        self.host.extrinsic_index = extrinsic

    def pay_dave(self, btt: int) -> Call:
        return self.call("Balances", "transfer_allow_death", dest=Id(DAVE), value=u128(btt * BTT))

    def approve(self, who: AccountId, call: Call, when: Timepoint | None = None) -> None:
        others = [owner for owner in OWNERS if owner != who]
        self.multisig.as_multi(signed(who), u16(2), others, when, call, PLENTY)

    def approve_hash(self, who: AccountId, call: Call, when: Timepoint | None = None) -> None:
        others = [owner for owner in OWNERS if owner != who]
        digest = blake2_256(call.raw)
        self.multisig.approve_as_multi(signed(who), u16(2), others, when, digest, PLENTY)

    def multisig_events(self) -> list[object]:
        return [event for event in self.announced() if type(event) in Multisig.EVENTS.values()]


FIRST = Timepoint(u32(7), u32(3))


@pytest.fixture
def runtime() -> MultisigRuntime:
    runtime = MultisigRuntime()
    runtime.open()
    return runtime


def test_the_account_is_the_one_that_wallets_derive() -> None:
    owners = [
        AccountId(from_ss58(address)[0])
        for address in (
            "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
            "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y",
            "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
        )
    ]
    expected = "5DjYJStmdZ2rcqXbXGX7TW85JsrW6uG4y9MUcLq2BoPMpRA7"
    assert ss58(multi_account_id(owners, 2)) == expected
    assert ss58(multi_account_id(owners[::-1], 2)) == expected
    assert ss58(multi_account_id(owners, 3)) != expected


def test_two_of_three_make_a_payment(runtime: MultisigRuntime) -> None:
    call = runtime.pay_dave(100)
    digest = blake2_256(call.raw)

    runtime.approve(ALICE, call)
    assert runtime.balances.reserved(ALICE) == DEPOSIT
    assert runtime.multisig.multisigs[BANK, digest] == Operation(FIRST, DEPOSIT, ALICE, [ALICE])
    assert runtime.balances.free(DAVE) == 0

    runtime.at(9, 1)
    runtime.approve(CAROL, call, FIRST)
    assert runtime.balances.free(DAVE) == 100 * BTT
    assert runtime.balances.free(BANK) == 400 * BTT
    assert runtime.balances.reserved(ALICE) == 0
    assert (BANK, digest) not in runtime.multisig.multisigs
    assert runtime.multisig_events() == [
        Multisig.NewMultisig(ALICE, BANK, digest),
        Multisig.MultisigExecuted(CAROL, FIRST, BANK, digest, Ok(())),
    ]


def test_approvals_by_hash_count_and_the_call_may_come_last(runtime: MultisigRuntime) -> None:
    call = runtime.pay_dave(1)
    digest = blake2_256(call.raw)
    runtime.approve_hash(BOB, call)
    runtime.approve_hash(ALICE, call, FIRST)
    assert runtime.multisig_events()[-1] == Multisig.MultisigApproval(ALICE, FIRST, BANK, digest)
    assert runtime.balances.free(DAVE) == 0

    runtime.approve(ALICE, call, FIRST)

    assert runtime.balances.free(DAVE) == BTT
    assert runtime.balances.reserved(BOB) == 0


def test_a_failing_call_is_reported_and_its_operation_is_over(runtime: MultisigRuntime) -> None:
    call = runtime.pay_dave(501)
    runtime.approve(ALICE, call)
    runtime.approve(BOB, call, FIRST)

    executed = runtime.multisig_events()[-1]
    assert isinstance(executed, Multisig.MultisigExecuted)
    assert isinstance(executed.result, Err)
    assert isinstance(executed.result.error, WireToken)
    assert runtime.balances.reserved(ALICE) == 0
    assert runtime.balances.free(BANK) == 500 * BTT


def test_no_account_approves_twice(runtime: MultisigRuntime) -> None:
    call = runtime.pay_dave(1)
    runtime.approve(ALICE, call)
    with refused(runtime, Multisig.AlreadyApproved):
        runtime.approve(ALICE, call, FIRST)
    with refused(runtime, Multisig.AlreadyApproved):
        runtime.approve_hash(ALICE, call, FIRST)
    runtime.approve_hash(BOB, call, FIRST)
    with refused(runtime, Multisig.AlreadyApproved):
        runtime.approve_hash(CAROL, call, FIRST)


def test_the_timepoint_must_fit(runtime: MultisigRuntime) -> None:
    call = runtime.pay_dave(1)
    with refused(runtime, Multisig.UnexpectedTimepoint):
        runtime.approve(ALICE, call, FIRST)
    runtime.approve(ALICE, call)
    with refused(runtime, Multisig.NoTimepoint):
        runtime.approve(BOB, call)
    for wrong in (Timepoint(u32(7), u32(4)), Timepoint(u32(8), u32(3))):
        with refused(runtime, Multisig.WrongTimepoint):
            runtime.approve(BOB, call, wrong)


def test_another_call_needs_approvals_of_its_own(runtime: MultisigRuntime) -> None:
    runtime.approve(ALICE, runtime.pay_dave(1))
    with refused(runtime, Multisig.UnexpectedTimepoint):
        runtime.approve(BOB, runtime.pay_dave(2), FIRST)


def test_a_call_heavier_than_agreed_is_not_run(runtime: MultisigRuntime) -> None:
    call = runtime.pay_dave(1)
    weight = runtime.info(call).weight
    runtime.approve(ALICE, call)
    light = Weight(u64(weight - 1), u64(0))
    with refused(runtime, Multisig.MaxWeightTooLow):
        runtime.multisig.as_multi(signed(BOB), u16(2), [ALICE, CAROL], FIRST, call, light)
    exact = Weight(u64(weight), u64(0))
    runtime.multisig.as_multi(signed(BOB), u16(2), [ALICE, CAROL], FIRST, call, exact)
    assert runtime.balances.free(DAVE) == BTT


@pytest.mark.parametrize(
    ("threshold", "others", "error"),
    [
        (1, [BOB], Multisig.MinimumThreshold),
        (0, [BOB], Multisig.MinimumThreshold),
        (2, [], Multisig.TooFewSignatories),
        (2, [CAROL, BOB], Multisig.SignatoriesOutOfOrder),
        (2, [BOB, BOB], Multisig.SignatoriesOutOfOrder),
        (2, [ALICE, BOB], Multisig.SenderInSignatories),
        (2, [AccountId(n.to_bytes(32, "big")) for n in range(100)], Multisig.TooManySignatories),
    ],
)
def test_a_wrong_set_of_owners_is_refused(
    runtime: MultisigRuntime, threshold: int, others: list[AccountId], error: type[Error]
) -> None:
    call = runtime.pay_dave(1)
    digest = blake2_256(call.raw)
    multisig, by_alice, needed = runtime.multisig, signed(ALICE), u16(threshold)
    with refused(runtime, error):
        multisig.as_multi(by_alice, needed, others, None, call, PLENTY)
    with refused(runtime, error):
        multisig.approve_as_multi(by_alice, needed, others, None, digest, PLENTY)
    with refused(runtime, error):
        multisig.cancel_as_multi(by_alice, needed, others, FIRST, digest)
    with refused(runtime, error):
        multisig.poke_deposit(by_alice, needed, others, digest)


def test_a_hundred_owners_are_allowed(runtime: MultisigRuntime) -> None:
    others = [AccountId(n.to_bytes(32, "big")) for n in range(99)]
    runtime.multisig.as_multi(signed(ALICE), u16(100), others, None, runtime.pay_dave(1), PLENTY)
    assert runtime.balances.reserved(ALICE) == BASE + 100 * FACTOR


def test_without_the_deposit_nothing_is_proposed(runtime: MultisigRuntime) -> None:
    runtime.balances.transfer(ALICE, BOB, 990 * BTT)
    with refused(runtime, errors.InsufficientBalance):
        runtime.approve(ALICE, runtime.pay_dave(1))


def test_the_proposer_may_give_up_and_gets_the_deposit_back(runtime: MultisigRuntime) -> None:
    call = runtime.pay_dave(1)
    digest = blake2_256(call.raw)
    runtime.approve(ALICE, call)
    cancel = runtime.multisig.cancel_as_multi
    with refused(runtime, Multisig.NotOwner):
        cancel(signed(BOB), u16(2), [ALICE, CAROL], FIRST, digest)
    with refused(runtime, Multisig.WrongTimepoint):
        cancel(signed(ALICE), u16(2), [BOB, CAROL], Timepoint(u32(1), u32(1)), digest)
    with refused(runtime, Multisig.NotFound):
        cancel(signed(ALICE), u16(2), [BOB, CAROL], FIRST, bytes(32))

    cancel(signed(ALICE), u16(2), [BOB, CAROL], FIRST, digest)

    assert runtime.balances.reserved(ALICE) == 0
    assert runtime.multisig_events()[-1] == Multisig.MultisigCancelled(ALICE, FIRST, BANK, digest)
    with refused(runtime, Multisig.UnexpectedTimepoint):
        runtime.approve(BOB, call, FIRST)


def test_one_of_several_owners_may_act_alone_where_one_is_enough(runtime: MultisigRuntime) -> None:
    shared = multi_account_id([ALICE, BOB], 1)
    runtime.balances.transfer(CAROL, shared, 10 * BTT)

    runtime.multisig.as_multi_threshold_1(signed(BOB), [ALICE], runtime.pay_dave(4))

    assert runtime.balances.free(shared) == 6 * BTT
    assert runtime.balances.free(DAVE) == 4 * BTT


def test_a_limited_caller_stays_limited_when_it_acts_alone(runtime: MultisigRuntime) -> None:
    shared = multi_account_id([ALICE, BOB], 1)
    runtime.balances.transfer(CAROL, shared, 10 * BTT)
    limited = signed(ALICE).filtered(lambda call: call.pallet != runtime.balances.index)
    with refused(runtime, System.CallFiltered):
        runtime.multisig.as_multi_threshold_1(limited, [BOB], runtime.pay_dave(4))


def test_only_accounts_are_owners(runtime: MultisigRuntime) -> None:
    with refused(runtime, BadOrigin):
        runtime.multisig.as_multi(ROOT, u16(2), [ALICE, BOB], None, runtime.pay_dave(1), PLENTY)


def test_a_call_that_leads_back_cannot_run_twice(runtime: MultisigRuntime) -> None:
    inner = runtime.pay_dave(100)
    call = runtime.call(
        "Multisig",
        "as_multi",
        threshold=u16(2),
        other_signatories=[ALICE],
        maybe_timepoint=None,
        call=inner,
        max_weight=PLENTY,
    )
    heavy = Weight(u64(10**13), u64(0))
    runtime.multisig.as_multi(signed(ALICE), u16(2), [BOB, CAROL], None, call, heavy)
    runtime.multisig.as_multi(signed(BOB), u16(2), [ALICE, CAROL], FIRST, call, heavy)

    assert runtime.balances.free(DAVE) == 0, "the inner operation waits for Alice"
    assert runtime.balances.reserved(BANK) == DEPOSIT


def test_a_deposit_follows_the_price_when_poked(runtime: MultisigRuntime) -> None:
    call = runtime.pay_dave(1)
    digest = blake2_256(call.raw)
    runtime.approve(ALICE, call)
    poke = runtime.multisig.poke_deposit
    with refused(runtime, Multisig.NotOwner):
        poke(signed(BOB), u16(2), [ALICE, CAROL], digest)
    with refused(runtime, Multisig.NotFound):
        poke(signed(ALICE), u16(2), [BOB, CAROL], bytes(32))
    assert poke(signed(ALICE), u16(2), [BOB, CAROL], digest) is None, "not free without a change"

    for factor in (5 * BTT, u128(0)):
        runtime.multisig.deposit_factor = factor
        post = poke(signed(ALICE), u16(2), [BOB, CAROL], digest)
        assert post is not None
        assert post.pays is False
        assert runtime.balances.reserved(ALICE) == BASE + 2 * factor
    assert runtime.multisig_events()[-1] == Multisig.DepositPoked(
        ALICE, digest, BASE + 10 * BTT, BASE
    )


def test_an_approval_is_weighed_as_if_it_were_the_last(runtime: MultisigRuntime) -> None:
    def weight(others: int) -> int:
        call = runtime.call(
            "Multisig",
            "approve_as_multi",
            threshold=u16(2),
            other_signatories=[BOB] * others,
            maybe_timepoint=None,
            call_hash=bytes(32),
            max_weight=Weight(u64(5 * PICOS_PER_MICRO), u64(0)),
        )
        return runtime.info(call).weight

    for others in (1, 99):
        assert weight(others) == weights.approve_as_multi(others) + 5 * PICOS_PER_MICRO
    assert weight(99) > weight(1)


def test_a_maximal_weight_does_not_hide_what_is_inside(runtime: MultisigRuntime) -> None:
    batch = runtime.call("Utility", "batch", calls=[runtime.pay_dave(1)] * 50)

    def approval(call: Call, most: int, when: Timepoint | None = None) -> Call:
        return runtime.call(
            "Multisig",
            "as_multi",
            threshold=u16(2),
            other_signatories=[BOB, CAROL] if when is None else [ALICE, CAROL],
            maybe_timepoint=when,
            call=call,
            max_weight=Weight(u64(most), u64(0)),
        )

    first = approval(batch, 0)
    assert runtime.info(first).weight == weights.as_multi(2) + carrying_weight(runtime, batch)
    assert runtime.dispatch(signed(ALICE), first).weight == runtime.info(first).weight
    most = runtime.info(batch).weight
    last = approval(batch, most, FIRST)
    assert runtime.dispatch(signed(BOB), last).weight == runtime.info(last).weight


def test_deposits_are_reserved_under_a_name(runtime: MultisigRuntime) -> None:
    runtime.approve(ALICE, runtime.pay_dave(1))
    assert runtime.balances.reservable_currency.reserved_named(b"py/multi", ALICE) == DEPOSIT
    runtime.balances.force_unreserve(ROOT, Id(ALICE), DEPOSIT)
    assert runtime.balances.reserved(ALICE) == DEPOSIT


class Owners(History):
    """Three owners, of whom two must agree on payments of one to three BTT."""

    refusals = (Error, TokenError)

    def __init__(self) -> None:
        self.runtime = MultisigRuntime()
        super().__init__(self.runtime)
        self.runtime.open()
        self.total = self.runtime.balances.total_issuance.value
        self.number = 10

    def step(self) -> None:
        self.number += 1
        self.runtime.at(self.number, 0)
        who, multisig = self.one_of(OWNERS), self.runtime.multisig
        call = self.runtime.pay_dave(self.rng.randint(1, 3))
        digest = blake2_256(call.raw)
        waiting = multisig.multisigs.get((BANK, digest))
        when = waiting.when if waiting and not self.one_in(8) else None
        if waiting and self.one_in(3):
            who = waiting.depositor
        others, by = [owner for owner in OWNERS if owner != who], signed(who)
        match self.rng.randrange(5):
            case 0 | 1:
                self.attempt(multisig.as_multi, by, u16(2), others, when, call, PLENTY)
            case 2:
                self.attempt(multisig.approve_as_multi, by, u16(2), others, when, digest, PLENTY)
            case 3:
                self.runtime.multisig.deposit_factor = FACTOR * u128(self.rng.randint(1, 3))
                self.attempt(multisig.poke_deposit, by, u16(2), others, digest)
                self.runtime.multisig.deposit_factor = FACTOR
            case _:
                time = when or FIRST
                self.attempt(multisig.cancel_as_multi, by, u16(2), others, time, digest)
        if self.one_in(5):
            pay = self.runtime.call("Balances", "transfer_allow_death", dest=Id(DAVE), value=BTT)
            self.attempt(multisig.as_multi_threshold_1, by, [ALICE, BOB, CAROL][:2], pay)

    def check(self) -> None:
        operations = [operation for _, operation in self.runtime.multisig.multisigs.under(BANK)]
        for owner in OWNERS:
            held = sum(o.deposit for o in operations if o.depositor == owner)
            assert self.runtime.balances.reserved(owner) == held
        accounts = (*OWNERS, BANK, DAVE)
        balances = self.runtime.balances
        assert sum(int(balances.total(who)) for who in accounts) == self.total


@given(seeds(10, 30))
def test_what_is_reserved_is_what_the_waiting_operations_hold(steps: list[int]) -> None:
    Owners().run(steps)


def test_random_owners_reach_all_calls_and_events() -> None:
    absent = {"Multisig.as_multi_threshold_1"}
    assert unreached(Owners, Multisig, runs=4, steps=60) == absent
