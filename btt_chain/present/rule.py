"""The base class of rules: the writers and readers of the values of one type each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import Generic, TypeAlias, TypeVar

from btt_chain.present.context import Context
from btt_chain.primitives.strict_json import BadJson, read_json

T = TypeVar("T")

Json: TypeAlias = "str | int | float | bool | dict[str, Json] | list[Json] | None"
Schema: TypeAlias = dict[str, Json]
"""A schema as in JSON Schema 2020-12, the dialect of OpenAPI 3.1."""


class Unfit(ValueError):
    """A text or a JSON value is not one of a type; the message says what was expected."""


class Rule(ABC, Generic[T]):
    """A writer and reader of the values of one type."""

    is_number: bool = False
    """True if a column of cells is aligned to the right."""
    choices: tuple[str, ...] = ()
    """All texts that `parse` takes, if there are few."""

    @abstractmethod
    def json(self, value: T, context: Context) -> Json:
        """Return the JSON of a value."""

    @abstractmethod
    def schema(self, context: Context) -> Schema:
        """Return the JSON Schema of what `json` returns."""

    @abstractmethod
    def read(self, json: object, context: Context) -> T:
        """Return the value of a JSON value. Raises Unfit."""

    @abstractmethod
    def text(self, value: T, context: Context) -> str:
        """Return a value on one line, exactly, without characters that have no visible form."""

    def cell(self, value: T, context: Context) -> str:
        """Return a value for a table, where long texts are cut."""
        return self.text(value, context)

    def html(self, value: T, context: Context) -> str:
        """Return a fragment of HTML."""
        return escape(self.text(value, context))

    def parse(self, text: str, context: Context) -> T:
        """Return the value of an argument of a command: the text of a value, or its JSON.

        Raises Unfit.
        """
        try:
            return self.read(read_json(text), context)
        except BadJson as error:
            raise Unfit(f"this is not JSON: {error}") from None
