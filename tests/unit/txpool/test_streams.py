"""Accounts that send one transaction after another lose none, however full the pool gets."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btt_chain.primitives.validity import (
    FOREVER,
    Invalid,
    Stale,
    TransactionSource,
    ValidTransaction,
)
from btt_chain.scale import u64
from btt_chain.txpool import (
    BlockRef,
    ImmediatelyDropped,
    ImportedBlock,
    Included,
    Limit,
    Limits,
    Pool,
    nonce_tag,
)

ACCOUNTS: Final = 3
LIMITS: Final = Limits(ready=Limit(12, 10_000), future=Limit(4, 10_000))
RECHECKED: Final = 2

Account = int
Stream = list[tuple[str, int]]

actions = st.lists(
    st.tuples(st.just("send"), st.integers(0, ACCOUNTS - 1))
    | st.tuples(st.just("flood"), st.integers(1, 20))
    | st.tuples(st.just("block"), st.integers(0, 9))
    | st.tuples(st.just("fork"), st.integers(1, 3)),
    max_size=40,
)


class Node:
    """A pool whose runtime counts nonces, and blocks as its engine makes them."""

    def __init__(self) -> None:
        self.chain = [ImportedBlock(BlockRef(0, b"block 0"), ())]
        self.states = {b"block 0": [0] * ACCOUNTS}
        self.now = 0.0
        self.made = 0
        self.signed = [0] * ACCOUNTS
        self.pool = Pool(self.judge, LIMITS)

    @property
    def best(self) -> BlockRef:
        return self.chain[-1].ref

    def judge(self, raw: bytes, source: TransactionSource, at: BlockRef) -> ValidTransaction:
        who, nonce = raw[0], int(raw[1:])
        used = self.states[at.hash][who]
        if nonce < used:
            raise Invalid(Stale())
        requires = [nonce_tag(bytes([who]), nonce - 1)] if nonce > used else []
        return ValidTransaction(u64(1), requires, [nonce_tag(bytes([who]), nonce)], u64(FOREVER))

    def send(self, who: Account) -> bool:
        """Send the next transaction of an account; if there is no room it is sent again later."""
        raw = bytes([who]) + b"%d" % self.signed[who]
        if self.pool.status().ready == LIMITS.ready.count:
            with pytest.raises(ImmediatelyDropped):
                self.pool.submit(raw, TransactionSource.External, self.now, self.best)
            self.now += LIMITS.full_seconds
            return False
        self.pool.submit(raw, TransactionSource.External, self.now, self.best)
        self.signed[who] += 1
        return True

    def make(self, size: int) -> None:
        """Make a block of what is ready, and import it."""
        self.made += 1
        ref = BlockRef(self.best.number + 1, b"block %d" % self.made)
        state = list(self.states[self.best.hash])
        taken: list[Included] = []
        for tx in self.pool.ready():
            if len(taken) == size:
                break
            who, nonce = tx.raw[0], int(tx.raw[1:])
            assert state[who] == nonce, "the author meets a nonce that is not the next one"
            state[who] += 1
            taken.append(Included(len(taken), tx.hash, tx.raw, tx.provides))
        self.states[ref.hash] = state
        self.chain.append(ImportedBlock(ref, taken))
        self.pool.on_block_imported(self.chain[-1], self.now)
        self.pool.revalidate(RECHECKED, self.now, ref)

    def fork(self, depth: int) -> None:
        """Give up the last blocks for as many empty ones, and make one of what came back."""
        depth = min(depth, len(self.chain) - 1)
        left = self.chain[len(self.chain) - depth :]
        if sum(len(block.transactions) for block in left) > LIMITS.ready.count:
            return  # no pool holds more
        del self.chain[len(self.chain) - depth :]
        self.pool.on_retracted(reversed(left))
        for _ in left:
            self.make(0)
        while self.pool.revalidate(100, self.now, self.best):
            pass


def everything_that_was_taken_is_there(node: Node) -> None:
    state = node.states[node.best.hash]
    waiting: dict[Account, list[int]] = {who: [] for who in range(ACCOUNTS)}
    for tx in node.pool.ready():
        waiting[tx.raw[0]].append(int(tx.raw[1:]))
    for who in range(ACCOUNTS):
        assert waiting[who] == list(range(state[who], node.signed[who]))
    assert node.pool.status().future == 0


@settings(max_examples=200, deadline=None)
@given(actions)
def test_a_row_of_nonces_is_never_torn_by_a_full_pool(stream: Stream) -> None:
    node = Node()
    for action, number in stream:
        match action:
            case "send":
                node.send(number)
            case "flood":
                for turn in range(number):
                    node.send(turn % ACCOUNTS)
            case "block":
                node.make(number)
            case _ if node.pool.status().ready == 0:
                # Returning transactions then fit, and none is dropped for them.
                node.fork(number)
        everything_that_was_taken_is_there(node)


def test_one_account_alone_may_fill_the_pool_and_go_on_after_a_block() -> None:
    node = Node()
    while node.send(0):
        pass
    assert node.signed[0] == LIMITS.ready.count

    node.make(5)

    assert [node.send(0) for _ in range(6)] == [True] * 5 + [False]
    everything_that_was_taken_is_there(node)


@pytest.mark.parametrize("who", range(ACCOUNTS))
def test_a_full_pool_refuses_any_account_and_drops_none_for_it(who: Account) -> None:
    node = Node()
    for turn in range(LIMITS.ready.count):
        assert node.send(turn % ACCOUNTS)

    assert not node.send(who)

    everything_that_was_taken_is_there(node)
