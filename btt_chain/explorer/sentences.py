"""The sentence that a transaction's page begins with: `Alice paid Bob 5 BTT; fee 0.0012 BTT`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from btt_chain.explorer.language import Language
from btt_chain.scale.portable import Plain

SENTENCES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    # call: (sentence, arguments in it)
    "Balances.transfer_keep_alive": ("{who} paid {dest} {value}", ("dest", "value")),
    "Balances.transfer_allow_death": ("{who} paid {dest} {value}", ("dest", "value")),
    "Balances.transfer": ("{who} paid {dest} {value}", ("dest", "value")),
    "Balances.transfer_all": ("{who} paid {dest} all that could be transferred", ("dest",)),
    "Balances.force_transfer": (
        "{who} moved {value} from {source} to {dest}", ("source", "dest", "value")),
    "Balances.burn": ("{who} burned {value}", ("value",)),
    "Timestamp.set": ("The author set the time", ()),
    "System.remark": ("{who} left a remark", ()),
    "System.remark_with_event": ("{who} left a remark", ()),
    "Sudo.sudo": ("{who} called {call} as root", ("call",)),
    "Utility.batch": ("{who} sent {calls}", ("calls",)),
    "Utility.batch_all": ("{who} sent {calls}, all or none", ("calls",)),
    "Utility.force_batch": ("{who} sent {calls}, each on its own", ("calls",)),
    "Proxy.proxy": ("{who} called {call} for {real}", ("call", "real")),
    "Multisig.as_multi": ("{who} approved {call} of a multisig account", ("call",)),
    "Vesting.vest": ("{who} unlocked what had vested", ()),
    "Vesting.vested_transfer": ("{who} gave {target} a vesting amount", ("target",)),
    "Identity.set_identity": ("{who} set an identity", ()),
    "ConvictionVoting.vote": ("{who} voted on referendum {poll_index}", ("poll_index",)),
    "ConvictionVoting.delegate": ("{who} delegated votes to {to}", ("to",)),
    "ConvictionVoting.undelegate": ("{who} took delegated votes back", ()),
    "Referenda.submit": ("{who} proposed a referendum", ()),
    "Referenda.place_decision_deposit": (
        "{who} placed the decision deposit of referendum {index}", ("index",)),
    "TierStaking.stake": ("{who} staked {amount}", ("amount",)),
    "TierStaking.unstake": ("{who} unstaked", ()),
    "Authorities.bond": ("{who} bonded {amount} as a validator", ("amount",)),
    "Session.set_keys": ("{who} set session keys", ()),
    "Providers.register": ("{who} registered as a provider", ()),
    "Providers.heartbeat": ("{who} reported to be online", ()),
    "Jobs.post": ("{who} posted a job", ()),
    "Jobs.accept": ("{who} accepted job {job}", ("job",)),
    "Receipts.submit": ("{who} submitted the receipt of job {job}", ("job",)),
    "Receipts.attest_commit": (
        "A verifier committed to a verdict on receipt {receipt}", ("receipt",)),
    "Receipts.attest_reveal": ("A verifier revealed a verdict on receipt {receipt}", ("receipt",)),
    "Receipts.accept_result": ("{who} accepted the result of receipt {receipt}", ("receipt",)),
    "Models.register": ("{who} registered a model", ()),
    "Mining.claim_rewards": ("{who} claimed mining rewards", ()),
    "Exchange.place_order": ("{who} placed an order", ()),
    "Exchange.cancel_order": ("{who} cancelled order {id}", ("id",)),
    "Oracle.feed_values": ("{who} fed prices", ()),
    "PayFi.pay": ("{who} paid merchant {merchant} {units}", ("merchant", "units")),
    "PayFi.refund": ("{who} refunded {amount} of payment {payment}", ("amount", "payment")),
}  # fmt: skip
"""Calls with a sentence of their own; all others are `... called Pallet.call`."""

OTHERS: Final = (
    "{who} called {name}",
    "{sentence}, which failed: {reason}",
    "{sentence}; fee {fee}",
    "{n} calls",
    "The block's author",
    "An extrinsic that the metadata do not describe",
)
"""The other texts of this module, for the table of languages."""


def sentence(
    name: str,
    arguments: Mapping[str, Plain],
    shown: Mapping[str, str],
    who: str | None,
    language: Language,
    label: Callable[[str], str],
) -> str:
    """Return a call in words, without its outcome.

    `arguments` and `shown` are its decoded and readable arguments, `label` returns the name of an
    address.
    """
    text = language.text
    signer = text("The block's author") if who is None else label(who)
    template, wanted = SENTENCES.get(name, ("", ()))
    parts = {each: _part(arguments.get(each), shown.get(each), language, label) for each in wanted}
    if not template or None in parts.values():
        return text("{who} called {name}", who=signer, name=name)
    return text(template, who=signer, **parts)


def outcome(words: str, reason: str | None, fee: str | None, language: Language) -> str:
    """Return a sentence with its outcome: why it failed, and its fee."""
    if reason is not None:
        words = language.text("{sentence}, which failed: {reason}", sentence=words, reason=reason)
    if fee is not None:
        words = language.text("{sentence}; fee {fee}", sentence=words, fee=fee)
    return words


def _part(
    value: Plain, shown: str | None, language: Language, label: Callable[[str], str]
) -> str | None:
    """Return an argument in words: a call by its name, calls by their number, names of accounts."""
    match value:
        case None:
            return None
        case {"Id": str(address)}:
            return label(address)
        case dict() if len(value) == 1:
            ((pallet, inner),) = value.items()
            if isinstance(inner, str):
                return f"{pallet}.{inner}"
            if isinstance(inner, dict) and len(inner) == 1:
                return f"{pallet}.{next(iter(inner))}"
        case list():
            return language.text("{n} calls", n=len(value))
    return shown if shown is None else label(shown)
