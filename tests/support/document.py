"""JSON whose form a test knows: parts by name and place, without a type for each form."""

from __future__ import annotations

import json
from collections.abc import Iterator


class Document:
    """A JSON value. Parts are documents too; compared with a plain value, it is that value."""

    def __init__(self, value: object) -> None:
        self.value = value

    @classmethod
    def of(cls, text: str | bytes) -> Document:
        return cls(json.loads(text))

    def __getitem__(self, part: str | int | slice) -> Document:
        match self.value, part:
            case dict() as fields, str():
                return Document(fields[part])
            case list() | str() as items, int() | slice():
                return Document(items[part])
        raise TypeError(f"{self!r} has no part {part!r}")

    def pick(self, *names: str) -> tuple[object, ...]:
        """Return the plain values of some fields."""
        return tuple(self[name].value for name in names)

    def __setitem__(self, name: str, value: object) -> None:
        assert isinstance(self.value, dict), self
        self.value[name] = value.value if isinstance(value, Document) else value

    def __iter__(self) -> Iterator[Document]:
        assert isinstance(self.value, list | dict), self
        return map(Document, self.value)

    def __contains__(self, part: object) -> bool:
        if isinstance(self.value, str):
            return str(part) in self.value
        assert isinstance(self.value, list | dict), self
        return part in self.value

    def __len__(self) -> int:
        assert isinstance(self.value, list | dict | str), self
        return len(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        assert isinstance(self.value, int | str), self
        return int(self.value)

    def __index__(self) -> int:
        assert isinstance(self.value, int), self
        return self.value

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return repr(self.value)

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Document) else other)

    def __hash__(self) -> int:
        return hash(self.value)
