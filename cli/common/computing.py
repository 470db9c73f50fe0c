"""Shared by the commands of useful work: packages, folders, chains of this program's runtime.

libp2p takes seconds to import, and numpy may be missing: commands that only read the chain do
without them, and without the runtime's executive. So these are imported where they are used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from btt_chain.client.chain import Chain
from btt_chain.client.jsonrpc import WebSocket, web_socket_url
from btt_chain.client.paging import PAGE, pages
from btt_chain.client.views import ViewClient
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.folder import Damaged, WorkFolder
from btt_chain.compute.requester.folder import Folder
from btt_chain.daemon import Daemon
from btt_chain.extras import needs_extra
from btt_chain.node.service.paths import default_base_path
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId
from btt_chain.scale import EncodeError, u32
from btt_chain.work.errors import NotExact, WorkError
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.options import Command
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import JobView

if TYPE_CHECKING:
    from btt_chain.client.typed import RuntimeClient
    from btt_chain.compute.blobs.transport import BlobHost
    from btt_chain.work.package import Package

Result = TypeVar("Result")

NETWORK: Final = "btt_chain.compute.blobs.transport"
"""Module with which blobs are served; it takes a second to import."""


def load_package(file: Path) -> Package:
    """Read the package of a model. Refused if it is damaged, or the extra is missing."""
    try:
        from btt_chain.work.package import load
    except ImportError as missing:
        raise lacks_extra(missing) from None

    try:
        return load(file)
    except WorkError as reason:
        raise Refused(f"{file.name}: {reason}") from None


def lacks_extra(missing: ImportError) -> Refused:
    """Return the error for a package that is not installed, with the command that installs it."""
    text = str(missing)
    return Refused(
        text if "the extra `" in text else f"{text}; {needs_extra('this needs', 'work')}"
    )


def member_option(flag: str, default: IntEnum, help: str) -> Callable[[Command], Command]:
    """Add an option whose values are the members of an enumeration, by their names."""
    names = rule(type(default))

    def member(_ctx: click.Context, _param: click.Parameter, name: str) -> IntEnum:
        return names.read(name, Context())

    return click.option(
        flag, type=click.Choice(names.choices), default=names.text(default, Context()),
        show_default=True, callback=member, help=help,
    )  # fmt: skip


def serving_options(peers: str, port: int) -> Callable[[Command], Command]:
    """Add `--listen` and `--public`: the address at which blobs are served to `peers`."""
    listen = click.option(
        "--listen", metavar="ADDRESS",
        help=f"Where to serve, as /ip4/0.0.0.0/tcp/{port}. [default: this machine only on local "
        "chains, all addresses on others; the port stays the same from then on]",
    )  # fmt: skip
    public = click.option(
        "--public", multiple=True, metavar="ADDRESS",
        help=f"What to announce to {peers} instead, as /dns4/HOST/tcp/PORT.",
    )  # fmt: skip
    return lambda command: listen(public(command))


def folder_option(command: Command) -> Command:
    """Add `--base-path`: the gateway's folder of jobs, keys and results."""
    return click.option(
        "--base-path",
        envvar="BTT_GATEWAY",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where jobs, their keys and results are kept. [default: ~/.local/share/btt-chain]",
    )(command)


def folder_of(base: Path | None, genesis: bytes) -> Folder:
    """Return the gateway's folder for a chain. OSError if it cannot be created."""
    return Folder(base or default_base_path(), genesis)


@asynccontextmanager
async def work_chain(url: str, timeout: float) -> AsyncIterator[RuntimeClient]:
    """Connect to a chain of this program's runtime; errors become those of commands."""
    from btt_chain.client.typed import open_runtime

    with _work_errors():
        async with open_runtime(web_socket_url(url), timeout) as chain:
            yield chain


async def jobs_of(chain: ViewClient, who: AccountId, *, is_open: bool) -> list[JobView]:
    """Return the jobs of a requester or provider, with `is_open` those that are not over."""
    jobs = pages(
        lambda after: chain.api(WorkApi.jobs, who, is_open, after, u32(PAGE)),
        lambda view: view.id,
        first=None,
    )
    return [view async for view in jobs]


async def follow_work(
    url: str,
    timeout: float,
    work: Callable[[RuntimeClient], Awaitable[Result]],
    genesis: bytes | None = None,
) -> Result:
    """Call `work` with a chain of this program's runtime, again whenever its node went away.

    `genesis` names the chain if it is known. Errors become those of commands. See
    `btt_chain.daemon`.
    """
    from btt_chain.client.typed import RuntimeClient

    async def begin(connection: WebSocket) -> Result:
        return await work(await RuntimeClient.open(await Chain.open(connection)))

    daemon = Daemon(url, timeout, report=show.note)
    daemon.genesis = genesis
    with _work_errors():
        return await daemon.run(begin)


@asynccontextmanager
async def serve_blobs(
    folder: WorkFolder, store: BlobStore, genesis: bytes, listen: str | None,
    public: tuple[str, ...], *, is_local: bool,
) -> AsyncIterator[tuple[str, BlobHost]]:  # fmt: skip
    """Serve blobs with the keys of a folder; yield the address and its host. Raises Refused.

    The address is `listen`, or that of the last run, or a free port: of this machine only on local
    chains, else of all interfaces.
    """
    from btt_chain.compute.blobs.transport import (
        LOCAL_GATE,
        BlobHost,
        BlobSettings,
        GateLimits,
        NetworkError,
    )

    anywhere = "127.0.0.1" if is_local else "0.0.0.0"  # noqa: S104 - it is there to be reached
    where = listen or folder.listen() or f"/ip4/{anywhere}/tcp/0"
    settings = BlobSettings(
        folder.network_seed, genesis, (where,), public,
        LOCAL_GATE if is_local else GateLimits(), allow_private=is_local,
    )  # fmt: skip
    host = BlobHost(settings, store)
    try:
        await host.start()
    except NetworkError as error:
        raise Refused(f"cannot serve at {where}: {error}; give another --listen") from None
    try:
        yield where, host
    finally:
        await host.stop()


@contextmanager
def _work_errors() -> Iterator[None]:
    """Raise errors of useful work as those of commands."""
    from btt_chain.client.typed import UnsupportedRuntime

    try:
        yield
    except EncodeError as error:
        raise Mistyped(f"what was given does not fit the call: {error}") from None
    except (Damaged, NotExact, UnsupportedRuntime) as error:
        raise Refused(str(error)) from None
