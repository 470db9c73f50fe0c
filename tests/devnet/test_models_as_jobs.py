"""Each small float net of the tests as jobs of a network, with a provider that is wrong.

Three validators that check every item, and one cheating provider at a time for each class of
machines: one element of each item is another. The nets of a group go through the classes side by
side, and one after the other in each class.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

from bench.tested_models import Subject, of_floats
from btt_chain.client.typed import RuntimeClient, open_runtime
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32
from btt_chain.testing import Devnet
from btt_chain.testing.creation import HOSPITAL
from btt_chain.testing.helper import PROVIDER, Helper
from btt_chain.testing.market import fund
from btt_chain.work import ids
from btt_chain.work.package import Package, save
from devnet import launcher
from devnet.test_a_job_by_command import CHEAT, HANG, PAUSE, REQUESTER, RULES, World, account
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import JobState, Outcome
from runtime.pallets.jobs.views import JobView
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers import events as providers_events
from runtime.pallets.receipts import events as receipts_events
from runtime.pallets.receipts.types import Wrong
from support.models import stated
from unit.work.test_quantise_nets import NETS

# A quiet machine needs a fifth of it for a group.
pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(1_200)]

GROUP: Final = 5
GROUPS: Final = [list(NETS)[at : at + GROUP] for at in range(0, len(NETS), GROUP)]
CLASSES: Final = 3
"""Classes of machines of a chain."""
ITEMS: Final = 2


@dataclass
class Jobs(World):
    """A network, and the models whose jobs it has."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    signing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the requester signs: of two calls at once, one would be refused."""

    def model_id(self, name: str) -> H256:
        return H256(ids.model_id(self.subjects[name].model.manifest))

    def files(self, name: str) -> Path:
        """Write a model's package and the elements of its items; return the file of the items."""
        subject = self.subjects[name]
        self.packages[name] = self.folder / f"{name}.btt"
        save(Package(subject.model), self.packages[name])
        file = self.folder / f"{name}.npz"
        items = {f"input{at}": values for at, values in enumerate(subject.inputs)}
        np.savez(file, allow_pickle=False, **items)
        return file


@pytest.fixture(scope="module", params=GROUPS, ids="-".join)
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Jobs]:
    """Run the jobs of a group once."""
    folder = tmp_path_factory.mktemp("models")
    rules = replace(RULES, planted_error_ppm=u32(0))
    chain = replace(CHAINS["local"].with_slot(1_000), epoch_slots=10, work=rules)
    spec = make(chain, validators=3).dumps()
    net = Devnet.create(folder / "net", spec=spec, slot_ms=1_000, validators=3)
    for node in net.nodes:
        node.program = launcher.program("ready")
    jobs = Jobs(net, folder, subjects={name: of_floats(name, ITEMS) for name in request.param})
    words = ["-m", "cli.main", "job", "gateway", "--from", HOSPITAL, *jobs.base, *jobs.url]
    net.helpers[:] = [Helper("Gateway", folder / "gateway", words, HOSPITAL)]
    with net:
        net._save()
        net.up()
        asyncio.run(_story(jobs))
        yield jobs


async def _story(jobs: Jobs) -> None:
    names = list(jobs.subjects)
    await fund(jobs.net[0].ws, [HOSPITAL, *(f"{PROVIDER}{at}" for at in range(len(names)))])
    async with open_runtime(jobs.net[0].ws) as chain:
        while not jobs.gateway(chain).endpoints():
            await asyncio.sleep(PAUSE)

        async def in_turn(model_class: int) -> None:
            for at in range(model_class, len(names), CLASSES):
                await _refuted(jobs, chain, at, names[at])

        await asyncio.gather(*map(in_turn, range(CLASSES)))
        last = (await chain.head()).number
        await jobs.until(chain, "final", lambda: jobs.history.number >= last)
    jobs.net.check_agreement()


async def _refuted(jobs: Jobs, chain: RuntimeClient, at: int, name: str) -> None:
    """Have a provider of its own do the job of a net, until the chain has decided about it."""
    uri, model_class = f"{PROVIDER}{at}", at % CLASSES
    folder = jobs.folder / f"provider-{name}"
    words = [
        str(CHEAT), "--share", "1", "--url", jobs.net[at % 3].ws, "--from", uri,
        "--bond", "3000BTT", "--base-path", str(folder), "--class", str(model_class),
    ]  # fmt: skip
    cheat = Helper(f"Cheat-{name}", folder, words, uri)
    jobs.net.helpers.append(cheat)
    cheat.start()
    file = jobs.files(name)
    async with jobs.signing:
        await _register(jobs, chain, name, model_class)
    who = account(uri)
    await jobs.until(
        chain, f"registered {name}",
        lambda: who in [one.provider for one in jobs.history.of(providers_events.Registered)],
    )  # fmt: skip
    submitted = ("job", "submit", str(file), "--from", HOSPITAL, "--json", "--wait", "--elements",
                 "--check", "full", "--model", str(jobs.packages[name]), *jobs.base)  # fmt: skip
    async with jobs.signing:
        order = asyncio.create_task(jobs.command(name, *submitted))
        jobs.jobs[name] = await _posted(jobs, chain, name, order)
    await asyncio.gather(order, jobs.ended(chain, name))
    cheat.kill()


async def _register(jobs: Jobs, chain: RuntimeClient, name: str, model_class: int) -> None:
    package = Package(jobs.subjects[name].model)
    folder = jobs.gateway(chain)
    folder.add_model(jobs.model_id(name), b"".join(package.chunks()))
    await chain.submit(
        "Models", "register", signer=REQUESTER, manifest=package.manifest,
        model_class=u16(model_class), name=name.encode(), check=CheckMode.Reexecute,
        endpoints=folder.endpoints(), **stated(package.schema),
    )  # fmt: skip


async def _posted(jobs: Jobs, chain: RuntimeClient, name: str, order: asyncio.Task[None]) -> H256:
    """Wait until the command has posted the job; its id."""
    who = account(HOSPITAL)
    async with asyncio.timeout(HANG):
        while not order.done():
            views: list[JobView] = await chain.api(WorkApi.jobs, who, False, None, u32(100))
            for view in views:
                if view.model == jobs.model_id(name):
                    return view.id
            await asyncio.sleep(PAUSE)
    pytest.fail(f"{name}: {jobs.commands[name].stderr}")


def test_an_error_in_an_imported_net_is_refuted_on_the_chain(played: Jobs) -> None:
    places: Mapping[str, list[Wrong]] = {
        name: [event.place for event in played.of(receipts_events.FraudProven, name)]
        for name in played.subjects
    }
    ends = {name: (view.state, view.outcome) for name, view in played.views.items()}

    assert ends == dict.fromkeys(played.subjects, (JobState.Slashed, Outcome.Fraud))
    for name, (place,) in places.items():
        assert isinstance(place, Wrong)
        assert played.subjects[name].model.graph.nodes[place.node].out.committed
    slashed = [event.provider for event in played.history.of(providers_events.Slashed)]
    assert set(slashed) == {account(f"{PROVIDER}{at}") for at in range(len(played.subjects))}


def test_the_command_of_the_requester_reports_that_the_result_was_wrong(played: Jobs) -> None:
    for name in played.subjects:
        done = played.commands[name]
        assert done.returncode == 1
        assert "slashed: the provider was proven wrong" in done.stderr
