"""Inputs of a job: its model, its files, and how it is checked.

numpy may be missing: what needs it is imported where it is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from btt_chain.client.views import ViewClient
from btt_chain.primitives.digits import to_hex
from btt_chain.work.errors import WorkError
from btt_chain.work.ids import model_id
from cli.common.computing import lacks_extra, load_package, member_option
from cli.common.errors import Refused
from cli.common.options import Command
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.types import Check, Tier, Urgency

if TYPE_CHECKING:
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.work.inputs.files import Inputs
    from btt_chain.work.package import Package


def input_options(command: Command) -> Command:
    """Add the files of a job, the package of its model, and their form."""
    files = click.argument(
        "files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
    )
    package = click.option(
        "--model", "package", required=True, metavar="PKG",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The package of a registered model.",
    )  # fmt: skip
    elements = click.option(
        "--elements", is_flag=True, help="Arrays hold the model's own integers already."
    )
    return files(package(elements(command)))


def kind_options(command: Command) -> Command:
    """Add the options that the price of a job depends on."""
    tier = member_option(
        "--tier", Tier.Open,
        "Whether a committee checks the work (and sees the data), or you alone do.",
    )  # fmt: skip
    check = member_option(
        "--check", Check.Sampled, "Whether each verifier checks one item in sixteen, or all."
    )
    urgency = member_option(
        "--urgency", Urgency.Routine, "What is assigned first, for a quarter or a half more."
    )
    return tier(check(urgency(command)))


async def ensure_registered_preparation(
    chain: RuntimeClient | ViewClient, package: Package
) -> None:
    """Raise Refused if the chain has another preparation of a package's model than the package.

    A model that is not registered passes: a quote is refused for it.
    """
    view = await chain.api(WorkApi.model, model_id(package.manifest))
    if view is not None and view.schema != package.schema:
        raise Refused(
            "preparation swapped after registration: the package prepares inputs by "
            f"{to_hex(package.schema)}, the chain has {to_hex(view.schema)}; get the package from "
            "the model's owner again"
        )


def read_inputs(
    package: Path, files: tuple[Path, ...], *, elements: bool
) -> tuple[Package, Inputs]:
    """Return a model's package and the inputs of files for it. Refused if either is damaged."""
    whole = load_package(package)
    try:
        from btt_chain.work.inputs.files import read
    except ImportError as missing:
        raise lacks_extra(missing) from None

    try:
        return whole, read(files, whole.manifest, whole.preparation, elements=elements)
    except WorkError as reason:
        raise Refused(str(reason)) from None
