"""`btt-chain build-spec`: the specification of a chain, plain or raw."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import click

from cli import show
from cli.errors import Mistyped
from cli.node import known_chain, plain_errors
from cli.options import chain_names, examples

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@examples(
    "btt-chain build-spec --chain mainnet --holders-template > holders.json",
    "btt-chain build-spec --chain mainnet --holders holders.json --raw -o mainnet.json",
)
@click.command("build-spec")
@click.option(
    "--chain",
    "name",
    metavar="NAME|FILE",
    shell_complete=chain_names,
    default="dev",
    show_default=True,
    help="A chain that comes along, or its file.",
)
@click.option("--raw", is_flag=True, help="Spell the state of block zero out, key by key.")
@click.option("--holders", type=_FILE, help="Who holds the rows of the allocation.")
@click.option("--validators", type=_FILE, help="The first validators.")
@click.option("--holders-template", is_flag=True, help="Print a file for --holders to fill in.")
@click.option("-o", "--output", type=click.File("w", lazy=True), default="-", help="The file.")
def build_spec(
    name: str,
    raw: bool,
    holders: Path | None,
    validators: Path | None,
    holders_template: bool,
    output: IO[str],
) -> None:
    """Print the specification of a chain."""
    from genesis import catalogue
    from genesis.build import to_raw

    chain = catalogue.chain_named(known_chain(name))
    if chain is None and (holders or validators or holders_template):
        raise Mistyped(
            f"{name} is a file: --holders, --validators and --holders-template are for chains "
            "that come with the program"
        )
    with plain_errors():
        if chain is None:
            spec = catalogue.load(name)
        elif holders_template:
            click.echo(catalogue.holders_template(chain), file=output)
            return
        else:
            spec = catalogue.make(
                chain,
                catalogue.read_holders(chain, holders) if holders else None,
                catalogue.read_validators(chain, validators) if validators else (),
            )
        if spec.warning:
            show.note(f"warning: {spec.warning}")
        click.echo((to_raw(spec) if raw else spec).dumps(), file=output)
