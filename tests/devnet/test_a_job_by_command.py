"""A job from a file to its result, by the commands that people type, on a real node.

The provider is a script that is honest or not; the one with all its habits has tests of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btt_chain.compute.chain import ChainError, RpcChain, open_chain
from btt_chain.compute.payload import payload_context, read_payload, result_context
from btt_chain.compute.roots import Roots
from btt_chain.compute.sealing import new_secret, open_sealed, public_of, seal
from btt_chain.compute.store import BlobStore
from btt_chain.compute.transport import (
    LOCAL_GATE,
    BlobHost,
    BlobSettings,
    FetchFailed,
    model_name,
    payload_name,
    result_name,
    roots_name,
    transcript_name,
)
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u128
from btt_chain.work import ids
from btt_chain.work.commit import commit_item, roots_tree
from btt_chain.work.execute import Executor
from btt_chain.work.model import tensor_of
from btt_chain.work.package import Package, Preparation, save
from runtime.constants import BTT
from runtime.pallets.jobs.types import JobState
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers.types import ProviderInfo, ProviderKind
from runtime.work_views import JobView
from support.market import net
from support.node import dev_node

# Three times what a busy machine needs: a job has windows of some ten slots each.
pytestmark = [
    pytest.mark.devnet,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not os.environ.get("BTT_LONG"),
        reason="two minutes and a half of waiting for windows: BTT_LONG=1 plays it",
    ),
]

ROOT = Path(__file__).parents[2]
BOB = KeyPair.from_uri("//Bob")
ITEMS = 4
EPOCH = 20
MODEL = net()


class Provider:
    """Does what it is given, and lies about one byte of every item if it is told to."""

    def __init__(self, chain: RpcChain, folder: Path) -> None:
        self.chain = chain
        self.store = BlobStore(folder)
        self.secret = new_secret()
        settings = BlobSettings(
            os.urandom(32), chain.genesis, ("/ip4/127.0.0.1/tcp/0",), gate=LOCAL_GATE,
            allow_private=True,
        )  # fmt: skip
        self.host = BlobHost(settings, self.store)
        self.lies = False

    async def register(self) -> None:
        """Register the model and itself."""
        await self.host.start()
        where = "\n".join(self.host.endpoints()).encode()
        id = ids.model_id(MODEL.manifest)
        self.store.put(model_name(id), Package(MODEL).chunks())
        await self.chain.submit(
            "Models", "register", signer=BOB, manifest=MODEL.manifest, klass=u16(0), name=b"net",
            check=CheckMode.Reexecute, endpoints=where,
        )  # fmt: skip
        info = ProviderInfo(
            ProviderKind.Home, None, [u16(0)], u32(4), BOB.public, public_of(self.secret), where
        )
        await self.chain.submit(
            "Providers", "register", signer=BOB, info=info, bond=u128(5_000 * BTT)
        )

    async def work(self) -> None:
        """Go on for ever."""
        done: set[tuple[bytes, JobState]] = set()
        heard = 0
        async for head in self.chain.heads():
            if head.slot // EPOCH > heard:
                heard = head.slot // EPOCH
                with suppress(ChainError):  # registering counts as one, too
                    await self.chain.submit("Providers", "heartbeat", signer=BOB)
            views = await self.chain.api("WorkApi_assignments", AccountId(BOB.account_id))
            for view in views:
                if (view.id, view.state) in done:
                    continue
                try:
                    await self._step(view)
                    done.add((view.id, view.state))
                except (FetchFailed, ChainError):
                    continue  # not sealed yet, or overtaken: the next block shows

    async def _step(self, view: JobView) -> None:
        if view.state is JobState.Assigned:
            await self.chain.submit("Jobs", "accept", signer=BOB, job=view.id)
        elif view.state is JobState.Computing:
            await self._compute(view)

    async def _compute(self, view: JobView) -> None:
        graph = MODEL.graph
        where = view.endpoints.decode().split("\n")
        sealed = await self.host.load(where, payload_name(view.id), limit=1 << 20, seconds=5)
        raw = open_sealed(sealed, self.secret, payload_context(view.id))
        each = graph.input.nbytes
        items = read_payload(raw, int(view.items), each, confidential=False).items
        tensors: list[list[bytes]] = []
        for at in range(int(view.items)):
            one = tensor_of(graph.input, items[at * each : (at + 1) * each])
            batch = Executor(MODEL).run(one[None])
            made = [bytearray(tensor) for tensor in batch.item(0)]
            if self.lies:
                made[1][0] ^= 1
            tensors.append([bytes(tensor) for tensor in made])
        committed = [commit_item(graph, at, parts) for at, parts in enumerate(tensors)]
        roots = Roots.of(committed)
        item_root = roots_tree(roots.items).root
        receipt = ids.receipt_id(
            self.chain.genesis, view.id, BOB.account_id, int(view.attempt), item_root
        )
        self.store.put(roots_name(receipt), roots.encode())
        for at, parts in enumerate(tensors):
            self.store.put(transcript_name(receipt, at), b"".join(parts))
        outputs = b"".join(parts[-1] for parts in tensors)
        self.store.put(result_name(view.id), seal(outputs, view.reply_key, result_context(view.id)))
        await self.chain.submit(
            "Receipts", "submit", signer=BOB, job=view.id, attempt=view.attempt,
            item_root=item_root, output_root=roots_tree(roots.outputs).root,
            trap_commit=H256(bytes(32)), started=view.accepted, finished=view.now,
        )  # fmt: skip


class Thread:
    """A provider at work beside the test."""

    def __init__(self, url: str, folder: Path) -> None:
        self.ready: Future[Provider] = Future()
        self._url, self._folder = url, folder
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._all())
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            if not self.ready.done():
                self.ready.set_exception(error)
            raise
        finally:
            self._loop.close()

    async def _all(self) -> None:
        async with open_chain(self._url) as chain:
            provider = Provider(chain, self._folder)
            try:
                await provider.register()
                self.ready.set_result(provider)
                await provider.work()
            finally:
                await provider.host.stop()

    @contextmanager
    def at_work(self) -> Iterator[Provider]:
        """Until the end of `with`."""
        self._thread.start()
        try:
            yield self.ready.result(120)
        finally:
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(60)


def command(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *args],
        capture_output=True, text=True, cwd=ROOT, timeout=400, check=False,
    )  # fmt: skip


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_job_is_done_checked_paid_and_a_lie_is_slashed(tmp_path: Path) -> None:
    values = np.random.default_rng(3).uniform(-100, 100, (ITEMS, 1, 16)).round()
    np.save(tmp_path / "in.npy", values)
    save(Package(MODEL, Preparation(labels=["a", "b", "c", "d"])), tmp_path / "net.btt")
    expected = Executor(MODEL).run(values.astype(np.int8)).outputs.reshape(ITEMS, -1)
    base = ("--base-path", str(tmp_path / "gateway"))
    submit = (
        "job", "submit", str(tmp_path / "in.npy"), "--model", str(tmp_path / "net.btt"),
        "--from", "//Dave", "--check", "full", "--wait", "--json", *base,
    )  # fmt: skip

    # Slots of two seconds: the node's only verifier has other things to do on a busy machine.
    spec = tmp_path / "spec.json"
    made = command("build-spec", "--chain", "dev", "--slot-ms", "2000", "-o", str(spec))
    assert made.returncode == 0, made.stderr
    chain = ("--chain", str(spec), "--alice", "--force-authoring", "--no-prometheus", "--port", "0")
    with dev_node(tmp_path, "node", chain=chain) as node:
        url = ("--url", node.ws)
        with Thread(node.ws, tmp_path / "provider").at_work() as provider:
            told = command(*submit, *url)
            found = document(told)
            assert found["state"] == "finalised"
            assert [row["values"] for row in found["outputs"]] == expected.tolist()
            for state in ("assigned to", "computing", "checking", "pending", "finalised"):
                assert f"\n{state}" in told.stderr, told.stderr
            receipt = found["receipt"]["id"]
            assert "valid, looked at items 0, 1, 2, 3" in found["checked"][0]

            checked = document(command("work", "verify", receipt, "--json", *url))
            assert (checked["checked"], checked["wrong"]) == ([0, 1, 2, 3], [])
            job = found["job"]
            again = document(command("job", "result", job, "--json", *base, *url))
            assert again["outputs"] == found["outputs"]
            assert document(command("job", "status", job, "--json", *url))["paid"] != "0"

            provider.lies = True
            refused = command(*submit, *url)
            assert refused.returncode == 1
            assert "slashed: the provider was proven wrong" in refused.stderr
            slashed = json.loads(refused.stdout)
            assert slashed["state"] == "slashed"
            view = document(command("job", "status", slashed["job"], "--json", *url))
            wrong = command("work", "verify", view["receipt"]["id"], "--json", *url)
            assert wrong.returncode == 1
            assert len(json.loads(wrong.stdout)["wrong"]) == ITEMS
