"""Arguments that calls of several pallets share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.digest import H256
from runtime.pallets.origins import RawNone, RawRoot, RawSigned, SystemOrigin

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser

Arguments = Callable[["Chooser", int], dict[str, object]]
"""Rule for the arguments of a call; the number is how deeply the call is nested."""


def calls(c: Chooser, depth: int) -> dict[str, object]:
    return {"calls": [c.inner(depth) for _ in range(c.one_of((0, 1, 2, 3)))]}


def origin(c: Chooser) -> SystemOrigin:
    options: list[RawRoot | RawSigned | RawNone] = [RawSigned(c.who()), RawRoot(), RawNone()]
    return SystemOrigin(c.one_of(options))


def announced(c: Chooser) -> H256:
    made = c.one_of(c.situation.made) if c.situation.made else None
    return H256(blake2_256(made.raw if made else b""))


def noted(c: Chooser) -> bytes:
    return c.one_of(c.situation.made).raw if c.situation.made else b""


def of_zeros(pallet: str, method: str) -> Arguments:
    """Return a rule that decodes every argument from zeros: reports and proofs of nothing."""

    def rule(c: Chooser, depth: int) -> dict[str, object]:
        (entry,) = [
            entry
            for each in c.runtime.pallets.values()
            for entry in each.CALLS.values()
            if (each.name, entry.name) == (pallet, method)
        ]
        return {name: kind.decode(bytes(1_000), 0)[0] for name, kind in entry.args}

    return rule
