"""Verifying inside a node: real sockets, real disks and real models; the pallets are the chain."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

import pytest
import trio
from libp2p.abc import INetStream

from btt_chain import daemon
from btt_chain.chain.notify import ChainEvent, NewBest
from btt_chain.compute.blobs import fetching
from btt_chain.compute.blobs.roots import Roots
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import model_name, roots_name, transcript_name
from btt_chain.compute.verifier.machine import Case, Record
from btt_chain.crypto.keypair import KeyPair
from btt_chain.keystore import BABE
from btt_chain.node.service import verifier_service
from btt_chain.node.service.verifier_service import ClientChain, Settings, Verifying
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Invalid
from btt_chain.txpool import TransactionInvalid
from btt_chain.work.package import Package
from p2p.host.streams import read_frame, write_frame
from p2p.network import protocol_name
from p2p.protocols.work import PIECE, QUESTION_BYTES, WORK, Piece, encode_piece
from runtime.frame import DispatchError
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import JobState
from runtime.pallets.jobs.views import Duty, ModelView
from runtime.pallets.receipts.types import Missing, Phase, Valid, Wrong
from support import blobs
from support.chain import DevChain
from support.market import GENESIS, Claim, Market, net

ITEMS = 4
HANG = 200.0
LIES = tuple((item, 1, 0) for item in range(ITEMS))


@pytest.fixture(autouse=True)
def same_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "GENESIS", bytes(GENESIS))
    monkeypatch.setattr(fetching, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(verifier_service, "MODEL_SECONDS", 0.05)


Output = TypeVar("Output")


class Chain:
    """The pallets, as a node sees its chain."""

    def __init__(self, market: Market, endpoints: Sequence[str]) -> None:
        self.market = market
        self.endpoints = "\n".join(endpoints).encode()
        self.sent: Counter[str] = Counter()
        self.words: list[tuple[str, dict[str, object]]] = []
        self.deaf = False
        """True if the pool refuses all transactions."""
        self._listeners: list[Callable[[ChainEvent], None]] = []

    @property
    def genesis(self) -> bytes:
        return bytes(GENESIS)

    def verifiers(self, keys: Sequence[bytes]) -> tuple[int, list[AccountId]]:
        found = [who for who in self.market.verifier_accounts
                 if self.market.ring.pairs[who].public in keys]  # fmt: skip
        return self.market.clock.now(), found

    def settled(self) -> int:
        return self.market.clock.now()

    def api(self, method: Callable[..., Output], *args: object) -> Output:
        api = WorkApi.__new__(WorkApi)
        api._runtime = self.market
        found = method(api, *args)
        if isinstance(found, ModelView):
            return cast("Output", replace(found, endpoints=self.endpoints))
        if isinstance(found, list):
            return cast("Output", [self._served(duty) for duty in found])
        return found

    def _served(self, duty: Duty) -> Duty:
        """The same duty; the provider is at where this test serves."""
        assert duty.job.provider_info is not None
        duty.job.provider_info.endpoints = self.endpoints
        return duty

    def submit(self, call: str, **args: object) -> None:
        self.sent[call] += 1
        self.words.append((call, args))
        if self.deaf:
            return
        try:
            self.market.bare(call, **args)
        except Invalid as error:
            raise TransactionInvalid(error.args[0]) from None
        except DispatchError as error:
            raise AssertionError(f"{call} failed in its block") from error

    def listen(self, listener: Callable[[ChainEvent], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def block(self) -> None:
        """Make a block and report it."""
        self.market.step()
        self.report()

    def report(self) -> None:
        for listener in list(self._listeners):
            listener(NewBest(bytes(32), (bytes(32),), ()))


class Keys:
    """Session keys in memory."""

    def __init__(self, pairs: Sequence[KeyPair]) -> None:
        self.pairs = {pair.public: pair for pair in pairs}

    def public_keys(self, key_type: bytes) -> list[bytes]:
        assert key_type == BABE
        return sorted(self.pairs)

    def pair(self, key_type: bytes, public: bytes) -> KeyPair | None:
        assert key_type == BABE
        return self.pairs.get(public)


class Stage:
    """A receipt that is to be checked, a provider that serves, and nodes of verifiers."""

    def __init__(self, folder: Path, lies: Sequence[tuple[int, int, int]] = ()) -> None:
        self.folder = folder
        self.market = Market()
        self.job = self.market.post(items=ITEMS)
        self.claim = Claim(ITEMS, lies)
        self.receipt = self.market.checking(self.job, self.claim)
        self.store = BlobStore(folder / "provider")
        self.checked: list[str] = []
        self.chain = Chain(self.market, ())

    def fill(self) -> None:
        """Serve all that an honest provider serves."""
        inputs = [one.tensors[0].root for one in Claim(ITEMS).commitments]
        roots = Roots(inputs, [one.root for one in self.claim.commitments], self.claim.output_roots)
        self.store.put(roots_name(self.receipt), roots.encode())
        for item in range(ITEMS):
            raw = b"".join(self.claim.tensors[item])
            self.store.put(transcript_name(self.receipt, item), raw)
        self.store.put(model_name(self.market.model), Package(net()).chunks())

    def seats(self) -> list[AccountId]:
        return [seat.verifier for seat in self.market.receipt(self.receipt).seats]

    def verdicts(self) -> list[object]:
        return [seat.verdict for seat in self.market.receipt(self.receipt).seats]

    @asynccontextmanager
    async def node(
        self, name: str = "node", own: Sequence[AccountId] | None = None
    ) -> AsyncIterator[Verifying]:
        """A node with the keys of some verifiers; of all, unless said otherwise."""
        pairs = [self.market.ring.pairs[who] for who in (own or self.market.verifier_accounts)]
        settings = Settings(
            folder=self.folder / name,
            commit_slots=int(self.market.rules.commit_slots),
            allow_private=True,
            vrf=self.market.vrf,
            on_checked=lambda verdict, _: self.checked.append(verdict),
        )
        node = Verifying(self.chain, Keys(pairs), settings)
        task = asyncio.create_task(node.run())
        try:
            yield node
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for something; time stands still."""
        async with asyncio.timeout(HANG):
            while not true():
                await asyncio.sleep(0.05)

    async def until_phase(self, *phases: Phase) -> None:
        """Let blocks come, each when nothing is left to do for the one before."""
        async with asyncio.timeout(HANG):
            while self.market.receipt(self.receipt).phase not in phases:
                await asyncio.sleep(0.05)
                self.chain.block()

    async def committed(self) -> None:
        """Wait until all that sit have committed: in the block after all have checked."""
        await self.looked()
        async with asyncio.timeout(HANG):
            while not all(seat.commitment for seat in self.market.receipt(self.receipt).seats):
                self.chain.report()
                await asyncio.sleep(0.05)

    async def looked(self) -> None:
        """Wait until all that sit have checked, and let the next block come."""
        async with asyncio.timeout(HANG):
            while len(self.checked) < len(self.seats()):
                self.chain.report()
                await asyncio.sleep(0.05)
        self.chain.block()


@asynccontextmanager
async def played(
    folder: Path, lies: Sequence[tuple[int, int, int]] = (), *, filled: bool = True
) -> AsyncIterator[Stage]:
    """A stage whose provider serves on the loopback."""
    stage = Stage(folder, lies)
    if filled:
        stage.fill()
    async with blobs.serving(stage.store) as host:
        stage.chain.endpoints = "\n".join(host.endpoints()).encode()
        yield stage


async def test_an_honest_receipt_is_fetched_computed_found_valid_and_paid(tmp_path: Path) -> None:
    async with played(tmp_path) as stage, stage.node():
        await stage.committed()
        await stage.until_phase(Phase.Pending)
        assert stage.verdicts() == [Valid()] * 3
        assert stage.checked == ["valid"] * 3
        assert stage.chain.sent == {"attest_commit": 3, "attest_reveal": 3}
        stage.market.until(stage.job, JobState.Finalized)


async def test_a_lie_is_proven_on_the_chain(tmp_path: Path) -> None:
    async with played(tmp_path, LIES) as stage, stage.node():
        await stage.committed()
        await stage.until_phase(Phase.Ended)
        assert stage.market.job(stage.job).state is JobState.Slashed
        assert set(map(type, stage.verdicts())) == {Wrong}
        assert stage.chain.sent["prove_fraud"] >= 1


async def test_nothing_private_and_no_secret_reaches_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with played(tmp_path, LIES) as stage, stage.node():
        await stage.committed()
        for word, args in stage.chain.words:
            assert word == "attest_commit", args
        lines = [one for one in caplog.messages if one.startswith("receipt 0x")]
        assert len(lines) == 3
        assert all(stage.receipt.hex() in line and " is wrong for " in line for line in lines)
        for raw in (tmp_path / "node" / "records").iterdir():
            record = Record.decode(raw.read_bytes()[32:])
            assert record.salt.hex() not in caplog.text
            assert record.digest.hex() not in caplog.text


# ---- providers that do not behave


async def test_a_provider_that_serves_nothing_is_given_up_in_time(tmp_path: Path) -> None:
    async with played(tmp_path, filled=False) as stage, stage.node():
        stage.store.put(model_name(stage.market.model), Package(net()).chunks())
        await stage.until_phase(Phase.Withheld, Phase.Ended)
        assert {type(verdict) for verdict in stage.verdicts()} == {Missing}
        assert stage.checked == ["withheld"] * 3


async def test_a_provider_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    async with played(tmp_path, filled=False) as stage, stage.node():
        stage.chain.block()
        await asyncio.sleep(0.3)
        assert stage.chain.sent == {}
        stage.fill()
        await stage.committed()
        await stage.until_phase(Phase.Pending)


async def silent(_: INetStream) -> None:
    await trio.sleep_forever()


async def endless(stream: INetStream) -> None:
    """Claims more and more, and sends garbage."""
    while True:
        await read_frame(stream, QUESTION_BYTES)
        await write_frame(stream, encode_piece(Piece(1 << 40, bytes(32), bytes(PIECE))))


async def garbage(stream: INetStream) -> None:
    await read_frame(stream, QUESTION_BYTES)
    await stream.write(os.urandom(1_000))


async def closing(stream: INetStream) -> None:
    await stream.reset()


@pytest.mark.parametrize("handler", [silent, endless, garbage, closing])
async def test_a_provider_that_misbehaves_is_withheld_and_the_node_goes_on(
    tmp_path: Path, handler: blobs.Handler
) -> None:
    protocol = protocol_name(bytes(GENESIS), WORK)
    async with (
        played(tmp_path) as honest,
        blobs.hostile(handler, protocol) as endpoint,
    ):
        # The model is served well by its owner: only the provider is at fault.
        fetched = BlobStore(tmp_path / "node" / "models")
        fetched.put(model_name(honest.market.model), Package(net()).chunks())
        honest.chain.endpoints = endpoint.encode()
        async with honest.node():
            await honest.until_phase(Phase.Withheld, Phase.Ended)
            assert {type(verdict) for verdict in honest.verdicts()} == {Missing}


async def test_a_model_that_no_peer_serves_gives_no_verdict(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with played(tmp_path) as stage, stage.node():
        stage.store.drop(model_name(stage.market.model))
        for _ in range(3):
            stage.chain.block()
            await asyncio.sleep(0.2)
        await stage.until(lambda: "cannot be had" in caplog.text)
        assert stage.chain.sent == {}
        assert stage.checked == []


async def test_another_model_under_the_name_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with played(tmp_path) as stage, stage.node():
        stage.store.put(model_name(stage.market.model), b"BTTMODEL and garbage")
        stage.chain.report()
        await stage.until(lambda: "cannot be had" in caplog.text)
        assert stage.chain.sent == {}
        models = tmp_path / "node" / "models"
        await stage.until(
            lambda: not any(models.iterdir())
        )  # fetched, and dropped, again and again


# ---- nodes that end


async def test_what_was_committed_to_is_revealed_by_the_node_that_comes_after(
    tmp_path: Path,
) -> None:
    async with played(tmp_path) as stage:
        async with stage.node():
            await stage.committed()
        async with stage.node():
            await stage.until_phase(Phase.Pending)
        assert stage.verdicts() == [Valid()] * 3
        assert stage.checked == ["valid"] * 3


async def test_a_node_killed_between_disk_and_wire_says_the_same_again(tmp_path: Path) -> None:
    async with played(tmp_path) as stage:
        stage.chain.deaf = True
        async with stage.node():
            await stage.looked()
            await stage.until(lambda: stage.chain.sent["attest_commit"] >= 3)
        before = {str(args["commitment"]) for _, args in stage.chain.words}
        assert len(before) == 3
        stage.chain.deaf = False
        stage.chain.words.clear()
        async with stage.node():
            await stage.committed()
        assert {str(args["commitment"]) for _, args in stage.chain.words} == before
        assert stage.checked == ["valid"] * 3


async def test_a_record_that_cannot_be_read_is_never_replaced(tmp_path: Path) -> None:
    async with played(tmp_path) as stage:
        stage.chain.deaf = True
        async with stage.node():
            await stage.looked()
            await stage.until(lambda: stage.chain.sent["attest_commit"] >= 3)
        files = list((tmp_path / "node" / "records").iterdir())
        raw = bytearray(files[0].read_bytes())
        raw[-1] ^= 1
        files[0].write_bytes(bytes(raw))
        stage.chain.deaf = False
        async with stage.node():
            await stage.until(
                lambda: sum(seat.commitment is not None
                            for seat in stage.market.receipt(stage.receipt).seats) == 2
            )  # fmt: skip
            await stage.until(lambda: len(stage.checked) == 4)
            stage.chain.report()
            await asyncio.sleep(0.3)
        committed = [seat.commitment for seat in stage.market.receipt(stage.receipt).seats]
        assert sum(one is not None for one in committed) == 2
        assert files[0].read_bytes() == bytes(raw)


async def test_a_disk_that_takes_nothing_means_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with played(tmp_path) as stage:
        monkeypatch.setattr(verifier_service.Records, "keep", full)
        async with stage.node():
            stage.chain.report()
            await stage.until(lambda: len(stage.checked) == 3)
            await asyncio.sleep(0.2)
        assert stage.chain.sent == {}


async def test_a_disk_that_cannot_be_read_at_the_start_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load, fails = verifier_service.Records.load, [1, 2, 3]

    def sometimes(self: verifier_service.Records) -> list[Record]:
        if fails:
            raise OSError(5, f"Input/output error {fails.pop()}")
        return load(self)

    monkeypatch.setattr(daemon, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(verifier_service.Records, "load", sometimes)
    async with played(tmp_path) as stage, stage.node():
        await stage.committed()
    assert caplog.text.count("no work is verified") == 1


def test_the_records_of_a_node_age_by_its_final_blocks_and_by_its_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dev = DevChain(shared=True)
    chain = ClientChain(dev.client, cast(PoolService, None))

    def now() -> int:
        return chain.verifiers([])[0]

    dev.seal()
    final = now()
    for _ in range(3):
        dev.seal(finalize=False)
    assert now() == final + 3
    monkeypatch.setattr(time, "time_ns", lambda: 10**20)
    assert chain.settled() == final
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert chain.settled() < 0


async def test_two_nodes_with_verifiers_of_their_own_do_not_get_in_each_others_way(
    tmp_path: Path,
) -> None:
    async with played(tmp_path) as stage:
        first, *others = stage.seats()
        async with stage.node("one", [first]), stage.node("two", others):
            await stage.committed()
            await stage.until_phase(Phase.Pending)
        assert stage.verdicts() == [Valid()] * 3


async def test_without_numpy_a_node_warns_once_and_keeps_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "btt_chain.compute.verifier.checking", None)
    async with played(tmp_path) as stage, stage.node():
        for _ in range(4):
            stage.chain.block()
            await asyncio.sleep(0.1)
        warnings = [one for one in caplog.messages if "work cannot be verified" in one]
        assert len(warnings) == 1
        assert "it needs the extra `work`: pip install " in warnings[0]
        assert stage.chain.sent == {}


async def test_a_node_that_syncs_looks_at_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with played(tmp_path) as stage:
        async with stage.node() as node:
            monkeypatch.setattr(node, "_is_ready", lambda: False)
            stage.chain.block()
            await asyncio.sleep(0.2)
        assert not (tmp_path / "node" / "models").exists()
        assert stage.chain.sent == {}


async def test_a_key_that_is_gone_says_nothing(tmp_path: Path) -> None:
    async with played(tmp_path) as stage, stage.node() as node:
        await stage.committed()
        keys = node._keys
        assert isinstance(keys, Keys)
        held, keys.pairs = keys.pairs, {}
        found = stage.market.receipt(stage.receipt)
        while stage.market.clock.now() < int(found.commit_until):
            stage.chain.block()
            await asyncio.sleep(0.02)
        assert stage.chain.sent["attest_reveal"] == 0
        keys.pairs = held
        await stage.until_phase(Phase.Pending)


async def test_an_error_in_a_block_is_logged_once_and_the_next_block_is_processed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("a mistake of ours")

    async with played(tmp_path) as stage:
        whole = stage.chain.api
        monkeypatch.setattr(stage.chain, "api", broken)
        async with stage.node():
            for _ in range(3):
                stage.chain.report()
                await asyncio.sleep(0.05)
            assert sum("no verifier duty was done" in one for one in caplog.messages) == 1
            monkeypatch.setattr(stage.chain, "api", whole)
            await stage.committed()


def test_the_record_of_a_case_has_a_name_that_the_store_takes() -> None:
    one = Case(AccountId(b"\1" * 32), H256(b"\2" * 32), H256(b"\3" * 32))
    other = one._replace(beacon=H256(b"\4" * 32))
    assert verifier_service._name(one) != verifier_service._name(other)
    assert len(verifier_service._name(one)) == len("record/") + 64
