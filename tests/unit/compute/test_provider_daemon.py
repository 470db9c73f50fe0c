"""The provider's daemon on a chain that a test makes up, with real sockets, disk and numpy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btt_chain.client.errors import (
    Disconnected,
    DispatchFailed,
    NotIncluded,
    TransactionRefused,
)
from btt_chain.client.typed import Executed, Head
from btt_chain.compute.blobs.payload import (
    input_root,
    payload_context,
    payload_pieces,
    result_context,
)
from btt_chain.compute.blobs.sealing import new_secret, open_sealed, public_of, seal
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import BlobHost, model_name, payload_name, result_name
from btt_chain.compute.provider.daemon import MAX_MEMORY, Providing, Settings
from btt_chain.compute.provider.folder import Folder
from btt_chain.compute.provider.upkeep import NotRegistered, Registration
from btt_chain.compute.public import sets
from btt_chain.compute.requester.folder import joined
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u8, u16, u32, u64, u128
from btt_chain.work import ids
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.engines import Engine, Processor
from btt_chain.work.errors import NotExact
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.model import Inputs
from btt_chain.work.package import Package
from btt_chain.work.tensors import Kind
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Check, JobState, Tier, Urgency
from runtime.pallets.jobs.views import JobView, ModelView, ProviderView, ReceiptView, Rules
from runtime.pallets.mining.api import MiningApi
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.pallets.receipts.types import Phase
from support.blobs import GENESIS, fetching, serving
from support.models import RECORDED

BOB = KeyPair.from_uri("//Bob")
ME, HOSPITAL = AccountId(BOB.account_id), AccountId(b"\x02" * 32)
JOB = H256(b"\x11" * 32)
FINAL = b"\xff" * 32
NUMPY = Processor()
ITEMS = np.arange(12, dtype=np.int8).reshape(3, 4)


def small_package() -> Package:
    builder = Builder(Kind.I8, (4,), 0, 0.5)
    columns = np.arange(1, 9, dtype=np.int8).reshape(2, 4)
    scales = np.full(2, 0.05, np.float32)
    builder.linear("dense", 0, columns, np.zeros(2, np.int32), scales, Numbers(Kind.I8, 0))
    return Package(builder.model())


PACKAGE = small_package()
MODEL = ids.model_id(PACKAGE.manifest)
GRAPH = PACKAGE.manifest.graph


class Chain:
    """A chain with one job; a slot passes whenever the provider has nothing left to do."""

    genesis = GENESIS
    slot_ms = 1_000

    def __init__(self, folder: Folder, store: BlobStore, host: BlobHost, reply: bytes) -> None:
        self.now = 0
        self.folder = folder
        self.sent: list[str] = []
        self.fails: list[Exception] = []
        self.is_registered = True
        self.is_lost_from: int | None = None
        """Slot from which, for some blocks, a fork without job and registration is the best."""
        self.has_model_in_named_blocks_only = False
        """True while the best block is on a branch without the model, until the job is accepted."""
        self.manifest = PACKAGE.manifest
        endpoints = joined(host.endpoints())
        no, zero = u32(0), u128(0)
        info = ProviderInfo(
            ProviderKind.Home, None, [u16(0)], u32(1), folder.vrf.public, folder.seal_public,
            b"/ip4/127.0.0.1/tcp/1/p2p/x",
        )  # fmt: skip
        self.view = JobView(
            id=JOB, now=no, state=JobState.Assigned, outcome=None, requester=HOSPITAL,
            model=MODEL, model_class=u16(0), items=u32(3),
            input_root=input_root(GRAPH, ITEMS.tobytes(), None), tier=Tier.Open,
            check=Check.Sampled, urgency=Urgency.Routine, price=zero, verification=zero,
            deposit=zero, paid=zero, work=u64(1), data_bytes=u64(12), deadline=u32(500),
            reply_key=public_of(reply), endpoints=endpoints, posted=no, since=no, due=u32(500),
            attempt=u8(0), seed=JOB, scores=True, accepted=no, provider=ME, provider_info=info,
            receipt=None,
        )  # fmt: skip
        self.model = ModelView(
            MODEL, HOSPITAL, b"net", u16(0), u64(8), CheckMode.Reexecute, endpoints, no, False,
            False, *RECORDED,
        )  # fmt: skip
        self.me = ProviderView(ME, ME, info, zero, zero, zero, u32(1), no, no, False, zero)
        store.put(model_name(MODEL), PACKAGE.chunks())
        self.requester = store

    def deliver(self) -> None:
        plain = b"".join(payload_pieces(None, [ITEMS.tobytes()]))
        sealed = seal(plain, self.folder.seal_public, payload_context(JOB))
        self.requester.put(payload_name(JOB), sealed)

    async def head(self) -> Head:
        hash = self.now.to_bytes(32, "big")
        if not self.is_fork:
            return Head(self.now, hash, 1_000 + self.now, self.now, hash, 1_000 + self.now)
        final = (self.is_lost_from or 0) - 2
        return Head(self.now, hash, 1_000 + self.now, final, FINAL, 1_000 + final)

    @property
    def is_fork(self) -> bool:
        lost = self.is_lost_from
        return lost is not None and lost <= self.now < lost + 100

    async def heads(self) -> AsyncIterator[Head]:
        while self.view.state not in (JobState.Finalized, JobState.Refunded):
            self.now += 1
            if self.now > 600:
                pytest.fail(f"it never ends: {self.sent}")
            yield await self.head()
            await asyncio.sleep(0.02)
        yield await self.head()
        await asyncio.sleep(0.1)
        raise Disconnected("the story is over")

    async def api(self, method: object, *args: object, at: bytes | None = None) -> Any:
        if self.is_fork and at is not None:
            if method == WorkApi.provider:
                return None
            if method in (WorkApi.assignments, WorkApi.job) and at != FINAL:
                return [] if method == WorkApi.assignments else None
        is_offer = self.view.state is JobState.Assigned
        if self.has_model_in_named_blocks_only and at is None and is_offer:
            return None
        match method:
            case WorkApi.assignments:
                return [self.view] if self.view.state is not JobState.Refunded else []
            case WorkApi.job:
                return self.view if args == (JOB,) else None
            case WorkApi.model:
                return self.model
            case WorkApi.manifest:
                return self.manifest
            case WorkApi.provider:
                return self.me if self.is_registered else None
            case MiningApi.emission:
                return type("Emission", (), {"era": 1})
            case MiningApi.estimate:
                return None
            case _:
                raise AssertionError(method)

    async def submit(
        self, pallet: str, call: str, /, *, signer: KeyPair | None = None, **args: Any
    ) -> Executed:
        assert signer is BOB
        self.sent.append(call)
        if self.fails:
            raise self.fails.pop(0)
        match call:
            case "accept":
                self.view = replace(
                    self.view, state=JobState.Computing, accepted=u32(self.now),
                    due=u32(self.now + 503),
                )  # fmt: skip
            case "refuse_payload" | "decline":
                self.view = replace(self.view, state=JobState.Refunded)
            case "submit":
                (record,) = self.folder.records()
                assert record.item_root == args["item_root"]
                self.pay(record.receipt, args["item_root"], args["output_root"])
        return Executed(b"", ())

    def pay(self, id: H256, item_root: H256, output_root: H256) -> None:
        no = u32(0)
        receipt = ReceiptView(
            id, JOB, ME, u8(0), item_root, output_root, JOB, no, no, no, Phase.Ended, no, no, no,
            u8(0), False, u32(1), [], [],
        )  # fmt: skip
        self.view = replace(self.view, state=JobState.Finalized, receipt=receipt)


def rules_of(payload_slots: int = 3) -> Rules:
    one = u32(1)
    return Rules(
        H256(GENESIS), u64(1_000), u64(1_000), one, u32(0), one, one, u32(3), u32(payload_slots),
        one, one, one, one,
    )  # fmt: skip


@asynccontextmanager
async def working(
    folder: Folder, host: BlobHost, memory: int = MAX_MEMORY, engine: Engine = NUMPY
) -> AsyncIterator[Providing]:
    settings = Settings(ME, folder, BOB, engine, memory=memory, report=lambda _: None)
    store = BlobStore(folder.blobs)
    registration = Registration(ME, folder.vrf.public, folder.seal_public)
    inbox = BlobStore(folder.inbox)
    made = Providing(settings, host, inbox, store, rules_of(), registration)
    try:
        yield made
    finally:
        await made.close()


async def story(chain: Chain, folder: Folder, host: BlobHost, memory: int = MAX_MEMORY) -> None:
    async with working(folder, host, memory) as made:
        with pytest.raises(Disconnected):
            await made.run(chain)


@asynccontextmanager
async def world(tmp_path: Path) -> AsyncIterator[tuple[Chain, Folder, BlobHost, bytes]]:
    reply = new_secret()
    folder = Folder(tmp_path / "provider", GENESIS, ME)
    store = BlobStore(tmp_path / "requester")
    async with serving(store) as there, fetching() as host:
        yield Chain(folder, store, there, reply), folder, host, reply


async def test_a_job_is_done_and_its_result_is_for_the_requester(tmp_path: Path) -> None:
    async with world(tmp_path) as (chain, folder, host, reply):
        chain.deliver()
        await story(chain, folder, host)
        assert [call for call in chain.sent if call != "heartbeat"] == ["accept", "submit"]
        assert "heartbeat" in chain.sent
        served = BlobStore(folder.blobs)
        result = open_sealed(served.load(result_name(JOB), 1 << 20), reply, result_context(JOB))
        assert result == Executor(PACKAGE.model).run(ITEMS).outputs[0].tobytes()
        assert BlobStore(folder.inbox).names() == []
        (record,) = folder.records()
        assert record.until > 600_000


class PublicChain(Chain):
    """A chain whose own job is over the public set; nothing serves it."""

    def __init__(self, folder: Folder, store: BlobStore, host: BlobHost, reply: bytes) -> None:
        super().__init__(folder, store, host, reply)
        manifest = self.manifest = sets.package().manifest
        model = ids.model_id(manifest)
        self.view = replace(
            self.view, requester=None, model=model, items=u32(40), input_root=sets.input_root(),
            endpoints=b"", reply_key=bytes(32),
        )  # fmt: skip
        self.model = replace(self.model, id=model, endpoints=b"", macs=manifest.macs)


async def test_the_chains_own_job_is_done_with_what_ships(tmp_path: Path) -> None:
    folder, store = Folder(tmp_path / "provider", GENESIS, ME), BlobStore(tmp_path / "nothing")
    async with serving(store) as there, fetching() as host:
        chain = PublicChain(folder, store, there, new_secret())
        await story(chain, folder, host)
        assert [call for call in chain.sent if call != "heartbeat"] == ["accept", "submit"]
        result = BlobStore(folder.blobs).load(result_name(JOB), 1 << 20)
        rows = np.frombuffer(sets.rows(), np.int8).reshape(40, 30)
        assert result == Executor(sets.package().model).run(rows).outputs[0].tobytes()


async def test_a_job_whose_items_are_too_large_is_declined(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        chain.deliver()
        await story(chain, folder, host, memory=1)
        assert [call for call in chain.sent if call != "heartbeat"] == ["decline"]
        assert "bytes of memory, 1 are allowed" in caplog.text


class Inexact:
    """An engine that does not pass its test with the model of the job."""

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        raise NotExact("engine m:C is not exact on this machine")


async def test_an_engine_that_is_not_exact_ends_the_program(tmp_path: Path) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        chain.deliver()
        async with working(folder, host, engine=Inexact()) as made:
            with pytest.raises(NotExact, match="engine m:C is not exact"):
                await made.run(chain)
        assert [call for call in chain.sent if call != "heartbeat"] == ["accept"]
        assert folder.records() == []


async def test_a_job_is_weighed_in_the_block_that_has_it(tmp_path: Path) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        chain.deliver()
        chain.has_model_in_named_blocks_only = True
        await story(chain, folder, host)
        assert [call for call in chain.sent if call != "heartbeat"] == ["accept", "submit"]


async def test_what_does_not_come_into_a_block_is_sent_again(tmp_path: Path) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        chain.deliver()
        chain.fails = [NotIncluded("too many"), DispatchFailed("Jobs.Odd", "")] * 2
        await story(chain, folder, host)
        assert chain.view.state is JobState.Finalized


async def test_a_requester_that_never_delivers_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        await story(chain, folder, host)
        assert [call for call in chain.sent if call != "heartbeat"] == ["accept", "refuse_payload"]
        assert chain.now >= int(chain.view.accepted) + 3
        assert folder.records() == []


async def test_a_receipt_that_was_kept_is_sent_by_the_next_run(tmp_path: Path) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        chain.deliver()
        before = chain.view
        await story(chain, folder, host)
        (record,) = folder.records()
        # As if the program had been killed when the record was on the disk, and nothing was sent.
        folder.keep(replace(record, until=u32(0)))
        chain.view = replace(
            before, state=JobState.Computing, accepted=u32(1), due=u32(chain.now + 400)
        )
        chain.sent.clear()
        chain.requester.drop(payload_name(JOB))
        await story(chain, folder, host)
        assert [call for call in chain.sent if call != "heartbeat"] == ["submit"]
        assert chain.view.receipt is not None
        assert chain.view.receipt.id == record.receipt


async def test_who_is_no_provider_any_more_stops(tmp_path: Path) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        chain.is_registered = False
        async with working(folder, host) as made:
            with pytest.raises(NotRegistered):
                await made.run(chain)


async def test_a_fork_without_registration_and_job_ends_and_deletes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        chain.deliver()
        chain.is_lost_from = 4
        await story(chain, folder, host)
        assert [call for call in chain.sent if call != "heartbeat"] == ["accept", "submit"]
        assert len(folder.records()) == 1


async def test_another_writer_of_the_account_takes_nonces_and_the_provider_goes_on(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as (chain, folder, host, _):
        chain.deliver()
        usurped = "another transaction of the account took its place: 0x12; nothing is sent again"
        chain.fails = [TransactionRefused(usurped), NotIncluded("others take the nonce first")] * 3
        await story(chain, folder, host)
        assert chain.view.state is JobState.Finalized
