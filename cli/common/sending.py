"""The one way in which commands send calls.

Each shows the decoded call, the signer and the estimated fee, asks for confirmation on a live
chain, sends, and waits for the block. `sending_options` adds the options, `Sender.of` reads them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.client.amount import AmountError, Currency
from btt_chain.client.errors import DispatchFailed, NotIncluded, RpcError, printable
from btt_chain.client.extrinsics import hash_of
from btt_chain.client.signed_metadata import RUNTIME
from btt_chain.lazyclass import dataclass
from btt_chain.primitives.lifetime import DEFAULT_PERIOD
from btt_chain.scale import Err
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.keys import scheme_option
from cli.common.options import Command, password_options, query_options
from cli.common.session import is_local
from cli.common.signers import Proxied, proxied_call, read_signer
from cli.common.trying import (
    Trial,
    WouldFail,
    show_trial,
    trial_facts,
    tried,
    waiting_before,
)
from cli.common.types import Seconds
from cli.common.wallets import Passwords, entry_named, names_used

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.client.metadata import ChainMetadata
    from btt_chain.client.transactions import Call, Included
    from btt_chain.client.typed import Executed, RuntimeClient
    from btt_chain.client.values import CallView
    from btt_chain.client.views import ViewClient
    from btt_chain.crypto.keypair import KeyPair

PATIENCE: Final = 120.0
"""Default seconds until a transaction must be in a block."""

WIDTH: Final = 6
"""Columns of the names beside the facts of a transaction."""
LONG_ARGUMENT: Final = 1_000
"""Characters of an argument that are shown before a call is signed: a manifest has thousands."""

WAITS: Final = {"none": "none", "best": "best", "final": "final", "inblock": "best",
                "finalized": "final"}  # fmt: skip
"""Values of `--wait`: the last two are other names of the two before."""


CARRIERS: Final = ("Proxy.ProxyExecuted", "Sudo.Sudid")
"""Events with the result of a call that another one carries."""


class SendingCommand(click.Command):
    """A command with amounts: an argument that looks like an option may be a negative amount."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Explain the option for which a negative amount was mistaken."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            if not error.option_name[1:2].isdecimal():
                raise
            typed = next(arg for arg in args if arg.startswith(error.option_name))
            raise Mistyped(
                f"{typed!r} is negative, and no amount is; where an argument may begin with a "
                "minus, put -- before it",
                ctx,
            ) from None


class WaitFor(click.ParamType[str]):
    """A value of `--wait`."""

    name = "wait"

    def __init__(self, *known: str) -> None:
        self._known = known

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the choices for `--help`."""
        return f"[{'|'.join(self._known)}]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return `none`, `best` or `final`."""
        found = WAITS.get(str(value))
        if found not in self._known:
            self.fail(f"{value!r} is not one of {', '.join(self._known)}", param, ctx)
        return found


def signing_options(command: Command, *, is_required: bool = True) -> Command:
    """Add the options of the key, the tip, the lifetime and the nonce."""
    without = "[default: the wallet's default account]" if is_required else "Without it none does."
    options = [
        click.option(
            "--from",
            "uri",
            metavar="NAME|KEY",
            help="Who signs and pays: an account of the wallet, a secret URI, a file that holds "
            f"one, or - . {without}",
        ),
        click.option(
            "--proxy-for",
            metavar="ACCOUNT",
            help="Make the call as this account, of which the signer is a proxy.",
        ),
        scheme_option,
        password_options,
        click.option("--tip", default="0planck", help="Extra payment to the author, as 0.1BTT."),
        click.option(
            "--mortal",
            "period",
            type=click.IntRange(4, 65_536),
            help="Number of blocks in which it is valid (raised to a power of two). [default: 64, "
            "or as many as last two minutes]",
        ),
        click.option("--immortal", is_flag=True, help="It is valid for ever."),
        click.option(
            "--nonce", type=click.IntRange(min=0), help="The number of the account's transaction."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def waiting_options(*, may_return_at_once: bool = False) -> Callable[[Command], Command]:
    """Add `--wait` and `--patience`; with `may_return_at_once` also `--wait none`."""
    known = ("none", "best", "final") if may_return_at_once else ("best", "final")

    def add(command: Command) -> Command:
        wait = click.option(
            "--wait",
            type=WaitFor(*known),
            default="best",
            show_default=True,
            help="Wait for a block of the best chain, or for a final one.",
        )
        patience = click.option(
            "--patience",
            type=Seconds(),
            default=PATIENCE,
            show_default=True,
            help="Seconds to wait for the block.",
        )
        return wait(patience(command))

    return add


def asking_options(command: Command) -> Command:
    """Add `--dry-run`, `--force` and `--yes`."""
    dry_run = click.option(
        "--dry-run",
        is_flag=True,
        help="Try it on the node's state, and show fee, weight and events; send nothing.",
    )
    force = click.option(
        "--force", is_flag=True, help="Send it although the node finds that it would fail."
    )
    yes = click.option("--yes", "-y", is_flag=True, help="Do not ask, on a live chain either.")
    return dry_run(force(yes(command)))


def sending_options(command: Command) -> Command:
    """Add the options of a command that signs and sends calls, which `Sender.of` reads."""
    return signing_options(waiting_options()(asking_options(command)))


def call_options(command: Command) -> Command:
    """Add the `sending_options` and `query_options`: for a command that sends one call."""
    return sending_options(query_options(command))


def optional_sending_options(command: Command) -> Command:
    """Add the same options to a command that sends only if `--from` is given."""
    return signing_options(waiting_options()(asking_options(command)), is_required=False)


@dataclass(frozen=True, slots=True)
class Signing:
    """Values of the signing options; `period` None is immortal, `DEFAULT_PERIOD` the chain's."""

    pair: KeyPair
    tip: str
    period: int | None
    nonce: int | None
    proxied: Proxied | None = None
    """The account that the call is made as, if it is not the signer's."""
    name: str | None = None
    """The name of the signer in the wallet."""

    @classmethod
    def of(cls, options: dict[str, Any]) -> Signing:
        """Return the values of the `signing_options`, which are removed from `options`."""
        passwords, period = Passwords.of(options), options.pop("period")
        signer = read_signer(options.pop("uri"), options.pop("scheme"), passwords)
        real = options.pop("proxy_for", None)
        return cls(
            signer.pair,
            options.pop("tip"),
            _lifetime(period, is_immortal=options.pop("immortal")),
            options.pop("nonce"),
            signer.proxied if real is None else _proxied(real, signer.proxied),
            signer.name,
        )

    @property
    def account(self) -> bytes:
        """The account that makes the call."""
        return self.pair.account_id if self.proxied is None else self.proxied.account

    def made(self, metadata: ChainMetadata, call: Call) -> Call:
        """Return the call to sign: within one of the proxy, if there is one."""
        return call if self.proxied is None else proxied_call(metadata, call, self.proxied)

    def tip_in(self, currency: Currency) -> int:
        """Return the tip in planck. Mistyped if it is not an amount."""
        try:
            return currency.parse(self.tip)
        except AmountError as error:
            raise Mistyped(f"--tip: {error}") from None


def _proxied(given: str, own: Proxied | None) -> Proxied:
    """Return the account of `--proxy-for`. Mistyped if it is not one, or `--from` is a proxy."""
    if own is not None:
        raise Mistyped("--from names an account that is used by proxy: leave out --proxy-for")
    entry = entry_named(given)
    scope = None if entry is None or entry.kind.value != "proxy" else entry.scope
    try:
        return Proxied(read_account(given), scope)
    except AccountError as error:
        raise Mistyped(f"--proxy-for: {error}") from None


def _lifetime(period: int | None, *, is_immortal: bool) -> int | None:
    """Return the lifetime in blocks, None for ever. Mistyped if both options are typed."""
    ctx = click.get_current_context(silent=True)
    if is_immortal and ctx is not None:
        typed = click.core.ParameterSource.COMMANDLINE
        if typed == ctx.get_parameter_source("period") == ctx.get_parameter_source("immortal"):
            raise Mistyped("leave out either --mortal or --immortal")
    return None if is_immortal else period or DEFAULT_PERIOD


@dataclass(slots=True)
class Sender:
    """Sends the calls of one command. A daemon sends without it: it cannot ask."""

    signing: Signing
    wait: str
    """`none`, `best` or `final`."""
    patience: float
    is_dry_run: bool
    is_confirmed: bool
    as_json: bool
    is_forced: bool = False
    """True if a call is sent that would fail."""
    sent: int = 0
    """Number of calls that are sent: `--nonce` is that of the first one."""

    @classmethod
    def of(cls, options: dict[str, Any], as_json: bool) -> Sender:
        """Return the values of the `sending_options`, which are removed from `options`."""
        return cls(
            Signing.of(options),
            options.pop("wait", "best"),
            options.pop("patience", PATIENCE),
            options.pop("dry_run"),
            options.pop("yes"),
            as_json,
            options.pop("force", False),
        )

    @property
    def pair(self) -> KeyPair:
        """The key that signs. Mistyped if it acts for another account."""
        if self.signing.proxied is not None:
            raise Mistyped(
                "this command needs the account's own key: it cannot be used through a proxy"
            )
        return self.signing.pair

    @property
    def account(self) -> bytes:
        """The account that makes the calls."""
        return self.signing.account

    async def prepare(self, chain: Chain, call: Call) -> tuple[bytes, int | None]:
        """Sign a call, try it, show it, and return the transaction and its estimated fee.

        The fee is None if the node refuses to estimate it and the call is forced.

        Raises WouldFail if the call would fail. Ends the command after `--dry-run`, and if the
        question on a live chain is answered with no.
        """
        signing = self.signing
        made = signing.made(chain.metadata, call)
        signer = signing.pair.account_id
        nonce = self._nonce()
        if nonce is None:
            nonce = await chain.transactions.nonce(signer)
        tip = signing.tip_in(chain.metadata.currency)
        wire = await chain.transactions.sign(
            made, signing.pair, nonce=nonce, tip=tip, period=signing.period
        )
        note_foreign(chain)
        fee, trial = await asyncio.gather(
            self._fee(chain, wire),
            tried(chain, wire, made, signer, is_dry_run=self.is_dry_run),
        )
        view = chain.metadata.decoder.call(call.raw)
        if not self.as_json:
            show.record(self._facts(chain, view, fee), width=WIDTH)
        if self.is_dry_run:
            self._end_dry_run(chain, view, fee, trial)
        await self._check(chain, trial, nonce)
        if not self.is_confirmed:
            await self._confirm(chain, view.line)
        return wire, fee

    async def _fee(self, chain: Chain, wire: bytes) -> int | None:
        try:
            return await chain.transactions.fee(wire)
        except RpcError as error:
            if not self.is_forced or self.is_dry_run:
                raise
            show.note(f"note: the node does not estimate the fee: {error}")
            return None

    def _facts(self, chain: Chain, view: CallView, fee: int | None) -> dict[str, str | list[str]]:
        """Return the facts shown of a call before it is sent."""
        signing, metadata = self.signing, chain.metadata
        name = f" ({signing.name})" if signing.name else ""
        facts: dict[str, str | list[str]] = {"call": view.short_line(LONG_ARGUMENT)}
        used = names_used()
        if used:
            facts["names"] = [f"{each} is {metadata.address(used[each])}" for each in used]
        if signing.proxied is not None:
            facts["as"] = f"{metadata.address(signing.proxied.account)}, by its proxy"
        facts["from"] = metadata.address(signing.pair.account_id) + name
        if fee is not None:
            facts["fee"] = f"{metadata.currency.format(fee)} (estimate)"
        tip = signing.tip_in(metadata.currency)
        if tip:
            facts["tip"] = metadata.currency.format(tip)
        if signing.period is None:
            facts["lifetime"] = "immortal: it stays valid until its nonce is used"
        return facts

    def _end_dry_run(self, chain: Chain, view: CallView, fee: int | None, trial: Trial) -> NoReturn:
        """Print the result of a dry run, and end the command."""
        if self.as_json:
            show.document(
                {"call": view.name, "arguments": view.arguments,
                 "from": chain.metadata.address(self.signing.pair.account_id),
                 "feeEstimate": None if fee is None else str(fee), **trial_facts(trial)}
            )  # fmt: skip
        else:
            show_trial(chain, trial, width=WIDTH)
        if trial.error is not None:
            raise Refused(f"the call would fail now: {trial.error}")
        if not self.as_json:
            show.good("The call would succeed now; nothing is sent.")
        raise click.exceptions.Exit(0)

    async def _check(self, chain: Chain, trial: Trial, nonce: int) -> None:
        """Refuse a call that would fail, unless it is forced."""
        if trial.untried is not None:
            show.note(f"note: {trial.untried}")
        if trial.error is None:
            return
        if self.is_forced:
            show.note(f"note: the call would fail now: {trial.error}")
            return
        waiting = await waiting_before(chain, self.signing.pair.account_id, nonce)
        if waiting and self.signing.nonce is None:
            show.note(
                f"note: without the {waiting} transactions of this account that wait, the call "
                f"would fail: {trial.error}"
            )
            return
        raise WouldFail(trial.error)

    async def _confirm(self, chain: Chain, said: str) -> None:
        if await is_local(chain.connection):
            return
        name = await chain.connection.call("system_chain")
        if self.as_json or not is_terminal():
            raise Mistyped(f"{name} is a live chain: add --yes to send {said}")
        click.confirm(printable(f"Send this to {name}?"), abort=True, err=True)

    async def confirm(self, chain: Chain, said: str) -> None:
        """Ask now for calls that are sent later, which are then not asked for again."""
        if not self.is_confirmed:
            await self._confirm(chain, said)
            self.is_confirmed = True

    async def included(self, chain: Chain, call: Call, wire: bytes) -> Included:
        """Send a prepared call; return its result in its block, also if it failed there."""
        block, wire = await self._delivered(chain, call, wire)
        return await chain.transactions.outcome(wire, block, is_final=self.wait == "final")

    async def send(self, client: ViewClient, pallet: str, name: str, /, **args: object) -> Included:
        """Show and send a call by the chain's metadata; return it in its block.

        Raises DispatchFailed if it failed there.
        """
        return await self.send_call(client.chain, client.compose(pallet, name, **args))

    async def send_call(self, chain: Chain, call: Call) -> Included:
        """Show and send a composed call; return it in its block. Raises DispatchFailed."""
        wire, _ = await self.prepare(chain, call)
        done = await self.included(chain, call, wire)
        if done.error is not None:
            raise failed(done.error)
        return done

    async def submit(
        self, client: RuntimeClient, pallet: str, name: str, /, **args: object
    ) -> Executed:
        """Show and send a call of this program's runtime; return its events.

        Raises DispatchFailed if it failed in its block.
        """
        call = client.compose(pallet, name, **args)
        wire, _ = await self.prepare(client.chain, call)
        return await self.executed(client, call, wire)

    async def executed(self, client: RuntimeClient, call: Call, wire: bytes) -> Executed:
        """Send a prepared call; return its events. Raises DispatchFailed."""
        block, wire = await self._delivered(client.chain, call, wire)
        done = await client.executed(wire, block)
        if self.signing.proxied is not None:
            # Here: only calls by the program's own runtime, which has it imported, come by.
            from runtime.pallets.proxy.events import ProxyExecuted

            for event in done.events:
                if isinstance(event, ProxyExecuted) and isinstance(event.result, Err):
                    raise client.failure(event.result.error)
        return done

    def _nonce(self) -> int | None:
        return None if self.signing.nonce is None else self.signing.nonce + self.sent

    async def _delivered(self, chain: Chain, call: Call, wire: bytes) -> tuple[bytes, bytes]:
        """Send a transaction; return its block, and the transaction if it was signed again."""
        signing = self.signing
        try:
            done = await chain.transactions.deliver(
                call, signing.pair, nonce=self._nonce(),
                tip=signing.tip_in(chain.metadata.currency), period=signing.period,
                wait="final" if self.wait == "final" else "best", patience=self.patience,
                first=wire,
            )  # fmt: skip
        except NotIncluded as error:
            raise not_included(hash_of(wire), error) from None
        self.sent += 1
        return done.block, done.wire


def note_foreign(chain: Chain) -> None:
    """Say that signatures do not cover the metadata, on a chain of another runtime."""
    if chain.transactions.digest is None:
        name = chain.facts.spec_name or "an unknown runtime"
        show.note(f"note: the chain runs {name}, not {RUNTIME}: its node alone says what calls do")


def failed(error: str) -> DispatchFailed:
    """Return the exception for the error of a call, or of the call within a proxy's or sudo's."""
    for event in CARRIERS:
        error = error.removeprefix(f"{event}: ")
    name, _, reason = error.partition(": ")
    return DispatchFailed(name, reason)


def is_terminal() -> bool:
    """Return True if a person can answer a question."""
    return sys.stdin.isatty()


def not_included(hash: str, error: Exception) -> Refused:
    """Return the command's error for a transaction that came into no block in time."""
    more = " with --patience" if str(error).endswith("wait longer") else ""
    return Refused(f"transaction {hash}: {error}{more}")
