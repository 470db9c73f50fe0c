"""The calls that pages offer to sign: the fields of their forms, as arguments and as a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from btt_chain.client.amount import AmountError, Currency
from btt_chain.present.visible import shown
from btt_chain.primitives.digits import whole_number
from btt_chain.scale.portable import Plain

Kind: TypeAlias = Literal["account", "amount", "number", "choice", "text"]
ReadAccount: TypeAlias = Callable[[str], bytes]
"""Returns the account of a typed address or name; raises ValueError with the reason."""

MAX_TEXT: Final = 32
"""Bytes of a text of an identity."""
MAX_FIELD: Final = 2_048
"""Characters of a field: of an invoice, the longest."""
MAX_NUMBER: Final = 1 << 128
SIDES: Final = {"aye": 0x80, "nay": 0x00}
"""The byte of a vote without conviction."""


class BadField(ValueError):
    """A field of a form cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form; `choices` are the values of a choice."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Values:
    """Fields that were read: as arguments of calls, and as the command line takes them."""

    plain: Mapping[str, Plain]
    typed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Action:
    """A call that pages offer. `command` is that of `btt-chain`, without its signer."""

    name: str
    call: str
    fields: tuple[Field, ...]
    arguments: Callable[[Mapping[str, Plain]], dict[str, Plain]]
    command: Callable[[Mapping[str, str]], list[str]]


def _same(plain: Mapping[str, Plain]) -> dict[str, Plain]:
    return dict(plain)


def _vote(plain: Mapping[str, Plain]) -> dict[str, Plain]:
    side, value = plain["side"], plain["value"]
    vote: Plain = {"SplitAbstain": {"aye": 0, "nay": 0, "abstain": value}}
    if isinstance(side, str) and side in SIDES:
        vote = {"Standard": {"vote": SIDES[side], "balance": value}}
    return {"poll_index": plain["referendum"], "vote": vote}


def _delegate(plain: Mapping[str, Plain]) -> dict[str, Plain]:
    return {
        "class": plain["track"], "to": plain["to"], "conviction": "Locked1x",
        "balance": plain["value"],
    }  # fmt: skip


def _order(plain: Mapping[str, Plain]) -> dict[str, Plain]:
    return {**plain, "side": str(plain["side"]).capitalize(), "time_in_force": "UntilCancelled",
            "until": None}  # fmt: skip


def _identity(plain: Mapping[str, Plain]) -> dict[str, Plain]:
    info: dict[str, Plain] = dict.fromkeys(
        ("display", "legal", "web", "matrix", "email", "image", "twitter", "github", "discord"),
        "None",
    )
    for name, text in plain.items():
        raw = str(text or "").encode()
        if raw:
            info[name] = {f"Raw{len(raw)}": "0x" + raw.hex()}
    return {"info": {**info, "pgp_fingerprint": None}}


def _identity_command(typed: Mapping[str, str]) -> list[str]:
    given = [(name, text) for name, text in typed.items() if text]
    return ["identity", "set", *(part for name, text in given for part in ("--" + name, text))]


ACTIONS: Final[Mapping[str, Action]] = {
    each.name: each
    for each in (
        Action(
            "transfer", "Balances.transfer_keep_alive",
            (Field("dest", "account"), Field("value", "amount")),
            _same, lambda typed: ["tx", "transfer", typed["dest"], typed["value"]],
        ),
        Action(
            "vote", "ConvictionVoting.vote",
            (Field("referendum", "number"), Field("side", "choice", ("aye", "nay", "abstain")),
             Field("value", "amount")),
            _vote,
            lambda typed: ["gov", "vote", typed["referendum"], typed["side"], typed["value"]],
        ),
        Action(
            "delegate", "ConvictionVoting.delegate",
            (Field("track", "number"), Field("to", "account"), Field("value", "amount")),
            _delegate,
            lambda typed: ["gov", "delegate", typed["track"], typed["to"], typed["value"]],
        ),
        Action(
            "undelegate", "ConvictionVoting.undelegate", (Field("track", "number"),),
            lambda plain: {"class": plain["track"]},
            lambda typed: ["gov", "undelegate", typed["track"]],
        ),
        Action(
            "stake", "TierStaking.stake", (Field("amount", "amount"), Field("tier", "number")),
            lambda plain: {**plain, "min_reward": None},
            lambda typed: ["stake", "open", typed["amount"], "--tier", typed["tier"]],
        ),
        Action(
            "unstake", "TierStaking.unstake", (Field("id", "number"),),
            _same, lambda typed: ["stake", "unstake", typed["id"]],
        ),
        Action(
            "claim", "TierStaking.claim", (Field("id", "number"),),
            _same, lambda typed: ["stake", "claim", typed["id"]],
        ),
        Action(
            "order", "Exchange.place_order",
            (Field("asset", "number"), Field("side", "choice", ("buy", "sell")),
             Field("units", "number"), Field("price", "amount")),
            _order,
            lambda typed: ["exchange", "order", typed["side"], typed["asset"], typed["units"],
                           typed["price"]],
        ),
        Action(
            "cancel", "Exchange.cancel_order", (Field("id", "number"),),
            _same, lambda typed: ["exchange", "cancel", typed["id"]],
        ),
        Action(
            "identity", "Identity.set_identity",
            (Field("display", "text"), Field("legal", "text", is_optional=True),
             Field("web", "text", is_optional=True), Field("email", "text", is_optional=True)),
            _identity, _identity_command,
        ),
    )
}  # fmt: skip
"""The actions by name; paying an invoice (`invoices.py`) needs the chain, and is not here."""


def read_fields(
    action: Action, given: Mapping[str, str], currency: Currency, read_account: ReadAccount
) -> Values:
    """Return the values of a form's fields. Raises BadField."""
    plain: dict[str, Plain] = {}
    typed: dict[str, str] = {}
    for field in action.fields:
        text = given.get(field.name, "").strip()
        if not text and not field.is_optional:
            raise BadField(f"{field.name}: nothing is given")
        if len(text) > MAX_FIELD:
            raise BadField(f"{field.name}: too long")
        plain[field.name], typed[field.name] = _read(field, text, currency, read_account)
    return Values(plain, typed)


def _read(
    field: Field, text: str, currency: Currency, read_account: ReadAccount
) -> tuple[Plain, str]:
    """Return a field as an argument, and as the command line takes it."""
    match field.kind:
        case "account":
            try:
                return "0x" + read_account(text).hex(), text
            except ValueError as error:
                raise BadField(f"{field.name}: {error}") from None
        case "amount":
            planck = amount_of(currency, text, field.name)
            return planck, currency.format(planck).replace(" ", "")
        case "number":
            number = whole_number(text.replace("_", "").replace(",", ""), MAX_NUMBER - 1)
            if number is None:
                raise BadField(f"{field.name}: {shown(text)} is not a whole number")
            return number, str(number)
        case "choice":
            if text not in field.choices:
                raise BadField(f"{field.name}: one of {', '.join(field.choices)}")
            return text, text
        case "text":
            if len(text.encode()) > MAX_TEXT:
                raise BadField(f"{field.name}: at most {MAX_TEXT} bytes")
            if not is_plain_text(text):
                raise BadField(f"{field.name}: characters without a visible form")
            return text, text


def amount_of(currency: Currency, text: str, where: str) -> int:
    """Return a typed amount in planck; a bare number is one of whole units. Raises BadField."""
    with_unit = text + currency.symbol if text[-1:].isdecimal() else text
    try:
        return currency.parse(with_unit)
    except AmountError as error:
        raise BadField(f"{where}: {error}") from None


def is_plain_text(text: str) -> bool:
    """Return True if a text has only visible characters and spaces."""
    return text.isprintable() and shown(text, len(text)) == text


PAY: Final = Action(
    "pay",
    "PayFi.pay",
    (Field("request", "text"), Field("units", "text", is_optional=True)),
    lambda plain: {**plain, "memo": None},
    lambda typed: [
        "pay",
        typed["request"],
        *(["--amount", typed["units"]] if typed["units"] else []),
    ],
)
"""The request's text, and its amount where it leaves that to the payer."""
