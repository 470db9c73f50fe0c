"""The results of a provider: verifiers and the chain accept what it serves."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TypeVar

import numpy as np
import pytest

from btt_chain.compute.blobs.payload import (
    BadPayload,
    edge_root,
    input_root,
    payload_context,
    payload_pieces,
    result_context,
)
from btt_chain.compute.blobs.sealing import DoesNotOpen, new_secret, open_sealed, public_of, seal
from btt_chain.compute.blobs.store import BlobStore, StoreFull
from btt_chain.compute.blobs.transport import payload_name, result_name, transcript_name
from btt_chain.compute.folder import Damaged
from btt_chain.compute.provider.folder import Folder
from btt_chain.compute.provider.records import PlantedError, Record
from btt_chain.compute.provider.workshop import (
    Stopped,
    Workshop,
    needs_of,
    payload_of,
    payload_size,
    serves_sums,
)
from btt_chain.compute.verifier import checking
from btt_chain.compute.verifier.checking import Finding, Look, NotHad, look_at
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.files import Held
from btt_chain.scale import u8, u16, u32, u64, u128
from btt_chain.work import fraud, ids
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.engines import Processor
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.merkle import check_opening
from btt_chain.work.model import Elements, Inputs, Model
from btt_chain.work.tensors import Kind
from runtime.pallets.jobs.types import Check, JobState, Tier, Urgency
from runtime.pallets.jobs.views import JobView, ModelView
from runtime.pallets.models.types import CheckMode
from runtime.pallets.receipts.challenges import shown
from runtime.pallets.receipts.types import Valid, Wrong
from support.models import RECORDED

R = TypeVar("R")

GENESIS, JOB = bytes(32), H256(b"\x11" * 32)
ME, HOSPITAL = AccountId(b"\x01" * 32), AccountId(b"\x02" * 32)
LEAF_KEY = b"\x04" * 32
ITEMS = np.arange(40, dtype=np.int8).reshape(10, 4)


def small_model() -> Model:
    builder = Builder(Kind.I8, (4,), 0, 0.5)
    columns = np.arange(1, 17, dtype=np.int8).reshape(4, 4)
    scales = np.full(4, 0.02, np.float32)
    first = builder.linear("first", 0, columns, np.zeros(4, np.int32), scales, Numbers(Kind.I8, 0))
    # What the first makes has no leaves: whatever is counted, it is not.
    small = builder.table("small", first, range(-128, 128), Numbers(Kind.I8, 0))
    builder.linear(
        "second", small, columns[:2], np.zeros(2, np.int32), scales[:2], Numbers(Kind.I8, 0)
    )
    return builder.model()


MODEL = small_model()
EXECUTOR = Executor(MODEL)
GRAPH = MODEL.graph
OUTPUTS = EXECUTOR.run(ITEMS).outputs[0].tobytes()


class Here:
    """A workshop, and the requester that it works for."""

    def __init__(self, folder: Path, tier: Tier = Tier.Open, most_bytes: int = 1 << 24) -> None:
        self.secret, self.reply = new_secret(), new_secret()
        self.inbox = BlobStore(folder / "inbox")
        self.served = BlobStore(folder / "served", most_bytes=most_bytes)
        self.shop = self.opened()
        self.key = LEAF_KEY if tier is Tier.Confidential else None
        zero, none = u128(0), u32(0)
        self.view = JobView(
            id=JOB, now=none, state=JobState.Computing, outcome=None, requester=HOSPITAL,
            model=ids.model_id(MODEL.manifest), model_class=u16(0), items=u32(len(ITEMS)),
            input_root=input_root(GRAPH, ITEMS.tobytes(), self.key), tier=tier,
            check=Check.Sampled, urgency=Urgency.Routine, price=zero, verification=zero,
            deposit=zero, paid=zero, work=u64(0), data_bytes=u64(0), deadline=u32(9),
            reply_key=public_of(self.reply), endpoints=b"", posted=none, since=none, due=u32(30),
            attempt=u8(0), seed=JOB, scores=True, accepted=u32(5), provider=ME,
            provider_info=None, receipt=None,
        )  # fmt: skip

    def opened(self) -> Workshop:
        return Workshop(ME, H256(GENESIS), self.secret, self.inbox, self.served, Pieces())

    def deliver(self, items: Elements = ITEMS, to: bytes | None = None) -> None:
        plain = b"".join(payload_pieces(self.key, [items.tobytes()]))
        sealed = seal(plain, to or public_of(self.secret), payload_context(JOB))
        self.inbox.put(payload_name(JOB), sealed)

    def compute(
        self, *, plants_error: bool = False, sums: bool = False, stop: Event | None = None
    ) -> Record:
        return self.shop.compute(
            self.view, EXECUTOR, plants_error=plants_error, sums=sums, slot=lambda: 7,
            progress=lambda *_: None, stop=stop or Event(),
        )  # fmt: skip

    def result(self) -> bytes:
        sealed = self.served.load(result_name(JOB), 1 << 20)
        return open_sealed(sealed, self.reply, result_context(JOB))

    def checked(self, record: Record, chosen: Sequence[int] = range(len(ITEMS))) -> Finding:
        """Return the verdict of a verifier that checks these items."""
        look = self.look(record, chosen)
        return asyncio.run(look_at(look, EXECUTOR, Served(self.served), Now()))

    def look(self, record: Record, chosen: Sequence[int], *, vectors: bool = False) -> Look:
        """Return the check of a verifier that selected these items."""
        return Look(
            record.receipt, len(ITEMS), self.view.input_root, record.item_root,
            record.output_root, H256(b"\x05" * 32), list(chosen), vectors,
        )  # fmt: skip


class Pieces:
    """An engine that truncates at another bound."""

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        for batch in batches:
            for at in range(0, len(batch[0]), 3):
                part = (given[at : at + 3] for given in batch)
                yield executor.run(*part, accumulators=accumulators)


class Served:
    """A provider's store, as a verifier sees it."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self.besides_had = 0

    async def blob(self, name: str, most: int) -> bytes:
        if not self._store.has(name):
            raise NotHad("it has no such blob")
        return self._store.load(name, most)

    async def beginning(self, name: str, length: int) -> bytes:
        return (await self.blob(name, 1 << 20))[:length]

    async def besides(self, name: str, most: int) -> bytes:
        self.besides_had += self._store.has(name)
        return await self.blob(name, most)


class Now:
    async def run(self, work: Callable[[], R]) -> R:
        return work()


# ---- honest work


def test_honest_work_is_found_valid_and_its_result_opens(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.deliver()
    here.shop.check_payload(here.view, GRAPH)
    record = here.compute()
    assert here.checked(record).verdict == Valid()
    assert here.result() == OUTPUTS
    root = edge_root(GRAPH.made, [len(GRAPH.nodes)], OUTPUTS, None)
    assert record.output_root == root
    assert (record.started, record.finished) == (7, 7)
    assert record.published
    assert not here.served.names("making/")


def test_how_items_are_cut_changes_nothing_of_a_receipt(tmp_path: Path) -> None:
    one, other = Here(tmp_path / "one"), Here(tmp_path / "other")
    other.shop = Workshop(
        ME, H256(GENESIS), other.secret, other.inbox, other.served, Processor(memory=1)
    )
    for here in (one, other):
        here.deliver()
    assert one.compute().receipt == other.compute().receipt


@pytest.mark.parametrize("tier", list(Tier))
def test_every_leaf_can_be_shown_on_the_chain(tmp_path: Path, tier: Tier) -> None:
    here = Here(tmp_path, tier)
    here.deliver()
    record = here.compute()
    for item in (0, 9):
        for tensor in range(len(GRAPH.committed)):
            proof = here.shop.leaf(record, here.view, EXECUTOR, (item, tensor, 0))
            keyed = tier is Tier.Confidential
            leaf = shown(GRAPH, record.item_root, len(ITEMS), proof, keyed=keyed)
            made = EXECUTOR.run(ITEMS[item : item + 1]).item(0)[tensor]
            assert leaf.data == bytes(made)


def test_nothing_of_a_confidential_job_can_be_read_by_others(tmp_path: Path) -> None:
    here = Here(tmp_path, Tier.Confidential)
    here.deliver()
    here.shop.check_payload(here.view, GRAPH)
    record = here.compute()
    assert here.result() == OUTPUTS
    secret = [ITEMS[item].tobytes() for item in range(10)]
    secret.append(OUTPUTS[:8])
    for name in here.served.names():
        raw = here.served.load(name, 1 << 20)
        assert not any(part in raw for part in secret), name
    context = b"transcript" + record.receipt + (3).to_bytes(4, "little")
    sealed = here.served.load(transcript_name(record.receipt, 3), 1 << 20)
    assert open_sealed(sealed, here.reply, context).startswith(ITEMS[3].tobytes())


def test_the_chains_own_jobs_have_public_inputs(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.view = replace(here.view, requester=None, reply_key=bytes(32))
    assert payload_of(here.view) == payload_name(here.view.input_root)
    plain = b"".join(payload_pieces(None, [ITEMS.tobytes()]))
    here.inbox.put(payload_of(here.view), plain)
    here.shop.check_payload(here.view, GRAPH)
    assert here.checked(here.compute()).verdict == Valid()
    assert here.served.load(result_name(JOB), 1 << 20) == OUTPUTS


@pytest.mark.parametrize("plants_error", [False, True])
def test_who_checks_with_random_vectors_gets_the_accumulators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plants_error: bool
) -> None:
    monkeypatch.setattr(checking, "VECTORS_FROM", 0)
    here = Here(tmp_path)
    here.deliver()
    record = here.compute(plants_error=plants_error, sums=True)
    look = here.look(record, range(len(ITEMS)), vectors=True)
    source = Served(here.served)
    finding = asyncio.run(look_at(look, EXECUTOR, source, Now()))
    assert isinstance(finding.verdict, Wrong if plants_error else Valid)
    assert source.besides_had == len(ITEMS)
    needs = needs_of(GRAPH, len(ITEMS), sums=True)
    large = [name for name in here.served.names() if name.startswith(("transcript/", "sums/"))]
    assert sum(here.served.open(name).size for name in large) <= needs.disk
    here.shop.forget(record)
    assert here.served.names() == here.inbox.names() == []


def test_accumulators_are_served_of_large_open_models_whose_owner_wants_it(tmp_path: Path) -> None:
    view, none = Here(tmp_path).view, u32(0)
    model = ModelView(
        view.model,
        ME,
        b"net",
        u16(0),
        u64(500_000_000),
        CheckMode.Vectors,
        b"",
        none,
        False,
        False,
        *RECORDED,
    )
    assert serves_sums(model, view)
    assert not serves_sums(model, replace(view, tier=Tier.Confidential))
    assert not serves_sums(replace(model, macs=u64(499_999_999)), view)
    assert not serves_sums(replace(model, check=CheckMode.Reexecute), view)


# ---- payloads


def test_a_payload_for_another_key_does_not_open(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.deliver(to=public_of(new_secret()))
    with pytest.raises(DoesNotOpen):
        here.shop.check_payload(here.view, GRAPH)


@pytest.mark.parametrize(
    "items", [ITEMS[:9], np.concatenate([ITEMS, ITEMS[:1]]), ITEMS[::-1].copy()]
)
def test_other_items_than_agreed_are_a_bad_payload(tmp_path: Path, items: Elements) -> None:
    here = Here(tmp_path)
    here.deliver(items)
    with pytest.raises(BadPayload):
        here.shop.check_payload(here.view, GRAPH)


def test_a_payload_of_another_tier_is_bad(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.key = LEAF_KEY
    here.deliver()
    with pytest.raises(BadPayload, match="tier of another"):
        here.shop.check_payload(here.view, GRAPH)


def test_what_a_job_takes_is_known_before(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.deliver()
    assert here.inbox.open(payload_name(JOB)).size <= payload_size(GRAPH, len(ITEMS))
    here.compute()
    needs = needs_of(GRAPH, len(ITEMS))
    assert needs.memory == sum(tensor.nbytes for tensor in GRAPH.tensors)
    tensors = sum(here.served.open(name).size for name in here.served.names("transcript/"))
    assert tensors <= needs.disk


# ---- planted errors


def test_a_planted_error_is_found_by_each_check_and_can_be_corrected(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.deliver()
    record = here.compute(plants_error=True)
    assert isinstance(record.planted_error, PlantedError)
    for item in range(len(ITEMS)):
        finding = here.checked(record, [item])
        assert isinstance(finding.verdict, Wrong)
        assert finding.fraud is not None
        fraud.judge(GRAPH, fraud.Job(record.item_root, len(ITEMS), False), finding.fraud)
    planted = record.planted_error
    hidden = ids.planted_error_commit(planted.item_root, planted.output_root, planted.salt)
    assert record.planted_error_commit == hidden
    assert not here.served.has(result_name(JOB))
    for _ in range(2):  # a crash may have it done twice
        righted = here.shop.right(record)
    revealed = replace(record, item_root=planted.item_root, output_root=planted.output_root)
    assert here.checked(revealed).verdict == Valid()
    was, right = here.shop.exposure(righted)
    check_opening(was, record.item_root, len(ITEMS))
    check_opening(right, planted.item_root, len(ITEMS))
    assert all(one != other for one, other in zip(was.leaves, right.leaves, strict=True))
    for _ in range(2):
        published = here.shop.publish(righted)
    assert published.published
    assert here.result() == OUTPUTS


def test_receipts_with_and_without_a_planted_error_look_alike(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.deliver()
    salts = {here.compute().planted_error_commit for _ in range(3)}
    assert len(salts) == 3


# ---- what goes wrong


def test_a_job_that_is_taken_away_stops_and_leaves_nothing(tmp_path: Path) -> None:
    here, stop = Here(tmp_path), Event()
    here.deliver()
    stop.set()
    with pytest.raises(Stopped):
        here.compute(stop=stop)
    assert here.served.names("making/")
    here.shop.abandon(JOB)
    assert here.served.names() == here.inbox.names() == []


def test_what_a_crash_left_half_done_is_done_again(tmp_path: Path) -> None:
    here, stop = Here(tmp_path), Event()
    here.deliver()
    stop.set()
    with pytest.raises(Stopped):
        here.compute(stop=stop)
    here.shop = here.opened()
    here.shop.abandon(JOB, payload=False)
    record = here.compute()
    assert here.checked(record).verdict == Valid()
    here.shop.forget(record)
    assert here.served.names() == here.inbox.names() == []


def test_a_full_disk_is_an_error_and_no_receipt(tmp_path: Path) -> None:
    here = Here(tmp_path, most_bytes=50)
    here.deliver()
    with pytest.raises(StoreFull):
        here.compute()


# ---- the folder


def test_keys_are_selected_once_and_private(tmp_path: Path) -> None:
    folder = Folder(tmp_path, GENESIS, ME)
    keys = folder.vrf.public, folder.seal_secret, folder.network_seed
    again = Folder(tmp_path, GENESIS, ME)
    assert (again.vrf.public, again.seal_secret, again.network_seed) == keys
    for file in folder.path.glob("*-key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Folder(tmp_path, GENESIS, HOSPITAL).seal_secret != keys[1]
    with folder.lock(), pytest.raises(Held):
        again.lock()


def test_a_damaged_record_or_key_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path, GENESIS, ME)
    here = Here(tmp_path / "shop")
    here.deliver()
    record = here.compute()
    folder.keep(record)
    assert folder.records() == [record]
    folder.forget(replace(record, receipt=JOB))  # another is there by now
    assert folder.records() == [record]
    (file,) = (folder.path / "records").glob("*.rec")
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(Damaged, match="rec is damaged"):
        folder.records()
    (folder.path / "seal-key").write_bytes(b"short")
    with pytest.raises(Damaged, match="5 bytes"):
        _ = folder.seal_secret


def test_a_port_that_was_any_is_this_one_from_then_on(tmp_path: Path) -> None:
    folder = Folder(tmp_path, GENESIS, ME)
    assert folder.listen() is None
    folder.store_listen("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/4711/p2p/x")
    assert folder.listen() == "/ip4/127.0.0.1/tcp/4711"
