"""Rendering: the templates, their filters, and the parts that every page has."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2s
from pathlib import Path
from types import SimpleNamespace
from typing import Final, TypedDict, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from btt_chain.explorer.chaindata import ChainData
from btt_chain.explorer.economy import GLOBALS
from btt_chain.explorer.language import Language
from btt_chain.explorer.pages.clock import Clock
from btt_chain.explorer.pages.forms import HASH, Fields
from btt_chain.explorer.pages.transactions import short
from btt_chain.explorer.site import page_context
from btt_chain.present import Context, Items, Json, Members, Option, Part, Record
from btt_chain.present.composites import ABSENT
from btt_chain.present.scalars import GROUP, words_of
from btt_chain.primitives import ss58

HERE: Final = Path(__file__).parent
STATIC: Final = {
    "style.css": "text/css", "live.js": "text/javascript", "sign.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}  # fmt: skip
LINKED: Final = re.compile(
    r"\b(?P<kind>job|receipt): (?P<number>0x[0-9a-f]{64})\b"
    r"|(?<![0-9A-Za-z])(?P<address>[1-9A-HJ-NP-Za-km-z]{45,50})(?![0-9A-Za-z])"
)
"""Numbers of jobs and receipts with the name of their field, and addresses."""
AMOUNT: Final = re.compile(r"(?<![\w.])\d{1,3}(?:_\d{3})+(?=(?:\.\d+)? [A-Za-z]+\b)")
"""Thousands of an amount with its unit."""
PART: Final = re.compile(r"[^._]*[._]?")
LAST_MS: Final = 9_999_999_999_999
"""Last time that is shown as a date, in milliseconds since 1970: of the year 2286."""


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates, with autoescape on."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "number": number, "short": short, "date": date, "pretty": pretty, "percent": percent,
        "seconds": seconds, "parts": parts, "fixed": fixed, "minute": minute, "factor": factor,
        "words": words,
    }  # fmt: skip
    made.globals |= GLOBALS
    return made


@lru_cache(maxsize=len(STATIC))
def static(name: str) -> tuple[bytes, str]:
    """Return the bytes of a static file, and the hash in its address."""
    raw = (HERE / "static" / name).read_bytes()
    return raw, blake2s(raw, digest_size=6).hexdigest()


class Fragments(TypedDict):
    """A list of records as a table."""

    columns: Sequence[tuple[Markup, bool]]
    rows: Sequence[Sequence[Markup]]


@dataclass(frozen=True, slots=True)
class Typed:
    """The data of a page, and the rule of their type."""

    form: Members
    answer: Mapping[str, object]


class Records:
    """The records of a page as HTML, by the names of their members, as `asset.poll`.

    `but` are names of fields that the template shows itself, separated by spaces.
    """

    def __init__(self, typed: Typed, context: Context) -> None:
        self._typed = typed
        self._context = context

    def fields(self, path: str, but: str = "") -> list[tuple[Markup, Markup]]:
        """Return the headings and values of a record's fields."""
        rule, record = self._find(path)
        return [(self._heading(part), self._cell(part, record)) for part in _parts(rule, but)]

    def rows(self, path: str, but: str = "") -> Fragments:
        """Return a list of records: its columns, each a heading and True for numbers, and rows."""
        rule, records = self._find(path)
        if not isinstance(rule, Items) or not isinstance(records, list):
            raise TypeError(f"{path} is not a list")
        parts = _parts(rule.item, but)
        return {
            "columns": [(self._heading(part), part.rule.is_number) for part in parts],
            "rows": [[self._cell(part, record) for part in parts] for record in records],
        }

    def _find(self, path: str) -> tuple[object, object]:
        """Return the rule and the value of a member. LookupError if there is none."""
        rule: object = self._typed.form
        value: object = self._typed.answer
        for name in path.split("."):
            if isinstance(rule, Members):
                rule, value = rule.members[name].rule, cast("Mapping[str, object]", value)[name]
            elif isinstance(rule, Record):
                part = next(part for part in rule.parts if part.name == name)
                rule, value = part.rule, part.of(value)
            rule = rule.inner if isinstance(rule, Option) else rule
        return rule, value

    def _heading(self, part: Part) -> Markup:
        return Markup(part.heading(self._context))  # noqa: S704 - rules escape all texts

    def _cell(self, part: Part, record: object) -> Markup:
        record = SimpleNamespace(**record) if isinstance(record, dict) else record
        html = part.rule.html(part.of(record), self._context)
        return Markup(html or ABSENT)  # noqa: S704 - rules escape all texts


def _parts(rule: object, but: str) -> list[Part]:
    """Return the fields of a record, or those of the records in an object and its members."""
    parts = rule.parts if isinstance(rule, Record | Members) else []
    return [part for part in parts if part.name not in but.split()]


class Renderer:
    """Renders pages of one chain."""

    def __init__(self, data: ChainData) -> None:
        self._currency = data.currency
        self._data = data

    def page(
        self,
        template: str,
        fields: Fields,
        language: Language,
        frame: Mapping[str, object],
        typed: Typed | None = None,
    ) -> str:
        """Return a page. `frame` are the fields of the head and foot of every page.

        `typed` are the data that `fields` were made of: templates show its records by their types.
        """

        def ago(ms: int | None) -> str:
            return "" if ms is None else language.ago(int(time.time()) - ms // 1_000)

        records = None
        if typed is not None:
            clock = cast("Clock | None", typed.answer.get("clock"))
            records = Records(typed, page_context(self._data, language.text, clock))
        return (
            environment()
            .get_template(template)
            .render(
                {
                    **fields,
                    # A field that a record gets some day may have one of these names.
                    **GLOBALS,
                    "page": fields,
                    "frame": frame,
                    "records": records,
                    "t": language.text,
                    "lang": language.code,
                    "ago": ago,
                    "amount": self.amount,
                    "named": self.named,
                    "asset": asset,
                }
            )
        )

    def named(self, text: str) -> Markup:
        """Return a decoded text with links: addresses, by name where they have one; jobs, receipts.

        Thousands of amounts are apart as in tables.
        """
        parts: list[str | Markup] = []
        at = 0
        for found in LINKED.finditer(text):
            link = self._link(found)
            if link is not None:
                parts += [apart(text[at : found.start()]), link]
                at = found.end()
        return Markup("").join([*parts, apart(text[at:])])

    def _link(self, found: re.Match[str]) -> Markup | None:
        """Return a link in place of a part of a text; None if the part is not a link."""
        kind, number, address = found["kind"], found["number"], found["address"]
        if address is None:
            link = Markup('{0}: <a href="/{0}/{1}" title="{1}">{2}</a>')
            return link.format(kind, number, short(number))
        try:
            account, prefix = ss58.decode(address)
        except ss58.Ss58Error:
            return None
        if prefix != self._data.prefix or len(account) != HASH:
            return None
        label = self._data.label(account) or short(address)
        return Markup('<a href="/account/{0}" title="{0}">{1}</a>').format(address, label)

    def amount(self, planck: str | int | None) -> str:
        """Return an amount with its unit, its thousands apart; nothing is rounded."""
        if planck is None:
            return "-"
        text = self._currency.format(int(planck))
        return text.replace("_", GROUP)


def apart(text: str) -> str:
    """Return a text in which the thousands of amounts are apart as in tables."""
    return AMOUNT.sub(lambda found: found[0].replace("_", GROUP), text)


def asset(name: str) -> str:
    """Return the address of a static file; it changes with the file."""
    return f"/static/{name}?{static(name)[1]}"


def number(value: float | None) -> str:
    """Return a number with its thousands apart."""
    return "-" if value is None else f"{value:_}".replace("_", GROUP)


def date(ms: int | None) -> str:
    """Return a time in UTC."""
    if ms is None or not 0 <= ms <= LAST_MS:
        return "-"
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def minute(ms: int | None) -> str:
    """Return a time in UTC to the minute; `-` for one that is not a date of these centuries."""
    if ms is None or not 0 <= ms <= LAST_MS:
        return "-"
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def words(name: str) -> str:
    """Return the words of a variant's name: `RealEstate` has two."""
    return " ".join(words_of(name))


def factor(millionths: int | None) -> str:
    """Return a factor."""
    return "-" if millionths is None else f"× {millionths / 1_000_000:.2f}"


def seconds(ms: int | None) -> str:
    """Return a duration in seconds."""
    return "-" if ms is None else f"{ms / 1_000:.1f}\u00a0s"


def percent(millionths: int | None) -> str:
    """Return a share as a percentage."""
    return "-" if millionths is None else f"{millionths / 10_000:.2f}\u00a0%"


def fixed(value: str | None) -> str:
    """Return a number with 18 decimals, without its last zeros."""
    if value is None:
        return "-"
    whole, rest = divmod(int(value), 10**18)
    decimals = f"{rest:018}".rstrip("0")
    return number(whole) + ("." + decimals if decimals else "")


def parts(name: str) -> Markup:
    """Return the name of a call with places where a line may break."""
    return Markup(r"<wbr>").join(PART.findall(name))


def pretty(value: Json) -> str:
    """Return JSON on several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)
