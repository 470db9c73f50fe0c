"""Nodes and helper programs of a network by the names that users type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.primitives.digits import whole_number
from btt_chain.testing.errors import DevnetError, NoSuchNode
from btt_chain.testing.helper import Helper
from btt_chain.testing.node import DevNode

FEEDER: Final = "Feeder-"
"""Beginning of the names of feeders; the rest is the account."""


def helper_named(helpers: Sequence[Helper], name: str) -> Helper:
    """Return the helper with this name. DevnetError if there is none."""
    for helper in helpers:
        if helper.name == name:
            return helper
    raise DevnetError(f"this devnet has no {name}")


def member_named(
    nodes: Sequence[DevNode], helpers: Sequence[Helper], word: str
) -> DevNode | Helper:
    """Return a node or helper by number or name. NoSuchNode, with all names, if there is none."""
    if word.isascii() and word.isdecimal():
        index = whole_number(word, len(nodes) - 1)
        if index is not None:
            return nodes[index]
        raise NoSuchNode(
            f"there is no node {word[:20]}: this devnet has nodes 0 to {len(nodes) - 1}"
        )
    named = _named(nodes, helpers)
    found = named.get(word.lower())
    if found is None:
        known = ", ".join(one.name for one in (*nodes, *helpers))
        raise NoSuchNode(f"there is no {word!r} in this devnet: it has {known}")
    return found


def node_named(nodes: Sequence[DevNode], word: str) -> DevNode:
    """Return a node by number or name. NoSuchNode if there is none."""
    found = member_named(nodes, (), word)
    # Without helpers, each member is a node.
    return next(node for node in nodes if node is found)


def check_new(nodes: Sequence[DevNode], helpers: Sequence[Helper], name: str | None) -> None:
    """Raise DevnetError if the name of a new node is taken or would be read as a number."""
    if name is None:
        return
    if not name.strip() or name.isdecimal() or any(letter in name for letter in "/, "):
        raise DevnetError(f"{name!r} is not a name of a node: use letters, without / and commas")
    if name.lower() in _named(nodes, helpers):
        raise DevnetError(f"this devnet has {name!r} already")


def _named(nodes: Sequence[DevNode], helpers: Sequence[Helper]) -> dict[str, DevNode | Helper]:
    feeders = [helper for helper in helpers if helper.name.startswith(FEEDER)]
    named: dict[str, DevNode | Helper] = {
        f"{FEEDER.lower()}{place}": helper for place, helper in enumerate(feeders)
    }
    named |= {helper.name.lower(): helper for helper in helpers}
    named |= {node.name.lower(): node for node in nodes}
    return named
