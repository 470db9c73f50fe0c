"""Commands of pallets, made from metadata: of this chain, and of an unknown one."""

from __future__ import annotations

import lzma
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from btt_chain.client.chain import read_chain_metadata
from btt_chain.client.decoding import EventView
from btt_chain.client.metadata import ChainMetadata
from btt_chain.present import Context
from btt_chain.scale import compact_decode, u32, u64
from btt_chain.scale.metadata import (
    MapEntry,
    PlainEntry,
    RuntimeMetadata,
    StorageEntry,
    StorageHasher,
    StorageModifier,
)
from cli import declared, default
from cli.common.config import META, Settings
from cli.default import PalletCommands, command_name, node_of
from cli.parameters import Parameter
from cli.program import program
from runtime import BttRuntime
from runtime.apis.metadata import metadata
from runtime.params import RuntimeParams
from unit.client.test_other_chains import changed

POLKADOT = Path(__file__).parents[2] / "vectors" / "metadata" / "polkadot-v15.scale.xz"


@pytest.fixture(scope="module")
def chain() -> ChainMetadata:
    runtime = BttRuntime(RuntimeParams(u64(6_000)))
    runtime.bind()
    return ChainMetadata(metadata(runtime, 15))


@pytest.fixture(scope="module")
def polkadot() -> ChainMetadata:
    raw = lzma.decompress(POLKADOT.read_bytes())
    return ChainMetadata(raw[compact_decode(raw, 1)[1] :])


def commands_of(chain: ChainMetadata, pallet: str) -> click.Group:
    return PalletCommands(chain, chain.items.pallet(pallet)).group


@pytest.mark.parametrize("name", ["chain", "polkadot"])
def test_each_call_function_and_item_of_each_pallet_has_a_command_with_help(
    name: str, request: pytest.FixtureRequest
) -> None:
    chain: ChainMetadata = request.getfixturevalue(name)
    for pallet in chain.items.runtime.pallets:
        group = PalletCommands(chain, pallet).group
        api = chain.items.api_of(pallet)
        calls, entries = chain.items.calls(pallet), pallet.storage and pallet.storage.entries
        count = len(calls) + len(api.methods if api else []) + len(entries or [])
        assert len(group.commands) == count, pallet.name
        for command in group.commands.values():
            result = CliRunner().invoke(command, ["--help"])
            assert result.exit_code == 0, result.output
            assert command.help


def test_the_later_of_two_equal_names_is_shown_by_another(chain: ChainMetadata) -> None:
    group = commands_of(chain, "Exchange")
    assert {"orders", "show-orders", "place-order", "cancel-order"} <= set(group.commands)
    assert "--limit" in group.commands["show-orders"].get_help(click.Context(group))


def test_arguments_are_typed_by_their_types(chain: ChainMetadata) -> None:
    place = commands_of(chain, "Exchange").commands["place-order"]
    typed = {param.name: param for param in place.params if isinstance(param, click.Argument)}
    assert list(typed)[:3] == ["asset_", "side_", "units_"]
    side = typed["side_"].type
    assert isinstance(side, click.Choice)
    assert list(side.choices) == ["buy", "sell"]
    assert isinstance(typed["asset_"].type, click.IntRange)
    assert not typed["until_"].required
    assert "btt-chain exchange place-order ASSET SIDE UNITS PRICE" in str(place.epilog)


@pytest.mark.parametrize(
    ("name", "command"),
    [("NoticeBoard", "notice-board"), ("take_down", "take-down"), ("PayFi", "pay-fi"),
     ("BABE", "babe"), ("Hrmp", "hrmp")],
)  # fmt: skip
def test_a_command_has_the_words_of_a_name(name: str, command: str) -> None:
    assert command_name(name) == command


@pytest.mark.parametrize(
    ("words", "environment", "url"),
    [
        (["--url", "ws://a", "pin"], "", "ws://a"),
        (["pin", "text", "--from", "//Alice", "--url=ws://b"], "ws://a", "ws://b"),
        (["pin", "--tip", "1BTT", "--json"], "ws://c", "ws://c"),
        (["pin", "-1"], "", "ws://file"),
        ([], "", "ws://file"),
    ],
)
def test_the_node_is_that_of_the_words_then_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, words: list[str], environment: str, url: str
) -> None:
    monkeypatch.setenv("BTT_URL", environment)
    ctx = click.Context(program, info_name="btt-chain")
    ctx.meta[META] = Settings({"url": "ws://file"}, "btt.toml", {})
    assert node_of("notice-board", words, ctx)[0] == url


def test_a_name_of_the_list_asks_no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def group(name: str, args: list[str], ctx: click.Context) -> None:
        asked.append(name)

    monkeypatch.setattr(default, "pallet_group", group)
    for words in (["--help"], ["exchange", "--help"], ["query", "nosuch"], ["--version"]):
        CliRunner().invoke(program, words)
    assert asked == []
    result = CliRunner().invoke(program, ["notice-board", "pin"])
    assert (asked, result.exit_code) == (["notice-board"], 2)
    assert "no command 'notice-board'" in result.stderr


def test_the_name_of_a_pallet_needs_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(program, ["notice-board", "pin", "--url", "ws://127.0.0.1:1"])
    assert result.exit_code == 2
    assert "a pallet of a chain has commands, too, but cannot connect to" in result.stderr


def test_documentation_and_names_of_a_chain_cannot_move_the_cursor() -> None:
    assert default.help_of(["\x1b[31mRed", "  more"]) == "\\x1b[31mRed\nmore"
    parameter = Parameter("a_", default.Argument("a\x1b[2J", 0, None).typed)
    assert parameter.metavar == "A\\x1b[2J"


def test_events_are_written_with_their_fields() -> None:
    events = [EventView(1, "Board.Pinned", {"who": "5G"}, "who: 5G"), EventView(1, "A.B", {}, "")]
    assert default.EVENTS.text(events, Context()) == "Board.Pinned who: 5G; A.B"
    assert default.EVENTS.json(events, Context()) == [
        {"event": "Board.Pinned", "fields": {"who": "5G"}}, {"event": "A.B", "fields": {}},
    ]  # fmt: skip


def with_entries(*entries: StorageEntry) -> ChainMetadata:
    """Return the metadata of a chain whose Balances have more storage items."""

    def add(metadata: RuntimeMetadata) -> None:
        storage = next(p.storage for p in metadata.pallets if p.name == "Balances")
        assert storage is not None
        storage.entries.extend(entries)

    return read_chain_metadata(changed(add), {})


def odd(kind: PlainEntry | MapEntry, name: str = "Odd") -> StorageEntry:
    return StorageEntry(name, StorageModifier.Optional, kind, b"", [])


NO_SUCH = u32(99_999)


@pytest.mark.parametrize(
    "entries",
    [
        [odd(MapEntry([], u32(0), u32(0)))],
        [odd(MapEntry([StorageHasher.Identity], NO_SUCH, u32(0)))],
        [odd(PlainEntry(u32(0)))] * 2_000,
    ],
)
def test_a_chain_that_contradicts_itself_has_an_error_in_place_of_commands(
    monkeypatch: pytest.MonkeyPatch, entries: list[StorageEntry]
) -> None:
    chain = with_entries(*entries)

    @asynccontextmanager
    async def connected(*_: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(metadata=chain)

    monkeypatch.setattr(default, "open_chain", connected)
    result = CliRunner().invoke(program, ["balances", "odd"])
    assert result.exit_code == 1
    assert "the chain's metadata contradict themselves" in result.output


def test_a_type_that_is_not_there_costs_only_its_item() -> None:
    commands = commands_of(with_entries(odd(PlainEntry(NO_SUCH))), "Balances").commands
    assert {"odd", "total-issuance"} <= set(commands)


def test_a_key_is_not_taken_for_another(
    chain: ChainMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Chain(SimpleNamespace):
        prefix, currency, slot_ms = 42, chain.currency, 6_000

        async def storage(self, *_: object) -> None:
            return None

    @asynccontextmanager
    async def connected(*_: object) -> AsyncIterator[Chain]:
        yield Chain(chain=SimpleNamespace(metadata=chain))

    monkeypatch.setattr(declared, "view_chain", connected)
    result = CliRunner().invoke(commands_of(chain, "Oracle"), ["raw-values", "-", "BTT/CNY"])
    assert result.exit_code == 2
    assert "a key is missing in front of another" in result.output


@pytest.mark.parametrize("name", ["chain", "polkadot"])
def test_each_command_can_be_typed(name: str, request: pytest.FixtureRequest) -> None:
    chain: ChainMetadata = request.getfixturevalue(name)
    for pallet in chain.items.runtime.pallets:
        for command in PalletCommands(chain, pallet).group.commands.values():
            count = sum(isinstance(param, click.Argument) for param in command.params)
            with suppress(click.UsageError):
                command.make_context(command.name, ["x"] * count)


def test_of_two_lists_each_is_json(polkadot: ChainMetadata) -> None:
    create = commands_of(polkadot, "Staking").commands["set-invulnerables"]
    assert [param.nargs for param in create.params if isinstance(param, click.Argument)] == [-1]
    two = [default.Argument(name, 0, list[u32]) for name in "ab"]
    typed = default.with_one_list([*two, default.Argument("c", 0, u32)])
    assert [argument.hint for argument in typed] == [None, None, u32]
    assert default.with_one_list(two[:1]) == two[:1]
