"""`btt-chain card`: cards whose key signs payments, and no transactions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from btt_chain.payments.card_file import CardFile, new_card, read_card
from btt_chain.payments.card_proof import CardProof, message_of, read_proof
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.reference import ensure_random, new_reference
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.voucher import CONTEXT, VOUCHER, Registration, Voucher
from btt_chain.scale import u64
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import output_file, secret_in, write_json
from cli.common.ids import CARD, ID_FORM, read_beginning, resolve
from cli.common.options import Group, examples, json_option, query_options
from cli.common.payfi_calls import send
from cli.common.sending import Sender, SendingCommand, call_options
from cli.common.session import from_hex, open_chain, run
from cli.common.types import Seconds
from cli.common.working import account, planck, read_id

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain
    from btt_chain.scale.portable import Plain
    from cli.common.payfi_calls import Prepared

DAY_S: Final = 86_400
MAX_VOUCHER_S: Final = 7 * DAY_S
"""Maximum seconds in which a voucher is valid."""
PROOF_DAYS: Final = 7
"""Maximum days of the chain in which a card's proof is valid."""
RETIRED_DAYS: Final = 8
"""Days of the chain after which a dropped card's deposit comes back."""
GENESIS_HELP: Final = (
    "Hash of block zero of the chain, as `btt-chain query rpc chain_getBlockHash 0` prints it."
)
SCHEMES: Final = ("p256", "ed25519")


@click.group(cls=Group)
def card() -> None:
    """Make cards, register them, sign vouchers, and freeze them.

    The key of a card usually lies in a secure element. A card of this command is a file, for tests
    and for wallets on a computer.
    """


@examples(
    "btt-chain card new -o card.key", "btt-chain card new --scheme ed25519 -o clinic.key --json"
)
@card.command()
@click.option(
    "--scheme", type=click.Choice(SCHEMES), default="p256", show_default=True,
    help="Kind of key: P-256 as in smart cards and phones, or Ed25519.",
)  # fmt: skip
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="File of the new key; it must not exist.",
)  # fmt: skip
@json_option
def new(scheme: str, output: Path, as_json: bool) -> None:
    """Make a card's key. A card for each place makes its payments harder to link."""
    made = new_card(scheme)
    try:
        with output_file(output, private=True, new=True) as file:
            file.write(f"{made.text}\n".encode())
    except FileExistsError:
        raise Refused(f"{output} exists already: a card's key is never overwritten") from None
    facts = {"card": _hex(made.id), "scheme": scheme, "publicKey": _hex(made.key.key)}
    if as_json:
        show.document(facts)
    else:
        show.record({**facts, "file": str(output)})
        show.good("Register it with `btt-chain card register`.")


@examples(
    "btt-chain card register card.key --payment 100BTT --day 500BTT --from //Alice",
    "btt-chain card register proof.json --payment 100BTT --day 500BTT --from //Alice",
    "btt-chain card register card.key --payment 100BTT --day 500BTT --category 5814 "
    "--guardian 5FHneW46... --from //Alice",
)
@card.command(cls=SendingCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--payment", required=True, metavar="AMOUNT", help="Maximum of one payment.")
@click.option("--day", required=True, metavar="AMOUNT", help="Maximum of all payments of a day.")
@click.option(
    "--category", "categories", multiple=True, type=click.IntRange(0, 9_999),
    help="Category of merchants that it can pay; give it once for each. [default: all]",
)  # fmt: skip
@click.option("--guardian", metavar="ACCOUNT", help="Account that may freeze it, nothing else.")
@click.option(
    "--days", type=click.IntRange(1, 3_650), default=365, show_default=True,
    help="Days after which it pays nothing.",
)  # fmt: skip
@call_options
def register(
    file: Path, payment: str, day: str, categories: tuple[int, ...], guardian: str | None,
    days: int, url: str, timeout: float, as_json: bool, **options: object,
) -> None:  # fmt: skip
    """Register the card in FILE for the account of --from, which pays its payments.

    The card's key signs that it agrees: no other account can register it. FILE is that of the card,
    or the proof that `card prove` made where the card is.
    """
    from cli.common.merchants import number, time_of

    text = secret_in(file)
    found = _proof(file, text) if text.lstrip().startswith("{") else _read(file)
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        money = chain.metadata.currency
        most, most_a_day = planck(money, payment), planck(money, day)
        if most_a_day < most:
            raise Mistyped("--day is below --payment: no payment of that size would pass")
        limits: dict[str, Plain] = {
            "payment": most, "day": most_a_day,
            "categories": list(categories), "expires_ms": (int(time.time()) + days * DAY_S) * 1_000,
        }  # fmt: skip
        owner, now = sender.account, await time_of(chain)
        day_ms = number(chain.constant("PayFi.DayMs"))
        until = now + day_ms
        agreed = found
        if isinstance(agreed, CardFile):
            agreed = _agreed(agreed, owner, chain.genesis, until)
        _ensure_usable(agreed, chain, owner, now, PROOF_DAYS * day_ms)
        kind = "P256" if type(agreed.key).__name__ == "P256Key" else "Ed25519"
        watcher = None if guardian is None else _hex(account(guardian, chain.metadata.prefix))
        proof: Plain = {
            "expires_ms": int(agreed.asked.expires_ms), "signature": _hex(agreed.signature)
        }  # fmt: skip
        call = chain.compose(
            "PayFi.register_card", key={kind: _hex(agreed.key.key)}, limits=limits,
            guardian=watcher, proof=proof,
        )  # fmt: skip
        once, daily = money.format(most), money.format(most_a_day)
        sentence = (
            f"Register the card {_hex(agreed.asked.card)}: it can pay up to {once} at once and "
            f"{daily} a day out of {chain.metadata.address(owner)}."
        )
        return sentence, call, "The card can pay now."

    send(url, timeout, sender, make)


@examples(
    "btt-chain card prove card.key --owner 5FHneW46... --genesis 0x4fd3... -o proof.json",
)
@card.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--owner", required=True, metavar="ACCOUNT", help="Account that will register it.")
@click.option("--genesis", required=True, metavar="HEX", help=GENESIS_HELP)
@click.option(
    "--expires", type=Seconds(), default=300.0, show_default=True,
    help="Seconds in which the owner can use it, at most 7 days.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the proof to this file, for `card register`.",
)  # fmt: skip
@json_option
def prove(
    file: Path, owner: str, genesis: str, expires: float, output: Path | None, as_json: bool
) -> None:
    """Let the card in FILE agree to its owner, offline: the owner registers it elsewhere."""
    if expires > MAX_VOUCHER_S:
        raise Mistyped("--expires: at most 7 days")
    who = account(owner, ss58.DEFAULT_PREFIX)
    until = time.time_ns() // 1_000_000 + int(expires * 1_000)
    facts = _agreed(_read(file), who, read_id(genesis, "genesis hash"), until).document()
    if output is not None:
        if output.is_file() and _holds_key(output):
            raise Refused(f"{output} has a card's key, which is never overwritten")
        write_json(facts, output)
    if as_json:
        show.document(facts)
    else:
        show.record(facts)
        show.good(f"Let {facts['owner']} register it with `btt-chain card register`.")


@examples(
    "btt-chain card sign card.key 12.50 --currency CNY --merchant 5FHneW46... --counter 7 "
    "--genesis 0x4fd3...",
)
@card.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("amount")
@click.option("--currency", "code", default="BTT", show_default=True, help="Currency.")
@click.option("--merchant", required=True, metavar="ACCOUNT", help="The merchant that is paid.")
@click.option(
    "--counter", required=True, type=click.IntRange(1, 2**64 - 1),
    help="Number of the voucher; each is used once, and above those before.",
)  # fmt: skip
@click.option("--genesis", required=True, metavar="HEX", help=GENESIS_HELP)
@click.option("--reference", metavar="HEX", help="Reference of the invoice. [default: random]")
@click.option(
    "--expires", type=Seconds(), default=300.0, show_default=True,
    help="Seconds in which the merchant can use it, at most 7 days.",
)  # fmt: skip
@json_option
def sign(
    file: Path, amount: str, code: str, merchant: str, counter: int, genesis: str,
    reference: str | None, expires: float, as_json: bool,
) -> None:  # fmt: skip
    """Sign a voucher with the card in FILE, offline: AMOUNT for one merchant, once."""
    from cli.common.merchants import amount_of, currency_named

    if expires > MAX_VOUCHER_S:
        raise Mistyped("--expires: at most 7 days")
    made, unit = _read(file), currency_named(code)
    units = amount_of(amount, unit)
    try:
        random = (
            new_reference()
            if reference is None
            else ensure_random(from_hex(reference, "the reference"))
        )
    except PaymentError as error:
        raise Mistyped(str(error)) from None
    who = AccountId(account(merchant, ss58.DEFAULT_PREFIX))
    until = u64(time.time_ns() // 1_000_000 + int(expires * 1_000))
    voucher = Voucher(
        CONTEXT, H256(read_id(genesis, "genesis hash")), made.id, who, unit.code.encode(), units,
        random, u64(counter), until,
    )  # fmt: skip
    show.note(f"Sign {unit.format(units)} {unit.code} to {ss58.encode(who)}, voucher {counter}.")
    message = VOUCHER.encode(voucher)
    facts = {
        "card": _hex(made.id), "voucher": _hex(message), "signature": _hex(made.sign(message)),
        "reference": _hex(random),
    }  # fmt: skip
    if as_json:
        show.document(facts)
    else:
        show.record(facts)


@examples("btt-chain card freeze 0x4fd3... --from //Alice")
@card.command(cls=SendingCommand)
@click.argument("id", metavar="CARD")
@call_options
def freeze(id: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Freeze a lost card, by its id or its file. Its owner or its guardian signs."""
    asked = _asked(id)
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        card_id = await _id_of(chain, asked)
        await _record(chain, card_id)
        call = chain.compose("PayFi.freeze_card", card=_hex(card_id))
        sentence = f"Freeze the card {_hex(card_id)}; only its owner can activate it again."
        return sentence, call, "The card pays nothing any more."

    send(url, timeout, sender, make)


@examples("btt-chain card activate card.key --from //Alice")
@card.command(cls=SendingCommand)
@click.argument("id", metavar="CARD")
@call_options
def activate(id: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Let a frozen card pay again, by its id or its file. Its owner signs."""
    asked = _asked(id)
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        card_id = await _id_of(chain, asked)
        found = await _record(chain, card_id)
        call = chain.compose(
            "PayFi.set_card", card=_hex(card_id), limits=found["limits"],
            guardian=found["guardian"], frozen=False,
        )  # fmt: skip
        sentence = f"Activate the card {_hex(card_id)} with the limits that it has."
        return sentence, call, "The card can pay again."

    send(url, timeout, sender, make)


@examples("btt-chain card drop 0x4fd3... --from //Alice")
@card.command(cls=SendingCommand)
@click.argument("id", metavar="CARD")
@call_options
def drop(id: str, url: str, timeout: float, as_json: bool, **options: object) -> None:
    """Remove a card, by its id or its file. Its owner signs.

    What it authorised can still be captured. The deposit comes back after eight days of the chain,
    when the key can be registered again.
    """
    from cli.common.merchants import span_of

    asked = _asked(id)
    sender = Sender.of(options, as_json)

    async def make(chain: Chain) -> Prepared:
        card_id = await _id_of(chain, asked)
        await _record(chain, card_id)
        call = chain.compose("PayFi.drop_card", card=_hex(card_id))
        wait = await span_of(chain, days=RETIRED_DAYS)
        return (
            f"Remove the card {_hex(card_id)}; its deposit comes back in {wait}.",
            call,
            "The card is removed.",
        )

    send(url, timeout, sender, make)


@examples("btt-chain card show 0x4fd3...", "btt-chain card show 0x4fd3... --json")
@card.command("show")
@click.argument("id", metavar="CARD")
@query_options
def show_(id: str, url: str, timeout: float, as_json: bool) -> None:
    """Show a registered card, by its id or its file."""
    from cli.common.merchants import account_of, exact, fields, number, time_of, variant, when

    asked = _asked(id)

    async def work() -> None:
        async with open_chain(url, timeout) as chain:
            card_id = await _id_of(chain, asked)
            found = await _record(chain, card_id)
            if as_json:
                show.document({"card": _hex(card_id), **fields(exact(found))})
                return
            money, limits, spent = (
                chain.metadata.currency, fields(found["limits"]), fields(found["spent"]),
            )  # fmt: skip
            guardian = found["guardian"]
            show.record(
                {"card": _hex(card_id), "owner": str(found["owner"]),
                 "state": variant(found["state"]).lower(), "key": variant(found["key"]),
                 "payment": "at most " + money.format(number(limits["payment"])),
                 "day": "at most " + money.format(number(limits["day"])),
                 "spent": money.format(number(spent["amount"])),
                 "counter": str(found["high"]),
                 "expires": when(number(limits["expires_ms"]), await time_of(chain)),
                 "guardian": "none" if guardian is None
                 else chain.metadata.address(account_of(guardian))}
            )  # fmt: skip

    run(work())


async def _record(chain: Chain, card_id: bytes) -> dict[str, Plain]:
    """Return a card as the chain has it. NotFound if there is none."""
    found = await chain.storage("PayFi.Cards", _hex(card_id))
    if not isinstance(found, dict):
        raise NotFound(f"no card {_hex(card_id)} is registered")
    return found


def _read(file: Path) -> CardFile:
    try:
        return read_card(secret_in(file))
    except PaymentError as error:
        raise Refused(f"{file}: {error}") from None


def _holds_key(file: Path) -> bool:
    try:
        read_card(secret_in(file))
    except (PaymentError, Mistyped):
        return False
    return True


def _agreed(made: CardFile, owner: bytes, genesis: bytes, until_ms: int) -> CardProof:
    """Return a card's agreement to an owner, which no other account can use."""
    asked = Registration.of(H256(genesis), made.id, AccountId(owner), u64(until_ms))
    return CardProof(made.key, asked, made.sign(message_of(asked)))


def _proof(file: Path, text: str) -> CardProof:
    try:
        return read_proof(text)
    except PaymentError as error:
        raise Refused(f"{file}: {error}") from None


def _ensure_usable(
    agreed: CardProof, chain: Chain, owner: bytes, now_ms: int, longest_ms: int
) -> None:
    """Refuse a proof that the chain would refuse, with words."""
    if agreed.asked.owner != owner:
        other = chain.metadata.address(agreed.asked.owner)
        raise Refused(f"the card agreed to {other}, and not to the account of --from")
    if agreed.asked.genesis != chain.genesis:
        raise Refused(f"the proof is for the chain 0x{agreed.asked.genesis.hex()}")
    if agreed.asked.expires_ms <= now_ms:
        raise Refused("the proof has expired: let the card make a new one")
    if agreed.asked.expires_ms > now_ms + longest_ms:
        raise Refused(
            "the proof is for more than 7 days of the chain: let the card make one with --expires "
            f"of at most {longest_ms // 1_000} seconds"
        )


def _asked(text: str) -> str:
    """Return the id of a card or its beginning: as typed, or of the card of a file."""
    if not text.startswith("0x") and Path(text).is_file():
        return _hex(_read(Path(text)).id)
    if Path(text).suffix:
        raise NotFound(f"there is no file {text!r}; a card is its file, or {ID_FORM}")
    return read_beginning(text, CARD)


async def _id_of(chain: Chain, asked: str) -> bytes:
    return await resolve(chain.connection, asked, CARD)


def _hex(raw: bytes) -> str:
    return "0x" + bytes(raw).hex()
