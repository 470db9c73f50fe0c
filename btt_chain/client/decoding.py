"""Decoding of calls, extrinsics, events and errors by a runtime's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from btt_chain.client.errors import Undecodable, decoding
from btt_chain.client.items import Items, docs_of, find_variant
from btt_chain.client.reasons import REASONS
from btt_chain.client.values import CallView, Values, brief, in_order, is_money, two_names
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.era import Era, Immortal, Mortal
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.scale import codec
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
        with decoding("this is no call of this chain"):
            return self._values.call(self._types.decode(self._items.call_type, raw))

    def extrinsic(self, wire: bytes) -> ExtrinsicView:
        """Decode an extrinsic in its form on the wire, with its length in front."""
        name = "0x" + blake2_256(wire).hex()
        with decoding("this is no extrinsic of this chain"):
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
                raise Undecodable("this is no extrinsic of version 4 or 5")
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
            return [self._event(record) for record in _list_of_dicts(records)]

    def _event(self, record: Mapping[str, Plain]) -> EventView:
        pallet, name, inner = two_names(record["event"])
        fields = find_variant(
            name, self._items.events(self._items.pallet(pallet)), "event", pallet
        ).fields
        values = in_order(fields, inner)
        shown = [
            (f"{field.name}: " if field.name else "")
            + self._values.for_people(field.type, value, money=is_money(self._types, field, True))
            for field, value in zip(fields, values, strict=True)
        ]
        plain = {
            field.name or str(at): self._values.for_json(field.type, value)
            for at, (field, value) in enumerate(zip(fields, values, strict=True))
        }
        phase = record["phase"]
        index = phase.get("ApplyExtrinsic") if isinstance(phase, dict) else None
        whose = index if isinstance(index, int) else None
        return EventView(whose, f"{pallet}.{name}", plain, ", ".join(shown))

    def dispatch_error(self, error: Plain) -> str:
        """Return the reason why a call failed, with the documentation of the pallet's error."""
        match error:
            case {"Module": {"index": int(index), "error": str(code)}}:
                with decoding("this is no error of a call"):
                    return self._module_error(index, int(code[2:4], 16))
            case dict() if len(error) == 1:
                ((kind, detail),) = error.items()
                return _with_reason(f"{kind}.{detail}" if isinstance(detail, str) else kind)
            case _:
                return _with_reason(str(error))

    def dispatch_error_in(self, raw: bytes) -> str:
        """Return the reason in an encoded `DispatchError`. Raises Undecodable."""
        for number, kind in enumerate(self._types.types):
            if kind.path == DISPATCH_ERROR:
                with decoding("this is no error of a call"):
                    return self.dispatch_error(self._types.decode(number, raw))
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
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


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
