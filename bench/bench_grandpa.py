"""Finality in numbers: python bench/bench_grandpa.py [--rounds N]

Prints what a vote costs a voter from its bytes to its weight, signature included, and what a whole
round costs with 4, 7 and 50 voters (two votes of each, ours signed, the proof made and judged);
then the same for a second node of the process, that shares the verdicts on signatures.
CPU time of the calling thread: the machine may be shared.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from btt_chain.consensus.finality.gadget import Gadget, Stored  # noqa: E402
from btt_chain.consensus.finality.signatures import Signatures  # noqa: E402
from btt_chain.consensus.finality.voter_environment import Settings  # noqa: E402
from btt_chain.primitives.grandpa import Stage  # noqa: E402
from unit.consensus.finality.finality_world import many, signed, who  # noqa: E402
from unit.consensus.finality.gadget_world import (  # noqa: E402
    Keys,
    Node,
    T,
    child,
    genesis_header,
    importing,
    target,
    vote_bytes,
)

WARM_UP = 1
"""Rounds that are not counted."""


def run(voters: int, rounds: int, verify: Signatures) -> tuple[float, float]:
    """CPU microseconds of one vote, and milliseconds of one round, medians over some rounds."""
    weights = many(voters)
    names = list(weights)
    node = Node(names[0], weights, Keys(names[:1]))
    node.gadget = Gadget(
        node.tree,
        node.keys,
        verify,
        Stored(node.aux.get, [(who(name), weight) for name, weight in weights.items()]),
        Settings(T, 0),
        0,
    )
    node.take(node.gadget.start(0), 0)
    head, now = genesis_header(), 0
    a_vote: list[float] = []
    a_round: list[float] = []
    for number in range(1, rounds + WARM_UP + 1):
        head = child(head)
        node.take(importing(head)(node, now), now)
        spent = 0.0
        for stage in (Stage.PREVOTE, Stage.PRECOMMIT):
            votes = [
                vote_bytes(signed(stage, target(head), name, number, 0), number, 0)
                for name in names[1:]
            ]
            now += 2 * T
            start = time.thread_time()
            node.take(node.gadget.tick(now), now)
            received = time.thread_time()
            for raw in votes:
                node.take(node.gadget.gossip_received("peer", raw, now), now)
            end = time.thread_time()
            spent += end - start
            a_vote.append((end - received) / len(votes) * 1e6)
        a_round.append(spent * 1e3)
        if node.tree.final_block != target(head) or node.gadget.round != number + 1:
            raise RuntimeError(f"round {number} did not make its block final")
    return median(a_vote[2 * WARM_UP :]), median(a_round[WARM_UP:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    print("voters   a vote, us   a round, ms   | verdicts known: a vote, us   a round, ms")
    for voters in (4, 7, 50):
        verify = Signatures()
        first, second = run(voters, rounds, verify), run(voters, rounds, verify)
        print(
            f"{voters:6} {first[0]:12.0f} {first[1]:13.2f}   | {second[0]:28.0f} {second[1]:13.2f}"
        )


if __name__ == "__main__":
    main()
