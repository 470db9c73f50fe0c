"""Values of `dev_*` methods: storage by names, amounts, dates and accounts, as tools write them.

Storage is written as for polkadot.js: names in any case style, fields that are left out take the
defaults of their types, numbers may be text, and an empty value removes the entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import TYPE_CHECKING, Final

from btt_chain.client.errors import ClientError, InvalidArgument
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import to_hex
from btt_chain.scale.errors import EncodeError
from btt_chain.scale.metadata import (
    ArrayDef,
    BitSequenceDef,
    CompactDef,
    CompositeDef,
    PalletMetadata,
    PlainEntry,
    PortableField,
    PortableVariant,
    PrimitiveDef,
    PrimitiveKind,
    SequenceDef,
    StorageEntry,
    TupleDef,
    VariantDef,
)
from btt_chain.scale.portable import ACCOUNT_ID, MULTI_ADDRESS, Plain, Portable

if TYPE_CHECKING:
    from btt_chain.client.metadata import ChainMetadata

REMOVE_PREFIX: Final = "$removePrefix"
"""Name in place of an item: the items whose entries are all removed."""

ACCOUNT_BYTES: Final = 32
MAX_DATE: Final = 64
"""Maximum characters of a date."""
MAX_DIGITS: Final = 128
"""Digits of a number in text."""

ACCOUNTS: Final = "System.Account"
"""The item whose entries have one provider if none is written: without one an account cannot send
transactions."""

DATES: Final = (
    "%b %d, %Y", "%B %d, %Y", "%b %d, %Y %H:%M", "%B %d, %Y %H:%M", "%b %d, %Y %H:%M:%S",
    "%B %d, %Y %H:%M:%S", "%d %b %Y", "%d %B %Y", "%Y/%m/%d", "%m/%d/%Y",
)  # fmt: skip
"""Forms of dates besides ISO 8601 and that of e-mail, all in UTC."""


class BadValue(ValueError):
    """A value that means nothing here; the message gives the reason."""


def moment(given: object) -> int:
    """Return a point in time, in milliseconds since 1970, from a number or a date in UTC."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise BadValue("Invalid date")
    if isinstance(given, float) and not isfinite(given):
        raise BadValue("Invalid date")
    if not isinstance(given, str):
        return _counted(int(given))
    text = given.strip()
    if len(text) > MAX_DATE:
        raise BadValue("Invalid date")
    if text.isascii() and text.isdecimal() and len(text) > len("20250101"):
        return _counted(int(text))
    found = _date(text)
    if found is None:
        raise BadValue(f"Invalid date: {given[:40]!r}; write 2027-01-31T12:00:00Z, or milliseconds")
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp() * 1000)


def _counted(moment_ms: int) -> int:
    """Return a point in time. Raises BadValue beyond 64 bits."""
    if abs(moment_ms) >> 64:
        raise BadValue("Invalid date: milliseconds since 1970 have 64 bits")
    return moment_ms


def _date(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError, LookupError, TypeError):
        return None


def account(given: object) -> bytes:
    """Return an account, from its address or 32 bytes in hex."""
    if isinstance(given, str):
        try:
            raw = bytes.fromhex(given[2:]) if given.startswith("0x") else ss58.decode(given)[0]
        except ValueError as error:
            raise BadValue(f"{given[:60]!r} is not an address: {error}") from None
        if len(raw) == ACCOUNT_BYTES:
            return raw
    raise BadValue("expected an account: an SS58 address, or 0x and 32 bytes in hex")


def amount(given: object) -> int:
    """Return an amount in planck, from a number, digits, or hex as of `eth_*` methods."""
    number = None if isinstance(given, bool) else _number(given)
    if number is None or number < 0 or number >> 128:
        raise BadValue("expected an amount in planck: a number, digits, or 0x and hex digits")
    return number


def _number(given: object) -> int | None:
    """Return an integer; None if the value is none."""
    match given:
        case bool():
            return None
        case int():
            return given
        case float() if given.is_integer():
            return int(given)
        case str():
            text = given.replace(",", "").replace("_", "")
            if len(text) > MAX_DIGITS:
                return None
            try:
                return int(text, 16) if text.startswith("0x") else int(text)
            except ValueError:
                return None
    return None


def plain_name(name: str) -> str:
    """Return a name without its case style: `totalIssuance` is `total_issuance`."""
    return name.replace("_", "").lower()


class StorageForm:
    """Storage written by names, to keys and values; the reverse, for answers."""

    def __init__(self, metadata: ChainMetadata) -> None:
        self._metadata = metadata
        self._types: Portable = metadata.items.types

    def prefixes(self, given: Mapping[str, object]) -> list[bytes]:
        """Return the prefixes whose keys are removed. Raises BadValue."""
        found = []
        for section, items in given.items():
            pallet = self._pallet(section)
            names = items.get(REMOVE_PREFIX, []) if isinstance(items, dict) else []
            if not isinstance(names, list):
                raise BadValue(f"{section}.{REMOVE_PREFIX} is a list of names of storage items")
            found += [self._key(pallet, self._entry(pallet, str(name)), []) for name in names]
        return found

    def changes(self, given: Mapping[str, object]) -> dict[bytes, bytes | None]:
        """Return the keys and values of `{Pallet: {Item: value}}`; None for what is removed.

        The value of a map is a list of `[keys, value]`. A value in hex is taken as encoded. Raises
        BadValue.
        """
        try:
            return self._all_changes(given)
        except RecursionError:
            raise BadValue("the values are nested too deeply") from None

    def decoded(self, key: bytes, value: bytes | None) -> tuple[list[str], object]:
        """Return the names of pallet and item, the keys, and the value of an entry.

        A key that belongs to no item is in hex, and so is its value.
        """
        found = self._metadata.storage.entry_of(key)
        unknown = value and to_hex(value)
        if found is None:
            return [to_hex(key)], unknown
        pallet, entry = found
        names = [camel(pallet.name), camel(entry.name)]
        try:
            keys = [str(part) for part in self._metadata.storage.decode_keys(entry, key)]
            if value is None:
                return [*names, *keys], None
            kind = entry.type.value
            plain = self._types.decode(kind, value)
            return [*names, *keys], self._metadata.values.for_json(kind, plain)
        except (ClientError, ValueError):
            return [*names, to_hex(key)], unknown

    # ---- internals

    def _all_changes(self, given: Mapping[str, object]) -> dict[bytes, bytes | None]:
        changes: dict[bytes, bytes | None] = {}
        for section, items in given.items():
            pallet = self._pallet(section)
            if not isinstance(items, dict):
                raise BadValue(f"{section}: expected an object with storage items by name")
            for name, value in items.items():
                if name == REMOVE_PREFIX:
                    continue
                entry = self._entry(pallet, name)
                where = f"{pallet.name}.{entry.name}"
                if isinstance(entry.type, PlainEntry):
                    changes[self._key(pallet, entry, [])] = self._value(entry, value, where)
                    continue
                for keys, inner in _rows(value, where):
                    key = self._key(pallet, entry, keys)
                    changes[key] = self._value(entry, inner, where)
        return changes

    def _pallet(self, name: str) -> PalletMetadata:
        for pallet in self._metadata.items.runtime.pallets:
            if plain_name(pallet.name) == plain_name(name):
                return pallet
        raise BadValue(f"Error: Cannot find pallet {name}")

    def _entry(self, pallet: PalletMetadata, name: str) -> StorageEntry:
        for entry in pallet.storage.entries if pallet.storage else ():
            if plain_name(entry.name) == plain_name(name):
                return entry
        raise BadValue(f"Error: Cannot find storage {name} in pallet {pallet.name}")

    def _key(self, pallet: PalletMetadata, entry: StorageEntry, keys: Sequence[Plain]) -> bytes:
        storage = self._metadata.storage
        kinds = storage.key_types(entry)
        where = f"{pallet.name}.{entry.name}"
        if keys and len(keys) != len(kinds):
            raise BadValue(f"{where} takes {len(kinds)} keys, {len(keys)} given")
        filled = [
            self._filled(kind, key, f"{where}: key")
            for (kind, _), key in zip(kinds, keys, strict=False)
        ]
        try:
            return storage.key(pallet, entry, filled)[0]
        except (InvalidArgument, EncodeError) as error:
            raise BadValue(f"{where}: {error}") from None

    def _value(self, entry: StorageEntry, given: object, where: str) -> bytes | None:
        if isinstance(given, str) and given.startswith("0x"):
            try:
                return bytes.fromhex(given[2:])
            except ValueError:
                raise BadValue(f"{where}: {given[:40]!r} is not hex") from None
        if not given:
            return None
        kind = entry.type.value
        filled = self._filled(kind, given, where)
        if where == ACCOUNTS and isinstance(filled, dict) and "providers" not in _dict(given):
            filled["providers"] = 1
        try:
            return self._types.encode(kind, filled, where)
        except (EncodeError, RecursionError) as error:
            raise BadValue(str(error) or f"{where}: nested too deeply") from None

    def _filled(self, type_id: int, given: object, where: str) -> Plain:
        """Return a value in the form of `Portable.encode`, with defaults for what is left out."""
        kind = self._types.type(type_id)
        if kind.path in (ACCOUNT_ID, MULTI_ADDRESS) and isinstance(given, str):
            return given
        match kind.definition:
            case PrimitiveDef(primitive) if primitive not in (
                PrimitiveKind.bool, PrimitiveKind.str, PrimitiveKind.char,
            ):  # fmt: skip
                number = _number(given)
                return _as_plain(given, where) if number is None else number
            case CompactDef(inner):
                return self._filled(inner, given, where)
            case SequenceDef(item) | ArrayDef(_, item) if isinstance(given, list):
                return [self._filled(item, each, where) for each in given]
            case TupleDef(items) if isinstance(given, list) and len(given) == len(items):
                return [self._filled(*pair, where) for pair in zip(items, given, strict=True)]
            case CompositeDef(fields):
                return self._filled_fields(fields, given, where)
            case VariantDef(variants) if self._types.is_option(type_id):
                some = variants[-1].fields
                return None if given is None else self._filled_fields(some, given, where)
            case VariantDef(variants):
                return self._filled_variant(variants, given, where)
        return _as_plain(given, where)

    def _filled_fields(self, fields: Sequence[PortableField], given: object, where: str) -> Plain:
        if len(fields) == 1 and fields[0].name is None:
            return self._filled(fields[0].type, given, where)
        if isinstance(given, list) and len(given) == len(fields):
            return [
                self._filled(field.type, each, where)
                for field, each in zip(fields, given, strict=True)
            ]
        if not isinstance(given, dict) or not all(field.name for field in fields):
            return _as_plain(given, where)
        by_name = {plain_name(str(name)): inner for name, inner in given.items()}
        known = {plain_name(field.name or ""): field for field in fields}
        for name in given:
            if plain_name(str(name)) not in known:
                names = ", ".join(field.name or "" for field in fields)
                raise BadValue(f"{where}: there is no field {name}; known are {names}")
        return {
            field.name or "": self._filled(field.type, by_name[name], f"{where}.{field.name}")
            if name in by_name
            else self._default(field.type)
            for name, field in known.items()
        }

    def _filled_variant(
        self, variants: Sequence[PortableVariant], given: object, where: str
    ) -> Plain:
        name, inner = given, None
        if isinstance(given, dict) and len(given) == 1:
            ((name, inner),) = given.items()
        for variant in variants:
            if isinstance(name, str) and plain_name(variant.name) == plain_name(name):
                if not variant.fields:
                    return variant.name
                return {variant.name: self._filled_fields(variant.fields, inner, where)}
        return _as_plain(given, where)

    def _default(self, type_id: int) -> Plain:
        """Return the default of a type: zero, empty, false, none, or the first variant."""
        kind = self._types.type(type_id)
        if kind.path == ACCOUNT_ID:
            return bytes(32)
        match kind.definition:
            case PrimitiveDef(PrimitiveKind.bool):
                return False
            case PrimitiveDef(PrimitiveKind.str | PrimitiveKind.char) | BitSequenceDef():
                return ""
            case PrimitiveDef() | CompactDef():
                return 0
            case SequenceDef(item):
                return "0x" if self._types.is_byte(item) else []
            case ArrayDef(size, item) if self._types.is_byte(item):
                return "0x" + "00" * size
            case ArrayDef(size, item):
                return [self._default(item)] * size
            case TupleDef(items):
                return [self._default(item) for item in items] or None
            case CompositeDef(fields):
                return self._default_fields(fields)
            case VariantDef(variants) if not self._types.is_option(type_id):
                first = variants[0]
                if first.fields:
                    return {first.name: self._default_fields(first.fields)}
                return first.name
        return None

    def _default_fields(self, fields: Sequence[PortableField]) -> Plain:
        if len(fields) == 1 and fields[0].name is None:
            return self._default(fields[0].type)
        if all(field.name for field in fields):
            return {field.name or "": self._default(field.type) for field in fields}
        return [self._default(field.type) for field in fields]


def _dict(given: object) -> dict[str, object]:
    return given if isinstance(given, dict) else {}


def _rows(given: object, where: str) -> list[tuple[list[Plain], object]]:
    """Return the entries of a map: keys and value of each. Raises BadValue."""
    if not isinstance(given, list):
        raise BadValue(f"{where} is a map: write [[[key], value], ...]")
    rows: list[tuple[list[Plain], object]] = []
    for row in given:
        if not isinstance(row, list) or not 1 <= len(row) <= len(("keys", "value")):
            raise BadValue(f"{where}: expected [[key], value], or [[key], null] to remove it")
        keys = row[0] if isinstance(row[0], list) else [row[0]]
        rows.append((keys, row[1] if len(row) > 1 else None))
    return rows


def _as_plain(given: object, where: str) -> Plain:
    """Return a JSON value as a plain one. Raises BadValue for a fraction."""
    match given:
        case float():
            raise BadValue(f"{where}: {given} is not a whole number")
        case None | bool() | int() | str():
            return given
        case list():
            return [_as_plain(each, where) for each in given]
        case dict():
            return {str(name): _as_plain(inner, where) for name, inner in given.items()}
    raise BadValue(f"{where}: this is not a value of JSON")


def camel(name: str) -> str:
    """Return a name of the metadata in the style of polkadot.js: `TotalIssuance`: totalIssuance."""
    if name.isupper():
        return name.lower()
    start = 1
    while start + 1 < len(name) and name[start].isupper() and name[start + 1].isupper():
        start += 1
    return name[:start].lower() + name[start:]
