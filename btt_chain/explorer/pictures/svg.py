"""Elements of the pictures: text, bars, patterns, axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from markupsafe import Markup

WIDTH: Final = 400
"""Width of all pictures, in their own units: their text can be read on a phone."""
PERMILLION: Final = 10**6

PATTERNS: Final = Markup(
    '<defs><pattern id="{0}-a" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path d="M0 0V6" class="aye"/></pattern>'
    '<pattern id="{0}-n" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<circle cx="3" cy="3" r="1.5" class="nay"/></pattern></defs>'
)


class Translate(Protocol):
    """Returns a text in the language of the reader, with its parts filled in."""

    def __call__(self, english: str, **parts: object) -> str:
        """Return the text."""


def picture(
    name: str, height: int, title: str, desc: str, parts: Iterable[Markup], kind: str = "pic"
) -> Markup:
    """Return a picture; `name` is unique on its page, `kind` its class in the style sheet."""
    head = Markup(
        '<svg class="{5}" viewBox="0 0 {0} {1}" role="img" '
        'aria-labelledby="{2}-t" aria-describedby="{2}-d">'
        '<title id="{2}-t">{3}</title><desc id="{2}-d">{4}</desc>'
    ).format(WIDTH, height, name, title, desc, kind)
    return head + PATTERNS.format(name) + Markup("").join(parts) + Markup("</svg>")


def label(x: float, y: float, text: str, anchor: str = "start") -> Markup:
    """Return a text; `anchor` is start, middle or end."""
    return Markup('<text x="{0}" y="{1}" text-anchor="{2}">{3}</text>').format(
        place(x), place(y), anchor, text
    )


def box(x: float, y: float, width: float, height: float, fill: str, kind: str = "bar") -> Markup:
    """Return a rectangle, filled with a pattern or `none`."""
    return Markup('<rect x="{0}" y="{1}" width="{2}" height="{3}" fill="{4}" class="{5}"/>').format(
        place(x), place(y), place(width), place(height), fill, kind
    )


def mark(x: float, top: float, bottom: float) -> Markup:
    """Return an upright line that marks a value."""
    return Markup('<path d="M{0} {1}V{2}" class="mark"/>').format(
        place(x), place(top), place(bottom)
    )


def line(points: Iterable[tuple[float, float]], kind: str) -> Markup:
    """Return a line through points."""
    path = "L".join(f"{place(x)} {place(y)}" for x, y in points)
    return Markup('<path d="M{0}" class="{1}"/>').format(path, kind)


def place(value: float) -> str:
    """Return a coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def share(part: int, whole: int) -> int:
    """Return a share in millionths; 0 of nothing."""
    return int(part) * PERMILLION // int(whole) if whole else 0


def percent(millionths: int) -> str:
    """Return a share as a percentage."""
    return f"{millionths / 10_000:.2f}\u00a0%"


def tick(largest: int, count: int = 4) -> int:
    """Return the distance of an axis' ticks, 1, 2 or 5 times a power of ten; at most `count`."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * count >= largest:
                return step * factor
        step *= 10
