"""Options for the engine that computes items: `--engine`, `--fast` and `--engine-memory`.

numpy may be missing: engines are imported when one is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from btt_chain.work.errors import WorkError
from cli.common.computing import lacks_extra
from cli.common.errors import Mistyped, Refused
from cli.common.options import Command

if TYPE_CHECKING:
    from btt_chain.work.engines import Engine


def engine_options(command: Command) -> Command:
    """Add `--engine`, `--fast` and `--engine-memory`, which `engine_of` reads."""
    name = click.option(
        "--engine", metavar="MODULE:CLASS", callback=_engine_name,
        help="What multiplies, if it passes its test here: a class as in docs/work.md, for "
        "example btt_chain.work.engines.cuda:Cuda. [default: numpy]",
    )  # fmt: skip
    fast = click.option(
        "--fast", is_flag=True,
        help="The engine of onnxruntime, if it passes its test. Needs the extra `fast`.",
    )  # fmt: skip
    memory = click.option(
        "--engine-memory", type=click.IntRange(1), default=16, show_default=True, metavar="MiB",
        help="The most that the tensors of a batch may take; an engine computes one item at least.",
    )  # fmt: skip
    return name(fast(memory(command)))


def _engine_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse a name without a module or without a class."""
    if value is None or all(value.partition(":")):
        return value
    raise click.BadParameter(f"'{value}' is not of the form MODULE:CLASS")


def engine_of(name: str | None, memory: int, *, fast: bool) -> Engine:
    """Return the tested engine of `engine_options`, by default numpy's. Refused if it fails.

    `memory`: MiB of tensors at a time.
    """
    if fast and name is not None:
        raise Mistyped("give --engine or --fast, not both: --fast is the engine of onnxruntime")
    try:
        from btt_chain.work.engines.loading import FAST, load
    except ImportError as missing:
        raise lacks_extra(missing) from None

    try:
        return load(FAST if fast else name, memory << 20)
    except ImportError as missing:
        raise lacks_extra(missing) from None
    except WorkError as reason:
        raise Refused(str(reason)) from None
