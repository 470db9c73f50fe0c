"""Shares of a vault's key: any two holders restore it; a holder opens nothing else with one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btt_chain.records.errors import VaultError
from btt_chain.records.guardians import Share, open_first, restore, split
from btt_chain.records.keys import VaultKeys
from btt_chain.records.messages import send


def test_any_two_holders_restore_the_key() -> None:
    owner, *holders = (VaultKeys.generate() for _ in range(4))
    keys = {each.id: each for each in holders}
    for share in split(owner, tuple(keys)):
        assert share.first is not None
        opened = open_first(Share.from_document(share.document()), keys[share.first])
        assert restore(opened, keys[share.second]).seed == owner.seed
        with pytest.raises(VaultError, match="opens it first"):
            restore(share, keys[share.second])


def test_a_holder_opens_no_message_or_key_that_is_called_a_share() -> None:
    owner, clinic, thief, other = (VaultKeys.generate() for _ in range(4))
    message, _ = send(owner, clinic.id, bytes(32), "deposit", {"resources": []}, 0)
    share = split(owner, (clinic.id, thief.id, other.id))[0]
    for sealed in (message, clinic.id.wrap(bytes(64))):
        with pytest.raises(VaultError, match="not a part of a share"):
            open_first(replace(share, sealed=sealed), clinic)
        with pytest.raises(VaultError, match="not a part of a share"):
            restore(replace(share, first=None, second=clinic.id, sealed=sealed), clinic)
