"""Declared commands: parameters and output by the annotations of functions and calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, cast
from unittest.mock import AsyncMock

import click
import pytest
from click.testing import CliRunner

from btt_chain.client.amount import BTT
from btt_chain.client.views import ViewClient
from btt_chain.present import Context, rule_of
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.meaning import BASIS_POINTS
from btt_chain.scale import TypeName, u16, u32, u64, u128
from cli import declared
from cli.common.errors import Mistyped
from cli.declared import Chosen, _Sending, joined, print_value, program, words_of
from cli.parameters import Input, Parameter, parameters_of
from runtime.frame.aliases import Balance
from runtime.pallets.exchange.pallet import Exchange
from runtime.pallets.exchange.types import Side
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.payfi.dispute_types import DisputeReason
from runtime.pallets.referral.pallet import Referral

CONTEXT = Context(currency=BTT)


@dataclass(frozen=True, slots=True)
class Price:
    price: Balance
    share: Annotated[u16, BASIS_POINTS]


@dataclass(frozen=True, slots=True)
class Offer:
    side: Side
    price: Price | None
    units: u64


@dataclass(frozen=True, slots=True)
class Listed:
    id: u32
    level: Price


def offer(units: int, price: int | None = None) -> Offer:
    level = None if price is None else Price(u128(price), u16(150))
    return Offer(Side.Sell, level, u64(units))


class Doubled(click.ParamType[int]):
    """A number that counts twice."""

    name = "days"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number, twice."""
        return 2 * int(str(value))


def ask(
    asset: Annotated[u32, TypeName("AssetId")],
    who: AccountId | None,
    levels: Annotated[u32, Input(help="Number of prices.", default="10", least=1, most=50)],
    immediate: Annotated[bool, Input(help="Now or never.")],
    price: Annotated[Balance, Input("AMOUNT", "What it costs.")],
    file: Path | None,
    limit: Annotated[list[u16], Input(help="Give it once for each.", most=99)],
    reports: Annotated[bool | None, Input(help="Have reports, or not.")],
    term: Annotated[u16, Input(help="Days.", type=Doubled())],
) -> None:
    """Ask for something."""


def declarations() -> dict[str, click.Parameter]:
    return {parameter.key: parameter.declaration for parameter in parameters_of(ask)}


def test_a_parameter_with_a_help_is_an_option_and_one_without_is_an_argument() -> None:
    shown = declarations()
    assert {name for name, param in shown.items() if isinstance(param, click.Option)} == {
        "levels", "immediate", "price", "limit", "reports", "term",
    }  # fmt: skip
    assert [name for name, param in shown.items() if param.required] == ["asset", "price", "term"]
    levels, immediate, price = shown["levels"], shown["immediate"], shown["price"]
    assert isinstance(levels, click.Option)
    assert (levels.opts, levels.default, levels.show_default) == (["--levels"], "10", True)
    assert isinstance(levels.type, click.IntRange)
    assert (levels.type.min, levels.type.max) == (1, 50)
    assert isinstance(immediate, click.Option)
    assert immediate.is_flag
    assert price.metavar == "AMOUNT"
    assert isinstance(shown["file"].type, click.Path)


def test_an_option_without_a_default_is_required_unless_its_type_is_optional() -> None:
    required = Parameter("of", AccountId, Input(help="The owner.")).declaration
    optional = Parameter("of", AccountId | None, Input(help="The owner.")).declaration
    assert click.Command("show", params=[optional]).make_context("show", []).params == {"of": None}
    with pytest.raises(click.MissingParameter, match="of"):
        click.Command("show", params=[required]).make_context("show", [])


def typed(*words: str) -> dict[str, object]:
    """Return the values of the options of `ask` for a command line."""
    options = [param for param in declarations().values() if isinstance(param, click.Option)]
    command = click.Command("ask", params=[*options])
    return command.make_context("ask", list(words)).params


def test_lists_are_options_that_repeat_and_optional_flags_have_an_opposite() -> None:
    needed = ("--price", "1BTT", "--term", "7")
    values = typed(*needed)
    assert (values["limit"], values["reports"], values["term"], values["immediate"]) == (
        (), None, 14, False,
    )  # fmt: skip
    values = typed(*needed, "--limit", "1", "--limit", "2", "--no-reports", "--immediate")
    assert (values["limit"], values["reports"], values["immediate"]) == ((1, 2), False, True)
    assert typed(*needed, "--reports")["reports"] is True
    limit = Parameter("limit", list[u16], Input(help="Give it once for each."))
    assert limit.parse((1, 2), CONTEXT) == [u16(1), u16(2)]
    with pytest.raises(click.BadParameter, match="99"):
        typed(*needed, "--limit", "100")


def test_a_parameter_of_a_call_has_the_bounds_choices_and_metavar_of_its_type() -> None:
    order = {p.key: p.declaration for p in parameters_of(Exchange.place_order)}
    assert list(order) == ["asset", "side", "units", "price", "time_in_force", "until"]
    assert isinstance(order["side"].type, click.Choice)
    assert order["side"].type.choices == ("buy", "sell")
    assert isinstance(order["asset"].type, click.IntRange)
    assert order["asset"].type.max == u32.MAX
    assert not order["until"].required
    (cancelled,) = parameters_of(Exchange.cancel_order)
    assert (cancelled.key, cancelled.name, cancelled.declaration.metavar) == (
        "id", "order", "ORDER",
    )  # fmt: skip
    (referee,) = parameters_of(Referral.refer, {"referee": Input("REFEREE")})
    assert (referee.is_address, referee.metavar) == (True, "REFEREE")


@pytest.mark.parametrize(
    ("hint", "typed", "value"),
    [
        (Balance, "1.5BTT", u128(15 * 10**17)),
        (Annotated[u16, BASIS_POINTS], "1.25%", u16(125)),
        (Side, "sell", Side.Sell),
        (u32, 7, u32(7)),
        (u32 | None, None, None),
        (bool, True, True),
        (Path, Path("scan.pdf"), Path("scan.pdf")),
    ],
)
def test_what_is_typed_becomes_a_value_of_the_type(
    hint: object, typed: object, value: object
) -> None:
    assert Parameter("given", hint).parse(typed, CONTEXT) == value


def test_a_list_is_an_argument_of_many_words_and_an_option_that_is_repeated() -> None:
    argument = Parameter("who", list[AccountId])
    option = Parameter("side", list[Side], Input(help="A side."))
    assert (argument.declaration.nargs, argument.declaration.required) == (-1, True)
    assert isinstance(option.declaration, click.Option)
    assert (option.declaration.multiple, option.declaration.required) == (True, False)
    assert option.parse(("buy", "Sell"), CONTEXT) == [Side.Buy, Side.Sell]
    assert option.parse((), CONTEXT) == []


@pytest.mark.parametrize("typed", ["not-received", "NotReceived", "notreceived", "not_received"])
def test_a_name_is_typed_with_hyphens_or_without(typed: str) -> None:
    choice = Parameter("reason", DisputeReason).declaration.type
    assert choice.convert(typed, None, None) == "not-received"
    with pytest.raises(click.BadParameter, match="is not one of 'not-received'"):
        choice.convert("received", None, None)


def test_the_words_of_a_proposal_are_those_that_its_call_takes() -> None:
    """Arguments come in the order of the call, whatever the order of the function."""
    sending = _Sending(Facilities.suspend, dict, [], "")
    arguments = {"suspended": False, "who": Id(AccountId(b"\x0a" * 32))}
    address = "5CHsKQwQDWKMqk3gLCvb2oftFQ7MyVMUDzZhNg9w45t1WCTL"
    assert sending.path == ("Facilities", "suspend")
    assert words_of(Facilities.suspend, arguments, CONTEXT) == [address, "false"]


def test_a_mistake_names_its_parameter() -> None:
    with pytest.raises(Mistyped, match=r"^PRICE: '2\.5' has no unit"):
        Parameter("price", Balance).parse("2.5", CONTEXT)
    option = Parameter("max_fee", Balance, Input(help="The most to pay."))
    with pytest.raises(Mistyped, match=r"^--max-fee: "):
        option.parse("5 apples", CONTEXT)


def test_records_are_a_table_with_numbers_on_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    columns: dict[str, declared.Column] = {
        "side": "side", "price": "price.price", "share": "price.share",
        ">double": lambda row, _: str(2 * int(row.units)),
    }  # fmt: skip
    rows = [offer(4, 25 * 10**17), offer(1_000)]
    print_value(rule_of(list[Offer]), rows, columns, CONTEXT)
    _, head, _, first, second, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["side", "price", "share", "double"]
    assert first.split() == ["sell", "2.5", "BTT", "1.5", "%", "8"]
    assert second.split() == ["sell", "-", "-", "2000"]
    assert len(first) == len(second)


def test_a_record_is_a_line_for_each_field(capsys: pytest.CaptureFixture[str]) -> None:
    print_value(rule_of(Price | None), Price(u128(10**18), u16(100)), None, CONTEXT)
    assert capsys.readouterr().out.splitlines() == ["price  1 BTT", "share  1 %"]


def test_a_column_that_is_not_a_field_is_an_error() -> None:
    for path in ("cost", "units.cost"):
        with pytest.raises((TypeError, StopIteration)):
            print_value(rule_of(Offer), offer(1), {"cost": path}, CONTEXT)


def test_a_key_and_flat_fields_are_members_of_one_record() -> None:
    rows: object = [(u32(7), offer(4))]
    keyed, values = joined(rule_of(list[tuple[u32, Offer]]), rows, "order", "")
    assert keyed.json(values, CONTEXT) == [
        {"order": 7, "side": "Sell", "price": None, "units": "4"}
    ]
    listed = Listed(u32(7), Price(u128(5), u16(150)))
    flat, value = joined(rule_of(Listed | None), listed, "", "level")
    assert flat.json(value, CONTEXT) == {"id": 7, "price": "5", "share": 150}
    empty, nothing = joined(rule_of(list[tuple[u32, Offer]]), [], "order", "")
    assert empty.json(nothing, CONTEXT) == []


@asynccontextmanager
async def no_chain(url: str, timeout: float, at: str | None = None) -> AsyncIterator[object]:
    """A connection to a chain that has a currency and a time, and nothing else."""
    storage = AsyncMock(return_value=u64(0))
    chain = SimpleNamespace(at=at)
    yield SimpleNamespace(prefix=42, slot_ms=6_000, currency=BTT, storage=storage, chain=chain)


def test_a_program_has_its_options_and_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "view_chain", no_chain)
    group, calls = click.Group("group"), []

    @program(group, "btt-chain group act 1.5BTT", options=(click.option("--secret"),))
    async def act(
        chain: ViewClient, as_json: bool, amount: Balance, times: u32 | None, secret: str
    ) -> None:
        """Act."""
        calls.append((chain.currency, as_json, amount, times, secret))

    result = CliRunner().invoke(group, ["act", "1.5BTT", "--secret", "word", "--json"])
    assert result.exit_code == 0, result.output
    assert calls == [(BTT, True, 15 * 10**17, None, "word")]
    help = CliRunner().invoke(group, ["act", "--help"]).output
    assert "AMOUNT [TIMES]" in help
    assert "--tip" not in help


def test_a_program_has_the_chain_at_the_block_of_its_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(declared, "view_chain", no_chain)
    group, blocks = click.Group("group"), list[object]()

    @program(group, "btt-chain group look", options=(click.option("--at"),))
    async def look(chain: ViewClient) -> None:
        """Look."""
        blocks.append(chain.chain.at)

    assert CliRunner().invoke(group, ["look", "--at", "17"]).exit_code == 0
    assert CliRunner().invoke(group, ["look"]).exit_code == 0
    assert blocks == ["17", None]
    assert "--json" not in CliRunner().invoke(group, ["look", "--help"]).output


def test_a_program_without_a_chain_asks_no_node_and_takes_its_options_together() -> None:
    group, calls = click.Group("group"), list[object]()

    @program(group, "btt-chain group note 3", options=(click.option("--folder"),))
    def note(as_json: bool, times: u32, **options: object) -> None:
        """Note."""
        calls.append((as_json, times, options))

    @program(group, "btt-chain group wait")
    async def wait() -> None:
        """Wait."""
        calls.append("waited")

    result = CliRunner().invoke(group, ["note", "3", "--folder", "here", "--json"])
    assert (result.exit_code, CliRunner().invoke(group, ["wait"]).exit_code) == (0, 0)
    assert calls == [(True, u32(3), {"folder": "here"}), "waited"]
    assert "--url" not in CliRunner().invoke(group, ["note", "--help"]).output


async def test_a_value_that_a_command_chose_is_that_of_its_parameter() -> None:
    def compose(month: u32 | None) -> Chosen:
        return Chosen({"month": u32(4)}, {"month": u32(4)})

    sending = _Sending(Facilities.suspend, compose, parameters_of(compose), "")
    values: dict[str, object] = {"month": None}
    chain = cast("ViewClient", None)
    assert await sending.arguments(values, chain, None) == {"month": u32(4)}
    assert values == {"month": u32(4)}
