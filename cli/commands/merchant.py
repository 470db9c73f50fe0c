"""`btt-chain merchant`: register, configure, charge, refund, and look at payments."""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.client.merchants import judged_name, merchant_of
from btt_chain.client.transactions import Call, Included
from btt_chain.client.views import ViewClient, event_of, events_of
from btt_chain.present import Context, record, rule
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.voucher import VOUCHER, Voucher
from btt_chain.scale import DecodeError, u64
from cli.commands.merchant_statement import statement
from cli.commands.merchant_watch import watch
from cli.common import show
from cli.common.calls import one_call
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.merchants import (
    amount_with_currency,
    currency_named,
    ensure_money,
    existing,
    invoice_of,
    invoice_paid,
    letters_of,
    merchant_record,
    priced,
    rates_of,
    span_of,
    time_of,
    when,
)
from cli.common.options import Group
from cli.common.sending import Sender
from cli.common.session import from_hex
from cli.common.types import Category as CategoryType
from cli.common.types import Digest
from cli.declared import Arguments, Chosen, composed, program, query, send
from cli.parameters import Input, context_of
from runtime.frame.aliases import Balance
from runtime.pallets.payfi.api import PayFiApi, PaymentView
from runtime.pallets.payfi.calendar import REFUND_DAYS
from runtime.pallets.payfi.dispute_types import Accept, Contest
from runtime.pallets.payfi.events import (
    Authorised,
    Captured,
    Charged,
    Closed,
    Configured,
    Refunded,
    Voided,
)
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.payfi.types import (
    ANALYTICS,
    MAX_TILLS,
    Category,
    Cause,
    Merchant,
    MerchantClosing,
    MerchantState,
    MerchantSuspended,
    PaymentId,
    PaymentState,
    Report,
)

CAUSES: Final = {
    Cause.Governance: "by governance, which lifts it",
    Cause.Disputes: "too many lost disputes; governance lifts it",
    Cause.Bond: "disputes used up the bond; a full one lifts it (`btt-chain merchant bond`)",
}

REFERENCE: Final = 16
"""Bytes of a reference."""

merchant = Group(
    "merchant",
    help="Be paid: register, watch payments, refund, answer disputes, get statements.",
)
for _command in (watch, statement):
    merchant.add_command(_command)


# ---- registration


@composed(
    merchant, PayFi.register,
    "btt-chain merchant register --category 5814 --currency CNY --from //Alice",
    "btt-chain merchant register --category 8099 --till 5FHneW46... --analytics --from key.txt",
    done="The account is a merchant now.",
)  # fmt: skip
async def register(
    chain: ViewClient,
    sender: Sender,
    category: Annotated[
        Category,
        Input(
            help="Category of the business: four digits of ISO 18245, as 5814 for a café.",
            type=CategoryType(),
        ),
    ],
    currency: Annotated[
        str, Input(help="Currency of invoices.", default="BTT", check=currency_named)
    ],
    till: Annotated[
        list[AccountId],
        Input("ACCOUNT", "A key that signs invoices and refunds; give it once for each till."),
    ],
    analytics: Annotated[bool, Input(help="Have the chain keep reports, for 0.25 %.")],
    meta: Annotated[
        H256,
        Input("HEX", "blake2_256 of the public description of the business.", to_hex(bytes(32))),
    ],
) -> Arguments | Call:
    """Register the account of --from as a merchant; a bond is put on hold."""
    code = currency_named(currency).code
    address = chain.chain.metadata.address(sender.account)
    if await chain.api(PayFiApi.merchant, AccountId(sender.account)) is not None:
        raise Refused(f"{address} is a merchant already; see `btt-chain merchant configure`")
    bond = int((await rates_of(chain.chain)).bond)
    await ensure_money(chain.chain, sender.account, bond, "the bond of a merchant")
    show.note(
        f"Register {address} as a merchant of category {category:04} with invoices in {code}; "
        f"{chain.currency.format(bond)} are put on hold as its bond."
    )
    common = {"currency": to_hex(code.encode()), "plan": ANALYTICS if analytics else 0,
              "meta": to_hex(meta)}  # fmt: skip
    registration = {"category": int(category), **common}
    if not till:
        return registration
    keys = [to_hex(key) for key in dict.fromkeys(till)]
    return one_call(
        chain.chain,
        [
            ("PayFi.register", registration),
            ("PayFi.configure", {**common, "policy": None, "till_keys": [*keys]}),
        ],
    )


@composed(
    merchant, PayFi.configure, "btt-chain merchant configure --till 5FHneW46... --from //Alice",
    event=Configured, done="The merchant is configured.",
)  # fmt: skip
async def configure(
    chain: ViewClient,
    sender: Sender,
    till: Annotated[list[AccountId], Input("ACCOUNT", "Add a key of a till.")],
    remove_till: Annotated[list[AccountId], Input("ACCOUNT", "Remove a key of a till.")],
    currency: Annotated[str | None, Input(help="Currency of invoices. [default: as it is]")],
    analytics: Annotated[bool | None, Input(help="Have reports kept, or not. [default: as it is]")],
) -> Chosen:
    """Change tills, currency or plan of the merchant; the rest stays as it is."""
    if not (till or remove_till or currency) and analytics is None:
        raise Mistyped("nothing would change: give --till, --remove-till, --currency or a plan")
    now = (await merchant_record(chain.chain, sender.account)).merchant
    for key in remove_till:
        if key not in now.till_keys:
            raise NotFound(f"{chain.chain.metadata.address(key)} is not a till")
    keys = dict.fromkeys([*(key for key in now.till_keys if key not in remove_till), *till])
    if len(keys) > MAX_TILLS:
        raise Refused(f"a merchant has at most {MAX_TILLS} tills; remove one first")
    plan = int(now.plan)
    if analytics is not None:
        plan = plan | ANALYTICS if analytics else plan & ~ANALYTICS
    code = currency_named(currency).code if currency else letters_of(now.currency)
    show.note(f"Configure the merchant: {show.counted(len(keys), 'till')}, invoices in {code}.")
    arguments = {
        "currency": code.encode(), "plan": plan, "policy": now.policy, "till_keys": [*keys],
        "meta": now.meta,
    }  # fmt: skip
    return Chosen(arguments, {"currency": code, "analytics": bool(plan & ANALYTICS)})


send(
    merchant, "bond", PayFi.bond_extra, "btt-chain merchant bond 500BTT --from //Alice",
    help="""Add AMOUNT to the bond: it pays what the merchant loses in late disputes.

    A bond that is full, and covers all open disputes, lifts a suspension for a missing bond.
    """,
    event=Configured, done="The bond is {bond} now.",
)  # fmt: skip


def closing(sent: Included) -> dict[str, object]:
    """Return True as `closed` if the call released the bond."""
    return {"closed": bool(events_of(sent, "PayFi.Closed", Closed))}


@composed(
    merchant, PayFi.close, "btt-chain merchant close --from //Alice", facts=closing,
    done=lambda values, _: (
        "The account is no longer a merchant." if values.closed
        else "The merchant is closing; run this command again to release the bond."
    ),
)  # fmt: skip
async def close(chain: ViewClient, sender: Sender) -> Arguments:
    """Accept no payments any more; a second time, 15 days of the chain later: release the bond."""
    now = (await merchant_record(chain.chain, sender.account)).merchant
    bond = chain.currency.format(int(now.bond))
    if not isinstance(now.state, MerchantClosing):
        wait = await span_of(chain.chain, days=REFUND_DAYS)
        show.note(
            "Accept no payments any more; what is pending settles, and the bond of "
            f"{bond} can be released in {wait}."
        )
        return {}
    until, time = int(now.state.until), await time_of(chain.chain)
    if time < until:
        raise Refused(f"the bond can be released from {when(until, time)} on")
    if now.disputes:
        raise Refused(f"open disputes: {now.disputes}; the bond waits for their end")
    show.note(f"Release the bond of {bond}.")
    return {}


# ---- queries


def check_invoice(reference: str | None, amount: str | None, **_: object) -> None:
    """Check that an invoice has both of its parts. Raises Mistyped."""
    if (reference is None) != (amount is None):
        raise Mistyped("give both --reference and --amount, or neither: an invoice has both")


@program(
    merchant,
    "btt-chain merchant show //Alice", "btt-chain merchant show //Alice --payment 17 --json",
    "btt-chain merchant show //Alice --reference 0x00c1ff8a934d27b6e51902f37a84be6d "
    "--amount 50.00CNY", check=check_invoice,
)  # fmt: skip
async def show_(
    chain: ViewClient,
    as_json: bool,
    account: AccountId,
    payment: Annotated[u64 | None, Input(help="Show one payment, by its number.")],
    reference: Annotated[
        str | None, Input("HEX", "Show the payment of an invoice; with --amount.")
    ],
    amount: Annotated[
        str | None, Input(help="Amount of that invoice, as 50.00CNY. [currency: the merchant's]")
    ],
) -> None:
    """Show a merchant, or one of its payments."""
    context, now_ms = await context_of(chain), await time_of(chain.chain)
    view = (await merchant_record(chain.chain, account)).merchant
    shown = None if payment is None else await existing(chain.chain, payment)
    if reference is not None and amount is not None:
        shown = await paid(chain, account, reference, amount, letters_of(view.currency))
    if shown is None:
        name = await judged_name(chain.chain, account)
        if as_json:
            address = chain.chain.metadata.address(account)
            stored = record(Merchant).json(view, context)
            show.document({"account": address, "name": name, "record": stored})
        else:
            print_merchant(account, name, view, context, now_ms)
    elif shown.payment.merchant != account:
        raise NotFound(f"payment {shown.id} is of another merchant")
    elif as_json:
        show.document(record(PaymentView).json(shown, context))
    else:
        print_payment(shown, context, now_ms)


async def paid(
    chain: ViewClient, merchant: AccountId, reference: str, amount: str, default: str
) -> PaymentView:
    """Return the payment of an invoice; `default` is its currency. Raises NotFound, Mistyped."""
    raw = from_hex(reference, "the reference")
    if len(raw) != REFERENCE:
        raise Mistyped("a reference is 0x and 32 hex digits")
    units, unit = amount_with_currency(amount, currency_named(default))
    payment = await invoice_paid(chain.chain, merchant, invoice_of(raw, unit, units))
    if payment is None:
        kept = await span_of(chain.chain, days=REFUND_DAYS)
        raise NotFound(f"no invoice of this reference and amount was paid in {kept}")
    return payment


def print_merchant(
    who: AccountId, name: str | None, merchant: Merchant, context: Context, now_ms: int
) -> None:
    """Print a merchant with its judged name."""
    address, money = rule(AccountId), rule(Balance)
    show.record(
        {
            "account": address.text(who, context),
            "name": name or "not judged",
            "category": f"{merchant.category:04}",
            "currency": letters_of(merchant.currency),
            "state": state_of(merchant.state, now_ms),
            "free bond": money.text(merchant.bond - merchant.reserved, context),
            "tills": [address.text(key, context) for key in merchant.till_keys] or "none",
        }
    )


def state_of(state: MerchantState, now_ms: int) -> str:
    """Return the state of a merchant as text."""
    match state:
        case MerchantSuspended(cause=cause):
            return f"suspended: {CAUSES[cause]}"
        case MerchantClosing(until=until):
            return f"closing; the bond can be released from {when(int(until), now_ms)} on"
    return "active"


def print_payment(view: PaymentView, context: Context, now_ms: int) -> None:
    """Print a payment."""
    payment, money = view.payment, context.currency.format
    lines = {
        "payment": str(view.id),
        "state": rule(PaymentState).text(view.state, context),
        "payer": rule(AccountId).text(payment.payer, context),
        "amount": priced(payment.units, payment.currency),
        "gross": money(int(payment.legs.gross)),
        "fee": money(payment.legs.fee),
        "disputed": money(int(view.disputed)),
        "returned": money(int(payment.returned)),
        "refunded": money(int(payment.refunded)),
        "paid": when(int(payment.paid_ms), now_ms).removesuffix(" (over)"),
    }
    if view.state is PaymentState.Pending:
        lines["settles"] = when(int(view.due_ms), now_ms)
    lines |= {"bucket": str(payment.bucket), "reference": to_hex(payment.reference)}
    show.record(lines)


def print_report(report: Report, context: Context) -> None:
    """Print a report, a day a row."""
    show.table(
        [">day", ">payments", ">gross", ">fees", ">returned", ">refunded", ">disputes", ">lost"],
        [
            [str(int(report.day) - age), str(day.payments),
             *(context.currency.format(int(sum_))
               for sum_ in (day.gross, day.fees, day.returned, day.refunded)),
             str(day.disputes), str(day.lost)]
            for age, day in enumerate(report.days)
        ],
    )  # fmt: skip


@query(
    merchant, "btt-chain merchant report //Alice", "btt-chain merchant report //Alice --json",
    view=print_report,
    missing="the chain keeps no reports of {account}: a merchant chooses the plan with "
    "`btt-chain merchant configure --analytics`",
)  # fmt: skip
async def report(chain: ViewClient, account: AccountId) -> Report | None:
    """Show the last 30 days of a merchant with the analytics plan."""
    return await chain.api(PayFiApi.report, account)


# ---- payments


@composed(
    merchant, PayFi.refund,
    "btt-chain merchant refund 17 --from till.txt",
    "btt-chain merchant refund 17 --amount 0.5BTT --from //Alice",
    event=Refunded, done="{payer} has {amount} back.",
)  # fmt: skip
async def refund(
    chain: ViewClient,
    sender: Sender,
    payment: PaymentId,
    amount: Annotated[Balance | None, Input(help="Part in BTT. [default: all that is left]")],
) -> Arguments:
    """Give a payment back. Before settlement no fee is due; later the fee stays paid."""
    view = await existing(chain.chain, payment)
    paid, address = view.payment, chain.chain.metadata.address
    shop = await merchant_of(chain.chain, paid.merchant)
    if sender.account not in (paid.merchant, *(() if shop is None else shop.tills)):
        raise Refused(
            f"payment {payment} was made to {address(paid.merchant)}: that account or one of its "
            "tills gives it back"
        )
    left = int(paid.legs.gross) - int(paid.refunded)
    value = left if amount is None else int(amount)
    if not 0 < value <= left:
        raise Refused(f"only {chain.currency.format(left)} are left of payment {payment}")
    source = (
        "out of what waits for settlement, without a fee"
        if view.state is PaymentState.Pending
        else "out of the merchant's own money; the fee stays paid"
    )
    show.note(
        f"Give {chain.currency.format(value)} of payment {payment} back to {address(paid.payer)}, "
        f"{source}."
    )
    return {"payment": payment, "amount": value}


@composed(
    merchant, PayFi.answer,
    "btt-chain merchant answer 17 --accept --from //Alice",
    "btt-chain merchant answer 17 --contest 0x4fd3... --from //Alice",
    done=lambda values, _: (
        "The payer is paid." if values.accept else "The dispute goes to a panel."
    ),
)  # fmt: skip
async def answer(
    chain: ViewClient,
    sender: Sender,
    payment: PaymentId,
    accept: Annotated[bool, Input(help="Accept: the payer gets the disputed amount.")],
    contest: Annotated[
        H256 | None, Input(help="Contest, with blake2_256 of the evidence.", type=Digest())
    ],
) -> Arguments:
    """Answer the dispute of a payment; without an answer in time the payer wins.

    The time is 72 hours of the chain, which are short on development chains; `dispute show` shows
    its end.
    """
    if accept == (contest is not None):
        raise Mistyped("give either --accept or --contest")
    view = await existing(chain.chain, payment)
    if view.payment.merchant != sender.account:
        shop = chain.chain.metadata.address(view.payment.merchant)
        raise Refused(f"payment {payment} was made to {shop}, which answers its dispute")
    if view.state is not PaymentState.Disputed:
        raise Refused(f"no dispute of payment {payment} is open")
    show.note(
        f"Accept the dispute of payment {payment}." if contest is None
        else f"Contest the dispute of payment {payment}; a panel decides."
    )  # fmt: skip
    return {"payment": payment, "answer": Accept() if contest is None else Contest(contest)}


# ---- cards


def read_voucher(text: str) -> Voucher:
    """Return the voucher that was typed in hex. Raises Mistyped."""
    try:
        return VOUCHER.decode_all(from_hex(text, "the voucher"))
    except DecodeError as error:
        raise Mistyped(f"this is not a voucher of a card: {error}") from None


def charged(sent: Included) -> dict[str, object]:
    """Return the payment by a card, or the authorisation if its amount is on hold."""
    held = events_of(sent, "PayFi.Authorised", Authorised)
    if held:
        return {"authorisation": held[0].auth}
    return {"payment": event_of(sent, "PayFi.Charged", Charged).payment}


@composed(
    merchant, PayFi.charge_card,
    "btt-chain merchant charge 0x4254... 0x8f3a... --from till.txt",
    "btt-chain merchant charge 0x4254... 0x8f3a... --hold --from till.txt",
    facts=charged,
    pallet=PayFi, done=lambda values, _: (
        f"The amount is on hold: capture or void authorisation {values.authorisation}."
        if values.hold else f"The card paid: payment {values.payment}."
    ),
)  # fmt: skip
def charge(
    voucher: Annotated[str, Input(check=read_voucher)],
    signature: str,
    hold: Annotated[bool, Input(help="Put the amount on hold; capture it later.")],
) -> Arguments:
    """Charge a card by VOUCHER and its SIGNATURE, in hex, as `card sign` prints them."""
    content = read_voucher(voucher)
    amount = priced(content.units, content.currency)
    show.note(f"{'Put on hold' if hold else 'Charge'} {amount} of the card {to_hex(content.card)}.")
    return {"voucher": content, "signature": from_hex(signature, "the signature"),
            "capture": not hold}  # fmt: skip


send(
    merchant, "capture", PayFi.capture, "btt-chain merchant capture 3 1.5BTT --from till.txt",
    help="Take AMOUNT of what a card authorised, as a payment; AUTH is its number.",
    event=Captured, pallet=PayFi, done="It is captured: payment {payment}.",
)  # fmt: skip
send(
    merchant, "void", PayFi.void, "btt-chain merchant void 3 --from till.txt",
    help="Release what is left of what a card authorised; AUTH is its number.",
    event=Voided, pallet=PayFi, done="{released} are released.",
)  # fmt: skip
