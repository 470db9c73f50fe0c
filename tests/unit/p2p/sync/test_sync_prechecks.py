"""A long sync offers its blocks for prechecks, and requests the next ranges during an import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from p2p.network import BLOCKS, Ask
from p2p.protocols.messages import BODY, BlockRequest
from p2p.sync.types import Action, ImportBlocks, PrecheckBlocks
from p2p.sync.window import BODIES_AHEAD, LONG
from support.sync_world import FakeChain, FakePeer, World, branch


@dataclass
class Watched(World):
    """A world that records what is offered and imported, in order."""

    offered: list[bytes] = field(default_factory=list)
    log: list[tuple[str, int]] = field(default_factory=list)
    """Offers, imports and requests for bodies, with a height or a number of blocks."""
    ahead: int = 0
    """Most blocks that were offered and not imported."""

    def apply(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case PrecheckBlocks(blocks):
                    self.offered += [block.hash for block in blocks]
                    self.ahead = max(self.ahead, len(self.offered) - len(self.imported))
                case ImportBlocks(_, blocks):
                    self.log.append(("import", int(blocks[0].header.number)))
                case Ask(protocol=protocol, data=data) if protocol == BLOCKS:
                    request = BlockRequest.decode(data)
                    if request.fields & BODY:
                        self.log.append(("bodies", request.limit))
                case _:
                    pass
        super().apply(actions)


def far(length: int, *, import_ms: int = 1, delay: int = 50) -> Watched:
    peer = FakePeer(FakeChain(branch(length)), delay=delay)
    return Watched(FakeChain(), {"a": peer}, import_ms=import_ms)


def test_blocks_of_a_long_sync_are_offered_once_in_order_before_their_import() -> None:
    world = far(1_000)
    assert world.run(60_000, world.synced)
    assert world.offered == world.imported == [bytes(block.hash()) for block in branch(1_000)]
    assert LONG // 2 < world.ahead <= BODIES_AHEAD + 64
    assert world.costs == {}


def test_a_short_sync_offers_nothing() -> None:
    world = far(LONG - 10)
    assert world.run(60_000, world.synced)
    assert world.offered == []


def test_a_claimed_height_offers_nothing() -> None:
    peer = FakePeer(FakeChain(branch(200)), claim=10_000)
    world = Watched(FakeChain(), {"a": peer})
    world.run(30_000, lambda: world.chain.head.number == 200)
    assert world.offered == []


def test_a_chain_that_is_offered_again_starts_where_the_import_is() -> None:
    world = far(700, import_ms=20)
    assert world.run(60_000, lambda: len(world.imported) >= 128)
    world.peers["b"] = FakePeer(FakeChain(branch(1_400)))
    world.connect("b")
    world.leave("a")
    del world.peers["a"]
    assert world.run(120_000, lambda: world.chain.head.number == 1_400)
    assert set(world.imported) <= {bytes(block.hash()) for block in branch(1_400)}
    last = world.offered[-300:]
    assert last == world.imported[-300:]


def test_blocks_that_are_too_early_are_offered_only_once() -> None:
    world = far(600)
    early = branch(600)[399]
    world.early[bytes(early.hash())] = world.now + 30_000
    world.run(20_000)
    assert world.chain.head.number == 399
    assert len(world.offered) == 600
    assert world.run(120_000, world.synced)
    assert sorted(world.offered) == sorted(set(world.offered))


def test_the_next_ranges_are_requested_while_blocks_are_imported() -> None:
    """An import of 64 blocks takes 1.3 s, an answer a second: without overlap 600 take 20 s."""
    world = far(600, import_ms=20, delay=1_000)
    begun = world.now
    assert world.run(60_000, world.synced)
    imports = [at for at, (kind, _) in enumerate(world.log) if kind == "import"]
    before = [kind for kind, _ in world.log[: imports[1]]]
    assert before.count("bodies") >= 2, "the second range is requested during the first import"
    assert world.now - begun < 600 * 20 + 6_000
