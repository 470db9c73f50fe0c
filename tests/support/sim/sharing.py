"""Blocks that are executed once for all nodes of a world.

Whoever makes a block executes it, and so does the first node that imports it. What that one found
to change is staged by the others on their own copy of the parent's state, and must lead to the root
in the header there, too. Worlds without sharing must find the same (tests/sim/test_world.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from btt_chain.chain.client import Client, Made
from btt_chain.primitives.header import Header
from runtime.frame import InvalidBlock


@dataclass(frozen=True, slots=True)
class _Found:
    body: list[bytes]
    changes: Mapping[bytes, bytes | None]


class Shared:
    """What the nodes of a world know of blocks."""

    def __init__(self) -> None:
        self._found: dict[bytes, _Found] = {}
        self.executed = 0
        self.spared = 0

    def join(self, client: Client) -> None:
        """Let a node use what others found."""
        client.execute = self._through(client, client.execute)  # type: ignore[method-assign, assignment]

    def _through(
        self, client: Client, execute: Callable[[Header, Sequence[bytes]], Made]
    ) -> Callable[[Header, Sequence[bytes]], Made]:
        def share(header: Header, body: Sequence[bytes]) -> Made:
            hash = bytes(header.hash())
            found = self._found.get(hash)
            if found is None or found.body != list(body):
                made = execute(header, body)
                self.executed += 1
                self._found[hash] = _Found(list(body), made.pending.changes)
                return made
            self.spared += 1
            pending = client.store.stage(bytes(header.parent_hash), found.changes)
            if pending.root != header.state_root:
                raise InvalidBlock("this node's copy of the parent's state leads to another root")
            return Made(header, list(body), pending)

        return share
