"""Random blocks of all pallets, executed with and without the runtime's shortcuts: all equal.

The header of a block has the roots of its state and its extrinsics, and the state holds its events
with the weights used: so a block that is made in one way and imported in the other shows that both
give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest

from btt_chain.primitives.account import Id
from btt_chain.primitives.extrinsic import ExtrinsicKind, decode_extrinsic
from btt_chain.txpool import PoolError
from runtime.constants import BTT
from runtime.extensions import SIGNED_EXTRA
from runtime.frame import Call
from support.chain import account
from support.conservation.arguments import dispatchables
from support.conservation.chain import new_chain
from support.conservation.chooser import Chooser, Situation
from support.conservation.signers import KNOWN, SIGNERS
from support.conservation.steps import next_step
from support.shortcuts import Shortcuts
from support.tiers import amount

BLOCKS = 24
SEEDS = amount(1, 3)
UNSIGNED_ONLY = {"Timestamp"}
"""Pallets whose calls no account can send."""


class Blocks:
    """A chain whose blocks hold random calls, and a second node that imports them."""

    def __init__(self, seed: int, shortcuts: Shortcuts) -> None:
        self.chain = new_chain()
        self.peer = self.chain.another()
        self.situation = Situation(self.chain)
        self.shortcuts = shortcuts
        self.seed = seed
        self.calls: dict[str, list[str]] = {}
        """Names of the calls of each pallet."""
        for call in dispatchables(self.chain.runtime):
            self.calls.setdefault(call.partition(".")[0], []).append(call)
        self.pallets = sorted(self.calls)
        self.called: Counter[str] = Counter()
        """Names of the pallets whose calls were included."""

    def fill(self, number: int) -> None:
        """Submit random calls of each account, and some that continue earlier ones."""
        for place, pair in enumerate(SIGNERS):
            chooser = Chooser(hash((self.seed, number, place)), self.situation)
            self.situation.signer = account(pair)
            turn = self.pallets[(number * len(SIGNERS) + place) % len(self.pallets)]
            made = [chooser.call(), chooser.named(chooser.one_of(self.calls[turn]))]
            who, name, args = next_step(chooser, trade=number % 2 == 0)
            step = chooser.named(name, 1, **args)
            if who is None and pair == SIGNERS[0]:
                made.append(self.chain.call("Sudo", "sudo", call=step))
            elif who == account(pair):
                made.append(step)
            dest = Id(chooser.one_of(KNOWN))
            made.append(self.chain.call("Balances", "transfer_keep_alive", dest=dest, value=BTT))
            self._submit(number, place, made)

    def _submit(self, number: int, place: int, made: list[Call]) -> None:
        pair, nonce = SIGNERS[place], int(self.chain.account(SIGNERS[place]).nonce)
        for call in made:
            if len(call.raw) < 500:
                self.situation.remember(call)
            tip = (0, 0, 1, 10**15)[(number + place) % 4]
            with suppress(PoolError):
                self.chain.send(pair, call, nonce=nonce, tip=tip)
                nonce += 1

    def make(self, number: int) -> None:
        """Make a block in one way, and import it in the other."""
        self.fill(number)
        ways = [self.shortcuts.used, self.shortcuts.unused]
        make, check = ways if number % 2 else reversed(ways)
        with make():
            hash = self.chain.seal()
        header, body = self.chain.block(hash)
        with check():
            self.peer.import_block(header, body)
        pallets = self.chain.runtime.pallets
        for raw in body:
            opened = decode_extrinsic(raw, SIGNED_EXTRA)
            if opened.kind is ExtrinsicKind.SIGNED:
                self.called[pallets[opened.call_raw[0]].name] += 1
        if number % 8 == 7:
            self.chain.now += 200 * self.chain.slot_ms / 1000


@pytest.mark.hypothesis  # so that `make test-full` runs it with all seeds
def test_random_blocks_of_all_pallets_are_the_same_without_shortcuts() -> None:
    shortcuts, called = Shortcuts(), Counter[str]()
    for seed in range(SEEDS):
        blocks = Blocks(seed, shortcuts)
        for number in range(BLOCKS):
            blocks.make(number)
        assert blocks.peer.best() == blocks.chain.client.best()
        called += blocks.called
    assert called.keys() == blocks.calls.keys() - UNSIGNED_ONLY
    assert shortcuts.passes > 15 * SEEDS
    assert shortcuts.patches > 300 * SEEDS
