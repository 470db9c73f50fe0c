"""A breach of a rule of scripts/lint_shape.py, and the entry of the baseline that counts it."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """An entry of the baseline: a rule broken in a file, by a class or function if it is one."""

    path: str
    rule: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Key:
        """Return the key of an entry `path rule [name]`."""
        path, rule, *name = text.split(" ")
        return cls(path, rule, *name)

    def __str__(self) -> str:
        return " ".join(self).rstrip()


class Place(NamedTuple):
    """A breach: its size (1 for each word), and where it is."""

    key: Key
    line: int
    size: int
    message: str


def place_at(path: str, rule: str, line: int, message: str) -> Place:
    """Return a breach of size 1."""
    return Place(Key(path, rule), line, 1, message)
