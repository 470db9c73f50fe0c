"""`btt-chain pos`: a till. It asks for one payment, and says when it is final."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.client.chain import Chain
from btt_chain.client.jsonrpc import Connection
from btt_chain.daemon import Daemon, blocks
from btt_chain.payments import qr
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.invoice import VERSION, Invoice, Text, write_invoice
from btt_chain.payments.reference import new_reference
from btt_chain.payments.statement.entries import moment
from btt_chain.payments.till import Best, Stage, Till, after
from btt_chain.payments.till import Final as FinalBlock
from btt_chain.payments.uri import PaymentUri, write_uri
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.scale import u64
from cli.common import show
from cli.common.customer_display import serving
from cli.common.errors import ExitCode, Mistyped, Refused
from cli.common.files import write
from cli.common.merchants import (
    amount_of,
    amount_with_currency,
    bucket_ms,
    currency_named,
    invoice_of,
    named,
    paid_with,
    quoted,
    registered,
    time_of,
)
from cli.common.options import examples, output_option, query_options
from cli.common.sending import SendingCommand
from cli.common.session import first_step, run_until_stopped
from cli.common.show import has_colours
from cli.common.signers import signer_of, signer_options
from cli.common.types import Seconds
from runtime.pallets.payfi.types import Invoice as StoredInvoice

if TYPE_CHECKING:
    from btt_chain.client.amount import Currency as Money
    from btt_chain.crypto.keypair import KeyPair
    from btt_chain.payments.request import MerchantView
    from btt_chain.primitives.currency import Currency
    from btt_chain.scale import u128
    from cli.common.customer_display import CustomerDisplay

EXPIRES_S: Final = 600.0
"""Default seconds in which an invoice can be paid."""
MAX_EXPIRES_S: Final = 30 * 86_400.0
"""Maximum of them: a till waits for a customer, and references are kept for 15 days."""
GRACE_S: Final = 60.0
"""Seconds after the expiry in which a final block must say that nothing was paid."""
WIDTH: Final = 10
GROUNDS: Final = ("auto", "painted", "dark", "light", "none")
MAX_DESCRIPTION: Final = 140


@examples(
    "btt-chain pos 50.00 --currency CNY --from till.txt --merchant 5FHneW46...",
    "btt-chain pos 1.5BTT --from //Alice --description 'two coffees' --json",
)
@click.command(cls=SendingCommand)
@click.argument("amount")
@click.option("--currency", "code", help="Currency of the amount. [default: the merchant's]")
@click.option(
    "--merchant",
    metavar="ACCOUNT",
    help="The merchant whose till signs. [default: the account of --from]",
)
@click.option("--description", default="", help="Text for the payer, at most 140 bytes.")
@click.option(
    "--expires", type=Seconds(1, MAX_EXPIRES_S), default=EXPIRES_S, show_default=True,
    help="Seconds in which it can be paid.",
)  # fmt: skip
@click.option(
    "--form", type=click.Choice(["invoice", "uri"]), default="invoice", show_default=True,
    help="Form of the QR code; both are signed by the till.",
)  # fmt: skip
@click.option(
    "--qr", "ground", type=click.Choice(GROUNDS), default="auto", show_default=True,
    help="Ground of the terminal on which the code is shown.",
)  # fmt: skip
@click.option(
    "--display", "port", type=click.IntRange(0, 65_535), default=0, show_default=True,
    help="Port of the page for the customer's screen; 0 takes a free one.",
)  # fmt: skip
@output_option("Write the request to this file, too.")
@click.option("--no-display", is_flag=True, help="Serve no page for the customer's screen.")
@signer_options
@query_options
def pos(
    amount: str, code: str | None, merchant: str | None, description: str, expires: float,
    form: str, ground: str, port: int, output: Path | None, no_display: bool, url: str,
    timeout: float, as_json: bool, **options: object,
) -> int:  # fmt: skip
    """Ask for one payment of AMOUNT: print an invoice and its QR code, and wait.

    A payment is `seen` in a block, and paid when that block is `final`. Exit codes: 0 paid and
    final, 1 not paid, 3 no connection, 5 undecided, or stopped by SIGTERM: look again later with
    `btt-chain merchant show`.
    """
    if len(description.encode(errors="replace")) > MAX_DESCRIPTION:
        raise Mistyped("--description: at most 140 bytes")
    pair = signer_of(options)
    screen = Screen(as_json, ground, output)
    asked = Asked(amount, code, merchant, description, expires, form)
    place = None if no_display else port
    code_ = run_until_stopped(_serve(asked, pair, screen, place, url, timeout))
    if code_ is not None:
        return code_
    # Stopped by SIGTERM: a request that was shown can still be paid.
    return ExitCode.UNDECIDED if screen.look else ExitCode.REFUSED


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the invoice."""

    amount: str
    code: str | None
    merchant: str | None
    description: str
    expires_s: float
    form: str


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice that is shown."""

    merchant: MerchantView
    name: str
    address: str
    reference: bytes
    units: u128
    currency: Currency
    expires_ms: int
    text: str
    gross: int
    """Planck that it costs now."""

    @property
    def amount(self) -> str:
        """Amount with its currency."""
        return f"{self.currency.format(self.units)} {self.currency.code}"

    @property
    def key(self) -> StoredInvoice:
        """The invoice as the chain stores it."""
        return invoice_of(self.reference, self.currency, self.units)

    @property
    def look(self) -> str:
        """The command that shows its payment."""
        amount = f"{self.currency.format(self.units)}{self.currency.code}"
        return (
            f"btt-chain merchant show {self.address} --reference {to_hex(self.reference)} "
            f"--amount {amount}"
        )


class Screen:
    """The terminal, or lines of JSON."""

    def __init__(self, as_json: bool, ground: str, output: Path | None) -> None:
        self._as_json = as_json
        self._output = output
        self._ground = ground
        self.display: CustomerDisplay | None = None
        self.look = ""
        """The command that shows the payment of the request, once it was shown."""

    def invoice(self, issued: Issued, chain: Chain) -> None:
        """Show the invoice and its code."""
        self.look = issued.look
        address = self.display.url if self.display else None
        now = None
        if issued.currency.code != "BTT":
            now = chain.metadata.currency.format(issued.gross)
        if self._output:
            write(self._output, f"{issued.text}\n")
        try:
            code = None if self._ground == "none" or self._as_json else self._code(issued.text)
            svg = qr.svg(issued.text) if self.display else ""
        except PaymentError as error:
            raise Refused(str(error)) from None
        if self.display:
            self.display.state.update(
                name=issued.merchant.name or "", address=issued.address, amount=issued.amount,
                now="" if now is None else f"now {now}", svg=svg, stage="waiting",
                words="scan to pay", expires=str(issued.expires_ms),
            )  # fmt: skip
        if self._as_json:
            show.line(
                {"event": "invoice", "text": issued.text,
                 "reference": to_hex(issued.reference), "amount": issued.amount,
                 "planck": str(issued.gross),
                 "expires": issued.expires_ms, "display": address}
            )  # fmt: skip
            return
        if code:
            click.echo(code, nl=False, color=True)
        facts = {"merchant": issued.name, "amount": issued.amount}
        if now is not None:
            facts["now"] = now
        facts["request"] = issued.text
        if address:
            facts["display"] = address
        show.record(facts, width=WIDTH)
        sys.stdout.flush()

    def stage(self, stage: str, words: str, note: str = "", **facts: object) -> None:
        """Show the state of the invoice."""
        if self.display:
            self.display.state.update(stage=stage, words=words, note=note)
        if self._as_json:
            show.line({"event": stage, "words": words, **facts})
        elif stage == "final":
            show.good(words)
        elif stage in ("expired", "undecided"):
            show.bad(words)
        else:
            show.heading(words)
        sys.stdout.flush()

    def receipt(self, facts: dict[str, str], planck: dict[str, int], money: Money) -> None:
        """Show the receipt of a final payment; JSON has its amounts in planck."""
        settles = {"settles": facts.pop("settles")}
        if self._as_json:
            exact = {name: str(each) for name, each in planck.items()}
            show.line({"event": "receipt", **facts, **exact, **settles})
        else:
            read = {name: money.format(each) for name, each in planck.items()}
            show.record({**facts, **read, **settles}, width=WIDTH)

    def _code(self, text: str) -> str:
        if self._ground != "auto":
            return qr.terminal(text, qr.Ground(self._ground))

        return qr.terminal(text, qr.Ground.PAINTED if has_colours() else qr.Ground.DARK)


async def _serve(
    asked: Asked, pair: KeyPair, screen: Screen, port: int | None, url: str, timeout: float
) -> int:
    try:
        return await _run_till(asked, pair, screen, port, url, timeout)
    except asyncio.CancelledError:
        if screen.look:
            show.note(f"the request can still be paid until it expires: look with `{screen.look}`")
        raise


async def _run_till(
    asked: Asked, pair: KeyPair, screen: Screen, port: int | None, url: str, timeout: float
) -> int:
    async def issue(connection: Connection) -> Issued:
        chain = await Chain.open(connection)
        issued = await _issue(asked, pair, chain)
        screen.invoice(issued, chain)
        return issued

    async with AsyncExitStack() as stack:
        if port is not None:
            screen.display = await stack.enter_async_context(serving(port))
        # A customer waits at the till: no longer than the request could be paid.
        daemon = Daemon(url, timeout, report=show.note, patience=asked.expires_s)
        issued = await first_step(daemon, issue)
        till = Till(issued.expires_ms)

        async def follow(connection: Connection) -> int:
            nonlocal till
            chain = await Chain.open(connection)
            if not till.is_over:
                async with aclosing(_watch(chain, till, issued, screen)) as changes:
                    async for till in changes:
                        if till.is_over:
                            break
            return await _close(chain, till, issued, screen)

        try:
            # Monotonic: a clock that is set while the till waits ends nothing.
            async with asyncio.timeout(asked.expires_s + GRACE_S):
                return await Daemon(url, timeout, report=show.note).run(follow)
        except TimeoutError:
            return _undecided(till, issued, screen)


async def _issue(asked: Asked, pair: KeyPair, chain: Chain) -> Issued:
    """Make the invoice. Refused if the key is not a till of an active merchant."""
    try:
        account = (
            read_account(asked.merchant, chain.metadata.prefix)
            if asked.merchant
            else pair.account_id
        )
    except AccountError as error:
        raise Mistyped(f"--merchant: {error}") from None
    view = await registered(chain, account)
    if not view.is_active:
        raise Refused("the merchant is suspended or closing, and accepts no payments")
    if pair.account_id not in (bytes(view.account), *view.tills):
        raise Refused(
            f"{chain.metadata.address(pair.account_id)} is not a till of {named(chain, view)}; "
            "the merchant adds it with `btt-chain merchant configure --till`"
        )
    if asked.code is None:
        units, unit = amount_with_currency(asked.amount, currency_named(view.currency))
    else:
        unit = currency_named(asked.code)
        units = amount_of(asked.amount, unit)
    if unit.code not in view.currencies:
        accepted = " and ".join(view.currencies)
        raise Mistyped(
            f"the merchant accepts {accepted}, and no {unit.code}; it changes its currency with "
            f"`btt-chain merchant configure --currency {unit.code}`"
        )
    quote = await quoted(chain, account, int(units), unit)
    now_ms = time.time_ns() // 1_000_000
    reference = new_reference()
    expires_ms = u64(now_ms + int(asked.expires_s * 1_000))
    try:
        text = _text(asked, pair, view, chain, units, unit, reference, now_ms, expires_ms)
    except PaymentError as error:
        raise Refused(str(error)) from None
    return Issued(
        view, named(chain, view), chain.metadata.address(account), reference, units, unit,
        int(expires_ms), text, int(quote.gross),
    )  # fmt: skip


def _text(
    asked: Asked, pair: KeyPair, view: MerchantView, chain: Chain, units: u128, unit: Currency,
    reference: bytes, now_ms: int, expires_ms: int,
) -> str:  # fmt: skip
    if asked.form == "uri":
        uri = PaymentUri(
            merchant=view.account, currency=unit, units=units, reference=reference,
            expires_s=expires_ms // 1_000, network=chain.genesis.hex()[:8],
            label=view.name or "", message=asked.description,
        )  # fmt: skip
        return write_uri(uri, pair)
    invoice = Invoice(
        version=VERSION, genesis=H256(chain.genesis), merchant=view.account,
        till=AccountId(pair.account_id), units=units, currency=unit.code.encode(),
        reference=reference, created_ms=u64(now_ms), expires_ms=u64(expires_ms),
        description=Text(asked.description),
    )  # fmt: skip
    return write_invoice(invoice, pair)


async def _watch(
    chain: Chain, till: Till, issued: Issued, screen: Screen
) -> AsyncGenerator[Till, None]:
    """Yield the till after each new block until the connection breaks."""
    async with aclosing(blocks(chain.connection)) as heads:
        async for head, is_final in heads:
            found = await paid_with(chain, issued.merchant.account, issued.key, head.hash)
            event = (
                FinalBlock(head.number, await time_of(chain, head.hash), found)
                if is_final
                else Best(head.number, found)
            )
            before, till = till, after(till, event)
            _say(before, till, head.number, screen)
            yield till


def _say(before: Till, till: Till, block: int, screen: Screen) -> None:
    if till.stage is before.stage:
        return
    if till.stage is Stage.SEEN:
        screen.stage("seen", f"seen in block {block}, not paid yet: wait until it is final",
                     block=block)  # fmt: skip
    elif till.stage is Stage.WAITING:
        screen.stage("waiting", "the block of the payment was replaced: not paid; still waiting")


async def _close(chain: Chain, till: Till, issued: Issued, screen: Screen) -> int:
    """Show how it ended; return the exit code."""
    found = till.found
    if found is None:
        screen.stage("expired", f"not paid: the request of {issued.amount} has expired")
        return ExitCode.REFUSED
    length = await bucket_ms(chain)
    screen.stage("final", f"paid: {issued.amount}", "thank you", payment=found.payment)
    settles = moment(found.bucket * length).strftime("%Y-%m-%d %H:%M:%S UTC")
    screen.receipt(
        {
            "payment": str(found.payment),
            "merchant": issued.name,
            "payer": chain.metadata.address(found.payer),
            "amount": issued.amount,
            "settles": settles,
        },
        {"paid": found.gross, "fee": found.fee, "net": found.gross - found.fee},
        chain.metadata.currency,
    )
    return ExitCode.DONE


def _undecided(till: Till, issued: Issued, screen: Screen) -> int:
    if till.found is not None:
        words = f"undecided: payment {till.found.payment} was seen, and is not final"
    else:
        words = "undecided: no final block after the request expired"
    show.note(
        f"finality may have stalled: `btt-chain doctor` names the cause; look with `{issued.look}`"
    )
    screen.stage("undecided", words, reference=to_hex(issued.reference))
    return ExitCode.UNDECIDED
