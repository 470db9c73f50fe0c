"""The words that pages show of the runtime's records: names of fields and of values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from btt_chain.explorer.routes import PAGES
from btt_chain.present import Alternatives, Items, Members, Option, Record
from btt_chain.present.composites import Newtype, Tuple
from btt_chain.present.scalars import Name, Truth

SHOWN = re.compile(r'records\.(?:fields|rows)\("([^"]+)"(?:, "([^"]*)")?\)')
"""Uses of records in templates: the path of a member, and the fields that are left out."""


def words_of_records(templates: Path) -> set[str]:
    """Return the words of all records that templates show by their types."""
    words: set[str] = set()
    for page in PAGES:
        for path, but in SHOWN.findall((templates / page.template).read_text(encoding="utf-8")):
            words |= {*_words(_find(page.form, path), but.split())}
    return words - {""}


def _find(rule: object, path: str) -> object:
    for name in path.split("."):
        if isinstance(rule, Members):
            rule = rule.members[name].rule
        elif isinstance(rule, Record):
            rule = next(part.rule for part in rule.parts if part.name == name)
        rule = rule.inner if isinstance(rule, Option) else rule
    return rule


def _words(rule: object, but: Collection[str] = ()) -> Iterator[str]:
    match rule:
        case Option() | Newtype():
            yield from _words(rule.inner)
        case Items():
            yield from _words(rule.item, but)
        case Tuple():
            for item in rule.parts:
                yield from _words(item)
        case Name():
            yield from (choice.replace("-", " ") for choice in rule.choices)
        case Truth():
            yield from rule.choices
        case Alternatives():
            for record in rule.records.values():
                yield record.word
                yield from _words(record)
        case Record() | Members():
            for part in rule.parts:
                if part.name not in but:
                    label = part.label.removesuffix(" bps").removesuffix(" ms")
                    yield label[:1].upper() + label[1:]
                    yield from _words(part.rule)
