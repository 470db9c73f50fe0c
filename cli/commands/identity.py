"""`btt-chain identity`: what accounts say about themselves, and registrars' judgements of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Final

import click

from btt_chain.client.values import field
from btt_chain.client.views import ViewClient
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from btt_chain.primitives.ss58 import encode
from btt_chain.scale import u32
from btt_chain.scale.metadata import CompositeDef
from cli.commands.gov_calls import address_of
from cli.commands.identity_subs import members
from cli.common import show
from cli.common.deciding import decide, deciding_options
from cli.common.errors import Mistyped, NotFound
from cli.common.options import Group, examples, query_options
from cli.common.session import open_chain, run
from cli.common.types import kebab
from cli.common.working import account, properties
from cli.declared import Input, composed
from runtime.frame.aliases import Balance
from runtime.pallets.identity.pallet import Identity

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain

FIELDS: Final = ("display", "legal", "web", "email")
"""Fields that are shown."""
FINGERPRINT: Final = "pgp_fingerprint"
"""The field that is an option; the others are `None` where they are not set."""
MAX_TEXT: Final = 32
"""Maximum length of a field, in bytes."""

account_argument = click.argument("who", metavar="ACCOUNT")
Registrar = Annotated[u32, Input(help="The number of the registrar.", default="0")]

identity = Group(
    "identity",
    help="""Say who you are, and have a registrar judge it.

    Facilities need an identity that is judged known-good. All of it is public, and what is
    written to a chain stays readable for ever.
    """,
)


def check_display(name: str) -> None:
    """Raise Mistyped for an empty name."""
    if not name.strip():
        raise Mistyped("--display is empty: give a name; `btt-chain identity clear` removes it all")


@composed(
    identity, Identity.set_identity,
    "btt-chain identity set --display 'Hospital One' --web https://one.example --from //Bob",
    done="set, in block {block}",
)  # fmt: skip
async def set_(
    chain: ViewClient,
    display: Annotated[str, Input(help="The name to show.", check=check_display)],
    legal: Annotated[str, Input(help="The legal name.", default="")],
    web: Annotated[str, Input(help="A web address.", default="")],
    email: Annotated[str, Input(help="An address for mail.", default="")],
) -> dict[str, object]:
    """Set your identity, for a deposit by its length; judgements of an older one are removed."""
    texts = {"display": display, "legal": legal, "web": web, "email": email}
    info: dict[str, object] = dict.fromkeys(info_fields(chain.chain))
    info |= {name: "None" for name in info if name != FINGERPRINT}
    return {"info": info | {name: datum(name, text) for name, text in texts.items() if text}}


@examples("btt-chain identity show //Bob")
@identity.command("show")
@account_argument
@query_options
def show_(who: str, url: str, timeout: float, as_json: bool) -> None:
    """Show the identity of an account, and the judgements of it."""

    async def ask() -> Identified:
        async with open_chain(url, timeout) as chain:
            return await identified(chain, account(who, chain.metadata.prefix), who)

    found = run(ask())
    fields = {name: found.text(name) for name in FIELDS}
    if as_json:
        show.document({**fields, "judgements": found.judgements, "hash": found.hash})
        return
    show.record(
        {name: text for name, text in fields.items() if text}
        | {"judgements": [f"{word} by registrar {n}" for n, word in found.judgements.items()]
           or "none"}
    )  # fmt: skip


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
    identity = await identified(chain.chain, who, encode(who, chain.prefix))
    return {
        "reg_index": registrar, "target": Id(who), "judgement": judgement,
        "identity": identity.hash,
    }  # fmt: skip


@examples("btt-chain identity appoint //Charlie", "btt-chain identity appoint //Charlie --sudo \\",
          "    --from //Alice")  # fmt: skip
@identity.command()
@account_argument
@deciding_options
@query_options
def appoint(who: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Have a registrar appointed: print the proposal, or send it as sudo."""
    _, prefix = run(properties(url, timeout))
    decide(
        "Identity.add_registrar", {"account": address_of(who, prefix)},
        [encode(account(who, prefix), prefix)], "technical", "appointed",
        url=url, timeout=timeout, as_json=as_json, options=options,
    )  # fmt: skip


for command in members.commands.values():
    identity.add_command(command)


# ---- helpers


@dataclass(frozen=True, slots=True)
class Identified:
    """An identity on the chain."""

    info: dict[str, Plain]
    judgements: dict[str, str]
    """The words of registrars, by their numbers."""
    hash: str
    """The hash that a judgement names."""

    def text(self, name: str) -> str:
        """Return a field as text; of a hash its hex digits, empty if it is not set."""
        field = self.info.get(name)
        if not isinstance(field, dict) or len(field) != 1:
            return ""
        ((kind, raw),) = field.items()
        if not kind.startswith("Raw"):
            return str(raw)
        return bytes.fromhex(str(raw).removeprefix("0x")).decode("utf-8", "replace")


async def identified(chain: Chain, who: bytes, given: str) -> Identified:
    """Return the identity of an account. NotFound if it has none."""
    path = "Identity.IdentityOf"
    found = await chain.storage(path, "0x" + who.hex())
    if found is None:
        raise NotFound(f"{given} has no identity; `btt-chain identity set` makes one")
    info, judgements = field(found, "info"), field(found, "judgements")
    raw = chain.metadata.items.types.encode(info_type(chain), info)
    words: dict[str, str] = {}
    for each in judgements if isinstance(judgements, list) else []:
        if isinstance(each, list):
            number, word = each
            name = next(iter(word)) if isinstance(word, dict) else str(word)
            words[str(number)] = kebab(name)
    return Identified(info if isinstance(info, dict) else {}, words, "0x" + blake2_256(raw).hex())


def info_type(chain: Chain) -> int:
    """Return the type of an identity's fields."""
    _, call = chain.metadata.items.call("Identity.set_identity")
    return call.fields[0].type


def info_fields(chain: Chain) -> list[str]:
    """Return the names of an identity's fields."""
    definition = chain.metadata.items.types.type(info_type(chain)).definition
    fields = definition.fields if isinstance(definition, CompositeDef) else []
    return [each.name or "" for each in fields]


def datum(name: str, text: str) -> Plain:
    """Return a field in the form of calls. Mistyped if it is too long."""
    raw = text.encode()
    if len(raw) > MAX_TEXT:
        raise Mistyped(f"--{name}: at most {MAX_TEXT} bytes, {len(raw)} were given")
    return {f"Raw{len(raw)}": "0x" + raw.hex()}
