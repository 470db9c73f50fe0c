"""The runtime: a table of pallets, and the dispatch of calls to them.

A concrete runtime (`runtime/table.py`) adds its pallets in order and then calls `complete`. The
index of a pallet is the first byte of its calls, events and errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cache
from typing import Final, Protocol, TypeVar

from btt_chain.primitives.limits import MAX_CALLS
from btt_chain.scale import Codec, DecodeError, EncodeError, u8, variants
from btt_chain.scale.shape import Field, Shape, VariantOf, VariantShape
from btt_chain.scale.variant import is_empty
from runtime.frame.call import CALL, FREEZE_REASON, HOLD_REASON, Call, Dispatchable, Reason
from runtime.frame.error import (
    Arithmetic,
    DispatchError,
    Error,
    InvalidBlock,
    ModuleError,
    WireError,
    WireModule,
)
from runtime.frame.event import Event
from runtime.frame.host import EVENT, Dispatcher, Happened, Host
from runtime.frame.migration import Migration, MigrationFailed, note_version, pending
from runtime.frame.origin import Origin
from runtime.frame.pallet import Pallet
from runtime.frame.state import State
from runtime.frame.version import RuntimeVersion
from runtime.frame.weight import DispatchInfo, PostInfo

P = TypeVar("P", bound=Pallet)

Entry = tuple[Pallet, int, Callable[..., PostInfo | None], Dispatchable, DispatchInfo | None]


class Observer(Dispatcher, Protocol):
    """Observes the execution of a block: calls and hooks pass through it."""

    def on_initialize(self, hook: Callable[[int], int]) -> Callable[[int], int]:
        """Return the function that runs in place of a pallet's hook at the start of a block."""

    def on_finalize(self, hook: Callable[[int], None]) -> Callable[[int], None]:
        """Return the function that runs in place of a pallet's hook at the end of a block."""


CRATE = "btt_runtime"
"""First part of the runtime's own type paths; clients require a name that ends in `_runtime`."""


MAX_NESTING: Final = 8
"""Maximum depth of nested calls: `sudo(batch(proxy(multisig(call))))` has five levels."""

AS_DECLARED: Final = PostInfo()
"""The result of a call that corrects nothing; it is never changed."""


class Runtime:
    """Pallets by index, with one shared host."""

    def __init__(
        self, version: RuntimeVersion, *, filtered: type[DispatchError], symbol: str = "UNIT"
    ) -> None:
        self.version = version
        self.symbol = symbol
        """Symbol of the token in the digest of the metadata."""
        self.filtered = filtered
        self.host = Host()
        self.host.dispatcher = self
        self.pallets: dict[int, Pallet] = {}
        self._by_kind: dict[type[Pallet], Pallet] = {}
        self._dispatchables: dict[bytes, Dispatchable] = {}
        self._entries: dict[bytes, Entry] = {}
        """Pallet, call index, method, declaration, and the info if it does not depend on the
        arguments, by the first two bytes."""
        self._on_initialize: list[Callable[[int], int]] = []
        self._on_finalize: list[Callable[[int], None]] = []
        self._errors: dict[type[Error], tuple[int, int]] = {}
        self._depth = 0
        self._decoded = 0
        self.migrations: tuple[Migration, ...] = ()
        """Format changes of this version and the previous ones, in order."""
        self.migrated = 0
        """Weight of the migrations that ran when the current state was entered, in picoseconds."""

    def add(self, index: int, pallet: P) -> P:
        """Add `pallet` at `index` of the table. Raises TypeError if index or name is in use."""
        if index in self.pallets:
            raise TypeError(f"{pallet.name} and {self.pallets[index].name} share index {index}")
        if any(pallet.name == other.name for other in self.pallets.values()):
            raise TypeError(f"two pallets are called {pallet.name}: they would share their storage")
        pallet.bind(self.host, index)
        self.pallets[index] = pallet
        for entry in pallet.CALLS.values():
            first = bytes((index, entry.index))
            self._dispatchables[first] = entry
            info = entry.info if isinstance(entry.info, DispatchInfo) else None
            self._entries[first] = pallet, entry.index, entry.run, entry, info
        for error in pallet.ERRORS.values():
            self._errors[error] = (index, error.INDEX)
        return pallet

    def complete(self) -> None:
        """Complete the table: bind the recursive codecs and list the hooks that are overridden.

        A version that adds to the table of the previous one completes it again.
        """
        self._on_initialize.clear()
        self._on_finalize.clear()
        self.call_codec: Codec[Call] = Codec(
            "RuntimeCall",
            encode_call,
            self._decode_call,
            Shape(self._calls_node, path=f"{CRATE}::RuntimeCall"),
            2,
        )
        self._event = self._event_codec()
        self._hold = self._reason_codec("RuntimeHoldReason", lambda pallet: pallet.HOLD_REASONS)
        self._freeze = self._reason_codec(
            "RuntimeFreezeReason", lambda pallet: pallet.FREEZE_REASONS
        )
        self.bind()
        for pallet in self.pallets.values():
            if type(pallet).on_initialize is not Pallet.on_initialize:
                self._on_initialize.append(pallet.on_initialize)
            if type(pallet).on_finalize is not Pallet.on_finalize:
                self._on_finalize.append(pallet.on_finalize)

    def bind(self) -> None:
        """Bind the recursive codecs of calls, events and reasons to this table.

        All runtimes of a process share the types; what they nest is that of the active runtime.
        """
        if CALL.bound is self.call_codec:  # the four are always bound together
            return
        CALL.bind(self.call_codec)
        EVENT.bind(self._event)
        HOLD_REASON.bind(self._hold)
        FREEZE_REASON.bind(self._freeze)

    def gossiped(self) -> Mapping[bytes, int]:
        """Return the calls that other nodes may send unsigned: maximum bytes of the encoded call,
        by its first two bytes (pallet and call index).
        """
        return {
            bytes((index, call)): size + 2
            for index, pallet in self.pallets.items()
            for call, size in pallet.GOSSIPED.items()
        }

    def enter(self, state: State) -> None:
        """Set `state` as the current state, without events.

        A state of an earlier version is migrated first; blocks, the pool and queries only read the
        migrated state. Raises MigrationFailed.
        """
        self.bind()
        self.host.enter(state)
        self.migrated = self.migrate() if self.migrations else 0

    def migrate(self) -> int:
        """Run the migrations that the current state needs; return their weight in picoseconds."""
        state = self.host.state
        due = pending(self.migrations, self.version, state)
        weight = sum(map(self.migrate_by, due))
        if due:
            note_version(self.version, state)
        return weight

    def migrate_by(self, migration: Migration) -> int:
        """Run one migration; return its weight in picoseconds. Raises MigrationFailed."""
        try:
            return migration.run()
        except (ArithmeticError, DispatchError, InvalidBlock, LookupError, ValueError) as error:
            reason = f"{type(error).__name__} {error}".strip()
            raise MigrationFailed(
                f"the migration {migration.name!r} of {self.version.spec_name.value} "
                f"{migration.spec_version} does not go through: {reason}. Install a release that "
                "has it corrected; until then no block can follow"
            ) from error

    def pallet(self, kind: type[P]) -> P:
        """Return the pallet of class `kind`; KeyError if there is none."""
        found = self._by_kind.get(kind)
        if isinstance(found, kind):
            return found
        for pallet in self.pallets.values():
            if isinstance(pallet, kind):
                self._by_kind[kind] = pallet
                return pallet
        raise KeyError(kind.__name__)

    def pallet_named(self, name: str) -> Pallet:
        """Return the pallet named `name`; KeyError if there is none."""
        for pallet in self.pallets.values():
            if pallet.name == name:
                return pallet
        raise KeyError(name)

    # ---- hooks

    def observe(self, observer: Observer) -> None:
        """Dispatch all calls through `observer`, and run hooks through it: for traces."""
        self.host.dispatcher = observer
        self._on_initialize[:] = [observer.on_initialize(hook) for hook in self._on_initialize]
        self._on_finalize[:] = [observer.on_finalize(hook) for hook in self._on_finalize]

    def on_initialize(self, number: int) -> int:
        """Run the pallets' hooks at the start of a block; return their weight in picoseconds."""
        return sum([hook(number) for hook in self._on_initialize])

    def on_finalize(self, number: int) -> None:
        """Run the pallets' hooks at the end of a block."""
        for hook in self._on_finalize:
            hook(number)

    # ---- calls

    def call(self, pallet: str, name: str, /, **args: object) -> Call:
        """Build a call by name; the arguments are encoded, so invalid ones raise EncodeError."""
        target = self.pallet_named(pallet)
        entry = next((entry for entry in target.CALLS.values() if entry.name == name), None)
        if entry is None:
            raise KeyError(f"{pallet}.{name}")
        if set(args) != {arg for arg, _ in entry.args}:
            wanted = ", ".join(arg for arg, _ in entry.args)
            raise EncodeError(f"{pallet}.{name}", f"takes ({wanted})")
        self.bind()
        encoded = b"".join(part.encode(args[arg]) for arg, part in entry.args)
        return self.call_codec.decode_all(bytes((target.index, entry.index)) + encoded)

    def dispatchable(self, call: Call) -> Dispatchable:
        """Return the declaration of the method of `call`."""
        return self._dispatchables[call.raw[:2]]

    def info(self, call: Call) -> DispatchInfo:
        """Return the declared dispatch info of `call`.

        Cached on the call: wrapping calls ask at every level, and the result depends on the
        arguments alone.
        """
        if call.info is None:
            info = self._dispatchables[call.raw[:2]].info
            if not isinstance(info, DispatchInfo):
                info = info(self.pallets[call.pallet], *call.args)
            call.info = info
        return call.info

    def dispatch(self, origin: Origin, call: Call, *, bypass_filter: bool = False) -> PostInfo:
        """Dispatch `call` in its own storage layer.

        Raises DispatchError if it fails; then all its state changes and events are undone.
        """
        if not (bypass_filter or origin.may_call(call)):
            raise self.filtered()
        host = self.host
        state, before = host.state, len(host.events)
        state.begin()
        pallet, _, run, _, _ = self._entries[call.raw[:2]]
        try:
            post = run(pallet, origin, *call.args)
        except (DispatchError, ArithmeticError) as error:
            state.rollback()
            del host.events[before:]
            if isinstance(error, DispatchError):
                raise
            raise Arithmetic.of(error) from error
        state.commit()
        return post or AS_DECLARED

    def wire_error(self, error: DispatchError) -> WireError:
        """Return the wire format of `error`."""
        if not isinstance(error, Error):
            return error.wire()
        pallet, index = self._errors[type(error)]
        return WireModule(ModuleError(u8(pallet), bytes((index, 0, 0, 0))))

    # ---- recursive codecs

    def _decode_call(self, raw: bytes, at: int) -> tuple[Call, int]:
        entry = self._entries.get(raw[at : at + 2])
        if entry is None:
            raise DecodeError("RuntimeCall", at, f"no call has the index {raw[at : at + 2].hex()}")
        depth = self._depth
        if depth >= MAX_NESTING:
            raise DecodeError("RuntimeCall", at, f"calls nested deeper than {MAX_NESTING}")
        before = self._decoded if depth else 0
        if before >= MAX_CALLS:
            raise DecodeError("RuntimeCall", at, f"more than {MAX_CALLS} calls in one")
        self._decoded = before + 1
        _, index, _, declared, info = entry
        begin, args = at, []
        at += 2
        self._depth = depth + 1
        try:
            for decode in declared.decoders:
                value, at = decode(raw, at)
                args.append(value)
        finally:
            self._depth = depth
        size = self._decoded - before
        return Call(raw[begin], index, tuple(args), raw[begin:at], size, info), at

    def _calls_node(self) -> VariantOf:
        return VariantOf(
            tuple(
                VariantShape(pallet.name, index, (Field(None, calls_codec(pallet)),))
                for index, pallet in self.pallets.items()
                if pallet.CALLS
            )
        )

    def _event_codec(self) -> Codec[Happened]:
        indices = [index for index, pallet in self.pallets.items() if pallet.EVENTS]

        @cache
        def codec_of(index: int) -> Codec[Event]:  # made for the first event of the pallet
            return events_codec(self.pallets[index])

        def first_encoder(index: int) -> Callable[[Event], bytes]:
            def encode(event: Event) -> bytes:
                encoders[index] = encoder(index)
                return encoders[index](event)

            return encode

        def encoder(index: int) -> Callable[[Event], bytes]:
            begin, inner = bytes((index,)), codec_of(index).encode
            fixed: dict[type[Event], bytes] = {}
            last, encoded = None, b""

            def known(kind: type[Event]) -> bytes:
                # An event without fields has one encoding: a batch emits one for each of its calls.
                fixed[kind] = begin + inner(kind()) if is_empty(kind) else b""
                return fixed[kind]

            def encode(event: Event) -> bytes:
                nonlocal last, encoded
                if event is not last:  # each call of one kind succeeds with the same event
                    last, kind = event, event.__class__
                    always = fixed[kind] if kind in fixed else known(kind)
                    encoded = always or begin + inner(event)
                return encoded

            return encode

        encoders = {index: first_encoder(index) for index in indices}
        self.host.event_encoders = encoders

        def encode(happened: Happened) -> bytes:
            return encoders[happened.pallet](happened.event)

        def decode(raw: bytes, at: int) -> tuple[Happened, int]:
            if at >= len(raw) or raw[at] not in encoders:
                raise DecodeError(
                    "RuntimeEvent", at, f"no pallet has the index {raw[at : at + 1].hex()}"
                )
            event, end = codec_of(raw[at]).decode(raw, at + 1)
            return Happened(raw[at], event), end

        self.host.decode_event = decode

        def node() -> VariantOf:
            return VariantOf(
                tuple(
                    VariantShape(self.pallets[index].name, index, (Field(None, codec_of(index)),))
                    for index in indices
                )
            )

        return Codec("RuntimeEvent", encode, decode, Shape(node, path=f"{CRATE}::RuntimeEvent"), 2)

    def _reason_codec(
        self, name: str, of: Callable[[Pallet], type[IntEnum] | None]
    ) -> Codec[Reason]:
        kinds = {index: kind for index, pallet in self.pallets.items() if (kind := of(pallet))}
        known = {
            bytes((index, member)): Reason(index, member)
            for index, kind in kinds.items()
            for member in kind
        }

        def decode(raw: bytes, at: int) -> tuple[Reason, int]:
            reason = known.get(raw[at : at + 2])
            if reason is None:
                raise DecodeError(name, at, f"none has the index {raw[at : at + 2].hex()}")
            return reason, at + 2

        def node() -> VariantOf:
            return VariantOf(
                tuple(
                    VariantShape(
                        self.pallets[index].name,
                        index,
                        (Field(None, reasons_codec(self.pallets[index], kind)),),
                    )
                    for index, kind in kinds.items()
                )
            )

        return Codec(
            name,
            lambda reason: bytes((reason.pallet, reason.index)),
            decode,
            Shape(node, path=f"{CRATE}::{name}"),
            2,
        )


def encode_call(call: Call) -> bytes:
    """Return the original bytes of `call`."""
    return call.raw


def described(shape: Shape) -> Codec[object]:
    """Return a codec with a description only: for a part of a type that is coded as a whole."""

    def encode(_: object) -> bytes:
        raise EncodeError(shape.path, "coded as part of the runtime's type only")

    def decode(_: bytes, at: int) -> tuple[object, int]:
        raise DecodeError(shape.path, at, "coded as part of the runtime's type only")

    return Codec(shape.path, encode, decode, shape, 1)


def pallet_params(pallet: Pallet) -> tuple[tuple[str, None], ...]:
    """Return the type parameters of the corresponding Substrate pallet."""
    return (("T", None), ("I", None)) if pallet.instances else (("T", None),)


def calls_codec(pallet: Pallet) -> Codec[object]:
    """Return the description of a pallet's calls."""
    return described(
        Shape(
            lambda: VariantOf(
                tuple(
                    VariantShape(
                        entry.name,
                        entry.index,
                        tuple(
                            Field(name, part, type_name)
                            for (name, part), type_name in zip(
                                entry.args, entry.type_names, strict=True
                            )
                        ),
                        docs_of(entry.docs),
                    )
                    for entry in sorted(pallet.CALLS.values(), key=lambda entry: entry.index)
                )
            ),
            path=f"{pallet.crate}::pallet::Call",
            params=pallet_params(pallet),
        )
    )


def events_codec(pallet: Pallet) -> Codec[Event]:
    """Return the codec of a pallet's events."""
    return _events_codec(
        tuple(pallet.EVENTS.values()), f"{pallet.crate}::pallet::Event", pallet_params(pallet)
    )


@cache
def _events_codec(
    kinds: tuple[type[Event], ...], path: str, params: tuple[tuple[str, None], ...]
) -> Codec[Event]:
    """Return the codec of these events, compiled once for all runtimes of a process."""
    return variants(kinds, path, params=params, deferred=True)


def errors_codec(pallet: Pallet) -> Codec[object]:
    """Return the description of a pallet's errors."""
    return described(
        Shape(
            lambda: VariantOf(
                tuple(
                    VariantShape(error.__name__, error.INDEX, (), docs_of(error.__doc__ or ""))
                    for error in pallet.ERRORS.values()
                )
            ),
            path=f"{pallet.crate}::pallet::Error",
            params=pallet_params(pallet),
        )
    )


def reasons_codec(pallet: Pallet, kind: type[IntEnum]) -> Codec[object]:
    """Return the description of a pallet's reasons for holds or freezes."""
    return described(
        Shape(
            lambda: VariantOf(tuple(VariantShape(member.name, member.value) for member in kind)),
            path=f"{pallet.crate}::pallet::{kind.__name__}",
        )
    )


def docs_of(text: str) -> tuple[str, ...]:
    """Return a docstring as the lines of the metadata."""
    return tuple(line.strip() for line in text.strip().splitlines()) if text else ()
