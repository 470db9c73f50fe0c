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
from runtime import SCOPES as CHAIN_SCOPES
from runtime.constants import BTT
from runtime.frame import NONE, ROOT, BadOrigin, Call, PostInfo, Weight, signed
from runtime.frame.error import ModuleError, WireModule
from runtime.pallets.balances import Balances
from runtime.pallets.proxy import (
    Announcement,
    DepositKind,
    Proxy,
    ProxyDefinition,
    ProxyType,
    Scopes,
    covers,
    pure_account,
)
from runtime.pallets.utility import Utility
from runtime.weights import proxy as weights
from runtime.weights import utility as utility_weights
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


class Office(TestRuntime):
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
        assert isinstance(last, Proxy.ProxyExecuted)
        return last.result


@pytest.fixture
def office() -> Office:
    office = Office()
    office.open()
    return office


# ---- acting


def test_a_proxy_acts_for_the_account(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    assert office.act(BOB, ALICE, office.pay_dave(5)) == Ok(())
    assert office.balances.free(DAVE) == 5 * BTT
    assert office.balances.free(BOB) == 1_000 * BTT


def test_a_failing_call_is_reported_and_undone(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    assert isinstance(office.act(BOB, ALICE, office.pay_dave(5_000)), Err)
    assert office.balances.free(DAVE) == 0


def test_another_account_is_no_proxy(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    with refused(office, Proxy.NotProxy):
        office.act(CAROL, ALICE, office.pay_dave())
    with refused(office, Proxy.NotProxy):
        office.act(ALICE, BOB, office.pay_dave())


def test_a_proxy_is_used_as_what_it_asks_for(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.NonTransfer)
    with refused(office, Proxy.NotProxy):
        office.proxy.proxy(signed(BOB), Id(ALICE), ProxyType.Any, office.pay_dave())
    office.appoint(ALICE, BOB, ProxyType.Any)
    office.proxy.proxy(signed(BOB), Id(ALICE), ProxyType.NonTransfer, office.pay_dave())
    assert office.result() == FILTERED


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
    office: Office, kind: ProxyType, may_pay: bool, may_remark: bool
) -> None:
    office.appoint(ALICE, BOB, kind)
    assert (office.act(BOB, ALICE, office.pay_dave()) == Ok(())) is may_pay
    assert (office.act(BOB, ALICE, office.remark()) == Ok(())) is may_remark


def test_a_batch_hides_nothing(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.NonTransfer)
    batch = office.call("Utility", "batch_all", calls=[office.remark(), office.pay_dave()])
    assert office.act(BOB, ALICE, batch) == FILTERED
    nested = office.call("Utility", "batch_all", calls=[batch])
    assert office.act(BOB, ALICE, nested) == FILTERED
    assert office.balances.free(DAVE) == 0


def test_limits_travel_into_a_second_proxy(office: Office) -> None:
    office.appoint(CAROL, ALICE, ProxyType.Any)
    office.appoint(ALICE, BOB, ProxyType.NonTransfer)
    second = office.call(
        "Proxy", "proxy", real=Id(CAROL), force_proxy_type=None, call=office.pay_dave()
    )
    assert office.act(BOB, ALICE, second) == Ok(())
    results = [e.result for e in office.announced() if isinstance(e, Proxy.ProxyExecuted)]
    assert results == [FILTERED, Ok(())]
    assert office.balances.free(DAVE) == 0


# ---- never beyond oneself


@pytest.mark.parametrize("kind", list(ProxyType))
@pytest.mark.parametrize("other", list(ProxyType))
def test_a_proxy_appoints_and_removes_only_those_that_may_do_no_more(
    office: Office, kind: ProxyType, other: ProxyType
) -> None:
    office.appoint(ALICE, BOB, kind)
    add = office.call("Proxy", "add_proxy", delegate=Id(CAROL), proxy_type=other, delay=u32(0))

    allowed = office.act(BOB, ALICE, add) == Ok(())

    in_scope = kind in {ProxyType.Any, ProxyType.NonTransfer}
    assert allowed is (in_scope and office.proxy.is_superset(kind, other))


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
    office: Office, kind: ProxyType, other: ProxyType
) -> None:
    expected = other in LESSER[kind]
    assert office.proxy.is_superset(kind, other) is expected
    office.proxy.scopes = {}
    assert office.proxy.is_superset(kind, other) is expected


def test_only_a_full_proxy_dismisses_all_others(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.NonTransfer)
    office.appoint(ALICE, CAROL, ProxyType.Any)
    dismissal = office.call("Proxy", "remove_proxies")
    assert office.act(BOB, ALICE, dismissal) == FILTERED
    assert office.act(CAROL, ALICE, dismissal) == Ok(())
    assert office.proxy.proxies[ALICE] == ([], 0)


@pytest.mark.parametrize("kind", list(ProxyType)[1:])
def test_no_call_of_the_chain_is_open_to_a_lesser_type_and_closed_to_a_greater(
    kind: ProxyType,
) -> None:
    for other in LESSER[kind]:
        for entry in CHAIN_SCOPES[other]:
            assert covers(CHAIN_SCOPES[kind], entry), f"{other.name} may {entry}, {kind.name} not"


DEEDS: list[Callable[[Office], Call]] = [
    lambda office: office.pay_dave(),
    lambda office: office.call("Proxy", "remove_proxies"),
    lambda office: office.call(
        "Proxy", "add_proxy", delegate=Id(BOB), proxy_type=ProxyType.Any, delay=u32(0)
    ),
    lambda office: office.call(
        "Proxy", "remove_proxy", delegate=Id(ALICE), proxy_type=ProxyType.Any, delay=u32(0)
    ),
    lambda office: office.call("Balances", "burn", value=BTT, keep_alive=True),
]
WRAPS: list[Callable[[Office, Call], Call]] = [
    lambda office, call: office.call("Utility", "batch", calls=[call]),
    lambda office, call: office.call("Utility", "force_batch", calls=[office.remark(), call]),
    lambda office, call: office.call("Utility", "if_else", main=call, fallback=call),
    lambda office, call: office.call(
        "Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=call
    ),
    lambda office, call: office.call(
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
    deed: Callable[[Office], Call],
    wraps: list[Callable[[Office, Call], Call]],
) -> None:
    office = Office()
    office.open()
    office.appoint(CAROL, ALICE, ProxyType.Any)
    office.appoint(ALICE, BOB, kind)
    call = deed(office)
    for wrap in wraps:
        call = wrap(office, call)
    before = {
        who: (office.balances.total(who), office.proxy.proxies[who]) for who in (ALICE, CAROL)
    }

    office.act(BOB, ALICE, call)

    for who, (total, proxies) in before.items():
        assert office.balances.total(who) == total
        assert office.proxy.proxies[who] == proxies


# ---- appointing


def test_proxies_are_kept_in_order_with_their_deposit(office: Office) -> None:
    office.appoint(ALICE, CAROL, ProxyType.Staking, 5)
    office.appoint(ALICE, BOB, ProxyType.Governance)
    office.appoint(ALICE, BOB, ProxyType.Any, 3)

    definitions, deposit = office.proxy.proxies[ALICE]
    assert definitions == [
        ProxyDefinition(BOB, ProxyType.Any, u32(3)),
        ProxyDefinition(BOB, ProxyType.Governance, u32(0)),
        ProxyDefinition(CAROL, ProxyType.Staking, u32(5)),
    ]
    assert deposit == office.balances.reserved(ALICE) == BASE + 3 * FACTOR


def test_removing_proxies_gives_the_deposit_back_step_by_step(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    office.appoint(ALICE, CAROL, ProxyType.Any)
    remove = office.proxy.remove_proxy
    with refused(office, Proxy.NotFound):
        remove(signed(ALICE), Id(BOB), ProxyType.Any, u32(1))

    remove(signed(ALICE), Id(BOB), ProxyType.Any, u32(0))
    assert office.balances.reserved(ALICE) == BASE + FACTOR
    assert office.announced()[-1] == Proxy.ProxyRemoved(ALICE, BOB, ProxyType.Any, u32(0))
    remove(signed(ALICE), Id(CAROL), ProxyType.Any, u32(0))
    assert office.balances.reserved(ALICE) == 0
    assert ALICE not in office.proxy.proxies


def test_what_cannot_be_appointed_is_refused(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    with refused(office, Proxy.Duplicate):
        office.appoint(ALICE, BOB, ProxyType.Any)
    with refused(office, Proxy.NoSelfProxy):
        office.appoint(ALICE, ALICE, ProxyType.Any)
    office.proxy.max_proxies = u32(1)
    with refused(office, Proxy.TooMany):
        office.appoint(ALICE, CAROL, ProxyType.Any)
    office.balances.transfer(BOB, CAROL, 990 * BTT)
    with refused(office, Balances.InsufficientBalance):
        office.appoint(BOB, CAROL, ProxyType.Any)


# ---- announcing


def test_a_delayed_proxy_must_announce_and_wait(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any, delay=10)
    call = office.pay_dave()
    call_hash = H256(blake2_256(call.raw))
    with refused(office, Proxy.Unannounced):
        office.act(BOB, ALICE, call)

    office.proxy.announce(signed(BOB), Id(ALICE), call_hash)
    assert office.proxy.announced.announcements[BOB][0] == [Announcement(ALICE, call_hash, u32(7))]
    assert office.balances.reserved(BOB) == ANNOUNCED_BASE + ANNOUNCED_FACTOR
    assert office.announced()[-1] == Proxy.Announced(ALICE, BOB, call_hash)

    make = office.proxy.proxy_announced
    office.at(16)
    with refused(office, Proxy.Unannounced):
        make(signed(CAROL), Id(BOB), Id(ALICE), None, call)
    office.at(17)
    with refused(office, Proxy.Unannounced):
        make(signed(CAROL), Id(BOB), Id(ALICE), None, office.pay_dave(2))

    make(signed(CAROL), Id(BOB), Id(ALICE), None, call)

    assert office.result() == Ok(())
    assert office.balances.free(DAVE) == BTT
    assert office.balances.reserved(BOB) == 0
    with refused(office, Proxy.Unannounced):
        make(signed(CAROL), Id(BOB), Id(ALICE), None, call)


def test_an_announcement_can_be_taken_back_or_refused(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any, delay=10)
    first, second = H256(b"\x01" * 32), H256(b"\x02" * 32)
    office.proxy.announce(signed(BOB), Id(ALICE), first)
    office.proxy.announce(signed(BOB), Id(ALICE), second)
    assert office.balances.reserved(BOB) == ANNOUNCED_BASE + 2 * ANNOUNCED_FACTOR

    with refused(office, Proxy.NotFound):
        office.proxy.reject_announcement(signed(CAROL), Id(BOB), first)
    office.proxy.reject_announcement(signed(ALICE), Id(BOB), first)
    assert office.balances.reserved(BOB) == ANNOUNCED_BASE + ANNOUNCED_FACTOR
    with refused(office, Proxy.NotFound):
        office.proxy.remove_announcement(signed(BOB), Id(ALICE), first)
    office.proxy.remove_announcement(signed(BOB), Id(ALICE), second)
    assert office.balances.reserved(BOB) == 0
    assert BOB not in office.proxy.announced.announcements


def test_only_proxies_announce_and_not_without_end(office: Office) -> None:
    with refused(office, Proxy.NotProxy):
        office.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))
    office.appoint(ALICE, BOB, ProxyType.Any, delay=10)
    office.proxy.max_pending = u32(1)
    office.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))
    with refused(office, Proxy.TooMany):
        office.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))


def test_a_cancelling_proxy_refuses_what_another_announced(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any, delay=10)
    office.appoint(ALICE, CAROL, ProxyType.CancelProxy)
    call_hash = H256(b"\x01" * 32)
    office.proxy.announce(signed(BOB), Id(ALICE), call_hash)
    refusal = office.call("Proxy", "reject_announcement", delegate=Id(BOB), call_hash=call_hash)
    assert office.act(CAROL, ALICE, refusal) == Ok(())
    assert BOB not in office.proxy.announced.announcements


# ---- pure accounts


def pure_of(who: AccountId, index: int = 0) -> AccountId:
    return pure_account(who, ProxyType.Any, index, 7, 2)


def test_a_pure_account_is_derived_as_substrate_does() -> None:
    entropy = b"modlpy/proxy____" + ALICE + bytes.fromhex("0700000002000000000100")
    assert pure_account(ALICE, ProxyType.Any, 1, 7, 2) == blake2_256(entropy)


def test_the_maker_of_a_pure_account_is_its_proxy(office: Office) -> None:
    office.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    pure = pure_of(ALICE)

    assert office.announced()[-1] == Proxy.PureCreated(pure, ALICE, ProxyType.Any, u16(0))
    assert office.balances.reserved(ALICE) == BASE + FACTOR
    office.balances.transfer(BOB, pure, 10 * BTT)
    assert office.act(ALICE, pure, office.pay_dave(4)) == Ok(())
    assert office.balances.free(pure) == 6 * BTT


def test_one_extrinsic_makes_several_pure_accounts_by_index(office: Office) -> None:
    office.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    with refused(office, Proxy.Duplicate):
        office.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    office.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(1))
    assert pure_of(ALICE, 1) in office.proxy.proxies


def test_a_killed_pure_account_frees_each_deposit_where_it_was_paid(office: Office) -> None:
    office.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    office.appoint(ALICE, CAROL, ProxyType.Any)
    pure = pure_of(ALICE)
    office.balances.transfer(BOB, pure, 10 * BTT)
    office.proxy.add_proxy(signed(pure), Id(BOB), ProxyType.Any, u32(0))
    assert office.balances.reserved(pure) == FACTOR
    kill = office.call(
        "Proxy",
        "kill_pure",
        spawner=Id(ALICE),
        proxy_type=ProxyType.Any,
        index=u16(0),
        height=u32(7),
        ext_index=u32(2),
    )

    assert office.act(BOB, pure, kill) == Ok(())

    assert pure not in office.proxy.proxies
    assert office.balances.reserved(pure) == 0
    assert office.balances.reserved(ALICE) == BASE + FACTOR, "her own proxy's deposit stays"
    assert Proxy.PureKilled(pure, ALICE, ProxyType.Any, u16(0)) in office.announced()


def test_only_a_pure_account_with_these_arguments_is_killed(office: Office) -> None:
    office.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    kill = office.proxy.kill_pure
    with refused(office, Proxy.NoPermission):
        kill(signed(ALICE), Id(ALICE), ProxyType.Any, u16(0), u32(7), u32(2))
    with refused(office, Proxy.NoPermission):
        kill(signed(pure_of(ALICE)), Id(ALICE), ProxyType.Any, u16(0), u32(8), u32(2))


def test_a_limited_proxy_cannot_kill_a_pure_account(office: Office) -> None:
    office.proxy.create_pure(signed(ALICE), ProxyType.NonTransfer, u32(0), u16(0))
    pure = pure_account(ALICE, ProxyType.NonTransfer, 0, 7, 2)
    kill = office.call(
        "Proxy",
        "kill_pure",
        spawner=Id(ALICE),
        proxy_type=ProxyType.NonTransfer,
        index=u16(0),
        height=u32(7),
        ext_index=u32(2),
    )
    assert office.act(ALICE, pure, kill) == FILTERED


def test_only_accounts_have_proxies(office: Office) -> None:
    for origin in (ROOT, NONE):
        with refused(office, BadOrigin):
            office.proxy.remove_proxies(origin)


# ---- deposits


def test_deposits_are_reserved_under_a_name(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    office.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))
    office.proxy.create_pure(signed(CAROL), ProxyType.Any, u32(0), u16(0))
    for who in (ALICE, BOB, CAROL):
        reserved = office.balances.reserved(who)
        assert reserved == office.balances.reservable_currency.reserved_named(b"py/proxy", who) > 0
        office.balances.force_unreserve(ROOT, Id(who), reserved)
        assert office.balances.reserved(who) == reserved


def test_a_killed_pure_account_frees_no_deposit_of_another_pallet(office: Office) -> None:
    office.proxy.create_pure(signed(ALICE), ProxyType.Any, u32(0), u16(0))
    pure = pure_of(ALICE)
    office.balances.transfer(BOB, pure, 100 * BTT)
    office.balances.reservable_currency.reserve(ALICE, 50 * BTT)
    for _ in range(2):
        office.proxy.kill_pure(signed(pure), Id(ALICE), ProxyType.Any, u16(0), u32(7), u32(2))
        office.appoint(pure, ALICE, ProxyType.Any)
    assert office.balances.reserved(ALICE) == 50 * BTT


def test_deposits_follow_the_price_when_poked(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    office.appoint(BOB, CAROL, ProxyType.Any)
    office.proxy.announce(signed(BOB), Id(ALICE), H256(bytes(32)))
    poke = office.call("Proxy", "poke_deposit")
    assert office.dispatch(signed(BOB), poke) == PostInfo(), "not free without a change"
    assert office.dispatch(signed(CAROL), poke) == PostInfo(), "nothing to change"

    expected = []
    old, old_announced = BASE + FACTOR, ANNOUNCED_BASE + ANNOUNCED_FACTOR
    for factor in (5 * BTT, u128(0)):
        office.proxy.proxy_deposit_factor = factor
        office.proxy.announced.deposit_factor = 2 * factor
        assert office.dispatch(signed(BOB), poke).pays is False
        new, new_announced = BASE + factor, ANNOUNCED_BASE + 2 * factor
        expected.append(Proxy.DepositPoked(BOB, DepositKind.Proxies, old, new))
        expected.append(
            Proxy.DepositPoked(BOB, DepositKind.Announcements, old_announced, new_announced)
        )
        old, old_announced = new, new_announced
        assert office.proxy.proxies[BOB][1] == new
        assert office.proxy.announced.announcements[BOB][1] == new_announced
        assert office.balances.reserved(BOB) == new + new_announced
    assert [e for e in office.announced() if isinstance(e, Proxy.DepositPoked)] == expected

    office.proxy.proxy_deposit_factor = 990 * BTT
    with refused(office, Balances.InsufficientBalance):
        office.dispatch(signed(BOB), poke)
    with refused(office, BadOrigin):
        office.dispatch(ROOT, poke)


# ---- weights and scopes


def test_limits_that_hold_already_are_not_added(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.NonTransfer)
    office.appoint(BOB, ALICE, ProxyType.NonTransfer)
    asked = 0
    may_call = office.proxy.may_call

    def counting(kind: ProxyType, inner: Call) -> bool:
        nonlocal asked
        asked += 1
        return may_call(kind, inner)

    call = office.remark()
    for place in range(6):
        real = BOB if place % 2 == 0 else ALICE
        call = office.call("Proxy", "proxy", real=Id(real), force_proxy_type=None, call=call)
    office.proxy.__dict__["may_call"] = counting
    office.dispatch(signed(BOB), call)
    results = [e.result for e in office.announced() if isinstance(e, Proxy.ProxyExecuted)]
    assert results == [Ok(())] * 6
    assert asked == 6, "once for each call within"


def test_each_proxy_of_an_account_makes_acting_for_it_dearer(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    inner = office.pay_dave()
    proxied = office.call("Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=inner)
    own = office.info(inner).weight
    assert office.info(proxied).weight == weights.proxy(32) + own
    heavy = Weight(u64(u64.MAX), u64(0))
    declared = office.call("Utility", "with_weight", call=inner, weight=heavy)
    proxied_declared = office.call(
        "Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=declared
    )
    assert office.info(proxied_declared).weight > u64.MAX
    assert office.dispatch(signed(BOB), proxied).weight == weights.proxy(1) + own
    office.appoint(ALICE, CAROL, ProxyType.Any)
    assert office.dispatch(signed(BOB), proxied).weight == weights.proxy(2) + own


def test_what_a_proxied_batch_did_not_use_is_given_back(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any)
    batch = office.call("Utility", "batch", calls=[office.pay_dave(5_000)] * 20)
    proxied = office.call("Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=batch)
    used = office.dispatch(signed(BOB), proxied).weight
    assert used is not None
    assert (
        used == weights.proxy(1) + utility_weights.batch(1) + office.info(office.pay_dave()).weight
    )


def test_an_announced_call_weighs_both_lists(office: Office) -> None:
    office.appoint(ALICE, BOB, ProxyType.Any, delay=1)
    call = office.pay_dave()
    for call_hash in (H256(blake2_256(call.raw)), H256(bytes(32))):
        office.proxy.announce(signed(BOB), Id(ALICE), call_hash)
    office.at(8)
    made = office.call(
        "Proxy",
        "proxy_announced",
        delegate=Id(BOB),
        real=Id(ALICE),
        force_proxy_type=None,
        call=call,
    )
    own = office.info(call).weight
    assert office.info(made).weight == weights.proxy_announced(32, 32) + own
    assert office.dispatch(signed(CAROL), made).weight == weights.proxy_announced(1, 2) + own


def test_a_proxied_call_weighs_more_than_the_call(office: Office) -> None:
    call = office.pay_dave()
    proxied = office.call("Proxy", "proxy", real=Id(ALICE), force_proxy_type=None, call=call)
    assert office.info(proxied).weight > office.info(call).weight


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


PEOPLE = st.sampled_from([ALICE, BOB, CAROL])
ACTS = st.sampled_from(["add", "remove", "clear", "announce", "reject", "pure"])


@given(st.lists(st.tuples(PEOPLE, PEOPLE, ACTS, st.sampled_from(ProxyType)), max_size=20))
def test_what_is_reserved_is_what_the_lists_say(
    acts: list[tuple[AccountId, AccountId, str, ProxyType]],
) -> None:
    office = Office()
    office.open()
    proxy = office.proxy
    pures = dict.fromkeys((ALICE, BOB, CAROL), 0)
    for number, (who, other, act, kind) in enumerate(acts):
        try:
            match act:
                case "add":
                    office.appoint(who, other, kind)
                case "remove":
                    proxy.remove_proxy(signed(who), Id(other), kind, u32(0))
                case "clear":
                    proxy.remove_proxies(signed(who))
                case "announce":
                    proxy.announce(signed(who), Id(other), H256(bytes(32)))
                case "reject":
                    proxy.reject_announcement(signed(who), Id(other), H256(bytes(32)))
                case "pure":
                    proxy.create_pure(signed(who), kind, u32(0), u16(number))
                    pures[who] += 1
        except (Proxy.Duplicate, Proxy.NoSelfProxy, Proxy.NotFound, Proxy.NotProxy):
            continue
        for account, made in pures.items():
            owed = proxy.proxies[account][1] + proxy.announced.announcements[account][1]
            owed += made * (BASE + FACTOR)
            assert office.balances.reserved(account) == owed
            assert office.balances.total(account) == 1_000 * BTT
