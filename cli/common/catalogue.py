"""A chain's metadata: items by their typed names, values in readable form.

Works with any chain: nothing here depends on our pallets. Numbers of 64 bits and more are text in
JSON, because many programs would round them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from btt_chain.crypto.hashing import (
    blake2_128,
    blake2_128_concat,
    blake2_256,
    twox_64_concat,
    twox_128,
    twox_256,
)
from btt_chain.primitives import ss58
from btt_chain.primitives.era import Era, Immortal, Mortal
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.scale import codec
from btt_chain.scale.errors import DecodeError, EncodeError
from btt_chain.scale.metadata import (
    ArrayDef,
    CompactDef,
    CompositeDef,
    Constant,
    PalletMetadata,
    PlainEntry,
    PortableField,
    PortableVariant,
    PrimitiveDef,
    SequenceDef,
    StorageEntry,
    StorageHasher,
    StorageModifier,
    TupleDef,
    VariantDef,
    decode_metadata,
)
from btt_chain.scale.portable import MULTI_ADDRESS, Plain, Portable
from cli.common.accounts import read_account
from cli.common.amount import BTT, AmountError, Currency
from cli.common.errors import Mistyped, NotFound, Refused, hint
from cli.common.reasons import REASONS

_ERA = codec(Era)

_NAMED_ARGUMENT: Final = re.compile("([A-Za-z_][A-Za-z0-9_]*)=")

Named = TypeVar("Named", PalletMetadata, PortableVariant, StorageEntry, Constant)

LONG_HEX: Final = 2 + 2 * 96
"""Characters of bytes that are shown in full: keys, signatures and proofs of 96 bytes."""

TIP_EXTENSION: Final = "ChargeTransactionPayment"

_WIDE: Final = {"u64", "u128", "u256", "i64", "i128", "i256"}

_HASHERS: Final[dict[StorageHasher, Callable[[bytes], bytes]]] = {
    StorageHasher.Blake2_128: blake2_128,
    StorageHasher.Blake2_256: blake2_256,
    StorageHasher.Blake2_128Concat: blake2_128_concat,
    StorageHasher.Twox128: twox_128,
    StorageHasher.Twox256: twox_256,
    StorageHasher.Twox64Concat: twox_64_concat,
    StorageHasher.Identity: bytes,
}

# The part after the hash, if the key itself follows it.
_HASH_LENGTHS: Final = {
    StorageHasher.Blake2_128Concat: 16,
    StorageHasher.Twox64Concat: 8,
    StorageHasher.Identity: 0,
}


@dataclass(frozen=True, slots=True)
class CallView:
    """A call by name, with its arguments as plain values and in readable form."""

    name: str
    arguments: dict[str, Plain]
    shown: dict[str, str]


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


class Catalogue:
    """The metadata of one runtime."""

    def __init__(
        self, metadata: bytes, *, currency: Currency = BTT, prefix: int = ss58.DEFAULT_PREFIX
    ) -> None:
        self.version, self.metadata = decode_metadata(metadata)
        self.currency = currency
        self.prefix = prefix
        self.types = Portable(
            self.metadata.types,
            show_account=lambda raw: ss58.encode(raw, prefix),
            read_account=lambda text: read_account(text, prefix),
        )
        params = {p.name: p.type for p in self.types.type(self._extrinsic_type()).params}
        self._address, self._signature = params.get("Address"), params.get("Signature")
        call = params.get("Call")
        if call is None:
            raise Refused("the chain's metadata does not say what a call is")
        self.call_type: int = call

    def _extrinsic_type(self) -> int:
        kind = self.metadata.extrinsic.type
        if kind is None:
            raise Refused(f"metadata V{self.version} is not read here; V14 is")
        return kind

    # ---- by name

    def pallet(self, name: str) -> PalletMetadata:
        """Return the pallet with that name; case does not matter if it is unambiguous."""
        return _find(name, self.metadata.pallets, "pallet", "the chain")

    def call(self, path: str) -> tuple[PalletMetadata, PortableVariant]:
        """Return a call by `Pallet.call`."""
        pallet, name = self._split(path, "a call", "Balances.transfer_keep_alive")
        return pallet, _find(name, self.calls(pallet), "call", pallet.name)

    def storage(self, path: str) -> tuple[PalletMetadata, StorageEntry]:
        """Return a storage item by `Pallet.Item`."""
        pallet, name = self._split(path, "a storage item", "System.Account")
        entries = pallet.storage.entries if pallet.storage else []
        return pallet, _find(name, entries, "storage item", pallet.name)

    def constant(self, path: str) -> tuple[PalletMetadata, Constant]:
        """Return a constant by `Pallet.Name`."""
        pallet, name = self._split(path, "a constant", "Balances.ExistentialDeposit")
        return pallet, _find(name, pallet.constants, "constant", pallet.name)

    def calls(self, pallet: PalletMetadata) -> list[PortableVariant]:
        """Return the calls of a pallet."""
        return self._variants(pallet.calls.type if pallet.calls else None)

    def events(self, pallet: PalletMetadata) -> list[PortableVariant]:
        """Return the events of a pallet."""
        return self._variants(pallet.event.type if pallet.event else None)

    def errors(self, pallet: PalletMetadata) -> list[PortableVariant]:
        """Return the errors of a pallet."""
        return self._variants(pallet.error.type if pallet.error else None)

    def _variants(self, type_id: int | None) -> list[PortableVariant]:
        if type_id is None:
            return []
        definition = self.types.type(type_id).definition
        return definition.variants if isinstance(definition, VariantDef) else []

    def _split(self, path: str, what: str, example: str) -> tuple[PalletMetadata, str]:
        pallet, dot, name = path.partition(".")
        if not dot or not pallet or not name:
            raise Mistyped(f"{path!r} is not the name of {what}; write it like {example}")
        return self.pallet(pallet), name

    # ---- calls

    def encode_call(self, path: str, arguments: Sequence[str]) -> bytes:
        """Return the bytes of a call with its typed arguments: in order, or all as `name=value`."""
        pallet, call = self.call(path)
        name = f"{pallet.name}.{call.name}"
        try:
            values = self._arguments(name, call.fields, arguments)
            body = self.types.encode_fields(call.fields, values)
        except EncodeError as error:
            raise Mistyped(f"{name}: {error}") from None
        except RecursionError:
            raise Mistyped(f"{name}: the arguments are nested too deeply") from None
        return bytes((pallet.index, call.index)) + body

    def _arguments(
        self, call: str, fields: Sequence[PortableField], typed: Sequence[str]
    ) -> list[Plain]:
        names = [field.name or str(at) for at, field in enumerate(fields)]
        named = [text.partition("=") for text in typed]
        self._check_names(call, names, typed)
        if named and all(equals and name in names for name, equals, _ in named):
            by_name = {name: text for name, _, text in named}
            if len(by_name) < len(named):
                raise Mistyped(f"{call}: an argument is given twice")
            missing = [name for name in names if name not in by_name]
            if missing:
                raise Mistyped(f"{call}: {', '.join(missing)} missing")
            typed = [by_name[name] for name in names]
        if len(typed) != len(fields):
            wanted = " ".join(
                f"{n}:{self.field_type(f)}" for n, f in zip(names, fields, strict=True)
            )
            raise Mistyped(
                f"{call} takes {len(fields)} arguments ({wanted or 'none'}), {len(typed)} given"
            )
        return [
            self.read_argument(field.type, text, name, money=self._is_money(field, True))
            for field, text, name in zip(fields, typed, names, strict=True)
        ]

    @staticmethod
    def _check_names(call: str, names: Sequence[str], typed: Sequence[str]) -> None:
        """Raise Mistyped for an unknown name of an argument if the others are given by name."""
        found = [_NAMED_ARGUMENT.match(text) for text in typed]
        given = [match[1] for match in found if match]
        if len(given) < len(typed) or not set(given) & set(names):
            return
        for name in given:
            if name not in names:
                raise Mistyped(f"{call}: no argument {name}; known are {', '.join(names)}")

    def read_argument(self, type_id: int, text: str, where: str, *, money: bool = False) -> Plain:
        """Read a typed value of a type: plain text, or JSON if it is nested."""
        value: Plain = text
        if text[:1] in {"[", "{", '"'}:
            value = _json(text, where)
        elif text == "null" and self.types.is_option(type_id):
            value = None
        return self._prepare(type_id, value, where, money)

    def field_type(self, field: PortableField) -> str:
        """Return a type in readable form."""
        return self.types.name(field.type)

    def _prepare(self, type_id: int, value: Plain, where: str, money: bool) -> Plain:
        """Replace amounts by numbers, and short forms by calls."""
        kind = self.types.type(type_id)
        match kind.definition:
            case PrimitiveDef(primitive) if primitive.name == "u128":
                return self._amount(value, where, money)
            case CompactDef(inner):
                return self._prepare(inner, value, where, money)
            case SequenceDef(item) | ArrayDef(_, item) if isinstance(value, list):
                return [
                    self._prepare(item, each, f"{where}[{at}]", money)
                    for at, each in enumerate(value)
                ]
            case CompositeDef() | TupleDef() if self._is_record(type_id) and isinstance(value, str):
                return self._from_bytes(type_id, value, where)
            case TupleDef(items) if isinstance(value, list) and len(value) == len(items):
                return [
                    self._prepare(part, each, f"{where}[{at}]", money)
                    for at, (part, each) in enumerate(zip(items, value, strict=True))
                ]
            case CompositeDef(fields):
                return self._prepare_fields(fields, value, where, money)
            case VariantDef(variants) if type_id == self.call_type:
                return self._prepare_call(variants, value, where)
            case VariantDef(variants) if self.types.is_option(type_id):
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
        match self.types.type(type_id).definition:
            case CompositeDef(fields):
                return len(fields) > 1 or any(field.name for field in fields)
            case TupleDef(items):
                return bool(items)
        return False

    def _from_bytes(self, type_id: int, text: str, where: str) -> Plain:
        """Return the record whose SCALE form `text` is, in hex. Raises Mistyped."""
        try:
            if not text.startswith("0x"):
                raise Mistyped(f"{where}: {self._forms(type_id)}")
            return self.types.decode(type_id, bytes.fromhex(text[2:]))
        except ValueError as error:  # DecodeError, and invalid hex
            why = str(error) if isinstance(error, DecodeError) else "this is no hex"
            raise Mistyped(f"{where}: {self._forms(type_id)}; {why}") from None

    def _forms(self, type_id: int) -> str:
        """Return the two ways in which a record can be written."""
        definition, kind = self.types.type(type_id).definition, self.types.name(type_id)
        form = "a JSON list of its items"
        if isinstance(definition, CompositeDef) and definition.fields[0].name is not None:
            example = ", ".join(f'"{field.name}": ...' for field in definition.fields)
            form = f"JSON {{{example}}}"
        return f"{kind} is written as {form}, or as 0x and its SCALE bytes in hex"

    def _variant(
        self, type_id: int, variants: Sequence[PortableVariant], name: str, where: str
    ) -> PortableVariant:
        """Return the typed variant; Mistyped with the available ones."""
        for variant in variants:
            if variant.name == name:
                return variant
        known = ", ".join(variant.name for variant in variants)
        raise Mistyped(
            f"{where}: {self.types.name(type_id)} has no {name!r}; known are {known or 'none'}"
        )

    def _prepare_fields(
        self, fields: Sequence[PortableField], value: Plain, where: str, money: bool
    ) -> Plain:
        if len(fields) == 1 and fields[0].name is None:
            inner_money = self._is_money(fields[0], money)
            return self._prepare(fields[0].type, value, where, inner_money)
        if isinstance(value, dict):
            known = {field.name: field for field in fields}
            return {
                name: self._prepare(
                    known[name].type, inner, f"{where}.{name}", self._is_money(known[name], money)
                )
                if name in known
                else inner
                for name, inner in value.items()
            }
        if isinstance(value, list) and len(value) == len(fields):
            return [
                self._prepare(field.type, inner, f"{where}[{at}]", self._is_money(field, money))
                for at, (field, inner) in enumerate(zip(fields, value, strict=True))
            ]
        return value

    def _prepare_call(self, pallets: Sequence[PortableVariant], value: Plain, where: str) -> Plain:
        """Return a nested call given as in metadata, as {"call": "A.b", "args": ...} or hex."""
        if isinstance(value, str) and value.startswith("0x"):
            try:
                return self.types.decode(self.call_type, bytes.fromhex(value[2:]))
            except ValueError as error:
                raise Mistyped(f"{where}: {value[:20]}... is no call: {error}") from None
        if isinstance(value, dict) and value.keys() <= {"call", "args"} and "call" in value:
            name, inner = value["call"], value.get("args")
            if not isinstance(name, str):
                raise Mistyped(f'{where}: "call" is a name like "Balances.transfer_keep_alive"')
            pallet, call = self.call(name)
            value = {pallet.name: {call.name: inner}}
        if isinstance(value, dict) and len(value) == 1:
            ((pallet_name, inner),) = value.items()
            fields = next((v.fields for v in pallets if v.name == pallet_name), [])
            inside = f"{where}.{pallet_name}"
            return {pallet_name: self._prepare_fields(fields, inner, inside, True)}
        raise Mistyped(
            f'{where}: expected a call, {{"call": "Balances.transfer_keep_alive", "args": '
            '{"dest": "//Bob", "value": "1.5BTT"}}'
        )

    def _amount(self, value: Plain, where: str, money: bool) -> Plain:
        """Return an amount, which has a unit; a u128 that is no money is a plain number."""
        number = not isinstance(value, str) or value.replace("_", "").isdecimal()
        if number and not money:
            return value
        try:
            return self.currency.parse(str(value))
        except AmountError as error:
            if money:
                raise Mistyped(f"{where}: {error}") from None
            return value

    def _is_money(self, field: PortableField, otherwise: bool) -> bool:
        """Return True if numbers in a field are amounts: by the name of its type, if it has one.

        In calls and events a u128 is money unless its type has another name; an amount that is
        mistaken for a number would be read in planck.
        """
        name = field.type_name or ""
        if "Balance" in name:
            return True
        if name in {"", "u128", "Compact<u128>"} or not self._is_u128(field.type):
            return otherwise
        return False

    def _is_u128(self, type_id: int) -> bool:
        match self.types.type(type_id).definition:
            case CompactDef(inner):
                return self._is_u128(inner)
            case PrimitiveDef(primitive):
                return primitive.name == "u128"
        return False

    def decode_call(self, raw: bytes) -> CallView:
        """Return a call by name; Refused if the bytes are none of this chain."""
        try:
            plain = self.types.decode(self.call_type, raw)
        except DecodeError as error:
            raise Refused(f"this is no call of this chain: {error}") from None
        return self._call_view(plain)

    def _call_view(self, plain: Plain) -> CallView:
        pallet, name, inner = _two_names(plain)
        fields = _find(name, self.calls(self.pallet(pallet)), "call", pallet).fields
        values = _by_name(fields, inner)
        return CallView(
            f"{pallet}.{name}",
            {
                field.name or str(at): self.for_json(field.type, value)
                for at, (field, value) in enumerate(zip(fields, values, strict=True))
            },
            {
                field.name or str(at): self.for_people(
                    field.type, value, money=self._is_money(field, True)
                )
                for at, (field, value) in enumerate(zip(fields, values, strict=True))
            },
        )

    # ---- extrinsics and events

    def decode_extrinsic(self, wire: bytes) -> ExtrinsicView:
        """Decode an extrinsic in its form on the wire, with its length in front."""
        name = "0x" + blake2_256(wire).hex()
        try:
            inner = unwrap(wire)
            if inner[:1] in {b"\x04", b"\x05"}:
                return ExtrinsicView(None, None, {}, {}, self.decode_call(inner[1:]), name)
            at, signer, signature = 2, None, None
            if inner[:1] == b"\x84":
                if self._address is None or self._signature is None:
                    raise Refused("the chain's metadata does not say how extrinsics are signed")
                address, at = self.types.decode_at(self._address, inner, 1)
                signature, at = self.types.decode_at(self._signature, inner, at)
                signer = _signer(address)
            elif inner[:1] != b"\x45":
                raise Refused("this is no extrinsic of version 4 or 5")
            extra: dict[str, Plain] = {}
            shown: dict[str, str] = {}
            for extension in self.metadata.extrinsic.extensions:
                if extension.identifier in {"CheckMortality", "CheckEra"}:
                    era, at = _ERA.decode(inner, at)
                    extra[extension.identifier] = _era(era)
                    shown[extension.identifier] = brief(_era(era))
                    continue
                value, at = self.types.decode_at(extension.type, inner, at)
                if value not in (None, [], {}):
                    extra[extension.identifier] = self.for_json(extension.type, value)
                    is_tip = extension.identifier == TIP_EXTENSION
                    shown["tip" if is_tip else extension.identifier] = self.for_people(
                        extension.type, value, money=is_tip
                    )
        except DecodeError as error:
            raise Refused(f"this is no extrinsic of this chain: {error}") from None
        return ExtrinsicView(signer, signature, extra, shown, self.decode_call(inner[at:]), name)

    def decode_events(self, raw: bytes | None) -> list[EventView]:
        """Return the events of a block, from the value of System.Events."""
        _, entry = self.storage("System.Events")
        records = self.types.decode(entry.type.value, raw) if raw else []
        return [self._event(record) for record in _list_of_dicts(records)]

    def _event(self, record: Mapping[str, Plain]) -> EventView:
        pallet, name, inner = _two_names(record["event"])
        fields = _find(name, self.events(self.pallet(pallet)), "event", pallet).fields
        values = _by_name(fields, inner)
        shown = [
            (f"{field.name}: " if field.name else "")
            + self.for_people(field.type, value, money=self._is_money(field, True))
            for field, value in zip(fields, values, strict=True)
        ]
        plain = {
            field.name or str(at): self.for_json(field.type, value)
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
                return self._module_error(index, int(code[2:4], 16))
            case dict() if len(error) == 1:
                ((kind, detail),) = error.items()
                return _with_reason(f"{kind}.{detail}" if isinstance(detail, str) else kind)
            case _:
                return _with_reason(str(error))

    def _module_error(self, index: int, number: int) -> str:
        for pallet in self.metadata.pallets:
            if pallet.index != index:
                continue
            for variant in self.errors(pallet):
                if variant.index == number:
                    docs = docs_of(variant)
                    return f"{pallet.name}.{variant.name}{': ' + docs if docs else ''}"
        return f"error {number} of pallet {index}"

    # ---- storage

    def storage_key(
        self, pallet: PalletMetadata, entry: StorageEntry, typed: Sequence[str]
    ) -> tuple[bytes, bool]:
        """Return the key of a storage item, and False if it is only a prefix for fewer keys."""
        prefix = pallet.storage.prefix if pallet.storage else pallet.name
        key = twox_128(prefix.encode()) + twox_128(entry.name.encode())
        kinds = self.key_types(entry)
        if len(typed) > len(kinds):
            raise Mistyped(
                f"{pallet.name}.{entry.name} takes {len(kinds)} keys "
                f"({', '.join(self.types.name(kind) for kind, _ in kinds) or 'none'}), "
                f"{len(typed)} given"
            )
        for at, ((kind, hasher), text) in enumerate(zip(kinds, typed, strict=False)):
            where = f"key {at + 1}"
            try:
                value = self.read_argument(kind, text, where)
                key += _HASHERS[hasher](self.types.encode(kind, value, where))
            except EncodeError as error:
                raise Mistyped(f"{pallet.name}.{entry.name}: {error}") from None
            except RecursionError:
                raise Mistyped(f"{where} is nested too deeply") from None
        return key, len(typed) == len(kinds)

    def key_types(self, entry: StorageEntry) -> list[tuple[int, StorageHasher]]:
        """Return the type and hasher of each key of a storage item."""
        if isinstance(entry.type, PlainEntry):
            return []
        hashers = entry.type.hashers
        definition = self.types.type(entry.type.key).definition
        if len(hashers) > 1 and isinstance(definition, TupleDef):
            return list(zip(definition.items, hashers, strict=True))
        return [(entry.type.key, hashers[0])]

    def keys_of(self, entry: StorageEntry, key: bytes) -> list[str]:
        """Return the keys of an entry in readable form; hashes if only those are stored."""
        at, shown = 32, []
        for kind, hasher in self.key_types(entry):
            length = _HASH_LENGTHS.get(hasher)
            if length is None:
                size = 16 if hasher in {StorageHasher.Blake2_128, StorageHasher.Twox128} else 32
                shown.append("0x" + key[at : at + size].hex())
                at += size
                continue
            value, at = self.types.decode_at(kind, key, at + length)
            shown.append(self.for_people(kind, value))
        return shown

    def stored(self, entry: StorageEntry, raw: bytes | None) -> tuple[int, Plain]:
        """Return the type and value of an entry; the default if it is absent, None without one."""
        kind = entry.type.value
        if raw is None:
            if entry.modifier is StorageModifier.Optional:
                return kind, None
            raw = entry.default
        try:
            return kind, self.types.decode(kind, raw)
        except DecodeError as error:
            raise Refused(f"the stored value of {entry.name} is not of its type: {error}") from None

    # ---- values for readers and programs

    def for_json(self, type_id: int, value: Plain) -> Plain:
        """Return a decoded value with wide numbers as text."""
        return self._map(type_id, value, False, people=False)

    def for_people(self, type_id: int, value: Plain, *, money: bool = False) -> str:
        """Return a decoded value on one line, amounts with their unit."""
        return brief(self._map(type_id, value, money, people=True))

    def readable(self, type_id: int, value: Plain, *, money: bool = False) -> Plain:
        """Return a decoded value with its amounts in readable form."""
        return self._map(type_id, value, money, people=True)

    def _map(self, type_id: int, value: Plain, money: bool, *, people: bool) -> Plain:
        kind = self.types.type(type_id)
        if people and type_id == self.call_type:
            view = self._call_view(value)
            return f"{view.name}({', '.join(f'{n}: {v}' for n, v in view.shown.items())})"
        if people and kind.path == MULTI_ADDRESS and isinstance(value, dict) and "Id" in value:
            return value["Id"]
        match kind.definition:
            case PrimitiveDef(primitive) if isinstance(value, int) and primitive.name in _WIDE:
                if people and money and primitive.name == "u128":
                    return self.currency.format(value)
                return value if people else str(value)
            case CompactDef(inner):
                return self._map(inner, value, money, people=people)
            case SequenceDef(item) | ArrayDef(_, item) if isinstance(value, list):
                return [self._map(item, each, money, people=people) for each in value]
            case TupleDef(items) if isinstance(value, list):
                return [
                    self._map(part, each, money, people=people)
                    for part, each in zip(items, value, strict=True)
                ]
            case CompositeDef(fields):
                return self._map_fields(fields, value, money, people=people)
            case VariantDef(variants) if self.types.is_option(type_id):
                if value is None or (isinstance(value, dict) and value.keys() == {"Some"}):
                    return value
                return self._map_fields(variants[-1].fields, value, money, people=people)
            case VariantDef(variants) if isinstance(value, dict) and len(value) == 1:
                ((name, body),) = value.items()
                fields = next((v.fields for v in variants if v.name == name), [])
                return {name: self._map_fields(fields, body, money, people=people)}
        return value

    def _map_fields(
        self,
        fields: Sequence[PortableField],
        value: Plain,
        money: bool,
        *,
        people: bool,
    ) -> Plain:
        if len(fields) == 1 and fields[0].name is None:
            inner_money = self._is_money(fields[0], money)
            return self._map(fields[0].type, value, inner_money, people=people)
        if isinstance(value, dict):
            return {
                field.name or "": self._map(
                    field.type,
                    value[field.name or ""],
                    self._is_money(field, money),
                    people=people,
                )
                for field in fields
            }
        if isinstance(value, list):
            return [
                self._map(field.type, each, self._is_money(field, money), people=people)
                for field, each in zip(fields, value, strict=True)
            ]
        return value


def docs_of(thing: PortableVariant | StorageEntry | Constant) -> str:
    """Return the documentation of an item on one line."""
    return " ".join(" ".join(thing.docs).split())


def brief(value: Plain) -> str:
    """Return a value on one line, without quotes, bytes cut: `{to: 5FHn..., amount: 1 BTT}`."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{name}: {brief(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(brief, value)) + "]"
        case str() if value.startswith("0x") and len(value) > LONG_HEX:
            return f"{value[:34]}…{value[-8:]} ({len(value) // 2 - 1} bytes)"
        case _:
            return str(value)


def _with_reason(name: str) -> str:
    reason = REASONS.get(name)
    return f"{name}: {reason}" if reason else name


def _find(name: str, things: Iterable[Named], what: str, where: str) -> Named:
    known = list(things)
    for thing in known:
        if thing.name == name:
            return thing
    # `transferKeepAlive`, the form in JavaScript, is `transfer_keep_alive`.
    same = [thing for thing in known if _plain_name(thing.name) == _plain_name(name)]
    if len(same) == 1:
        return same[0]
    raise _nothing_like(name, [thing.name for thing in known], what, where)


def _plain_name(name: str) -> str:
    return name.replace("_", "").lower()


def _nothing_like(name: str, known: Sequence[str], what: str, where: str) -> NotFound:
    return NotFound(f"{where} has no {what} {name!r}; {hint(name, known or ['none'])}")


def _json(text: str, where: str) -> Plain:
    def refuse(number: str) -> NoReturn:
        raise Mistyped(f"{where}: {number} is no whole number; write amounts as text, '\"1.5BTT\"'")

    try:
        value: Plain = json.loads(text, parse_float=refuse, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise Mistyped(f"{where}: this is not JSON: {error}") from None
    return value


def _two_names(plain: Plain) -> tuple[str, str, Plain]:
    """Return pallet, name and fields of a call or an event: {"Balances": {"Transfer": ...}}."""
    if isinstance(plain, dict) and len(plain) == 1:
        ((pallet, inner),) = plain.items()
        if isinstance(inner, str):
            return pallet, inner, None
        if isinstance(inner, dict) and len(inner) == 1:
            ((name, fields),) = inner.items()
            return pallet, name, fields
    raise Refused(f"this is not of the form pallet, name, fields: {plain!r}")


def _by_name(fields: Sequence[PortableField], inner: Plain) -> list[Plain]:
    if not fields:
        return []
    if fields[0].name is None and len(fields) == 1:
        return [inner]
    if isinstance(inner, dict):
        return [inner[field.name or ""] for field in fields]
    return inner if isinstance(inner, list) else [inner]


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
