"""Rows of odd extrinsics on odd states, executed in one pass and in the general way.

A `Scene` is a block to be executed on its parent's state, which is changed as no honest chain would
have it. `compare` executes a row in several ways, each by a runtime of its own, and returns what
differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

from btt_chain.chain.client import RootedOverlay
from btt_chain.chain.runtimes import LoadedRuntime, extrinsics_root
from btt_chain.primitives.account import AccountId, MultiSignature
from btt_chain.primitives.digest import H256
from btt_chain.primitives.header import Header
from btt_chain.primitives.validity import Invalid, TransactionSource, Unknown
from runtime.executive import Executive
from runtime.frame import DispatchClass
from runtime.kept import Kept
from support.chain import DevChain


def seal_of(payload: bytes, who: bytes) -> bytes:
    """Return 64 bytes in place of a signature: quick, and another for each payload and signer."""
    return blake2b(payload, key=who, digest_size=64).digest()


def check(signature: MultiSignature, payload: bytes, who: AccountId) -> bool:
    """Return True if a signature is that of `seal_of`."""
    return bytes(signature.signature[:64]) == seal_of(payload, who)


@dataclass
class Scene:
    """A block to be executed: its header and inherent, its parent's state, and changes of that."""

    chain: DevChain
    header: Header
    inherent: bytes
    changes: dict[bytes, bytes | None] = field(default_factory=dict)
    used: tuple[int, int] = (0, 0)
    """Weight of the normal class and length that other extrinsics have used."""
    kept_before: bool = False
    """True if extrinsics were admitted before the changes."""

    def overlay(self, *, changed: bool = True) -> RootedOverlay:
        """Return the parent's state."""
        overlay = self.chain.client.overlay(self.header.parent_hash)
        for key, value in self.changes.items() if changed else ():
            overlay.put(key, value)
        return overlay


class Result(NamedTuple):
    """All effects of a row."""

    outcomes: list[object]
    changes: dict[bytes, bytes | None]
    events: object
    used: tuple[list[int], int]
    end: object


class TwoWays:
    """Executives of one chain: `general` decodes everything, `direct` does what nodes do."""

    def __init__(self, chain: DevChain) -> None:
        loaded = chain.client.runtime_at(chain.client.best().hash)
        self.general, self.direct, self.pool, self.plain_pool = (
            executive_of(chain, loaded) for _ in range(4)
        )
        for executive in (self.general, self.plain_pool):
            executive._direct = None
        self.taken = 0
        """Number of extrinsics that were executed in one pass."""
        assert self.direct._direct is not None
        whole = self.direct._direct.apply

        def apply(raw: bytes, kept: Kept | None, family: object) -> bool:
            done = whole(raw, kept, family)
            self.taken += done
            return done

        setattr(self.direct._direct, "apply", apply)  # noqa: B010

    def compare(self, scene: Scene, row: Sequence[bytes]) -> list[str]:
        """Return how the ways differ; nothing if they have the same effects."""
        admitted = self.admitted(scene, row, self.pool)
        admitted_plainly = self.admitted(scene, row, self.plain_pool)
        ways = {
            "general": self.run(self.general, scene, row, {}),
            "direct": self.run(self.direct, scene, row, {}),
            "direct, kept": self.run(self.direct, scene, row, admitted),
            "direct, kept decoded": self.run(self.direct, scene, row, admitted_plainly),
        }
        again = self.admitted(scene, row, self.pool)
        if sum(map(len, row)) % 2:
            ways["general, kept"] = self.run(self.general, scene, row, again)
        else:
            calls = [kept.call for kept in again.values()]
            for kept, call in zip(again.values(), reversed(calls), strict=True):
                kept.family, kept.call = "another version of the runtime", call
            ways["direct, kept by another"] = self.run(self.direct, scene, row, again)
        found = [
            f"{one} / {other}: {part}"
            for (one, mine), (other, theirs) in pairwise(ways.items())
            for part in Result._fields
            if getattr(mine, part) != getattr(theirs, part)
        ]
        return found + self.compare_admissions(scene, row)

    def compare_admissions(self, scene: Scene, row: Sequence[bytes]) -> list[str]:
        """Return the places of extrinsics that the pool takes in one way only."""
        here, there = (
            [admission(executive, raw) for raw in row]
            for executive in (self.view(scene, self.pool), self.view(scene, self.plain_pool))
        )
        return [
            f"admission of {place}: {one} / {other}"
            for place, (one, other) in enumerate(zip(here, there, strict=True))
            if one != other
        ]

    def view(self, scene: Scene, executive: Executive, *, changed: bool = True) -> Executive:
        """Open a pool view of the state of a scene."""
        overlay = scene.overlay(changed=changed)
        executive.open_pool_view(overlay, H256(scene.header.parent_hash))
        return executive

    def admitted(
        self, scene: Scene, row: Sequence[bytes], executive: Executive
    ) -> dict[bytes, Kept]:
        """Return the values that the pool keeps of a row."""
        self.view(scene, executive, changed=not scene.kept_before)
        found: dict[bytes, Kept] = {}
        for raw in row:
            try:
                kept = executive.admit(TransactionSource.External, raw)[1]
            except (Invalid, Unknown):
                continue
            if kept is not None:
                found[raw] = kept
        return found

    def run(
        self, executive: Executive, scene: Scene, row: Sequence[bytes], kept: dict[bytes, Kept]
    ) -> Result:
        """Execute a row; what is refused is left out, as an author does it."""
        overlay, host = scene.overlay(), executive.runtime.host
        host.events.clear()
        executive.initialize_block(overlay, scene.header)
        executive.apply_extrinsic(scene.inherent)
        host.weights[DispatchClass.Normal] += scene.used[0]
        host.length += scene.used[1]
        outcomes = [
            outcome_of(partial(executive.apply_extrinsic, raw, kept.pop(raw, None))) for raw in row
        ]
        events, used = encoded(executive), (list(host.weights), host.length)
        end = outcome_of(executive.finalize_block)
        return Result(outcomes, dict(overlay.changes()), events, used, end)


def executive_of(chain: DevChain, loaded: LoadedRuntime) -> Executive:
    """Return an executive with a runtime of its own, of the family of the chain's."""
    return Executive(
        loaded._build(loaded._chain),
        check_signature=check,
        ordered_root=extrinsics_root,
        family=chain,
        find_digest=loaded.metadata_digest,
    )


def encoded(executive: Executive) -> list[object]:
    """Return the events of the block so far, encoded."""
    host = executive.runtime.host
    return [
        (
            repr(phase),
            pallet,
            event if isinstance(event, bytes) else host.event_encoders[pallet](event),
        )
        for phase, pallet, event in host.events
    ]


def outcome_of(run: Callable[[], object]) -> object:
    """Return the result of an extrinsic: the error of its call, or why it is refused."""
    try:
        result = run()
    except Exception as error:  # noqa: BLE001  # whatever it is, the ways have it in common
        return type(error), str(error)
    return result if isinstance(result, Header) else (type(result), str(result))


def admission(executive: Executive, raw: bytes) -> object:
    """Return the validity of an extrinsic and what is kept of it, or its refusal."""
    try:
        valid, kept = executive.admit(TransactionSource.External, raw)
    except Exception as refused:  # noqa: BLE001  # as above
        return type(refused), str(refused)
    if kept is None:
        return valid
    return valid, kept.who, kept.extra, kept.implicit, kept.info, kept.length, kept.fee
