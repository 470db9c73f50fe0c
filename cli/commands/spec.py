"""`btt-chain build-spec`: the specification of a chain, plain or raw."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from btt_chain.primitives.digits import U32, to_hex, whole_number
from btt_chain.primitives.lottery import SecondaryRule
from cli.common import show
from cli.common.chain_data import known_chain, plain_errors
from cli.common.errors import Mistyped
from cli.common.files import write
from cli.common.node_options import asked_for, was_typed
from cli.common.options import chain_names, examples, runtime_option, stdout_option, url_options
from cli.common.types import RANDOMNESS, Form
from genesis import catalogue
from genesis.build import build, to_raw
from genesis.checkpoint import with_checkpoint
from genesis.presets import Chain
from genesis.spec import STATE_ROOT, ChainSpec

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class ValidatorsType(click.ParamType["int | Path"]):
    """A number of development keys, or a file."""

    name = "N|FILE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Path:
        """Return the number, or the path of an existing file."""
        text = str(value)
        if text.isascii() and text.isdecimal() and len(text) < 10:
            return int(text)
        return Path(_FILE.convert(text, param, ctx))


def _block(text: str) -> str | None:
    """Return `final`, or the height of a block; None for other texts."""
    return text if text == "final" or whole_number(text, U32) is not None else None


@examples(
    "btt-chain build-spec --chain mainnet.json --checkpoint -o mainnet-checkpoint.json",
    "btt-chain build-spec --chain local --validators 7 --slot-ms 1000 -o local.json",
    "btt-chain build-spec --chain mainnet --holders-template > holders.json",
    "btt-chain build-spec --chain mainnet --holders holders.json --validators validators.json "
    "--raw -o mainnet.json",
)
@click.command("build-spec")
@click.option(
    "--chain", "name", metavar="NAME|FILE", shell_complete=chain_names, default="dev",
    show_default=True, help="A chain that comes along, or its file.",
)  # fmt: skip
@click.option("--raw", is_flag=True, help="Spell the state of block zero out, key by key.")
@click.option("--holders", type=_FILE, help="Who holds the rows of the allocation.")
@click.option(
    "--validators", type=ValidatorsType(),
    help="The first validators: how many development keys (dev, local), or a file of keys.",
)  # fmt: skip
@click.option(
    "--slot-ms", type=click.IntRange(min=1),
    help="The length of a slot; dev, local and fast only. It must divide a day and a month.",
)  # fmt: skip
@runtime_option()
@click.option(
    "--secondary-rule", type=click.Choice(["uniform", "weighted"], case_sensitive=False),
    help="Authors of slots without a lottery winner: each validator's alike, or by weight. Stock "
    "light clients, polkadot.js and bridges stop at the first such block of a weighted chain. "
    "[default: uniform]",
)  # fmt: skip
@click.option(
    "--randomness", type=RANDOMNESS,
    help="The randomness of the first two epochs: 32 public bytes that were unknown when the "
    "validators chose their keys. [default: from the chain's id]",
)  # fmt: skip
@click.option(
    "--bootnode", "boot_nodes", multiple=True, metavar="ADDRESS",
    help="A node to call first: /ip4/10.0.0.1/tcp/30333/p2p/12D3KooW...; may be repeated.",
)  # fmt: skip
@click.option(
    "--checkpoint", is_flag=True,
    help="Add a final block of a running node and its voters, at which newcomers begin. Block zero "
    "is written as with --raw.",
)  # fmt: skip
@click.option(
    "--block", type=Form("final|N", _block, "neither final nor the height of a block"),
    default="final", show_default=True, help="The block of --checkpoint.",
)  # fmt: skip
@click.option(
    "--light", is_flag=True,
    help="With --checkpoint: for light clients alone, with the root of the state of block zero "
    "instead of the state.",
)  # fmt: skip
@url_options
@click.option("--holders-template", is_flag=True, help="Print a file for --holders to fill in.")
@stdout_option
def build_spec(
    name: str, raw: bool, checkpoint: bool, block: str, light: bool, url: str, timeout: float,
    holders_template: bool, output: str, **chosen: Any,
) -> None:  # fmt: skip
    """Print the specification of a chain."""
    chain = catalogue.chain_named(known_chain(name))
    given = sorted(_flag(name) for name, value in chosen.items() if value not in {None, ()})
    given += ["--holders-template"] if holders_template else []
    if not checkpoint and (light or asked_for("block") or was_typed("url")):
        raise Mistyped("--block, --light and --url go with --checkpoint")
    if checkpoint:
        given = [flag for flag in given if flag != "--bootnode"]
    if chain is None and given:
        raise Mistyped(
            f"{name} is a file: {', '.join(given)} is for chains that come with the program"
        )
    with plain_errors():
        if chain is None:
            spec = catalogue.load(name)
            if chosen["boot_nodes"]:
                spec = replace(spec, boot_nodes=catalogue.checked_nodes(chosen["boot_nodes"]))
        elif holders_template:
            write(output, catalogue.holders_template(chain) + "\n")
            return
        else:
            spec = _made(chain, **chosen)
        if spec.warning:
            show.note(f"warning: {spec.warning}")
        if checkpoint:
            text = _with_checkpoint(spec, url, timeout, block, light=light, output=output)
        else:
            text = (to_raw(spec) if raw else spec).dumps()
        write(output, text + "\n")


def _with_checkpoint(
    spec: ChainSpec, url: str, timeout: float, block: str, *, light: bool, output: str
) -> str:
    """Return the text of a specification with a node's final block as the checkpoint."""
    # Imported here: it asks a node, and other specifications need no client.
    from cli.common.checkpoints import checkpoint_from, write_validity

    zero = build(spec)
    checkpoint = checkpoint_from(url, timeout, bytes(zero.hash), block)
    write_validity(checkpoint, zero, output)
    found = with_checkpoint(to_raw(spec), checkpoint)
    if not light:
        return found.dumps()
    root = {STATE_ROOT: to_hex(zero.header.state_root)}
    return json.dumps(found.to_json() | {"genesis": root}, indent=2, ensure_ascii=False)


def _made(
    chain: Chain, *, holders: Path | None, validators: int | Path | None,
    secondary_rule: str | None, **more: Any,
) -> ChainSpec:  # fmt: skip
    """Return the specification of a chain with the options."""
    if isinstance(validators, Path):
        more["validators"] = catalogue.read_validators(chain, validators)
    else:
        more["validators"] = validators
    if secondary_rule is not None:
        more["secondary_rule"] = SecondaryRule[secondary_rule.capitalize()]
    held = catalogue.read_holders(chain, holders) if holders else None
    return catalogue.make(chain, held, **more)


def _flag(option: str) -> str:
    return "--bootnode" if option == "boot_nodes" else "--" + option.replace("_", "-")
