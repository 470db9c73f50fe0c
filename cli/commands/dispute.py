"""`btt-chain dispute`: a payer's dispute of a payment."""

from __future__ import annotations

from typing import Annotated, Final

from btt_chain.client.chain import Chain
from btt_chain.client.views import ViewClient
from btt_chain.payments.privacy import account_for, path_for
from btt_chain.present import Context, rule
from btt_chain.primitives.digest import H256
from btt_chain.scale import u64, u128
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.merchants import existing, number, span_of
from cli.common.options import Group
from cli.common.sending import Sender
from cli.common.types import Digest
from cli.declared import composed, query
from cli.parameters import Input
from runtime.frame.aliases import Balance, MomentOf
from runtime.pallets.payfi import events
from runtime.pallets.payfi.api import PayFiApi, PaymentView
from runtime.pallets.payfi.dispute_phases import DisputePhase
from runtime.pallets.payfi.dispute_types import Dispute, DisputeReason, Resolution
from runtime.pallets.payfi.disputes import deposit_of
from runtime.pallets.payfi.pallet import PayFi
from runtime.pallets.tokenomics.types import NO_HASH

PHASES: Final = {
    DisputePhase.Answering: "the merchant may answer; without an answer the payer wins",
    DisputePhase.Selecting: "contested; a panel is being selected",
    DisputePhase.Judging: "a panel of arbiters decides",
    DisputePhase.Ended: "ended",
}
ENDS: Final = {
    Resolution.Accepted: "the merchant accepted it",
    Resolution.NoAnswer: "the merchant did not answer",
    Resolution.Withdrawn: "the payer withdrew it",
    Resolution.NoPanel: "no arbiter answered: the merchant keeps it",
    Resolution.Panel: "a panel decided",
}

dispute = Group(
    "dispute", help="Dispute a payment: within 14 days of the chain, once, with a deposit."
)


@composed(
    dispute, PayFi.dispute, "btt-chain dispute open 17 --reason not-received --from //Bob",
    "btt-chain dispute open 17 --reason wrong-amount --amount 5BTT --evidence 0x4fd3... "
    "--from //Bob", event=events.Disputed, done="The dispute is open.",
)  # fmt: skip
async def open_(
    chain: ViewClient,
    payment: u64,
    reason: Annotated[DisputeReason, Input(help="Why it is disputed.")],
    amount: Annotated[
        Balance | None, Input(help="Disputed part in BTT. [default: all that is left]")
    ],
    evidence: Annotated[
        H256 | None,
        Input("HEX", "blake2_256 of the evidence, which the panel gets off chain.", type=Digest()),
    ],
    sender: Sender,
) -> dict[str, object]:
    """Dispute PAYMENT, or a part of it. Its payer signs.

    1 % of the amount is on hold as a deposit, at least 1 BTT and at most 100 BTT. The merchant has
    72 hours of the chain to answer (development chains have short hours); without an answer the
    payer wins, after a contest a panel decides. What is not disputed settles as usual.
    """
    view = await existing(chain.chain, int(payment))
    check_payer(chain.chain, view, sender)
    if await chain.api(PayFiApi.dispute, payment) is not None:
        raise Refused(
            f"payment {payment} was disputed before, and a payment is disputed once: see "
            f"`btt-chain dispute show {payment}`"
        )
    left = int(view.payment.legs.gross) - int(view.payment.refunded)
    if not left:
        raise Refused(f"nothing is left of payment {payment}: all of it went back to the payer")
    value, money = left if amount is None else int(amount), chain.currency
    if not 0 < value <= left:
        raise Mistyped(f"--amount: {money.format(left)} are left of payment {payment}")
    hours = number(chain.chain.constant("PayFi.AnswerHours"))
    why = rule(DisputeReason).text(reason, Context())
    deposit = money.format(int(deposit_of(u128(value))))
    show.note(
        f"Dispute {money.format(value)} of payment {payment} to "
        f"{chain.chain.metadata.address(view.payment.merchant)}: {why}; {deposit} are on hold as a "
        f"deposit. The merchant has {await span_of(chain.chain, hours=hours)} to answer."
    )
    return {"payment": payment, "amount": value, "reason": reason, "evidence": evidence or NO_HASH}


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


@composed(
    dispute, PayFi.withdraw_dispute, "btt-chain dispute withdraw 17 --from //Bob",
    done="The dispute is withdrawn.",
)  # fmt: skip
async def withdraw(chain: ViewClient, payment: u64, sender: Sender) -> dict[str, object]:
    """Withdraw the dispute of PAYMENT: the merchant has the money."""
    await dispute_of(chain, payment)
    check_payer(chain.chain, await existing(chain.chain, int(payment)), sender)
    show.note(f"Withdraw the dispute of payment {payment}; it cannot be disputed again.")
    return {"payment": payment}


async def dispute_of(chain: ViewClient, payment: u64) -> Dispute:
    """Return a dispute, with its deadlines as times. NotFound if there is none.

    The chain's storage has them without the time in which it stalled.
    """
    view = await chain.api(PayFiApi.dispute, payment)
    if view is None:
        raise NotFound(f"payment {payment} has no dispute")
    return view


def until(view: Dispute, context: Context) -> str:
    """Return the end of the phase of a dispute that is not decided."""
    return "-" if view.outcome else rule(MomentOf).text(view.deadline_ms, context)


@query(
    dispute, "btt-chain dispute show 17", "btt-chain dispute show 17 --json", key="payment",
    columns={
        "payment": "payment", "reason": "reason", "amount": "amount", "deposit": "deposit",
        "kind": lambda view, _: "after settlement" if view.late else "before settlement",
        "phase": lambda view, _: PHASES[view.phase], "until": until,
        "ended by": lambda view, _: ENDS[view.outcome.resolution] if view.outcome else "-",
        "to payer": "outcome.to_payer", "unpaid": "outcome.unpaid",
    },
)  # fmt: skip
async def show_(chain: ViewClient, payment: u64) -> tuple[u64, Dispute]:
    """Show the dispute of PAYMENT."""
    return payment, await dispute_of(chain, payment)
