"""Events of identities."""

from __future__ import annotations

from typing import Annotated

from btt_chain.scale import TypeName, u32
from runtime.frame import Event
from runtime.frame.aliases import AccountIdOf, BalanceOf

Registrar = Annotated[u32, TypeName("RegistrarIndex")]


class IdentitySet(Event, index=0):
    """An account set its identity."""

    who: AccountIdOf


class IdentityCleared(Event, index=1):
    """An account cleared its identity, and its deposit was returned."""

    who: AccountIdOf
    deposit: BalanceOf


class IdentityKilled(Event, index=2):
    """An identity was removed, and the deposit went to the treasury."""

    who: AccountIdOf
    deposit: BalanceOf


class JudgementRequested(Event, index=3):
    """An account requested a judgement from a registrar."""

    who: AccountIdOf
    registrar_index: Registrar


class JudgementUnrequested(Event, index=4):
    """An account cancelled its request to a registrar."""

    who: AccountIdOf
    registrar_index: Registrar


class JudgementPassed(Event, index=5, name="JudgementGiven"):
    """A registrar gave a judgement."""

    target: AccountIdOf
    registrar_index: Registrar


class RegistrarAdded(Event, index=6):
    """A registrar was added."""

    registrar_index: Registrar


class SubIdentityAdded(Event, index=7):
    """A sub-account was added to an account."""

    sub: AccountIdOf
    main: AccountIdOf
    deposit: BalanceOf


class SubIdentitiesSet(Event, index=8):
    """An account replaced the list of its sub-accounts."""

    main: AccountIdOf
    number_of_subs: u32
    new_deposit: BalanceOf


class SubIdentityRenamed(Event, index=9):
    """A sub-account was renamed."""

    sub: AccountIdOf
    main: AccountIdOf


class SubIdentityRemoved(Event, index=10):
    """A sub-account was removed from an account."""

    sub: AccountIdOf
    main: AccountIdOf
    deposit: BalanceOf


class SubIdentityRevoked(Event, index=11):
    """A sub-account left its parent; the deposit went back to the parent."""

    sub: AccountIdOf
    main: AccountIdOf
    deposit: BalanceOf


class SubIdentityAgreed(Event, index=100):
    """An account agreed to be a sub-account of another, which is its operator if verified."""

    sub: AccountIdOf
    main: AccountIdOf
