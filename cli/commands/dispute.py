"""`btt-chain dispute`: a payer's dispute of a payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group, connection_options, examples, json_option
from cli.common.sending import Sender, SendingCommand, sending_options

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain
    from cli.common.payfi_calls import Prepared

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
_NO_EVIDENCE: Final = "0x" + "00" * 32
_DEPOSIT_PART: Final = 100
_BTT: Final = 10**18


@click.group(cls=Group)
def dispute() -> None:
    """Dispute a payment: within 14 days, once, with a deposit."""


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
    "--evidence", metavar="HEX", default=_NO_EVIDENCE,
    help="blake2_256 of the evidence, which the panel gets off chain.",
)  # fmt: skip
@sending_options
@connection_options
@json_option
def open_(
    payment: int, reason: str, amount: str | None, evidence: str, url: str, timeout: float,
    as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Dispute PAYMENT, or a part of it. Its payer signs.

    1 % of the amount is on hold as a deposit, at least 1 BTT and at most 100 BTT. The merchant has
    72 hours to answer; without an answer the payer wins, after a contest a panel decides.
    """
    from cli.common.merchants import existing
    from cli.common.payfi_calls import send
    from cli.common.working import planck

    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        found = await existing(chain, payment)
        if found.payer != sender.pair.account_id:
            payer = chain.metadata.address(found.payer)
            raise Refused(f"payment {payment} was made by {payer}, and its payer disputes it")
        money = chain.metadata.currency
        left = found.gross - found.refunded
        value = left if amount is None else planck(money, amount)
        if not 0 < value <= left:
            raise Mistyped(f"--amount: {money.format(left)} are left of payment {payment}")
        deposit = min(max(_BTT, -(-value // _DEPOSIT_PART)), 100 * _BTT)
        merchant = chain.metadata.address(found.merchant)
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
            "The dispute is open; the merchant has 72 hours to answer.",
        )

    send(url, timeout, sender, make)


@examples("btt-chain dispute withdraw 17 --from //Bob")
@dispute.command(cls=SendingCommand)
@click.argument("payment", type=PAYMENT_ID)
@sending_options
@connection_options
@json_option
def withdraw(payment: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Withdraw the dispute of PAYMENT: the merchant has the money."""
    from cli.common.payfi_calls import send

    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        await _record(chain, payment)
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
@connection_options
@json_option
def show_(payment: int, url: str, timeout: float, as_json: bool) -> None:
    """Show the dispute of PAYMENT."""
    from btt_chain.payments.statement.entries import moment
    from cli.common.merchants import number, variant
    from cli.common.session import open_chain, run

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            found = await _record(chain, payment)
            if as_json:
                show.document({"payment": payment, **found})
                return
            money = chain.metadata.currency
            ends = moment(number(found["deadline_ms"])).isoformat(" ", "seconds")
            show.record(
                {"payment": str(payment), "reason": variant(found["reason"]),
                 "amount": money.format(number(found["amount"])),
                 "deposit": money.format(number(found["deposit"])),
                 "kind": "after settlement" if found["late"] else "before settlement",
                 "phase": variant(found.get("phase", "-")), "ends": ends}
            )  # fmt: skip

    run(work())


async def _record(chain: Chain, payment: int) -> dict[str, Plain]:
    """Return a dispute as the chain has it. NotFound if there is none."""
    found = await chain.storage("PayFi.Disputes", payment)
    if not isinstance(found, dict):
        raise NotFound(f"payment {payment} has no dispute")
    return found
