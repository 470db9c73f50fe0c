"""A runtime's items by name: pallets, calls, storage, constants, events, errors, APIs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from btt_chain.client.accounts import read_account
from btt_chain.client.errors import InvalidArgument, MissingFeature, NotFound, Undecodable, decoding
from btt_chain.client.names import similar
from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.primitives.metadata_digest import ChainFacts, metadata_digest
from btt_chain.scale import codec
from btt_chain.scale.metadata import (
    Constant,
    Method,
    PalletMetadata,
    PortableVariant,
    RuntimeApi,
    RuntimeMetadata,
    StorageEntry,
    VariantDef,
    decode_metadata,
)
from btt_chain.scale.portable import Portable

CONTRADICTION: Final = "the chain's metadata contradict themselves"

MAX_DECODED: Final = 4
"""Maximum number of metadata that a process keeps decoded, about 4 MiB each."""
KEPT_BYTES: Final = 1 << 20
"""Maximum size of encoded metadata that are kept, three times that of ours. Decoded they may take
forty times as much: a node that offers larger ones has them decoded for each connection."""

Named = TypeVar(
    "Named", PalletMetadata, PortableVariant, StorageEntry, Constant, RuntimeApi, Method
)


@dataclass(slots=True)
class _Decoded:
    """Metadata that connections to chains share; nothing changes what was decoded."""

    version: int
    runtime: RuntimeMetadata
    digest: tuple[ChainFacts, bytes] | None = None
    """The digest that was asked for last, and for which facts."""


def _decode(raw: bytes) -> _Decoded:
    """Return decoded metadata; `DecodeError` if they cannot be decoded."""
    return _Decoded(*decode_metadata(raw))


_decoded = lru_cache(maxsize=MAX_DECODED)(_decode)
"""The same, decoded once for all connections."""


class Items:
    """The named items of one runtime, and its types."""

    def __init__(self, raw: bytes, prefix: int = ss58.DEFAULT_PREFIX) -> None:
        """Read metadata (V14, V15 or V16). Raises Undecodable."""
        with decoding("the chain's metadata cannot be read"):
            self._decoded = _decoded(raw) if len(raw) <= KEPT_BYTES else _decode(raw)
        self.version, self.runtime = self._decoded.version, self._decoded.runtime
        self.types = Portable(
            self.runtime.types,
            show_account=lambda raw: ss58.encode(raw, prefix),
            read_account=lambda text: read_account(text, prefix),
        )
        extrinsic = self.runtime.extrinsic
        self.address, self.signature, call = extrinsic.address, extrinsic.signature, extrinsic.call
        if extrinsic.type is not None:  # V14 has them as parameters of the extrinsic's type
            with decoding("the chain's metadata do not describe extrinsics"):
                params = {p.name: p.type for p in self.types.type(extrinsic.type).params}
            self.address, self.signature = params.get("Address"), params.get("Signature")
            call = params.get("Call")
        if call is None:
            raise Undecodable("the chain's metadata does not say what a call is")
        self.call_type = int(call)

    def digest(self, facts: ChainFacts) -> bytes:
        """Return the digest that transactions are signed along. Raises DigestError."""
        kept = self._decoded.digest
        if kept is None or kept[0] != facts:
            kept = self._decoded.digest = facts, metadata_digest(self.runtime, facts)
        return kept[1]

    def pallet(self, name: str) -> PalletMetadata:
        """Return the pallet with that name; case does not matter if it is unambiguous."""
        return self._own(name, self.runtime.pallets, "pallet")

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

    def api(self, path: str) -> tuple[RuntimeApi, Method]:
        """Return a method of a runtime API by `Api.method`."""
        name, method = _parts(path, "a runtime API's method", "Core.version")
        api = self._own(name, self.runtime.apis, "runtime API")
        return api, _find(method, api.methods, "method", api.name)

    def api_of(self, pallet: PalletMetadata) -> RuntimeApi | None:
        """Return the runtime API of a pallet, as `ExchangeApi` of Exchange; None without one."""
        own = [api for api in self.runtime.apis if api.name == f"{pallet.name}Api"]
        return own[0] if own else None

    def calls(self, pallet: PalletMetadata) -> list[PortableVariant]:
        """Return the calls of a pallet."""
        return self._variants(pallet.calls.type if pallet.calls else None)

    def events(self, pallet: PalletMetadata) -> list[PortableVariant]:
        """Return the events of a pallet."""
        return self._variants(pallet.event.type if pallet.event else None)

    def errors(self, pallet: PalletMetadata) -> list[PortableVariant]:
        """Return the errors of a pallet."""
        return self._variants(pallet.error.type if pallet.error else None)

    def type_name(self, type_id: int) -> str:
        """Return a type in readable form. Raises Undecodable if the metadata have none."""
        with decoding(CONTRADICTION):
            return self.types.name(type_id)

    def _own(self, name: str, things: Sequence[Named], what: str) -> Named:
        """Return the pallet or API with that name. Raises MissingFeature."""
        try:
            return _find(name, things, what, "the chain")
        except NotFound:
            lacking = f"{what} {name!r}; {similar(name, [thing.name for thing in things])}"
            raise MissingFeature(self._spec_name(), lacking) from None

    def _spec_name(self) -> str:
        """Return the runtime's name; empty if the metadata has none."""
        for pallet in self.runtime.pallets:
            for constant in pallet.constants:
                if (pallet.name, constant.name) == ("System", "Version"):
                    with decoding(CONTRADICTION):
                        return codec(str).decode(constant.value, 0)[0]
        return ""

    def _variants(self, type_id: int | None) -> list[PortableVariant]:
        if type_id is None:
            return []
        with decoding(CONTRADICTION):
            definition = self.types.type(type_id).definition
        return definition.variants if isinstance(definition, VariantDef) else []

    def _split(self, path: str, what: str, example: str) -> tuple[PalletMetadata, str]:
        pallet, name = _parts(path, what, example)
        return self.pallet(pallet), name


def docs_of(thing: PortableVariant | StorageEntry | Constant) -> str:
    """Return the documentation of an item on one line."""
    return " ".join(" ".join(thing.docs).split())


def _parts(path: str, what: str, example: str) -> tuple[str, str]:
    owner, dot, name = path.partition(".")
    if not dot or not owner or not name:
        raise InvalidArgument(f"{path!r} is not the name of {what}; write it like {example}")
    return owner, name


def _find(name: str, things: Iterable[Named], what: str, where: str) -> Named:
    items = list(things)
    for thing in items:
        if thing.name == name:
            return thing
    # `transferKeepAlive`, the form in JavaScript, is `transfer_keep_alive`.
    same = [thing for thing in items if _plain_name(thing.name) == _plain_name(name)]
    if len(same) == 1:
        return same[0]
    raise _unknown(name, [thing.name for thing in items], what, where)


def find_variant(
    name: str, variants: Sequence[PortableVariant], what: str, pallet: str
) -> PortableVariant:
    """Return the call or event of a pallet with that name. Raises NotFound."""
    return _find(name, variants, what, pallet)


def _plain_name(name: str) -> str:
    return name.replace("_", "").lower()


def _unknown(name: str, names: Sequence[str], what: str, where: str) -> NotFound:
    return NotFound(f"{where} has no {what} {name!r}; {similar(name, names or ['none'])}")
