"""Validators that say two things: F10, F11; and what it does to the set of voters, F16."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devnet.watched import (
    EQUIVOCATION,
    HANG,
    Watched,
    Words,
    quick,
    reports_at,
    session_at,
    until,
    voters_at,
)

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(900)]

Make = Callable[..., Watched]
CHEAT = 3


@pytest.fixture
def cheated(tmp_path: Path) -> Iterator[Make]:
    """Four validators in short sessions, of whom the last one cheats."""
    made: list[Watched] = []

    def start(act: str) -> Watched:
        field = Watched(tmp_path / act, spec=quick(4))
        made.append(field)
        field.act(CHEAT, act)
        field.cheats.add(CHEAT)
        field.net.up()
        return field

    yield start
    for field in made:
        field.down()


@pytest.mark.parametrize("act", ["two-blocks", pytest.param("two-votes", marks=pytest.mark.full)])
def test_f10_f11_who_says_two_things_is_seen_reported_and_voted_out(
    cheated: Make, act: str
) -> None:
    field = cheated(act)
    net = field.net
    honest = [node for node in net.nodes if node.index != CHEAT]
    words = [Words(node) for node in honest]
    field.net.wait_for_block(2)
    took = until(
        "all honest nodes see it", lambda: all(EQUIVOCATION in said.all() for said in words), HANG
    )
    seen_at = max(node.rpc.best() for node in honest)
    print(f"  {act}: seen by all honest nodes {took:.1f} s after block 2, at block {seen_at}")
    rpc = net[0].rpc
    # A fork may take a report back, and two blocks in a slot make forks.
    until(
        "it is reported on chain, for good",
        lambda: reports_at(rpc, str(rpc.call("chain_getFinalizedHead"))) > 0,
        HANG,
    )
    reported_at = next(
        number
        for number in range(1, rpc.finalized() + 1)
        if reports_at(rpc, rpc.block_hash(number))
    )
    print(f"  {act}: the report is in block {reported_at}, session {session_at(rpc)}")
    net.wait_for_finality(reported_at + 2, nodes=[0, 1, 2], seconds=HANG)
    field.check()

    def voters(index: int) -> tuple[int, int]:
        rpc = net[index].rpc
        found, set_id = voters_at(rpc, str(rpc.call("chain_getFinalizedHead")))
        return len(found), set_id

    # Thrown out two sessions later; three go on, and none of them may fail.
    until("the others vote without it", lambda: voters(0)[0] == 3, HANG)
    print(f"  {act}: three voters in set {voters(0)[1]}, session {session_at(net[0].rpc)}")
    height = net[0].rpc.finalized()
    net.wait_for_finality(height + 3, nodes=[0, 1, 2], seconds=HANG)
    assert {voters(index) for index in range(3)} == {voters(0)}
    # A node that was away when the set changed, and one that comes late, follow.
    net.restart(1)
    late = net.add_node()
    net.wait_for_finality(height + 5, nodes=[0, 1, 2, late.index], seconds=HANG)
    height = field.check()
    print(f"  {act}: I1-I7 hold up to block {height}\n{field.report()}")
