"""Models: the registry of computable models and their bonds.

A model is registered with its manifest: the graph, and commitments to the weights. The chain
checks the properties of the manifest alone (`btt_chain/work/shapes.py`), so that each registered
model can be executed exactly and judged element by element. Weights are checked by the accounts
that fetch them; governance suspends a model whose weights differ, and its bond is burned.

Invariants: the amount on hold for models is the sum of their bonds; and a model that has open
jobs stays, with its manifest, so that these can be judged to the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Final, NamedTuple, TypeVar

from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import DecodeError, TypeName, codec, u16, u32, u128
from btt_chain.work import ids
from btt_chain.work.errors import ModelRefused
from btt_chain.work.graph import Graph, Manifest
from btt_chain.work.operators import Softmax
from btt_chain.work.shapes import check_graph, check_scales, committed_bytes, macs_of
from runtime.frame import (
    Const,
    Constant,
    DispatchError,
    DispatchInfo,
    Event,
    Hasher,
    Map,
    Origin,
    OriginCheck,
    Pallet,
    ReasonOf,
    Section,
    Value,
    call,
)
from runtime.frame.aliases import AccountIdOf, BalanceOf, BlockNumber, HashOf
from runtime.frame.traits import Clock, MutateHold
from runtime.pallets.models import errors, weights
from runtime.pallets.models.types import (
    LICENCE_MS,
    MAX_KNOWN,
    MAX_MANIFEST,
    CheckMode,
    ClassIndex,
    Description,
    LicenceChange,
    ModelClass,
    ModelRecord,
    Name,
    Params,
    Use,
    is_name,
)
from runtime.pallets.providers.types import Endpoints, are_endpoints
from runtime.pallets.tokenomics.traits import HeldBurns
from runtime.pallets.tokenomics.types import BurnReason
from runtime.splits import ceil_div

Member = TypeVar("Member", bound=IntEnum)

NO_BOND: Final = u128(0)
NO_SCHEMA: Final = H256(bytes(32))
BASE_PRICE: Final = u128(7 * 10**13)
MIN_PRICE: Final = u128(10**10)
MAX_PRICE: Final = u128(10**18)
CLASSES: Final = (
    ModelClass(b"cpu", BASE_PRICE, MIN_PRICE, MAX_PRICE, u32(100)),
    ModelClass(b"cpu-large", BASE_PRICE, MIN_PRICE, MAX_PRICE, u32(1_000)),
    ModelClass(b"gpu", BASE_PRICE, MIN_PRICE, MAX_PRICE, u32(10_000)),
)
"""Default classes of a chain. The initial price of a unit of work is that of the chain's own
jobs."""

ModelParams = Annotated[Params, TypeName("Params<BalanceOf<T>>")]
ModelClassOf = Annotated[ModelClass, TypeName("ModelClass<BalanceOf<T>>")]


def by_nodes(_: Models, manifest: Manifest, *__: object) -> DispatchInfo:
    """Weigh a registration by the nodes of its graph, and by the number of those with a table."""
    nodes = manifest.graph.nodes
    tables = sum(isinstance(node.op, Softmax) for node in nodes)
    return DispatchInfo(weights.register(len(nodes), tables))


def read_class(row: Section) -> ModelClass:
    """Read a class of machines. Raises GenesisError."""
    fields = row.fields(required=("name", "base", "least", "most", "speed"))
    name, speed = fields["name"].text().encode(), fields["speed"].u32()
    base, least, most = (fields[key].planck() for key in ("base", "least", "most"))
    model_class = ModelClass(name, base, least, most, speed)
    if not model_class.in_order:
        raise row.wrong("a name, a speed, and prices with 0 < least <= base <= most")
    return model_class


class Registration(NamedTuple):
    """The part of a model's record that its owner chooses."""

    owner: AccountId
    model_class: u16
    name: bytes
    check: CheckMode
    endpoints: bytes
    schema: H256
    licence: u128
    description: Description


def read_model(row: Section) -> tuple[Registration, Manifest]:
    """Read a model of the genesis block, which has no endpoints. Raises GenesisError."""
    fields = row.fields(
        required=("name", "owner", "class", "manifest", "schema"),
        optional=("service", "modality", "use", "licence"),
    )
    name, model_class = fields["name"].text().encode(), u16(fields["class"].integer(MAX_KNOWN))
    if not is_name(name):
        raise fields["name"].wrong("a name without control characters")
    try:
        manifest = codec(Manifest).decode_all(fields["manifest"].raw_bytes(MAX_MANIFEST))
        ensure_exact(manifest)
    except (DecodeError, DispatchError) as error:
        raise fields["manifest"].wrong(f"a valid manifest ({type(error).__name__})") from None
    licence = fields["licence"].planck() if "licence" in fields else u128(0)
    schema, description = H256(fields["schema"].hex_bytes(32)), read_description(fields)
    registration = Registration(
        fields["owner"].account(), model_class, name, CheckMode.Reexecute, b"", schema, licence,
        description,
    )  # fmt: skip
    try:
        ensure_described(registration.schema, description)
    except DispatchError as error:
        raise row.wrong(f"a description that is allowed ({type(error).__name__})") from None
    return registration, manifest


def read_description(fields: Mapping[str, Section]) -> Description:
    """Read service, modality and use by the names of their members. Raises GenesisError."""
    default = Description()
    return Description(
        read_member(fields, "service", default.service),
        read_member(fields, "modality", default.modality),
        read_member(fields, "use", default.use),
    )


def read_member(fields: Mapping[str, Section], name: str, default: Member) -> Member:
    """Return the member that a field names, or the default. Raises GenesisError."""
    if name not in fields:
        return default
    return fields[name].one_of({member.name: member for member in type(default)})


def ensure_exact(manifest: Manifest) -> None:
    """Raise the error of the wrong part if `shapes.check_manifest` refused the manifest."""
    try:
        check_graph(manifest.graph)
    except ModelRefused:
        raise errors.GraphRefused from None
    try:
        check_scales(manifest)
    except ModelRefused:
        raise errors.UnusableScale from None
    if macs_of(manifest.graph) != manifest.macs:
        raise errors.WrongWork


def ensure_described(schema: H256, description: Description) -> None:
    """Raise MissingSchema, NotEvaluated or InvalidClaim unless a model may be described so."""
    if schema == NO_SCHEMA:
        raise errors.MissingSchema
    if description.use is Use.DecisionSupport:
        raise errors.NotEvaluated
    if not description.claims_in_order:
        raise errors.InvalidClaim


def licence_slots(slot_ms: int) -> u32:
    """Return the number of slots until the change of a licence's fee holds: seven days."""
    return u32(ceil_div(LICENCE_MS, slot_ms))


class Models(Pallet, errors=errors):
    """The registry of computable models and their bonds."""

    # ---- constants

    licence_slots: Const[u32]
    """Time from the change of a licence's fee until it holds, in slots: seven days."""
    max_manifest = Constant(u32(MAX_MANIFEST))
    """Maximum length of a manifest in SCALE, in bytes."""
    max_classes = Constant(u32(MAX_KNOWN))
    """Maximum number of classes of machines, each with its speed and its range of prices."""

    # ---- dependencies

    currency: MutateHold
    burns: HeldBurns
    clock: Clock
    params_origin: OriginCheck
    """Origin that sets parameters and classes, and judges models."""

    # ---- storage

    models = Map(H256, ModelRecord, hasher=Hasher.Identity)
    """The models by id, the hash of the manifest."""
    manifests = Map(H256, Manifest, hasher=Hasher.Identity)
    """The graphs of the models, and the commitments to their weights."""
    classes = Map(u16, ModelClass, hasher=Hasher.Twox64Concat)
    """The classes of machines that models need."""
    params = Value(Params, default=Params())

    # ---- hold reasons

    class HoldReason(IntEnum):
        """Reasons for which money is on hold."""

        ModelBond = 0
        """Bond for the quality of a model."""

    reason = ReasonOf(HoldReason.ModelBond)
    """The reason of bonds in Balances."""

    # ---- events

    class Registered(Event, index=0):
        """A model was registered; jobs can be posted for it."""

        model: HashOf
        owner: AccountIdOf
        model_class: ClassIndex

    class Retired(Event, index=1):
        """A model was retired: it takes no more jobs, and is removed when the last one is over."""

        model: HashOf

    class Removed(Event, index=2):
        """A model was removed, and the rest of its bond was released."""

        model: HashOf

    class Suspended(Event, index=3):
        """Governance suspended a model: it takes no new jobs."""

        model: HashOf

    class Resumed(Event, index=4):
        """The suspension of a model ended."""

        model: HashOf

    class Revoked(Event, index=5):
        """Governance judged a model to be wrong; its bond was burned, and it is retired."""

        model: HashOf
        burned: BalanceOf

    class ClassSet(Event, index=6):
        """A class of machines was added or changed."""

        index: ClassIndex
        model_class: ModelClassOf

    class ParamsSet(Event, index=7):
        """Governance changed the parameters."""

        params: ModelParams

    class EndpointsSet(Event, index=8):
        """The addresses of a model were changed."""

        model: HashOf

    class LicenceSet(Event, index=9):
        """The owner changed the fee of a model's licence; it holds from slot `since` on."""

        model: HashOf
        licence: BalanceOf
        since: BlockNumber

    class Described(Event, index=10):
        """The owner changed the name or the description of a model."""

        model: HashOf

    # ---- hooks

    def genesis(self, config: Mapping[str, object]) -> None:
        """Store the classes of `classes`, or `CLASSES`, and the `models`. Raises GenesisError.

        A class is {name, base, least, most, speed}: prices in planck per GMAC, GMAC per second; its
        number is its place. A model is {name, owner, class, manifest, schema}, perhaps with
        {service, modality, use, licence}; it has no bond and no endpoints: its package comes with
        the program.
        """
        fields = Section(config, "models").fields(optional=("classes", "models"))
        found = [read_class(row) for row in fields.get("classes", ())] or list(CLASSES)
        if len(found) > MAX_KNOWN:
            raise fields["classes"].wrong(f"at most {MAX_KNOWN} classes")
        for index, model_class in enumerate(found):
            self.classes[u16(index)] = model_class
        for row in fields.get("models", ()):
            registration, manifest = read_model(row)
            if registration.model_class not in self.classes:
                raise row.wrong("a class of this chain")
            self._store(ids.model_id(manifest), manifest, registration, NO_BOND)

    # ---- calls

    @call(0, weight=by_nodes)
    def register(
        self,
        origin: Origin,
        manifest: Manifest,
        model_class: ClassIndex,
        name: Name,
        check: CheckMode,
        endpoints: Endpoints,
        schema: HashOf,
        licence: BalanceOf,
        description: Description,
    ) -> None:
        """Register a model. Its bond stays on hold until the model is removed.

        Keep it available at `endpoints`: providers and verifiers of its jobs fetch it there.
        `schema` is the hash of its preparation of inputs and never changes. `licence` is the fee
        for an item in planck. `description` is the owner's word.
        """
        owner = origin.signed()
        if len(codec(Manifest).encode(manifest)) > MAX_MANIFEST:
            raise errors.ManifestTooLarge
        model = ids.model_id(manifest)
        if model in self.models:
            raise errors.AlreadyRegistered
        if model_class not in self.classes:
            raise errors.UnknownClass
        if not is_name(name):
            raise errors.InvalidName
        if not are_endpoints(endpoints):
            raise errors.InvalidEndpoints
        ensure_described(schema, description)
        ensure_exact(manifest)
        bond = self.params.peek().bond
        self.currency.hold(self.reason, owner, bond)

        self._store(
            model,
            manifest,
            Registration(owner, model_class, name, check, endpoints, schema, licence, description),
            bond,
        )
        self.deposit(self.Registered(model, owner, model_class))

    @call(1, weight=weights.RETIRE)
    def retire(self, origin: Origin, model: HashOf) -> None:
        """Retire the caller's model: no more jobs. The bond returns when its last job is over."""
        record = self._own(origin, model)
        if record.retired:
            raise errors.AlreadyRetired
        if record.suspended:
            raise errors.AlreadySuspended
        self._retire(model, record)

    @call(2, weight=weights.SUSPEND)
    def suspend(self, origin: Origin, model: HashOf) -> None:
        """Suspend a model until it is judged: it takes no new jobs. Open jobs go on."""
        self.params_origin(origin)
        record = self._record(model)
        if record.suspended:
            raise errors.AlreadySuspended
        record.suspended = True
        self.models[model] = record
        self.deposit(self.Suspended(model))

    @call(3, weight=weights.RESUME)
    def resume(self, origin: Origin, model: HashOf) -> None:
        """End the suspension of a model."""
        self.params_origin(origin)
        record = self._record(model)
        if not record.suspended:
            raise errors.NotSuspended
        record.suspended = False
        self.models[model] = record
        self.deposit(self.Resumed(model))
        self._remove_if_over(model, record)

    @call(4, weight=weights.REVOKE)
    def revoke(self, origin: Origin, model: HashOf) -> None:
        """Judge a model to be wrong, such as one with other weights than its manifest commits to.

        Its bond is burned, and it is retired.
        """
        self.params_origin(origin)
        record = self._record(model)
        burned = u128(record.bond)
        self.burns.destroy_held(self.reason, record.owner, burned, BurnReason.Slash)
        record.bond, record.suspended = u128(0), False
        self.deposit(self.Revoked(model, burned))
        self._retire(model, record)

    @call(5, weight=weights.SET_CLASS)
    def set_class(self, origin: Origin, index: ClassIndex, model_class: ModelClassOf) -> None:
        """Add or change a class of machines. Current prices enter the range when they next move."""
        self.params_origin(origin)
        if index >= MAX_KNOWN or not model_class.in_order:
            raise errors.InvalidClass
        self.classes[index] = model_class
        self.deposit(self.ClassSet(index, model_class))

    @call(6, weight=weights.SET_PARAMS)
    def set_params(self, origin: Origin, params: ModelParams) -> None:
        """Set the parameters. Registered models keep their bonds."""
        self.params_origin(origin)
        self.params.value = params
        self.deposit(self.ParamsSet(params))

    @call(7, weight=weights.SET_ENDPOINTS)
    def set_endpoints(self, origin: Origin, model: HashOf, endpoints: Endpoints) -> None:
        """Change the addresses where the caller's model is fetched."""
        record = self._own(origin, model)
        if not are_endpoints(endpoints):
            raise errors.InvalidEndpoints
        record.endpoints = endpoints
        self.models[model] = record
        self.deposit(self.EndpointsSet(model))

    @call(8, weight=weights.SET_LICENCE)
    def set_licence(self, origin: Origin, model: HashOf, licence: BalanceOf) -> None:
        """Change the fee of the caller's licence for an item, in planck, after seven days.

        A change that does not hold yet is replaced.
        """
        record, now = self._own(origin, model), self.clock.now()
        since = u32(now + int(self.licence_slots))
        record.licence = record.licence_at(now)
        record.next_licence = LicenceChange(licence, since)
        self.models[model] = record
        self.deposit(self.LicenceSet(model, licence, since))

    @call(9, weight=weights.DESCRIBE)
    def describe(self, origin: Origin, model: HashOf, name: Name, description: Description) -> None:
        """Change the name and the description of the caller's model. Its preparation stays."""
        record = self._own(origin, model)
        if not is_name(name):
            raise errors.InvalidName
        ensure_described(record.schema, description)
        record.name, record.description = name, description
        self.models[model] = record
        self.deposit(self.Described(model))

    # ---- public interface

    def get(self, model: H256) -> ModelRecord | None:
        """Return the record of a model; None if it is not registered."""
        return self.models.get(model)

    def manifest(self, model: H256) -> Manifest | None:
        """Return a model's manifest: its graph, and the meaning of its numbers."""
        return self.manifests.get(model)

    def graph(self, model: H256) -> Graph | None:
        """Return a model's graph; None if it is not registered."""
        manifest = self.manifests.get(model)
        return None if manifest is None else manifest.graph

    def open_job(self, model: H256) -> None:
        """Count one more open job, so that the model stays. Raises KeyError if it is not there."""
        record = self.models[model]
        record.open += 1
        self.models[model] = record

    def close_job(self, model: H256) -> None:
        """Count one less; a retired model is removed with its last job. KeyError as above."""
        record = self.models[model]
        record.open -= 1
        self.models[model] = record
        self._remove_if_over(model, record)

    def has_class(self, index: int) -> bool:
        """Return True if there is a class of this number."""
        return index <= u16.MAX and u16(index) in self.classes

    def class_of(self, index: int) -> ModelClass | None:
        """Return the class of this number; None if it does not exist."""
        return self.classes.get(u16(index))

    def known_classes(self) -> list[int]:
        """Return the numbers of all classes, ascending."""
        return sorted(int(index) for index, _ in self.classes.items())

    # ---- internals

    def _store(self, model: H256, manifest: Manifest, chosen: Registration, bond: u128) -> None:
        graph = manifest.graph
        self.manifests[model] = manifest
        self.models[model] = ModelRecord(
            owner=chosen.owner,
            model_class=chosen.model_class,
            macs=manifest.macs,
            check=chosen.check,
            name=chosen.name,
            endpoints=chosen.endpoints,
            bond=bond,
            open=u32(0),
            suspended=False,
            retired=False,
            committed=u32(committed_bytes(graph)),
            outputs=u16(min(u16.MAX, graph.made[0].dims[-1])),
            schema=chosen.schema,
            licence=chosen.licence,
            next_licence=None,
            description=chosen.description,
        )

    def _record(self, model: H256) -> ModelRecord:
        record = self.models.get(model)
        if record is None:
            raise errors.UnknownModel
        return record

    def _own(self, origin: Origin, model: H256) -> ModelRecord:
        who, record = origin.signed(), self._record(model)
        if record.owner != who:
            raise errors.NotOwner
        return record

    def _retire(self, model: H256, record: ModelRecord) -> None:
        record.retired = True
        self.models[model] = record
        self.deposit(self.Retired(model))
        self._remove_if_over(model, record)

    def _remove_if_over(self, model: H256, record: ModelRecord) -> None:
        """Remove a retired model without open jobs; a suspended one waits for its judgement."""
        if record.open or record.suspended or not record.retired:
            return
        self.currency.release(self.reason, record.owner, u128(record.bond))
        del self.models[model]
        del self.manifests[model]
        self.deposit(self.Removed(model))
