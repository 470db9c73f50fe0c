"""Jobs from a file to their results, with the programs that people start, on one real network.

Three validators, of whom Bob votes without checking; one honest provider, one that is
wrong in every item, one that serves nothing. Each has a class of models of its own, so
that the committees are known. Every open receipt has a planted error. All jobs run at the same
time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from btt_chain.client.typed import RuntimeClient, open_runtime
from btt_chain.compute.blobs.payload import input_root, payload_pieces
from btt_chain.compute.requester.folder import Folder, Record, new_record
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from btt_chain.testing import Devnet
from btt_chain.testing.creation import HOSPITAL
from btt_chain.testing.helper import Helper
from btt_chain.work import ids
from btt_chain.work.build import Builder, Numbers
from btt_chain.work.execute import Executor
from btt_chain.work.model import Model
from btt_chain.work.package import Package, Preparation, save
from btt_chain.work.tensors import Kind
from devnet import launcher
from genesis.accounts import address, dev_account
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime.constants import BTT
from runtime.pallets.jobs import events as jobs_events
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Check, JobState, Outcome, Tier, Urgency
from runtime.pallets.jobs.views import JobView
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers import events as providers_events
from runtime.pallets.receipts import events as receipts_events
from runtime.pallets.receipts.pallet import Receipts
from runtime.params import WorkRules
from support.models import stated
from support.vectors import REPOSITORY
from support.work.history import History

# Several times what a busy machine needs: a tenth of it does on a quiet one.
pytestmark = [pytest.mark.devnet, pytest.mark.timeout(1_200)]

HANG: Final = 600.0
PAUSE: Final = 1.0
"""Seconds between two calls of the node in a loop: a slot."""
ITEMS: Final = 4
RULES: Final = WorkRules(
    beacon_delay=u32(1), planted_error_ppm=u32(1_000_000), committee=u32(2), quorum=u32(1),
    accept_slots=u32(40), transcript_slots=u32(10), commit_slots=u32(15), reveal_slots=u32(12),
    challenge_slots=u32(10),
)  # fmt: skip
CHEAT: Final = REPOSITORY / "tests" / "support" / "work" / "cheat.py"
HONEST, LIAR, MUTE = "Honest", "Liar", "Mute"
PROVIDERS: Final = {name: f"//Provider//{at}" for at, name in enumerate((HONEST, LIAR, MUTE))}
CLASS: Final = {name: at for at, name in enumerate(PROVIDERS)}


REQUESTER: Final = KeyPair.from_uri(HOSPITAL)


def account(uri: str) -> AccountId:
    return AccountId(KeyPair.from_uri(uri).account_id)


WHO: Final = {name: account(uri) for name, uri in PROVIDERS.items()}
LAZY: Final = account("//Bob")
VALUES: Final = np.random.default_rng(3).integers(-100, 100, (ITEMS, 1, 16)).astype(np.int8)


def net_of(model_class: int) -> Package:
    """A net of two products, another for each class."""
    rng = np.random.default_rng(model_class)
    made = Builder(Kind.I8, (1, 16), 0)
    for name, at, (inputs, outputs) in (("first", 0, (16, 8)), ("second", 1, (8, 4))):
        columns = rng.integers(-90, 91, (outputs, inputs)).astype(np.int8)
        scales = np.full(outputs, 1 / (90 * inputs), np.float32)
        bias = rng.integers(-500, 501, outputs).astype(np.int32)
        made.linear(name, at, columns, bias, scales, Numbers(Kind.I8))
    return Package(made.model(), Preparation(labels=["a", "b", "c", "d"]))


def outputs_of(model: Model) -> list[list[int]]:
    """The right results."""
    made: list[list[int]] = Executor(model).run(VALUES).outputs[0].reshape(ITEMS, -1).tolist()
    return made


def spec() -> str:
    """A chain like `local` with short windows, where Bob is nearly always selected."""
    chain = replace(CHAINS["local"].with_slot(1_000), epoch_slots=10, work=RULES)
    document = json.loads(make(chain, validators=3).dumps())
    verifiers = document["genesis"]["runtimeGenesis"]["config"]["receipts"]["verifiers"]
    lazy = address(dev_account("//Bob"))
    for row in verifiers:
        row[1] = str((40_000 if row[0] == lazy else 5_000) * BTT)
    return json.dumps(document)


@dataclass
class World:
    """The network, and what is done on it."""

    net: Devnet
    folder: Path
    history: History = field(default_factory=History)
    packages: dict[str, Path] = field(default_factory=dict)
    jobs: dict[str, H256] = field(default_factory=dict)
    views: dict[str, JobView] = field(default_factory=dict)
    """The end of each job."""
    commands: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    """Output of commands."""
    outputs: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def url(self) -> tuple[str, str]:
        return "--url", self.net[0].ws

    @property
    def base(self) -> tuple[str, str]:
        return "--base-path", str(self.folder / "gateway")

    async def command(self, name: str, *words: str) -> None:
        """Type a command; its words are kept."""
        whole = [sys.executable, "-m", "cli.main", *words, *self.url]
        self.commands[name] = await asyncio.to_thread(
            subprocess.run, whole, capture_output=True, text=True, cwd=REPOSITORY, timeout=HANG,
            check=False,
        )  # fmt: skip

    def document(self, name: str) -> Any:
        done = self.commands[name]
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def of(self, kind: type[Any], job: str) -> list[Any]:
        """The events about a job, or about its receipt."""
        view = self.views[job]
        ours = (view.id, None if view.receipt is None else view.receipt.id)
        return [
            event
            for event in self.history.of(kind)
            if getattr(event, "job", None) in ours or getattr(event, "receipt", b"") in ours
        ]

    async def until(self, chain: RuntimeClient, what: str, true: Callable[[], bool]) -> None:
        """Read on until something is so."""
        deadline = time.monotonic() + HANG
        while True:
            await self.history.read(chain)
            if true():
                return
            if time.monotonic() > deadline:
                pytest.fail(f"never {what}; {self.story()}")
            await asyncio.sleep(PAUSE)

    def story(self) -> str:
        """Return the events of receipts, what verifiers found, the ends of the programs' logs."""
        receipts = Receipts.__module__.rpartition(".")[0]
        events = [one for one in self.history.events if type(one).__module__.startswith(receipts)]
        found = [
            line
            for file in sorted((self.folder / "net").glob("node-*.log"))
            for line in [file.name, *file.read_text(errors="replace").splitlines()]
            if line == file.name or "verifier_service" in line
        ]
        logs = "\n".join(f"{one.name}\n{one.tail()}" for one in self.net.helpers)
        return "\n".join([*map(str, events), *found, logs])

    async def post(self, chain: RuntimeClient, name: str, provider: str) -> Record:
        """Post a confidential job of one provider's class, and leave it to the gateway."""
        folder, manifest = self.gateway(chain), net_of(CLASS[provider]).manifest
        model, tier = H256(ids.model_id(manifest)), Tier.Confidential
        names = [str(at) for at in range(ITEMS)]
        record = new_record(manifest, model, REQUESTER.account_id, names, [], tier)
        folder.add(record, VALUES.tobytes())
        root = record.input_root(VALUES.tobytes())
        done = await chain.submit(
            "Jobs", "post", signer=REQUESTER, model=model, items=record.items, input_root=root,
            tier=tier, check=Check.Sampled, urgency=Urgency.Routine, max_price=u128(BTT),
            data_bytes=u64(VALUES.nbytes), deadline=u32(60), reply_key=record.keys.reply_public,
            endpoints=folder.endpoints(),
        )  # fmt: skip
        record.job = next(
            event.job for event in done.events if isinstance(event, jobs_events.Posted)
        )
        folder.save(record)
        self.jobs[name] = record.job
        return record

    def gateway(self, chain: RuntimeClient) -> Folder:
        """Files of the gateway."""
        return Folder(self.folder / "gateway", chain.genesis)

    async def ended(self, chain: RuntimeClient, name: str) -> None:
        """Wait until a job is over, and note how."""
        over = (JobState.Finalized, JobState.Refunded, JobState.Slashed)
        deadline = time.monotonic() + HANG
        while time.monotonic() < deadline:
            view: JobView | None = await chain.api(WorkApi.job, self.jobs[name])
            if view is not None and view.state in over:
                self.views[name] = view
                return
            await asyncio.sleep(PAUSE)
        await self.history.read(chain)
        pytest.fail(f"the job {name} never ended; {self.story()}")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run all jobs once."""
    folder = tmp_path_factory.mktemp("jobs")
    net = Devnet.create(folder / "net", spec=spec(), slot_ms=1_000, validators=3)
    for node in net.nodes:
        node.program = launcher.program("lazy" if node.index == 1 else "ready")
    world = World(net, folder)
    np.save(folder / "in.npy", VALUES.astype(np.float64))
    for name, model_class in CLASS.items():
        world.packages[name] = folder / f"{name}.btt"
        save(net_of(model_class), world.packages[name])
    net.helpers[:] = _helpers(world)
    with net:
        net._save()
        net.up()
        asyncio.run(_story(world))
        yield world


def _helpers(world: World) -> list[Helper]:
    made = []
    for at, (name, uri) in enumerate(PROVIDERS.items()):
        folder = world.folder / name
        words = ["--url", world.net[at].ws, "--from", uri, "--bond", "3000BTT",
                 "--base-path", str(folder), "--class", str(CLASS[name])]  # fmt: skip
        program = {
            HONEST: ["-m", "cli.main", "provider", "run", "--jobs", "2"],
            LIAR: [str(CHEAT), "--share", "1"],
            MUTE: [str(CHEAT), "--share", "0", "--mute"],
        }[name]
        made.append(Helper(name, folder, [*program, *words], uri))
    words = ["-m", "cli.main", "job", "gateway", "--from", HOSPITAL, *world.base, *world.url]
    return [*made, Helper("Gateway", world.folder / "gateway", words, HOSPITAL)]


async def _story(world: World) -> None:
    async with open_runtime(world.net[0].ws) as chain:
        await _prepare(world, chain)
        submit = ("job", "submit", str(world.folder / "in.npy"), "--from", HOSPITAL, "--json",
                  "--wait", *world.base)  # fmt: skip
        honest = (*submit, "--check", "full", "--model", str(world.packages[HONEST]))
        lying = (*submit, "--check", "full", "--model", str(world.packages[LIAR]))

        async def second() -> None:
            # Of two commands that sign for one account at once, one would be refused.
            await _posted(world, chain, HONEST)
            await _by_command(world, chain, "wrong", LIAR, *lying)

        await asyncio.gather(
            _by_command(world, chain, "right", HONEST, *honest),
            second(),
            _confidential(world, chain, "private", HONEST),
            _caught(world, chain),
            _withheld(world, chain),
            _of_the_chain(world, chain),
        )
        # Jobs end in the best block, and the history is of final ones.
        last = (await chain.head()).number
        await world.until(chain, "final", lambda: world.history.number >= last)
    world.net.check_agreement()


async def _prepare(world: World, chain: RuntimeClient) -> None:
    """Have all registered: providers by themselves, the models here."""
    folder = world.gateway(chain)
    while not folder.endpoints():
        await asyncio.sleep(0.2)

    async def register(model_class: int) -> None:
        package = net_of(model_class)
        folder.add_model(ids.model_id(package.manifest), b"".join(package.chunks()))
        await chain.submit(
            "Models", "register", signer=REQUESTER, manifest=package.manifest,
            model_class=u16(model_class),
            name=b"net", check=CheckMode.Reexecute, endpoints=folder.endpoints(),
            **stated(package.schema),
        )  # fmt: skip

    await asyncio.gather(*map(register, CLASS.values()))

    def registered() -> bool:
        known = {event.provider for event in world.history.of(providers_events.Registered)}
        return known >= {*WHO.values()}

    await world.until(chain, "registered", registered)


async def _by_command(
    world: World, chain: RuntimeClient, name: str, provider: str, *words: str
) -> None:
    """Have a job done in the open, and see from outside what comes of it as soon as it stands."""

    async def verify() -> None:
        receipt = await _standing(world, chain, name)
        await world.command(f"{name} verify", "work", "verify", "0x" + receipt.hex(), "--json")

    async def order() -> None:
        await world.command(name, *words)
        if "job" not in json.loads(world.commands[name].stdout or "{}"):
            pytest.fail(f"{name}: {world.commands[name].stderr}")

    async def watch() -> None:
        world.jobs[name] = await _posted(world, chain, provider)
        # The chain forgets a job some time after its end, and `verify` may take longer.
        await asyncio.gather(verify(), world.ended(chain, name))

    await asyncio.gather(order(), watch())


async def _posted(world: World, chain: RuntimeClient, provider: str) -> H256:
    """Wait until there is an open job for a provider's class; its id."""
    who, deadline = AccountId(REQUESTER.account_id), time.monotonic() + HANG
    while time.monotonic() < deadline:
        views: list[JobView] = await chain.api(WorkApi.jobs, who, False, None, u32(100))
        for view in views:
            if view.tier is Tier.Open and int(view.model_class) == CLASS[provider]:
                return view.id
        await asyncio.sleep(PAUSE)
    pytest.fail(f"no open job for {provider}; {world.story()}")


async def _standing(world: World, chain: RuntimeClient, name: str) -> H256:
    """Wait until a job is found valid, or wrong; its receipt."""
    deadline, view = time.monotonic() + HANG, None
    while time.monotonic() < deadline:
        view = await chain.api(WorkApi.job, world.jobs[name])
        assert view is not None
        if view.state in (JobState.Pending, JobState.Finalized, JobState.Slashed):
            assert view.receipt is not None
            return view.receipt.id
        if view.state is JobState.Refunded:
            break
        await asyncio.sleep(PAUSE)
    await world.history.read(chain)
    pytest.fail(f"the job {name} was not found valid or wrong, but {view}; {world.story()}")


async def _confidential(world: World, chain: RuntimeClient, name: str, provider: str) -> None:
    record = await world.post(chain, name, provider)
    await world.ended(chain, name)
    world.outputs[name] = world.gateway(chain).result(record)


async def _caught(world: World, chain: RuntimeClient) -> None:
    """A confidential lie. Who is slashed gets no more jobs, so the open one has to be given out."""

    def given() -> bool:
        return WHO[LIAR] in [event.provider for event in world.history.of(jobs_events.Assigned)]

    await world.until(chain, "assigned", given)
    await _confidential(world, chain, "private lie", LIAR)


async def _withheld(world: World, chain: RuntimeClient) -> None:
    """One that serves nothing, and answers on the chain; then one that is not there at all."""
    await world.post(chain, "mute", MUTE)

    def shown() -> bool:
        receipts = [
            one.receipt for one in world.history.of(receipts_events.Submitted)
            if one.job == world.jobs["mute"]
        ]  # fmt: skip
        return any(one.receipt in receipts for one in world.history.of(receipts_events.LeafShown))

    await world.until(chain, "shown", shown)
    await world.post(chain, "gone", MUTE)

    def computed() -> bool:
        return world.jobs["gone"] in [
            event.job for event in world.history.of(receipts_events.Submitted)
        ]

    await world.until(chain, "computed", computed)
    world.net.helper(MUTE).kill()
    await asyncio.gather(world.ended(chain, "mute"), world.ended(chain, "gone"))


async def _of_the_chain(world: World, chain: RuntimeClient) -> None:
    """A job that governance has posted, of inputs that the gateway serves."""
    folder, manifest = world.gateway(chain), net_of(CLASS[HONEST]).manifest
    root = input_root(manifest.graph, VALUES.tobytes(), None)
    folder.add_inputs(root, b"".join(payload_pieces(None, [VALUES.tobytes()])))
    posted: list[H256] = []

    async def decide(call: str, **args: object) -> None:
        wanted = chain._runtime.call("Jobs", call, **args)
        await chain.submit("Sudo", "sudo", signer=KeyPair.from_uri("//Alice"), call=wanted)

    def own() -> list[H256]:
        return [one.job for one in world.history.of(jobs_events.Posted) if one.requester is None]

    def is_posted() -> bool:
        posted[:] = own()[before:]
        return bool(posted)

    # The set of the genesis block posts in each era, too.
    await decide("remove_protocol_set", index=u32(0))
    await world.until(
        chain, "removed", lambda: bool(world.history.of(jobs_events.ProtocolSetRemoved))
    )
    before = len(own())
    await decide(
        "add_protocol_set", model=H256(ids.model_id(manifest)), items=u32(ITEMS), input_root=root,
        data_bytes=u64(VALUES.nbytes), deadline=u32(60), endpoints=folder.endpoints(),
    )  # fmt: skip
    await world.until(chain, "posted by the chain", is_posted)
    added = [one.index for one in world.history.of(jobs_events.ProtocolSetAdded)]
    await decide("remove_protocol_set", index=added[-1])
    world.jobs["public"] = posted[0]
    await world.ended(chain, "public")


def test_a_job_goes_from_a_file_to_its_result_by_commands(played: World) -> None:
    found, shown = played.document("right"), played.commands["right"].stderr
    assert found["state"] == "finalized"
    assert [row["values"] for row in found["outputs"]] == outputs_of(net_of(0).model)
    # A busy machine passes through states between two looks.
    known = ("assigned to", "computing", "committed", "checking", "pending", "finalized")
    seen = [state for line in shown.splitlines() for state in known if line.startswith(state)]
    assert seen == [state for state in known if state in seen], shown
    assert {"checking", "finalized"} <= {*seen}, shown
    assert any("valid, 4 of 4 items checked: items 0, 1, 2, 3" in line for line in found["checked"])
    assert played.views["right"].paid > 0
    checked = played.document("right verify")
    assert (checked["checked"], checked["wrong"]) == ([0, 1, 2, 3], [])


def test_a_false_result_is_slashed_though_its_error_was_planted_and_all_clients_see_it(
    played: World,
) -> None:
    shown, seen = played.commands["wrong"], played.commands["wrong verify"]
    assert shown.returncode == 1
    assert "slashed: the provider was proven wrong" in shown.stderr, shown.stderr
    assert seen.returncode == 1
    assert seen.stdout, seen.stderr
    assert len(json.loads(seen.stdout)["wrong"]) == ITEMS, seen.stdout


def test_only_the_verifier_that_votes_without_checking_misses_planted_errors(played: World) -> None:
    assert len(played.history.of(receipts_events.PlantedErrorRevealed)) >= 2
    slashed = played.history.of(receipts_events.VerifierSlashed)
    assert {event.verifier for event in slashed} == {LAZY}


def test_a_confidential_result_is_checked_by_its_requester_and_paid_at_once(played: World) -> None:
    view = played.views["private"]
    assert (view.state, view.outcome) == (JobState.Finalized, Outcome.Done)
    assert view.receipt is not None
    assert int(view.since) < int(view.receipt.submitted) + 3 * int(RULES.challenge_slots)
    outputs = np.array(outputs_of(net_of(0).model), np.int8)
    assert played.outputs["private"] == outputs.tobytes()


def test_a_confidential_lie_is_proven_by_its_requester(played: World) -> None:
    view = played.views["private lie"]
    assert (view.state, view.outcome) == (JobState.Slashed, Outcome.Fraud)
    (proven,) = played.of(receipts_events.FraudProven, "private lie")
    assert proven.slashed == 10 * int(view.price)
    slashed = {event.provider for event in played.history.of(providers_events.Slashed)}
    assert slashed == {WHO[LIAR]}


def test_who_serves_nothing_is_asked_on_the_chain_and_answers_by_itself(played: World) -> None:
    (asked,), (shown,) = (
        played.of(kind, "mute")
        for kind in (receipts_events.LeafRequested, receipts_events.LeafShown)
    )
    assert (asked.item, asked.tensor, asked.leaf) == (shown.item, shown.tensor, shown.leaf)
    assert played.views["mute"].state is JobState.Finalized


def test_who_does_not_answer_is_fined_and_not_paid(played: World) -> None:
    view = played.views["gone"]
    assert (view.state, view.outcome) == (JobState.Refunded, Outcome.Withheld)
    assert WHO[MUTE] in {event.provider for event in played.history.of(providers_events.Fined)}


def test_a_job_of_the_chain_is_computed_from_what_a_gateway_serves(played: World) -> None:
    view = played.views["public"]
    assert (view.state, view.requester) == (JobState.Finalized, None)
    assert view.provider == WHO[HONEST]
    assert view.paid > 0
