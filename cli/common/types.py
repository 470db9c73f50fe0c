"""Types of arguments that several commands take."""

from __future__ import annotations

import click


class RandomnessType(click.ParamType[bytes]):
    """32 bytes in hex."""

    name = "HEX"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Return the bytes."""
        text = str(value).removeprefix("0x")
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raw = b""
        if len(raw) != 32 or len(text) != 64:
            self.fail(f"{value!r} is not 32 bytes as 64 hex digits", param, ctx)
        return raw
