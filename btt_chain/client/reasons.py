"""Reasons of failed calls without a pallet's error: kinds of `sp_runtime::DispatchError`, in words.

Metadata has the names of these kinds; their explanations, if a chain has them, are for programmers.
The texts apply to any Substrate chain.
"""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "Other": "the call does not say why it failed",
    "CannotLookup": "the address does not lead to an account",
    "BadOrigin": "the sender may not make this call",
    "ConsumerRemaining": "something still refers to the account, so it cannot go",
    "NoProviders": "the account does not exist: nothing, such as a balance, keeps it alive",
    "TooManyConsumers": "too many things refer to the account",
    "Exhausted": "a resource is used up; try again later",
    "Corruption": "the chain's state is damaged",
    "Unavailable": "something that the call needs is not there now; try again later",
    "RootNotAllowed": "root may not make this call",
    "Token.FundsUnavailable": "the account has too little free money",
    "Token.OnlyProvider": "the money keeps the account alive, which something still needs",
    "Token.BelowMinimum": "an account would be left with less than the existential deposit",
    "Token.CannotCreate": "no account can be made there; it may be too little money for one",
    "Token.UnknownAsset": "there is no such asset",
    "Token.Frozen": "the money is locked",
    "Token.Unsupported": "the asset does not allow this",
    "Token.CannotCreateHold": "the account has no room for another hold, or no money to keep it",
    "Token.NotExpendable": "the account would be left with too little to stay alive",
    "Token.Blocked": "the account does not take this money",
    "Arithmetic.Underflow": "a number would fall below its least value",
    "Arithmetic.Overflow": "a number would become too large",
    "Arithmetic.DivisionByZero": "something would be divided by zero",
    "Transactional.LimitReached": "the calls are nested too deeply",
    "Transactional.NoLayer": "a transaction of changes was to be closed that was not open",
}
"""The sentence that follows `Kind` or `Kind.Detail`."""
