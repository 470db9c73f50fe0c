from __future__ import annotations

import pytest

from btt_chain.primitives.account import AccountId
from btt_chain.scale import u64
from runtime.frame import NONE, ROOT, BadOrigin, DispatchClass, InvalidBlock, Origin, signed
from runtime.pallets.timestamp.pallet import Timestamp
from support.runtime import SmallRuntime, refused

NOW = u64(1_700_000_000_000)


class OneSlot:
    """A clock that knows one slot only."""

    def check_timestamp(self, moment: int) -> None:
        if not NOW <= moment < NOW + 6_000:
            raise InvalidBlock(f"timestamp {moment} lies outside of the slot")


class Clockwork(SmallRuntime):
    def build(self) -> None:
        self.timestamp = self.add(1, Timestamp(minimum_period=u64(3_000), slot_clock=OneSlot()))


@pytest.fixture
def runtime() -> Clockwork:
    return Clockwork()


def test_every_block_sets_the_time_once(runtime: Clockwork) -> None:
    runtime.timestamp.set(NONE, NOW)
    runtime.on_finalize(1)
    runtime.timestamp.set(NONE, NOW + 3_000)
    runtime.on_finalize(2)

    assert runtime.timestamp.now.value == NOW + 3_000
    assert not runtime.timestamp.did_update.exists()


def test_a_block_that_does_not_set_the_time_is_no_block(runtime: Clockwork) -> None:
    with pytest.raises(InvalidBlock, match="block 7 does not set the time"):
        runtime.on_finalize(7)


def test_a_block_that_sets_the_time_twice_is_no_block(runtime: Clockwork) -> None:
    runtime.timestamp.set(NONE, NOW)
    with pytest.raises(InvalidBlock, match="set twice"):
        runtime.timestamp.set(NONE, NOW + 5_000)


def test_time_advances_by_half_a_slot_at_least(runtime: Clockwork) -> None:
    runtime.timestamp.set(NONE, NOW)
    runtime.on_finalize(1)

    assert runtime.timestamp.earliest() == NOW + 3_000
    with pytest.raises(InvalidBlock, match=f"cannot be before {NOW + 3_000}"):
        runtime.timestamp.set(NONE, NOW + 2_999)
    assert runtime.timestamp.now.value == NOW


def test_a_time_outside_of_the_slot_makes_no_block(runtime: Clockwork) -> None:
    with pytest.raises(InvalidBlock, match="outside of the slot"):
        runtime.timestamp.set(NONE, NOW - 1)
    assert runtime.timestamp.now.value == 0


@pytest.mark.parametrize("origin", [ROOT, signed(AccountId(bytes(32)))])
def test_only_the_author_sets_the_time(runtime: Clockwork, origin: Origin) -> None:
    with refused(runtime, BadOrigin):
        runtime.timestamp.set(origin, NOW)


def test_setting_the_time_always_fits_into_a_block(runtime: Clockwork) -> None:
    call = runtime.call("Timestamp", "set", now=NOW)
    assert call.raw == bytes([1, 0]) + b"\x0b" + int(NOW).to_bytes(6, "little")
    assert runtime.info(call).dispatch_class is DispatchClass.Mandatory
