"""Common parts of the commands of `devnet`: the network that is meant, and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from btt_chain.testing import Devnet, DevnetError, NodeDied, NoDevnet, NoSuchNode, NotInTime, state
from btt_chain.testing.members import node_named
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import base_path_option

FOLDER: Final = ".btt-devnet"
"""Folder of a network whose place was not named, below the current one."""
VARIABLE: Final = "BTT_DEVNET"
"""Variable of the environment that names its place."""

base_option: Final = base_path_option(
    f"The devnet's folder. [default: {FOLDER} here or in a folder above]", VARIABLE
)
"""Decorator that adds `--base-path`: the devnet of the command."""


def located(named: Path | None) -> Path:
    """Return the folder of the devnet that is meant: as named, else the nearest one upwards.

    NotFound, with the folders that were tried, if there is none.
    """
    if named is not None:
        if not state.exists(named) and state.exists(named / FOLDER):
            return named / FOLDER
        return named
    here = Path.cwd()
    for folder in (here, *here.parents):
        if state.exists(folder / FOLDER):
            return folder / FOLDER
    raise NotFound(
        f"there is no devnet: neither {here} nor a folder above it has "
        f"{FOLDER}/{state.STATE_FILE}; start one with `btt-chain devnet up`, or name its folder "
        "with --base-path"
    )


@contextmanager
def opened(named: Path | None) -> Iterator[Devnet]:
    """Open the devnet that is meant; errors inside are those of commands, of one line each."""
    with plain_errors():
        yield Devnet.open(located(named))


def read_groups(net: Devnet, text: str) -> list[list[int]]:
    """Return a typed partition: `0,1/2,3` or `alice,bob/charlie`. Mistyped for other texts."""
    groups = [[word.strip() for word in group.split(",")] for group in text.split("/")]
    if not all(word for group in groups for word in group):
        raise Mistyped(f"{text!r} is not a partition: write groups of nodes like 0,1/2,3") from None
    return [[node_named(net.nodes, word).index for word in group] for group in groups]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn errors of the package into errors of commands, each of one line."""
    try:
        yield
    except NoDevnet as error:
        raise NotFound(f"{error}: start one with `btt-chain devnet up`") from None
    except NoSuchNode as error:
        raise NotFound(str(error)) from None
    except (NodeDied, NotInTime) as error:
        first, *log = str(error).splitlines()
        last = f": {log[-1].strip()}" if len(log) > 1 else ""
        where = f" ({log[0].strip(' -').removeprefix('the end of ')})" if log else ""
        raise Refused(f"{first}{last}{where}") from None
    except DevnetError as error:
        raise Refused(str(error)) from None
