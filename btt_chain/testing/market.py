"""A permanent requester: registers the example model, posts jobs, accepts the results.

`python -m btt_chain.testing.market` is started by a devnet with providers. It does what a
hospital's own programs would do; its keys are public development keys. Needs numpy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from random import Random
from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.errors import ClientError, Disconnected, DispatchFailed
from btt_chain.client.jsonrpc import Connection
from btt_chain.client.typed import RuntimeClient, UnsupportedRuntime, open_runtime
from btt_chain.compute.blobs.store import BlobStore
from btt_chain.compute.blobs.transport import LOCAL_GATE, BlobHost, BlobSettings
from btt_chain.compute.requester.folder import Folder, Record, new_record
from btt_chain.compute.requester.gateway import ENDED, Gateway
from btt_chain.crypto.keypair import KeyPair
from btt_chain.daemon import Daemon, NotReady, run_until_stopped
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.slots import slots_in_time
from btt_chain.scale import u16, u32, u64, u128
from btt_chain.work.ids import model_id
from btt_chain.work.model import quantised, scale_bits
from btt_chain.work.package import Package, floats, load
from runtime.constants import BTT
from runtime.pallets.jobs.api import WorkApi
from runtime.pallets.jobs.events import Posted
from runtime.pallets.jobs.types import Check, Tier, Urgency
from runtime.pallets.jobs.views import JobView, WorkQuote
from runtime.pallets.models.types import CheckMode, Description, Modality

EXAMPLE: Final = Path(__file__).with_name("example")
BANK: Final = "//Alice"
"""Account that funds the others on a devnet."""
FUNDING: Final = 5_000 * int(BTT)
"""Amount for each funded account."""
ITEMS: Final = (16, 64)
MAX_OPEN: Final = 6
"""Maximum number of open jobs; then it waits for some to end."""
DEADLINE: Final = 60
"""Deadline of a job, in slots of a second or longer (`slots_in_time`)."""
EVERY: Final = 4
"""Slots between two jobs, counted in the same way."""


async def fund(url: str, uris: list[str], amount: int = FUNDING) -> list[str]:
    """Transfer money to accounts, all in one block or two; return their storage keys as hex.

    Raises ClientError.
    """
    bank = KeyPair.from_uri(BANK)
    accounts = [AccountId(KeyPair.from_uri(uri).account_id) for uri in uris]
    async with open_runtime(url) as chain:
        await asyncio.gather(
            *(
                chain.submit(
                    "Balances", "transfer_keep_alive", signer=bank,
                    dest=Id(account), value=u128(amount),
                )
                for account in accounts
            )
        )  # fmt: skip
        keys = [chain.chain.storage_key("System.Account", to_hex(each)) for each in accounts]
    return [to_hex(key) for key in keys]


async def missing(url: str, uris: list[str]) -> list[str]:
    """Return those of some accounts that are not registered as providers. Raises ClientError."""
    found = []
    async with open_runtime(url) as chain:
        for uri in uris:
            account = AccountId(KeyPair.from_uri(uri).account_id)
            if await chain.api(WorkApi.provider, account) is None:
                found.append(uri)
    return found


class Market:
    """Posts jobs over the example's rows, up to a number of open ones."""

    def __init__(self, chain: RuntimeClient, folder: Folder, pair: KeyPair, rng: Random) -> None:
        """Read the example."""
        self._chain = chain
        self._folder = folder
        self._pair = pair
        self._rng = rng
        self.package: Package = load(EXAMPLE / "breast-cancer.btt")
        self.model: H256 = model_id(self.package.manifest)
        rows = json.loads((EXAMPLE / "rows.json").read_text())
        bits = [[_bits(number) for number in row] for row in rows]
        reals = floats([one for row in bits for one in row]).reshape(len(rows), -1)
        self._rows = quantised(self.package.manifest, self.package.preparation.adjusted(reals))

    async def register(self, name: str) -> None:
        """Register the model, unless it is registered. Raises ClientError."""
        self._folder.add_model(self.model, b"".join(self.package.chunks()))
        if await self._chain.api(WorkApi.model, self.model) is None:
            await self._chain.submit(
                "Models", "register", signer=self._pair, manifest=self.package.manifest,
                model_class=u16(0), name=name.encode(), check=CheckMode.Reexecute,
                endpoints=self._folder.endpoints(), schema=self.package.schema,
                licence=u128(0), description=Description(modality=Modality.Table),
            )  # fmt: skip
            say(f"registered the model {self.model.hex()[:12]}")

    async def post(self) -> None:
        """Post a job over some rows. Raises ClientError."""
        chain, manifest = self._chain, self.package.manifest
        count = self._rng.randint(*ITEMS)
        places = [self._rng.randrange(len(self._rows)) for _ in range(count)]
        raw = self._rows[places].tobytes()
        check = Check.Full if self._rng.random() < 0.25 else Check.Sampled
        quote: WorkQuote | None = await chain.api(
            WorkApi.quote, self.model, u32(count), Urgency.Routine, check, Tier.Open,
            u64(len(raw)),
        )  # fmt: skip
        if quote is None:
            return
        record = new_record(
            manifest, self.model, self._pair.account_id, [f"row {place}" for place in places],
            list(self.package.preparation.labels), Tier.Open,
        )  # fmt: skip
        self._folder.add(record, raw)
        try:
            done = await chain.submit(
                "Jobs", "post", signer=self._pair, model=self.model, items=record.items,
                input_root=record.input_root(raw), tier=Tier.Open, check=check,
                urgency=Urgency.Routine, max_price=u128(int(quote.price) * 2),
                data_bytes=u64(len(raw)), deadline=u32(slots_in_time(DEADLINE, chain.slot_ms)),
                reply_key=record.keys.reply_public, endpoints=self._folder.endpoints(),
            )  # fmt: skip
        except DispatchFailed:
            self._folder.forget(record)
            raise
        record.job = next(event.job for event in done.events if isinstance(event, Posted))
        self._folder.save(record)
        say(f"job 0x{record.job.hex()[:12]} posted: {count} items")

    async def lend(self, loans: list[tuple[KeyPair, AccountId]]) -> list[tuple[KeyPair, AccountId]]:
        """Delegate providers' scores to validators; return those that are not possible yet."""
        left = []
        for pair, validator in loans:
            try:
                await self._chain.submit(
                    "Providers", "delegate_score", signer=pair, validator=validator
                )
            except DispatchFailed as error:
                if error.name == "Providers.NotProvider":
                    left.append((pair, validator))
        return left

    @property
    def open_jobs(self) -> int:
        """Number of jobs that are not over."""
        return sum(not record.over for record in self._folder.records())


def _bits(number: float) -> u32:
    return u32(scale_bits(number))


async def run(url: str, base: Path, uri: str, every: int, loans: list[str]) -> None:
    """Run until cancelled. A node that goes away is connected to again."""
    pair, rng = KeyPair.from_uri(uri), Random(uri)  # noqa: S311 - which rows, nothing else

    async def work(connection: Connection) -> None:
        try:
            chain = await RuntimeClient.open(await Chain.open(connection))
        except UnsupportedRuntime as error:
            raise NotReady(str(error)) from None
        await _serve(chain, Folder(base, chain.genesis), pair, every, loans, rng)

    await Daemon(url, report=say).run(work)


async def _serve(
    chain: RuntimeClient, folder: Folder, pair: KeyPair, every: int, loans: list[str], rng: Random
) -> None:
    states: dict[str, str] = {}

    def report(record: Record, view: JobView) -> None:
        state = view.state.name.lower()
        if states.get(record.name) != state:
            states[record.name] = state
            if view.state in ENDED:
                outcome = "" if view.outcome is None else view.outcome.name
                say(f"job 0x{view.id.hex()[:12]} {state} {outcome}")

    where = folder.listen() or "/ip4/127.0.0.1/tcp/0"
    with folder.lock():
        store = BlobStore(folder.blobs)
        settings = BlobSettings(
            folder.network_seed, chain.genesis, (where,), (), LOCAL_GATE, allow_private=True
        )
        host = BlobHost(settings, store)
        await host.start()
        try:
            folder.store_endpoints(where, host.endpoints())
            market = Market(chain, folder, pair, rng)
            await market.register("breast cancer (Wisconsin)")
            gateway = Gateway(folder, chain, host, store, report)
            left = [
                (KeyPair.from_uri(delegator), AccountId(KeyPair.from_uri(to).account_id))
                for delegator, to in (loan.split("=") for loan in loans)
            ]
            posted, pause = 0, slots_in_time(every, chain.slot_ms)
            async for head in chain.heads():
                await gateway.step(head)
                if head.slot < posted + pause:
                    continue
                posted = head.slot
                try:
                    if market.open_jobs < MAX_OPEN:
                        await market.post()
                    left = await market.lend(left)
                except Disconnected:
                    raise
                except ClientError as error:
                    say(str(error))
        finally:
            await host.stop()


def say(text: str) -> None:
    """Write a line to the log."""
    sys.stdout.write(text + "\n")


def main() -> None:
    """Read the command line, and run until stopped."""
    parser = argparse.ArgumentParser(prog="btt_chain.testing.market", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--base-path", type=Path, required=True)
    parser.add_argument("--from", dest="uri", required=True)
    parser.add_argument(
        "--every", type=int, default=EVERY,
        help="slots of a second or longer between two jobs; as many seconds if they are shorter",
    )  # fmt: skip
    parser.add_argument(
        "--lend", action="append", default=[], metavar="PROVIDER=VALIDATOR",
        help="whose score counts for whom",
    )  # fmt: skip
    given = parser.parse_args()
    run_until_stopped(run(given.url, given.base_path, given.uri, given.every, given.lend), say)


if __name__ == "__main__":
    main()
