"""`btt-chain identity`: statements of accounts about themselves, judgements, and sub-accounts."""

from __future__ import annotations

from dataclasses import fields
from enum import IntEnum
from typing import Annotated, Final, cast

from btt_chain.client.values import field
from btt_chain.client.views import ViewClient
from btt_chain.crypto.hashing import blake2_256
from btt_chain.lazyclass import dataclass
from btt_chain.present import Context, rule
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.digits import from_hex, to_hex
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32, u128
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.errors import Mistyped, NotFound
from cli.common.options import Group
from cli.common.types import kebab
from cli.common.wallets import account_writer
from cli.declared import composed, decided, program, query, send
from cli.parameters import Input
from runtime.frame.aliases import Balance
from runtime.pallets.identity.pallet import Identity
from runtime.pallets.identity.types import RAW_SIZE, IdentityInfo, RegistrarInfo

FIELDS: Final = ("display", "legal", "web", "email")
"""Fields that are shown."""
FINGERPRINT: Final = "pgp_fingerprint"
"""The field that is an option; the others are `None` where they are not set."""

Registrar = Annotated[u32, Input(help="The number of the registrar.", default="0")]

identity = Group(
    "identity",
    help="""Say who you are, and have a registrar judge it.

    Facilities need an identity that is judged known-good. All of it is public, and what is
    written to a chain stays readable for ever.
    """,
)


# ---- identities


def datum(name: str, text: str) -> Plain:
    """Return a text in the form of calls. Mistyped if it is empty or too long."""
    raw = text.encode()
    if not 0 < len(raw) <= RAW_SIZE:
        raise Mistyped(f"{name}: expected 1 to {RAW_SIZE} bytes, {len(raw)} were given")
    return {f"Raw{len(raw)}": to_hex(raw)}


def text_of(datum: Plain) -> str:
    """Return a field as text; of a hash its hex digits, empty if it is not set."""
    if not isinstance(datum, dict) or len(datum) != 1:
        return ""
    ((kind, raw),) = datum.items()
    return from_hex(raw).decode("utf-8", "replace") if kind.startswith("Raw") else str(raw)


def check_display(name: str) -> None:
    """Raise Mistyped for an empty name."""
    if not name.strip():
        raise Mistyped("--display is empty: give a name; `btt-chain identity clear` removes it all")


@composed(
    identity, Identity.set_identity,
    "btt-chain identity set --display 'Hospital One' --web https://one.example --from //Bob",
    done="set, in block {block}",
)  # fmt: skip
def set_(
    display: Annotated[str, Input(help="The name to show.", check=check_display)],
    legal: Annotated[str, Input(help="The legal name.", default="")],
    web: Annotated[str, Input(help="A web address.", default="")],
    email: Annotated[str, Input(help="An address for mail.", default="")],
) -> dict[str, object]:
    """Set your identity, for a deposit by its length; judgements of an older one are removed."""
    texts = {"display": display, "legal": legal, "web": web, "email": email}
    unset = {field.name: "None" for field in fields(IdentityInfo)} | {FINGERPRINT: None}
    named = {name: datum(f"--{name}", text) for name, text in texts.items() if text}
    return {"info": unset | named}


@program(identity, "btt-chain identity show //Bob")
async def show_(chain: ViewClient, as_json: bool, account: AccountId) -> None:
    """Show the identity of an account, and the judgements of it."""
    registration, digest = await registration_of(chain, account)
    info, judgements = field(registration, "info"), field(registration, "judgements")
    texts = {name: text_of(field(info, name)) for name in FIELDS}
    words = {str(number): judgement_word(judgement) for number, judgement in pairs(judgements)}
    if as_json:
        show.document({**texts, "judgements": words, "hash": digest})
        return
    opinions = [f"{word} by registrar {number}" for number, word in words.items()]
    show.record(
        {name: text for name, text in texts.items() if text} | {"judgements": opinions or "none"}
    )


def pairs(value: Plain) -> list[list[Plain]]:
    """Return the pairs of a list of the chain."""
    return [row for row in value if isinstance(row, list)] if isinstance(value, list) else []


def judgement_word(judgement: Plain) -> str:
    """Return the word of a judgement, which may have a fee."""
    return kebab(next(iter(judgement)) if isinstance(judgement, dict) else str(judgement))


async def registration_of(chain: ViewClient, who: AccountId) -> tuple[Plain, str]:
    """Return the identity of an account, and the hash that judgements name. NotFound without."""
    registration = await chain.chain.storage("Identity.IdentityOf", to_hex(who))
    if registration is None:
        address = encode(who, chain.prefix)
        raise NotFound(f"{address} has no identity; `btt-chain identity set` makes one")
    items = chain.chain.metadata.items
    _, call = items.call("Identity.set_identity")
    info = items.types.encode(call.fields[0].type, field(registration, "info"))
    return registration, to_hex(blake2_256(info))


send(
    identity, "clear", Identity.clear_identity, "btt-chain identity clear --from //Bob",
    help="Remove your identity and its sub-accounts; all deposits are returned.",
    done="The identity is removed.",
)  # fmt: skip


# ---- judgements


@query(
    identity, "btt-chain identity registrars", key="registrar",
    columns={">registrar": "registrar", "account": "account", ">fee": "fee"},
    empty="there are no registrars: governance appoints them",
)  # fmt: skip
async def registrars(chain: ViewClient) -> list[tuple[u32, RegistrarInfo]]:
    """List the registrars, and their fees."""
    entries = await chain.storage(list[RegistrarInfo | None], "Identity.Registrars") or []
    return [(u32(number), entry) for number, entry in enumerate(entries) if entry is not None]


@composed(
    identity, Identity.request_judgement,
    "btt-chain identity request --max-fee 5BTT --from //Bob", done="requested, in block {block}",
)  # fmt: skip
def request(
    registrar: Registrar,
    max_fee: Annotated[Balance, Input(help="The most to pay.", default="0BTT")],
) -> dict[str, object]:
    """Ask a registrar for a judgement; its fee is reserved until it is given."""
    return {"reg_index": registrar, "max_fee": max_fee}


@composed(
    identity, Identity.cancel_request, "btt-chain identity cancel --from //Bob",
    done="The request is withdrawn.",
)  # fmt: skip
def cancel(registrar: Registrar) -> dict[str, object]:
    """Withdraw a request for a judgement; its fee is returned."""
    return {"reg_index": registrar}


class Judgement(IntEnum):
    """A judgement that has no fields."""

    Unknown = 0
    Reasonable = 2
    KnownGood = 3
    OutOfDate = 4
    LowQuality = 5
    Erroneous = 6


@composed(
    identity, Identity.provide_judgement,
    "btt-chain identity judge //Bob known-good --from //Charlie", done="judged, in block {block}",
)  # fmt: skip
async def judge(
    chain: ViewClient, who: AccountId, judgement: Judgement, registrar: Registrar
) -> dict[str, object]:
    """Judge the present identity of an account, as its registrar."""
    _, digest = await registration_of(chain, who)
    return {
        "reg_index": registrar, "target": Id(who), "judgement": judgement, "identity": digest,
    }  # fmt: skip


@decided(
    identity, Identity.add_registrar, "btt-chain identity appoint //Charlie",
    "btt-chain identity appoint //Charlie --sudo --from //Alice", track="technical",
    done="appointed, in block {block}",
)  # fmt: skip
def appoint(who: AccountId) -> dict[str, object]:
    """Have a registrar appointed: print the proposal, or send it as sudo."""
    return {"account": Id(who)}


# ---- sub-accounts


@dataclass(frozen=True, slots=True)
class SubAccount:
    """A sub-account."""

    account: AccountId
    name: str
    agreed: bool


@dataclass(frozen=True, slots=True)
class Family:
    """An account with its sub-accounts, and its own parent."""

    account: AccountId
    parent: AccountId | None
    parent_name: str | None
    """Name of the account there."""
    deposit: Balance
    subs: list[SubAccount]


def print_family(family: Family, context: Context) -> None:
    """Print a parent and the sub-accounts."""
    if family.parent is not None:
        parent = rule(AccountId).text(family.parent, context)
        show.record({"parent": parent, "name there": family.parent_name or ""})
    if not family.subs:
        show.note("the account has no sub-accounts")
        return
    write = account_writer(context.prefix)
    show.table(
        ["sub-account", "name", "agreed"],
        [[write(sub.account), sub.name, "yes" if sub.agreed else "no"] for sub in family.subs],
    )
    show.note(f"{rule(Balance).text(family.deposit, context)} is reserved for them")


@query(identity, "btt-chain identity subs //Bob", view=print_family)
async def subs(chain: ViewClient, account: AccountId) -> Family:
    """List the sub-accounts of an account, and whether each agreed; and its own parent."""
    listed = await chain.storage(tuple[u128, list[AccountId]], "Identity.SubsOf", account)
    deposit, accounts = listed or (u128(0), [])
    keys = [to_hex(sub) for sub in accounts]
    entries = await chain.chain.storage_many("Identity.SuperOf", [[key] for key in keys])
    agreed = await chain.chain.storage_batch(
        [chain.chain.storage_key("Identity.Agreed", key) for key in keys]
    )
    own = await chain.storage(tuple[AccountId, object], "Identity.SuperOf", account)
    parent, parent_name = (None, None) if own is None else (own[0], text_of(cast("Plain", own[1])))
    return Family(
        account, parent, parent_name, deposit,
        [
            SubAccount(sub, text_of(entry[1]), consent is not None)
            for sub, entry, consent in zip(accounts, pairs(entries), agreed, strict=True)
        ],
    )  # fmt: skip


def check_name(name: str) -> None:
    """Raise Mistyped for a name that is empty or too long."""
    datum("a name", name)


Name = Annotated[str, Input(check=check_name)]


@composed(
    identity, Identity.add_sub, "btt-chain identity add-sub //Dave 'Ward 7' --from //Bob",
    done="{sub} is a sub-account; it agrees with `btt-chain identity agree`.",
)  # fmt: skip
def add_sub(sub: AccountId, name: Name) -> dict[str, object]:
    """Name a sub-account; it shares your identity when it agrees."""
    return {"sub": Id(sub), "data": datum("a name", name)}


@composed(
    identity, Identity.rename_sub, "btt-chain identity rename-sub //Dave 'Ward 8' --from //Bob",
    done="{sub} has another name.",
)  # fmt: skip
def rename_sub(sub: AccountId, name: Name) -> dict[str, object]:
    """Give a sub-account another name."""
    return add_sub(sub, name)


send(
    identity, "remove-sub", Identity.remove_sub,
    "btt-chain identity remove-sub //Dave --from //Bob",
    help="Remove a sub-account; its deposit is returned.",
    done="{sub} is no longer a sub-account.",
)  # fmt: skip
send(
    identity, "agree", Identity.agree_sub, "btt-chain identity agree //Bob --from //Dave",
    help="Agree to be a sub-account of PARENT, which named you: you share its identity.",
    inputs={"main": Input("PARENT")}, done="You are a sub-account of {main}.",
)  # fmt: skip
send(
    identity, "leave", Identity.quit_sub, "btt-chain identity leave --from //Dave",
    help="Leave your parent account.", done="You are no longer a sub-account.",
)  # fmt: skip
