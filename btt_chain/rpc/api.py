"""The whole API: every group of methods over one backend, in one registry.

A group that needs a runtime API is imported and added while the runtime of the best block has it.
The runtime API of a pallet that no group calls has a method for each of its functions.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Final, Protocol

from btt_chain.keystore.key_manager import KeyManager
from btt_chain.rpc.archive import ArchiveApi
from btt_chain.rpc.author import AuthorApi
from btt_chain.rpc.babe import Authorship, BabeApi
from btt_chain.rpc.backend import Backend, BackendError, Chain, ChainEvent, NewBest
from btt_chain.rpc.chain import ChainApi
from btt_chain.rpc.chain_head import ChainHeadApi
from btt_chain.rpc.chain_spec import ChainSpecApi
from btt_chain.rpc.child_state import ChildStateApi
from btt_chain.rpc.derived import API, default_group, start_of
from btt_chain.rpc.finality import Finality, GrandpaApi
from btt_chain.rpc.hub import Hub
from btt_chain.rpc.keys import KeysApi
from btt_chain.rpc.log_filters import Filters, LogFiltersApi
from btt_chain.rpc.offchain import LocalStorage, OffchainApi
from btt_chain.rpc.payment import PaymentApi
from btt_chain.rpc.registry import Registry, method
from btt_chain.rpc.server import RpcConfig, RpcServer
from btt_chain.rpc.shapes import Shapes
from btt_chain.rpc.signing import Signing, SigningApi
from btt_chain.rpc.state import StateApi
from btt_chain.rpc.system import SystemApi
from btt_chain.rpc.tokenomics import TokenomicsApi
from btt_chain.rpc.trace import TraceApi, Tracer
from btt_chain.rpc.transaction import TransactionApi
from btt_chain.rpc.work import WorkApi
from btt_chain.scale import DecodeError, codec
from runtime.frame.api import RuntimeApi
from runtime.frame.version import CODE_KEY, RuntimeVersion, api_id


class WholeBackend(Backend, Protocol):
    """The backend of all methods together."""

    @property
    def finality(self) -> Finality | None:
        """GRANDPA; None on a manually sealed chain."""

    @property
    def keys(self) -> KeyManager | None:
        """The node's session keys; None where it can hold none."""

    @property
    def signing(self) -> Signing | None:
        """The signer of the session keys; None on a node that does not validate."""

    @property
    def authorship(self) -> Authorship | None:
        """The epoch and the node's keys; None on a manually sealed chain, or without keys."""

    @property
    def local_storage(self) -> LocalStorage | None:
        """The operator's values beside the chain; None where none are stored."""

    @property
    def log_filters(self) -> Filters | None:
        """The levels of log lines; None if the program that runs the node does not write them."""

    @property
    def tracer(self) -> Tracer | None:
        """Executes stored blocks again; None where none are stored."""

    @property
    def own_groups(self) -> Sequence[object]:
        """Groups of methods that not every node has: those of a chain that is sealed by hand."""


LOG: Final = logging.getLogger(__name__)

DEV: Final = "dev_"
"""Beginning of the methods of development chains that are sealed by hand."""
WHERE_DEV: Final = (
    "{} works on development chains that are sealed by hand: start the node with "
    "`btt-chain node --dev --sealing instant` (or interval:MS, or manual)"
)
"""The error of a call of these methods to another chain's node."""

GROUPS: Final = (
    ("StakingApi", "staking_", "staking:StakingApi"),
    ("GovernanceApi", "gov_", "governance:GovernanceApi"),
    ("OracleApi", "oracle_", "oracle:OracleApi"),
    ("PayFiApi", "payfi_", "payfi:PayFiApi"),
    ("FacilitiesApi", "facilities_", "facilities:FacilitiesApi"),
    ("ReferralApi", "referral_", "referral:ReferralApi"),
    ("HealthRecordsApi", "records_", "health_records:RecordsApi"),
    ("IncentivesApi", "incentives_", "incentives:IncentivesApi"),
)
"""Groups of features: the runtime API that the group needs, the beginning of its methods' names,
its module and class."""


class RpcApi:
    """rpc_methods: clients choose between API versions by this list."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    @method("rpc_methods")
    def methods(self) -> dict[str, list[str]]:
        """Return all method names, aliases included."""
        return {"methods": self.registry.names()}


def build_registry(backend: WholeBackend, hub: Hub) -> Registry:
    """Return a registry of all methods the backend can serve."""
    registry = Registry(
        is_unsafe_function=backend.chain.is_unsafe_call,
        prepare_metadata=backend.chain.prepare_metadata,
        max_call_data=backend.chain.max_call_data,
    )
    shapes = Shapes(backend.chain)
    registry.add(RpcApi(registry))
    registry.add(SystemApi(backend))
    registry.add(ChainApi(backend, shapes, hub))
    registry.add(StateApi(backend, shapes, hub, registry.turns))
    registry.add(ChildStateApi(backend))
    registry.add(AuthorApi(backend))
    registry.add(PaymentApi(backend))
    registry.add(TokenomicsApi(backend))
    registry.add(WorkApi(backend))
    FeatureGroups(registry, backend, hub)
    registry.add(ChainSpecApi(backend))
    registry.add(ChainHeadApi(backend, hub))
    registry.add(TransactionApi(backend, hub))
    registry.add(ArchiveApi(backend, registry.turns))
    if backend.finality is not None:
        registry.add(GrandpaApi(backend.finality))
    if backend.keys is not None:
        registry.add(KeysApi(backend.keys))
    if backend.signing is not None:
        registry.add(SigningApi(backend.signing))
    if backend.authorship is not None:
        registry.add(BabeApi(backend.authorship, registry.turns))
    if backend.local_storage is not None:
        registry.add(OffchainApi(backend.local_storage))
    if backend.log_filters is not None:
        registry.add(LogFiltersApi(backend.log_filters))
    if backend.tracer is not None:
        registry.add(TraceApi(backend.tracer))
    for group in backend.own_groups:
        registry.add(group)
    if not any(name.startswith(DEV) for name in registry.methods):
        registry.elsewhere[DEV] = WHERE_DEV
    return registry


class FeatureGroups:
    """The groups of features in a registry: those that the runtime of the best block has.

    APIs of pallets that no group calls get a default group. The methods of other groups have an
    error that names the runtime.
    """

    def __init__(self, registry: Registry, backend: WholeBackend, hub: Hub) -> None:
        self._registry = registry
        self._backend = backend
        self._version: RuntimeVersion | None = None
        self._default: dict[str, list[str]] = {}
        """The names of the methods of default groups, by the begin that these have."""
        self._pallets: Sequence[type[RuntimeApi]] = ()
        self._set(version_of(backend.chain))
        hub.listen(self._on_chain_event)

    def _on_chain_event(self, event: ChainEvent) -> None:
        if isinstance(event, NewBest):
            self._set(self._backend.chain.runtime_version(event.hash))

    def _set(self, version: RuntimeVersion | None) -> None:
        pallets = self._backend.chain.pallet_apis()
        if version is None or (version == self._version and pallets == self._pallets):
            return
        before = [] if self._version is None else [api for api, _ in self._version.apis.value]
        self._version, self._pallets = version, pallets
        apis = [api for api, _ in version.apis.value]
        reason = f"this chain's runtime, {version.spec_name.value}, has no {{}}"
        self._remove_default(reason)
        for name, start, place in GROUPS:
            api = api_id(name)
            if api not in apis:
                self._registry.remove(start, reason)
            elif api not in before:
                module, _, group = place.partition(":")
                self._registry.elsewhere.pop(start, None)
                kind = getattr(import_module(f"{__package__}.{module}"), group)
                self._registry.add(kind(self._backend))
        covered = {getattr(entry.handler, API, "") for entry in self._registry.methods.values()}
        for own in pallets:
            if own.__name__ not in covered:
                self._add_default(own)

    def _remove_default(self, reason: str) -> None:
        """Remove the default groups, and no other methods whose names begin like theirs."""
        for start in [*self._default]:
            self._registry.drop(self._default.pop(start))
            if not any(name.startswith(start) for name in self._registry.methods):
                self._registry.elsewhere[start] = reason

    def _add_default(self, api: type[RuntimeApi]) -> None:
        """Add the default group of a pallet; one that JSON-RPC cannot have costs only itself."""
        start, before = start_of(api), set(self._registry.methods)
        try:
            self._registry.add(default_group(api)(self._backend))
            for name in set(self._registry.methods) - before:
                self._registry.methods[name].signature.parameters  # noqa: B018 - raises TypeError
        except (TypeError, ValueError) as error:
            self._registry.drop(set(self._registry.methods) - before)
            LOG.warning("%s has no methods of JSON-RPC: %s", api.__name__, error)
            return
        self._registry.elsewhere.pop(start, None)
        self._default[start] = [*set(self._registry.methods) - before]


def version_of(chain: Chain) -> RuntimeVersion | None:
    """Return the version in a recent state, or else in block zero's; None if none can be read."""
    for hash in (chain.best().hash, chain.finalized().hash, chain.genesis_hash):
        try:
            code = chain.state(hash).get(CODE_KEY)
            return codec(RuntimeVersion).decode_all(code or b"")
        except (BackendError, DecodeError):
            continue
    return None


class RpcService:
    """A server over a backend, from its start to its stop."""

    def __init__(self, backend: WholeBackend, config: RpcConfig) -> None:
        """Prepare; `ValueError` if the configuration names an invalid origin."""
        self.hub = Hub(backend.chain)
        registry = build_registry(backend, self.hub)
        self.server = RpcServer(registry, config, backend.node.health)

    @property
    def port(self) -> int:
        """The listening port."""
        return self.server.port

    async def start(self) -> None:
        """Open the port. Raises OSError if it is taken."""
        await self.server.start()

    async def stop(self) -> None:
        """Close every connection, and stop listening to the chain."""
        self.hub.close()
        await self.server.stop()
