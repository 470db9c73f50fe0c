"""The seed of a vault in the hands of three vaults, of which any two can restore it.

Each of the three pairs has a share: the seed sealed to one of the pair, and that sealed to the
other. A share alone, or one vault alone with all shares, gives nothing; guardians are not
on the chain. The three are usually a second device of the patient, a guardian and a facility.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

from btt_chain.records.documents import Resource
from btt_chain.records.errors import VaultError
from btt_chain.records.keys import VaultId, VaultKeys
from btt_chain.records.shapes import octets, text

TYPE: Final = "btt-guardian-1"
HOLDERS: Final = 3
OUTER: Final = b"btt-guardian-1 outer"
INNER: Final = b"btt-guardian-1 inner"
"""Beginnings of what is sealed: a holder opens nothing but shares, whatever a file calls one."""


@dataclass(frozen=True, slots=True)
class Share:
    """The seed of a vault for a pair of holders; `first` is None once it has opened its part."""

    vault: VaultId
    first: VaultId | None
    second: VaultId
    sealed: bytes

    def document(self) -> Resource:
        """Return it as a JSON object."""
        found: dict[str, str] = {
            "type": TYPE,
            "vault": str(self.vault),
            "second": str(self.second),
            "sealed": self.sealed.hex(),
        }
        return found if self.first is None else {**found, "first": str(self.first)}

    @classmethod
    def from_document(cls, found: Resource) -> Share:
        """Return the share of a JSON object. Raises BadDocument, VaultError."""
        if text(found, "type") != TYPE:
            raise VaultError("the file is not a share of a vault")
        first = VaultId.parse(text(found, "first")) if "first" in found else None
        vault, second = (VaultId.parse(text(found, name)) for name in ("vault", "second"))
        return cls(vault, first, second, octets(found, "sealed"))


def split(keys: VaultKeys, holders: tuple[VaultId, ...]) -> list[Share]:
    """Return the shares for three holders. Raises VaultError."""
    if len(set(holders)) != HOLDERS or keys.id in holders:
        raise VaultError("the shares are for three different vaults, other than this one")
    return [
        Share(keys.id, first, second, first.wrap(OUTER + second.wrap(INNER + keys.seed)))
        for first, second in combinations(holders, 2)
    ]


def open_first(share: Share, keys: VaultKeys) -> Share:
    """Return the share for its second holder. Raises VaultError."""
    if share.first != keys.id:
        raise VaultError("another vault opens this share first")
    return Share(share.vault, None, share.second, _unwrap(share, keys, OUTER))


def restore(share: Share, keys: VaultKeys) -> VaultKeys:
    """Return the keys of the vault, as its second holder. Raises VaultError."""
    if share.first is not None or share.second != keys.id:
        raise VaultError("the other holder of this share opens it first")
    found = VaultKeys(_unwrap(share, keys, INNER))
    if found.id != share.vault:
        raise VaultError("the share has the seed of another vault")
    return found


def _unwrap(share: Share, keys: VaultKeys, beginning: bytes) -> bytes:
    """Open the sealed content of a share. Raises VaultError, also for content of other files."""
    found = keys.unwrap(share.sealed)
    if not found.startswith(beginning):
        raise VaultError("the sealed content of the file is not a part of a share")
    return found.removeprefix(beginning)
