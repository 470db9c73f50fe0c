"""`btt-chain facility place|offers|contribute|attest|credential|top-up`: partners and others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from btt_chain.client.views import ViewClient
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16
from cli.common.errors import Mistyped
from cli.common.files import hash_of
from cli.common.options import Group
from cli.common.working import read_id
from cli.declared import Input, composed, query, send
from runtime.apis.incentives import IncentivesApi
from runtime.frame.aliases import Balance
from runtime.pallets.facilities import Facilities
from runtime.pallets.incentives import Incentives, Offer, events
from runtime.pallets.incentives.types import MAX_HOURS, MAX_OFFER_DAYS, Credential
from runtime.pallets.tokenomics.types import NO_HASH

DOCUMENT = Input("FILE|HASH")

roles = Group("roles")
"""Commands that `btt-chain facility` has."""


def document_hash(typed: str, what: str) -> H256:
    """Return the SHA-256 hash of a file, or a hash in hex. Mistyped if it is neither."""
    path = Path(typed)
    if path.is_file():
        return hash_of(path)
    if not typed.startswith("0x"):
        raise Mistyped(f"{typed!r} is not a file; name the file of the {what}, or its hash in hex")
    return H256(read_id(typed, what))


# ---- partners


@composed(
    roles, Incentives.place, "btt-chain facility place offer.pdf --days 30 --from partner.key",
    "btt-chain facility place 0x5151515151515151515151515151515151515151515151515151515151515151"
    " --days 7 --from partner.key", event=events.OfferPlaced, done="placed, in block {block}",
)  # fmt: skip
def place(
    offer: Annotated[str, DOCUMENT],
    days: Annotated[
        u16, Input(help="For how many days of the chain.", least=1, most=MAX_OFFER_DAYS)
    ],
) -> dict[str, object]:
    """Place an offer, as a partner, at which patients redeem points; or extend it.

    It costs 5 BTT a day (`Incentives.PlacementFee`). You publish the document yourself; only its
    SHA-256 hash goes to the chain. Each redemption pays you the worth of the points less 2 percent.
    """
    return {"offer": document_hash(offer, "offer"), "days": days}


@query(
    roles, "btt-chain facility offers //Dave", "btt-chain facility offers //Dave --json",
    columns={"offer": "hash", "ends": "until"}, empty="the account has no offer in place",
)  # fmt: skip
async def offers(chain: ViewClient, partner: Annotated[AccountId, Input("PARTNER")]) -> list[Offer]:
    """List the offers of a partner at which points can be redeemed now."""
    return await chain.api(IncentivesApi.offers, partner)


# ---- insurers


@composed(
    roles, Incentives.contribute_savings,
    "btt-chain facility contribute 2000BTT --memo report.pdf --from insurer.key",
    "btt-chain facility contribute 2000BTT --from insurer.key",
    event=events.SavingsContributed, done="contributed, in block {block}",
)  # fmt: skip
def contribute(
    amount: Balance,
    memo: Annotated[
        str | None,
        Input(
            "FILE|HASH",
            "A document about the savings; only its SHA-256 hash goes to the chain.",
        ),
    ],
) -> dict[str, object]:
    """Give a part of realized savings to the pool of incentives, as an insurer.

    It is part of the budget of the following months, and is not paid back.
    """
    return {"amount": amount, "memo": NO_HASH if memo is None else document_hash(memo, "memo")}


# ---- educators


@composed(
    roles, Incentives.attest_credential,
    "btt-chain facility attest //Eve certificate.pdf --hours 8 --from educator.key",
    event=events.CredentialAttested, done="attested, in block {block}",
)  # fmt: skip
def attest(
    who: AccountId,
    credential: Annotated[str, DOCUMENT],
    hours: Annotated[u16, Input(help="Hours of education, 1 to 1000.", least=1, most=MAX_HOURS)],
) -> dict[str, object]:
    """Attest a credential of continuing education of an account, as an educator, once.

    It costs 20 BTT, and counts 3 points of a staker's contributions. Only the SHA-256 hash of the
    document goes to the chain: give the document a random number, or the hash of a text that can
    be guessed says what it is.
    """
    return {
        "who": Id(who), "credential": document_hash(credential, "credential"), "hours": hours,
    }  # fmt: skip


@query(
    roles, "btt-chain facility credential //Eve certificate.pdf",
    missing="no educator attested this credential for {who}, or it has expired",
)  # fmt: skip
async def credential_(
    chain: ViewClient, who: AccountId, credential: Annotated[str, DOCUMENT]
) -> Credential | None:
    """Check a credential: which educator attested it for an account, and its hours.

    Exit code 4 if it is not attested. The chain keeps credentials for 24 months.
    """
    document = document_hash(credential, "credential")
    return await chain.storage(Credential, "Incentives.Credentials", who, document)


# ---- any facility

send(
    roles, "top-up", Facilities.top_up, "btt-chain facility top-up --from clinic.key",
    help="Restore the bond of your facility to that of its kind, after a penalty.",
    done="the bond is whole, in block {block}",
)  # fmt: skip
