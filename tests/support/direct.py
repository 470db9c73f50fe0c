"""Usual calls that are executed in one pass, for tests that compare it with the general way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from btt_chain.primitives.digest import H256
from btt_chain.primitives.validity import Invalid
from runtime.direct import DirectCalls
from runtime.executive import Executive
from runtime.kept import Kept
from runtime.transactions import SignatureCheck
from storage.overlay import Overlay
from support.chain import DevChain

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


def view(chain: DevChain) -> Executive:
    """Return the executive of the pool with a view of the best state."""
    best = chain.client.best().hash
    executive = chain.client.runtime_at(best).pool
    executive.open_pool_view(chain.client.overlay(best), H256(best))
    return executive


def accept_all(_signature: object, _payload: bytes, _who: object) -> bool:
    """Accept any signature."""
    return True


def refusal(executive: Executive, raw: bytes) -> object:
    """Apply an extrinsic; return the error of its call, or the reason of its refusal."""
    try:
        return executive.apply_extrinsic(raw)
    except (Invalid, ArithmeticError) as refused:
        return type(refused), str(refused)
