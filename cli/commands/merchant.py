"""`btt-chain merchant`: register, configure, refund, and look at payments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli.commands.merchant_bond import bond, close
from cli.commands.merchant_cards import capture, charge, void
from cli.commands.merchant_statement import statement
from cli.commands.merchant_watch import watch
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.options import Group, examples, query_options
from cli.common.payfi_calls import send
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import from_hex, open_chain, run
from cli.common.types import Category, Digest
from cli.common.working import account, planck
from cli.common.working import account as read_account

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain
    from cli.common.merchants import PaymentView
    from cli.common.payfi_calls import Prepared

ANALYTICS: Final = 1
MAX_TILLS: Final = 16
PAYMENT_ID: Final = click.IntRange(0, 2**64 - 1)
CAUSES: Final = {
    "Governance": "by governance, which lifts it",
    "Disputes": "too many lost disputes; governance lifts it",
    "Bond": "disputes used up the bond; a full one lifts it (`btt-chain merchant bond`)",
}


@click.group(cls=Group)
def merchant() -> None:
    """Be paid: register, watch payments, refund, answer disputes, get statements."""


for _command in (watch, statement, charge, capture, void, bond, close):
    merchant.add_command(_command)


@examples(
    "btt-chain merchant register --category 5814 --currency CNY --from //Alice",
    "btt-chain merchant register --category 8099 --till 5FHneW46... --analytics --from key.txt",
)
@merchant.command(cls=SendingCommand)
@click.option(
    "--category", type=Category(), required=True,
    help="Category of the business: four digits of ISO 18245, as 5814 for a café.",
)  # fmt: skip
@click.option("--currency", "code", default="BTT", show_default=True, help="Currency of invoices.")
@click.option(
    "--till", "tills", multiple=True, metavar="ACCOUNT",
    help="A key that signs invoices and refunds; give it once for each till.",
)  # fmt: skip
@click.option("--analytics", is_flag=True, help="Have the chain keep reports, for 0.25 %.")
@click.option(
    "--meta", metavar="HEX", default="0x" + "00" * 32,
    help="blake2_256 of the public description of the business.",
)  # fmt: skip
@call_options
def register(
    category: int, code: str, tills: tuple[str, ...], analytics: bool, meta: str, url: str,
    timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Register the account of --from as a merchant; a bond is put on hold."""
    from cli.common.merchants import currency_named, ensure_money, fields, number

    unit = currency_named(code)
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        facts: dict[str, Plain] = {
            "currency": _hex(unit.code.encode()), "plan": ANALYTICS if analytics else 0,
            "meta": meta,
        }  # fmt: skip
        least = number(fields(await chain.storage("PayFi.Rates"))["bond"])
        address = chain.metadata.address(sender.account)
        if await chain.storage("PayFi.Merchants", _hex(sender.account)) is not None:
            raise Refused(f"{address} is a merchant already; see `btt-chain merchant configure`")
        await ensure_money(chain, sender.pair.account_id, least, "the bond of a merchant")
        sentence = (
            f"Register {address} as a merchant of category {category:04} with invoices in "
            f"{unit.code}; {chain.metadata.currency.format(least)} are put on hold as its bond."
        )
        call = chain.compose("PayFi.register", category=category, **facts)
        if tills:
            settings: dict[str, Plain] = {
                **facts,
                "policy": None,
                "till_keys": [*_accounts(chain, tills)],
            }
            calls: list[Plain] = [
                {"PayFi": {"register": {"category": category, **facts}}},
                {"PayFi": {"configure": settings}},
            ]
            call = chain.compose("Utility.batch_all", calls=calls)
        return sentence, call, "The account is a merchant now."

    send(url, timeout, sender, make)


@examples("btt-chain merchant configure --till 5FHneW46... --from //Alice")
@merchant.command(cls=SendingCommand)
@click.option("--till", "tills", multiple=True, metavar="ACCOUNT", help="Add a key of a till.")
@click.option(
    "--remove-till", "removed", multiple=True, metavar="ACCOUNT", help="Remove a key of a till."
)
@click.option("--currency", "code", help="Currency of invoices. [default: as it is]")
@click.option(
    "--analytics/--no-analytics",
    default=None,
    help="Have reports kept, or not. [default: as it is]",
)
@call_options
def configure(
    tills: tuple[str, ...], removed: tuple[str, ...], code: str | None, analytics: bool | None,
    url: str, timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Change tills, currency or plan of the merchant; the rest stays as it is."""
    from cli.common.merchants import currency_named, fields, number, registered

    if not (tills or removed or code) and analytics is None:
        raise Mistyped("nothing would change: give --till, --remove-till, --currency or a plan")
    unit = currency_named(code) if code else None
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        account = sender.account
        view = await registered(chain, account)
        record = fields(await chain.storage("PayFi.Merchants", _hex(account)))
        gone = set(_accounts(chain, removed))
        keys = [_hex(key) for key in view.tills]
        unknown = gone - set(keys)
        if unknown:
            till = chain.metadata.address(bytes.fromhex(unknown.pop()[2:]))
            raise NotFound(f"{till} is not a till")
        added = [key for key in _accounts(chain, tills) if key not in keys]
        kept: list[Plain] = [*(key for key in keys if key not in gone), *added]
        if len(kept) > MAX_TILLS:
            raise Refused(f"a merchant has at most {MAX_TILLS} tills; remove one first")
        plan = number(record["plan"])
        if analytics is not None:
            plan = plan | ANALYTICS if analytics else plan & ~ANALYTICS
        call = chain.compose(
            "PayFi.configure", currency=_hex((unit.code if unit else view.currency).encode()),
            plan=plan, policy=record["policy"], till_keys=kept, meta=record["meta"],
        )  # fmt: skip
        tills_ = f"{len(kept)} {'till' if len(kept) == 1 else 'tills'}"
        code_ = unit.code if unit else view.currency
        sentence = f"Configure the merchant: {tills_}, invoices in {code_}."
        return sentence, call, "The merchant is configured."

    send(url, timeout, sender, make)


@examples(
    "btt-chain merchant show //Alice", "btt-chain merchant show //Alice --payment 17 --json",
    "btt-chain merchant show //Alice --reference 0x00c1ff8a934d27b6e51902f37a84be6d "
    "--amount 50.00CNY",
)  # fmt: skip
@merchant.command("show")
@click.argument("account")
@click.option("--payment", "id", type=PAYMENT_ID, help="Show one payment, by its number.")
@click.option("--reference", metavar="HEX", help="Show the payment of an invoice; with --amount.")
@click.option("--amount", help="Amount of that invoice, as 50.00CNY. [currency: the merchant's]")
@query_options
def show_(
    account: str, id: int | None, reference: str | None, amount: str | None, url: str,
    timeout: float, as_json: bool,
) -> None:  # fmt: skip
    """Show a merchant, or one of its payments."""
    from cli.common.merchants import (
        InvoiceKey,
        amount_with_currency,
        bucket_ms,
        currency_named,
        exact,
        existing,
        paid_with,
        registered,
        span_of,
        time_of,
    )

    if (reference is None) != (amount is None):
        raise Mistyped("give both --reference and --amount, or neither: an invoice has both")

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            who = read_account(account, chain.metadata.prefix)
            view = await registered(chain, who)
            number = id
            if reference is not None and amount is not None:
                units, unit = amount_with_currency(amount, currency_named(view.currency))
                asked = InvoiceKey(_reference(reference), unit, int(units))
                found = await paid_with(chain, who, asked)
                if found is None:
                    kept = await span_of(chain, days=15)
                    raise NotFound(f"no invoice of this reference and amount was paid in {kept}")
                number = found.payment
            if number is not None:
                payment = await existing(chain, number)
                if payment.merchant != who:
                    raise NotFound(f"payment {number} is of another merchant")
                due_ms = payment.bucket * await bucket_ms(chain)
                _show_payment(chain, payment, due_ms, await time_of(chain), as_json)
                return
            money = chain.metadata.currency
            record = await chain.storage("PayFi.Merchants", _hex(who))
            if as_json:
                show.document({"account": chain.metadata.address(who), "name": view.name,
                               "record": exact(record)})  # fmt: skip
                return
            show.record(
                {"account": chain.metadata.address(who), "name": view.name or "not judged",
                 "category": f"{view.category:04}", "currency": view.currency,
                 "state": _state(record, await time_of(chain)),
                 "free bond": money.format(view.free_bond),
                 "tills": [chain.metadata.address(key) for key in view.tills] or "none"}
            )  # fmt: skip

    run(work())


@examples(
    "btt-chain merchant refund 17 --from till.txt",
    "btt-chain merchant refund 17 --amount 0.5BTT --from //Alice",
)
@merchant.command(cls=SendingCommand)
@click.argument("payment", type=PAYMENT_ID)
@click.option("--amount", help="Part in BTT. [default: all that is left]")
@call_options
def refund(
    payment: int, amount: str | None, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Give a payment back. Before settlement no fee is due; later the fee stays paid."""
    from cli.common.merchants import existing, merchant_of

    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        found = await existing(chain, payment)
        view = await merchant_of(chain, found.merchant)
        tills = () if view is None else view.tills
        if sender.pair.account_id not in (found.merchant, *tills):
            raise Refused(
                f"payment {payment} was made to {chain.metadata.address(found.merchant)}: that "
                "account or one of its tills gives it back"
            )
        money = chain.metadata.currency
        left = found.gross - found.refunded
        value = left if amount is None else planck(money, amount)
        if not 0 < value <= left:
            raise Refused(f"only {money.format(left)} are left of payment {payment}")
        where = (
            "out of what waits for settlement, without a fee"
            if found.state == "Pending"
            else "out of the merchant's own money; the fee stays paid"
        )
        call = chain.compose("PayFi.refund", payment=payment, amount=value)
        payer = chain.metadata.address(found.payer)
        return (
            f"Give {money.format(value)} of payment {payment} back to {payer}, {where}.",
            call,
            f"{payer} has {money.format(value)} back.",
        )

    send(url, timeout, sender, make)


@examples(
    "btt-chain merchant answer 17 --accept --from //Alice",
    "btt-chain merchant answer 17 --contest 0x4fd3... --from //Alice",
)
@merchant.command(cls=SendingCommand)
@click.argument("payment", type=PAYMENT_ID)
@click.option("--accept", is_flag=True, help="Accept: the payer gets the disputed amount.")
@click.option("--contest", type=Digest(), help="Contest, with blake2_256 of the evidence.")
@call_options
def answer(
    payment: int, accept: bool, contest: str | None, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Answer the dispute of a payment; without an answer in time the payer wins.

    The time is 72 hours of the chain, which are short on development chains; `dispute show` shows
    its end.
    """
    from cli.common.merchants import existing

    if accept == (contest is not None):
        raise Mistyped("give either --accept or --contest")
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        found = await existing(chain, payment)
        if found.merchant != sender.pair.account_id:
            merchant = chain.metadata.address(found.merchant)
            raise Refused(f"payment {payment} was made to {merchant}, which answers its dispute")
        if found.state != "Disputed":
            raise Refused(f"no dispute of payment {payment} is open")
        value: Plain = "Accept" if accept else {"Contest": contest}
        call = chain.compose("PayFi.answer", payment=payment, answer=value)
        if accept:
            return f"Accept the dispute of payment {payment}.", call, "The payer is paid."
        return (
            f"Contest the dispute of payment {payment}; a panel decides.",
            call,
            "The dispute goes to a panel.",
        )

    send(url, timeout, sender, make)


@examples("btt-chain merchant report //Alice", "btt-chain merchant report //Alice --json")
@merchant.command()
@click.argument("account")
@query_options
def report(account: str, url: str, timeout: float, as_json: bool) -> None:
    """Show the last 30 days of a merchant with the analytics plan."""
    from cli.common.merchants import exact, fields, number, registered

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            who = read_account(account, chain.metadata.prefix)
            await registered(chain, who)
            found = await chain.storage("PayFi.Reports", _hex(who))
            if found is None:
                raise NotFound(
                    "the chain keeps no reports of this merchant: choose the plan with "
                    "`btt-chain merchant configure --analytics`"
                )
            if as_json:
                show.document(exact(found))
                return
            days = fields(found)["days"]
            rows = [fields(day) for day in (days if isinstance(days, list) else [])]
            money, today = chain.metadata.currency, number(fields(found)["day"])
            show.table(
                [">day", ">payments", ">gross", ">fees", ">returned", ">refunded", ">disputes",
                 ">lost"],
                [
                    [str(today - at), str(day["payments"]), money.format(number(day["gross"])),
                     money.format(number(day["fees"])), money.format(number(day["returned"])),
                     money.format(number(day["refunded"])), str(day["disputes"]),
                     str(day["lost"])]
                    for at, day in enumerate(rows)
                ],
            )  # fmt: skip

    run(work())


def _state(record: Plain, now_ms: int) -> str:
    """Return the state of a merchant in words."""
    from cli.common.merchants import fields, number, variant, when

    state = fields(record)["state"]
    match variant(state):
        case "Active":
            return "active"
        case "Suspended":
            cause = variant(fields(fields(state)["Suspended"])["cause"])
            return f"suspended: {CAUSES.get(cause, cause)}"
        case name:
            until = number(fields(fields(state)[name])["until"])
            return f"closing; the bond can be released from {when(until, now_ms)} on"


def _show_payment(
    chain: Chain, found: PaymentView, due_ms: int, now_ms: int, as_json: bool
) -> None:
    from cli.common.merchants import when

    amounts = {
        "gross": found.gross, "fee": found.fee, "disputed": found.disputed,
        "returned": found.returned, "refunded": found.refunded,
    }  # fmt: skip
    about = {
        "payment": str(found.id),
        "state": found.state.lower(),
        "payer": chain.metadata.address(found.payer),
        "amount": found.amount,
    }
    place = {"bucket": str(found.bucket), "reference": _hex(found.reference)}
    if as_json:
        exact = {name: str(value) for name, value in amounts.items()}
        times = {"paidMs": str(found.paid_ms), "dueMs": str(due_ms)}
        show.document({**about, **exact, **place, **times})
        return
    money = chain.metadata.currency
    shown = {name: money.format(value) for name, value in amounts.items()}
    times = {"paid": when(found.paid_ms, now_ms).removesuffix(" (over)")}
    if found.state == "Pending":
        times["settles"] = when(due_ms, now_ms)
    show.record({**about, **shown, **times, **place})


def _accounts(chain: Chain, given: tuple[str, ...]) -> list[str]:
    found = [_hex(account(each, chain.metadata.prefix)) for each in given]
    return list(dict.fromkeys(found))


def _reference(text: str) -> bytes:
    raw = from_hex(text, "the reference")
    if len(raw) != 16:
        raise Mistyped("a reference is 0x and 32 hex digits")
    return raw


def _hex(raw: bytes) -> str:
    return "0x" + bytes(raw).hex()
