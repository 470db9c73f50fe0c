"""Types of calls, events and records, with the names that Substrate's metadata gives them.

A type whose own name is the right one needs no alias: `u32`, `bool`, a record.
"""

from __future__ import annotations

from typing import Annotated

from btt_chain.primitives.account import AccountId, MultiAddress
from btt_chain.primitives.digest import H256
from btt_chain.primitives.meaning import CHAIN_MS, MONEY, SLOT, SLOTS, UNIX_MS
from btt_chain.scale import Compact, TypeName, u32, u64, u128

AccountIdOf = Annotated[AccountId, TypeName("T::AccountId")]
"""An account, in events and records."""
AccountIdLookupOf = Annotated[MultiAddress, TypeName("AccountIdLookupOf<T>")]
"""An account in the argument of a call: a wallet may send each form of address."""
BalanceOf = Annotated[u128, TypeName("BalanceOf<T>")]
"""An amount of the native token in planck."""
CompactBalanceOf = Annotated[Compact[u128], TypeName("BalanceOf<T>")]
"""An amount in planck as the argument of a call, compact on the wire."""
HashOf = Annotated[H256, TypeName("T::Hash")]
"""A hash: 32 bytes."""
BlockNumberFor = Annotated[u32, TypeName("BlockNumberFor<T>")]
"""A block number, or a number of slots where Substrate counts blocks."""
SlotOf = Annotated[u64, TypeName("Slot")]
"""A slot, counted from the slot of the first block."""

# ---- in records of our own pallets
Balance = Annotated[u128, TypeName("Balance")]
"""An amount of the native token in planck."""
Account = AccountId
"""An account."""
BlockNumber = Annotated[u32, TypeName("BlockNumber")]
"""A number of slots, or a slot that fits into 32 bits."""
SlotNumber = Annotated[BlockNumber, SLOT]
"""A slot that fits into 32 bits, counted from the slot of the first block."""
SlotCount = Annotated[BlockNumber, SLOTS]
"""A number of slots."""
Planck = Annotated[u128, MONEY]
"""An amount of the native token in planck, where metadata have a plain number."""
MomentOf = Annotated[u64, TypeName("Moment"), UNIX_MS]
"""A time in milliseconds since 1970."""
ChainMoment = Annotated[u64, TypeName("Moment"), CHAIN_MS]
"""A time in milliseconds since the first block."""
