"""QR codes of payment texts: for a terminal, and as SVG.

A camera needs dark modules on a light ground, with a light margin of four modules. In a terminal
two modules share a character (half blocks). With colours the ground is painted; without them the
caller says whether the terminal's own ground is dark, because the block character has the colour of
the text. Needs the extra `pay` (segno). Source of the margin: ISO/IEC 18004, 5.3.8.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from enum import Enum
from typing import Final

from btt_chain.extras import needs_extra
from btt_chain.payments.errors import PaymentError

MARGIN: Final = 4
"""Light modules around the code."""
_PAINTED: Final = "\x1b[30;107m"
_PLAIN: Final = "\x1b[0m"
_HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
"""Characters by their upper and lower half; 1 has the colour of the text."""


class Ground(Enum):
    """The ground of the terminal on which a code is shown."""

    PAINTED = "painted"
    """Black on white by escape sequences: right in every terminal with colours."""
    DARK = "dark"
    """No colours, light text on a dark ground."""
    LIGHT = "light"
    """No colours, dark text on a light ground."""


def modules(text: str) -> list[list[int]]:
    """Return the code of a text with its margin, rows of modules, 1 is dark.

    Error correction is level M or better. Raises PaymentError if the text does not fit, and if
    segno is missing.
    """
    try:
        import segno  # noqa: PLC0415 - the optional extra `pay`
    except ImportError:
        raise PaymentError(needs_extra("QR codes need", "pay")) from None
    try:
        code = segno.make_qr(_compact(text), error="m")
    except ValueError as error:  # segno.DataOverflowError
        raise PaymentError(f"the text is too long for a QR code: {error}") from None
    return [[1 if each else 0 for each in row] for row in code.matrix_iter(border=MARGIN)]


def terminal(text: str, ground: Ground = Ground.PAINTED) -> str:
    """Return the code as lines for a terminal. Raises PaymentError."""
    return rendered(modules(text), ground)


def rendered(rows: Sequence[Sequence[int]], ground: Ground) -> str:
    """Return modules as half blocks, two rows a line, each with a newline."""
    inverted = ground is Ground.DARK
    width = len(rows[0])
    padded = [*rows, [0] * width] if len(rows) % 2 else list(rows)
    lines = []
    for upper, lower in zip(padded[::2], padded[1::2], strict=True):
        pairs = zip(upper, lower, strict=True)
        line = "".join(_HALVES[(up ^ inverted, down ^ inverted)] for up, down in pairs)
        lines.append(f"{_PAINTED}{line}{_PLAIN}\n" if ground is Ground.PAINTED else f"{line}\n")
    return "".join(lines)


def svg(text: str, scale: int = 4) -> str:
    """Return the code as an SVG document, black on white. Raises PaymentError."""
    rows = modules(text)
    side = len(rows)
    out = io.StringIO()
    out.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side * scale}" height="{side * scale}" '
        f'viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="'
    )
    for y, row in enumerate(rows):
        x = 0
        while x < side:
            end = x
            while end < side and row[end]:
                end += 1
            if end > x:
                out.write(f"M{x} {y}h{end - x}v1H{x}z")
            x = end + 1
    out.write('"/></svg>')
    return out.getvalue()


def _compact(text: str) -> str:
    """Return an invoice in capitals, which take fewer modules and mean the same."""
    return text.upper() if text.startswith("bttinv1") else text
