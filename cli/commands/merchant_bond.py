"""`btt-chain merchant bond|close`: the money that protects a merchant's customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.common.errors import Refused
from cli.common.options import examples
from cli.common.payfi_calls import send
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.working import planck

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from cli.common.payfi_calls import Prepared

REFUND_DAYS = 15


@examples("btt-chain merchant bond 500BTT --from //Alice")
@click.command(cls=SendingCommand)
@click.argument("amount")
@call_options
def bond(amount: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Add AMOUNT to the bond: it pays what the merchant loses in late disputes.

    A bond that is full, and covers all open disputes, lifts a suspension for a missing bond.
    """
    from cli.common.merchants import registered

    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        money = chain.metadata.currency
        value = planck(money, amount)
        view = await registered(chain, sender.account)
        call = chain.compose("PayFi.bond_extra", amount=value)
        free = money.format(view.free_bond + value)
        sentence = f"Put {money.format(value)} more on hold as the bond."
        return sentence, call, f"{free} of the bond are free of claims."

    send(url, timeout, sender, make)


@examples("btt-chain merchant close --from //Alice")
@click.command(cls=SendingCommand)
@call_options
def close(url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Accept no payments any more; a second time, 15 days of the chain later: release the bond."""
    from cli.common.merchants import (
        fields,
        number,
        registered,
        span_of,
        time_of,
        variant,
        when,
    )

    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        account = sender.account
        await registered(chain, account)
        record = fields(await chain.storage("PayFi.Merchants", "0x" + account.hex()))
        call = chain.compose("PayFi.close")
        bond = chain.metadata.currency.format(number(record["bond"]))
        if variant(record["state"]) != "Closing":
            wait = await span_of(chain, days=REFUND_DAYS)
            sentence = (
                "Accept no payments any more; what is pending settles, and the bond of "
                f"{bond} can be released in {wait}."
            )
            after = "The merchant is closing; run this command again to release the bond."
            return sentence, call, after
        until = number(fields(fields(record["state"])["Closing"])["until"])
        now = await time_of(chain)
        if now < until:
            raise Refused(f"the bond can be released from {when(until, now)} on")
        if number(record["disputes"]):
            raise Refused(
                f"open disputes: {number(record['disputes'])}; the bond waits for their end"
            )
        return f"Release the bond of {bond}.", call, "The account is no longer a merchant."

    send(url, timeout, sender, make)
