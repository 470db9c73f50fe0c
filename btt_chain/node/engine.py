"""The engine: a node without clock, sockets and threads.

It connects the client with its importer, the pool, the slot worker, GRANDPA's gadget and sync.
Events of the network and the time come in, actions for the network go out, in the order in which
they are to be carried out. The node drives it with a real clock and network (`driver.py`), the
simulator with its own (`tests/support/sim`). It writes to the client's store and to the signing
records, at once.

    engine.start(now)              once, before anything else
    engine.hear(event, now)        an event of the network
    engine.tick(now)               at `engine.due`, or before
    engine.work(now)               while `engine.busy`: import one waiting block, or process
                                   some transactions of a peer and some rechecks of the pool
    engine.flush(now)              after transactions were added to the pool

All times are unix milliseconds. A StorageError, a RecordNotWritten, a UnsupportedRuntime or a
MigrationFailed raised by any of these ends the node: it cannot go on. Where the chain moves to a
runtime version that is not carried, the node neither imports nor makes blocks, and goes on with all
else.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from btt_chain.chain.client import BelowFinalized, Client, TooManyForks, UnknownBlock
from btt_chain.chain.notify import BlockRef, ChainEvent, Finalized, NewBest
from btt_chain.chain.runtimes import UnsupportedUpgrade
from btt_chain.consensus.author import Pace
from btt_chain.consensus.babe.verify import Reason, Refused, Verified, slot_of
from btt_chain.consensus.babe.worker import Authored, Forbidden, SlotWorker
from btt_chain.consensus.finality import gadget as finality
from btt_chain.consensus.finality.gadget import BadHeader, Broken, Gadget, Offence, Save, Want
from btt_chain.consensus.finality.voter import ArmTimer, Finalize
from btt_chain.consensus.importer import Importer
from btt_chain.node.announces import Announces, Received
from btt_chain.node.expenses import Expenses, Meter
from btt_chain.node.pool import PoolService
from btt_chain.node.signing import Signer
from btt_chain.node.signing_record_check import chain_age
from btt_chain.node.tx_gossip import TxGossip
from btt_chain.node.tx_intake import TxIntake
from btt_chain.primitives import babe_equivocation
from btt_chain.primitives.digest import GRANDPA as GRANDPA_ENGINE
from btt_chain.primitives.digest import Consensus, RuntimeEnvironmentUpdated
from btt_chain.primitives.grandpa import Justification, Stage, Target
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import TransactionSource
from btt_chain.scale import DecodeError
from btt_chain.txpool import PoolError
from p2p import network
from p2p.network import (
    AUTHORITY,
    FULL,
    Answer,
    Asked,
    Connected,
    Disconnected,
    Event,
    GossipReceived,
    NoteReceived,
    Penalise,
    Publish,
    SetStatus,
    Status,
)
from p2p.protocols.messages import Announce
from p2p.protocols.serve import ChainSource, answer
from p2p.sync.machine import Sync
from p2p.sync.types import Action as SyncAction
from p2p.sync.types import (
    BeginState,
    Block,
    BlockId,
    BlocksImported,
    FinishState,
    HistoryStored,
    ImportBlocks,
    ImportHistory,
    ImportJustification,
    JustificationJudged,
    Refusal,
    Report,
    StateFinished,
    StateStored,
    StoreState,
)
from runtime.frame import InvalidBlock
from runtime.pallets.upgrade import coming
from runtime.reports import AnyProof
from storage.state import StateUnavailable

log = logging.getLogger(__name__)

SYNC_EVERY: Final = 250
"""Milliseconds between two checks for overdue requests."""
SYNC_IDLE: Final = 1_000
"""The same while sync waits for nothing."""
STAND_MS: Final = 10_000
"""Time until a block that moves the chain to a runtime version that is not carried is retried."""
LAW_SLOTS: Final = 8
"""Slots around a change of the runtime in which no peer is penalized for a transaction that was
signed for the version of the other side: not all nodes are at the same block."""
BAD_BATCH: Final = 100
BAD_QUESTION: Final = 50
BAD_ANNOUNCE: Final = 500
"""The price of an announce that its sender should not have forwarded."""
STALE_US: Final = 5_000
"""Minimum charge for an announce that is malformed, or at or below the last final block."""
LOOKED_BACK: Final = 8
"""Blocks whose transactions a starting node records as included."""


class Maker(Protocol):
    """Builds the unsigned extrinsic that reports an offence, on a block's state."""

    def __call__(self, at: bytes, proof: AnyProof) -> bytes | None:
        """Return it with its length prefix; None if no authority has the offender's key."""


class StateStore(Protocol):
    """Storage for a state that is fetched by ranges, and for the blocks below it."""

    def begin(self, order: BeginState) -> None:
        """Prepare for a state."""

    def store(self, order: StoreState) -> None:
        """Write a range."""

    def finish(self, order: FinishState) -> None:
        """Make its block the final head."""

    def history(self, blocks: Sequence[Block]) -> None:
        """Write blocks below that block, highest first."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the chain, and the role of this node."""

    slot_ms: int
    validator: bool = False
    force_authoring: bool = False
    """Make blocks without peers and while syncing, too."""
    build_share: tuple[int, int] = (1, 3)
    """Maximum share of a slot to make its block."""


@dataclass(slots=True)
class Parts:
    """The components of an engine."""

    client: Client
    pool: PoolService
    importer: Importer
    gadget: Gadget
    voting: Callable[[int], Gadget]
    """Makes the gadget again from the store, at a time."""
    sync: Sync
    source: ChainSource
    state: StateStore
    report: Maker
    worker: SlotWorker | None = None
    signer: Signer | None = None


class Watcher(Protocol):
    """Observer of the engine: log and metrics."""

    def begin(self) -> None:
        """Called before a block is made or imported; `imported` or `refused` follows."""

    def imported(self, header: Header, ref: BlockRef, verified: Verified | None, *,
                 own: bool) -> None:  # fmt: skip
        """Called after a block was imported."""

    def refused(self, hash: bytes, number: int, why: str) -> None:
        """Called after a block was refused."""

    def authored(self, authored: Authored) -> None:
        """Called after we made a block; it is imported next."""

    def slot(self, slot: int, outcome: str) -> None:
        """Called for a slot of ours without a block, with the outcome: `missed` or `refused`."""

    def voted(self, stage: Stage) -> None:
        """Called after we signed a vote."""

    def finalized(self, target: Target) -> None:
        """Called after a block was proven final."""

    def equivocation(self, engine: str, who: bytes) -> None:
        """Called after an equivocation was found."""

    def broken(self, broken: Broken) -> None:
        """Called after conflicting blocks were proven final: finality stops here."""


@dataclass(slots=True)
class _Batch:
    """Blocks from sync, to be imported."""

    id: int
    blocks: Sequence[Block]
    done: int = 0

    @property
    def must_prove(self) -> bool:
        """True if the proof that came with the next block must be processed.

        The proof of a later block makes it final, too, and each costs signatures and a wait for the
        disk. Only the proof of a block that ends a set must not be skipped.
        """
        here, later = self.blocks[self.done], self.blocks[self.done + 1 :]
        if not any(block.justification for block in later):
            return True
        return any(
            isinstance(log, Consensus) and log.engine == GRANDPA_ENGINE
            for log in here.header.digest.logs
        )

    @property
    def has_more(self) -> bool:
        """True if more blocks follow, each on the one before."""
        return self.done + 1 < len(self.blocks)


class Engine:
    """The decisions of a node."""

    def __init__(
        self,
        parts: Parts,
        settings: Settings,
        *,
        pace: Callable[[float], Callable[[], Pace]],
        meter: Meter,
        watcher: Watcher,
    ) -> None:
        """Use open parts. `pace(seconds)` measures a block that may take so long, `meter` returns
        the processor time used so far.
        """
        self.parts: Final = parts
        self.settings: Final = settings
        self._pace = pace
        self._watch = watcher
        self._out: list[network.Action] = []
        self._batches: deque[_Batch] = deque()
        self._gadget_at: int | None = None
        self._sync_at = 0
        self._slot: int | None = None
        self._meter = meter
        self._expenses = Expenses()
        self._gossip = TxGossip(parts.pool)
        self._intake = TxIntake(
            parts.client, parts.pool, self._gossip, self._expenses, meter, self._law_changes
        )
        self._announces = Announces(parts.client, parts.importer, settings.slot_ms)
        self._said: Status | None = None
        self._peers: dict[str, None] = {}
        self._asked_proof: bytes | None = None
        self._proof_listeners: dict[object, Callable[[bytes], None]] = {}
        self._keys: Sequence[bytes] = ()
        self._law_changed: int | None = None
        """The slot of the last imported block that changes the runtime."""
        self._now = 0
        self._shift = 0
        """Total milliseconds that the clock has gone back."""
        self._dirty = True
        """The heads, or the lowest block, may have moved since they were last sent."""
        parts.client.listen(self._hear_chain)
        parts.pool.on_arrival(lambda hashes: self._gossip.arrived(hashes, self._steady))
        parts.pool.in_turns = True

    # ---- events

    def start(self, now: int) -> list[network.Action]:
        """Begin; call once, before anything else."""
        self._now = now
        self._sync_at = self._steady
        if self.parts.signer is not None:
            self._keys = list(self.parts.signer.keys())
        client = self.parts.client
        best = client.best().number
        for number in range(max(1, best - LOOKED_BACK + 1), best + 1):
            self._gossip.note_included(client.body(client.block_hash(number) or b"") or [])
        self._obey(self.parts.gadget.start(now))
        return self._done()

    def hear(self, event: Event, now: int) -> list[network.Action]:
        """Process an event of the network, and record its cost to its sender."""
        self._hear_clock(now)
        begun, before = self._meter(), len(self._out)
        self._take_event(event, now)
        match event:
            case GossipReceived(network.TX | network.ANNOUNCE):
                pass  # charged where more is known about them
            case GossipReceived(kind, peer) | Asked(peer, kind):
                self._note_cost(peer, kind, begun, before)
            case NoteReceived(peer):
                self._note_cost(peer, network.GRANDPA_PEER, begun, before)
            case _:
                pass
        return self._done()

    def _take_event(self, event: Event, now: int) -> None:
        gadget, sync, steady = self.parts.gadget, self.parts.sync, self._steady
        match event:
            case NoteReceived(peer, data):
                self._obey(gadget.note_received(peer, data, now))
            case GossipReceived(network.GRANDPA, peer, data):
                self._obey(gadget.gossip_received(peer, data, now))
            case GossipReceived(network.TX, peer, data):
                if not sync.major:  # not to be validated on an old state
                    self._out += self._intake.receive(peer, data)
                    self._out += self._intake.work(steady)
            case GossipReceived(network.ANNOUNCE):
                self._receive_announce(event)
            case Asked(peer, protocol, data, id):
                self._answer(peer, protocol, data, id)
            case Connected(peer, _):
                self._peers[peer] = None
                self._intake.connected(peer)
                self._follow(sync.handle(event, steady))
                self._obey(gadget.connected(peer, now))
            case Disconnected(peer):
                self._peers.pop(peer, None)
                self._intake.disconnected(peer)
                self._follow(sync.handle(event, steady))
                self._obey(gadget.disconnected(peer, now))
            case _:
                self._follow(sync.handle(event, steady))

    def _note_cost(self, peer: str, kind: str, begun: int, before: int) -> None:
        """Charge a message; its cost was useless if its sender was penalized for it."""
        spent = max(0, self._meter() - begun)
        blamed = any(
            isinstance(action, Penalise) and action.peer == peer for action in self._out[before:]
        )
        self._expenses.note(peer, kind, spent, spent if blamed else 0, self._steady)

    def tick(self, now: int) -> list[network.Action]:
        """Do what is due."""
        self._hear_clock(now)
        self._turn_slot()
        for received in self._announces.ripe(now):
            self._hear_announce(received)
        if self._gadget_at is not None and now >= self._gadget_at:
            self._gadget_at = None
            self._obey(self.parts.gadget.tick(now))
        if self._steady >= self._sync_at:
            self._sync_at = self._steady + SYNC_IDLE
            self._follow(self.parts.sync.tick(self._steady))
        if self._gossip.due is not None and self._steady >= self._gossip.due:
            going = self._gossip.spread(self._steady, list(self._peers), stands=self._stands())
            self._out += going
        return self._done()

    def work(self, now: int) -> list[network.Action]:
        """Import a waiting block, or else process some transactions and recheck others."""
        self._hear_clock(now)
        if self._batches:
            self._import_next()
        else:
            self._out += self._intake.work(self._steady)
            if self.parts.pool.has_rechecks:
                self.parts.pool.recheck_some()
        # During a long import it is enough to send our status at every tick.
        return self._done(tell=not self._batches)

    def take(self, block: Block, now: int) -> str | None:
        """Import a block from a file; return the reason if it is refused, else None.

        Blocks that its proof covers become final. For a known block only the proof is processed.
        """
        self._hear_clock(now)
        refusal, why = self._import(block)
        return None if refusal is None else why

    def flush(self, now: int) -> list[network.Action]:
        """Return the actions that external calls (RPC) have led to."""
        self._hear_clock(now)
        return self._done()

    def _hear_clock(self, now: int) -> None:
        """Advance the clock. Slots go back with it; other waits do not get longer by that."""
        if now < self._now:
            self._shift += self._now - now
            if self._gadget_at is not None:
                self._gadget_at = now  # it detects by itself that the clock went back
        self._now = now

    @property
    def _steady(self) -> int:
        """The time as if the clock had never gone back."""
        return self._now + self._shift

    @property
    def busy(self) -> bool:
        """True if blocks wait for import, or transactions for validation or a recheck."""
        return self.has_blocks or self._intake.busy or self.parts.pool.has_rechecks

    @property
    def has_blocks(self) -> bool:
        """True if blocks wait for import; then `work` does nothing else."""
        return bool(self._batches)

    @property
    def takes_transactions(self) -> bool:
        """True if the last batch of transactions is done, so that another one may come."""
        return not self._intake.busy

    @property
    def due(self) -> int:
        """Time of the next `tick`, if nothing happens before."""
        length = self.settings.slot_ms
        due = min(self._sync_at - self._shift, (self._now // length + 1) * length)
        if self._gadget_at is not None and self._gadget_at < due:
            due = self._gadget_at
        if self._gossip.due is not None:
            due = min(due, self._gossip.due - self._shift)
        return due

    @property
    def peers(self) -> int:
        """Number of connected nodes."""
        return len(self._peers)

    def on_proof(self, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `listener` with each new justification (SCALE) until the returned one is called."""
        ticket = object()
        self._proof_listeners[ticket] = listener
        return lambda: self._proof_listeners.pop(ticket, None) and None

    # ---- slots

    def _turn_slot(self) -> None:
        slot = self._now // self.settings.slot_ms
        if slot == self._slot:
            return
        first, self._slot = self._slot is None, slot
        self._gossip.tell_again(slot, self._steady)
        signer, worker, gadget = self.parts.signer, self.parts.worker, self.parts.gadget
        if signer is None or worker is None:
            return
        now_voting = (gadget.set_id, gadget.round)
        client = self.parts.client
        may = signer.tick(
            slot,
            gadget.set_id,
            now_voting,
            listening=self._is_in_touch(),
            in_touch=self._hears_others(),
            final=client.finalized().number,
            age=lambda: chain_age(client, slot),
        )
        keys = list(signer.keys())
        if keys != self._keys:
            self._keys = keys
            self._obey(gadget.keys_changed(self._now))
        # A node that was just started may have made this slot's block before.
        if may and not first and self._is_in_touch():
            self._author(slot, worker)

    def _is_in_touch(self) -> bool:
        """Return True if our view of the chain is current, or authoring is forced."""
        return self.settings.force_authoring or self._hears_others()

    def _hears_others(self) -> bool:
        is_alone = len(self.parts.gadget.authorities.current.authorities) == 1
        return (is_alone or bool(self._peers)) and not self.parts.sync.major

    def _author(self, slot: int, worker: SlotWorker) -> None:
        length, share = self.settings.slot_ms, self.settings.build_share
        late = self._now - slot * length
        given = max(length * share[0] // share[1] - late, length // 20)
        self._watch.begin()
        try:
            made = worker.work(slot, self.parts.pool.pool.ready, self._pace(given / 1000))
        except (StateUnavailable, InvalidBlock) as error:
            self._watch.slot(slot, f"missed: {error}")
            return
        except UnsupportedUpgrade:
            return  # the upgrade watch reports it, once
        match made:
            case None:
                return
            case Forbidden():
                self._watch.slot(slot, "refused")
                return
            case Authored():
                pass
        self._watch.authored(made)
        if made.proposal.refused:
            self.parts.pool.remove(made.proposal.refused)
        block = made.made
        try:
            imported = self.parts.importer.import_block(
                block.header, block.body, now_ms=self._now, made=block
            )
        except (Refused, InvalidBlock) as error:
            # For example, too many forks at this height leave no room.
            self._watch.slot(slot, f"missed: {error}")
            return
        self._watch.imported(block.header, imported.ref, imported.verified, own=True)
        best = self.parts.client.best().hash == imported.ref.hash
        self._out.append(Publish(network.ANNOUNCE, Announce(block.header, best).encode()))
        self._after_import(block.header, imported.ref, block.body)

    # ---- block import

    def _receive_announce(self, event: GossipReceived) -> None:
        """Decode an announce, once, and judge it unless its slot has not come."""
        begun, before, is_useless = self._meter(), len(self._out), False
        try:
            received = self._announces.read(event)
        except DecodeError as error:
            is_useless = True
            self._follow(self.parts.sync.malformed(event.peer, str(error), self._steady))
        else:
            is_useless = received is None
            if received is not None and not self._announces.hold(received, self._now):
                self._hear_announce(received)
        if not is_useless:
            self._note_cost(event.peer, network.ANNOUNCE, begun, before)
            return
        spent = max(STALE_US, self._meter() - begun)
        self._expenses.note(event.peer, network.ANNOUNCE, spent, spent, self._steady)

    def _hear_announce(self, received: Received) -> None:
        """Pass an announce to sync, and forward it if it is valid: the network does not."""
        peer, data, announce, hash = received
        self._follow(self.parts.sync.announced(peer, announce, hash, self._steady))
        if self.parts.sync.major:
            return  # its parent is not known yet
        verdict = self._announces.heard(received, self._now)
        if verdict.fault is not None:
            self._out.append(Penalise(peer, BAD_ANNOUNCE, f"a bad announce: {verdict.fault}"))
        if verdict.pass_on:
            self._out.append(Publish(network.ANNOUNCE, data))

    def _import_next(self) -> None:
        if not self._batches:
            return
        batch = self._batches[0]
        refusal, why = None, ""
        if batch.done < len(batch.blocks):
            refusal, why = self._import(
                batch.blocks[batch.done], prove=batch.must_prove, is_built_on=batch.has_more
            )
            if refusal is None:
                batch.done += 1
        if refusal is not None or batch.done == len(batch.blocks):
            self._batches.popleft()
            wait = 0
            if refusal is Refusal.EARLY:
                first = slot_of(batch.blocks[batch.done].header) - 1
                wait = max(first * self.settings.slot_ms - self._now, 0) or STAND_MS
            self._report(BlocksImported(batch.id, batch.done, refusal, why, wait))

    def _import(
        self, block: Block, *, prove: bool = True, is_built_on: bool = False
    ) -> tuple[Refusal | None, str]:
        header, number = block.header, int(block.header.number)
        client, gadget = self.parts.client, self.parts.gadget
        self._watch.begin()
        try:
            if client.header(block.hash) is None:
                if client.header(header.parent_hash) is None:
                    return Refusal.ORPHAN, "its parent is not known"
                gadget.check_header(header)
            known = client.header(block.hash) is not None
            imported = self.parts.importer.import_block(
                header, block.body, now_ms=self._now, is_built_on=is_built_on
            )
        except Refused as refused:
            early = refused.reason is Reason.SLOT_IN_FUTURE
            if not early:
                self._watch.refused(block.hash, number, str(refused))
            return (Refusal.EARLY if early else Refusal.BAD), str(refused)
        except UnsupportedUpgrade as lacking:
            return Refusal.EARLY, str(lacking)
        except TooManyForks as crowded:
            return Refusal.CROWDED, str(crowded)
        except (UnknownBlock, BelowFinalized, StateUnavailable) as gone:
            return Refusal.ORPHAN, str(gone)
        except (InvalidBlock, BadHeader) as bad:
            self._watch.refused(block.hash, number, str(bad))
            return Refusal.BAD, str(bad)
        proof = block.justification if prove else None
        if known:
            self._take_proof(proof, block.senders)
            return None, ""
        self._watch.imported(header, imported.ref, imported.verified, own=False)
        if imported.verified is not None and self.parts.signer is not None:
            unsealed, _ = header.unsealed()
            self.parts.signer.saw_block(
                imported.verified.author, imported.verified.slot, unsealed.hash()
            )
        if imported.equivocation is not None:
            self._accuse(imported.equivocation)
        self._after_import(header, imported.ref, block.body)
        self._take_proof(proof, block.senders)
        return None, ""

    def _after_import(self, header: Header, ref: BlockRef, body: Sequence[bytes]) -> None:
        self._gossip.note_included(body)
        if RuntimeEnvironmentUpdated() in header.digest.logs:
            self._law_changed = self._now // self.settings.slot_ms
        best = self.parts.client.best().hash == ref.hash
        waited = self._announces.imported(ref.hash)
        if waited is not None:
            self._out.append(Publish(network.ANNOUNCE, waited))
        self._obey(self.parts.gadget.imported(header, ref.hash, ref.number, best, self._now))

    def _take_proof(self, raw: bytes | None, senders: Iterable[str]) -> None:
        if raw is None:
            return
        peer = next(iter(senders), None)
        proof = self._read_proof(raw, peer)
        if proof is not None:
            self._obey(self.parts.gadget.proof_received(proof, peer, self._now))

    def _read_proof(self, raw: bytes, peer: str | None) -> Justification | None:
        try:
            return Justification.decode(raw)
        except DecodeError as error:
            if peer is not None:
                self._out.append(Penalise(peer, BAD_BATCH, f"a malformed justification: {error}"))
            return None

    # ---- actions of sync

    def _follow(self, actions: Iterable[SyncAction]) -> None:
        if not self.parts.sync.idle:
            self._sync_at = min(self._sync_at, self._steady + SYNC_EVERY)
        for action in actions:
            match action:
                case network.Ask() | Penalise():
                    self._out.append(action)
                case ImportBlocks(id, blocks):
                    self._batches.append(_Batch(id, blocks))
                case ImportJustification():
                    self._judge(action)
                case BeginState():
                    self.parts.state.begin(action)
                case StoreState():
                    self.parts.state.store(action)
                    self._report(StateStored())
                case FinishState():
                    self.parts.state.finish(action)
                    self._begin_anew()
                    self._report(StateFinished())
                case ImportHistory(blocks):
                    self.parts.state.history(blocks)
                    self._dirty = True  # we have lower blocks to serve now
                    self._report(HistoryStored())

    def _begin_anew(self) -> None:
        """Restart voting from the block whose state was fetched."""
        self._gadget_at = None
        before, gadget = self.parts.gadget, self.parts.voting(self._now)
        self.parts.gadget = gadget
        gadget.succeed(before)
        self._obey(gadget.start(self._now))
        for peer in self._peers:
            self._obey(gadget.connected(peer, self._now))

    def _report(self, report: Report) -> None:
        self._follow(self.parts.sync.handle(report, self._steady))

    def _judge(self, order: ImportJustification) -> None:
        proof = self._read_proof(order.raw, order.peer)
        if proof is not None:
            self._obey(self.parts.gadget.proof_received(proof, order.peer, self._now))
        accepted = self.parts.client.finalized().number >= order.target.number
        self._report(JustificationJudged(order.target, order.peer, accepted))

    # ---- actions of GRANDPA

    def _obey(self, actions: Iterable[finality.Action]) -> None:
        waiting = list(actions)
        for action in waiting:  # grows in the loop
            match action:
                case Publish() | network.Tell() | Penalise():
                    self._out.append(action)
                case ArmTimer(at):
                    self._gadget_at = at
                case Finalize(justification):
                    waiting.extend(self._finalize(justification))
                case Save(changes):
                    self.parts.client.store.aux_put(changes)
                case Offence(proof):
                    self._accuse(proof)
                case Want(hash, number, peer):
                    self._follow(
                        self.parts.sync.want_block(BlockId(number, bytes(hash)), peer, self._steady)
                    )
                case Broken():
                    self._watch.broken(action)

    def _finalize(self, justification: Justification) -> Sequence[finality.Action]:
        target, client = justification.target, self.parts.client
        raw = justification.encode()
        client.finalize(target.hash, (GRANDPA_ENGINE, raw))
        self.parts.sync.needless_justification(bytes(target.hash))
        self._watch.finalized(target)
        for listener in list(self._proof_listeners.values()):
            listener(raw)
        return self.parts.gadget.finalized(target, self._now)

    # ---- offences

    def _accuse(self, proof: AnyProof) -> None:
        """Put the report of an offence into our pool, for a block of ours."""
        babe = isinstance(proof, babe_equivocation.EquivocationProof)
        self._watch.equivocation("babe" if babe else "grandpa", bytes(proof.offender))
        try:
            wire = self.parts.report(self.parts.client.best().hash, proof)
        except StateUnavailable as gone:
            log.info("an offence is not reported: %s", gone)
            return
        if wire is None:
            return
        try:
            self.parts.pool.submit(wire, TransactionSource.Local)
        except PoolError as error:
            log.info("the report of an offence is not needed: %s", error)

    # ---- the runtime versions of peers

    def _stands(self) -> bool:
        """Return True if the chain has moved to a runtime version that is not carried."""
        if not self._law_is_due(0):
            return False
        client = self.parts.client
        return client.runtimes.lacks(client.state(client.best().hash).get) is not None

    def _law_changes(self) -> bool:
        """Return True if peers may run another runtime than the best block's, or we stopped."""
        slot = self._now // self.settings.slot_ms
        recent = self._law_changed is not None and slot <= self._law_changed + LAW_SLOTS
        return recent or self._law_is_due(LAW_SLOTS)

    def _law_is_due(self, ahead: int) -> bool:
        """Return True if our best block's state schedules a runtime within `ahead` slots."""
        client = self.parts.client
        try:
            due = coming(client.state(client.best().hash).get)
        except StateUnavailable:  # it is being fetched
            return False
        return due is not None and due.in_headers <= self._now // self.settings.slot_ms + ahead

    # ---- requests of peers

    def _answer(self, peer: str, protocol: str, question: bytes, id: int) -> None:
        try:
            data = answer(self.parts.source, protocol, question)
        except DecodeError as error:
            self._out.append(Penalise(peer, BAD_QUESTION, f"a malformed question: {error}"))
            data = None
        self._out.append(Answer(id, data))

    # ---- heads

    def _hear_chain(self, event: ChainEvent) -> None:
        if isinstance(event, NewBest | Finalized):
            self._dirty = True

    def _done(self, *, tell: bool = True) -> list[network.Action]:
        """Return the collected actions, with our status if it changed and `tell` is set."""
        if self._dirty and tell:
            self._dirty = False
            client = self.parts.client
            best, final = client.best(), client.finalized()
            role = AUTHORITY if self.settings.validator else FULL
            self._out.append(
                SetStatus(
                    Status(
                        role,
                        best.number,
                        best.hash,
                        final.number,
                        final.hash,
                        client.store.state_import.lowest,
                    )
                )
            )
            wanted = self.parts.gadget.must_be_proven()
            if wanted is not None and wanted.hash != self._asked_proof:
                self._asked_proof = bytes(wanted.hash)
                self._follow(
                    self.parts.sync.need_justification(
                        BlockId(wanted.number, bytes(wanted.hash)), self._steady
                    )
                )
        self._out += self._expenses.take(self._steady)
        out, self._out = self._out, []
        return out
