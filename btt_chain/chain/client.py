"""The client: one chain in one store, with the runtimes that execute its blocks.

All blocks are imported by `import_block`, those of this node too. A block is executed on its
parent's state (unless this node just executed it to make it), its header must match the result
exactly, and it is stored with its state in one batch. Then the listeners are called.

The best block is the leaf above the last final block with the most primary slots behind it, then
the longest, then by `fork_choice.py`. Where no slots are won, as under manual seal, that is the
longest chain.

Everything here runs on one thread and does not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from btt_chain.chain.gc import without_collection
from btt_chain.chain.notify import BlockRef, Finalized, Listener, NewBest, NewBlock, Notifier
from btt_chain.chain.runtimes import LoadedRuntime, RuntimeRegistry
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.babe import NoPreDigest, Primary, pre_digest
from btt_chain.primitives.digest import H256
from btt_chain.primitives.header import Header
from runtime.apis.core import dry_run
from runtime.frame import InvalidBlock
from runtime.kept import KeptCalls
from storage.blocks import BlockRef as StoredRef
from storage.blocks import Proof, Route
from storage.database import ChainStore
from storage.overlay import Overlay
from storage.state import Pending, StateReader

WEIGHT_KEY: Final = b"block_weight:"
"""Prefix of auxiliary keys: block hash -> number of primary blocks that lead to it, u32 LE.

Source: Substrate's `sc_consensus_babe::aux_schema`.
"""

MAX_FORKS: Final = 32
"""Blocks kept at one height above the last final one."""


class UnknownBlock(Exception):
    """No block has this hash, or it was discarded with its fork."""

    def __init__(self, hash: bytes) -> None:
        super().__init__(f"no block 0x{hash.hex()} is known")
        self.hash = hash


class BelowFinalized(InvalidBlock):
    """The block stands on a fork below the last final block: late, but not invalid in itself."""


class TooManyForks(InvalidBlock):
    """Too many forks are kept at its height: a later import may succeed."""


class RootedOverlay(Overlay):
    """Changes on top of a block's state, with the state root that results."""

    __slots__ = ("_parent", "_store", "pending")

    def __init__(self, store: ChainStore, parent: bytes, reader: StateReader) -> None:
        """`reader` has the state after the block `parent`."""
        super().__init__(reader.get, reader.keys)
        self._store = store
        self._parent = parent
        self.pending: Pending | None = None

    def root(self) -> bytes:
        """Return the root of the state with these changes; remember it as `pending`."""
        changes = self.changes()
        self.pending = self._store.stage(self._parent, changes, reads=self.base_reads)
        return self.pending.root


@dataclass(slots=True)
class Made:
    """A block that this node has just executed, ready for import."""

    header: Header
    body: list[bytes]
    pending: Pending


class Head(NamedTuple):
    """A leaf of the chain."""

    weight: int
    """Number of primary slots that lead to it."""
    number: int
    hash: bytes


def is_better(head: Head, other: Head, header_of: Callable[[bytes], Header]) -> bool:
    """Return True if `head` is to be the best one, where `other` was imported before it.

    The head with more primary slots behind it is the better one, then the longer one. Of two that
    are equal in both, and that won the same slot, the one with the smaller VRF output is: all nodes
    that have both choose the same, and the next author builds where finality votes. An author
    cannot try for a small output: it follows from its key, the epoch's randomness and the slot. All
    other equals stay in the order of their import. `header_of` returns a header by its hash; it is
    called for equals only.
    """
    if head[:2] != other[:2]:
        return head[:2] > other[:2]
    if not head.number:
        return False  # the genesis block has no claim
    claim = pre_digest(header_of(head.hash).digest.logs)
    rival = pre_digest(header_of(other.hash).digest.logs)
    if not isinstance(claim, Primary) or not isinstance(rival, Primary):
        return False
    if claim.claim.slot != rival.claim.slot:
        return False
    return claim.claim.vrf_signature.pre_output < rival.claim.vrf_signature.pre_output


class Client:
    """One chain: block import, queries and chain events."""

    def __init__(self, store: ChainStore, presets: Mapping[str, bytes]) -> None:
        """Open a store that has a genesis block. `presets` are genesis configurations in JSON."""
        genesis = store.blocks.genesis
        if genesis is None:
            raise ValueError("the store has no genesis block")
        self.genesis_hash: bytes = genesis
        self.store = store
        self.runtimes = RuntimeRegistry()
        self.notifier = Notifier()
        self.kept = KeptCalls()
        """Decoded calls of transactions that were admitted, for the blocks that hold them."""
        self._presets = presets
        self._newest: Header | None = None
        """The header imported last, which each listener reads: it is not decoded."""
        # The store's reference and ours, cached: each event of a node reads them several times.
        nowhere = StoredRef(b"", -1)
        self._best = self._final = nowhere, BlockRef(-1, b"")

    # ---- blocks

    def best(self) -> BlockRef:
        """Return the head of the best chain."""
        best = self.store.blocks.best
        if best is not self._best[0]:
            self._best = best, BlockRef(best.number, best.hash)
        return self._best[1]

    def finalized(self) -> BlockRef:
        """Return the last final block."""
        final = self.store.blocks.finalized
        if final is not self._final[0]:
            self._final = final, BlockRef(final.number, final.hash)
        return self._final[1]

    def header(self, hash: bytes) -> Header | None:
        """Return a header, None if it is not known."""
        raw = self.store.blocks.header(hash)
        if raw is None:
            return None
        newest = self._newest
        # The store returns the very bytes that were imported.
        return newest if newest is not None and raw is newest.encode() else Header.decode(raw)

    def header_of(self, hash: bytes) -> Header:
        """Return a header; raise UnknownBlock if it is not known."""
        header = self.header(hash)
        if header is None:
            raise UnknownBlock(hash)
        return header

    def body(self, hash: bytes) -> list[bytes] | None:
        """Return a block's extrinsics without their length prefixes, None if it is not known."""
        return self.store.blocks.body(hash)

    def block_hash(self, number: int) -> bytes | None:
        """Return the hash at a height of the best chain; None if it is not stored."""
        return self.store.blocks.hash_at(number)

    def best_through(self, hash: bytes) -> BlockRef | None:
        """Return the best leaf among the descendants of a block, or the block itself.

        None if it is not known, or lies on a fork below the last final block.
        """
        blocks, best = self.store.blocks, self.best()
        if blocks.is_ancestor(hash, best.hash):
            return best
        if not blocks.extends_finalized(hash):
            return None
        leaves = [leaf for leaf in blocks.leaves() if blocks.is_ancestor(hash, leaf.hash)]
        # In order of arrival: of equals the first stays.
        order = {known: place for place, known in enumerate(blocks.open)}
        leaves.sort(key=lambda leaf: order.get(leaf.hash, -1))
        heads = [Head(self.weight(leaf.hash), leaf.number, leaf.hash) for leaf in leaves]
        found = heads[0]
        for head in heads[1:]:
            if is_better(head, found, self.header_of):
                found = head
        return BlockRef(found.number, found.hash)

    def weight(self, hash: bytes) -> int:
        """Return the number of primary blocks up to an open block, or to the last final one."""
        raw = self.store.aux_get(WEIGHT_KEY + hash)
        return 0 if raw is None else int.from_bytes(raw, "little")

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every event from now on, until the returned function is called."""
        return self.notifier.listen(listener)

    # ---- state

    def state(self, hash: bytes) -> StateReader:
        """Return the state after a block. Raises UnknownBlock, StateUnavailable."""
        try:
            return self.store.state.reader(hash)
        except KeyError:
            raise UnknownBlock(hash) from None

    def overlay(self, hash: bytes) -> RootedOverlay:
        """Return an overlay for changes on the state after a block. Raises as `state` does."""
        try:
            return RootedOverlay(self.store, hash, self.store.state.reader(hash))
        except KeyError:
            raise UnknownBlock(hash) from None

    def overlay_of_child(self, hash: bytes) -> RootedOverlay:
        """Return an overlay for the execution of a block on `hash`. Raises as `state` does."""
        try:
            return RootedOverlay(self.store, hash, self.store.parent_state(hash))
        except KeyError:
            raise UnknownBlock(hash) from None

    def runtime_at(self, hash: bytes) -> LoadedRuntime:
        """Return the runtime of the block after `hash`.

        Raises as `state` does, and UnsupportedRuntime.
        """
        return self.runtimes.of(self.state(hash).get)

    def call(
        self, hash: bytes, name: str, data: bytes, overlay: RootedOverlay | None = None
    ) -> bytes:
        """Execute a runtime API call on a block's state. Raises ApiError, and as `runtime_at` does.

        `overlay` is an overlay on that state; without it a new one is made.
        """
        overlay = self.overlay(hash) if overlay is None else overlay
        return self.runtimes.of(overlay.get).call(overlay, hash, self._presets, name, data)

    def dry_run(self, hash: bytes, wire: bytes, overlay: RootedOverlay | None = None) -> bytes:
        """Apply an extrinsic (with its length prefix) as the next block would; discard the changes.

        Returns the encoded ApplyExtrinsicResult. Raises ApiError, and as `runtime_at` does.
        `overlay`: as in `call`.
        """
        overlay = self.overlay(hash) if overlay is None else overlay
        return dry_run(self.runtimes.of(overlay.get).queries, overlay, H256(hash), wire)

    # ---- block import

    @without_collection
    def execute(self, header: Header, body: Sequence[bytes]) -> Made:
        """Execute a block on its parent's state; nothing is stored.

        Raises InvalidBlock with the reason, UnknownBlock or StateUnavailable for its parent,
        UnsupportedUpgrade if the block moves the chain to a runtime version that this node does not
        carry.
        """
        overlay = self.overlay_of_child(header.parent_hash)
        unsealed, _ = header.unsealed()
        try:
            claim = pre_digest(header.digest.logs)
        except NoPreDigest as missing:
            raise InvalidBlock(str(missing)) from missing
        runtime = self.runtimes.of_block(overlay.get, int(claim.claim.slot))
        runtime.blocks.execute_block(overlay, unsealed, body, self.kept.finder(body))
        if overlay.pending is None:
            raise InvalidBlock("the execution ended without a state root")
        return Made(header, list(body), overlay.pending)

    @without_collection
    def import_block(
        self,
        header: Header,
        body: Sequence[bytes],
        *,
        made: Made | None = None,
        finalize: bool = False,
        justifications: Sequence[Proof] = (),
        aux: Mapping[bytes, bytes | None] | None = None,
        is_built_on: bool = False,
    ) -> BlockRef:
        """Import a block and return its reference; a known block is returned unchanged.

        `made` is this node's own execution of it, if there was one. `finalize` makes it final at
        once (manual seal). `aux` is stored in the same batch. `is_built_on`: another block stands
        on it, so it is admitted even where MAX_FORKS are kept; an author of many blocks for one
        slot cannot keep out the one that others build on. Raises InvalidBlock with the reason,
        UnknownBlock when the parent is missing, UnsupportedUpgrade as `execute` does, StorageError
        when the store fails.
        """
        hash, number = bytes(header.hash()), int(header.number)
        if self.store.blocks.header(hash) is not None:
            return BlockRef(number, hash)
        self._check_place(header, is_built_on=is_built_on)
        if made is None or made.header is not header:
            made = self.execute(header, body)
        parent, before, best = bytes(header.parent_hash), self.finalized(), self.best()
        weight = self.weight(parent)
        weight += isinstance(pre_digest(header.digest.logs), Primary)
        make_best = finalize or parent == best.hash  # longer, with no fewer primary slots
        if not make_best:
            known = Head(self.weight(best.hash), best.number, best.hash)
            new, headers = Head(weight, number, hash), {hash: header}
            make_best = is_better(new, known, lambda one: headers.get(one) or self.header_of(one))
        # One batch where no fork is discarded. Otherwise listeners receive the discarded blocks
        # while these can still be read.
        at_once = finalize and parent == best.hash
        weights: dict[bytes, bytes | None] = {WEIGHT_KEY + hash: weight.to_bytes(4, "little")}
        if at_once:
            weights[WEIGHT_KEY + before.hash] = None
        imported = self.store.commit_block(
            made.pending,
            header.encode(),
            made.body,
            make_best=make_best,
            finalize=at_once,
            justifications=justifications,
            aux={**(aux or {}), **weights},
            sync=at_once,
        )
        self._newest = header
        self.notifier.emit(NewBlock(hash, parent, number, make_best))
        if make_best:
            self._notify_best(imported.enacted, imported.retracted)
        if at_once:
            path = self.store.blocks.canonical(before.number + 1, number + 1)
            self._notify_finalized(list(path), imported.discarded)
        elif finalize:
            self.finalize(hash)
        return BlockRef(number, hash)

    def finalize(
        self,
        hash: bytes,
        proof: Proof | None = None,
        aux: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        """Make a block and its ancestors final; they are on the disk when this returns.

        The proof and `aux` are stored in the same batch. Raises UnknownBlock, and ValueError when
        it does not descend from the last final block.
        """
        self.header_of(hash)
        before, blocks = self.finalized(), self.store.blocks
        # First the head, then the end of its rivals: listeners can then still read them.
        head = self.best_through(hash) if blocks.extends_finalized(hash) else None
        if head is not None and head != self.best():
            route = self.store.set_best(head.hash)
            self._notify_best(route.enacted, route.retracted)
        route = blocks.route(before.hash, hash)
        discarded = self.store.finalize(hash, proof, self._without_weights(route) | dict(aux or {}))
        if discarded:
            self.store.aux_put({WEIGHT_KEY + gone: None for gone, _ in discarded})
        if self.finalized() != before:
            self._notify_finalized(route.enacted, discarded)

    def leap(self, proof: Proof, aux: Mapping[bytes, bytes | None]) -> None:
        """Continue from the block whose state was fetched: it becomes best and final.

        The blocks before it are not stored. Raises ValueError unless the state is complete.
        """
        old = dict.fromkeys([WEIGHT_KEY + self.finalized().hash])
        ref = self.store.state_import.finish(proof, old | dict(aux))
        parent = bytes(self.header_of(ref.hash).parent_hash)
        self.notifier.emit(NewBlock(ref.hash, parent, ref.number, is_best=True))
        self.notifier.emit(NewBest(ref.hash, (ref.hash,), ()))
        self.notifier.emit(Finalized((ref.hash,), ()))

    def set_best(self, hash: bytes) -> None:
        """Make a block the head that descends from the last final one. Raises ValueError."""
        route = self.store.set_best(hash)
        self._notify_best(route.enacted, route.retracted)

    def jump(self, hash: bytes, aux: Mapping[bytes, bytes | None] | None = None) -> None:
        """Make any block whose state is kept the head, final ones included: for development chains.

        The blocks that are left are not retracted for the pool: their transactions do not come
        back. `aux` is stored in the same batch. Raises UnknownBlock, StateUnavailable, and
        ValueError where states are pruned.
        """
        self.header_of(hash)
        best, final = self.best(), self.finalized()
        if hash == best.hash == final.hash:
            self.store.aux_put(aux or {}, sync=True)
            return
        old = {WEIGHT_KEY + known: None for known in (final.hash, *self.store.blocks.open)}
        route = self.store.jump(hash, {**old, **(aux or {})})
        self.notifier.emit(NewBest(hash, tuple(known for known, _ in route.enacted), ()))
        self.notifier.emit(Finalized((hash,), ()))

    def _without_weights(self, route: Route) -> dict[bytes, bytes | None]:
        """Return deletions of the weights no longer compared: of all but the last final."""
        past = [self.finalized().hash, *(hash for hash, _ in route.enacted[:-1])]
        return dict.fromkeys(WEIGHT_KEY + hash for hash in past if route.enacted)

    def _check_place(self, header: Header, *, is_built_on: bool) -> None:
        blocks = self.store.blocks
        above = blocks.number(header.parent_hash)
        if above is None:
            raise UnknownBlock(header.parent_hash)
        number = int(header.number)
        if number != above + 1:
            raise InvalidBlock(f"number {number} does not follow its parent's, {above}")
        if not blocks.extends_finalized(header.parent_hash):
            raise BelowFinalized(f"block {number} forks off below the last final block")
        if is_built_on or len(blocks.open) < MAX_FORKS:
            return
        if len(self.hashes_at(number)) >= MAX_FORKS:
            raise TooManyForks(f"{MAX_FORKS} blocks are known at height {number} already")

    def hashes_at(self, number: int) -> list[bytes]:
        """Return all known blocks at a height, forks included."""
        found = self.block_hash(number)
        hashes = [] if found is None else [found]
        for hash, block in self.store.blocks.open.items():
            if block.ref.number == number and hash != found:
                hashes.append(hash)
        return hashes

    # ---- events

    def _notify_best(
        self, enacted: Sequence[tuple[bytes, int]], retracted: Sequence[tuple[bytes, int]]
    ) -> None:
        if not enacted and not retracted:
            return
        self.notifier.emit(
            NewBest(
                self.best().hash,
                tuple([hash for hash, _ in enacted]),
                tuple([hash for hash, _ in retracted]),
            )
        )

    def _notify_finalized(
        self, path: Sequence[tuple[bytes, int]], discarded: Sequence[tuple[bytes, int]]
    ) -> None:
        hashes = tuple([hash for hash, _ in path])
        self.notifier.emit(Finalized(hashes, tuple([hash for hash, _ in discarded])))
