"""`btt-chain card`: cards whose key signs payments, and no transactions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import click

from btt_chain.client.views import ViewClient
from btt_chain.lazyclass import dataclass
from btt_chain.payments.card_file import CardFile, new_card, read_card
from btt_chain.payments.card_proof import CardProof, message_of, read_proof
from btt_chain.payments.errors import PaymentError
from btt_chain.payments.reference import ensure_random, new_reference
from btt_chain.present import Context, rule
from btt_chain.primitives import ss58
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.primitives.digits import to_hex
from btt_chain.primitives.voucher import CONTEXT, VOUCHER, Registration, Voucher
from btt_chain.scale import u16, u32, u64
from cli.common import show
from cli.common.errors import Mistyped, NotFound, Refused
from cli.common.files import output_file, secret_in, write_json
from cli.common.ids import CARD, ID_FORM, read_beginning, resolve
from cli.common.merchants import amount_of, currency_named, span_of, time_of, when
from cli.common.options import Group, examples, json_option, output_option
from cli.common.sending import Sender
from cli.common.session import from_hex
from cli.common.types import Seconds
from cli.common.working import account, read_id
from cli.declared import Arguments, composed, query
from cli.parameters import Input
from runtime.frame.aliases import Balance, MomentOf
from runtime.pallets.payfi.api import PayFiApi
from runtime.pallets.payfi.card_types import Card, CardState, Limits, Proof
from runtime.pallets.payfi.cards import RETIRED_DAYS
from runtime.pallets.payfi.events import CardDropped, CardRegistered, CardSet
from runtime.pallets.payfi.limits import VOUCHER_DAYS
from runtime.pallets.payfi.pallet import PayFi

DAY_S: Final = 86_400
MAX_VOUCHER_S: Final = VOUCHER_DAYS * DAY_S
"""Maximum seconds in which a voucher or a proof is valid."""
GENESIS_HELP: Final = (
    "Hash of block zero of the chain, as `btt-chain query rpc chain_getBlockHash 0` prints it."
)
SCHEMES: Final = ("p256", "ed25519")


card = Group(
    "card",
    help="""Make cards, register them, sign vouchers, and freeze them.

    The key of a card usually lies in a secure element. A card of this command is a file, for tests
    and for wallets on a computer.
    """,
)


@examples(
    "btt-chain card new -o card.key", "btt-chain card new --scheme ed25519 -o clinic.key --json"
)
@card.command()
@click.option(
    "--scheme", type=click.Choice(SCHEMES), default="p256", show_default=True,
    help="Kind of key: P-256 as in smart cards and phones, or Ed25519.",
)  # fmt: skip
@output_option("File of the new key; it must not exist.", is_required=True)
@json_option
def new(scheme: str, output: Path, as_json: bool) -> None:
    """Make a card's key. A card for each place makes its payments harder to link."""
    made = new_card(scheme)
    try:
        with output_file(output, private=True, new=True) as file:
            file.write(f"{made.text}\n".encode())
    except FileExistsError:
        raise Refused(f"{output} exists already: a card's key is never overwritten") from None
    facts = {"card": to_hex(made.id), "scheme": scheme, "publicKey": to_hex(made.key.key)}
    if as_json:
        show.document(facts)
    else:
        show.record({**facts, "file": str(output)})
        show.good("Register it with `btt-chain card register`.")


@composed(
    card, PayFi.register_card,
    "btt-chain card register card.key --payment 100BTT --day 500BTT --from //Alice",
    "btt-chain card register proof.json --payment 100BTT --day 500BTT --from //Alice",
    "btt-chain card register card.key --payment 100BTT --day 500BTT --category 5814 "
    "--guardian 5FHneW46... --from //Alice",
    event=CardRegistered, pallet=PayFi, done="The card can pay now.",
)  # fmt: skip
async def register(
    chain: ViewClient,
    sender: Sender,
    file: Path,
    payment: Annotated[Balance, Input("AMOUNT", "Maximum of one payment.")],
    day: Annotated[Balance, Input("AMOUNT", "Maximum of all payments of a day.")],
    category: Annotated[
        list[u16],
        Input(
            help="Category of merchants that it can pay; give it once for each. [default: all]",
            most=9_999,
        ),
    ],
    guardian: Annotated[
        AccountId | None, Input("ACCOUNT", "Account that may freeze it, nothing else.")
    ],
    days: Annotated[
        u32, Input(help="Days after which it pays nothing.", default="365", least=1, most=3_650)
    ],
) -> Arguments:
    """Register the card in FILE for the account of --from, which pays its payments.

    The card's key signs that it agrees: no other account can register it. FILE is that of the card,
    or the proof that `card prove` made where the card is.
    """
    if day < payment:
        raise Mistyped("--day is below --payment: no payment of that size would pass")
    text = secret_in(file)
    owner, now = AccountId(sender.account), await time_of(chain.chain)
    day_ms = int(str(chain.chain.constant("PayFi.DayMs")))
    if text.lstrip().startswith("{"):
        agreed = _proof(file, text)
    else:
        agreed = _agreed(_read(file), owner, chain.genesis, now + day_ms)
    _ensure_usable(agreed, chain, owner, now, VOUCHER_DAYS * day_ms)
    money = chain.currency.format
    show.note(
        f"Register the card {to_hex(agreed.asked.card)}: it can pay up to {money(int(payment))} at "
        f"once and {money(int(day))} a day out of {chain.chain.metadata.address(owner)}."
    )
    expires_ms = u64((int(time.time()) + int(days) * DAY_S) * 1_000)
    return {
        "key": agreed.key, "limits": Limits(payment, day, category, expires_ms),
        "guardian": guardian, "proof": Proof(agreed.asked.expires_ms, agreed.signature),
    }  # fmt: skip


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
@output_option("Write the proof to this file, for `card register`.")
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
        "card": to_hex(made.id), "voucher": to_hex(message),
        "signature": to_hex(made.sign(message)), "reference": to_hex(random),
    }  # fmt: skip
    if as_json:
        show.document(facts)
    else:
        show.record(facts)


def asked(text: str) -> str:
    """Return the id of a card or its beginning: as typed, or of the card of a file."""
    if not text.startswith("0x") and Path(text).is_file():
        return to_hex(_read(Path(text)).id)
    if Path(text).suffix:
        raise NotFound(f"there is no file {text!r}; a card is its file, or {ID_FORM}")
    return read_beginning(text, CARD)


CardOrFile = Annotated[str, Input("CARD", check=asked)]


async def registered(chain: ViewClient, text: str) -> tuple[H256, Card]:
    """Return the id and the record of a card that was typed. NotFound if the chain has none."""
    id = H256(await resolve(chain.chain.connection, asked(text), CARD))
    record = await chain.api(PayFiApi.card, id)
    if record is None:
        raise NotFound(f"no card {to_hex(id)} is registered")
    return id, record


@composed(
    card, PayFi.freeze_card, "btt-chain card freeze 0x4fd3... --from //Alice",
    event=CardSet, pallet=PayFi, done="The card pays nothing any more.",
)  # fmt: skip
async def freeze(chain: ViewClient, card: CardOrFile) -> Arguments:
    """Freeze a lost card, by its id or its file. Its owner or its guardian signs."""
    id, _ = await registered(chain, card)
    show.note(f"Freeze the card {to_hex(id)}; only its owner can activate it again.")
    return {"card": id}


@composed(
    card, PayFi.set_card, "btt-chain card activate card.key --from //Alice",
    event=CardSet, pallet=PayFi, done="The card can pay again.",
)  # fmt: skip
async def activate(chain: ViewClient, card: CardOrFile) -> Arguments:
    """Let a frozen card pay again, by its id or its file. Its owner signs."""
    id, record = await registered(chain, card)
    show.note(f"Activate the card {to_hex(id)} with the limits that it has.")
    return {"card": id, "limits": record.limits, "guardian": record.guardian, "frozen": False}


@composed(
    card, PayFi.drop_card, "btt-chain card drop 0x4fd3... --from //Alice",
    event=CardDropped, pallet=PayFi, done="The card is removed.",
)  # fmt: skip
async def drop(chain: ViewClient, card: CardOrFile) -> Arguments:
    """Remove a card, by its id or its file. Its owner signs.

    What it authorised can still be captured. The deposit comes back after eight days of the chain,
    when the key can be registered again.
    """
    id, _ = await registered(chain, card)
    wait = await span_of(chain.chain, days=RETIRED_DAYS)
    show.note(f"Remove the card {to_hex(id)}; its deposit comes back in {wait}.")
    return {"card": id}


@dataclass(frozen=True, slots=True)
class Shown:
    """A card at a time of the chain."""

    card: H256
    record: Card
    now_ms: MomentOf


def print_card(shown: Shown, context: Context) -> None:
    """Print a card."""
    stored, money = shown.record, context.currency.format
    limits, guardian = stored.limits, stored.guardian
    show.record(
        {
            "card": to_hex(shown.card),
            "owner": rule(AccountId).text(stored.owner, context),
            "state": rule(CardState).text(stored.state, context),
            "key": stored.key.NAME,
            "payment": f"at most {money(int(limits.payment))}",
            "day": f"at most {money(int(limits.day))}",
            "spent": money(int(stored.spent.amount)),
            "counter": str(stored.high),
            "expires": when(int(limits.expires_ms), int(shown.now_ms)),
            "guardian": "none" if guardian is None else rule(AccountId).text(guardian, context),
        }
    )


@query(
    card, "btt-chain card show 0x4fd3...", "btt-chain card show 0x4fd3... --json",
    flat="record", view=print_card,
)  # fmt: skip
async def show_(chain: ViewClient, card: CardOrFile) -> Shown:
    """Show a registered card, by its id or its file."""
    id, record = await registered(chain, card)
    return Shown(id, record, u64(await time_of(chain.chain)))


# ---- files and proofs


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
    agreed: CardProof, chain: ViewClient, owner: bytes, now_ms: int, longest_ms: int
) -> None:
    """Refuse a proof that the chain would refuse, with words."""
    if agreed.asked.owner != owner:
        other = chain.chain.metadata.address(agreed.asked.owner)
        raise Refused(f"the card agreed to {other}, and not to the account of --from")
    if agreed.asked.genesis != chain.genesis:
        raise Refused(f"the proof is for the chain {to_hex(agreed.asked.genesis)}")
    if agreed.asked.expires_ms <= now_ms:
        raise Refused("the proof has expired: let the card make a new one")
    if agreed.asked.expires_ms > now_ms + longest_ms:
        raise Refused(
            "the proof is for more than 7 days of the chain: let the card make one with --expires "
            f"of at most {longest_ms // 1_000} seconds"
        )
