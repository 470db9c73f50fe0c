"""The group `btt-chain provider`: `run`, a program, comes without the other commands."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from cli.common.options import Group

PROGRAM: Final = "cli.commands.provider_run"
OTHERS: Final = "cli.commands.provider"
"""Modules that add their commands to the group."""


class Provider(Group):
    """Imports the module of a command when it is typed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        for module in (PROGRAM, OTHERS):
            import_module(module)
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now."""
        import_module(PROGRAM if cmd_name == "run" else OTHERS)
        return super().get_command(ctx, cmd_name)


provider = Provider(
    "provider",
    help="""Do other people's work, and be paid for it.

    A provider bonds money, is selected for jobs, computes them, and answers for every number with
    its bond. Keep its --base-path: what it committed to lies there.
    """,
)
