"""Traces: a block is executed again, and each of its steps is recorded."""

from __future__ import annotations

from functools import cache

import pytest

from btt_chain.chain import trace as trace_module
from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.chain.trace import CannotTrace, Record, Span, Trace, TraceJob, changes_of
from btt_chain.primitives.account import Sr25519Signature
from btt_chain.scale import u128
from runtime.constants import BTT
from runtime.frame import Call
from storage.memory import MemoryKV
from support.chain import ALICE, BOB, CHARLIE, address
from support.dev_node import DevNode


@cache
def block_zero() -> dict[bytes, bytes]:
    kv = MemoryKV()
    DevNode(kv)
    return dict(kv.iterate(b""))


@pytest.fixture
def node() -> DevNode:
    kv = MemoryKV()
    kv.write(dict(block_zero()))
    return DevNode(kv)


def trace_block(
    client: Client, hash: bytes, changes: dict[bytes, bytes | None] | None = None
) -> Trace:
    """Execute a stored block again in this thread, and return its trace."""
    job = TraceJob(client, hash, changes)
    try:
        return job.run()
    finally:
        job.close()


def pay(node: DevNode, amount: int) -> Call:
    return node.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(amount))


def traced(node: DevNode, *calls: Call) -> Trace:
    """Return the trace of a block with a transaction of Alice's for each call."""
    for call in calls:
        node.pool.submit(node.sign(ALICE, call))
        hash = node.control.new_block()
    return trace_block(node.client, hash)


def spans_of(trace: Trace, name: str) -> list[Span]:
    return [span for span in trace.spans if span.name == name]


def below(trace: Trace, span: Span) -> set[int]:
    found = {span.id}
    for each in trace.spans:
        if each.parent in found:
            found.add(each.id)
    return found


def records(trace: Trace, span: Span, method: str, *, deep: bool = False) -> list[Record]:
    within = below(trace, span) if deep else {span.id}
    return [
        record
        for record in trace.records
        if record.parent in within and record.values["method"] == method
    ]


def test_a_transfer_shows_its_call_its_writes_and_its_events(node: DevNode) -> None:
    trace = traced(node, pay(node, int(BTT)))
    (span,) = spans_of(trace, "transfer_keep_alive")
    assert span.target == "pallet_balances::pallet"
    (begin,) = records(trace, span, "Call")
    assert begin.values["name"] == "Balances.transfer_keep_alive"
    assert begin.values["origin"] == f"signed 0x{ALICE.account_id.hex()}"
    written = {record.values["key"][-64:] for record in records(trace, span, "Put")}
    assert {ALICE.account_id.hex(), CHARLIE.account_id.hex()} <= written
    names = [record.values["name"] for record in records(trace, span, "Event")]
    assert "Balances.Transfer" in names
    assert int(records(trace, span, "Done")[0].values["weight"]) > 0


def test_the_phases_of_a_block_are_spans_in_order(node: DevNode) -> None:
    trace = traced(node, pay(node, int(BTT)))
    top = [span.name for span in trace.spans if span.parent == 1]
    assert top == ["initialize_block", "apply_extrinsic", "apply_extrinsic", "finalize_block"]
    hooks = {span.target for span in spans_of(trace, "on_initialize")}
    assert "pallet_babe::pallet" in hooks
    assert spans_of(trace, "on_finalize")


def test_the_events_of_a_trace_are_those_of_the_block(node: DevNode) -> None:
    trace = traced(node, pay(node, int(BTT)))
    names = [
        record.values["name"] for record in trace.records if record.values["method"] == "Event"
    ]
    happened = [
        f"{node.runtime().pallets[record.event.pallet].name}.{type(record.event.event).__name__}"
        for record in node.runtime().system.events.value
    ]
    assert names == happened


def test_nested_calls_are_nested_spans_and_a_failure_shows_where(node: DevNode) -> None:
    inner = node.call("Utility", "batch_all", calls=[pay(node, 1_000 * 10**9 * int(BTT))])
    trace = traced(node, node.call("Utility", "force_batch", calls=[pay(node, int(BTT)), inner]))
    (outer,) = spans_of(trace, "force_batch")
    (middle,) = spans_of(trace, "batch_all")
    good, bad = spans_of(trace, "transfer_keep_alive")
    assert (good.parent, middle.parent, bad.parent) == (outer.id, outer.id, middle.id)
    assert [len(records(trace, span, "Error")) for span in (good, middle, bad, outer)] == [
        0, 1, 1, 0,
    ]  # fmt: skip
    assert "Funds" in records(trace, bad, "Error")[0].values["text"]
    assert [r.values["name"] for r in records(trace, good, "Event")][-1] == "Balances.Transfer"


def test_calls_by_sudo_and_by_proxy_are_seen(node: DevNode) -> None:
    added = node.call("Proxy", "add_proxy", delegate=address(BOB), proxy_type=0, delay=0)
    remark = node.call("System", "remark_with_event", remark=b"x")
    sudo = node.call("Sudo", "sudo", call=remark)
    trace = traced(node, added, sudo)
    (span,) = spans_of(trace, "remark_with_event")
    assert records(trace, span, "Call")[0].values["origin"] == "root"


def test_a_block_with_set_values_is_traced_with_them(node: DevNode) -> None:
    key = node.runtime().sudo.key.prefix
    hash = node.control.set_values({key: BOB.account_id})
    trace = trace_block(node.client, hash, changes_of(node.client.store.aux_get, hash))
    (span,) = spans_of(trace, "dev_setStorage")
    assert [record.values["key"] for record in records(trace, span, "Put")] == [key.hex()]
    with pytest.raises(CannotTrace, match="another state root"):
        trace_block(node.client, hash)


def test_a_forged_signature_that_was_accepted_is_traced(node: DevNode) -> None:
    node.control.impersonate(BOB.account_id)
    call = node.call("System", "remark", remark=b"x")
    node.pool.submit(node.sign(BOB, call, forged=Sr25519Signature(bytes(64))))
    hash = node.control.new_block()
    node.control.stop_impersonating(BOB.account_id)
    assert spans_of(trace_block(node.client, hash), "remark")


def test_blocks_without_an_execution_are_not_traced(
    node: DevNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CannotTrace, match="block 0 was not executed"):
        trace_block(node.client, node.client.genesis_hash)
    with pytest.raises(UnknownBlock):
        trace_block(node.client, b"\1" * 32)
    hash = node.control.new_block()
    monkeypatch.setattr(trace_module, "MAX_RECORDS", 100)
    with pytest.raises(CannotTrace, match="too many for a trace"):
        trace_block(node.client, hash)
    monkeypatch.undo()
    monkeypatch.setattr(trace_module, "MAX_TEXT", 10_000)
    with pytest.raises(CannotTrace, match="more than 10000 characters"):
        trace_block(node.client, hash)


def test_a_trace_leaves_the_chain_as_it_is(node: DevNode) -> None:
    trace = traced(node, pay(node, int(BTT)))
    root = node.root()
    assert trace.spans == trace_block(node.client, node.client.best().hash).spans
    assert node.root() == root
    node.pay(int(BTT), CHARLIE.account_id)
    assert len(node.client.body(node.control.new_block()) or ()) == 2
