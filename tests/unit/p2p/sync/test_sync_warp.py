"""A node that begins with a late block's state ends where one ends that began with the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import Phase as Stage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from btt_chain.chain.client import Client
from btt_chain.chain.runtimes import Release, RuntimeRegistry, UnsupportedRuntime, extrinsics_root
from btt_chain.node.blocks.state_import import admission
from btt_chain.primitives.digest import GRANDPA, H256, Digest, DigestItem
from btt_chain.primitives.grandpa import (
    ChangeScheduled,
    ScheduledChange,
    consensus,
)
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from p2p.network import BLOCKS, STATE, WARP
from p2p.protocols.messages import (
    BlockAnswer,
    StateAnswer,
    WarpFragment,
    WarpProof,
    WarpRequest,
)
from p2p.protocols.serve import PAGE_BYTES, StateRange, warp
from p2p.sync.machine import Sync, SyncOptions
from p2p.sync.types import (
    BeginState,
    BlockId,
    BlocksImported,
    FinishState,
    ImportBlocks,
    ImportHistory,
    Phase,
    Proven,
    StoreState,
)
from p2p.sync.warp import Warp, decode_proven, encode_proven
from p2p.sync.warp_proof import BadProof, Resume, WarpPlan, follow
from runtime import BttRuntime
from storage.check import check_chain
from storage.database import ChainStore
from storage.memory import MemoryKV
from storage.state_import import AncientBlock
from storage.trie.range_proof import VerifiedRange
from support.chain import ALICE, BOB, DevChain, address, genesis_header
from support.sync_world import FakeChain, FakePeer, Twist, World
from support.warp_chain import Proving, codec_of, prove, ranges, voters


def changing_chain(length: int, every: int = 10) -> tuple[FakeChain, Proven]:
    """Headers with a change of voters at every tenth, each proven by those of before."""
    chain = FakeChain()
    parent = chain.headers[chain.head.hash]
    start = Proven(chain.head, None, None, 0, voters(0))
    set_id = 0
    for number in range(1, length + 1):
        logs: list[DigestItem] = []
        if number % every == 0:
            after = [(who, u64(weight)) for who, weight in voters(set_id + 1)]
            logs = [consensus(ChangeScheduled(ScheduledChange(after, u32(0))))]
        root = H256(bytes(32))
        header = Header(parent.hash(), u32(number), root, root, Digest(logs))
        chain.add(header)
        if logs or number == length:
            chain.proofs[header.hash()] = codec_of(prove(header, set_id))
            set_id += bool(logs)
        parent = header
    chain.finalize(length)
    return chain, start


# --- proofs -----------------------------------------------------------------


def pages(chain: FakeChain, start: Proven) -> list[WarpProof]:
    found = []
    begin = start.block.hash
    while True:
        raw = warp(chain, WarpRequest(begin))
        assert raw is not None
        found.append(WarpProof.decode(raw))
        if found[-1].is_finished:
            return found
        begin = bytes(found[-1].fragments[-1].header.hash())


def test_voters_are_followed_over_a_hundred_blocks() -> None:
    chain, start = changing_chain(105)
    (page,) = pages(Proving(chain), start)
    proven = follow(start, page)
    assert len(page.fragments) == 11
    assert proven.block == chain.final
    assert (proven.set_id, proven.authorities) == (10, voters(10))
    assert decode_proven(encode_proven(proven)) == proven


def test_a_proof_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, start = changing_chain(105)
    monkeypatch.setattr("p2p.protocols.serve.PAGE_BYTES", 2_000)
    found = pages(Proving(chain), start)
    assert len(found) > 3
    proven = start
    for page in found:
        proven = follow(proven, page)
    assert proven.block == chain.final
    assert PAGE_BYTES > 2_000


def without(proof: WarpProof, place: int) -> WarpProof:
    return replace(proof, fragments=[*proof.fragments[:place], *proof.fragments[place + 1 :]])


def other_header(proof: WarpProof) -> WarpProof:
    first = proof.fragments[0]
    header = replace(first.header, state_root=H256(b"\x01" * 32))
    return replace(
        proof, fragments=[WarpFragment(header, first.justification), *proof.fragments[1:]]
    )


def weak(proof: WarpProof) -> WarpProof:
    first = proof.fragments[0]
    return replace(
        proof,
        fragments=[WarpFragment(first.header, prove(first.header, 0, 2)), *proof.fragments[1:]],
    )


def plain_in_the_middle(proof: WarpProof) -> WarpProof:
    return WarpProof([*proof.fragments, proof.fragments[-1]], True)


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: without(proof, 0),
        lambda proof: without(proof, 3),
        lambda proof: replace(proof, fragments=proof.fragments[::-1]),
        lambda proof: replace(proof, is_finished=False),
        other_header,
        weak,
        plain_in_the_middle,
    ],
)
def test_a_proof_with_a_fragment_changed_or_left_out_is_refused(
    change: Callable[[WarpProof], WarpProof],
) -> None:
    chain, start = changing_chain(45)
    (page,) = pages(Proving(chain), start)
    with pytest.raises(BadProof):
        follow(start, change(page))


# --- a whole run over real stores -------------------------------------------


class StoreChain(FakeChain):
    """A real store as sync reads it and as it is served to others."""

    def __init__(self, client: Client, page: int = 3_000) -> None:
        super().__init__()
        self.client = client
        self.store = client.store
        self.page = page

    def best(self) -> BlockId:
        hash, number = self.store.blocks.best
        return BlockId(number, hash)

    def finalized(self) -> BlockId:
        hash, number = self.store.blocks.finalized
        return BlockId(number, hash)

    def hash_at(self, number: int) -> bytes | None:
        return self.store.blocks.hash_at(number)

    def number(self, hash: bytes) -> int | None:
        return self.store.blocks.number(hash)

    def keeps_body(self, number: int) -> bool:
        return True

    def gap(self) -> tuple[BlockId, int] | None:
        missing = self.store.state_import.missing
        if missing is None:
            return None
        return BlockId(missing.highest.number, missing.highest.hash), missing.left

    def header(self, hash: bytes) -> bytes | None:
        return self.store.blocks.header(hash)

    def parent(self, hash: bytes) -> bytes | None:
        fields = self.store.blocks.fields(hash)
        return fields.parent if fields.number else None

    def body(self, hash: bytes) -> list[bytes] | None:
        return self.store.blocks.body(hash)

    def justification(self, hash: bytes) -> bytes | None:
        return dict(self.store.blocks.justifications(hash)).get(GRANDPA)

    def state_range(self, block: bytes, after: bytes | None, size: int) -> StateRange | None:
        if not self.store.state.has_state(block):
            return None
        return StateRange(*self.store.state.reader(block).prove_range(after, self.page))

    def warp_targets(self, above: int) -> Iterator[bytes]:
        for ref in self.store.blocks.canonical(above + 1):
            if self.justification(ref.hash) is not None:
                yield ref.hash


class StoreWorld(World):
    """A node with a real store that warps."""

    chain: StoreChain

    def begin_state(self, action: BeginState) -> None:
        header = action.proven.header
        assert header is not None
        self.chain.store.state_import.begin(header.encode(), encode_proven(action.proven))

    def store_state(self, action: StoreState) -> None:
        assert isinstance(action.range, VerifiedRange)
        assert len(action.range.entries) < 80
        self.chain.store.state_import.write(action.range)

    def finish_state(self, action: FinishState) -> None:
        proof = action.proven.justification
        assert proof is not None
        self.chain.store.state_import.finish((GRANDPA, codec_of(proof)))

    def import_history(self, action: ImportHistory) -> None:
        self.chain.store.state_import.insert_history(
            [
                AncientBlock(
                    block.header.encode(),
                    block.body,
                    [] if block.justification is None else [(GRANDPA, block.justification)],
                )
                for block in action.blocks
            ]
        )

    def take(self, action: ImportBlocks) -> BlocksImported:
        for block in action.blocks:
            self.chain.client.import_block(block.header, block.body)
        return BlocksImported(action.id, len(action.blocks))


LENGTH, TARGET = 30, 26


@pytest.fixture
def dev() -> DevChain:
    return dev_chain()


@cache
def dev_chain() -> DevChain:
    """A chain with a state of some ranges; nothing changes it."""
    extra = {bytes([n]) * 32: 10**20 for n in range(60)}
    chain = DevChain(shared=True, extra=extra)
    for number in range(1, LENGTH + 1):
        call = chain.call("Balances", "transfer_keep_alive", dest=address(BOB), value=number)
        chain.send(ALICE, call)
        chain.seal()
    header = chain.client.header_of(chain.client.block_hash(TARGET) or b"")
    chain.client.store.justify(bytes(header.hash()), (GRANDPA, codec_of(prove(header, 0))))
    return chain


def warp_world(
    dev: DevChain,
    peers: dict[str, FakePeer],
    kv: MemoryKV | None = None,
    resume: Resume | None = None,
    loss: float = 0.0,
    seed: int = 0,
    runtimes: RuntimeRegistry | None = None,
) -> StoreWorld:
    if kv is None:
        kv = MemoryKV()
    store = ChainStore(kv, pruning=256)
    if not store.has_genesis:
        store.insert_genesis(dev.state, genesis_header)
    client = Client(store, {})
    client.runtimes = runtimes or dev.client.runtimes
    chain = StoreChain(client)
    genesis = BlockId(0, client.genesis_hash)
    start = Proven(genesis, None, None, 0, voters(0))
    admit = admission(client) if resume is None else lambda _: None
    plan = WarpPlan(start, ranges, resume, peers=2, gain=5, admit=admit)

    def make(world: World) -> Sync:
        return Sync(
            chain,
            body_root=extrinsics_root,
            new_id=world.new_id,
            seed=world.seed,
            now=world.now,
            options=SyncOptions(warp=lambda tracker, now: Warp(tracker, plan, now)),
        )

    return StoreWorld(chain, peers, make=make, loss=loss, seed=seed)


def peer(dev: DevChain, twist: Twist | None = None) -> FakePeer:
    chain = StoreChain(dev.client)
    chain.head, chain.final = chain.best(), chain.finalized()
    return FakePeer(chain, twist=twist)


def is_whole(world: StoreWorld, dev: DevChain) -> bool:
    chain = world.chain
    return chain.best().hash == dev.client.best().hash and chain.store.state_import.missing is None


def judge(world: StoreWorld, dev: DevChain) -> None:
    """The node has all that the other has, and holds together."""
    store = world.chain.store
    check_chain(store._kv, thorough=True)
    best = dev.client.best().hash
    assert dict(store.state.reader(best).entries()) == dev.storage(best)
    for number in range(LENGTH + 1):
        hash = dev.client.block_hash(number) or b""
        assert store.blocks.hash_at(number) == hash
        assert store.blocks.body(hash) == dev.client.body(hash)


def test_a_late_joiner_warps_then_follows_then_fills_its_history(dev: DevChain) -> None:
    world = warp_world(dev, {name: peer(dev) for name in "ab"})
    seen = []
    while not is_whole(world, dev):
        assert world.now < 1_100_000
        world.run(50)
        found = world.sync.progress(world.now)
        seen.append((found.phase, found.history_left > 0))
    assert world.costs == {}
    judge(world, dev)
    order = list(dict.fromkeys(seen))
    assert [phase for phase, _ in order][:2] == [Phase.WARP, Phase.STATE]
    assert order[-1][0] is Phase.FULL
    assert not world.sync.progress(world.now).syncing


def test_a_state_of_an_unsupported_runtime_is_refused_before_it_is_fetched(dev: DevChain) -> None:
    # As a program that is older than the chain: it has the runtime of genesis, and not the state's.
    world = warp_world(
        dev,
        {name: peer(dev) for name in "ab"},
        runtimes=RuntimeRegistry({Release("btt", 99): BttRuntime}),
    )
    with pytest.raises(
        UnsupportedRuntime, match=r"runs btt 100, this node carries 99: install a release"
    ):
        world.run(60_000, lambda: is_whole(world, dev))
    assert world.chain.store.state_import.progress is None
    assert world.chain.store.state.has_state(world.chain.client.genesis_hash)
    assert world.costs == {}


def spoil(protocol: str) -> Twist:
    def twist(asked: str, question: bytes, found: bytes | None) -> bytes | None:
        if asked != protocol or found is None:
            return found
        match protocol:
            case "warp":
                place = len(found) // 2
                return found[:place] + bytes([found[place] ^ 1]) + found[place + 1 :]
            case "state":
                answer = StateAnswer.decode(found)
                answer.nodes = answer.nodes[:-1] or [b"x"]
                return answer.encode()
        blocks = BlockAnswer.decode(found).blocks
        for block in blocks:
            block.body = [b"x"]
        return BlockAnswer(blocks).encode()

    return twist


@pytest.mark.parametrize("protocol", [WARP, STATE, BLOCKS])
def test_a_liar_is_dropped_and_another_goes_on(dev: DevChain, protocol: str) -> None:
    peers = {"liar": peer(dev, spoil(protocol)), "a": peer(dev), "b": peer(dev)}
    world = warp_world(dev, peers)
    assert world.run(120_000, lambda: is_whole(world, dev))
    assert set(world.costs) <= {"liar"}
    judge(world, dev)


def test_a_source_that_dies_in_the_middle_is_replaced(dev: DevChain) -> None:
    world = warp_world(dev, {name: peer(dev) for name in "ab"})
    assert world.run(60_000, lambda: world.sync.progress(world.now).state_entries > 20)
    busiest = max(world.peers, key=lambda name: world.peers[name].asked)
    world.leave(busiest)
    assert world.run(120_000, lambda: is_whole(world, dev))
    judge(world, dev)


def test_a_node_that_is_killed_while_it_fetches_the_state_goes_on(dev: DevChain) -> None:
    kv = MemoryKV()
    world = warp_world(dev, {name: peer(dev) for name in "ab"}, kv)
    assert world.run(60_000, lambda: world.sync.progress(world.now).state_entries > 20)
    check_chain(kv, thorough=True)
    at = ChainStore(kv, pruning=256).state_import.progress
    assert at is not None
    resume = Resume(decode_proven(at.note), at.after, at.entries, at.complete)
    world = warp_world(dev, {name: peer(dev) for name in "ab"}, kv, resume)
    assert world.sync.progress(world.now).state_entries == at.entries > 0
    assert world.run(120_000, lambda: is_whole(world, dev))
    judge(world, dev)


def test_a_lossy_net_only_takes_longer(dev: DevChain) -> None:
    world = warp_world(dev, {name: peer(dev) for name in "abc"}, loss=0.2)
    world.ban = 10**9
    assert world.run(3_000_000, lambda: is_whole(world, dev))
    judge(world, dev)


def test_on_a_young_chain_block_follows_block(dev: DevChain) -> None:
    young = DevChain(shared=True)
    for _ in range(3):
        young.seal()
    world = warp_world(young, {"a": peer(young)})
    assert world.run(4_000, lambda: world.chain.best().number == 3)
    assert world.chain.store.state.has_state(young.client.genesis_hash)


def test_enough_peers_with_a_short_chain_are_believed_at_once(
    dev: DevChain, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    young = DevChain(shared=True)
    for _ in range(3):
        young.seal()
    world = warp_world(young, {name: peer(young) for name in "ab"})
    assert world.run(1_000, lambda: world.chain.best().number == 3)
    assert [line for line in caplog.messages if "no warp sync: the last final block is 3" in line]


def test_a_new_node_that_connects_first_does_not_prevent_warp_sync(dev: DevChain) -> None:
    fresh = FakePeer(FakeChain())
    world = warp_world(dev, {"fresh": fresh})
    world.peers |= {name: peer(dev) for name in "ab"}
    for name in "ab":
        world.connect(name, after=1_500)
    assert world.run(60_000, lambda: is_whole(world, dev))
    assert not world.chain.store.state.has_state(world.chain.client.genesis_hash)
    judge(world, dev)


@settings(max_examples=12, deadline=None, phases=[Stage.explicit, Stage.generate])
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.2]),
    liars=st.lists(st.sampled_from([WARP, STATE, BLOCKS, "silent", "young"]), max_size=4),
    stays=st.integers(500, 20_000),
)
@example(seed=193, loss=0.2, liars=["young"], stays=18_790)  # history waited for a peer without it
def test_one_honest_peer_is_enough_to_warp(
    seed: int, loss: float, liars: list[str], stays: int
) -> None:
    dev = dev_chain()
    peers = {"leaves": peer(dev), "honest": peer(dev)}
    for place, how in enumerate(liars):
        liar = peer(dev, spoil(how) if how in (WARP, STATE, BLOCKS) else None)
        if how == "young":
            liar.chain = FakeChain()
        liar.silent = how == "silent"
        peers[f"liar{place}"] = liar
    world = warp_world(dev, peers, loss=loss, seed=seed)
    world.ban = 10**9 if loss else 10_000
    world.leave("leaves", after=stays)
    assert world.run(3_000_000, lambda: is_whole(world, dev))
    assert "honest" not in world.banned
    judge(world, dev)
