"""Proxy: acting for another account, never beyond what the proxy's type allows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.ss58 import encode as ss58
from btt_chain.scale import Err, Ok, u8, u16, u32, u64, u128
from runtime.constants import BTT
from runtime.features.economy import SCOPES as CHAIN_SCOPES
from runtime.frame import NONE, ROOT, BadOrigin, Call, PostInfo, Weight, signed
from runtime.frame.error import ModuleError, WireModule
from runtime.pallets.balances import errors as balances_errors
from runtime.pallets.proxy import errors as proxy_errors
from runtime.pallets.proxy import events as proxy_events
from runtime.pallets.proxy import weights
from runtime.pallets.proxy.pallet import Proxy
from runtime.pallets.proxy.types import (
    Announcement,
    DepositKind,
    ProxyDefinition,
    ProxyType,
    Scopes,
    covers,
    pure_account,
)
from runtime.pallets.utility import weights as utility_weights
from runtime.pallets.utility.pallet import Utility
from support.histories import History, seeds, unreached
from support.runtime import TestRuntime, refused

ALICE, BOB, CAROL, DAVE = (AccountId(bytes((n,)) * 32) for n in (1, 2, 3, 4))
TREASURY = AccountId(b"modlpy/trsry" + bytes(20))
BASE, FACTOR = 20 * BTT, 3 * BTT
ANNOUNCED_BASE, ANNOUNCED_FACTOR = 10 * BTT, BTT

SCOPES: Scopes = {
    ProxyType.NonTransfer: ("System", "Utility", "Proxy"),
    ProxyType.Governance: ("System.remark_with_event", "Utility"),
    ProxyType.Staking: ("Balances.burn", "Utility"),
    ProxyType.CancelProxy: ("Proxy.reject_announcement",),
}
FILTERED = Err(WireModule(ModuleError(u8(0), bytes((5, 0, 0, 0)))))


class ProxyRuntime(TestRuntime):
    """Balances, Utility and Proxy; Alice, Bob and Carol have 1,000 BTT each."""

    def build(self) -> None:
        self.balances = self.add_balances()
        self.utility = self.add(9, Utility())
        self.proxy = self.add(
            11,
            Proxy(
                proxy_deposit_base=BASE,
                proxy_deposit_factor=FACTOR,
                announcement_deposit_base=ANNOUNCED_BASE,
                announcement_deposit_factor=ANNOUNCED_FACTOR,
                currency=self.balances,
                system=self.system,
                table=self,
                scopes=SCOPES,
            ),
        )

    def open(self) -> None:
        rows = [[ss58(who), str(1_000 * BTT)] for who in (ALICE, BOB, CAROL)]
        self.balances.genesis({"balances": rows})
        self.at(7)

    def at(self, number: int) -> None:
        self.system.begin_block(u32(number), H256(bytes(32)), Digest([]))
        self.host.extrinsic_index = 2

    def pay_dave(self, btt: int = 1) -> Call:
        return self.call("Balances", "transfer_allow_death", dest=Id(DAVE), value=u128(btt * BTT))

    def remark(self) -> Call:
        return self.call("System", "remark_with_event", remark=b"hello")

    def appoint(self, who: AccountId, delegate: AccountId, kind: ProxyType, delay: int = 0) -> None:
        self.proxy.add_proxy(signed(who), Id(delegate), kind, u32(delay))

    def act(self, who: AccountId, real: AccountId, call: Call) -> object:
        """Make the call by proxy and return what was expected of it."""
        self.proxy.proxy(signed(who), Id(real), None, call)
        return self.result()

    def result(self) -> object:
        last = self.announced()[-1]
        assert isinstance(last, proxy_events.ProxyExecuted)
        return last.result


@pytest.fixture
def runtime() -> ProxyRuntime:
    runtime = ProxyRuntime()
    runtime.open()
    return runtime


# ---- acting


def test_a_proxy_acts_for_the_account(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    assert runtime.act(BOB, ALICE, runtime.pay_dave(5)) == Ok(())
    assert runtime.balances.free(DAVE) == 5 * BTT
    assert runtime.balances.free(BOB) == 1_000 * BTT


def test_a_failing_call_is_reported_and_undone(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    assert isinstance(runtime.act(BOB, ALICE, runtime.pay_dave(5_000)), Err)
    assert runtime.balances.free(DAVE) == 0


def test_another_account_is_no_proxy(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    with refused(runtime, proxy_errors.NotProxy):
        runtime.act(CAROL, ALICE, runtime.pay_dave())
    with refused(runtime, proxy_errors.NotProxy):
        runtime.act(ALICE, BOB, runtime.pay_dave())


def test_a_proxy_is_used_as_what_it_asks_for(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.NonTransfer)
    with refused(runtime, proxy_errors.NotProxy):
        runtime.proxy.proxy(signed(BOB), Id(ALICE), ProxyType.Any, runtime.pay_dave())
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    runtime.proxy.proxy(signed(BOB), Id(ALICE), ProxyType.NonTransfer, runtime.pay_dave())
    assert runtime.result() == FILTERED


@pytest.mark.parametrize(
    ("kind", "may_pay", "may_remark"),
    [
        (ProxyType.Any, True, True),
        (ProxyType.NonTransfer, False, True),
        (ProxyType.Governance, False, True),
        (ProxyType.Staking, False, False),
        (ProxyType.CancelProxy, False, False),
    ],
)
def test_the_type_says_what_a_proxy_may_call(
    runtime: ProxyRuntime, kind: ProxyType, may_pay: bool, may_remark: bool
) -> None:
    runtime.appoint(ALICE, BOB, kind)
    assert (runtime.act(BOB, ALICE, runtime.pay_dave()) == Ok(())) is may_pay
    assert (runtime.act(BOB, ALICE, runtime.remark()) == Ok(())) is may_remark


def test_a_batch_hides_nothing(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.NonTransfer)
    batch = runtime.call("Utility", "batch_all", calls=[runtime.remark(), runtime.pay_dave()])
    assert runtime.act(BOB, ALICE, batch) == FILTERED
    nested = runtime.call("Utility", "batch_all", calls=[batch])
    assert runtime.act(BOB, ALICE, nested) == FILTERED
    assert runtime.balances.free(DAVE) == 0


def test_limits_travel_into_a_second_proxy(runtime: ProxyRuntime) -> None:
    runtime.appoint(CAROL, ALICE, ProxyType.Any)
    runtime.appoint(ALICE, BOB, ProxyType.NonTransfer)
    second = runtime.call(
        "Proxy", "proxy", real=Id(CAROL), force_proxy_type=None, call=runtime.pay_dave()
    )
    assert runtime.act(BOB, ALICE, second) == Ok(())
    results = [e.result for e in runtime.announced() if isinstance(e, proxy_events.ProxyExecuted)]
    assert results == [FILTERED, Ok(())]
    assert runtime.balances.free(DAVE) == 0


# ---- never beyond oneself


@pytest.mark.parametrize("kind", list(ProxyType))
@pytest.mark.parametrize("other", list(ProxyType))
def test_a_proxy_appoints_and_removes_only_those_that_may_do_no_more(
    runtime: ProxyRuntime, kind: ProxyType, other: ProxyType
) -> None:
    runtime.appoint(ALICE, BOB, kind)
    add = runtime.call("Proxy", "add_proxy", delegate=Id(CAROL), proxy_type=other, delay=u32(0))

    allowed = runtime.act(BOB, ALICE, add) == Ok(())

    in_scope = kind in {ProxyType.Any, ProxyType.NonTransfer}
    assert allowed is (in_scope and runtime.proxy.is_superset(kind, other))


LESSER = {
    ProxyType.Any: set(ProxyType),
    ProxyType.NonTransfer: set(ProxyType) - {ProxyType.Any},
    ProxyType.Governance: {ProxyType.Governance},
    ProxyType.Staking: {ProxyType.Staking},
    ProxyType.CancelProxy: {ProxyType.CancelProxy},
}


@pytest.mark.parametrize("kind", list(ProxyType))
@pytest.mark.parametrize("other", list(ProxyType))
def test_which_type_is_above_which_is_fixed(
    runtime: ProxyRuntime, kind: ProxyType, other: ProxyType
) -> None:
    expected = other in LESSER[kind]
    assert runtime.proxy.is_superset(kind, other) is expected
    runtime.proxy.scopes = {}
    assert runtime.proxy.is_superset(kind, other) is expected


def test_only_a_full_proxy_dismisses_all_others(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.NonTransfer)
    runtime.appoint(ALICE, CAROL, ProxyType.Any)
    dismissal = runtime.call("Proxy", "remove_proxies")
    assert runtime.act(BOB, ALICE, dismissal) == FILTERED
    assert runtime.act(CAROL, ALICE, dismissal) == Ok(())
    assert runtime.proxy.proxies[ALICE] == ([], 0)


@pytest.mark.parametrize("kind", list(ProxyType)[1:])
def test_no_call_of_the_chain_is_open_to_a_lesser_type_and_closed_to_a_greater(
    kind: ProxyType,
) -> None:
    for other in LESSER[kind]:
        for entry in CHAIN_SCOPES[other]:
            assert covers(CHAIN_SCOPES[kind], entry), f"{other.name} may {entry}, {kind.name} not"


DEEDS: list[Callable[[ProxyRuntime], Call]] = [
    lambda runtime: runtime.pay_dave(),
    lambda runtime: runtime.call("Proxy", "remove_proxies"),
    lambda runtime: runtime.call(
        "Proxy", "add_proxy", delegate=Id(BOB), proxy_type=ProxyType.Any, delay=u32(0)
    ),
    lambda runtime: runtime.call(
        "Proxy", "remove_proxy", delegate=Id(ALICE), proxy_type=ProxyType.Any, delay=u32(0)
    ),
    lambda runtime: runtime.call("Balances", "burn", value=BTT, keep_alive=True),
]
WRAPS: list[Callable[[ProxyRuntime, Call], Call]] = [
    lambda runtime, call: runtime.call("Utility", "batch", calls=[call]),
    lambda runtime, call: runtime.call("Utility", "force_batch", calls=[runtime.remark(), call]),
    lambda runtime, call: runtime.call("Utility", "if_else", main=call, fallback=call),
    lambda runtime, call: runtime.call(
        "Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=call
    ),
    lambda runtime, call: runtime.call(
        "Proxy", "proxy", real=Id(CAROL), force_proxy_type=None, call=call
    ),
]


@given(
    st.sampled_from(list(ProxyType)[1:3]),
    st.sampled_from(DEEDS),
    st.lists(st.sampled_from(WRAPS), max_size=4),
)
def test_no_wrapping_lets_a_limited_proxy_do_more(
    kind: ProxyType,
    deed: Callable[[ProxyRuntime], Call],
    wraps: list[Callable[[ProxyRuntime, Call], Call]],
) -> None:
    runtime = ProxyRuntime()
    runtime.open()
    runtime.appoint(CAROL, ALICE, ProxyType.Any)
    runtime.appoint(ALICE, BOB, kind)
    call = deed(runtime)
    for wrap in wraps:
        call = wrap(runtime, call)
    before = {
        who: (runtime.balances.total(who), runtime.proxy.proxies[who]) for who in (ALICE, CAROL)
    }

    runtime.act(BOB, ALICE, call)

    for who, (total, proxies) in before.items():
        assert runtime.balances.total(who) == total
        assert runtime.proxy.proxies[who] == proxies


# ---- appointing


def test_proxies_are_kept_in_order_with_their_deposit(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, CAROL, ProxyType.Staking, 5)
    runtime.appoint(ALICE, BOB, ProxyType.Governance)
    runtime.appoint(ALICE, BOB, ProxyType.Any, 3)

    definitions, deposit = runtime.proxy.proxies[ALICE]
    assert definitions == [
        ProxyDefinition(BOB, ProxyType.Any, u32(3)),
        ProxyDefinition(BOB, ProxyType.Governance, u32(0)),
        ProxyDefinition(CAROL, ProxyType.Staking, u32(5)),
    ]
    assert deposit == runtime.balances.reserved(ALICE) == BASE + 3 * FACTOR


def test_removing_proxies_gives_the_deposit_back_step_by_step(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    runtime.appoint(ALICE, CAROL, ProxyType.Any)
    remove = runtime.proxy.remove_proxy
    with refused(runtime, proxy_errors.NotFound):
        remove(signed(ALICE), Id(BOB), ProxyType.Any, u32(1))

    remove(signed(ALICE), Id(BOB), ProxyType.Any, u32(0))
    assert runtime.balances.reserved(ALICE) == BASE + FACTOR
    assert runtime.announced()[-1] == proxy_events.ProxyRemoved(ALICE, BOB, ProxyType.Any, u32(0))
    remove(signed(ALICE), Id(CAROL), ProxyType.Any, u32(0))
    assert runtime.balances.reserved(ALICE) == 0
    assert ALICE not in runtime.proxy.proxies


def test_what_cannot_be_appointed_is_refused(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    with refused(runtime, proxy_errors.Duplicate):
        runtime.appoint(ALICE, BOB, ProxyType.Any)
    with refused(runtime, proxy_errors.NoSelfProxy):
        runtime.appoint(ALICE, ALICE, ProxyType.Any)
    runtime.proxy.max_proxies = u32(1)
    with refused(runtime, proxy_errors.TooMany):
        runtime.appoint(ALICE, CAROL, ProxyType.Any)
    runtime.balances.transfer(BOB, CAROL, 990 * BTT)
    with refused(runtime, balances_errors.InsufficientBalance):
        runtime.appoint(BOB, CAROL, ProxyType.Any)


# ---- announcing


def test_a_delayed_proxy_must_announce_and_wait(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any, delay=10)
    call = runtime.pay_dave()
    call_hash = H256(blake2_256(call.raw))
    with refused(runtime, proxy_errors.Unannounced):
        runtime.act(BOB, ALICE, call)

    runtime.proxy.announce(signed(BOB), Id(ALICE), call_hash)
    assert runtime.proxy.announced.announcements[BOB][0] == [Announcement(ALICE, call_hash, u32(7))]
    assert runtime.balances.reserved(BOB) == ANNOUNCED_BASE + ANNOUNCED_FACTOR
    assert runtime.announced()[-1] == proxy_events.Announced(ALICE, BOB, call_hash)

    make = runtime.proxy.proxy_announced
    runtime.at(16)
    with refused(runtime, proxy_errors.Unannounced):
        make(signed(CAROL), Id(BOB), Id(ALICE), None, call)
    runtime.at(17)
    with refused(runtime, proxy_errors.Unannounced):
        make(signed(CAROL), Id(BOB), Id(ALICE), None, runtime.pay_dave(2))

    make(signed(CAROL), Id(BOB), Id(ALICE), None, call)

    assert runtime.result() == Ok(())
    assert runtime.balances.free(DAVE) == BTT
    assert runtime.balances.reserved(BOB) == 0
    with refused(runtime, proxy_errors.Unannounced):
        make(signed(CAROL), Id(BOB), Id(ALICE), None, call)


def test_an_announcement_can_be_taken_back_or_refused(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any, delay=10)
    first, second = H256(b"\x01" * 32), H256(b"\x02" * 32)
    runtime.proxy.announce(signed(BOB), Id(ALICE), first)
    runtime.proxy.announce(signed(BOB), Id(ALICE), second)
    assert runtime.balances.reserved(BOB) == ANNOUNCED_BASE + 2 * ANNOUNCED_FACTOR

    with refused(runtime, proxy_errors.NotFound):
        runtime.proxy.reject_announcement(signed(CAROL), Id(BOB), first)
    runtime.proxy.reject_announcement(signed(ALICE), Id(BOB), first)
    assert runtime.balances.reserved(BOB) == ANNOUNCED_BASE + ANNOUNCED_FACTOR
    with refused(runtime, proxy_errors.NotFound):
        runtime.proxy.remove_announcement(signed(BOB), Id(ALICE), first)
    runtime.proxy.remove_announcement(signed(BOB), Id(ALICE), second)
    assert runtime.balances.reserved(BOB) == 0
    assert BOB not in runtime.proxy.announced.announcements


def test_only_proxies_announce_and_not_without_end(runtime: ProxyRuntime) -> None:
    with refused(runtime, proxy_errors.NotProxy):
        runtime.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))
    runtime.appoint(ALICE, BOB, ProxyType.Any, delay=10)
    runtime.proxy.max_pending = u32(1)
    runtime.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))
    with refused(runtime, proxy_errors.TooMany):
        runtime.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))


def test_a_cancelling_proxy_refuses_what_another_announced(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any, delay=10)
    runtime.appoint(ALICE, CAROL, ProxyType.CancelProxy)
    call_hash = H256(b"\x01" * 32)
    runtime.proxy.announce(signed(BOB), Id(ALICE), call_hash)
    refusal = runtime.call("Proxy", "reject_announcement", delegate=Id(BOB), call_hash=call_hash)
    assert runtime.act(CAROL, ALICE, refusal) == Ok(())
    assert BOB not in runtime.proxy.announced.announcements


# ---- pure accounts


def pure_of(who: AccountId, index: int = 0) -> AccountId:
    return pure_account(who, ProxyType.Any, index, 7, 2)


def test_a_pure_account_is_derived_as_substrate_does() -> None:
    entropy = b"modlpy/proxy____" + ALICE + bytes.fromhex("0700000002000000000100")
    assert pure_account(ALICE, ProxyType.Any, 1, 7, 2) == blake2_256(entropy)


def test_the_maker_of_a_pure_account_is_its_proxy(runtime: ProxyRuntime) -> None:
    runtime.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    pure = pure_of(ALICE)

    assert runtime.announced()[-1] == proxy_events.PureCreated(pure, ALICE, ProxyType.Any, u16(0))
    assert runtime.balances.reserved(ALICE) == BASE + FACTOR
    runtime.balances.transfer(BOB, pure, 10 * BTT)
    assert runtime.act(ALICE, pure, runtime.pay_dave(4)) == Ok(())
    assert runtime.balances.free(pure) == 6 * BTT


def test_one_extrinsic_makes_several_pure_accounts_by_index(runtime: ProxyRuntime) -> None:
    runtime.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    with refused(runtime, proxy_errors.Duplicate):
        runtime.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    runtime.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(1))
    assert pure_of(ALICE, 1) in runtime.proxy.proxies


def test_a_killed_pure_account_frees_each_deposit_where_it_was_paid(runtime: ProxyRuntime) -> None:
    runtime.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    runtime.appoint(ALICE, CAROL, ProxyType.Any)
    pure = pure_of(ALICE)
    runtime.balances.transfer(BOB, pure, 10 * BTT)
    runtime.proxy.add_proxy(signed(pure), Id(BOB), ProxyType.Any, u32(0))
    assert runtime.balances.reserved(pure) == FACTOR
    kill = runtime.call(
        "Proxy",
        "kill_pure",
        spawner=Id(ALICE),
        proxy_type=ProxyType.Any,
        index=u16(0),
        height=u32(7),
        ext_index=u32(2),
    )

    assert runtime.act(BOB, pure, kill) == Ok(())

    assert pure not in runtime.proxy.proxies
    assert runtime.balances.reserved(pure) == 0
    assert runtime.balances.reserved(ALICE) == BASE + FACTOR, "her own proxy's deposit stays"
    assert proxy_events.PureKilled(pure, ALICE, ProxyType.Any, u16(0)) in runtime.announced()


def test_only_a_pure_account_with_these_arguments_is_killed(runtime: ProxyRuntime) -> None:
    runtime.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    kill = runtime.proxy.kill_pure
    with refused(runtime, proxy_errors.NoPermission):
        kill(signed(ALICE), Id(ALICE), ProxyType.Any, u16(0), u32(7), u32(2))
    with refused(runtime, proxy_errors.NoPermission):
        kill(signed(pure_of(ALICE)), Id(ALICE), ProxyType.Any, u16(0), u32(8), u32(2))


def test_a_limited_proxy_cannot_kill_a_pure_account(runtime: ProxyRuntime) -> None:
    runtime.proxy.create_pure(signed(ALICE), ProxyType.NonTransfer, u32(0), u16(0))
    pure = pure_account(ALICE, ProxyType.NonTransfer, 0, 7, 2)
    kill = runtime.call(
        "Proxy",
        "kill_pure",
        spawner=Id(ALICE),
        proxy_type=ProxyType.NonTransfer,
        index=u16(0),
        height=u32(7),
        ext_index=u32(2),
    )
    assert runtime.act(ALICE, pure, kill) == FILTERED


def test_only_accounts_have_proxies(runtime: ProxyRuntime) -> None:
    for origin in (ROOT, NONE):
        with refused(runtime, BadOrigin):
            runtime.proxy.remove_proxies(origin)


# ---- deposits


def test_deposits_are_reserved_under_a_name(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    runtime.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))
    runtime.proxy.create_pure(signed(CAROL), ProxyType.Any, u32(0), u16(0))
    for who in (ALICE, BOB, CAROL):
        reserved = runtime.balances.reserved(who)
        assert reserved == runtime.balances.reservable_currency.reserved_named(b"py/proxy", who) > 0
        runtime.balances.force_unreserve(ROOT, Id(who), reserved)
        assert runtime.balances.reserved(who) == reserved


def test_a_killed_pure_account_frees_no_deposit_of_another_pallet(runtime: ProxyRuntime) -> None:
    runtime.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    pure = pure_of(ALICE)
    runtime.balances.transfer(BOB, pure, 100 * BTT)
    runtime.balances.reservable_currency.reserve(ALICE, 50 * BTT)
    for _ in range(2):
        runtime.proxy.kill_pure(signed(pure), Id(ALICE), ProxyType.Any, u16(0), u32(7), u32(2))
        runtime.appoint(pure, ALICE, ProxyType.Any)
    assert runtime.balances.reserved(ALICE) == 50 * BTT


def test_deposits_follow_the_price_when_poked(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    runtime.appoint(BOB, CAROL, ProxyType.Any)
    runtime.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))
    poke = runtime.call("Proxy", "poke_deposit")
    assert runtime.dispatch(signed(BOB), poke) == PostInfo(), "not free without a change"
    assert runtime.dispatch(signed(CAROL), poke) == PostInfo(), "nothing to change"

    expected = []
    old, old_announced = BASE + FACTOR, ANNOUNCED_BASE + ANNOUNCED_FACTOR
    for factor in (5 * BTT, u128(0)):
        runtime.proxy.proxy_deposit_factor = factor
        runtime.proxy.announced.announcement_deposit_factor = 2 * factor
        assert runtime.dispatch(signed(BOB), poke).pays is False
        new, new_announced = BASE + factor, ANNOUNCED_BASE + 2 * factor
        expected.append(proxy_events.DepositPoked(BOB, DepositKind.Proxies, old, new))
        expected.append(
            proxy_events.DepositPoked(BOB, DepositKind.Announcements, old_announced, new_announced)
        )
        old, old_announced = new, new_announced
        assert runtime.proxy.proxies[BOB][1] == new
        assert runtime.proxy.announced.announcements[BOB][1] == new_announced
        assert runtime.balances.reserved(BOB) == new + new_announced
    assert [e for e in runtime.announced() if isinstance(e, proxy_events.DepositPoked)] == expected

    runtime.proxy.proxy_deposit_factor = 990 * BTT
    with refused(runtime, balances_errors.InsufficientBalance):
        runtime.dispatch(signed(BOB), poke)
    with refused(runtime, BadOrigin):
        runtime.dispatch(ROOT, poke)


# ---- weights and scopes


def test_limits_that_hold_already_are_not_added(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.NonTransfer)
    runtime.appoint(BOB, ALICE, ProxyType.NonTransfer)
    asked = 0
    may_call = runtime.proxy.may_call

    def counting(kind: ProxyType, inner: Call) -> bool:
        nonlocal asked
        asked += 1
        return may_call(kind, inner)

    call = runtime.remark()
    for place in range(6):
        real = BOB if place % 2 == 0 else ALICE
        call = runtime.call("Proxy", "proxy", real=Id(real), force_proxy_type=None, call=call)
    runtime.proxy.__dict__["may_call"] = counting
    runtime.dispatch(signed(BOB), call)
    results = [e.result for e in runtime.announced() if isinstance(e, proxy_events.ProxyExecuted)]
    assert results == [Ok(())] * 6
    assert asked == 6, "once for each call within"


def test_each_proxy_of_an_account_makes_acting_for_it_dearer(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    inner = runtime.pay_dave()
    proxied = runtime.call("Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=inner)
    own = runtime.info(inner).weight
    assert runtime.info(proxied).weight == weights.proxy(32) + own
    heavy = Weight(u64(u64.MAX), u64(0))
    declared = runtime.call("Utility", "with_weight", call=inner, weight=heavy)
    proxied_declared = runtime.call(
        "Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=declared
    )
    assert runtime.info(proxied_declared).weight > u64.MAX
    assert runtime.dispatch(signed(BOB), proxied).weight == weights.proxy(1) + own
    runtime.appoint(ALICE, CAROL, ProxyType.Any)
    assert runtime.dispatch(signed(BOB), proxied).weight == weights.proxy(2) + own


def test_what_a_proxied_batch_did_not_use_is_given_back(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any)
    paid = runtime.pay_dave(5_000)
    batch = runtime.call("Utility", "batch", calls=[paid] * 20)
    proxied = runtime.call("Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=batch)
    used = runtime.dispatch(signed(BOB), proxied).weight
    assert used is not None
    unmade = utility_weights.carrying(19, 19 * len(paid.raw))
    own = weights.proxy(1) + utility_weights.batch(1)
    assert used == own + runtime.info(paid).weight + unmade


def test_an_announced_call_weighs_both_lists(runtime: ProxyRuntime) -> None:
    runtime.appoint(ALICE, BOB, ProxyType.Any, delay=1)
    call = runtime.pay_dave()
    for call_hash in (H256(blake2_256(call.raw)), H256(bytes(32))):
        runtime.proxy.announce(signed(BOB), Id(ALICE), call_hash)
    runtime.at(8)
    made = runtime.call(
        "Proxy",
        "proxy_announced",
        delegate=Id(BOB),
        real=Id(ALICE),
        force_proxy_type=None,
        call=call,
    )
    own = runtime.info(call).weight
    assert runtime.info(made).weight == weights.proxy_announced(32, 32) + own
    assert runtime.dispatch(signed(CAROL), made).weight == weights.proxy_announced(1, 2) + own


def test_a_proxied_call_weighs_more_than_the_call(runtime: ProxyRuntime) -> None:
    call = runtime.pay_dave()
    proxied = runtime.call("Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=call)
    assert runtime.info(proxied).weight > runtime.info(call).weight


@pytest.mark.parametrize(
    ("entry", "covered"),
    [
        ("System.remark", True),
        ("System", True),
        ("Vesting.vest", True),
        ("Vesting.vested_transfer", False),
        ("Vesting", False),
        ("Sys", False),
    ],
)
def test_a_scope_names_pallets_and_single_calls(entry: str, covered: bool) -> None:
    assert covers(("System", "Vesting.vest"), entry) is covered


class Proxies(History):
    """Three accounts that appoint each other, announce, and make accounts without a key."""

    accounts = (ALICE, BOB, CAROL)

    def __init__(self) -> None:
        self.runtime = ProxyRuntime()
        super().__init__(self.runtime)
        self.runtime.open()
        self.proxy = self.runtime.proxy
        self.pures: dict[AccountId, list[tuple[AccountId, ProxyType, int, int]]] = {}
        """Accounts without a key: kind, index and block, by owner."""
        self.number = 10

    def step(self) -> None:
        self.number += self.one_of((1, 1, 6))
        self.runtime.at(self.number)
        steps = (
            *[self.add] * 4, self.remove, self.clear, *[self.announce] * 4, *[self.reject] * 2,
            self.act, self.act_announced, self.act_announced, self.pure, self.kill, self.poke,
        )  # fmt: skip
        self.one_of(steps)(self.one_of(self.accounts), self.one_of(self.accounts))

    def appointed(self, who: AccountId, other: AccountId) -> tuple[AccountId, AccountId, int, int]:
        """Choose an owner with its delegate, kind and delay; at random if there is none."""
        known = [
            (real, one.delegate, int(one.proxy_type), int(one.delay))
            for real in self.accounts
            for one in self.proxy.proxies[real][0]
        ]
        return self.one_of(known) if known and not self.one_in(8) else (who, other, 0, 0)

    def add(self, who: AccountId, other: AccountId) -> None:
        kind, delay = self.one_of(list(ProxyType)), u32(self.one_of((0, 0, 5)))
        self.attempt(self.proxy.add_proxy, signed(who), Id(other), kind, delay)

    def remove(self, who: AccountId, other: AccountId) -> None:
        who, other, kind, delay = self.appointed(who, other)
        place = Id(other), ProxyType(kind), u32(delay)
        self.attempt(self.proxy.remove_proxy, signed(who), *place)

    def clear(self, who: AccountId, other: AccountId) -> None:
        if self.one_in(3):
            self.attempt(self.proxy.remove_proxies, signed(who))

    def payment(self) -> Call:
        return self.runtime.call("System", "remark_with_event", remark=b"x")

    def announce(self, who: AccountId, other: AccountId) -> None:
        real, delegate, _, _ = self.appointed(other, who)
        digest = H256(blake2_256(self.payment().raw))
        self.attempt(self.proxy.announce, signed(delegate), Id(real), digest)

    def announced(self, who: AccountId, other: AccountId) -> tuple[AccountId, AccountId]:
        """Choose a delegate that announced something, and for whom."""
        known = [
            (delegate, one.real)
            for delegate in self.accounts
            for one in self.proxy.announced.announcements[delegate][0]
        ]
        return self.one_of(known) if known and not self.one_in(8) else (who, other)

    def reject(self, who: AccountId, other: AccountId) -> None:
        delegate, real = self.announced(who, other)
        digest = H256(blake2_256(self.payment().raw))
        if self.one_in(2):
            self.attempt(self.proxy.reject_announcement, signed(real), Id(delegate), digest)
        else:
            self.attempt(self.proxy.remove_announcement, signed(delegate), Id(real), digest)

    def act(self, who: AccountId, other: AccountId) -> None:
        real, delegate, _, _ = self.appointed(who, other)
        self.attempt(self.proxy.proxy, signed(delegate), Id(real), None, self.payment())

    def act_announced(self, who: AccountId, other: AccountId) -> None:
        delegate, real = self.announced(who, other)
        whom = Id(delegate), Id(real)
        self.attempt(self.proxy.proxy_announced, signed(who), *whom, None, self.payment())

    def pure(self, who: AccountId, other: AccountId) -> None:
        kind, index = self.one_of(list(ProxyType)), u16(self.number)
        if self.attempt(self.proxy.create_pure, signed(who), kind, u32(0), index):
            created = [one for one in self.runtime.announced() if isinstance(one, PURE)][-1]
            made = created.pure, kind, int(index), self.number
            self.pures.setdefault(who, []).append(made)

    def kill(self, who: AccountId, other: AccountId) -> None:
        for pure, kind, index, block in self.pures.get(who, [])[:1]:
            place = kind, u16(index), u32(block), u32(2)
            if self.attempt(self.proxy.kill_pure, signed(pure), Id(who), *place):
                self.pures[who].pop(0)

    def poke(self, who: AccountId, other: AccountId) -> None:
        self.proxy.proxy_deposit_factor = FACTOR * u128(self.rng.randint(1, 3))
        self.attempt(self.proxy.poke_deposit, signed(who))
        self.proxy.proxy_deposit_factor = FACTOR

    def check(self) -> None:
        proxy, balances = self.proxy, self.runtime.balances
        for account in self.accounts:
            owed = proxy.proxies[account][1] + proxy.announced.announcements[account][1]
            owed += len(self.pures.get(account, [])) * (BASE + FACTOR)
            assert balances.reserved(account) == owed
            assert balances.total(account) == 1_000 * BTT


PURE = proxy_events.PureCreated


@given(seeds(15, 40))
def test_what_is_reserved_is_what_the_lists_say(steps: list[int]) -> None:
    Proxies().run(steps)


def test_random_proxies_reach_all_calls_and_events() -> None:
    assert unreached(Proxies, Proxy, runs=4, steps=100) == set()
