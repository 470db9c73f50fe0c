"""Inputs of a job: its model, its files, and how it is checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.common.computing import lacks_extra, load_package
from cli.common.errors import Refused
from cli.common.options import Command

if TYPE_CHECKING:
    from btt_chain.work.inputs.files import Inputs
    from btt_chain.work.package import Package

package_option = click.option(
    "--model", "package", required=True, metavar="PKG", help="The package of a registered model.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
elements_option = click.option(
    "--elements", is_flag=True, help="Arrays hold the model's own 8-bit numbers already."
)


def kind_options(command: Command) -> Command:
    """Add the options that the price of a job depends on."""
    tier = click.option(
        "--tier", type=click.Choice(["open", "confidential"]), default="open", show_default=True,
        help="Whether a committee checks the work (and sees the data), or you alone do.",
    )  # fmt: skip
    check = click.option(
        "--check", type=click.Choice(["sampled", "full"]), default="sampled", show_default=True,
        help="Whether each verifier checks one item in sixteen, or all.",
    )  # fmt: skip
    urgency = click.option(
        "--urgency", type=click.Choice(["routine", "urgent", "emergency"]), default="routine",
        show_default=True, help="What is assigned first, for a quarter or a half more.",
    )  # fmt: skip
    return tier(check(urgency(command)))


def read_inputs(
    package: Path, files: tuple[Path, ...], *, elements: bool
) -> tuple[Package, Inputs]:
    """Return a model's package and the inputs of files for it. Refused if either is damaged."""
    whole = load_package(package)
    try:
        from btt_chain.work.errors import WorkError
        from btt_chain.work.inputs.files import read
    except ImportError as missing:
        raise lacks_extra(missing) from None

    try:
        return whole, read(files, whole.manifest, whole.preparation, elements=elements)
    except WorkError as reason:
        raise Refused(str(reason)) from None
