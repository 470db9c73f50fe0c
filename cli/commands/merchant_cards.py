"""`btt-chain merchant charge|capture|void`: payments by cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from btt_chain.primitives.voucher import VOUCHER
from btt_chain.scale import DecodeError
from cli.common.errors import Mistyped
from cli.common.options import examples
from cli.common.payfi_calls import number_in, send
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import from_hex
from cli.common.working import planck

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.client.transactions import Included
    from btt_chain.primitives.voucher import Voucher
    from btt_chain.scale.portable import Plain
    from cli.common.payfi_calls import Prepared

NUMBER: Final = click.IntRange(0, 2**64 - 1)


@examples(
    "btt-chain merchant charge 0x4254... 0x8f3a... --from till.txt",
    "btt-chain merchant charge 0x4254... 0x8f3a... --hold --from till.txt",
)
@click.command(cls=SendingCommand)
@click.argument("voucher", metavar="VOUCHER")
@click.argument("signature", metavar="SIGNATURE")
@click.option("--hold", is_flag=True, help="Put the amount on hold; capture it later.")
@call_options
def charge(
    voucher: str, signature: str, hold: bool, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Charge a card by VOUCHER and its SIGNATURE, in hex, as `card sign` prints them."""
    found = _voucher(from_hex(voucher, "the voucher"))
    signed = from_hex(signature, "the signature")
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        plain: Plain = {
            "context": _hex(found.context), "genesis": _hex(found.genesis),
            "card": _hex(found.card), "merchant": _hex(found.merchant),
            "currency": _hex(found.currency), "units": int(found.units),
            "reference": _hex(found.reference), "counter": int(found.counter),
            "expires_ms": int(found.expires_ms),
        }  # fmt: skip
        call = chain.compose(
            "PayFi.charge_card", voucher=plain, signature=_hex(signed), capture=not hold
        )

        def after(done: Included) -> str:
            if hold:
                number = number_in(done, "PayFi.Authorised", "auth")
                return f"The amount is on hold: capture or void authorisation {number}."
            return f"The card paid: payment {number_in(done, 'PayFi.Charged', 'payment')}."

        verb = "Put on hold" if hold else "Charge"
        return f"{verb} {_amount(found)} of the card {_hex(found.card)}.", call, after

    send(url, timeout, sender, make)


@examples("btt-chain merchant capture 3 1.5BTT --from till.txt")
@click.command(cls=SendingCommand)
@click.argument("auth", type=NUMBER)
@click.argument("amount")
@call_options
def capture(
    auth: int, amount: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Take AMOUNT of what a card authorised, as a payment; AUTH is its number."""
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        money = chain.metadata.currency
        value = planck(money, amount)
        call = chain.compose("PayFi.capture", auth=auth, amount=value)

        def after(done: Included) -> str:
            return f"It is captured: payment {number_in(done, 'PayFi.Captured', 'payment')}."

        return f"Capture {money.format(value)} of authorisation {auth}.", call, after

    send(url, timeout, sender, make)


@examples("btt-chain merchant void 3 --from till.txt")
@click.command(cls=SendingCommand)
@click.argument("auth", type=NUMBER)
@call_options
def void(auth: int, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Release what is left of what a card authorised; AUTH is its number."""
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        call = chain.compose("PayFi.void", auth=auth)
        return f"Release what is left of authorisation {auth}.", call, "It is released."

    send(url, timeout, sender, make)


def _voucher(raw: bytes) -> Voucher:
    try:
        return VOUCHER.decode_all(raw)
    except DecodeError as error:
        raise Mistyped(f"this is not a voucher of a card: {error}") from None


def _amount(found: Voucher) -> str:
    from cli.common.merchants import currency_named

    unit = currency_named(found.currency.decode("ascii", "replace"))
    return f"{unit.format(int(found.units))} {unit.code}"


def _hex(raw: bytes) -> str:
    return "0x" + bytes(raw).hex()
