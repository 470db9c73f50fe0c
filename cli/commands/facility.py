"""`btt-chain facility`: hospitals and other registered institutions of health care."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

from btt_chain.client.paging import PAGE, pages
from btt_chain.client.views import ViewClient
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex, whole_number
from btt_chain.primitives.iso3166 import ALPHA_2, NUMERIC
from btt_chain.scale import u16, u32
from cli.common import show
from cli.common.errors import Mistyped
from cli.common.options import Group
from cli.common.working import hash_of, read_id
from cli.declared import Chosen, composed, decided, query, send
from cli.parameters import Input
from runtime.frame.aliases import Balance, SlotOf
from runtime.pallets.facilities.api import FacilitiesApi, FacilityView, HospitalCount
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import FacilityState, Kind, Size
from runtime.pallets.incentives import events
from runtime.pallets.incentives.api import IncentivesApi
from runtime.pallets.incentives.pallet import Incentives
from runtime.pallets.incentives.types import MAX_HOURS, MAX_OFFER_DAYS, Credential, Offer
from runtime.pallets.tokenomics.types import NO_HASH

SizeOption = Annotated[Size, Input(help="Its size.", default="medium")]
Description = Annotated[
    Path | None,
    Input("FILE", "A file about it that you publish; only its SHA-256 hash goes to the chain."),
]
Meta = Annotated[str | None, Input(help="The hash of the description, in hex.")]


facility = Group(
    "facility",
    help="""Register hospitals and other institutions, and see which count.

    An institution needs an identity that a registrar judged known-good (`btt-chain identity`) and
    a bond; the technical track decides about its application. Hospitals that were active for
    thirty days count for the milestone burns.
    """,
)
facility.add_parts(
    {
        "facility_months:months": ("month", "rules", "subscribe"),
        "facility_issuing:issuing": ("claims", "close", "device", "issue", "keys", "serve", "sign"),
        "facility_audits:audits": ("answer", "appeal"),
        "facility_members:members": ("member", "subtotals"),
    }
)


# ---- queries


def country(number: int) -> str:
    """Return a country as text."""
    return f"{ALPHA_2.get(number, '?')} ({number:03})"


@query(
    facility, "btt-chain facility list", "btt-chain facility list --kind hospital --json",
    flat="facility",
    empty="there is none; `btt-chain facility apply --help` says how to register one",
    columns={
        "account": "account", "kind": "kind", "size": "size",
        "country": lambda view, _: country(view.region), "state": "state", "bond": "bond",
        "counts": "counted",
    },
)  # fmt: skip
async def list_(
    chain: ViewClient,
    kind: Annotated[Kind | None, Input(help="Facilities of this kind only.")],
) -> list[FacilityView]:
    """List the facilities."""
    facilities = pages(
        lambda after: chain.api(FacilitiesApi.facilities, after, u32(PAGE)),
        lambda view: view.account,
        first=None,
    )
    return [view async for view in facilities if kind in (None, view.facility.kind)]


def kind_and_size(view: FacilityView, context: Context) -> str:
    """Return the kind and the size of a facility."""
    kind, size = view.facility.kind, view.facility.size
    return f"{rule(Kind).text(kind, context)}, {rule(Size).text(size, context)}"


def state(view: FacilityView, context: Context) -> str:
    """Return the state of a facility, and its begin."""
    since = rule(SlotOf).text(view.facility.since, context)
    return f"{rule(FacilityState).text(view.facility.state, context)} since {since}"


def standing(view: FacilityView, context: Context) -> str:
    """Return the standing of a facility for milestones: it counts, or the missing condition."""
    if view.counted:
        return "counts"
    if view.facility.kind is not Kind.Hospital:
        return "only hospitals count"
    if view.facility.state is not FacilityState.Active:
        return f"does not count: {rule(FacilityState).text(view.facility.state, context)}"
    if not view.known_good or view.next is None:
        return "does not count: its identity needs a new judgement"
    return f"may count at its review after {rule(SlotOf).text(view.next, context)}"


@query(
    facility, "btt-chain facility show //Bob", flat="facility",
    missing="{account} is not a facility; `btt-chain facility list` shows them",
    columns={
        "account": "account", "operator": "operator", "kind": kind_and_size,
        "country": lambda view, _: country(view.region), "sensitive": "sensitive", "bond": "bond",
        "state": state,
        "identity": lambda view, _: "known-good" if view.known_good
        else "not judged known-good now",
        "description": "meta", "for milestones": standing,
    },
)  # fmt: skip
async def show_(chain: ViewClient, account: AccountId) -> FacilityView | None:
    """Show a facility, and what is missing for it to count."""
    return await chain.api(FacilitiesApi.facility, account)


def print_count(hospitals: HospitalCount, context: Context) -> None:
    """Print the number of hospitals, and the burns."""
    counted = hospitals.counted
    show.record({"hospitals that count": str(counted), "active hospitals": str(hospitals.active)})
    show.table(
        ["burn", ">at hospitals", ">amount", "state"],
        [
            [
                burn.id.name,
                str(burn.hospitals),
                context.currency.format(int(burn.amount)),
                burn_state(burn.id.name, counted, burn.hospitals, burn.executed_at),
            ]
            for burn in hospitals.burns
        ],
    )


@query(facility, "btt-chain facility count", view=print_count)
async def count(chain: ViewClient) -> HospitalCount:
    """Show how many hospitals count, and what the milestone burns need."""
    return await chain.api(FacilitiesApi.count)


def burn_state(name: str, counted: int, needed: int, executed: int | None) -> str:
    """Return the conditions of the burn `name` that are not met, at a number of hospitals."""
    if executed is not None:
        return f"executed in slot {int(executed)}"
    if counted < needed:
        return f"{int(needed) - int(counted)} missing"
    return f"due: `btt-chain tx call Tokenomics.execute_milestone_burn {name} --from URI`"


# ---- calls of institutions


@composed(
    facility, Facilities.apply,
    "btt-chain facility apply hospital --country CN --from //Bob",
    "btt-chain facility apply clinic --country 276 --size small --description about.pdf \\",
    "    --from key.txt", done="applied, in block {block}",
)  # fmt: skip
def apply(
    kind: Kind,
    country: Annotated[str, Input(help="Two letters, or number, of ISO 3166-1.")],
    size: SizeOption,
    sensitive: Annotated[bool, Input(help="Being a patient here is a diagnosis.")],
    description: Description,
    meta: Meta,
) -> Chosen:
    """Apply to be a facility. Its bond goes on hold: 10,000, 1,000 or 500 BTT by kind.

    The bond comes back if the application is refused or withdrawn, and four weeks of decisions
    after leaving.
    """
    hash = meta_of(description, meta)
    arguments = {
        "kind": kind, "size": size, "region": country_number(country), "sensitive": sensitive,
        "meta": hash,
    }  # fmt: skip
    return Chosen(arguments, {"meta": to_hex(hash)})


@composed(
    facility, Facilities.update,
    "btt-chain facility update --size large --description about.pdf --from //Bob",
    done="updated, in block {block}",
)  # fmt: skip
def update(size: SizeOption, description: Description, meta: Meta) -> Chosen:
    """Change the size and the description of your facility."""
    hash = meta_of(description, meta)
    return Chosen({"size": size, "meta": hash}, {"meta": to_hex(hash)})


send(
    facility, "leave", Facilities.leave, "btt-chain facility leave --from //Bob",
    help="Leave, or withdraw an application; the bond comes back, after leaving by itself.",
    done="you left, in block {block}",
)  # fmt: skip
send(
    facility, "top-up", Facilities.top_up, "btt-chain facility top-up --from clinic.key",
    help="Restore the bond of your facility to that of its kind, after a penalty.",
    done="the bond is whole, in block {block}",
)  # fmt: skip

# ---- calls of decisions


@decided(
    facility, Facilities.confirm, "btt-chain facility confirm //Bob",
    "btt-chain facility confirm //Bob --sudo --from //Alice", track="technical",
    done="confirmed, in block {block}",
)  # fmt: skip
def confirm(who: AccountId) -> dict[str, object]:
    """Have an application confirmed: print the proposal, or send it as sudo."""
    return {"who": Id(who)}


@decided(
    facility, Facilities.refuse, "btt-chain facility refuse //Bob", track="technical",
    done="refused, in block {block}",
)  # fmt: skip
def refuse(who: AccountId) -> dict[str, object]:
    """Have an application refused: print the proposal, or send it as sudo."""
    return {"who": Id(who)}


class Track(IntEnum):
    """A track that may suspend a facility."""

    Emergency = 0
    Technical = 1


def suspended(values: SimpleNamespace, _: Context) -> str:
    """Return the result of a suspension."""
    return f"{'the suspension ended' if values.end else 'suspended'}, in block {values.block}"


@decided(
    facility, Facilities.suspend, "btt-chain facility suspend //Bob",
    "btt-chain facility suspend //Bob --end --track technical", done=suspended,
)  # fmt: skip
def suspend(
    who: AccountId,
    end: Annotated[bool, Input(help="End the suspension.")],
    track: Annotated[Track, Input(help="Who is to decide.", default="technical")],
) -> dict[str, object]:
    """Have a facility suspended, or its suspension ended: print the proposal, or send it."""
    del track  # read by the command
    return {"who": Id(who), "suspended": not end}


# ---- arguments


def country_number(given: str) -> int:
    """Return the number of a country, given by its letters or number. Mistyped if it has none."""
    number = whole_number(given, 999) or NUMERIC.get(given.upper(), 0)
    if number not in ALPHA_2:
        raise Mistyped(f"{given!r} is not a country of ISO 3166-1: write letters as CN, or 156")
    return number


def meta_of(description: Path | None, meta: str | None) -> H256:
    """Return the hash of a description; zeros without one. Mistyped if both are given."""
    if description is not None and meta is not None:
        raise Mistyped("give --description or --meta, not both")
    if description is not None:
        return hash_of(description)
    return H256(bytes(32)) if meta is None else H256(read_id(meta, "hash"))


# ---- partners, insurers, educators

DOCUMENT = Input("FILE|HASH")


def document_hash(typed: str, what: str) -> H256:
    """Return the SHA-256 hash of a file, or a hash in hex. Mistyped if it is neither."""
    path = Path(typed)
    if path.is_file():
        return hash_of(path)
    if not typed.startswith("0x"):
        raise Mistyped(f"{typed!r} is not a file; name the file of the {what}, or its hash in hex")
    return H256(read_id(typed, what))


@composed(
    facility, Incentives.place, "btt-chain facility place offer.pdf --days 30 --from partner.key",
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
    facility, "btt-chain facility offers //Dave", "btt-chain facility offers //Dave --json",
    columns={"offer": "hash", "ends": "until"}, empty="the account has no offer in place",
)  # fmt: skip
async def offers(chain: ViewClient, partner: Annotated[AccountId, Input("PARTNER")]) -> list[Offer]:
    """List the offers of a partner at which points can be redeemed now."""
    return await chain.api(IncentivesApi.offers, partner)


@composed(
    facility, Incentives.contribute_savings,
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


@composed(
    facility, Incentives.attest_credential,
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
    facility, "btt-chain facility credential //Eve certificate.pdf",
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
