"""Accounts that are derived from others, as Substrate's pallets Multisig and Utility derive them.

Source: `multi_account_id` and `derivative_account_id` of polkadot-sdk, substrate/frame/multisig and
substrate/frame/utility.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId
from btt_chain.scale import codec, u16

PREFIX: Final = b"modlpy/utilisuba"
_SIGNERS: Final = codec(tuple[list[AccountId], u16])


def multi_account_id(signatories: Sequence[AccountId], threshold: int) -> AccountId:
    """Return the account that `threshold` of `signatories` (in any order) can act for."""
    return AccountId(blake2_256(PREFIX + _SIGNERS.encode((sorted(signatories), u16(threshold)))))


def derivative_account_id(who: AccountId, index: u16) -> AccountId:
    """Return the sub-account of `who` with this number, for which `who` can act."""
    return AccountId(blake2_256(PREFIX + who + index.to_bytes(2, "little")))
