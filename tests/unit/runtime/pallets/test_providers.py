"""Providers: bonds are at stake for work, and no planck is lost or made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import u16, u32, u128
from runtime.constants import BTT
from runtime.frame import ROOT, BadOrigin, Pallet, TokenError, TokenErrorKind, signed
from runtime.frame.bonding import UnlockChunk
from runtime.pallets.providers import errors, events
from runtime.pallets.providers.pallet import Providers, joining
from runtime.pallets.providers.types import Params, ProviderInfo
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import PPM
from support.providers import ERA, A, B, C, ProviderChain, begun, job, provider_info, selected
from support.runtime import CountingState, refused
from support.stakes import RICH, btt, stash


@pytest.fixture
def chain() -> ProviderChain:
    return begun()


# ---- registration


def test_a_provider_registers_with_a_bond_and_a_deposit(chain: ProviderChain) -> None:
    chain.providers.register(signed(A), provider_info(0, 2), btt(2_000))
    assert chain.balances.held(chain.providers.reason, A) == btt(2_000)
    assert chain.balances.held(chain.providers.deposit_reason, A) == BTT
    assert chain.providers.engagements.info(A) == provider_info(0, 2)
    assert chain.providers.engagements.exists(A)
    assert chain.providers.engagements.operator_of(A) == A
    assert (
        list(chain.providers.membership.members[u16(0)])
        == [A]
        == list(chain.providers.membership.members[u16(2)])
    )
    assert chain.announced()[-2:] == [events.Registered(A), events.Bonded(A, btt(2_000))]
    chain.audit()


def test_a_provider_without_a_bond_earns_nothing_in_mining(chain: ProviderChain) -> None:
    chain.join(1, 0)
    assert chain.providers.engagements.exists(A)
    assert not chain.providers.engagements.is_bonded(A)
    assert chain.providers.engagements.operator_of(A) is None
    assert chain.providers.engagements.operator_of(B) is None
    assert chain.providers.engagements.info(B) is None
    chain.audit()


@pytest.mark.parametrize(
    "info",
    [
        provider_info(1, 0),
        provider_info(0, 0),
        provider_info(0, capacity=0),
        provider_info(0, endpoints=b""),
        provider_info(0, endpoints=b"/ip4/203.0.113.7/tcp/1"),
        provider_info(0, endpoints=b"ip4/203.0.113.7/tcp/1/p2p/12D3"),
        provider_info(0, endpoints=b"/dns4/a/tcp/1/p2p/12D3\n"),
        provider_info(0, endpoints=b"/dns4/a b/tcp/1/p2p/12D3"),
        provider_info(0, endpoints="/dns4/ä/tcp/1/p2p/12D3".encode()),
    ],
)
def test_invalid_information_is_refused(chain: ProviderChain, info: ProviderInfo) -> None:
    with refused(chain, errors.InvalidInfo):
        chain.providers.register(signed(A), info, btt(1))
    chain.join(1, 1)
    with refused(chain, errors.InvalidInfo):
        chain.providers.update(signed(A), info)


def test_no_class_at_all_is_refused(chain: ProviderChain) -> None:
    info = provider_info()
    info.classes = []
    with refused(chain, errors.InvalidInfo):
        chain.providers.register(signed(A), info, btt(1))


def test_several_addresses_have_a_line_each(chain: ProviderChain) -> None:
    both = b"/dns4/a.example/tcp/1/p2p/12D3\n/ip6/::1/tcp/2/p2p/12D3"
    chain.providers.register(signed(A), provider_info(endpoints=both), btt(0))
    assert chain.providers.engagements.exists(A)


def test_wrong_registrations_are_refused(chain: ProviderChain) -> None:
    with refused(chain, errors.UnknownClass):
        chain.providers.register(signed(A), provider_info(0, 3), btt(1))
    chain.join(1, 1)
    with refused(chain, errors.AlreadyProvider):
        chain.providers.register(signed(A), provider_info(), btt(1))
    failed = chain.dispatch_refused(B, "register", info=provider_info(), bond=u128(RICH))
    assert isinstance(failed, TokenError)
    assert failed.kind is TokenErrorKind.FundsUnavailable
    chain.audit()


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("update", {"info": provider_info()}),
        ("bond_extra", {"amount": btt(1)}),
        ("unbond", {"amount": btt(1)}),
        ("withdraw", {}),
        ("chill", {}),
        ("resume", {}),
        ("set_availability", {"hours": None}),
        ("heartbeat", {}),
        ("delegate_score", {"validator": B}),
        ("deregister", {}),
    ],
)
def test_an_account_that_is_no_provider_can_do_nothing(
    chain: ProviderChain, name: str, args: dict[str, object]
) -> None:
    assert isinstance(chain.dispatch_refused(A, name, **args), errors.NotProvider)


def test_an_update_changes_classes_and_keeps_the_bond(chain: ProviderChain) -> None:
    chain.join(1, 2_000, 0, 1)
    chain.providers.update(signed(A), provider_info(1, 2, capacity=9))
    assert [
        list(chain.providers.membership.members[u16(model_class)]) for model_class in range(3)
    ] == [[], [A], [A]]
    assert chain.bond_of(A).capacity == 9
    assert chain.bond_of(A).active == btt(2_000)
    chain.audit()


@pytest.mark.parametrize("key", ["vrf", "seal"])
def test_keys_change_only_between_jobs_and_not_after_a_selection_is_known(key: str) -> None:
    chain = ProviderChain(settling=8)
    chain.begin()
    chain.join(1, 1_000)
    chain.clock.slot = 10
    chain.providers.engagements.reserve(A, job(1), btt(1))
    info = provider_info(capacity=7)
    setattr(info, key, b"\1" * 32)
    with refused(chain, errors.JobsOpen):
        chain.providers.update(signed(A), info)
    chain.providers.update(signed(A), provider_info(capacity=6))
    assert selected(chain) == (A, 1)
    chain.providers.engagements.release(A, job(1))
    chain.providers.update(signed(A), info)
    assert chain.providers.engagements.info(A) == info
    assert selected(chain) == (None, 0)
    chain.clock.slot = 18
    assert selected(chain) == (A, 1)


def test_one_that_is_chilled_may_update_and_stays_out(chain: ProviderChain) -> None:
    chain.join(1, 2_000)
    chain.providers.chill(signed(A))
    chain.providers.update(signed(A), provider_info(1))
    assert list(chain.providers.membership.members[u16(1)]) == []
    chain.providers.resume(signed(A))
    assert list(chain.providers.membership.members[u16(1)]) == [A]
    chain.audit()


def test_deregistering_needs_an_empty_bond_and_gives_the_deposit_back(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    before = chain.balances.free(A)
    chain.providers.engagements.reserve(A, job(1), btt(10))
    with refused(chain, errors.JobsOpen):
        chain.providers.deregister(signed(A))
    chain.providers.engagements.release(A, job(1))
    with refused(chain, errors.StillBonded):
        chain.providers.deregister(signed(A))
    chain.providers.unbond(signed(A), btt(1_000))
    with refused(chain, errors.StillBonded):
        chain.providers.deregister(signed(A))
    chain.turn(6)
    chain.providers.withdraw(signed(A))
    chain.providers.deregister(signed(A))
    assert chain.balances.free(A) == before + btt(1_001)
    assert not chain.providers.engagements.exists(A)
    assert selected(chain) == (None, 0)
    chain.audit()
    left = [item for name, item in chain.providers.live_storage() if name != "members"]
    assert not any(
        chain.host.state.get(key) for item in left for key in keys_of(chain, item.prefix)
    )


def keys_of(chain: ProviderChain, prefix: bytes) -> list[bytes]:
    return list(chain.host.state.keys(prefix))


# ---- bonds


def test_money_that_is_still_vesting_can_be_bonded(chain: ProviderChain) -> None:
    chain.vesting.genesis({"vesting": [[ss58.encode(A), 0, 1_000_000, 2 * int(BTT)]]})
    chain.join(1, 5_000)
    assert chain.bond_of(A).active == btt(5_000)
    chain.providers.engagements.reserve(A, job(1), btt(5_000))
    assert chain.providers.engagements.slash(A, job(1), btt(5_000), B) == btt(5_000)
    chain.audit()


def test_unbonded_money_waits_its_time_and_withdraws_once(chain: ProviderChain) -> None:
    chain.join(1, 3_000)
    chain.providers.bond_extra(signed(A), btt(500))
    chain.providers.unbond(signed(A), btt(1_000))
    chain.providers.unbond(signed(A), btt(200))
    chain.turn()
    chain.providers.unbond(signed(A), btt(300))
    ledger = chain.bond_of(A)
    assert ledger.active == btt(2_000)
    assert ledger.unlocking == [UnlockChunk(btt(1_200), u32(6)), UnlockChunk(btt(300), u32(7))]
    chain.turn(4)
    with refused(chain, errors.NothingToWithdraw):
        chain.providers.withdraw(signed(A))
    chain.turn()
    chain.providers.withdraw(signed(A))
    assert chain.announced()[-1] == events.Withdrawn(A, btt(1_200))
    with refused(chain, errors.NothingToWithdraw):
        chain.providers.withdraw(signed(A))
    chain.turn()
    chain.providers.withdraw(signed(A))
    assert chain.bond_of(A).unlocking == []
    chain.audit()


def test_epochs_without_a_block_do_not_shorten_unbonding(chain: ProviderChain) -> None:
    chain.join(1, 3_000)
    chain.providers.unbond(signed(A), btt(1_000))
    chain.turn(5, skipped=10)
    with refused(chain, errors.NothingToWithdraw):
        chain.providers.withdraw(signed(A))
    chain.turn(skipped=100)
    chain.providers.withdraw(signed(A))
    chain.audit()


def test_unbonding_takes_only_what_is_free(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.providers.engagements.reserve(A, job(1), btt(400))
    chain.providers.unbond(signed(A), btt(5_000))
    assert chain.announced()[-1] == events.Unbonded(A, btt(600), u32(6))
    assert chain.bond_of(A).reserved == btt(400)
    with refused(chain, errors.NothingToUnbond):
        chain.providers.unbond(signed(A), btt(1))
    chain.audit()


def test_only_so_many_parts_are_on_their_way_out() -> None:
    chain = ProviderChain(chunks=2)
    chain.begin()
    chain.join(1, 1_000)
    for _ in range(2):
        chain.providers.unbond(signed(A), btt(1))
        chain.turn()
    with refused(chain, errors.NoMoreChunks):
        chain.providers.unbond(signed(A), btt(1))
    chain.turn(4)
    chain.providers.withdraw(signed(A))
    chain.providers.unbond(signed(A), btt(1))
    chain.audit()


# ---- jobs


def test_a_job_reserves_bond_and_a_place_until_it_is_released(chain: ProviderChain) -> None:
    chain.join(1, 1_000, capacity=2)
    assert chain.providers.engagements.reserve(A, job(1), btt(100)) == btt(100)
    assert chain.providers.engagements.reserve(A, job(2), btt(50)) == btt(50)
    ledger = chain.bond_of(A)
    assert (ledger.active, ledger.reserved, ledger.busy) == (btt(850), btt(150), 2)
    assert selected(chain) == (None, 0)
    chain.providers.engagements.release(A, job(1))
    chain.providers.engagements.release(A, job(1))
    chain.providers.engagements.release(A, job(7))
    chain.providers.engagements.release(B, job(2))
    ledger = chain.bond_of(A)
    assert (ledger.active, ledger.reserved, ledger.busy) == (btt(950), btt(50), 1)
    assert selected(chain) == (A, 1)
    chain.audit()


def test_a_reservation_is_never_more_than_there_is(chain: ProviderChain) -> None:
    chain.join(1, 30)
    assert chain.providers.engagements.reserve(A, job(1), btt(100)) == btt(30)
    assert chain.providers.engagements.reserve(A, job(2), btt(100)) == 0
    chain.audit()
    chain.providers.engagements.release(A, job(1))
    chain.providers.engagements.release(A, job(2))
    assert chain.bond_of(A).active == btt(30)
    chain.audit()


def test_an_invalid_reservation_is_an_error_of_the_caller(chain: ProviderChain) -> None:
    with pytest.raises(ValueError, match="cannot reserve"):
        chain.providers.engagements.reserve(A, job(1), btt(1))
    chain.join(1, 10)
    chain.providers.engagements.reserve(A, job(1), btt(1))
    with pytest.raises(ValueError, match="cannot reserve"):
        chain.providers.engagements.reserve(A, job(1), btt(1))


def test_a_slash_gives_half_to_the_finder_and_burns_the_rest(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.providers.engagements.reserve(A, job(1), btt(100))
    chain.providers.engagements.reserve(A, job(2), btt(60))
    issued, finder = chain.balances.total_issuance.value, chain.balances.free(B)
    odd = u128(btt(100) - 1)
    assert chain.providers.engagements.slash(A, job(1), odd, B) == odd
    half = u128(int(odd) // 2)
    assert chain.balances.free(B) == finder + half
    assert chain.balances.total_issuance.value == issued - (odd - half)
    assert chain.tokenomics.burned_by[BurnReason.Slash] == odd - half
    ledger = chain.bond_of(A)
    assert (ledger.active, ledger.reserved, ledger.busy) == (btt(840) + u128(1), btt(60), 1)
    assert ledger.chilled
    assert chain.announced()[-1] == events.Slashed(A, job(1), odd, B)
    assert selected(chain) == (None, 0)
    chain.providers.engagements.release(A, job(1))
    chain.audit()


@pytest.mark.parametrize("finder", [None, A])
def test_a_slash_without_a_finder_is_burned(chain: ProviderChain, finder: AccountId | None) -> None:
    chain.join(1, 1_000)
    issued, free = chain.balances.total_issuance.value, chain.balances.free(A)
    assert chain.providers.engagements.slash(A, job(1), btt(100), finder) == btt(100)
    assert chain.balances.total_issuance.value == issued - btt(100)
    assert chain.balances.free(A) == free
    assert chain.announced()[-1] == events.Slashed(A, job(1), btt(100), None)
    chain.audit()


@pytest.mark.parametrize(("unlocked", "paid"), [(0, 0), (20, 20), (90, 50)])
def test_vesting_money_cannot_be_freed_by_a_slash_for_the_own_account(
    chain: ProviderChain, unlocked: int, paid: int
) -> None:
    chain.join(1, 1_000)
    liquid = str(btt(unlocked) + BTT)  # the deposit of its registration
    chain.vesting.genesis({"vesting": [[ss58.encode(A), 0, 1_000_000, liquid]]})
    finder = chain.balances.free(B)
    assert chain.providers.engagements.slash(A, job(1), btt(100), B) == btt(100)
    assert chain.balances.free(B) - finder == btt(paid)
    chain.audit()


def test_a_finder_without_an_account_gets_what_opens_one_and_no_less(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    unknown = stash(77)
    issued = chain.balances.total_issuance.value
    assert chain.providers.engagements.slash(A, job(1), u128(1_000), unknown) == 1_000
    assert chain.balances.total_issuance.value == issued - u128(1_000)
    assert chain.providers.engagements.slash(A, job(2), btt(2), unknown) == btt(2)
    assert chain.balances.free(unknown) == btt(1)
    chain.audit()


def test_a_slash_leaves_alone_what_answers_for_other_jobs(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.providers.engagements.reserve(A, job(1), btt(300))
    chain.providers.engagements.reserve(A, job(2), btt(500))
    chain.providers.unbond(signed(A), btt(150))
    assert chain.providers.engagements.slash(A, job(1), btt(5_000), None) == btt(500)
    ledger = chain.bond_of(A)
    assert (ledger.active, ledger.reserved, ledger.leaving) == (0, btt(500), 0)
    assert chain.providers.engagements.slash(A, job(3), btt(5_000), None) == 0
    assert chain.providers.engagements.slash(B, job(3), btt(5_000), None) == 0
    chain.audit()


def test_a_slash_takes_what_was_unbonded_last_first(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    chain.providers.unbond(signed(A), btt(400))
    chain.turn()
    chain.providers.unbond(signed(A), btt(500))
    chain.providers.engagements.slash(A, job(1), btt(700), None)
    assert chain.bond_of(A).unlocking == [UnlockChunk(btt(300), u32(6))]
    assert chain.bond_of(A).active == 0
    chain.audit()


def test_one_that_was_slashed_may_resume(chain: ProviderChain) -> None:
    chain.join(1, 2_000)
    chain.providers.engagements.slash(A, job(1), btt(10), None)
    chain.providers.engagements.slash(A, job(2), btt(10), None)
    assert [event for event in chain.announced() if event == events.Chilled(A)] == [
        events.Chilled(A)
    ]
    chain.providers.resume(signed(A))
    assert selected(chain) == (A, 1)
    chain.audit()


def test_a_fine_is_a_part_of_the_whole_bond_but_touches_no_reservation(
    chain: ProviderChain,
) -> None:
    chain.join(1, 1_000)
    chain.providers.engagements.reserve(A, job(1), btt(980))
    assert chain.providers.engagements.fine(A, 5_000) == btt(5)
    assert chain.providers.engagements.fine(A, PPM) == btt(15)
    assert chain.providers.engagements.fine(A, PPM) == 0
    assert chain.providers.ledgers[A].lost == btt(20)
    assert chain.bond_of(A).reserved == btt(980)
    assert chain.providers.engagements.fine(B, PPM) == 0
    chain.audit()


def test_pay_becomes_bond_up_to_the_minimum_and_no_further(chain: ProviderChain) -> None:
    chain.join(1, 0)
    assert chain.providers.engagements.hold_pay(A, btt(400)) == btt(400)
    assert chain.providers.engagements.hold_pay(A, btt(500)) == btt(500)
    assert chain.providers.engagements.operator_of(A) is None
    assert chain.providers.engagements.hold_pay(A, btt(300)) == btt(100)
    assert chain.providers.engagements.operator_of(A) == A
    assert chain.providers.engagements.hold_pay(A, btt(300)) == 0
    assert chain.providers.engagements.hold_pay(B, btt(300)) == 0
    chain.audit()


@pytest.mark.parametrize("locked", [False, True])
def test_pay_becomes_bond_even_if_all_else_is_spent_or_locked(
    chain: ProviderChain, locked: bool
) -> None:
    chain.join(1, 0)
    spare = chain.balances.reducible_balance(A)
    if locked:
        chain.vesting.genesis({"vesting": [[ss58.encode(A), 0, 1_000_000, 0]]})
    else:
        chain.balances.transfer_allow_death(signed(A), Id(B), spare)
        assert chain.balances.reducible_balance(A) == 0
    chain.balances.transfer(C, A, btt(3))
    assert chain.providers.engagements.hold_pay(A, btt(3)) == btt(3)
    chain.audit()


# ---- classes


def test_a_full_class_gives_the_place_of_the_least_to_a_greater_bond() -> None:
    chain = ProviderChain(members=2)
    chain.begin()
    chain.join(1, 1_000)
    chain.join(2, 2_000, 0, 1)
    assert isinstance(
        chain.dispatch_refused(C, "register", info=provider_info(), bond=btt(1_000)),
        errors.ClassFull,
    )
    chain.join(3, 1_500)
    assert list(chain.providers.membership.members[u16(0)]) == [C, B]
    assert events.Displaced(u16(0), A, C) in chain.announced()
    chain.audit()
    assert isinstance(chain.dispatch_refused(A, "resume"), errors.ClassFull)
    chain.providers.bond_extra(signed(A), btt(700))
    chain.providers.resume(signed(A))
    assert list(chain.providers.membership.members[u16(0)]) == [A, B]
    with refused(chain, errors.NotChilled):
        chain.providers.resume(signed(A))
    chain.audit()


def test_in_a_full_class_a_silent_member_goes_before_a_poor_one() -> None:
    chain = ProviderChain(members=2)
    chain.begin()
    chain.join(1, 9_000)
    chain.join(2, 1_000)
    chain.turn(3, beating=[B])
    chain.join(3, 500)
    assert list(chain.providers.membership.members[u16(0)]) == [C, B]
    chain.audit()


def test_chilling_and_resuming_is_done_once(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    with refused(chain, errors.NotChilled):
        chain.providers.resume(signed(A))
    chain.providers.chill(signed(A))
    with refused(chain, errors.AlreadyChilled):
        chain.providers.chill(signed(A))
    chain.turn(9)
    chain.providers.resume(signed(A))
    assert selected(chain) == (A, 1)
    chain.audit()


# ---- who decides


def test_governance_sets_the_parameters(chain: ProviderChain) -> None:
    chain.join(1, 1_000)
    wanted = Params(minimum_bond=btt(1_001))
    with refused(chain, BadOrigin):
        chain.providers.set_params(signed(A), wanted)
    chain.providers.set_params(ROOT, wanted)
    assert chain.announced()[-1] == events.ParamsSet(wanted)
    assert chain.providers.engagements.operator_of(A) is None
    assert selected(chain) == (None, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        Params(minimum_bond=u128(0)),
        Params(decline_quota=u32(PPM + 1)),
        Params(decline_fine=u32(PPM + 1)),
    ],
)
def test_parameters_must_make_sense(chain: ProviderChain, wrong: Params) -> None:
    with refused(chain, errors.InvalidParams):
        chain.providers.set_params(ROOT, wrong)


# ---- cost


def accesses(providers: int, members: int) -> list[tuple[int, int]]:
    chain = ProviderChain(members=members)
    chain.begin(accounts=providers + 2)
    for number in range(1, providers + 1):
        chain.join(number, 1_000 + number)
    state = CountingState()
    state.data = chain.state.data
    chain.enter(state)
    counts: list[tuple[int, int]] = []
    who = stash(providers)
    chain.clock.slot = ERA
    steps: list[Callable[[], object]] = [
        lambda: chain.mining.on_initialize(1),
        lambda: chain.providers.heartbeat(signed(who)),
        lambda: chain.providers.engagements.reserve(who, job(1), btt(1)),
        lambda: chain.providers.engagements.note_done(who, 5, ok=True),
        lambda: chain.providers.engagements.credit_score(who, 5, 5),
        lambda: chain.providers.engagements.release(who, job(1)),
        lambda: chain.providers.work_scores.scores([who]),
        lambda: selected(chain),
        lambda: chain.join(providers + 1, 5_000),
        lambda: chain.providers.engagements.slash(who, job(2), btt(1), None),
    ]
    for step in steps:
        state.reads = state.writes = 0
        step()
        counts.append((state.reads, state.writes))
    return counts


def test_there_is_no_hook_to_pay_for() -> None:
    assert Providers.on_initialize is Pallet.on_initialize
    assert Providers.on_finalize is Pallet.on_finalize


def test_nothing_costs_more_because_there_are_more_providers_than_a_class_holds() -> None:
    assert accesses(8, 8) == accesses(30, 8)


def test_no_call_is_heavier_than_declared(chain: ProviderChain) -> None:
    most = joining(chain.providers).weight
    for info in (provider_info(0, 1, 2), provider_info(2), provider_info(0, 1)):
        found = (
            chain.providers.update(signed(A), info)
            if chain.providers.engagements.exists(A)
            else chain.providers.register(signed(A), info, btt(1))
        )
        assert found.weight is not None
        assert found.weight <= most
