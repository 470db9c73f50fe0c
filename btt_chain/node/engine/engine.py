"""The engine: a node without clock, sockets and threads.

It connects the client with its importer, the pool, the slot worker, GRANDPA's gadget and sync.
Events of the network and the time come in, actions for the network go out, in the order in which
they are to be carried out. The node drives it with a real clock and network (`driver.py`), the
simulator with its own (`tests/support/sim`). It writes to the client's store and to the signing
records, at once.

    engine.start(now)              once, before anything else
    engine.handle(event, now)      an event of the network
    engine.tick(now)               at `engine.due`, or before
    engine.work(now)               while `engine.busy`: import one waiting block, or process
                                   some transactions of a peer and some rechecks of the pool
    engine.flush(now)              after transactions were added to the pool

Its parts: sync (`sync_driver.py`), blocks that wait (`import_queue.py`) and their import
(`block_import.py`), blocks of this node (`authoring.py`), GRANDPA (`finality.py`), transactions
(`tx_intake.py`, `tx_gossip.py`), announces (`announces.py`, `announce_intake.py`), offences
(`offences.py`).

All times are unix milliseconds. A StorageError, a RecordNotWritten, a UnsupportedRuntime or a
MigrationFailed raised by any of these ends the node: it cannot go on. Where the chain moves to a
runtime version that is not carried, the node neither imports nor makes blocks, and goes on with all
else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from btt_chain.chain.notify import BlockRef
from btt_chain.consensus.author import Pace
from btt_chain.consensus.babe.verify import slot_of
from btt_chain.node.blocks.announce_intake import AnnounceIntake
from btt_chain.node.blocks.announces import Announces
from btt_chain.node.blocks.authoring import Authoring
from btt_chain.node.blocks.block_import import BlockImport, Outcome
from btt_chain.node.blocks.import_queue import ImportQueue
from btt_chain.node.blocks.runtime_change import RuntimeChanges
from btt_chain.node.blocks.sync_driver import SyncDriver
from btt_chain.node.engine.expenses import Expenses, Meter
from btt_chain.node.engine.faults import contain
from btt_chain.node.engine.parts import Parts, Settings, Watcher
from btt_chain.node.engine.steady_clock import SteadyClock
from btt_chain.node.finality.grandpa import FinalityDriver
from btt_chain.node.finality.head_status import HeadStatus
from btt_chain.node.finality.offences import OffenceReporter
from btt_chain.node.transactions.gossip import TxGossip
from btt_chain.node.transactions.intake import TxIntake
from btt_chain.primitives.header import Header
from btt_chain.scale import DecodeError
from p2p import network
from p2p.network import (
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
)
from p2p.protocols.serve import answer
from p2p.sync.types import (
    Block,
    BlockId,
)

BAD_QUESTION: Final = 50
RECENT_BLOCKS: Final = 8
"""Blocks whose transactions a starting node records as included."""


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
        self._watch = watcher
        self._clock = SteadyClock()
        self._out: Final[list[network.Action]] = []
        self.queue: Final = ImportQueue(settings.slot_ms)
        self._authoring = Authoring(parts, settings, pace, watcher)
        self._build_time = self._authoring.build_time
        self._import = BlockImport(parts, watcher, self._build_time)
        self._offences = OffenceReporter(parts, watcher)
        self._peers: dict[str, None] = {}
        self._finality = FinalityDriver(
            parts,
            self._offences,
            watcher,
            send=self._out.append,
            want=self._want,
            peers=self._peers,
        )
        self._heads = HeadStatus(parts, validator=settings.validator)
        self._sync = SyncDriver(
            parts,
            self.queue,
            self._clock,
            self._finality,
            send=self._out.append,
            on_history=self._heads.mark_changed,
        )
        self._runtime = RuntimeChanges(parts.client)
        self._slot: int | None = None
        self._meter = meter
        self._expenses = Expenses()
        self._gossip = TxGossip(parts.pool)
        self._intake = TxIntake(
            parts.client,
            parts.pool,
            self._gossip,
            self._expenses,
            meter,
            lambda: self._runtime.is_near(self._slot_now()),
        )
        self.announces: Final = Announces(parts.client, parts.importer, settings.slot_ms)
        self._announce_intake = AnnounceIntake(
            parts, self.announces, self._sync, self._offences, self._clock, self._out.append
        )
        parts.pool.on_arrival(lambda hashes: self._gossip.arrived(hashes, self._clock.steady))
        parts.pool.in_turns = True

    # ---- events

    def start(self, now: int) -> list[network.Action]:
        """Begin; call once, before anything else."""
        self._advance(now)
        self._sync.start()
        self._authoring.start()
        client = self.parts.client
        best = client.best().number
        for number in range(max(1, best - RECENT_BLOCKS + 1), best + 1):
            self._gossip.note_included(client.body(client.block_hash(number) or b"") or [])
        self._finality.apply(self.parts.gadget.start(now), now)
        return self._done()

    def handle(self, event: Event, now: int) -> list[network.Action]:
        """Process an event of the network, and record its cost to its sender."""
        self._advance(now)
        begun, least = self._meter(), 0
        # Not by `match`: a class pattern with fields takes a third of a microsecond.
        if isinstance(event, GossipReceived) and event.topic != network.TX:
            peer, kind = event.peer, event.topic
            if kind == network.GRANDPA:
                self._finality.apply(self.parts.gadget.gossip_received(peer, event.data, now), now)
            else:
                least = self._announce_intake.receive(event)
        elif isinstance(event, NoteReceived):
            peer, kind = event.peer, network.GRANDPA_PEER
            self._finality.apply(self.parts.gadget.note_received(peer, event.data, now), now)
        elif isinstance(event, Asked):
            peer, kind = event.peer, event.protocol
            self._answer(event)
        else:
            self._take_event(event, now)
            return self._done()
        spent, useless = self._meter() - begun, 0
        if least:
            spent = useless = max(spent, least)
        for action in self._out:  # the cost was useless if the sender was penalized
            if isinstance(action, Penalise) and action.peer == peer:
                useless = spent
        self._expenses.note(peer, kind, spent, useless, self._clock.steady)
        return self._done()

    def _take_event(self, event: Event, now: int) -> None:
        gadget, steady = self.parts.gadget, self._clock.steady
        match event:
            case GossipReceived(network.TX, peer, data):  # they are charged by the intake
                if not self.parts.sync.major:  # not to be validated on an old state
                    self._out.extend(self._intake.receive(peer, data))
                    self._out.extend(self._intake.work(steady))
            case Connected(peer, _):
                self._peers[peer] = None
                self._intake.connected(peer)
                self._sync.handle(event)
                self._finality.apply(gadget.connected(peer, now), now)
            case Disconnected(peer):
                self._peers.pop(peer, None)
                self._intake.disconnected(peer, steady)
                self._sync.handle(event)
                self._finality.apply(gadget.disconnected(peer, now), now)
            case _:
                self._sync.handle(event)

    def tick(self, now: int) -> list[network.Action]:
        """Do what is due."""
        self._advance(now)
        if now // self.settings.slot_ms != self._slot:
            self._turn_slot()
        if self._authoring.due is not None and now >= self._authoring.due:
            self._author(self._slot_now())
        if self.announces.held:
            self._announce_intake.judge_due(now)
        # Most ticks are for one of these; a comparison costs less than a call.
        timer, steady = self._finality.due, self._clock.steady
        if timer is not None and now >= timer:
            self._finality.tick(now)
        if steady >= self._sync.due:
            self._sync.tick()
        if self._gossip.due is not None and steady >= self._gossip.due:
            stalled = self._runtime.is_stalled(self._slot_now())
            self._out.extend(self._gossip.take_due(steady, list(self._peers), is_stalled=stalled))
        return self._done()

    def work(self, now: int) -> list[network.Action]:
        """Import a waiting block, or else process some transactions and recheck others."""
        self._advance(now)
        batches = self.queue.batches
        if batches:
            self._import_next()
        else:
            self._out.extend(self._intake.work(self._clock.steady))
            if self.parts.pool.has_rechecks:
                self.parts.pool.recheck_some()
        # During a long import it is enough to send our status at every tick.
        return self._done(send_status=not batches)

    def take(self, block: Block, now: int) -> str | None:
        """Import a block from a file; return the reason if it is refused, else None.

        Blocks that its proof covers become final. For a known block only the proof is processed.
        """
        self._advance(now)
        outcome = self._import_block(block)
        return None if outcome.refusal is None else outcome.why

    def flush(self, now: int) -> list[network.Action]:
        """Return the actions that external calls (RPC) have led to."""
        self._advance(now)
        return self._done()

    def _advance(self, now: int) -> None:
        """Set the time. Slots go back with the clock; other waits do not get longer by that."""
        if self._clock.advance(now):
            self._finality.clock_went_back(now)
        if self._build_time.untimed is not None:
            self._build_time.advance(now)

    @property
    def busy(self) -> bool:
        """True if blocks wait for import, or transactions for validation or a recheck."""
        return bool(self.queue.batches or self._intake.batches) or self.parts.pool.has_rechecks

    @property
    def has_blocks(self) -> bool:
        """True if blocks wait for import; then `work` does nothing else."""
        return bool(self.queue.batches)

    @property
    def takes_transactions(self) -> bool:
        """True if the last batch of transactions is done, so that another one may come."""
        return not self._intake.busy

    @property
    def due(self) -> int:
        """Time of the next `tick`, if nothing happens before."""
        clock, length, gossip = self._clock, self.settings.slot_ms, self._gossip.due
        steady, timer, slot = self._sync.due, self._finality.due, clock.now // length
        if gossip is not None and gossip < steady:
            steady = gossip
        # An event may come after a slot has begun, and before the tick for that.
        due = (slot + 1) * length if slot == self._slot else clock.now
        for other in (timer, self._authoring.due):
            if other is not None and other < due:
                due = other
        return due if due + clock.shift < steady else steady - clock.shift

    @property
    def peers(self) -> int:
        """Number of connected nodes."""
        return len(self._peers)

    def head_age_ms(self, now: int) -> int:
        """Return the time since the slot of the best block began; 0 before block 1."""
        client = self.parts.client
        slot = slot_of(client.header_of(client.best().hash))
        return max(0, now - slot * self.settings.slot_ms) if slot else 0

    def on_proof(self, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `listener` with each new justification (SCALE) until the returned one is called."""
        return self._finality.on_proof(listener)

    # ---- slots

    def _slot_now(self) -> int:
        return self._clock.now // self.settings.slot_ms

    def _turn_slot(self) -> None:
        slot = self._slot_now()
        first, self._slot = self._slot is None, slot
        self._gossip.begin_slot(slot, self._clock.steady)
        if not self._authoring.is_validator:
            return
        in_touch = self._is_in_touch()
        listening = in_touch or self.settings.force_authoring
        may = self._authoring.begin_slot(slot, listening=listening, in_touch=in_touch)
        if self._authoring.keys_changed():
            now = self._clock.now
            self._finality.apply(self.parts.gadget.keys_changed(now), now)
        # A node that was just started may have made this slot's block before.
        if may and not first and listening:
            self._author(slot)

    def _is_in_touch(self) -> bool:
        """Return True if our view of the chain is current."""
        is_alone = len(self.parts.gadget.authorities.current.authorities) == 1
        return (is_alone or bool(self._peers)) and not self.parts.sync.major

    def _author(self, slot: int) -> None:
        own = self._authoring.author(slot, self._clock.now)
        if own is None:
            return
        announce = self.announces.write(own.header, own.body, is_best=self._is_best(own.ref))
        self._out.append(Publish(network.ANNOUNCE, announce))
        self._after_import(own.header, own.ref, own.body)

    # ---- block import

    def _import_next(self) -> None:
        step, outcome = self.queue.next(), Outcome()
        if step is not None:
            outcome = self._import_block(
                step.block, prove=step.must_prove, is_built_on=step.is_built_on
            )
        report = self.queue.advance(outcome.refusal, outcome.why, self._clock.now)
        if report is not None:
            self._sync.handle(report)

    def _import_block(
        self, block: Block, *, prove: bool = True, is_built_on: bool = False
    ) -> Outcome:
        outcome = self._import.run(block, self._clock.now, is_built_on=is_built_on)
        if outcome.refusal is not None:
            return outcome
        imported = outcome.imported
        if imported is not None:
            self._watch.imported(block.header, imported.ref, imported.verified, own=False)
            verified, signer = imported.verified, self.parts.signer
            if verified is not None and signer is not None:
                if signer.claims_as(verified.author):
                    unsealed, _ = block.header.unsealed()
                    signer.saw_block(verified.author, verified.slot, unsealed.hash())
                elif not self.parts.sync.major and self._is_best(imported.ref):
                    self._authoring.clock.saw_block(
                        verified.author, verified.slot, self._slot_now()
                    )
            if imported.equivocation is not None:
                self._offences.report(imported.equivocation)
            self._after_import(block.header, imported.ref, block.body)
        if prove and block.justification is not None:
            peer = next(iter(block.senders), None)
            with contain("justification"):  # the queue waits for the outcome of the block
                self._finality.process_proof(block.justification, peer, self._clock.now)
        return outcome

    def _is_best(self, block: BlockRef) -> bool:
        return self.parts.client.best().hash == block.hash

    def _after_import(self, header: Header, ref: BlockRef, body: Sequence[bytes]) -> None:
        self._gossip.note_included(body)
        self._runtime.imported(header, self._slot_now())
        best = self._is_best(ref)
        if best:
            pool = self.parts.pool
            pool.backpressure.record_block(len(body), pool.pool.status().ready)
            if not self.parts.sync.major:
                self._intake.retry_held()
        waited = self.announces.imported(ref.hash)
        if waited is not None:
            self._out.append(Publish(network.ANNOUNCE, waited))
        if best and self._offences.waiting:  # other states than the best one's do not matter
            self._offences.retry()
        now = self._clock.now
        actions = self.parts.gadget.imported(header, ref.hash, ref.number, best, now)
        self._finality.apply(actions, now)

    # ---- requests of peers

    def _answer(self, asked: Asked) -> None:
        try:
            data = answer(self.parts.source, asked.protocol, asked.data)
        except DecodeError as error:
            why = f"a malformed question: {error}"
            self._out.append(Penalise(asked.peer, BAD_QUESTION, why))
            data = None
        self._out.append(Answer(asked.id, data))

    # ---- actions

    def _want(self, block: BlockId, peer: str) -> None:
        self._sync.want(block, peer)

    def _done(self, *, send_status: bool = True) -> list[network.Action]:
        """Return the collected actions, with our status if it changed and `send_status` is set."""
        if self._heads.has_changed and send_status:
            self._out.append(SetStatus(self._heads.take()))
            block = self._heads.unproven()
            if block is not None:
                self._sync.follow(self.parts.sync.need_justification(block, self._clock.steady))
        if self._clock.steady >= self._expenses.due:
            self._out.extend(self._expenses.take())
        if not self._out:
            return []
        out = self._out.copy()
        self._out.clear()  # its `append` is passed to the parts
        return out
