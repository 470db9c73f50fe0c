"""Sources of prices, as they are typed: `KEY=SOURCE`, or `SOURCE` for all keys.

| source | price |
|---|---|
| `file:PATH` | the number in a file |
| `file:PATH#/pointer` | the number that a JSON pointer names in a file |
| `https://HOST/path#/pointer` | the same of a web address |
| `exchange:ASSET` | trades of an asset of which one unit is worth 1 of the currency |
| `exchange:ASSET:UNITS` | the same, where so many units are worth 1 |

`{base}` and `{quote}` in a source stand for the two parts of the key; `{base_}` and `{quote_}` are
the same in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

MAX_KEY: Final = 16
MAX_SOURCES: Final = 32
"""Maximum number of sources of one key."""
_DIGITS: Final = re.compile(r"[0-9]{1,19}")


class BadSource(ValueError):
    """A source was typed wrongly; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A number in a file."""

    path: Path
    pointer: str | None

    def __str__(self) -> str:
        return f"file:{self.path}"


@dataclass(frozen=True, slots=True)
class WebSource:
    """A number at a web address."""

    url: str
    pointer: str | None

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        # A path or a query may have a key of the user's, which belongs in no log.
        return f"{parts.scheme}://{parts.hostname}"


@dataclass(frozen=True, slots=True)
class ExchangeSource:
    """Trades on the chain's own exchange."""

    asset: int
    units: int

    def __str__(self) -> str:
        return f"exchange:{self.asset}"


Source = FileSource | WebSource | ExchangeSource


def parse_key(text: str) -> str:
    """Return a key. Raises BadSource."""
    base, slash, quote = text.partition("/")
    if not (base and slash and quote) or not text.isascii() or len(text) > MAX_KEY:
        raise BadSource(f"{text!r} is not a key: expected BTT/CNY")
    return text


def sources_of(keys: Sequence[str], typed: Sequence[str]) -> dict[str, tuple[Source, ...]]:
    """Return the sources of each key. Raises BadSource."""
    found: dict[str, list[Source]] = {parse_key(key): [] for key in keys}
    for text in typed:
        named, equals, rest = text.partition("=")
        chosen = [named] if equals and named in found else list(found)
        if equals and "/" in named and ":" not in named and named not in found:
            raise BadSource(f"{text!r}: {named} is not one of the keys {', '.join(found)}")
        for key in chosen:
            found[key].append(parse_source(rest if chosen == [named] else text, key))
    for key, sources in found.items():
        if len(sources) > MAX_SOURCES:
            raise BadSource(f"{key} has {len(sources)} sources, {MAX_SOURCES} are the most")
        if len(set(sources)) < len(sources):
            raise BadSource(f"a source of {key} is named twice: it would count twice")
    return {key: tuple(sources) for key, sources in found.items()}


def parse_source(text: str, key: str) -> Source:
    """Return the source of a key. Raises BadSource."""
    base, _, quote = key.partition("/")
    for name, value in (("base", base), ("quote", quote)):
        text = text.replace(f"{{{name}}}", value).replace(f"{{{name}_}}", value.lower())
    scheme, _, rest = text.partition(":")
    place, has_pointer, pointer = rest.partition("#")
    match scheme:
        case "file" if place:
            return FileSource(Path(place), pointer if has_pointer else None)
        case "http" | "https":
            url = f"{scheme}:{place}"
            if not _has_host(url):
                raise BadSource(f"{text!r} names no host: expected https://HOST/path#/pointer")
            return WebSource(url, pointer if has_pointer else None)
        case "exchange":
            return parse_exchange(text, rest)
        case _:
            raise BadSource(
                f"{text!r} is not a source: expected file:PATH, https://HOST/path#/pointer or "
                "exchange:ASSET"
            )


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, or a port beyond 65535
        return False


def parse_exchange(text: str, rest: str) -> ExchangeSource:
    """Return a source of the exchange. Raises BadSource."""
    asset, colon, units = rest.partition(":")
    if not _DIGITS.fullmatch(asset) or int(asset) > 2**32 - 1:
        raise BadSource(f"{text!r} names no asset: expected exchange:ASSET, a number")
    if colon and (not _DIGITS.fullmatch(units) or not 0 < int(units) <= 10**18):
        raise BadSource(f"{text!r}: expected the number of units that are worth 1")
    return ExchangeSource(int(asset), int(units) if colon else 1)
