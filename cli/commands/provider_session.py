"""A provider's folder and host, and its work for a chain until it is stopped.

`provider list` imports this, too: libp2p and the runtime's executive, which take seconds, are
imported where they are used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from btt_chain.client.amount import AmountError, Currency
from btt_chain.client.errors import DispatchFailed
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.folder import Damaged
from btt_chain.compute.provider.folder import Folder
from btt_chain.compute.requester.folder import joined
from btt_chain.crypto.keypair import KeyPair
from btt_chain.lazyclass import dataclass
from btt_chain.node.service.paths import default_base_path
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.files import Held
from btt_chain.scale import u16, u32, u128
from cli.common import show
from cli.common.computing import follow_work, serve_blobs, serving_options
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.ids import shortened
from cli.common.options import Command
from cli.common.session import is_local
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.views import ProviderView
from runtime.pallets.providers.types import ProviderInfo, ProviderKind

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from btt_chain.client.typed import RuntimeClient
    from btt_chain.compute.blobs.transport import BlobHost
    from btt_chain.compute.provider.daemon import Providing
    from btt_chain.compute.provider.upkeep import Registration
    from btt_chain.work.engines import Engine


SERVED_BYTES: Final = 256 << 30
"""Maximum number of bytes kept for others; the disk's limit is checked before a job is taken."""


class_option = click.option(
    "--class", "classes", type=click.IntRange(0, 65_535), multiple=True, default=(0,),
    show_default=True, help="A class of models to serve; may be repeated.",
)  # fmt: skip


def place_options(command: Command) -> Command:
    """Add the options for the provider's folder and its addresses, which `Place.of` reads."""
    base = click.option(
        "--base-path",
        envvar="BTT_PROVIDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where keys, records and results are kept. [default: ~/.local/share/btt-chain]",
    )
    return base(serving_options("others", 30_336)(command))


async def provide(
    engine: Engine, pair: KeyPair, place: Place, url: str, timeout: float = 60.0, *, jobs: int = 1,
    memory: int = 1 << 30, bond: str | None = None, classes: Sequence[int] = (0,),
    keep_slots: int | None = None, as_json: bool = False,
) -> None:  # fmt: skip
    """Work for a chain until cancelled. Refused if the account is not a provider.

    `memory`: bytes that the tensors of one item may take.
    """
    from btt_chain.compute.provider.daemon import Providing, Settings
    from btt_chain.compute.provider.upkeep import NotRegistered, OtherKeys

    def report(text: str) -> None:
        show.line({"event": text}) if as_json else show.note(text)

    async with AsyncExitStack() as stack:
        progress = _progress(stack.enter_context(show.progress(silent=as_json)))
        open_: Opened | None = None
        working: Providing | None = None

        async def work(chain: RuntimeClient) -> None:
            nonlocal open_, working
            if open_ is None:
                local = await is_local(chain.chain.connection)
                open_ = await stack.enter_async_context(opened(chain, pair, place, local))
            if working is None:
                await open_.enrol(chain, bond, jobs, classes)
                settings = Settings(
                    open_.account, open_.folder, pair, engine, jobs, keep_slots, memory, report,
                    progress,
                )  # fmt: skip
                rules = await chain.api(WorkApi.rules)
                inbox = BlobStore(open_.folder.inbox, most_bytes=SERVED_BYTES)
                made = (settings, open_.host, inbox, open_.store, rules, open_.registration)
                working = damaged(partial(Providing, *made))
                stack.push_async_callback(working.close)
                report("serving at " + ", ".join(open_.host.endpoints()))
            await working.run(chain)

        try:
            await follow_work(url, timeout, work)
        except OtherKeys as error:
            raise Refused(str(error)) from None
        except NotRegistered as error:
            raise NotFound(str(error)) from None


def _progress(bars: Progress) -> Callable[[H256, int, int], None]:
    """Return a function that shows a bar for each job during its computation."""
    shown: dict[H256, TaskID] = {}

    def progress(job: H256, done: int, of: int) -> None:
        if job not in shown:
            shown[job] = bars.add_task(shortened(job), total=of)
        bars.update(shown[job], completed=done)
        if done == of:
            bars.remove_task(shown.pop(job))

    return progress


@dataclass(frozen=True, slots=True)
class Place:
    """The provider's folder and its addresses."""

    base: Path | None = None
    listen: str | None = None
    public: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: dict[str, Any]) -> Place:
        """Return the place that `place_options` name."""
        return cls(options["base_path"], options["listen"], tuple(options["public"]))


@dataclass(frozen=True, slots=True)
class Opened:
    """A locked folder of a provider, and its listening host."""

    account: AccountId
    pair: KeyPair
    folder: Folder
    store: BlobStore
    host: BlobHost
    registration: Registration

    def info(
        self, kind: ProviderKind, region: int | None, classes: Sequence[int], capacity: int
    ) -> ProviderInfo:
        """Return the provider's own description."""
        return ProviderInfo(
            kind, None if region is None else u16(region), [u16(one) for one in classes],
            u32(capacity), self.folder.vrf.public, self.folder.seal_public,
            joined(self.host.endpoints()),
        )  # fmt: skip

    def ensure_keys(self, known: ProviderInfo) -> None:
        """Raise Refused if the provider is registered with the keys of another folder."""
        from btt_chain.compute.provider.upkeep import OTHER_KEYS

        if (known.vrf, known.seal) != (self.folder.vrf.public, self.folder.seal_public):
            raise Refused(OTHER_KEYS)

    async def enrol(
        self, chain: RuntimeClient, bond: str | None, jobs: int, classes: Sequence[int]
    ) -> None:
        """Register with a bond unless registered, and update changed addresses.

        Waits until it is certain. Raises NotRegistered.
        """
        from btt_chain.compute.provider.upkeep import NotRegistered, OtherKeys

        planck = None if bond is None else planck_of(chain.chain.metadata.currency, bond)
        is_reported = False
        async for head in chain.heads():
            try:
                view = await self.registration.read(chain, head)
            except OtherKeys:
                raise
            except NotRegistered:
                if planck is None:
                    raise
                await self._register(chain, planck, jobs, classes)
                continue
            if view is not None:
                await self._agree(chain, view)
                return
            if not is_reported:
                is_reported = True
                show.note(f"the account is not a provider in block {head.number}: waiting until "
                          "that is final")  # fmt: skip

    async def _register(
        self, chain: RuntimeClient, bond: int, jobs: int, classes: Sequence[int]
    ) -> None:
        info = self.info(ProviderKind.Home, None, sorted({*classes}), 2 * jobs)
        try:
            await chain.submit(
                "Providers", "register", signer=self.pair, info=info, bond=u128(bond)
            )
        except DispatchFailed as error:
            if not await self._is_known_by(chain, info):
                # Not again and again: each attempt costs its fee.
                raise Refused(f"the account cannot be a provider: {error}") from None
        self.registration.sent((await chain.head()).number)
        show.note("the account is a provider now")

    async def _agree(self, chain: RuntimeClient, view: ProviderView) -> None:
        """Update the provider on the chain if its addresses have changed."""
        known = view.info
        classes = [int(one) for one in known.classes]
        info = self.info(known.kind, known.region, classes, int(known.capacity))
        if info == known:
            return
        try:
            await chain.submit("Providers", "update", signer=self.pair, info=info)
        except DispatchFailed as error:
            if not await self._is_known_by(chain, info):
                raise Refused(
                    f"the chain has another address, which cannot be changed now: {error}"
                ) from None
        show.note("the chain has the new address now")

    async def _is_known_by(self, chain: RuntimeClient, info: ProviderInfo) -> bool:
        """Return True if the best block has this description.

        A call before, whose connection broke, may have come into a block.
        """
        view: ProviderView | None = await chain.api(WorkApi.provider, self.account)
        return view is not None and view.info == info


def planck_of(currency: Currency, bond: str) -> int:
    """Return the amount of `--bond` in planck. Mistyped if it is not an amount."""
    try:
        return currency.parse(bond)
    except AmountError as error:
        raise Mistyped(f"--bond: {error}") from None


def damaged(make: Callable[[], Providing]) -> Providing:
    """Return the made provider; Refused if its folder is damaged."""
    try:
        return make()
    except (Damaged, OSError) as error:
        raise Refused(str(error)) from None


@asynccontextmanager
async def opened(
    chain: RuntimeClient, pair: KeyPair, place: Place, is_local: bool
) -> AsyncIterator[Opened]:
    """Open a provider's folder and host. Refused if either is in use."""
    from btt_chain.compute.provider.upkeep import Registration

    account = AccountId(pair.account_id)
    try:
        folder = Folder(place.base or default_base_path(), chain.genesis, account)
        lock = folder.lock()
        # They are created now, so that they are on the disk before they are published.
        _ = folder.network_seed, folder.vrf, folder.seal_secret
    except Held as error:
        raise Refused(f"a provider works in this folder already: {error}") from None
    except (Damaged, OSError) as error:
        raise Refused(str(error)) from None
    store = BlobStore(folder.blobs, most_bytes=SERVED_BYTES, most_blobs=10_000_000)
    with lock:
        async with serve_blobs(
            folder, store, chain.genesis, place.listen, place.public, is_local=is_local
        ) as (where, host):
            folder.store_listen(where, host.endpoints()[0])
            registration = Registration(account, folder.vrf.public, folder.seal_public)
            yield Opened(account, pair, folder, store, host, registration)
