from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId, Id
from btt_chain.scale import Err, Ok, u64, u128
from runtime.frame import (
    NONE,
    ROOT,
    BadOrigin,
    Call,
    DispatchClass,
    GenesisError,
    Origin,
    PostInfo,
    Weight,
    signed,
)
from runtime.frame.error import WireBadOrigin
from runtime.pallets.sudo import weights
from runtime.pallets.sudo.pallet import Sudo
from runtime.pallets.utility.pallet import Utility, carrying_weight
from support.runtime import TestRuntime, refused

ALICE, BOB = AccountId(b"\1" * 32), AccountId(b"\2" * 32)
TREASURY = AccountId(b"modlpy/trsry".ljust(32, b"\0"))
BY_ALICE, BY_BOB = signed(ALICE), signed(BOB)
WEIGHT = Weight(u64(123), u64(0))


class SudoRuntime(TestRuntime):
    def build(self) -> None:
        self.balances = self.add_balances(u128(100))
        self.utility = self.add(9, Utility())
        self.sudo = self.add(13, Sudo())


@pytest.fixture
def runtime() -> SudoRuntime:
    runtime = SudoRuntime()
    rows = [[ss58.encode(ALICE), 10_000], [ss58.encode(BOB), 10_000]]
    runtime.balances.genesis({"balances": rows})
    runtime.sudo.genesis({"key": ss58.encode(ALICE)})
    return runtime


def move_bobs_money(runtime: SudoRuntime) -> Call:
    return runtime.call(
        "Balances", "force_transfer", source=Id(BOB), dest=Id(ALICE), value=u128(500)
    )


def send_alice_something(runtime: SudoRuntime) -> Call:
    return runtime.call("Balances", "transfer_keep_alive", dest=Id(ALICE), value=u128(500))


def test_the_holder_of_the_key_acts_as_root_and_pays_nothing(runtime: SudoRuntime) -> None:
    post = runtime.sudo.sudo(BY_ALICE, move_bobs_money(runtime))

    assert post == PostInfo(pays=False)
    assert runtime.balances.free(ALICE) == 10_500
    assert runtime.announced()[-1] == Sudo.Sudid(Ok(()))


def test_the_holder_of_the_key_may_choose_the_weight(runtime: SudoRuntime) -> None:
    inner = move_bobs_money(runtime)
    call = runtime.call("Sudo", "sudo_unchecked_weight", call=inner, weight=WEIGHT)

    assert (
        runtime.info(call).weight
        == weights.SUDO_UNCHECKED_WEIGHT + carrying_weight(runtime, inner) + 123
    )
    assert runtime.dispatch(BY_ALICE, call) == PostInfo(pays=False)
    assert runtime.balances.free(ALICE) == 10_500


def test_a_chosen_weight_does_not_hide_what_is_inside(runtime: SudoRuntime) -> None:
    inner = runtime.call("Utility", "batch", calls=[move_bobs_money(runtime)] * 50)
    nothing = Weight(u64(0), u64(0))
    call = runtime.call("Sudo", "sudo_unchecked_weight", call=inner, weight=nothing)

    assert runtime.info(call).weight == weights.SUDO_UNCHECKED_WEIGHT + carrying_weight(
        runtime, inner
    )


def test_the_holder_of_the_key_acts_for_others(runtime: SudoRuntime) -> None:
    runtime.sudo.sudo_as(BY_ALICE, Id(BOB), send_alice_something(runtime))

    assert runtime.balances.free(BOB) == 9_500
    assert runtime.announced()[-1] == Sudo.SudoAsDone(Ok(()))


def test_the_holder_of_the_key_does_not_act_for_pools(runtime: SudoRuntime) -> None:
    with refused(runtime, BadOrigin):
        runtime.sudo.sudo_as(BY_ALICE, Id(TREASURY), send_alice_something(runtime))


def test_a_failure_as_root_is_reported_and_free_of_charge(runtime: SudoRuntime) -> None:
    state = dict(runtime.state.data)

    assert runtime.sudo.sudo(BY_ALICE, send_alice_something(runtime)) == PostInfo(pays=False)

    assert runtime.state.data == state
    assert runtime.announced() == [Sudo.Sudid(Err(WireBadOrigin()))]


def every_call(runtime: SudoRuntime) -> list[Callable[[Origin], PostInfo]]:
    sudo, inner = runtime.sudo, move_bobs_money(runtime)
    return [
        lambda origin: sudo.sudo(origin, inner),
        lambda origin: sudo.sudo_unchecked_weight(origin, inner, WEIGHT),
        lambda origin: sudo.sudo_as(origin, Id(BOB), inner),
        lambda origin: sudo.set_key(origin, Id(BOB)),
        sudo.remove_key,
    ]


def test_other_accounts_are_refused(runtime: SudoRuntime) -> None:
    for make in every_call(runtime):
        with refused(runtime, Sudo.RequireSudo):
            make(BY_BOB)
        with refused(runtime, BadOrigin):
            make(NONE)


def test_without_a_key_every_account_is_refused(runtime: SudoRuntime) -> None:
    runtime.sudo.remove_key(BY_ALICE)

    assert runtime.announced() == [Sudo.KeyRemoved()]
    for make in every_call(runtime):
        with refused(runtime, Sudo.RequireSudo):
            make(BY_ALICE)


def test_the_key_passes_on(runtime: SudoRuntime) -> None:
    runtime.sudo.set_key(BY_ALICE, Id(BOB))

    assert runtime.announced() == [Sudo.KeyChanged(ALICE, BOB)]
    with refused(runtime, Sudo.RequireSudo):
        runtime.sudo.sudo(BY_ALICE, move_bobs_money(runtime))
    runtime.sudo.sudo(BY_BOB, move_bobs_money(runtime))


def test_root_can_give_the_key_away(runtime: SudoRuntime) -> None:
    runtime.sudo.set_key(ROOT, Id(BOB))
    assert runtime.sudo.key.value == BOB


def test_a_sudo_call_weighs_what_its_inner_call_weighs_and_more(runtime: SudoRuntime) -> None:
    inner = move_bobs_money(runtime)
    for call in (
        runtime.call("Sudo", "sudo", call=inner),
        runtime.call("Sudo", "sudo_as", who=Id(BOB), call=inner),
    ):
        assert runtime.info(call).weight > runtime.info(inner).weight
        assert runtime.info(call).dispatch_class is DispatchClass.Normal


@pytest.mark.parametrize("config", [{}, {"key": None}])
def test_there_need_be_no_key(config: dict[str, object]) -> None:
    runtime = SudoRuntime()
    runtime.sudo.genesis(config)
    assert runtime.sudo.key.get() is None


def test_a_wrong_key_is_named() -> None:
    with pytest.raises(GenesisError, match=r"^sudo\.key: "):
        SudoRuntime().sudo.genesis({"key": "Alice"})
