"""Decoding of calls, extrinsics, events and errors by a runtime's metadata."""

from __future__ import annotations

from typing import Final

from btt_chain.client.errors import InvalidArgument, Undecodable, decoding
from btt_chain.client.items import Items, docs_of, find_variant
from btt_chain.client.reasons import REASONS
from btt_chain.client.values import CallView, Values, brief, in_order, is_money, two_names
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.era import Era, Immortal, Mortal
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.scale import codec, compact_decode
from btt_chain.scale.errors import EncodeError
from btt_chain.scale.metadata import CompositeDef, PortableField, SequenceDef
from btt_chain.scale.portable import Plain

TIP_EXTENSION: Final = "ChargeTransactionPayment"

DISPATCH_ERROR: Final = ["sp_runtime", "DispatchError"]
"""Path of the type of errors of calls."""

_ERA = codec(Era)


@dataclass(frozen=True, slots=True)
class EventView:
    """An event: its extrinsic's index (None: of the block itself), and its fields."""

    extrinsic: int | None
    name: str
    fields: dict[str, Plain]
    shown: str


@dataclass(frozen=True, slots=True)
class ExtrinsicView:
    """A decoded extrinsic: its signer (None: unsigned), its extensions, its call."""

    signer: str | None
    signature: Plain
    extra: dict[str, Plain]
    extra_shown: dict[str, str]
    """The transaction extensions in readable form; the author's extra under its name, `tip`."""
    call: CallView
    hash: str


class Decoder:
    """Decoder of one runtime's calls, extrinsics, events and errors."""

    def __init__(self, items: Items, values: Values) -> None:
        self._items = items
        self._types = items.types
        self._values = values

    def call(self, raw: bytes) -> CallView:
        """Return a call by name. Raises Undecodable if the bytes are none of this chain."""
        with decoding("this is not a call of this chain"):
            return self._values.call(self._types.decode(self._items.call_type, raw))

    def extrinsic(self, wire: bytes) -> ExtrinsicView:
        """Decode an extrinsic in its form on the wire, with its length in front."""
        name = "0x" + blake2_256(wire).hex()
        with decoding("this is not an extrinsic of this chain"):
            inner = unwrap(wire)
            if inner[:1] in {b"\x04", b"\x05"}:
                return ExtrinsicView(None, None, {}, {}, self.call(inner[1:]), name)
            at, signer, signature = 2, None, None
            if inner[:1] == b"\x84":
                if self._items.address is None or self._items.signature is None:
                    raise Undecodable("the chain's metadata does not say how extrinsics are signed")
                address, at = self._types.decode_at(self._items.address, inner, 1)
                signature, at = self._types.decode_at(self._items.signature, inner, at)
                signer = _signer(address)
            elif inner[:1] != b"\x45":
                raise Undecodable("this is not an extrinsic of version 4 or 5")
            extra: dict[str, Plain] = {}
            shown: dict[str, str] = {}
            for extension in self._items.runtime.extrinsic.extensions:
                if extension.identifier in {"CheckMortality", "CheckEra"}:
                    era, at = _ERA.decode(inner, at)
                    extra[extension.identifier] = _era(era)
                    shown[extension.identifier] = brief(_era(era))
                    continue
                value, at = self._types.decode_at(extension.type, inner, at)
                if value not in (None, [], {}):
                    extra[extension.identifier] = self._values.for_json(extension.type, value)
                    is_tip = extension.identifier == TIP_EXTENSION
                    shown["tip" if is_tip else extension.identifier] = self._values.for_people(
                        extension.type, value, money=is_tip
                    )
        return ExtrinsicView(signer, signature, extra, shown, self.call(inner[at:]), name)

    def events(self, raw: bytes | None) -> list[EventView]:
        """Return the events of a block, from the value of System.Events. Raises Undecodable."""
        _, entry = self._items.storage("System.Events")
        with decoding("these are no events of this chain"):
            records = self._types.decode(entry.type.value, raw) if raw else []
            return [
                self._event(record["event"], record["phase"]) for record in _list_of_dicts(records)
            ]

    def effects(self, raw: bytes, at: int) -> tuple[str | None, list[EventView]]:
        """Return the result of a dry run that begins at `at`: why the call fails, and its events.

        Raises Undecodable.
        """
        _, entry = self._items.storage("System.Events")
        with decoding("this is not a result of a dry run"):
            failure, at = self._result(raw, at)
            return failure, self._emitted(self._event_type(entry.type.value), raw, at)

    def call_effects(self, raw: bytes, at: int) -> tuple[str | None, int | None, list[EventView]]:
        """Return the result of a dry run of a call: why it fails, its weight, and its events.

        The weight is that of `PostDispatchInfo`, in picoseconds. Raises Undecodable.
        """
        _, entry = self._items.storage("System.Events")
        with decoding("this is not a result of a dry run"):
            has_failed, weight, at = raw[at] == 1, None, at + 1
            if raw[at] == 1:  # an option with the weight
                weight, at = compact_decode(raw, at + 1)
                _, at = compact_decode(raw, at)
            else:
                at += 1
            at += 1  # whether it pays a fee
            failure = None
            if has_failed:
                error, at = self._types.decode_at(self._error_type(), raw, at)
                failure = self.dispatch_error(error)
            return failure, weight, self._emitted(self._event_type(entry.type.value), raw, at)

    def origin(self, value: Plain) -> bytes:
        """Return an encoded caller, as {"system": {"Signed": address}}. Raises InvalidArgument."""
        for number, kind in enumerate(self._types.types):
            if kind.path[-1:] == ["OriginCaller"]:
                try:
                    return self._types.encode(number, value, "origin")
                except EncodeError as error:
                    raise InvalidArgument(str(error)) from None
        raise Undecodable("the chain's metadata does not say what a caller is")

    def _emitted(self, event: int, raw: bytes, at: int) -> list[EventView]:
        """Return the events of a list that begins at `at`."""
        count, at = compact_decode(raw, at)
        events: list[EventView] = []
        for _ in range(count):
            record, at = self._types.decode_at(event, raw, at)
            events.append(self._event(record, None))
        return events

    def _event_type(self, records: int) -> int:
        """Return the type of an event, by that of a list of its records."""
        match self._types.type(records).definition:
            case SequenceDef(record):
                definition = self._types.type(record).definition
                for field in definition.fields if isinstance(definition, CompositeDef) else ():
                    if field.name == "event":
                        return field.type
        raise Undecodable("the chain's metadata does not say what an event is")

    def _result(self, raw: bytes, at: int) -> tuple[str | None, int]:
        """Return why a call failed, by an encoded `DispatchResult`, and the end of it."""
        if raw[at : at + 1] == b"\0":
            return None, at + 1
        error, end = self._types.decode_at(self._error_type(), raw, at + 1)
        return self.dispatch_error(error), end

    def _event(self, event: Plain, phase: Plain) -> EventView:
        pallet, name, inner = two_names(event)
        fields = find_variant(
            name, self._items.events(self._items.pallet(pallet)), "event", pallet
        ).fields
        values = in_order(fields, inner)
        shown = [
            (f"{field.name}: " if field.name else "") + self._shown(field, value)
            for field, value in zip(fields, values, strict=True)
        ]
        plain = {
            field.name or str(at): self._values.for_json(field.type, value)
            for at, (field, value) in enumerate(zip(fields, values, strict=True))
        }
        index = phase.get("ApplyExtrinsic") if isinstance(phase, dict) else None
        whose = index if isinstance(index, int) else None
        return EventView(whose, f"{pallet}.{name}", plain, ", ".join(shown))

    def _shown(self, field: PortableField, value: Plain) -> str:
        """Return a field of an event in readable form; the error of a call in words."""
        if self._types.type(field.type).path == DISPATCH_ERROR:
            return self.dispatch_error(value)
        if isinstance(value, dict) and value.keys() == {"Err"}:
            return f"failed: {self.dispatch_error(value['Err'])}"
        return self._values.for_people(field.type, value, money=is_money(self._types, field, True))

    def dispatch_error(self, error: Plain) -> str:
        """Return the reason why a call failed, with the documentation of the pallet's error."""
        match error:
            case {"Module": {"index": int(index), "error": str(code)}}:
                with decoding("this is not an error of a call"):
                    return self._module_error(index, int(code[2:4], 16))
            case dict() if len(error) == 1:
                ((kind, detail),) = error.items()
                return _with_reason(f"{kind}.{detail}" if isinstance(detail, str) else kind)
            case _:
                return _with_reason(str(error))

    def dispatch_error_in(self, raw: bytes) -> str:
        """Return the reason in an encoded `DispatchError`. Raises Undecodable."""
        with decoding("this is not an error of a call"):
            return self.dispatch_error(self._types.decode(self._error_type(), raw))

    def _error_type(self) -> int:
        for number, kind in enumerate(self._types.types):
            if kind.path == DISPATCH_ERROR:
                return number
        raise Undecodable("the chain's metadata does not say what an error of a call is")

    def _module_error(self, index: int, number: int) -> str:
        for pallet in self._items.runtime.pallets:
            if pallet.index != index:
                continue
            for variant in self._items.errors(pallet):
                if variant.index == number:
                    docs = docs_of(variant)
                    return f"{pallet.name}.{variant.name}{': ' + docs if docs else ''}"
        return f"error {number} of pallet {index}"


def _with_reason(name: str) -> str:
    reason = REASONS.get(name)
    return f"{name}: {reason}" if reason else name


def _list_of_dicts(value: Plain) -> list[dict[str, Plain]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _era(era: Immortal | Mortal) -> Plain:
    """Return an era by its meaning; metadata has a variant for each value of its first byte."""
    match era:
        case Immortal():
            return "Immortal"
        case Mortal(period, phase):
            return {"period": period, "phase": phase}


def _signer(address: Plain) -> str:
    if isinstance(address, dict) and len(address) == 1:
        ((_, inner),) = address.items()
        return brief(inner)
    return brief(address)
