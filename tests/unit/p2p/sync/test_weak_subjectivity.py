"""A newcomer and keys that were withdrawn: they sign another past, and every signature is valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from btt_chain.primitives.babe import (
    SecondaryPlain,
    SecondaryPlainClaim,
    Slot,
    pre_digest,
    pre_runtime,
)
from btt_chain.primitives.digest import H256, Digest, DigestItem
from btt_chain.primitives.grandpa import ChangeScheduled, ScheduledChange, consensus
from btt_chain.primitives.header import Header
from btt_chain.scale import u32, u64
from p2p.network import BLOCKS
from p2p.protocols.messages import BlockRequest
from p2p.sync.machine import Sync, SyncOptions
from p2p.sync.types import BlockId, Proven
from p2p.sync.voter_search import MAX_WAY, VoterSearch
from p2p.sync.warp_proof import SlotClock, WarpPlan
from support.sync_world import FakeChain, FakePeer, World, body_root
from support.warp_chain import Proving, codec_of, prove, ranges, voters

FIRST_SLOT = 1_000
EVERY = 10
LENGTH = 95
NOW = FIRST_SLOT + 200
"""The present slot: two in each three have a block."""


def header_of(parent: Header, number: int, slot: int, logs: list[DigestItem], salt: int) -> Header:
    claim = pre_runtime(SecondaryPlain(SecondaryPlainClaim(u32(0), Slot(slot))))
    roots = H256(bytes([salt]) * 32), H256(bytes(32))
    return Header(parent.hash(), u32(number), *roots, Digest([claim, *logs]))


class History(Proving):
    """A chain whose voters change at every tenth block; its slots are apart by two thirds."""

    def __init__(self, salt: int = 0, parts_at: int = 0, steals: int | None = None) -> None:
        """The chain with another salt parts from the first above a block. From there on the voters
        of set `steals`, whose bonds were withdrawn, vote in each set.
        """
        super().__init__(FakeChain())
        parent = self.headers[self.head.hash]
        self.set_of: dict[int, int] = {}
        set_id = 0
        for number in range(1, LENGTH + 1):
            self.set_of[number] = set_id
            logs: list[DigestItem] = []
            is_own = number > parts_at
            following = set_id + 1 if steals is None or not is_own else steals
            if number % EVERY == 0:
                after = [(who, u64(weight)) for who, weight in voters(following)]
                logs = [consensus(ChangeScheduled(ScheduledChange(after, u32(0))))]
            slot = FIRST_SLOT + number * 2
            parent = header_of(parent, number, slot, logs, salt if is_own else 0)
            self.add(parent)
            if logs or number == LENGTH:
                signers = steals if is_own and steals is not None and number > EVERY else set_id
                self.proofs[parent.hash()] = codec_of(prove(parent, set_id, keys_of=signers))
                set_id += bool(logs)
        self.finalize(LENGTH)

    def proven(self, number: int) -> Proven:
        header = self.headers[self.at[number]]
        set_id = self.set_of[number] + bool(number % EVERY == 0)
        return Proven(BlockId(number, self.at[number]), header, None, set_id, voters(set_id))


class Beyond(History):
    """The fork of three withdrawn keys, with a block far above everything."""

    def __init__(self, height: int, slot: int) -> None:
        super().__init__(salt=1, steals=0)
        last = self.headers[self.at[LENGTH // EVERY * EVERY]]
        top = header_of(last, height, slot, [], 1)
        self.headers[top.hash()] = top
        self.proofs[top.hash()] = codec_of(prove(top, LENGTH // EVERY, keys_of=0))
        self.head = self.final = BlockId(height, bytes(top.hash()))
        self.at[height] = self.head.hash

    def warp_targets(self, above: int) -> Iterator[bytes]:
        for number in sorted(self.at):
            if number > above and self.at[number] in self.proofs and number != LENGTH:
                yield self.at[number]


def slot_of(header: Header) -> int | None:
    return int(pre_digest(header.digest.logs).claim.slot) if header.number else None


def world_of(
    peers: Mapping[str, FakeChain],
    start: Proven | None = None,
    trusted: BlockId | None = None,
    seed: int = 0,
    latest: int = NOW,
) -> World:
    """A newcomer without a state; it never fetches one, because no peer here has any."""
    genesis = FakeChain()
    plan = WarpPlan(
        start or Proven(genesis.head, None, None, 0, voters(0)),
        ranges,
        peers=2,
        gain=5,
        trusted=trusted,
        slots=SlotClock(slot_of, lambda: latest),
    )

    def make(world: World) -> Sync:
        return Sync(
            world.chain,
            body_root=body_root,
            new_id=world.new_id,
            seed=world.seed,
            now=world.now,
            options=SyncOptions(warp=plan),
        )

    found = {name: FakePeer(chain) for name, chain in peers.items()}
    return World(genesis, found, seed=seed, make=make)


def search_of(world: World) -> VoterSearch:
    assert world.sync._warp is not None
    return world.sync._warp.search


def found_by(world: World, ms: int = 60_000) -> BlockId | None:
    """The block whose state the newcomer would fetch."""
    world.run(ms, lambda: search_of(world).target is not None)
    target = search_of(world).target
    return None if target is None else target.block


HONEST = History()


@pytest.mark.parametrize("seed", range(6))
def test_withdrawn_keys_that_prove_a_block_above_all_slots_are_refused(seed: int) -> None:
    liar = Beyond(900_000_000, NOW - 1)
    world = world_of({"liar": liar, "a": HONEST, "b": HONEST}, seed=seed)
    assert found_by(world) == HONEST.final
    assert set(world.costs) <= {"liar"}


@pytest.mark.parametrize("seed", range(6))
def test_a_proof_from_a_slot_ahead_of_the_clock_is_refused(seed: int) -> None:
    liar = Beyond(LENGTH + 50, NOW + 2)
    world = world_of({"liar": liar, "a": HONEST, "b": HONEST}, seed=seed)
    assert found_by(world) == HONEST.final
    assert world.costs == {}  # it may be this clock that is wrong


@pytest.mark.parametrize("seed", range(6))
def test_two_pasts_that_both_are_proven_stop_a_newcomer_and_cost_no_peer(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    fork = History(salt=1, steals=0)
    world = world_of({"liar": fork, "a": HONEST, "b": HONEST}, seed=seed)
    assert found_by(world, 120_000) is None
    assert "peers prove two chains" in caplog.text
    assert "--trusted-block" in caplog.text
    assert world.costs == {}
    world.leave("liar")
    assert found_by(world, 120_000) == HONEST.final


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("height", [EVERY * 5, EVERY * 5 + 3])
def test_a_trusted_block_leads_a_newcomer_past_withdrawn_keys(seed: int, height: int) -> None:
    fork = History(salt=1, steals=0)
    trusted = BlockId(height, HONEST.at[height])
    world = world_of({"liar": fork, "other": fork, "a": HONEST}, trusted=trusted, seed=seed)
    assert found_by(world, 120_000) == HONEST.final
    assert world.costs == {}


@pytest.mark.parametrize("height", [EVERY * 5, EVERY * 5 + 3])
def test_a_checkpoint_is_where_a_newcomer_begins(height: int) -> None:
    liar, parting = Beyond(900_000_000, NOW - 1), History(salt=1, parts_at=55, steals=2)
    peers = {"liar": liar, "parts": parting, "a": HONEST, "b": HONEST}
    world = world_of(peers, start=HONEST.proven(height))
    assert found_by(world) == HONEST.final
    assert search_of(world).trail.links[0].set_id == height // EVERY
    assert not {"a", "b"} & set(world.costs)


def test_a_chain_without_the_trusted_block_is_never_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trusted = BlockId(53, b"\x05" * 32)
    world = world_of({"a": HONEST, "b": HONEST}, trusted=trusted)
    assert found_by(world, 60_000) is None
    assert world.costs == {}
    assert f"block 53 is 0x{HONEST.at[53].hex()}, not the trusted 0x0505" in caplog.text


def test_the_headers_down_to_the_trusted_block_come_from_several_peers() -> None:
    trusted = BlockId(51, HONEST.at[51])
    liar = FakePeer(HONEST)
    liar.twist = lambda asked, question, found: b"\x00" if is_way(asked, question) else found
    world = world_of({"a": HONEST, "b": HONEST}, trusted=trusted)
    world.peers["liar"] = liar
    world.connect("liar")
    assert found_by(world) == HONEST.final
    assert world.costs == {}


def is_way(protocol: str, question: bytes) -> bool:
    """A request for headers by hash."""
    return protocol == BLOCKS and not isinstance(BlockRequest.decode(question).start, int)


def test_the_way_to_a_trusted_block_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    height = LENGTH + MAX_WAY + 1
    top = Beyond(height, FIRST_SLOT + 2 * height)
    trusted = BlockId(LENGTH, HONEST.at[LENGTH])
    world = world_of({"a": top, "b": top}, trusted=trusted, latest=1 << 32)
    assert found_by(world) is None
    assert f"at most {MAX_WAY} headers are checked" in caplog.text
    assert world.costs == {}
    assert sum(one.asked for one in world.peers.values()) < 20


def test_a_peer_whose_final_block_is_another_is_left_alone() -> None:
    """A node that was deceived is not a judge of those who were not."""
    fork = History(salt=1)
    world = World(fork, {"a": FakePeer(HONEST), "b": FakePeer(HONEST)})
    world.run(60_000)
    assert world.costs == {}
    assert not world.asks


def test_a_claim_far_above_does_not_choose_whom_to_follow() -> None:
    high = {f"liar{n}": FakePeer(FakeChain(), claim=900_000_000 + n) for n in range(20)}
    chain = FakeChain()
    leaders = set()
    for seed in range(30):
        world = World(chain, {**high, "a": FakePeer(HONEST), "b": FakePeer(HONEST)}, seed=seed)
        world.run(200)
        leaders.add(world.sync._range_sync.leader)
    assert leaders & {"a", "b"}
