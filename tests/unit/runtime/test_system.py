"""System: what a block leaves behind, and what goes with the next one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256, Digest, Other
from btt_chain.scale import codec, u32
from runtime.frame import ROOT, BadOrigin, DispatchClass, DispatchInfo, PostInfo, signed
from runtime.frame.version import CODE_KEY, CowText, LastRuntimeUpgradeInfo
from runtime.frame.weight import Pays
from runtime.pallets.system.pallet import System, event_info
from support.runtime import VERSION, SmallRuntime

WHO = AccountId(b"\1" * 32)
PARENT = H256(b"\2" * 32)


@pytest.fixture
def runtime() -> SmallRuntime:
    return SmallRuntime()


def block(runtime: SmallRuntime, number: int, digest: Digest | None = None) -> None:
    runtime.enter(runtime.state)
    parent = H256(u32(number - 1).to_bytes(4, "little") * 8)
    runtime.system.begin_block(u32(number), parent, digest or Digest([]))
    runtime.system.end_extrinsics()
    runtime.system.end_block()


def test_a_block_knows_its_number_its_parent_and_its_digest(runtime: SmallRuntime) -> None:
    runtime.system.begin_block(u32(5), PARENT, Digest([Other(b"a")]))
    runtime.system.deposit_log(Other(b"b"))
    assert runtime.system.number.value == 5
    assert runtime.system.parent_hash.value == runtime.system.block_hash[u32(4)] == PARENT
    assert runtime.system.end_block() == Digest([Other(b"a"), Other(b"b")])


def test_the_events_of_a_block_stay_until_the_next_begins(runtime: SmallRuntime) -> None:
    system = runtime.system
    system.begin_block(u32(1), PARENT, Digest([]))
    remark = runtime.call("System", "remark_with_event", remark=b"note")
    runtime.dispatch(signed(WHO), remark)
    system.end_block()
    (record,) = system.events.value
    assert record.event.event == System.Remarked(WHO, H256(blake2_256(b"note")))
    assert system.event_count.value == 1
    runtime.enter(runtime.state)
    system.begin_block(u32(2), PARENT, Digest([]))
    assert system.events.value == []
    assert system.event_count.value == 0


def test_old_hashes_are_forgotten_but_that_of_block_zero(runtime: SmallRuntime) -> None:
    system, count = runtime.system, int(runtime.system.block_hash_count)
    for number in (0, 1, 2, 3):
        system.block_hash[u32(number)] = PARENT
    block(runtime, count + 1)
    assert u32(0) in system.block_hash
    block(runtime, count + 2)
    assert u32(1) not in system.block_hash
    block(runtime, count + 3)
    assert u32(2) not in system.block_hash
    assert {u32(0), u32(3)} <= {number for number, _ in system.block_hash.items()}


def test_the_weight_of_a_block_is_stored_by_class(runtime: SmallRuntime) -> None:
    runtime.system.begin_block(u32(1), PARENT, Digest([]))
    runtime.host.weights[DispatchClass.Operational] = 7
    runtime.system.end_block()
    used = runtime.system.block_weight.value
    assert (used.normal.ref_time, used.operational.ref_time, used.mandatory.ref_time) == (0, 7, 0)


def test_block_zero_holds_the_version(runtime: SmallRuntime) -> None:
    runtime.system.genesis({})
    raw = runtime.state.get(CODE_KEY)
    assert raw == VERSION.encoded()
    assert codec(type(VERSION)).decode_all(raw) == VERSION
    assert VERSION.state_version == 1
    assert replace(VERSION, system_version=type(VERSION.system_version)(0)).state_version == 0
    assert runtime.system.last_runtime_upgrade.get() == LastRuntimeUpgradeInfo(
        VERSION.spec_version, VERSION.spec_name
    )


def test_the_first_block_of_another_version_notes_it(runtime: SmallRuntime) -> None:
    old = LastRuntimeUpgradeInfo(u32(0), CowText("test"))
    runtime.system.last_runtime_upgrade.value = old
    block(runtime, 1)
    assert runtime.system.last_runtime_upgrade.get() != old


def test_remarks_are_made_by_every_origin_and_those_with_an_event_by_accounts(
    runtime: SmallRuntime,
) -> None:
    remark = runtime.call("System", "remark", remark=b"note")
    for origin in (signed(WHO), ROOT):
        runtime.dispatch(origin, remark)
    assert not runtime.announced()
    with pytest.raises(BadOrigin):
        runtime.dispatch(ROOT, runtime.call("System", "remark_with_event", remark=b"note"))


def test_a_killed_account_is_gone_and_reported(runtime: SmallRuntime) -> None:
    info = runtime.system.account[WHO]
    runtime.system.add_provider(WHO, info)
    runtime.system.account[WHO] = info
    runtime.system.kill(WHO)
    assert WHO not in runtime.system.account
    assert runtime.announced() == [System.NewAccount(WHO), System.KilledAccount(WHO)]


@pytest.mark.parametrize(
    ("info", "post", "weight", "pays"),
    [
        (DispatchInfo(10), PostInfo(), 13, Pays.Yes),
        (DispatchInfo(10), PostInfo(weight=4), 7, Pays.Yes),
        (DispatchInfo(10), PostInfo(weight=40), 13, Pays.Yes),
        (DispatchInfo(10), PostInfo(pays=False), 13, Pays.No),
        (DispatchInfo(10, pays=False), PostInfo(pays=True), 13, Pays.No),
        (DispatchInfo(10, pays=False), PostInfo(), 13, Pays.No),
    ],
)
def test_the_outcome_has_the_weight_that_was_used_and_never_more_than_declared(
    info: DispatchInfo, post: PostInfo, weight: int, pays: Pays
) -> None:
    shown = event_info(info, post, 3)
    assert (shown.weight.ref_time, shown.pays_fee) == (weight, pays)
