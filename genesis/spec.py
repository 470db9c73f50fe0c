"""The chain specification: the data with which a node joins a chain, as Substrate's JSON file.

A plain file describes block zero (`genesis.runtimeGenesis`), a raw one contains its whole state
(`genesis.raw.top`). A plain file of a BTT chain also contains the `allocation`, from which the
balances and vesting schedules must follow. Reading any file returns a `ChainSpec`, or raises a
`SpecError` that names the place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Final, TypeAlias

from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.primitives.strict_json import BadJson, read_json
from btt_chain.scale import u128
from genesis.accounts import well_known
from genesis.allocation import JSON_NAMES, Table
from genesis.holders import all_holders, table
from genesis.placement import (
    Placement,
    check_balances,
    check_vesting,
    placement_json,
    read_placement,
)
from genesis.presets import DOCUMENTS, ChainType, Finality, finality_of
from genesis.sections import check_chambers, check_tokenomics
from p2p.address import EXAMPLE, parse
from runtime.frame import GenesisError, Section
from runtime.genesis import (
    CHAIN_ID,
    COUNTS,
    PARAMS,
    RUNTIME_FIELD,
    SYMBOL_FIELD,
    WORK_COUNTS,
    read_params,
    read_set,
    sections_of,
)

Json: TypeAlias = Mapping[str, object]

MAX_VERBOSITY: Final = 255
MAX_DECIMALS: Final = 255
_PRESERVED: Final = ("forkId", "forkBlocks", "badBlocks", "codeSubstitutes", "consensusEngine")
"""Fields of Substrate that are kept unchanged and have no effect here."""
STATE_ROOT: Final = "stateRootHash"
"""Field of the genesis in specifications for light clients."""
CHECKPOINT: Final = "lightSyncState"
"""Field of the checkpoint, which `genesis.checkpoint` reads: a chain may be another program's."""
_KNOWN: Final = (
    "chainType", "bootNodes", "telemetryEndpoints", "protocolId", "properties",
    "allocation", "warning", CHECKPOINT, *_PRESERVED,
)  # fmt: skip
_READ: Final = (
    "name", "id", "chainType", "bootNodes", "telemetryEndpoints", "protocolId", "properties",
    "warning", "genesis",
)  # fmt: skip


class SpecError(ValueError):
    """The chain specification is wrong; the message names the place and the expected value."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Block zero as the runtime's configuration, with the owners of its balances."""

    config: Json
    placement: Placement | None = None
    """None for custom chains without an allocation."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Block zero as its whole state."""

    top: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """A chain, as described by its specification."""

    name: str
    id: str
    """The name of the chain's folder on disk."""
    chain_type: str
    """Development, Local, Live, or a custom word."""
    genesis: Plain | Raw
    boot_nodes: tuple[str, ...] = ()
    """Addresses of bootnodes, each with its peer id."""
    telemetry_endpoints: tuple[tuple[str, int], ...] = ()
    protocol_id: str | None = None
    properties: Json = field(default_factory=dict)
    more: Json = field(default_factory=dict)
    """Additional fields of the file, kept unchanged."""
    warning: str | None = None
    """Warning for users of the chain; informational, no check depends on it."""

    @property
    def is_live(self) -> bool:
        """True if publicly known keys are refused: for all types but Development and Local."""
        return self.chain_type not in {ChainType.DEVELOPMENT, ChainType.LOCAL}

    def finality(self, slot_ms: int) -> Finality:
        """Return the parameters of its voters: by its type and slots, as no state contains them."""
        return finality_of(self.chain_type, slot_ms)

    @property
    def chain_type_json(self) -> str | dict[str, str]:
        """The type in the form of `system_chainType`."""
        known = [kind.value for kind in ChainType]
        return self.chain_type if self.chain_type in known else {"Custom": self.chain_type}

    def to_json(self) -> dict[str, object]:
        """Return the specification in the form of its file."""
        fields: dict[str, object] = {
            "name": self.name,
            "id": self.id,
            "chainType": self.chain_type_json,
            "bootNodes": list(self.boot_nodes),
            "telemetryEndpoints": [list(entry) for entry in self.telemetry_endpoints] or None,
            "protocolId": self.protocol_id,
            "properties": dict(self.properties),
            "codeSubstitutes": {},
        } | dict(self.more)
        if self.warning is not None:
            fields["warning"] = self.warning
        match self.genesis:
            case Plain(config, placement):
                if placement is not None:
                    fields["allocation"] = placement_json(placement)
                fields["genesis"] = {"runtimeGenesis": {"config": dict(config)}}
            case Raw(top):
                entries = {to_hex(key): to_hex(top[key]) for key in sorted(top)}
                fields["genesis"] = {"raw": {"top": entries, "childrenDefault": {}}}
        return fields

    def dumps(self) -> str:
        """Return the file's text."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False)


# --- reading --------------------------------------------------------------------


def read_spec(text: str | bytes, name: str = "unnamed", source: str = "spec") -> ChainSpec:
    """Read a chain specification. Raises SpecError that names the wrong place.

    A bare raw genesis (`{"top": ...}`) is read as the Live chain `name`. `source` is the origin of
    the text, for error messages.
    """
    document = parse_json(text, source)
    if not isinstance(document, Mapping):
        raise SpecError(f"{source}: expected an object")
    try:
        if "top" in document and "genesis" not in document:
            section = Section({"top": document["top"]}, "spec")
            genesis = _read_raw(section, document["top"])
            return ChainSpec(name, name, ChainType.LIVE, genesis)
        return _read_document(document)
    except ValueError as error:  # GenesisError, and Python's own for thousands of digits
        where = "" if source == "spec" else f"{source}: "
        raise SpecError(f"{where}{error}") from None


def parse_json(text: str | bytes, source: str) -> object:
    """Read JSON without duplicate fields in an object. Raises SpecError that names its `source`."""
    try:
        return read_json(text)
    except BadJson as error:
        raise SpecError(f"{source}: no JSON: {error}") from None


def _read_document(document: Json) -> ChainSpec:
    # Other programs add fields of their own to a raw genesis; a plain one is written by hand, where
    # an unknown field is a misspelt one.
    if _inside(document, "genesis", STATE_ROOT) is not None:
        raise SpecError(
            f"spec.genesis.{STATE_ROOT}: a specification for light clients, without the state of "
            "block zero; a node needs one that was made without --light"
        )
    raw = _inside(document, "genesis", "raw")
    others = () if raw is None else tuple(document)
    fields = Section(document, "spec").fields(
        required=("name", "id", "genesis"), optional=(*_KNOWN, *others)
    )
    spec = ChainSpec(
        name=fields["name"].text(),
        id=_read_id(fields["id"]),
        chain_type=_read_chain_type(fields.get("chainType")),
        genesis=Raw({}),
        boot_nodes=_read_boot_nodes(fields.get("bootNodes")),
        telemetry_endpoints=_read_telemetry(fields.get("telemetryEndpoints")),
        protocol_id=_optional_text(fields.get("protocolId")),
        properties=_read_properties(fields.get("properties"), document.get("properties")),
        warning=_optional_text(fields.get("warning")),
    )
    if raw is not None:
        section = fields["genesis"].fields(required=("raw",))["raw"]
        more = {name: value for name, value in document.items() if name not in _READ}
        return replace(spec, genesis=_read_raw(section, _inside(raw, "top")), more=more)
    for name in _PRESERVED:
        if document.get(name):
            raise fields[name].wrong("nothing: it has no effect on this chain")
    inner = fields["genesis"].fields(required=("runtimeGenesis",))["runtimeGenesis"]
    choice = inner.fields(optional=("config", "patch"))
    if len(choice) != 1:
        raise inner.wrong('an object with either "config" or "patch"')
    word, section = next(iter(choice.items()))
    config = _inside(document, "genesis", "runtimeGenesis", word)
    if not isinstance(config, Mapping):
        raise section.wrong("an object")
    placement = _read_plain(config, section, fields.get("allocation"), spec.id, live=spec.is_live)
    checkpoint = document.get(CHECKPOINT)
    more = {} if checkpoint is None else {CHECKPOINT: checkpoint}
    return replace(spec, genesis=Plain(config, placement), more=more)


def _inside(document: object, *names: str) -> object:
    """Return the member of nested objects, or None."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _read_id(section: Section) -> str:
    if not CHAIN_ID.fullmatch(section.text()):
        raise section.wrong("letters, digits, dots, dashes and underscores: it names a folder")
    return section.text()


def _read_chain_type(section: Section | None) -> str:
    if section is None:
        return ChainType.LIVE
    known = [kind.value for kind in ChainType]
    try:
        word = section.text()
    except GenesisError:
        return section.fields(required=("Custom",))["Custom"].text()
    if word not in known:
        raise section.wrong(f'{", ".join(known)} or {{"Custom": "..."}}')
    return word


def _read_boot_nodes(section: Section | None) -> tuple[str, ...]:
    nodes: list[str] = []
    for entry in section or ():
        try:
            parse(entry.text())
        except ValueError as error:
            raise GenesisError(
                f"{entry.path}: expected an address such as {EXAMPLE}: {error}"
            ) from None
        nodes.append(entry.text())
    return tuple(nodes)


def _read_telemetry(section: Section | None) -> tuple[tuple[str, int], ...]:
    if section is None or not section.present():
        return ()
    endpoints = []
    for entry in section:
        url, verbosity = entry.rows(2)
        endpoints.append((url.text(), verbosity.integer(MAX_VERBOSITY)))
    return tuple(endpoints)


def _optional_text(section: Section | None) -> str | None:
    return section.text() if section is not None and section.present() else None


def _read_properties(section: Section | None, value: object) -> Json:
    if section is None or not isinstance(value, Mapping):
        if section is not None and section.present():
            raise section.wrong("an object")
        return {}
    fields = _members(section, value)
    if "ss58Format" in fields:
        fields["ss58Format"].integer(ss58.MAX_PREFIX)
    if "tokenDecimals" in fields:
        _check_decimals(fields["tokenDecimals"], value["tokenDecimals"])
    return value


def _check_decimals(section: Section, value: object) -> None:
    """Check a number, or a list with one for each token as on Substrate's multi-token chains."""
    each = section.rows() if isinstance(value, list) else [section]
    numbers = value if isinstance(value, list) else [value]
    for place, number in zip(each, numbers, strict=True):
        # No decimal text here: wallets read the property unchanged.
        if isinstance(number, str):
            raise place.wrong(f"a whole number from 0 to {MAX_DECIMALS}, not as text")
        place.integer(MAX_DECIMALS)


# --- raw ------------------------------------------------------------------------


def _read_raw(section: Section, entries: object) -> Raw:
    fields = section.fields(required=("top",), optional=("childrenDefault",))
    children = fields.get("childrenDefault")
    if children is not None and children.present():
        children.fields()  # with no field allowed, any child trie is refused by name
    top: dict[bytes, bytes] = {}
    for key, value in _members(fields["top"], entries).items():
        raw = parse_hex(key, f"{fields['top'].path}: the key {key[:70]!r}")
        if raw in top:
            raise GenesisError(f"{fields['top'].path}: the key {to_hex(raw)} stands twice")
        top[raw] = parse_hex(value.text(), value.path)
    if not top:
        raise fields["top"].wrong("the keys of a state, one at least")
    return Raw(top)


def _members(section: Section, value: object) -> dict[str, Section]:
    """Return the members of an object whose names are data."""
    return section.fields(optional=tuple(value) if isinstance(value, Mapping) else ())


def parse_hex(text: str, place: str) -> bytes:
    """Return the bytes of 0x and hex digits. Raises GenesisError that names the place."""
    try:
        return from_hex(text, prefix=True)
    except ValueError:
        raise GenesisError(f"{place}: expected 0x and pairs of hex digits") from None


# --- plain ----------------------------------------------------------------------


def _read_plain(
    config: Json, section: Section, allocation: Section | None, chain_id: str, *, live: bool
) -> Placement | None:
    """Check the runtime's configuration as far as the allocation determines it."""
    parts = _members(section, config)
    if PARAMS not in parts:
        raise GenesisError(f"{section.path}.{PARAMS}: missing")
    found_id, params = read_params(parts[PARAMS])
    slot_ms = int(params.slot_ms)
    if found_id != chain_id:
        raise GenesisError(f"{section.path}.{PARAMS}.chainId: expected {chain_id}, the spec's id")
    placement = None
    if allocation is not None:
        placement = read_placement(allocation)
        _check_document(placement.table, allocation.path)
        sections = sections_of(read_set(parts[PARAMS]), params)
        for name in ("balances", "vesting", "tokenomics", "chambers"):
            if name in sections and name not in parts:
                raise GenesisError(f"{section.path}.{name}: missing")
        check_balances(parts["balances"], placement)
        if "vesting" in sections:
            check_vesting(parts["vesting"], placement, slot_ms)
        elif live and any(placement.vesting(slot_ms)):
            raise GenesisError(f"{allocation.path}: rows vest, and the runtime has no vesting")
        check_tokenomics(parts["tokenomics"], placement, slot_ms)
        if "chambers" in sections:
            check_chambers(parts["chambers"], placement)
        if live:
            refuse_known_keys(placement_json(placement), allocation.path)
    elif live:
        raise GenesisError("spec.allocation: missing; a Live chain says whose money there is")
    if live:
        _need_counts(parts[PARAMS])
        _refuse_sudo(parts)
        _check_validators(parts)
        refuse_known_keys(config, section.path)
    return placement


def _check_document(found: Table, path: str) -> None:
    """Check that a table with a document's name equals the document's."""
    if found.id not in DOCUMENTS:
        return
    right = table(found.id)
    for name, is_same in (
        ("supply", found.supply == right.supply),
        ("vesting_reading", found.reading is right.reading),
    ):
        if not is_same:
            raise GenesisError(f"{path}.{name}: not what {found.id} says")
    keys = [row.key for row in right.rows]
    if [row.key for row in found.rows] != keys:
        raise GenesisError(f"{path}.allocations: the rows of {found.id} are {', '.join(keys)}")
    for place, (row, wanted) in enumerate(zip(found.rows, right.rows, strict=True)):
        for attribute, name in JSON_NAMES.items():
            if getattr(row, attribute) != getattr(wanted, attribute):
                raise GenesisError(
                    f"{path}.allocations[{place}].{name}: row {row.key} of {found.id} "
                    f"has {getattr(wanted, attribute)}, found {getattr(row, attribute)}"
                )


def _need_counts(section: Section) -> None:
    """Raise GenesisError for missing members: the runtime has a development chain's as defaults."""
    optional = ("chainId", "slotMs", RUNTIME_FIELD)
    given = section.fields(required=(*COUNTS, "work", SYMBOL_FIELD), optional=optional)
    given["work"].fields(required=tuple(WORK_COUNTS))


def _refuse_sudo(parts: dict[str, Section]) -> None:
    if "sudo" not in parts:
        return
    key = parts["sudo"].fields(optional=("key",)).get("key")
    if key is not None and key.present():
        raise key.wrong("null: a Live chain has no sudo key")


def _check_validators(parts: dict[str, Section]) -> None:
    """Check that bonds of block zero are equal, and only their stashes have session keys."""
    bonds, keys = _rows_of(parts, "authorities", "bonds"), _rows_of(parts, "session", "keys")
    owners = {row.rows(3)[0].account(): row for row in keys}
    first: u128 | None = None
    for row in bonds:
        stash, bond = row.rows(2)
        first = bond.planck() if first is None else first
        if bond.planck() != first:
            raise bond.wrong(f"{first}, as the first has it: bonds are equal in block zero")
        if owners.pop(stash.account(), None) is None:
            raise GenesisError(f"{stash.path}: {stash.text()} has a bond but no session keys")
    for row in owners.values():
        raise GenesisError(f"{row.path}: has session keys but no bond")


def _rows_of(parts: dict[str, Section], pallet: str, name: str) -> list[Section]:
    """Return the rows of one list in a pallet's configuration; the pallet checks the rest."""
    if pallet not in parts:
        return []
    others = ("minimumBond", "validatorCount", "proofRequired")
    field = parts[pallet].fields(optional=(name, *others)).get(name)
    return [] if field is None else field.rows()


def refuse_known_keys(config: object, path: str) -> None:
    """Raise GenesisError, naming the place, if JSON of `path` contains a publicly known key."""
    known = well_known(all_holders())
    for place, text in texts(config, path):
        name = known.get(_account_or_key(text))
        if name is not None:
            raise GenesisError(f"{place}: publicly known key of {name}; a Live chain refuses it")


def texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text within a JSON value, with its place."""
    ahead = [(path, value)]
    while ahead:
        place, item = ahead.pop()
        if isinstance(item, str):
            yield place, item
        elif isinstance(item, Mapping):
            ahead += [(f"{place}.{name}", item[name]) for name in reversed(item)]
        elif isinstance(item, list):
            ahead += [(f"{place}[{at}]", item[at]) for at in reversed(range(len(item)))]


def _account_or_key(text: str) -> bytes:
    """Return the bytes of an address or hex; empty for other texts."""
    try:
        return from_hex(text, prefix=True) if text.startswith("0x") else ss58.decode(text)[0]
    except ValueError:
        return b""
