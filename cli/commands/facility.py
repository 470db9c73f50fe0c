"""`btt-chain facility`: hospitals and other registered institutions of health care."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import click

from btt_chain.client.paging import pages
from btt_chain.client.views import ViewClient
from btt_chain.present import Context
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import whole_number
from btt_chain.primitives.iso3166 import ALPHA_2, NUMERIC
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32
from cli.commands import (
    facility_audits,
    facility_issuing,
    facility_members,
    facility_months,
    facility_roles,
)
from cli.commands.gov_calls import address_of, slot_now
from cli.commands.gov_view import when
from cli.common import show
from cli.common.deciding import decide, deciding_options
from cli.common.errors import Mistyped, NotFound
from cli.common.options import Group, examples, query_options
from cli.common.session import run
from cli.common.types import kebab, words_of
from cli.common.working import account, properties, read_id, view_chain
from cli.declared import Input, composed, query, send
from runtime.pallets.facilities.api import PAGE, FacilitiesApi, FacilityView, HospitalCount
from runtime.pallets.facilities.pallet import Facilities
from runtime.pallets.facilities.types import FacilityState, Kind, Size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from btt_chain.client.amount import Currency

KINDS: Final = words_of(Kind)

account_argument = click.argument("who", metavar="ACCOUNT")
SizeOption = Annotated[Size, Input(help="Its size.", default="medium")]
Description = Annotated[
    Path | None,
    Input("FILE", "A file about it that you publish; only its SHA-256 hash goes to the chain."),
]
Meta = Annotated[str | None, Input(help="The hash of the description, in hex.")]


@click.group(cls=Group)
def facility() -> None:
    """Register hospitals and other institutions, and see which count.

    An institution needs an identity that a registrar judged known-good (`btt-chain identity`) and
    a bond; the technical track decides about its application. Hospitals that were active for
    thirty days count for the milestone burns.
    """


for _part in (
    facility_months, facility_issuing, facility_audits, facility_members, facility_roles,
):  # fmt: skip
    for _command in _part.COMMANDS:
        facility.add_command(_command)


# ---- queries


@examples("btt-chain facility list", "btt-chain facility list --kind hospital --json")
@facility.command("list")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Facilities of this kind only.")
@query_options
def list_(kind: str | None, url: str, timeout: float, as_json: bool) -> None:
    """List the facilities."""

    async def ask() -> tuple[list[FacilityView], Currency, int]:
        async with view_chain(url, timeout) as chain:
            currency, prefix = chain.currency, chain.prefix
            return [view async for view in _all(chain)], currency, prefix

    found, currency, prefix = run(ask())
    if kind is not None:
        found = [view for view in found if view.facility.kind is KINDS[kind]]
    if as_json:
        show.document([facts(view, prefix) for view in found])
        return
    if not found:
        show.note("there is none; `btt-chain facility apply --help` says how to register one")
        return
    show.table(
        ["account", "kind", "size", "country", "state", ">bond", "counts"],
        [
            [
                encode(view.account, prefix),
                kebab(view.facility.kind.name),
                kebab(view.facility.size.name),
                country(view.facility.region),
                kebab(view.facility.state.name),
                currency.format(view.facility.bond),
                "yes" if view.counted else "",
            ]
            for view in found
        ],
    )


def _all(chain: ViewClient) -> AsyncIterator[FacilityView]:
    return pages(
        lambda after: chain.api(FacilitiesApi.facilities, after, u32(PAGE)),
        lambda view: view.account,
        first=None,
    )


@examples("btt-chain facility show //Bob")
@facility.command("show")
@account_argument
@query_options
def show_(who: str, url: str, timeout: float, as_json: bool) -> None:
    """Show a facility, and what is missing for it to count."""

    async def ask() -> tuple[FacilityView | None, Currency, int, str]:
        async with view_chain(url, timeout) as chain:
            who_ = AccountId(account(who, chain.prefix))
            view, now = await chain.api(FacilitiesApi.facility, who_), await slot_now(chain.chain)
            moment = ""
            if view is not None and view.next is not None and view.next > now:
                moment = when(view.next, now, chain.slot_ms)
            return view, chain.currency, chain.prefix, moment

    view, currency, prefix, moment = run(ask())
    if view is None:
        raise NotFound(f"{who} is not a facility; `btt-chain facility list` shows them")
    if as_json:
        show.document(facts(view, prefix))
        return
    found = view.facility
    show.record(
        {
            "account": encode(view.account, prefix),
            "operator": encode(found.operator, prefix),
            "kind": f"{kebab(found.kind.name)}, {kebab(found.size.name)}",
            "country": country(found.region),
            "sensitive": "yes" if found.sensitive else "no",
            "bond": currency.format(found.bond),
            "state": f"{kebab(found.state.name)} since slot {found.since}",
            "identity": "known-good" if view.known_good else "not judged known-good now",
            "description": "0x" + found.meta.hex(),
            "for milestones": standing(view, moment),
        }
    )


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
) -> dict[str, object]:
    """Apply to be a facility. Its bond goes on hold: 10,000, 1,000 or 500 BTT by kind.

    The bond comes back if the application is refused or withdrawn, and four weeks of decisions
    after leaving.
    """
    return {
        "kind": kind, "size": size, "region": country_number(country), "sensitive": sensitive,
        "meta": meta_of(description, meta),
    }  # fmt: skip


@composed(
    facility, Facilities.update,
    "btt-chain facility update --size large --description about.pdf --from //Bob",
    done="updated, in block {block}",
)  # fmt: skip
def update(size: SizeOption, description: Description, meta: Meta) -> dict[str, object]:
    """Change the size and the description of your facility."""
    return {"size": size, "meta": meta_of(description, meta)}


send(
    facility, "leave", Facilities.leave, "btt-chain facility leave --from //Bob",
    help="Leave, or withdraw an application; the bond comes back, after leaving by itself.",
    done="you left, in block {block}",
)  # fmt: skip

# ---- calls of decisions


@examples(
    "btt-chain facility confirm //Bob",
    "btt-chain facility confirm //Bob --sudo --from //Alice",
)
@facility.command()
@account_argument
@deciding_options
@query_options
def confirm(who: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Have an application confirmed: print the proposal, or send it as sudo."""
    _decide("confirm", who, {}, "technical", "confirmed", url, timeout, as_json, options)


@examples("btt-chain facility refuse //Bob")
@facility.command()
@account_argument
@deciding_options
@query_options
def refuse(who: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Have an application refused: print the proposal, or send it as sudo."""
    _decide("refuse", who, {}, "technical", "refused", url, timeout, as_json, options)


@examples(
    "btt-chain facility suspend //Bob",
    "btt-chain facility suspend //Bob --end --track technical",
)
@facility.command()
@account_argument
@click.option("--end", is_flag=True, help="End the suspension.")
@click.option(
    "--track", type=click.Choice(("emergency", "technical")), default="technical",
    show_default=True, help="Who is to decide.",
)  # fmt: skip
@deciding_options
@query_options
def suspend(
    who: str, end: bool, track: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Have a facility suspended, or its suspension ended: print the proposal, or send it."""
    more: dict[str, object] = {"suspended": not end}
    done = "the suspension ended" if end else "suspended"
    _decide("suspend", who, more, track, done, url, timeout, as_json, options)


def _decide(
    call: str, who: str, more: dict[str, object], track: str, done: str, url: str, timeout: float,
    as_json: bool, options: dict[str, object],
) -> None:  # fmt: skip
    _, prefix = run(properties(url, timeout))
    args = {"who": address_of(who, prefix), **more}
    words = [encode(account(who, prefix), prefix), *(str(word).lower() for word in more.values())]
    decide(
        f"Facilities.{call}", args, words, track, done,
        url=url, timeout=timeout, as_json=as_json, options=options,
    )  # fmt: skip


# ---- arguments and output


def country_number(given: str) -> int:
    """Return the number of a country, given by its letters or number. Mistyped if it has none."""
    number = whole_number(given, 999) or NUMERIC.get(given.upper(), 0)
    if number not in ALPHA_2:
        raise Mistyped(f"{given!r} is not a country of ISO 3166-1: write letters as CN, or 156")
    return number


def country(number: int) -> str:
    """Return a country as text."""
    return f"{ALPHA_2.get(number, '?')} ({number:03})"


def meta_of(description: Path | None, meta: str | None) -> H256:
    """Return the hash of a description; zeros without one. Mistyped if both are given."""
    if description is not None and meta is not None:
        raise Mistyped("give --description or --meta, not both")
    if description is not None:
        return H256(hashlib.sha256(description.read_bytes()).digest())
    return H256(bytes(32)) if meta is None else H256(read_id(meta, "hash"))


def standing(view: FacilityView, moment: str) -> str:
    """Return whether a facility counts for milestones, and what it waits for."""
    if view.counted:
        return "counts"
    found = view.facility
    if found.kind is not Kind.Hospital:
        return "only hospitals count"
    if found.state is not FacilityState.Active:
        return f"does not count: {kebab(found.state.name)}"
    if not view.known_good:
        return "does not count: its identity needs a new judgement"
    return f"may count {moment}, in slot {view.next}" if moment else "is to be reviewed soon"


def facts(view: FacilityView, prefix: int) -> dict[str, object]:
    """Return a facility as JSON."""
    found = view.facility
    return {
        "account": encode(view.account, prefix),
        "operator": encode(found.operator, prefix),
        "kind": kebab(found.kind.name),
        "size": kebab(found.size.name),
        "region": found.region,
        "country": ALPHA_2.get(found.region),
        "sensitive": found.sensitive,
        "bond": str(found.bond),
        "state": kebab(found.state.name),
        "since": found.since,
        "meta": "0x" + found.meta.hex(),
        "knownGood": view.known_good,
        "counted": view.counted,
        "next": view.next,
    }
