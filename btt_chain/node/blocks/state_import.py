"""Storage for warp sync: a proven block, its state by ranges, then the blocks below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from btt_chain.chain.client import Client
from btt_chain.consensus.babe.verify import Refused, slot_of
from btt_chain.consensus.finality.authorities import AuthoritySet
from btt_chain.consensus.finality.records import read_voters
from btt_chain.consensus.finality.warp import adopt
from btt_chain.node.blocks.trust import Trust
from btt_chain.primitives.digest import GRANDPA, H256
from btt_chain.primitives.grandpa import Target
from btt_chain.primitives.header import Header
from btt_chain.scale import codec, u32, u64
from genesis.checkpoint import UntrustedDatabase
from p2p.sync.requests import RequestTracker
from p2p.sync.types import BadRange, BeginState, Block, BlockId, FinishState, Proven, StoreState
from p2p.sync.warp import Warp, decode_proven, encode_proven
from p2p.sync.warp_proof import Resume, SlotClock, WarpPlan
from runtime.frame.version import CODE_KEY
from runtime.params import PARAMS_KEY, RuntimeParams
from storage.state_import import FALSE, AncientBlock, FalseHistory
from storage.trie.proof import ProofError
from storage.trie.range_proof import VerifiedRange, verify_range

LINK_PREFIX: Final = b"warp_link"
"""Auxiliary keys of the blocks that ended the intermediate sets, by set; deleted at the end."""
PROOF_PREFIX: Final = b"warp_proof"
"""Auxiliary keys of their proofs, by block; deleted once the block is stored."""

START_KEY: Final = b"warp_start"
"""Auxiliary key of the first set of the proofs and its block; deleted at the end."""
TRUSTED_KEY: Final = b"warp_trusted"
"""Auxiliary key of the trusted block that the chain of the state was found to have."""

_LINK: Final = codec(tuple[u32, H256])
_START: Final = codec(tuple[u64, u32, H256])


class StateImport:
    """Writes the blocks and states of warp sync (`parts.StateStore`).

    The proofs for the changes of voters were verified one by one. They are kept, so that other
    nodes can sync the same way from this node, too.
    """

    def __init__(self, client: Client, trusted: Mapping[int, bytes] | None = None) -> None:
        """`trusted` are the hashes of trusted blocks by height."""
        self._client: Final = client
        self._trusted: Final = trusted or {}

    def begin(self, order: BeginState) -> None:
        """Prepare for a state; the present one is discarded."""
        header = order.proven.header
        if header is None:
            raise ValueError("the block to begin with has its state already")
        kept: dict[bytes, bytes | None] = {}
        for link in order.links:
            kept[_link_key(link.set_id)] = _encode(link.block)
            kept[PROOF_PREFIX + link.block.hash] = link.justification.encode()
        if (start := order.start) is not None:
            number, hash = start.block
            kept[START_KEY] = _START.encode((u64(start.set_id), u32(number), H256(hash)))
        trusted = order.trusted
        kept[TRUSTED_KEY] = None if trusted is None else _encode(trusted)
        self._client.store.aux_put(kept, sync=True)
        self._client.store.state_import.begin(header.encode(), encode_proven(order.proven))

    def store(self, order: StoreState) -> None:
        """Write a verified range."""
        self._client.store.state_import.write(verified(order))

    def finish(self, order: FinishState) -> None:
        """Make the block of the state the final head, and its voters the current ones."""
        proven, justification = order.proven, order.proven.justification
        if justification is None:
            raise ValueError("the block is not proven final")
        done: dict[bytes, bytes | None] = {PROOF_PREFIX + proven.block.hash: None}
        first, start = self._first()
        ends = None if first is None else self._ends(first, proven.set_id)
        for set_id, _ in ends or ():
            done[_link_key(set_id)] = None
        adopted = adopt(proven.set_id, proven.authorities, justification, ends, start)
        self._client.leap(
            (GRANDPA, justification.encode()),
            {**done, START_KEY: None, TRUSTED_KEY: None, **adopted},
        )

    def _first(self) -> tuple[int | None, Target | None]:
        """Return the first set of which the end is needed, None if it is not known; and the block
        at which its proofs begin, None if those of this node lead there.
        """
        read, final = self._client.store.aux_get, self._client.finalized()
        raw = read(START_KEY)
        if raw is not None:
            set_id, number, hash = _START.decode_all(raw)
            if number > final.number:
                return int(set_id), Target(hash, int(number))
        voters = read_voters(read)
        if voters is None:
            return (0 if final.number == 0 else None), None
        return voters[0].current.set_id, None

    def _ends(self, first: int, set_id: int) -> list[tuple[int, Target]] | None:
        """Return the blocks that ended the sets from the first one on; None if unknown."""
        read = self._client.store.aux_get
        found: list[tuple[int, Target]] = []
        for ended in range(first, set_id):
            raw = read(_link_key(ended))
            if raw is None:
                return None
            number, hash = _LINK.decode_all(raw)
            found.append((ended, Target(hash, int(number))))
        return found

    def history(self, blocks: Sequence[Block]) -> None:
        """Write blocks below the state, highest first. Raises FalseHistory.

        Their proofs are left out, except those of warp sync: their voters are not known here, so a
        forged proof could not be detected, and a node that forwards a forged one is penalized.
        """
        for block in blocks:
            number = int(block.header.number)
            if self._trusted.get(number, block.hash) != block.hash:
                raise FalseHistory(f"block {number} is not the trusted one: {FALSE}")
        store = self._client.store
        kept = {block.hash: store.aux_get(PROOF_PREFIX + block.hash) for block in blocks}
        store.state_import.insert_history(
            [
                AncientBlock(
                    block.header.encode(),
                    block.body,
                    [] if (proof := kept[block.hash]) is None else [(GRANDPA, proof)],
                )
                for block in blocks
            ]
        )
        stored = [PROOF_PREFIX + hash for hash, proof in kept.items() if proof is not None]
        if stored:
            store.aux_put(dict.fromkeys(stored))


def read_trusted(client: Client) -> BlockId | None:
    """Return the trusted block that the chain of the state being imported has; None for none."""
    raw = client.store.aux_get(TRUSTED_KEY)
    if raw is None:
        return None
    number, hash = _LINK.decode_all(raw)
    return BlockId(int(number), bytes(hash))


def _encode(block: BlockId) -> bytes:
    return _LINK.encode((u32(block.number), H256(block.hash)))


def _link_key(set_id: int) -> bytes:
    return LINK_PREFIX + set_id.to_bytes(8, "big")


def warp_of(
    client: Client,
    voters: AuthoritySet,
    trust: Trust,
    params: RuntimeParams,
    clock: Callable[[], int],
    *,
    wanted: bool,
) -> Callable[[RequestTracker, int], Warp] | None:
    """Return a function that begins warp sync; None for a sync block after block.

    It begins at the trusted blocks. Raises UntrustedDatabase.
    """
    plan = warp_plan(client, voters, wanted=wanted)
    if plan is None:
        return None
    checked = guarded(plan, client, trust, params, clock)
    return lambda tracker, now: Warp(tracker, checked, now)


def warp_plan(client: Client, voters: AuthoritySet, *, wanted: bool) -> WarpPlan | None:
    """Return the start or continuation of a warp sync; None for block after block.

    `voters` are the voters after the last final block. A started import is always continued,
    because the state before it was discarded.
    """
    store = client.store
    final = client.finalized()
    start = Proven(BlockId(final.number, final.hash), None, None, voters.set_id, voters.authorities)
    begun = store.state_import.progress
    if begun is not None:
        proven = decode_proven(begun.note)
        resume = Resume(proven, begun.after, begun.entries, begun.complete)
        return WarpPlan(start, read_range, resume)
    if not wanted or store.state_import.missing is not None:
        return None
    return WarpPlan(start, read_range, admit=admission(client))


def guarded(
    plan: WarpPlan, client: Client, trust: Trust, params: RuntimeParams, clock: Callable[[], int]
) -> WarpPlan:
    """Return a plan that begins at the checkpoint, if it is later, and checks what is proven.

    Raises UntrustedDatabase if a state that was not checked so is being imported.
    """
    final, checkpoint, start = client.finalized(), trust.checkpoint, plan.start
    if checkpoint is not None and checkpoint.number > final.number:
        at = BlockId(checkpoint.number, checkpoint.hash)
        start = Proven(at, checkpoint.header, None, checkpoint.set_id, checkpoint.authorities)
    elif final.number:
        start = replace(start, header=client.header(final.hash))
    is_checked = trust.block is None or read_trusted(client) == trust.block
    if plan.resume is not None and not is_checked:
        raise UntrustedDatabase(
            "a state is being imported that was not checked against --trusted-block: purge-chain "
            "and sync again"
        )
    slot_ms = int(params.slot_ms)
    slots = SlotClock(claimed_slot, lambda: clock() // slot_ms + 1)  # blocks up to slot_now + 1
    return replace(plan, start=start, trusted=trust.block, slots=slots)


def claimed_slot(header: Header) -> int | None:
    """Return the slot that a header claims, None if it claims none."""
    try:
        return slot_of(header)
    except Refused:
        return None


def admission(client: Client) -> Callable[[bytes | None], None]:
    """Return a check of the runtime version in a state before it is fetched; it raises
    UnsupportedRuntime.
    """
    params = client.state(client.best().hash).get(PARAMS_KEY)

    def check(code: bytes | None) -> None:
        client.runtimes.of({CODE_KEY: code, PARAMS_KEY: params}.get)

    return check


def read_range(
    root: bytes, after: bytes | None, nodes: Sequence[bytes], last: bytes | None
) -> VerifiedRange:
    """Return the entries that trie nodes prove. Raises BadRange
    (`p2p.sync.types.RangeVerifier`).
    """
    try:
        return verify_range(root, after, nodes, last)
    except ProofError as error:
        raise BadRange(str(error)) from error


def verified(order: StoreState) -> VerifiedRange:
    """Return the range of an order, as `read_range` returned it; TypeError for any other."""
    if not isinstance(order.range, VerifiedRange):
        raise TypeError(f"{type(order.range).__name__} is not a range that was verified here")
    return order.range
