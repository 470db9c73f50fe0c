"""The requester's side: who gets a payload, when, and what counts as a result."""

from __future__ import annotations

import asyncio
import logging
import stat
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event as Stop
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trio
from libp2p.abc import INetStream

from btt_chain.client.errors import Disconnected, NotIncluded
from btt_chain.client.typed import Executed, Head
from btt_chain.compute.blobs.payload import (
    input_root,
    payload_context,
    payload_pieces,
    result_context,
)
from btt_chain.compute.blobs.roots import Roots
from btt_chain.compute.blobs.sealing import DoesNotOpen, new_secret, open_sealed, public_of, seal
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import (
    BlobHost,
    model_name,
    payload_name,
    result_name,
    roots_name,
)
from btt_chain.compute.folder import VERSION, Damaged, OtherVersion
from btt_chain.compute.provider.workshop import Workshop, payload_of
from btt_chain.compute.requester.folder import Folder, Record, Signer, joined, new_record, split
from btt_chain.compute.requester.gateway import ENDED, Gateway, Step, decide, may_ask
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.files import Held
from btt_chain.scale import u8, u16, u32, u64, u128
from btt_chain.work import fraud, ids
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.commit import TensorKey, tree_of
from btt_chain.work.engines import Processor
from btt_chain.work.execute import Batch, Executor
from btt_chain.work.ids import model_id
from btt_chain.work.layout import tensor_layout
from btt_chain.work.model import Elements, Inputs, Model
from btt_chain.work.package import Package, Preparation
from btt_chain.work.tensors import Kind
from runtime.frame.event import Event
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Check, JobState, Tier, Urgency
from runtime.pallets.jobs.views import JobView, ReceiptView
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.pallets.receipts import events
from runtime.pallets.receipts.types import Challenge, Phase
from support.blobs import GENESIS, HANG, fetching, hostile, serving

JOB = H256(b"\x11" * 32)
RECEIPT = H256(b"\x22" * 32)
ALICE = KeyPair.from_uri("//Alice")
ONE, OTHER = AccountId(b"\x01" * 32), AccountId(b"\x02" * 32)
BEST, FINAL = bytes(32), b"\xff" * 32
ITEMS = np.arange(12, dtype=np.int8).reshape(3, 4)


def small_model() -> Model:
    builder = Builder(Kind.I8, (4,), 0, 0.5)
    columns = np.arange(1, 9, dtype=np.int8).reshape(2, 4)
    scales = np.full(2, 0.05, np.float32)
    dense = builder.linear("dense", 0, columns, np.zeros(2, np.int32), scales, Numbers(Kind.I8, 0))
    builder.table("same", dense, range(-128, 128), Numbers(Kind.I8, 0))
    return builder.model()


MODEL = small_model()
OUTPUTS = Executor(MODEL).run(ITEMS).outputs[0].tobytes()


def record_of(tier: Tier = Tier.Open) -> Record:
    id = model_id(MODEL.manifest)
    return new_record(MODEL.manifest, id, ALICE.account_id, ["a", "b", "c"], ["no", "yes"], tier)


class Provider:
    """A provider with a seal key that serves its results."""

    def __init__(self, account: AccountId, store: BlobStore, host: BlobHost) -> None:
        self.account = account
        self.secret = new_secret()
        self.store = store
        self.host = host

    @property
    def info(self) -> ProviderInfo:
        return ProviderInfo(
            ProviderKind.Home, None, [u16(0)], u32(1), bytes(32), public_of(self.secret),
            joined(self.host.endpoints()),
        )  # fmt: skip

    async def payload(self, endpoints: bytes) -> bytes:
        """Fetch and open the payload; DoesNotOpen if it is for another key."""
        sealed = await self.host.load(split(endpoints), payload_name(JOB), limit=1 << 20)
        return open_sealed(sealed, self.secret, payload_context(JOB))

    def deliver(self, record: Record, outputs: bytes) -> None:
        sealed = seal(outputs, record.keys.reply_public, result_context(JOB))
        self.store.put(result_name(JOB), sealed)


def view(
    record: Record, state: JobState, provider: Provider | None = None, outputs: bytes | None = None
) -> JobView:
    receipt = None
    if provider is not None and outputs is not None:
        root = record.output_root(outputs)
        no = u32(0)
        receipt = ReceiptView(
            RECEIPT, JOB, provider.account, u8(0), H256(bytes(32)), root, H256(bytes(32)), no, no,
            no, Phase.Pending, no, no, no, u8(0), False, u32(1), [], [],
        )  # fmt: skip
    zero, none = u128(0), u32(0)
    return JobView(
        id=JOB, now=none, state=state, outcome=None, requester=AccountId(ALICE.account_id),
        model=record.model, model_class=u16(0), items=record.items, input_root=H256(bytes(32)),
        tier=record.tier, check=Check.Sampled, urgency=Urgency.Routine, price=zero,
        verification=zero, deposit=zero, paid=zero, work=u64(0), data_bytes=u64(0), deadline=none,
        reply_key=record.keys.reply_public, endpoints=b"", posted=none, since=none, due=none,
        attempt=u8(0), seed=H256(bytes(32)), scores=True, accepted=none,
        provider=None if provider is None else provider.account,
        provider_info=None if provider is None else provider.info, receipt=receipt,
    )  # fmt: skip


class Chain:
    """A chain that says what a test wants it to."""

    genesis = GENESIS
    slot_ms = 1000

    def __init__(self) -> None:
        self.best: JobView | None = None
        self.final: JobView | None = None
        self.sent: list[tuple[str, str]] = []
        self.args: dict[str, Any] = {}
        """Of what was sent last."""
        self.fails: list[Exception] = []
        self.events: tuple[Event, ...] = ()
        self.blocks: asyncio.Queue[Head | None] = asyncio.Queue()
        self.final_slot = 2_000_000_000
        """In seconds since 1970: later than any job here by years."""

    @property
    def now(self) -> Head:
        return Head(1, BEST, 1, 1, FINAL, self.final_slot)

    async def head(self) -> Head:
        return self.now

    async def heads(self) -> AsyncIterator[Head]:
        while (head := await self.blocks.get()) is not None:
            yield head
        raise Disconnected("the node is gone")

    async def api(self, method: object, *args: object, at: bytes | None = None) -> Any:
        if method == WorkApi.rules:
            return SimpleNamespace(transcript_slots=u32(5))
        assert at in (BEST, FINAL)
        found = self.best if at == BEST else self.final
        if method == WorkApi.jobs:
            (_, open_, _, _) = args
            return [] if found is None or (open_ and found.state in ENDED) else [found]
        assert method == WorkApi.job
        return None if found is None or args != (found.id,) else found

    async def submit(self, pallet: str, call: str, /, **args: object) -> Any:
        self.sent.append((pallet, call))
        self.args = args
        if self.fails:
            raise self.fails.pop()
        return Executed(bytes(32), self.events)


class World:
    """A gateway with a job of its own, and two providers."""

    def __init__(self, folder: Folder, chain: Chain, host: BlobHost, store: BlobStore) -> None:
        self.folder = folder
        self.chain = chain
        self.host = host
        self.store = store
        self.gateway = Gateway(folder, chain, host, store)
        self.one: Provider
        self.other: Provider

    async def turn(self, best: JobView | None, final: JobView | None = None) -> None:
        """A block, and all that follows from it."""
        self.chain.best, self.chain.final = best, final
        await self.gateway.step(self.chain.now)
        await self.gateway.settle()

    def kept(self) -> Record:
        """The one job, as it is on the disk."""
        return self.folder.records()[0]

    @property
    def endpoints(self) -> bytes:
        return joined(self.host.endpoints())


@asynccontextmanager
async def world(tmp_path: Path) -> AsyncIterator[World]:
    folder = Folder(tmp_path, GENESIS)
    own = BlobStore(folder.blobs)
    first, second = BlobStore(tmp_path / "one"), BlobStore(tmp_path / "other")
    async with serving(own) as host, serving(first) as one, serving(second) as other:
        made = World(folder, Chain(), host, own)
        made.one, made.other = Provider(ONE, first, one), Provider(OTHER, second, other)
        yield made


def posted(folder: Folder, tier: Tier = Tier.Open) -> Record:
    record = record_of(tier)
    record.job = JOB
    folder.add(record, ITEMS.tobytes())
    return record


# ---- what travels


def test_half_an_item_has_no_root() -> None:
    with pytest.raises(ValueError, match="not items"):
        input_root(MODEL.graph, bytes(7), None)


# ---- what is to be done


def test_what_is_done_follows_from_state_and_finality(tmp_path: Path) -> None:
    record = record_of()
    store = BlobStore(tmp_path)
    one = Provider(ONE, store, BlobHostAt())
    other = Provider(OTHER, store, BlobHostAt())

    def step(
        state: JobState, best: Provider | None, final: JobView | None, result: bool = False
    ) -> Step:
        return decide(record, view(record, state, best), final, has_result=result)

    S = JobState
    assigned, computing = view(record, S.Assigned, one), view(record, S.Computing, one)
    assert step(S.Posted, None, None) is Step.WAIT
    assert step(S.Assigned, one, view(record, S.Posted)) is Step.WAIT
    assert step(S.Assigned, one, assigned) is Step.SEAL
    assert step(S.Computing, one, computing) is Step.SEAL
    assert step(S.Assigned, other, assigned) is Step.WAIT  # a fork says another
    record.sealed_for = ONE
    assert step(S.Computing, one, computing) is Step.WAIT
    assert step(S.Assigned, other, view(record, S.Assigned, other)) is Step.SEAL
    for state in (S.Committed, S.Checking, S.Pending, S.Finalized):
        assert step(state, one, computing) is Step.FETCH
    assert step(S.Pending, one, computing, result=True) is Step.WAIT
    assert step(S.Finalized, one, computing, result=True) is Step.WAIT  # a fork may revert it
    assert step(S.Finalized, one, view(record, S.Finalized, one), result=True) is Step.CLOSE
    for state in (S.Refunded, S.Slashed):
        assert step(state, one, computing) is Step.WAIT
        assert step(state, one, None) is Step.WAIT
        assert step(state, one, view(record, state)) is Step.CLOSE


class BlobHostAt(BlobHost):
    """One that is never started."""

    def __init__(self) -> None:
        pass

    def endpoints(self) -> list[str]:
        return ["/ip4/127.0.0.1/tcp/1/p2p/12D3"]


# ---- the whole way


async def test_a_job_goes_from_its_inputs_to_its_result(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        await w.turn(view(record, JobState.Assigned, w.one), view(record, JobState.Posted))
        assert not w.store.has(payload_name(JOB))  # not final yet

        assigned = view(record, JobState.Assigned, w.one)
        await w.turn(assigned, assigned)
        plain = await w.one.payload(w.endpoints)
        assert plain == b"".join(payload_pieces(None, [ITEMS.tobytes()]))

        w.one.deliver(record, OUTPUTS)
        pending = view(record, JobState.Pending, w.one, OUTPUTS)
        await w.turn(pending, pending)
        assert w.folder.result(record) == OUTPUTS
        assert not w.store.has(result_name(JOB))

        done = view(record, JobState.Finalized, w.one, OUTPUTS)
        await w.turn(done, done)
        assert w.kept().over
        assert w.folder.items(record) is None
        assert not w.store.has(payload_name(JOB))


async def test_the_next_provider_gets_a_seal_of_its_own(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        for provider in (w.one, w.other):
            assigned = view(record, JobState.Assigned, provider)
            await w.turn(assigned, assigned)

        assert w.kept().sealed_for == OTHER
        await w.other.payload(w.endpoints)
        with pytest.raises(DoesNotOpen):
            await w.one.payload(w.endpoints)


async def test_a_result_that_is_not_the_receipts_does_not_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        pending = view(record, JobState.Pending, w.one, OUTPUTS)
        for wrong in (b"\x7f" * len(OUTPUTS), OUTPUTS[:-1]):
            w.one.deliver(record, wrong)
            await w.turn(pending, pending)
            assert w.folder.result(record) is None
        w.one.store.put(result_name(JOB), b"never sealed")
        await w.turn(pending, pending)
        assert w.folder.result(record) is None

        w.one.deliver(record, OUTPUTS)
        await w.turn(pending, pending)

        assert w.folder.result(record) == OUTPUTS
        assert "the outputs are not those that the receipt commits to" in caplog.text


async def test_a_result_that_is_not_served_yet_is_asked_for_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        checking = view(record, JobState.Checking, w.one, OUTPUTS)
        await w.turn(checking, checking)
        assert w.folder.result(record) is None

        w.one.deliver(record, OUTPUTS)
        await w.turn(checking, checking)

        assert w.folder.result(record) == OUTPUTS


@pytest.mark.parametrize("state", [JobState.Refunded, JobState.Slashed])
async def test_a_lost_job_lets_its_inputs_go(tmp_path: Path, state: JobState) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        assigned = view(record, JobState.Assigned, w.one)
        await w.turn(assigned, assigned)

        await w.turn(view(record, state), view(record, state))

        assert w.kept().over
        assert not w.store.has(payload_name(JOB))
        assert w.folder.items(record) is None


async def test_the_next_program_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        record = posted(w.folder)
        assigned = view(record, JobState.Assigned, w.one)
        await w.turn(assigned, assigned)
        sealed = w.store.open(payload_name(JOB))

        again = BlobStore(w.folder.blobs)
        w.gateway = Gateway(Folder(tmp_path, GENESIS), w.chain, w.host, again)
        await w.turn(assigned, assigned)

        # A provider that had half of it can go on with the other half.
        assert again.open(payload_name(JOB)) == sealed


async def test_a_job_whose_program_died_while_posting_is_found_by_its_key(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        record = record_of()
        w.folder.add(record, ITEMS.tobytes())
        await w.turn(None)
        assert w.kept().job is None

        assigned = view(record, JobState.Assigned, w.one)
        await w.turn(assigned, assigned)

        assert w.kept().job == JOB
        assert w.store.has(payload_name(JOB))


async def test_a_job_that_has_another_id_after_a_fork_is_found_by_its_key(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        record = record_of()
        record.job = H256(b"\x99" * 32)  # of a block that a fork has reverted
        w.folder.add(record, ITEMS.tobytes())
        await w.turn(None)
        assert w.kept().job == record.job

        assigned = view(record, JobState.Assigned, w.one)
        await w.turn(assigned, assigned)

        assert w.kept().job == JOB
        assert w.store.has(payload_name(JOB))


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path, GENESIS)
    (folder.path / "jobs" / "ab.job").write_bytes(b"what is this?")

    with pytest.raises(Damaged, match=r"ab\.job is damaged"):
        folder.records()


# ---- what a requester signs


class Wrong:
    """An engine that has an element of the output wrong; with 0 it computes other items."""

    def __init__(self, tensor: int | None, first: int = 0) -> None:
        self.tensor = tensor
        self.first = first

    def stream(
        self, executor: Executor, batches: Iterable[Inputs], *, accumulators: bool = False
    ) -> Iterator[Batch]:
        given = ([one ^ 1 for one in batch] for batch in batches) if self.tensor == 0 else batches
        for batch in Processor().stream(executor, given, accumulators=accumulators):
            tensors: list[Elements] = [tensor.copy() for tensor in batch.tensors]
            if self.tensor:
                tensors[-1][self.first :, 0] ^= 1
            yield Batch(batch.graph, tensors)


class Confidential:
    """A confidential job that a real provider computes, rightly or not."""

    def __init__(self, w: World, *, signs: str = "//Alice", shows: bool = True) -> None:
        self.w = w
        self.record = posted(w.folder, Tier.Confidential)
        w.folder.add_model(self.record.model, b"".join(Package(MODEL, Preparation()).chunks()))
        signer = Signer(KeyPair.from_uri(signs), shows=shows)
        w.gateway = Gateway(w.folder, w.chain, w.host, w.store, signer=signer)
        self.due = 40
        self.sample_count = 1
        self.challenges: list[Challenge] = []

    async def compute(self, tmp_path: Path, wrong: int | None = None, first: int = 0) -> None:
        """Deliver the payload, have it computed, and the receipt be on the chain."""
        w, inbox = self.w, BlobStore(tmp_path / "inbox")
        sealed_for = replace(view(self.record, JobState.Computing, w.one), tier=Tier.Confidential)
        await w.turn(sealed_for, sealed_for)
        await w.one.host.fetch(w.host.endpoints(), payload_name(JOB), inbox, limit=1 << 20)
        root = self.record.input_root(ITEMS.tobytes())
        self.view = replace(sealed_for, input_root=root, reply_key=self.record.keys.reply_public)
        shop = Workshop(ONE, GENESIS, w.one.secret, inbox, w.one.store, Wrong(wrong, first))
        shop.check_payload(self.view, MODEL.graph)
        self.made = shop.compute(
            self.view, Executor(MODEL), plants_error=False, slot=lambda: 0,
            progress=lambda *_: None, stop=Stop(),
        )  # fmt: skip

    async def turn(self, now: int, output_root: H256 | None = None) -> None:
        """A block in which the receipt can be disputed until slot 40."""
        made, no = self.made, u32(0)
        receipt = ReceiptView(
            made.receipt, JOB, ONE, u8(0), made.item_root, output_root or made.output_root,
            made.planted_error_commit, no, no, no, Phase.Pending, no, no, u32(self.due), u8(0),
            False, u32(self.sample_count), [], self.challenges,
        )  # fmt: skip
        pending = replace(self.view, state=JobState.Pending, receipt=receipt, now=u32(now))
        await self.w.turn(pending, pending)

    @property
    def sent(self) -> list[str]:
        return [call for _, call in self.w.chain.sent]

    def hide(self, *kinds: str) -> None:
        """Serve some of it no more."""
        for name in self.w.one.store.names():
            if name.partition("/")[0] in kinds:
                self.w.one.store.drop(name)

    def asked(self, now: int) -> None:
        """Note on the chain what was asked for."""
        args = self.w.chain.args
        leaf = (args["item"], u16(args["tensor"]), args["leaf"])
        self.challenges = [Challenge(*leaf, u32(now + 5), AccountId(ALICE.account_id))]


async def test_a_confidential_result_that_is_right_is_accepted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w)
        await job.compute(tmp_path)
        w.chain.fails = [NotIncluded("too many")]
        for now in range(4):
            await job.turn(now)
        assert w.folder.result(job.record) == OUTPUTS
        assert set(job.sent) == {"accept_result"}
        assert len(job.sent) >= 2  # the first came to nothing


async def test_without_numpy_a_confidential_result_is_left_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr("btt_chain.compute.requester.confirm", raising=False)
    monkeypatch.setitem(sys.modules, "btt_chain.compute.requester.confirm", None)
    async with world(tmp_path) as w:
        job = Confidential(w)
        await job.compute(tmp_path)
        for now in range(3):
            await job.turn(now)
        assert job.sent == []
        assert len([text for text in caplog.messages if "cannot be checked: " in text]) == 1


async def test_a_confidential_result_that_is_wrong_is_proven_to_the_chain(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w)
        await job.compute(tmp_path, wrong=1)
        for now in range(2):
            await job.turn(now)
        assert job.sent == ["prove_fraud"]
        known = fraud.Job(job.made.item_root, 3, keyed=True)
        assert fraud.judge(MODEL.graph, known, w.chain.args["proof"]).right is not None


async def test_who_posted_with_a_full_check_looks_at_every_item(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w)
        job.sample_count = 3
        await job.compute(tmp_path, wrong=1, first=2)
        for now in range(2):
            await job.turn(now)
        assert job.sent == ["prove_fraud"]
        assert w.chain.args["proof"].item == 2


async def test_other_inputs_than_were_sent_are_proven_to_the_chain(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w)
        await job.compute(tmp_path, wrong=0)
        # It has the roots of the right inputs, as in the job, over tensors of others.
        name, key = roots_name(job.made.receipt), job.record.leaf_key
        layout = tensor_layout(MODEL.graph.inputs[0])
        inputs = [
            tree_of(layout, item.tobytes(), TensorKey(key, at, 0)).root
            for at, item in enumerate(ITEMS)
            if key is not None
        ]
        roots = Roots.decode(w.one.store.load(name, 1 << 10), 3)
        w.one.store.put(name, roots._replace(inputs=inputs).encode())
        for now in range(2):
            await job.turn(now)
        assert job.sent == ["prove_edge"]
        known = fraud.Job(job.made.item_root, 3, keyed=True)
        proof = w.chain.args["proof"]
        fraud.judge_edge(MODEL.graph, known, job.view.input_root, proof, output=False)


async def test_a_proof_that_is_refused_is_sent_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w)
        await job.compute(tmp_path, wrong=1)
        w.chain.events = (events.FalseProof(RECEIPT, ONE, u128(1)),)
        for now in range(4):
            await job.turn(now)
        assert job.sent == ["prove_fraud"]


async def test_who_keeps_all_private_shows_the_chain_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w, shows=False)
        await job.compute(tmp_path, wrong=1)
        for now in range(30):
            await job.turn(now)
        assert job.sent == []
        assert "is not accepted" in caplog.text


async def test_a_job_of_another_requester_is_not_reported(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w, signs="//Bob")
        await job.compute(tmp_path)
        for now in (0, 1, 20, 21):
            await job.turn(now)
        assert job.sent == []


@pytest.mark.parametrize("hidden", ["transcript", "roots", "result"])
async def test_what_is_not_served_is_asked_for_on_the_chain_once_and_in_time(
    tmp_path: Path, hidden: str
) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w)
        await job.compute(tmp_path, wrong=1)
        blobs = {name: w.one.store.load(name, 1 << 20) for name in w.one.store.names()}
        job.hide(hidden)
        await job.turn(0)
        await job.turn(16)
        assert job.sent == []
        await job.turn(17)
        assert job.sent == ["challenge_data"]
        counts = ids.leaf_counts(MODEL.graph)
        assert w.chain.args["leaf"] < counts[w.chain.args["tensor"]]
        job.asked(17)
        await job.turn(18)
        assert job.sent == ["challenge_data"]
        for name, raw in blobs.items():
            w.one.store.put(name, raw)
        for now in (19, 20):
            await job.turn(now)
        assert job.sent[0] == "challenge_data"
        assert set(job.sent[1:]) == {"prove_fraud"}


async def test_who_holds_the_line_and_sends_nothing_is_asked_all_the_same(tmp_path: Path) -> None:
    async def silent(_: INetStream) -> None:
        await trio.sleep_forever()

    async with world(tmp_path) as w, hostile(silent) as endpoint:
        record = posted(w.folder)
        w.gateway = Gateway(w.folder, w.chain, w.host, w.store, signer=Signer(ALICE))
        found = view(record, JobState.Pending, w.one, OUTPUTS)
        assert found.receipt is not None
        assert found.provider_info is not None
        found = replace(
            found, receipt=replace(found.receipt, due=u32(40)),
            provider_info=replace(found.provider_info, endpoints=endpoint.encode()),
        )  # fmt: skip
        running = asyncio.create_task(w.gateway.run())
        for now in (1, 20):
            w.chain.best = w.chain.final = replace(found, now=u32(now))
            await w.chain.blocks.put(w.chain.now)
            await asyncio.sleep(0.1)
        async with asyncio.timeout(HANG):
            while not w.chain.sent:
                await asyncio.sleep(0.02)
        assert w.chain.sent == [("Receipts", "challenge_data")]
        running.cancel()
        await asyncio.wait([running])


async def test_it_is_too_late_to_ask_when_no_answer_could_come_in_time(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w)
        await job.compute(tmp_path)
        job.hide("result")
        await job.turn(35)
        assert job.sent == []


async def test_a_planted_error_may_keep_its_result_until_it_is_paid(tmp_path: Path) -> None:
    record = record_of()
    one = Provider(ONE, BlobStore(tmp_path), BlobHostAt())
    waiting = replace(view(record, JobState.Pending, one, OUTPUTS), now=u32(20))
    assert waiting.receipt is not None
    receipt = replace(waiting.receipt, due=u32(40))
    assert may_ask(record, replace(waiting, receipt=receipt), 5)
    assert not may_ask(
        record, replace(waiting, receipt=replace(receipt, had_planted_error=True)), 5
    )
    checked = replace(receipt, phase=Phase.Checking)
    assert not may_ask(record, replace(waiting, receipt=checked), 5)


async def test_what_a_result_is_checked_with_may_be_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as w:
        job = Confidential(w)
        await job.compute(tmp_path)
        next(w.folder.shared())[1].unlink()
        for now in range(3):
            await job.turn(now)
        assert job.sent == []
        assert caplog.text.count("its model is not here") == 1


async def test_models_that_are_added_are_served(tmp_path: Path) -> None:
    async with world(tmp_path) as w, fetching() as client:
        raw = b"".join(Package(MODEL, Preparation()).chunks())
        w.folder.add_model(model_id(MODEL.manifest), raw)
        await w.turn(None)

        name = model_name(model_id(MODEL.manifest))
        assert await client.load(w.host.endpoints(), name, limit=1 << 20) == raw


async def test_public_inputs_are_served_as_a_provider_of_the_chain_wants_them(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        root = input_root(MODEL.graph, ITEMS.tobytes(), None)
        w.folder.add_inputs(root, b"".join(payload_pieces(None, [ITEMS.tobytes()])))
        await w.turn(None)
        own = replace(view(record_of(), JobState.Computing, w.one), requester=None, input_root=root)
        inbox = BlobStore(tmp_path / "inbox")
        await w.one.host.fetch(w.host.endpoints(), payload_of(own), inbox, limit=1 << 20)
        shop = Workshop(ONE, GENESIS, w.one.secret, inbox, w.one.store, Processor())
        shop.check_payload(own, MODEL.graph)


async def test_running_ends_when_it_may_and_when_the_node_goes(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        posted(w.folder)
        await w.chain.blocks.put(w.chain.now)
        await w.gateway.run(lambda: True)

        await w.chain.blocks.put(None)
        with pytest.raises(Disconnected):
            await w.gateway.run()


# ---- what is kept


def test_what_is_kept_is_private_and_says_nothing_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    folder = Folder(tmp_path, GENESIS)
    record = posted(folder)
    folder.keep_result(record, OUTPUTS)
    seed = folder.network_seed

    for path in folder.path.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    for secret in (record.secret, seed):
        assert secret.hex() not in caplog.text + repr(record.keys)


def test_a_folder_of_another_version_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    folder = Folder(tmp_path, GENESIS)
    version = folder.path / "version"
    assert version.read_bytes() == VERSION
    version.write_bytes(b"2")
    with pytest.raises(OtherVersion, match="version 2, this program writes 1: use the program"):
        Folder(tmp_path, GENESIS)
    assert version.read_bytes() == b"2"


def test_one_serves_at_a_time(tmp_path: Path) -> None:
    folder = Folder(tmp_path, GENESIS)

    with folder.lock(), pytest.raises(Held):
        Folder(tmp_path, GENESIS).lock()
    folder.lock().close()


def test_a_port_that_was_any_is_the_same_from_then_on(tmp_path: Path) -> None:
    folder = Folder(tmp_path, GENESIS)
    assert (folder.listen(), folder.endpoints()) == (None, b"")
    reported = ["/ip4/127.0.0.1/tcp/4711/p2p/12D3"]

    folder.store_endpoints("/ip4/127.0.0.1/tcp/0", reported)

    assert folder.listen() == "/ip4/127.0.0.1/tcp/4711"
    assert split(folder.endpoints()) == reported
    assert folder.network_seed == folder.network_seed


def test_a_damaged_key_is_refused_and_kept(tmp_path: Path) -> None:
    folder = Folder(tmp_path, GENESIS)
    (folder.path / "network-key").write_bytes(b"short")
    with pytest.raises(Damaged, match="5 bytes"):
        _ = folder.network_seed
    assert (folder.path / "network-key").read_bytes() == b"short"


def test_only_as_many_addresses_as_fit_are_reported() -> None:
    many = [f"/ip4/10.0.0.{number}/tcp/30335/p2p/12D3KooW" for number in range(40)]

    raw = joined(many)

    assert len(raw) <= 256
    assert split(raw) == many[: len(split(raw))]
