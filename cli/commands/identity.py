"""`btt-chain identity`: what accounts say about themselves, and registrars' judgements of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli.commands.gov_calls import address_of, submit_call
from cli.common import show
from cli.common.deciding import decide, deciding_options
from cli.common.errors import Mistyped, NotFound
from cli.common.options import Group, connection_options, examples, json_option
from cli.common.sending import SendingCommand, sending_options
from cli.common.working import account, planck, properties, work_chain

if TYPE_CHECKING:
    from btt_chain.client.typed import RuntimeClient
    from runtime.pallets.identity import Data, IdentityInfo, Registration

JUDGEMENTS: Final = ("unknown", "reasonable", "known-good", "out-of-date", "low-quality",
                     "erroneous")  # fmt: skip
FIELDS: Final = ("display", "legal", "web", "email")
"""Fields that are shown."""
MAX_TEXT: Final = 32
"""Maximum length of a field, in bytes."""

account_argument = click.argument("who", metavar="ACCOUNT")
registrar_option = click.option(
    "--registrar", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
    help="The number of the registrar.",
)  # fmt: skip


@click.group(cls=Group)
def identity() -> None:
    """Say who you are, and have a registrar judge it.

    Facilities need an identity that is judged known-good. All of it is public, and what is
    written to a chain stays readable for ever.
    """


@examples("btt-chain identity set --display 'Hospital One' --web https://one.example --from //Bob")
@identity.command("set")
@click.option("--display", required=True, help="The name to show.")
@click.option("--legal", default="", help="The legal name.")
@click.option("--web", default="", help="A web address.")
@click.option("--email", default="", help="An address for mail.")
@sending_options
@connection_options
@json_option
def set_(
    display: str, legal: str, web: str, email: str, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Set your identity, for a deposit by its length; judgements of an older one are removed."""
    from runtime.pallets.identity import IdentityInfo

    info = IdentityInfo(
        display=datum("display", display), legal=datum("legal", legal), web=datum("web", web),
        email=datum("email", email),
    )  # fmt: skip
    submit_call("Identity", "set_identity", {"info": info}, "set", url, timeout, as_json, options)


@examples("btt-chain identity show //Bob")
@identity.command("show")
@account_argument
@connection_options
@json_option
def show_(who: str, url: str, timeout: float, as_json: bool) -> None:
    """Show the identity of an account, and the judgements of it."""
    from cli.common.session import run

    async def ask() -> tuple[Registration, int]:
        _, prefix = await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
            return await registered(chain, account(who, prefix), who), prefix

    found, _ = run(ask())
    fields = {name: text_of(getattr(found.info, name)) for name in FIELDS}
    judged = {str(int(number)): kebab(type(one).__name__) for number, one in found.judgements}
    if as_json:
        show.document({**fields, "judgements": judged, "hash": "0x" + hash_of(found.info).hex()})
        return
    show.record(
        {name: text for name, text in fields.items() if text}
        | {"judgements": [f"{word} by registrar {n}" for n, word in judged.items()] or "none"}
    )


@examples("btt-chain identity request --max-fee 5BTT --from //Bob")
@identity.command(cls=SendingCommand)
@registrar_option
@click.option("--max-fee", default="0BTT", show_default=True, help="The most to pay.")
@sending_options
@connection_options
@json_option
def request(
    registrar: int, max_fee: str, url: str, timeout: float, as_json: bool, **options: object
) -> None:
    """Ask a registrar for a judgement; its fee is reserved until it is given."""
    from btt_chain.scale import u32, u128
    from cli.common.session import run

    currency, _ = run(properties(url, timeout))
    args: dict[str, object] = {
        "reg_index": u32(registrar),
        "max_fee": u128(planck(currency, max_fee)),
    }
    submit_call("Identity", "request_judgement", args, "requested", url, timeout, as_json, options)


@examples("btt-chain identity judge //Bob known-good --from //Charlie")
@identity.command()
@account_argument
@click.argument("judgement", type=click.Choice(JUDGEMENTS))
@registrar_option
@sending_options
@connection_options
@json_option
def judge(
    who: str, judgement: str, registrar: int, url: str, timeout: float, as_json: bool,
    **options: object,
) -> None:  # fmt: skip
    """Judge the present identity of an account, as its registrar."""
    from btt_chain.primitives.digest import H256
    from btt_chain.scale import u32
    from cli.common.session import run
    from runtime.pallets import identity as pallet

    kinds = {
        "unknown": pallet.Unknown,
        "reasonable": pallet.Reasonable,
        "known-good": pallet.KnownGood,
        "out-of-date": pallet.OutOfDate,
        "low-quality": pallet.LowQuality,
        "erroneous": pallet.Erroneous,
    }

    async def ask() -> tuple[Registration, int]:
        _, prefix = await properties(url, timeout)
        async with work_chain(url, timeout) as chain:
            return await registered(chain, account(who, prefix), who), prefix

    found, prefix = run(ask())
    args = {
        "reg_index": u32(registrar),
        "target": address_of(who, prefix),
        "judgement": kinds[judgement](),
        "identity": H256(hash_of(found.info)),
    }
    submit_call("Identity", "provide_judgement", args, "judged", url, timeout, as_json, options)


@examples("btt-chain identity appoint //Charlie", "btt-chain identity appoint //Charlie --sudo \\",
          "    --from //Alice")  # fmt: skip
@identity.command()
@account_argument
@deciding_options
@connection_options
@json_option
def appoint(who: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Have a registrar appointed: print the proposal, or send it as sudo."""
    from btt_chain.primitives.ss58 import encode
    from cli.common.session import run

    _, prefix = run(properties(url, timeout))
    decide(
        "Identity.add_registrar", {"account": address_of(who, prefix)},
        [encode(account(who, prefix), prefix)], "technical", "appointed",
        url=url, timeout=timeout, as_json=as_json, options=options,
    )  # fmt: skip


# ---- helpers


async def registered(chain: RuntimeClient, who: bytes, given: str) -> Registration:
    """Return the identity of an account. NotFound if it has none."""
    from btt_chain.crypto.hashing import twox_64_concat, twox_128
    from btt_chain.scale import codec
    from runtime.pallets.identity import Registration

    key = twox_128(b"Identity") + twox_128(b"IdentityOf") + twox_64_concat(who)
    raw = await chain.chain.storage_bytes(key)
    if raw is None:
        raise NotFound(f"{given} has no identity; `btt-chain identity set` makes one")
    return codec(Registration).decode_all(raw)


def hash_of(info: IdentityInfo) -> bytes:
    """Return the hash that a judgement names."""
    from btt_chain.crypto.hashing import blake2_256
    from btt_chain.scale import codec
    from runtime.pallets.identity import IdentityInfo

    return blake2_256(codec(IdentityInfo).encode(info))


def datum(name: str, text: str) -> Data:
    """Return a field as the chain has it. Mistyped if it is too long."""
    from runtime.pallets.identity import Data

    if len(text.encode()) > MAX_TEXT:
        raise Mistyped(f"--{name}: at most {MAX_TEXT} bytes, {len(text.encode())} were given")
    return Data.text(text) if text else Data()


def text_of(field: Data) -> str:
    """Return a field as text; of a hash its hex digits."""
    if field.raw is None:
        return ""
    return "0x" + field.raw.hex() if field.hashed else field.raw.decode("utf-8", "replace")


def kebab(name: str) -> str:
    """Convert `KnownGood` to `known-good`."""
    return "".join("-" + each.lower() if each.isupper() else each for each in name).lstrip("-")
