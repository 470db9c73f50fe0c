"""`btt-chain dispute`: a payer's dispute of a payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from btt_chain.payments.privacy import account_for, path_for
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group, examples, query_options
from cli.common.payfi_calls import send
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import open_chain, run
from cli.common.types import Digest
from cli.common.working import planck

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain
    from cli.common.payfi_calls import Prepared
    from runtime.apis.payfi import PaymentView

PAYMENT_ID: Final = click.IntRange(0, 2**64 - 1)
REASONS: Final = {
    "not-received": "NotReceived",
    "not-as-described": "NotAsDescribed",
    "duplicate": "Duplicate",
    "wrong-amount": "WrongAmount",
    "not-authorised": "NotAuthorised",
    "cancelled": "Cancelled",
    "refund-not-made": "RefundNotMade",
    "other": "Other",
}
PHASES: Final = {
    "Answering": "the merchant may answer; without an answer the payer wins",
    "Selecting": "contested; a panel is being selected",
    "Judging": "a panel of arbiters decides",
    "Ended": "ended",
}
ENDS: Final = {
    "Accepted": "the merchant accepted it",
    "NoAnswer": "the merchant did not answer",
    "Withdrawn": "the payer withdrew it",
    "NoPanel": "no arbiter answered: the merchant keeps it",
    "Panel": "a panel decided",
}
_NO_EVIDENCE: Final = "0x" + "00" * 32
_DEPOSIT_PART: Final = 100
_BTT: Final = 10**18


@click.group(cls=Group)
def dispute() -> None:
    """Dispute a payment: within 14 days of the chain, once, with a deposit."""


@examples(
    "btt-chain dispute open 17 --reason not-received --from //Bob",
    "btt-chain dispute open 17 --reason wrong-amount --amount 5BTT --evidence 0x4fd3... "
    "--from //Bob",
)
@dispute.command("open", cls=SendingCommand)
@click.argument("payment", type=PAYMENT_ID)
@click.option(
    "--reason", type=click.Choice(list(REASONS)), required=True, help="Why it is disputed."
)
@click.option("--amount", help="Disputed part in BTT. [default: all that is left]")
@click.option(
    "--evidence", type=Digest(), default=_NO_EVIDENCE,
    help="blake2_256 of the evidence, which the panel gets off chain.",
)  # fmt: skip
@call_options
def open_(
    payment: int, reason: str, amount: str | None, evidence: str, url: str, timeout: float,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Dispute PAYMENT, or a part of it. Its payer signs.

    1 % of the amount is on hold as a deposit, at least 1 BTT and at most 100 BTT. The merchant has
    72 hours of the chain to answer (development chains have short hours); without an answer the
    payer wins, after a contest a panel decides. What is not disputed settles as usual.
    """
    from cli.common.merchants import existing, number, span_of

    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        found = await existing(chain, payment)
        check_payer(chain, found, sender)
        if isinstance(await chain.api("PayFiApi.dispute", payment), dict):
            raise Refused(
                f"payment {payment} was disputed before, and a payment is disputed once: see "
                f"`btt-chain dispute show {payment}`"
            )
        money = chain.metadata.currency
        left = int(found.payment.legs.gross) - int(found.payment.refunded)
        if not left:
            raise Refused(f"nothing is left of payment {payment}: all of it went back to the payer")
        value = left if amount is None else planck(money, amount)
        if not 0 < value <= left:
            raise Mistyped(f"--amount: {money.format(left)} are left of payment {payment}")
        deposit = min(max(_BTT, -(-value // _DEPOSIT_PART)), 100 * _BTT)
        merchant = chain.metadata.address(found.payment.merchant)
        answer = await span_of(chain, hours=number(chain.constant("PayFi.AnswerHours")))
        call = chain.compose(
            "PayFi.dispute", payment=payment, amount=value, reason=REASONS[reason],
            evidence=evidence,
        )  # fmt: skip
        return (
            (
                f"Dispute {money.format(value)} of payment {payment} to {merchant}: {reason}; "
                f"{money.format(deposit)} are on hold as a deposit."
            ),
            call,
            f"The dispute is open; the merchant has {answer} to answer.",
        )

    send(url, timeout, sender, make)


def check_payer(chain: Chain, view: PaymentView, sender: Sender) -> None:
    """Refused if the sender did not make the payment; names the path of the key that did."""
    payment = view.payment
    if payment.payer == sender.account:
        return
    payer = chain.metadata.address(payment.payer)
    path = path_for(payment.merchant)
    text = f"payment {view.id} was made by {payer}, and only its payer can do this"
    if sender.signing.proxied is None:
        apart = account_for(sender.pair, payment.merchant)
        if apart.public == payment.payer:
            raise Refused(
                f"{text}. That is the account of this key for this clinic: add {path} to the "
                "secret of --from"
            )
    raise Refused(f"{text}. If `pay` made it to a clinic, add {path} to the secret of --from")


@examples("btt-chain dispute withdraw 17 --from //Bob")
@dispute.command(cls=SendingCommand)
@click.argument("payment", type=PAYMENT_ID)
@call_options
def withdraw(payment: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Withdraw the dispute of PAYMENT: the merchant has the money."""
    from cli.common.merchants import existing

    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        await _record(chain, payment)
        check_payer(chain, await existing(chain, payment), sender)
        call = chain.compose("PayFi.withdraw_dispute", payment=payment)
        return (
            f"Withdraw the dispute of payment {payment}; it cannot be disputed again.",
            call,
            "The dispute is withdrawn.",
        )

    send(url, timeout, sender, make)


@examples("btt-chain dispute show 17", "btt-chain dispute show 17 --json")
@dispute.command("show")
@click.argument("payment", type=PAYMENT_ID)
@query_options
def show_(payment: int, url: str, timeout: float, as_json: bool) -> None:
    """Show the dispute of PAYMENT."""
    from cli.common.merchants import exact, fields, number, time_of, variant, when

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            found = await _record(chain, payment)
            if as_json:
                show.document({"payment": str(payment), **fields(exact(found))})
                return
            money, now = chain.metadata.currency, await time_of(chain)
            facts = {
                "payment": str(payment), "reason": variant(found["reason"]),
                "amount": money.format(number(found["amount"])),
                "deposit": money.format(number(found["deposit"])),
                "kind": "after settlement" if found["late"] else "before settlement",
                "phase": PHASES.get(variant(found["phase"]), variant(found["phase"])),
            }  # fmt: skip
            if found["outcome"] is None:
                facts["until"] = when(number(found["deadline_ms"]), now)
            else:
                outcome = fields(found["outcome"])
                facts["ended by"] = ENDS.get(
                    variant(outcome["resolution"]), variant(outcome["resolution"])
                )
                facts["to payer"] = money.format(number(outcome["to_payer"]))
                facts["unpaid"] = money.format(number(outcome["unpaid"]))
            show.record(facts)

    run(work())


async def _record(chain: Chain, payment: int) -> dict[str, Plain]:
    """Return a dispute, with its deadlines as times. NotFound if there is none.

    The chain's storage has them without the time in which it stalled.
    """
    found = await chain.api("PayFiApi.dispute", payment)
    if not isinstance(found, dict):
        raise NotFound(f"payment {payment} has no dispute")
    return found
