"""What `devnet` shows of a block's events on a narrow terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from cli.devnet import _by_name, _View

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
STRANGERS = (
    "5HpG9w8EBLe5XCrbczpwq5TSXvedjrBGCwqxK1iQ7qUsSWFc",
    "5Ck5SLSHYac6WFt5UZRSsdJjwmpSZq85fd5TRNAdZQVzEAPT",
)


def test_an_event_keeps_its_amount_at_eighty_columns() -> None:
    view = _View("ws://127.0.0.1:9944", "node.log")
    source, target = STRANGERS
    said = f"from: {source}, to: {target}, amount: 1_234.567891 BTT"
    view.events.append((1_234, "Balances.Transfer", said))
    view.events.append((1_235, "Utility.Weights", "each: [1, 2], all: [bold]"))
    page = Console(file=StringIO(), width=80)
    with page.capture() as shown:
        page.print(view.render())
    text = "".join(shown.get().split())
    assert "amount:1_234.567891BTT" in text
    assert "all:[bold]" in text
    assert all(len(line) <= 80 for line in shown.get().splitlines())


def test_accounts_that_are_on_the_screen_have_their_names_in_events() -> None:
    balances = [("Alice", "1 BTT", ALICE)]
    said = _by_name(f"from: {ALICE}, to: {STRANGERS[0]}", balances)
    assert said == f"from: Alice, to: {STRANGERS[0]}"
