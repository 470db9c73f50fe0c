"""Decoded values for programs and for readers: amounts with a unit, calls by name.

Numbers of 64 bits and more are text in JSON, because many programs would round them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from btt_chain.client.amount import Currency
from btt_chain.client.errors import Undecodable
from btt_chain.client.items import Items, find_variant
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.currency import BTT, CURRENCIES
from btt_chain.scale.metadata import (
    ArrayDef,
    CompactDef,
    CompositeDef,
    PortableField,
    PrimitiveDef,
    SequenceDef,
    TupleDef,
    TypeDef,
    VariantDef,
)
from btt_chain.scale.portable import MULTI_ADDRESS, Plain, Portable

LONG_HEX: Final = 2 + 2 * 96
"""Characters of bytes that are shown in full: keys, signatures and proofs of 96 bytes."""

LONG_TEXT: Final = 192
"""Characters of text that are shown in full."""
RAW: Final = re.compile("Raw[0-9]{1,2}")
"""Variants of an identity's fields, which are text of a length."""

_CODES: Final = {"0x" + code.encode().hex(): currency for code, currency in CURRENCIES.items()}
"""Currencies by their letters as the wire has them."""

_WIDE: Final = {"u64", "u128", "u256", "i64", "i128", "i256"}


@dataclass(frozen=True, slots=True)
class CallView:
    """A call by name, with its arguments as plain values and in readable form."""

    name: str
    arguments: dict[str, Plain]
    shown: dict[str, str]

    @property
    def inner(self) -> str:
        """The arguments in readable form, on one line."""
        return ", ".join(f"{name}: {text}" for name, text in self.shown.items())

    @property
    def line(self) -> str:
        """The call in readable form, on one line."""
        return f"{self.name}({self.inner})"

    def short_line(self, most: int) -> str:
        """Return the call with arguments of at most `most` characters; what is cut is counted."""
        arguments = (
            f"{name}: {text[:most]} ... ({len(text) - most} more characters: --dry-run --json)"
            if len(text) > most
            else f"{name}: {text}"
            for name, text in self.shown.items()
        )
        return f"{self.name}({', '.join(arguments)})"


class Values:
    """Decoded values of one runtime's types, in the forms that programs and readers take."""

    def __init__(self, items: Items, currency: Currency) -> None:
        self._items = items
        self._types = items.types
        self._currency = currency

    def for_json(self, type_id: int, value: Plain) -> Plain:
        """Return a decoded value with wide numbers as text."""
        return self._map(type_id, value, False, people=False)

    def for_people(self, type_id: int, value: Plain, *, money: bool = False) -> str:
        """Return a decoded value on one line, amounts with their unit."""
        return brief(self._map(type_id, value, money, people=True))

    def readable(self, type_id: int, value: Plain, *, money: bool = False) -> Plain:
        """Return a decoded value with its amounts in readable form."""
        return self._map(type_id, value, money, people=True)

    def call(self, plain: Plain) -> CallView:
        """Return a decoded call by name."""
        pallet, name, inner = two_names(plain)
        fields = find_variant(
            name, self._items.calls(self._items.pallet(pallet)), "call", pallet
        ).fields
        values = in_order(fields, inner)
        named = {
            field.name or str(at): value
            for at, (field, value) in enumerate(zip(fields, values, strict=True))
        }
        return CallView(
            f"{pallet}.{name}",
            {
                field.name or str(at): self.for_json(field.type, value)
                for at, (field, value) in enumerate(zip(fields, values, strict=True))
            },
            {
                field.name or str(at): self.for_people(
                    field.type, value, money=is_money(self._types, field, True)
                )
                for at, (field, value) in enumerate(zip(fields, values, strict=True))
            }
            | in_their_currency(named),
        )

    def _map(self, type_id: int, value: Plain, money: bool, *, people: bool) -> Plain:
        if people and (said := self._said(type_id, value)) is not None:
            return said
        match self._types.type(type_id).definition:
            case PrimitiveDef(primitive) if isinstance(value, int) and primitive.name in _WIDE:
                if people and money and primitive.name == "u128":
                    return self._currency.format(value)
                return value if people else str(value)
            case CompactDef(inner):
                return self._map(inner, value, money, people=people)
            case SequenceDef(item) | ArrayDef(_, item) if isinstance(value, list):
                return [self._map(item, inner_value, money, people=people) for inner_value in value]
            case TupleDef(items) if isinstance(value, list):
                return [
                    self._map(part, inner_value, money, people=people)
                    for part, inner_value in zip(items, value, strict=True)
                ]
            case CompositeDef(fields):
                return self._map_fields(fields, value, money, people=people)
            case VariantDef(variants) if self._types.is_option(type_id):
                if value is None or (isinstance(value, dict) and value.keys() == {"Some"}):
                    return value
                return self._map_fields(variants[-1].fields, value, money, people=people)
            case VariantDef(variants) if isinstance(value, dict) and len(value) == 1:
                ((name, body),) = value.items()
                fields = next((v.fields for v in variants if v.name == name), [])
                return {name: self._map_fields(fields, body, money, people=people)}
        return value

    def _said(self, type_id: int, value: Plain) -> Plain:
        """Return a value that readers see in a form of its own; None if it has none."""
        if type_id == self._items.call_type:
            view = self.call(value)
            return f"{view.name}({', '.join(f'{n}: {v}' for n, v in view.shown.items())})"
        kind = self._types.type(type_id)
        if kind.path == MULTI_ADDRESS and isinstance(value, dict):
            return value.get("Id")
        match kind.definition, value:
            case SequenceDef(item), str() if self._types.is_byte(item):
                return shown_bytes(value)
            case VariantDef(), dict() if len(value) == 1:
                ((name, body),) = value.items()
                if RAW.fullmatch(name) and isinstance(body, str):
                    return {name: shown_bytes(body)}
        return None

    def _map_fields(
        self,
        fields: Sequence[PortableField],
        value: Plain,
        money: bool,
        *,
        people: bool,
    ) -> Plain:
        if len(fields) == 1 and fields[0].name is None:
            inner_money = is_money(self._types, fields[0], money)
            return self._map(fields[0].type, value, inner_money, people=people)
        if isinstance(value, dict):
            mapped: dict[str, Plain] = {
                field.name or "": self._map(
                    field.type,
                    value[field.name or ""],
                    is_money(self._types, field, money),
                    people=people,
                )
                for field in fields
            }
            return {**mapped, **in_their_currency(value)} if people else mapped
        if isinstance(value, list):
            return [
                self._map(field.type, inner, is_money(self._types, field, money), people=people)
                for field, inner in zip(fields, value, strict=True)
            ]
        return value


def in_their_currency(named: Mapping[str, Plain]) -> dict[str, str]:
    """Return `units` and `currency` of a call or record in readable form: `50.00 CNY`, `CNY`.

    Such units are minor units of that currency, not planck. Empty where there is no such pair.
    """
    units, raw = named.get("units"), named.get("currency")
    if not isinstance(raw, str) or not isinstance(units, int):
        return {}
    currency = _CODES.get(raw)
    if currency is None:
        return {}
    # Amounts in BTT are the chain's own money, and shown with its symbol.
    amount = {} if currency.code == BTT else {"units": f"{currency.format(units)} {currency.code}"}
    return {**amount, "currency": currency.code}


def is_money(types: Portable, field: PortableField, otherwise: bool) -> bool:
    """Return True if numbers in a field are amounts: by the name of its type, if it has one.

    In calls and events a u128 is money unless its type has another name; an amount that is
    mistaken for a number would be read in planck. Balances of assets are numbers of their units.
    """
    name = field.type_name or ""
    if "Balance" in name:
        return "Deposit" in name or id(field) not in _fields_of_units(types)
    if name in {"", "u128", "Compact<u128>"} or not _is_u128(types, field.type):
        return otherwise
    return False


@lru_cache(maxsize=16)
def _fields_of_units(types: Portable) -> frozenset[int]:
    """Return the identities of the fields of pallet Assets, whose balances are not the chain's.

    Reasons of accounts to exist are those of the pallet, too, with deposits of the chain's money.
    """
    return frozenset(
        id(field)
        for kind in types.types
        if kind.path[:1] == ["pallet_assets"] and kind.path[-1] != "ExistenceReason"
        for field in _all_fields(kind.definition)
    )


def _all_fields(definition: TypeDef) -> Iterator[PortableField]:
    match definition:
        case CompositeDef(fields):
            yield from fields
        case VariantDef(variants):
            for variant in variants:
                yield from variant.fields


def has_amounts(name: str, docs: Sequence[str]) -> bool:
    """Return True if a storage item or constant has amounts: metadata does not name its type.

    This project's documentation of an item names the unit; items of Substrate go by their names.
    """
    words = (
        "Issuance", "Deposit", "Balance", "Burned", "Amount", "Supply", "Allocated", "Unemitted",
        "Owed", "Paid", "Unallocated", "Staked", "Committed", "Released", "Earmarked", "Budget",
        "Bond", "Escrowed", "Promised", "Inflow", "Proxies", "Announcements", "SubsOf",
        "Deactivated", "Offers",
    )  # fmt: skip
    return any(word in name for word in words) or "in planck" in " ".join(docs)


def _is_u128(types: Portable, type_id: int) -> bool:
    match types.type(type_id).definition:
        case CompactDef(inner):
            return _is_u128(types, inner)
        case PrimitiveDef(primitive):
            return primitive.name == "u128"
    return False


def brief(value: Plain) -> str:
    """Return a value on one line, without quotes, bytes cut: `{to: 5FHn..., amount: 1 BTT}`."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{name}: {brief(part)}" for name, part in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(brief, value)) + "]"
        case str() if value.startswith("0x") and len(value) > LONG_HEX:
            return f"{value[:34]}…{value[-8:]} ({len(value) // 2 - 1} bytes)"
        case _:
            return str(value)


def shown_bytes(value: str) -> str:
    """Return bytes in hex as text within quotes, if they are printable UTF-8; else as they are.

    A quote within the text is escaped: text cannot be mistaken for another field of a call.
    """
    try:
        text = bytes.fromhex(value.removeprefix("0x")).decode()
    except ValueError:
        return value
    if not text or not text.isprintable():
        return value
    rest = f"… ({len(value) // 2 - 1} bytes)" if len(text) > LONG_TEXT else ""
    shown = text[:LONG_TEXT].replace("\\", "\\\\").replace('"', '\\"')
    return f'"{shown}"{rest}'


def two_names(plain: Plain) -> tuple[str, str, Plain]:
    """Return pallet, name and fields of a call or an event: {"Balances": {"Transfer": ...}}."""
    if isinstance(plain, dict) and len(plain) == 1:
        ((pallet, inner),) = plain.items()
        if isinstance(inner, str):
            return pallet, inner, None
        if isinstance(inner, dict) and len(inner) == 1:
            ((name, fields),) = inner.items()
            return pallet, name, fields
    raise Undecodable(f"this is not of the form pallet, name, fields: {plain!r}")


def in_order(fields: Sequence[PortableField], inner: Plain) -> list[Plain]:
    """Return the decoded fields of a call or an event in their order."""
    if not fields:
        return []
    if fields[0].name is None and len(fields) == 1:
        return [inner]
    if isinstance(inner, dict):
        return [inner[field.name or ""] for field in fields]
    return inner if isinstance(inner, list) else [inner]


def field(value: Plain, name: str) -> Plain:
    """Return a field of a decoded struct. Raises Undecodable if it has none."""
    if not isinstance(value, dict) or name not in value:
        raise Undecodable(f"the chain's value has no {name!r}")
    return value[name]
