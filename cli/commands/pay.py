"""`btt-chain pay`: pay an invoice, a payment URI or an EMV code."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from btt_chain.client.accounts import AccountError, read_account
from btt_chain.client.chain import Chain
from btt_chain.client.errors import printable
from btt_chain.client.merchants import merchant_of
from btt_chain.client.transactions import Included
from btt_chain.payments.doubts import PROTECTED
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.privacy import account_for, round_sum
from btt_chain.payments.reference import new_reference
from btt_chain.payments.request import MerchantView, PaymentRequest, judge, read_request
from btt_chain.primitives.currency import Currency
from btt_chain.primitives.digits import to_hex
from cli.common import show
from cli.common.calls import report
from cli.common.errors import Mistyped, Refused
from cli.common.merchants import (
    amount_of,
    ensure_money,
    fields,
    invoice_of,
    named,
    number,
    paid_with,
    quoted,
)
from cli.common.options import examples, read_text
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import open_chain, run
from cli.common.working import planck

MARGIN_BPS: Final = 100
"""Default rise of the price that a payment in another currency may have until its block."""
FEE_RESERVE: Final = 10
"""Multiple of the estimated fee that a fresh account gets for its transactions."""
ROUND_UNIT: Final = 10**18
"""Round sums are 1, 2, 5, 10, ... BTT."""


@examples(
    "btt-chain pay bttinv1... --from key.txt",
    "btt-chain pay 'btt:5FHneW46...?amount=50.00&currency=CNY&ref=...' --from key.txt",
    "btt-chain pay btt:5FHneW46... --amount 1.5 --from //Alice --dry-run",
)
@click.command(cls=SendingCommand)
@click.argument("request", metavar="REQUEST")
@click.option("--amount", help="Amount, where the request leaves it to the payer.")
@click.option("--max", "most", help="Maximum in BTT. [default: 1 % above the present price]")
@click.option(
    "--same-account",
    is_flag=True,
    help="Pay a health service from the account of --from, which all can see.",
)
@call_options
def pay(
    request: str, amount: str | None, most: str | None, same_account: bool, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Pay REQUEST: an invoice, a payment URI, or the text of an EMV code.

    A file with the request, or - for standard input, is read. Who is paid, how much, and what is
    doubtful about the request is printed before anything is signed. Health services are paid from
    an account of their own, //pay//ADDRESS below the key.
    """
    try:
        read = read_request(read_text(request))
    except PaymentError as error:
        raise Mistyped(_hint(request) + str(error)) from None
    sender = Sender.of(options, as_json)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            plan = await _plan(chain, read, amount, most)
            _introduce(chain, plan)
            if plan.merchant.is_health and not same_account:
                await _pay_apart(chain, plan, sender)
            else:
                if plan.merchant.is_health:
                    show.note("warning: this account pays a health service, and all can see it")
                await _pay(chain, plan, sender)

    run(work())


def _hint(typed: str) -> str:
    """Return a hint for a text that is not a request; empty if unknown."""
    try:
        read_account(typed)
    except AccountError:
        # A request has no suffix: it is the name of a file, which is not there.
        looks_like_file = re.fullmatch(r"[^:?]*\.\w{1,5}", typed) and not Path(typed).exists()
        return f"there is no file {typed!r}; " if looks_like_file else ""
    return "this is an account: `btt-chain tx transfer` sends money to one; "


@dataclass(frozen=True, slots=True)
class Plan:
    """A payment that was checked."""

    request: PaymentRequest
    merchant: MerchantView
    warnings: list[str]
    unit: Currency
    units: int
    reference: bytes
    gross: int
    """Planck that it costs now."""
    most: int
    """Planck that it may cost in its block."""

    @property
    def amount(self) -> str:
        """Amount with its currency."""
        return f"{self.unit.format(self.units)} {self.unit.code}"


async def _plan(
    chain: Chain, request: PaymentRequest, amount: str | None, most: str | None
) -> Plan:
    """Check a request on the chain. Refused if it must not be paid."""
    view = await merchant_of(chain, request.merchant)
    try:
        warnings = judge(request, view, chain.genesis, time.time_ns() // 1_000_000)
    except PaymentError as error:
        raise Refused(str(error)) from None
    if view is None:
        raise Refused("the account is not a registered merchant")
    unit = request.currency
    if request.units is None and amount is None:
        raise Mistyped("the request leaves the amount to you: give --amount")
    units = int(request.units or 0)
    if amount is not None:
        typed = int(amount_of(amount, unit))
        if request.units is not None and typed != units:
            raise Mistyped(
                f"the request is for {unit.format(units)} {unit.code}, not for {amount}: leave "
                "out --amount"
            )
        units = typed
    reference = request.reference or new_reference()
    invoice = invoice_of(reference, unit, units)
    if await paid_with(chain, request.merchant, invoice) is not None:
        raise Refused("the request is paid already; nothing was sent")
    quote = await quoted(chain, request.merchant, units, unit)
    gross = int(quote.gross)
    limit = gross if unit.code == "BTT" else gross + -(-gross * MARGIN_BPS // 10_000)
    if most is not None:
        limit = planck(chain.metadata.currency, most)
    if gross > limit:
        raise Refused(
            f"it costs {chain.metadata.currency.format(gross)} now, more than --max permits"
        )
    return Plan(request, view, warnings, unit, units, reference, gross, limit)


def _introduce(chain: Chain, plan: Plan) -> None:
    """Print the sentence about the payment, all that is doubtful about it, and its protection."""
    money = chain.metadata.currency
    cost = ""
    if plan.unit.code != "BTT":
        cost = f", now {money.format(plan.gross)}, at most {money.format(plan.most)}"
    show.note(printable(f"Pay {plan.amount}{cost} to {named(chain, plan.merchant)}."))
    if plan.request.text:
        show.note(printable(f"For: {plan.request.text}"))
    for item in plan.request.items:
        show.note(printable(f"  {item.text}: {plan.unit.format(item.units)}"))
    for warning in plan.warnings:
        show.note(printable(f"warning: {warning}"))
    show.note(PROTECTED.format(bond=money.format(plan.merchant.free_bond)))


async def _pay(chain: Chain, plan: Plan, sender: Sender) -> None:
    call = chain.compose(
        "PayFi.pay", merchant=to_hex(plan.merchant.account), units=plan.units,
        currency=to_hex(plan.unit.code.encode()), max_btt=plan.most,
        reference=to_hex(plan.reference), memo=None,
    )  # fmt: skip
    if not sender.is_forced:
        await ensure_money(chain, sender.account, plan.gross, "the payment")
    wire, _ = await sender.prepare(chain, call)
    try:
        done = await sender.included(chain, call, wire)
    except asyncio.CancelledError:
        # A static code has a new reference each time: a second attempt would pay twice.
        show.note(
            "the payment may be made already; before you try again, look with `btt-chain merchant "
            f"show {chain.metadata.address(plan.merchant.account)} --reference "
            f"{to_hex(plan.reference)} --amount {plan.amount.replace(' ', '')}`"
        )
        raise
    _report(chain, plan, done, sender)


async def _pay_apart(chain: Chain, plan: Plan, sender: Sender) -> None:
    """Pay from the merchant's own account, and put a round sum there first if it needs one."""
    money = chain.metadata.currency
    apart = account_for(sender.pair, plan.merchant.account)
    address = chain.metadata.address(apart.account_id)
    show.note(
        f"It is a health service: it is paid from {address}, an account for this merchant alone."
    )
    account = fields(await chain.storage("System.Account", to_hex(apart.account_id)))
    free = number(fields(account["data"])["free"])
    least = number(chain.constant("Balances.ExistentialDeposit"))
    probe = chain.compose("System.remark", remark="0x" + "00" * 64)
    wire = await chain.transactions.sign(probe, sender.pair)
    fees = FEE_RESERVE * await chain.transactions.fee(wire)
    needed = plan.most + least + fees
    if free < needed:
        amount = round_sum(needed - free, ROUND_UNIT)
        show.note(f"Put {money.format(amount)} there, a round sum unlike an invoice's amount.")
        call = chain.compose(
            "Balances.transfer_keep_alive", dest=to_hex(apart.account_id), value=amount
        )
        await sender.send_call(chain, call)
    signing = replace(sender.signing, pair=apart, nonce=None)
    await _pay(chain, plan, replace(sender, signing=signing, sent=0))


def _report(chain: Chain, plan: Plan, done: Included, sender: Sender) -> None:
    if done.error is not None:
        raise Refused(f"not paid: {done.error}")
    (paid,) = (event for event in done.events if event.name == "PayFi.Paid")
    payment = str(paid.fields["payment"])
    if not sender.as_json:
        show.record({"payment": payment, "block": f"{done.number:_} {to_hex(done.block)}"})
    finality = "; the block is final." if done.is_final else ", in a block that is not final yet."
    report(
        done, sender.as_json, f"Paid {plan.amount}{finality}",
        payment=payment, merchant=chain.metadata.address(plan.merchant.account),
        payer=chain.metadata.address(sender.pair.account_id), amount=plan.amount,
        planck=str(paid.fields["gross"]), reference=to_hex(plan.reference),
        warnings=plan.warnings, protected=str(plan.merchant.free_bond),
    )  # fmt: skip
