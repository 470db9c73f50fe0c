"""Declared commands: a query is a function of a chain, a sending command a call of a pallet.

    @query(exchange, "btt-chain exchange trades 0", empty="nothing was traded yet")
    async def trades(chain: ViewClient, asset: AssetId) -> list[Trade]:
        \"\"\"Show what the last auctions did, the newest last.\"\"\"
        return await chain.api(ExchangeApi.trades, asset)

    send(oracle, "withdraw", Oracle.withdraw, "btt-chain oracle withdraw --from //Bob",
         event=events.Withdrawn, done="{bond} are free again", help="Get the bond back, ...")

`@composed` is for calls whose arguments a function returns, `@decided` for those that a track
decides about, `@program` for everything else that a command does.

The docstring is the help. Annotations say how arguments are typed and results are written: each
type has one rule for that (`btt_chain.present`). `Input` has what a type has not. A parameter
without a help is an argument, one with a help an option. The chain's metadata encode and decode.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from json import dumps
from types import SimpleNamespace
from typing import NamedTuple, TypeAlias, TypeVar, cast

import click

from btt_chain.client import errors
from btt_chain.client.transactions import Call, Included
from btt_chain.client.views import ViewClient, event_of, name_of
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, Items, Json, Option, Record, Rule, rule_of
from btt_chain.present.composites import ABSENT, Part, Tuple, camel_case
from btt_chain.present.scalars import Account
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digits import to_hex
from btt_chain.scale.hints import hints_of
from cli.common import show
from cli.common.calls import report
from cli.common.deciding import by_sudo, deciding_options, is_sent_by_sudo, print_proposal
from cli.common.errors import NotFound
from cli.common.options import (
    connection_options,
    examples,
    json_option,
    query_options,
    url_options,
)
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import run
from cli.common.working import view_chain
from cli.parameters import (
    Input,
    Parameter,
    parameters_of,
    title_of,
    typed_for,
    values_of,
)

Arguments: TypeAlias = Mapping[str, object]


class Chosen(NamedTuple):
    """The arguments of a call, and the values that the command chose for absent parameters."""

    arguments: Arguments
    values: Mapping[str, object]
    """Values by the names of parameters; `--json` has them."""


Composed: TypeAlias = Arguments | Chosen | Call
Composes: TypeAlias = Callable[..., Composed | Awaitable[Composed]]
"""A function of a command's parameters that returns the arguments of a call, or another call.

It may also have the parameters `chain`, a `ViewClient`, and `sender`.
"""
Composing = TypeVar("Composing", bound=Composes)
Runs = TypeVar("Runs", bound=Callable[..., Awaitable[None] | None])
Command: TypeAlias = Callable[..., None]
Facts: TypeAlias = Callable[[Included], Mapping[str, object]]
"""A function that returns more values by the events of a call, some `Ruled`. May raise Refused."""
Done: TypeAlias = str | Callable[..., str]
"""The text of success with values in braces, or a function of the values and a context."""
Asks = TypeVar("Asks", bound=Callable[..., Awaitable[object]])
Column: TypeAlias = str | Callable[..., str]
"""The path of a field, such as `referee.usage.jobs`, or a function of a record and a context."""
Values: TypeAlias = dict[str, tuple[Rule[object], object]]


class Ruled(NamedTuple):
    """A value with its rule, where only the metadata of the chain decides its type."""

    rule: Rule[object]
    value: object


# ---- queries


def query(
    group: click.Group,
    *lines: str,
    columns: Mapping[str, Column] | None = None,
    key: str = "",
    flat: str = "",
    empty: str = "",
    missing: str = "",
    view: Callable[..., None] | None = None,
) -> Callable[[Asks], Asks]:
    """Add a command that shows what a function returns; `lines` are examples.

    `columns` are those of a table, or the lines of one record, by their titles; without, all
    fields. Rows of two have the first as field `key` of the second, a record. The fields of the
    record in the field `flat` are in its place. `empty` is the text for an empty list, `missing`
    that of the error for None, with parameters in braces. `view` prints the value for readers in
    another form; `--json` writes it by its type.
    """

    def declare(function: Asks) -> Asks:
        parameters = parameters_of(function)

        def command(url: str, timeout: float, as_json: bool, **typed: object) -> None:
            checked = typed_for(parameters, typed)

            async def ask() -> tuple[object, Context]:
                async with view_chain(url, timeout) as chain:
                    values, context = await values_of(parameters, checked, chain)
                    return await function(chain, **values), context

            value, context = run(ask())
            if value is None and missing:
                raise NotFound(missing.format(**{p.name: checked[p.key] for p in parameters}))
            if isinstance(value, Ruled):
                rule, value = value
            else:
                rule = rule_of(hints_of(function)["return"])
            if key or flat:
                rule, value = joined(rule, value, key, flat)
            if as_json:
                show.document(rule.json(value, context))
            elif value == [] and empty:
                show.note(empty)
            elif view is not None:
                view(value, context)
            else:
                print_value(rule, value, columns, context)

        _add(group, function.__name__, query_options(command), parameters, lines,
             inspect.getdoc(function))  # fmt: skip
        return function

    return declare


class Joined:
    """Several records as one, which has the fields of all."""

    def __init__(self, *records: object) -> None:
        self.records = records

    def __getattr__(self, name: str) -> object:
        return next(getattr(record, name) for record in self.records if hasattr(record, name))


def joined(rule: Rule[object], value: object, key: str, flat: str) -> tuple[Rule[object], object]:
    """Return a value, or each of a list, as one record with its `key` and `flat` fields."""
    if isinstance(rule, Option):
        return joined(rule.inner, value, key, flat)
    if isinstance(rule, Items):
        rows = [joined(rule.item, row, key, flat) for row in cast("Sequence[object]", value)]
        items = Items(rows[0][0] if rows else rule.item)
        return cast("Rule[object]", items), [row for _, row in rows]
    if isinstance(rule, Tuple):
        number, record = cast("tuple[object, object]", value)
        first, second = rule.parts
        parts = [Part(key, first), *_parts(second)]
        return Record(Joined, parts), Joined(SimpleNamespace(**{key: number}), record)
    parts = []
    for part in _parts(rule):
        parts += _parts(part.rule) if part.name == flat else [part]
    return Record(Joined, parts), Joined(value, getattr(value, flat))


def _parts(rule: Rule[object]) -> Sequence[Part]:
    if not isinstance(rule, Record):
        raise TypeError(f"{rule!r} is not the rule of a record")
    return rule.parts


def print_value(
    rule: Rule[object], value: object, columns: Mapping[str, Column] | None, context: Context
) -> None:
    """Print records as a table, one record as lines, and each other value on a line.

    A record with a value in front, such as its number, is a row with both.
    """
    if value is not None and isinstance(rule, Option):
        rule = rule.inner
    if isinstance(rule, Items) and isinstance(rule.item, Tuple):
        first, *others = rule.item.parts
        if [type(part) for part in others] == [Record]:
            key = "account" if isinstance(first, Account) else "key"
            rule, value = joined(cast("Rule[object]", rule), value, key, "")
    is_list = isinstance(rule, Items)
    item = rule.item if isinstance(rule, Items) else rule
    if not isinstance(item, Record):
        for row in cast("Sequence[object]", value) if is_list else [value]:
            click.echo(errors.printable(item.text(row, context)))
        return
    titled = columns or {part.label: part.name for part in _parts(item)}
    writers = [writer_of(item, column, is_cut=is_list) for column in titled.values()]
    records = cast("Sequence[object]", value) if is_list else [value]
    rows = [[write(record, context) for _, write in writers] for record in records]
    if not is_list:
        show.record(dict(zip(titled, rows[0], strict=True)))
        return
    right = [">" if is_number else "" for is_number, _ in writers]
    show.table([side + title for side, title in zip(right, titled, strict=True)], rows)


def writer_of(
    rule: Rule[object], column: Column, *, is_cut: bool
) -> tuple[bool, Callable[[object, Context], str]]:
    """Return True if a column has numbers, and the writer of its cells or of its lines."""
    if callable(column):
        return False, column
    names = column.split(".")
    for name in names:
        record = rule.inner if isinstance(rule, Option) else rule
        rule = next(part.rule for part in _parts(record) if part.name == name)
    write = rule.cell if is_cut else rule.text

    def text(value: object, context: Context) -> str:
        for name in names:
            value = None if value is None else getattr(value, name)
        return ABSENT if value is None else write(value, context)

    return rule.is_number, text


# ---- calls


def send(
    group: click.Group,
    name: str,
    call: Callable[..., object],
    *lines: str,
    help: str,
    done: Done,
    event: type | None = None,
    facts: Facts | None = None,
    inputs: Mapping[str, Input] | None = None,
    pallet: type | None = None,
) -> None:
    """Add a command that sends a call of a pallet; `lines` are examples.

    `done` is the text of success: arguments, fields of the first `event` of that class, what
    `facts` returns, and the hash of the `block` are in braces. `--json` has the same values.
    `pallet` is that of a call which its class inherits.
    """
    sending = _Sending(call, dict, parameters_of(call, inputs), done, event, facts, pallet)
    _add_sending(group, name, sending, lines, help)


def composed(
    group: click.Group,
    call: Callable[..., object] | str,
    *lines: str,
    done: Done,
    event: type | None = None,
    facts: Facts | None = None,
    pallet: type | None = None,
) -> Callable[[Composing], Composing]:
    """Add a command that sends a call whose arguments a function returns, otherwise as `send`.

    A call of which only the metadata of the chain is known is given by its name, `Pallet.call`.
    """

    def declare(function: Composing) -> Composing:
        sending = _Sending(call, function, parameters_of(function), done, event, facts, pallet)
        _add_sending(group, function.__name__, sending, lines, inspect.getdoc(function))
        return function

    return declare


def decided(
    group: click.Group, call: Callable[..., object], *lines: str, track: str = "", done: Done
) -> Callable[[Composing], Composing]:
    """Add a command that prints the proposal of a call to a track, or sends the call as sudo.

    A function returns the arguments, as for `composed`. If it has a parameter `track`, that is the
    track.
    """

    def declare(function: Composing) -> Composing:
        sending = _Sending(call, function, parameters_of(function), done)

        def command(url: str, timeout: float, as_json: bool, sudo: bool, **options: object) -> None:
            typed = typed_for(sending.parameters, options)
            sender = Sender.of(options, as_json) if is_sent_by_sudo(options, sudo=sudo) else None

            async def work() -> None:
                async with view_chain(url, timeout) as chain:
                    values, context = await values_of(sending.parameters, typed, chain)
                    arguments = cast("Arguments", await sending.arguments(values, chain, sender))
                    composed = chain.compose(*sending.path, **arguments)
                    if sender is None:
                        words = words_of(call, arguments, context)
                        print_proposal(
                            ".".join(sending.path), composed.raw, words,
                            str(typed.get("track", track)),
                            sending.members(values, context) if as_json else None,
                        )  # fmt: skip
                        return
                    sent = await by_sudo(sender, chain.chain, composed)
                sending.report(sent, values, context, as_json)

            run(work())

        _add(group, function.__name__, deciding_options(query_options(command)),
             sending.parameters, lines, inspect.getdoc(function))  # fmt: skip
        return function

    return declare


def program(
    group: click.Group, *lines: str, options: Sequence[Callable[[Command], Command]] = (),
    check: Callable[..., None] | None = None,
) -> Callable[[Runs], Runs]:  # fmt: skip
    """Add a command whose function does everything, and prints the result.

    A function with a `chain` asks a node, one with a `sender` sends calls; `as_json` is the option.
    Its other parameters are typed; those of `options` are not parsed, and may be taken together as
    `**options`. The option `--at` is not passed: the chain is that of the block. `check` is called
    with what was typed before the chain is asked; it raises Mistyped.
    """

    def declare(function: Runs) -> Runs:
        named = getattr(function, "__annotations__", {})

        def command(url: str, timeout: float, as_json: bool = False, **rest: object) -> None:
            typed, own = typed_for(parameters, rest), {name: rest.pop(name) for name in names}
            if check is not None:
                check(**typed)
            block = cast("str | None", own.pop("at", None))
            own |= {"as_json": as_json} if "as_json" in named else {}
            own |= {"sender": Sender.of(rest, as_json)} if "sender" in named else {}

            async def work() -> None:
                async with view_chain(url, timeout, block) as chain:
                    values, _ = await values_of(parameters, typed, chain)
                    await cast("Awaitable[None]", function(chain, **values, **own))

            run(work())

        def at_home(as_json: bool = False, **rest: object) -> None:
            typed, own = typed_for(parameters, rest), {name: rest.pop(name) for name in names}
            own |= {"as_json": as_json} if "as_json" in named else {}
            values = {parameter.key: parameter.parse(typed[parameter.key], Context())
                      for parameter in parameters}  # fmt: skip
            result = function(**values, **own)
            if isinstance(result, Awaitable):
                run(_awaited(result))

        others = click.Command("")
        for option in options:
            option(others)
        names = [str(parameter.name) for parameter in others.params]
        parameters = parameters_of(function, without=names)
        wrapped: Command = command if "chain" in named else at_home
        if "as_json" in named:
            wrapped = json_option(wrapped)
        if "sender" in named:
            wrapped = call_options(wrapped)
        elif "chain" in named:  # a `--wallet` of its own takes the place of the folder of names
            wrapped = (url_options if "wallet" in names else connection_options)(wrapped)
        for option in reversed(options):
            wrapped = option(wrapped)
        _add(group, function.__name__, wrapped, parameters, lines, inspect.getdoc(function))
        return function

    return declare


async def _awaited(work: Awaitable[None]) -> None:
    await work


def words_of(call: Callable[..., object], arguments: Arguments, context: Context) -> list[str]:
    """Return the arguments of a call as they are typed."""
    words = []
    for parameter in parameters_of(call):
        value = arguments[parameter.key.rstrip("_")]
        json = parameter.rule.json(value.account if isinstance(value, Id) else value, context)
        words.append(json if isinstance(json, str) else dumps(json))
    return words


@dataclass(frozen=True, slots=True)
class _Sending:
    """A call of a command, the function that composes it, and its result."""

    call: Callable[..., object] | str
    """Its name, `Pallet.call`, if only the metadata of the chain have it."""
    compose: Composes
    parameters: Sequence[Parameter]
    done: Done
    event: type | None = None
    facts: Facts | None = None
    pallet: type | None = None
    """Pallet of a call that its class inherits."""

    @property
    def path(self) -> tuple[str, str]:
        """Names of the pallet and the call."""
        name = self.call if isinstance(self.call, str) else name_of(self.call)
        pallet, _, call = name.partition(".")
        return pallet if self.pallet is None else self.pallet.__name__, call.rstrip("_")

    async def arguments(
        self, values: dict[str, object], chain: ViewClient, sender: Sender | None
    ) -> Arguments | Call:
        """Return the arguments of the call, or another call; `values` get those that it chose."""
        composing = {
            p.key: Id(cast("AccountId", values[p.key])) if p.is_address else values[p.key]
            for p in self.parameters
        }
        named = getattr(self.compose, "__annotations__", {})
        own = {"chain": chain, "sender": sender}
        answer = self.compose(**composing, **{name: own[name] for name in own.keys() & named})
        composed = await answer if isinstance(answer, Awaitable) else answer
        if not isinstance(composed, Chosen):
            return composed
        values |= composed.values
        return composed.arguments

    def members(self, values: Mapping[str, object], context: Context) -> dict[str, Json]:
        """Return the values of the parameters as JSON."""
        return {camel_case(p.name): p.rule.json(values[p.key], context)
                for p in self.parameters if not p.is_file}  # fmt: skip

    def report(
        self, sent: Included, typed: Mapping[str, object], context: Context, as_json: bool
    ) -> None:
        """Print the result with the arguments and the values of the event."""
        values: Values = {p.name: (p.rule, typed[p.key]) for p in self.parameters if not p.is_file}
        for name, fact in {} if self.facts is None else self.facts(sent).items():
            kind: object = type(fact)
            values[name] = fact if isinstance(fact, Ruled) else Ruled(rule_of(kind), fact)
        if self.event is not None:
            name = f"{self.path[0]}.{self.event.__name__}"
            event: object = event_of(sent, name, self.event)
            hints = hints_of(self.event)
            for field in fields(self.event):
                hint = hints[field.name]
                values[title_of(field.name, hint)] = (rule_of(hint), getattr(event, field.name))
        block = to_hex(sent.block)
        if callable(self.done):
            plain = {name: value for name, (_, value) in values.items()}
            text = self.done(SimpleNamespace(**plain, block=block), context)
        else:
            texts = {name: rule.text(value, context) for name, (rule, value) in values.items()}
            text = self.done.format(**texts, block=block)
        members = {
            camel_case(name): rule.json(value, context) for name, (rule, value) in values.items()
        }
        report(sent, as_json, text, **members)


def _add_sending(
    group: click.Group, name: str, sending: _Sending, lines: Sequence[str], help: str | None
) -> None:
    def command(url: str, timeout: float, as_json: bool, **options: object) -> None:
        typed = typed_for(sending.parameters, options)
        sender = Sender.of(options, as_json)

        async def work() -> None:
            async with view_chain(url, timeout) as chain:
                values, context = await values_of(sending.parameters, typed, chain)
                composed = await sending.arguments(values, chain, sender)
                if not isinstance(composed, Call):
                    composed = chain.compose(*sending.path, **composed)
                sent = await sender.send_call(chain.chain, composed)
            sending.report(sent, values, context, as_json)

        run(work())

    _add(group, name, call_options(command), sending.parameters, lines, help)


def _add(
    group: click.Group, name: str, function: Callable[..., None],
    parameters: Sequence[Parameter], lines: Sequence[str], help: str | None,
) -> None:  # fmt: skip
    """Add a command: its parameters come before the options that all commands have."""
    title = name.strip("_").replace("_", "-")
    command = click.command(title, cls=SendingCommand, help=help)(function)
    command.params = [parameter.declaration for parameter in parameters] + command.params
    group.add_command(examples(*lines)(command))
