"""Sealing: blocks by the clock, on arrival and on demand; time is virtual."""

from __future__ import annotations

import asyncio

import pytest

from btt_chain.chain.client import UnknownBlock
from btt_chain.chain.notify import BlockRef
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.consensus.author import Pace, SealingFailed
from btt_chain.node.dev import sealing as sealing_module
from btt_chain.node.dev.sealing import (
    Instant,
    Interval,
    ManualSealer,
    OnDemand,
    Sealing,
    SealRefused,
    parse_sealing,
    run_sealing,
)
from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.frame import Call, InvalidBlock
from runtime.pallets.babe.types import Engine
from support.chain import ALICE, BOB, CHARLIE, DevChain, address
from support.virtual_time import VirtualLoop, run_virtually


@pytest.fixture
def chain() -> DevChain:
    return DevChain()


def pay(chain: DevChain, amount: int = int(BTT)) -> Call:
    return chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(amount))


async def sealing_for(chain: DevChain, sealing: Sealing, seconds: float) -> None:
    task = asyncio.create_task(run_sealing(chain.sealer, sealing))
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# ---- flags


def test_the_ways_of_sealing_are_read() -> None:
    assert parse_sealing("instant") == Instant()
    assert parse_sealing("manual") == OnDemand()
    assert parse_sealing("interval:250") == Interval(250)


@pytest.mark.parametrize(
    "text", ["", "interval", "interval:", "interval:0", "interval:-1", "interval:1:2", "interval:²"]
)
def test_other_ways_are_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="instant, manual or interval:MS"):
        parse_sealing(text)


# ---- by the clock


def test_an_interval_seals_by_the_clock_empty_or_not(chain: DevChain) -> None:
    run_virtually(sealing_for(chain, Interval(500), 2.25))
    assert chain.client.best().number == 4
    assert chain.client.finalized() == chain.client.best()


def test_intervals_that_were_slept_through_are_made_up_for_by_one_block(chain: DevChain) -> None:
    async def late() -> None:
        task = asyncio.create_task(run_sealing(chain.sealer, Interval(1_000)))
        await asyncio.sleep(1.5)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.sleep_through(60)
        await asyncio.sleep(0.75)
        task.cancel()

    run_virtually(late())
    assert chain.client.best().number == 3


def test_blocks_faster_than_slots_run_ahead_of_the_clock(chain: DevChain) -> None:
    slots, times = [], []
    for _ in range(3):
        runtime = chain.at(chain.sealer.seal().hash)
        slots.append(int(runtime.babe.current_slot.value))
        times.append(int(runtime.timestamp.now.value))
    begin = int(chain.now * 1000) // chain.slot_ms
    assert slots == [begin, begin + 1, begin + 2]
    assert times[1] - times[0] >= chain.slot_ms // 2
    assert all(time >= slot * chain.slot_ms for slot, time in zip(slots, times, strict=True))


def test_a_clock_set_back_does_not_stop_the_chain(chain: DevChain) -> None:
    chain.seal()
    chain.now -= 1_000_000
    assert chain.sealer.seal().number == 2


# ---- on arrival


def test_instant_seals_when_something_arrives_and_not_before(chain: DevChain) -> None:
    async def main() -> list[int]:
        heights = []
        task = asyncio.create_task(run_sealing(chain.sealer, Instant()))
        await asyncio.sleep(60)
        heights.append(chain.client.best().number)
        for _ in range(2):
            chain.send(BOB, pay(chain))
            await asyncio.sleep(0.001)
            heights.append(chain.client.best().number)
        task.cancel()
        return heights

    assert run_virtually(main()) == [0, 1, 2]


def test_instant_seals_what_was_there_before_it_started(chain: DevChain) -> None:
    chain.send(BOB, pay(chain))
    run_virtually(sealing_for(chain, Instant(), 0.001))
    assert chain.client.best().number == 1


def test_instant_goes_on_until_nothing_is_left(chain: DevChain) -> None:
    big = chain.call("System", "remark", remark=bytes(3_000_000))
    for nonce in range(3):
        chain.send(BOB, big, nonce=nonce)
    run_virtually(sealing_for(chain, Instant(), 0.001))
    assert chain.client.best().number == 3
    assert chain.pool.pool.status().ready == 0


def test_instant_tries_again_a_slot_later_what_fitted_no_block(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[int]:
        heights = []
        chain.send(BOB, pay(chain))
        monkeypatch.setattr(sealing_module, "pace_of", lambda _used, _given: Pace.OVER)
        task = asyncio.create_task(run_sealing(chain.sealer, Instant()))
        await asyncio.sleep(1)
        monkeypatch.undo()
        heights.append(chain.client.best().number)
        await asyncio.sleep(chain.slot_ms / 1000)
        heights.append(chain.client.best().number)
        task.cancel()
        return heights

    assert run_virtually(main()) == [0, 1]


def test_an_arrival_need_not_wait_for_the_slot(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> int:
        chain.send(BOB, pay(chain))
        monkeypatch.setattr(sealing_module, "pace_of", lambda _used, _given: Pace.OVER)
        task = asyncio.create_task(run_sealing(chain.sealer, Instant()))
        await asyncio.sleep(1)
        monkeypatch.undo()
        chain.send(BOB, pay(chain), nonce=1)
        await asyncio.sleep(0.001)
        task.cancel()
        return len(chain.client.body(chain.client.best().hash) or [])

    assert run_virtually(main()) == 3


def test_on_demand_nothing_is_sealed_by_itself(chain: DevChain) -> None:
    chain.send(BOB, pay(chain))
    run_virtually(sealing_for(chain, OnDemand(), 60))
    assert chain.client.best().number == 0


# ---- one block


def test_a_block_without_transactions_is_made_only_where_it_may_be_empty(chain: DevChain) -> None:
    with pytest.raises(SealRefused, match="no transaction is ready"):
        chain.sealer.seal(empty=False)
    assert chain.client.best().number == 0
    chain.send(BOB, pay(chain))
    assert chain.sealer.seal(empty=False).number == 1


def test_what_turns_out_invalid_leaves_the_pool_and_the_block_is_made(chain: DevChain) -> None:
    """The pool judges each transaction alone; together they may cost more than there is."""
    chain.send(ALICE, chain.call("System", "remark", remark=b"a"), nonce=0)
    chain.send(BOB, pay(chain, 600 * int(BTT)), nonce=0)
    chain.send(BOB, chain.call("System", "remark", remark=b""), nonce=1, tip=600 * int(BTT))
    assert chain.pool.pool.status().ready == 3
    body = chain.client.body(chain.seal()) or []
    assert len(body) == 3
    assert chain.pool.pool.status().ready == 0


def test_a_refusal_on_another_branch_says_nothing_about_ours(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    for _ in range(3):
        chain.seal(finalize=False)
    chain.send(BOB, pay(chain))
    side = chain.seal(parent=genesis, finalize=False)
    assert len(chain.client.body(side) or []) == 2
    chain.seal(parent=side, finalize=False)  # there the transaction is stale
    assert chain.client.best().number == 3
    assert chain.pool.pool.status().ready == 1


def test_a_block_may_be_left_open_and_made_final_later(chain: DevChain) -> None:
    ref = chain.sealer.seal(finalize=False)
    assert chain.client.finalized().number == 0
    chain.sealer.finalize(ref.hash)
    assert chain.client.finalized() == ref
    with pytest.raises(SealRefused, match="descendant"):
        chain.sealer.finalize(chain.client.genesis_hash)
    with pytest.raises(UnknownBlock):
        chain.sealer.finalize(bytes(32))


def test_a_parent_may_be_chosen(chain: DevChain) -> None:
    genesis = chain.client.genesis_hash
    one = chain.sealer.seal(parent=genesis, finalize=False)
    other = chain.sealer.seal(parent=genesis, finalize=False)
    assert (one.number, other.number) == (1, 1)
    with pytest.raises(UnknownBlock):
        chain.sealer.seal(parent=bytes(32))


def test_a_chain_with_validators_is_not_sealed_by_hand() -> None:
    chain = DevChain(engine=Engine.Babe)
    with pytest.raises(SealRefused, match="not sealed by hand"):
        chain.sealer.seal()


# ---- what ends it


class Broken(ManualSealer):
    """A sealer whose blocks come to nothing."""

    error: Exception = InvalidBlock("state root differs")

    def seal(
        self, *, parent: bytes | None = None, empty: bool = True, finalize: bool = True
    ) -> BlockRef:
        raise self.error


@pytest.mark.parametrize("sealing", [Interval(100), Instant()])
def test_an_invalid_block_of_our_own_is_a_fatal_error_with_its_cause(
    chain: DevChain, sealing: Sealing
) -> None:
    chain.send(BOB, pay(chain))
    with pytest.raises(SealingFailed, match="made an invalid block: state root differs"):
        run_virtually(run_sealing(Broken(chain.client, chain.pool), sealing))


def test_a_version_that_the_node_lacks_ends_the_sealing(chain: DevChain) -> None:
    sealer = Broken(chain.client, chain.pool)
    sealer.error = UnsupportedRuntime("install a release")
    with pytest.raises(UnsupportedRuntime):
        run_virtually(run_sealing(sealer, Interval(100)))
