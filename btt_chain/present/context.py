"""The chain for which values are presented: its currency, addresses and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from btt_chain.lazyclass import dataclass
from btt_chain.primitives import ss58
from btt_chain.primitives.digits import whole_number

PLANCK: Final = "planck"


class Currency(Protocol):
    """A currency: amounts as text, and back. `btt_chain.client.amount.Currency` is one."""

    def parse(self, text: str) -> int:
        """Return the planck of a text. Raises ValueError with the reason."""
        ...

    def format(self, planck: int) -> str:
        """Return an amount with its unit, exactly."""
        ...


class Planck:
    """The smallest unit alone, for chains whose currency is unknown."""

    def parse(self, text: str) -> int:
        """Return the planck of a text. Raises ValueError with the reason."""
        number, _, unit = text.replace("_", "").partition(" ")
        planck = whole_number(number)
        if planck is None or unit != PLANCK:
            raise ValueError(f"{text[:80]!r} is not an amount: write 1_000 {PLANCK}")
        return planck

    def format(self, planck: int) -> str:
        """Return an amount with its unit."""
        return f"{planck:_} {PLANCK}"


class Site(Protocol):
    """Pages on which values are shown: they know accounts by names, and speak a language."""

    def name(self, account: bytes) -> str | None:
        """Return the name of an account."""
        ...

    def link(self, account: bytes) -> str:
        """Return an account as HTML."""
        ...

    def words(self, english: str) -> str:
        """Return a text in the reader's language."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """A chain's currency, addresses and time. JSON needs the prefix of addresses only."""

    prefix: int = ss58.DEFAULT_PREFIX
    """Network prefix of addresses."""
    currency: Currency = Planck()
    slot_ms: int | None = None
    """Milliseconds of a slot; None shows slots as numbers."""
    genesis_ms: int | None = None
    """Time of the first block in milliseconds since 1970; None for a chain without dates."""
    read_account: Callable[[str], bytes] | None = None
    """Reader of accounts in other forms than addresses, such as names of a wallet.

    Raises ValueError with the reason.
    """
    site: Site | None = None
    """Pages whose JSON and HTML are written.

    Their JSON has names beside addresses, the members of all enumerations as the metadata name
    them, 64-bit numbers as numbers, and texts of users as pages show them.
    """
