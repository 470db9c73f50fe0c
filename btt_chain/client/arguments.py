"""Arguments of calls and keys: from typed text, and from Python values.

Text is what people type: plain text or JSON, accounts as addresses or `//Alice`, amounts with a
unit. Python values are taken as they are: amounts as numbers of planck.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from btt_chain.client.amount import AmountError, Currency
from btt_chain.client.errors import InvalidArgument, decoding
from btt_chain.client.items import CONTRADICTION, Items
from btt_chain.client.values import is_money
from btt_chain.primitives.strict_json import BadJson, read_json
from btt_chain.scale.errors import DecodeError, EncodeError
from btt_chain.scale.metadata import (
    ArrayDef,
    CompactDef,
    CompositeDef,
    PortableField,
    PortableVariant,
    PrimitiveDef,
    SequenceDef,
    TupleDef,
    VariantDef,
)
from btt_chain.scale.portable import MULTI_ADDRESS, Plain

_ABSENT: Final = frozenset({"null", "none"})
"""Words for an option without a value; answers show it as `none`."""
_NAMED_ARGUMENT: Final = re.compile("([A-Za-z_][A-Za-z0-9_]*)=")


class Arguments:
    """Encoder of the arguments of one runtime's calls."""

    def __init__(self, items: Items, currency: Currency) -> None:
        self._items = items
        self._types = items.types
        self._currency = currency

    def compose(self, path: str, values: Mapping[str, Plain]) -> bytes:
        """Return the bytes of a call with arguments as Python values, by name.

        Raises NotFound, InvalidArgument.
        """
        pallet, call = self._items.call(path)
        name = f"{pallet.name}.{call.name}"
        names = [field.name or str(at) for at, field in enumerate(call.fields)]
        unknown = [argument for argument in values if argument not in names]
        missing = [argument for argument in names if argument not in values]
        if unknown or missing:
            parts = [f"no argument {', '.join(unknown)}"] if unknown else []
            parts += [f"{', '.join(missing)} missing"] if missing else []
            raise InvalidArgument(
                f"{name}: {'; '.join(parts)}; it takes {', '.join(names) or 'none'}"
            )
        return self._encoded(name, pallet.index, call, [values[argument] for argument in names])

    def encode_call(self, path: str, arguments: Sequence[str]) -> bytes:
        """Return the bytes of a call with its typed arguments: in order, or all as `name=value`."""
        pallet, call = self._items.call(path)
        name = f"{pallet.name}.{call.name}"
        try:
            with decoding(CONTRADICTION, (LookupError,)):
                values = self._arguments(name, call.fields, arguments)
        except RecursionError:
            raise _too_deep(name) from None
        return self._encoded(name, pallet.index, call, values)

    def _encoded(
        self, name: str, pallet: int, call: PortableVariant, values: Sequence[Plain]
    ) -> bytes:
        try:
            with decoding(CONTRADICTION, (LookupError,)):
                body = self._types.encode_fields(call.fields, values)
        except EncodeError as error:
            raise InvalidArgument(f"{name}: {error}") from None
        except RecursionError:
            raise _too_deep(name) from None
        return bytes((pallet, call.index)) + body

    def _arguments(
        self, call: str, fields: Sequence[PortableField], typed: Sequence[str]
    ) -> list[Plain]:
        names = [field.name or str(at) for at, field in enumerate(fields)]
        named = [text.partition("=") for text in typed]
        self._check_names(call, names, typed)
        if named and all(equals and name in names for name, equals, _ in named):
            by_name = {name: text for name, _, text in named}
            if len(by_name) < len(named):
                raise InvalidArgument(f"{call}: an argument is given twice")
            missing = [name for name in names if name not in by_name]
            if missing:
                raise InvalidArgument(f"{call}: {', '.join(missing)} missing")
            typed = [by_name[name] for name in names]
        if len(typed) != len(fields):
            wanted = " ".join(
                f"{n}:{self._items.type_name(f.type)}" for n, f in zip(names, fields, strict=True)
            )
            raise InvalidArgument(
                f"{call} takes {len(fields)} arguments ({wanted or 'none'}), {len(typed)} given"
            )
        return [
            self.read(field.type, text, name, money=is_money(self._types, field, True))
            for field, text, name in zip(fields, typed, names, strict=True)
        ]

    @staticmethod
    def _check_names(call: str, names: Sequence[str], typed: Sequence[str]) -> None:
        """Raise InvalidArgument for an unknown name if the other arguments are given by name."""
        matches = [_NAMED_ARGUMENT.match(text) for text in typed]
        named = [match[1] for match in matches if match]
        if len(named) < len(typed) or not set(named) & set(names):
            return
        for name in named:
            if name not in names:
                raise InvalidArgument(f"{call}: no argument {name}; known are {', '.join(names)}")

    def read(self, type_id: int, text: str, where: str, *, money: bool = False) -> Plain:
        """Read a typed value of a type: plain text, or JSON if it is nested."""
        value: Plain = text
        if text[:1] in {"[", "{", '"'}:
            value = _json(text, where)
        elif text in _ABSENT and self._types.is_option(type_id):
            value = None
        return self._prepare(type_id, value, where, money)

    def _prepare(self, type_id: int, value: Plain, where: str, money: bool) -> Plain:
        """Replace amounts by numbers, and short forms by calls."""
        kind = self._types.type(type_id)
        match kind.definition:
            case PrimitiveDef(primitive) if primitive.name == "u128":
                return self._amount(value, where, money)
            case CompactDef(inner):
                return self._prepare(inner, value, where, money)
            case SequenceDef(item) | ArrayDef(_, item) if isinstance(value, list):
                return [
                    self._prepare(item, inner_value, f"{where}[{at}]", money)
                    for at, inner_value in enumerate(value)
                ]
            case CompositeDef() | TupleDef() if self._is_record(type_id) and isinstance(value, str):
                return self._from_bytes(type_id, value, where)
            case TupleDef(items) if isinstance(value, list) and len(value) == len(items):
                return [
                    self._prepare(part, inner_value, f"{where}[{at}]", money)
                    for at, (part, inner_value) in enumerate(zip(items, value, strict=True))
                ]
            case CompositeDef(fields):
                return self._prepare_fields(fields, value, where, money)
            case VariantDef(variants) if type_id == self._items.call_type:
                return self._prepare_call(variants, value, where)
            case VariantDef(variants) if self._types.is_option(type_id):
                some = variants[-1].fields
                return None if value is None else self._prepare_fields(some, value, where, money)
            case VariantDef(variants) if isinstance(value, dict) and len(value) == 1:
                ((name, body),) = value.items()
                fields = self._variant(type_id, variants, name, where).fields
                return {name: self._prepare_fields(fields, body, f"{where}.{name}", money)}
            case VariantDef(variants) if isinstance(value, str) and kind.path != MULTI_ADDRESS:
                self._variant(type_id, variants, value, where)
        return value

    def _is_record(self, type_id: int) -> bool:
        """Return True if values of the type are written as several fields or items."""
        match self._types.type(type_id).definition:
            case CompositeDef(fields):
                return len(fields) > 1 or any(field.name for field in fields)
            case TupleDef(items):
                return bool(items)
        return False

    def _from_bytes(self, type_id: int, text: str, where: str) -> Plain:
        """Return the record whose SCALE form `text` is, in hex. Raises InvalidArgument."""
        try:
            if not text.startswith("0x"):
                raise InvalidArgument(f"{where}: {self._forms(type_id)}")
            return self._types.decode(type_id, bytes.fromhex(text[2:]))
        except ValueError as error:  # DecodeError, and invalid hex
            why = str(error) if isinstance(error, DecodeError) else "this is not hex"
            raise InvalidArgument(f"{where}: {self._forms(type_id)}; {why}") from None

    def _forms(self, type_id: int) -> str:
        """Return the two ways in which a record can be written."""
        definition, kind = self._types.type(type_id).definition, self._types.name(type_id)
        form = "a JSON list of its items"
        if isinstance(definition, CompositeDef) and definition.fields[0].name is not None:
            example = ", ".join(f'"{field.name}": ...' for field in definition.fields)
            form = f"JSON {{{example}}}"
        return f"{kind} is written as {form}, or as 0x and its SCALE bytes in hex"

    def _variant(
        self, type_id: int, variants: Sequence[PortableVariant], name: str, where: str
    ) -> PortableVariant:
        """Return the typed variant; InvalidArgument with the available ones."""
        for variant in variants:
            if variant.name == name:
                return variant
        available = ", ".join(variant.name for variant in variants)
        raise InvalidArgument(
            f"{where}: {self._types.name(type_id)} has no {name!r}; known are {available or 'none'}"
        )

    def _prepare_fields(
        self, fields: Sequence[PortableField], value: Plain, where: str, money: bool
    ) -> Plain:
        if len(fields) == 1 and fields[0].name is None:
            inner_money = is_money(self._types, fields[0], money)
            return self._prepare(fields[0].type, value, where, inner_money)
        if isinstance(value, dict):
            by_name = {field.name: field for field in fields}
            return {
                name: self._prepare(
                    by_name[name].type,
                    inner,
                    f"{where}.{name}",
                    is_money(self._types, by_name[name], money),
                )
                if name in by_name
                else inner
                for name, inner in value.items()
            }
        if isinstance(value, list) and len(value) == len(fields):
            return [
                self._prepare(
                    field.type, inner, f"{where}[{at}]", is_money(self._types, field, money)
                )
                for at, (field, inner) in enumerate(zip(fields, value, strict=True))
            ]
        return value

    def _prepare_call(self, pallets: Sequence[PortableVariant], value: Plain, where: str) -> Plain:
        """Return a nested call given as in metadata, as {"call": "A.b", "args": ...} or hex."""
        if isinstance(value, str) and value.startswith("0x"):
            try:
                return self._types.decode(self._items.call_type, bytes.fromhex(value[2:]))
            except ValueError as error:
                raise InvalidArgument(f"{where}: {value[:20]}... is not a call: {error}") from None
        if isinstance(value, dict) and value.keys() <= {"call", "args"} and "call" in value:
            name, inner = value["call"], value.get("args")
            if not isinstance(name, str):
                raise InvalidArgument(
                    f'{where}: "call" is a name like "Balances.transfer_keep_alive"'
                )
            pallet, call = self._items.call(name)
            value = {pallet.name: {call.name: inner}}
        if isinstance(value, dict) and len(value) == 1:
            ((pallet_name, inner),) = value.items()
            fields = next((v.fields for v in pallets if v.name == pallet_name), [])
            inside = f"{where}.{pallet_name}"
            return {pallet_name: self._prepare_fields(fields, inner, inside, True)}
        raise InvalidArgument(
            f'{where}: expected a call, {{"call": "Balances.transfer_keep_alive", "args": '
            '{"dest": "//Bob", "value": "1.5BTT"}}'
        )

    def _amount(self, value: Plain, where: str, money: bool) -> Plain:
        """Return an amount, which has a unit; a u128 that is not money is a plain number."""
        number = not isinstance(value, str) or value.replace("_", "").isdecimal()
        if number and not money:
            return value
        try:
            return self._currency.parse(str(value))
        except AmountError as error:
            if money:
                raise InvalidArgument(f"{where}: {error}") from None
            return value


def _too_deep(name: str) -> InvalidArgument:
    return InvalidArgument(f"{name}: the arguments are nested too deeply")


def _json(text: str, where: str) -> Plain:
    def refuse(number: str) -> NoReturn:
        raise InvalidArgument(
            f"{where}: {number} is not a whole number; write amounts as text, '\"1.5BTT\"'"
        )

    try:
        value: Plain = read_json(text, decimal=refuse)
    except BadJson as error:
        raise InvalidArgument(f"{where}: this is not JSON: {error}") from None
    return value
