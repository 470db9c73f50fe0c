"""Models: what is registered can be executed and judged, and stays as long as jobs need it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives import ss58
from btt_chain.primitives.digest import H256
from btt_chain.scale import DecodeError, codec, i16, u16, u32, u64, u128
from btt_chain.work import ids
from btt_chain.work.errors import ModelRefused
from btt_chain.work.graph import Graph, Manifest, Node
from btt_chain.work.operators import Linear, MaxPool
from btt_chain.work.shapes import check_manifest
from btt_chain.work.tensors import Kind, Tensor, Weights, Window
from runtime.constants import BTT
from runtime.frame import (
    ROOT,
    BadOrigin,
    DispatchError,
    GenesisError,
    Origin,
    TokenError,
    TokenErrorKind,
    signed,
)
from runtime.frame.error import Error
from runtime.pallets.models import errors
from runtime.pallets.models.pallet import CLASSES, Models, by_nodes
from runtime.pallets.models.types import (
    METRICS,
    Agreement,
    CheckMode,
    Claim,
    Description,
    LicenceChange,
    Metric,
    Modality,
    ModelClass,
    ModelRecord,
    Params,
    Service,
    Use,
)
from runtime.pallets.tokenomics.types import BurnReason
from support.histories import History, seeds, unreached
from support.models import ABOUT, SCHEMA, stated
from support.providers import ENDPOINT, ProviderChain
from support.runtime import refused
from support.stakes import btt, stash

ALICE, BOB = stash(1), stash(2)
BOND = btt(100)
ONE = u32(0x3F80_0000)
"""1.0 in binary32."""

CLAIM = Claim(SCHEMA, Metric.RocAuc, u32(941_000), u32(1_000))
FULL = Description(
    Service.Classification, Modality.CT, Use.Education, SCHEMA, CLAIM,
    Agreement(u32(992_000), u32(40), SCHEMA),
)  # fmt: skip


def dense(nodes: int = 1, width: int = 4, seed: int = 0) -> Manifest:
    """A chain of small products."""
    tensor = Tensor(Kind.I8, [u32(width)], i16(0), u16(4_096))
    root = H256(seed.to_bytes(32, "big"))
    weights = Weights(root, u16(4_096), u32(1_000))
    made = [
        Node(f"n{number}", Linear(u16(number), weights, u16(1), i16(-128), i16(127)), tensor)
        for number in range(nodes)
    ]
    return Manifest(Graph([tensor], made, [u16(nodes)]), [ONE], [ONE], u64(nodes * width * width))


@pytest.fixture
def chain() -> ProviderChain:
    made = ProviderChain()
    made.begin()
    return made


def register(
    chain: ProviderChain,
    manifest: Manifest | None = None,
    *,
    model_class: int = 0,
    name: bytes = b"caries",
    endpoints: bytes = ENDPOINT,
    who: Origin | None = None,
    schema: H256 = SCHEMA,
    licence: int = 0,
    description: Description = ABOUT,
) -> H256:
    manifest = manifest or dense()
    by = who or signed(ALICE)
    chain.models.register(
        by,
        manifest,
        u16(model_class),
        name,
        CheckMode.Vectors,
        endpoints,
        schema,
        u128(licence),
        description,
    )
    return ids.model_id(manifest)


def audit(chain: ProviderChain) -> None:
    """Check that holds are bonds, and that records and manifests belong together."""
    models = dict(chain.models.models.items())
    for who in dict(chain.system.account.items()):
        bonds = sum(int(model.bond) for model in models.values() if model.owner == who)
        assert chain.balances.held(chain.models.reason, who) == bonds
    manifests = dict(chain.models.manifests.items())
    assert manifests.keys() == models.keys()
    for model, manifest in manifests.items():
        assert ids.model_id(manifest) == model
    chain.check()


# ---- registration


def test_a_model_is_registered_by_the_hash_of_its_manifest(chain: ProviderChain) -> None:
    model = register(chain, model_class=2)
    record = chain.models.get(model)
    assert record is not None
    assert (record.owner, record.model_class, record.macs) == (ALICE, 2, 16)
    assert (record.check, record.name, record.endpoints) == (CheckMode.Vectors, b"caries", ENDPOINT)
    assert (record.bond, record.open, record.usable) == (BOND, 0, True)
    assert chain.models.manifest(model) == dense()
    assert chain.models.graph(model) == dense().graph
    assert chain.announced()[-1] == Models.Registered(model, ALICE, u16(2))
    audit(chain)


def test_what_there_is_not_is_not_found(chain: ProviderChain) -> None:
    nothing = H256(bytes(32))
    assert chain.models.get(nothing) is None
    assert chain.models.manifest(nothing) is None
    assert chain.models.graph(nothing) is None
    for call in (chain.models.retire, chain.models.suspend, chain.models.resume):
        with refused(chain, errors.UnknownModel):
            call(ROOT if call != chain.models.retire else signed(ALICE), nothing)
    with pytest.raises(KeyError):
        chain.models.open_job(nothing)


def test_a_model_exists_once(chain: ProviderChain) -> None:
    register(chain)
    with refused(chain, errors.AlreadyRegistered):
        register(chain, who=signed(BOB))
    register(chain, dense(seed=1), who=signed(BOB))
    audit(chain)


@pytest.mark.parametrize(
    ("manifest", "error"),
    [
        (replace(dense(), input_scales=[u32(0)]), errors.UnusableScale),
        (replace(dense(), output_scales=[u32(0x7F80_0000)]), errors.UnusableScale),
        (replace(dense(), macs=u64(17)), errors.WrongWork),
        (replace(dense(), graph=replace(dense().graph, nodes=[])), errors.GraphRefused),
        (dense(width=0), errors.GraphRefused),
        (dense(width=40_000), errors.GraphRefused),
        (dense(512, width=2), None),
    ],
)
def test_what_cannot_be_executed_exactly_is_refused(
    chain: ProviderChain, manifest: Manifest, error: type[DispatchError] | None
) -> None:
    if error is None:
        register(chain, manifest)
        return
    with refused(chain, error):
        register(chain, manifest)
    with pytest.raises(ModelRefused):
        check_manifest(manifest)


def test_a_window_without_axes_is_refused(chain: ProviderChain) -> None:
    manifest = dense()
    node = replace(manifest.graph.nodes[0], op=MaxPool(u16(0), Window([])))
    graph = codec(Graph).decode_all(codec(Graph).encode(replace(manifest.graph, nodes=[node])))
    with refused(chain, errors.GraphRefused):
        register(chain, replace(manifest, graph=graph, macs=u64(0)))


def test_a_manifest_that_is_too_large_is_refused(chain: ProviderChain) -> None:
    manifest = dense()
    node = replace(manifest.graph.nodes[0], name="x" * (64 << 10))
    with refused(chain, errors.ManifestTooLarge):
        register(chain, replace(manifest, graph=replace(manifest.graph, nodes=[node])))


@pytest.mark.parametrize("name", [b"", b"  ", b"a\nb", b"\x7f", b"\xff\xfe"])
def test_names_can_be_read(chain: ProviderChain, name: bytes) -> None:
    with refused(chain, errors.InvalidName):
        register(chain, name=name)


def test_a_name_may_be_in_any_language(chain: ProviderChain) -> None:
    register(chain, name="龋齿 karies é".encode())


def test_other_mistakes_are_refused(chain: ProviderChain) -> None:
    with refused(chain, errors.UnknownClass):
        register(chain, model_class=3)
    with refused(chain, errors.InvalidEndpoints):
        register(chain, endpoints=b"http://example")
    with refused(chain, TokenError(TokenErrorKind.FundsUnavailable)):
        register(chain, who=signed(stash(99)))


raw = codec(Manifest).encode(dense(3))


@given(cuts=st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)), max_size=6))
@settings(max_examples=200)
def test_a_damaged_manifest_is_refused_and_nothing_worse(cuts: list[tuple[int, int]]) -> None:
    damaged = bytearray(raw)
    for place, byte in cuts:
        damaged[place] = byte
    try:
        manifest = codec(Manifest).decode_all(bytes(damaged))
        check_manifest(manifest)
    except (DecodeError, ModelRefused):
        return
    assert manifest.graph.nodes


def test_a_registration_is_weighed_by_its_nodes(chain: ProviderChain) -> None:
    one, many = dense(1), dense(512, width=2)
    assert by_nodes(chain.models, one).weight < by_nodes(chain.models, many).weight
    assert by_nodes(chain.models, many).weight < 100 * 10**9, "a tenth of a second"


# ---- life and end


def test_a_retired_model_goes_when_its_last_job_is_over(chain: ProviderChain) -> None:
    model, free = register(chain), chain.balances.free(ALICE)
    chain.models.open_job(model)
    chain.models.open_job(model)
    chain.models.retire(signed(ALICE), model)
    chain.models.close_job(model)
    record = chain.models.get(model)
    assert record is not None
    assert not record.usable
    assert chain.models.graph(model) is not None
    with refused(chain, errors.AlreadyRetired):
        chain.models.retire(signed(ALICE), model)
    audit(chain)
    chain.models.close_job(model)
    assert chain.models.get(model) is None
    assert chain.models.graph(model) is None
    assert chain.balances.free(ALICE) == free + BOND
    assert chain.announced()[-1] == Models.Removed(model)
    audit(chain)
    register(chain, who=signed(BOB))


def test_a_model_without_jobs_goes_at_once(chain: ProviderChain) -> None:
    model = register(chain)
    chain.models.open_job(model)
    chain.models.close_job(model)
    with refused(chain, errors.NotOwner):
        chain.models.retire(signed(BOB), model)
    chain.models.retire(signed(ALICE), model)
    assert chain.models.get(model) is None
    audit(chain)


def test_a_suspended_model_stays_until_it_is_judged(chain: ProviderChain) -> None:
    model = register(chain)
    with refused(chain, BadOrigin):
        chain.models.suspend(signed(ALICE), model)
    with refused(chain, errors.NotSuspended):
        chain.models.resume(ROOT, model)
    chain.models.suspend(ROOT, model)
    record = chain.models.get(model)
    assert record is not None
    assert not record.usable
    with refused(chain, errors.AlreadySuspended):
        chain.models.suspend(ROOT, model)
    with refused(chain, errors.AlreadySuspended):
        chain.models.retire(signed(ALICE), model)
    chain.models.resume(ROOT, model)
    record = chain.models.get(model)
    assert record is not None
    assert record.usable
    audit(chain)


def test_a_model_that_was_retired_and_then_suspended_goes_after_its_judgement(
    chain: ProviderChain,
) -> None:
    model = register(chain)
    chain.models.open_job(model)
    chain.models.retire(signed(ALICE), model)
    chain.models.suspend(ROOT, model)
    chain.models.close_job(model)
    assert chain.models.get(model) is not None
    chain.models.resume(ROOT, model)
    assert chain.models.get(model) is None
    audit(chain)


@pytest.mark.parametrize("jobs", [0, 1])
def test_the_bond_of_a_wrong_model_is_burned(chain: ProviderChain, jobs: int) -> None:
    model, issued = register(chain), chain.balances.total_issuance.value
    for _ in range(jobs):
        chain.models.open_job(model)
    with refused(chain, BadOrigin):
        chain.models.revoke(signed(ALICE), model)
    chain.models.suspend(ROOT, model)
    chain.models.revoke(ROOT, model)
    assert chain.balances.total_issuance.value == issued - BOND
    assert chain.tokenomics.burned_by[BurnReason.Slash] == BOND
    assert (chain.models.get(model) is None) == (jobs == 0)
    for _ in range(jobs):
        chain.models.close_job(model)
    assert chain.models.get(model) is None
    audit(chain)


def test_a_model_may_move(chain: ProviderChain) -> None:
    model, elsewhere = register(chain), b"/dns4/b.example/tcp/9/p2p/12D3"
    with refused(chain, errors.NotOwner):
        chain.models.set_endpoints(signed(BOB), model, elsewhere)
    with refused(chain, errors.InvalidEndpoints):
        chain.models.set_endpoints(signed(ALICE), model, b"")
    chain.models.set_endpoints(signed(ALICE), model, elsewhere)
    record = chain.models.get(model)
    assert record is not None
    assert record.endpoints == elsewhere


# ---- what the owner states


def test_a_record_has_what_the_manifest_says_and_what_the_owner_says(
    chain: ProviderChain,
) -> None:
    model = register(chain, dense(3), licence=7)
    record = chain.models.get(model)
    assert record is not None
    # The input and three outputs of four bytes each.
    assert (record.committed, record.outputs) == (16, 4)
    assert (record.schema, record.licence, record.next_licence) == (SCHEMA, 7, None)
    assert record.description == ABOUT
    assert chain.models.get(register(chain, dense(seed=1), description=FULL)) is not None


def test_a_record_is_at_most_250_bytes_longer(chain: ProviderChain) -> None:
    model = register(chain, description=FULL)
    chain.models.set_licence(signed(ALICE), model, btt(1))
    record = chain.models.get(model)
    assert record is not None
    fields = (record.committed, record.outputs, record.schema, record.licence)
    kind = tuple[u32, u16, H256, u128, LicenceChange | None, Description]
    added = codec(kind).encode((*fields, record.next_licence, record.description))
    assert len(added) == 193
    assert codec(ModelRecord).encode(record).endswith(added)


def test_a_model_without_the_hash_of_its_preparation_is_refused(chain: ProviderChain) -> None:
    with refused(chain, errors.MissingSchema):
        register(chain, schema=H256(bytes(32)))


@pytest.mark.parametrize(
    ("description", "error"),
    [
        (replace(ABOUT, use=Use.DecisionSupport), errors.NotEvaluated),
        (replace(FULL, service=Service.Segmentation), errors.InvalidClaim),
        (replace(FULL, claim=replace(CLAIM, items=u32(0))), errors.InvalidClaim),
        (replace(FULL, claim=replace(CLAIM, value=u32(1_000_001))), errors.InvalidClaim),
        (
            replace(FULL, loss=Agreement(u32(1_000_001), u32(1), SCHEMA)),
            errors.InvalidClaim,
        ),
    ],
)
def test_a_description_that_cannot_hold_is_refused(
    chain: ProviderChain, description: Description, error: type[DispatchError]
) -> None:
    with refused(chain, error):
        register(chain, description=description)
    model = register(chain)
    with refused(chain, error):
        chain.models.describe(signed(ALICE), model, b"n", description)


def test_every_service_has_a_metric() -> None:
    assert METRICS.keys() == {*Service}
    assert {metric for metrics in METRICS.values() for metric in metrics} == {*Metric}


def test_the_fee_of_a_licence_changes_after_seven_days(chain: ProviderChain) -> None:
    model, week = register(chain, licence=5), 7 * 24 * 600
    with refused(chain, errors.NotOwner):
        chain.models.set_licence(signed(BOB), model, u128(9))

    def fee(later: int) -> int:
        record = chain.models.get(model)
        assert record is not None
        return int(record.licence_at(chain.clock.slot + later))

    chain.models.set_licence(signed(ALICE), model, u128(9))
    since = u32(chain.clock.slot + week)
    assert chain.announced()[-1] == Models.LicenceSet(model, u128(9), since)
    assert [fee(0), fee(week - 1), fee(week)] == [5, 5, 9]
    # Another change before it holds replaces it, and waits as long.
    chain.clock.slot += week - 1
    chain.models.set_licence(signed(ALICE), model, u128(8))
    assert [fee(0), fee(1), fee(week - 1), fee(week)] == [5, 5, 5, 8]
    # One after it held does not return to the fee before.
    chain.clock.slot += week
    chain.models.set_licence(signed(ALICE), model, u128(7))
    assert [fee(0), fee(week - 1), fee(week)] == [8, 8, 7]


def test_an_owner_changes_what_it_says_but_not_the_preparation(chain: ProviderChain) -> None:
    model = register(chain)
    with refused(chain, errors.NotOwner):
        chain.models.describe(signed(BOB), model, b"karies", FULL)
    with refused(chain, errors.InvalidName):
        chain.models.describe(signed(ALICE), model, b"", FULL)
    chain.models.describe(signed(ALICE), model, b"karies", FULL)
    record = chain.models.get(model)
    assert record is not None
    assert (record.name, record.description, record.schema) == (b"karies", FULL, SCHEMA)
    assert chain.announced()[-1] == Models.Described(model)


def test_a_model_of_the_genesis_block_is_described_and_measured() -> None:
    chain = ProviderChain()
    row: dict[str, object] = {
        "name": "net", "owner": ss58.encode(ALICE), "class": 0, "schema": "0x" + SCHEMA.hex(),
        "manifest": "0x" + codec(Manifest).encode(dense(2)).hex(),
    }  # fmt: skip
    more = {"service": "Text", "modality": "EEG", "use": "Education", "licence": "9"}
    chain.models.genesis({"models": [row | more]})
    record = chain.models.get(ids.model_id(dense(2)))
    assert record is not None
    assert (record.committed, record.outputs, record.licence) == (12, 4, 9)
    assert record.description == Description(Service.Text, Modality.EEG, Use.Education)
    for fields, words in (
        ({"use": "DecisionSupport"}, r"description that is allowed \(NotEvaluated\)"),
        ({"schema": "0x" + "00" * 32}, r"allowed \(MissingSchema\)"),
        ({"service": "Oracle"}, 'service: expected "Classification" or'),
        ({"schema": "0x12"}, "64 hexadecimal digits"),
    ):
        with pytest.raises(GenesisError, match=words):
            chain.models.genesis({"models": [row | fields]})


# ---- classes and parameters


def test_there_are_three_classes_where_genesis_names_none(chain: ProviderChain) -> None:
    assert [chain.models.class_of(index) for index in range(4)] == [*CLASSES, None]
    assert chain.models.known_classes() == [0, 1, 2]
    assert [chain.models.has_class(index) for index in (2, 3, 70_000)] == [True, False, False]


def test_genesis_may_name_its_classes() -> None:
    chain = ProviderChain()
    row = {"name": "npu", "base": "7", "least": 1, "most": 70, "speed": 5}
    chain.models.genesis({"classes": [row]})
    assert chain.models.class_of(0) == ModelClass(b"npu", u128(7), u128(1), u128(70), u32(5))
    assert chain.models.known_classes() == [0]
    with pytest.raises(GenesisError, match=r"models\.classes\[1\]: expected a name, a speed"):
        chain.models.genesis({"classes": [row, {**row, "least": 8}]})
    with pytest.raises(GenesisError, match="expected at most 64 classes"):
        chain.models.genesis({"classes": [row] * 65})


@pytest.mark.parametrize(
    ("index", "change"),
    [
        (64, {}),
        (3, {"name": b""}),
        (3, {"speed": u32(0)}),
        (3, {"least": u128(0)}),
        (3, {"base": u128(1)}),
        (3, {"most": u128(1)}),
    ],
)
def test_a_class_must_make_sense(
    chain: ProviderChain, index: int, change: dict[str, object]
) -> None:
    model_class = ModelClass(b"npu", u128(7), u128(7), u128(70), u32(5))
    for name, value in change.items():
        setattr(model_class, name, value)
    with refused(chain, errors.InvalidClass):
        chain.models.set_class(ROOT, u16(index), model_class)


def test_governance_adds_classes_and_sets_the_bond(chain: ProviderChain) -> None:
    model_class = ModelClass(b"npu", u128(7), u128(1), u128(70), u32(5))
    for origin in (signed(ALICE),):
        with refused(chain, BadOrigin):
            chain.models.set_class(origin, u16(3), model_class)
        with refused(chain, BadOrigin):
            chain.models.set_params(origin, Params(btt(1)))
    chain.models.set_class(ROOT, u16(3), model_class)
    assert chain.models.class_of(3) == model_class
    first = register(chain)
    chain.models.set_params(ROOT, Params(btt(1)))
    register(chain, dense(seed=1))
    assert chain.balances.held(chain.models.reason, ALICE) == BOND + btt(1)
    chain.models.retire(signed(ALICE), first)
    assert chain.balances.held(chain.models.reason, ALICE) == btt(1)
    audit(chain)


# ---- anything at all


OWNERS: dict[str, dict[str, object]] = {
    "set_endpoints": {"endpoints": ENDPOINT},
    "set_licence": {"licence": btt(1)},
    "describe": {"name": b"n", "description": Description()},
}
"""Calls of owners that change a record, and their arguments."""


class Shelf(History):
    """Whatever is done with models: holds are bonds, and open jobs keep what they need."""

    refusals = (Error, BadOrigin)

    def __init__(self) -> None:
        self.chain = ProviderChain()
        super().__init__(self.chain)
        self.chain.begin()
        self.issued = int(self.chain.balances.total_issuance.value)
        self.open = [0, 0, 0]

    def step(self) -> None:
        steps = (
            *[self.register] * 4, *[self.act] * 5, *[self.post] * 3, *[self.finish] * 3,
            self.govern,
        )  # fmt: skip
        self.one_of(steps)(self.rng.randrange(3))

    def make(self, origin: Origin, wanted: str, **args: object) -> None:
        made = self.chain.call("Models", wanted, **args)
        self.attempt(self.chain.dispatch, origin, made, name=f"Models.{wanted}")

    def register(self, seed: int) -> None:
        args = {
            "model_class": u16(0),
            "name": b"m",
            "check": CheckMode.Reexecute,
            "endpoints": ENDPOINT,
            **stated(),
        }
        origin = signed(self.one_of((ALICE, BOB)))
        self.make(origin, "register", manifest=dense(seed=seed), **args)

    def act(self, seed: int) -> None:
        model = ids.model_id(dense(seed=seed))
        record = self.chain.models.get(model)
        names = ["retire", "retire", "suspend", "resume", "revoke", *OWNERS]
        names += [] if record is None or record.usable else ["resume"] * 4
        name = self.one_of(names)
        if record is None and self.one_in(2):
            self.register(seed)
        if name == "revoke" and not self.one_in(4):
            name = "resume"
        args = OWNERS.get(name, {})
        owner = self.one_of((ALICE, BOB)) if record is None or self.one_in(8) else record.owner
        origin = signed(owner) if name in {"retire", *OWNERS} else ROOT
        self.make(origin, name, model=model, **args)

    def govern(self, seed: int) -> None:
        bond = btt(self.one_of((1, 100)))
        self.make(ROOT, "set_params", params=Params(bond))
        self.make(ROOT, "set_class", index=u16(0), model_class=CLASSES[0])

    def post(self, seed: int) -> None:
        model = ids.model_id(dense(seed=seed))
        record = self.chain.models.get(model)
        if record is not None and record.usable:
            self.chain.models.open_job(model)
            self.open[seed] += 1

    def finish(self, seed: int) -> None:
        if self.open[seed]:
            self.chain.models.close_job(ids.model_id(dense(seed=seed)))
            self.open[seed] -= 1

    def check(self) -> None:
        self.bonds_agree()
        self.what_jobs_need_stays()

    def bonds_agree(self) -> None:
        audit(self.chain)
        burned = self.chain.tokenomics.burned_by[BurnReason.Slash]
        assert self.chain.balances.total_issuance.value + burned == self.issued
        assert int(burned) % int(BTT) == 0

    def what_jobs_need_stays(self) -> None:
        for seed, jobs in enumerate(self.open):
            record = self.chain.models.get(ids.model_id(dense(seed=seed)))
            assert jobs == (0 if record is None else record.open)


@settings(max_examples=settings().max_examples // 2)
@given(seeds(15, 35))
def test_open_jobs_keep_what_they_need_whatever_is_called(steps: list[int]) -> None:
    Shelf().run(steps)


def test_random_owners_reach_all_calls_and_events() -> None:
    assert unreached(Shelf, Models, runs=4, steps=80) == set()
