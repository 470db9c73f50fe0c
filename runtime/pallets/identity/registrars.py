"""Registrars: accounts that judge identities for a fee."""

from __future__ import annotations

from btt_chain.primitives.account import AccountId
from btt_chain.scale import Bounded, u32, u64, u128
from runtime.frame import Component, Value
from runtime.pallets.identity import errors, events
from runtime.pallets.identity.types import MAX_REGISTRARS, RegistrarInfo


class Registrars(Component):
    """The registrars, by index."""

    registrars = Value(Bounded[list[RegistrarInfo | None], MAX_REGISTRARS], default=[])
    """The registrars, by index."""

    def add(self, account: AccountId) -> None:
        """Appoint a registrar. Raises TooManyRegistrars."""
        registrars = self.registrars.value
        if len(registrars) >= MAX_REGISTRARS:
            raise errors.TooManyRegistrars
        registrars.append(RegistrarInfo(account, u128(0), u64(0)))
        self.registrars.value = registrars
        self.deposit(events.RegistrarAdded(u32(len(registrars) - 1)))

    def get(self, index: u32) -> RegistrarInfo:
        """Return the registrar of an index. Raises EmptyIndex."""
        registrars = self.registrars.value
        found = registrars[index] if index < len(registrars) else None
        if found is None:
            raise errors.EmptyIndex
        return found

    def own(self, index: u32, who: AccountId) -> RegistrarInfo:
        """Return the registrar. Raises InvalidIndex if `who` is another account."""
        registrars = self.registrars.value
        found = registrars[index] if index < len(registrars) else None
        if found is None or found.account != who:
            raise errors.InvalidIndex
        return found

    def store(self, index: u32, registrar: RegistrarInfo) -> None:
        """Store a registrar under its index."""
        registrars = self.registrars.value
        registrars[index] = registrar
        self.registrars.value = registrars
