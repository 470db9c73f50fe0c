"""Traces by RPC: beside the event loop, one at a time, and bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from btt_chain.chain import trace as trace_module
from btt_chain.chain.trace import CannotTrace, Record, Span, Trace, TraceJob
from btt_chain.node.service import backend
from btt_chain.node.service.backend import TracerView
from btt_chain.rpc import trace as rpc_trace
from btt_chain.rpc.trace import TraceApi, TraceError
from storage.memory import MemoryKV
from support.dev_node import DevNode


@pytest.fixture(scope="module")
def node() -> DevNode:
    return DevNode(MemoryKV())


@pytest.fixture
def block(node: DevNode) -> bytes:
    return node.control.new_block()


def count(parent: bytes, spans: Sequence[Span], notes: Sequence[Record]) -> tuple[str, int, int]:
    return threading.current_thread().name, len(spans), len(notes)


class Gate:
    """Holds up the jobs that run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.begun: list[TraceJob] = []
        run = TraceJob.run

        def held(job: TraceJob) -> Trace:
            self.begun.append(job)
            assert self.open.wait(120)
            return run(job)

        monkeypatch.setattr(TraceJob, "run", held)


@pytest.fixture
async def gate(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.open.set()


async def test_a_trace_runs_in_a_thread_while_the_loop_and_the_chain_go_on(
    node: DevNode, block: bytes, gate: Gate
) -> None:
    tracer = TracerView(node.client)
    waiting = asyncio.create_task(tracer.trace(block, count))
    while not gate.begun:
        await asyncio.sleep(0)
    node.control.new_block()  # the flat state moves on
    assert not waiting.done()
    gate.open.set()
    name, spans, notes = await waiting
    assert name.startswith("trace")
    assert spans > 10
    assert notes > 10


async def test_too_many_traces_are_refused(node: DevNode, block: bytes, gate: Gate) -> None:
    tracer = TracerView(node.client)
    tasks = [asyncio.create_task(tracer.trace(block, count)) for _ in range(backend.MAX_TRACES)]
    await asyncio.sleep(0)
    with pytest.raises(TraceError, match="try again"):
        await tracer.trace(block, count)
    gate.open.set()
    assert len(await asyncio.gather(*tasks)) == backend.MAX_TRACES
    assert len(gate.begun) == backend.MAX_TRACES
    assert (await tracer.trace(block, count))[1] > 10


async def test_a_trace_that_no_one_waits_for_ends(node: DevNode, block: bytes, gate: Gate) -> None:
    tracer = TracerView(node.client)
    waiting = asyncio.create_task(tracer.trace(block, count))
    while not gate.begun:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(CannotTrace, match="was stopped"):
        gate.begun[0]._trace.note("state", "Get")
    assert not node.client.store.state._pins


def test_a_trace_ends_with_its_processor_time(node: DevNode, block: bytes) -> None:
    job = TraceJob(node.client, block)
    with pytest.raises(CannotTrace, match="takes more than 0 s"):
        job.run(0.0)
    job.close()


async def test_an_answer_is_bounded_and_says_how_to_get_less(
    node: DevNode, block: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = TraceApi(TracerView(node.client))
    whole = await api.trace_block(block, "", "", "")
    monkeypatch.setattr(rpc_trace, "MAX_ANSWER", 20_000)
    problem = (await api.trace_block(block, "", "", ""))["traceError"]
    assert "choose some by targets, storageKeys or methods" in str(problem)
    fewer = await api.trace_block(block, "", "", "Extrinsic,Done")
    assert "blockTrace" in fewer
    assert len(str(fewer)) < len(str(whole))


async def test_a_block_zero_is_an_error_of_the_trace(node: DevNode) -> None:
    api = TraceApi(TracerView(node.client))
    answer = await api.trace_block(node.client.genesis_hash)
    assert "block 0 was not executed" in str(answer["traceError"])


def test_a_trace_yields_to_the_event_loop(
    node: DevNode, block: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(trace_module, "sleep", pauses.append)
    job = TraceJob(node.client, block)
    steps = len(job.run().records)
    job.close()
    assert len(pauses) >= steps // trace_module.YIELD_EVERY
