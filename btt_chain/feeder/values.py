"""Prices in text, JSON and trades. Pure functions, with integers only.

A price is units of the currency for 1 BTT, with 18 decimals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from btt_chain.primitives.strict_json import BadJson, decode_text, read_json

DECIMALS: Final = 18
ONE: Final = 10**DECIMALS
MAX_VALUE: Final = 10**36
"""Maximum price that the oracle accepts."""
MAX_TEXT: Final = 64 << 10
"""Maximum length of a source's answer, in bytes."""
MAX_DIGITS: Final = 60
MAX_EXPONENT: Final = 36
WINDOW_MS: Final = 30 * 60_000
"""Time over which prices of the exchange are averaged, in milliseconds."""

_NUMBER: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,2}))?")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,5}")
"""An array index of RFC 6901; an answer has less than 10^6 elements."""


class BadValue(ValueError):
    """An answer of a source has no price; the message says why."""


class Trade(NamedTuple):
    """A batch of trades at one price."""

    at: int
    """Milliseconds since any beginning."""
    price: int
    """Planck for one unit of the asset."""


def parse_decimal(text: str) -> int:
    """Return a decimal number as a price; digits after the 18th are cut off. Raises BadValue."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None or len(text) > MAX_DIGITS:
        raise BadValue(f"{shortened(text.strip())} is not a price: expected digits, as 0.4021")
    whole, part, exponent = found[1], found[2] or "", int(found[3] or 0)
    if abs(exponent) > MAX_EXPONENT:
        raise BadValue(f"{shortened(text)} has an exponent beyond {MAX_EXPONENT}")
    shift = DECIMALS + exponent - len(part)
    digits = int(whole + part)
    value = digits * 10**shift if shift >= 0 else digits // 10**-shift
    return checked(value)


def checked(value: int) -> int:
    """Return a price that the oracle accepts. Raises BadValue."""
    if not 0 < value <= MAX_VALUE:
        raise BadValue("the price is zero, or above 10^18 units")
    return value


def parse_answer(raw: bytes, pointer: str | None) -> int:
    """Return the price in an answer: a number, or the one that a JSON pointer names.

    `pointer` is that of RFC 6901; None: the whole answer is the number. Raises BadValue.
    """
    if len(raw) > MAX_TEXT:
        raise BadValue(f"the answer is longer than {MAX_TEXT} bytes")
    try:
        text = decode_text(raw)
        if pointer is None:
            return parse_decimal(text)
        # Numbers stay text: a float would change their digits.
        document = read_json(text, integer=Number, decimal=Number)
    except BadJson as error:
        raise BadValue(f"the answer is not JSON: {error}") from None
    found = resolve(document, pointer)
    if not isinstance(found, str):
        raise BadValue(f"{pointer} names {type(found).__name__}, not a number")
    return parse_decimal(found)


class Number(str):
    """The digits of a JSON number."""

    __slots__ = ()


def resolve(document: object, pointer: str) -> object:
    """Return the value that a JSON pointer names. Raises BadValue."""
    if pointer and not pointer.startswith("/"):
        raise BadValue(f"{shortened(pointer)} is not a JSON pointer: it begins with /")
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and _INDEX.fullmatch(name) and int(name) < len(document):
            document = document[int(name)]
        else:
            raise BadValue(f"the answer has no {shortened(pointer)}")
    return document


def time_weighted(trades: Sequence[Trade], now: int, window_ms: int = WINDOW_MS) -> int:
    """Return the mean of the trades' prices over the last `window_ms`, weighted by time.

    A price is in force until the next trade. `trades` are in order of time. Raises BadValue without
    a trade in this time: the last price of an idle market is not a price of now.
    """
    begin = now - window_ms
    if not any(begin < trade.at <= now for trade in trades):
        raise BadValue(f"no trade in the last {window_ms // 60_000} minutes")
    total = weight = 0
    for place, trade in enumerate(trades):
        end = trades[place + 1].at if place + 1 < len(trades) else now
        span = min(end, now) - max(trade.at, begin)
        if span > 0:
            total, weight = total + trade.price * span, weight + span
    # All trades were just now: nothing to weigh by.
    return total // weight if weight else trades[-1].price


def price_of_trades(planck_per_unit: int, units: int) -> int:
    """Return the price of BTT by an asset of which `units` are worth 1 of the currency."""
    if planck_per_unit <= 0 or units <= 0:
        raise BadValue("the exchange has no price above zero")
    return checked(ONE * ONE // (planck_per_unit * units))


def median(values: Sequence[int]) -> int:
    """Return the middle value; of an even number the upper one, as the oracle does."""
    return sorted(values)[len(values) // 2]


def shortened(text: str) -> str:
    """Return text of a source, for one log line."""
    clean = "".join(each if each.isprintable() else "?" for each in text[:40])
    return repr(clean + ("..." if len(text) > 40 else ""))


def shown_price(value: int) -> str:
    """Return a price as decimal text."""
    whole, part = divmod(value, ONE)
    digits = f"{part:0{DECIMALS}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
