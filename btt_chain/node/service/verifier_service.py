"""Verification of useful work inside the node: the driver of `btt_chain.compute.verifier.machine`.

At every best block it queries the duties of the verifiers whose session keys are here. Fetching
uses a separate host, execution a separate thread, so neither blocks nor votes wait for it. Messages
are signed with the BABE key under a separate label; the records of that key's block signatures are
not touched, as neither can be taken for the other.

A verifier's record is stored in `<base>/chains/<id>/work/records` before its commitment is sent.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, TypeVarTuple, assert_never

from btt_chain.chain.client import Client, UnknownBlock
from btt_chain.chain.notify import ChainEvent, NewBest
from btt_chain.chain.runtimes import UnsupportedRuntime
from btt_chain.client.typed import decode_result, encode_arguments
from btt_chain.compute.blobs.store import BlobDamaged, BlobError, BlobStore
from btt_chain.compute.verifier.machine import (
    Action,
    Case,
    Commit,
    Enough,
    Forget,
    Found,
    Keep,
    Leave,
    Look,
    Lost,
    Prove,
    Record,
    Reveal,
    Verifiers,
)
from btt_chain.compute.worker import ThreadWorker
from btt_chain.crypto.keypair import KeyPair
from btt_chain.crypto.vrf import SchnorrkelVrf, Vrf
from btt_chain.daemon import Backoff
from btt_chain.extras import needs_extra
from btt_chain.keystore import BABE
from btt_chain.lazyclass import dataclass
from btt_chain.node.transactions.pool import PoolService
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.extrinsic import bare, opaque
from btt_chain.scale import DecodeError
from btt_chain.txpool import PoolError
from btt_chain.work import ids
from p2p.errors import NetworkError
from runtime.frame import Runtime
from runtime.frame.api import api_name
from runtime.pallets.babe.pallet import Babe
from runtime.pallets.evidence import BABE_KEY
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import Duty
from runtime.pallets.models.types import CheckMode
from runtime.pallets.receipts.pallet import Receipts
from runtime.pallets.receipts.types import Missing, Valid
from runtime.pallets.session.pallet import Session
from storage.state import StateUnavailable

if TYPE_CHECKING:
    from btt_chain.compute.blobs.fetching import ModelShelf
    from btt_chain.compute.blobs.transport import BlobHost
    from btt_chain.compute.verifier.checking import Finding

log = logging.getLogger(__name__)

MODELS_BYTES: Final = 16 << 30
"""Maximum disk space for models."""
RECORDS_BYTES: Final = 1 << 30
MODEL_SECONDS: Final = 5.0
"""Time until a model that could not be fetched is tried again."""
MAX_RECORD: Final = 64 << 10
"""Maximum bytes of a record: a proof has 24 KiB at most."""
_VRF: Final = SchnorrkelVrf()


class Keys(Protocol):
    """The session keys of a node (`keystore.Keystore`)."""

    def public_keys(self, key_type: bytes) -> list[bytes]:
        """Return the current public keys of a type."""

    def pair(self, key_type: bytes, public: bytes) -> KeyPair | None:
        """Return a key's pair, None if the keystore lacks it."""


Api = TypeVar("Api")
Inputs = TypeVarTuple("Inputs")
Output = TypeVar("Output")


class Chain(Protocol):
    """The chain that verification needs, at its best block."""

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""

    def verifiers(self, keys: Sequence[bytes]) -> tuple[int, list[AccountId]]:
        """Return the slot since genesis, and the verifiers with these BABE keys."""

    def settled(self) -> int:
        """Return the first slot since genesis that is not over by final blocks and by the clock."""

    def api(self, method: Callable[[Api, *Inputs], Output], *args: *Inputs) -> Output:
        """Return the result of a runtime API method."""

    def submit(self, call: str, **args: object) -> None:
        """Submit a bare call of Receipts to the pool. Raises PoolError."""

    def listen(self, listener: Callable[[ChainEvent], None]) -> Callable[[], None]:
        """Call `listener` on every event until the returned function is called."""


class ClientChain:
    """The chain of a node."""

    def __init__(self, client: Client, pool: PoolService) -> None:
        self._client: Final = client
        self._pool: Final = pool

    @property
    def genesis(self) -> bytes:
        """The hash of block zero."""
        return self._client.genesis_hash

    def verifiers(self, keys: Sequence[bytes]) -> tuple[int, list[AccountId]]:
        """Return the slot since genesis, and the verifiers with these BABE keys."""
        runtime = self._runtime(self._client.best().hash)
        session, receipts = runtime.pallet(Session), runtime.pallet(Receipts)
        owners = (session.key_owner.get((BABE_KEY, key)) for key in keys)
        found = {who for who in owners if who is not None and who in receipts.bonds.verifiers}
        return int(runtime.pallet(Babe).now()), sorted(found)

    def settled(self) -> int:
        """Return the first slot since genesis that is not over by final blocks and by the clock."""
        babe = self._runtime(self._client.finalized().hash).pallet(Babe)
        clock = time.time_ns() // 1_000_000 // int(babe.expected_block_time)
        return min(int(babe.now()), clock - int(babe.genesis_slot.value))

    def api(self, method: Callable[[Api, *Inputs], Output], *args: *Inputs) -> Output:
        """Return the result of a runtime API method."""
        data = encode_arguments(method, *args)
        raw = self._client.call(self._client.best().hash, api_name(method), data)
        return decode_result(method, raw)

    def submit(self, call: str, **args: object) -> None:
        """Submit a bare call of Receipts to the pool. Raises PoolError."""
        raw = self._runtime(self._client.best().hash).call(Receipts.__name__, call, **args).raw
        self._pool.submit(opaque(bare(raw)))

    def listen(self, listener: Callable[[ChainEvent], None]) -> Callable[[], None]:
        """Call `listener` on every event until the returned function is called."""
        return self._client.listen(listener)

    def _runtime(self, block: bytes) -> Runtime:
        runtime = self._client.runtime_at(block).queries.runtime
        runtime.enter(self._client.overlay(block))
        return runtime


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of verification."""

    folder: Path
    """Folder of records and models."""
    commit_slots: int
    """The chain's commit window in slots (`WorkRules`)."""
    allow_private: bool
    """If set, providers at private addresses are dialled."""
    vrf: Vrf = _VRF
    on_checked: Callable[[str, float], None] = lambda *_: None
    """Called with each verdict in a word, and the seconds that it took."""


class Records:
    """The verifiers' records on the disk."""

    def __init__(self, folder: Path) -> None:
        """Open a folder. Raises OSError."""
        self._store = BlobStore(folder, most_bytes=RECORDS_BYTES)
        self._unreadable: set[str] = set()

    def load(self) -> list[Record]:
        """Return all readable records; others are logged, and nothing is sent for them."""
        found = []
        for name in self._store.names("record/"):
            try:
                found.append(Record.decode(self._store.load(name, MAX_RECORD)))
            except (BlobError, DecodeError, OSError) as error:
                log.error("a verdict on the disk cannot be read: %s", error)  # noqa: TRY400
                self._unreadable.add(name)
        return found

    def keep(self, record: Record) -> None:
        """Force a record to the disk. Raises OSError, BlobError.

        An unreadable record is never replaced: its verdict may have been sent.
        """
        name = _name(record.case)
        if name in self._unreadable:
            raise BlobDamaged(f"{name} may say something else")
        self._store.put(name, record.encode())

    def forget(self, record: Record) -> None:
        """Remove a record. Raises OSError."""
        self._store.drop(_name(record.case))


def _name(case: Case) -> str:
    return f"record/{sha256(b''.join(case)).hexdigest()}"


@dataclass(slots=True)
class _Tools:
    """Host, thread and models, made for the first receipt."""

    host: BlobHost
    worker: ThreadWorker
    models: ModelShelf


class Verifying:
    """Checks receipts for the verifiers of a node, until cancelled."""

    def __init__(
        self,
        chain: Chain,
        keys: Keys,
        settings: Settings,
        *,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_ready` returns True if the best block is current: not while syncing."""
        self._chain: Final = chain
        self._keys: Final = keys
        self._settings: Final = settings
        self._is_ready: Final = is_ready
        self._news: Final = asyncio.Event()
        self._looks: dict[Case, tuple[asyncio.Task[None], asyncio.Event]] = {}
        self._now = 0
        self._said: set[str] = set()
        self._tools: asyncio.Task[_Tools] | None = None
        self._writes: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until cancelled. Errors here are logged, and never end the node."""
        await self._open_records()
        unlisten = self._chain.listen(self._on_chain_event)
        self._news.set()
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                if self._is_ready():
                    self._ask_duties()
        finally:
            unlisten()
            await self._stop()

    async def _open_records(self) -> None:
        """Read the records; a disk that does not let itself be read is tried again."""
        backoff = Backoff()
        while True:
            try:
                self._records = Records(self._settings.folder / "records")
                self._machine = Verifiers(self._settings.commit_slots, self._records.load())
            except OSError as error:
                if not backoff.tries:
                    log.error("no work is verified: %s; trying again", error)  # noqa: TRY400
                await asyncio.sleep(backoff.failed(0))
            else:
                return

    def _on_chain_event(self, event: ChainEvent) -> None:
        if isinstance(event, NewBest):
            self._news.set()

    async def _stop(self) -> None:
        tasks = [*self._writes, *(task for task, _ in self._looks.values())]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._tools is not None:
            with suppress(NetworkError, OSError, ImportError):
                tools = await self._tools
                tools.worker.close()
                await tools.host.stop()

    # ---- duties

    def _ask_duties(self) -> None:
        try:
            self._now, verifiers = self._chain.verifiers(self._keys.public_keys(BABE))
            for verifier in verifiers:
                duties = self._chain.api(WorkApi.duties, verifier)
                self._do(self._machine.duties(verifier, self._now, duties))
            self._do(self._machine.forget(self._chain.settled()))
        except (UnsupportedRuntime, StateUnavailable, UnknownBlock) as error:
            log.debug("duties cannot be read: %s", error)
        except Exception as error:
            if repr(error) not in self._said:
                self._said.add(repr(error))
                log.exception("no verifier duty was done at this block")

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Look(case, duty):
                    self._begin(case, duty)
                case Enough(case):
                    if case in self._looks:
                        self._looks[case][1].set()
                case Leave(case):
                    if case in self._looks:
                        self._looks[case][0].cancel()
                case Keep(record):
                    task = asyncio.create_task(self._keep(record), name="keep")
                    self._writes.add(task)
                    task.add_done_callback(self._writes.discard)
                case Forget(record):
                    with suppress(OSError):  # it is retried when the node starts
                        self._records.forget(record)
                case Commit() | Reveal() | Prove():
                    self._send(action)
                case Lost(case):
                    log.error(
                        "receipt 0x%s: the commitment of %s is not on the disk; it reveals nothing",
                        case.receipt.hex(),
                        case.verifier,
                    )
                case _:
                    assert_never(action)

    def _begin(self, case: Case, duty: Duty) -> None:
        enough = asyncio.Event()
        task = asyncio.create_task(self._look(case, duty, enough), name="verify")
        self._looks[case] = task, enough

        def ended(done: asyncio.Task[None]) -> None:
            if self._looks.get(case, (None,))[0] is done:
                del self._looks[case]

        task.add_done_callback(ended)

    async def _keep(self, record: Record) -> None:
        try:
            await asyncio.to_thread(self._records.keep, record)
        except (OSError, BlobError) as error:
            log.error("a verdict cannot be stored, so none is given: %s", error)  # noqa: TRY400
            self._machine.not_kept(record.case)
            return
        self._do(self._machine.kept(record.case, self._now))

    # ---- checking

    async def _look(self, case: Case, duty: Duty, enough: asyncio.Event) -> None:
        begun = time.monotonic()
        try:
            finding = await self._finding(case, duty, enough)
        except Exception:
            log.exception("receipt 0x%s cannot be checked", case.receipt.hex())
            finding = None
        if finding is None:
            self._do(self._machine.failed(case))
            return
        seconds, word = time.monotonic() - begun, _word(finding.verdict)
        self._settings.on_checked(word, seconds)
        log.info(
            "receipt 0x%s is %s for %s, after %.1f s%s",
            case.receipt.hex(),
            word,
            case.verifier,
            seconds,
            f": {finding.why}" if finding.why else "",
        )
        found = Found(finding.verdict, finding.digest, finding.fraud, finding.edge)
        self._do(self._machine.found(case, found, secrets.token_bytes(32), self._now))

    async def _finding(self, case: Case, duty: Duty, enough: asyncio.Event) -> Finding | None:
        """Return the result for a receipt; None if this node cannot check it."""
        try:
            tools = await self._prepare()
        except ImportError as error:
            self._warn_once(
                f"a key of this node is a verifier's, and work cannot be verified ({error}): "
                + needs_extra("it needs", "work")
            )
            return None
        from btt_chain.compute.blobs.fetching import NoModel, ProviderSource, lines_of
        from btt_chain.compute.verifier.checking import Look as Task
        from btt_chain.compute.verifier.checking import look_at

        receipt, pair = duty.job.receipt, self._keys.pair(BABE, duty.seat.key)
        if receipt is None or pair is None:
            return None
        model = self._chain.api(WorkApi.model, duty.job.model)
        if model is None:
            return None
        info = duty.job.provider_info
        served = [] if info is None else lines_of(info.endpoints)
        executor = None
        while executor is None:  # until it is too late: then the task is cancelled
            try:
                executor = await tools.models.executor(
                    duty.job.model, [*lines_of(model.endpoints), *served]
                )
            except NoModel as error:
                self._warn_once(f"receipts of a model cannot be checked: {error}")
                await asyncio.sleep(MODEL_SECONDS)
        items = int(duty.job.items)
        output = self._settings.vrf.evaluate(pair, ids.check_input(case.beacon, case.receipt))
        rho = ids.rho(output)
        task = Task(
            receipt=case.receipt,
            items=items,
            input_root=duty.job.input_root,
            item_root=receipt.item_root,
            output_root=receipt.output_root,
            rho=rho,
            chosen=ids.sample(rho, items, int(receipt.sample_count), duty.seat.missed),
            vectors=model.check is CheckMode.Vectors,
        )
        source = ProviderSource(tools.host, served, enough)
        return await look_at(task, executor, source, tools.worker)

    async def _prepare(self) -> _Tools:
        """Open host, thread and models. Raises ImportError, NetworkError, OSError."""
        if self._tools is None or (self._tools.done() and self._tools.exception() is not None):
            self._tools = asyncio.create_task(self._make(), name="blobs")
        return await asyncio.shield(self._tools)

    async def _make(self) -> _Tools:
        worker = ThreadWorker()
        try:
            # This import is slow, and fails in the base installation.
            await worker.run(lambda: import_module("btt_chain.compute.verifier.checking"))
            return await self._open(worker)
        except BaseException:
            worker.close()
            raise

    async def _open(self, worker: ThreadWorker) -> _Tools:
        from btt_chain.compute.blobs.fetching import ModelShelf
        from btt_chain.compute.blobs.transport import BlobHost, BlobSettings

        store = BlobStore(self._settings.folder / "models", most_bytes=MODELS_BYTES)
        host = BlobHost(
            BlobSettings(
                secrets.token_bytes(32),
                self._chain.genesis,
                allow_private=self._settings.allow_private,
            )
        )
        await host.start()
        return _Tools(host, worker, ModelShelf(store, host, worker))

    # ---- sending

    def _send(self, action: Commit | Reveal | Prove) -> None:
        """Submit a decision to the pool; if it is refused, it is sent again later."""
        record = action.record
        pair = self._keys.pair(BABE, record.key)
        if pair is None:
            self._warn_once(f"the key 0x{record.key.hex()} is gone: its verifier keeps silent")
            return
        try:
            name, args = self._call(action, pair)
            self._chain.submit(name, **args)
        except (PoolError, UnsupportedRuntime, StateUnavailable, UnknownBlock) as error:
            log.debug("%s of 0x%s is not taken: %s", type(action).__name__,
                      record.receipt.hex(), error)  # fmt: skip

    def _call(
        self, action: Commit | Reveal | Prove, pair: KeyPair
    ) -> tuple[str, dict[str, object]]:
        record, genesis = action.record, self._chain.genesis
        who = {"receipt": record.receipt, "verifier": record.verifier}
        match action:
            case Commit():
                commitment = record.commitment(genesis)
                message = ids.commit_message(
                    genesis, record.receipt, record.verifier, record.beacon, commitment
                )
                return "attest_commit", {
                    **who,
                    "commitment": commitment,
                    "signature": pair.sign(message),
                }
            case Reveal():
                vrf, proof = self._settings.vrf.sign(
                    pair, ids.check_input(record.beacon, record.receipt)
                )
                return "attest_reveal", {
                    **who,
                    "verdict": record.verdict,
                    "digest": record.digest,
                    "salt": record.salt,
                    "pre_output": vrf.pre_output,
                    "proof": proof,
                }
            case Prove() if record.fraud is not None:
                return "prove_fraud", {"receipt": record.receipt, "proof": record.fraud}
            case Prove():
                output = getattr(record.verdict, "output", False)
                return "prove_edge", {
                    "receipt": record.receipt,
                    "proof": record.edge,
                    "output": output,
                }

    def _warn_once(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning("%s", what)


def _word(verdict: object) -> str:
    if isinstance(verdict, Valid):
        return "valid"
    return "withheld" if isinstance(verdict, Missing) else "wrong"
