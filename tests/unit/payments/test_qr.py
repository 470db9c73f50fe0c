"""QR codes: an independent reader gets the text back from the terminal and from the SVG."""

from __future__ import annotations

import re
import sys
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from btt_chain.crypto.keypair import KeyPair
from btt_chain.payments import qr
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.qr import Ground
from btt_chain.payments.uri import PaymentUri, write_uri
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.currency import currency
from btt_chain.scale import u128

zxingcpp = pytest.importorskip("zxingcpp")

URI: Final = write_uri(
    PaymentUri(
        merchant=AccountId(KeyPair.from_uri("//Merchant").account_id),
        currency=currency("CNY"),
        units=u128(5_000),
        reference=bytes.fromhex("00c1ff8a934d27b6e51902f37a84be6d"),
        expires_s=1_800_000_000,
        network="deadbeef",
        label="二号窗口",
    ),
    KeyPair.from_uri("//Till"),
)
INVOICE: Final = "bttinv1" + "qpzry9x8gf2tvdw0s3jn54khce6mua7l" * 16
BLACK, WHITE = 0, 255
CELL: Final = (6, 12)
"""Width and height of a character in a terminal."""


def screenshot(text: str, ink: int, ground: int) -> Image.Image:
    """Return an image of lines of half blocks as a terminal with these colours shows them."""
    lines = text.splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    width, height = CELL
    image = Image.new("L", (len(plain[0]) * width + 40, len(lines) * height + 40), ground)
    for row, line in enumerate(lines):
        fore, back = ink, ground
        at = 0
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            if part == "\x1b[30;107m":
                fore, back = BLACK, WHITE
            elif part == "\x1b[0m":
                fore, back = ink, ground
            else:
                for character in part:
                    x, y = 20 + at * width, 20 + row * height
                    upper = fore if character in "▀█" else back
                    lower = fore if character in "▄█" else back
                    image.paste(upper, (x, y, x + width, y + height // 2))
                    image.paste(lower, (x, y + height // 2, x + width, y + height))
                    at += 1
    return image


def read(image: Image.Image) -> str | None:
    """Read a code as a camera does: dark on light only."""
    found = zxingcpp.read_barcodes(image, try_invert=False)
    return found[0].text if found else None


@pytest.mark.parametrize("text", [URI, INVOICE, "btt:x"])
@pytest.mark.parametrize(
    ("ground", "ink", "paper"),
    [
        (Ground.PAINTED, WHITE, BLACK),
        (Ground.PAINTED, BLACK, WHITE),
        (Ground.PAINTED, 90, 200),
        (Ground.DARK, WHITE, BLACK),
        (Ground.LIGHT, BLACK, WHITE),
    ],
)
def test_the_terminal_is_read_in_both_themes(
    text: str, ground: Ground, ink: int, paper: int
) -> None:
    found = read(screenshot(qr.terminal(text, ground), ink, paper))
    assert found == (text.upper() if text.startswith("bttinv1") else text)


@pytest.mark.parametrize(("ground", "ink", "paper"), [(Ground.DARK, BLACK, WHITE),
                                                      (Ground.LIGHT, WHITE, BLACK)])  # fmt: skip
def test_the_wrong_ground_is_not_read(ground: Ground, ink: int, paper: int) -> None:
    # So the test above distinguishes the themes.
    assert read(screenshot(qr.terminal(URI, ground), ink, paper)) is None


def svg_image(document: str, scale: int) -> Image.Image:
    """Return the rectangles of an SVG as an image: the white ground, and runs of black modules."""
    root = ET.fromstring(document)
    side = int(root.attrib["viewBox"].split()[2])
    image = Image.new("L", (side * scale, side * scale), 128)
    for path in root:
        colour = {"#fff": WHITE, "#000": BLACK}[path.attrib["fill"]]
        for x, y, width, height in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", path.attrib["d"]):
            left, top = int(x) * scale, int(y) * scale
            right, bottom = left + int(width) * scale, top + int(height) * scale
            image.paste(colour, (left, top, right, bottom))
        if path.attrib["fill"] == "#fff":
            image.paste(WHITE, (0, 0, side * scale, side * scale))
    return image


@pytest.mark.parametrize("text", [URI, INVOICE])
def test_the_svg_is_read(text: str) -> None:
    document = qr.svg(text, scale=5)
    assert read(svg_image(document, 5)) == (text.upper() if text is INVOICE else text)
    assert len(document) < 40_000


def test_a_margin_of_four_light_modules_is_around_the_code() -> None:
    rows = qr.modules("btt:x")
    edge = [*rows[:4], *rows[-4:], *([row[at] for row in rows] for at in (0, 3, -4, -1))]
    assert not any(map(any, edge))
    assert rows[4][4:11] == [1] * 7


def test_an_odd_number_of_rows_ends_with_a_light_half() -> None:
    assert qr.rendered([[1], [0], [1]], Ground.LIGHT) == "▀\n▀\n"
    assert qr.rendered([[1], [0], [1]], Ground.DARK) == "▄\n▄\n"


def test_a_text_that_does_not_fit_is_refused() -> None:
    with pytest.raises(PaymentError, match="too long for a QR code"):
        qr.modules("x" * 4_000)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(PaymentError, match=r"the extra `pay`: pip install .*\[pay\]"):
        qr.svg("btt:x")
