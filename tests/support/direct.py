"""Usual calls that are executed in one pass, for tests that compare it with the general way."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import pytest

from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.digest import H256
from btt_chain.primitives.era import Mortal
from btt_chain.primitives.extrinsic import unwrap
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown
from btt_chain.scale import u64
from btt_chain.txpool import PoolError
from runtime import BttRuntime
from runtime.constants import MILLI_BTT
from runtime.direct import DirectCalls
from runtime.executive import Executive
from runtime.frame import Call
from runtime.kept import Kept
from runtime.pallets.tier_staking.types import Window
from runtime.transactions import SignatureCheck
from storage.overlay import Overlay
from support.chain import DevChain, Signing, account

PAYERS = [
    KeyPair.from_uri(f"//payer//{number}", list(Scheme)[number % 2]) for number in range(8)
] + [KeyPair.from_uri("//ecdsa", Scheme.ECDSA)]
LOCKED, STAKED, POOR = PAYERS[0], PAYERS[1], PAYERS[2]
NEW, UNFUNDED = KeyPair.from_uri("//New"), KeyPair.from_uri("//Unfunded")
EVER = Window(u64(u64.MAX), u64(0), u64(0))
"""A discount on fees that does not end."""

SomeCall = Callable[[DevChain, random.Random], Call]
Effects = TypeVar("Effects")


class Ways:
    """Counts the extrinsics that were executed in one pass, and can forbid that way."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.taken = 0
        self.is_allowed = True
        whole = DirectCalls.apply

        def apply(path: DirectCalls, raw: bytes, kept: Kept | None, family: object) -> bool:
            done = self.is_allowed and whole(path, raw, kept, family)
            self.taken += done
            return done

        patch.setattr(DirectCalls, "apply", apply)

    def both(self, execute: Callable[[], Effects]) -> Effects:
        """Execute in one pass and in the general way; return the effects, which are the same.

        `taken` counts from zero.
        """
        self.taken, self.is_allowed = 0, True
        effects = execute()
        self.is_allowed = False
        assert execute() == effects
        return effects

    def alternate(self, chain: DevChain, fill: Callable[[], None], blocks: int = 12) -> list[int]:
        """Make blocks in one way, import them in the other, and change ways with each block.

        Return the number of extrinsics that took one pass in blocks that were made, and in those
        that were imported.
        """
        peer, passes = chain.another(), [0, 0]
        for number in range(blocks):
            self.is_allowed = number % 2 == 0
            before = self.taken
            fill()
            block = chain.block(chain.seal())
            self.is_allowed = not self.is_allowed
            peer.import_block(*block)  # the header has the roots of state and events
            passes[number % 2] += self.taken - before
        assert peer.best() == chain.client.best()
        return passes


def lose_author_and_fund(runtime: BttRuntime) -> None:
    """Leave author and fund without accounts: the treasury gets their shares of fees."""
    runtime.babe.sealer.value = account(UNFUNDED)
    del runtime.system.account[runtime.fees.development_fund]


def some_signing(chain: DevChain, rng: random.Random, nonce: int, tips: Sequence[int]) -> Signing:
    """Return options of a signature: one of these tips, half of the times with an era."""
    how = Signing(nonce=nonce, tip=rng.choice(tips))
    if rng.random() < 0.5:
        number = chain.client.best().number
        how["era"] = era = Mortal.at(number, 64)
        how["birth"] = chain.client.block_hash(era.birth(number))
    return how


def submit_some(
    chain: DevChain, rng: random.Random, payers: Sequence[KeyPair], some_call: SomeCall
) -> None:
    """Submit some calls of each payer; the pool may refuse them."""
    for pair in payers:
        first = int(chain.account(pair).nonce)
        for nonce in range(first, first + rng.randint(1, 4)):
            how = some_signing(chain, rng, nonce, (0, 0, 0, 0, 0, 7, int(MILLI_BTT)))
            with suppress(PoolError):
                chain.send(pair, some_call(chain, rng), **how)


def some_signed(chain: DevChain, rng: random.Random, some_call: SomeCall) -> list[bytes]:
    """Return extrinsics of all payers, with nonces of each length."""
    return [
        unwrap(
            chain.sign(pair, some_call(chain, rng), **some_signing(chain, rng, nonce, (0, 0, 1)))
        )
        for pair in PAYERS
        for nonce in (0, 1, 63, 64, 1 << 14, (1 << 32) - 2)
    ]


def damaged(rng: random.Random, raws: Sequence[bytes]) -> list[bytes]:
    """Return extrinsics with a byte changed, cut off or inserted, at places of all their parts."""
    return [
        wrong
        for raw in raws
        for at in (*range(3), *range(30, 40), *range(95, len(raw)))
        for wrong in (
            raw[:at] + bytes((rng.randrange(256),)) + raw[at + 1 :],
            raw[:at],
            raw[:at] + b"\0" + raw[at:],
        )
    ]


def begin(
    chain: DevChain, check_signature: SignatureCheck | None = None
) -> tuple[Executive, Overlay]:
    """Begin the best block, which is empty, again on its parent's state."""
    header, body = chain.block(chain.client.best().hash)
    runtime = chain.client.runtime_at(header.parent_hash)
    executive = runtime.blocks if check_signature is None else runtime.alone(check_signature)
    overlay = chain.client.overlay(header.parent_hash)
    executive.initialize_block(overlay, header)
    assert executive.apply_extrinsic(body[0]) is None
    return executive, overlay


def view(chain: DevChain, check_signature: SignatureCheck | None = None) -> Executive:
    """Return an executive with a view of the best state: the one of the pool, or a new one."""
    best = chain.client.best().hash
    runtime = chain.client.runtime_at(best)
    executive = runtime.pool if check_signature is None else runtime.alone(check_signature)
    executive.open_pool_view(chain.client.overlay(best), H256(best))
    return executive


def accept_all(_signature: object, _payload: bytes, _who: object) -> bool:
    """Accept any signature."""
    return True


def admission(executive: Executive, raw: bytes) -> tuple[object, ...]:
    """Return the validity of an extrinsic and what is kept of it, or its refusal."""
    try:
        valid, kept = executive.admit(TransactionSource.External, raw)
    except (Invalid, Unknown) as refused:
        return type(refused), str(refused)
    assert kept is not None
    return valid, kept.who, kept.extra, kept.implicit, kept.info, kept.length, kept.fee


def refusal(executive: Executive, raw: bytes) -> object:
    """Apply an extrinsic; return the error of its call, or the reason of its refusal."""
    try:
        return executive.apply_extrinsic(raw)
    except (Invalid, ArithmeticError) as refused:
        return type(refused), str(refused)
