"""A provider and a gateway as programs that follow a chain (`followers`), and the jobs they do.

Jobs are over the public set, whose model and rows come with the program.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import numpy as np

from btt_chain.client.typed import open_runtime
from btt_chain.compute.public import sets
from btt_chain.compute.requester.folder import Folder
from btt_chain.crypto.keypair import KeyPair
from btt_chain.scale import u16
from btt_chain.testing import DevNode
from btt_chain.work.ids import model_id
from btt_chain.work.package import save
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.models.types import CheckMode
from support.followers import Follower
from support.models import stated
from support.program_faults import Beside
from support.running import running

NOWHERE: Final = b"/ip4/127.0.0.1/tcp/1/p2p/12D3KooWNoname"
"""Endpoint of the model, which nothing has to serve."""
ENDED: Final = ("finalized", "refunded", "slashed")


def register_model(url: str, _home: Path) -> None:
    """Register the model of the public set, unless the chain has it from the beginning."""

    async def register() -> None:
        manifest = sets.package().manifest
        async with open_runtime(url) as chain:
            if await chain.api(WorkApi.model, model_id(manifest)) is None:
                await chain.submit(
                    "Models", "register", signer=KeyPair.from_uri("//Alice"), manifest=manifest,
                    model_class=u16(0), name=b"public", check=CheckMode.Reexecute,
                    endpoints=NOWHERE, **stated(sets.package().schema),
                )  # fmt: skip

    asyncio.run(register())


def submitted(folder: Path, url: str, *more: str) -> dict[str, str]:
    """Post a job from a gateway's folder; return what is printed of it."""
    package, rows = folder.with_suffix(".btt"), folder.with_suffix(".npy")
    save(sets.package(), package)
    np.save(rows, np.frombuffer(sets.rows(), np.int8).reshape(40, 30))
    words = (
        "job", "submit", "--model", str(package), "--elements", "--from", "//Alice", "--yes",
        "--base-path", str(folder), "--url", url, "--json", *more, str(rows),
    )  # fmt: skip
    with running(folder.with_suffix(".submit.log"), *words) as program:
        assert program.code() == 0, program.text()
        document: dict[str, str] = program.document()
        return document


def _provider(url: str, _folder: Path, home: Path, account: str = "//Charlie") -> list[str]:
    # One folder for all runs: the keys of the account are in it. The bond outlasts the fines for
    # jobs that are missed while the node is away, and the chain's own jobs leave room for others.
    base = str(home / "provider")
    return ["provider", "run", "--from", account, "--bond", "20000BTT", "--jobs", "4",
            "--base-path", base, "--url", url]  # fmt: skip


def _computes(program: Beside, node: DevNode) -> None:
    """Have a job computed; its requester has a gateway of its own, at the node itself."""
    program.wait_for("serving at", program.began)
    since = program.mark()
    job = submitted(program.folder.with_name(f"{program.name}-requester"), node.ws)
    assert job["state"] not in ("refunded", "slashed")
    program.wait_for(f"job {job['job'][:14]}: committed", since)


def _gateway(url: str, folder: Path, _home: Path) -> list[str]:
    return ["job", "gateway", "--base-path", str(folder / "base"), "--url", url]


def _serves(program: Beside, node: DevNode) -> None:
    """Hand a job over, which the gateway sees on its chain; inputs of open jobs are there."""
    program.wait_for("serving at", program.began)
    since, base = program.mark(), program.folder / "base"
    job = submitted(base, node.ws, "--detach")
    program.wait_for(job["job"][:14], since)
    check_inputs(base, node)


def check_inputs(base: Path, node: DevNode) -> None:
    """Check that a gateway has the inputs of each job that is not over."""
    genesis = str(node.rpc.call("chain_getBlockHash", 0))
    folder = Folder(base, bytes.fromhex(genesis[2:]))
    for record in folder.records():
        view = node.rpc.call("work_job", "0x" + (record.job or b"").hex())
        if isinstance(view, dict) and view["state"] not in ENDED:
            assert not record.over
            assert folder.items(record) is not None


def _provider_of_dave(url: str, folder: Path, home: Path) -> list[str]:
    return _provider(url, folder, home, "//Dave")


PROVIDER_OF_DAVE: Final = Follower("provider of Dave", _provider_of_dave, _computes)
"""A provider whose account is a feeder, too."""
WORK_FOLLOWERS: Final = (
    Follower("provider", _provider, _computes, register_model),
    Follower("gateway", _gateway, _serves, register_model),
)
