"""The commands of a pallet without a file of its own, made from the metadata of the chain.

    btt-chain notice-board pin "Milk at seven" --from //Alice
    btt-chain notice-board notices

A call is a command that sends it; a function of the pallet's runtime API and a storage item are
queries. They are declared as those of `cli.commands`, and typed and shown by the same rules. The
chain's runtime may be one that this program does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import cleandoc
from types import SimpleNamespace
from typing import Annotated, Final, NamedTuple, cast, get_origin

import click
from click.core import ParameterSource

from btt_chain.client.arguments import Arguments
from btt_chain.client.chain import Chain
from btt_chain.client.decoding import EventView
from btt_chain.client.errors import Undecodable, printable
from btt_chain.client.items import CONTRADICTION
from btt_chain.client.metadata import ChainMetadata
from btt_chain.client.presented import StoredRecords, key_names, marked, optional, presented_types
from btt_chain.client.transactions import Included
from btt_chain.client.views import ViewClient, plain
from btt_chain.present import Context, Items, Json, Option, Rule, Schema, Unfit
from btt_chain.present.scalars import words_of
from btt_chain.scale import u32
from btt_chain.scale.metadata import Method, PalletMetadata, PortableVariant, StorageEntry
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.config import settings_of
from cli.common.errors import Mistyped, similar_names
from cli.common.options import Group, url_options
from cli.common.session import open_chain, run
from cli.declared import Ruled, composed, query
from cli.parameters import Input, Parameter

MAX_EQUAL: Final = 8
"""Maximum number of items of a pallet with one name: a call, a function, storage items."""
LIMIT: Final = "limit"
LIMITED: Final = Annotated[u32, Input(help="Maximum number of entries.", default="100", least=1)]


class Argument(NamedTuple):
    """An argument of a call or a function, or a key of a map."""

    name: str
    """Its name on the wire."""
    kind: int
    """Its type in the metadata."""
    hint: object | None
    """Its Python type; None if `Arguments` reads its text."""

    @property
    def key(self) -> str:
        """Name of the parameter, which no option of a command has."""
        return f"{self.name}_"

    @property
    def typed(self) -> object:
        """Annotation of the parameter: help shows the name, as one type may occur twice."""
        return marked(self.hint or str, Input(printable(self.name.upper())))

    def read(self, value: object, arguments: Arguments) -> Plain:
        """Return a parsed value in the form that the metadata encode."""
        if self.hint is None:
            return arguments.read(self.kind, str(value), self.name)
        return plain(value)


def with_one_list(arguments: Iterable[Argument]) -> list[Argument]:
    """Return arguments of which at most one is a list of words; of several, each is JSON."""
    typed = list(arguments)
    lists = [argument for argument in typed if get_origin(argument.hint) is list]
    if len(lists) < 2:
        return typed
    return [argument._replace(hint=None) if argument in lists else argument for argument in typed]


class EventLines(Rule[Sequence[EventView]]):
    """The events of a call, by their names and fields."""

    def json(self, value: Sequence[EventView], context: Context) -> Json:
        """Return a list of objects, as `tx call` has it."""
        return [{"event": event.name, "fields": cast("Json", event.fields)} for event in value]

    def schema(self, context: Context) -> Schema:
        """Return the schema of a list of objects."""
        event: Schema = {"type": "object", "required": ["event", "fields"]}
        return {"type": "array", "items": event}

    def read(self, json: object, context: Context) -> Sequence[EventView]:
        """Raise Unfit: events are not typed."""
        raise Unfit("events are not read")

    def text(self, value: Sequence[EventView], context: Context) -> str:
        """Return the events with semicolons in between."""
        return "; ".join(f"{event.name} {event.shown}".rstrip() for event in value)


EVENTS: Final = EventLines()


def pallet_group(name: str, args: Sequence[str], ctx: click.Context) -> Group | None:
    """Return the commands of the pallet with a typed name; None if the chain has no such pallet.

    `args` are the words after the name: they may have the node's URL. Raises as `run` does, and
    Mistyped if another name is similar.
    """
    url, timeout = node_of(name, args, ctx)

    async def read() -> Group | list[str]:
        """Return the commands of the pallet, or the names of the chain's pallets."""
        async with open_chain(url, timeout) as chain:
            metadata = chain.metadata
        pallets = {command_name(pallet.name): pallet for pallet in metadata.items.runtime.pallets}
        return PalletCommands(metadata, pallets[name]).group if name in pallets else [*pallets]

    pallets = run(read())
    if isinstance(pallets, Group):
        return pallets
    own = ctx.command.list_commands(ctx) if isinstance(ctx.command, click.Group) else []
    near = similar_names(name, [*own, *pallets])
    if near:
        raise Mistyped(f"no command {name!r}; did you mean {' or '.join(near)}?", ctx)
    return None


def node_of(name: str, args: Sequence[str], ctx: click.Context) -> tuple[str, float]:
    """Return URL and timeout by the words after a command's name, or else by the settings."""
    options = node_options(name)
    options.ignore_unknown_options = options.allow_extra_args = True
    defaults = settings_of(ctx).defaults([name], options)
    with options.make_context(
        name, list(args), parent=ctx, resilient_parsing=True, default_map=defaults
    ) as own:
        # What was mistyped is None here, and is refused by the command itself.
        typed = {name: value for name, value in own.params.items() if value is not None}
        values = {option.name: option.get_default(own) for option in options.params} | typed
        return str(values["url"]), float(str(values["timeout"]))


def node_options(name: str) -> click.Command:
    """Return a command with the options that name a node, and no others."""
    return url_options(click.command(name, add_help_option=False)(lambda **_: None))


def command_name(name: str) -> str:
    """Return the command of a pallet, call, function or item: `notice-board` of NoticeBoard."""
    return "-".join(words_of(name))


class PalletGroup(Group):
    """A group whose own --url and --timeout are those of its commands: its help asks a node."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument."""
        name, command, rest = super().resolve_command(ctx, args)
        for option, value in ctx.params.items():
            if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE:
                rest = [f"--{option}", str(value), *rest]
        return name, command, rest


class PalletCommands:
    """The commands of one pallet: its calls, then its functions, then its storage items.

    Where two have one name, the later is `show-` and the name.
    """

    def __init__(self, metadata: ChainMetadata, pallet: PalletMetadata) -> None:
        self._metadata = metadata
        self._types = presented_types(metadata)
        self._pallet = pallet
        docs = help_of(pallet.docs) or f"The pallet {printable(pallet.name)} of the chain."
        self.group: Final = PalletGroup(command_name(pallet.name), help=docs)
        self.group.params = node_options(str(self.group.name)).params
        for call in metadata.items.calls(pallet):
            self._add_call(call)
        api = metadata.items.api_of(pallet)
        for method in [] if api is None else api.methods:
            self._add_function(method)
        for entry in pallet.storage.entries if pallet.storage else []:
            self._add_entry(entry)

    def _add_call(self, call: PortableVariant) -> None:
        """Add a command that sends a call, and shows the pallet's events of it."""
        path = f"{self._pallet.name}.{call.name}"
        arguments = with_one_list(
            Argument(field.name or str(at), field.type, self._types.of_field(field, money=True))
            for at, field in enumerate(call.fields)
        )

        def compose(chain: ViewClient, **values: object) -> dict[str, object]:
            reader = chain.chain.metadata.arguments
            return {
                argument.name: argument.read(values[argument.key], reader) for argument in arguments
            }

        def own_events(sent: Included) -> Mapping[str, object]:
            start = f"{self._pallet.name}."
            own = [event for event in sent.events if event.name.startswith(start)]
            return {"events": Ruled(cast("Rule[object]", EVENTS), own)}

        def done(values: SimpleNamespace, context: Context) -> str:
            return f"{path} succeeded. {EVENTS.text(values.events, context)}".rstrip()

        hints = {argument.key: argument.typed for argument in arguments}
        line = self._describe(compose, call.name, hints, call.docs)
        composed(self.group, path, f"{line} --from //Alice", done=done, facts=own_events)(compose)

    def _add_function(self, method: Method) -> None:
        """Add a query of a function of the runtime API."""
        arguments = with_one_list(
            Argument(param.name, param.type, self._types.annotation(param.type))
            for param in method.inputs
        )

        async def ask(chain: ViewClient, **values: object) -> Ruled:
            reader = chain.chain.metadata.arguments
            typed = [argument.read(values[argument.key], reader) for argument in arguments]
            answer = await chain.chain.api(f"{self._pallet.name}Api.{method.name}", *typed)
            return Ruled(self._types.rule(method.output), self._types.value(method.output, answer))

        hints = {argument.key: argument.typed for argument in arguments}
        line = self._describe(ask, method.name, hints, method.docs)
        query(self.group, line, empty="there are none")(ask)

    def _add_entry(self, entry: StorageEntry) -> None:
        """Add a query of a storage item: its value, or the entries of a map."""
        arguments = [
            Argument(name, kind, self._types.annotation(kind))
            for name, kind in key_names(self._metadata, entry)
        ]

        async def ask(chain: ViewClient, **values: object) -> Ruled:
            reader, storage = chain.chain.metadata.arguments, self._metadata.storage
            typed = [argument for argument in arguments if values[argument.key] is not None]
            if typed != arguments[: len(typed)]:
                raise Mistyped("a key is missing in front of another: type it, or leave out both")
            keys = [argument.read(values[argument.key], reader) for argument in typed]
            key, is_complete = storage.key(self._pallet, entry, keys)
            if not is_complete:
                return await self._entries(chain.chain, entry, key, int(str(values[LIMIT])))
            records = StoredRecords(self._metadata, entry)
            value = records.value(await chain.chain.storage_bytes(key))
            return Ruled(cast("Rule[object]", Option(records.value_rule)), value)

        hints = {argument.key: optional(argument.typed) for argument in arguments}
        if arguments:
            hints[LIMIT] = LIMITED
        line = self._describe(ask, entry.name, hints, entry.docs)
        query(self.group, line, empty="nothing is stored there")(ask)

    async def _entries(self, chain: Chain, entry: StorageEntry, prefix: bytes, limit: int) -> Ruled:
        """Return the entries of a map below a prefix."""
        block = (await chain.best()).hash
        keys = [key async for key in chain.storage_keys(prefix, limit + 1, block)]
        if len(keys) > limit:
            show.note(f"only the first {limit} are shown; see more with --limit")
        values = await chain.storage_batch(keys[:limit], block)
        records = StoredRecords(self._metadata, entry)
        entries = [records.record(key, raw) for key, raw in zip(keys, values, strict=False)]
        rows = [entry for entry in entries if entry is not None]
        return Ruled(cast("Rule[object]", Items(cast("Rule[object]", records.rule))), rows)

    def _describe(
        self, function: Callable[..., object], name: str, hints: Mapping[str, object],
        docs: Sequence[str],
    ) -> str:  # fmt: skip
        """Give a function the name, the parameters and the help of a command; return an example."""
        title = command_name(name)
        for _ in range(MAX_EQUAL):
            if title not in self.group.commands:
                break
            title = f"show-{title}"
        else:
            raise Undecodable(f"{CONTRADICTION}: {MAX_EQUAL} items are called {title}")
        function.__name__, function.__doc__ = title, help_of(docs) or printable(name)
        returned = function.__annotations__["return"]
        function.__annotations__ = {"chain": ViewClient, **hints, "return": returned}
        parameters = [Parameter(key, hint) for key, hint in hints.items() if key != LIMIT]
        typed = (f"[{p.metavar}]" if p.is_optional else p.metavar for p in parameters)
        return " ".join(["btt-chain", str(self.group.name), title, *typed])


def help_of(docs: Sequence[str]) -> str:
    """Return documentation of metadata as the help of a command."""
    return printable(cleandoc("\n".join(docs)))
