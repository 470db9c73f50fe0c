"""Block zero: the state described by a specification, its root and its hash.

The runtime's own pallets write the state of a plain specification, so this module does not depend
on their storage. The state of a raw specification is used unchanged.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice, takewhile
from typing import Final

from btt_chain.lazyclass import dataclass
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256, Digest
from btt_chain.primitives.header import Header
from btt_chain.scale import DecodeError, u32
from genesis.accounts import well_known
from genesis.code import own_set, state_version
from genesis.holders import all_holders, unheld
from genesis.spec import ChainSpec, Plain, Raw, SpecError
from runtime.features.work import Work
from runtime.frame.version import CODE_KEY
from runtime.genesis import SYMBOL_FIELD, runtime_of, write_genesis
from runtime.pallets.babe.types import Engine
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.overlay import Overlay
from storage.trie import EMPTY_ROOT, state_root

CONFIG: Final = "spec.genesis.runtimeGenesis.config"


@dataclass(frozen=True, slots=True)
class Genesis:
    """Block zero and its state."""

    state: Mapping[bytes, bytes]
    state_version: int
    header: Header
    is_ours: bool
    """True if this program has the state's runtime; other states are only inspected."""
    unheld: tuple[str, ...]
    """Holders with placeholders; a network must not be started with any."""
    validators: tuple[AccountId, ...] = ()
    """Validators of the first blocks, in the order of the authorities."""
    is_manual: bool = False
    """True if blocks are sealed manually."""

    @property
    def no_validating(self) -> str | None:
        """The reason why this chain has no validating, and the remedy; None if it has."""
        if not self.is_ours:
            return "this program has no runtime for its state"
        if self.is_manual:
            return "its blocks are sealed by hand, by its operator"
        if self.unheld:
            names = ", ".join(self.unheld)
            return (
                f"placeholders without a key stand for {names}: make the "
                "specification with build-spec --holders"
            )
        if not self.validators:
            return (
                "block zero has no validators: make the specification with build-spec --validators"
            )
        return None

    @property
    def hash(self) -> H256:
        """The genesis hash, which identifies the chain."""
        return self.header.hash()


def build(spec: ChainSpec, *, version: int | None = None) -> Genesis:
    """Build block zero. Raises SpecError that names the mistake in the specification.

    `version` is the state trie's, for foreign chains whose code does not contain it.
    """
    match spec.genesis:
        case Plain(config):
            state = _state_of(config)
        case Raw(top):
            state = dict(top)
    code = state.get(CODE_KEY)
    name = own_set(code)
    found = _Found() if name is None else _inspect(spec, name, state)
    chosen = state_version(code) if version is None else version
    header = Header(
        parent_hash=H256(bytes(32)),
        number=u32(0),
        state_root=H256(state_root(state, chosen)),
        extrinsics_root=H256(EMPTY_ROOT),
        digest=Digest([]),
    )
    return Genesis(
        state, chosen, header, name is not None, found.unheld, found.validators, found.is_manual
    )


def to_raw(spec: ChainSpec) -> ChainSpec:
    """Return the same chain with its whole state, which is independent of later programs."""
    return replace(spec, genesis=Raw(build(spec).state))


# --- the state ------------------------------------------------------------------


def _state_of(config: Mapping[str, object]) -> dict[bytes, bytes]:
    """Return the state that the pallets write for the configuration."""
    overlay = Overlay(lambda _: None, lambda _prefix, _after: iter(()))
    try:
        write_genesis(overlay, config, CONFIG)
    except ValueError as error:  # GenesisError, and Python's own for thousands of digits
        raise SpecError(str(error)) from None
    return {key: value for key, value in overlay.changes().items() if value is not None}


# --- inspection -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """Findings from the state itself."""

    unheld: tuple[str, ...] = ()
    validators: tuple[AccountId, ...] = ()
    is_manual: bool = False


def _inspect(spec: ChainSpec, name: str, state: Mapping[bytes, bytes]) -> _Found:
    """Check for state that a BTT chain must not have; return the findings from its state.

    It reads the state itself, so that it also covers raw specifications. `name` is that of the set
    of features.
    """
    raw = state.get(PARAMS_KEY)
    if raw is None:
        raise SpecError("spec.genesis: the state holds no parameters of a BTT chain")
    try:
        params = RuntimeParams.decode(raw)
        runtime = runtime_of(name, params)
        runtime.enter(readable(state))
        accounts = {account for account, _ in runtime.system.account.items()}
        sudo, sealer = runtime.sudo.key.get(), runtime.babe.sealer.get()
        keys = set(_session_keys(runtime))
        validators = tuple(runtime.session.validators.value)
        is_manual = runtime.babe.engine.value is Engine.Manual
        proves_keys = runtime.session.proof_required.value
    except (DecodeError, ValueError) as error:
        raise SpecError(f"spec.genesis: the state cannot be read: {error}") from None
    shown = spec.properties.get(SYMBOL_FIELD, params.symbol)
    if shown != params.symbol:
        raise SpecError(
            f"spec.properties.{SYMBOL_FIELD}: expected {params.symbol}, the runtime's: wallets "
            f"sign over a digest that contains it; params.{SYMBOL_FIELD} sets the runtime's"
        )
    if spec.is_live:
        if sudo is not None:
            raise SpecError("spec.genesis: Sudo has a key; a Live chain has none")
        known: set[bytes | None] = {*accounts, sealer, *keys}
        for public, owner in well_known(all_holders()).items():
            if public in known:
                raise SpecError(
                    f"spec.genesis: publicly known key of {owner}; a Live chain refuses it"
                )
        if validators and not proves_keys:
            raise SpecError(
                "spec.genesis: Session.ProofRequired is not set; a Live chain takes session keys "
                "with a proof of possession only: set session.proofRequired to true"
            )
    return _Found(unheld(accounts), validators, is_manual)


def _session_keys(runtime: Work) -> Iterator[bytes]:
    """Yield the keys of block authors and voters, from all places in the state."""
    for _, keys in runtime.session.next_keys.items():  # noqa: PERF102 - a map of the state
        yield from (key for _, key in keys.typed())
    for listed in (runtime.babe.epochs.authorities, runtime.babe.epochs.next_authorities):
        yield from (bytes(key) for key, _ in listed.value)
    yield from (bytes(key) for key, _ in runtime.grandpa.authorities.value)


def readable(state: Mapping[bytes, bytes]) -> Overlay:
    """Return an overlay for a runtime over these keys and values, which do not change."""
    ordered = sorted(state)

    def keys(prefix: bytes, after: bytes | None) -> Iterator[bytes]:
        start = bisect_left(ordered, prefix) if after is None else bisect_right(ordered, after)
        return takewhile(lambda key: key.startswith(prefix), islice(ordered, start, None))

    return Overlay(state.get, keys)
