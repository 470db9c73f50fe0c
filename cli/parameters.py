"""Parameters of declared commands: how values are typed, by the rules of their types."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias, cast, get_args, get_origin

import click

from btt_chain.client import errors
from btt_chain.client.accounts import read_account
from btt_chain.client.views import ViewClient
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, Items, Option, Unfit, rule_of
from btt_chain.present.scalars import Account, Count, Truth
from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.scale import TypeName, u64
from btt_chain.scale.hints import hints_of
from cli.common.errors import Mistyped

_Type: TypeAlias = click.Path | click.Choice[str] | click.ParamType[str] | click.ParamType[int]

NOT_TYPED: Final = frozenset({"origin", "return", "chain", "sender", "as_json", "options"})
"""Parameters of functions and calls that are not typed on the command line."""
_ID: Final = re.compile(r"(?:T::)?(\w+?)Id(?:Parameter)?")
"""The name of a type of numbers: `AssetId`."""


@dataclass(frozen=True, slots=True)
class Input:
    """Properties of a parameter that its type does not have: a mark, or given beside a call."""

    metavar: str = ""
    help: str = ""
    """Help of an option."""
    default: str | None = None
    """Default of an option, as it is typed; a list argument with one may be empty."""
    least: int | None = None
    most: int | None = None
    """Bounds of a number that are narrower than those of its type."""
    check: Callable[[str], object] | None = None
    """Check of a text before the chain is asked. Raises Mistyped."""
    type: click.ParamType[str] | click.ParamType[int] | None = None
    """Type of the command line in place of the one that belongs to the annotation."""


class Word(click.Choice[str]):
    """A name of a type: in any case, with hyphens or without."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the name with hyphens."""
        typed = [word for word in self.choices if _letters(word) == _letters(str(value))]
        return super().convert(typed[0] if typed else value, param, ctx)


def _letters(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


class Parameter:
    """A parameter of a command: the rule of its type, and how it is typed."""

    def __init__(self, name: str, hint: object, mark: Input | None = None) -> None:
        marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        bare = get_args(hint)[0] if marks else hint
        self.key = name
        self.name = title_of(name, hint)
        self.mark = mark or next((mark for mark in marks if isinstance(mark, Input)), Input())
        self.is_file = bare in (Path, Path | None)
        # A call takes any form of address; an account is typed.
        self.is_address = bare == get_args(MultiAddress)[0]
        self.rule = rule_of(str if self.is_file else AccountId if self.is_address else hint)
        self.is_list = isinstance(self.rule, Items)
        self.is_optional = isinstance(self.rule, Option) or bare == Path | None
        flag = f"--{name.strip('_').replace('_', '-')}"
        self.label = flag if self.mark.help else self.metavar

    @property
    def metavar(self) -> str:
        """Placeholder of an argument in the help."""
        default = "ACCOUNT" if isinstance(self.rule, Account) else self.name.strip("_").upper()
        return self.mark.metavar or default

    @property
    def declaration(self) -> click.Parameter:
        """Parameter of the command."""
        type, mark = self._type(), self.mark
        if not mark.help:
            metavar = f"[{self.metavar}]" if self.is_optional else self.metavar
            argument = click.Argument(
                [self.key], type=type, nargs=-1 if self.is_list else 1,
                metavar=None if isinstance(type, click.Choice) else metavar,
                required=not self.is_optional and mark.default is None,
            )  # fmt: skip
            argument.name = self.key  # click would lower it
            return argument
        rule = self.rule.inner if isinstance(self.rule, Option) else self.rule
        is_flag = isinstance(rule, Truth)
        # A flag that may be absent has an opposite.
        opposite = f"/--no-{self.label[2:]}" if is_flag and self.is_optional else ""
        option = click.Option(
            [self.label + opposite, self.key], type=None if is_flag else type,
            metavar=mark.metavar or None, is_flag=is_flag or None, help=mark.help,
            required=not (is_flag or self.is_optional or self.is_list) and mark.default is None,
            multiple=self.is_list,
        )  # fmt: skip
        if mark.default is not None:  # click takes a default of None for a value that is there
            option.default, option.show_default = mark.default, True
        elif is_flag:
            option.default = None if opposite else False
        return option

    def _type(self) -> _Type:
        rule = self.rule.inner if isinstance(self.rule, Option) else self.rule
        rule = rule.item if isinstance(rule, Items) else rule
        if self.mark.type is not None:
            return self.mark.type
        if self.is_file:
            return click.Path(dir_okay=False, path_type=Path)
        if rule.choices:
            return Word(rule.choices, case_sensitive=False)
        # A number with a unit is read when the chain is known.
        if isinstance(rule, Count) and type(rule) is Count:
            return click.IntRange(self.mark.least or rule.kind.MIN, self.mark.most or rule.kind.MAX)
        return click.types.StringParamType()

    def parse(self, typed: object, context: Context) -> object:
        """Return the value of what was typed. Raises Mistyped."""
        if typed is None or isinstance(typed, bool | Path):
            return typed
        try:
            if isinstance(self.rule, Items):
                items = cast("tuple[object, ...]", typed)
                return [self.rule.item.parse(str(item), context) for item in items]
            return self.rule.parse(str(typed), context)
        except Unfit as error:
            raise Mistyped(f"{self.label}: {error}") from None


def title_of(name: str, hint: object) -> str:
    """Return the name of a value; that of its type for one that is called `id`: `asset`."""
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    names = [mark.name for mark in marks if isinstance(mark, TypeName)]
    match = _ID.fullmatch(names[0]) if names and name == "id" else None
    return name if match is None else match[1].lower()


def parameters_of(
    function: Callable[..., object],
    marks: Mapping[str, Input] | None = None,
    without: Collection[str] = (),
) -> list[Parameter]:
    """Return the typed parameters of a function or a call."""
    hints, marks = hints_of(function), marks or {}
    names = [name for name in hints if name not in NOT_TYPED and name not in without]
    return [Parameter(name, hints[name], marks.get(name)) for name in names]


def typed_for(parameters: Sequence[Parameter], options: dict[str, object]) -> dict[str, object]:
    """Return the typed values of parameters, removed from `options`. Raises Mistyped."""
    typed = {parameter.key: options.pop(parameter.key) for parameter in parameters}
    for parameter in parameters:
        if parameter.mark.check is not None and typed[parameter.key] is not None:
            parameter.mark.check(str(typed[parameter.key]))
    return typed


async def values_of(
    parameters: Sequence[Parameter], typed: Mapping[str, object], chain: ViewClient
) -> tuple[dict[str, object], Context]:
    """Return the values of what was typed. Raises Mistyped."""
    context = await context_of(chain)
    return {p.key: p.parse(typed[p.key], context) for p in parameters}, context


async def context_of(client: ViewClient) -> Context:
    """Return the currency, addresses and time of a chain."""
    prefix = client.prefix
    try:
        slot_ms: int | None = client.slot_ms
        genesis = await client.storage(u64, "Babe.GenesisSlot")
    except errors.NotFound:  # a chain without Babe has no dates: slots are shown as numbers
        slot_ms, genesis = None, None
    genesis_ms = int(genesis) * slot_ms if genesis and slot_ms else None
    return Context(
        prefix, client.currency, slot_ms, genesis_ms, lambda text: read_account(text, prefix)
    )
