"""Nodes without a connection to each other, for a while: F4, F8 of docs/simulator.md."""

from __future__ import annotations

import time
from random import Random

import pytest

from btt_chain.primitives.account import AccountInfo
from btt_chain.scale import codec
from btt_chain.testing import DevNode
from crash.wallet import account_key, transfer
from devnet.watched import HANG, Watched, until
from support.chain import ALICE, BOB

pytestmark = [pytest.mark.devnet, pytest.mark.timeout(900)]

ACCOUNT = codec(AccountInfo)


def nonce_at(node: DevNode, block: str) -> int:
    """Return the number of transactions of Alice in a block's state."""
    raw = node.rpc.call("state_getStorage", "0x" + account_key(ALICE).hex(), block)
    assert isinstance(raw, str)
    return int(ACCOUNT.decode_all(bytes.fromhex(raw[2:])).nonce)


def final(node: DevNode) -> str:
    """The hash of its last final block."""
    return str(node.rpc.call("chain_getFinalizedHead"))


def test_f4_a_validator_without_a_connection_is_back_soon(
    field: Watched, rng: Random, rounds: int
) -> None:
    net = field.net
    for _ in range(rounds):
        victim = rng.randrange(4)
        others = [index for index in range(4) if index != victim]
        net.partition([others, [victim]])
        until("it has no peers", lambda: net[victim].glance().peers == 0)  # noqa: B023
        stands = field.stalled([victim], others)
        before = net[others[0]].rpc.finalized()
        net.wait_for_finality(before + 4, nodes=others, seconds=HANG)
        assert [net[victim].rpc.finalized()] == stands
        net.heal()
        began = time.monotonic()
        net.wait_for_peers(1, nodes=[victim], seconds=HANG)
        print(
            f"  F4 node {victim} has a peer again {time.monotonic() - began:.1f} s after it was off"
        )
        field.catch_up(f"F4 node {victim} finalizes again, after that")
        field.check()


@pytest.mark.full
def test_f8_no_half_finalizes_and_both_become_one_chain(field: Watched, rounds: int) -> None:
    net = field.net
    genesis = bytes.fromhex((net[0].rpc.block_hash(0) or "0x")[2:])
    net.partition([[0, 1], [2, 3]])
    halves = ([0, 1], [2, 3])
    until("the halves are apart", lambda: all(node.glance().peers == 1 for node in net.nodes))
    stopped_at = [height for half in halves for height in field.stalled(half, half)]
    nonce = nonce_at(net[0], final(net[0]))
    wire = transfer(genesis, ALICE, nonce, BOB, 10**15)
    net[2].rpc.call("author_submitExtrinsic", "0x" + wire.hex())
    for half in halves:
        net.wait_for_block(max(stopped_at) + 6 * rounds, nodes=half, seconds=HANG * rounds)
    until("the transfer is in a block of one half", lambda: nonce_at(net[2], best(net[2])) > nonce)
    assert nonce_at(net[0], best(net[0])) == nonce
    assert [node.rpc.finalized() for node in net.nodes] == stopped_at
    field.check()
    height = max(node.rpc.best() for node in net.nodes)
    net.heal()
    began = time.monotonic()
    net.wait_for_finality(height + 1, seconds=HANG)
    print(f"  F8 halves of {height - max(stopped_at)} blocks: one final chain after "
          f"{time.monotonic() - began:.1f} s")  # fmt: skip
    # Whichever side lost, the transfer is included.
    took = until(
        "the transfer is final everywhere",
        lambda: all(nonce_at(node, final(node)) == nonce + 1 for node in net.nodes),
    )
    print(f"  F8 the transfer of one half is final everywhere after {took:.1f} s more")


@pytest.mark.full
def test_f8_three_of_four_go_on_and_the_fourth_follows_them(field: Watched) -> None:
    net = field.net
    net.partition([[0, 1, 2], [3]])
    until("the fourth has no peers", lambda: net[3].glance().peers == 0)
    (stopped_at,) = field.stalled([3], [0, 1, 2])
    net.wait_for_finality(stopped_at + 6, nodes=[0, 1, 2], seconds=HANG)
    assert net[3].rpc.finalized() == stopped_at
    alone = net[3].rpc.best()
    net.heal()
    field.catch_up(f"F8 the fourth, alone from {stopped_at} to {alone}, finalizes with the others")


def best(node: DevNode) -> str:
    """The hash of its best block."""
    return str(node.rpc.call("chain_getBlockHash"))
