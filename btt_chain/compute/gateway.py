"""The requester's side of useful work: payloads out, results in, and nothing lost in between.

A job's inputs and its secret are on the disk before it is posted; whatever stops this program, the
next one goes on from there. Inputs are sealed only to a provider whose assignment is final (ruling
38), and to the next one anew if it is another. A result counts only if it is what the receipt on
the chain commits to. What is computed for whom stays in the folder: files are private, and no log
line says more than a job's id.

`decide` is the decision, `Gateway` the rim around it, `Folder` what is kept.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from btt_chain.compute.chain import Chain, ChainError, ChainGone, Head
from btt_chain.compute.payload import (
    edge_root,
    payload_context,
    payload_pieces,
    result_context,
)
from btt_chain.compute.sealing import (
    JobKeys,
    SealError,
    job_keys,
    open_pieces,
    seal_pieces,
    sealed_size,
)
from btt_chain.compute.store import BlobError, BlobStore
from btt_chain.compute.transport import (
    BlobHost,
    FetchFailed,
    NotKept,
    model_name,
    payload_name,
    result_name,
)
from btt_chain.keystore.files import Lock, commit, make_private_folder, write_aside
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import DecodeError, Fixed, codec, path, u16, u32
from btt_chain.work.graph import Binary32, Manifest, Tensor
from btt_chain.work.layout import tensor_layout
from runtime.pallets.jobs.types import JobState, Tier
from runtime.pallets.receipts.types import Missing, Phase
from runtime.work_views import JobView

if TYPE_CHECKING:
    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.work.package import Package

log = logging.getLogger(__name__)

READ: Final = 1 << 20
FETCH: Final = 300.0
"""Seconds for a result; then the chain is looked at again."""
GIVE_UP: Final = 86_400.0
"""Seconds after which a job that the chain does not know was never posted, or is forgotten."""
PAGE: Final = 100
MOST_ENDPOINTS: Final = 256
"""Bytes of addresses that a job holds."""

COMMITTED: Final = (
    JobState.Committed, JobState.Checking, JobState.Pending, JobState.Finalised,
)  # fmt: skip
"""States with a receipt that may stand."""
LOST: Final = (JobState.Refunded, JobState.Slashed)
ENDED: Final = (JobState.Finalised, *LOST)


@path("btt_gateway::Record")
@dataclass(slots=True)
class Record:
    """What a requester keeps of a job."""

    secret: Annotated[bytes, Fixed(32)]
    """All keys of the job follow from it (`sealing.job_keys`)."""
    requester: AccountId
    model: H256
    tier: Tier
    items: u32
    input: Tensor
    output: Tensor
    output_scale: Binary32
    last: u16
    """The place of the output among the tensors that are committed to."""
    names: list[str]
    """What each item came from."""
    labels: list[str]
    """What the outputs are called."""
    job: H256 | None = None
    """None: it is not known yet whether it was posted."""
    sealed_for: AccountId | None = None
    over: bool = False
    """Nothing is to be done about it any more."""

    @property
    def keys(self) -> JobKeys:
        """The keys of the job."""
        return job_keys(self.secret)

    @property
    def leaf_key(self) -> bytes | None:
        """The key of its leaves, if it is confidential."""
        return self.keys.leaves if self.tier is Tier.Confidential else None

    @property
    def name(self) -> str:
        """What its files are called."""
        return self.keys.reply_public.hex()


_RECORD: Final = codec(Record)


def new_record(
    manifest: Manifest, model: bytes, requester: bytes, names: list[str], labels: list[str],
    tier: Tier,
) -> Record:  # fmt: skip
    """A record with a new secret."""
    graph = manifest.graph
    return Record(
        secrets.token_bytes(32), AccountId(requester), H256(model), tier, u32(len(names)),
        graph.input, graph.output, manifest.output_scale, u16(len(graph.committed) - 1), names,
        labels,
    )  # fmt: skip


# ---- what is kept


class Damaged(Exception):
    """A file of the gateway is not what it wrote: move it away, and restore it from a copy."""


class Folder:
    """All that a gateway keeps for one chain. Any number of programs may add to it.

    Only the one that holds `lock` serves, and touches `blobs`.
    """

    def __init__(self, base: Path, genesis: bytes) -> None:
        """Open or make it. Raises OSError."""
        self.path: Final = base / "gateway" / genesis.hex()[:16]
        for part in ("jobs", "items", "results", "models", "inputs"):
            make_private_folder(self.path / part)

    def lock(self) -> Lock:
        """Become the one that serves. Raises keystore.files.Held while another does."""
        return Lock(self.path / "lock")

    @property
    def blobs(self) -> Path:
        """Where the store of the serving gateway lies."""
        return self.path / "blobs"

    def seed(self) -> bytes:
        """What our identity on the network follows from; drawn the first time. Raises OSError."""
        file = self.path / "network-key"
        with suppress(FileNotFoundError):
            return file.read_bytes()
        seed = secrets.token_bytes(32)
        _write(file, seed)
        return seed

    def tell_endpoints(self, listen: str, endpoints: Sequence[str]) -> None:
        """Note where the serving gateway is reached, for those who post. Raises OSError.

        Jobs that are posted name the port, so a port that was any is this one from now on.
        """
        host, _, port = listen.rpartition("/")
        if port == "0":
            port = endpoints[0].split("/")[4]
        _write(self.path / "listen", f"{host}/{port}".encode())
        _write(self.path / "endpoints", joined(endpoints))

    def listen(self) -> str | None:
        """Where the last gateway listened."""
        with suppress(FileNotFoundError):
            return (self.path / "listen").read_text()
        return None

    def endpoints(self) -> bytes:
        """Where the gateway is reached, as a job holds it; nothing if none ever ran."""
        with suppress(FileNotFoundError):
            return (self.path / "endpoints").read_bytes()
        return b""

    def add(self, record: Record, items: bytes) -> None:
        """Keep a job and its inputs, before it is posted. Raises OSError."""
        _write(self.path / "items" / record.name, items)
        self.save(record)

    def save(self, record: Record) -> None:
        """Keep what changed of a job. Raises OSError."""
        _write(self._job(record.name), _RECORD.encode(record))

    def forget(self, record: Record) -> None:
        """Forget a job that was never posted."""
        self._job(record.name).unlink(missing_ok=True)
        self.drop_items(record)

    def age(self, record: Record) -> float:
        """Seconds since anything of a job changed here."""
        return time.time() - self._job(record.name).stat().st_mtime

    def records(self) -> list[Record]:
        """All jobs, the oldest first. Raises Damaged, OSError."""
        files = sorted((self.path / "jobs").glob("*.job"), key=lambda file: file.stat().st_mtime_ns)
        return [self._read(file) for file in files]

    def record_of(self, job: bytes) -> Record | None:
        """The record of a job; None if it was not posted from here. Raises Damaged, OSError."""
        return next((record for record in self.records() if record.job == job), None)

    def items(self, record: Record) -> bytes | None:
        """The inputs of a job, as long as they are needed."""
        with suppress(FileNotFoundError):
            return (self.path / "items" / record.name).read_bytes()
        return None

    def drop_items(self, record: Record) -> None:
        """Forget the inputs of a job."""
        (self.path / "items" / record.name).unlink(missing_ok=True)

    def keep_result(self, record: Record, outputs: bytes) -> None:
        """Keep the outputs of a job, opened. Raises OSError."""
        _write(self.path / "results" / record.name, outputs)

    def result(self, record: Record) -> bytes | None:
        """The outputs of a job; None until they came."""
        with suppress(FileNotFoundError):
            return (self.path / "results" / record.name).read_bytes()
        return None

    def add_model(self, model: bytes, package: bytes) -> None:
        """Keep a model to serve. Raises OSError."""
        _write(self.path / "models" / model.hex(), package)

    def package(self, model: bytes) -> Package | None:
        """A model that is kept here; None if it is not, or damaged. Needs numpy."""
        from btt_chain.work.errors import WorkError  # noqa: PLC0415 - an extra
        from btt_chain.work.package import load  # noqa: PLC0415 - an extra

        try:
            return load(self.path / "models" / model.hex())
        except (FileNotFoundError, WorkError):
            return None

    def add_inputs(self, root: bytes, payload: bytes) -> None:
        """Keep the inputs of a job of the chain itself to serve; they are public. Raises OSError.

        `root` is over the roots of all items' inputs, `payload` what a provider fetches.
        """
        _write(self.path / "inputs" / root.hex(), payload)

    def shared(self) -> Iterator[tuple[str, Path]]:
        """What everybody may fetch: the names and files of models and public inputs."""
        for part, name_of in (("models", model_name), ("inputs", payload_name)):
            for file in sorted((self.path / part).iterdir()):
                if not file.name.startswith("."):
                    yield name_of(bytes.fromhex(file.name)), file

    def _job(self, name: str) -> Path:
        return self.path / "jobs" / f"{name}.job"

    def _read(self, file: Path) -> Record:
        try:
            return _RECORD.decode_all(file.read_bytes())
        except DecodeError as error:
            raise Damaged(f"{file} is damaged: {error}") from None


def joined(endpoints: Iterable[str]) -> bytes:
    """Addresses as a job holds them: as many as fit, a line each."""
    lines: list[str] = []
    for endpoint in endpoints:
        if len("\n".join([*lines, endpoint])) > MOST_ENDPOINTS:
            break
        lines.append(endpoint)
    return "\n".join(lines).encode("ascii")


def split(endpoints: bytes) -> list[str]:
    """Addresses out of what the chain holds; what is none is left out."""
    return [line for line in endpoints.decode("ascii", "ignore").split("\n") if line]


def _write(file: Path, data: bytes) -> None:
    commit(write_aside(file, data, secrets.token_hex(4)), file)


# ---- what is to be done


class Step(Enum):
    """What a gateway does next about a job."""

    WAIT = auto()
    SEAL = auto()
    """Seal the payload to the provider that is finally assigned, and serve it."""
    FETCH = auto()
    """Fetch the result, and see whether it is what the receipt says."""
    CHECK = auto()
    """See whether a confidential result is right: nobody else does."""
    CLOSE = auto()
    """It is over: forget the inputs."""


def decide(record: Record, best: JobView, final: JobView | None, *, has_result: bool) -> Step:
    """What to do about a job, by what the best and the last final block say of it.

    To whom a payload is sealed follows from the final one alone: a fork that gives the job to
    somebody else must not have made two people see it.
    """
    if best.state in LOST:
        return Step.CLOSE
    if best.state in COMMITTED:
        if not has_result:
            return Step.FETCH
        if best.state is JobState.Finalised:
            return Step.CLOSE
        disputable = best.state is JobState.Pending and record.tier is Tier.Confidential
        return Step.CHECK if disputable else Step.WAIT
    if final is None or final.state not in (JobState.Assigned, JobState.Computing):
        return Step.WAIT
    if final.provider_info is None or record.sealed_for == final.provider:
        return Step.WAIT
    return Step.SEAL if best.provider == final.provider else Step.WAIT


def may_ask(record: Record, best: JobView, window: int) -> bool:
    """Tell whether it is time to ask on the chain for what the provider does not serve.

    That costs 1 % of the price, so the provider has half of the time in which it can be done;
    `window` is how many slots it has to answer. Of a trap it may not serve the result yet.
    """
    receipt = best.receipt
    if receipt is None or receipt.phase is not Phase.Pending or receipt.trapped:
        return False
    last = int(receipt.due) - window
    half = int(best.since) + (last - int(best.since)) // 2
    asked = any(one.by == record.requester for one in receipt.challenges)
    return half <= best.now < last and not asked


class ResultRefused(Exception):
    """What came as the result is not what the receipt commits to, or does not open."""


def open_result(record: Record, job: bytes, output_root: bytes, sealed: Iterable[bytes]) -> bytes:
    """Open a result and hold it against the receipt. Raises ResultRefused."""
    try:
        outputs = b"".join(open_pieces(sealed, record.keys.reply_secret, result_context(job)))
    except SealError as error:
        raise ResultRefused(str(error)) from None
    wanted = int(record.items) * record.output.nbytes
    if len(outputs) != wanted:
        raise ResultRefused(f"{len(outputs)} bytes of outputs in place of {wanted}")
    if edge_root(record.output, int(record.last), outputs, record.leaf_key) != output_root:
        raise ResultRefused("the outputs are not those that the receipt commits to")
    return outputs


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs for a requester, and what for.

    Confidential results are accepted if they are right, and proven wrong if not; what a provider
    does not serve is asked for on the chain.
    """

    pair: KeyPair
    shows: bool = True
    """Whether proofs and answers may show everybody a piece of a confidential item."""


class Gateway:
    """Serves payloads, fetches results, until every job of a folder is over."""

    def __init__(
        self,
        folder: Folder,
        chain: Chain,
        host: BlobHost,
        store: BlobStore,
        tell: Callable[[Record, JobView], None] = lambda *_: None,
        signer: Signer | None = None,
    ) -> None:
        """`tell` hears of every look at a job that is not over; `store` is what `host` serves.

        Without a `signer` nothing is sent to the chain, and confidential results are not checked.
        """
        self._folder = folder
        self._chain = chain
        self._host = host
        self._store = store
        self._tell = tell
        self._signer = signer
        self._window: int | None = None
        self._settled: set[str] = set()
        """Jobs whose result has nothing more done about it."""
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._served: set[str] = set()

    async def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Go on with every block. Raises ChainGone, and what the folder raises."""
        try:
            async for head in self._chain.heads():
                await self.step(head)
                if until():
                    return
        finally:
            for task in self._at_work.values():
                task.cancel()
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)
            self._at_work.clear()

    async def step(self, head: Head) -> None:
        """Look at every job once. What takes long goes on by itself. Raises ChainGone, Damaged."""
        self._serve_shared()
        for record in self._folder.records():
            if record.over:
                continue
            try:
                await self._look(record, head)
            except ChainGone:
                raise
            except (ChainError, BlobError, SealError, OSError) as error:
                log.warning("job %s: %s; trying again", _id(record), error)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._at_work:
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def _look(self, record: Record, head: Head) -> None:
        if record.job is None and not await self._adopt(record):
            return
        best = await self._chain.api("WorkApi_job", record.job)
        if best is None:
            # A fork may have undone the posting; what was final or is old was forgotten instead.
            if record.sealed_for is not None or self._folder.age(record) > GIVE_UP:
                self._close(record)
            return
        final = await self._chain.api("WorkApi_job", record.job, at=head.final_hash)
        has_result = self._folder.result(record) is not None
        self._tell(record, best)
        step = decide(record, best, final, has_result=has_result)
        if step is Step.FETCH and await self._may_ask(record, best):
            # Whatever goes on: who sends a byte now and then must not pass for one who delivers.
            self._begin(f"{record.name} asking", record, self._ask(record, best))
        if record.name in self._at_work:
            return
        if step is Step.CLOSE:
            self._close(record)
        elif step is Step.SEAL and final is not None:
            self._begin(record.name, record, asyncio.to_thread(self._seal, record, final))
        elif step is Step.FETCH:
            self._begin(record.name, record, self._fetch(record, best))
        elif step is Step.CHECK and self._signer_of(record) and record.name not in self._settled:
            self._begin(record.name, record, self._check(record, best))

    async def _adopt(self, record: Record) -> bool:
        """Find the job of a record that a program left behind as it posted it."""
        reply, after = record.keys.reply_public, None
        while True:
            args = (record.requester, True, after, u32(PAGE))
            jobs: list[JobView] = await self._chain.api("WorkApi_jobs", *args)
            for job in jobs:
                if job.reply_key == reply:
                    record.job = job.id
                    self._folder.save(record)
                    return True
            if len(jobs) < PAGE:
                break
            after = jobs[-1].id
        if self._folder.age(record) > GIVE_UP:
            self._folder.forget(record)
        return False

    def _begin(self, name: str, record: Record, work: Coroutine[object, object, None]) -> None:
        """Let something go on by itself; nothing else is begun under this name meanwhile."""

        async def attempt() -> None:
            try:
                await work
            except (ChainError, BlobError, SealError, OSError, FetchFailed, NotKept) as error:
                log.info("job %s: %s; trying again", _id(record), error)
            except ResultRefused as error:
                log.warning("job %s: the result is refused: %s", _id(record), error)
            finally:
                del self._at_work[name]

        self._at_work[name] = asyncio.create_task(attempt())

    def _seal(self, record: Record, final: JobView) -> None:
        items = self._folder.items(record)
        if items is None or final.provider_info is None:
            log.warning("job %s: its inputs are gone, so nobody can compute it", _id(record))
            return
        plain = payload_pieces(record.leaf_key, _cut(items))
        context = payload_context(final.id)
        self._store.put(
            payload_name(final.id), seal_pieces(plain, final.provider_info.seal, context)
        )
        record.sealed_for = final.provider
        self._folder.save(record)
        log.info("job %s: the payload waits for its provider", _id(record))

    async def _fetch(self, record: Record, best: JobView) -> None:
        """Raises what fetching and opening raise."""
        if best.provider_info is None or best.receipt is None:
            return
        name = result_name(best.id)
        limit = sealed_size(int(record.items) * record.output.nbytes)
        await self._host.fetch(
            split(best.provider_info.endpoints), name, self._store, limit=limit, seconds=FETCH
        )
        try:
            outputs = await asyncio.to_thread(
                open_result, record, best.id, best.receipt.output_root, self._store.pieces(name)
            )
        finally:
            # Sealed or not, it is of no use any more: what was opened is kept.
            self._store.drop(name)
        self._folder.keep_result(record, outputs)
        log.info("job %s: the result is here", _id(record))

    # ---- what a requester signs

    def _signer_of(self, record: Record) -> Signer | None:
        signer = self._signer
        return signer if signer and signer.pair.account_id == record.requester else None

    async def _may_ask(self, record: Record, best: JobView) -> bool:
        signer = self._signer_of(record)
        if signer is None or f"{record.name} asking" in self._at_work:
            return False
        if record.tier is Tier.Confidential and not signer.shows:
            return False
        if self._window is None:
            self._window = int((await self._chain.api("WorkApi_rules")).transcript_slots)
        return may_ask(record, best, self._window)

    async def _ask(self, record: Record, best: JobView, place: Missing | None = None) -> None:
        """Have the provider show a leaf on the chain; one of an output, unless told otherwise."""
        signer = self._signer_of(record)
        if best.receipt is None or signer is None:
            return
        if place is None:
            luck = int.from_bytes(luck_of(record, best.receipt.id), "little")
            leaves = tensor_layout(record.output).count
            place = Missing(u32(luck % int(record.items)), record.last, u32((luck >> 32) % leaves))
        await self._chain.submit(
            "Receipts", "challenge_data", signer=signer.pair, receipt=best.receipt.id,
            item=place.item, tensor=u32(place.tensor), leaf=place.leaf,
        )  # fmt: skip
        log.warning(
            "job %s: what its provider does not serve was asked for on the chain", _id(record)
        )

    async def _check(self, record: Record, best: JobView) -> None:
        """See to a confidential result. Raises ChainError."""
        from btt_chain.compute import confirm  # noqa: PLC0415 - needs this module, and an extra

        signer = self._signer_of(record)
        if signer is None:
            return
        try:
            finding = await confirm.look(self._folder, self._host, record, best)
        except confirm.CannotLook as reason:
            log.warning("job %s: the result cannot be checked: %s", _id(record), reason)
            self._settled.add(record.name)
            return
        if isinstance(finding.verdict, Missing):
            log.info("job %s: %s; trying again", _id(record), finding.why)
            if await self._may_ask(record, best):
                await self._ask(record, best, finding.verdict)
        elif not await confirm.answer(self._chain, signer, best, finding):
            self._settled.add(record.name)

    # ---- afterwards

    def _close(self, record: Record) -> None:
        """Forget what nobody needs any more; what the requester may want to see stays."""
        if record.job is not None:
            self._store.drop(payload_name(record.job))
        self._folder.drop_items(record)
        record.over = True
        self._folder.save(record)

    def _serve_shared(self) -> None:
        for name, file in self._folder.shared():
            if name in self._served:
                continue
            if not self._store.has(name):
                with file.open("rb") as source:
                    self._store.put(name, iter(lambda: source.read(READ), b""))
            self._served.add(name)


def _cut(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for at in range(0, len(view), READ):
        yield bytes(view[at : at + READ])


def luck_of(record: Record, receipt: bytes) -> H256:
    """What a requester draws by what it looks at of a receipt: nobody else can tell, ever."""
    return H256(sha256(b"btt requester" + record.secret + receipt).digest())


def _id(record: Record) -> str:
    return "not posted yet" if record.job is None else f"0x{record.job.hex()[:12]}"
