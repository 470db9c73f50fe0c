"""Commands whose arguments are amounts."""

from __future__ import annotations

import click

from cli.common.errors import Mistyped


class Sending(click.Command):
    """A command with amounts: an argument that looks like an option may be a negative amount."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Explain the option for which a negative amount was mistaken."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            if not error.option_name[1:2].isdecimal():
                raise
            typed = next(arg for arg in args if arg.startswith(error.option_name))
            raise Mistyped(
                f"{typed!r} is negative, and no amount is; where an argument may begin with a "
                "minus, put -- before it",
                ctx,
            ) from None
