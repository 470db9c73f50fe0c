"""The picture of `devnet up` on consoles of given sizes, and the events that it shows."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console
from rich.text import Text

from btt_chain.client.amount import BTT
from btt_chain.client.decoding import EventView
from btt_chain.crypto.development import dev_key
from btt_chain.primitives import ss58
from btt_chain.testing import Devnet, NodeState, NodeStatus
from cli.commands.devnet_events import FEE_PAID, by_name, rows_of
from cli.commands.devnet_screen import Balance, Block, View, short, spelt
from cli.commands.devnet_view import Watcher
from cli.commands.devnet_work import Work, Worker

NAMES = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")
ALICE, BOB = (ss58.encode(dev_key(f"//{name}").account_id) for name in NAMES[:2])
POOL = ss58.encode(b"modlbtt/mine" + bytes(20))
OUTSIDER = ss58.encode(bytes(range(32)))
SIZES = ((80, 24), (120, 40))


def shown(view: View, width: int = 100, height: int = 60) -> list[str]:
    page = Console(file=StringIO(), width=width, height=height, force_terminal=True, no_color=True)
    with page.capture() as taken:
        page.print(view)
    return [line.rstrip() for line in Text.from_ansi(taken.get()).plain.splitlines()]


def full_view(nodes: int = 4) -> View:
    """A network of some age: more slots and events than any terminal has lines for."""
    view = View("/home/user/project/.btt-devnet", explorer="http://127.0.0.1:4480/")
    view.urls = {i: f"ws://127.0.0.1:{9944 + i}" for i in range(nodes)}
    view.nodes = [
        NodeStatus(i, NAMES[i % 6], NodeState.RUNNING, best=123_456, finalized=123_454, peers=3)
        for i in range(nodes)
    ]
    for number in range(40):
        view.blocks.append(Block(number, "0x" + "ab" * 32, slot=number, author="Alice"))
        view.events.append((number, "Balances.Transfer", f"from: Alice, to: Bob, amount: {number}"))
    view.accounts = [Balance(name, 200_000 * 10**18 + 1, ALICE) for name in NAMES]
    return view


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("with_work", [False, True])
def test_every_table_has_rows_at_each_size_and_no_line_is_too_long(
    width: int, height: int, with_work: bool
) -> None:
    view = full_view()
    if with_work:
        view.work = Work(workers=[Worker("Provider-0", "running", "0 of 3", 1, 0, 10**18, "-")])
    lines = shown(view, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for word in ("Dave", "account", "author", "JSON-RPC", "Balances.Transfer", " more"):
        assert word in text
    assert "200_000.0000 BTT" in text
    assert ("Provider-0" in text) is with_work


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_addresses_of_all_nodes_can_be_copied(width: int, height: int) -> None:
    text = "\n".join(shown(full_view(), width, height))
    assert [f"ws://127.0.0.1:{port}" in text for port in range(9944, 9948)] == [True] * 4
    assert "explorer: http://127.0.0.1:4480/" in text
    assert "PORT" not in text


def test_a_wide_terminal_has_two_columns_and_is_filled() -> None:
    lines = shown(full_view(), 120, 40)
    assert any("node" in line and "author" in line for line in lines)
    assert len(lines) == 40


def test_nodes_are_shown_before_slots_where_a_terminal_is_too_low_for_both() -> None:
    lines = shown(full_view(8), 80, 24)
    assert sum("ws://127.0.0.1:99" in line for line in lines[2:]) == 8


def test_nodes_that_are_down_and_the_partition_are_shown() -> None:
    view = View("/tmp/net", groups=[[0], [1]], urls={0: "ws://127.0.0.1:9944"})
    view.nodes = [
        NodeStatus(0, "Alice", NodeState.RUNNING, best=12, finalized=10, peers=3, pool=7),
        NodeStatus(1, "Bob", NodeState.DOWN),
    ]
    view.authored["Alice"] = 9
    view.is_held = True
    lines = shown(view)
    assert "best 12   final 10   partition 0/1   held" in lines[0]
    alice, bob = (next(line for line in lines[2:] if name in line) for name in ("Alice", "Bob"))
    assert alice.split() == [
        "0", "Alice", "running", "12", "10", "2", "3", "7", "9", "ws://127.0.0.1:9944",
    ]  # fmt: skip
    assert bob.split() == ["1", "Bob", "down", "-", "-", "-", "-", "-", "0"]


def test_amounts_are_right_aligned_with_four_decimals() -> None:
    view = View("/tmp/net")
    view.accounts = [Balance("Alice", 5 * 10**17, ALICE), Balance("Bob", 12_345 * 10**18, BOB)]
    ends = [line.index(" BTT") for line in shown(view) if " BTT" in line]
    assert ends[0] == ends[1]
    assert short(5 * 10**17) == "0.5000 BTT"
    assert short(10**18 - 1) == "0.9999 BTT"


def test_slots_without_a_block_are_seen() -> None:
    view = View("/tmp/net")
    for number, slot in ((7, 100), (8, 101), (9, 103), (10, 107)):
        view.blocks.append(Block(number, "0x" + "ab" * 32, slot=slot, author="Alice"))
    rows = [line.split()[:2] for line in shown(view)]
    assert [row for row in rows if row and row[0].isdecimal()] == [
        ["107", "Alice"], ["106", "3"], ["103", "Alice"], ["102", "empty"], ["101", "Alice"],
        ["100", "Alice"],
    ]  # fmt: skip


def test_a_block_of_a_fork_does_not_count_as_authored() -> None:
    net = SimpleNamespace(base=Path("/tmp/net"), nodes=[], funded=list, helpers=[])
    watcher = Watcher(cast("Devnet", net), with_accounts=False)
    first = [Block(2, "0xb2", 11, "Bob"), Block(1, "0xa1", 10, "Alice")]
    watcher._replace(first, [(1, "One", ""), (2, "Two", "")])
    assert watcher.view.authored == {"Alice": 1, "Bob": 1}
    watcher._replace([Block(2, "0xc2", 11, "Charlie")], [(2, "Other", "")])
    assert +watcher.view.authored == {"Alice": 1, "Charlie": 1}
    assert [block.hash for block in watcher.view.blocks] == ["0xa1", "0xc2"]
    assert [name for _, name, _ in watcher.view.events] == ["One", "Other"]


def test_a_list_in_an_event_is_no_markup() -> None:
    view = View("/tmp/net")
    view.events.append((1_235, "Utility.Weights", "each: [1, 2], all: [bold]"))
    assert any("each: [1, 2], all: [bold]" in line for line in shown(view))


def test_a_partition_is_written_as_it_is_typed() -> None:
    assert spelt([[0, 1], [2]]) == "0,1/2"


def event(extrinsic: int | None, name: str, shown: str = "") -> EventView:
    fee = {"actual_fee": 3 * 10**14} if name == FEE_PAID else {}
    return EventView(extrinsic, name, dict(fee), shown)


def test_the_events_of_fees_are_one_row_of_a_block() -> None:
    paid = ["Balances.Withdraw", "Balances.Transfer", "Balances.Deposit", "Balances.Endowed",
            "Balances.Deposit", FEE_PAID, "System.ExtrinsicSuccess"]  # fmt: skip
    events = [
        event(None, "Balances.Burned"),
        *(event(1, name) for name in paid),
        *(event(2, name) for name in paid),
    ]
    assert rows_of(events, BTT, {}) == [
        ("Balances.Burned", ""), ("Balances.Transfer", ""), ("Balances.Transfer", ""),
        ("fees", "2 paid, 0.0006 BTT"),
    ]  # fmt: skip


def test_money_that_a_call_itself_deposits_is_not_taken_for_a_fee() -> None:
    moved = ["Balances.Deposit", "Balances.Withdraw", "Stake.Opened"]
    events = [
        event(0, name) for name in ("Balances.Withdraw", *moved, "Balances.Deposit", FEE_PAID)
    ]
    assert [name for name, _ in rows_of(events, BTT, {})] == [*moved, "fees"]
    unpaid = [event(0, "Balances.Withdraw"), event(0, "System.ExtrinsicSuccess")]
    assert rows_of(unpaid, BTT, {}) == [("Balances.Withdraw", "")]


def test_accounts_and_pools_have_their_names_in_events() -> None:
    said = by_name(f"from: {ALICE}, to: {POOL}, by: {OUTSIDER}", {ALICE: "Alice"})
    assert said == f"from: Alice, to: pool btt/mine, by: {OUTSIDER[:6]}…{OUTSIDER[-6:]}"
    assert by_name("pool: 0x6274742f6d696e65", {}) == "pool: btt/mine"
    kept = "hash: 0x6274742f6d696e656274742f6d696e65, raw: 0x0000000000000001"
    assert by_name(kept, {}) == kept


def test_the_line_about_jobs_makes_no_column_of_the_providers_wider() -> None:
    view = full_view()
    states = Counter(posted=11, assigned=12, checking=13, finalized=614, refunded=15)
    worker = Worker("Provider-0", "running", "2 of 6", 614, 3, 12_345 * 10**14, "Alice 50.0 %")
    view.work = Work(states, receipts=640, paid=10**18, workers=[worker])
    lines = shown(view, 130, 45)
    (header,) = (line[:76] for line in lines if line.startswith("provider"))
    assert " ".join(header.split()) == "provider state jobs done slashed paid work as weight"
    (row,) = (line[:76] for line in lines if line.startswith("Provider-0"))
    assert " ".join(row.split()) == "Provider-0 running 2 of 6 614 3 1.2345 BTT Alice 50.0 %"
    assert any(line.startswith("jobs: 11 posted, 12 assigned") for line in lines)
