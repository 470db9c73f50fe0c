"""The one way in which commands send calls.

Each shows the decoded call, the signer and the estimated fee, asks for confirmation on a live
chain, sends, and waits for the block. `sending_options` adds the options, `Sender.of` reads them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from btt_chain.client.errors import printable
from cli.common import show
from cli.common.errors import Mistyped, Refused
from cli.common.options import (
    Command,
    key_pair,
    password,
    password_options,
    read_secret,
    scheme_option,
)
from cli.common.types import Seconds

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency
    from btt_chain.client.chain import Chain
    from btt_chain.client.transactions import Call, Included
    from btt_chain.client.typed import Executed, RuntimeClient
    from btt_chain.crypto.keypair import KeyPair

PERIOD: Final = 64
"""Default lifetime of a transaction, in blocks."""

PATIENCE: Final = 120.0
"""Default seconds until a transaction must be in a block."""

WIDTH: Final = 6
"""Columns of the names beside the facts of a transaction."""

LOCAL: Final = ("Development", "Local")
"""Types of chains whose money has no value."""

WAITS: Final = {"none": "none", "best": "best", "final": "final", "inblock": "best",
                "finalized": "final"}  # fmt: skip
"""Values of `--wait`: the last two are other names of the two before."""


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
            self.fail(f"{value!r} is none of {', '.join(self._known)}", param, ctx)
        return found


def signing_options(command: Command, *, is_required: bool = True) -> Command:
    """Add the options of the key, the tip, the lifetime and the nonce."""
    options = [
        click.option(
            "--from",
            "uri",
            required=is_required,
            metavar="URI",
            help="The key that signs and pays.",
        ),
        scheme_option,
        password_options,
        click.option("--tip", default="0planck", help="Extra payment to the author, as 0.1BTT."),
        click.option(
            "--mortal",
            "period",
            type=click.IntRange(4, 65_536),
            default=PERIOD,
            show_default=True,
            help="Number of blocks in which it is valid (raised to a power of two).",
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
    """Add `--dry-run` and `--yes`."""
    dry_run = click.option(
        "--dry-run",
        is_flag=True,
        help="Show the call and its fee, and try it on the node's state; send nothing.",
    )
    yes = click.option("--yes", "-y", is_flag=True, help="Do not ask, on a live chain either.")
    return dry_run(yes(command))


def sending_options(command: Command) -> Command:
    """Add the options of a command that signs and sends calls, which `Sender.of` reads."""
    return signing_options(waiting_options()(asking_options(command)))


def optional_sending_options(command: Command) -> Command:
    """Add the same options to a command that sends only if `--from` is given."""
    return signing_options(waiting_options()(asking_options(command)), is_required=False)


def signer_options(command: Command) -> Command:
    """Add `--from` and the options of its key, for a daemon; `signer_of` reads them."""
    given = click.option(
        "--from", "uri", required=True, metavar="URI", help="The key that signs and pays."
    )
    return given(scheme_option(password_options(command)))


def signer_of(options: dict[str, Any]) -> KeyPair:
    """Return the key of the options, which are removed from `options`."""
    word = password(
        options.pop("password"),
        options.pop("password_interactive"),
        options.pop("password_filename"),
    )
    return key_pair(read_secret(options.pop("uri")), options.pop("scheme"), word)


@dataclass(frozen=True, slots=True)
class Signing:
    """Values of the signing options; `period` None is immortal."""

    pair: KeyPair
    tip: str
    period: int | None
    nonce: int | None

    @classmethod
    def of(cls, options: dict[str, Any]) -> Signing:
        """Return the values of the `signing_options`, which are removed from `options`."""
        pair, period = signer_of(options), options.pop("period")
        return cls(
            pair,
            options.pop("tip"),
            _lifetime(period, is_immortal=options.pop("immortal")),
            options.pop("nonce"),
        )

    def tip_in(self, currency: Currency) -> int:
        """Return the tip in planck. Mistyped if it is no amount."""
        from btt_chain.client.amount import AmountError

        try:
            return currency.parse(self.tip)
        except AmountError as error:
            raise Mistyped(f"--tip: {error}") from None


def _lifetime(period: int, *, is_immortal: bool) -> int | None:
    """Return the lifetime in blocks, None for ever. Mistyped if both options are typed."""
    ctx = click.get_current_context(silent=True)
    if is_immortal and ctx is not None:
        typed = click.core.ParameterSource.COMMANDLINE
        if typed == ctx.get_parameter_source("period") == ctx.get_parameter_source("immortal"):
            raise Mistyped("leave out either --mortal or --immortal")
    return None if is_immortal else period


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
        )

    @property
    def pair(self) -> KeyPair:
        """The key that signs."""
        return self.signing.pair

    async def prepare(self, chain: Chain, call: Call) -> tuple[bytes, int]:
        """Sign a call, show it, and return the transaction and its estimated fee.

        Ends the command after `--dry-run`, and if the question on a live chain is answered with no.
        """
        signing, currency = self.signing, chain.metadata.currency
        wire = await chain.transactions.sign(
            call,
            signing.pair,
            nonce=self._nonce(),
            tip=signing.tip_in(currency),
            period=signing.period,
        )
        fee = await chain.transactions.fee(wire)
        shown = chain.metadata.decoder.call(call.raw)
        said = f"{shown.name}({', '.join(f'{name}: {text}' for name, text in shown.shown.items())})"
        sender = chain.metadata.address(signing.pair.account_id)
        if not self.as_json:
            estimate = f"{currency.format(fee)} (estimate)"
            facts: dict[str, str] = {"call": said, "from": sender, "fee": estimate}
            if signing.tip_in(currency):
                facts["tip"] = currency.format(signing.tip_in(currency))
            if signing.period is None:
                facts["lifetime"] = "immortal: it stays valid until its nonce is used"
            show.record(facts, width=WIDTH)
        if self.is_dry_run:
            error = await chain.transactions.dry_run(wire)
            if self.as_json:
                show.document(
                    {"call": shown.name, "arguments": shown.arguments, "from": sender,
                     "feeEstimate": str(fee), "success": error is None, "error": error}
                )  # fmt: skip
            elif error is None:
                show.good("The call would succeed now; nothing is sent.")
            if error is not None:
                raise Refused(f"the call would fail now: {error}")
            raise click.exceptions.Exit(0)
        if not self.is_confirmed:
            await self._confirm(chain, said)
        return wire, fee

    async def _confirm(self, chain: Chain, said: str) -> None:
        if await chain.connection.call("system_chainType") in LOCAL:
            return
        name = await chain.connection.call("system_chain")
        if self.as_json or not is_terminal():
            raise Mistyped(f"{name} is a live chain: add --yes to send {said}")
        click.confirm(printable(f"Send this to {name}?"), abort=True, err=True)

    async def included(self, chain: Chain, call: Call, wire: bytes) -> Included:
        """Send a prepared call; return its result in its block, also if it failed there."""
        block, wire = await self._delivered(chain, call, wire)
        return await chain.transactions.outcome(wire, block, is_final=self.wait == "final")

    async def submit(
        self, client: RuntimeClient, pallet: str, name: str, /, **args: object
    ) -> Executed:
        """Show and send a call of this program's runtime; return its events.

        Raises DispatchFailed if it failed in its block.
        """
        return await self.submit_call(client, client.compose(pallet, name, **args))

    async def submit_call(self, client: RuntimeClient, call: Call) -> Executed:
        """Show and send a composed call; return its events. Raises DispatchFailed."""
        wire, _ = await self.prepare(client.chain, call)
        return await self.executed(client, call, wire)

    async def executed(self, client: RuntimeClient, call: Call, wire: bytes) -> Executed:
        """Send a prepared call; return its events. Raises DispatchFailed."""
        block, wire = await self._delivered(client.chain, call, wire)
        return await client.executed(wire, block)

    def _nonce(self) -> int | None:
        return None if self.signing.nonce is None else self.signing.nonce + self.sent

    async def _delivered(self, chain: Chain, call: Call, wire: bytes) -> tuple[bytes, bytes]:
        """Send a transaction; return its block, and the transaction if it was signed again."""
        from btt_chain.client.errors import NotIncluded
        from btt_chain.client.extrinsics import hash_of

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


def is_terminal() -> bool:
    """Return True if a person can answer a question."""
    return sys.stdin.isatty()


def not_included(hash: str, error: Exception) -> Refused:
    """Return the command's error for a transaction that came into no block in time."""
    more = " with --patience" if str(error).endswith("wait longer") else ""
    return Refused(f"transaction {hash}: {error}{more}")
