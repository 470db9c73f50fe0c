"""Invariants at every moment of a simulated network: I1 to I7 of docs/simulator.md.

    I1  no two honest nodes finalize conflicting blocks
    I2  no honest key signs two messages for one slot, or one step of one round (vault.py)
    I3  the same block, so the same state root, at every final height; and states that have it
    I4  the final height of a node never falls, over restarts neither
    I5  every final head has a proof that the strict rule of bridges accepts, by its set's voters
    I6  what a node holds is bounded
    I7  honest nodes do not blame or refuse each other, and log no error

Looked at after every step of a node; what costs much only where something moved, and the whole
state of a node once, at the end.
"""

from __future__ import annotations

import logging
from operator import gt
from typing import Final

from btt_chain.consensus.finality.signatures import all_signed
from btt_chain.node.engine.assembly import first_voters
from btt_chain.primitives.digest import GRANDPA, H256
from btt_chain.primitives.grandpa import (
    ChangeScheduled,
    Justification,
    Target,
    Verdict,
    announced,
    full_shape,
    verify_full,
)
from btt_chain.primitives.voters import VoterSet
from btt_chain.txpool.types import Limits
from p2p.sync import fork_sync
from storage.blocks import BlockStore
from storage.trie.root import state_root
from support.sim.errors import Violation
from support.sim.nodes import SimNode
from support.sim.world import World

SIZES: Final = {
    "blocks held by sync": fork_sync.MAX_HELD + fork_sync.MAX_DISTANCE + 2_048,
    "requests of sync": 64,
    "ready transactions": Limits().ready.count,
    "future transactions": Limits().future.count,
    "batches of blocks": 2,  # they wait in an engine: sync hands over one at a time
    "rounds that listen": 4_096,
    "rounds with votes": 8,
    "votes until imported": 4_096,
    "messages until imported": 16,
    "proofs until imported": 64,
}
"""Maximum sizes of what a node holds."""

FAULTS: Final = ("no answer", "it asks for votes again at once")
"""Why honest nodes may blame each other a little while wires are bad and processes stand still: a
question or its answer was lost, or two questions came at once over a way that was cut between."""
TOLERATED: Final = 2_000
"""Maximum costs by this of one of them in a run: a fifth of what gets it banned. A block is asked
for as short ids and as a whole, so a way that is cut loses two questions a block."""

MAX_SHARE: Final = 0.25
"""Part of the budget for useless work that an honest node may have used up at any time."""
SHARES: Final[list[float]] = []
"""Parts that were used, of all worlds since this was cleared."""

PROOFS_KEPT: Final = 64


class _Seen:
    """Checked state of a node."""

    __slots__ = (
        "life", "blocks", "height", "passed", "reported", "blames", "refused", "measure_at",
    )  # fmt: skip
    blocks: BlockStore

    def __init__(self) -> None:
        self.life = -1
        self.height = 0
        """Its last final height, over all lives."""
        self.passed = 0
        """The last final height whose block was not yet here, of who began with a state."""
        self.reported = self.blames = self.refused = self.measure_at = 0

    def begin(self, node: SimNode) -> None:
        """Look at another life of it."""
        self.life, self.blocks = node.epoch, node.client.store.blocks
        self.reported = self.blames = self.refused = self.measure_at = 0


class Errors(logging.Handler):
    """Collects what is logged as an error, with the node that did."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world
        self.found: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note it."""
        self.found.append((self._world.acting, record.getMessage()))


class Invariants:
    """Watches a world."""

    def __init__(
        self, world: World, *, excused: tuple[str, ...] = FAULTS, errors: tuple[str, ...] = ()
    ) -> None:
        """`excused` are the beginnings of reasons for which honest nodes may blame each other,
        `errors` those of what they may log as errors.
        """
        self.world = world
        self._time = world.time
        self.expected = errors
        self.excused = excused
        self.final: dict[int, bytes] = {0: world.genesis.hash}
        """The final block at each height, by the first report."""
        first = VoterSet(first_voters(world.nodes[0].client))
        self.sets: list[tuple[int, VoterSet]] = [(1, first)]
        """The first height that each set makes final, by set id, and its voters."""
        self._seen = [_Seen() for _ in world.nodes]
        self._accepted: dict[tuple[Target, bytes], None] = {}
        """The last proofs that were judged, each with its block."""
        self.proofs = 0
        """Proofs that were judged."""
        self.errors = Errors(world)
        logging.getLogger().addHandler(self.errors)
        world.checks.append(self.check)

    def close(self) -> None:
        """Stop listening to the log."""
        logging.getLogger().removeHandler(self.errors)

    # ---- after each step

    def check(self, node: SimNode) -> None:
        """Look at a node that did something."""
        if node.cheat is not None:
            return
        seen, watcher = self._seen[node.index], node.watcher
        if seen.life != node.epoch:
            seen.begin(node)
        final = seen.blocks.finalized.number
        if final != seen.height:
            if final < seen.height:
                raise Violation("I4", f"{node.name} fell from {seen.height} to {final}")
            self._follow(node, final)
        if watcher.has_news:
            watcher.has_news = False
            self._report(node, seen)
        now = self._time.now
        if now >= seen.measure_at:
            seen.measure_at = now + self.world.slot_ms
            self._measure(node)
        if self.errors.found:
            self._complain()

    def _report(self, node: SimNode, seen: _Seen) -> None:
        """Look at what a node's watcher has noted since the last time."""
        watcher = node.watcher
        for target in watcher.finals[seen.reported :]:
            self._judge(node, target)
        seen.reported = len(watcher.finals)
        self._manners(node)

    def _follow(self, node: SimNode, to: int) -> None:
        """I1 and I3: a hash covers the header, and with it the state root."""
        client, seen = node.client, self._seen[node.index]
        for height in range(seen.height + 1, to + 1):
            hash = client.block_hash(height)
            missing = client.store.state_import.missing
            if hash is None and missing is not None and height <= missing.highest.number:
                seen.passed = height
                continue
            if hash is None:
                raise Violation("I3", f"{node.name} has no block at its final height {height}")
            known = self.final.get(height)
            if known is None:
                self.final[height] = hash
                self._follow_sets(node, height, hash)
            elif known != hash:
                raise Violation(
                    "I1",
                    f"{node.name} finalized 0x{hash.hex()[:8]} at {height}, another node "
                    f"0x{known.hex()[:8]}",
                )
        seen.height = to

    def _follow_sets(self, node: SimNode, height: int, hash: bytes) -> None:
        change = announced(node.client.header_of(hash).digest.logs)
        if isinstance(change, ChangeScheduled):
            begins = height + int(change.change.delay) + 1
            self.sets.append((begins, VoterSet(change.change.next_authorities)))

    def set_of(self, height: int) -> tuple[int, VoterSet]:
        """Return the set that makes this height final, with its id."""
        for set_id in range(len(self.sets) - 1, -1, -1):
            begins, voters = self.sets[set_id]
            if begins <= height:
                return set_id, voters
        raise Violation("I5", f"no set of voters for height {height}")

    def _judge(self, node: SimNode, target: Target) -> None:
        """I5. The verdict on a signature is shared; `conclude` asks the strict verifier itself."""
        raw = node.client.store.blocks.justification(bytes(target.hash), GRANDPA)
        if raw is None:
            raise Violation("I5", f"{node.name} finalized block {target.number} without a proof")
        if (target, raw) not in self._accepted:
            self._accept(node, target, raw)
        self.proofs += 1
        expected, _ = self.set_of(target.number + 1)
        if node.running.parts.gadget.set_id < expected and (
            node.client.finalized().number == target.number
        ):
            raise Violation("I5", f"{node.name} is not in set {expected} at {target.number}")

    def _accept(self, node: SimNode, target: Target, raw: bytes) -> None:
        proof = Justification.decode(raw)
        set_id, voters = self.set_of(target.number)
        verdict = full_shape(proof, voters)
        if proof.target != target:
            verdict = Verdict.WRONG_TARGET
        if verdict is Verdict.ACCEPTED and not all_signed(proof, set_id, self.world.engines.verify):
            verdict = Verdict.BAD_SIGNATURE
        if verdict is not Verdict.ACCEPTED:
            raise Violation("I5", f"{node.name} has a proof of block {target.number}: {verdict}")
        self._accepted[target, raw] = None
        if len(self._accepted) > PROOFS_KEPT:
            del self._accepted[next(iter(self._accepted))]

    def _manners(self, node: SimNode) -> None:
        """I7: honest nodes have no reason to blame each other, nor to cut each other off."""
        watcher, seen, world = node.watcher, self._seen[node.index], self.world
        blames, refused = watcher.penalties, watcher.refusals
        if len(blames) > seen.blames:
            for peer, cost, why in blames[seen.blames :]:
                if world.nodes[peer].cheat is not None:
                    continue
                # Cheats are no excuse: each node checks what it forwards.
                if not why.startswith(self.excused) or node.scores[peer] > TOLERATED:
                    raise Violation("I7", f"{node.name} blames n{peer} for {cost}: {why}")
            seen.blames = len(blames)
        if len(refused) > seen.refused:
            if all(other.cheat is None for other in world.nodes):
                raise Violation("I7", f"{node.name} refuses a block: {refused[-1]}")
            seen.refused = len(refused)

    def _budgets(self) -> None:
        """I7: no honest node uses up a quarter of what another one allows it to cost."""
        for node in self.world.honest:
            for other in self.world.honest:
                used = node.accounts.used(other.name)
                SHARES.append(used)
                if used > MAX_SHARE:
                    causes = dict(node.accounts.causes(other.name))
                    raise Violation(
                        "I7", f"{other.name} used {used:.0%} of {node.name}'s budget: {causes}"
                    )

    def _complain(self) -> None:
        nodes = self.world.nodes
        for index, what in self.errors.found:
            if what.startswith(self.expected):
                continue
            if index < 0 or nodes[index].cheat is None:
                raise Violation("I7", f"n{index} logs an error: {what}")
        self.errors.found.clear()

    def _measure(self, node: SimNode) -> None:
        """I6."""
        engine = node.running
        parts, gadget = engine.parts, engine.parts.gadget
        pool, waiting = parts.pool.pool.status(), gadget._held
        sizes = (
            *parts.sync.held,
            pool.ready,
            pool.future,
            len(engine.queue),
            len(gadget._environment.voter.past_rounds),
            len(gadget._votes),
            len(waiting._votes),
            len(waiting._messages),
            len(waiting._proofs),
        )
        if any(map(gt, sizes, SIZES.values())):
            for (name, most), size in zip(SIZES.items(), sizes, strict=True):
                if size > most:
                    raise Violation("I6", f"{node.name}: {name}: {size}, {most} allowed")

    # ---- at the end

    def conclude(self) -> None:
        """Look at what is too dear for every step: whole states, and proofs by the verifier."""
        for node in self.world.honest:
            if node.engine is None:
                continue
            final = node.client.finalized()
            raw = node.client.store.blocks.justification(final.hash, GRANDPA)
            if final.number and raw is not None:
                set_id, voters = self.set_of(final.number)
                target = Target(H256(final.hash), final.number)
                verdict = verify_full(Justification.decode(raw), set_id, voters, target)
                if verdict is not Verdict.ACCEPTED:
                    raise Violation("I5", f"{node.name}: block {final.number}: {verdict}")
            if node.client.store.state_import.missing is None:
                self._look_back(node)
        self._budgets()
        self._compare_states()

    def _look_back(self, node: SimNode) -> None:
        """I3: the blocks below a state that was fetched are those of all others."""
        for height in range(1, self._seen[node.index].passed + 1):
            hash = node.client.block_hash(height)
            if hash != self.final.get(height, hash) or hash is None:
                raise Violation("I3", f"{node.name} has another block, or none, at {height}")

    def _compare_states(self) -> None:
        """I3: the flat state of each node has the root that its best header says."""
        judged: dict[bytes, dict[bytes, bytes]] = {}
        for node in self.world.honest:
            if node.engine is None:
                continue
            best = node.client.best()
            reader = node.client.state(best.hash)
            state = {key: reader.get(key) or b"" for key in reader.keys(b"")}
            known = judged.get(best.hash)
            if known is None:
                root = state_root(state)
                if root != node.client.header_of(best.hash).state_root:
                    raise Violation("I3", f"{node.name}: the state of {best.number} is another")
                judged[best.hash] = state
            elif known != state:
                raise Violation("I3", f"{node.name}: its state of {best.number} differs")
