"""Useful work from end to end, by real processes: four validators, three providers, a market.

One provider is honest, one cheats in a share of its items, one is killed again and again; a
validator is killed once it has committed to a verdict. What the chain did is read from the events
of all its blocks; what the cheat committed to, from its disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from runtime.pallets.jobs import events as jobs_events
from runtime.pallets.providers import events as providers_events
from runtime.pallets.receipts import events as receipts_events

pytest.importorskip("numpy", reason="numpy is not installed: pip install '.[work]'")

from btt_chain.client.typed import open_runtime
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import transcript_name
from btt_chain.compute.provider.records import Record
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u32
from btt_chain.testing import Devnet
from btt_chain.testing.market import EXAMPLE
from btt_chain.work import ids
from btt_chain.work.execute import Executor
from btt_chain.work.model import tensor_of
from btt_chain.work.package import load
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime.apis.core import BabeApi
from runtime.constants import BTT
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import JobState
from runtime.pallets.jobs.views import JobView
from runtime.pallets.receipts.types import Wrong, WrongEdge
from runtime.splits import split_compute
from support.vectors import REPOSITORY
from support.work.history import History

pytestmark = pytest.mark.devnet

HANG = 300.0
"""Seconds after which what is waited for will not come any more."""
THRESHOLD = 10_000 * int(BTT)
"""From which price on the burn is at its highest."""
HONEST, KILLED, CHEAT = "Provider-0", "Provider-1", "Provider-2"
CHEAT_PROGRAM = REPOSITORY / "tests" / "support" / "work" / "cheat.py"


def account(uri: str) -> AccountId:
    return AccountId(KeyPair.from_uri(uri).account_id)


WHO = {name: account(f"//Provider//{at}") for at, name in enumerate((HONEST, KILLED, CHEAT))}
LAST = 3
"""The validator that is killed; only the other validators are connected to it."""
VALIDATORS = [account(f"//{name}") for name in ("Alice", "Bob", "Charlie", "Dave")]


class Work(History):
    """Return the results of the work."""

    def finalized_by(self, name: str) -> int:
        return sum(event.provider == WHO[name] for event in self.of(jobs_events.Finalized))

    def slashed(self) -> list[AccountId]:
        return [event.provider for event in self.of(providers_events.Slashed)]


def spec() -> str:
    """A chain like `local` with short epochs and windows."""
    local = CHAINS["local"].with_slot(1_000)
    rules = replace(
        local.work, transcript_slots=u32(4), reveal_slots=u32(8), challenge_slots=u32(5)
    )
    return make(replace(local, epoch_slots=8, work=rules), validators=4).dumps()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Devnet]:
    made = Devnet.create(tmp_path / "net", spec=spec(), slot_ms=1_000, providers=3)
    cheat = made.helper(CHEAT)
    words = cheat.words[cheat.words.index("--url") :]
    cheat.words = [str(CHEAT_PROGRAM), *words]
    with made:
        made.up()
        yield made


async def until(
    net: Devnet, history: Work, reached: Callable[[], bool], meanwhile: Callable[[], None]
) -> None:
    """Read the chain until something is so; finality has to go on all the while."""
    deadline, moved, final = time.monotonic() + HANG, time.monotonic(), -1
    async with open_runtime(net[0].ws) as chain:
        while True:
            await history.read(chain)
            if reached():
                return
            meanwhile()
            if not net.helper(CHEAT).is_alive:
                pytest.fail(f"the cheat is gone\n{net.helper(CHEAT).tail()}")
            if history.number > final:
                moved, final = time.monotonic(), history.number
            if time.monotonic() - moved > HANG / 3:
                pytest.fail(f"finality has stalled at {final}\n{net[0].tail()}")
            if time.monotonic() > deadline:
                logs = "\n".join(helper.tail() for helper in net.helpers)
                pytest.fail(f"it never came so far: {summary(history)}\n{logs}")
            await asyncio.sleep(0.5)


def summary(history: Work) -> str:
    done = {name: history.finalized_by(name) for name in WHO}
    ended = [event.outcome.name for event in history.of(jobs_events.Ended)]
    return f"block {history.number}, finalized {done}, ended {ended}"


class Killer:
    """Kills a provider at random times, and starts it again."""

    def __init__(self, net: Devnet, rng: Random) -> None:
        self._net = net
        self._rng = rng
        self._read = 0
        self.kills = 0

    def step(self) -> None:
        helper = self._net.helper(KILLED)
        if not helper.is_alive:
            helper.start()
            self._net._save()
            return
        news = helper.log.read_text(errors="replace")[self._read :] if helper.log.exists() else ""
        # It is killed at random while it works, and in the middle of a job at least twice.
        in_the_middle = "computing" in news and self.kills < 2
        if in_the_middle or ("serving at" in news and self._rng.random() < 0.02):
            helper.kill()
            self._read = len(helper.log.read_text(errors="replace"))
            self.kills += 1


async def _kill_verifier(net: Devnet, history: Work) -> None:
    """Kill a validator that has committed to a verdict; back in time, it reveals that one."""
    who = VALIDATORS[LAST]
    async with open_runtime(net[0].ws) as chain:
        genesis = int((await chain.api(WorkApi.rules)).genesis_slot)
        until: dict[H256, int] = {}
        receipt = None
        while receipt is None:
            await asyncio.sleep(0.3)
            now = (await chain.head()).slot - genesis
            selected = history.of(receipts_events.CommitteeSelected)
            until = {one.receipt: int(one.reveal_until) for one in selected}
            mine = [
                one.receipt for one in history.of(receipts_events.Committed) if one.verifier == who
            ]
            receipt = next((one for one in mine if until[one] > now + 4), None)
        # Asked for only now: who starts a provider again reads all that was written down anew.
        node = net.node(LAST)
        node.kill()
        node.start([other.address for other in net.nodes if other is not node])
        net._save()
        await asyncio.to_thread(node.wait_until_answers, HANG)
        while await asyncio.to_thread(node.rpc.best) < (await chain.head()).number:
            await asyncio.sleep(0.3)
        left = until[receipt] - ((await chain.head()).slot - genesis)
        print(f"\n  back {left} slots before its verdict was due")
        while left > 4:
            revealed = [
                one.receipt for one in history.of(receipts_events.Revealed) if one.verifier == who
            ]
            if receipt in revealed:
                return
            if (await chain.head()).final_number > int(until[receipt]) + 10:
                pytest.fail(f"0x{receipt.hex()} was not revealed\n{node.tail(60)}")
            await asyncio.sleep(0.3)


@pytest.mark.full
def test_the_honest_are_paid_and_the_cheat_is_slashed(net: Devnet) -> None:
    history, killer = Work(), Killer(net, Random("killer"))
    asyncio.run(_story(net, history, killer))
    net.check_agreement()
    _check_money(history)
    assert set(history.slashed()) == {WHO[CHEAT]}
    assert history.of(receipts_events.VerifierSlashed) == []
    print(f"\n  {summary(history)}; {killer.kills} kills")


async def _story(net: Devnet, history: Work, killer: Killer) -> None:
    def enough() -> bool:
        caught = history.slashed().count(WHO[CHEAT]) >= 1
        honest = history.finalized_by(HONEST) >= 2
        killed = history.finalized_by(KILLED) >= 1 and killer.kills >= 2
        return caught and honest and killed and kill.done()

    kill = asyncio.create_task(_kill_verifier(net, history))
    await until(net, history, enough, killer.step)
    await kill
    await _until_weights_follow(net, history)
    await _check_cheat(net, history)
    async with open_runtime(net[0].ws) as chain:
        for validator in VALIDATORS:
            view = await chain.api(WorkApi.verifier, validator)
            assert view is not None
            assert view.bond == 5_000 * int(BTT), history.of(receipts_events.VerifierSlashed)


async def _until_weights_follow(net: Devnet, history: Work) -> None:
    """Wait for an epoch in which validators with delegated scores make more blocks than others."""
    deadline = time.monotonic() + HANG
    async with open_runtime(net[0].ws) as chain:
        while True:
            await history.read(chain)
            scores = {who: int((await chain.api(WorkApi.weight, who)).total) for who in VALIDATORS}
            epoch = await chain.api(BabeApi.current_epoch)
            weights = {bytes(key): int(weight) for key, weight in epoch.authorities}
            mine = [weights.get(bytes(who), 0) for who in VALIDATORS]
            working = scores[VALIDATORS[0]] > 0
            if working and mine[0] > mine[3] > 0:
                assert scores[VALIDATORS[3]] == 0
                return
            if time.monotonic() > deadline:
                pytest.fail(f"scores {list(scores.values())} became no weights: {mine}")
            await asyncio.sleep(1)


def _check_money(history: Work) -> None:
    """Check that every escrow went where it must, to the planck."""
    posted = {event.job: event for event in history.of(jobs_events.Posted)}
    for event in history.of(jobs_events.Finalized):
        held = posted[event.job]
        if held.requester is None:
            # A job of the chain itself: nothing is held, and the price is the provider's.
            assert (event.paid, event.fees, event.returned) == (held.price, 0, 0)
            assert event.verification <= held.verification
            continue
        split = split_compute(int(held.price), THRESHOLD)
        assert event.paid == split.contributors
        assert event.fees == held.price - split.contributors
        whole = held.price + held.verification + held.deposit
        assert event.paid + event.fees + event.verification + event.returned == whole
    for event in history.of(jobs_events.Ended):
        held = posted[event.job]
        if held.requester is None:
            continue
        whole = held.price + held.verification + held.deposit
        assert event.verification + event.burned + event.returned == whole
        assert event.returned >= held.price


async def _check_cheat(net: Devnet, history: Work) -> None:
    """Check that no receipt stands of which a verifier looked at a wrong item."""
    helper = net.helper(CHEAT)
    helper.kill()
    (folder,) = (helper.folder / "provider").glob("*/*")
    records = [Record.decode(file.read_bytes()) for file in (folder / "records").glob("*.rec")]
    wrong = {record.job: _wrong_items(folder, record) for record in records}
    assert any(wrong.values())
    refused = {
        event.job for event in history.of(jobs_events.Ended) if event.outcome.name == "Fraud"
    }
    compared = 0
    async with open_runtime(net[0].ws) as chain:
        for record in records:
            view: JobView | None = await chain.api(WorkApi.job, record.job)
            if view is None or view.receipt is None or view.receipt.id != record.receipt:
                continue
            seen = {
                item
                for seat in view.receipt.seats
                if seat.verdict is not None
                for item in ids.sample(
                    seat.rho, int(view.items), int(view.receipt.sample_count), seat.missed
                )
            }
            found = [
                seat for seat in view.receipt.seats if isinstance(seat.verdict, Wrong | WrongEdge)
            ]
            if wrong[record.job] & seen:
                compared += 1
                assert found
                over = (JobState.Pending, JobState.Finalized, JobState.Refunded)
                assert view.state not in over, "it must cost the provider its bond"
            if record.job in refused:
                assert wrong[record.job] & seen
    assert compared


def _wrong_items(folder: Path, record: Record) -> set[int]:
    package = load(EXAMPLE / "breast-cancer.btt")
    executor, graph = Executor(package.model), package.manifest.graph
    store, wrong = BlobStore(folder / "blobs"), set()
    for item in range(int(record.items)):
        raw = b"".join(store.pieces(transcript_name(record.receipt, item)))
        made = executor.run(tensor_of(graph.inputs[0], raw[: graph.inputs[0].nbytes])[None])
        if b"".join(made.item(0)) != raw:
            wrong.add(item)
    return wrong
