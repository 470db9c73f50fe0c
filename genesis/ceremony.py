"""Launch ceremony: several organisations make one chain specification without mutual trust.

1. Each validator makes an `Entry`: its stash account, the public session keys that its machine
   holds, a name, the peer id of its node and the address of its bootnode. The session keys sign it,
   which proves possession of their secrets, and the stash signs it, which proves that its owner
   wants these keys. The id of the chain is in what is signed: an entry is good for one chain.
2. `assemble` makes the specification from all entries, the holders and the parameters. It depends
   on nothing else: the same files give the same genesis hash. The entries travel in
   the specification, below `ceremony`.
3. `inspect` reads a specification that came from elsewhere, checks every signature again, and
   compares the entries with the state of block zero.

An entry as a file:

    {"format": "btt-ceremony-entry", "version": "1", "chain": "btt-testnet", "name": "Bitwave",
     "stash": "5F...", "keys": {"babe": "0x...", "grandpa": "0x..."}, "peerId": "12D3KooW...",
     "address": "/dns/boot.example/tcp/30333/p2p/12D3KooW..." | null,
     "proofs": {"babe": "0x...", "grandpa": "0x...",
                "stash": {"scheme": "sr25519", "signature": "0x..."} | null}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.crypto.signature import verify
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digits import to_hex
from genesis import catalogue
from genesis.accounts import address, well_known
from genesis.build import Genesis, build, to_raw
from genesis.census import census
from genesis.holders import Holders, all_holders
from genesis.presets import CHAINS, Chain
from genesis.spec import ChainSpec, SpecError, parse_json
from genesis.validators import BOND, MAX_NAME, Validator, read_key
from p2p.address import EXAMPLE, parse, parse_peer
from runtime.frame import GenesisError, Section
from runtime.genesis import CHAIN_ID

FORMAT: Final = "btt-ceremony-entry"
VERSION: Final = "1"
FIELD: Final = "ceremony"
"""The member of a specification that holds the plan and the entries."""
SIGNED: Final = b"btt-chain ceremony entry 1\n"
"""Prefix of every signed message; no block and no vote has it."""
SIGNATURE_LENGTH: Final = 64
MAX_SIGNATURE: Final = 65
SESSION_KEYS: Final = {"babe": Scheme.SR25519, "grandpa": Scheme.ED25519}
"""The session keys of an entry, with their schemes."""

PARAMETERS: Final = (
    "slotMs", "epochSlots", "reelectionEpochs", "unbondingEpochs", "reportEpochs",
    "minValidators", "maxValidators",
)  # fmt: skip
"""Parameters that a test network may set, by their names in a specification."""
MAX_PARAMETER: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class StashProof:
    """The signature of the stash under an entry."""

    scheme: Scheme
    signature: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An organisation's part of the ceremony."""

    chain_id: str
    name: str
    stash: AccountId
    keys: Mapping[str, bytes]
    """Public session keys, by the names in `SESSION_KEYS`."""
    peer_id: str
    address: str | None = None
    """Address of its bootnode; None if it offers none."""
    proofs: Mapping[str, bytes] = field(default_factory=dict)
    """The signature of each session key."""
    stash_proof: StashProof | None = None
    source: str = field(default="entry", compare=False)
    """File that it was read from, for messages."""

    def message(self) -> bytes:
        """Return the message that stash and session keys sign: everything but the signatures."""
        return SIGNED + json.dumps(self._said(), sort_keys=True).encode()

    def to_json(self) -> dict[str, object]:
        """Return the entry as its file has it."""
        proofs: dict[str, object] = {name: to_hex(proof) for name, proof in self.proofs.items()}
        stash = self.stash_proof
        proofs["stash"] = stash and {
            "scheme": str(stash.scheme),
            "signature": to_hex(stash.signature),
        }
        return {**self._said(), "proofs": proofs}

    def signed_by_keys(self, pairs: Mapping[str, KeyPair]) -> Entry:
        """Return the entry with the signatures of its session keys."""
        message = self.message()
        return replace(self, proofs={name: pairs[name].sign(message) for name in SESSION_KEYS})

    def signed_by_stash(self, pair: KeyPair) -> Entry:
        """Return the entry with the signature of its stash; SpecError for another account's key."""
        if pair.account_id != self.stash:
            raise SpecError(
                f"the key is that of {address(AccountId(pair.account_id))}, and the stash of the "
                f"entry is {address(self.stash)}: sign with the key of the stash"
            )
        return replace(self, stash_proof=StashProof(pair.scheme, pair.sign(self.message())))

    def _said(self) -> dict[str, object]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "chain": self.chain_id,
            "name": self.name,
            "stash": address(self.stash),
            "keys": {name: to_hex(self.keys[name]) for name in SESSION_KEYS},
            "peerId": self.peer_id,
            "address": self.address,
        }


# --- reading --------------------------------------------------------------------


def read_entry(section: Section) -> Entry:
    """Read an entry and check the signatures of its session keys.

    GenesisError names the field and what is wrong with it. The stash may not have signed yet.
    """
    fields = section.fields(
        required=("format", "version", "chain", "name", "stash", "keys", "peerId", "proofs"),
        optional=("address",),
    )
    if (fields["format"].text(), fields["version"].text()) != (FORMAT, VERSION):
        raise section.wrong(f"a {FORMAT} of version {VERSION}, as `key ceremony-entry` writes it")
    keys, proofs = fields["keys"].fields(required=tuple(SESSION_KEYS)), fields["proofs"]
    signed = proofs.fields(required=tuple(SESSION_KEYS), optional=("stash",))
    entry = Entry(
        chain_id=fields["chain"].text(),
        name=read_name(fields["name"]),
        stash=fields["stash"].account(),
        keys={name: read_key(keys[name], name) for name in SESSION_KEYS},
        peer_id=fields["peerId"].text(),
        address=_read_address(fields.get("address")),
        proofs={name: signed[name].hex_bytes(SIGNATURE_LENGTH) for name in SESSION_KEYS},
        stash_proof=_read_stash_proof(signed.get("stash")),
        source=section.path,
    )
    _check_peer_id(entry, fields["peerId"])
    message = entry.message()
    for name, scheme in SESSION_KEYS.items():
        if not verify(scheme, entry.keys[name], message, entry.proofs[name]):
            raise GenesisError(
                f"{signed[name].path}: not the signature of the {name} key under this entry: it "
                "was changed after it was signed; take it from its maker again"
            )
    stash = entry.stash_proof
    if stash is not None and not verify(stash.scheme, entry.stash, message, stash.signature):
        raise GenesisError(
            f"{proofs.path}.stash: not the signature of {address(entry.stash)} under this entry: "
            "it was changed after it was signed; take it from its maker again"
        )
    return entry


def check_chain_id(chain_id: str) -> None:
    """Check the id of a chain. Raises SpecError with the allowed characters."""
    if not CHAIN_ID.fullmatch(chain_id):
        raise SpecError(f"{chain_id!r} is not a chain's id: 1 to 64 letters, digits, '.', '_', '-'")


def read_name(section: Section) -> str:
    """Read the name of an organisation."""
    name = section.text()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise section.wrong(f"1 to {MAX_NAME} printable characters")
    return name


def _read_address(section: Section | None) -> str | None:
    if section is None or not section.present():
        return None
    try:
        parse(section.text())
    except ValueError as error:
        raise GenesisError(
            f"{section.path}: expected an address such as {EXAMPLE}: {error}"
        ) from None
    return section.text()


def _check_peer_id(entry: Entry, section: Section) -> None:
    try:
        parse_peer(entry.peer_id)
    except ValueError as error:
        raise GenesisError(f"{section.path}: {error}") from None


def _read_stash_proof(section: Section | None) -> StashProof | None:
    if section is None or not section.present():
        return None
    fields = section.fields(required=("scheme", "signature"))
    scheme = fields["scheme"].one_of({str(scheme): scheme for scheme in Scheme})
    length = MAX_SIGNATURE if scheme is Scheme.ECDSA else SIGNATURE_LENGTH
    return StashProof(scheme, fields["signature"].hex_bytes(length))


# --- assembling -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """All parameters of a network besides its entries and its holders."""

    preset: str
    chain_id: str
    chain_name: str
    parameters: Mapping[str, int] = field(default_factory=dict)
    """Values by the names in `PARAMETERS`; the preset's by default."""
    bond: int = BOND
    """Bond of each validator, in planck."""
    randomness: bytes | None = None

    def to_json(self) -> dict[str, object]:
        """Return the plan as a specification contains it."""
        return {
            "preset": self.preset,
            "id": self.chain_id,
            "name": self.chain_name,
            "parameters": dict(self.parameters),
            "bond": str(self.bond),
            "randomness": None if self.randomness is None else to_hex(self.randomness),
        }

    def chain(self) -> Chain:
        """Return the chain with the parameters of the plan; SpecError if they are refused."""
        base = CHAINS.get(self.preset)
        if base is None or not base.is_live:
            live = ", ".join(name for name, chain in CHAINS.items() if chain.is_live)
            raise SpecError(f"{self.preset}: a ceremony is for the Live chains {live}")
        check_chain_id(self.chain_id)
        if self.parameters and base.preset != "testnet":
            raise SpecError(
                f"{base.preset}: {', '.join(self.parameters)} are fixed by its document; a network "
                "with parameters of its own is made from testnet"
            )
        if self.parameters and self.chain_id == base.id:
            raise SpecError(
                f"{base.id} has other parameters: give this network an id of its own (--id), with "
                "which its entries are made"
            )
        given = self.parameters.get
        return replace(
            base,
            id=self.chain_id,
            name=self.chain_name,
            slot_ms=given("slotMs", base.slot_ms),
            epoch_slots=given("epochSlots", base.epoch_slots),
            reelection_epochs=given("reelectionEpochs", base.reelection_epochs),
            unbonding=given("unbondingEpochs", base.unbonding),
            reporting=given("reportEpochs", base.reporting),
            min_validators=given("minValidators", base.min_validators),
            max_validators=given("maxValidators", base.max_validators),
        )


def read_parameters(section: Section) -> dict[str, int]:
    """Read a file of parameters: `{"slotMs": 1000, "epochSlots": 10}`."""
    fields = section.fields(optional=PARAMETERS)
    return {name: place.integer(MAX_PARAMETER) for name, place in fields.items()}


def read_plan(section: Section) -> Plan:
    """Read the plan of a specification."""
    fields = section.fields(
        required=("preset", "id", "name", "parameters", "bond"), optional=("randomness",)
    )
    randomness = fields.get("randomness")
    return Plan(
        preset=fields["preset"].text(),
        chain_id=fields["id"].text(),
        chain_name=fields["name"].text(),
        parameters=read_parameters(fields["parameters"]),
        bond=int(fields["bond"].planck()),
        randomness=randomness.hex_bytes(32)
        if randomness is not None and randomness.present()
        else None,
    )


def check_entries(entries: Sequence[Entry], chain_id: str) -> None:
    """Raise SpecError, naming the entry, unless all are of one chain, signed, and distinct.

    Publicly known keys are refused as well.
    """
    known, taken = well_known(all_holders()), dict[tuple[str, object], str]()
    for entry in entries:
        if entry.chain_id != chain_id:
            raise SpecError(
                f"{entry.source}: an entry for the chain {entry.chain_id}, not {chain_id}: its "
                "maker makes it again with the right --chain or --id"
            )
        if entry.stash_proof is None:
            raise SpecError(
                f"{entry.source}: the stash {address(entry.stash)} has not signed: its owner runs "
                "`btt-chain key ceremony-sign` on the entry"
            )
        unique: list[tuple[str, object]] = [("name", entry.name), ("stash", entry.stash)]
        unique += [(f"{name} key", entry.keys[name]) for name in SESSION_KEYS]
        unique += [("peerId", entry.peer_id), ("address", entry.address)]
        for what, value in unique:
            if isinstance(value, bytes) and bytes(value) in known:
                raise SpecError(
                    f"{entry.source}: publicly known key of {known[bytes(value)]}, its {what}; "
                    "a Live chain refuses it"
                )
            other = taken.setdefault((what, value), entry.source)
            if value is not None and other is not entry.source:
                raise SpecError(
                    f"{entry.source}: the same {what} as {other}; each organisation brings one "
                    "entry, with keys of its own"
                )


def assemble(plan: Plan, entries: Sequence[Entry], holders: Holders) -> ChainSpec:
    """Return the raw specification of a network. Raises SpecError if the parts are inconsistent."""
    chain = plan.chain()
    check_entries(entries, chain.id)
    # The order in which files are named must not change the genesis hash.
    ordered = sorted(entries, key=lambda entry: bytes(entry.stash))
    validators = [
        Validator(entry.stash, **entry.keys, bond=plan.bond, name=entry.name, source=entry.source)
        for entry in ordered
    ]
    plain = catalogue.make(
        chain,
        holders,
        validators,
        randomness=plan.randomness,
        boot_nodes=[entry.address for entry in ordered if entry.address is not None],
    )
    about = {**plan.to_json(), "entries": [entry.to_json() for entry in ordered]}
    return replace(to_raw(plain), more={FIELD: about})


# --- inspection -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A consistent specification made by a ceremony."""

    spec: ChainSpec
    genesis: Genesis
    plan: Plan
    entries: Sequence[Entry]


def inspect(spec: ChainSpec) -> Ceremony:
    """Read a specification of a ceremony and check its state against its entries.

    SpecError if the entries are not signed, or the state has other validators, keys, bonds or
    parameters than the entries and the plan.
    """
    if FIELD not in spec.more:
        raise SpecError(
            f"{spec.name}: the specification has no member {FIELD!r}: it was not made by "
            "`btt-chain network init`, or another program has dropped it"
        )
    try:
        section = Section(spec.more[FIELD], FIELD)
        members = section.fields(
            required=("preset", "id", "name", "parameters", "bond", "entries"),
            optional=("randomness",),
        )
        about = spec.more[FIELD]
        assert isinstance(about, Mapping)  # noqa: S101 - `fields` has refused all else
        rest = {name: value for name, value in about.items() if name != "entries"}
        plan = read_plan(Section(rest, FIELD))
        entries = [read_entry(place) for place in members["entries"]]
    except ValueError as error:  # GenesisError, and Python's own for thousands of digits
        raise SpecError(str(error)) from None
    check_entries(entries, spec.id)
    genesis = build(spec)
    _check_state(plan, entries, genesis)
    _check_outside(spec, plan, entries)
    return Ceremony(spec, genesis, plan, entries)


def _check_state(plan: Plan, entries: Sequence[Entry], genesis: Genesis) -> None:
    found = census(genesis)
    chain = plan.chain()
    named = {bytes(entry.stash): entry for entry in entries}
    for validator in found.validators:
        entry = named.pop(bytes(validator.stash), None)
        if entry is None:
            raise SpecError(
                f"the state has the validator {address(validator.stash)}, who has no entry: do not "
                "start this network"
            )
        if dict(validator.keys) != dict(entry.keys) or validator.bond != plan.bond:
            raise SpecError(
                f"{entry.source}: the state has other session keys or another bond for "
                f"{entry.name} than its entry: do not start this network"
            )
    if named:
        names = ", ".join(entry.name for entry in named.values())
        raise SpecError(f"the state has no validator for the entry of {names}")
    for item, (kind, keys) in found.first_keys.items():
        if keys != {entry.keys[kind] for entry in entries}:
            raise SpecError(
                f"the state has other keys in {item} than the entries: do not start this network"
            )
    wanted = catalogue.params_json(chain)
    for name, value in found.params.items():
        if wanted[name] != value:
            raise SpecError(
                f"the state has {name} {value}, and {wanted[name]} is what {plan.preset} and the "
                "parameters of the ceremony say: do not start this network"
            )


def _check_outside(spec: ChainSpec, plan: Plan, entries: Sequence[Entry]) -> None:
    """Check the members beside the state, which the genesis hash does not cover."""
    if (spec.id, spec.name) != (plan.chain_id, plan.chain_name):
        raise SpecError(f"the specification is called {spec.name} ({spec.id}), the plan otherwise")
    if not spec.is_live:
        raise SpecError(f"{spec.name} is of the type {spec.chain_type}, and not Live")
    offered = {entry.address for entry in entries if entry.address is not None}
    for node in spec.boot_nodes:
        if node not in offered:
            raise SpecError(f"the bootnode {node} is in no entry: whose is it?")


def load_entry(text: bytes, name: str) -> Entry:
    """Read the file of an entry; SpecError names the file and the field that is wrong."""
    document = parse_json(text, name)
    try:
        return read_entry(Section(document, name))
    except ValueError as error:  # GenesisError, and Python's own for thousands of digits
        raise SpecError(str(error)) from None


def load_parameters(text: bytes, name: str) -> dict[str, int]:
    """Read a file of parameters; SpecError names the file and the field that is wrong."""
    document = parse_json(text, name)
    try:
        return read_parameters(Section(document, name))
    except ValueError as error:
        raise SpecError(str(error)) from None
