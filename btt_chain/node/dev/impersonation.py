"""Impersonation: accounts for which any signature is accepted, on development chains."""

from __future__ import annotations

from typing import Final

from btt_chain.primitives.account import AccountId, MultiSignature

MOCK: Final = b"\xde\xad\xbe\xef"
"""First bytes of a mock signature; all others are `FILL`. Source: chopsticks."""

FILL: Final = 0xCD


class Impersonation:
    """Accepts signatures that are not valid."""

    def __init__(self, *, mock_signatures: bool = False) -> None:
        self.mock_signatures = mock_signatures
        """Accept mock signatures of all accounts."""
        self._accounts: dict[AccountId, None] = {}

    def __call__(self, signature: MultiSignature, who: AccountId) -> bool:
        """Return True if a signature is accepted although it is not valid."""
        return who in self._accounts or (self.mock_signatures and is_mock(signature.signature))

    @property
    def accounts(self) -> list[AccountId]:
        """The impersonated accounts, in the order in which they were named."""
        return list(self._accounts)

    def start(self, who: AccountId) -> None:
        """Accept any signature of an account."""
        self._accounts[who] = None

    def stop(self, who: AccountId) -> bool:
        """Accept only valid signatures again; return True if the account was impersonated."""
        return self._accounts.pop(who, self) is None


def is_mock(signature: bytes) -> bool:
    """Return True if a signature is `0xdeadbeef` and then `0xcd` to its end."""
    return signature[:4] == MOCK and all(byte == FILL for byte in signature[4:])


def mock_signature(size: int = 64) -> bytes:
    """Return a mock signature of `size` bytes."""
    return MOCK + bytes([FILL]) * (size - len(MOCK))
