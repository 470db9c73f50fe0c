"""Warnings to a payer, in English and as a template for other languages."""

from __future__ import annotations

from typing import Final, Self

PROTECTED: Final = "protected up to {bond}: the merchant's bond, if it vanishes after settlement"
"""Sentence about every merchant before a payment; the bond is its free part."""


class Doubt(str):
    """A warning in English."""

    __slots__ = ("parts", "template")

    template: str
    """The warning with `{name}` where its parts are filled in."""
    parts: dict[str, str]

    def __new__(cls, template: str, **parts: str) -> Self:
        """Fill the parts in."""
        made = super().__new__(cls, template.format(**parts) if parts else template)
        made.template, made.parts = template, parts
        return made
