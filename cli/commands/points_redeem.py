"""`btt-chain points redeem`: one voucher of the wallet, in its random slot."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import click

from btt_chain.care.schedule import Run, calls_by_month
from btt_chain.care.wallet import Kept, State, Wallet
from btt_chain.client.chain import Chain
from btt_chain.client.errors import Disconnected, NotIncluded
from btt_chain.client.extrinsics import default_period
from btt_chain.client.jsonrpc import Connection, Json
from btt_chain.client.views import ViewClient
from btt_chain.crypto.keypair import KeyPair
from btt_chain.daemon import Daemon
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.files import Held, Lock, make_private_folder
from cli.common import show
from cli.common.care import calendar, epoch_of, slot_of
from cli.common.chain_time import ChainTime
from cli.common.errors import Refused
from cli.common.options import examples, json_option, url_options
from cli.common.points_wallet import is_spent, opened, wallet_folder, wallet_of, wallet_options
from cli.common.sending import Sender, sending_options
from cli.common.session import first_step, run
from cli.common.working import view_chain
from runtime.pallets.incentives.types import EpochState

Result = TypeVar("Result")
MIN_CROWD: Final = 11
"""Times that the points of a facility's month are those of a patient, at least, to hide them."""
LOCK: Final = "redeem.lock"
PATIENCE_S: Final = 600.0
"""Seconds for which a run waits for its node; the timer starts the next one within the hour."""

AT_ONCE: Final = (
    "warning: all of it is on the chain within the same minute, which is now: any reader can see "
    "that these accounts belong to one person, from which facilities and months their points are, "
    "and when the wallet was used"
)


@examples(
    "btt-chain points redeem --wallet wallet.key --from relay.key",
    "btt-chain points redeem --wallet wallet.key --now --from relay.key",
)
@click.command()
@click.option(
    "--now", "at_once", is_flag=True,
    help="Redeem all that count, without waiting: it shows that your accounts belong together.",
)  # fmt: skip
@wallet_options
@sending_options
@url_options
@json_option
def redeem(
    at_once: bool, wallet: str, base_path: Path | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Redeem a voucher at its random time; run it every hour, by a timer.

    Each voucher has a random time in the month after its own. If the next one is due within an
    hour, this command says when, waits until then and redeems it; otherwise it ends at once. A
    wait that was interrupted goes on with the next run. Times that passed without a run are chosen
    again, at random: one in the next hour, the others in the next seven days.

    Each voucher is a call of its own, for an account of its own, and a run makes one call: vouchers
    that are redeemed at one moment, or always in the same minute of an hour, can be linked. --from
    pays the fees and is seen on the chain with all of them: use a key that pays for many people,
    as that of a relay or a friend, and not one that is known to be yours.
    """
    sender = Sender.of(options, as_json)
    redeeming = Redeeming(wallet_of(wallet), sender, base_path, url, timeout)
    done = run(redeeming.at_once() if at_once else redeeming.in_time())
    if as_json:
        show.document(done.as_json())
        return
    if done.holder:
        show.note(f"process {done.holder} redeems for this wallet already; nothing is to be done")
    if done.redeemed or at_once:
        show.good(f"{done.redeemed} points are redeemed; {done.waiting} wait for their time")
    elif not done.waiting:
        show.note("nothing waits to be redeemed")
    if done.not_counted:
        show.note(
            f"{done.not_counted} points do not count: their facility has not closed the month, or "
            "its auditors found a fault" + ("" if at_once else "; they got another time")
        )
    if done.next_ms is not None and not at_once and not done.holder:
        show.note(f"next: {done.until}; run this every hour, by a timer")


@dataclass(slots=True)
class Outcome:
    """The result of a run, in points."""

    redeemed: int = 0
    waiting: int = 0
    """Points of the vouchers that are not redeemed."""
    moved: int = 0
    """Points whose time had passed before the run: they got another one."""
    not_counted: int = 0
    """Points whose time came, of months that are not closed or whose audit is not passed."""
    next_ms: int | None = None
    """Time of the next voucher, in milliseconds since 1970."""
    until: str = ""
    """The same for people, with the distance."""
    holder: str = ""
    """The process that redeems already, if there is one."""

    def as_json(self) -> dict[str, Json]:
        """Return it for programs."""
        return {
            "redeemed": self.redeemed,
            "waiting": self.waiting,
            "postponed": self.moved,
            "not_counted": self.not_counted,
            "next": None if self.next_ms is None else iso(self.next_ms),
            "redeemedBy": self.holder or None,
        }


@dataclass(frozen=True, slots=True)
class Redeeming:
    """The values of the command, and its two ways."""

    pair: KeyPair
    sender: Sender
    base_path: Path | None
    url: str
    timeout: float

    async def at_once(self) -> Outcome:
        """Redeem all that count. Refused if another process redeems."""
        show.note(AT_ONCE)
        found = Outcome()
        async with view_chain(self.url, self.timeout) as chain:
            try:
                with self._locked(chain.genesis), self._wallet(chain.genesis) as wallet:
                    await settle(chain, wallet)
                    due, not_counted = await counting(chain, wallet, wallet.held())
                    found.not_counted = points_of(not_counted)
                    await warn_of_few(chain, due, wallet.vouchers())
                    for call in calls_by_month(due, secrets.randbelow):
                        await self._send(chain, wallet, call, found)
                    await look_ahead(chain, wallet, found)
            except Held as held:
                raise Refused(
                    f"process {held.holder} waits for the time of a voucher of this wallet: stop "
                    "it first; nothing is lost by that"
                ) from None
        return found

    async def in_time(self) -> Outcome:
        """Wait for the time of a voucher, if it is within an hour, and redeem it."""
        found = Outcome()

        async def plan(chain: ViewClient) -> tuple[Run[Kept], float]:
            redemption, now = await self._planned(chain, found), await slot_of(chain)
            if redemption.call:
                await self._announce(chain, redemption.call, found)
            return redemption, max(0, (redemption.due or 0) - now) * chain.slot_ms / 1_000

        async def make_call(chain: ViewClient) -> None:
            with self._wallet(chain.genesis) as wallet:
                # None of those that an attempt before sent, whose node went away then.
                await self._redeem(chain, wallet, [k for k in redemption.call if is_held(k)], found)
                await look_ahead(chain, wallet, found)

        with ExitStack() as stack:
            try:
                stack.enter_context(self._locked(await self._on_chain(genesis_of)))
            except Held as held:
                found.holder = held.holder
                return found
            redemption, pause = await self._on_chain(plan)
            if redemption.call:
                await asyncio.sleep(pause)
                await self._on_chain(make_call)
        return found

    # ---- internals

    async def _on_chain(self, step: Callable[[ViewClient], Awaitable[Result]]) -> Result:
        """Do a step of the run on the chain; a node that is away is waited for, for a while."""

        async def connected(connection: Connection) -> Result:
            return await step(ViewClient(await Chain.open(connection)))

        daemon = Daemon(self.url, self.timeout, report=show.note, patience=PATIENCE_S)
        return await first_step(daemon, connected)

    @contextmanager
    def _locked(self, genesis: bytes) -> Iterator[None]:
        """Keep other processes from redeeming for the wallet. Raises Held."""
        folder = wallet_folder(self.base_path, self.pair, genesis)
        make_private_folder(folder)
        with Lock(folder / LOCK):
            yield

    def _wallet(self, genesis: bytes) -> AbstractContextManager[Wallet]:
        return opened(self.base_path, self.pair, genesis)

    async def _planned(self, chain: ViewClient, found: Outcome) -> Run[Kept]:
        """Return the call of this run; its time is in the wallet from now on."""
        months, now = await calendar(chain), await slot_of(chain)
        with self._wallet(chain.genesis) as wallet:
            await settle(chain, wallet)
            run = wallet.plan(months, now)
            found.moved = sum(points_of(call) for call, _ in run.moved)
            await look_ahead(chain, wallet, found)
        return run

    async def _announce(self, chain: ViewClient, call: Sequence[Kept], found: Outcome) -> None:
        """Say when the call is made, and ask on a live chain. A dry run ends here."""
        points = points_of(call)
        if found.moved:
            show.note(
                f"the time of {found.moved} points passed while the wallet was not used: they have "
                "another one, at random in the next hour or the next seven days"
            )
        show.note(f"{points} points are redeemed at a random time: {found.until}")
        if self.sender.is_dry_run:
            if self.sender.as_json:
                show.document(found.as_json())
            else:
                show.good("nothing is sent; the time stays")
            raise click.exceptions.Exit(0)
        await self.sender.confirm(chain.chain, f"the redemption of {points} points")
        show.note("waiting; if this is stopped, run it again: the time stays, and nothing is lost")

    async def _redeem(
        self, chain: ViewClient, wallet: Wallet, call: Sequence[Kept], found: Outcome
    ) -> None:
        """Redeem the vouchers of a call whose time has come."""
        due, not_counted = await counting(chain, wallet, call)
        if not_counted:
            found.not_counted = points_of(not_counted)
            wallet.put_off(not_counted, await calendar(chain), await slot_of(chain))
        if due:
            await warn_of_few(chain, due, wallet.vouchers())
            await self._send(chain, wallet, due, found)

    async def _send(
        self, chain: ViewClient, wallet: Wallet, call: Sequence[Kept], found: Outcome
    ) -> None:
        vouchers, now = [kept.voucher for kept in call], await slot_of(chain)
        try:
            await self.sender.send(chain, "Incentives", "redeem", vouchers=vouchers)
        except (Disconnected, NotIncluded):
            # It may be in a block later: `settle` finds out.
            wallet.mark_sent(call, now)
            raise
        if self.sender.wait == "final":
            wallet.mark(call, State.Redeemed)
        else:
            wallet.mark_sent(call, now)
        found.redeemed += points_of(call)


def points_of(vouchers: Iterable[Kept]) -> int:
    """Return the points of some vouchers."""
    return sum(kept.points for kept in vouchers)


async def settle(chain: ViewClient, wallet: Wallet) -> None:
    """Record which of the sent vouchers are in a final block, and which in none and never will.

    A voucher that a final block lacks may still come: its transaction waits in a pool, or its block
    is on another branch. It counts again when the last final block lies behind its lifetime.
    """
    sent = wallet.sent()
    if sent:
        final = await chain.chain.at_block("finalized")
        over, now = default_period(final.metadata), (await ChainTime.read(final)).slot
        for kept in sent:
            if await is_spent(chain, kept, final.at):
                wallet.mark([kept], State.Redeemed)
            elif now > kept.due + over and not await is_spent(chain, kept):
                wallet.mark([kept], State.Held)


async def genesis_of(chain: ViewClient) -> bytes:
    """Return the hash of a chain's block zero."""
    return chain.genesis


def is_held(kept: Kept) -> bool:
    """Return True if a voucher waits to be redeemed."""
    return kept.state is State.Held


async def counting(
    chain: ViewClient, wallet: Wallet, reached: Sequence[Kept]
) -> tuple[list[Kept], list[Kept]]:
    """Return the vouchers that can be redeemed, and those that do not count (yet).

    Those that are on the chain are recorded: a run may have been killed after it sent them.
    """
    final = (await chain.chain.finalized()).hash
    due: list[Kept] = []
    not_counted: list[Kept] = []
    for kept in reached:
        if await is_spent(chain, kept):
            is_final = await is_spent(chain, kept, final)
            wallet.mark([kept], State.Redeemed if is_final else State.Sent)
        else:
            (due if await counts(chain, kept) else not_counted).append(kept)
    return due, not_counted


async def look_ahead(chain: ViewClient, wallet: Wallet, found: Outcome) -> None:
    """Note the points that wait, and the time of the next ones."""
    held = wallet.held()
    found.waiting, found.next_ms, found.until = points_of(held), None, ""
    if held:
        time = await ChainTime.read(chain.chain)
        ms = max(time.slot, min(kept.due for kept in held)) * time.slot_ms
        found.next_ms = time.genesis_slot * time.slot_ms + ms
        found.until = time.until(ms) if ms > time.ms else "now"


async def warn_of_few(chain: ViewClient, due: Sequence[Kept], all_: Sequence[Kept]) -> None:
    """Warn if most points of a facility's month are this wallet's: the facility knows whose."""
    for facility, month in dict.fromkeys((k.voucher.facility, k.voucher.month) for k in due):
        view = await epoch_of(chain, facility, int(month))
        points = 0 if view is None or view.epoch is None else int(view.epoch.points)
        own = points_of(
            kept
            for kept in all_
            if (kept.voucher.facility, kept.voucher.month) == (facility, month)
        )
        if own * MIN_CROWD > points:
            show.note(
                f"warning: {own} of the {points} points of this facility's month {month} are "
                "yours: it has few other patients to whom your accounts could belong"
            )


async def counts(chain: ViewClient, kept: Kept) -> bool:
    """Return True if the facility closed the voucher's month, and no audit failed it."""
    view = await epoch_of(chain, kept.voucher.facility, kept.month)
    epoch = None if view is None else view.epoch
    return epoch is not None and epoch.state in (EpochState.Closed, EpochState.Audited)


def iso(unix_ms: int) -> str:
    """Return a time for programs, in whole seconds."""
    return datetime.fromtimestamp(unix_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
