"""A call that is about to be signed, in words.

`static/sign.js` makes the same sentences of the bytes, without the server; a page that finds a
difference shows both, and no button. Calls that no page offers have none, but for
`Balances.transfer_all`, which a page shows so that it is not taken for another call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from btt_chain.client.amount import Currency
from btt_chain.client.values import CallView
from btt_chain.explorer.language import Language
from btt_chain.explorer.signing.actions import is_plain_text
from btt_chain.primitives.currency import CURRENCIES
from btt_chain.scale.portable import Plain

GROUP: Final = "\u202f"
"""Between thousands, as on the pages."""
IDENTITY: Final = ("display", "legal", "web", "email")

Arguments: TypeAlias = Mapping[str, Plain]
Parts: TypeAlias = "tuple[str, dict[str, str]] | None"
"""A sentence and what is filled in; None for arguments that no page offers."""


class Sentences:
    """The sentences of one chain and one language."""

    def __init__(self, currency: Currency, language: Language) -> None:
        self._currency = currency
        self._language = language

    def of(self, call: CallView) -> str | None:
        """Return a call in words; None if no page offers it."""
        found = SENTENCES.get(call.name)
        made = None if found is None else found(self, call.arguments)
        return None if made is None else self._language.text(made[0], **made[1])

    def amount(self, value: Plain) -> str:
        """Return an amount with its unit."""
        return self._currency.format(_number(value)).replace("_", GROUP)


def _number(value: Plain) -> int:
    """Return a number, which may be text where it is wide."""
    return int(value) if isinstance(value, int | str) else 0


def _account(value: Plain) -> str | None:
    """Return the address of a MultiAddress; None if it has another form."""
    match value:
        case {"Id": str(address)}:
            return address
    return None


def _transfer(words: Sentences, given: Arguments) -> Parts:
    dest = _account(given["dest"])
    if dest is None:
        return None
    return "Pay {value} to {dest}.", {"value": words.amount(given["value"]), "dest": dest}


def _transfer_all(_words: Sentences, given: Arguments) -> Parts:
    dest = _account(given["dest"])
    return None if dest is None else ("Pay all that can be transferred to {dest}.", {"dest": dest})


def _vote(words: Sentences, given: Arguments) -> Parts:
    poll = str(given["poll_index"])
    match given["vote"]:
        case {"Standard": {"vote": int(vote), "balance": balance}} if vote & 0x7F <= 1:
            text = "Vote aye on referendum {poll} with {value}."
            if vote < 0x80:
                text = "Vote nay on referendum {poll} with {value}."
            return text, {"poll": poll, "value": words.amount(balance)}
        case {"SplitAbstain": {"aye": aye, "nay": nay, "abstain": abstain}}:
            if _number(aye) or _number(nay):
                return None
            text = "Abstain on referendum {poll} with {value}."
            return text, {"poll": poll, "value": words.amount(abstain)}
    return None


def _delegate(words: Sentences, given: Arguments) -> Parts:
    to = _account(given["to"])
    if to is None or given["conviction"] not in {"None", "Locked1x"}:
        return None
    value = words.amount(given["balance"])
    text = "Delegate votes with {value} in track {track} to {to}."
    return text, {"value": value, "track": str(given["class"]), "to": to}


def _undelegate(_words: Sentences, given: Arguments) -> Parts:
    return "End the delegation of votes in track {track}.", {"track": str(given["class"])}


def _stake(words: Sentences, given: Arguments) -> Parts:
    if given["min_reward"] is not None:
        return None
    amount = words.amount(given["amount"])
    return "Stake {value} in tier {tier}.", {"value": amount, "tier": str(given["tier"])}


def _order(words: Sentences, given: Arguments) -> Parts:
    if given["time_in_force"] != "UntilCancelled" or given["until"] is not None:
        return None
    text = "Buy {units} units of asset {asset} for at most {value} each."
    if given["side"] == "Sell":
        text = "Sell {units} units of asset {asset} for at least {value} each."
    units, asset = str(given["units"]), str(given["asset"])
    return text, {"units": units, "asset": asset, "value": words.amount(given["price"])}


def _of_stake(text: str) -> Callable[[Sentences, Arguments], Parts]:
    return lambda _words, given: (text, {"id": str(given["id"])})


def _identity(_words: Sentences, given: Arguments) -> Parts:
    info = given["info"]
    if not isinstance(info, dict):
        return None
    parts: list[str] = []
    for name, value in info.items():
        text = _datum(value)
        if text is None or (text and name not in IDENTITY):
            return None
        if text:
            parts.append(f"{name}: {text}")
    return "Set the identity: {parts}.", {"parts": "; ".join(parts)}


def _datum(value: Plain) -> str | None:
    """Return a text of an identity, empty for none; None if it cannot be shown."""
    if value is None or value == "None":
        return ""
    match value:
        case dict() if len(value) == 1:
            ((name, raw),) = value.items()
            if name.startswith("Raw") and isinstance(raw, str):
                return _text(raw)
    return None


def _text(raw: str) -> str | None:
    try:
        text = bytes.fromhex(raw.removeprefix("0x")).decode()
    except ValueError:
        return None
    return text if text and is_plain_text(text) else None


def _pay(words: Sentences, given: Arguments) -> Parts:
    merchant, code = _account(given["merchant"]), _text(str(given["currency"]))
    currency = CURRENCIES.get(code or "")
    if merchant is None or currency is None or given["memo"] is not None:
        return None
    price = f"{currency.format(_number(given['units']))} {currency.code}"
    most = words.amount(given["max_btt"])
    text = "Pay the merchant {merchant} {price}, at most {value}."
    return text, {"merchant": merchant, "price": price, "value": most}


SENTENCES: Final[Mapping[str, Callable[[Sentences, Arguments], Parts]]] = {
    "Balances.transfer_keep_alive": _transfer,
    "Balances.transfer_allow_death": _transfer,
    "Balances.transfer_all": _transfer_all,
    "ConvictionVoting.vote": _vote,
    "ConvictionVoting.delegate": _delegate,
    "ConvictionVoting.undelegate": _undelegate,
    "TierStaking.stake": _stake,
    "TierStaking.claim": _of_stake("Claim the reward of stake {id}."),
    "TierStaking.unstake": _of_stake("Close stake {id}."),
    "Exchange.place_order": _order,
    "Exchange.cancel_order": _of_stake("Cancel order {id}."),
    "Identity.set_identity": _identity,
    "PayFi.pay": _pay,
}
"""Sentence of each call that a page can show."""
